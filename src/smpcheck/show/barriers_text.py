"""Which barriers are needed, as plain text: a table of elements, then what each is for and what happens without it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from smpcheck.program import flow, ir
from smpcheck.program.tags import of_kind
from smpcheck.questions.outcomes import outcome_text
from smpcheck.questions.stops import SENTENCES, sentence
from smpcheck.questions.wording import Words
from smpcheck.show.explain_text import WIDTH, calls_lines, columns, model_name, room, wrap

if TYPE_CHECKING:
    from smpcheck.program.ir import Program
    from smpcheck.questions.barriers import Barriers, Finding
    from smpcheck.questions.fix import Fix, Placement
    from smpcheck.questions.ordering_elements import Element
    from smpcheck.questions.patch import Edit

WIDEST, NARROWEST = 46, 24
"""Columns of an element's text in a table; where there are fewer, its cells stand in a line of their own below it."""

LEVELS = ("acquire", "release", "relaxed")
"""Levels of an atomic operation that are called by their suffix; others are barriers of their own."""

GRACE_PERIODS = of_kind("wait")


def text(answers: Sequence[Barriers], width: int = WIDTH, calls: bool = False) -> str:
    """The answers for one program under one or more models, in lines of at most ``width`` columns. ``calls``: also through which
    calls the elements in inlined functions are reached."""
    with columns(width):
        lines = list(_one(answers[0], calls) if len(answers) == 1 else _table(answers, calls))
    return "\n".join(lines) + "\n"


def name(element: Element, words: Words) -> str:
    """``smp_mb() in P0 (line 12)``."""
    if element.kind == "lock":
        return f"{element.text} ({words.line(element.pos)})"
    threads = " and ".join(words.thread(t) for t in element.threads)
    return f"{element.text} in {threads} ({words.line(element.pos)})"


def _calls(program: Program, elements: Sequence[Element], words: Words) -> Iterator[str]:
    """Through which calls the elements in inlined functions are reached."""
    reached = flow.reached_through(program)
    yield from calls_lines(((thread, e.pos, calls) for e in elements for thread, calls in reached.get(e.pos, ())), words)


def _one(answer: Barriers, calls: bool) -> Iterator[str]:
    words = Words(answer.program)
    yield from _head(answer)
    if answer.protected is None:
        return
    given = _given(answer.program, [f.element for f in answer.findings])
    if not answer.findings:
        nothing = "no barrier, no acquire or release, no ordered atomic operation"
        nothing += ", no dependency" if answer.dependencies else ""
        yield wrap(f"It has none of what is asked about: {nothing}." + (f" Taken as given: {given}." if given else ""), "")
        yield from (wrap(f"Note: {note}.", "") for note in answer.notes)
        return
    long = [[verdict(finding)] for finding in answer.findings]
    short = [[f.status if f.weakest is None else "needed, something weaker is enough"] for f in answer.findings]
    elements = [finding.element for finding in answer.findings]
    yield from _rows(elements, long if _fits(elements, long, words) else short, words)
    if all(f.status == "not needed" for f in answer.findings):
        stays = f", as long as its {given} stay" if given else ""
        yield wrap(f"None of these is needed: the answer is the same without them{stays}.", "")
    for finding in answer.findings:
        if finding.status not in ("not needed", "undecided"):
            yield ""
            yield from _details(finding, words)
    if len(answer.sets) > 1:
        yield ""
        yield f"There are {len(answer.sets)} minimal sets that suffice:"
        for number, members in enumerate(answer.sets):
            weaker = answer.together[number] if answer.together else {}
            parts = [name(e, words) + (f" ({weaker[e.key].text} is enough)" if e.key in weaker else "") for e in members]
            yield wrap("; ".join(parts), "  - ", "")
    elif answer.together and answer.together[0]:
        yield ""
        members, weaker = answer.sets[0], answer.together[0]
        parts = [
            f"{weaker[e.key].text} for {name(e, words)}" if e.key in weaker else f"{name(e, words)} as it is" for e in members
        ]
        yield wrap("What can be weaker at the same time:  " + "; ".join(parts) + ".", "")
    if calls:
        yield from _calls(answer.program, elements, words)
    for element in answer.unexamined:
        yield wrap(f"Not examined: {name(element, words)}: its value has too many possibilities.", "")
    for note in answer.notes:
        yield wrap(f"Note: {note}.", "")


