"""Relations over n events as one integer each: rows of bits (:mod:`smpcheck.program.bit_rows`) one after the other.

So union, intersection and difference are one operation on a long number, and composition is one multiplication for each event in
the middle: the column of those that lead to it, times the row of those that it leads to, has a bit for each pair of them. Where
there are many events, that is more than rows need, which skip what is empty.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TypeAlias

from smpcheck.program import bit_rows
from smpcheck.program.bit_rows import Rows, bits

Relation: TypeAlias = int
Set: TypeAlias = int


FEW, MANY = 45, 90
"""Of more than so many events, relations are looked at row by row: for cycles, and to compose or close them."""

MAX_KEPT = 256


class Square:
    """The relations over ``n`` events: bit ``x * width + y`` is the pair (x, y), and ``width``, in bits, is that of whole bytes.
    ``everything`` has all pairs, ``identity`` each event with itself; ``row`` is the set of all events, ``column`` has the first
    bit of each row."""

    __slots__ = ("_starting", "column", "everything", "identity", "n", "row", "width")

    def __init__(self, n: int) -> None:
        self.n = n
        self.width = width = -(-n // 8) * 8
        self.row = (1 << n) - 1
        self.identity = sum(1 << x * (width + 1) for x in range(n))
        self.column = sum(1 << x * width for x in range(n))
        self.everything = self.row * self.column
        self._starting: dict[Set, Relation] = {}

    # --- from and to rows ---

    def packed(self, rows: Rows) -> Relation:
        """The relation with these rows."""
        size = self.width // 8
        return int.from_bytes(b"".join([row.to_bytes(size, "little") for row in rows]), "little")

    def rows(self, relation: Relation) -> Rows:
        """The rows of a relation."""
        if not relation:
            return [0] * self.n
        size = self.width // 8
        data, from_bytes = relation.to_bytes(self.n * size, "little"), int.from_bytes
        return [from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]

    # --- sets ---

    def starting(self, members: Set) -> Relation:
        """All pairs that start with a member."""
        found = self._starting.get(members)
        if found is None:
            if len(self._starting) >= MAX_KEPT:
                self._starting.clear()
            found = self._starting[members] = sum(self.row << x * self.width for x in bits(members))
        return found

    def ending(self, members: Set) -> Relation:
        """All pairs that end with a member."""
        return members * self.column

    def product(self, first: Set, second: Set) -> Relation:
        """All pairs of a member of one set and one of the other."""
        return self.starting(first) & self.ending(second)

    def classes(self, keys: Sequence[Hashable]) -> Relation:
        """The pairs of events with equal keys; those whose key is None are related to nothing."""
        members: dict[Hashable, Set] = {}
        for x, key in enumerate(keys):
            if key is not None:
                members[key] = members.get(key, 0) | 1 << x
        relation = 0
        for mask in members.values():
            relation |= self.product(mask, mask)
        return relation

    def domain(self, relation: Relation) -> Set:
        """The events from which it starts."""
        return sum(1 << x for x, row in enumerate(self.rows(relation)) if row) if relation else 0

    def range(self, relation: Relation) -> Set:
        """The events at which it ends."""
        members = 0
        for row in self.rows(relation):
            members |= row
        return members

    # --- relations ---

    def compose(self, first: Relation, second: Relation) -> Relation:
        """``first ; second``"""
        if not first or not second:
            return 0
        if self.n > MANY:
            return self.packed(bit_rows.compose(self.rows(first), self.rows(second)))
        width, row, column = self.width, self.row, self.column
        found = 0
        while first and second:
            after = second & row
            if after:
                before = first & column
                if before:
                    found |= before * after
            second >>= width
            first >>= 1
        return found

    def transpose(self, relation: Relation) -> Relation:
        """The inverse."""
        if relation.bit_count() > self.n:
            return self.packed(bit_rows.transpose(self.rows(relation)))
        found = 0
        for place in bits(relation):
            x, y = divmod(place, self.width)
            found |= 1 << y * self.width + x
        return found

    def closure(self, relation: Relation) -> Relation:
        """The transitive closure (Warshall 1962)."""
        if not relation:
            return 0
        if self.n > MANY:
            return self.packed(bit_rows.closure(self.rows(relation)))
        row, column = self.row, self.column
        for k in range(self.n):
            after = relation >> k * self.width & row
            if after:
                relation |= (relation >> k & column) * after
        return relation

    def has_cycle(self, relation: Relation) -> bool:
        """Has it a cycle?"""
        if not relation or relation & self.identity:
            return bool(relation)
        if self.n > FEW:
            return bit_rows.has_cycle(self.rows(relation))
        row, column, identity = self.row, self.column, self.identity
        for k in range(self.n):
            after = relation >> k * self.width & row
            if after:
                relation |= (relation >> k & column) * after
                if relation & identity:
                    return True
        return False


@lru_cache(maxsize=256)
def square(n: int) -> Square:
    """The relations over ``n`` events."""
    return Square(n)
