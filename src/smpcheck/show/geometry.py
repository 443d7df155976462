"""A picture in pixels: boxes of nodes and labels, and the points that each arrow goes through.

Sizes are those of the fonts that are drawn with, estimated from above: a label's box is never smaller than the label.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TypeAlias

from msgspec import Struct

from smpcheck.show.lanes import broken, shorten
from smpcheck.show.picture import Node, Picture
from smpcheck.show.routing import Port, Routing, route

Point: TypeAlias = tuple[float, float]

CODE_SIZE, SMALL_SIZE = 13, 12
CODE_CHARACTER = 7.9
SMALL_CHARACTER = 7.3
"""Pixels of a character of the fixed-width fonts (DejaVu Sans Mono has the widest in use: 0.602 em)."""
LABEL_CHARACTER, LABEL_HEIGHT = 6.7, 11
LINE, PAD = 17, 8
SLOT, TRACK = 18, 12
LONGEST = 40
"""Characters of a line of source text."""
MAX_LINES = 4
NARROWEST_LANE = 96
APART, ROWS_APART, MARGIN, STUB = 36, 18, 14, 16
HEADING = 30


class Box(Struct, frozen=True):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Box) -> bool:
        """Do they overlap?"""
        return (
            self.x < other.x + other.width and other.x < self.x + self.width
            and self.y < other.y + other.height and other.y < self.y + self.height
        )  # fmt: skip


class NodeText(Struct, frozen=True):
    """What stands in a node, line by line."""

    code: tuple[str, ...]
    effect: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def lines(self) -> int:
        return len(self.code) + len(self.effect) + len(self.notes)

    @property
    def width(self) -> float:
        small = max((len(t) for t in (*self.effect, *self.notes)), default=0) * SMALL_CHARACTER
        return max(max((len(t) for t in self.code), default=0) * CODE_CHARACTER, small)


class Geometry(Struct, frozen=True):
    """Where everything is: ``boxes`` and ``texts`` by node id, ``labels`` and ``lines`` (corner points) by edge id; ``lanes`` are
    the left edge and the width of each lane.
    """

    width: float
    height: float
    lanes: tuple[tuple[float, float], ...]
    boxes: dict[int, Box]
    texts: dict[int, NodeText]
    labels: dict[int, Box]
    lines: dict[int, tuple[Point, ...]]


def node_text(node: Node) -> NodeText:
    """A node's lines: source text, place and effect, dependencies."""
    if node.hidden:
        return NodeText((), (f"⋮ {node.hidden} steps",), ())
    code = broken(node.code, LONGEST)
    if len(code) > MAX_LINES:
        code = [*code[: MAX_LINES - 1], shorten(code[MAX_LINES - 1] + "…", LONGEST)]
    said = "  ".join(part for part in (node.place, node.effect) if part)
    effect = [said] if len(said) <= LONGEST + 4 else [node.place, *broken(node.effect, LONGEST)]
    return NodeText(tuple(code), tuple(t for t in effect if t), tuple(t for note in node.notes for t in broken(note, LONGEST)))


def geometry(picture: Picture) -> Geometry:
    """Lay a picture out."""
    return _Layout(picture, route(picture)).place()