def _rows(elements: Sequence[Element], cells: Sequence[Sequence[str]], words: Words, heads: Sequence[str] = ()) -> Iterator[str]:
    """A line for each element: where it stands, its text as far as there is room, and its cells; or two lines."""
    threads, places, width, sizes = _sizes(elements, [*cells, heads] if heads else cells, words)
    lines = [("", "", "", heads)] if heads else []
    lines += [(*_place(e, words), e.text, row) for e, row in zip(elements, cells, strict=True)]
    below = width < min(NARROWEST, max(len(e.text) for e in elements))
    if below:
        width = max(NARROWEST, room() - 2 - threads - 1 - places - 1)
    for thread, where, said, row in lines:
        said = said if len(said) <= width else said[: width - 3] + "..."
        shown = "  ".join(f"{cell:<{size}}" for cell, size in zip(row, sizes, strict=True))
        place = f"  {thread:<{threads}} {where:<{places}} "
        if below:
            yield from ([f"{place}{said}".rstrip()] if said else [])
            yield f"      {shown}".rstrip()
        else:
            yield f"{place}{said:<{width}}  {shown}".rstrip()


def _place(element: Element, words: Words) -> tuple[str, str]:
    return "+".join(words.thread(t) for t in element.threads), words.line(element.pos)


def _sizes(elements: Sequence[Element], cells: Sequence[Sequence[str]], words: Words) -> tuple[int, int, int, list[int]]:
    """The widths of the columns of a table: threads, lines, texts of elements, cells."""
    threads = max([4, *(len(_place(e, words)[0]) for e in elements)])
    places = max([9, *(len(_place(e, words)[1]) for e in elements)])
    sizes = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    left = room() - 2 - threads - 1 - places - 1 - sum(2 + size for size in sizes)
    return threads, places, min(WIDEST, left, max(len(e.text) for e in elements)), sizes


def _fits(elements: Sequence[Element], cells: Sequence[Sequence[str]], words: Words) -> bool:
    """Is there room for the texts of the elements, or most of them, beside these cells?"""
    threads, places, width, sizes = _sizes(elements, cells, words)
    enough = width >= min(WIDEST, max(len(e.text) for e in elements))
    return enough and 2 + threads + 1 + places + 1 + width + sum(2 + size for size in sizes) <= room()


def _given(program: Program, asked: Sequence[Element]) -> str:
    """What in the program gives order and is not asked about."""
    tags: set[str] = set()
    for thread in program.threads:
        for statement in flow.statements(thread.body):
            match statement:
                case ir.Fence():
                    tags |= statement.tags
                case ir.Rmw():
                    tags |= statement.read_tags
    found = ["grace periods"] if tags & GRACE_PERIODS else []
    if "LKR" in tags and not any(element.kind == "lock" for element in asked):
        found.append("critical sections of locks (see --locks)")
    return " and ".join(found)


def _head(answer: Barriers) -> Iterator[str]:
    program, model = answer.program, model_name(answer.model)
    for outcome in answer.reachable:
        yield wrap(f"{program.name}: {outcome.said(True)} under {model} as it is (see --fix, and smpcheck explain).", "")
    if answer.protected is None:
        yield from (wrap(f"{program.name}: {note}.", "") for note in answer.notes)
        if not answer.notes:
            yield "Its barriers prevent nothing."
        return
    races = " (and no data race)" if answer.protected.race and answer.protected.text != "a data race" else ""
    yield wrap(f"{program.name}: {answer.protected.said} under {model}{races}. What is needed for that:", "")


def verdict(finding: Finding) -> str:
    """One or a few words."""
    if finding.status == "needed" and finding.weakest is not None:
        return f"needed, but {finding.weakest.text} is enough"
    if finding.status == "one of several":
        return "one of several: not needed as long as the others stay"
    return finding.status


