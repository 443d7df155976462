"""Sections that RCU's grace periods wait for, besides rcu_read_lock(): the outermost become markers of the memory model.

Whatever disables bottom halves, preemption or interrupts enters an RCU read-side critical section, and so does a spinlock that is
taken, with CONFIG_PREEMPT_RT too (Documentation/RCU/whatisRCU.rst; kernel/locking/spinlock_rt.c, kernel/softirq.c). There is one
flavour of RCU since Linux 4.20, so synchronize_rcu() and call_rcu() wait for them all (Documentation/RCU/checklist.rst, 7).

The reader writes where such a section is entered and left; these sections may overlap. A CPU is in one as long as it has entered
more than it has left, which is from the first of them to the last: so only there a marker is needed. The memory model pairs
markers like brackets. Where a section of rcu_read_lock() overlaps with one of these, what the brackets enclose together is what
the two enclose together, and a grace period waits for that as a whole.

How many have been entered is mostly known from the text. Where ways meet on which it differs, a register counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from smpcheck.program import ir
from smpcheck.program.flow import mapped, statements
from smpcheck.program.values import INT

ENTERS, LEAVES = "enters-section", "leaves-section"
"""Tags of statements that stand for no event: a section is entered or left here."""
COUNT = "@sections"
"""The register that counts the sections that a thread is in."""
LOCK, UNLOCK = frozenset({"Rcu-lock"}), frozenset({"Rcu-unlock"})


def is_edge(stmt: ir.Stmt) -> bool:
    """Is a section entered or left here?"""
    return isinstance(stmt, ir.Fence) and not stmt.tags.isdisjoint((ENTERS, LEAVES))


def has_grace_periods(threads: Iterable[ir.Thread]) -> bool:
    """Does anything wait for RCU's readers?"""
    return any(isinstance(stmt, ir.Fence) and "Sync-rcu" in stmt.tags for thread in threads for stmt in statements(thread.body))


def has_edges(thread: ir.Thread) -> bool:
    """Does it enter or leave a section?"""
    return any(map(is_edge, statements(thread.body)))


def without_edges(thread: ir.Thread) -> ir.Thread:
    """``thread`` where nobody asks which sections it is in."""
    return replace(thread, body=mapped(thread.body, lambda stmt: None if is_edge(stmt) else stmt))


def with_markers(thread: ir.Thread) -> ir.Thread:
    """``thread`` with the markers of its outermost sections."""
    body, _ = _Walk().body(thread.body, 0)
    return replace(thread, body=(ir.Assign(COUNT, ir.Const(0)), *body), reg_types={**thread.reg_types, COUNT: INT})


UNKNOWN, UNREACHED = -1, -2
"""How many sections have been entered: the run decides; or nothing leads here."""


def _join(one: int, other: int) -> int:
    if UNREACHED in (one, other):
        return max(one, other)
    return one if one == other else UNKNOWN


class _Walk:
    """Goes through the code of one thread. ``exits``: how many sections each label may be left in."""

    def __init__(self) -> None:
        self.exits: dict[str, int] = {}

    def body(self, body: Sequence[ir.Stmt], depth: int) -> tuple[tuple[ir.Stmt, ...], int]:
        """A piece of code that begins in ``depth`` sections, and in how many it ends."""
        out: list[ir.Stmt] = []
        for stmt in body:
            made, depth = self.stmt(stmt, depth)
            out += made
        return tuple(out), depth

    def stmt(self, stmt: ir.Stmt, depth: int) -> tuple[list[ir.Stmt], int]:
        """A statement, and in how many sections it ends."""
        match stmt:
            case ir.Fence() if is_edge(stmt):
                return _entered(stmt, depth) if ENTERS in stmt.tags else _left(stmt, depth)
            case ir.If() | ir.Choice():
                then, one = self.body(stmt.then, depth)
                other, two = self.body(stmt.other, depth)
                return [replace(stmt, then=then, other=other)], _join(one, two)
            case ir.Block():
                body, end, left = self._labelled(stmt, depth)
                return [replace(stmt, body=body)], _join(end, left)
            case ir.Loop():
                body, end, left = self._labelled(stmt, depth)
                if end not in (depth, UNREACHED):  # a round begins in as many as the one before ended in
                    body, end, left = self._labelled(stmt, UNKNOWN)
                return [replace(stmt, body=body)], left
            case ir.Exit(label):
                self.exits[label] = _join(self.exits.get(label, UNREACHED), depth)
                return [stmt], UNREACHED
        return [stmt], depth

    def _labelled(self, stmt: ir.Block | ir.Loop, depth: int) -> tuple[tuple[ir.Stmt, ...], int, int]:
        outer = self.exits.pop(stmt.label, UNREACHED)
        body, end = self.body(stmt.body, depth)
        left = self.exits.pop(stmt.label, UNREACHED)
        if outer != UNREACHED:
            self.exits[stmt.label] = outer
        return body, end, left


def _entered(stmt: ir.Fence, depth: int) -> tuple[list[ir.Stmt], int]:
    marker = replace(stmt, tags=LOCK)
    before = _where_outside(marker) if depth == UNKNOWN else [marker] if depth == 0 else []
    return [*before, _counted("+", stmt)], depth + 1 if depth >= 0 else depth


def _left(stmt: ir.Fence, depth: int) -> tuple[list[ir.Stmt], int]:
    """What leaves a section that was never entered, leaves none."""
    if depth == 0:
        return [], depth
    marker = replace(stmt, tags=UNLOCK)
    if depth == UNKNOWN:
        inside = ir.Binary("!=", ir.Reg(COUNT), ir.Const(0), INT)
        return [ir.If(inside, (_counted("-", stmt), *_where_outside(marker)), (), stmt.pos, stmt.text)], depth
    return [_counted("-", stmt), *([marker] if depth == 1 else [])], depth - 1 if depth > 0 else depth


def _where_outside(marker: ir.Fence) -> list[ir.Stmt]:
    """``marker`` where the count is zero."""
    return [ir.If(ir.Binary("==", ir.Reg(COUNT), ir.Const(0), INT), (marker,), (), marker.pos, marker.text)]


def _counted(op: str, stmt: ir.Fence) -> ir.Stmt:
    return ir.Assign(COUNT, ir.Binary(op, ir.Reg(COUNT), ir.Const(1), INT), stmt.pos)
