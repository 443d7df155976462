"""Loops that wait: a round that leaves nothing behind need not be followed.

A round of a loop is *idle* if the thread is afterwards where it was: no event of it writes, and every register that may still be
read has the value that it had. Then the loop is a wait, and an execution with an idle round says no more than the one without
it; only the rounds that change something, and the one that leaves the loop, are unrolled. (The same idea: the spin loops of
Lahav, Namakonov, Oberhauser, Podkopaev, Vafeiadis, "Making Weak Memory Models Fair", OOPSLA 2021, section 6, and the
transformation of spin loops into assumptions in GenMC and Dartagnan.)

*Why no outcome is lost.* Take an execution X of the program, and one idle round of it. Let X' be X without the events of that
round.

1. X' is a candidate execution of the same program. No read reads from what is gone, for nothing there is a write; so every other
   read keeps its source and its value, every branch its decision, every register that matters its value, and the loop goes on
   from where the idle round began as it did from where it ended. Final registers and memory are the same.
2. Its relations are those of X between the events that are left: po, rf, co, fr, rmw and loc have no more pairs and no fewer.
   Dependencies pass through registers only. A register that may still be read depends, after the idle round, on what it depended
   on before and perhaps on reads of the round (this is required of an idle round, see ``_Unroller.idle``); so between events that
   are left X' has the same dependencies.
3. If X is consistent, so is X'. A model forbids cycles and pairs of relations that it builds from these. Union, intersection,
   sequence, closure, inverse, domain and range of smaller relations are smaller: leaving out events takes away paths and adds
   none. What a round orders, an acquire load, a full barrier, a grace period, a control dependency, orders less when it is gone,
   and an execution that is allowed with more order is allowed with less. Only a difference ``r \\ s`` and a complement can grow,
   if s shrinks by more than what is left out. Whether a model has such a thing is read off its definition:
   :mod:`smpcheck.cat.restriction`. In the kernel's model there is one, the pairing of rcu_read_lock() with rcu_read_unlock(),
   which subtracts what is paired already; so a round with such markers is not idle.

By induction every execution with idle rounds has the outcome of one that has none. That the *last* round has the same barriers
as the others is not needed; that it is there is: what comes after the loop still comes after a round.

*What only an idle round shows.* A check that fails in it, a data race of one of its accesses, a flag that the model raises. Where
there may be such a thing (:attr:`Shape.watched`), an idle round is followed unless the one before was idle too. One is enough:
a check, and a flag of the shipped models, speak of at most one round of a loop, which may stay while the others go.

*Rounds that write what is there.* The failing round of ``while (xchg(l, 1))`` writes the value that it read: read r from write w,
write w' next after w in the coherence order. Say it is left out, and who read w' reads w, which has the same value. Under sc and
tso memory never differs, and less is ordered. Under the kernel's model the pairs that are new in X' are rf from w to the readers
s of w', and they stand for paths of X:

- s and w in other threads than r: w rfe r, r before w' in ppo (``overwrite & int``), w' rfe s; so w before s in hb already.
  Release sequences (``rmw-sequence``) and A-cumul only lose the link (rf ; rmw) in the middle. prop from z over w, where z is in
  r's own thread so that z to w' is no longer external: z before w' in ppo, w' rfe s, and what follows is in hb and pb alike.
- s in the thread of w: w before s in hb by the same path, so that what a dependency into w and rfi would add is there.
- w in r's own thread: w before w' in ppo, so the order of w' after what w depends on is inherited; if s is there as well, rfi
  replaces rfi.
- s in r's own thread but w not: the new rfe would be an order that X lacks. Then s is the read of the *next* round, and its round
  is one of the third kind: w' is its source. So leaving out all rounds but the first of such a chain is allowed, and with one
  round more than the last nothing is lost.

Therefore such a round is idle if the one before was idle too, if it is the only atomic operation of its round that writes, and
if the model is one of those shipped (:attr:`Omission.writes`). Anything else that writes is followed, up to the bound.

*Waiting for ever.* A thread whose round is idle can do the same round again. It does so for ever if what it reads never changes:
if each read of the round reads the coherence-last write (a write has finitely many reads before it: stores reach every thread in
the end; ibid., "memory fairness", Theorem 5). Its further rounds order nothing for anybody else, for no other thread can tell
that they are there. So :class:`~smpcheck.program.events.Waiting` records idle rounds, and the solver asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from smpcheck.program import ir
from smpcheck.program.flow import Live, defined, live_at_head, live_before, registers_read, statements
from smpcheck.program.tags import of_kind
from smpcheck.program.values import Ptr

MARKERS = of_kind("section")
"""Tags of events that are never left out: what pairs with them would change."""


class Omission(Struct, frozen=True):
    """What a memory model lets one leave out of an execution. ``reads``: rounds that only read and order. ``writes``: rounds that
    write what they read. ``flags``: has it flags of its own, of which it is not known how many rounds they speak of?"""

    reads: bool = True
    writes: bool = True
    flags: bool = False


class Shape(Struct, frozen=True):
    """A loop turned so that little is live where its rounds begin: ``first``, then ``round`` again and again.

    ``live``: the registers that may be read from the beginning of a round on. ``watched``: may an idle round show what the others
    do not?
    """

    first: tuple[ir.Stmt, ...]
    round: tuple[ir.Stmt, ...]
    live: Live
    watched: bool


class Waits:
    """The loops of one thread. ``asked``: registers whose final values matter. ``exposed``: see :func:`exposed_cells`."""

    def __init__(self, thread: ir.Thread, asked: Live, exposed: frozenset[Ptr] | None, omission: Omission) -> None:
        self.exposed = exposed
        self.omission = omission
        self._after: dict[int, Live] = {}
        self._exits: dict[int, dict[str, Live]] = {}
        if any(isinstance(s, ir.Loop) for s in statements(thread.body)):
            self._visit(thread.body, asked, {})

    def _visit(self, body: Sequence[ir.Stmt], after: Live, exits: Mapping[str, Live]) -> None:
        """Note what is live after each loop, and where its exits lead."""
        live = after
        for stmt in reversed(body):
            match stmt:
                case ir.If() | ir.Choice():
                    self._visit(stmt.then, live, exits)
                    self._visit(stmt.other, live, exits)
                case ir.Block(label, inner):
                    self._visit(inner, live, {**exits, label: live})
                case ir.Loop(label, inner):
                    self._after[id(stmt)] = self._after.get(id(stmt), frozenset()) | live
                    known = self._exits.setdefault(id(stmt), {})
                    for name, found in exits.items():
                        known[name] = known.get(name, frozenset()) | found
                    head = live_at_head(inner, label, live, exits)
                    self._visit(inner, head, {**exits, label: live})
            live = live_before((stmt,), live, exits)

    def shape(self, loop: ir.Loop) -> Shape:
        """The loop turned so that as few as possible of the registers that it sets are live where a round begins."""
        after, exits = self._after[id(loop)], self._exits[id(loop)]
        body = _straightened(loop)
        sets = {name for stmt in statements(body) if (name := defined(stmt)) is not None}
        best: tuple[int, int, Live] | None = None
        for at in range(max(len(body), 1)):
            live = live_at_head((*body[at:], *body[:at]), loop.label, after, exits)
            carried = len(sets & live)
            if best is None or carried < best[0]:
                best = carried, at, live
        assert best is not None
        _, at, live = best
        return Shape(body[:at], (*body[at:], *body[:at]), live, self._watched(body))

    def _watched(self, body: Sequence[ir.Stmt]) -> bool:
        return self.omission.flags or any(map(self._shows, statements(body)))

    def _shows(self, stmt: ir.Stmt) -> bool:
        """May this statement of an idle round be what a check, a flag or a fault is about?"""
        match stmt:
            case ir.Load(_, addr, tags):
                racing = self.exposed is None or not isinstance(addr, ir.Const) or addr.value in self.exposed
                return not tags or racing
            case ir.Fence(tags):
                return any(tag.startswith(("Sync-", "Rcu", "Srcu")) for tag in tags)
            case ir.Store() | ir.Rmw() | ir.Assert():
                return True
        return False


def _straightened(loop: ir.Loop) -> tuple[ir.Stmt, ...]:
    """The body, in which ``if (test) { rest } else leave`` at the end is ``if (!test) leave; rest``."""
    body = loop.body
    while body and isinstance(last := body[-1], ir.If):
        then, other = last.then, last.other
        if then and len(other) == 1 and isinstance(other[0], ir.Exit):
            body = (*body[:-1], ir.If(last.cond, (), other, last.pos, last.text), *then)
        elif other and len(then) == 1 and isinstance(then[0], ir.Exit):
            body = (*body[:-1], ir.If(last.cond, then, (), last.pos, last.text), *other)
        else:
            break
    return body


def awaited(loop: ir.Loop) -> tuple[ir.Load, ir.Expr] | None:
    """The read of a loop that only waits for one value, and the condition on which it ends, over that read's register; None if
    the loop does anything else.
    """
    body = [stmt for stmt in _straightened(loop) if not _does_nothing(stmt)]
    if len(body) != 2:
        return None
    read, test = body
    if not isinstance(read, ir.Load) or not isinstance(test, ir.If):
        return None
    if set(registers_read(test.cond)) != {read.reg} or read.reg in registers_read(read.addr):
        return None
    if [_exit(stmt) for stmt in test.then] == [loop.label] and not test.other:
        return read, test.cond
    if [_exit(stmt) for stmt in test.other] == [loop.label] and not test.then:
        return read, ir.Unary("!", test.cond)
    return None


def _exit(stmt: ir.Stmt) -> str | None:
    return stmt.label if isinstance(stmt, ir.Exit) else None


def _does_nothing(stmt: ir.Stmt) -> bool:
    """``cpu_relax()``, and what says where a round begins."""
    return isinstance(stmt, ir.Round) or (isinstance(stmt, ir.Fence) and stmt.tags <= {"Barrier"})


def exposed_cells(program: ir.Program) -> frozenset[Ptr] | None:
    """The cells with plain accesses, on which a marked access may race; None if these may be any."""
    found: set[Ptr] = set()
    for thread in program.threads:
        for stmt in statements(thread.body):
            if isinstance(stmt, ir.Load | ir.Store) and not stmt.tags:
                if not (isinstance(stmt.addr, ir.Const) and isinstance(stmt.addr.value, Ptr)):
                    return None
                found.add(stmt.addr.value)
    return frozenset(found)
