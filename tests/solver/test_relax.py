"""The weaker model allows all that the model allows, and has no closures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Axiom, Model, Node, define_rec, rec_variable
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.relax import relax
from tests.naive.generate import random_litmus
from tests.solver.common import NO_MODEL, TooMany, base, executions, op, session

PO, RF, FR = base("po"), base("rf"), base("fr")


def weaker(kind: str, node: Node) -> Node | None:
    """What ``kind node`` becomes; None if nothing is left of it."""
    model, changed = relax(Model("m", (Axiom(kind, node, "a"),)))  # type: ignore[arg-type]
    assert changed
    return model.axioms[0].node if model.axioms else None


def test_a_model_without_closures_is_left_as_it_is() -> None:
    model = Model("m", (Axiom("acyclic", op("union", PO, RF), "a"),))
    assert relax(model) == (model, False)


def test_closures_of_what_is_the_same_in_all_executions_stay() -> None:
    model = Model("m", (Axiom("empty", op("seq", op("plus", PO), RF), "a"),))
    assert relax(model) == (model, False)


def test_a_cycle_loses_paths_that_must_not_come_back_to_where_they_began() -> None:
    restricted = op("inter", op("diff", op("seq", op("star", RF), FR), base("id")), base("int"))
    assert weaker("acyclic", op("union", PO, restricted)) is PO
    assert weaker("acyclic", restricted) is None
    assert weaker("acyclic", op("seq", PO, op("union", restricted, RF))) is op("seq", PO, RF)
    assert weaker("empty", restricted) is op("inter", op("diff", op("seq", op("opt", RF), FR), base("id")), base("int"))


def test_a_cycle_keeps_short_paths() -> None:
    assert weaker("acyclic", op("seq", PO, op("star", RF))) is op("seq", PO, op("opt", RF))
    assert weaker("acyclic", op("seq", PO, op("plus", RF))) is op("seq", PO, RF)


def test_from_reads_of_a_cycle_go_in_two_steps() -> None:
    assert weaker("acyclic", op("union", PO, FR)) is op("union", PO, op("seq", op("inverse", RF), base("co")))


def test_a_test_of_paths_becomes_a_test_of_short_ones() -> None:
    assert weaker("empty", op("seq", op("star", RF), FR)) is op("seq", op("opt", RF), FR)
    assert weaker("irreflexive", op("seq", op("plus", RF), FR)) is op("seq", RF, FR)
    assert weaker("empty", op("seq", op("star", op("union", PO, op("plus", RF))), FR)) is op("seq", base("id"), FR)


def test_recursion_becomes_empty() -> None:
    r = rec_variable("rel", "r")
    define_rec(r, op("union", FR, op("seq", r, r)))
    assert weaker("irreflexive", op("union", r, RF)) is RF
    assert weaker("irreflexive", op("seq", r, RF)) is None


def test_a_closure_that_is_subtracted_takes_the_axiom_with_it() -> None:
    assert weaker("empty", op("diff", PO, op("plus", RF))) is None
    assert weaker("empty", op("diff", op("plus", RF), PO)) is op("diff", RF, PO)


def test_what_is_negated_or_a_flag_is_left_as_it_is() -> None:
    node = op("plus", RF)
    for axiom in (Axiom("empty", node, "a", negated=True), Axiom("empty", node, "a", flag=True)):
        assert relax(Model("m", (axiom,))) == (Model("m", (axiom,)), False)


@pytest.mark.parametrize("name", ["lkmm", "tso"])
def test_of_the_models_shipped_no_closure_is_left(name: str) -> None:
    model, _ = relax(load_model(name))
    assert {a.name for a in model.axioms} >= {"coherence", "atomic"}
    assert relax(model) == (model, False)


@pytest.mark.parametrize("name", ["lkmm", "tso"])
@settings(max_examples=40, deadline=None)
@given(number=st.integers(0, 5000))
def test_every_execution_that_the_model_allows_is_allowed(name: str, number: int) -> None:
    model = load_model(name)
    weak, _ = relax(model)
    try:
        for execution in executions(session(read_litmus(random_litmus(number)), NO_MODEL), 60):
            evaluation = Evaluation(execution)
            broken = [a.name for a in weak.axioms if not a.flag and evaluation.offends(a) != a.negated]
            assert not broken or any(evaluation.offends(a) != a.negated for a in model.axioms if not a.flag), broken
    except TooMany:
        pass
