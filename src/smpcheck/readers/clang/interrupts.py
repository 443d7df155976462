"""Interrupt handlers: an interruption is a choice at each step of the thread, and the handler's code stands there.

On one CPU a handler runs between two steps of what it interrupts, to its end. So the events of an execution in which it comes in
are those of the thread, with the handler's in between, in program order: the memory model sees one thread, and every engine can
do with it what it does with any other. That is what this module makes: before each event of the thread a choice whether the
handler comes in here. It does where interrupts are enabled, and once at most.

*Where places are left out.* What a handler does cannot depend on the thread's registers, and does not change them. So it is
enough that it may come in before each event, where interrupts are about to be disabled or a section that RCU waits for is about
to begin, and at the end. Before a branch is
enough, too, in place of before the first event inside: there it would only be bound by a control dependency more.

*Races.* Between a thread and what interrupts it on its CPU there is no data race in the model's sense: there is one order of all
that they do. But a compiler makes several instructions of a plain access, or one of several, and the handler may come in between.
So where the next step of the thread is a plain access, a handler that comes in there must not touch the same place, if one of the
two writes: that is what KCSAN finds with CONFIG_KCSAN_INTERRUPT_WATCHER. (The handler's own accesses are never cut short by the
thread.) That a compiler moves plain accesses over others, where no barrier() is, is not looked at.

*Waiting.* An interrupt that is still to come ends a wait for what its handler does. Rounds of a loop that only reads leave
nothing behind (:mod:`smpcheck.program.waits`), so a handler that comes in while the thread waits may as well come in before.
And where it has not come, and could, an execution in which the thread waits for ever is none (interrupts are fair). So such a
wait is there twice: as it is, where no handler can come any more; and as one that ends, where one could, but does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import LimitError
from smpcheck.program import ir
from smpcheck.program.flow import defined, live_at_head, statements, with_atoms, with_expressions
from smpcheck.program.values import INT, POINTER, CType, Ptr, truth
from smpcheck.program.waits import MARKERS
from smpcheck.readers.clang.read_sections import ENTERS, is_edge
from smpcheck.readers.clang.simplify import folded

IRQS_OFF = "interrupts disabled"
"""The register that says whether interrupts are disabled on the thread's CPU: 0 or 1."""
BH_OFF = "bottom halves disabled"
"""The register that counts how often bottom halves (softirqs) are disabled there."""
CPU_STATE = (IRQS_OFF, BH_OFF)
"""These two belong to the CPU, not to one of the functions that run on it; registers of bookkeeping, ``@...``, do too."""
INTERRUPT_RACE = "interrupt-race"
"""The assertion that no handler comes in in the middle of a plain access to what it touches itself."""
MAX_STATEMENTS = 100_000
Access: TypeAlias = ir.Load | ir.Store


class Handler(Struct, frozen=True):
    """What may interrupt a thread, as code that uses no register of the thread's. ``soft``: a softirq, which hard interrupts may
    interrupt in turn."""

    name: str
    body: tuple[ir.Stmt, ...]
    reg_types: Mapping[str, CType]
    soft: bool

    @classmethod
    def of(cls, thread: ir.Thread, soft: bool) -> Handler:
        """The handler whose code was read as a thread."""

        def own(name: str) -> str:
            return name if name in CPU_STATE or name.startswith("@") else f"{thread.name}:{name}"

        types = {own(name): ctype for name, ctype in thread.reg_types.items()}
        return cls(thread.name, tuple(_renamed(thread.body, own)), types, soft)

    @property
    def came(self) -> str:
        """The register that says whether it has come in."""
        return f"{self.name} came"


def _renamed(body: Sequence[ir.Stmt], own: Callable[[str], str]) -> Iterator[ir.Stmt]:
    """``body`` with other registers."""

    def atom(expr: ir.Expr) -> ir.Expr:
        return ir.Reg(own(expr.name)) if isinstance(expr, ir.Reg) else expr

    for stmt in body:
        stmt = with_expressions(stmt, lambda expr: with_atoms(expr, atom))
        match stmt:
            case ir.Assign() | ir.Load():
                stmt = replace(stmt, reg=own(stmt.reg))
            case ir.Store() if stmt.status is not None:
                stmt = replace(stmt, status=own(stmt.status))
            case ir.Rmw():
                stmt = replace(stmt, old=own(stmt.old))
            case ir.If() | ir.Choice():
                stmt = replace(stmt, then=tuple(_renamed(stmt.then, own)), other=tuple(_renamed(stmt.other, own)))
            case ir.Block() | ir.Loop():
                stmt = replace(stmt, body=tuple(_renamed(stmt.body, own)))
        yield stmt


