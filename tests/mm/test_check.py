"""Scenarios by variants: what holds, what fails, and that three ways to find out agree."""

from __future__ import annotations

import gc
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.errors import InputError, LimitError
from smpcheck.mm import check
from smpcheck.mm.check import BEYOND, Case, Checker, cases, names_of, program_of, units, witness
from smpcheck.mm.claim_scenarios import HEARTS
from smpcheck.mm.scenarios import SCENARIOS
from smpcheck.mm.variants import VARIANTS, find_variant
from smpcheck.program import ir
from smpcheck.simulate import outcomes, simulate
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.rows import few

CHECKER = Checker()
"""Asked in turn, so that threads that cells share are compiled once."""


def failing(scenario: str, variant: str, **options: str) -> set[str]:
    return set(CHECKER.answer(Case(scenario, find_variant(variant), **options)).failed)


@pytest.mark.parametrize(
    ("scenario", "variant", "expected"),
    [
        ("truncate_mlock", "V0", {"I1"}),
        ("truncate_mlock", "V1", {"I1", "I8"}),
        ("truncate_mlock", "V2", {"I1"}),
        ("truncate_mlock", "V7", set()),
        ("truncate_mlock", "V10", set()),
        ("truncate_munlock", "V10", {"I1"}),
        pytest.param("truncate_mlock_reclaim", "V10", set(), marks=pytest.mark.slow),
        ("truncate_reclaim", "V2", set()),
        ("truncate_reclaim", "V2a", {"I1"}),
        ("truncate_reclaim", "V7", {"I1"}),
        ("truncate_reclaim", "V8", set()),
        ("truncate_cow", "V2", set()),
        ("truncate_fault", "V4:second_pass=no", {"I1", "I9"}),
        ("munlock_page_putback", "V4", set()),
        ("munlock_page_putback", "V10", {"I3"}),
        ("free_stranded_off_list", "V4", {"I7"}),
        ("mlock_reclaim", "V9", set()),
        ("shm_unlock_putback", "V0", set()),
        ("shm_unlock_putback", "V9", set()),
        ("shm_unlock_putback", "V10", {"I3"}),
        ("shm_unlock_putback", "V10:barrier=mb", set()),
        ("shm_unlock_putback", "V10:scan_retries=yes", set()),
        pytest.param("mlock_munlock", "V5", set(), marks=pytest.mark.slow),
        ("mlock_munlock", "V7", {"I12"}),
        pytest.param("mlock_munlock", "V10c", set(), marks=pytest.mark.slow),
        ("reclaim_reclaim", "V4", set()),
        pytest.param("munmap_reclaim", "V8", set(), marks=pytest.mark.slow),
        ("munmap_munlock", "V10c", set()),
        pytest.param("truncate_fork_cow", "V8", set(), marks=pytest.mark.slow),
        pytest.param("truncate_reclaim_file", "V10", set(), marks=pytest.mark.slow),
        ("munlock_drain", "V9", set()),
        ("munlock_drain", "V10", {"I3"}),
        ("munlock_drain", "V10:barrier=mb", {"I3"}),
        ("munlock_drain", "V10:munlock_retries=yes", set()),
        ("munlock_munlock", "V7", set()),
        ("munlock_munlock", "V9", {"I12"}),
        ("munlock_munlock", "V10:munlock_retries=yes", {"I3", "I13"}),
        ("munlock_munlock", "V10:munlock_retries=yes,munlock_rechecks=yes", set()),
    ],
)
def test_what_fails(scenario: str, variant: str, expected: set[str]) -> None:
    assert failing(scenario, variant) == expected


@pytest.mark.parametrize(
    ("variant", "switches", "scenario", "fails"),
    [
        ("V8", "lazy_mlock=try_to_unmap_one", "truncate_reclaim", "I1"),
        ("V8", "rmap_clears=no", "truncate_mlock", "I1"),
        ("V2", "zap_anon_vma_lock=no", "truncate_reclaim", "I1"),
        ("V4", "second_pass=no", "truncate_fault", "I9"),
        ("V8", "unmap_munlocks=yes", "truncate_mlock", "I8"),
        ("V4", "recheck=PG_locked", "munlock_page_putback", "I3"),
    ],
)
def test_a_mutation_of_a_variant_that_holds_is_noticed(variant: str, switches: str, scenario: str, fails: str) -> None:
    assert fails not in failing(scenario, variant)
    assert fails in failing(scenario, f"{variant}:{switches}")


@pytest.mark.parametrize("scenario", ["truncate_mlock", "truncate_reclaim"])
@pytest.mark.parametrize("variant", few(["V2", "V10", "V0", "V8"], 2))
def test_when_pages_are_freed_makes_no_difference(scenario: str, variant: str) -> None:
    assert failing(scenario, variant) == failing(scenario, variant, freeing="at-the-end")


