"""Explanations as one HTML file that needs nothing else: the answer, the source, the execution, and what each arrow says.

What belongs together is found by the same names everywhere: ``data-edge`` and ``data-node`` within a view, ``data-line`` (file
and line) in the source. The script only adds and takes away classes; without it, everything is there, one below the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from smpcheck.program.ir import Position, Program
from smpcheck.show.explain_text import head
from smpcheck.show.highlight import highlighted
from smpcheck.show.picture import STYLES, Edge, Node, Picture, picture_of_run, pictures
from smpcheck.show.svg import DARK, DASHES, LIGHT, element, style, variables

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation
    from smpcheck.simulate.run import RunResult

WHOLE = 150
"""Files of more lines than this are shown around what the pictures refer to."""
AROUND = 4
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
NO_REPLAY = "This cannot happen, so there is nothing to replay step by step."
TURNS, IN_EFFECT = "Replay, one thread at a time", "Replay, in the order of taking effect"


class View(Struct, frozen=True):
    """One thing to look at: the answer in a line, and a picture if there is one."""

    program: Program
    headline: str
    tab: str
    picture: Picture | None
    notes: tuple[str, ...] = ()


def views_of(answers: Iterable[Explanation]) -> list[View]:
    """What there is to switch between: for each outcome its execution, or each reason why it cannot be, and each race."""
    found = []
    for answer in answers:
        shown = pictures(answer)
        for number, picture in enumerate(shown):
            headline = f"{answer.program.name}: {head(answer)}"
            more = f" · {picture.caption}" if number or len(shown) > 1 else ""
            found.append(View(answer.program, headline, f"{answer.outcome.text}{more}", picture, answer.notes))
        if not shown:
            found.append(View(answer.program, f"{answer.program.name}: {head(answer)}", answer.outcome.text, None, answer.notes))
    return found


def report(answers: Sequence[Explanation]) -> str:
    """The explanations as one page."""
    model = answers[0].model if answers else ""
    return page(views_of(answers), f"Memory model: {model}" if model else "")


def run_report(result: RunResult, headline: str) -> str:
    """A step-by-step run as one page, to be replayed."""
    return page([View(result.program, headline, "run", picture_of_run(result))])


def page(views: Sequence[View], subtitle: str = "", title: str = "", intro: str = "") -> str:
    """A page of views. ``title``: instead of the programs' names; ``intro``: HTML above all views."""
    return "".join(_Page(views).parts(subtitle, title, intro))


def resource(name: str) -> str:
    """A file that is part of the page."""
    return files("smpcheck.show").joinpath(name).read_text("utf-8")


