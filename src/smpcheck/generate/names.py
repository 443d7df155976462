"""Names of cycles, as diy7 gives them: a family (``MP``), then what stands between the accesses of each thread
(``MP+po+addr``).

The families and their names are those of the literature: Sarkar, Sewell, Alglave, Maranget, Williams, "Understanding POWER
Multiprocessors" (PLDI 2011), and "Herding cats" (TOPLAS 2014), table III. A cycle that is in none of them is called by the
directions of its threads' accesses (``WW+RR+WR``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from smpcheck.generate.edges import Edge, Vocabulary

FAMILIES = {
    "MP": "WW Rf RR Fr",
    "SB": "WR Fr WR Fr",
    "LB": "RW Rf RW Rf",
    "S": "WW Rf RW Co",
    "R": "WW Co WR Fr",
    "2+2W": "WW Co WW Co",
    "WRC": "W Rf RW Rf RR Fr",
    "WWC": "W Rf RW Rf RW Co",
    "RWC": "W Rf RR Fr WR Fr",
    "WRW+WR": "W Rf RW Co WR Fr",
    "WRR+2W": "W Rf RR Fr WW Co",
    "WRW+2W": "W Rf RW Co WW Co",
    "ISA2": "WW Rf RW Rf RR Fr",
    "W+RWC": "WW Rf RR Fr WR Fr",
    "Z6.0": "WW Rf RW Co WR Fr",
    "Z6.1": "WW Co WW Rf RW Co",
    "Z6.2": "WW Rf RW Rf RW Co",
    "Z6.3": "WW Co WW Rf RR Fr",
    "Z6.4": "WW Co WR Fr WR Fr",
    "Z6.5": "WW Co WW Co WR Fr",
    "IRIW": "W Rf RR Fr W Rf RR Fr",
    "IRRWIW": "W Rf RR Fr W Rf RW Co",
    "IRWIW": "W Rf RW Co W Rf RW Co",
    "CoRR": "W Rf RR Fr",
}
"""Threads by the directions of their first and last access, and the communications between them."""

_ROWS = {"SB": "WR Fr", "LB": "RW Rf", "2W": "WW Co"}
"""Families that go on as rows of the same thread: 3.SB, 4.SB."""


def _rotations(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for i in range(0, len(words), 2):
        yield (*words[i:], *words[:i])


_SHAPES = frozenset(FAMILIES.values())
_BY_SHAPE = {rotation: name for name, shape in FAMILIES.items() for rotation in _rotations(shape.split())}


def _threads(edges: Sequence[Edge]) -> list[list[Edge]]:
    """The edges of each thread, an external one at the end. ``edges`` begin where a thread does."""
    threads: list[list[Edge]] = [[]]
    for edge in edges:
        threads[-1].append(edge)
        if edge.external:
            threads.append([])
    return threads[:-1]


def _shape(edges: Sequence[Edge]) -> list[str]:
    """As in :data:`FAMILIES`."""
    threads = _threads(edges)
    words: list[str] = []
    for thread in threads:
        first, last = thread[0].source, thread[-1].source
        words += [first if len(thread) == 1 else first + last, thread[-1].kind]
    return words


def family(edges: Sequence[Edge]) -> str:
    """The family's name, without what stands between the accesses."""
    words = _shape(edges)
    count = len(words) // 2
    known = _BY_SHAPE.get(tuple(words))
    if known is not None and (known != "CoRR" or all(edge.same for edge in edges)):
        return known
    for name, row in _ROWS.items():
        if words == row.split() * count and count > 2:
            return f"{count}.{name}"
    return "+".join(words[::2])


def part(edges: Sequence[Edge]) -> str:
    """What stands between the accesses of a thread: ``po``, ``dmb.sy``, ``addr-rfi``. A direction is named where the word leaves
    it open."""
    words = []
    for i, edge in enumerate(edges):
        word = _word(edge)
        follower = edges[i + 1] if i + 1 < len(edges) else None
        if follower is not None and edge.kind in ("Po", "Fence", "Dp") and follower.kind in ("Po", "Fence"):
            word += edge.target
        first, second = edge.orders
        if first or second:
            word += f"{first or 'p'}{second or 'p'}".lower()
        words.append(word)
    return "-".join(words)


def _word(edge: Edge) -> str:
    if edge.communicates:
        return {"Co": "ws"}.get(edge.kind, edge.kind.lower()) + "i"
    if edge.kind == "Rmw":
        return "rmw" if edge.detail == "Exch" else edge.detail.lower()
    if edge.kind == "Trip":
        return edge.detail
    return (edge.detail or edge.kind).lower() + ("s" if edge.same else "")


def _without_trips(edges: Sequence[Edge]) -> list[Edge]:
    """A way to another thread and back as one edge of the thread that it leaves."""
    found: list[Edge] = []
    for edge in edges:
        if edge.trip == "Back":
            found[-1] = Edge("Trip", found[-1].source, edge.target, True, detail="[fr-rf]")
        else:
            found.append(edge)
    return found


def _with_orders(edges: Sequence[Edge]) -> list[Edge]:
    """An atomic operation has in its name the orderings that the edges around it give it."""
    found: list[Edge] = []
    for i, edge in enumerate(edges):
        around = edges[i - 1].orders[1], edges[(i + 1) % len(edges)].orders[0]
        found.append(replace(edge, orders=around) if edge.kind == "Rmw" and any(around) else edge)
    return found


def name_of(edges: Sequence[Edge], vocabulary: Vocabulary) -> str:
    """The name of a cycle. It is the same wherever the cycle is begun: threads are named as they stand in the family, and where
    that leaves a choice, barriers come before dependencies, and these before plain program order.
    """
    edges = _with_orders(_without_trips(edges))
    starts = [i for i in range(len(edges)) if edges[i - 1].external]
    rotations = [(*edges[i:], *edges[:i]) for i in starts]
    shapes = {rotation: _shape(rotation) for rotation in rotations}
    named = [rotation for rotation in rotations if " ".join(shapes[rotation]) in _SHAPES]
    chosen = min(named or rotations, key=lambda rotation: _rank(rotation, vocabulary))
    parts = [part(thread[:-1]) for thread in _threads(chosen) if len(thread) > 1]
    base = family(chosen)
    if set(parts) <= {"po"} or parts == ["pos"]:
        return base
    if len(parts) > 1 and len(set(parts)) == 1:
        return f"{base}+{parts[0]}s"
    return "+".join((base, *parts))


_KINDS = ("Fence", "Dp", "Po")


def _rank(edges: Sequence[Edge], vocabulary: Vocabulary) -> list[tuple[object, ...]]:
    """For the choice among rotations that look alike."""
    ranks: list[tuple[object, ...]] = []
    for edge in edges:
        details = vocabulary.fences if edge.kind == "Fence" else vocabulary.dependencies if edge.kind == "Dp" else ()
        kind = _KINDS.index(edge.kind) if edge.kind in _KINDS else len(_KINDS)
        ends = zip(edge.orders, (edge.source, edge.target), strict=True)
        orders = tuple(vocabulary.orders[direction].index(order) if order is not None else 0 for order, direction in ends)
        ranks.append((kind, details.index(edge.detail) if edge.detail in details else 0, orders))
    return ranks
