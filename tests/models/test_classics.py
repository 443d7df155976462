"""The field's classic executions, each forbidden or allowed by a stated axiom of each model.

Verdicts: Alglave, Maranget, Tautschnig, "Herding Cats" (2014), for sc and tso; for lkmm, the kernel's litmus-tests.txt and
explanation.txt, and the ASPLOS 2018 paper. Each execution is the "relaxed" one of its test.
"""

from __future__ import annotations

import pytest

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.program.execution import Execution
from tests.cat.executions import execution
from tests.kernel import model as kernel_tree

# name: (execution, first axiom that forbids it under sc, tso, lkmm; None where it is allowed)
CLASSICS: dict[str, tuple[Execution, str | None, str | None, str | None]] = {
    "SB": (execution("W x 1; R y 0", "W y 1; R x 0"), "sc", None, None),
    "SB+mbs": (execution("W x 1; mb; R y 0", "W y 1; mb; R x 0"), "sc", "tso", "propagation"),
    "SB+mb+po": (execution("W x 1; mb; R y 0", "W y 1; R x 0"), "sc", None, None),
    "SB+rmbs": (execution("W x 1; rmb; R y 0", "W y 1; rmb; R x 0"), "sc", None, None),
    "MP": (execution("W x 1; W y 1", "R y 1; R x 0"), "sc", "tso", None),
    "MP+wmb+rmb": (execution("W x 1; wmb; W y 1", "R y 1; rmb; R x 0"), "sc", "tso", "happens-before"),
    "MP+rel+acq": (execution("W x 1; Wr y 1", "Ra y 1; R x 0"), "sc", "tso", "happens-before"),
    "MP+wmb+addr": (execution("W x 1; wmb; W y 1", "R y 1; R x 0", addr={(5, 6)}), "sc", "tso", "happens-before"),
    "MP+wmb+ctrl": (execution("W x 1; wmb; W y 1", "R y 1; R x 0", ctrl={(5, 6)}), "sc", "tso", None),
    "LB": (execution("R x 1; W y 1", "R y 1; W x 1"), "sc", "tso", None),
    "LB+datas": (execution("R x 1; W y 1", "R y 1; W x 1", data={(2, 3), (4, 5)}), "sc", "tso", "happens-before"),
    "LB+ctrls": (execution("R x 1; W y 1", "R y 1; W x 1", ctrl={(2, 3), (4, 5)}), "sc", "tso", "happens-before"),
    "IRIW": (execution("W x 1", "R x 1; R y 0", "W y 1", "R y 1; R x 0"), "sc", "tso", None),
    "IRIW+rmbs": (execution("W x 1", "R x 1; rmb; R y 0", "W y 1", "R y 1; rmb; R x 0"), "sc", "tso", None),
    "IRIW+mbs": (execution("W x 1", "R x 1; mb; R y 0", "W y 1", "R y 1; mb; R x 0"), "sc", "tso", "propagation"),
    "WRC+rel+acq": (execution("W x 1", "R x 1; Wr y 1", "Ra y 1; R x 0"), "sc", "tso", "happens-before"),
    "WRC+data+rmb": (execution("W x 1", "R x 1; W y 1", "R y 1; rmb; R x 0", data={(3, 4)}), "sc", "tso", None),
    "R+wmb+mb": (execution("W x 1; wmb; W y 1", "W y 2; mb; R x 0"), "sc", "tso", None),
    "2+2W": (execution("W x 1; W y 2", "W y 1; W x 2", co={"x": (2, 1), "y": (2, 1)}), "sc", "tso", None),
    "2+2W+wmbs": (execution("W x 1; wmb; W y 2", "W y 1; wmb; W x 2", co={"x": (2, 1), "y": (2, 1)}), "sc", "tso", None),
    "2+2W+mbs": (execution("W x 1; mb; W y 2", "W y 1; mb; W x 2", co={"x": (2, 1), "y": (2, 1)}), "sc", "tso", "propagation"),
    "CoRR": (execution("W x 1", "R x 1; R x 0"), "sc", "coherence", "coherence"),
    "CoWR": (execution("W x 1; R x 0"), "sc", "coherence", "coherence"),
    "CoRW": (execution("R x 1; W x 1"), "sc", "coherence", "coherence"),
    "RMW lost update": (
        execution("R x 0; W x 1", "R x 0; W x 2", rmw={(1, 2), (3, 4)}), "atomic", "atomic", "atomic"
    ),
    "RMW, one after the other": (execution("R x 0; W x 1", "R x 1; W x 2", rmw={(1, 2), (3, 4)}), None, None, None),
    "SB, locked instructions": (
        execution("R x 0; W x 1; R y 0", "R y 0; W y 1; R x 0", rmw={(2, 3), (5, 6)}), "sc", "tso", None
    ),
    "n6 (Owens et al.)": (execution("W x 1; R x 1; R y 0", "W y 1; W x 2", co={"x": (2, 1)}), "sc", None, None),
    "RCU, reads": (execution("rcu-lock; R y 1; R x 0; rcu-unlock", "W x 1; sync-rcu; W y 1"), "sc", "tso", "rcu"),
    "RCU, store buffering": (execution("rcu-lock; W x 1; R y 0; rcu-unlock", "W y 1; sync-rcu; R x 0"), "sc", "rcu", "rcu"),
    "RCU, two readers": (
        execution("rcu-lock; R x 0; W y 1; rcu-unlock", "rcu-lock; R y 0; W z 1; rcu-unlock", "W x 1; sync-rcu; R z 0"),
        None, None, None,
    ),
    "RCU, two readers, two grace periods": (
        execution("rcu-lock; W x 1; R y 0; rcu-unlock", "rcu-lock; W y 1; R z 0; rcu-unlock", "W z 1; sync-rcu; sync-rcu; R x 0"),
        "sc", "rcu", "rcu",
    ),
    "RCU, a reader without a critical section": (execution("W x 1; R y 0", "W y 1; sync-rcu; R x 0"), "sc", None, None),
    "RCU, synchronize_rcu() inside": (execution("rcu-lock; sync-rcu; rcu-unlock"), "rcu", "rcu", "rcu"),
    "SRCU": (
        execution("Srcu-lock s 0; W x 1; R y 0; Srcu-unlock s 0", "W y 1; sync-srcu s; R x 0", data={(3, 6)}),
        "sc", "rcu", "rcu",
    ),
    "lock, handed over": (
        execution("LKR l 0; LKW l 1; W x 1; UL l 2", "LKR l 2; LKW l 3; R x 0; UL l 4", rmw={(2, 3), (6, 7)}),
        "sc", "tso", "happens-before",
    ),
    "lock, taken twice": (
        execution("LKR l 0; LKW l 1; LKR l 1; LKW l 2", rmw={(1, 2), (3, 4)}), "lock-nest", "lock-nest", "lock-nest",
    ),
    "lock, kept by two": (
        execution("LKR l 0; LKW l 1", "LKR l 1; LKW l 2", rmw={(1, 2), (3, 4)}),
        "unmatched-locks", "unmatched-locks", "unmatched-locks",
    ),
}  # fmt: skip


