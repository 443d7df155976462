"""A program unrolled: its possible events, when each happens, what it accesses, and what depends on what.

Values are terms over the values of read events (static single assignment): a register that two branches set differently is an
``ite`` over a guard. Dependencies are tracked apart from values, so that ``r ^ r`` still depends on ``r``, as herd7 and the
kernel's model have it. Sources: Alglave, Maranget, Tautschnig, "Herding cats" (2014), section 5, for po, addr, data, ctrl.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct, field

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.flow import has_loops, registers_in_questions
from smpcheck.program.guards import ALWAYS, NEVER, Guards
from smpcheck.program.pieces import put_together, taken_apart
from smpcheck.program.values import ULONG, Ptr, UndefinedValue, Value, binary, truth, unary
from smpcheck.program.waits import MARKERS, Omission, Shape, Waits, exposed_cells

EVERY_WAIT = Omission()


class Term:
    """A value as a function of read events. ``op``: const, read, un, bin, cast, cond, ite, mem. See :class:`Terms`."""

    __slots__ = ("args", "data", "id", "op", "reads")

    def __init__(self, op: str, args: tuple[Term, ...], data: Any, number: int, reads: frozenset[int]) -> None:
        self.op = op
        self.args = args
        self.data = data
        self.id = number
        self.reads = reads
        """Events whose values the term is a function of (guards of ``ite`` not counted)."""

    def __repr__(self) -> str:
        return f"{self.op}({self.data!r}{''.join(f', {a!r}' for a in self.args)})"


_NO_READS: frozenset[int] = frozenset()


class Terms:
    """A store of terms; folds constants, but for what is undefined."""

    def __init__(self) -> None:
        self._unique: dict[tuple[object, ...], Term] = {}
        self.count = 0
        self.zero = self.const(0)

    def _make(self, op: str, args: tuple[Term, ...], data: object, reads: frozenset[int]) -> Term:
        key = (op, data, *[a.id for a in args])
        found = self._unique.get(key)
        if found is None:
            found = self._unique[key] = Term(op, args, data, self.count, reads)
            self.count += 1
        return found

    def __iter__(self) -> Iterator[Term]:
        """All terms made so far."""
        return iter(self._unique.values())

    def const(self, value: Value) -> Term:
        """A known value."""
        return self._make("const", (), value, _NO_READS)

    def read(self, event: int) -> Term:
        """The value that event number ``event`` reads."""
        return self._make("read", (), event, frozenset((event,)))

    def memory(self, cell: Ptr) -> Term:
        """The final contents of ``cell``."""
        return self._make("mem", (), cell, _NO_READS)

    def apply(self, op: str, data: Any, args: tuple[Term, ...]) -> Term:
        """An operator (``un``, ``bin``, ``cast``, ``cond``) applied to terms, folded if all are constants."""
        if all(a.op == "const" for a in args):
            with suppress(UndefinedValue):  # undefined: a fault where it is computed
                return self.const(compute(op, data, tuple(a.data for a in args)))
        if op == "bin" and data[0] in ("+", "-", "|", "^") and args[1].op == "const" and args[1].data == 0:
            return args[0]
        if op == "bin" and data[0] in ("-", "^") and args[0] is args[1] and _as_read(args[0]):
            return self.zero
        reads = args[0].reads.union(*[a.reads for a in args[1:]]) if len(args) > 1 else args[0].reads
        return self._make(op, args, data, reads)

    def ite(self, guard: int, then: Term, other: Term) -> Term:
        """``then`` where ``guard`` holds, else ``other``."""
        if then is other or guard == ALWAYS:
            return then
        if guard == NEVER:
            return other
        return self._make("ite", (then, other), guard, then.reads | other.reads)


def _as_read(term: Term) -> bool:
    """Is this the value of a read, perhaps cast? It is there whatever the value is."""
    while term.op == "cast":
        term = term.args[0]
    return term.op == "read"


def compute(op: str, data: Any, values: tuple[Value, ...]) -> Value:
    """The value of operator ``op`` with parameters ``data`` on ``values``. Raises UndefinedValue where C leaves it undefined."""
    if op == "bin":
        return binary(data[0], values[0], values[1], data[1])
    if op == "un":
        return unary(data[0], values[0], data[1])
    if op == "cast":
        result: Value = data.wrap(values[0])
        return result
    if op == "cond":
        return values[1] if truth(values[0]) else values[2]
    raise AssertionError(op)


_PARTIAL = frozenset(("/", "%", "<<", ">>"))
_ON_ALL_POINTERS = frozenset(("==", "!=", "&&", "||"))


def is_partial(expr: ir.Expr) -> bool:
    """Has the expression an operator that is undefined for some values: integers, or the pointers that 64 bits may hold?"""
    match expr:
        case ir.Binary(op, left, right, ctype):
            offset = op in ("+", "-") and any(isinstance(e, ir.Const) and isinstance(e.value, int) for e in (left, right))
            on_pointers = ctype.bits == 64 and op not in _ON_ALL_POINTERS and not offset
            return op in _PARTIAL or on_pointers or is_partial(left) or is_partial(right)
        case ir.Unary(op, arg, ctype):
            return (op != "!" and ctype.bits == 64) or is_partial(arg)
        case ir.Cast(arg=arg):
            return is_partial(arg)
        case ir.Conditional(cond, then, other):
            return is_partial(cond) or is_partial(then) or is_partial(other)
    return False


class Event(msgspec.Struct):
    """A possible event. ``guard`` says when it happens; ``partner`` is the other half of an atomic read-modify-write. ``spot``:
    where it can lie, if that is not any cell at all."""

    id: int
    thread: int
    kind: str
    tags: frozenset[str]
    addr: Term | None
    value: Term | None
    guard: int
    pos: ir.Position | None = None
    text: str = ""
    partner: int | None = None
    spot: Spot | None = None


class Spot(Struct, frozen=True):
    """Where an access can lie, in a program with accesses of several sizes: in a cell of ``size`` bytes, as the piece that begins
    ``offset`` bytes into the access, which begins at a multiple of ``align``."""

    size: int
    offset: int = 0
    align: int = 1

    def misaligned(self, address: Value) -> bool:
        """Does the access begin at no multiple of its size?"""
        return isinstance(address, Ptr) and (address.offset - self.offset) % self.align != 0

    def admits(self, address: Value, cells: Mapping[Ptr, ir.Cell]) -> bool:
        """Can the access be to this address?"""
        if not isinstance(address, Ptr) or self.misaligned(address):
            return False
        cell = cells.get(address)
        return cell is not None and cell.ctype.size == self.size


class Decision(msgspec.Struct, frozen=True):
    """A decision variable of the guards: an ``If`` on ``cond`` (None: a free Choice) taken within ``parent``."""

    cond: Term | None
    parent: int
    pos: ir.Position | None = None


class Requirement(msgspec.Struct, frozen=True):
    """Whenever ``guard`` holds, ``cond`` must be true (an Assume, or the ``when`` of an Rmw)."""

    guard: int
    cond: Term


class Computation(msgspec.Struct, frozen=True):
    """An assignment of something that C may leave undefined (a division, a shift), whether or not its value is used."""

    guard: int
    value: Term
    pos: ir.Position | None


class Assertion(msgspec.Struct, frozen=True):
    """An Assert: violated where ``guard`` holds and ``cond`` is false."""

    guard: int
    cond: Term
    name: str
    message: str
    pos: ir.Position | None


class Waiting(msgspec.Struct, frozen=True):
    """A thread that may wait for ever from here on, where ``guard`` holds: for a lock, or in a loop after an idle round.

    ``reads``: the events that it does again and again; it waits for ever if what they read never changes. ``writes``: the
    writes of that round, which change nothing. ``cond``: what the value of a lock fails (None: no lock). ``inside``: the guard of
    waiting inside an RCU read-side critical section. ``grace``: it waits for the end of a grace period, as long as some thread
    waits inside such a section.
    """

    guard: int
    reads: tuple[int, ...]
    cond: Term | None
    thread: int
    pos: ir.Position | None
    writes: tuple[int, ...] = ()
    inside: int = NEVER
    grace: bool = False


Pairs: TypeAlias = dict[tuple[int, int], int]
"""A relation that the program's text settles: pairs of events, each with the guard under which it is there if both happen."""

