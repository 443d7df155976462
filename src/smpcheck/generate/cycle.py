"""A cycle of edges made into accesses: which thread, which location, which value, and the condition that the cycle happened.

The accesses of one location stand together on the cycle. Along them a version counts up: a write makes the next one, a read
sees the one that is there; where the cycle closes, the last edge contradicts that. The condition says what each read saw, and
of a location with two writes which was last.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.generate.edges import Edge, R, W

LOCATIONS = ("x", "y", "z", "a", "b", "c", "d", "e", "f", "g", "h")


class Access(Struct, frozen=True):
    """``value``: what is written, or what the read sees in the execution that the cycle is about. ``leads``: the edge that
    goes on from here in this thread, None for its last access."""

    direction: str
    location: str
    value: int
    order: str
    leads: Edge | None


class Cycle(Struct, frozen=True):
    """``threads``: the accesses of each; ``last``: the final values of locations that the condition names."""

    edges: tuple[Edge, ...]
    threads: tuple[tuple[Access, ...], ...]
    last: tuple[tuple[str, int], ...]

    @property
    def locations(self) -> tuple[str, ...]:
        """All of them, in order."""
        used = {access.location for thread in self.threads for access in thread}
        return tuple(name for name in LOCATIONS if name in used)


def close(edges: Sequence[Edge], default: dict[str, str]) -> Cycle:
    """The cycle of ``edges``. ``default``: by direction, the ordering of an access of which no edge says any.

    :raises InputError: the edges do not fit together, or the condition could not say that the cycle happened
    """
    if len(edges) < 2:
        raise InputError("a cycle has at least two edges")
    edges = _rotated(edges)
    count = len(edges)
    for i, edge in enumerate(edges):
        follower = edges[(i + 1) % count]
        if edge.target != follower.source:
            what = {R: "a read", W: "a write"}
            raise InputError(f"{edge.bare} ends at {what[edge.target]}, and {follower.bare} begins at {what[follower.source]}")
    orders = [_agreed(edges[i - 1], edge, default[edge.source]) for i, edge in enumerate(edges)]
    places = _locations(edges)
    values, last = _values(edges, places)
    threads: list[list[Access]] = [[]]
    current = 0
    left: list[int] = []
    for i, edge in enumerate(edges):
        leads = None if edge.external else edge
        threads[current].append(Access(edge.source, places[i], values[i], orders[i], leads))
        if edge.trip == "Back":
            current = left.pop()
        elif edge.external and i < count - 1:
            left += [current] if edge.trip else []
            threads.append([])
            current = len(threads) - 1
    return Cycle(tuple(edges), tuple(tuple(thread) for thread in threads), last)


def _rotated(edges: Sequence[Edge]) -> list[Edge]:
    """Begin with the first access of a thread: after an external communication, at one that also begins a location if there
    is one."""
    starts = [i for i in range(len(edges)) if edges[i - 1].starts_thread]
    if not starts:
        raise InputError("a cycle needs communications between threads: Rfe, Fre or Coe")
    return [*edges[starts[0] :], *edges[: starts[0]]]


def _agreed(edge: Edge, follower: Edge, default: str) -> str:
    """The ordering of the access between two edges."""
    before, after = edge.orders[1], follower.orders[0]
    if before is not None and after is not None and before != after:
        raise InputError(f"the access between {edge.bare} and {follower.bare} cannot be both {before or 'P'} and {after or 'P'}")
    found = before if before is not None else after
    return default if found is None else found


def _locations(edges: Sequence[Edge]) -> list[str]:
    """The location of each edge's source."""
    changes = sum(not edge.same for edge in edges)
    if changes == 1:
        raise InputError("one edge goes to a different location, and none comes back: a cycle has none of these or at least two")
    if changes > len(LOCATIONS):
        raise InputError(f"more than {len(LOCATIONS)} locations")
    places, number = [], 0
    for edge in edges:
        places.append(LOCATIONS[number % max(changes, 1)])
        number += not edge.same
    return places


def _values(edges: Sequence[Edge], places: Sequence[str]) -> tuple[list[int], tuple[tuple[str, int], ...]]:
    """The value of each access, and the final values that the condition has to name."""
    count = len(edges)
    starts = [i for i in range(count) if not edges[i - 1].same]
    values = [0] * count
    last: list[tuple[str, int]] = []
    for start in starts or [0]:
        version, i = 0, start
        while True:
            if edges[i].source == W:
                version += 1
            values[i] = version
            if not edges[i].same:
                break
            i = (i + 1) % count
            if i == start:
                break
        if version > 2:
            raise InputError(f"three writes to {places[start]}: the condition could not say in which order they took effect")
        if version == 2:
            last.append((places[start], 2))
    if not starts:
        _contradict(edges, values, last)
    return values, tuple(sorted(last))


def _contradict(edges: Sequence[Edge], values: list[int], last: list[tuple[str, int]]) -> None:
    """One location only: the last edge goes back to the first access, against the order of versions."""
    closing = edges[-1]
    if closing.kind == "Fr":
        values[-1] = 0
    elif closing.kind == "Rf":
        values[0] = values[-1]
    else:
        last[:] = [(name, values[0]) for name, _ in last]


def described(cycle: Cycle) -> str:
    """The edges by their names, as diy7 has them in its ``Orig`` line."""
    return " ".join(edge_name(edge, cycle) for edge in cycle.edges)


def edge_name(edge: Edge, cycle: Cycle) -> str:
    """The edge's name, with the orderings that it says."""
    first, second = edge.orders
    if first is None and second is None:
        return edge.bare
    return f"{edge.bare}{first or 'P'}{second or 'P'}"
