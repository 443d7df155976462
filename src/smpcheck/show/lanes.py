"""Pictures in a terminal: a lane for each thread, arrows drawn between the lanes, never wider than asked.

If a picture has so many arrows, or the terminal so few columns, that the lanes would be too narrow to read, the arrows are
listed below instead, with letters for their ends; if even that does not fit, the nodes are listed one on each line.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from smpcheck.show.canvas import Canvas
from smpcheck.show.picture import STYLES, Edge, Node, Picture, pictures
from smpcheck.show.routing import Port, Routing, route
from smpcheck.show.rows import lanes_of

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation

WIDTH = 80
NARROWEST = 13
"""Columns of a lane that can be read."""
APART = 3
"""Columns between lanes without arrows."""
MAX_LINES = 3
"""Lines of source text of one node."""
BAR = "│ "
BREAKS = re.compile(r"(?<=[\s,(])(?=[^\s,()])|(?<=[\w)])(?=->)")


def drawing(picture: Picture, width: int = WIDTH) -> list[str]:
    """The lanes and arrows, without what is said about them."""
    for short in (False, True):
        if lines := _Drawing(picture, width, short).lines():
            return lines
    return _listed(picture, width)


def key(picture: Picture) -> str:
    """What the signs in this picture mean."""
    styles = {edge.style for edge in picture.edges}
    return "; ".join(f"{style}: {meaning}" for style, meaning in STYLES.items() if style in styles)


def remarks(picture: Picture, width: int = WIDTH) -> list[str]:
    """The numbered sentences below the picture."""
    lines: list[str] = []
    for remark in picture.remarks:
        lines += _wrapped(f"{remark.number} {remark.title}", width, "  ")
        lines += _wrapped(remark.text, width, "", "    ")
    return lines


def lanes_text(picture: Picture, width: int = WIDTH, *, say: bool = True) -> str:
    """One picture with its caption; with ``say``, also the sentences and what the signs mean."""
    lines = [*_wrapped(f"{picture.caption}:", width), "", *drawing(picture, width)]
    if say:
        lines += ["", *remarks(picture, width)] if picture.remarks else []
        lines += ["", *_wrapped(key(picture), width)] if picture.edges else []
    return "\n".join(lines) + "\n"


def explanation_lanes(answer: Explanation, width: int = WIDTH, calls: bool = False) -> str:
    """The answer in a line, then all its pictures; where there are none, why not."""
    from smpcheck.show.explain_text import head

    parts = ["\n".join(_wrapped(f"{answer.program.name}: {head(answer)}.", width)) + "\n"]
    parts += [lanes_text(picture, width) for picture in pictures(answer, calls)]
    notes = [line for note in answer.notes for line in _wrapped(f"Note: {note}.", width)]
    if notes:
        parts.append("\n".join(notes) + "\n")
    return "\n".join(parts)


def _wrapped(text: str, width: int, hanging: str = "  ", indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent + hanging, break_on_hyphens=False
    )  # fmt: skip


# --- lanes with arrows ----------------------------------------------------------------------------------------------------------


class _Gap(Struct, frozen=True):
    """A gap's columns: where it begins, its zone of labels on the left, its tracks, its zone on the right."""

    x: int
    left: int
    tracks: int
    right: int

    @property
    def end(self) -> int:
        return self.x + self.left + self.tracks + self.right

    def track(self, number: int) -> int:
        return self.x + self.left + number