DEPENDENCIES = ("addr", "data", "ctrl", "pick-addr", "pick-data", "pick-ctrl", "iico_order", "same-instance", "sca-class")
"""The names of such relations other than program order; models/README.md says what they are."""


class EventGraph(msgspec.Struct):
    """A program's possible events, numbered: initial writes first, then each thread in program order, then the ends of critical
    sections that threads stop in.

    ``addr``, ``data``, ``ctrl`` are relations of :data:`DEPENDENCIES`, as are those of ``more``, by name: machine code's.
    ``bounds`` are the guards under which a loop was cut, ``waiting`` those under which a thread has come to wait: neither goes
    on. ``not_begun`` are those under which a thread that runs after the others has not begun. ``faulting`` has for accesses
    that may be to nothing the guard under which the thread has stopped at them, where that was asked for. ``apart``: pairs of
    one instruction that are not in program order. ``final_regs`` gives each thread's registers at its end.
    """

    program: ir.Program
    guards: Guards
    terms: Terms
    events: list[Event] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)
    computations: list[Computation] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    bounds: list[tuple[int, ir.Position | None, str]] = field(default_factory=list)
    not_begun: list[int] = field(default_factory=list)
    faulting: dict[int, int] = field(default_factory=dict)
    addr: Pairs = field(default_factory=dict)
    data: Pairs = field(default_factory=dict)
    ctrl: Pairs = field(default_factory=dict)
    more: dict[str, Pairs] = field(default_factory=dict)
    apart: set[tuple[int, int]] = field(default_factory=set)
    final_regs: dict[int, dict[str, Term]] = field(default_factory=dict)
    init_count: int = 0

    def dependency(self, name: str) -> Pairs:
        """The relation ``name`` of :data:`DEPENDENCIES`."""
        found: Pairs | None = getattr(self, name, None)
        return self.more.get(name, {}) if found is None else found

    def dependencies(self) -> dict[str, Pairs]:
        """The relations of :data:`DEPENDENCIES` that the program has, by name; those of every language always."""
        return {"addr": self.addr, "data": self.data, "ctrl": self.ctrl, **self.more}


FIRST, PAIR = "First-of-pair", "Pair"
"""Tags of an access of machine code that belongs to the instruction of the access before it (``LDP``, ``CASP``), and of the first
one, where that is a store-conditional or reads and writes."""

ORDERED = "In-order"
"""The tag of the second access of a pair that comes after the first one (``LDIAPP``, ``STILP``)."""

EXCLUSIVE = "EX"
"""The tag of loads that make a reservation, which a store-conditional needs."""

RESERVATION, SECOND = "@reservation", "@reservation of the second half"
"""Stands among a thread's registers for the last load that made one."""

_Access: TypeAlias = ir.Load | ir.Store | ir.Rmw | ir.Fence
Deps: TypeAlias = dict[int, int]
"""Read events that something depends on, each with the guard under which it does."""


