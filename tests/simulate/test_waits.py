"""Threads that wait, step by step: who can wait for ever, and where."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.questions.stops import possible_stops
from smpcheck.readers.litmus import read_litmus
from smpcheck.simulate import outcomes, replay
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.naive.generate import waiting_litmus
from tests.solver.common import program

FOR_EVER = {
    "a value that never comes": ("while (READ_ONCE(*x) != 2) cpu_relax();", "WRITE_ONCE(*x, 1);"),
    "two reads": ("while (READ_ONCE(*x) == 0 || READ_ONCE(*y) == 0) { }", "WRITE_ONCE(*x, 1);"),
    "each for the other": ("while (!READ_ONCE(*x)) { } WRITE_ONCE(*y, 1);", "while (!READ_ONCE(*y)) { } WRITE_ONCE(*x, 1);"),
    "a value that is overwritten": ("while (READ_ONCE(*x) != 1) { }", "WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2);"),
    "xchg": ("while (xchg(x, 1)) { }", "r0 = xchg(x, 1);"),
    "a loop around a loop": ("while (1) { while (!READ_ONCE(*x)) { } if (READ_ONCE(*y)) break; }", "WRITE_ONCE(*x, 1);"),
    "a reader that a grace period waits for": (
        "rcu_read_lock(); while (!READ_ONCE(*x)) { } rcu_read_unlock();", "synchronize_rcu(); WRITE_ONCE(*x, 1);"
    ),
}  # fmt: skip
ENDS = {
    "a value that comes": ("while (READ_ONCE(*x) != 1) cpu_relax();", "WRITE_ONCE(*x, 1);"),
    "two reads": ("while (READ_ONCE(*x) == 0 || READ_ONCE(*y) == 0) { }", "WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1);"),
    "xchg": ("while (xchg(x, 1)) { } WRITE_ONCE(*x, 0);", "while (xchg(x, 1)) { } WRITE_ONCE(*x, 0);"),
    "a bounded loop": ("for (int i = 0; i < 3; i++) { if (READ_ONCE(*x)) break; }", "r0 = READ_ONCE(*y);"),
}


@pytest.mark.parametrize("bodies", FOR_EVER.values(), ids=FOR_EVER)
def test_a_thread_that_can_wait_for_ever_is_found_with_its_schedule(bodies: tuple[str, ...]) -> None:
    found = outcomes(program(*bodies), witnesses=True)
    assert found.failed == {"non-termination"}
    witness = found.witnesses["non-termination"]
    assert witness.status == "stuck"
    assert witness.waiting
    again = replay(witness.program, witness.schedule)
    assert again.status in ("stuck", "steps")


@pytest.mark.parametrize("bodies", ENDS.values(), ids=ENDS)
def test_one_that_only_waits_for_some_time_is_no_failure(bodies: tuple[str, ...]) -> None:
    assert outcomes(program(*bodies)).failed == frozenset()


GRACE = {
    "inside a critical section": ("rcu_read_lock(); synchronize_rcu(); rcu_read_unlock();",),
    "a reader that waits for what comes after": (
        "rcu_read_lock(); while (!READ_ONCE(*x)) { } rcu_read_unlock();", "synchronize_rcu(); WRITE_ONCE(*x, 1);"
    ),
    "a reader that waits for what comes before": (
        "rcu_read_lock(); while (!READ_ONCE(*x)) { } rcu_read_unlock();", "WRITE_ONCE(*x, 1); synchronize_rcu();"
    ),
    "a reader that waits for the opposite": (
        "rcu_read_lock(); r0 = READ_ONCE(*x); if (!r0) while (READ_ONCE(*y)) { } rcu_read_unlock();",
        "WRITE_ONCE(*x, 1); synchronize_rcu(); WRITE_ONCE(*y, 1);",
    ),
    "a lock held by who waits": (
        "rcu_read_lock(); spin_lock(l); spin_unlock(l); rcu_read_unlock();", "spin_lock(l); synchronize_rcu(); spin_unlock(l);"
    ),
}  # fmt: skip


@pytest.mark.parametrize("bodies", GRACE.values(), ids=GRACE)
def test_grace_periods_wait_for_readers_that_wait(bodies: tuple[str, ...]) -> None:
    subject = program(*bodies, params="int *x, int *y, spinlock_t *l")
    found = outcomes(subject)
    said = [solve(subject, load_model(m), Question(mode="stops", stops=True)).failed for m in ("sc", "lkmm")]
    assert [set(failed) for failed in said] == [found.failed] * 2
    assert possible_stops(subject)


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_the_solver_says_the_same_under_sc(first: int) -> None:
    for seed in range(first, first + 20):
        subject = read_litmus(waiting_litmus(seed))
        found = outcomes(subject)
        failed = found.failed | ({"deadlock"} if found.deadlock else set())
        answer = solve(subject, load_model("sc"), Question(mode="stops", stops=True, flags=False))
        if answer.status != "bound":
            assert set(answer.failed) == failed, (seed, waiting_litmus(seed))
