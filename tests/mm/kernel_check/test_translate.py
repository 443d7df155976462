"""Which failing runs become system calls, and why the others do not."""

from __future__ import annotations

from functools import cache

import pytest

from smpcheck.errors import UnsupportedError
from smpcheck.kernel.compilation import compiling
from smpcheck.kernel.scenario import Setup
from smpcheck.mm.check import Case, Checker, cases, witness
from smpcheck.mm.kernel_check.translate import NOT_CALLS, reproducer
from smpcheck.mm.kernel_check.witness import Witness, validate
from smpcheck.mm.scenarios import SCENARIOS
from smpcheck.mm.variants import find_variant
from smpcheck.simulate import RunResult


def case(scenario: str, variant: str = "V10") -> Case:
    return cases((scenario,), (variant,))[0]


@cache
def found(scenario: str, invariant: str = "I3") -> Witness:
    one = case(scenario)
    failed = Checker((invariant,)).answer(one).failed
    return reproducer(one, invariant, witness(one, failed[invariant][0]))


def calls(one: Witness) -> tuple[list[str], dict[str, list[str]]]:
    return [f"{each.lane}: {each.call}" for each in one.setup], {lane.name: [*map(str, lane.calls)] for lane in one.lanes}


def test_a_page_that_a_cpu_has_not_drained_is_written_there_and_mlocked_elsewhere() -> None:
    one = found("munlock_drain")
    assert calls(one) == (["drain: write(vma)", "munlock: mlock(vma)"], {"munlock": ["munlock(vma)"], "drain": ["drain()"]})
    assert [(each.name, each.sharing, each.lane) for each in one.objects] == [("vma", "anonymous", "munlock")]


def test_a_page_on_the_unevictable_list_was_written_drained_and_mlocked() -> None:
    setup, lanes = calls(found("truncate_munlock", "I1"))
    assert setup == ["munlock: write(vma)", "munlock: drain()", "munlock: mlock(vma)", "munlock: drain()"]
    assert lanes == {"truncate": ["ftruncate(file, 0)", "drain()"], "munlock": ["munlock(vma)"]}


def test_after_a_fork_two_processes_map_a_file_and_that_is_said() -> None:
    one = found("munlock_munlock")
    assert {lane.name for lane in one.lanes} == {"munlock1", "munlock2"}
    assert [(each.sharing, each.of) for each in one.of_kind("area")] == [("shared", "file")] * 2
    assert "after a fork" in one.notes[0]


def test_a_mapping_that_shm_lock_made_unevictable_is_a_segment() -> None:
    setup, lanes = calls(found("shm_unlock_drain"))
    assert setup == ["drain: shm_lock(segment)", "drain: write(vma)"]
    assert lanes == {"shm_unlock": ["shm_unlock(segment)"], "drain": ["drain()"]}


def test_a_count_that_waits_is_brought_about_from_the_other_cpu() -> None:
    setup, lanes = calls(found("munlock_late_count", "I12"))
    cached = ["write(born)", "drain()"]
    locked = ["munlock_and_share: mlock_on_fault(vma)", "munlock_and_share: mlock_on_fault(child)"]
    assert setup == [*(f"drain_late: {call}" for call in cached), *locked, "drain_late: read(vma)"]
    assert lanes["drain_late"] == ["drain()"]
    assert lanes["munlock_and_share"] == ["munlock(vma)", "read(child)", "drain()", "munlock(child)", "drain()"]
    setup, lanes = calls(found("load_munlocks", "I12"))
    assert setup == [*(f"load: {call}" for call in cached), *locked]
    assert lanes["load"] == ["read(vma)", "drain()"]


def test_the_schedule_is_that_of_the_run() -> None:
    steps = [(each.lane, each.text) for each in found("munlock_drain").schedule]
    # of a read and a write, the write
    put, cleared = (
        max(i for i, step in enumerate(steps) if step == written)
        for written in (("drain", "SetPageLRU(page)"), ("munlock", "TestClearPageMlocked(page)"))
    )
    assert steps.index(("drain", "PageMlocked(page)")) < cleared
    assert steps.index(("munlock", "TestClearPageLRU(page)")) < put


@pytest.mark.parametrize(
    ("scenario", "invariant", "why"),
    [
        ("munlock_putback", "I3", "no listed call leaves a page of a VM_LOCKED vma with PG_lru, PG_mlocked"),
        ("munlock_page_putback", "I3", "with PG_mlocked of its list flags"),
        ("shm_unlock_putback", "I3", "no listed call leaves a page of a locked segment on an evictable list"),
    ],
)
def test_what_is_no_system_call_is_refused_with_the_reason(scenario: str, invariant: str, why: str) -> None:
    with pytest.raises(UnsupportedError, match=why):
        found(scenario, invariant)


def test_other_designs_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="only the design of V10 runs in kernels since"):
        reproducer(case("truncate_mlock", "V4"), "I1", None)


def test_an_invariant_that_user_space_cannot_see_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="nothing in user space shows that I8 fails"):
        reproducer(case("munlock_drain"), "I8", None)


def test_what_takes_a_reordering_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="it takes a reordering, which no delay brings about"):
        reproducer(case("munlock_drain"), "I3", None)


def threads(name: str) -> list[str]:
    with compiling({"variant": find_variant("V10")}):
        setup = Setup()
        SCENARIOS[name].function(setup)
    return [spec.function.__name__ for spec in setup._threads]


@cache
def some_run() -> RunResult:
    run = witness(case("munlock_drain"), "I3")
    assert run is not None
    return run


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_is_translated_or_refused_in_words(name: str) -> None:
    """Whatever a scenario consists of. The run is that of another one: only the schedule is made from it."""
    try:
        validate(reproducer(case(name), "I3", some_run()))
    except UnsupportedError as error:
        assert str(error).startswith(f"{name}, V10: ")


def test_every_thread_of_a_scenario_is_a_call_or_has_a_reason() -> None:
    known = {"truncate", "mlock", "munlock", "munmap", "store", "shm_unlock", "drain", "reclaim"}
    assert {thread for name in SCENARIOS for thread in threads(name)} <= known | NOT_CALLS.keys()
