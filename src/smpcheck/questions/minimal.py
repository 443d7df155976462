"""Minimal and cheapest sets under a monotone test: which elements must stay, which must be added.

``safe(S)`` says of a set of elements whether it is enough; a larger set is never worse. Both searches rest on one duality
(Reiter 1987; Liffiton, Previti, Malik, Marques-Silva 2016, "MARCO"): every safe set meets the complement of every unsafe one. So
unsafe sets are grown until nothing more can be added, and the sets that meet all their complements are tried next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

SEARCH = 60.0
"""Seconds for a search among versions of a large program."""


class OutOfTime(Exception):
    """The search has used up what it was given."""


@dataclass
class Search(Generic[T]):
    """A search over subsets of ``elements``; each test is made once. ``tests``: how many may be made; ``seconds``: for how
    long.
    """

    elements: Sequence[T]
    safe: Callable[[frozenset[T]], bool]
    tests: int = 3000
    seconds: float = 30.0
    known: dict[frozenset[T], bool] = field(default_factory=dict)
    to_meet: list[frozenset[T]] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    def is_safe(self, chosen: frozenset[T]) -> bool:
        """The test, remembered. :raises OutOfTime: if there is no more time for it"""
        found = self.known.get(chosen)
        if found is None:
            if len(self.known) >= self.tests or time.perf_counter() - self.started > self.seconds:
                raise OutOfTime
            found = self.known[chosen] = self.safe(chosen)
        return found

    def grow(self, chosen: frozenset[T]) -> frozenset[T]:
        """A largest unsafe set that includes the unsafe set ``chosen``: whole halves are added where that stays unsafe."""
        pending = [[e for e in self.elements if e not in chosen]]
        while pending:
            part = pending.pop()
            if not part:
                continue
            if not self.is_safe(chosen.union(part)):
                chosen = chosen.union(part)
            elif len(part) > 1:
                middle = len(part) // 2
                pending += [part[middle:], part[:middle]]
        return chosen

    def refute(self, chosen: frozenset[T]) -> None:
        """Learn from the unsafe set ``chosen`` what every safe set must meet."""
        self.to_meet.append(frozenset(self.elements) - self.grow(chosen))

    def minimal_sets(self) -> Iterator[frozenset[T]]:
        """All sets that are safe and have no smaller safe set inside. Nothing if not even all elements together are safe."""
        if not self.is_safe(frozenset(self.elements)):
            return
        found: list[frozenset[T]] = []
        while True:
            chosen = next(self._meeting(found), None)
            if chosen is None:
                return
            if self.is_safe(chosen):
                found.append(chosen)
                yield chosen
            else:
                self.refute(chosen)

    def _meeting(self, found: list[frozenset[T]]) -> Iterator[frozenset[T]]:
        """Minimal sets that meet all of ``to_meet`` and include none of ``found``."""
        order = {element: place for place, element in enumerate(self.elements)}
        seen: set[frozenset[T]] = set()

        def critical(chosen: frozenset[T]) -> bool:
            return all(any(s & chosen == {e} for s in self.to_meet) for e in chosen)

        def search(chosen: frozenset[T]) -> Iterator[frozenset[T]]:
            if chosen in seen or not critical(chosen) or any(f <= chosen for f in found):
                return
            seen.add(chosen)
            missed = min((s for s in self.to_meet if not s & chosen), key=len, default=None)
            if missed is None:
                yield chosen
                return
            for element in sorted(missed, key=order.__getitem__):
                yield from search(chosen | {element})

        return search(frozenset())

    def cheapest_sets(self, cost: Callable[[T], float], count: int = 8) -> list[frozenset[T]]:
        """The safe sets of least total cost, at most ``count`` of them; none if not even all elements together are safe."""
        if not self.is_safe(frozenset(self.elements)):
            return []
        best: list[frozenset[T]] = []
        price: float | None = None
        while len(best) < count:
            chosen = self._cheapest(cost, best, price)
            if chosen is None:
                return best
            if self.is_safe(chosen):
                best.append(chosen)
                price = sum(map(cost, chosen))
            else:
                self.refute(chosen)
        return best

    def _cheapest(self, cost: Callable[[T], float], found: list[frozenset[T]], price: float | None) -> frozenset[T] | None:
        """A cheapest set that meets all of ``to_meet``, includes none of ``found``, and costs no more than ``price``."""
        best: frozenset[T] | None = None
        bound = float("inf") if price is None else price + 1e-9
        order = {element: place for place, element in enumerate(self.elements)}

        def search(chosen: frozenset[T], barred: frozenset[T], spent: float) -> None:
            nonlocal best, bound
            if spent >= bound or any(f <= chosen for f in found):
                return
            missed = min((s - barred for s in self.to_meet if not s & chosen), key=len, default=None)
            if missed is None:
                best, bound = chosen, spent
                return
            for element in sorted(missed, key=lambda e: (cost(e), order[e])):
                search(chosen | {element}, barred, spent + cost(element))
                barred = barred | {element}

        search(frozenset(), frozenset(), 0.0)
        return best