class _Page:
    def __init__(self, views: Sequence[View]) -> None:
        self.views = views
        self.programs: list[Program] = []
        for view in views:
            if not any(view.program is program for program in self.programs):
                self.programs.append(view.program)
        self.files: dict[str, int] = {}

    def number(self, program: Program) -> int:
        return next(i for i, known in enumerate(self.programs) if known is program)

    def mark(self, places: Iterable[Position | None]) -> str:
        """``data-lines``: the names of these source lines."""
        names = [f"{self.files.setdefault(p.file, len(self.files))}:{p.line}" for p in places if p is not None]
        return f' data-lines="{" ".join(dict.fromkeys(names))}"'

    def parts(self, subtitle: str, title: str, intro: str) -> Iterator[str]:
        title = title or ", ".join(dict.fromkeys(program.name for program in self.programs)) or "smpcheck"
        sheet = f":root{{{variables(LIGHT)}}}@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}"
        yield (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} - smpcheck</title>'
            f'<meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
            f"<style>{sheet}{style()}\n{resource('report.css')}</style></head>\n<body><header><h1>{escape(title)}</h1>"
            f'<p class="dim">{escape(subtitle)}</p>{intro}</header>\n'
        )
        if len(self.views) > 1:
            several = len({program.name for program in self.programs}) > 1 and not intro
            tabs = [
                f'<button type="button" data-view="{i}" aria-pressed="false">'
                f"{escape(f'{view.program.name}: ' * several + view.tab)}</button>"
                for i, view in enumerate(self.views)
            ]
            yield f'<nav aria-label="Outcomes and reasons">{"".join(tabs)}</nav>\n'
        if not self.views:
            yield "</body></html>\n"
            return
        shown = [self.view(view) for view in self.views]
        yield '<main><div class="sources">'
        yield from (self.source(program) for program in self.programs)
        yield f"</div>\n<div>{''.join(shown)}</div></main>\n"
        yield (
            "<footer>Point at an arrow, a step, a sentence or a source line to see what belongs to it; a click keeps it. "
            "Arrow keys replay.</footer>\n"
            f"<script>{resource('report.js')}</script></body></html>\n"
        )

    # --- a view ---

    def view(self, view: View) -> str:
        parts = [f'<section class="view" data-program="{self.number(view.program)}"><h2>{escape(view.headline)}.</h2>']
        if view.picture is not None:
            picture = view.picture
            parts.append(f'<p class="dim">{escape(picture.caption)}</p>')
            parts.append(f'<div class="scroll" tabindex="0">{element(picture, view.headline, self.marks)}</div>{_key(picture)}')
            parts += [self.remarks(picture), self.replay(picture), self.arrows(picture)]
        parts += [f"<p>Note: {escape(note)}.</p>" for note in view.notes]
        return "".join(parts) + "</section>\n"

    def marks(self, item: Node | Edge) -> str:
        if isinstance(item, Edge):
            return f' data-ends="{item.source} {item.target}"{self.mark(item.causes)}'
        return self.mark([item.pos])

    def remarks(self, picture: Picture) -> str:
        if not picture.remarks:
            return ""
        items = []
        for remark in picture.remarks:
            edge = f' data-edge="{remark.edge}"' if remark.edge is not None else ' data-edge=""'
            title = f"<b>{remark.number} {escape(remark.title)}</b>"
            items.append(f'<li tabindex="0"{edge}{self.mark(remark.causes)}>{title}<br>{escape(remark.text)}</li>')
        return f'<ol class="remarks">{"".join(items)}</ol>'

    def arrows(self, picture: Picture) -> str:
        rest = [edge for edge in picture.edges if not edge.number]
        items = [
            f'<li tabindex="0" data-edge="{edge.id}"{self.mark(edge.causes)}>'
            f'<span class="kind">{escape(edge.label)}</span> {escape(edge.text)}</li>'
            for edge in rest
        ]
        title = "The other arrows" if picture.remarks else "The arrows"
        return f'<h3>{title}</h3><ul class="arrows">{"".join(items)}</ul>' if items else ""

    def replay(self, picture: Picture) -> str:
        if picture.replay is None:
            return f'<h3>Replay</h3><p class="dim">{NO_REPLAY}</p>'
        nodes = {node.id: node for node in picture.nodes}
        items = []
        for moment in picture.replay.moments:
            node = nodes[moment.node]
            code, effect = (node.code, node.effect) if moment.half is None else (moment.half.text, moment.half.effect)
            said = " · ".join(t for t in (node.place, effect) if t)
            if node.hidden:
                said = f"{moment.steps} step{'s' * (moment.steps > 1)}"
            text = f"{picture.lanes[node.lane]}: {code}".removesuffix(": ")
            items.append(
                f'<li data-node="{moment.node}" data-state="{escape(moment.state)}"><code>{escape(text)}</code> '
                f'<span class="dim">{escape(said)}</span></li>'
            )
        buttons = "".join(
            f'<button type="button" data-go="{go}">{text}</button>' for go, text in ((0, "Start"), (-1, "◀ Back"), (1, "Next ▶"))
        )
        return (
            f'<h3>{TURNS if picture.replay.turns else IN_EFFECT}</h3><div class="replay">'
            f'<div class="controls">{buttons}<output aria-live="polite"></output></div>'
            f'<ol class="steps">{"".join(items)}</ol></div>'
        )

    # --- source ---

    def source(self, program: Program) -> str:
        """The program's own file, and excerpts of the others that its pictures refer to."""
        used: dict[str, set[int]] = {program.file: set()}
        for view in self.views:
            if view.program is program and view.picture is not None:
                for pos in _places(view.picture):
                    used.setdefault(pos.file, set()).add(pos.line)
        parts: list[str] = []
        for name, lines in used.items():
            text = program.source if name == program.file and program.source else _read(name)
            if text:
                anchor = f"p{self.number(program)}f{len(parts)}"
                parts.append(f"<h3>{escape(name.rsplit('/', 1)[-1])}</h3>{self.listing(name, text, lines, anchor)}")
        return f'<div class="source" data-program="{self.number(program)}">{"".join(parts)}</div>'

    def listing(self, name: str, text: str, used: set[int], anchor: str) -> str:
        file = self.files.setdefault(name, len(self.files))
        lines = highlighted(text.rstrip("\n").expandtabs(4), name)
        around = {line + i for line in used for i in range(-AROUND, AROUND + 1)}
        around |= {n for n in range(1, len(lines)) if {n - 1, n + 1} <= around}
        shown = [n for n in range(1, len(lines) + 1) if len(lines) <= WHOLE or n in around]
        items, last = [], 0
        for n in shown:
            if n != last + 1:
                items.append('<li class="cut">⋮</li>')
            focus = ' tabindex="0"' if n in used else ""
            items.append(
                f'<li id="{anchor}-{n}" class="line-of" data-line="{file}:{n}"{focus}>'
                f'<span class="at">{n}</span>{lines[n - 1]}</li>'
            )
            last = n
        if shown and shown[-1] < len(lines):
            items.append('<li class="cut">⋮</li>')
        return f"<ol>{''.join(items)}</ol>"


def _places(picture: Picture) -> Iterator[Position]:
    for group in (*(edge.causes for edge in picture.edges), *(remark.causes for remark in picture.remarks)):
        yield from group
    yield from (node.pos for node in picture.nodes if node.pos is not None and not node.hidden)


def _read(name: str) -> str:
    try:
        return Path(name).read_text("utf-8", "replace")
    except OSError:
        return ""


def _key(picture: Picture) -> str:
    used = [name for name in STYLES if any(edge.style == name for edge in picture.edges)]
    items = [
        f'<span><svg class="smpcheck-picture" width="34" height="8" aria-hidden="true"><path class="line {name}" d="M0 4h34" '
        f'stroke-width="2"{f" stroke-dasharray={chr(34)}{DASHES[name]}{chr(34)}" if DASHES[name] else ""}/></svg>'
        f"{name}: {escape(STYLES[name])}</span>"
        for name in used
    ]
    return f'<p class="key">{"".join(items)}</p>' if items else ""
