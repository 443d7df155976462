"""Final states as combinations: the same states as the solver finds one by one, or none."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import smpcheck
from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.readers.litmus import read_litmus
from smpcheck.show.json_lines import as_object
from smpcheck.solver.answer import Answer, Combinations, Question
from smpcheck.solver.enumeration import VARIABLE
from smpcheck.solver.solve import solve
from smpcheck.solver.state_products import combined
from smpcheck.solver.unrolled import Unrolled
from tests.solver.common import program

FENCES = ("", "smp_mb();", "smp_wmb();", "smp_rmb();", "synchronize_rcu();", "rcu_read_lock(); rcu_read_unlock();")


def straight(seed: int) -> str:
    """A random test without branches; each variable is written by one thread, with different values."""
    rng = random.Random(seed)
    variables = ["x", "y", "z"][: rng.choice((2, 3))]
    owner = {x: rng.randrange(3) for x in variables}
    fresh = dict.fromkeys(variables, 0)
    threads, asked = [], []
    for thread in range(rng.choice((2, 3))):
        body = ""
        for register in range(rng.choice((1, 2, 3))):
            x = rng.choice(variables)
            if owner[x] == thread and rng.random() < 0.7:
                fresh[x] += 1
                body += rng.choice((f"WRITE_ONCE(*{x}, {fresh[x]});", f"smp_store_release({x}, {fresh[x]});"))
            else:
                body += f"r{register} = " + rng.choice((f"READ_ONCE(*{x});", f"smp_load_acquire({x});"))
                asked.append(f"{thread}:r{register}={rng.choice((0, 1))}")
            body += rng.choice(FENCES)
        threads.append(body)
    condition = rng.choice((" /\\ ", " \\/ ")).join(asked) or "true"
    return program(*threads, cond=f"exists ({condition})").source


def as_product(subject: ir.Program, model: str = "lkmm") -> Answer | None:
    """The answer as combinations, however few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("smpcheck.solver.state_products.MIN_COMBINATIONS", 1)
        question = Question()
        return combined(Unrolled(subject, load_model(model), question), load_model(model), question)


def agrees(subject: ir.Program, model: str) -> bool:
    """Were the states a product? Then they are those that the solver finds."""
    found = as_product(subject, model)
    if found is None:
        return False
    one_by_one = solve(subject, load_model(model), Question())
    assert (found.status, found.verdict, found.flags) == (one_by_one.status, one_by_one.verdict, one_by_one.flags)
    if found.product is not None:
        columns = found.product.columns
        states = [
            tuple(constant if axis is None else values[axis] for _, axis, constant in columns)
            for values in found.product.combinations
        ]
        assert [v for v, _, _ in columns] == list(subject.observed)
        assert len(states) == len(found.product.combinations) == len(set(states))
        assert set(states) == {tuple(state.values()) for state, _ in one_by_one.states}
        assert found.product.positive == sum(holds for _, holds in one_by_one.states)
    return True


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["lkmm", "lkmm", "sc", "tso"]))
def test_random_programs(seed: int, model: str) -> None:
    agrees(read_litmus(straight(seed)), model)


def test_most_straight_programs_are_products() -> None:
    assert sum(agrees(read_litmus(straight(seed)), "lkmm") for seed in range(16)) >= 10


def ring(n: int, fence: str) -> ir.Program:
    """Store buffering in a ring."""
    names = [f"x{i}" for i in range(n)]
    params = ", ".join(f"int *{x}" for x in names)
    threads = [f"WRITE_ONCE(*x{i}, 1); {fence} r0 = READ_ONCE(*x{(i + 1) % n});" for i in range(n)]
    return program(*threads, cond="exists (" + " /\\ ".join(f"{i}:r0=0" for i in range(n)) + ")", params=params)


def test_all_combinations() -> None:
    found = as_product(ring(16, ""))
    assert found is not None and found.product is not None
    assert (len(found.product.combinations), found.product.positive, found.verdict) == (65536, 1, "Sometimes")
    assert found.product.combinations.excluded == ()


def test_all_combinations_but_one() -> None:
    found = as_product(ring(16, "smp_mb();"))
    assert found is not None and found.product is not None
    assert (len(found.product.combinations), found.product.positive, found.verdict) == (65535, 0, "Never")
    assert [set(cube.values()) for cube in found.product.combinations.excluded] == [{0}]


