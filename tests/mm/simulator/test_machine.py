"""Functions run step by step: what a step is, locks, pointers, and what the machine finds wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from smpcheck.errors import UnsupportedError
from smpcheck.kernel import Parameter, Scenario, Setup, lock_order, objects
from smpcheck.mm.simulator.scenario import ScenarioRun, ScenarioRunner
from smpcheck.mm.simulator.translate import translate
from smpcheck.simulate.schedulers import PCTScheduler, RandomScheduler, RoundRobinScheduler, Scheduler
from tests.mm.simulator import small

ORDER = lock_order("node.sleeper > node.flags:locked > node.outer > node.inner")


def scenario(*threads: Callable[..., Any], final: Callable[..., Any] | None = None, **bindings: Any) -> Scenario:
    """Threads on one node."""

    def set_up(s: Setup) -> None:
        s.N = small.node()
        s.locks(ORDER)
        for thread in threads:
            s.thread(thread, s.N)
        if final is not None:
            s.final(final.__name__, final, s.N)

    return Scenario("small", set_up, bindings)


def run(*threads: Callable[..., Any], by: Scheduler | None = None, **bindings: Any) -> ScenarioRun:
    return ScenarioRunner(scenario(*threads, **bindings)).run(by or RandomScheduler(0))


def failures(*threads: Callable[..., Any], seeds: Iterable[int] = range(40), **bindings: Any) -> set[str]:
    """Every check that fails with some seed."""
    runner = ScenarioRunner(scenario(*threads, **bindings))
    return {name for seed in seeds for name in runner.run(RandomScheduler(seed)).failed}


def values(*threads: Callable[..., Any], seeds: Iterable[int] = range(40), **bindings: Any) -> set[int]:
    """Every final value of the node."""
    runner = ScenarioRunner(scenario(*threads, **bindings))
    return {runner.run(RandomScheduler(seed)).objects["N"].value for seed in seeds}


def test_a_plain_increment_is_two_steps_between_which_others_go() -> None:
    assert run(small.add_plain).steps == 2
    assert values(small.add_plain, small.add_plain) == {1, 2}


def test_atomics_are_one_step_and_ghosts_none() -> None:
    result = run(small.add_atomic, small.add_atomic)
    assert (result.steps, result.objects["N"].count, result.objects["N"].seen) == (2, 2, 2)


@pytest.mark.parametrize("add", [small.add_locked, small.add_bit_locked, small.writer])
def test_locks_exclude(add: Callable[..., Any]) -> None:
    assert values(add, add) == {2}


def test_a_models_names_are_its_own() -> None:
    result = run(small.odd_names)
    assert (result.results, result.objects["N"].value) == ((0,), 1)


def test_readers_share_and_keep_writers_out() -> None:
    assert failures(small.reader, small.reader, small.writer, small.writer) == set()


def test_a_trylock_fails_only_while_somebody_holds_the_lock() -> None:
    assert run(small.tries).results == (True,)
    runner = ScenarioRunner(scenario(small.tries, small.one_way))
    assert {runner.run(RandomScheduler(seed)).results[0] for seed in range(40)} == {True, False}


def test_each_task_has_its_own_thread_local_variables() -> None:
    result = run(small.own_counter, small.own_counter)
    assert result.results == (3, 3)
    assert result.objects["N"].count == 6


def test_pointers_carry_tags() -> None:
    assert run(small.tagged).failed == set()


@pytest.mark.parametrize("layout", ["one-word", "separate"])
def test_bit_operations(layout: str) -> None:
    result = run(small.bits, flags=layout)
    assert result.failed == frozenset()
    assert result.results == (0,)


@pytest.mark.parametrize("clears", [small.clear_done_plain, small.test_clear_done_plain])
def test_a_plain_clear_loses_a_bit_of_the_same_word_but_not_of_another_byte(clears: Callable[..., Any]) -> None:
    def flags_with(layout: str) -> set[int]:
        def set_up(s: Setup) -> None:
            s.N = small.node(flags=1 << small.DONE)
            s.thread(small.set_ready, s.N)
            s.thread(clears, s.N)

        runner = ScenarioRunner(Scenario("lost", set_up, {"flags": layout}))
        return {runner.run(RandomScheduler(seed)).objects["N"].flags for seed in range(60)}

    assert flags_with("one-word") == {0, 1 << small.READY}
    assert flags_with("separate") == {1 << small.READY}


def test_reading_a_whole_word_of_separate_cells_is_a_step_for_each() -> None:
    assert run(small.bits, flags="separate").steps - run(small.bits).steps == 2  # two reads of two cells each


def test_an_array_is_walked_by_adding_to_a_pointer() -> None:
    def set_up(s: Setup) -> None:
        s.N = small.node(value=7)
        s.slots = objects(small.slot, 3)
        s.slots[2].item = s.N
        s.thread(small.step_array, s.slots[0], 2)
        s.thread(small.step_array, s.slots[0], 1)

    result = ScenarioRunner(Scenario("array", set_up)).run(RandomScheduler(0))
    assert result.results == (7, 0)


@pytest.mark.parametrize(("index", "found"), [(3, {"bad-pointer"}), (2, set())])
def test_beyond_an_array_there_is_nothing(index: int, found: set[str]) -> None:
    def set_up(s: Setup) -> None:
        s.slots = objects(small.slot, 3)
        s.thread(small.step_array, s.slots[0], index)

    assert ScenarioRunner(Scenario("array", set_up)).run(RandomScheduler(0)).failed == found


def test_what_is_found_wrong_with_locks_and_pointers() -> None:
    assert failures(small.other_way) == {"lock-order"}
    assert failures(small.one_way) == set()
    assert failures(small.sleeps) == {"sleep-under-spinlock", "lock-order"}
    assert failures(small.in_rcu) == {"sleep-under-spinlock"}
    assert failures(small.keeps) == {"lock-held-at-exit"}
    assert failures(small.frees_twice) == {"unlock-not-held"}
    assert failures(small.through_null) == {"bad-pointer"}


def test_a_circle_of_waiting_tasks_is_a_deadlock_for_some_seeds() -> None:
    found = [run(small.one_way, small.other_way, by=RandomScheduler(seed)).deadlock for seed in range(40)]
    assert set(found) == {True, False}


def test_waiting_for_a_lock_that_a_finished_task_holds_is_a_deadlock() -> None:
    assert run(small.keeps, small.keeps).deadlock


def test_functions_without_steps_are_ordinary_functions() -> None:
    code = translate([small.no_steps, small.add_plain])
    assert code.name(small.no_steps) not in code.steps
    assert code.name(small.add_plain) in code.steps


def test_switches_are_decided_before_the_run() -> None:
    assert isinstance(small.MODE, Parameter)
    assert run(small.switch).results == (1,)
    assert run(small.switch, mode="slow").results == (0,)
    assert code_steps("fast") == 0
    assert code_steps("slow") == 1


def code_steps(mode: str) -> int:
    return len(translate([small.switch], bindings={"mode": mode}).sites)


def test_final_checks_are_asked_of_the_final_state() -> None:
    assert failures(small.add_locked, small.add_locked, final=small.is_two) == set()
    assert failures(small.add_plain, small.add_plain, final=small.is_two) == {"is_two"}


def test_what_cannot_be_run_is_refused_by_name_and_place() -> None:
    with pytest.raises(UnsupportedError, match=r"small\.py:\d+:\d+: synchronize_rcu: grace periods"):
        translate([small.waits_for_ever])


@pytest.mark.parametrize("make", [lambda: RandomScheduler(5), lambda: PCTScheduler(5, 3, 20), lambda: RoundRobinScheduler(2)])
def test_the_same_schedule_gives_the_same_run(make: Callable[[], Scheduler]) -> None:
    threads = (small.add_plain, small.add_locked, small.own_counter)
    first, second = (run(*threads, by=make()) for _ in range(2))
    assert (first.steps, first.results) == (second.steps, second.results)
    assert first.objects["N"].value == second.objects["N"].value
