"""Relations as one number each, against the same as rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpcheck.program import bit_rows, bit_square
from smpcheck.program.bit_rows import Rows
from smpcheck.program.bit_square import Square


def rows(n: int) -> st.SearchStrategy[Rows]:
    row = st.integers(0, (1 << n) - 1)
    return st.lists(st.one_of(st.just(0), row), min_size=n, max_size=n)


PAIRS = st.integers(0, 12).flatmap(lambda n: st.tuples(rows(n), rows(n)))


@pytest.mark.parametrize("few", [0, 1000])
@given(pair=PAIRS)
def test_operations_are_those_on_rows(few: int, pair: tuple[Rows, Rows]) -> None:
    first, second = pair
    square = Square(len(first))
    a, b = square.packed(first), square.packed(second)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bit_square, "FEW", few)
        patch.setattr(bit_square, "MANY", few)
        assert square.rows(a) == first
        assert square.rows(square.compose(a, b)) == bit_rows.compose(first, second)
        assert square.rows(square.closure(a)) == bit_rows.closure(first)
        assert square.has_cycle(a) == bit_rows.has_cycle(first)
    assert square.rows(square.transpose(a)) == bit_rows.transpose(first)
    assert square.rows(square.everything) == [square.row] * square.n
    assert square.rows(square.identity) == [1 << x for x in range(square.n)]


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(rows(n), st.integers(0, (1 << n) - 1), st.integers(0, (1 << n) - 1))))
def test_sets_cut_rows_and_columns(case: tuple[Rows, int, int]) -> None:
    relation, s, t = case
    square = Square(len(relation))
    a = square.packed(relation)
    assert square.rows(a & square.starting(s)) == [row if s >> x & 1 else 0 for x, row in enumerate(relation)]
    assert square.rows(a & square.ending(t)) == [row & t for row in relation]
    assert square.rows(square.product(s, t)) == [t if s >> x & 1 else 0 for x in range(square.n)]
    assert square.domain(a) == sum(1 << x for x, row in enumerate(relation) if row)
    assert list(bit_rows.bits(square.range(a))) == [y for y in range(square.n) if any(row >> y & 1 for row in relation)]


def test_events_with_one_key_are_related_and_those_without_are_not() -> None:
    square = Square(4)
    assert square.rows(square.classes(["x", None, "y", "x"])) == [0b1001, 0, 0b0100, 0b1001]