def interrupted(thread: ir.Thread, handlers: Sequence[Handler]) -> ir.Thread:
    """``thread`` on a CPU with these handlers. Without any, what is known of :data:`CPU_STATE` is only filled in.

    :raises LimitError: that would be too large
    """
    types = dict(thread.reg_types)
    for one in handlers:
        types |= {**one.reg_types, one.came: INT}
    types |= dict.fromkeys(CPU_STATE, INT)
    first = {reg: ir.Const(0) for reg in (*CPU_STATE, *(one.came for one in handlers))}
    body = _Walk(thread.name, tuple(handlers)).whole(thread.body, first)
    return replace(thread, body=(*(ir.Assign(reg, value) for reg, value in first.items()), *body), reg_types=types)


@dataclass(slots=True)
class _State:
    """What is known where the walk stands: the registers of constant value; and ``fresh``: has there been a place for handlers
    since the last event?"""

    known: dict[str, ir.Const]
    fresh: bool = False

    def copy(self) -> _State:
        return _State(dict(self.known), self.fresh)


def _join(states: Sequence[_State | None]) -> _State | None:
    """What is known where several ways meet; None: no way leads there."""
    ways = [state for state in states if state is not None]
    if not ways:
        return None
    first, *others = ways
    known = {reg: value for reg, value in first.known.items() if all(other.known.get(reg) == value for other in others)}
    return _State(known, all(way.fresh for way in ways))


