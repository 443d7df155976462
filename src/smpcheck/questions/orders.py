"""Partial orders on the events of one execution: cycles, the cheapest edges to give up, a story that follows the rest.

Small graphs (tens of events), so the definitions are computed as they stand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

Edge: TypeAlias = tuple[int, int]
Graph: TypeAlias = Mapping[int, Collection[int]]


def graph_of(edges: Iterable[Edge]) -> dict[int, set[int]]:
    """Successors of each node."""
    result: dict[int, set[int]] = {}
    for a, b in edges:
        result.setdefault(a, set()).add(b)
    return result


def shortest_cycle(graph: Graph) -> list[int] | None:
    """The nodes of a shortest cycle, in order; None if there is none."""
    best: list[int] | None = None
    for start in graph:
        came: dict[int, int] = {}
        queue = deque([start])
        while queue and start not in came:
            node = queue.popleft()
            for following in graph.get(node, ()):
                if following not in came:
                    came[following] = node
                    queue.append(following)
        if start not in came:
            continue
        cycle = [start]
        while came[cycle[-1]] != start:
            cycle.append(came[cycle[-1]])
        if best is None or len(cycle) < len(best):
            best = cycle[::-1]
            best = [best[-1], *best[:-1]]
    return best


def feedback(edges: Mapping[Edge, int]) -> set[Edge]:
    """A set of edges of least total weight without which no cycle is left.

    Implicit hitting sets: the cycles found so far are hit at least cost, until the rest is acyclic (Chandrasekaran et al. 2011).
    """
    cycles: list[frozenset[Edge]] = []
    removed: set[Edge] = set()
    while True:
        cycle = shortest_cycle(graph_of(edge for edge in edges if edge not in removed))
        if cycle is None:
            return removed
        cycles.append(frozenset(zip(cycle, [*cycle[1:], cycle[0]], strict=True)))
        removed = set(cheapest_hit(cycles, edges.__getitem__))


def cheapest_hit(sets: Sequence[frozenset[Edge]], cost: Callable[[Edge], int]) -> frozenset[Edge]:
    """A set of least cost that meets each of ``sets`` (branch and bound)."""
    best: list[tuple[float, frozenset[Edge]]] = [(float("inf"), frozenset())]

    def search(chosen: frozenset[Edge], spent: int) -> None:
        if spent >= best[0][0]:
            return
        open_set = next((s for s in sets if not s & chosen), None)
        if open_set is None:
            best[0] = spent, chosen
            return
        for element in sorted(open_set, key=lambda e: (cost(e), e)):
            search(chosen | {element}, spent + cost(element))

    search(frozenset(), 0)
    return best[0][1]


def story(nodes: Sequence[int], edges: Iterable[Edge], group: Mapping[int, int], lane: Mapping[int, int]) -> list[int]:
    """An order of ``nodes`` that respects ``edges``, staying in one lane as long as it can.

    Nodes of one ``group`` (both halves of an atomic operation) come together. ``nodes`` give the preference among equals. The
    graph must be acyclic once groups are one.
    """
    head = {node: group.get(node, node) for node in nodes}
    members: dict[int, list[int]] = {}
    for node in nodes:
        members.setdefault(head[node], []).append(node)
    before: dict[int, set[int]] = {h: set() for h in members}
    for a, b in edges:
        if a in head and b in head and head[a] != head[b]:
            before[head[b]].add(head[a])
    done: list[int] = []
    finished: set[int] = set()
    current: int | None = None
    while len(finished) < len(members):
        ready = [h for h in members if h not in finished and before[h] <= finished]
        if not ready:
            raise ValueError("the order has a cycle")
        chosen = next((h for h in ready if lane[h] == current), ready[0])
        current = lane[chosen]
        finished.add(chosen)
        done += members[chosen]
    return done
