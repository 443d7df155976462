"""A program made ready to run: generated code for its threads, its memory, and the questions asked of a state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from smpcheck.program import ir, values
from smpcheck.program.flow import registers_in_questions, statements
from smpcheck.program.held import held_lock
from smpcheck.program.ir import FinalMem, FinalReg, Position
from smpcheck.program.pieces import Access, covered, final_contents, touched
from smpcheck.program.values import Ptr, Value, truth
from smpcheck.simulate.code import Code, Rcu, flatten
from smpcheck.simulate.generate import ABANDONED, FAILED, FIRST_CELL, Action, Addresses, Generator, Memory, Points, Registers
from smpcheck.simulate.provenance import Provenance


class LockCycle(Struct, frozen=True):
    """Lock classes that are waited for in a circle: somewhere each is waited for while the one before it is held."""

    classes: tuple[str, ...]

    def __str__(self) -> str:
        return " > ".join((*self.classes, self.classes[0]))


class LockGraph:
    """Which lock classes are waited for while which are held, over all runs of a machine (as the kernel's lockdep does)."""

    def __init__(self) -> None:
        self.after: dict[str, set[str]] = {}
        self.cycles: list[LockCycle] = []

    def waits(self, held: Iterable[str], wanted: str) -> None:
        """A thread waits for ``wanted`` while it holds ``held``."""
        for lock in held:
            following = self.after.setdefault(lock, set())
            if wanted not in following:
                following.add(wanted)
                path = self._path(wanted, lock)
                if path is not None:
                    self.cycles.append(LockCycle(tuple(path)))

    def _path(self, start: str, goal: str) -> list[str] | None:
        todo: list[list[str]] = [[start]]
        seen = {start}
        while todo:
            path = todo.pop()
            if path[-1] == goal:
                return path
            for lock in sorted(self.after.get(path[-1], ())):
                if lock not in seen:
                    seen.add(lock)
                    todo.append([*path, lock])
        return None


class Machine:
    """``program`` compiled for step-by-step execution.

    ``merge_private``: accesses that no other thread can notice are no steps (for exploring all schedules).

    :raises UnsupportedError: the program uses what step-by-step runs do not support (SRCU)
    """

    def __init__(self, program: ir.Program, merge_private: bool = False) -> None:
        self.program = program
        self.addresses = Addresses(program)
        self.index: dict[Ptr, int] = {p: FIRST_CELL + i for i, p in enumerate(program.cells)}
        self._bit_at = {self.addresses.number(cell): 1 << place for cell, place in self.index.items()}
        self.locks = LockGraph()
        self.checks: dict[str, int] = {}
        wanted = registers_in_questions(program)
        self.private = private_cells(program)
        self.provenance = Provenance(program)
        self.codes: list[Code] = []
        self.points: list[Points] = []
        self.starts: list[Action] = []
        self.registers: list[dict[str, int]] = []
        self._held: list[list[tuple[str, int]]] = []
        for number, thread in enumerate(program.threads):
            code = flatten(thread, frozenset(wanted.get(thread.index, ())), self.private, merge_private)
            self.codes.append(code)
            registers = self._generate(number, code)
            for name in wanted.get(thread.index, ()):
                registers.setdefault(name, len(registers))
            self.registers.append(registers)
            self._held.append([(lock, i) for name, i in registers.items() if (lock := held_lock(name)) is not None])
        self.uses_rcu = any(isinstance(i, Rcu) for code in self.codes for i in code.instrs)
        initial = [self.addresses.number(cell.init) for cell in program.cells.values()]
        self.initial: Memory = [0, 0, *initial, *[0] * (2 * len(program.threads))]

    def _generate(self, number: int, code: Code) -> dict[str, int]:
        """Make a thread's functions; the indices of its registers."""
        threads = len(self.program.threads)
        generator = Generator(
            code, number, threads, self.index, self.addresses, self.checks, self.provenance, self.program, self._on_lock
        )
        points, start, registers = generator.generate()
        self.points.append(points)
        self.starts.append(start)
        return registers

    @property
    def check_names(self) -> list[str]:
        """Names of checks, by bit number of ``m[0]``."""
        return list(self.checks)

    def covered(self, stmt: Access, number: int) -> int:
        """The cells, as bits by index in memory, that an access covers if it is to this address; none: it is a fault there."""
        if not self.program.mixed:
            return self._bit_at.get(number, 0)
        try:
            return sum(1 << self.index[cell] for cell in covered(stmt, self.addresses.value(number), self.program))
        except KeyError:
            return 0

    def _on_lock(self, thread: int, name: str, r: Registers, waited: bool) -> None:
        if waited:
            held = [other for other, i in self._held[thread] if r[i] and (other != name or r[i] > 1)]
            self.locks.waits(held, name)

    def fresh(self) -> tuple[list[Registers], Memory]:
        """Registers and memory before the first step."""
        return [[0] * len(registers) for registers in self.registers], list(self.initial)

    def failed(self, m: Memory) -> frozenset[str]:
        """The names of the checks that have failed."""
        mask = m[FAILED]
        return frozenset(name for name, bit in self.checks.items() if mask >> bit & 1) if mask else frozenset()

    def abandoned(self, m: Memory) -> bool:
        """Did an assumption fail, so that this is not an execution?"""
        return bool(m[ABANDONED])

    # final states

    def value_of(self, atom: FinalReg | FinalMem, rs: list[Registers], m: Memory) -> Value:
        """A register's or a cell's value."""
        if isinstance(atom, FinalMem):
            whole = final_contents(atom, self.program)
            if whole is not None:
                return self.evaluate(whole, rs, m)
            return self.shown(atom, m[self.index[atom.cell]]) if atom.cell in self.index else 0
        number = next((n for n, t in enumerate(self.program.threads) if t.index == atom.thread), None)
        if number is None or atom.name not in self.registers[number]:
            return 0
        return self.shown(atom, rs[number][self.registers[number][atom.name]])

    def shown(self, atom: FinalReg | FinalMem, number: int) -> Value:
        """The value that a number in this register or cell stands for: an integer of the program's own may be equal to an
        address's number, and is an integer all the same."""
        return self.addresses.value(number) if self.provenance.may_point(atom, 0) else number

    def holds(self, expr: ir.Expr, rs: list[Registers], m: Memory) -> bool:
        """Is a condition over the final state true?"""
        return truth(self.evaluate(expr, rs, m))

    def evaluate(self, expr: ir.Expr, rs: list[Registers], m: Memory) -> Value:
        """The value of an expression over the final state. Raises UndefinedValue where C leaves it undefined."""
        match expr:
            case ir.Const(value):
                return value
            case ir.FinalReg() | ir.FinalMem():
                return self.value_of(expr, rs, m)
            case ir.Unary(op, arg, ctype):
                return values.unary(op, self.evaluate(arg, rs, m), ctype)
            case ir.Cast(ctype, arg):
                return ctype.wrap(self.evaluate(arg, rs, m))
            case ir.Binary(op, left, right, ctype):
                return values.binary(op, self.evaluate(left, rs, m), self.evaluate(right, rs, m), ctype)
            case ir.Conditional(cond, then, other):
                return self.evaluate(then if truth(self.evaluate(cond, rs, m)) else other, rs, m)
        raise AssertionError(type(expr).__name__)

    def final_failures(self, rs: list[Registers], m: Memory) -> frozenset[str]:
        """Failed checks of a final state: those on the way and the violated invariants."""
        return self.failed(m) | {i.name for i in self.program.invariants if not self.holds(i.cond, rs, m)}

    def final_state(self, rs: list[Registers], m: Memory) -> tuple[tuple[FinalReg | FinalMem, Value], ...]:
        """What the program observes of a final state."""
        return tuple((atom, self.value_of(atom, rs, m)) for atom in self.program.observed)

    def position(self, thread: int, pc: int) -> Position | None:
        """Where a thread stands."""
        return self.codes[thread].position(pc)


def accesses(body: Sequence[ir.Stmt]) -> Iterator[tuple[Ptr | None, bool]]:
    """The cells that statements access (None: some cell), and whether they may write."""
    for stmt in statements(body):
        if isinstance(stmt, ir.Load | ir.Store | ir.Rmw):
            for known in touched(stmt) or (None,):
                yield known, not isinstance(stmt, ir.Load)


def private_cells(program: ir.Program) -> frozenset[Ptr]:
    """Cells whose accesses at known addresses cannot be noticed by other threads: one thread's own, or never written."""
    by_thread = [set(accesses(thread.body)) for thread in program.threads]
    result = set()
    for cell in program.cells:
        users = [n for n, found in enumerate(by_thread) if any(c is None or c == cell for c, _ in found)]
        writes = any(w and (c is None or c == cell) for found in by_thread for c, w in found)
        if len(users) <= 1 or not writes:
            result.add(cell)
    return frozenset(result)