class _Walk:
    """Puts handlers into the code of one thread. ``after``: the state behind what was walked through last."""

    def __init__(self, name: str, handlers: tuple[Handler, ...]) -> None:
        self.name = name
        self.handlers = handlers
        self.after: _State | None = None
        self.exits: dict[str, list[_State]] = {}
        self.made = 0

    def whole(self, body: Sequence[ir.Stmt], known: Mapping[str, ir.Const]) -> tuple[ir.Stmt, ...]:
        """The code of a thread or handler, with handlers in it and behind it."""
        inside = self.body(body, _State(dict(known)))
        return (*inside, *(self.point(self.after) if self.after is not None else ()))

    def body(self, body: Sequence[ir.Stmt], state: _State | None) -> tuple[ir.Stmt, ...]:
        """A piece of it, from ``state`` on."""
        out: list[ir.Stmt] = []
        for stmt in body:
            if state is None:  # nothing leads here
                break
            out += self.stmt(stmt, state)
            state = self.after
        self.after = state
        return tuple(out)

    def stmt(self, stmt: ir.Stmt, state: _State) -> list[ir.Stmt]:
        """A statement with handlers before and inside of it."""
        self.after = state
        stmt = with_expressions(stmt, lambda expr: with_atoms(expr, lambda atom: _state_of_cpu(atom, state.known)))
        match stmt:
            case ir.Assign():
                before = self.point(state) if _matters(stmt) else []
                value = folded(stmt.expr, state.known)
                state.known.pop(stmt.reg, None)
                if isinstance(value, ir.Const):
                    state.known[stmt.reg] = value
                state.fresh = state.fresh and not _matters(stmt)
                return [*before, stmt]
            case ir.Rmw() if stmt.blocking:
                return [*self.point(state), *self._wait(stmt, replace(stmt, blocking=False), state)]
            case ir.Fence() if is_edge(stmt):
                before = self.point(state) if ENTERS in stmt.tags else []
                state.fresh = ENTERS in stmt.tags
                return [*before, stmt]
            case _ if _is_event(stmt):
                return [*self.point(state, (stmt,)), self._event(stmt, state)]
            case ir.If() if isinstance(cond := folded(stmt.cond, state.known), ir.Const):
                return list(self.body(stmt.then if truth(cond.value) else stmt.other, state))
            case ir.If() | ir.Choice():
                before = self.point(state) if any(map(_matters, statements((stmt,)))) else []
                then = self.body(stmt.then, state.copy())
                one = self.after
                other = self.body(stmt.other, state.copy())
                self.after = _join((one, self.after))
                return [*before, replace(stmt, then=then, other=other)]
            case ir.Loop() if _only_reads(stmt):
                first = [inner for inner in statements(stmt.body) if isinstance(getattr(inner, "addr", None), ir.Const)]
                before = self.point(state, first)
                ends = tuple(inner for inner in stmt.body if not isinstance(inner, ir.Round))
                once = ir.Block(stmt.label, (*ends, ir.Assume(ir.Const(0))), stmt.pos)
                found = self._wait(stmt, once, state)
                for reg in filter(None, map(defined, statements(stmt.body))):
                    state.known.pop(reg, None)
                self._left(stmt, state)
                return [*before, *found]
            case ir.Block() | ir.Loop():
                return [self._labelled(stmt, state)]
            case ir.Exit(label):
                self.exits.setdefault(label, []).append(state)
                self.after = None
        return [stmt]

    def _event(self, stmt: ir.Stmt, state: _State) -> ir.Stmt:
        """An event: the next place is another; but what comes in after the signal that the thread has ended, nobody sees."""
        state.fresh = isinstance(stmt, ir.Store) and isinstance(stmt.addr, ir.Const) and ir.is_end(stmt.addr.value)
        state.known.pop(defined(stmt) or "", None)
        return stmt

    def _left(self, loop: ir.Loop, state: _State) -> None:
        """Note the ways out of a loop that only reads, of which one may lead further than to its end."""
        inside = {inner.label for inner in statements((loop,)) if isinstance(inner, ir.Block | ir.Loop)}
        leads = {inner.label for inner in statements(loop.body) if isinstance(inner, ir.Exit)}
        for label in leads - inside:
            self.exits.setdefault(label, []).append(state.copy())
        self.after = state if loop.label in leads else None

    def _labelled(self, stmt: ir.Block | ir.Loop, state: _State) -> ir.Stmt:
        saved, self.exits[stmt.label] = self.exits.get(stmt.label), []
        if isinstance(stmt, ir.Loop):
            state.fresh = False
            for reg in filter(None, map(defined, statements(stmt.body))):
                state.known.pop(reg, None)
            for one in self.handlers:
                state.known.pop(one.came, None)
        body = self.body(stmt.body, state)
        through = None if isinstance(stmt, ir.Loop) else self.after
        self.after = _join((through, *self.exits.pop(stmt.label)))
        if saved is not None:
            self.exits[stmt.label] = saved
        return replace(stmt, body=body)

    # --- handlers ---

    def point(self, state: _State, cut_short: Sequence[ir.Stmt] = ()) -> list[ir.Stmt]:
        """The handlers that may come in here, in any order: a sequence that has every permutation of them as a part.
        ``cut_short``: the accesses that come next, in the middle of which they may come."""
        plain = [stmt for stmt in cut_short if isinstance(stmt, ir.Load | ir.Store) and not stmt.tags]
        plain = [stmt for stmt in plain if any(_conflicts(stmt, inner) for one in self.handlers for inner in self._inside(one))]
        if state.fresh and not plain:
            return []
        state.fresh = True
        rounds = [one for _ in self.handlers[1:] for one in self.handlers] + list(self.handlers[:1])
        return [choice for one in rounds for choice in self._may_come(one, state, plain)]

    def _inside(self, one: Handler) -> Iterator[ir.Stmt]:
        """The statements of a handler, and of what may interrupt it."""
        yield from statements(one.body)
        if one.soft:
            yield from (stmt for other in self.handlers if not other.soft for stmt in statements(other.body))

    def _may_come(self, one: Handler, state: _State, plain: Sequence[Access]) -> Iterator[ir.Stmt]:
        possible = folded(self._pending(one), state.known)
        if isinstance(possible, ir.Const) and not truth(possible.value):
            return
        guard = [] if isinstance(possible, ir.Const) else [ir.Assume(possible)]
        state.known.pop(one.came, None)
        yield ir.Choice((*guard, ir.Assign(one.came, ir.Const(1)), *self._run(one, plain)), ())

    def _pending(self, one: Handler) -> ir.Expr:
        """Has it not come yet, and may it?"""
        zero = [one.came, *(CPU_STATE if one.soft else (IRQS_OFF,))]
        tests: list[ir.Expr] = [ir.Binary("==", ir.Reg(reg), ir.Const(0), INT) for reg in zero]
        return _all(tests)

    def _run(self, one: Handler, plain: Sequence[Access]) -> list[ir.Stmt]:
        """What runs when a handler comes in, in the middle of one of these plain accesses."""
        off = BH_OFF if one.soft else IRQS_OFF
        inner = _Walk(one.name, tuple(other for other in self.handlers if one.soft and not other.soft))
        body = inner.whole(one.body, {reg: ir.Const(int(reg == off)) for reg in CPU_STATE})
        body = tuple(self._watched(body, plain)) if plain else body
        self.made += sum(1 for _ in statements(body))
        if self.made > MAX_STATEMENTS:
            raise LimitError(
                f"{self.name}: at all places where {', '.join(other.name for other in self.handlers)} may come in, that would "
                f"be more than {MAX_STATEMENTS} statements: disable interrupts where they do not matter, or take a smaller one",
                next((stmt.pos for stmt in statements(one.body) if stmt.pos is not None), None),
            )
        return [ir.Assign(off, ir.Const(1)), *body, ir.Assign(off, ir.Const(0))]

    def _watched(self, body: Sequence[ir.Stmt], plain: Sequence[Access]) -> Iterator[ir.Stmt]:
        """``body``, which asserts that it touches nothing that a plain access around it does."""
        for stmt in body:
            match stmt:
                case ir.If() | ir.Choice():
                    then, other = (tuple(self._watched(arm, plain)) for arm in (stmt.then, stmt.other))
                    stmt = replace(stmt, then=then, other=other)
                case ir.Block() | ir.Loop():
                    stmt = replace(stmt, body=tuple(self._watched(stmt.body, plain)))
            yield stmt
            for one in plain:
                if isinstance(stmt, Access | ir.Rmw) and _conflicts(one, stmt):
                    message = f"{one.text} is a plain access, and an interrupt may come in the middle of it: {stmt.text}"
                    yield ir.Assert(_apart(one, stmt), INTERRUPT_RACE, message, one.pos)

    def _wait(self, waits: ir.Stmt, ends: ir.Stmt, state: _State) -> list[ir.Stmt]:
        """A wait: as it is, or, where some handler may come that has not, as one that ends."""
        pending = folded(_any([self._pending(one) for one in self.handlers]), state.known)
        self._event(waits, state)
        if isinstance(pending, ir.Const):
            return [ends if truth(pending.value) else waits]
        return [ir.Choice((ir.Assume(ir.Unary("!", pending, INT)), waits), (ir.Assume(pending), ends))]


