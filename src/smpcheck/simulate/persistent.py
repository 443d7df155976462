"""Steps that can be taken first, before any step of another thread, without losing an outcome (sequential consistency).

If no access that another thread may still make conflicts with a thread's next step, only that step is explored (a persistent set
with one member; Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996, chapter 4). Accesses that a
thread can make only after it has taken a spinlock come after all that the present holder does before it releases the lock.

Two accesses to one cell conflict only where one changes bits that the other reads or changes
(:mod:`smpcheck.simulate.bit_parts`): ``PageLRU(page)`` and ``TestClearPageMlocked(page)`` may take effect in either order.
The registers then differ only in bits that are not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from smpcheck.program import ir
from smpcheck.program.bit_rows import bits
from smpcheck.simulate.bit_parts import cut_into_parts
from smpcheck.simulate.code import Code, Local, Step
from smpcheck.simulate.generate import Registers
from smpcheck.simulate.lookahead import LOCK, MIXED, Future, Futures, kinds_of, pickers
from smpcheck.simulate.machine import Machine
from smpcheck.simulate.pointers import PointsTo, points_to


class Act(Struct, frozen=True):
    """A step and the cells that it may access, as bits by index in memory."""

    stmt: ir.Load | ir.Store | ir.Rmw
    mask: int
    full: bool = False
    observes: int = 0

    @property
    def acquire(self) -> bool:
        """Is the step an acquire? Under sequential consistency every step is one."""
        return True

    release = acquire


class Persistent:
    """The persistent sets of one step of a machine's program. ``codes``: its threads' as far as they are explored, if it
    is not all of them."""

    def __init__(self, machine: Machine, codes: Sequence[Code] | None = None) -> None:
        self.machine = machine
        self.registers = machine.registers
        find = points_to if codes is None else PointsTo
        self.codes = codes = machine.codes if codes is None else codes
        self.first = [n for n, thread in enumerate(machine.program.threads) if not thread.after]
        self.others = [tuple(u for u in self.first if u != t) for t in range(len(codes))]
        numbers = {machine.addresses.number(cell): place for cell, place in machine.index.items()}
        pointers = find(machine.program, codes, machine.addresses)
        self.numbers, self.pointers = numbers, pointers
        steps: list[dict[int, Act]] = []
        for t, code in enumerate(codes):
            own = {}
            for pc, instr in enumerate(code.instrs):
                if isinstance(instr, Step):
                    known = sum(1 << numbers[x] for x in pointers.of_access(t, pc) if x in numbers)
                    own[pc] = Act(instr.stmt, known)
            steps.append(own)
        self.steps = steps
        kinds = kinds_of([steps[t] for t in self.first], numbers.values())
        self.held = [_held(code, own, kinds) for code, own in zip(codes, steps, strict=True)]
        for t in self.first:
            for pc, act in steps[t].items():
                if isinstance(act.stmt, ir.Store):
                    for place in bits(act.mask):
                        if kinds[place] == LOCK and place not in self.held[t][pc]:
                            kinds[place] = MIXED  # it may be left by a thread that does not hold it
        self.parts = cut_into_parts(codes, steps, max(numbers.values(), default=0) + 1)
        marker = 1 << self.parts.end
        self.futures = [
            Futures(code, own, kinds, machine.covered, machine.addresses, {}, 0, marker=marker, parts=parts)
            for code, own, parts in zip(codes, steps, self.parts.by_thread, strict=True)
        ]
        self.keys = [pickers(ahead.live, names) for ahead, names in zip(self.futures, self.registers, strict=True)]

    def at(self, t: int, pc: int, registers: Registers) -> Future:
        """The future of a thread."""
        return self.futures[t].at(pc, self.keys[t][pc](registers), registers, self.registers[t])

    def changing(self) -> list[int]:
        """The indices in memory of all that the threads, as far as they are explored, may change."""
        everything = range(len(self.machine.initial))
        if self.machine.program.mixed:
            return list(everything)
        written = {
            self.numbers[x]
            for t, code in enumerate(self.codes)
            for pc, instr in enumerate(code.instrs)
            if isinstance(instr, Step | Local) and isinstance(instr.stmt, ir.Store | ir.Rmw)
            for x in self.pointers.of_access(t, pc)
            if x in self.numbers
        }
        cells = set(self.numbers.values())
        return [place for place in everything if place not in cells or place in written]

    def alone(self, t: int, pcs: Sequence[int], futures: Sequence[Future]) -> bool:
        """Can the next step of a thread be taken before every step that others may take?"""
        future = futures[t]
        here, writes = future.here, future.here_writes
        if not here:
            return False
        held = self.held[t][pcs[t]]
        for u in self.others[t]:
            other = futures[u]
            if (other.touches & writes or other.writes & here) and not (held and _after_a_lock(held, other, here, writes)):
                return False
        return True


def _after_a_lock(held: Iterable[int], other: Future, here: int, writes: int) -> bool:
    """Does another thread have to take one of these spinlocks, which ``t`` holds, before all that conflicts with the next step of
    ``t``?"""
    touched, written = other.touches & writes, other.writes & here
    for lock in held:
        before = other.before.get(lock)
        if before is not None:
            touched &= before[0] | before[1]
            written &= before[1]
    return not touched and not written


def _held(code: Code, steps: dict[int, Act], kinds: dict[int, int]) -> list[frozenset[int]]:
    """The spinlocks that a thread holds before each instruction, whichever way it came there, by index of their cells."""
    count = len(code.instrs)
    held: list[frozenset[int] | None] = [None] * count
    held[0] = frozenset()
    todo = [0]
    while todo:
        pc = todo.pop()
        now = held[pc]
        assert now is not None
        act = steps.get(pc)
        if act is not None and act.mask.bit_count() == 1 and kinds.get(place := act.mask.bit_length() - 1) == LOCK:
            now = now | {place} if isinstance(act.stmt, ir.Rmw) else now - {place} if isinstance(act.stmt, ir.Store) else now
        elif act is not None and isinstance(act.stmt, ir.Store):
            now = now - set(bits(act.mask))
        for to in code.successors(pc):
            before = held[to]
            after = now if before is None else before & now
            if after != before:
                held[to] = after
                todo.append(to)
    return [h if h is not None else frozenset() for h in held]
