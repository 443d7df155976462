"""A data race: the two accesses, and what is missing between them, found by trying it.

What is missing is not guessed from the source: order is put into the execution itself, after the first access and before the
second, and the model is asked whether the race is gone. Where that helps, a chain from one thread to the other is there already
and lacks order at its ends; where it does not, nothing leads from one thread to the other at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from smpcheck.cat.concrete import Violation, evaluate
from smpcheck.cat.nodes import Model
from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.questions.wording import Words, is_plain


@dataclass(frozen=True, slots=True)
class Race:
    """Two accesses to one location from different threads, at least one of them plain, that nothing keeps apart.

    ``first`` and ``second``: event ids in ``execution``, in the order of this execution. ``sentence``: what happens;
    ``missing``: what would keep them apart, one sentence each.
    """

    execution: Execution
    first: int
    second: int
    sentence: str
    missing: tuple[str, ...]

    @property
    def key(self) -> object:
        """Equal for races between the same two places."""
        events = self.execution.events
        return frozenset((events[e].thread, events[e].pos, events[e].kind) for e in (self.first, self.second))


def race_of(violation: Violation, model: Model, execution: Execution, words: Words) -> Race:
    """The race that a raised flag stands for."""
    first, second = (execution.events[e] for e in violation.events)
    doing = {"R": "reads", "W": "writes"}
    parts = []
    for event in (first, second):
        how = "plain" if is_plain(event) else "marked"
        parts.append(f"{words.thread(event.thread)} {doing[event.kind]} {event.cell} ({how} access, {words.line(event.pos)})")
    sentence = f"data race on {first.cell}: {parts[0]}, {parts[1]}, and nothing keeps one from happening during the other"
    return Race(execution, first.id, second.id, sentence, tuple(_missing(first, second, model, execution, words)))


def _missing(first: ExecutedEvent, second: ExecutedEvent, model: Model, execution: Execution, words: Words) -> list[str]:
    after = _Point(first, before=False)
    before = _Point(second, before=True)
    needed = [p for p in ((after,), (before,), (after, before)) if not _races(model, _with(execution, p), first, second)]
    says = {
        after: f"order after the access in {words.line(first.pos)}, before what {words.thread(first.thread)} does to tell "
        "the others (a release, a barrier)",
        before: f"order before the access in {words.line(second.pos)}, after what {words.thread(second.thread)} learns it from "
        "(an acquire, a barrier)",
    }
    if needed:
        return [says[point] for point in needed[0]]
    return [
        f"nothing in this execution tells {words.thread(second.thread)} that {words.thread(first.thread)} is done: it takes a "
        "lock held by both, a flag that one sets with release and the other tests with acquire, or marked accesses "
        "(READ_ONCE, WRITE_ONCE)"
    ]


@dataclass(frozen=True, slots=True)
class _Point:
    """A place in a thread: directly before or after an event."""

    event: ExecutedEvent
    before: bool


def _races(model: Model, execution: Execution, first: ExecutedEvent, second: ExecutedEvent) -> bool:
    """Does the model still flag a race between these two accesses (event ids), or any at all on their location?"""
    for violation in evaluate(model, execution):
        if violation.flag and violation.name == DATA_RACE:
            cells = {execution.events[e].address for e in violation.events}
            if first.address in cells:
                return True
    return False


def _with(execution: Execution, points: tuple[_Point, ...]) -> Execution:
    """The execution with a full barrier at each point (events renumbered only at the end, so that ids stay)."""
    events, po = list(execution.events), set(execution.relations["po"])
    for point in points:
        number = len(events)
        at = point.event
        earlier = {a for a, b in po if b == at.id} | (set() if point.before else {at.id})
        later = {b for a, b in po if a == at.id} | ({at.id} if point.before else set())
        events.append(ExecutedEvent(number, at.thread, "F", frozenset({"Mb"}), text="smp_mb()"))
        po |= {(a, number) for a in earlier} | {(number, b) for b in later}
    return replace(execution, events=tuple(events), relations={**execution.relations, "po": frozenset(po)})
