"""A thread's statement tree flattened: instructions with jumps, where each instruction that others can notice is a step.

Steps are loads, stores, read-modify-writes (one step for both halves), the markers of RCU critical sections and grace periods,
and nondeterministic choices. Everything else (assignments, branches, barriers, checks, ghost counters) happens together with
the step before it: under sequential consistency no thread can tell the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.cut import bound_of, is_left_out
from smpcheck.program.events import PAIR, is_partial
from smpcheck.program.flow import defined, expressions, registers_read, statements, used
from smpcheck.program.pieces import Access, touched
from smpcheck.program.tags import GHOST
from smpcheck.program.values import Ptr
from smpcheck.program.waits import awaited


@dataclass(slots=True)
class Step:
    """An event that is a scheduling step. ``guard``: a condition without which it cannot take place; in it, ``reg`` stands for
    the current value of the location. ``blocking``: a thread that cannot go on here waits for a lock."""

    stmt: ir.Load | ir.Store | ir.Rmw
    guard: ir.Expr | None = None
    reg: str = ""
    blocking: bool = False
    waiting: bool = False


@dataclass(slots=True)
class Rcu:
    """An RCU marker: ``lock``, ``unlock``, ``start`` of a grace period, or ``wait`` for its end."""

    what: str
    stmt: ir.Fence


@dataclass(slots=True)
class Turn:
    """A step without an event: the end of a loop's iteration in which there may have been no other step."""


@dataclass(slots=True)
class Local:
    """A statement that no other thread can notice."""

    stmt: ir.Assign | ir.Assert | ir.Assume | ir.Fence | ir.Load | ir.Store | ir.Rmw


@dataclass(slots=True)
class Branch:
    """Go on if ``stmt.cond`` holds, else at ``other``."""

    stmt: ir.If
    other: int = 0


@dataclass(slots=True)
class Jump:
    """Go on at ``to`` (-1: not known yet)."""

    to: int = -1


@dataclass(slots=True)
class Pick:
    """Go on at one of two places."""

    stmt: ir.Choice
    other: int = 0


@dataclass(slots=True)
class End:
    """The thread has ended; or what follows was left out under this label (:mod:`smpcheck.program.cut`)."""

    left_out: str = ""


Instr: TypeAlias = Step | Rcu | Turn | Local | Branch | Jump | Pick | End


class LoopsError(UnsupportedError):
    """A program has loops, and what is asked of it is not for these."""


@dataclass(slots=True)
class Code:
    """A thread's instructions. ``observed``: the registers that are read when it has ended; None: it is not asked which are
    live. ``loops``: the instructions that are in loops.
    """

    thread: ir.Thread
    instrs: list[Instr] = field(default_factory=list)
    observed: frozenset[str] | None = None
    loops: set[int] = field(default_factory=set)
    _live: list[frozenset[str]] = field(default_factory=list)

    @property
    def live(self) -> list[frozenset[str]]:
        """By instruction: the registers that may still be read from there on."""
        if not self._live and self.observed is not None:
            self._live = _liveness(self, self.observed)
        return self._live

    def successors(self, pc: int) -> tuple[int, ...]:
        """Where execution may go on after ``pc``."""
        match self.instrs[pc]:
            case Branch(_, other) | Pick(_, other):
                return (pc + 1, other)
            case Jump(to):
                return (to,)
            case End():
                return ()
        return (pc + 1,)

    def left_out(self) -> dict[int, str]:
        """The instructions at which something was left out, with its label.

        :raises LoopsError: there are loops too: a thread that goes round could hide that another one comes there
        """
        found = {pc: instr.left_out for pc, instr in enumerate(self.instrs) if isinstance(instr, End) and instr.left_out}
        if found and self.loops:
            raise LoopsError("a program of which something was left out, with loops")
        return found

    def position(self, pc: int) -> ir.Position | None:
        """The source position of an instruction."""
        instr = self.instrs[pc]
        return instr.stmt.pos if isinstance(instr, Step | Rcu | Local | Branch | Pick) else None


