"""Explanations as plain text: the verdict in one line, then the execution or the reasons, every step with its source line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpcheck.program.execution import Execution
    from smpcheck.program.ir import Call, Position
    from smpcheck.questions.explain import Explanation
    from smpcheck.questions.races import Race
    from smpcheck.questions.reasons import Reason
    from smpcheck.questions.reorderings import Story
    from smpcheck.questions.wording import Words

WIDTH = 100
_columns: ContextVar[int] = ContextVar("_columns", default=WIDTH)
CODE = 44
"""Source text longer than this is cut in a list of steps."""

MODELS = {"sc": "sequential consistency", "tso": "total store order (x86)", "lkmm": "the kernel's memory model"}
"""What to call the models that are known by name."""


@contextmanager
def columns(width: int) -> Iterator[None]:
    """Within it, lines have at most ``width`` columns."""
    token = _columns.set(width)
    try:
        yield
    finally:
        _columns.reset(token)


def room() -> int:
    """How many columns a line may have."""
    return _columns.get()


def model_name(name: str) -> str:
    """The model in words."""
    return MODELS.get(name, name)


def wrap(text: str, indent: str = "  ", hanging: str = "  ") -> str:
    """A paragraph within the width."""
    return textwrap.fill(
        text,
        _columns.get(),
        initial_indent=indent,
        subsequent_indent=" " * len(indent) + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def head(explanation: Explanation) -> str:
    """The answer in one line."""
    outcome, model = explanation.outcome, model_name(explanation.model)
    if explanation.kind == "allowed":
        assert explanation.story is not None
        if explanation.under == "sc":
            return f"{outcome.said(True)}, by taking turns (no reordering is needed)"
        if explanation.under != explanation.model:
            return f"{outcome.said(True)} under {model}, and under {model_name(explanation.under)}"
        return f"{outcome.said(True)} under {model}"
    if explanation.kind == "nothing":
        return "nothing is asked or asserted"
    if explanation.kind == "undecided":
        return f"{outcome.said(None)} under {model}"
    if explanation.kind == "forbidden":
        if not explanation.reasons:
            return f"{outcome.said(False)} under {model}"
        if not explanation.complete:
            return f"{outcome.said(False)} under {model}, for these reasons and perhaps others"
        count = len(explanation.reasons)
        return f"{outcome.said(False)} under {model}, for {'one reason' if count == 1 else f'{count} reasons'}"
    return f"{outcome.said(False)} under any memory model"


def text(explanation: Explanation, width: int = WIDTH, drawn: str = "", calls: bool = False) -> str:
    """The whole explanation, its sentences in lines of at most ``width`` columns, with ``drawn`` below the answer.
    ``calls``: also through which calls the places in inlined functions were reached."""
    with columns(width):
        return "\n".join(_lines(explanation, drawn, calls)) + "\n"


def _lines(explanation: Explanation, drawn: str, calls: bool) -> Iterator[str]:
    program, words = explanation.program, explanation.words
    yield wrap(f"{program.name}: {head(explanation)}.", "")
    if drawn:
        yield f"\n{drawn.rstrip()}"
    if explanation.execution is not None and explanation.story is not None:
        yield from _story(explanation.execution, explanation.story, words, explanation.under)
    for way in explanation.ways:
        yield ""
        yield "With order there, it can still happen in another way:"
        for number, told in enumerate(way.told, 1):
            yield wrap(told.sentence + ".", f"  {number} ", "")
    for number, reason in enumerate(explanation.reasons, 1):
        yield ""
        yield from reason_lines(reason, words, f"{number}. " if len(explanation.reasons) > 1 else "")
    for race in explanation.races:
        yield ""
        yield from race_lines(race)
    if calls:
        yield from calls_lines(_places_shown(explanation), words)
    for note in explanation.notes:
        yield wrap(f"Note: {note}.", "")


def _story(execution: Execution, story: Story, words: Words, under: str) -> Iterator[str]:
    yield ""
    yield "In this order:" if not story.reorderings else "In the order in which they take effect:"
    yield from steps(execution, story, words)
    if story.reorderings:
        yield ""
        yield "Not in program order:"
        for number, reordering in enumerate(story.reorderings, 1):
            yield wrap(reordering.sentence + ".", f"  {number} ", "")
    if story.also:
        yield ""
        yield f"{missing_besides(story)}:"
        for number, missing in enumerate(story.also, len(story.reorderings) + 1):
            yield wrap(missing.sentence + ".", f"  {number} ", "")


def missing_besides(story: Story) -> str:
    """What stands above the places where order is missing and that are not out of order in the order shown."""
    return "To forbid it, order is missing here" + (" as well" if any(s.kind == "po" for s in story.reorderings) else "")


def steps(execution: Execution, story: Story, words: Words) -> Iterator[str]:
    """One line for each step: number, thread, source text, line, effect."""
    late = {s.first for s in story.reorderings} | {s.second for s in story.reorderings}
    rows: list[tuple[str, str, str, str, str]] = []
    for step in words.steps(execution, story.steps):
        event = execution.events[step.events[0]]
        mark = "*" if late.intersection(step.events) else " "
        rows.append((str(len(rows) + 1), mark, words.thread(event.thread), step.text, f"{words.line(event.pos)}|{step.effect}"))
    widths = [max(len(row[i]) for row in rows) for i in range(4)] if rows else [0, 0, 0, 0]
    room = _columns.get() - widths[0] - widths[2] - 18 - max((len(row[4].split("|", 1)[1]) for row in rows), default=0)
    most = min(CODE, widths[3], max(16, room))
    for row in rows:
        line, effect = row[4].split("|", 1)
        code = row[3] if len(row[3]) <= most else row[3][: most - 3] + "..."
        yield f"{row[0]:>{widths[0] + 2}}{row[1]} {row[2]:<{widths[2]}}  {code:<{most}}  {line:<9} {effect}"


def reason_lines(reason: Reason, words: Words, number: str = "") -> Iterator[str]:
    """The axiom, and its cycle edge by edge."""
    events = reason.execution.events
    yield wrap(f"{number}Axiom {reason.axiom}: these would form a cycle:", "")
    for place, link in enumerate(reason.links, 1):
        source, target = events[link.source], events[link.target]
        yield wrap(
            f"{place} {words.thread(source.thread)} {words.action(source)} -> "
            f"{words.thread(target.thread)} {words.action(target)}"
        )
        yield wrap(f"{link.kind}: {link.text}", "      ")


def _places_shown(explanation: Explanation) -> Iterator[tuple[int, Position, tuple[Call, ...]]]:
    """The threads and places of all events that are told of, and through which calls each was reached."""
    told: list[tuple[Execution, Iterable[int]]] = []
    if explanation.execution is not None and explanation.story is not None:
        told.append((explanation.execution, explanation.story.steps))
    told += [(way.execution, way.story.steps) for way in explanation.ways]
    told += [(r.execution, [end for link in r.links for end in (link.source, link.target)]) for r in explanation.reasons]
    told += [(race.execution, (race.first, race.second)) for race in explanation.races]
    for execution, events in told:
        for event in (execution.events[e] for e in events):
            if event.pos is not None:
                yield event.thread, event.pos, event.pos.calls


def calls_lines(places: Iterable[tuple[int, Position, tuple[Call, ...]]], words: Words) -> Iterator[str]:
    """Through which calls threads come to places in inlined functions, each thread and way once."""
    ways: dict[tuple[int, tuple[Call, ...]], set[tuple[str, int, str]]] = {}
    for thread, pos, calls in places:
        if calls:
            ways.setdefault((thread, calls), set()).add((pos.file, pos.line, words.line(pos)))
    if ways:
        yield ""
        yield "Called from:"
    for (thread, calls), lines in sorted(ways.items(), key=lambda way: way[0][0]):
        yield wrap(f"{words.thread(thread)}, {', '.join(line for *_, line in sorted(lines))}: {words.calls(calls)}", "  ", "  ")


def race_lines(race: Race) -> Iterator[str]:
    """A data race."""
    yield wrap(f"{race.sentence[0].upper()}{race.sentence[1:]}.", "")
    for missing in race.missing:
        yield wrap(f"Missing: {missing}.", "  - ", "")
