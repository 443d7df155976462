"""Rows of a picture: program order downwards, and communication downwards as far as it can be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from smpcheck.show.picture import Node

LONG_LANE = 25
"""In a lane of more nodes than this, runs of nodes that no arrow touches are folded."""
SHORTEST_RUN = 3
"""So few nodes are not worth folding."""


def lanes_of(nodes: Sequence[Node]) -> list[list[Node]]:
    """The nodes of each lane from the top, initial values first."""
    lanes: list[list[Node]] = [[] for _ in range(max((node.lane for node in nodes), default=-1) + 1)]
    for node in sorted(nodes, key=lambda n: (n.kind != "init", n.id)):
        lanes[node.lane].append(node)
    return lanes


def fold(nodes: Sequence[Node], used: Collection[int], long_lane: int) -> tuple[list[Node], dict[int, int]]:
    """The nodes with runs of unused ones in long lanes replaced by one that counts them, numbered anew; and the new number of
    each old one.
    """
    result: list[Node] = []
    renamed: dict[int, int] = {}
    for lane in lanes_of(nodes):
        runs: list[list[Node]] = []
        for node in lane:
            if len(lane) > long_lane and node.id not in used and runs and runs[-1][-1].id not in used:
                runs[-1].append(node)
            else:
                runs.append([node])
        for run in runs:
            if len(run) < SHORTEST_RUN:
                for node in run:
                    renamed[node.id] = len(result)
                    result.append(replace(node, id=len(result)))
                continue
            number = len(result)
            renamed |= {node.id: number for node in run}
            events = tuple(e for node in run for e in node.events)
            result.append(replace(run[0], id=number, events=events, kind="skip", code="", effect="", notes=(), hidden=len(run)))
    return result, renamed


def arrange(
    nodes: Sequence[Node],
    down: Sequence[tuple[int, int]],
    firmly: Collection[tuple[int, int]],
    prefer: Mapping[int, int],
    late: Collection[int],
) -> list[Node]:
    """The nodes with their rows: as high as their lane and the edges in ``down`` (pairs of ids) that can be met let them.

    ``prefer`` gives an order by which to choose. Where a cycle leaves nothing to choose from, a node comes first to which none of
    the edges in ``firmly`` is left, if there is one, then one of ``late``: it is the edges to it that run upwards.
    """
    lanes = lanes_of(nodes)
    before: dict[int, set[int]] = {node.id: set() for node in nodes}
    for source, target in down:
        before[target].add(source)
    rows: dict[int, int] = {}

    def unmet(node: Node) -> int:
        return sum((source, node.id) in firmly for source in before[node.id] - rows.keys())

    heads = [0] * len(lanes)
    current = -1
    while len(rows) < len(nodes):
        open_nodes = [lane[head] for lane, head in zip(lanes, heads, strict=True) if head < len(lane)]
        ready = [node for node in open_nodes if before[node.id] <= rows.keys()]
        if ready:
            node = min(ready, key=lambda n: (n.kind != "init", prefer.get(n.id, -1), n.lane != current, n.id))
        else:
            node = min(open_nodes, key=lambda n: (unmet(n), n.id not in late, len(before[n.id] - rows.keys()), n.id))
        current = node.lane
        own = lanes[current][heads[current] - 1] if heads[current] else None
        above = [rows[n] for n in before[node.id] if n in rows] + ([rows[own.id]] if own is not None else [])
        rows[node.id] = max(above, default=-1) + 1
        heads[current] += 1
    return [replace(node, row=rows[node.id]) for node in nodes]