def first_failure(model: str, case: Execution) -> str | None:
    return next((v.name for v in evaluate(load_model(model), case) if not v.flag), None)


@pytest.mark.parametrize("name", CLASSICS)
@pytest.mark.parametrize("model", ["sc", "tso", "lkmm"])
def test_classic_execution(name: str, model: str) -> None:
    case, *expected = CLASSICS[name]
    assert first_failure(model, case) == expected[["sc", "tso", "lkmm"].index(model)]


@pytest.mark.parametrize("version", ["6.1", "6.12"])
@pytest.mark.parametrize("name", [name for name in CLASSICS if name != "SRCU"])
def test_kernel_trees_decide_the_classics_as_lkmm_does(name: str, version: str) -> None:
    case, _, _, expected = CLASSICS[name]
    assert first_failure(kernel_tree(version), case) == expected


def test_srcu_operations_are_events_apart_in_6_1_and_accesses_in_6_12() -> None:
    apart = execution("W x 1; R y 0", "W y 1; sync-srcu s; R x 0")
    assert first_failure(kernel_tree("6.1"), apart) is None
    assert first_failure(kernel_tree("6.12"), CLASSICS["SRCU"][0]) == "rcu"


# --- what only the kernel's model speaks of ---

FLAGS: dict[str, tuple[Execution, set[str]]] = {
    "plain write against marked read": (execution("Wp x 1", "R x 1"), {"data-race"}),
    "plain write against plain write": (execution("Wp x 1", "Wp x 2"), {"data-race"}),
    "plain accesses, published with release and acquire": (execution("Wp x 1; Wr y 1", "Ra y 1; Rp x 1"), set()),
    "plain accesses, published without": (execution("Wp x 1; W y 1", "R y 1; Rp x 1"), {"data-race"}),
    "plain reads only": (execution("Rp x 0", "Rp x 0"), set()),
    "marked accesses only": (execution("W x 1", "W x 2"), set()),
    "plain and marked in one stretch": (execution("Wp x 1; W x 2"), {"mixed-accesses"}),
    "plain and marked with barrier() between": (execution("Wp x 1; barrier; W x 2"), set()),
    "unlock alone": (execution("UL l 0"), {"unmatched-unlock"}),
    "lock as a plain variable": (execution("LKR l 0; LKW l 1; UL l 0", "W l 2", rmw={(1, 2)}), {"mixed-lock-accesses"}),
    "rcu_read_lock() without end": (execution("rcu-lock; R x 0"), {"unmatched-rcu-lock"}),
    "rcu_read_unlock() without start": (execution("R x 0; rcu-unlock"), {"unmatched-rcu-unlock"}),
    "nested critical sections": (execution("rcu-lock; rcu-lock; R x 0; rcu-unlock; rcu-unlock"), set()),
    "three starts and two ends": (execution("rcu-lock; rcu-lock; rcu-unlock; rcu-lock; rcu-unlock"), {"unmatched-rcu-lock"}),
    "synchronize_srcu() inside RCU": (execution("rcu-lock; sync-srcu s; rcu-unlock"), {"invalid-sleep"}),
    "srcu_read_lock() without end": (execution("Srcu-lock s 0"), {"unmatched-srcu-lock"}),
    "srcu_read_unlock() of another cookie": (
        execution("Srcu-lock s 0; Srcu-unlock s 1", data={(1, 2)}), {"srcu-bad-value-match"},
    ),
    "one cookie given back twice": (
        execution("Srcu-lock s 0; Srcu-unlock s 0; Srcu-unlock s 0", data={(1, 2), (1, 3)}), {"multiple-srcu-matches"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FLAGS)
def test_flags_of_lkmm(name: str) -> None:
    case, expected = FLAGS[name]
    assert {v.name for v in evaluate(load_model("lkmm"), case) if v.flag} == expected


@pytest.mark.parametrize("name", FLAGS)
def test_flags_of_the_kernel_6_12(name: str) -> None:
    case, expected = FLAGS[name]
    assert {v.name for v in evaluate(load_model(kernel_tree("6.12")), case) if v.flag} == expected


def test_a_race_needs_two_threads_and_sc_knows_none() -> None:
    assert not evaluate(load_model("lkmm"), execution("Wp x 1; Rp x 1"))
    assert not evaluate(load_model("sc"), FLAGS["plain write against marked read"][0])