class _Local(msgspec.Struct, frozen=True):
    """What is in a register, or the value of an expression: ``deps`` are the reads that it is computed from, ``decided`` those
    that decided that it is this value and no other: because an assignment that it comes from stands in an arm of a branch, or,
    in machine code, because an instruction chose it (:attr:`smpcheck.program.ir.Assign.chosen_by`)."""

    term: Term
    deps: Deps
    decided: Deps


class _Env(msgspec.Struct):
    """A thread's state at a program point: registers, and the reads that decided to come here.

    A control dependency reaches as far as the decision does: to the end of the branches, and further only where one of them
    leaves early (herd7's C semantics; the kernel's explanation.txt: "affects whether the second event is executed at all").
    In a register it reaches on, to where the register's value decides a branch in turn; a value that was assigned elsewhere
    does not carry it, even if it was left alone because the branch went the other way. Data and addresses never do.

    Machine code knows no end of a decision. ``picked``: the reads that decided so through the choice of a value, which order
    less than ``ctrl`` (the relations ``pick-``).
    """

    regs: dict[str, _Local]
    ctrl: Deps
    picked: Deps

    def copy(self) -> _Env:
        return _Env(dict(self.regs), self.ctrl, self.picked)


class _Unroller:
    """Walks one thread's statements; ``alive`` is the guard of the current point."""

    def __init__(
        self, graph: EventGraph, thread: ir.Thread, unroll: int, stops: bool, waits: Waits, faulty: Collection[int]
    ) -> None:
        self.graph = graph
        self.faulty = faulty
        self.waits = waits
        self.guards = graph.guards
        self.terms = graph.terms
        self.unset = _Local(graph.terms.zero, {}, {})
        self.thread = thread
        self.unroll = unroll
        self.may_stop = stops
        self.binding = graph.program.branches_bind_the_rest
        self.exits: dict[str, list[tuple[int, _Env]]] = {}
        self.endings: list[tuple[Event, int | None]] = []
        """The ends of sections that threads stop in, and the event whose value one of SRCU's is given."""
        self.sections: list[int] = []
        """The guards of being inside one RCU read-side critical section at least, inside two, ..."""
        self.reserved: dict[int, list[Event]] = {}
        """The events of each load exclusive, by the first of them."""
        self.halves: list[tuple[ir.Rmw, _Local, list[Event]]] = []
        """The first half of an operation on a pair, its address and its reads, until the second half comes."""
        self.instruction: list[Event] = []
        """The events of the last access, and of those that belong to its instruction."""
        self.stopped: list[int] = []
        """The guards under which the thread has stopped so far: at a loop that is cut, waiting, at an access to nothing."""
        self.spent: dict[str, int] = {}
        """Loops that have made all their rounds, with the guard under which they make one more."""

    # expressions

    def eval(self, expr: ir.Expr, env: _Env) -> _Local:
        match expr:
            case ir.Const(value):
                return _Local(self.terms.const(value), {}, {})
            case ir.Reg(name):
                return env.regs.get(name) or self.unset
            case ir.Unary(op, arg, ctype):
                a = self.eval(arg, env)
                return _Local(self.terms.apply("un", (op, ctype), (a.term,)), a.deps, a.decided)
            case ir.Binary(op, left, right, ctype):
                a, b = self.eval(left, env), self.eval(right, env)
                return self.joined(self.terms.apply("bin", (op, ctype), (a.term, b.term)), a, b)
            case ir.Cast(ctype, arg):
                a = self.eval(arg, env)
                return _Local(self.terms.apply("cast", ctype, (a.term,)), a.deps, a.decided)
            case ir.Conditional(cond, then, other):
                c, a, b = self.eval(cond, env), self.eval(then, env), self.eval(other, env)
                if c.term.op == "const":
                    term = a.term if truth(c.term.data) else b.term
                else:
                    term = self.terms.apply("cond", None, (c.term, a.term, b.term))
                return self.joined(term, c, a, b)
        raise InputError(f"{type(expr).__name__} is not an expression of a thread")

    def joined(self, term: Term, first: _Local, *others: _Local) -> _Local:
        deps, decided = first.deps, first.decided
        for other in others:
            deps, decided = self.join_deps(deps, other.deps), self.join_deps(decided, other.decided)
        return _Local(term, deps, decided)

    def join_deps(self, a: Deps, b: Deps) -> Deps:
        if not b:
            return a
        if not a:
            return b
        result = dict(a)
        for event, guard in b.items():
            result[event] = self.guards.disj(result[event], guard) if event in result else guard
        return result

    def within(self, deps: Deps, alive: int) -> Deps:
        return {event: self.guards.conj(guard, alive) for event, guard in deps.items()}

    # events

    def event(self, stmt: _Access, kind: str, tags: frozenset[str], alive: int, env: _Env) -> Event:
        graph = self.graph
        ev = Event(len(graph.events), self.thread.index, kind, tags, None, None, alive, stmt.pos, stmt.text)
        graph.events.append(ev)
        for source, guard in env.ctrl.items():
            graph.ctrl[source, ev.id] = guard
        self.add_picks("ctrl", env.picked, ev.id)
        return ev

    def add_deps(self, table: dict[tuple[int, int], int], deps: Deps, target: int) -> None:
        for source, guard in deps.items():
            table[source, target] = self.guards.disj(table.get((source, target), NEVER), guard)

    def unless_faulting(self, accesses: Sequence[Event], alive: int) -> int:
        """The guard of going on after the events of an access, which may be to nothing."""
        faulty = [access for access in accesses if access.id in self.faulty]
        if not faulty:
            return alive
        stopped = self.stop(self.guards.conj(alive, self.guards.variable(self.decision(None, alive))))
        self.left_open(stopped, faulty[0].pos)
        self.left_open_srcu(stopped, faulty[0].pos)
        self.graph.faulting.update({access.id: stopped for access in faulty})
        return self.guards.minus(alive, stopped)

    def add_picks(self, kind: str, decided: Deps, target: int) -> None:
        """In machine code, what chose a value goes on as a dependency of its own kind."""
        if decided and self.binding:
            self.add_deps(self.graph.more.setdefault(f"pick-{kind}", {}), decided, target)

    def begins(self, thread: ir.Thread) -> int:
        """The guard under which a thread begins: one that runs after the others may not, where one of these may stop."""
        if not thread.after or not self.may_stop:
            return ALWAYS
        guard = self.guards.variable(self.decision(None, ALWAYS))
        self.graph.not_begun.append(self.stop(self.guards.minus(ALWAYS, guard)))
        return guard

    def run(self, body: tuple[ir.Stmt, ...], alive: int, env: _Env) -> int:
        """Execute statements from ``alive`` on; returns the guard of reaching the end. ``env`` is updated in place."""
        for stmt in body:
            if alive == NEVER:
                return NEVER
            try:
                alive = self.step(stmt, alive, env)
            except UndefinedValue as error:
                raise UnsupportedError(str(error), stmt.pos) from None
        return alive

    def step(self, stmt: ir.Stmt, alive: int, env: _Env) -> int:
        graph = self.graph
        match stmt:
            case ir.Assign(reg, expr):
                value = self.eval(expr, env)
                if stmt.chosen_by is not None:
                    chosen = self.eval(stmt.chosen_by, env)
                    by = self.join_deps(chosen.deps, chosen.decided)
                    value = _Local(value.term, value.deps, self.join_deps(value.decided, by))
                self.assign(reg, value, env)
                if value.term.op not in ("const", "read") and is_partial(expr):
                    graph.computations.append(Computation(alive, value.term, stmt.pos))
            case ir.Load():
                accesses = self.read(stmt, stmt.reg, stmt.tags, self.eval(stmt.addr, env), alive, env)
                self.of_one_instruction(accesses, PAIR in stmt.tags)
                if EXCLUSIVE in stmt.tags:
                    self.reserve(accesses, PAIR in stmt.tags, env)
                return self.unless_faulting(accesses, alive)
            case ir.Store():
                accesses = self.write(stmt, stmt.tags, self.eval(stmt.addr, env), stmt.value, alive, env)
                self.of_one_instruction(accesses, PAIR in stmt.tags)
                if stmt.status is not None:
                    self.conditional(stmt, accesses, env)
                    self.assign(stmt.status, _Local(self.terms.zero, {access.id: ALWAYS for access in accesses}, {}), env)
                return self.unless_faulting(accesses, alive)
            case ir.Rmw():
                alive = self.rmw(stmt, alive, env)
            case ir.Fence():
                if "Sync-rcu" in stmt.tags and self.may_stop:
                    ends = self.guards.variable(self.decision(None, alive))
                    self.stays(self.guards.minus(alive, ends), (), stmt.pos, grace=True)
                    alive = self.guards.conj(alive, ends)
                elif "Rcu-lock" in stmt.tags:
                    self.enter_section(alive)
                elif "Rcu-unlock" in stmt.tags:
                    self.leave_section(alive)
                ev = self.event(stmt, "F", stmt.tags, alive, env)
                if stmt.addr is not None:
                    addr = self.eval(stmt.addr, env)
                    ev.addr = addr.term
                    self.add_deps(graph.addr, addr.deps, ev.id)
                if stmt.value is not None:
                    value = self.eval(stmt.value, env)
                    ev.value = value.term
                    self.add_deps(graph.data, value.deps, ev.id)
            case ir.If():
                cond = self.eval(stmt.cond, env)
                before = env.ctrl
                if self.binding:
                    env.picked = self.join_deps(env.picked, self.within(cond.decided, alive))
                    env.ctrl = self.join_deps(env.ctrl, self.within(cond.deps, alive))
                else:
                    env.ctrl = self.join_deps(env.ctrl, self.within(self.join_deps(cond.deps, cond.decided), alive))
                stops = len(self.stopped)
                end = self.branch(cond.term, stmt.then, stmt.other, alive, env, stmt.pos)
                if self.covered(end, stops) == alive and not self.binding:
                    env.ctrl = before
                return end
            case ir.Choice():
                return self.branch(None, stmt.then, stmt.other, alive, env)
            case ir.Block():
                return self.block(stmt.label, alive, env, partial(self.run, stmt.body))
            case ir.Loop():
                return self.block(stmt.label, alive, env, partial(self.loop, stmt))
            case ir.Round(label):
                return self.spend(alive, label, stmt.pos)
            case ir.Exit(label):
                if label not in self.exits:
                    raise InputError(f"exit to {label}, which does not enclose it", stmt.pos)
                self.exits[label].append((alive, env.copy()))
                return NEVER
            case ir.Assume(cond_expr):
                graph.requirements.append(Requirement(alive, self.computed(cond_expr, alive, env, stmt.pos)))
            case ir.Assert(cond_expr):
                cond_term = self.computed(cond_expr, alive, env, stmt.pos)
                graph.assertions.append(Assertion(alive, cond_term, stmt.name, stmt.message, stmt.pos))
        return alive

    def computed(self, expr: ir.Expr, alive: int, env: _Env, pos: ir.Position | None) -> Term:
        """The value of a condition, which is looked at where it may be undefined."""
        term = self.eval(expr, env).term
        if is_partial(expr):
            self.graph.computations.append(Computation(alive, term, pos))
        return term

    def assign(self, reg: str, value: _Local, env: _Env) -> None:
        """What is assigned in an arm of a branch is there because of what decided on the branch."""
        if env.ctrl and not self.binding:
            value = _Local(value.term, value.deps, self.join_deps(value.decided, env.ctrl))
        env.regs[reg] = value

    def places(self, stmt: ir.Load | ir.Store | ir.Rmw, addr: _Local) -> list[tuple[Term, Spot | None]]:
        """The addresses of the events of an access: one for each cell that it covers."""
        if not self.graph.program.mixed or stmt.ctype is None:
            return [(addr.term, None)]
        align = stmt.ctype.alignment
        found: list[tuple[Term, Spot | None]] = []
        for offset, ctype in stmt.pieces or ((0, stmt.ctype),):
            term = self.terms.apply("bin", ("+", ULONG), (addr.term, self.terms.const(offset))) if offset else addr.term
            found.append((term, Spot(ctype.size, offset, align)))
        return found

    def read(self, stmt: ir.Load | ir.Rmw, reg: str, tags: frozenset[str], addr: _Local, alive: int, env: _Env) -> list[Event]:
        events = []
        for term, spot in self.places(stmt, addr):
            ev = self.event(stmt, "R", tags, alive, env)
            ev.addr, ev.value, ev.spot = term, self.terms.read(ev.id), spot
            self.add_deps(self.graph.addr, addr.deps, ev.id)
            self.add_picks("addr", addr.decided, ev.id)
            events.append(ev)
        self.group(events, "sca-class")
        values = [_Local(self.terms.read(ev.id), {ev.id: ALWAYS}, {}) for ev in events]
        self.assign(reg, self.put_together(stmt, values), env)
        return events

    def put_together(self, stmt: ir.Load | ir.Rmw, values: list[_Local]) -> _Local:
        """The value of an access whose events have read these."""
        if not stmt.pieces:
            return values[0]
        assert stmt.ctype is not None
        names = [str(i) for i in range(len(values))]
        whole = put_together([ir.Reg(n) for n in names], stmt.ctype, stmt.pieces, self.graph.program.big_endian)
        return self.eval(whole, _Env(dict(zip(names, values, strict=True)), {}, {}))

    def write(
        self, stmt: ir.Store | ir.Rmw, tags: frozenset[str], addr: _Local, new: ir.Expr, alive: int, env: _Env
    ) -> list[Event]:
        parts = [new]
        if stmt.pieces:
            assert stmt.ctype is not None
            parts = taken_apart(new, stmt.ctype, stmt.pieces, self.graph.program.big_endian)
        events = []
        values = [self.eval(part, env) for part in parts]
        for (term, spot), value in zip(self.places(stmt, addr), values, strict=True):
            ev = self.event(stmt, "W", tags, alive, env)
            ev.addr, ev.value, ev.spot = term, value.term, spot
            self.add_deps(self.graph.addr, addr.deps, ev.id)
            self.add_deps(self.graph.data, value.deps, ev.id)
            self.add_picks("addr", addr.decided, ev.id)
            self.add_picks("data", value.decided, ev.id)
            events.append(ev)
        self.group(events, "sca-class")
        return events

    def group(self, events: Sequence[Event], *names: str) -> None:
        """These events are of one instruction (and, in the relations ``names``, of one kind)."""
        if len(events) > 1:
            if "sca-class" in names:
                self.graph.apart.update((a.id, b.id) for a in events for b in events if a is not b)
            for name in ("same-instance", *names):
                table = self.graph.more.setdefault(name, {})
                table.update({(a.id, b.id): ALWAYS for a in events for b in events if a is not b})

    def rmw(self, stmt: ir.Rmw, alive: int, env: _Env) -> int:
        graph = self.graph
        addr = self.eval(stmt.addr, env)
        reads = self.read(stmt, stmt.old, stmt.read_tags, addr, alive, env)
        numbers = tuple(read.id for read in reads)
        alive = self.unless_faulting(reads, alive)
        chosen: Deps = {}
        if stmt.when is not None:
            when = self.eval(stmt.when, env)
            cond = when.term
            chosen = self.join_deps(when.deps, when.decided)
            if stmt.blocking and self.may_stop:
                proceed = self.guards.variable(self.decision(None, alive))
                self.stays(self.guards.minus(alive, proceed), numbers, stmt.pos, cond)
                alive = self.guards.conj(alive, proceed)
            graph.requirements.append(Requirement(alive, cond))
        halves = [(stmt, addr, reads)]
        if FIRST in stmt.read_tags:
            self.halves = halves  # both are read before the first is written
            return alive
        if PAIR in stmt.read_tags:
            halves = [*self.halves, *halves]
            self.of_one_instruction(halves[0][2], False)
            self.of_one_instruction(reads, True)
            chosen = {read.id: ALWAYS for _, _, several in halves for read in several}  # both decide on both writes
        done: list[Event] = []
        for half, place, seen in halves:
            writes = self.write(half, half.write_tags, place, half.new, alive, env)
            for read, write in zip(seen, writes, strict=True):
                self.add_picks("data", chosen, write.id)
                read.partner, write.partner = write.id, read.id
            self.group([*seen, *writes])
            self.of_one_instruction(writes, bool(done))
            done += [*seen, *writes]
        if len(halves) > 1:
            self.group(done)
        return alive

    def of_one_instruction(self, events: list[Event], pair: bool) -> None:
        """Note the events of an access; ``pair``: they are of the instruction of the access before, and in no order with it.
        The two halves of an exclusive pair are one access (DDI 0487, B2.2.1)."""
        before = self.instruction if pair else []
        self.graph.apart.update(found for a in before for b in events for found in ((a.id, b.id), (b.id, a.id)))
        if before and ORDERED in events[0].tags:
            order = self.graph.more.setdefault("iico_order", {})
            order.update({(a.id, b.id): ALWAYS for a in before for b in events})
        self.instruction = [*before, *events]
        if before:
            self.group(self.instruction, *(["sca-class"] if EXCLUSIVE in events[0].tags else []))

    def reserve(self, reads: list[Event], pair: bool, env: _Env) -> None:
        """A load exclusive makes the reservation, that of a pair one for each half."""
        if not pair:
            env.regs.pop(SECOND, None)
        env.regs[SECOND if pair else RESERVATION] = _Local(self.terms.read(reads[0].id), {}, {})
        self.reserved[reads[0].id] = reads

    def conditional(self, stmt: ir.Store, writes: list[Event], env: _Env) -> None:
        """Pair a successful store-conditional with the load that made the reservation, which it ends."""
        pair = PAIR in stmt.tags
        if not pair and RESERVATION in env.regs and (FIRST in stmt.tags) != (SECOND in env.regs):
            raise UnsupportedError("a store-conditional of another size than its load exclusive", stmt.pos)
        term = env.regs.pop(SECOND if pair else RESERVATION, self.unset).term
        read = self.graph.events[term.data] if term.op == "read" else None
        if read is None and term is not self.terms.zero:
            raise UnsupportedError("which load exclusive this store belongs to depends on the way taken before", stmt.pos)
        if read is None:  # without a reservation it always fails
            self.graph.requirements.append(Requirement(writes[0].guard, self.terms.zero))
            return
        if read.partner is not None:
            raise UnsupportedError("a second store-conditional for one load exclusive", stmt.pos)
        reads = self.reserved[read.id]
        if [e.spot for e in reads] != [e.spot for e in writes]:
            raise UnsupportedError("a store-conditional of another size than its load exclusive", stmt.pos)
        for one, write in zip(reads, writes, strict=True):
            one.partner, write.partner = write.id, one.id
        write = writes[0]
        assert read.addr is not None and write.addr is not None
        self.graph.requirements.append(Requirement(write.guard, self.terms.apply("bin", ("==", ULONG), (read.addr, write.addr))))

    # control

    def decision(self, cond: Term | None, parent: int, pos: ir.Position | None = None) -> int:
        self.graph.decisions.append(Decision(cond, parent, pos))
        return len(self.graph.decisions) - 1

    def branch(
        self,
        cond: Term | None,
        then: tuple[ir.Stmt, ...],
        other: tuple[ir.Stmt, ...],
        alive: int,
        env: _Env,
        pos: ir.Position | None = None,
    ) -> int:
        if cond is not None and cond.op == "const":
            return self.run(then if truth(cond.data) else other, alive, env)
        known = self.known(cond) if cond is not None and not cond.reads else None
        if known is not None:
            # a function of earlier decisions (a status variable): no new decision, and mutual exclusion stays exact
            taken = NEVER
            for value, guard in known.items():
                taken = self.guards.disj(taken, guard) if truth(value) else taken
        else:
            taken = self.guards.variable(self.decision(cond, alive, pos))
        then_alive, else_alive = self.guards.conj(alive, taken), self.guards.minus(alive, taken)
        other_env = env.copy()
        end_then = self.run(then, then_alive, env)
        end_else = self.run(other, else_alive, other_env)
        return self.merge([(end_then, env.copy()), (end_else, other_env)], env)

    def known(self, term: Term) -> dict[Value, int] | None:
        """The values of a term that depends on decisions only, each with its guard; None if it does not, or has many."""
        if term.op == "const":
            return {term.data: ALWAYS}
        if term.op in ("read", "mem"):
            return None
        parts = [self.known(a) for a in term.args]
        guards, result = self.guards, dict[Value, int]()
        if term.op == "ite":
            for part, condition in zip(parts, (term.data, guards.negate(term.data)), strict=True):
                if part is None:
                    return None
                for value, guard in part.items():
                    result[value] = guards.disj(result.get(value, NEVER), guards.conj(guard, condition))
        else:
            combos: list[tuple[tuple[Value, ...], int]] = [((), ALWAYS)]
            for part in parts:
                if part is None or len(combos) * len(part) > 64:
                    return None
                combos = [((*vs, v), guards.conj(g, h)) for vs, g in combos for v, h in part.items()]
            for values, guard in combos:
                if guard != NEVER:
                    try:
                        value = compute(term.op, term.data, values)
                    except UndefinedValue:
                        return None
                    result[value] = guards.disj(result.get(value, NEVER), guard)
        return result

    def merge(self, ends: list[tuple[int, _Env]], env: _Env) -> int:
        """Join several ways to one point into ``env``; returns the guard of reaching it."""
        ends = [end for end in ends if end[0] != NEVER]
        if not ends:
            return NEVER
        alive, result = ends[0][0], ends[0][1]
        for guard, other in ends[1:]:
            regs: dict[str, _Local] = {}
            for name in {**result.regs, **other.regs}:
                regs[name] = self.merge_local(alive, result.regs.get(name), guard, other.regs.get(name))
            ctrl = self.merge_deps(alive, result.ctrl, guard, other.ctrl)
            result = _Env(regs, ctrl, self.merge_deps(alive, result.picked, guard, other.picked))
            alive = self.guards.disj(alive, guard)
        env.regs, env.ctrl, env.picked = result.regs, result.ctrl, result.picked
        return alive

    def merge_local(self, ga: int, a: _Local | None, gb: int, b: _Local | None) -> _Local:
        a, b = a or self.unset, b or self.unset
        if a is b:
            return a
        return _Local(
            self.terms.ite(gb, b.term, a.term),
            self.merge_deps(ga, a.deps, gb, b.deps),
            self.merge_deps(ga, a.decided, gb, b.decided),
        )

    def merge_deps(self, ga: int, a: Deps, gb: int, b: Deps) -> Deps:
        if a is b or a == b:
            return a
        guards = self.guards
        return {
            e: a[e]
            if e in a and e in b and a[e] == b[e]
            else guards.disj(guards.conj(ga, a.get(e, NEVER)), guards.conj(gb, b.get(e, NEVER)))
            for e in {**a, **b}
        }

    def block(self, label: str, alive: int, env: _Env, body: Callable[[int, _Env], int]) -> int:
        outer = self.exits.get(label)
        before = env.ctrl
        stops = len(self.stopped)
        self.exits[label] = []
        end = body(alive, env)
        ends = [(end, env.copy()), *self.exits[label]]
        if outer is None:
            del self.exits[label]
        else:
            self.exits[label] = outer
        end = self.merge(ends, env)
        if self.covered(end, stops) == alive and not self.binding:
            env.ctrl = before  # whatever was decided inside, this point is reached
        return end

    def stop(self, guard: int) -> int:
        """The thread does not go on where ``guard`` holds."""
        if guard != NEVER:
            self.stopped.append(guard)
        return guard

    def covered(self, end: int, before: int) -> int:
        """The guard of coming to ``end``, or having stopped on the way. ``before``: how many stops there were before."""
        for guard in self.stopped[before:]:
            end = self.guards.disj(end, guard)
        return end

    def loop(self, stmt: ir.Loop, alive: int, env: _Env) -> int:
        if stmt.bound is not None:
            return self.cut(self.rounds(stmt.body, stmt.bound, alive, env), stmt.label, stmt.pos)
        shape = self.waits.shape(stmt)
        alive = self.run(shape.first, alive, env)
        idle = NEVER
        for _ in range(self.unroll):
            alive, idle = self.round(stmt, shape, alive, idle, env)
        # a last test, and after an idle round one more, which may be as idle
        self.spent[stmt.label] = idle
        if not has_round(stmt.body, stmt.label):
            alive = self.spend(alive, stmt.label, stmt.pos)
        alive, _ = self.round(stmt, shape, alive, idle, env)
        del self.spent[stmt.label]
        return self.cut(alive, stmt.label, stmt.pos)

    def round(self, stmt: ir.Loop, shape: Shape, alive: int, before: int, env: _Env) -> tuple[int, int]:
        """One round, where ``before`` says that the last one was idle; returns the guards of going on, and of being idle now."""
        if alive == NEVER:
            return NEVER, NEVER
        start, first = env.copy(), len(self.graph.events)
        alive = self.run(shape.round, alive, env)
        idle = self.idle(alive, start, env, first, shape.live)
        waiting = self.guards.conj(before, idle) if shape.watched else idle
        if waiting != NEVER:
            self.wait(waiting, first, stmt.pos)
        return self.guards.minus(alive, waiting), self.guards.minus(idle, waiting)

    def spend(self, alive: int, label: str, pos: ir.Position | None) -> int:
        """Where a round begins that is one too many: only after an idle round it goes on."""
        allowed = self.spent.get(label, ALWAYS)
        self.cut(self.guards.minus(alive, allowed), label, pos)
        return self.guards.conj(alive, allowed)

    def rounds(self, body: tuple[ir.Stmt, ...], count: int, alive: int, env: _Env) -> int:
        for _ in range(count):
            alive = self.run(body, alive, env)
            if alive == NEVER:
                break
        return alive

    def idle(self, alive: int, start: _Env, end: _Env, first: int, live: Collection[str]) -> int:
        """The guard under which the round from event ``first`` on has changed nothing: see :mod:`smpcheck.program.waits`."""
        guards, omission = self.guards, self.waits.omission
        if not omission.reads:
            return NEVER
        changed = NEVER
        writes = [e for e in self.graph.events[first:] if e.kind == "W"]
        for e in self.graph.events[first:]:
            if not MARKERS.isdisjoint(e.tags):
                changed = guards.disj(changed, e.guard)
        for e in writes:
            alone = omission.writes and all(x is e or guards.conj(x.guard, e.guard) == NEVER for x in writes)
            changed = guards.disj(changed, self.changing(e) if alone and e.partner is not None else e.guard)
        for name in live:
            old, new = start.regs.get(name) or self.unset, end.regs.get(name) or self.unset
            changed = guards.disj(changed, self.differ(old.term, new.term))
            for before, after in ((old.deps, new.deps), (old.decided, new.decided)):
                if any(not guards.implies(guard, after.get(read, NEVER)) for read, guard in before.items()):
                    changed = ALWAYS
        return guards.minus(alive, changed)

    def changing(self, write: Event) -> int:
        """The guard under which the write of an atomic operation changes the value that this has read."""
        assert write.value is not None and write.partner is not None
        same = self.terms.apply("bin", ("==", ULONG), (self.terms.read(write.partner), write.value))
        if same.op == "const":
            return NEVER if truth(same.data) else write.guard
        return self.guards.minus(write.guard, self.guards.variable(self.decision(same, write.guard, write.pos)))

    def differ(self, old: Term, new: Term) -> int:
        """A guard outside of which two terms are certainly equal."""
        if old is new:
            return NEVER
        if new.op != "ite":
            return ALWAYS
        guards, condition = self.guards, new.data
        then, other = self.differ(old, new.args[0]), self.differ(old, new.args[1])
        return guards.disj(guards.conj(condition, then), guards.minus(other, condition))

    def wait(self, guard: int, first: int, pos: ir.Position | None) -> None:
        """Where ``guard`` holds, the round from event ``first`` on can go on for ever."""
        events = [e for e in self.graph.events[first:] if self.guards.conj(e.guard, guard) != NEVER]
        reads, writes = (tuple(e.id for e in events if e.kind == kind) for kind in "RW")
        self.stays(guard, reads, pos, writes=writes)

    def stays(
        self,
        guard: int,
        reads: tuple[int, ...],
        pos: ir.Position | None,
        cond: Term | None = None,
        writes: tuple[int, ...] = (),
        grace: bool = False,
    ) -> None:
        """Where ``guard`` holds, the thread may wait here for ever; if inside a critical section, that does not end before."""
        inside = self.left_open(guard, pos, self.may_stop)
        self.graph.waiting.append(Waiting(self.stop(guard), reads, cond, self.thread.index, pos, writes, inside, grace))

    def left_open(self, guard: int, pos: ir.Position | None, lasts: bool = True) -> int:
        """Where ``guard`` holds, the thread stops here. Critical sections that it is in last at least so long, if it ``lasts``: a
        grace period does not end before. Returns the guard of being in one."""
        for section in self.sections if lasts else ():
            here = self.guards.conj(guard, section)
            if here != NEVER:
                tags, never = frozenset({"Rcu-unlock"}), "(never leaves its critical section)"
                self.endings.append((Event(0, self.thread.index, "F", tags, None, None, here, pos, never), None))
        return self.guards.conj(guard, self.sections[0]) if self.sections else NEVER

    def left_open_srcu(self, guard: int, pos: ir.Position | None) -> None:
        """As :meth:`left_open`, of each critical section of SRCU's: one whose value no unlock before here was given."""
        events, data = self.graph.events, self.graph.data
        mine = [e for e in events if e.thread == self.thread.index and e.tags & {"Srcu-lock", "Srcu-unlock"}]
        for lock in (e for e in mine if "Srcu-lock" in e.tags):
            inside = self.guards.conj(guard, lock.guard)
            for unlock in (e for e in mine if "Srcu-unlock" in e.tags):
                ended = self.guards.conj(unlock.guard, data.get((lock.id, unlock.id), NEVER))
                inside = self.guards.minus(inside, ended)
            if inside != NEVER:
                tags, never = frozenset({"Srcu-unlock"}), "(never leaves its critical section)"
                end = Event(0, self.thread.index, "F", tags, lock.addr, self.terms.read(lock.id), inside, pos, never)
                self.endings.append((end, lock.id))

    def add_endings(self) -> None:
        """The ends of critical sections in which threads stop are the last events of all: the accesses have the same numbers
        whether or not threads stop, and none of them comes after its thread has stopped."""
        for end, lock in self.endings:
            end.id = len(self.graph.events)
            self.graph.events.append(end)
            if lock is not None:
                self.add_deps(self.graph.data, {lock: ALWAYS}, end.id)

    def enter_section(self, alive: int) -> None:
        """An RCU read-side critical section begins where ``alive`` holds."""
        around = [ALWAYS, *self.sections]
        self.sections = [
            self.guards.disj(section, self.guards.conj(alive, outer))
            for section, outer in zip([*self.sections, NEVER], around, strict=True)
        ]

    def leave_section(self, alive: int) -> None:
        """The innermost one ends where ``alive`` holds, if there is one."""
        inner = [*self.sections[1:], NEVER][: len(self.sections)]
        left = [
            self.guards.disj(self.guards.minus(section, alive), self.guards.conj(alive, deeper))
            for section, deeper in zip(self.sections, inner, strict=True)
        ]
        self.sections = [section for section in left if section != NEVER]

    def cut(self, alive: int, label: str, pos: ir.Position | None) -> int:
        """A loop is not followed further from here."""
        if alive != NEVER:
            self.graph.bounds.append((self.stop(alive), pos, label))
        return NEVER


