"""The part of a large program that is explored, and proof that there is no more to explore.

In programs such as a kernel's own functions, inlined, a few of a hundred branches are ever taken, and what is computed about the
others costs more than to explore these few. So branches that some random runs do not take are left out, loops are followed
for a few rounds, and exploring tells which of the places at which something was left out a thread comes to
(:attr:`smpcheck.simulate.explore.Outcomes.entered`). What follows there is put back, and the larger part is explored.

*Why nothing is missed.* A run of the whole program that leaves the part is, up to there, a run of the part in which a thread
comes to such a place. The others may then go on until nobody can, as the part has no loops but waits; so exploring, which visits
all states in which nobody can go on, comes past that place. When it comes past none, the part's runs are the program's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from smpcheck.program import ir
from smpcheck.program.cut import Coverage, loop_of, unrolled, without_branches
from smpcheck.program.flow import has_accesses

LEAST = 500
"""A program with fewer accesses is explored as it is."""

ROUNDS = 2
"""Loops are followed for so many rounds at first, and for twice as many each time that this is not enough."""

MOST_ROUNDS = 16
"""If so many rounds are not enough the program is explored as it is."""

TRIES = 8
"""So many parts are explored; then the program is as it is."""


class Explored(Protocol):
    """What came of an exploration."""

    @property
    def entered(self) -> frozenset[str]:
        """The labels of what was left out, and some run comes to."""


T = TypeVar("T", bound=Explored)


class Part:
    """The part of ``program`` that is explored. ``is_whole``: it is all of it. ``coverage``: what is taken, if known, at least
    by interleavings."""

    def __init__(self, program: ir.Program, coverage: Coverage | None = None) -> None:
        self.program = program
        self.coverage = coverage
        self.put_back: set[str] = set()
        self.rounds: dict[str, int] = {}
        self.is_whole = bool(program.handlers) or not has_accesses(program, LEAST)

    def explored(self, explore: Callable[[ir.Program], T]) -> T:
        """What ``explore`` finds in the program, of which it is given a part, and a larger one until that is enough.

        :raises UnsupportedError: ``explore`` does
        :raises LimitError: the same
        """
        from smpcheck.simulate.code import LoopsError

        for _ in range(TRIES):
            if self.is_whole:
                break
            try:
                found = explore(self._now())
            except LoopsError:
                break
            if not found.entered:
                return found
            self._enlarge(found.entered)
        self.is_whole = True
        return explore(self.program)

    def took(self, coverage: Coverage) -> Coverage:
        """Note what was taken when all interleavings were explored; the same as coverage of the whole program."""
        if self.coverage is None:
            return coverage
        self.coverage = Coverage(self.coverage.steps, coverage.taken)
        self.put_back.clear()
        return self.coverage

    def _now(self) -> ir.Program:
        if self.coverage is None:
            from smpcheck.simulate.coverage import sampled

            self.coverage = sampled(self.program)
        return unrolled(without_branches(self.program, self.coverage, self.put_back), self.rounds, ROUNDS)

    def _enlarge(self, entered: frozenset[str]) -> None:
        for label in entered:
            loop = loop_of(label)
            if loop is None:
                self.put_back.add(label)
            else:
                self.rounds[loop] = 2 * self.rounds.get(loop, ROUNDS)
                self.is_whole = self.is_whole or self.rounds[loop] > MOST_ROUNDS
