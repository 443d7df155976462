"""Tests from edges, and all tests of a size: ``make`` closes one cycle, ``cycles`` enumerates the critical ones.

A *critical* cycle has at most two accesses in a thread, to different locations, and at most three to a location, from different
threads: such cycles suffice to tell any model from sequential consistency (Shasha and Snir 1988; "Fences in weak memory models",
section 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.generate import assembly, c
from smpcheck.generate.cycle import Cycle, close, described
from smpcheck.generate.edges import PLAIN, TRIPS, VOCABULARIES, Edge, R, Vocabulary, W, read_edge
from smpcheck.generate.names import name_of


class Test(Struct, frozen=True):
    """A generated test: its name, its text, its cycle."""

    name: str
    text: str
    cycle: Cycle


def vocabulary_of(language: str) -> Vocabulary:
    """:raises InputError: tests are not generated in this language"""
    for name, vocabulary in VOCABULARIES.items():
        if name.lower() == language.lower():
            return vocabulary
    raise InputError(f"no tests are generated in '{language}': accepted are {', '.join(VOCABULARIES)}")


def make(language: str, names: Sequence[str]) -> Test:
    """The test of the cycle whose edges have these names.

    :raises InputError: an edge that the language does not have, or edges that do not fit together
    """
    vocabulary = vocabulary_of(language)
    return from_edges(vocabulary, [read_edge(name, vocabulary) for name in names])


def from_edges(vocabulary: Vocabulary, edges: Sequence[Edge]) -> Test:
    """The test of a cycle. Errors as :func:`make`."""
    cycle = close(edges, {direction: orders[0] for direction, orders in vocabulary.orders.items()})
    name = name_of(cycle.edges, vocabulary)
    orig = described(cycle)
    if vocabulary.language == "C":
        return Test(name, c.text(cycle, name, orig), cycle)
    return Test(name, assembly.text(cycle, name, orig, vocabulary.language), cycle)


def relaxations(vocabulary: Vocabulary, orders: bool = True) -> list[Edge]:
    """What may stand between the two accesses of a thread in a critical cycle: program order, barriers and dependencies, to a
    different location; with ``orders`` also accesses that are ordered themselves."""
    found: list[Edge] = []
    for source in (R, W):
        for target in (R, W):
            found.append(Edge("Po", source, target, False))
            found += [Edge("Fence", source, target, False, detail=fence) for fence in vocabulary.fences]
    for dependency in vocabulary.dependencies:
        found += [Edge("Dp", R, target, False, detail=dependency) for target in (R, W) if (dependency, target) != ("Data", R)]
    if not orders:
        return found
    for source in (R, W):
        for target in (R, W):
            for first in vocabulary.orders[source]:
                for second in vocabulary.orders[target]:
                    if (first, second) != (vocabulary.orders[source][0], vocabulary.orders[target][0]):
                        found.append(Edge("Po", source, target, False, orders=(first, second)))
    return found


Chain: TypeAlias = tuple[Edge, ...]
"""What stands inside of a thread: edges that follow each other, one in a critical cycle."""


def chains(edges: Sequence[Edge], longest: int) -> list[Chain]:
    """All chains of up to ``longest`` of these edges, the short ones first. A way to another thread and back counts as one."""
    steps: list[Chain] = [(edge,) for edge in edges if not edge.trip]
    steps += [tuple(TRIPS.values())] if any(edge.trip for edge in edges) else []
    found = list(steps)
    latest = found
    for _ in range(1, longest):
        latest = [(*chain, *step) for chain in latest for step in steps if _may_follow(chain[-1], step[0])]
        found = [*found, *latest]
    return [chain for chain in found if _is_whole(chain)]


def _may_follow(edge: Edge, follower: Edge) -> bool:
    """Two operations that read and write do not share an access."""
    return edge.target == follower.source and not (edge.kind == follower.kind == "Rmw")


def _is_whole(chain: Chain) -> bool:
    """A chain that only goes to its first location, inside of the thread, is what coherence is about, but for what is atomic."""
    return any(not edge.communicates for edge in chain)


def cycles(vocabulary: Vocabulary, size: int, between: Sequence[Edge | Chain]) -> Iterator[tuple[Edge, ...]]:
    """The cycles of ``size`` edges, each once, with edges or chains of ``between`` inside of threads; of single edges that go to
    different locations, these are the critical cycles."""
    inside = [(part,) if isinstance(part, Edge) else part for part in between]
    critical = all(not edge.same for chain in inside for edge in chain)
    outside = {
        (source, target): [tuple(Edge(kind, *_ENDS[kind], True, True) for kind in kinds) for kinds in ways]
        for (source, target), ways in _WAYS.items()
    }
    seen: set[tuple[Edge, ...]] = set()

    def extend(edges: tuple[Edge, ...]) -> Iterator[tuple[Edge, ...]]:
        room = size - len(edges)
        for inner in inside:
            if edges and edges[-1].target != inner[0].source:
                continue
            for (source, target), ways in outside.items():
                if source != inner[-1].target:
                    continue
                for way in ways:
                    if len(inner) + len(way) > room:
                        continue
                    longer = (*edges, *inner, *way)
                    if len(longer) == size:
                        if target == longer[0].source and sum(not edge.same for edge in longer) > 1:
                            first = min(_rotations(longer), key=repr)
                            if first not in seen:
                                seen.add(first)
                                if critical or _can_be_told(vocabulary, longer):
                                    yield longer
                    else:
                        yield from extend(longer)

    yield from extend(())


def _can_be_told(vocabulary: Vocabulary, edges: Sequence[Edge]) -> bool:
    """Can a condition say that the cycle happened? Not if there are three writes to a location."""
    try:
        from_edges(vocabulary, edges)
    except InputError:
        return False
    return True


_ENDS = {"Rf": (W, R), "Fr": (R, W), "Co": (W, W)}
_WAYS: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    (W, R): (("Rf",), ("Co", "Rf")),
    (R, W): (("Fr",),),
    (W, W): (("Co",),),
    (R, R): (("Fr", "Rf"),),
}
"""How a cycle goes from one thread to the next by what both access: at most three accesses to a location."""


def _rotations(edges: tuple[Edge, ...]) -> Iterator[tuple[Edge, ...]]:
    for i in range(len(edges)):
        if edges[i - 1].starts_thread:
            yield (*edges[i:], *edges[:i])


__all__ = ["PLAIN", "Chain", "Test", "chains", "cycles", "from_edges", "make", "relaxations", "vocabulary_of"]
