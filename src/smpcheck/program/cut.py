"""A program without some of its branches, which are put back when they turn out to matter.

Most branches of a large model are never taken: for a page in a given state, few of the ways through reclaim are open. A branch
that is left out becomes a loop of no rounds with a label of its own; the solver says which of these an execution would enter
(:attr:`smpcheck.solver.answer.Answer.cut`). If there is none, nothing was left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from smpcheck.program import ir
from smpcheck.program.attempts import attempt

_CUT = "left out: "
_BOUND = "bound: "


def followed_no_further(sentence: str, pos: ir.Position | None) -> ir.Loop:
    """The place beyond which a reader does not follow the program; ``sentence`` says what its bound is. To be there is what it is
    in a loop that has made all its rounds."""
    return ir.Loop(_BOUND + sentence, (), 1, pos)


def bound_of(label: str) -> str | None:
    """The sentence of a reader's bound with this label; None: it is a loop's."""
    return label[len(_BOUND) :] if label.startswith(_BOUND) else None


def is_left_out(label: str) -> bool:
    """Is this the label of a branch that was left out?"""
    return label.startswith(_CUT)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The accesses that are ``steps`` of a program's interleavings, and those that some interleaving takes, both by ``id`` of the
    statement in this very program object.

    ``before``: the accesses are those of the program that it was translated from (:class:`smpcheck.program.ir.Translation`).
    """

    steps: frozenset[int] = frozenset()
    taken: frozenset[int] = frozenset()
    before: bool = False


NOTHING = Coverage()
"""Of a program of which nothing is known: it has no steps that could be left out."""


def without_branches(program: ir.Program, coverage: Coverage, put_back: Collection[str] = ()) -> ir.Program:
    """``program`` without branches that have steps of which none is taken, but for those labelled in ``put_back``. A branch that
    was put back is left as it is, without looking for more inside.
    """
    if coverage.before and (known := program.translated_from) is not None:
        return replace(program, threads=known.translate(_cut(known.program, coverage, put_back)).threads)
    return _cut(program, coverage, put_back)


def _cut(program: ir.Program, coverage: Coverage, put_back: Collection[str]) -> ir.Program:
    threads = tuple(
        replace(thread, body=_Cutter(f"{_CUT}thread {thread.index}, ", coverage, put_back).body(thread.body))
        for thread in program.threads
    )
    return replace(program, threads=threads)


class _Cutter:
    def __init__(self, prefix: str, coverage: Coverage, put_back: Collection[str]) -> None:
        self.prefix = prefix
        self.coverage = coverage
        self.put_back = put_back
        self.count = 0

    def body(self, body: Sequence[ir.Stmt]) -> tuple[ir.Stmt, ...]:
        return tuple(self.statement(stmt) for stmt in body)

    def statement(self, stmt: ir.Stmt) -> ir.Stmt:
        match stmt:
            case ir.Choice() if self.coverage.before and (one := attempt(stmt)) is not None:
                # what a machine has one operation for stays together
                then, other = (*one.success, *self.branch(one.done)), (*one.failure, *self.branch(one.failed))
                return replace(stmt, then=then, other=other)
            case ir.If() | ir.Choice():
                return replace(stmt, then=self.branch(stmt.then), other=self.branch(stmt.other))
            case ir.Block() | ir.Loop():
                return replace(stmt, body=self.body(stmt.body))
        return stmt

    def branch(self, body: Sequence[ir.Stmt]) -> tuple[ir.Stmt, ...]:
        own = [id(stmt) for stmt in leaves(body) if id(stmt) in self.coverage.steps]
        if not own or not self.coverage.taken.isdisjoint(own):
            return self.body(body)
        self.count += 1
        label = f"{self.prefix}branch {self.count}"
        if label in self.put_back:
            return tuple(body)
        pos = next((stmt.pos for stmt in leaves(body) if stmt.pos is not None), None)
        return (ir.Loop(label, (), 0, pos),)


def leaves(body: Sequence[ir.Stmt]) -> Iterator[ir.Load | ir.Store | ir.Rmw]:
    """The accesses in a piece of program, in order."""
    for stmt in body:
        match stmt:
            case ir.If() | ir.Choice():
                yield from leaves((*stmt.then, *stmt.other))
            case ir.Block() | ir.Loop():
                yield from leaves(stmt.body)
            case ir.Load() | ir.Store() | ir.Rmw():
                yield stmt
