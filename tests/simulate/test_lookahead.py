"""What threads may still do, from where they are and with what their registers hold."""

from __future__ import annotations

from smpcheck.program.ir import (
    Assign,
    Binary,
    Block,
    Cell,
    Const,
    Exit,
    Expr,
    Fence,
    If,
    Load,
    Loop,
    Program,
    Reg,
    Rmw,
    Stmt,
    Store,
    Thread,
)
from smpcheck.program.values import POINTER, Ptr
from smpcheck.simulate.explore import live_registers
from smpcheck.simulate.lookahead import Future
from smpcheck.simulate.machine import Machine
from smpcheck.simulate.persistent import Persistent
from smpcheck.simulate.view_machine import _Runs

X, Y, Z, LOCK, P = Ptr("x"), Ptr("y"), Ptr("z"), Ptr("lock"), Ptr("p")
CELLS = {X: Cell("x"), Y: Cell("y"), Z: Cell("z"), LOCK: Cell("lock"), P: Cell("p", POINTER, X)}
ONCE = frozenset({"Once"})
MB = Fence(frozenset({"Mb"}))
OTHER = tuple(
    stmt for cell in (X, Y, Z) for stmt in (Load("o", Const(cell), ONCE), Rmw("o", Const(cell), Reg("o"), ONCE, ONCE))
)  # fmt: skip
"""What the other thread does: nothing is private."""


def load(reg: str, cell: Ptr) -> Load:
    return Load(reg, Const(cell), ONCE)


def add(address: Expr) -> Rmw:
    return Rmw("i", address, Binary("+", Reg("i"), Const(1)), ONCE | {"Acquire"}, ONCE)


def take(cell: Ptr) -> Rmw:
    taking = frozenset({"LKR", "Acquire"})
    return Rmw("l", Const(cell), Const(1), taking, frozenset({"LKW"}), Binary("==", Reg("l"), Const(0)), True)


def leave(cell: Ptr) -> Store:
    return Store(Const(cell), Const(0), frozenset({"UL", "Release"}))


def program(*body: Stmt) -> Program:
    more = (take(LOCK), leave(LOCK), Load("o", Const(P), ONCE), Store(Const(P), Const(Y), ONCE))
    return Program("t", CELLS, (Thread(0, body), Thread(1, (*OTHER, *more))))


def scheduled(*body: Stmt) -> tuple[Persistent, Machine]:
    machine = Machine(program(*body), merge_private=True)
    return Persistent(machine, live_registers(machine)), machine


def cells(machine: Machine, mask: int) -> set[str]:
    return {str(cell)[1:] for cell, place in machine.index.items() if mask >> place & 1}


def future(*body: Stmt, pc: int = 0, **registers: int) -> tuple[Future, Machine]:
    ahead, machine = scheduled(*body)
    values = [0] * len(machine.registers[0])
    for name, value in registers.items():
        values[machine.registers[0][name]] = value
    return ahead.at(0, pc, values), machine


def test_a_branch_on_a_known_register_is_taken_one_way() -> None:
    body = (If(Reg("r"), (load("a", X),), (load("a", Y),)), Assign("r", Const(0)))
    assert [cells(m, f.reads) for f, m in (future(*body, r=1), future(*body, r=0))] == [{"x"}, {"y"}]


def test_a_branch_on_a_loaded_register_is_taken_both_ways() -> None:
    found, machine = future(load("r", Z), If(Reg("r"), (load("a", X),), (load("a", Y),)), r=1)
    assert cells(machine, found.reads) == {"x", "y", "z"}


def test_a_branch_tells_what_a_register_holds() -> None:
    twice = (load("r", Z), If(Binary("==", Reg("r"), Const(0)), (load("a", X), If(Reg("r"), (load("a", Y),)))))
    found, machine = future(*twice)
    assert cells(machine, found.reads) == {"x", "z"}


def test_a_condition_that_an_operation_waits_for_tells_what_it_has_read() -> None:
    free = Rmw("r", Const(Z), Const(1), ONCE, ONCE, Binary("==", Reg("r"), Const(0)))
    found, machine = future(free, If(Reg("r"), (load("a", Y),)))
    assert cells(machine, found.touches) == {"z"}