RCU_TAGS = {"Rcu-lock": "lock", "Rcu-unlock": "unlock", "Sync-rcu": "start"}


def pair_at(body: tuple[ir.Stmt, ...], index: int) -> tuple[ir.Stmt, ...]:
    """The statements from ``index`` on up to the second access of the instruction whose first this is; nothing if it has one.
    (The order of LDIAPP and STILP is left open, as it is under the model sc.)

    :raises UnsupportedError: one half needs what the other does
    """
    first = body[index]
    if not isinstance(first, ir.Load | ir.Store):
        return ()
    end = index + 1
    while end < len(body) and isinstance(body[end], ir.Assign):
        end += 1
    second = body[end] if end < len(body) else None
    if not isinstance(second, ir.Load | ir.Store) or PAIR not in second.tags:
        return ()
    before = body[index:end]
    own = {defined(second), *used(second)} - {None}
    if any(defined(stmt) in own or defined(second) in used(stmt) for stmt in before):
        raise UnsupportedError(
            "a pair of accesses of which one needs the other is not supported in step-by-step runs", second.pos
        )
    return (*before, second)


class _Flattener:
    def __init__(self, thread: ir.Thread, private: frozenset[Ptr], merge: bool) -> None:
        self.code = Code(thread)
        self.private = private
        self.merge = merge
        self.exits: dict[str, list[Jump]] = {}

    def emit(self, instr: Instr) -> int:
        self.code.instrs.append(instr)
        return len(self.code.instrs) - 1

    @property
    def here(self) -> int:
        return len(self.code.instrs)

    def run(self, body: tuple[ir.Stmt, ...], pairs: bool = True) -> None:
        """``pairs``: halves of an instruction that accesses two places may come in either order."""
        index = 0
        while index < len(body):
            stmt = body[index]
            several = pair_at(body, index) if pairs else ()
            if several:
                head = Pick(ir.Choice(several, (several[-1], *several[:-1]), stmt.pos))
                self.two_ways(head, head.stmt.then, head.stmt.other, pairs=False)
                index += len(several)
                continue
            follower = body[index + 1] if index + 1 < len(body) else None
            index += 2 if self.statement(stmt, follower) else 1

    def statement(self, stmt: ir.Stmt, follower: ir.Stmt | None) -> bool:
        """Flatten one statement; true if it has taken in the one that follows."""
        match stmt:
            case ir.Load():
                if stmt.tags & {"Srcu-lock"}:
                    raise UnsupportedError("SRCU is not supported in step-by-step runs", stmt.pos)
                if isinstance(follower, ir.Assume) and stmt.reg in used(follower):
                    self.emit(Step(stmt, follower.cond, stmt.reg))
                    return True
                self.emit(Local(stmt) if self.is_local(stmt) else Step(stmt))
            case ir.Store():
                if stmt.tags & {"Srcu-unlock"}:
                    raise UnsupportedError("SRCU is not supported in step-by-step runs", stmt.pos)
                if stmt.status is not None:
                    raise UnsupportedError("store-conditionals are not supported in step-by-step runs", stmt.pos)
                self.emit(Local(stmt) if self.unnoticed(stmt) else Step(stmt))
            case ir.Rmw():
                if PAIR in stmt.read_tags:
                    raise UnsupportedError("compare-and-swap of a pair is not supported in step-by-step runs", stmt.pos)
                local = GHOST in stmt.read_tags or (stmt.when is None and self.unnoticed(stmt))
                self.emit(Local(stmt) if local else Step(stmt, stmt.when, stmt.old, stmt.blocking))
            case ir.Fence():
                self.fence(stmt)
            case ir.Assign() | ir.Assert() | ir.Assume():
                self.emit(Local(stmt))
            case ir.If():
                self.two_ways(Branch(stmt), stmt.then, stmt.other)
            case ir.Choice():
                self.two_ways(Pick(stmt), stmt.then, stmt.other)
            case ir.Block():
                self.leaving(stmt.label, lambda: self.run(stmt.body))
            case ir.Loop() if (bound := bound_of(stmt.label)) is not None:
                raise UnsupportedError(f"{bound}: step-by-step runs do not know of that bound", stmt.pos)
            case ir.Loop() if is_left_out(stmt.label):
                self.emit(End(stmt.label))
            case ir.Loop() if (wait := awaited(stmt)) is not None and not self.is_local(wait[0]):
                read, condition = wait
                self.emit(Step(read, condition, read.reg, waiting=True))
            case ir.Loop():
                self.leaving(stmt.label, lambda: self.loop(stmt))
            case ir.Exit():
                if stmt.label not in self.exits:
                    raise InputError(f"exit to {stmt.label}, which does not enclose it", stmt.pos)
                jump = Jump()
                self.exits[stmt.label].append(jump)
                self.emit(jump)
        return False

    def is_local(self, load: ir.Load) -> bool:
        return GHOST in load.tags or self.unnoticed(load)

    def unnoticed(self, stmt: Access) -> bool:
        return self.merge and self.is_private(stmt)

    def is_private(self, stmt: Access) -> bool:
        cells = touched(stmt)
        return cells is not None and self.private.issuperset(cells)

    def fence(self, stmt: ir.Fence) -> None:
        if stmt.tags & {"Sync-srcu"}:
            raise UnsupportedError("SRCU is not supported in step-by-step runs", stmt.pos)
        for tag, what in RCU_TAGS.items():
            if tag in stmt.tags:
                self.emit(Rcu(what, stmt))
                if what == "start":
                    self.emit(Rcu("wait", stmt))
                return
        self.emit(Local(stmt))

    def two_ways(self, head: Branch | Pick, then: tuple[ir.Stmt, ...], other: tuple[ir.Stmt, ...], pairs: bool = True) -> None:
        self.emit(head)
        self.run(then, pairs)
        jump = Jump()
        if other or isinstance(head, Pick):
            self.emit(jump)
        head.other = self.here
        self.run(other, pairs)
        jump.to = self.here

    def leaving(self, label: str, body: object) -> None:
        outer = self.exits.get(label)
        self.exits[label] = []
        assert callable(body)
        body()
        for jump in self.exits[label]:
            jump.to = self.here
        if outer is None:
            del self.exits[label]
        else:
            self.exits[label] = outer

    def loop(self, stmt: ir.Loop) -> None:
        top = self.here
        self.run(stmt.body)
        if self.may_be_silent(top, self.here):
            self.emit(Turn())
        self.emit(Jump(top))
        self.code.loops.update(range(top, self.here))

    def may_be_silent(self, start: int, end: int) -> bool:
        """Can control get from ``start`` to ``end`` without a step?"""
        todo, seen = [start], set()
        while todo:
            pc = todo.pop()
            if pc == end:
                return True
            if pc in seen or pc > end or self.is_noticed(self.code.instrs[pc]):
                continue
            seen.add(pc)
            instr = self.code.instrs[pc]
            unresolved = isinstance(instr, Jump) and instr.to < 0
            todo.extend(() if unresolved else self.code.successors(pc))
        return False

    def is_noticed(self, instr: Instr) -> bool:
        """Is this a step, whether or not private accesses are merged?"""
        if isinstance(instr, Step) and instr.guard is None:
            return not self.is_private(instr.stmt)
        return isinstance(instr, Step | Rcu | Turn | Pick)