class _Drawing:
    """``short``: of an arrow with a number, the label is only that."""

    def __init__(self, picture: Picture, width: int, short: bool) -> None:
        self.picture = picture
        self.width = width
        self.label = {e.id: str(e.number) if short and e.number else e.label for e in picture.edges}
        self.nodes = {node.id: node for node in picture.nodes}

    def lines(self) -> list[str]:
        """The lines, or none if they would be too wide."""
        routing = route(self.picture)
        zones = self.zones(routing)
        room = self.width - sum(sum(zone) for zone in zones)
        widths = self.lane_widths(room)
        if widths is None:
            return []
        return self.draw(routing, zones, widths)

    def zones(self, routing: Routing) -> list[tuple[int, int, int]]:
        """The columns of each gap: left zone, tracks, right zone."""
        label = {number: len(text) for number, text in self.label.items()}
        used = {(way.gap, way.side) for r in routing.routes for way in (r.start, r.end)}
        found = []
        for gap, tracks in enumerate(routing.tracks):
            left = max((label[e] + 2 for e in routing.labels.get((gap, "left"), ())), default=1 + ((gap, "right") in used))
            right = max((label[e] + 2 for e in routing.labels.get((gap, "right"), ())), default=1 + ((gap, "left") in used))
            inner = 0 < gap < len(self.picture.lanes)
            if not tracks:
                found.append((APART if inner else 0, 0, 0))
            else:
                found.append((left if gap else 0, tracks, right if gap < len(self.picture.lanes) else 0))
        return found

    def lane_widths(self, room: int) -> list[int] | None:
        """Every lane gets what its longest text needs, or an equal share of what there is."""
        need = [len(name) for name in self.picture.lanes]
        for node in self.picture.nodes:
            longest = max(len(text) for text in (node.code, *_below(node, self.width), NARROWEST * " "))
            need[node.lane] = max(need[node.lane], longest + len(BAR))
        left = room
        widths = [0] * len(need)
        for done, lane in enumerate(sorted(range(len(need)), key=lambda i: need[i])):
            widths[lane] = min(need[lane], left // (len(need) - done))
            left -= widths[lane]
        if any(width < min(NARROWEST, wanted) for width, wanted in zip(widths, need, strict=True)):
            return None
        return widths

    def draw(self, routing: Routing, zones: Sequence[tuple[int, int, int]], widths: Sequence[int]) -> list[str]:
        gaps: list[_Gap] = []
        lanes: list[int] = []
        x = 0
        for number, zone in enumerate(zones):
            left, tracks, right = zone
            gaps.append(_Gap(x, left, tracks, right))
            x = gaps[-1].end
            if number < len(widths):
                lanes.append(x)
                x += widths[number]
        texts = {node.id: _node_lines(node, widths[node.lane]) for node in self.picture.nodes}
        tops: list[int] = []
        channels: list[int] = []
        y = 2
        for row in range(self.picture.rows):
            channels.append(y)
            y += routing.channels[row]
            tops.append(y)
            tallest = max((len(texts[n.id]) for n in self.picture.nodes if n.row == row), default=0)
            y += max(tallest, routing.slots[row]) + 1
        channels.append(y - 1)
        canvas = Canvas()
        for name, at, width in zip(self.picture.lanes, lanes, widths, strict=True):
            canvas.write(at, 0, shorten(name, width))
            canvas.write(at, 1, "─" * width)
        extent: dict[tuple[int, int], int] = {}
        slots: dict[int, int] = {}
        for way in routing.routes:
            for port in (way.start, way.end):
                slots[port.node] = max(slots.get(port.node, 0), port.slot + 1)
        for node in self.picture.nodes:
            lines = texts[node.id]
            lines += [BAR.rstrip()] * (slots.get(node.id, 0) - len(lines))
            for i, text in enumerate(lines):
                canvas.write(lanes[node.lane], tops[node.row] + i, text)
                extent[node.id, i] = lanes[node.lane] + len(text)
        edges = {edge.id: edge for edge in self.picture.edges}
        for way in routing.routes:
            edge = edges[way.edge]
            weight = "heavy" if edge.in_cycle else "broken" if edge.out_of_order else "light"
            ends = (way.start, way.end)
            meet = [gaps[port.gap].track(track) for port, track in zip(ends, (way.tracks[0], way.tracks[-1]), strict=True)]
            heights = [tops[port.row] + port.slot for port in ends]
            if way.channel is None:
                canvas.down(meet[0], heights[0], heights[1], weight)
            else:
                middle = channels[way.channel[0]] + way.channel[1]
                canvas.down(meet[0], heights[0], middle, weight)
                canvas.across(meet[0], meet[1], middle, weight)
                canvas.down(meet[1], middle, heights[1], weight)
            for port, track, height in zip(ends, meet, heights, strict=True):
                tip = self.tip(port, gaps[port.gap], extent)
                canvas.across(tip, track, height, weight)
                if port is way.end or edge.style == "race":
                    canvas.write(tip, height, "▶" if port.side == "left" else "◀")
            gap, height = gaps[way.start.gap], heights[0]
            right = way.start.side == "right"
            label = self.label[edge.id]
            canvas.write(gap.x + 1 if right else gap.end - 1 - len(label), height, label)
        return canvas.rows()

    def tip(self, port: Port, gap: _Gap, extent: dict[tuple[int, int], int]) -> int:
        """The column where the line meets the node."""
        return gap.end - 1 if port.side == "left" else min(extent[port.node, port.slot] + 1, gap.x)


def shorten(text: str, width: int) -> str:
    """``text``, cut where it is too long."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def broken(code: str, width: int) -> list[str]:
    """Source text in lines of at most ``width`` columns, broken where a person would: after a space, a comma, a
    parenthesis; a word that is too long, after an underscore or a dot."""
    lines = [""]
    for part in BREAKS.split(code.strip()):
        if lines[-1].strip() and len(lines[-1] + part.rstrip()) > width:
            lines.append("  ")
        lines[-1] += part
        while len(lines[-1].rstrip()) > width:
            at = max(lines[-1].rfind(sign, 3, width) + 1 for sign in "_.") or width  # inside a long word: after one of these
            lines[-1:] = [lines[-1][:at], "  " + lines[-1][at:]]
    return [line.rstrip() for line in lines]


def _below(node: Node, width: int) -> list[str]:
    """What stands below a node's source text, if possible in lines of at most ``width`` columns."""
    if node.hidden:
        return [f"⋮ {node.hidden} steps"]
    said = [f"{node.effect}  {node.place}".strip()]
    if len(said[0]) > width:
        said = [node.effect, node.place]
    return [text for text in (*said, *node.notes) if text]


def _node_lines(node: Node, width: int, mark: str = "") -> list[str]:
    """A node in at most ``width`` columns."""
    inner = width - len(BAR)
    if node.hidden:
        return [BAR + shorten(text, inner) for text in _below(node, inner)]
    code = broken(mark + node.code, inner)
    if len(code) > MAX_LINES:
        code = [*code[: MAX_LINES - 1], shorten(code[MAX_LINES - 1] + "…", inner - 1) + "…"]
        code[-1] = code[-1].rstrip("…") + "…"
    said = [part for text in _below(node, inner) for part in textwrap.wrap(text, inner, break_on_hyphens=False)]
    return [BAR + text for text in (*code, *said)]


# --- lanes and a list of arrows ------------------------------------------------------------------------------------------------


def letters(number: int) -> str:
    """``a``, ``b``, ... ``z``, ``aa``, ..."""
    name = ""
    while number >= 0:
        name = chr(ord("a") + number % 26) + name
        number = number // 26 - 1
    return name


def _listed(picture: Picture, width: int) -> list[str]:
    """Nodes with letters; each arrow as a line that names its ends."""
    order = sorted((n for n in picture.nodes if not n.hidden), key=lambda n: (n.row, n.lane))
    mark = {node.id: letters(i) for i, node in enumerate(order)}
    count = len(picture.lanes)
    each = (width - APART * (count - 1)) // max(1, count)
    lines = list(_side_by_side(picture, each, mark)) if each >= NARROWEST else list(_one_below_another(picture, width, mark))
    if picture.edges:
        lines.append("")
    for edge in picture.edges:
        lines += _wrapped(f"{mark[edge.source]} ─{edge.label}─▶ {mark[edge.target]}{_weight(edge)}", width)
    return lines


def _weight(edge: Edge) -> str:
    return "  (in the cycle)" if edge.in_cycle else ""


def _side_by_side(picture: Picture, each: int, mark: dict[int, str]) -> Iterator[str]:
    canvas = Canvas()
    at = [lane * (each + APART) for lane in range(len(picture.lanes))]
    for name, x in zip(picture.lanes, at, strict=True):
        canvas.write(x, 0, shorten(name, each))
        canvas.write(x, 1, "─" * each)
    y = 2
    for row in range(picture.rows):
        tallest = 0
        for node in (n for n in picture.nodes if n.row == row):
            lines = _node_lines(node, each, f"{mark[node.id]}: " if node.id in mark else "")
            for i, text in enumerate(lines):
                canvas.write(at[node.lane], y + i, text)
            tallest = max(tallest, len(lines))
        y += tallest + 1
    yield from canvas.rows()


def _one_below_another(picture: Picture, width: int, mark: dict[int, str]) -> Iterator[str]:
    for name, lane in zip(picture.lanes, lanes_of(picture.nodes), strict=False):
        yield from _wrapped(name, width)
        for node in lane:
            lines = _node_lines(node, max(NARROWEST, width - 2), f"{mark[node.id]}: " if node.id in mark else "")
            yield from ("  " + line for line in lines)
