"""When does an event happen? A guard is a Boolean function of the program's branch conditions, kept canonical.

Guards are reduced ordered binary decision diagrams (Bryant 1986): an ``int`` names a diagram, 0 is "never", 1 is "always", and
equal functions have equal names. That makes "does x imply y", "can both happen" exact and cheap, which the evaluation of static
relations relies on. Variables are numbered in program order; each stands for one executed-branch decision.
"""

from __future__ import annotations

from collections.abc import Sequence

NEVER = 0
ALWAYS = 1


class Guards:
    """A store of guards over decision variables 0, 1, 2, ..."""

    def __init__(self) -> None:
        self.nodes: list[tuple[int, int, int]] = [(1 << 60, 0, 0), (1 << 60, 1, 1)]
        self._unique: dict[tuple[int, int, int], int] = {}
        self._and: dict[tuple[int, int], int] = {}
        self._not: dict[int, int] = {0: 1, 1: 0}

    def _make(self, var: int, low: int, high: int) -> int:
        if low == high:
            return low
        key = (var, low, high)
        found = self._unique.get(key)
        if found is None:
            found = self._unique[key] = len(self.nodes)
            self.nodes.append(key)
        return found

    def variable(self, var: int) -> int:
        """The guard "decision ``var`` is taken"."""
        return self._make(var, NEVER, ALWAYS)

    def negate(self, a: int) -> int:
        """Not ``a``."""
        found = self._not.get(a)
        if found is None:
            var, low, high = self.nodes[a]
            found = self._make(var, self.negate(low), self.negate(high))
            self._not[a] = found
            self._not[found] = a
        return found

    def conj(self, a: int, b: int) -> int:
        """``a`` and ``b``."""
        if a == b or b == 1:
            return a
        if a == 1:
            return b
        if a == 0 or b == 0:
            return 0
        if a > b:
            a, b = b, a
        found = self._and.get((a, b))
        if found is None:
            va, la, ha = self.nodes[a]
            vb, lb, hb = self.nodes[b]
            if va == vb:
                found = self._make(va, self.conj(la, lb), self.conj(ha, hb))
            elif va < vb:
                found = self._make(va, self.conj(la, b), self.conj(ha, b))
            else:
                found = self._make(vb, self.conj(a, lb), self.conj(a, hb))
            self._and[(a, b)] = found
        return found

    def disj(self, a: int, b: int) -> int:
        """``a`` or ``b``."""
        if a == b or b == 0:
            return a
        if a == 0:
            return b
        if a == 1 or b == 1:
            return 1
        return self.negate(self.conj(self.negate(a), self.negate(b)))

    def minus(self, a: int, b: int) -> int:
        """``a`` and not ``b``."""
        return self.conj(a, self.negate(b))

    def implies(self, a: int, b: int) -> bool:
        """Does ``b`` hold whenever ``a`` does?"""
        return a == 0 or b == 1 or a == b or self.conj(a, b) == a

    def holds(self, a: int, taken: Sequence[bool]) -> bool:
        """Does ``a`` hold where decision number i is ``taken[i]``?"""
        while a > 1:
            var, low, high = self.nodes[a]
            a = high if taken[var] else low
        return a == 1
