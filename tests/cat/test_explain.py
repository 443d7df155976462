"""Why a pair is in a relation: steps that exist, connect, and are as few as can be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smpcheck.cat.concrete import Evaluation, relation
from smpcheck.cat.explain import Step, explain
from smpcheck.cat.graph import reachable, roots
from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.program.execution import Execution
from tests.cat import node
from tests.cat.executions import execution
from tests.models.test_agreement import STRATEGIES

MP = execution("W x 1; wmb; W y 1", "R y 1; rmb; R x 0")
RCU = execution("rcu-lock; W x 1; R y 0; rcu-unlock", "W y 1; sync-rcu; R x 0")


def short(steps: tuple[Step, ...]) -> list[tuple[int, str, int]]:
    return [(s.source, s.relation, s.target) for s in steps]


def test_message_passing_is_forbidden_by_two_fences_and_two_communications() -> None:
    (violation,) = evaluate(load_model("lkmm"), MP)
    assert violation.name == "happens-before"
    assert short(violation.steps) == [(5, "po", 6), (6, "po", 7), (7, "fr", 2), (2, "po", 3), (3, "po", 4), (4, "rfe", 5)]
    assert [s.within[-1] for s in violation.steps] == ["rmb", "rmb", "overwrite", "wmb", "wmb", "prop"]
    assert all(s.within[0] == "hb" for s in violation.steps)


def test_a_critical_section_is_one_step_from_its_end_to_its_start() -> None:
    violation = next(v for v in evaluate(load_model("lkmm"), RCU) if not v.flag)
    assert violation.name == "rcu"
    assert (5, "rcu-rscs^-1", 2) in short(violation.steps)
    assert sorted(r for _, r, _ in short(violation.steps) if r != "po") == ["fr", "fr", "rcu-rscs^-1"]


def test_a_data_race_names_both_accesses() -> None:
    (violation,) = evaluate(load_model("lkmm"), execution("Wp x 1", "R x 1"))
    assert (violation.name, violation.events) == ("data-race", (1, 2))
    assert short(violation.steps) == [(1, "rf", 2)]


@pytest.mark.parametrize(
    ("text", "pair", "steps"),
    [
        ("po", (2, 4), [(2, "po", 4)]),
        ("po+", (2, 4), [(2, "po", 4)]),
        ("fencerel(Wmb) | po", (2, 4), [(2, "po", 4)]),
        ("(po ; [F] ; po)+", (2, 4), [(2, "po", 3), (3, "po", 4)]),
        ("rfe ; po?", (4, 5), [(4, "rfe", 5)]),
        ("(po | rf | fr)*", (2, 2), []),
        ("(po | rf | fr)+", (2, 2), [(2, "po", 4), (4, "rf", 5), (5, "po", 7), (7, "fr", 2)]),
        ("rf^-1 ; rf", (5, 5), [(5, "rf^-1", 4), (4, "rf", 5)]),
        ("(po ; rf)^-1", (5, 2), [(5, "rf^-1", 4), (4, "po^-1", 2)]),
        ("(po \\ id) & int", (2, 4), [(2, "po", 4)]),
        ("fr & (rf ; po)^-1", (7, 2), None),
        ("fr & (po ; rf ; po)^-1", (7, 2), [(7, "fr", 2), (2, "po", 4), (4, "rf", 5), (5, "po", 7)]),
        ("W * R", (2, 7), [(2, "W * R", 7)]),
        ("[W] ; (ext & (W * R)) ; [R]", (2, 7), [(2, "ext & W * R", 7)]),
        ("different-values(co)", (0, 2), [(0, "co", 2)]),
        ("loc & ext", (0, 2), [(0, "loc & ext", 2)]),
    ],
)
def test_steps(text: str, pair: tuple[int, int], steps: list[tuple[int, str, int]] | None, tmp_path: Path) -> None:
    term = node(text, tmp_path)
    if steps is None:
        with pytest.raises(ValueError, match="is not in"):
            explain(term, *pair, MP)
    else:
        assert short(explain(term, *pair, MP)) == steps


def test_a_pair_of_a_recursive_relation_is_explained_by_earlier_ones(tmp_path: Path) -> None:
    chain = execution("; ".join(f"W x {i}" for i in range(1, 7)))
    term = node("r", tmp_path, "let step = (po & (W * W)) \\ (po ; po) let rec r = step | (r ; step)")
    assert short(explain(term, 1, 5, chain)) == [(i, "po", i + 1) for i in range(1, 5)]


def test_a_long_chain_of_rounds_is_explained(tmp_path: Path) -> None:
    chain = execution("; ".join(f"W x {i}" for i in range(1, 150)))
    term = node("r", tmp_path, "let step = (po & (W * W)) \\ (po ; po) let rec r = step | (r ; step)")
    assert len(explain(term, 1, 149, chain)) == 148


BASE = {"po", "addr", "data", "ctrl", "rmw", "rf", "co", "fr", "loc", "int", "ext", "id"}


def holds(step: Step, case: Execution) -> bool:
    """Is the step's base relation true of its events?"""
    from smpcheck.cat import build

    name = step.relation
    pair = (step.source, step.target)
    while name.endswith("^-1"):
        name, pair = name[:-3], pair[::-1]
    if name.endswith(("e", "i")) and name[:-1] in ("rf", "co", "fr"):
        name = name[:-1]
    if name in BASE:
        return pair in relation(build.base(name), case)
    if name == "po-loc":
        return pair in relation(build.inter(build.base("po"), build.base("loc")), case)
    return name in ("rcu-rscs", "srcu-rscs", "conflict") or " * " in name or " & " in name


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(("sc", "tso", "lkmm")), st.sampled_from(sorted(STRATEGIES)).flatmap(STRATEGIES.__getitem__))
def test_steps_of_violations_are_true_and_cycles_close(name: str, case: Execution) -> None:
    for violation in evaluate(load_model(name), case):
        assert all(holds(step, case) for step in violation.steps), violation.steps
        if violation.axiom.kind != "empty":
            ends = [(s.source, s.target) for s in violation.steps]
            assert ends and all(a[1] == b[0] for a, b in zip(ends, [*ends[1:], ends[0]], strict=True))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(sorted(STRATEGIES)).flatmap(STRATEGIES.__getitem__))
def test_any_pair_of_any_named_relation_can_be_explained(data: st.DataObject, case: Execution) -> None:
    named = sorted((n for n in reachable(roots(load_model("lkmm"))) if n.label and n.kind == "rel"), key=lambda n: n.id)
    term = data.draw(st.sampled_from(named))
    pairs = sorted(relation(term, case))
    if not pairs:
        return
    a, b = data.draw(st.sampled_from(pairs))
    steps = explain(term, a, b, case)
    assert all(holds(step, case) for step in steps)
    if not steps:
        assert a == b


def test_costs_are_the_lengths_of_shortest_paths(tmp_path: Path) -> None:
    """Breadth-first search over one-step relations gives the same lengths."""
    case = execution("W x 1; R y 0; W z 1; R x 1", "W y 1; R z 1; W x 2; R y 1", "R x 2; R z 1; W y 2; R y 2")
    step = node("po | rf | co | fr", tmp_path)
    path = node("(po | rf | co | fr)+", tmp_path)
    pairs = relation(step, case)
    for a, b in sorted(relation(path, case)):
        frontier, length = {a}, 0
        while True:
            frontier, length = {y for x, y in pairs if x in frontier}, length + 1
            if b in frontier:
                break
        assert len(explain(path, a, b, case)) == length
    assert Evaluation(case).n == len(case.events)