def has_round(body: Sequence[ir.Stmt], label: str) -> bool:
    """Does ``body`` say where a round of the loop ``label`` begins?"""
    for stmt in body:
        match stmt:
            case ir.Round():
                if stmt.label == label:
                    return True
            case ir.If() | ir.Choice():
                if has_round(stmt.then, label) or has_round(stmt.other, label):
                    return True
            case ir.Block():
                if has_round(stmt.body, label):
                    return True
    return False


def unroll(
    program: ir.Program,
    bound: int = 2,
    stops: bool = False,
    omission: Omission = EVERY_WAIT,
    asked: ir.Expr | None = None,
    faulty: Collection[int] = (),
) -> EventGraph:
    """The events of ``program`` with every loop cut after ``bound`` rounds (or its own bound).

    With ``stops``, threads may also wait for ever at blocking operations (``EventGraph.waiting``). ``omission``: which idle
    rounds of loops need not be followed. ``asked``: a condition that is asked about besides the program's own.
    ``faulty``: accesses, by their numbers in the graph, at which threads may stop because they are to nothing.
    Raises InputError or UnsupportedError with the position of what cannot be unrolled.
    """
    graph = EventGraph(program, Guards(), Terms())
    terms = graph.terms
    for address, cell in program.cells.items():
        event = Event(len(graph.events), -1, "W", frozenset(("IW",)), terms.const(address), terms.const(cell.init), ALWAYS)
        graph.events.append(event)
    graph.init_count = len(graph.events)
    loops = has_loops(program)
    in_questions = registers_in_questions(program, asked) if loops else {}
    exposed = exposed_cells(program) if loops else None
    unrollers: list[_Unroller] = []
    for thread in program.threads:
        waits = Waits(thread, frozenset(in_questions.get(thread.index, ())), exposed, omission)
        unroller = _Unroller(graph, thread, bound, stops, waits, faulty)
        unrollers.append(unroller)
        env = _Env({}, {}, {})
        begins = unroller.begins(thread)
        unroller.run(thread.body, begins, env)
        graph.final_regs[thread.index] = {name: local.term for name, local in env.regs.items()}
    for unroller in unrollers:
        unroller.add_endings()
    return graph
