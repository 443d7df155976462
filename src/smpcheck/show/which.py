"""Which barriers are needed, as plain text: a table of elements, then what each is for and what happens without it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from smpcheck.questions.outcomes import outcome_text
from smpcheck.questions.wording import Words
from smpcheck.show.why import model_name, wrap

if TYPE_CHECKING:
    from smpcheck.questions.barriers import Barriers, Finding
    from smpcheck.questions.elements import Element
    from smpcheck.questions.fix import Fix, Placement
    from smpcheck.questions.patch import Edit

WIDEST = 46


def text(answers: Sequence[Barriers]) -> str:
    """The answers for one program under one or more models."""
    lines = list(_one(answers[0]) if len(answers) == 1 else _table(answers))
    return "\n".join(lines) + "\n"


def name(element: Element, words: Words) -> str:
    """``smp_mb() in P0 (line 12)``."""
    threads = " and ".join(words.thread(t) for t in element.threads)
    return f"{element.text} in {threads} ({words.line(element.pos)})"


def _one(answer: Barriers) -> Iterator[str]:
    words = Words(answer.program)
    yield from _head(answer)
    if answer.protected is None:
        return
    if not answer.findings:
        yield "Nothing in it gives order: no barrier, no acquire or release, no ordered atomic operation, no dependency."
        return
    width = min(WIDEST, max(len(_short(f.element)) for f in answer.findings))
    for finding in answer.findings:
        threads = "+".join(words.thread(t) for t in finding.element.threads)
        where = words.line(finding.element.pos)
        yield f"  {threads:<4} {where:<9} {_short(finding.element):<{width}}  {verdict(finding)}"
    if all(f.status == "not needed" for f in answer.findings):
        yield "Nothing of this is needed: it cannot happen without any of it."
    for finding in answer.findings:
        if finding.status != "not needed":
            yield ""
            yield from _details(finding, words)
    if len(answer.sets) > 1:
        yield ""
        yield f"There are {len(answer.sets)} smallest sets that suffice:"
        for members in answer.sets:
            yield wrap("; ".join(name(e, words) for e in members), "  - ", "")
    for members, weaker in zip(answer.sets, answer.together, strict=False):
        if weaker:
            yield ""
            parts = [
                f"{weaker[e.key].text} for {name(e, words)}" if e.key in weaker else f"{name(e, words)} as it is" for e in members
            ]
            yield wrap("Weaker, all together: " + "; ".join(parts) + ".", "")
    for element in answer.unexamined:
        yield wrap(f"Not examined: {name(element, words)}: its value has too many possibilities.", "")
    for note in answer.notes:
        yield wrap(f"Note: {note}.", "")


def _short(element: Element) -> str:
    return element.text if len(element.text) <= WIDEST else element.text[: WIDEST - 3] + "..."


def _head(answer: Barriers) -> Iterator[str]:
    program, model = answer.program, model_name(answer.model)
    for outcome in answer.reachable:
        yield wrap(f"{program.name}: {outcome.text}: can happen under {model} as it is (see --fix, and smpcheck explain).", "")
    if answer.protected is None:
        yield "There is nothing that the barriers in it prevent."
        return
    races = " (and no data race)" if answer.protected.race and answer.protected.text != "a data race" else ""
    yield wrap(f"{program.name}: {answer.protected.text}: cannot happen under {model}{races}. What is needed for that:", "")


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
    if finding.race is not None:
        yield wrap(f"Without it: {finding.race.sentence}.", "  ", "")
    elif finding.story is not None:
        if finding.story.surprises:
            for surprise in finding.story.surprises:
                yield wrap(f"Without it: {surprise.sentence}.", "  ", "")
        else:
            yield wrap("Without it, it can happen even by taking turns.", "  ", "")


def _table(answers: Sequence[Barriers]) -> Iterator[str]:
    """Elements by models."""
    words = Words(answers[0].program)
    findings = {(a.model, f.element.key): f for a in answers for f in a.findings}
    elements = {f.element.key: f.element for a in answers for f in a.findings}
    ordered = sorted(elements.values(), key=lambda e: (e.pos.line, e.pos.column))
    yield f"{answers[0].program.name}:"
    for answer in answers:
        if answer.protected is None or answer.reachable:
            reached = ", ".join(o.text for o in answer.reachable)
            yield wrap(f"{answer.model}: {reached} can happen as it is." if reached else f"{answer.model}: nothing is protected.")
    if not ordered:
        yield "  Nothing in it gives order."
        return
    width = min(WIDEST, max(len(_short(e)) for e in ordered))
    columns = [a for a in answers if a.protected is not None]

    def cell(model: str, element: Element) -> str:
        finding = findings.get((model, element.key))
        if finding is None:
            return "-"
        if finding.status == "needed" and finding.weakest is not None:
            return finding.weakest.text.partition("(")[0] + " enough"
        return finding.status

    rows = [[cell(a.model, e) for a in columns] for e in ordered]
    sizes = [max([len(a.model), *(len(row[i]) for row in rows)]) for i, a in enumerate(columns)]
    heads = "  ".join(f"{a.model:<{size}}" for a, size in zip(columns, sizes, strict=True))
    yield f"  {'':<4} {'':<9} {'':<{width}}  {heads}".rstrip()
    for element, row in zip(ordered, rows, strict=True):
        threads = "+".join(words.thread(t) for t in element.threads)
        cells = "  ".join(f"{c:<{size}}" for c, size in zip(row, sizes, strict=True))
        yield f"  {threads:<4} {words.line(element.pos):<9} {_short(element):<{width}}  {cells}".rstrip()


# --- what is missing -----------------------------------------------------------------------------------------------------------


def fix_text(answer: Fix) -> str:
    """Placements, each as a diff."""
    return "\n".join(_fix_lines(answer)) + "\n"


def _fix_lines(answer: Fix) -> Iterator[str]:
    outcome, model = answer.outcome.text, model_name(answer.model)
    head = f"{answer.program.name}: {outcome}: "
    said = {
        "safe": f"cannot happen under {model} as it is; nothing is missing.",
        "interleaving": "can happen by taking turns: no barrier forbids it (a lock, or another protocol, may).",
        "no placement": f"can happen under {model}, and no placement of barriers, acquires and releases forbids it.",
        "unfinished": f"can happen under {model}; no placement was found in time.",
        "fixed": f"can happen under {model}. " + _count(answer.placements),
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
        if finding.status != "not needed":
            parts.append("\n".join(_comment(finding, words)))
    if not parts:
        return f"{answer.program.name}: no element is needed; there is nothing to comment.\n"
    return "\n\n".join(parts) + "\n"


def _comment(finding: Finding, words: Words) -> Iterator[str]:
    element = finding.element
    body: list[str] = []
    for order in finding.orders:
        before, _, after = order.partition(" before ")
        body.append(f"Order the {before} before the {after}.")
    if finding.pairs:
        body.append("Pairs with " + ", ".join(name(e, words) for e in finding.pairs) + ".")
    if finding.race is not None:
        body.append(f"Without it there is a {finding.race.sentence.split(':')[0]}.")
    if finding.story is not None and finding.outcome is not None and not isinstance(finding.outcome, str):
        body.append("Without it, the final state can be: " + outcome_text(finding.outcome, words.program) + ".")
    elif isinstance(finding.outcome, str):
        body.append(f"Without it, {finding.outcome} can fail.")
    yield f"{words.line(element.pos)}:"
    yield "/*"
    for sentence in body or [f"Needed: {element.text}."]:
        yield from textwrap.wrap(sentence, 72, initial_indent=" * ", subsequent_indent=" * ", break_long_words=False)
    yield " */"
    yield element.text + (";" if element.kind in ("mb", "rmb", "wmb", "at-atomic", "at-lock", "barrier") else "")