def _details(finding: Finding, words: Words) -> Iterator[str]:
    yield wrap(f"{name(finding.element, words)}: {verdict(finding)}.", "")
    for order in finding.orders:
        yield wrap(f"Orders the {order.replace(' before ', ' before the ', 1)}.", "  ", "")
    if finding.pairs:
        yield wrap("Pairs with " + ", ".join(name(e, words) for e in finding.pairs) + ".", "  ", "")
    if finding.outcome in SENTENCES and finding.without is not None:
        yield wrap(f"Without it, {sentence(str(finding.outcome), finding.without)}.", "  ", "")
    if finding.race is not None:
        yield wrap(f"Without it: {finding.race.sentence}.", "  ", "")
    elif finding.story is not None:
        if finding.story.reorderings:
            for reordering in (*finding.story.reorderings, *finding.story.also):
                yield wrap(f"Without it: {reordering.sentence}.", "  ", "")
        else:
            yield wrap("Without it, even an interleaving can have the outcome.", "  ", "")


def _table(answers: Sequence[Barriers], calls: bool) -> Iterator[str]:
    """Elements by models."""
    words = Words(answers[0].program)
    findings = {(a.model, f.element.key): f for a in answers for f in a.findings}
    elements = {f.element.key: f.element for a in answers for f in a.findings}
    ordered = sorted(elements.values(), key=lambda e: (e.pos.line, e.pos.column))
    yield f"{answers[0].program.name}:"
    for answer in answers:
        if answer.protected is None or answer.reachable:
            reached = "; ".join(o.said(True) for o in answer.reachable)
            yield wrap(
                f"{answer.model}: {reached} as it is."
                if reached
                else f"{answer.model}: the program asks about no outcome that is forbidden."
            )
    notes = _noted(answers)
    if not ordered:
        yield "  Nothing in it gives order."
        yield from notes
        return
    judged = [a for a in answers if a.protected is not None]

    def cell(model: str, element: Element) -> str:
        finding = findings.get((model, element.key))
        if finding is None:
            return "-"
        if finding.status == "needed" and finding.weakest is not None:
            level = finding.weakest
            return f"{level.name if level.name in LEVELS else level.text.partition('(')[0]} enough"
        return finding.status

    yield from _rows(ordered, [[cell(a.model, e) for a in judged] for e in ordered], words, [a.model for a in judged])
    if calls:
        yield from _calls(answers[0].program, ordered, words)
    yield from notes


def _noted(answers: Sequence[Barriers]) -> list[str]:
    """The notes on answers under several models; those that hold for all of them once."""
    models: dict[str, list[str]] = {}
    for answer in answers:
        for note in answer.notes:
            models.setdefault(note, []).append(answer.model)
    whose = {note: "" if len(names) == len(answers) else f" ({', '.join(names)})" for note, names in models.items()}
    return [wrap(f"Note{who}: {note}.", "") for note, who in whose.items()]


# --- what is missing -----------------------------------------------------------------------------------------------------------


def fix_text(answer: Fix, width: int = WIDTH) -> str:
    """Placements, each as a diff."""
    with columns(width):
        return "\n".join(_fix_lines(answer)) + "\n"


def _fix_lines(answer: Fix) -> Iterator[str]:
    model = model_name(answer.model)
    happens = {"safe": False, "undecided": None}.get(answer.status, True)
    head = f"{answer.program.name}: {answer.outcome.said(happens)}"
    said = {
        "safe": f" under {model} as it is{'' if answer.notes else '; nothing is missing'}.",
        "undecided": f" under {model}.",
        "interleaving": " by taking turns: no barrier forbids that (a lock, or another protocol, may).",
        "no placement": f" under {model}, and no placement of barriers, acquires and releases forbids that.",
        "unfinished": f" under {model}; no placement was found in time.",
        "fixed": f" under {model}. " + _count(answer.placements),
    }
    yield wrap(head + said[answer.status], "")
    words = Words(answer.program)
    for number, placement in enumerate(answer.placements, 1):
        yield ""
        mark = f"{number}. " if len(answer.placements) > 1 else ""
        done = "; ".join(_edit(edit, words) for edit in placement.edits)
        yield wrap(f"{mark}Put {done}.", "")
        yield placement.diff.rstrip("\n") if placement.diff else "  (No diff: the source has no line of its own for it.)"
    for note in answer.notes:
        yield wrap(f"Note: {note}.", "")


