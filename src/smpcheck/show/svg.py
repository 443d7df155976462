"""Pictures as SVG: a lane for each thread, program order downwards, arrows in the gaps with their labels.

Colours are those that Okabe and Ito chose to be told apart by everybody (Color Universal Design, 2008), and every kind of arrow
has its own dashes as well. They are CSS variables that follow the reader's preference for light or dark; renderers that know no
variables use the attributes, which say the same for light. Nothing is loaded from anywhere.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, TypeAlias

from smpcheck.show.geometry import (
    CODE_SIZE,
    HEADING,
    LABEL_HEIGHT,
    LINE,
    MARGIN,
    PAD,
    SMALL_SIZE,
    Geometry,
    Point,
    geometry,
)  # fmt: skip
from smpcheck.show.picture import STYLES, Edge, Node, Picture

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation

LIGHT = {
    "ink": "#1b1f24", "dim": "#57606a", "paper": "#ffffff", "node": "#f6f8fa", "rule": "#c9d1d9",
    "rf": "#009e73", "co": "#0072b2", "fr": "#d55e00", "po": "#1b1f24", "swap": "#b35a8a", "race": "#e69f00",
}  # fmt: skip
DARK = {
    "ink": "#e6edf3", "dim": "#9da7b3", "paper": "#0d1117", "node": "#161b22", "rule": "#3d444d",
    "rf": "#1fbf94", "co": "#56b4e9", "fr": "#e8702a", "po": "#e6edf3", "swap": "#cc79a7", "race": "#f0b429",
}  # fmt: skip
DASHES = {"rf": "", "co": "9 4", "fr": "2 3", "po": "", "swap": "6 3 2 3", "race": "12 3 3 3"}
MONO = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
SANS = "system-ui, 'DejaVu Sans', 'Segoe UI', Helvetica, Arial, sans-serif"
ROUND = 5
WORDS_CHARACTER = 7.0
NARROWEST = 380
SMALLEST = 0.75
"""In a page, a picture shrinks to this part of its width before it is scrolled."""


def variables(colours: dict[str, str]) -> str:
    """CSS declarations of the variables."""
    return ";".join(f"--{name}:{value}" for name, value in colours.items())


def style() -> str:
    """The style sheet of all pictures."""
    rules = [
        f".smpcheck-picture{{{variables(LIGHT)}}}",
        f"@media (prefers-color-scheme:dark){{.smpcheck-picture{{{variables(DARK)}}}}}",
        *(f".smpcheck-picture .{name}{{fill:var(--{name})}}" for name in ("paper", "ink", "dim")),
        ".smpcheck-picture .box{fill:var(--node);stroke:var(--rule)}.smpcheck-picture .lane{stroke:var(--rule)}",
    ]
    for name in STYLES:
        rules.append(f".smpcheck-picture .{name} .line,.smpcheck-picture .{name}.line{{stroke:var(--{name})}}")
        rules.append(f".smpcheck-picture .{name} .head{{fill:var(--{name})}}")
    return "".join(rules)


def document(pictures: Sequence[tuple[str, Picture | None]]) -> str:
    """A file of pictures, one below the other, each with a headline, its sentences and a key."""
    places = [geometry(picture) if picture is not None else None for _, picture in pictures]
    width = max([float(NARROWEST), *(place.width for place in places if place is not None)])
    drawn: list[str] = []
    y = 4.0
    for (headline, picture), place in zip(pictures, places, strict=True):
        parts: list[str] = []
        top = _words(parts, headline, MARGIN, 6, width, "ink", bold=True) if headline else 4.0
        if picture is not None and place is not None:
            top = _words(parts, picture.caption, MARGIN, top, width, "dim")
            parts.append(f'<g transform="translate(0 {_n(top)})">{_inner(picture, place)}</g>')
            top += place.height + 8
            for remark in picture.remarks:
                top = _words(parts, f"{remark.number}  {remark.title}", MARGIN, top + 4, width, "ink", bold=True)
                top = _words(parts, remark.text, MARGIN + 14, top, width, "ink")
            top = _key(parts, picture, top + 4)
        drawn.append(f'<g transform="translate(0 {_n(y)})">{"".join(parts)}</g>')
        y += top + 10
    title = "; ".join(dict.fromkeys(headline for headline, _ in pictures if headline))
    description = " ".join(described(picture) for _, picture in pictures if picture is not None)
    return _frame("".join(drawn), width, y, title, description) + "\n"


Marks: TypeAlias = Callable[["Node | Edge"], str]
"""Attributes for what stands for a node or an edge, escaped, each after a blank."""


def element(picture: Picture, title: str, marks: Marks) -> str:
    """One picture alone, for a page that has :func:`style` and shows the sentences itself."""
    place = geometry(picture)
    return _frame(_inner(picture, place, marks), place.width, place.height + 8, title, described(picture), alone=False)


def explanation_svg(answer: Explanation) -> str | None:
    """All pictures of an explanation; None if it has none."""
    return explanations_svg([answer]) if answer.execution is not None or answer.reasons or answer.races else None


def explanations_svg(answers: Iterable[Explanation], calls: bool = False) -> str:
    """All pictures of all explanations; an answer without any is a headline. ``calls``: as for ``pictures``."""
    from smpcheck.show.explain_text import head
    from smpcheck.show.picture import pictures

    shown: list[tuple[str, Picture | None]] = []
    for answer in answers:
        found: tuple[Picture | None, ...] = pictures(answer, calls) or (None,)
        headline = f"{answer.program.name}: {head(answer)}"
        shown += [(headline if i == 0 else "", picture) for i, picture in enumerate(found)]
    return document(shown)


def described(picture: Picture) -> str:
    """The picture in words, for those who cannot see it."""
    said = [f"{picture.caption}. {len(picture.lanes)} threads: {', '.join(picture.lanes)}."]
    said += [edge.text.rstrip(".") + "." for edge in picture.edges]
    return " ".join(said)


def _frame(inner: str, width: float, height: float, title: str, description: str, alone: bool = True) -> str:
    sheet = f"<style>{style()}</style>" if alone else ""
    fitting = "" if alone else f' style="min-width:{_n(width * SMALLEST)}px"'
    space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    w, h = _n(width), _n(height)
    return (
        f'<svg{space} class="smpcheck-picture" role="img" aria-label="{escape(title)}" '
        f'width="{w}" height="{h}" viewBox="0 0 {w} {h}"{fitting}>'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{sheet}"
        f'<rect class="paper" width="{w}" height="{h}" fill="{LIGHT["paper"]}"/>{inner}</svg>'
    )


def _inner(picture: Picture, place: Geometry, marks: Marks = lambda _: "") -> str:
    parts = []
    for name, (x, width) in zip(picture.lanes, place.lanes, strict=True):
        middle = x + width / 2
        parts.append(
            f'<text x="{_n(middle)}" y="20" text-anchor="middle" class="ink" fill="{LIGHT["ink"]}" font-family="{SANS}" '
            f'font-size="14" font-weight="600">{escape(name)}</text>'
            f'<path class="lane" d="M{_n(middle)} {HEADING - 3}V{_n(place.height)}" stroke="{LIGHT["rule"]}" fill="none"/>'
        )
    parts += [_node(node, place, marks(node)) for node in picture.nodes]
    parts += [_edge(edge, place, marks(edge)) for edge in sorted(picture.edges, key=lambda e: (e.in_cycle, e.out_of_order))]
    return "".join(parts)


def _node(node: Node, place: Geometry, marks: str) -> str:
    box, text = place.boxes[node.id], place.texts[node.id]
    corner, dash = (10, ' stroke-dasharray="3 3"') if node.kind in ("F", "skip", "init") else (4, "")
    parts = [
        f'<rect class="box" x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" rx="{corner}" '
        f'fill="{LIGHT["node"]}" stroke="{LIGHT["rule"]}"{dash}/>'
    ]
    y = box.y + PAD / 2 + 12
    for lines, kind, size in ((text.code, "ink", CODE_SIZE), (text.effect, "dim", SMALL_SIZE), (text.notes, "dim", SMALL_SIZE)):
        for line in lines:
            parts.append(_text(line, box.x + PAD, y, kind, size, MONO))
            y += LINE
    title = "\n".join(said for said in (f"{node.code} {node.place} {node.effect}".strip(), node.calls) if said)
    title = f"<title>{escape(title)}</title>"
    return f'<g class="node {node.kind}" data-node="{node.id}"{marks}>{title}{"".join(parts)}</g>'


def _edge(edge: Edge, place: Geometry, marks: str) -> str:
    points, label = place.lines[edge.id], place.labels[edge.id]
    width = 2.8 if edge.in_cycle else 2.2 if edge.out_of_order else 1.5
    dashes = f' stroke-dasharray="{DASHES[edge.style]}"' if DASHES[edge.style] else ""
    colour = LIGHT[edge.style]
    path = rounded(points)
    heads = [_head(points[-2], points[-1], colour)]
    if edge.style == "race":
        heads.append(_head(points[1], points[0], colour))
    classes = " ".join(["edge", edge.style, *["cycle"] * edge.in_cycle, *["reordering"] * edge.out_of_order])
    bold = ' font-weight="700"' if edge.in_cycle or edge.out_of_order else ""
    return (
        f'<g class="{classes}" data-edge="{edge.id}"{marks}><title>{escape(edge.text)}</title>'
        f'<path class="hit" d="{path}" fill="none" stroke="#000" stroke-opacity="0" stroke-width="11"/>'
        f'<path class="line" d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>{"".join(heads)}'
        f'<text class="label ink" x="{_n(label.x)}" y="{_n(label.y + LABEL_HEIGHT - 2)}" fill="{LIGHT["ink"]}" '
        f'font-family="{MONO}" font-size="11"{bold}>{escape(edge.label)}</text></g>'
    )


def rounded(points: Sequence[Point]) -> str:
    """A path through the points with round corners."""
    steps = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, (x, y), after in zip(points, points[1:], points[2:], strict=False):
        cut = [min(ROUND, (abs(p[0] - x) + abs(p[1] - y)) / 2) for p in (before, after)]
        if min(cut) <= 0:
            continue
        (ax, ay), (bx, by) = (
            (x + _sign(p[0] - x) * c, y + _sign(p[1] - y) * c) for p, c in zip((before, after), cut, strict=True)
        )
        steps.append(f"L{_n(ax)} {_n(ay)}Q{_n(x)} {_n(y)} {_n(bx)} {_n(by)}")
    return "".join(steps) + f"L{_n(points[-1][0])} {_n(points[-1][1])}"


def _head(before: Point, tip: Point, colour: str) -> str:
    (x, y), back = tip, 8 * _sign(before[0] - tip[0])
    return f'<path class="head" d="M{_n(x)} {_n(y)}L{_n(x + back)} {_n(y - 4)}V{_n(y + 4)}Z" fill="{colour}"/>'


def _key(parts: list[str], picture: Picture, y: float) -> float:
    for name in (name for name in STYLES if any(edge.style == name for edge in picture.edges)):
        dashes = f' stroke-dasharray="{DASHES[name]}"' if DASHES[name] else ""
        parts.append(
            f'<path class="line {name}" d="M{MARGIN} {_n(y + 10)}h34" stroke="{LIGHT[name]}" stroke-width="2" '
            f'fill="none"{dashes}/>'
        )
        parts.append(_text(f"{name}  {STYLES[name]}", MARGIN + 42, y + 14, "dim", 12, SANS))
        y += 18
    return y


def _words(parts: list[str], text: str, x: float, y: float, width: float, kind: str, bold: bool = False) -> float:
    """A paragraph; the height below it."""
    fits = int((width - x - MARGIN) / (WORDS_CHARACTER * (1.08 if bold else 1)))
    for line in textwrap.wrap(text, max(20, fits), break_on_hyphens=False):
        parts.append(_text(line, x, y + 13, kind, 12, SANS, bold))
        y += LINE
    return y


def _text(text: str, x: float, y: float, kind: str, size: int, family: str, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" fill="{LIGHT[kind]}" font-family="{family}" font-size="{size}"{weight} '
        f'xml:space="preserve">{escape(text)}</text>'
    )


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