@pytest.mark.parametrize("scenario", ["truncate_mlock", "munlock_page_putback"])
@pytest.mark.parametrize("variant", ["V4", "V10"])
def test_the_layout_of_flags_makes_no_difference_under_sc(scenario: str, variant: str) -> None:
    assert failing(scenario, variant) == failing(scenario, variant, flags="separate")


@pytest.mark.parametrize("variant", ["V0", "V4"])
def test_byte_sized_bit_operations_beside_word_sized_ones_make_no_difference_under_sc(variant: str) -> None:
    assert failing("munlock_page_putback", variant) == failing("munlock_page_putback", variant, flags="x86")


class TestAgainstOtherWays:
    """Exploring, solving and running are three programs; under sc they have to say the same."""

    @pytest.mark.parametrize(
        "scenario",
        [
            pytest.param(name, marks=pytest.mark.slow) if name.startswith("alone_") else name
            for name in HEARTS
            if not name.startswith("truncate_then_")
        ],
    )
    @pytest.mark.parametrize("variant", ["V4", "V4:second_pass=no,recheck=PG_locked"])
    def test_the_solver_says_the_same(self, scenario: str, variant: str) -> None:
        """Of a truncation and what follows it in one thread the solver has no answer in 15 to 30 s of CPU time, and takes 1.3 to
        1.8 GB by then (measured on V4 of truncate_then_cow, _fault and _read_in); they are explored in a second.
        """
        case = Case(scenario, find_variant(variant))
        explored = outcomes(program_of(case, ghosts=True))
        question = Question(mode="assertions", flags=False, stops=True)
        gc.collect()  # the solver's encoding of another scenario may be gigabytes, in cycles
        solved = solve(program_of(case), load_model("sc"), question)
        assert solved.status == "ok"
        assert set(solved.failed) == set(names_of(explored))

    @pytest.mark.parametrize(
        ("scenario", "variant"),
        [
            *few([(scenario, v) for v in ("V0", "V8", "V10") for scenario in ("munlock_page_putback", "truncate_mlock")], 3),
            pytest.param("truncate_mlock_reclaim", "V0", marks=pytest.mark.slow),
        ],
    )
    def test_random_runs_end_in_states_that_are_known(self, scenario: str, variant: str) -> None:
        program = program_of(Case(scenario, VARIANTS[variant]), ghosts=True)
        flags = [address for address, cell in program.cells.items() if cell.bits or cell.name.endswith(("_count", ".lru"))]
        program = replace(program, observed=tuple(ir.FinalMem(address) for address in flags))
        found = outcomes(program)
        seen = set()
        for seed in range(20):
            run = simulate(program, "random", seed, stop=False)
            assert run.status in ("finished", "failed", "abandoned"), run.message
            assert set(run.failed) <= set(names_of(found))
            if run.final:
                seen.add(tuple(run.final.items()))
        assert seen and seen <= found.states

    @pytest.mark.parametrize("variant", ["V0", "V2", "V10"])
    def test_reducing_the_schedules_loses_nothing(self, variant: str) -> None:
        program = program_of(Case("munlock_page_putback", VARIANTS[variant]), ghosts=True)
        full, reduced = outcomes(program, reduce=False), outcomes(program)
        assert (full.states, full.failed, full.deadlock) == (reduced.states, reduced.failed, reduced.deadlock)
        assert full.explored > reduced.explored


