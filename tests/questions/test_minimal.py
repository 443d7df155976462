"""Smallest and cheapest sets, against trying all subsets."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpcheck.questions.minimal import OutOfTime, Search

ELEMENTS = "abcdef"
subsets = [frozenset(c) for n in range(len(ELEMENTS) + 1) for c in combinations(ELEMENTS, n)]
monotone = st.lists(st.frozensets(st.sampled_from(ELEMENTS)), max_size=5)
"""A monotone test by the sets of which it needs one."""
prices = st.fixed_dictionaries({e: st.integers(0, 4) for e in ELEMENTS})


def search(needs: list[frozenset[str]]) -> Search[str]:
    return Search(ELEMENTS, lambda chosen: any(n <= chosen for n in needs))


@given(monotone)
def test_minimal_sets_are_all_safe_sets_without_a_smaller_one(needs):
    safe = [s for s in subsets if any(n <= s for n in needs)]
    smallest = {s for s in safe if not any(t < s for t in safe)}
    found = list(search(needs).minimal_sets())
    assert set(found) == smallest
    assert len(found) == len(smallest)


@given(monotone, prices)
def test_cheapest_sets_cost_the_least_and_are_safe(needs, price):
    safe = [s for s in subsets if any(n <= s for n in needs)]
    found = search(needs).cheapest_sets(price.__getitem__, 100)
    assert bool(found) == bool(safe)
    least = min((sum(map(price.__getitem__, s)) for s in safe), default=0)
    for chosen in found:
        assert chosen in safe
        assert sum(map(price.__getitem__, chosen)) == least
    assert len(set(found)) == len(found)


@given(monotone, prices)
def test_every_minimal_set_of_least_cost_is_among_the_cheapest(needs, price):
    safe = [s for s in subsets if any(n <= s for n in needs)]
    least = min((sum(map(price.__getitem__, s)) for s in safe), default=0)
    wanted = {s for s in safe if sum(map(price.__getitem__, s)) == least and not any(t < s for t in safe)}
    found = search(needs).cheapest_sets(price.__getitem__, 100)
    assert all(any(w <= f for f in found) for w in wanted) or not wanted
    if all(price.values()):
        assert set(found) == wanted


def test_each_set_is_tried_once():
    tried: list[frozenset[str]] = []

    def safe(chosen: frozenset[str]) -> bool:
        tried.append(chosen)
        return {"a", "b"} <= chosen or {"c"} <= chosen

    assert len(list(Search(ELEMENTS, safe).minimal_sets())) == 2
    assert len(set(tried)) == len(tried)


def test_a_search_stops_after_its_tests():
    with pytest.raises(OutOfTime):
        list(Search(ELEMENTS, lambda chosen: len(chosen) > 3, tests=4).minimal_sets())
