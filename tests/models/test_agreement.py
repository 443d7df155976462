"""Our statement of the kernel's model and the kernel's own (6.12) decide random executions alike, axiom by axiom."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.program.execution import Execution
from tests.cat.executions import ACCESSES, FENCES, GRACE, IDIOMS, cycles, executions
from tests.kernel import model as kernel_tree

LOCKS = ("lock", "unlock", "lock", "unlock", "LF", "RL", "RU")
SECTIONS = (("Rcu-lock", "Rcu-unlock"), ("Srcu-lock", "Srcu-unlock"), ("lock", "unlock"), ("", ""))

STRATEGIES = {
    "accesses": executions(ACCESSES),
    "fences": executions((*ACCESSES, *FENCES)),
    "grace periods": executions((*ACCESSES, *GRACE, "Srcu-unlock"), coherent=True),
    "locks": executions((*ACCESSES, *LOCKS, "After-spinlock", "After-unlock-lock"), coherent=True),
    "everything": executions((*ACCESSES, *ACCESSES, *FENCES, *GRACE, "Srcu-unlock", *LOCKS), threads=4, length=6),
    "cycles": cycles(),
    "cycles of fences": cycles(("Mb", "Rmb", "Wmb", "Barrier")),
    "cycles of idioms": cycles((*IDIOMS, "Mb"), threads=3, around=SECTIONS),
    "cycles that need strong fences": cycles((*IDIOMS, "Mb"), threads=3, links=("fr", "co")),
    "cycles of sections": cycles(around=SECTIONS),
    "cycles of grace periods, some turned": cycles(("Sync-rcu", "Sync-srcu"), around=SECTIONS[:2], turn=True),
    "cycles of grace periods": cycles(("Sync-rcu", "Sync-srcu", "Mb"), around=SECTIONS[:2]),
}


@cache
def models() -> tuple[Model, Model]:
    return load_model("lkmm"), load_model(kernel_tree("6.12"))


BYTES = {"single-copy", "single-copy-order"}
"""What ours says of accesses of several sizes, of which the kernel's model says nothing. None is here."""


def verdicts(model: Model, execution: Execution) -> dict[str, bool]:
    evaluation = Evaluation(execution)
    return {a.name: evaluation.offends(a) for a in model.axioms if a.name not in BYTES}


@pytest.mark.parametrize("kind", STRATEGIES)
def test_both_statements_agree_on_random_executions(kind: str) -> None:
    kernel_tree("6.12")

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STRATEGIES[kind])
    def agree(execution: Execution) -> None:
        ours, theirs = models()
        assert verdicts(ours, execution) == verdicts(theirs, execution)

    agree()


def test_both_statements_have_the_same_axioms_and_flags() -> None:
    kernel_tree("6.12")
    ours, theirs = models()
    first, second = ({(a.name, a.kind, a.flag, a.negated) for a in model.axioms} for model in (ours, theirs))
    assert {axiom for axiom in first if axiom[0] not in BYTES} == second


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(STRATEGIES["everything"])
def test_where_no_sizes_are_mixed_what_ours_says_of_them_follows_from_the_rest(execution: Execution) -> None:
    evaluation = Evaluation(execution)
    broken = {a.name for a in load_model("lkmm").axioms if not a.flag and evaluation.offends(a)}
    assert not broken & BYTES or broken - BYTES


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(STRATEGIES)).flatmap(STRATEGIES.__getitem__))
def test_sc_forbids_whatever_the_weaker_models_forbid(execution: Execution) -> None:
    broken = {name for name, bad in verdicts(load_model("lkmm"), execution).items() if bad}
    tso = {name for name, bad in verdicts(load_model("tso"), execution).items() if bad}
    sc = {name for name, bad in verdicts(load_model("sc"), execution).items() if bad}
    assert ("coherence" in broken) == ("coherence" in tso)
    assert not ({"coherence", "tso"} & tso) or "sc" in sc
    assert ("atomic" in broken) == ("atomic" in tso) == ("atomic" in sc)
    if broken & {"coherence", "happens-before", "propagation"}:
        assert "sc" in sc
    if "rcu" in broken | tso:
        assert {"sc", "rcu"} & sc
