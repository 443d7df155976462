"""A program without some of its branches, which are put back when they turn out to matter.

Most branches of a large model are never taken: for a page in a given state, few of the ways through reclaim are open. A branch
that is left out becomes a loop of no rounds with a label of its own; who answers says which of these an execution would enter
(:attr:`smpcheck.solver.answer.Answer.cut`, :attr:`smpcheck.simulate.explore.Outcomes.entered`). If there is none, nothing was
left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.program import ir
from smpcheck.program.attempts import attempt
from smpcheck.program.waits import awaited

_CUT = "left out: "
_MORE = "more rounds of "
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


class Coverage(Struct, frozen=True):
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
            case ir.Choice():
                return replace(stmt, then=self.alternative(stmt.then), other=self.alternative(stmt.other))
            case ir.If():
                return replace(stmt, then=self.branch(stmt.then), other=self.branch(stmt.other))
            case ir.Block() | ir.Loop():
                return replace(stmt, body=self.body(stmt.body))
        return stmt

    def alternative(self, body: Sequence[ir.Stmt]) -> tuple[ir.Stmt, ...]:
        """A branch that is entered if its first access can take place: that access stays, or it would always be entered."""
        first = _conditional_head(body)
        return (*body[:first], *self.branch(body[first:]))

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


def _conditional_head(body: Sequence[ir.Stmt]) -> int:
    """The number of statements up to the access, if one that takes place on a condition comes before all others."""
    for index, stmt in enumerate(body):
        match stmt:
            case ir.Assign() | ir.Fence():
                continue
            case ir.Rmw() if stmt.when is not None:
                return index + 1
            case ir.Load() if index + 1 < len(body) and isinstance(body[index + 1], ir.Assume):
                return index + 2
        break
    return 0


def unrolled(program: ir.Program, rounds: Mapping[str, int], usual: int) -> ir.Program:
    """``program`` with loops followed for so many rounds, by label, ``usual`` ones if it is not there; what comes after is left
    out. Loops that only wait for a value stay."""

    def statement(stmt: ir.Stmt) -> ir.Stmt:
        match stmt:
            case ir.If() | ir.Choice():
                return replace(stmt, then=body(stmt.then), other=body(stmt.other))
            case ir.Block():
                return replace(stmt, body=body(stmt.body))
            case ir.Loop() if not (is_left_out(stmt.label) or bound_of(stmt.label) is not None or awaited(stmt)):
                own = body(stmt.body)
                begins = next((at for at, inner in enumerate(own) if isinstance(inner, ir.Round)), 0)
                once = tuple(inner for inner in own if not isinstance(inner, ir.Round))
                rest = ir.Loop(f"{_CUT}{_MORE}{stmt.label}", (), 0, stmt.pos)
                return ir.Block(stmt.label, (*once * rounds.get(stmt.label, usual), *own[:begins], rest), stmt.pos)
        return stmt

    def body(stmts: Sequence[ir.Stmt]) -> tuple[ir.Stmt, ...]:
        return tuple(map(statement, stmts))

    return replace(program, threads=tuple(replace(thread, body=body(thread.body)) for thread in program.threads))


def loop_of(label: str) -> str | None:
    """The label of the loop whose further rounds were left out under this label; None: it is a branch's."""
    return label[len(_CUT) + len(_MORE) :] if label.startswith(_CUT + _MORE) else None
