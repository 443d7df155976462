"""A data race: the two accesses, and the order that is missing between them, found by experiment.

The missing order is not guessed from the source. Order is added to the execution, after the first access and before the
second, and the model is asked whether the race is gone. If it is, a chain of events already leads from one thread to the other
and lacks order only at its ends; if it is not, no chain leads from one thread to the other at all.
"""

from __future__ import annotations

from msgspec import Struct

from smpcheck.cat.judge import Violation, evaluate
from smpcheck.cat.nodes import Model
from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.questions.experiments import Point, with_barriers
from smpcheck.questions.statements import Lacks, Races
from smpcheck.questions.wording import Words, sentence


class Race(Struct, frozen=True):
    """Two accesses to one location from different threads, at least one of them plain, that nothing keeps apart.

    ``first`` and ``second``: event ids in ``execution``, in the order of this execution. ``sentence``: what happens;
    ``missing``: what would keep them apart, one sentence each. ``claims``: the same as statements, in this order. ``steps``: the
    accesses in an order in which they take effect, where it is known.
    """

    execution: Execution
    first: int
    second: int
    sentence: str
    missing: tuple[str, ...]
    claims: tuple[Races | Lacks, ...] = ()
    steps: tuple[int, ...] = ()

    @property
    def key(self) -> object:
        """Equal for races between the same two places."""
        events = self.execution.events
        return frozenset((events[e].thread, events[e].pos, events[e].kind) for e in (self.first, self.second))


def race_of(violation: Violation, model: Model, execution: Execution, words: Words) -> Race:
    """The race that a raised flag stands for."""
    first, second = (execution.events[e] for e in violation.events)
    claims: list[Races | Lacks] = [Races(first.id, second.id), *_missing(first, second, model, execution)]
    said, *missing = (sentence(claim, execution.events, words) for claim in claims)
    return Race(execution, first.id, second.id, said, tuple(missing), tuple(claims))


def _missing(first: ExecutedEvent, second: ExecutedEvent, model: Model, execution: Execution) -> list[Lacks]:
    after, before = Point(first.id, before=False), Point(second.id)
    for points in ((after,), (before,), (after, before)):
        if not _races(model, with_barriers(execution, points)[0], first):
            return [Lacks(first.id, second.id, "before" if point.before else "after") for point in points]
    return [Lacks(first.id, second.id, "nothing")]


def _races(model: Model, execution: Execution, first: ExecutedEvent) -> bool:
    """Does the model still flag a race on the location of this access?"""
    for violation in evaluate(model, execution):
        if violation.flag and violation.name == DATA_RACE:
            cells = {execution.events[e].address for e in violation.events}
            if first.address in cells:
                return True
    return False
