"""All schedules: the classical shapes have the outcomes that sequential consistency gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from smpcheck.errors import LimitError
from smpcheck.program.ir import (
    Assert,
    Assume,
    Binary,
    Cell,
    Const,
    Exit,
    Fence,
    FinalMem,
    FinalReg,
    If,
    Load,
    Loop,
    Program,
    Reg,
    Rmw,
    Store,
    Thread,
)
from smpcheck.program.values import INT, Ptr
from smpcheck.simulate import outcomes, replay
from smpcheck.simulate.view_machine import runs
from tests.simulate.programs import LOCK, ONCE, X, Y, programs, straight


def read(reg: str, cell: Ptr) -> Load:
    return Load(reg, Const(cell), ONCE)


def write(cell: Ptr, value: int) -> Store:
    return Store(Const(cell), Const(value), ONCE)


def lock(cell: Ptr) -> Rmw:
    return Rmw("l", Const(cell), Const(1), frozenset({"LKR"}), frozenset({"LKW"}), Binary("==", Reg("l"), Const(0)), True)


def unlock(cell: Ptr) -> Store:
    return Store(Const(cell), Const(0), frozenset({"UL", "Release"}))


def reached(program: Program) -> set[tuple[object, ...]]:
    return {tuple(value for _, value in state) for state in outcomes(program).states}


def registers(*names: tuple[int, str]) -> tuple[FinalReg, ...]:
    return tuple(FinalReg(t, r) for t, r in names)


def test_store_buffering_has_no_double_zero() -> None:
    p = straight((write(X, 1), read("a", Y)), (write(Y, 1), read("a", X)), observed=registers((0, "a"), (1, "a")))
    assert reached(p) == {(0, 1), (1, 0), (1, 1)}


def test_message_passing_sees_the_payload() -> None:
    p = straight((write(X, 1), write(Y, 1)), (read("a", Y), read("b", X)), observed=registers((1, "a"), (1, "b")))
    assert reached(p) == {(0, 0), (0, 1), (1, 1)}


def test_readers_of_independent_writes_agree_on_the_order() -> None:
    p = straight(
        (write(X, 1),), (write(Y, 1),), (read("a", X), read("b", Y)), (read("a", Y), read("b", X)),
        observed=registers((2, "a"), (2, "b"), (3, "a"), (3, "b")),
    )  # fmt: skip
    assert (1, 0, 1, 0) not in reached(p)
    assert len(reached(p)) == 15


def test_increments_are_atomic() -> None:
    add = Rmw("a", Const(X), Binary("+", Reg("a"), Const(1)), ONCE, ONCE)
    p = straight((add,), (add,), (add,), observed=(FinalMem(X),))
    assert reached(p) == {(3,)}


def test_two_locks_in_two_orders_deadlock() -> None:
    other = Ptr("other")
    cells = {LOCK: Cell("lock"), other: Cell("other")}
    a = (lock(LOCK), lock(other), unlock(other), unlock(LOCK))
    b = (lock(other), lock(LOCK), unlock(LOCK), unlock(other))
    found = outcomes(straight(a, b, cells=cells), witnesses=True)
    assert found.deadlock
    witness = found.witnesses["deadlock"]
    assert witness.status == "deadlock" and set(witness.waiting) == {0, 1}
    assert replay(witness.program, witness.schedule).status == "deadlock"
    assert not outcomes(straight(a, a, cells=cells)).deadlock


def test_a_failed_check_does_not_count_where_an_assumption_fails_later() -> None:
    zero = Assert(Binary("==", Reg("a"), Const(0)), "zero")
    body = (read("a", X), zero, read("b", Y), Assume(Binary("==", Reg("b"), Const(7))))
    assert outcomes(straight(body, (write(X, 1),))).failed == frozenset()
    assert outcomes(straight(body, (write(X, 1), write(Y, 7)))).failed == {"zero"}


def test_an_unbounded_wait_is_explored_to_its_end() -> None:
    spin = Loop("spin", (read("a", X), If(Reg("a"), (Exit("spin"),))))
    p = straight((spin, read("b", Y)), (write(Y, 1), write(X, 1)), observed=registers((0, "b")))
    assert reached(p) == {(1,)}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("reduce", [False, True])
def test_a_wait_for_what_never_comes_is_found_whoever_else_waits_for_its_end(late: bool, reduce: bool) -> None:
    """The reads of what nobody writes are no steps: the thread goes round, and the last one cannot begin."""
    spin = Loop("spin", (read("a", X), If(Reg("a"), (Exit("spin"),))))
    p = straight((spin,), (write(Y, 1),), (read("b", Y),), observed=registers((2, "b")))
    found = outcomes(replace(p, threads=(*p.threads[:2], replace(p.threads[2], after=late))), reduce=reduce)
    assert found.failed == {"non-termination"}
    assert not found.states


def test_a_loop_without_events_is_no_endless_step() -> None:
    p = straight((Loop("idle", ()),), (write(X, 1),), observed=(FinalMem(X),))
    found = outcomes(p)
    assert found.states == frozenset() and not found.deadlock


def test_states_without_end_reach_the_limit() -> None:
    count = Loop("up", (Rmw("a", Const(X), Binary("+", Reg("a"), Const(1)), ONCE, ONCE),))
    with pytest.raises(LimitError, match="more than 100 states"):
        outcomes(straight((count,), (read("a", X),)), max_states=100)


def test_a_grace_period_waits_for_readers_that_began_before() -> None:
    reader = (Fence(frozenset({"Rcu-lock"})), read("a", X), read("b", Y), Fence(frozenset({"Rcu-unlock"})))
    updater = (write(X, 1), Fence(frozenset({"Sync-rcu"})), write(Y, 1))
    shown = registers((0, "a"), (0, "b"))
    assert reached(straight(reader, updater, observed=shown)) == {(0, 0), (1, 0), (1, 1)}
    unprotected = (read("a", X), read("b", Y))
    assert (0, 1) in reached(straight(unprotected, updater, observed=shown))


def test_nested_readers_end_with_the_outermost() -> None:
    enter, leave = Fence(frozenset({"Rcu-lock"})), Fence(frozenset({"Rcu-unlock"}))
    reader = (enter, read("a", X), enter, leave, read("b", Y), leave)
    updater = (write(X, 1), Fence(frozenset({"Sync-rcu"})), write(Y, 1))
    assert (0, 1) not in reached(straight(reader, updater, observed=registers((0, "a"), (0, "b"))))


def test_a_grace_period_inside_a_reader_never_ends() -> None:
    body = (Fence(frozenset({"Rcu-lock"})), Fence(frozenset({"Sync-rcu"})), Fence(frozenset({"Rcu-unlock"})))
    found = outcomes(straight(body, (write(X, 1),)))
    assert found.states == frozenset() and not found.deadlock


def test_a_lock_that_is_reached_through_a_null_pointer_fails_a_check() -> None:
    taking = frozenset({"LKR", "Acquire"})
    take = Rmw("l", Reg("q"), Const(1), taking, frozenset({"LKW"}), Binary("==", Reg("l"), Const(0)), True)
    follow = (Load("q", Const(X), ONCE), take)
    found = outcomes(straight(follow, (Store(Const(X), Const(Y), ONCE),)), witnesses=True)
    assert found.failed == {"null-dereference"} and not found.deadlock
    assert found.witnesses["null-dereference"].status == "failed"


def test_a_null_pointer_fails_a_check() -> None:
    cells = {X: Cell("x"), Ptr("p"): Cell("p", INT, 0)}
    through = (read("q", Ptr("p")), Load("a", Binary("+", Reg("q"), Const(8)), ONCE))
    found = outcomes(straight(through, (write(X, 1),), cells=cells), witnesses=True)
    assert found.failed == {"null-dereference"}
    assert found.witnesses["null-dereference"].message == "a null pointer is dereferenced"


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(programs(), st.booleans())
def test_reductions_lose_nothing(program: Program, late: bool) -> None:
    *others, last = program.threads
    program = replace(program, threads=(*others, replace(last, after=late and bool(others))))
    reduced, full = outcomes(program), outcomes(program, reduce=False)
    assert (reduced.states, reduced.failed, reduced.deadlock, reduced.condition) == (
        full.states,
        full.failed,
        full.deadlock,
        full.condition,
    )
    assert reduced.explored <= full.explored


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_every_witness_replays(program: Program) -> None:
    found = outcomes(program, witnesses=True)
    for name, witness in found.witnesses.items():
        again = replay(program, str(witness.schedule))
        assert (again.failed, again.final, again.holds) == (witness.failed, witness.final, witness.holds)
        if name == "deadlock":
            assert again.status == "deadlock"
        elif name == "condition":
            assert again.holds
        else:
            assert name in again.failed


@pytest.mark.parametrize("explored", [outcomes, runs], ids=["interleavings", "views"])
def test_a_check_that_fails_in_a_run_that_ends_in_a_deadlock_or_a_fault_has_failed(explored: Callable[[Program], Any]) -> None:
    for stuck in ((lock(LOCK), lock(LOCK)), (Load("r", Const(0), ONCE),)):
        threads = (Thread(0, stuck), Thread(1, (Assert(Const(0), "A"),)))
        assert "A" in explored(Program("stuck", {LOCK: Cell("lock")}, threads)).failed, stuck