def _thread_jumps(code: Code) -> None:
    """Let jumps to jumps go to where these lead."""
    instrs = code.instrs

    def target(pc: int) -> int:
        seen = set()
        while isinstance(instrs[pc], Jump) and pc not in seen:
            seen.add(pc)
            pc = instrs[pc].to  # type: ignore[union-attr]
        return pc

    for instr in instrs:
        if isinstance(instr, Jump):
            instr.to = target(instr.to)
        elif isinstance(instr, Branch | Pick):
            instr.other = target(instr.other)


def _liveness(code: Code, observed: frozenset[str]) -> list[frozenset[str]]:
    """Which registers may still be read: a backward data-flow analysis."""
    count = len(code.instrs)
    bits: dict[str, int] = {}

    def mask(names: Iterable[str]) -> int:
        found = 0
        for name in names:
            found |= bits.setdefault(name, 1 << len(bits))
        return found

    uses, kept = [0] * count, [-1] * count
    for pc, instr in enumerate(code.instrs):
        match instr:
            case Step(stmt, guard, reg):
                uses[pc] = mask(used(stmt) | (set(registers_read(guard)) - {reg}))
                killed = defined(stmt)
            case Local(stmt) | Branch(stmt, _):
                uses[pc] = mask(used(stmt))
                killed = defined(stmt)
            case _:
                continue
        if killed is not None:
            kept[pc] = ~mask((killed,))
    last = mask(observed)
    live = [0] * count
    after = [code.successors(pc) for pc in range(count)]
    changed = True
    while changed:
        changed = False
        for pc in range(count - 1, -1, -1):
            now = 0 if after[pc] else last
            for to in after[pc]:
                now |= live[to]
            now = uses[pc] | now & kept[pc]
            if now != live[pc]:
                live[pc] = now
                changed = True
    return named(live, list(bits))


