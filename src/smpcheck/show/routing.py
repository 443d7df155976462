"""Arrows without overlaps, on a grid that any medium can be drawn from.

Between the lanes of a picture are gaps, between its rows channels. An arrow leaves a node at a *slot* (a line of its row that no
other arrow uses in that gap), runs down or up a *track* of the gap, and, where its ends are not in neighbouring lanes, crosses
in a track of a channel to the gap beside its target. Labels stand at the slot where their arrow leaves, between the node and the
first track, where nothing else can be. So texts, labels and arrows have places of their own by construction; whoever draws
only has to choose how wide a track is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct, field

if TYPE_CHECKING:
    from smpcheck.show.picture import Edge, Node, Picture

Side: TypeAlias = Literal["left", "right"]
Place: TypeAlias = tuple[int, int]
"""A height: ``(2 * row + 1, slot)`` in a row, ``(2 * channel, track)`` in the channel above row ``channel``."""


class Port(Struct, frozen=True):
    """Where an arrow meets a node: on which side, in which gap, at which slot of its row."""

    node: int
    row: int
    side: Side
    gap: int
    slot: int = 0

    @property
    def place(self) -> Place:
        """Its height."""
        return 2 * self.row + 1, self.slot


class Route(Struct, frozen=True):
    """The way of an edge: from ``start`` along ``tracks[0]`` of its gap, and, if it has a ``channel`` (number, track), across to
    ``tracks[1]`` of the gap of ``end``.
    """

    edge: int
    start: Port
    end: Port
    tracks: tuple[int, ...] = (0,)
    channel: tuple[int, int] | None = None


class Routing(Struct, frozen=True):
    """All routes of a picture, and how much room they take: tracks of each gap and channel, slots of each row; ``labels``: the
    edges whose label is at a gap's left or right side.
    """

    routes: tuple[Route, ...]
    tracks: tuple[int, ...]
    channels: tuple[int, ...]
    slots: tuple[int, ...]
    labels: dict[tuple[int, Side], tuple[int, ...]] = field(default_factory=dict)


def route(picture: Picture) -> Routing:
    """The way of every edge of ``picture``."""
    nodes = {node.id: node for node in picture.nodes}
    load: Counter[int] = Counter()
    plans = [_plan(edge, nodes, len(picture.lanes), load) for edge in picture.edges]
    ports = _slots([port for _, *ends in plans for port in ends], plans)
    routes: list[Route] = []
    far = [i for i, (_, start, end) in enumerate(plans) if start.gap != end.gap]
    channel_of = _channels([(i, plans[i][1], plans[i][2]) for i in far])
    bends: list[tuple[int, int, Place, Place]] = []
    for i in range(len(plans)):
        start, end = ports[2 * i], ports[2 * i + 1]
        if i in channel_of:
            bend = (2 * channel_of[i][0], channel_of[i][1])
            bends += [(i, start.gap, start.place, bend), (i, end.gap, bend, end.place)]
        else:
            bends.append((i, start.gap, start.place, end.place))
    tracks = _tracks(bends)
    for i, (edge, *_) in enumerate(plans):
        own = tuple(tracks[j] for j, bend_ in enumerate(bends) if bend_[0] == i)
        routes.append(Route(edge.id, ports[2 * i], ports[2 * i + 1], own, channel_of.get(i)))
    widest = [0] * (len(picture.lanes) + 1)
    for (_, gap, _, _), track in zip(bends, tracks, strict=True):
        widest[gap] = max(widest[gap], track + 1)
    channels = [0] * (picture.rows + 1)
    for number, track in channel_of.values():
        channels[number] = max(channels[number], track + 1)
    slots = [0] * picture.rows
    for port in ports:
        slots[port.row] = max(slots[port.row], port.slot + 1)
    labels: dict[tuple[int, Side], tuple[int, ...]] = {}
    for way in routes:
        at: Side = "left" if way.start.side == "right" else "right"
        labels[way.start.gap, at] = (*labels.get((way.start.gap, at), ()), way.edge)
    return Routing(tuple(routes), tuple(widest), tuple(channels), tuple(slots), labels)


def _plan(edge: Edge, nodes: dict[int, Node], lanes: int, load: Counter[int]) -> tuple[Edge, Port, Port]:
    """On which sides the arrow leaves and arrives; within one lane on the outer side, or on the one with more room."""
    a, b = nodes[edge.source], nodes[edge.target]
    if a.lane == b.lane:
        left = a.lane == 0 if a.lane in (0, lanes - 1) else load[a.lane] <= load[a.lane + 1]
        sides: tuple[Side, Side] = ("left", "left") if left else ("right", "right")
    else:
        sides = ("right", "left") if a.lane < b.lane else ("left", "right")
    start, end = (Port(n.id, n.row, side, n.lane + (side == "right")) for n, side in zip((a, b), sides, strict=True))
    load[start.gap] += 1
    return edge, start, end


def _slots(ports: Sequence[Port], plans: Sequence[tuple[Edge, Port, Port]]) -> list[Port]:
    """The ports with their slots: in each gap and row one after the other, so that arrows which go up leave above those which go
    down, and of these the farther ones outside.
    """
    partner = [port.row for _, start, end in plans for port in (end, start)]
    order = sorted(range(len(ports)), key=lambda i: (partner[i] > ports[i].row, ports[i].row - partner[i], i))
    used: Counter[tuple[int, int]] = Counter()
    placed = list(ports)
    for i in order:
        port = ports[i]
        slot = used[port.gap, port.row]
        used[port.gap, port.row] += 1
        placed[i] = Port(port.node, port.row, port.side, port.gap, slot)
    return placed


def _channels(far: Sequence[tuple[int, Port, Port]]) -> dict[int, tuple[int, int]]:
    """For each arrow that crosses lanes, a channel between its rows and a track in it that is free in all gaps it touches."""
    taken: dict[tuple[int, int], set[int]] = {}
    found: dict[int, tuple[int, int]] = {}
    for i, start, end in sorted(far, key=lambda f: (abs(f[1].gap - f[2].gap), f[0])):
        gaps = set(range(min(start.gap, end.gap), max(start.gap, end.gap) + 1))
        low, high = sorted((start.row, end.row))
        candidates = range(low + 1, high + 1) if low < high else (low, low + 1)

        def free(channel: int, gaps: set[int] = gaps) -> int:
            return next(t for t in count() if not taken.get((channel, t), set()) & gaps)

        channel = min(candidates, key=lambda c: (free(c), abs(c - end.row)))
        track = free(channel)
        taken.setdefault((channel, track), set()).update(gaps)
        found[i] = channel, track
    return found


def _tracks(bends: Sequence[tuple[int, int, Place, Place]]) -> list[int]:
    """A track for each vertical part, so that no two in one gap overlap; short ones are nearest to the lanes they serve."""
    tracks = [0] * len(bends)
    taken: dict[tuple[int, int], list[tuple[Place, Place]]] = {}
    spans = [tuple(sorted((a, b))) for _, _, a, b in bends]

    def key(j: int) -> tuple[int, int]:
        return spans[j][1][0] - spans[j][0][0], j

    for j in sorted(range(len(bends)), key=key):
        gap, (top, bottom) = bends[j][1], spans[j]
        for track in count():
            others = taken.setdefault((gap, track), [])
            if all(bottom < low or high < top for low, high in others):
                others.append((top, bottom))
                tracks[j] = track
                break
    outermost = max((tracks[j] for j, bend in enumerate(bends) if bend[1] == 0), default=0)
    return [outermost - track if bend[1] == 0 else track for track, bend in zip(tracks, bends, strict=True)]
