"""Each step of a thread as separate functions: its address, its guard, its value, and the code up to the next step.

The view machine needs them one by one, because it chooses between address and value which value a load reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from smpcheck.errors import UnsupportedError
from smpcheck.program import ir, tags
from smpcheck.simulate.code import Code, Local, Pick, Rcu, Step, Turn, predecessors
from smpcheck.simulate.generate import Generator, Memory, Registers

FULL = "mb"
"""A full barrier as a step."""


@dataclass(slots=True)
class Access:
    """A step.

    ``places``: the indices of its cells in memory, none if they are to be computed by ``where``. ``mask``: the cells that it may
    be to, as bits by index in memory. ``guard``: may the old contents of the cells be these? ``value``: the new ones. ``target``:
    the register that the old value goes to, -1 if there is none; ``whole`` puts it together. ``go_on``: to the next point.
    ``full``: it is a full barrier on both sides.
    """

    stmt: ir.Load | ir.Store | ir.Rmw
    places: tuple[int, ...]
    mask: int
    where: Callable[[Registers], tuple[int, ...]]
    guard: Callable[[Registers, Sequence[int]], Any] | None
    value: Callable[[Registers], tuple[int, ...]]
    whole: Callable[[Sequence[int]], int]
    target: int
    go_on: Callable[[Registers, Memory], int]
    plain: bool
    acquire: bool
    release: bool
    full: bool
    blocking: bool
    waiting: bool
    observes: int = 0

    @property
    def reads(self) -> bool:
        """Is it a load or an atomic operation?"""
        return self.target >= 0

    @property
    def reads_only(self) -> bool:
        """Is it a load?"""
        return isinstance(self.stmt, ir.Load)


_ACCESSES = frozenset(("RMW", *tags.names("C", lambda tag: bool(tag.views) and tag.kind in ("access", "detail"))))
_BARRIERS = frozenset(tags.names("C", lambda tag: bool(tag.views) and tag.kind == "barrier"))
_FULL_AFTER = {b: after for b in _BARRIERS if (after := tags.ROWS[b].views.removeprefix("full after ")) != tags.ROWS[b].views}
"""Barriers that are full where the last access before them has this tag."""


class Parts(Generator):
    """The functions of one thread, each step in parts."""

    def parts(self, x86: bool) -> tuple[dict[int, Access], dict[int, Callable[[Registers, Memory], int]], Any]:
        """The steps, for each other point the function that goes on from it, and the function that starts the thread."""
        instrs = self.code.instrs
        self.predecessors = predecessors(self.code)
        others: list[tuple[int, int]] = []
        for pc, instr in enumerate(instrs):
            if isinstance(instr, Step):
                self._step(pc, instr)
            elif isinstance(instr, Rcu | Turn):
                others.append((pc, pc + 1))
            elif isinstance(instr, Pick):
                others += [(pc + 1, pc + 1), (instr.other, instr.other)]
        for name, after in dict(others).items():
            self._onward(f"o{name}", after)
        self.wanted.append(0)
        while self.wanted:
            pc = self.wanted.pop()
            if pc not in self.made:
                self.made.add(pc)
                self._onward(f"q{pc}", pc)
        space = self.compiled()
        steps = {pc: self._access(pc, i, space, x86) for pc, i in enumerate(instrs) if isinstance(i, Step)}
        return steps, {name: space[f"o{name}"] for name in dict(others)}, space["q0"]

    def _onward(self, name: str, pc: int) -> None:
        body: list[str] = []
        self.waited = False
        self.go_on(pc, " ", body)
        self.function(name, body)

    def _step(self, pc: int, instr: Step) -> None:
        stmt = instr.stmt
        if not self._places(stmt):
            found = self.looked_up(stmt) if self.in_sizes(stmt) else f"(ix[{self.expr(stmt.addr)}],)"
            self.lines.append(f"def a{pc}(r): return {found}")
        if not isinstance(stmt, ir.Store):
            whole = self.whole(stmt, [f"old[{j}]" for j in range(len(stmt.pieces) or 1)])
            if stmt.pieces:
                self.lines.append(f"def w{pc}(old): return {whole}")
            if instr.guard is not None:
                self.lines.append(f"def g{pc}(r, old): return {self.expr(instr.guard, {instr.reg: whole})}")
        if not isinstance(stmt, ir.Load):
            self.lines.append(f"def v{pc}(r): return ({', '.join(self.parts_of(stmt))},)")
        self._onward(f"k{pc}", pc + 1)

    def _places(self, stmt: ir.Load | ir.Store | ir.Rmw) -> tuple[int, ...]:
        """The indices of the cells at a known address; none where it is to be computed, or there is nothing."""
        return self.known_places(stmt) or ()

    def _access(self, pc: int, instr: Step, space: dict[str, Any], x86: bool) -> Access:
        stmt = instr.stmt
        places = self._places(stmt)
        match stmt:
            case ir.Load():
                own, target = stmt.tags, self.registers.setdefault(stmt.reg, len(self.registers))
            case ir.Store():
                own, target = stmt.tags, -1
            case ir.Rmw():
                own, target = stmt.read_tags | stmt.write_tags, self.registers.setdefault(stmt.old, len(self.registers))
        if not own <= _ACCESSES:
            raise UnsupportedError(f"{stmt.text or 'this access'} is of a kind that the view machine does not support", stmt.pos)
        return Access(
            stmt,
            places,
            0,
            space.get(f"a{pc}", _nowhere),
            space.get(f"g{pc}"),
            space.get(f"v{pc}", _nowhere),
            space.get(f"w{pc}", itemgetter(0)),
            target,
            space[f"k{pc}"],
            not own and not x86,
            x86 or "Acquire" in own,
            x86 or "Release" in own,
            x86 and isinstance(stmt, ir.Rmw),
            instr.blocking,
            instr.waiting,
        )


def _nowhere(r: Registers) -> tuple[int, ...]:
    raise AssertionError("this step has no such part")


def with_barriers(code: Code, x86: bool) -> None:
    """Make full barriers steps of their own; the markers of RCU's critical sections are no steps."""
    after = {barrier: _only_before(code, tag) for barrier, tag in _FULL_AFTER.items()}
    for pc, instr in enumerate(code.instrs):
        if isinstance(instr, Rcu):
            if instr.what not in ("lock", "unlock"):
                raise UnsupportedError("grace periods are not supported by the view machine", instr.stmt.pos)
            code.instrs[pc] = Local(instr.stmt)
        elif isinstance(instr, Local) and isinstance(instr.stmt, ir.Fence):
            own = instr.stmt.tags
            if "Mb" in own or (not x86 and any(tag in own and certain[pc] for tag, certain in after.items())):
                code.instrs[pc] = Rcu(FULL, instr.stmt)
            elif not own <= _BARRIERS:
                raise UnsupportedError(
                    f"{instr.stmt.text or 'this barrier'} is not supported by the view machine", instr.stmt.pos
                )


def _only_before(code: Code, tag: str) -> list[bool]:
    """For each instruction: has the last access before it this tag, whichever way it is reached?"""
    nothing, tagged, other = 0, 1, 2
    count = len(code.instrs)
    before = [nothing] * count
    before[0] = other
    changed = True
    while changed:
        changed = False
        for pc, instr in enumerate(code.instrs):
            after = before[pc]
            if isinstance(instr, Step | Local) and isinstance(instr.stmt, ir.Load | ir.Store | ir.Rmw):
                stmt = instr.stmt
                tags = stmt.read_tags | stmt.write_tags if isinstance(stmt, ir.Rmw) else stmt.tags
                after = tagged if tag in tags else other
            for to in code.successors(pc):
                if before[to] | after != before[to]:
                    before[to] |= after
                    changed = True
    return [b == tagged for b in before]
