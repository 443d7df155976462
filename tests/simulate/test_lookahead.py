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
    FinalReg,
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
from smpcheck.program.values import POINTER, ULONG, Ptr
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
    asked = tuple(FinalReg(t, name) for t in (0, 1) for name in "aior")
    return Program("t", CELLS, (Thread(0, body), Thread(1, (*OTHER, *more))), observed=asked)


def scheduled(*body: Stmt) -> tuple[Persistent, Machine]:
    machine = Machine(program(*body), merge_private=True)
    return Persistent(machine), machine


def cells(ahead: Persistent, mask: int) -> set[str]:
    found = ahead.parts.cells(mask)
    return {str(cell)[1:] for cell, place in ahead.machine.index.items() if place in found}


def future(*body: Stmt, pc: int = 0, **registers: int) -> tuple[Future, Persistent]:
    ahead, machine = scheduled(*body)
    values = [0] * len(machine.registers[0])
    for name, value in registers.items():
        values[machine.registers[0][name]] = value
    return ahead.at(0, pc, values), ahead


def test_a_branch_on_a_known_register_is_taken_one_way() -> None:
    body = (If(Reg("r"), (load("a", X),), (load("a", Y),)), Assign("r", Const(0)))
    assert [cells(m, f.reads) for f, m in (future(*body, r=1), future(*body, r=0))] == [{"x"}, {"y"}]


def test_a_branch_on_a_loaded_register_is_taken_both_ways() -> None:
    found, ahead = future(load("r", Z), If(Reg("r"), (load("a", X),), (load("a", Y),)), r=1)
    assert cells(ahead, found.reads) == {"x", "y", "z"}


def test_a_branch_tells_what_a_register_holds() -> None:
    twice = (load("r", Z), If(Binary("==", Reg("r"), Const(0)), (load("a", X), If(Reg("r"), (load("a", Y),)))))
    found, ahead = future(*twice)
    assert cells(ahead, found.reads) == {"x", "z"}


def test_a_condition_that_an_operation_waits_for_tells_what_it_has_read() -> None:
    free = Rmw("r", Const(Z), Const(1), ONCE, ONCE, Binary("==", Reg("r"), Const(0)))
    found, ahead = future(free, If(Reg("r"), (load("a", Y),)))
    assert cells(ahead, found.touches) == {"z"}


def test_an_address_that_is_known_is_one_cell() -> None:
    body = (load("q", P), add(Reg("q")))
    anything, ahead = future(*body)
    assert cells(ahead, anything.writes) == {"x", "y"}
    known, ahead = future(*body, pc=1, q=ahead.machine.addresses.number(Y))
    assert cells(ahead, known.writes) == cells(ahead, known.here) == {"y"}


def test_a_loop_is_followed_round() -> None:
    body = Loop("loop", (load("r", X), If(Reg("r"), (Exit("loop"),)), load("o", Y)), None)
    found, ahead = future(Block("out", (body, load("a", Z))))
    assert cells(ahead, found.reads) == {"x", "y", "z"}


def test_what_comes_before_a_spinlock_is_told_apart() -> None:
    found, ahead = future(load("a", X), take(LOCK), add(Const(Y)), leave(LOCK))
    reads, writes = found.before[ahead.machine.index[LOCK]]
    assert (cells(ahead, reads), cells(ahead, writes)) == ({"x"}, set())


def test_what_the_holder_of_a_spinlock_protects_goes_alone() -> None:
    body = (take(LOCK), add(Const(X)), leave(LOCK))
    p = Program("t", CELLS, (Thread(0, body), Thread(1, body)))
    machine = Machine(p, merge_private=True)
    ahead = Persistent(machine)

    def alone(pcs: tuple[int, int]) -> bool:
        registers = [[0] * len(names) for names in machine.registers]
        return ahead.alone(0, pcs, [ahead.at(t, pc, registers[t]) for t, pc in enumerate(pcs)])

    assert not alone((0, 0))
    assert alone((1, 0))


def test_a_spinlock_that_another_thread_may_leave_protects_nothing() -> None:
    body = (take(LOCK), add(Const(X)), leave(LOCK))
    p = Program("t", CELLS, (Thread(0, body), Thread(1, (leave(LOCK), *body))))
    machine = Machine(p, merge_private=True)
    ahead = Persistent(machine)
    registers = [[0] * len(names) for names in machine.registers]
    assert not ahead.alone(0, (1, 1), [ahead.at(t, 1, registers[t]) for t in (0, 1)])


class TestBitsOfAWord:
    """Accesses to different bits of one cell do not conflict."""

    @staticmethod
    def asking(cell: Ptr, bit: int) -> tuple[Stmt, ...]:
        return (load("w", cell), Assign("a", Binary("&", Reg("w"), Const(1 << bit))))

    @staticmethod
    def setting(cell: Ptr, bit: int) -> Rmw:
        return Rmw("w", Const(cell), Binary("|", Reg("w"), Const(1 << bit)), ONCE, ONCE)

    def alone(self, mine: tuple[Stmt, ...], others: tuple[Stmt, ...]) -> bool:
        asked = tuple(FinalReg(t, "a") for t in (0, 1))
        machine = Machine(Program("t", CELLS, (Thread(0, mine), Thread(1, others)), observed=asked), merge_private=True)
        ahead = Persistent(machine)
        registers = [[0] * len(names) for names in machine.registers]
        return ahead.alone(0, (0, 0), [ahead.at(t, 0, registers[t]) for t in (0, 1)])

    def test_a_flag_is_tested_while_another_one_is_set(self) -> None:
        assert self.alone(self.asking(X, 5), (self.setting(X, 20),))
        assert not self.alone(self.asking(X, 5), (self.setting(X, 5),))

    def test_flags_are_set_in_any_order(self) -> None:
        assert self.alone((self.setting(X, 5),), (self.setting(X, 20),))
        assert self.alone((self.setting(X, 20),), self.asking(X, 5))

    def test_a_word_that_is_kept_is_read_as_a_whole(self) -> None:
        assert not self.alone((load("a", X),), (self.setting(X, 20),))
        kept = (Rmw("a", Const(X), Binary("|", Reg("a"), Const(1)), ONCE, ONCE),)
        assert not self.alone(kept, (self.setting(X, 20),))

    def test_a_word_that_is_stored_is_written_as_a_whole(self) -> None:
        assert not self.alone(self.asking(X, 5), (Store(Const(X), Const(0), ONCE),))

    def test_a_shift_moves_the_bits_that_matter(self) -> None:
        shifted = (load("w", X), Assign("a", Binary("&", Binary(">>", Reg("w"), Const(5), ULONG), Const(1), ULONG)))
        assert self.alone(shifted, (self.setting(X, 6),))
        assert not self.alone(shifted, (self.setting(X, 5),))


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
