"""Answers about barriers as findings: an element that is not needed, one that could be weaker, one that is missing; each with
the change of the source that mends it.

A change is offered only after the changed text was read and judged again. (For a large program, and for a model whose parameters
were set, only the changed program was judged, not the text.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from smpcheck.engines.constraints import NARROW
from smpcheck.engines.views import ASSUMPTION
from smpcheck.errors import SmpcheckError
from smpcheck.program.flow import is_large
from smpcheck.questions.patch import Lines, read_again
from smpcheck.questions.problems import Change, Problem, Replacement
from smpcheck.questions.source_regions import Places, Region
from smpcheck.questions.wording import Words

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.questions.barriers import Barriers
    from smpcheck.questions.fix import Fix, Placement
    from smpcheck.questions.ordering_elements import Element, Level
    from smpcheck.questions.patch import Edit

IN_WORDS = re.compile(r" (without ordering|with \w+ ordering only|fully ordered)$|^nothing$| inside ")
"""A form that the kernel has no name for."""


def unneeded(answer: Barriers, model: Model, unroll: int = 2) -> Iterator[Problem]:
    """What of the ordering elements is not needed, or only in a weaker form. Dependencies cost nothing and are left out."""
    changes = _Changes(answer, model, unroll)
    words = Words(answer.program)
    said = f" under {answer.model}" + (", load buffering aside" if {ASSUMPTION, NARROW} & {*answer.notes} else "")
    protected = answer.protected.said if answer.protected else ""
    for finding in answer.findings:
        element = finding.element
        if element.kind == "dependency":
            continue
        region = changes.places.region(element.pos, element.text)
        if finding.status == "not needed":
            text = f"{element.text} is not needed{said}: without it, as with it: {protected}"
            yield Problem("unneeded-barrier", "warning", text, region, changes=changes.weaker(element, element.weaker[-1]))
        elif finding.status == "one of several":
            text = f"{element.text} is not needed{said} as long as the others stay"
            yield Problem("redundant-barrier", "note", text, region, _others(answer, element, words, changes.places))
        elif finding.weakest is not None:
            text = f"{element.text} is stronger than needed{said}: {finding.weakest.text} is enough"
            yield Problem("stronger-than-needed", "note", text, region, changes=changes.weaker(element, finding.weakest))


def _others(answer: Barriers, element: Element, words: Words, places: Places) -> tuple[tuple[Region, str], ...]:
    """The elements of the smallest sets that this one is not in."""
    found: dict[Region, str] = {}
    for members in answer.sets:
        if element not in members:
            for other in members:
                if not set(other.threads).isdisjoint(element.threads):
                    found[places.region(other.pos, other.text)] = f"{other.text} does the same ({words.line(other.pos)})"
    return tuple(found.items())


class _Changes:
    """Makes changes of one program's source."""

    def __init__(self, answer: Barriers, model: Model, unroll: int) -> None:
        self.program = answer.program
        self.protected = answer.protected
        self.model = model
        self.unroll = unroll
        self.places = Places(answer.program)
        self.lines = Lines(answer.program)

    def weaker(self, element: Element, level: Level) -> tuple[Change, ...]:
        """The source with the element at this level, where that can be written."""
        if element.kind == "lock" or IN_WORDS.search(element.text) or self.program.language == "LISA":
            return ()
        if level.name == "none":
            replacement, said = self.removed(element), f"remove {element.text}"
        else:
            replacement, said = self.replaced(element, level.text), f"{level.text} in place of {element.text}"
        if replacement is None or not self.holds(replacement):
            return ()
        return (Change(said, (replacement,)),)

    def replaced(self, element: Element, text: str) -> Replacement | None:
        region = self.places.region(element.pos, element.text)
        if not region.end_column or IN_WORDS.search(text):
            return None
        return Replacement(region, text)

    def removed(self, element: Element) -> Replacement | None:
        """The line of a barrier that has a line of its own."""
        pos, lines = element.pos, self.lines
        alone = re.compile(rf"\s*{re.escape(element.text)}\s*{'' if lines.python else ';'}\s*(#.*|//.*|/\*.*\*/\s*)?")
        if not lines.can_remove(pos) or not alone.fullmatch(lines.lines(pos.file)[pos.line - 1]):
            return None
        return Replacement(Region(pos.file, pos.line, 1, pos.line + 1, 1), "")

    def holds(self, replacement: Replacement) -> bool:
        """Does the changed text, read again, keep what is protected?"""
        file = replacement.region.file
        self.lines.lines(file)
        if is_large(self.program):
            return True
        try:
            changed = read_again(self.program, {file: changed_text(self.lines.texts[file], replacement)}, self.model)
            if changed is None:
                return True
            return self.protected is not None and self.protected.broken(changed, self.model, self.unroll) is None
        except SmpcheckError:
            return False


def changed_text(text: str, replacement: Replacement) -> str:
    """``text`` with one replacement made."""
    region = replacement.region
    starts = [0, *(m.end() for m in re.finditer("\n", text)), len(text)]
    start = starts[region.line - 1] + region.column - 1
    end = min(starts[region.end_line - 1] + region.end_column - 1, len(text))
    return text[:start] + replacement.text + text[end:]


def missing(answer: Fix) -> Iterator[Problem]:
    """The outcome that can happen, with its placements as changes; nothing where it cannot."""
    if answer.status == "safe":
        return
    places, lines = Places(answer.program), Lines(answer.program)
    said = f"{answer.outcome.said(True)} under {answer.model}"
    if answer.status != "fixed":
        why = {"interleaving": "by taking turns: no barrier forbids it", "no placement": "no placement of barriers forbids it"}
        tail = why.get(answer.status, "no placement of barriers was found in time")
        yield Problem("reachable-outcome", "error", f"{said}, and {tail}", places.question())
        return
    first = answer.placements[0].edits[0]
    changes = tuple(change for placement in answer.placements if (change := _change(placement, lines, places)) is not None)
    many = len(answer.placements)
    count = "the cheapest addition forbids it" if many == 1 else f"each of {many} equally cheap additions forbids it"
    related = tuple((places.region(e.pos, e.old), described(e)) for e in answer.placements[0].edits)
    yield Problem("missing-barrier", "error", f"{said}; {count}", places.region(first.pos, first.old), related, changes=changes)


def described(edit: Edit) -> str:
    """``smp_mb() before READ_ONCE(*y)``."""
    return f"{edit.new} {'before' if edit.inserts else 'in place of'} {edit.old}"


def _change(placement: Placement, lines: Lines, places: Places) -> Change | None:
    """A placement as replacements; None where the source has no place for it."""
    if not placement.diff:
        return None
    made: list[Replacement] = []
    for edit in placement.edits:
        pos = edit.pos
        if edit.inserts:
            made.append(Replacement(Region(pos.file, pos.line, 1, pos.line, 1), lines.inserted(edit) + "\n"))
            continue
        at = lines.column(edit)
        if at is None or any(r.region.line == pos.line and (r.region.end_column or 0) > at + 1 for r in made):
            return None  # one within another: two replacements cannot overlap
        made.append(Replacement(Region(pos.file, pos.line, at + 1, pos.line, at + 1 + len(edit.old)), edit.new))
    return Change("; ".join(described(edit) for edit in placement.edits), tuple(made))