@pytest.mark.parametrize(
    "body",
    ["if (READ_ONCE(*x)) WRITE_ONCE(*y, 1);", "WRITE_ONCE(*y, READ_ONCE(*x));", "WRITE_ONCE(*x, 2);", "r0 = *x;"],
    ids=["a branch", "a computed value", "two writers", "a data race"],
)
def test_what_is_no_product(body: str) -> None:
    assert as_product(program(body, "WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y);", cond="exists (1:r0=1)")) is None


def test_a_read_that_is_not_observed_makes_no_product() -> None:
    """Of several executions with one final state, one that is allowed is enough."""
    assert as_product(program("r0 = READ_ONCE(*x); r1 = READ_ONCE(*y);", "WRITE_ONCE(*x, 1);", cond="exists (0:r1=0)")) is None


# --- combinations ---


@given(st.data())
def test_counting_and_listing_agree(data: st.DataObject) -> None:
    axes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    points = list(product(*(range(n) for n in axes)))
    out = data.draw(st.lists(st.sampled_from(points), unique=True, max_size=4))
    combinations = Combinations(tuple(tuple(range(n)) for n in axes), tuple(dict(enumerate(point)) for point in out))
    wanted = [point for point in points if point not in out]
    assert list(combinations) == wanted and len(combinations) == len(wanted)
    order = data.draw(st.permutations(range(len(axes))))
    assert list(combinations.reordered(order)) == sorted(tuple(point[axis] for axis in order) for point in wanted)


def test_excluded_cubes_leave_the_other_axes_free() -> None:
    assert list(Combinations(((0, 1), (0, 1), (0, 1)), ({1: 1},))) == [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1)]


# --- as results ---


def test_rows_are_those_of_a_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, their order, counts and JSON; only the sentence that says what they are is new."""
    text = ring(5, "smp_mb();").source
    listed = smpcheck.check(text)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("smpcheck.solver.state_products.MIN_COMBINATIONS", 1)
    monkeypatch.setattr("smpcheck.solver.enumeration.MAX_JUDGED", 0)
    found = smpcheck.check(text)
    assert [dict(row) for row in found.states] == [dict(row) for row in listed.states]
    assert found.notes == (
        "31 states: all combinations of 5 values but those with 0:r0=0 /\\ 1:r0=0 /\\ 2:r0=0 /\\ 3:r0=0 /\\ 4:r0=0",
    )
    ours, theirs = as_object(found), as_object(listed)
    assert {key for key in ours if ours[key] != theirs[key]} <= {"seconds", "notes", "product"}
    assert (found.states[0], found.states[-1]) == (listed.states[0], listed.states[-1])
    assert all(list(found.states[part]) == list(listed.states[part]) for part in (slice(3), slice(2, 9, 3), slice(-2, None)))
    with pytest.raises(IndexError):
        found.states[31]


def expanded(said: object) -> set[frozenset[tuple[str, object]]]:
    """The states that the JSON form of a product stands for."""
    assert isinstance(said, dict)
    every = [dict(said["fixed"])]
    for axis in said["axes"]:
        every = [state | dict.fromkeys(axis["names"], value) for state in every for value in axis["values"]]
    left = [state for state in every if not any(cube.items() <= state.items() for cube in said["excluded"])]
    assert said["count"] == len(left)
    return {frozenset(state.items()) for state in left}


def test_a_product_is_data_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*map(straight, range(30)), ring(4, "smp_mb();").source, ring(3, "").source]
    listed = [smpcheck.check(text) for text in texts]
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("smpcheck.solver.state_products.MIN_COMBINATIONS", 1)
    monkeypatch.setattr("smpcheck.solver.enumeration.MAX_JUDGED", 0)
    shown = [as_object(smpcheck.check(text)) for text in texts]
    products = [(one["product"], other) for one, other in zip(shown, listed, strict=True) if one["product"] is not None]
    assert len(products) >= 5
    for said, other in products:
        assert expanded(said) == {frozenset(row.items()) for row in other.states}


def test_of_a_product_json_lists_the_first_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    found = smpcheck.check(ring(10, "smp_mb();").source)
    shown = as_object(found)
    assert shown["states"] == [dict(row) for row in found.states[:1000]] and shown["complete"] is False
    assert len(expanded(shown["product"])) == len(found.states) == 1023


def test_a_listing_that_stops_knows_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    found = smpcheck.check(ring(16, "").source, max_states=10)
    assert len(found.states) == len(list(found.states)) == 10 and not found.complete
    assert (found.verdict, found.positive, found.negative) == ("Sometimes", 1, 65535)
    assert found.notes[:2] == (
        "the listing stops at 10 states (--max-states); the verdict holds for all",
        "65,536 states: all combinations of 16 values",
    )