def _is_event(stmt: ir.Stmt) -> bool:
    return isinstance(stmt, ir.Load | ir.Store | ir.Rmw) or (isinstance(stmt, ir.Fence) and not stmt.tags <= {"Barrier"})


def _conflicts(plain: Access, stmt: ir.Stmt) -> bool:
    """May both be to one place, and one of them writes?"""
    if not isinstance(stmt, Access | ir.Rmw) or (isinstance(plain, ir.Load) and isinstance(stmt, ir.Load)):
        return False
    a, b = plain.addr, stmt.addr
    if not (isinstance(a, ir.Const) and isinstance(b, ir.Const)):
        return True
    if not (isinstance(a.value, Ptr) and isinstance(b.value, Ptr)) or a.value.base != b.value.base:
        return False
    sizes = [one.ctype.size if one.ctype is not None else 1 for one in (plain, stmt)]
    return a.value.offset < b.value.offset + sizes[1] and b.value.offset < a.value.offset + sizes[0]


def _apart(plain: Access, stmt: Access | ir.Rmw) -> ir.Expr:
    """Are two accesses that conflict to different places? Computed addresses are told apart by where they begin."""
    if isinstance(plain.addr, ir.Const) and isinstance(stmt.addr, ir.Const):
        return ir.Const(0)
    return ir.Binary("!=", plain.addr, stmt.addr, POINTER)


def _matters(stmt: ir.Stmt) -> bool:
    """Does it matter whether a handler comes in before or after a statement?"""
    return _is_event(stmt) or (isinstance(stmt, ir.Assign) and stmt.reg in CPU_STATE)


def _state_of_cpu(atom: ir.Expr, known: Mapping[str, ir.Const]) -> ir.Expr:
    return known.get(atom.name, atom) if isinstance(atom, ir.Reg) and atom.name in CPU_STATE else atom


def _all(tests: Sequence[ir.Expr]) -> ir.Expr:
    return reduce(lambda one, other: ir.Binary("&&", one, other, INT), tests)


def _any(tests: Sequence[ir.Expr]) -> ir.Expr:
    return reduce(lambda one, other: ir.Binary("||", one, other, INT), tests) if tests else ir.Const(0)


def _only_reads(loop: ir.Loop) -> bool:
    """Does every round that does not leave this loop leave nothing behind?"""
    if loop.bound is not None:
        return False
    inside = list(statements(loop.body))
    sets = {reg for stmt in inside if (reg := defined(stmt)) is not None}
    for stmt in inside:
        if isinstance(stmt, ir.Store | ir.Rmw | ir.Assert | ir.Assume | ir.Loop):
            return False
        if isinstance(stmt, ir.Fence) and (is_edge(stmt) or not MARKERS.isdisjoint(stmt.tags)):
            return False
    if sets & {*CPU_STATE} or any(reg.startswith("@") for reg in sets):
        return False
    # what is read after the loop was set in its last round, unless it is live where a round begins
    leaves = {stmt.label: frozenset(sets) for stmt in inside if isinstance(stmt, ir.Exit)}
    return not sets & live_at_head(loop.body, loop.label, frozenset(sets), leaves)