def _count(placements: Sequence[Placement]) -> str:
    cost = f"{placements[0].cost:g}" if placements else ""
    if len(placements) == 1:
        return f"The cheapest addition that forbids it (cost {cost}):"
    return f"{len(placements)} equally cheap additions forbid it (cost {cost} each):"


def _edit(edit: Edit, words: Words) -> str:
    if edit.inserts:
        return f"{edit.new} before {edit.old} ({words.line(edit.pos)})"
    return f"{edit.new} in place of {edit.old} ({words.line(edit.pos)})"


# --- comments ----------------------------------------------------------------------------------------------------------------


def comments(answer: Barriers) -> str:
    """A comment for each element that is needed, as it would stand above it in the kernel."""
    words = Words(answer.program)
    parts = []
    for finding in answer.findings:
        if finding.status not in ("not needed", "undecided"):
            parts.append("\n".join(_comment(finding, words, [f.element for f in answer.findings])))
    if not parts:
        return f"{answer.program.name}: no element is needed; there is nothing to comment.\n"
    return "\n\n".join(parts) + "\n"


LINE = re.compile(r" \((?:\S+ )?line \d+\)")
"""A line number in a sentence. In a comment it would be wrong as soon as the comment is there."""


def _comment(finding: Finding, words: Words, elements: Sequence[Element]) -> Iterator[str]:
    element = finding.element
    dependency = element.text.partition(" dependency ")[0] if element.kind == "dependency" else ""
    body: dict[str, None] = {}
    for order in finding.orders:
        before, _, after = LINE.sub("", order).partition(" before ")
        body[f"{f'The {dependency} dependency orders' if dependency else 'Order'} the {before} before the {after}."] = None
    if finding.pairs:
        body["Pairs with " + ", ".join(_called(e, words, elements) for e in finding.pairs) + "."] = None
    if finding.race is not None:
        body[f"Without it there is a {finding.race.sentence.split(':')[0]}."] = None
    if finding.story is not None and finding.outcome is not None and not isinstance(finding.outcome, str):
        body["Without it, the final state can be: " + outcome_text(finding.outcome, words.program) + "."] = None
    elif finding.outcome in SENTENCES:
        body[f"Without it, {SENTENCES[str(finding.outcome)]}."] = None
    elif isinstance(finding.outcome, str):
        body[f'Without it, "{finding.outcome}" can fail.'] = None
    yield f"{words.line(element.pos)}:"
    yield "/*"
    for said in body or [f"Needed: {element.text}."]:
        yield from textwrap.wrap(said, 72, initial_indent=" * ", subsequent_indent=" * ", break_long_words=False)
    yield " */"
    yield _code(element, words.program) + (";" if element.kind in ("mb", "rmb", "wmb", "at-atomic", "at-lock", "barrier") else "")


def _called(element: Element, words: Words, elements: Sequence[Element]) -> str:
    """``smp_mb() in P0``; with its line only where there is another of that name in that thread."""
    said = name(element, words)
    bare = LINE.sub("", said)
    return bare if sum(LINE.sub("", name(e, words)) == bare for e in elements) == 1 else said


def _code(element: Element, program: Program) -> str:
    """What the comment stands above: the element itself, or the statement that has it."""
    if element.kind not in ("dependency", "lock") and " inside " not in element.text:
        return element.text
    for thread in program.threads:
        for statement in flow.statements(thread.body):
            if getattr(statement, "pos", None) == element.pos and (found := getattr(statement, "text", "")):
                return str(found)
    return element.text