class _Layout:
    def __init__(self, picture: Picture, routing: Routing) -> None:
        self.picture = picture
        self.routing = routing
        self.texts = {node.id: node_text(node) for node in picture.nodes}

    def place(self) -> Geometry:
        picture, routing = self.picture, self.routing
        zones = self.columns()
        tops, channels, bottom = self.heights()
        boxes = {}
        slots: dict[int, int] = defaultdict(int)
        for way in routing.routes:
            for port in (way.start, way.end):
                slots[port.node] = max(slots[port.node], port.slot + 1)
        for node in picture.nodes:
            x, width = self.lanes[node.lane]
            boxes[node.id] = Box(x, tops[node.row], width, max(self.text_height(node.id), slots[node.id] * SLOT + 4))
        labels, lines = {}, {}
        names = {edge.id: edge.label for edge in picture.edges}

        def height(port: Port) -> float:
            return tops[port.row] + PAD + 7 + port.slot * SLOT

        for way in routing.routes:
            ends = [(self.edge_of(port), height(port)) for port in (way.start, way.end)]
            at = [zones[p.gap][0] + t * TRACK for p, t in ((way.start, way.tracks[0]), (way.end, way.tracks[-1]))]
            points = [ends[0], (at[0], ends[0][1])]
            if way.channel is not None:
                y = channels[way.channel[0]] + way.channel[1] * TRACK
                points += [(at[0], y), (at[1], y)]
            lines[way.edge] = (*points, (at[1], ends[1][1]), ends[1])
            wide = len(names[way.edge]) * LABEL_CHARACTER
            x = ends[0][0] + 5 if way.start.side == "right" else ends[0][0] - 5 - wide
            labels[way.edge] = Box(x, ends[0][1] - LABEL_HEIGHT - 3, wide, LABEL_HEIGHT)
        return Geometry(self.total, bottom, tuple(self.lanes), boxes, self.texts, labels, lines)

    def columns(self) -> list[tuple[float, float]]:
        """Where each gap's tracks begin and end; the lanes are placed on the way."""
        picture, routing = self.picture, self.routing
        size = {edge.id: len(edge.label) * LABEL_CHARACTER + 12 for edge in picture.edges}
        used = {(port.gap, port.side) for way in routing.routes for port in (way.start, way.end)}
        need = [max(NARROWEST_LANE, len(name) * SMALL_CHARACTER + 16) for name in picture.lanes]
        for node in picture.nodes:
            need[node.lane] = max(need[node.lane], self.texts[node.id].width + 2 * PAD)
        self.lanes: list[tuple[float, float]] = []
        zones, x = [], float(MARGIN)
        for gap, tracks in enumerate(routing.tracks):
            inner = 0 < gap < len(picture.lanes)
            left = max((size[e] for e in routing.labels.get((gap, "left"), ())), default=0)
            right = max((size[e] for e in routing.labels.get((gap, "right"), ())), default=0)
            if (gap, "right") in used or (inner and tracks):
                left = max(left, STUB)
            if (gap, "left") in used or (inner and tracks):
                right = max(right, STUB)
            wide = left + max(0, tracks - 1) * TRACK + right if tracks else 0
            if inner and wide < APART:
                right += APART - wide
                wide = APART
            zones.append((x + left, x + wide - right))
            x += wide
            if gap < len(picture.lanes):
                self.lanes.append((x, need[gap]))
                x += need[gap]
        self.total = x + MARGIN
        return zones

    def text_height(self, node: int) -> float:
        return self.texts[node].lines * LINE + PAD

    def heights(self) -> tuple[list[float], list[float], float]:
        """The top of each row, the first track of each channel, and the bottom."""
        tall: dict[int, float] = defaultdict(float)
        for node in self.picture.nodes:
            tall[node.row] = max(tall[node.row], self.text_height(node.id))
        tops, channels, y = [], [], float(HEADING)
        for row in range(self.picture.rows):
            tracks = self.routing.channels[row]
            channels.append(y + ROWS_APART / 2)
            y += ROWS_APART + max(0, tracks - 1) * TRACK
            tops.append(y)
            y += max(tall[row], self.routing.slots[row] * SLOT + 4)
        channels.append(y + ROWS_APART / 2)
        tracks = self.routing.channels[self.picture.rows]
        return tops, channels, y + (ROWS_APART / 2 + tracks * TRACK if tracks else 0)

    def edge_of(self, port: Port) -> float:
        """The side of the lane that the port is on."""
        x, width = self.lanes[port.gap if port.side == "left" else port.gap - 1]
        return x if port.side == "left" else x + width
