"""A model cut down to the events that there are says the same of them as the whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.graph import recursive_first
from smpcheck.cat.load import SHIPPED, load_model
from smpcheck.cat.slicing import allows, slice_of
from smpcheck.program.bit_rows import closure, has_cycle
from smpcheck.program.execution import Execution
from tests.cat.executions import ACCESSES, FENCES, GRACE, execution, executions

LOCKS = ("lock", "unlock", "LF", "RL", "RU", "Srcu-unlock")


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([ACCESSES, (*ACCESSES, *FENCES), (*ACCESSES, *GRACE, "Srcu-unlock"), (*ACCESSES, *LOCKS)]).flatmap(
        executions
    ),
    st.sampled_from(SHIPPED),
)
def test_requirements_and_flags_are_those_of_the_model(subject: Execution, name: str) -> None:
    model = load_model(name)
    part, evaluation = slice_of(model, subject), Evaluation(subject)
    whole = {axiom.name for axiom in model.axioms if not axiom.flag and evaluation.shows(axiom)}
    assert {axiom.name for axiom in part.requirements if evaluation.shows(axiom)} == whole
    assert allows(model, subject) == (not whole)
    raised = {axiom.name for axiom in model.axioms if axiom.flag and evaluation.shows(axiom)}
    assert {axiom.name for axiom in part.flags if evaluation.shows(axiom)} == raised


def test_what_a_test_without_rcu_and_plain_accesses_leaves_is_small() -> None:
    model = load_model("lkmm")
    part = slice_of(model, execution("W x 1; wmb; W y 1", "R y 1; rmb; R x 0"))
    assert {axiom.name for axiom in part.requirements} == {"coherence", "happens-before"}
    assert not part.flags
    nodes = recursive_first(axiom.node for axiom in part.requirements)
    assert len(nodes) < len(recursive_first(axiom.node for axiom in model.axioms)) / 5


def test_critical_sections_bring_their_recursion_back() -> None:
    part = slice_of(load_model("lkmm"), execution("rcu-lock; R x 0; R y 0; rcu-unlock", "W x 1; sync-rcu; W y 1"))
    assert "rcu" in {axiom.name for axiom in part.requirements}
    assert any(node.op == "rec" for axiom in part.requirements for node in recursive_first([axiom.node]))


@given(st.integers(1, 7).flatmap(lambda n: st.lists(st.integers(0, (1 << n) - 1), min_size=n, max_size=n)))
def test_a_cycle_is_a_pair_of_the_closure_that_is_its_own_inverse(rows: list[int]) -> None:
    assert has_cycle(rows) == any(row >> x & 1 for x, row in enumerate(closure(rows)))