def test_an_address_that_is_known_is_one_cell() -> None:
    body = (load("q", P), add(Reg("q")))
    anything, machine = future(*body)
    assert cells(machine, anything.writes) == {"x", "y"}
    known, machine = future(*body, pc=1, q=machine.addresses.number(Y))
    assert cells(machine, known.writes) == cells(machine, known.here) == {"y"}


def test_a_loop_is_followed_round() -> None:
    body = Loop("loop", (load("r", X), If(Reg("r"), (Exit("loop"),)), load("a", Y)), None)
    found, machine = future(Block("out", (body, load("a", Z))))
    assert cells(machine, found.reads) == {"x", "y", "z"}


def test_what_comes_before_a_spinlock_is_told_apart() -> None:
    found, machine = future(load("a", X), take(LOCK), add(Const(Y)), leave(LOCK))
    reads, writes = found.before[machine.index[LOCK]]
    assert cells(machine, reads) == {"x", "lock"} and cells(machine, writes) == {"lock"}


def test_what_the_holder_of_a_spinlock_protects_goes_alone() -> None:
    body = (take(LOCK), add(Const(X)), leave(LOCK))
    p = Program("t", CELLS, (Thread(0, body), Thread(1, body)))
    machine = Machine(p, merge_private=True)
    ahead = Persistent(machine, live_registers(machine))

    def alone(pcs: tuple[int, int]) -> bool:
        registers = [[0] * len(names) for names in machine.registers]
        return ahead.alone(0, pcs, [ahead.at(t, pc, registers[t]) for t, pc in enumerate(pcs)])

    assert not alone((0, 0))
    assert alone((1, 0))


def test_a_spinlock_that_another_thread_may_leave_protects_nothing() -> None:
    body = (take(LOCK), add(Const(X)), leave(LOCK))
    p = Program("t", CELLS, (Thread(0, body), Thread(1, (leave(LOCK), *body))))
    machine = Machine(p, merge_private=True)
    ahead = Persistent(machine, live_registers(machine))
    registers = [[0] * len(names) for names in machine.registers]
    assert not ahead.alone(0, (1, 1), [ahead.at(t, 1, registers[t]) for t in (0, 1)])


class TestWhatMakesAThreadKnowMore:
    def synced(self, *body: Stmt) -> dict[str, set[frozenset[str]]]:
        """For each location that is looked at, on each way what is passed before."""
        runs = _Runs(program(*body), False, 1000, None)
        names = {-1: "mb"} | {place: str(cell)[1:] for cell, place in runs.machine.index.items()}
        registers = runs.machine.fresh()[0][0]
        start = runs.starts[0](registers, list(runs.machine.initial))
        found = runs.futures[0].at(start, runs.keys[0][start](registers), registers, runs.machine.registers[0])
        return {
            names[place]: {frozenset(names[at] for bit, at in runs.futures[0].syncs if one & bit) for one in family}
            for place, family in found.synced.items()
        }

    def test_a_load_looks_without_and_after_a_barrier_with_it(self) -> None:
        assert self.synced(load("a", X), MB, load("b", Y)) == {"x": {frozenset()}, "y": {frozenset({"mb"})}}

    def test_each_way_has_its_own(self) -> None:
        body = (load("a", Z), If(Reg("a"), (MB,), (take(LOCK), leave(LOCK))), load("b", X))
        assert self.synced(*body)["x"] == {frozenset({"mb"}), frozenset({"lock"})}

    def test_a_way_with_less_stands_for_one_with_more(self) -> None:
        body = (load("a", Z), MB, If(Reg("a"), (take(LOCK), leave(LOCK))), load("b", X))
        assert self.synced(*body)["x"] == {frozenset({"mb"})}

    def test_who_has_made_an_atomic_operation_knows_the_last_value(self) -> None:
        assert "x" not in self.synced(add(Const(X)), load("a", X))