class TestWeakModels:
    """What fails under sc fails everywhere; what does not is asked of the solver, and may stay undecided."""

    @pytest.mark.parametrize("model", check.MODELS)
    def test_what_fails_under_sc_fails_under_every_model(self, model: str) -> None:
        answer = Checker(only=["I1"]).answer(Case("truncate_mlock", VARIANTS["V2"], model))
        assert answer.failed == {"I1": ("I1",)} and not answer.undecided

    def test_a_failure_that_takes_reordering_is_found(self) -> None:
        assert failing("putback_munlock", "V0", model="lkmm", flags="separate") == {"I3"}
        assert failing("putback_munlock", "V4", model="lkmm", flags="separate") == set()

    def test_time_that_runs_out_is_no_proof(self) -> None:
        answer = Checker(deadline=0.01).answer(Case("putback_munlock", VARIANTS["V4"], "lkmm"))
        assert answer.verdict == "undecided"
        assert set(answer.undecided) == set(answer.asked)

    def test_too_many_states_are_no_proof(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(check, "MAX_STATES", 10)
        answer = Checker().answer(Case("truncate_mlock", VARIANTS["V8"]))
        assert answer.verdict == "undecided" and "more than 10 states" in answer.undecided["I1"]
        with pytest.raises(LimitError):
            witness(Case("truncate_mlock", VARIANTS["V0"]), "I1")

    def test_a_loop_that_reaches_its_bound_is_no_proof(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from smpcheck.mm import vmscan

        monkeypatch.setattr(vmscan, "PUTBACK_ROUNDS", 1)
        answer = Checker().answer(Case("munlock_page_putback", VARIANTS["V4"]))
        assert "bound" in answer.undecided["I3"]


def test_a_witness_replays_to_the_failure() -> None:
    run = witness(Case("truncate_mlock", VARIANTS["V2"]), "I1")
    assert run is not None and "I1" in run.failed
    last = {e.text: at for at, e in enumerate(run.trace.events)}
    assert last["TestClearPageMlocked(page)"] < last["TestSetPageMlocked(page)"] < last["__TestClearPageMlocked(page)"]


class TestChoosing:
    def test_everything_by_default(self) -> None:
        assert len(cases()) == len(SCENARIOS) * len(VARIANTS)

    def test_units_keep_scenarios_together_and_lose_nothing(self) -> None:
        found = units(cases())
        assert len(found) == len(SCENARIOS)
        assert sum(map(len, found)) == len(cases())

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"scenarios": ["none"]}, "no scenario 'none'"),
            ({"variants": ["V11"]}, "no variant 'V11'"),
            ({"variants": ["V4:first_pass"]}, "first_pass is yes or no"),
            ({"variants": ["V4:name=x"]}, "no switch 'name'"),
            ({"variants": ["V4:barrier=rmb"]}, "none or mb or after_atomic"),
            ({"models": ["c11"]}, "no model 'c11'"),
            ({"flags": ["two"]}, "no flag layout 'two'"),
            ({"freeing": "never"}, "no way of freeing 'never'"),
        ],
    )
    def test_names_that_are_not_known(self, arguments: dict[str, Any], words: str) -> None:
        with pytest.raises(InputError, match=words):
            cases(**arguments)

    def test_the_command_asks_the_same_again(self) -> None:
        case = Case("putback_munlock", find_variant("V4:returning_clear=no"), "lkmm", "separate", "at-once")
        words = case.command.split()[3:]
        given = {"--freeing": "at-once", **dict(zip(words[::2], words[1::2], strict=True))}
        again = cases([given["--scenario"]], [given["--variant"]], [given["--model"]], [given["--flags"]], given["--freeing"])
        assert again == [case]


EVERY = sorted(SCENARIOS)
SOME = pytest.mark.parametrize("names", few([sorted({*random.Random(3).sample(EVERY, 6), "mlock_munlock"}), EVERY]), ids=len)


@cache
def asked_of(name: str) -> tuple[str, ...]:
    """The invariants that are asked of a scenario, I4 too."""
    return tuple(check.asked(program_of(Case(name, VARIANTS["V10"]), "too", ghosts=True)))


@SOME
def test_every_scenario_asks_every_invariant_that_it_can(names: list[str]) -> None:
    for name in names:
        found = asked_of(name)
        gone = "I11" if name.startswith(("truncate", "munmap", "unmap")) else "I9"
        assert set(found) - {"I4"} == set(check.INVARIANTS) - {gone, "I4", "I14"} - (  # I14 is of the kernel's model
            {"I9"} if "unmap" in name or "munmap" in name else set()
        ), name


@SOME
def test_i4_is_asked_where_a_vma_may_be_locked_at_the_end(names: list[str]) -> None:
    asked = {name for name in names if "I4" in asked_of(name)}
    assert {"mlock_reclaim", "reclaim_reclaim", "mlock_munlock"} & set(names) <= asked
    assert not any(name.startswith("truncate") for name in asked)


@pytest.mark.parametrize("model", ["sc", "lkmm"])
def test_what_fails_only_in_a_run_that_goes_beyond_a_bound_is_undecided(model: str, tmp_path: Path) -> None:
    path = tmp_path / "bounds.py"
    path.write_text(
        """
from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.variants import BOUND


def go(page: page) -> None:
    check("I2", atomic_read(page._count) != 1)
    if nondet():
        check(BOUND, False)
        check("I5", False)
    check("I6", atomic_read(page._count) == 1)


@scenario
def beyond(s: Setup) -> None:
    s.thread(go, page(_count=1))
"""
    )
    answer = Checker().answer(Case("beyond", VARIANTS["V4"], model, file=str(path)))
    assert (set(answer.failed), answer.of("I5"), answer.of("I6")) == ({"I2"}, "undecided", "undecided")
    assert set(answer.undecided.values()) == {BEYOND}
    assert witness(answer.case, "I5") is None and witness(answer.case, "I2") is not None
