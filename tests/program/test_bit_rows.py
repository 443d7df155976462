"""Relations as rows of bits, against sets of pairs; components against their definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smpcheck.program.bit_rows import Rows, bits, closure, components, compose, transpose

SIZE = 6
ROWS = st.lists(st.integers(0, 2**SIZE - 1), min_size=SIZE, max_size=SIZE)


def pairs(rows: Rows) -> set[tuple[int, int]]:
    return {(x, y) for x, row in enumerate(rows) for y in bits(row)}


@given(st.integers(0, 2**70))
def test_bits_are_the_positions_of_the_ones(mask: int) -> None:
    assert list(bits(mask)) == [i for i in range(71) if mask >> i & 1]


@given(ROWS, ROWS)
def test_rows_compute_as_sets_of_pairs(a: Rows, b: Rows) -> None:
    assert pairs(transpose(a)) == {(y, x) for x, y in pairs(a)}
    assert pairs(compose(a, b)) == {(x, z) for x, y in pairs(a) for w, z in pairs(b) if y == w}


@given(ROWS)
def test_the_closure_is_the_least_transitive_relation_around(rows: Rows) -> None:
    closed = closure(rows)
    assert pairs(rows) <= pairs(closed)
    assert pairs(compose(closed, closed)) <= pairs(closed)
    steps, reached = list(rows), set(pairs(rows))
    for _ in range(SIZE):
        steps = compose(steps, rows)
        reached |= pairs(steps)
    assert pairs(closed) == reached


@given(ROWS)
def test_components_are_what_reaches_each_other(rows: Rows) -> None:
    reach = closure(rows)
    found = components({x: list(bits(row)) for x, row in enumerate(rows)})
    assert sorted(x for members in found for x in members) == list(range(SIZE))
    number = {x: at for at, members in enumerate(found) for x in members}
    for x in range(SIZE):
        for y in range(SIZE):
            mutual = x == y or (reach[x] >> y & 1 and reach[y] >> x & 1)
            assert (number[x] == number[y]) == bool(mutual)
            if reach[x] >> y & 1:
                assert number[y] <= number[x], "what is led to comes first"


def test_what_has_no_successors_needs_no_entry() -> None:
    assert components({"a": ["b"]}) == [["b"], ["a"]]
