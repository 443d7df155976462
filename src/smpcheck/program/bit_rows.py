"""Relations as rows of bits: bit ``y`` of row ``x`` says that the pair (x, y) is in it. And components of graphs.

Every relation over events is kept so, by the solver (what may hold) and by the judge of executions (what holds).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeAlias, TypeVar

Rows: TypeAlias = list[int]
Pair: TypeAlias = tuple[int, int]
Node = TypeVar("Node", bound=Hashable)


def bits(mask: int) -> Iterator[int]:
    """The positions of the ones in ``mask``, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def transpose(rows: Rows) -> Rows:
    """The inverse relation."""
    result = [0] * len(rows)
    for x, row in enumerate(rows):
        bit = 1 << x
        while row:
            low = row & -row
            result[low.bit_length() - 1] |= bit
            row ^= low
    return result


def compose(a: Rows, b: Rows) -> Rows:
    """``a ; b``"""
    domain, bit = 0, 1
    for row in b:
        if row:
            domain |= bit
        bit <<= 1
    result = []
    for row in a:
        out = 0
        row &= domain
        while row:
            low = row & -row
            out |= b[low.bit_length() - 1]
            row ^= low
        result.append(out)
    return result


def closure(rows: Rows) -> Rows:
    """The transitive closure (Warshall 1962)."""
    result = list(rows)
    for k in range(len(result)):
        via = result[k]
        if via:
            bit = 1 << k
            for x, row in enumerate(result):
                if row & bit:
                    result[x] = row | via
    return result


def has_cycle(rows: Rows) -> bool:
    """Has the relation a cycle? Events that reach no other are taken away until none is left, or each reaches another."""
    left = [x for x, row in enumerate(rows) if row]
    while left:
        alive = sum(1 << x for x in left)
        for x in reversed(left):
            if not rows[x] & alive:
                alive ^= 1 << x
        rest = [x for x in left if alive >> x & 1]
        if len(rest) == len(left):
            return True
        left = rest
    return False


def components(successors: Mapping[Node, Iterable[Node]]) -> list[list[Node]]:
    """The strongly connected components of a graph, each before those that lead to it (Tarjan 1972, iterative).

    A node without an entry has no successors.
    """
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    placed: set[Node] = set()
    stack: list[Node] = []
    result: list[list[Node]] = []
    for root in successors:
        if root in index:
            continue
        work = [(root, iter(successors[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            node, children = work[-1]
            for child in children:
                if child not in index:
                    index[child] = low[child] = len(index)
                    stack.append(child)
                    work.append((child, iter(successors.get(child, ()))))
                    break
                if child not in placed and index[child] < low[node]:
                    low[node] = index[child]
            else:
                work.pop()
                if work and low[node] < low[work[-1][0]]:
                    low[work[-1][0]] = low[node]
                if low[node] == index[node]:
                    component = []
                    while True:
                        member = stack.pop()
                        placed.add(member)
                        component.append(member)
                        if member == node:
                            break
                    result.append(component)
    return result
