"""Other executions with the same outcome: would the order that an explanation finds missing forbid the outcome?

The missing order is added to the program: a full barrier at each place that the explanation names, and a mark at each access. If
the outcome can still happen, an execution of the changed program shows another way to it, and is explained as well; and so on,
until all the named places together forbid the outcome.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat.nodes import Model
from smpcheck.program import ir
from smpcheck.program.execution import Execution
from smpcheck.program.ir import Position, Program, Stmt
from smpcheck.questions.ordering_elements import FENCES, edited
from smpcheck.questions.outcomes import Outcome
from smpcheck.questions.patch import Edit, apply
from smpcheck.questions.reorderings import Reordering, Story, tell
from smpcheck.questions.statements import Reordered, Unordered
from smpcheck.questions.wording import Words

MAX_WAYS = 6
"""So many other ways are looked for."""


class Way(Struct, frozen=True):
    """Another execution with the outcome, possible although all places named before are mended, and its story."""

    execution: Execution
    story: Story

    @property
    def told(self) -> tuple[Reordering, ...]:
        """All that is said of it."""
        return (*self.story.reorderings, *self.story.also)


class Ways(Struct, frozen=True):
    """Other ways, in their order. ``complete``: with order in all the named places the outcome cannot happen."""

    found: tuple[Way, ...]
    complete: bool


def other_ways(
    program: Program, model: Model, outcome: Outcome, story: Story, execution: Execution, unroll: int, seconds: float
) -> Ways:
    """The other ways to an outcome besides the story of one execution, as long as there is time."""
    ends = time.perf_counter() + seconds
    mended = mend(program, story, execution)
    found: list[Way] = []
    while mended is not None:
        another = next(iter(outcome.candidates(mended, model, unroll)), None)
        if another is None:
            return Ways(tuple(found), True)
        told = tell(another, model, Words(mended))
        if len(found) == MAX_WAYS or time.perf_counter() > ends or not told.reorderings:
            break
        found.append(Way(another, told))
        mended = mend(mended, told, another)
    return Ways(tuple(found), False)


def mend(program: Program, story: Story, execution: Execution) -> Program | None:
    """The program with the order that ``story`` says is missing; None where there is no place for it."""
    if story.mended is None:
        return None
    claims = [s.claim for s in (*story.reorderings, *story.also)]
    events = execution.events
    pairs = [(events[c.first].pos, events[c.second].pos) for c in claims if isinstance(c, Reordered)]
    marks = {pos for c in claims if isinstance(c, Unordered) and (pos := events[c.event].pos) is not None}
    places = [second for first, second in pairs if second is not None and first != second]
    if len(places) < len(pairs) or not (places or marks):
        return None
    return apply(marked(program, marks), (_barrier(pos) for pos in dict.fromkeys(places)))


def _barrier(pos: Position) -> Edit:
    full = FENCES["Mb"]
    return Edit(full.name, pos, full.cost, "", full.text)


def marked(program: Program, places: Iterable[Position]) -> Program:
    """The program with its plain accesses at these places marked."""
    chosen = set(places)

    def change(body: tuple[Stmt, ...], thread: int) -> tuple[Stmt, ...]:
        return tuple(
            replace(s, tags=frozenset({"Once"})) if isinstance(s, ir.Load | ir.Store) and not s.tags and s.pos in chosen else s
            for s in body
        )

    return edited(program, change) if chosen else program
