"""The view machine has all executions that the memory models allow, if no store is early."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from smpcheck.cat.load import load_model
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program.ir import Binary, Cell, Const, Fence, FinalReg, If, Load, Program, Reg, Rmw, Stmt, Store, Thread
from smpcheck.program.values import Ptr
from smpcheck.simulate import outcomes
from smpcheck.simulate.view_machine import Found, MayRaceError, runs
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.simulate.programs import programs

X, Y, Z = Ptr("x"), Ptr("y"), Ptr("z")
CELLS = {X: Cell("x"), Y: Cell("y"), Z: Cell("z")}
MB = Fence(frozenset({"Mb"}))
IN_ORDER = '"in order"\ninclude "lkmm.cat"\nacyclic po | rf | hb | pb as in-order\n'


def read(reg: str, cell: Ptr, tag: str = "Once") -> Load:
    return Load(reg, Const(cell), frozenset({tag}))


def write(cell: Ptr, value: int, tag: str = "Once") -> Store:
    return Store(Const(cell), Const(value), frozenset({tag}))


def increment(cell: Ptr, reg: str = "i") -> Rmw:
    return Rmw(reg, Const(cell), Binary("+", Reg(reg), Const(1)), frozenset({"Once", "RMW"}), frozenset({"Once", "RMW"}))


def program(*bodies: tuple[Stmt, ...], observed: tuple[tuple[int, str], ...]) -> Program:
    threads = tuple(Thread(n, body) for n, body in enumerate(bodies))
    return Program("t", CELLS, threads, observed=tuple(FinalReg(t, r) for t, r in observed))


def seen(p: Program, **options: bool) -> set[tuple[object, ...]]:
    return {tuple(value for _, value in state) for state in runs(p, **options).states}


def supported(p: Program, **options: bool) -> Found:
    """What runs do, of programs that have any."""
    try:
        return runs(p, **options)
    except (UnsupportedError, LimitError):
        reject()


def test_an_address_of_nothing_is_a_fault() -> None:
    follow = (read("q", X), Load("a", Reg("q"), frozenset({"Once"})))
    p = program(follow, (write(X, 1),), observed=())
    assert runs(p).failed == outcomes(p).failed == {"null-dereference"}


def test_a_message_is_missed_without_release_and_acquire_and_not_with_them() -> None:
    ends = ((1, "a"), (1, "b"))
    relaxed = program((write(X, 1), write(Y, 1)), (read("a", Y), read("b", X)), observed=ends)
    passed = program((write(X, 1), write(Y, 1, "Release")), (read("a", Y, "Acquire"), read("b", X)), observed=ends)
    assert (1, 0) in seen(relaxed)
    assert (1, 0) not in seen(relaxed, x86=True)
    assert (1, 0) not in seen(passed)


def test_a_release_travels_on_through_atomic_operations() -> None:
    p = program(
        (write(X, 1), write(Y, 1, "Release")),
        (increment(Y),),
        (read("a", Y, "Acquire"), read("b", X)),
        observed=((2, "a"), (2, "b")),
    )
    assert (2, 0) not in seen(p)


def test_full_barriers_on_both_sides_forbid_store_buffering_and_one_does_not() -> None:
    ends = ((0, "a"), (1, "a"))
    both = program((write(X, 1), MB, read("a", Y)), (write(Y, 1), MB, read("a", X)), observed=ends)
    one = program((write(X, 1), MB, read("a", Y)), (write(Y, 1), read("a", X)), observed=ends)
    assert seen(both) == {(0, 1), (1, 0), (1, 1)}
    assert (0, 0) in seen(one)
    assert (0, 0) in seen(one, x86=True)


LOCKED = Rmw("t", Const(Z), Const(1), frozenset({"LKR", "Acquire"}), frozenset({"LKW"}))
FAILED = Load("t", Const(Z), frozenset({"Once", "RMW"}))


@pytest.mark.parametrize(
    ("operation", "barrier", "full"),
    [
        (increment(Z), "After-atomic", True),
        (FAILED, "After-atomic", True),
        (LOCKED, "After-spinlock", True),
        (read("t", Z), "After-atomic", False),
        (increment(Z), "After-spinlock", False),
        (LOCKED, "After-atomic", False),
    ],
)
def test_a_barrier_after_an_operation_is_full_after_the_operations_it_is_for(operation: Stmt, barrier: str, full: bool) -> None:
    after = (operation, Fence(frozenset({barrier})))
    p = program((write(X, 1), *after, read("a", Y)), (write(Y, 1), MB, read("a", X)), observed=((0, "a"), (1, "a")))
    assert ((0, 0) in seen(p)) is not full
    answer = solve(p, load_model("lkmm"), Question())
    assert ((0, 0) in {tuple(state.values()) for state, _ in answer.states}) is not full


def test_two_readers_may_disagree_about_independent_writes_unless_they_have_full_barriers() -> None:
    ends = ((2, "a"), (2, "b"), (3, "a"), (3, "b"))

    def iriw(*between: Stmt) -> Program:
        readers = (read("a", X, "Acquire"), *between, read("b", Y)), (read("a", Y, "Acquire"), *between, read("b", X))
        return program((write(X, 1),), (write(Y, 1),), *readers, observed=ends)

    assert (1, 0, 1, 0) in seen(iriw())
    assert (1, 0, 1, 0) not in seen(iriw(MB))


def test_one_location_has_one_order_for_all() -> None:
    p = program(
        (write(X, 1),), (write(X, 2),), *[(read("a", X), read("b", X))] * 2, observed=((2, "a"), (2, "b"), (3, "a"), (3, "b"))
    )
    assert not {(1, 2, 2, 1), (2, 1, 1, 2), (1, 0, 0, 0)} & seen(p)
    assert (1, 2, 0, 0) in seen(p)


def test_an_atomic_operation_builds_on_the_last_value() -> None:
    assert seen(program((increment(X),), (increment(X),), (increment(X),), observed=((0, "i"), (1, "i"), (2, "i")))) == set(
        permutations(range(3))
    )


def test_load_buffering_is_not_among_runs_and_is_said_to_be_possible() -> None:
    bodies = (read("a", X), write(Y, 1)), (read("a", Y), write(X, 1))
    found = runs(program(*bodies, observed=((0, "a"), (1, "a"))))
    assert found.early
    assert (1, 1) not in {tuple(value for _, value in state) for state in found.states}


@pytest.mark.parametrize(
    "ordered",
    [
        (read("a", X), MB, write(Y, 1)),
        (read("a", X, "Acquire"), write(Y, 1)),
        (read("a", X), write(Y, 1, "Release")),
        (read("a", X), Store(Const(Y), Reg("a"), frozenset({"Once"}))),
        (read("a", X), If(Reg("a"), (write(Y, 1),))),
        (read("a", X), write(X, 1), read("b", X)),
    ],
)
def test_a_store_is_not_early_where_the_load_is_kept_before_it(ordered: tuple[Stmt, ...]) -> None:
    assert not runs(program(ordered, (read("a", Y), MB, write(X, 1)), observed=((0, "a"),))).early


def test_a_store_after_a_branch_may_be_early() -> None:
    body = (read("a", X), If(Reg("a"), (write(Z, 1),)), write(Y, 1))
    assert runs(program(body, (read("a", Y), write(X, 1)), observed=((0, "a"),))).early


def test_a_plain_access_that_may_race_is_refused() -> None:
    plain = Load("a", Const(X), frozenset())
    with pytest.raises(MayRaceError):
        runs(program((write(X, 1),), (plain,), observed=((1, "a"),)))
    ordered = program(
        (write(X, 1), write(Y, 1, "Release")), (read("b", Y, "Acquire"), If(Reg("b"), (plain,))), observed=((1, "a"),)
    )
    assert seen(ordered) == {(0,), (1,)}


def test_what_views_do_not_know_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="grace periods"):
        runs(program((Fence(frozenset({"Sync-rcu"})),), observed=()))


def test_too_many_states_are_a_limit() -> None:
    body = (increment(X), increment(Y), increment(Z))
    with pytest.raises(LimitError, match="more than 5 states"):
        runs(program(body, body, body, observed=()), max_states=5)


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "in-order.cat"
    path.write_text(IN_ORDER)
    return path


def states(program: Program, model: str) -> set[tuple[tuple[object, object], ...]]:
    return {tuple(state.items()) for state, _ in solve(program, load_model(model), Question(flags=False)).states}


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(program=programs(weak=True))
def test_final_states_of_the_kernels_model_are_among_those_of_runs(program: Program, in_order: Path) -> None:
    found = supported(program)
    assert states(program, str(in_order)) <= found.states
    if not found.early:
        assert states(program, "lkmm") <= found.states


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs(weak=True))
def test_final_states_of_x86_are_among_those_of_runs(program: Program) -> None:
    found = supported(program, x86=True)
    assert not found.early
    assert states(program, "tso") <= found.states


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(program=programs(weak=True))
def test_failed_checks_and_deadlocks_are_among_those_of_runs(program: Program, in_order: Path) -> None:
    found = supported(program)
    answer = solve(program, load_model(str(in_order)), Question(mode="assertions", flags=False, stops=True))
    assert set(answer.failed) <= set(found.failed)


@given(programs(weak=True), st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_what_is_left_out_makes_no_difference(program: Program, x86: bool) -> None:
    few, all_ = supported(program, x86=x86), supported(program, x86=x86, reduce=False)
    assert (few.failed, few.states) == (all_.failed, all_.states)
    assert few.early <= all_.early, "among all states there are some in which it only seems that a store may be early"
    assert few.explored <= all_.explored


def test_values_that_nobody_tells_apart_make_no_states() -> None:
    def counting(times: int) -> int:
        looks = (read("a", X), If(Binary("==", Reg("a"), Const(0)), (write(Y, 1),)))
        return runs(program(tuple([increment(X)] * times), looks, observed=())).explored

    assert counting(6) - counting(5) == counting(12) - counting(11)
