"""Runs from the source against all schedules of the compiled program: nothing that a run shows may be unknown to the explorer."""

from __future__ import annotations

from functools import cache

import pytest

from smpcheck.kernel import Scenario, Setup
from smpcheck.mm.claim_scenarios import HEARTS
from smpcheck.mm.mm_types import BAD_PAGE
from smpcheck.mm.scenarios import SCENARIOS
from smpcheck.mm.simulator.scenario import ScenarioRunner
from smpcheck.mm.variants import VARIANTS
from smpcheck.readers.python import compile_scenario
from smpcheck.simulate import Outcomes, PCTScheduler, RandomScheduler, outcomes
from smpcheck.simulate.schedulers import Scheduler

FIELDS = ("flags", "_count", "_mapcount", "lru", "mlock_count")

SMALL = [
    ("truncate_mlock", "V0"), ("truncate_mlock", "V2"), ("truncate_mlock", "V8"), ("truncate_mlock", "V9"),
    ("truncate_mlock", "V10"), ("truncate_munlock", "V0"), ("truncate_munlock", "V10"),
    ("truncate_reclaim", "V5"), ("truncate_reclaim", "V8"),
    ("truncate_swapout", "V4"), ("truncate_swapin", "V10"), ("munlock_page_putback", "V2b"), ("munlock_page_putback", "V10"),
    ("shm_unlock_putback", "V4"), ("mlock_munlock", "V9"),
]  # fmt: skip

FAILING = [("truncate_mlock", "V0", "I1"), ("truncate_reclaim", "V0", "I1"), ("truncate_cow", "V0", "I1"),
           ("munlock_page_putback", "V10", "I3")]  # fmt: skip


def bound(name: str, variant: str) -> Scenario:
    return SCENARIOS[name].bind(variant=VARIANTS[variant])


@cache
def explored(name: str, variant: str) -> tuple[Outcomes, frozenset[tuple[object, ...]]]:
    """Everything that can happen, with the page's final states."""
    scenario = bound(name, variant)

    def watched(s: Setup) -> None:
        scenario.function(s)
        s.observe(*(f"P.{field}" for field in FIELDS))

    found = outcomes(compile_scenario(Scenario(name, watched, scenario.bindings), ghost_cells=True))
    return found, frozenset(tuple(v for key, v in state if hasattr(key, "cell")) for state in found.states)


def schedulers(count: int) -> list[Scheduler]:
    return [maker for seed in range(count) for maker in (RandomScheduler(seed), PCTScheduler(seed, 3, 90))]


@pytest.mark.parametrize(("name", "variant"), SMALL)
def test_what_runs_show_is_among_what_the_explorer_finds(name: str, variant: str) -> None:
    found, states = explored(name, variant)
    runner = ScenarioRunner(bound(name, variant))
    seen = set()
    for scheduler in schedulers(60):
        result = runner.run(scheduler)
        assert result.failed <= found.failed | ({"deadlock"} if found.deadlock else set())
        page = result.objects["P"]
        if not result.deadlock:
            seen.add(tuple(getattr(page, field) for field in FIELDS))
    assert seen
    assert seen <= states


@pytest.mark.parametrize(("name", "variant", "invariant"), FAILING)
def test_what_the_explorer_finds_is_found_with_some_seed(name: str, variant: str, invariant: str) -> None:
    found, _ = explored(name, variant)
    assert invariant in found.failed
    runner = ScenarioRunner(bound(name, variant))
    assert any(invariant in runner.run(scheduler).failed for scheduler in schedulers(100))


@pytest.mark.parametrize("variant", ["V8", "V9"])
def test_no_seed_frees_an_mlocked_page_where_the_explorer_says_none_can(variant: str) -> None:
    found, _ = explored("truncate_mlock", variant)
    assert "I1" not in found.failed
    runner = ScenarioRunner(bound("truncate_mlock", variant))
    assert not any(runner.run(scheduler).failed for scheduler in schedulers(150))


def test_a_page_that_is_freed_in_a_bad_state_is_counted() -> None:
    for name, bad in (("free_stranded_off_list", 1), ("free_stranded_on_list", 0)):
        ended = ScenarioRunner(HEARTS[name].bind(variant=VARIANTS["V4"])).run(RandomScheduler())
        assert ended.objects["zone"].vm_stat[BAD_PAGE] == bad
        assert ("I7" in ended.failed) == bool(bad)
