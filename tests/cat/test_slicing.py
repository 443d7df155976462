"""A model cut down to the events that there are says the same of them as the whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.graph import recursive_first
from smpcheck.cat.instructions import REC
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
    cut = Evaluation(subject)
    cut.run(part.common)
    settled = {axiom.name for axiom, _ in (*part.requirements, *part.flags) if axiom in part.settled and cut.shows(axiom)}
    for _, steps in (*part.requirements, *part.flags):
        cut.run(steps)
    assert {axiom.name for axiom, _ in part.requirements if cut.shows(axiom)} == whole
    assert allows(model, subject) == (not whole)
    raised = {axiom.name for axiom in model.axioms if axiom.flag and evaluation.shows(axiom)}
    assert {axiom.name for axiom, _ in part.flags if cut.shows(axiom)} == raised
    assert settled == {axiom.name for axiom in part.settled if cut.shows(axiom)}
    for node in recursive_first(axiom.node for axiom in model.axioms):
        assert cut.values.get(node.id, evaluation.value(node)) == evaluation.value(node)


def test_what_a_test_without_rcu_and_plain_accesses_leaves_is_small() -> None:
    model = load_model("lkmm")
    part = slice_of(model, execution("W x 1; wmb; W y 1", "R y 1; rmb; R x 0"))
    assert {axiom.name for axiom, _ in part.requirements} == {"coherence", "happens-before"}
    assert not part.flags
    steps = len(part.common) + sum(len(steps) for _, steps in part.requirements)
    assert steps < len(recursive_first(axiom.node for axiom in model.axioms)) / 5


def test_critical_sections_bring_their_recursion_back() -> None:
    part = slice_of(load_model("lkmm"), execution("rcu-lock; R x 0; R y 0; rcu-unlock", "W x 1; sync-rcu; W y 1"))
    assert "rcu" in {axiom.name for axiom, _ in part.requirements}
    assert any(step[0] == REC for _, steps in part.requirements for step in steps)


@given(st.integers(1, 7).flatmap(lambda n: st.lists(st.integers(0, (1 << n) - 1), min_size=n, max_size=n)))
def test_a_cycle_is_a_pair_of_the_closure_that_is_its_own_inverse(rows: list[int]) -> None:
    assert has_cycle(rows) == any(row >> x & 1 for x, row in enumerate(closure(rows)))


def one_after_the_other(subject: Execution) -> Execution:
    """The execution with these events in which each read has the last write before it, and writes hit memory in their order."""
    writes: dict[object, list[int]] = {}
    rf: set[tuple[int, int]] = set()
    co: set[tuple[int, int]] = set()
    for event in subject.events:
        before = writes.setdefault(event.address, [])
        if event.kind == "R":
            rf.add((before[-1], event.id))
        elif event.kind == "W":
            co.update((write, event.id) for write in before)
            before.append(event.id)
    return replace(subject, relations={**subject.relations, "rf": frozenset(rf), "co": frozenset(co)})


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([(*ACCESSES, *FENCES), (*ACCESSES, *GRACE)]).flatmap(executions),
    st.sampled_from(SHIPPED),
)
def test_what_threads_one_after_the_other_may_offend_is_all_that_they_offend(subject: Execution, name: str) -> None:
    case = one_after_the_other(subject)
    part, evaluation = slice_of(load_model(name), case), Evaluation(case)
    offended = {axiom.name for axiom, _ in part.requirements if evaluation.shows(axiom)}
    assert offended <= {axiom.name for axiom, _ in part.in_turn}
    evaluation.run(part.common)
    assert evaluation.meets(part.in_turn) == (not offended)
