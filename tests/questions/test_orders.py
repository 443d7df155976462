"""Cycles, the cheapest edges to give up, and orders that follow the rest."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpcheck.questions.orders import feedback, graph_of, shortest_cycle, story

edges = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda e: e[0] != e[1]), st.integers(1, 5), max_size=8
)


def cyclic(pairs) -> bool:
    graph = graph_of(pairs)
    closed = {a: set(b) for a, b in graph.items()}
    for _ in range(5):
        for a in closed:
            closed[a] |= {c for b in closed[a] for c in closed.get(b, ())}
    return any(a in b for a, b in closed.items())


@given(edges)
def test_a_shortest_cycle_is_a_cycle_and_there_is_one_iff_there_is_one(weights):
    cycle = shortest_cycle(graph_of(weights))
    assert (cycle is not None) == cyclic(weights)
    if cycle:
        assert len(set(cycle)) == len(cycle)
        assert all((a, b) in weights for a, b in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


@given(edges)
def test_feedback_leaves_no_cycle_and_costs_the_least(weights):
    removed = feedback(weights)
    assert not cyclic(set(weights) - removed)
    best = min(
        sum(weights[e] for e in chosen)
        for n in range(len(weights) + 1)
        for chosen in combinations(weights, n)
        if not cyclic(set(weights) - set(chosen))
    )
    assert sum(weights[e] for e in removed) == best


def test_a_story_keeps_edges_and_stays_in_a_lane():
    order = story([0, 1, 2, 3], [(0, 1), (2, 3), (0, 3)], {}, {0: 0, 1: 0, 2: 1, 3: 1})
    assert order == [0, 1, 2, 3]


def test_a_story_keeps_groups_together():
    assert story([0, 1, 2, 3], [(2, 3)], {3: 0}, {0: 0, 1: 0, 2: 1, 3: 0}) == [1, 2, 0, 3]


def test_a_story_of_a_cycle_is_refused():
    with pytest.raises(ValueError):
        story([0, 1], [(0, 1), (1, 0)], {}, {0: 0, 1: 1})
