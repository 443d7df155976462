"""One run: schedulers are deterministic, schedules replay, generated code and interpretation agree, failures are found."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import ir, values
from smpcheck.program.ir import (
    Assert,
    Assign,
    Assume,
    Binary,
    Cell,
    Const,
    Exit,
    FinalMem,
    FinalReg,
    If,
    Load,
    Loop,
    Program,
    Reg,
    Stmt,
    Store,
    Thread,
)
from smpcheck.program.ir import Rmw as RmwStmt
from smpcheck.program.values import INT, Ptr
from smpcheck.simulate import (
    LockCycle,
    Machine,
    PCTScheduler,
    RandomScheduler,
    RoundRobinScheduler,
    Schedule,
    View,
    replay,
    run,
    scheduler,
    simulate,
)
from smpcheck.simulate.generate import BASE, STRIDE
from tests.simulate.programs import LOCK, ONCE, X, Y, programs, straight

SCHEDULERS = ("random", "pct", "pct:2", "round-robin", "round-robin:5")


def add(cell: Ptr) -> RmwStmt:
    return RmwStmt("a", Const(cell), Binary("+", Reg("a"), Const(1)), ONCE, ONCE)


def counting(cell: Ptr, rounds: int) -> tuple[ir.Stmt, ...]:
    more = If(Binary("<", Reg("i"), Const(rounds)), (add(cell), Assign("i", Binary("+", Reg("i"), Const(1)))), (Exit("up"),))
    return (Assign("i", Const(0)), Loop("up", (more,)))


def lock(cell: Ptr) -> RmwStmt:
    return RmwStmt("l", Const(cell), Const(1), frozenset({"LKR"}), frozenset({"LKW"}), Binary("==", Reg("l"), Const(0)), True)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_same_seed_gives_the_same_run(name: str) -> None:
    program = straight(counting(X, 20), counting(X, 20), counting(Y, 20), observed=(FinalMem(X), FinalMem(Y)))
    one, two = simulate(program, name, 7), simulate(program, name, 7)
    assert one.schedule == two.schedule
    assert one.final == {FinalMem(X): 40, FinalMem(Y): 20}


def test_other_seeds_give_other_runs() -> None:
    program = straight(counting(X, 20), counting(Y, 20))
    assert len({str(simulate(program, "random", seed).schedule) for seed in range(5)}) == 5


@pytest.mark.parametrize("name", SCHEDULERS)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs(), seed=st.integers(0, 1000))
def test_a_schedule_repeats_its_run(name: str, program: Program, seed: int) -> None:
    first = simulate(program, name, seed)
    again = replay(program, str(first.schedule))
    assert (again.status, again.failed, again.final, again.steps) == (first.status, first.failed, first.final, first.steps)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs(), seed=st.integers(0, 1000))
def test_a_run_is_an_execution_that_the_model_allows(program: Program, seed: int) -> None:
    result = simulate(program, "random", seed, stop=False)
    execution = result.execution()
    assert evaluate(load_model("sc"), execution) == []
    relations, events = execution.relations, execution.events
    for w, r in relations["rf"]:
        assert (events[w].value, events[w].cell) == (events[r].value, events[r].cell)
    assert {r for _, r in relations["rf"]} == {e.id for e in events if e.kind == "R"}
    for variable, value in result.final.items():
        if isinstance(variable, FinalMem):
            writes = [e for e in events if e.kind == "W" and e.address == variable.cell]
            (last,) = [e for e in writes if not any((e.id, f.id) in relations["co"] for f in writes)]
            assert last.value == value


def test_dependencies_of_a_run_follow_the_registers() -> None:
    cells = {X: Cell("x"), Y: Cell("y"), Ptr("p"): Cell("p", values.POINTER, Y)}
    body = (
        Load("q", Const(Ptr("p")), ONCE),
        Load("a", Reg("q"), ONCE),
        Store(Const(X), Binary("+", Reg("a"), Const(1)), ONCE),
        If(Reg("a"), (), (Store(Const(Y), Const(2), ONCE),)),
    )
    execution = simulate(straight(body, cells=cells)).execution()
    ids = {(e.kind, e.cell): e.id for e in execution.events if e.thread == 0}
    assert execution.relations["addr"] == {(ids["R", "p"], ids["R", "y"])}
    assert execution.relations["data"] == {(ids["R", "y"], ids["W", "x"])}
    assert execution.relations["ctrl"] == {(ids["R", "y"], ids["W", "y"])}


def test_a_failed_check_ends_the_run_and_is_named() -> None:
    program = straight((Load("a", Const(X), ONCE), Assert(Binary("==", Reg("a"), Const(1)), "one"), add(Y)))
    result = simulate(program)
    assert (result.status, result.failed, result.steps) == ("failed", ("one",), 1)
    assert simulate(program, stop=False).steps == 2


def test_a_violated_invariant_is_named() -> None:
    program = straight((add(X),), invariants=(Assert(Binary("==", FinalMem(X), Const(0)), "still zero"),))
    assert simulate(program).failed == ("still zero",)


def test_a_deadlock_says_who_waits_where() -> None:
    where = ir.Position("m.py", 7)
    held = RmwStmt("l", Const(LOCK), Const(1), ONCE, ONCE, Binary("==", Reg("l"), Const(0)), True, where)
    result = simulate(straight((lock(LOCK), held)))
    assert result.status == "deadlock" and result.waiting == {0: where}
    assert "thread 0 (T0) waits at m.py:7:1" in result.message


def test_waiting_for_a_condition_for_ever_is_stuck_and_no_deadlock() -> None:
    result = simulate(straight((Load("a", Const(X), ONCE), Assume(Reg("a")))))
    assert result.status == "stuck"


def test_an_assumption_that_fails_abandons_the_run() -> None:
    result = simulate(straight((Load("a", Const(X), ONCE), Assign("b", Reg("a")), Assume(Reg("b")), add(Y))))
    assert result.status == "abandoned" and result.ok


def test_the_limit_of_steps_ends_a_run() -> None:
    result = simulate(straight((Loop("ever", (add(X),)),)), max_steps=123)
    assert (result.status, result.steps) == ("steps", 123)


def test_undefined_arithmetic_is_a_failure() -> None:
    body = (Load("a", Const(X), ONCE), Store(Const(Y), Binary("/", Const(1), Reg("a")), ONCE))
    result = simulate(straight(body))
    assert result.failed == ("undefined-value",) and "division by zero" in result.message


def test_an_access_beside_an_object_is_a_failure() -> None:
    cells = {X: Cell("x"), Ptr("p"): Cell("p", values.POINTER, Ptr("x", 64))}
    body = (Load("q", Const(Ptr("p")), ONCE), Load("a", Reg("q"), ONCE))
    result = simulate(straight(body, cells=cells))
    assert result.failed == ("bad-address",) and result.message == "there is no object at &x+64"


def test_locks_waited_for_in_a_circle_are_found_without_a_deadlock() -> None:
    def thread(first: str, second: str) -> tuple[ir.Stmt, ...]:
        cells = {"A": X, "B": Y}
        take = [(lock(cells[n]), Assign(f"@held:{n}", Const(1))) for n in (first, second)]
        drop = [(Store(Const(cells[n]), Const(0), ONCE), Assign(f"@held:{n}", Const(0))) for n in (second, first)]
        return tuple(s for pair in take + drop for s in pair)

    result = simulate(straight(thread("A", "B"), thread("B", "A")), "round-robin:100")
    assert result.status == "finished"
    assert result.lock_cycles == (LockCycle(("A", "B")),)
    assert simulate(straight(thread("A", "B"), thread("A", "B"))).lock_cycles == ()


def test_a_watcher_sees_the_state_and_can_fail_the_run() -> None:
    seen: list[object] = []

    def watch(view: View) -> str | None:
        seen.append(view.read("x"))
        return "too many" if view.memory[view.index(X)] >= 5 else None

    result = simulate(straight(counting(X, 50), (add(X),)), "round-robin:99", watch=watch, watch_every=2)
    assert seen == [2, 4, 6]
    assert result.failed == ("too many",)


def test_pct_finds_a_bug_of_depth_two_at_least_as_often_as_it_promises() -> None:
    check = Assert(Binary("==", Reg("a"), Const(0)), "never seen half done")
    writer: tuple[Stmt, ...] = (Store(Const(X), Const(1), ONCE), *[add(Y)] * 18, Store(Const(X), Const(0), ONCE))
    program = straight(writer, (Load("a", Const(X), ONCE), check))
    machine = Machine(program)
    runs = 400
    found = sum(bool(run(machine, PCTScheduler(seed, 2, 21)).failed) for seed in range(runs))
    assert found >= runs / (2 * 21)


def test_a_spinning_thread_of_high_priority_lets_others_run() -> None:
    spin = Loop("spin", (Load("a", Const(X), ONCE), If(Reg("a"), (Exit("spin"),))))
    machine = Machine(straight((spin,), (Store(Const(X), Const(1), ONCE),)))
    for seed in range(4):
        assert run(machine, PCTScheduler(seed, 1, 10, patience=50), 1000).status == "finished"


def test_round_robin_gives_each_thread_its_quantum() -> None:
    program = straight((add(X),) * 4, (add(Y),) * 4)
    assert str(run(Machine(program), RoundRobinScheduler(3)).schedule) == "0*3 1*3 0 1"


def test_random_choices_are_recorded_and_replayed() -> None:
    sides = ((Assign("a", Const(1)),), (Assign("a", Const(2)),))
    program = straight((ir.Choice(*sides), ir.Choice(*sides), Store(Const(X), Reg("a"), ONCE)), observed=(FinalMem(X),))
    results = [simulate(program, RandomScheduler(seed)) for seed in range(10)]
    assert {r.final[FinalMem(X)] for r in results} == {1, 2}
    for result in results:
        assert replay(program, result.schedule).final == result.final


def test_schedules_are_short_texts() -> None:
    schedule = Schedule([0, 0, 0, 1, 0], [1, 0])
    assert str(schedule) == "0*3 1 0 | 1 0"
    assert Schedule.parse(str(schedule)) == schedule
    assert Schedule.parse("") == Schedule()


@pytest.mark.parametrize("text", ["x", "0*x", "0 | y"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a schedule"):
        Schedule.parse(text)


def test_a_schedule_of_another_program_is_refused() -> None:
    with pytest.raises(InputError, match="threads that test does not have"):
        replay(straight((add(X),)), "0 1")
    with pytest.raises(InputError, match="does not fit"):
        replay(straight((add(X),), (add(X), add(X))), "0*2")


@pytest.mark.parametrize("name", ["lottery", "random:3", "pct:x", "pct:-1", "round-robin:-2"])
def test_unknown_schedulers_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        scheduler(name)


def test_srcu_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="SRCU"):
        simulate(straight((Load("a", Const(X), frozenset({"Srcu-lock"})),)))


# --- generated code against the definition of C's arithmetic ------------------------------------------------------------------

TYPES = [values.INT, values.UINT, values.LONG, values.ULONG, values.SHORT, values.UCHAR]


@st.composite
def arithmetic(draw: st.DrawFn) -> tuple[ir.Expr, values.Value | None]:
    """An expression over a register, and its value by :mod:`smpcheck.program.values` (None: undefined)."""
    ctype = draw(st.sampled_from(TYPES))
    number = st.integers(-(1 << 63), (1 << 64) - 1).map(ctype.wrap)
    op = draw(st.sampled_from(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "<", ">=", "&&", "||"]))
    a = draw(number)
    b = draw(st.integers(0, ctype.bits - 1) if op in ("<<", ">>") else number)
    unary = draw(st.sampled_from(["-", "~", "!", "+"]))
    value: values.Value | None = None
    with suppress(values.UndefinedValue):
        value = values.unary(unary, values.binary(op, a, b, ctype), ctype)
    right: ir.Expr = Const(b) if draw(st.booleans()) else Binary("+", Reg("zero"), Const(b), ctype)
    left: ir.Expr = Const(a) if draw(st.booleans()) else Binary("+", Reg("zero"), Const(a), ctype)
    return ir.Unary(unary, Binary(op, left, right, ctype), ctype), value


@settings(deadline=None, max_examples=300)
@given(arithmetic())
def test_generated_arithmetic_is_c(made: tuple[ir.Expr, int | None]) -> None:
    expr, value = made
    thread = Thread(0, (Load("zero", Const(X), ONCE), Assign("a", expr), Store(Const(Y), Reg("a"), ONCE)), "T", {"zero": INT})
    program = Program("arithmetic", {X: Cell("x"), Y: Cell("y", values.LONG)}, (thread,), observed=(FinalReg(0, "a"),))
    result = simulate(program)
    if value is None:
        assert result.failed == ("undefined-value",)
    else:
        assert result.final == {FinalReg(0, "a"): value}


def test_a_number_that_is_the_number_of_an_address_is_a_number() -> None:
    for number in (BASE, BASE + 7, BASE + STRIDE):
        body = (Assign("a", Const(number)), Store(Const(Y), Reg("a"), ONCE), Assign("p", Const(X)))
        cells = {X: Cell("x"), Y: Cell("y", values.LONG)}
        observed = (FinalReg(0, "a"), FinalMem(Y), FinalReg(0, "p"))
        result = simulate(Program("numbers", cells, (Thread(0, body, "T", {}),), observed=observed))
        assert result.final == {FinalReg(0, "a"): number, FinalMem(Y): number, FinalReg(0, "p"): X}
