"""Rounds are judged by the clock, and delays go where there was something: on recorded rounds, and on made-up ones."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest

from smpcheck.mm.kernel_check.sweep import CONTROL_EVERY, SCALES, Plan, Round, Sweep, Tally, offsets_of_hits, turns

RECORDED = [
    Round(Plan(scale, tuple(delays), tuple(order)), tuple(begins), tuple(ends), bad)
    for scale, delays, order, begins, ends, bad in json.loads(Path(__file__).with_name("strand_recorded.json").read_text())
]
"""munlock_drain, tried on 6.18.44 with two busy CPUs: the first 90 rounds, and later ones with a stranded page."""


def made(*spans: tuple[int, int], bad: int = 0, order: tuple[int, ...] = ()) -> Round:
    begins, ends = zip(*spans, strict=True)
    return Round(Plan(1, (0,) * len(spans), order), begins, ends, bad)


def test_what_was_recorded_adds_up() -> None:
    tally = Tally()
    for done in RECORDED:
        tally.add(done)
    assert (tally.together, tally.apart) == (88, 31)
    assert (tally.seen, tally.hits, tally.seen_apart) == (43, 30, 0)
    assert all(done.bad and done.overlapped for done in tally.samples)


def test_a_control_never_overlaps() -> None:
    assert not any(done.overlapped for done in RECORDED if done.plan.order)


def test_a_lane_that_was_held_up_makes_a_control_of_a_round_that_was_meant_to_overlap() -> None:
    assert [done for done in RECORDED if not done.plan.order and not done.overlapped]


def test_overlap_needs_a_common_moment() -> None:
    assert made((0, 10), (9, 12)).overlapped
    assert not made((0, 10), (10, 12)).overlapped
    assert made((0, 10), (20, 30), (25, 40)).overlapped
    assert not made((0, 10), (20, 30), (30, 40)).overlapped


def test_a_symptom_without_overlap_is_counted_apart() -> None:
    tally = Tally()
    tally.add(made((0, 10), (20, 30), bad=2))
    assert (tally.seen, tally.seen_apart, tally.apart) == (0, 2, 1)


def test_offsets_are_those_of_hits_that_overlapped() -> None:
    rounds = [made((0, 10), (5, 12), bad=1), made((100, 120), (97, 112), bad=1), made((0, 1), (50, 60), bad=1)]
    assert offsets_of_hits(rounds) == [(-3, 5)]
    assert offsets_of_hits([]) == []


def test_one_round_in_a_few_is_a_control_and_all_orders_come() -> None:
    sweep = Sweep((1, 1, 1), 1, seed=1)
    plans = [sweep.next() for _ in range(CONTROL_EVERY * 12)]
    orders = [plan.order for plan in plans if plan.order]
    assert len(orders) == 12
    assert set(orders) == set(permutations(range(3)))


def test_lanes_with_several_calls_take_turns_in_some_rounds_in_all_ways() -> None:
    sweep = Sweep((2, 3), 1, seed=1)
    orders = [plan.order for plan in (sweep.next() for _ in range(CONTROL_EVERY * 16)) if plan.order]
    assert set(orders) == {(0, 0, 1, 1, 1), (1, 1, 1, 0, 0), *turns((2, 3), 100)}
    assert len(turns((2, 3), 100)) == 10 - 2
    assert turns((1, 1, 1), 100) == []
    assert len(turns((5, 5), 20)) == 20


def test_a_symptom_after_turns_is_neither_a_race_nor_a_control() -> None:
    tally = Tally()
    tally.add(made((0, 30), (10, 20), bad=2, order=(0, 1, 0)))
    tally.add(made((0, 30), (10, 20), order=(0, 1, 0)))
    assert (tally.in_turns, tally.hits_in_turns, tally.seen_in_turns) == (2, 1, 2)
    assert (tally.together, tally.apart, tally.seen, tally.seen_apart) == (0, 0, 0, 0)
    assert offsets_of_hits(tally.samples) == []


def test_a_lane_is_delayed_by_what_the_others_take() -> None:
    sweep = Sweep((1, 1), 1, seed=1)
    for _ in range(10):
        sweep.learn(made((0, 100), (0, 3000)))
    plans = [plan for plan in (sweep.next() for _ in range(400)) if not plan.order]
    first, second = zip(*(plan.delays for plan in plans), strict=True)
    assert max(first) > 2000
    assert max(second) <= 100


def test_a_lane_that_was_held_up_is_no_guide() -> None:
    sweep = Sweep((1, 1), 1, seed=1)
    sweep.learn(made((0, 10**7), (0, 3000)))
    assert max(sweep.next().delays[1] for _ in range(50)) <= 5_000


def test_half_of_the_tries_are_near_a_hit() -> None:
    sweep = Sweep((1, 1), 1, seed=1)
    sweep.learn(Round(Plan(3, (50_000, 0)), (0, 1), (9, 9), 1))
    plans = [plan for plan in (sweep.next() for _ in range(400)) if not plan.order]
    near = [plan for plan in plans if plan.scale == 3 and abs(plan.delays[0] - 50_000) < 1_000]
    assert len(plans) / 3 < len(near) < len(plans) * 2 / 3


def test_a_hit_in_a_control_is_nothing_to_go_back_to() -> None:
    sweep = Sweep((1, 1), 1, seed=1)
    sweep.learn(made((0, 1), (1, 2), bad=1, order=(0, 1)))
    assert not sweep.hits


@pytest.mark.parametrize(("pages", "scales"), [(1, list(SCALES)), (2, [1, 3]), (14, [1]), (20, [1])])
def test_pages_fit_into_a_batch(pages: int, scales: list[int]) -> None:
    assert Sweep((1, 1), pages, seed=1).scales == scales
