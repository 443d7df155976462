"""The edges of which cycles are made, in diy7's words: ``Rfe``, ``PodWR``, ``DpAddrdR``, ``FenceMbdWW``, ``DMB.SYdWR``.

An edge goes from one access to the next. *Communications* are ``Rf`` (a read from a write), ``Fr`` (a read before a write)
and ``Co`` (a write before a write; ``Ws`` is diy7's older word), each with ``e`` between threads or ``i`` inside of one. All
others are in program order: plain (``Po``), over a barrier, by a dependency; then come ``d`` or ``s``, for different
locations or the same, and the directions (of a dependency, which starts at a read, only the second). Orderings of the two
accesses may follow: ``PodWWOnceRelease``. ``Exch`` and ``Amo.Swp`` go from the read of an atomic operation to its write;
``FrLeave RfBack`` to a write of another thread and back, to a later read of the same location that sees it. Source of the
vocabulary: Alglave, Maranget, Sarkar, Sewell, "Fences in weak memory models" (2012), section 6, and diy7's manual.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import product

from msgspec import Struct, field
from msgspec.structs import replace

from smpcheck.errors import InputError
from smpcheck.program.ir import Language

R, W = "R", "W"

PLAIN = ""
"""An access without an ordering of its own."""


class Edge(Struct, frozen=True):
    """``kind``: ``Rf``, ``Fr``, ``Co``, ``Po``, ``Fence``, ``Dp`` or ``Rmw``; ``detail``: which barrier, dependency or operation.
    ``source``, ``target``: the directions of the two accesses; ``orders``: their own orderings (``Once``, ``A``), None where the
    edge does not say. ``trip``: ``Leave`` or ``Back``, of a communication to a thread of which no more is seen, and back."""

    kind: str
    source: str
    target: str
    same: bool
    external: bool = False
    detail: str = ""
    orders: tuple[str | None, str | None] = (None, None)
    trip: str = ""

    @property
    def starts_thread(self) -> bool:
        """Does another thread go on behind it, and not the one that was left?"""
        return self.external and not self.trip

    @property
    def communicates(self) -> bool:
        """Is it a communication, and not program order?"""
        return self.kind in COMMUNICATIONS

    @property
    def bare(self) -> str:
        """Its name without orderings."""
        if self.communicates:
            return self.kind + (self.trip or ("e" if self.external else "i"))
        if self.kind == "Rmw":
            return self.detail
        distance = "s" if self.same else "d"
        directions = self.target if self.kind == "Dp" else self.source + self.target
        return f"{'' if self.kind == 'Fence' else self.kind}{self.detail}{distance}{directions}"


COMMUNICATIONS: Mapping[str, tuple[str, str]] = {"Rf": (W, R), "Fr": (R, W), "Co": (W, W), "Ws": (W, W)}
"""Directions of their source and target."""


TRIPS: Mapping[str, Edge] = {
    edge.bare: edge for edge in (Edge("Fr", R, W, True, True, trip="Leave"), Edge("Rf", W, R, True, True, trip="Back"))
}
"""To another thread and back."""


class Vocabulary(Struct, frozen=True):
    """What a language has: ``fences`` and ``dependencies`` by name; ``orders``: orderings of an access by direction, the first of
    which is the one that an edge without any means. ``short`` ones are one letter, and all accesses are named if one is."""

    language: Language
    fences: tuple[str, ...]
    dependencies: tuple[str, ...]
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {R: (PLAIN,), W: (PLAIN,)})
    atomics: tuple[str, ...] = ()
    """The operations that read and write."""

    @property
    def order_names(self) -> tuple[str, ...]:
        """All orderings, longest first; ``P`` stands for a plain access."""
        names = {name or "P" for direction in self.orders.values() for name in direction}
        return tuple(sorted(names, key=lambda name: (-len(name), name)))


def _fences(stem: str, names: str) -> tuple[str, ...]:
    return tuple(f"{stem}{name}" for name in names.split())


VOCABULARIES: Mapping[Language, Vocabulary] = {
    "C": Vocabulary(
        "C",
        _fences("Fence", "Mb Rmb Wmb"),
        ("Addr", "Data", "Ctrl"),
        {R: ("Once", "Acquire"), W: ("Once", "Release")},
    ),
    "AArch64": Vocabulary(
        "AArch64",
        ("DMB.SY", "DMB.LD", "DMB.ST", "DMB.ISH", "DMB.ISHLD", "DMB.ISHST", "DSB.SY", "ISB"),
        ("Addr", "Data", "Ctrl", "CtrlIsb"),
        {R: (PLAIN, "A", "Q"), W: (PLAIN, "L")},
        ("Amo.Swp",),
    ),
    "X86": Vocabulary("X86", ("MFence",), (), atomics=("Exch",)),
    "X86_64": Vocabulary("X86_64", ("MFence",), (), atomics=("Exch",)),
    "PPC": Vocabulary("PPC", ("Sync", "LwSync", "Eieio", "ISync"), ("Addr", "Data", "Ctrl", "CtrlIsync")),
    "RISCV": Vocabulary(
        "RISCV",
        (*(f"Fence.{a}.{b}" for a in ("r", "w", "rw") for b in ("r", "w", "rw")), "Fence.tso", "Fence.i"),
        ("Addr", "Data", "Ctrl", "CtrlFenceI"),
        {R: (PLAIN, "Aq", "AR"), W: (PLAIN, "Rl", "AR")},
        ("Exch",),
    ),
}
"""The languages that tests are generated in."""


def read_edge(name: str, vocabulary: Vocabulary) -> Edge:
    """The edge called ``name``. :raises InputError: there is no such edge in this language"""
    pairs = product(vocabulary.order_names, repeat=2)
    candidates = [(name, "", ""), *((name.removesuffix(a + b), a, b) for a, b in pairs if name.endswith(a + b))]
    for stem, first, second in candidates:
        edge = _bare_edge(stem, vocabulary)
        if edge is None:
            continue
        if not first and not second:
            return edge
        pair = (_order(first), _order(second))
        for order, direction in zip(pair, (edge.source, edge.target), strict=True):
            if order not in vocabulary.orders[direction]:
                known = ", ".join(known or "P" for known in vocabulary.orders[direction])
                access = "read" if direction == R else "write"
                raise InputError(f"{name}: a {access} of {vocabulary.language} is not {order or 'P'} (it may be {known})")
        return replace(edge, orders=pair)
    near = get_close_matches(name, [edge.bare for edge in all_edges(vocabulary)], 3)
    hint = f"; similar ones: {', '.join(near)}" if near else ""
    raise InputError(f"{vocabulary.language} has no edge '{name}'{hint}")


def _order(name: str) -> str:
    return PLAIN if name == "P" else name


_PROGRAM_ORDER = re.compile(r"(.+?)([ds])([RW])([RW])|(Dp)(.+?)([ds])([RW])")


def _bare_edge(name: str, vocabulary: Vocabulary) -> Edge | None:
    if name[:2] in COMMUNICATIONS and name[2:] in ("e", "i"):
        kind = "Co" if name[:2] == "Ws" else name[:2]
        source, target = COMMUNICATIONS[kind]
        return Edge(kind, source, target, True, name[2] == "e")
    if name in TRIPS:
        return TRIPS[name]
    if name in vocabulary.atomics:
        return Edge("Rmw", R, W, True, detail=name)
    match = _PROGRAM_ORDER.fullmatch(name)
    if match is None:
        return None
    if name.startswith("Dp"):
        dependency = re.fullmatch(r"Dp(.+?)([ds])([RW])", name)
        if dependency is None or dependency[1] not in vocabulary.dependencies:
            return None
        if dependency[1] == "Data" and dependency[3] == R:
            return None
        return Edge("Dp", R, dependency[3], dependency[2] == "s", detail=dependency[1])
    stem, distance, source, target = match[1], match[2], match[3], match[4]
    if stem == "Po":
        return Edge("Po", source, target, distance == "s")
    if stem in vocabulary.fences:
        return Edge("Fence", source, target, distance == "s", detail=stem)
    return None


def all_edges(vocabulary: Vocabulary) -> Sequence[Edge]:
    """Every edge of a language, without orderings of single accesses."""
    found = [Edge(kind, *COMMUNICATIONS[kind], True, external) for kind in ("Rf", "Fr", "Co") for external in (True, False)]
    found += [*TRIPS.values(), *(Edge("Rmw", R, W, True, detail=name) for name in vocabulary.atomics)]
    for same in (False, True):
        for source in (R, W):
            for target in (R, W):
                found.append(Edge("Po", source, target, same))
                found += [Edge("Fence", source, target, same, detail=fence) for fence in vocabulary.fences]
        for dependency in vocabulary.dependencies:
            for target in (R, W):
                if not (dependency == "Data" and target == R):
                    found.append(Edge("Dp", R, target, same, detail=dependency))
    return found