def named(sets: Sequence[int], order: Sequence[str]) -> list[frozenset[str]]:
    """Sets of names that are given as bits; ``order``: the name that each bit stands for."""
    known: dict[int, frozenset[str]] = {}
    for found in sets:
        if found not in known:
            names, rest = [], found
            while rest:
                lowest = rest & -rest
                names.append(order[lowest.bit_length() - 1])
                rest ^= lowest
            known[found] = frozenset(names)
    return [known[found] for found in sets]


def predecessors(code: Code) -> list[int]:
    """For each instruction, how many others lead to it."""
    found = [0] * (len(code.instrs) + 1)
    for pc in range(len(code.instrs)):
        for to in code.successors(pc):
            found[to] += 1
    return found


def joins(code: Code) -> list[int]:
    """For each branch the first instruction that both sides reach; the end for all other instructions."""
    count = len(code.instrs)
    everything = (1 << count) - 1
    follows = [everything] * count
    changed = True
    while changed:
        changed = False
        for pc in range(count - 1, -1, -1):
            after = code.successors(pc)
            mask = _common([follows[to] for to in after], everything) if after else 0
            mask |= 1 << pc
            if mask != follows[pc]:
                follows[pc] = mask
                changed = True
    joins = [count - 1] * count
    for pc, instr in enumerate(code.instrs):
        if isinstance(instr, Branch | Pick):
            # of all that certainly follow, the one from which most of them follow
            certain = follows[pc] & ~(1 << pc)
            size = certain.bit_count()
            joins[pc] = next(
                (to for to in range(count) if certain >> to & 1 and (follows[to] & certain).bit_count() == size), count - 1
            )
    return joins


def _common(masks: Iterable[int], everything: int) -> int:
    result = everything
    for mask in masks:
        result &= mask
    return result


def begins_with_a_fault(body: tuple[ir.Stmt, ...]) -> bool:
    """May the thread compute something undefined before its first access? Then that is a step of its own."""
    for stmt in statements(body):
        if isinstance(stmt, ir.Load | ir.Store | ir.Rmw):
            return False
        if any(expr is not None and is_partial(expr) for expr in expressions(stmt)):
            return True
    return False


def flatten(
    thread: ir.Thread, observed: frozenset[str] | None, private: frozenset[Ptr] = frozenset(), merge: bool = False
) -> Code:
    """A thread's instructions.

    ``observed``: registers that are read when it has ended; None: it is not asked which are live. ``private``: cells whose
    accesses at known addresses no other thread can notice or change; with ``merge`` these accesses are no steps. Instructions are
    numbered alike with and without it.
    """
    flattener = _Flattener(thread, private, merge)
    if begins_with_a_fault(thread.body):
        flattener.emit(Turn())
    flattener.run(thread.body)
    flattener.emit(End())
    code = flattener.code
    code.observed = observed
    _thread_jumps(code)
    return code
