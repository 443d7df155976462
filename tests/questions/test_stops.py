"""Deadlocks, endless waits and null pointers as outcomes: found by check, shown by explain, mended by --fix, kept by barriers."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program.ir import Program
from smpcheck.program.locks import may_block
from smpcheck.questions.barriers import barriers
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.questions.explain import explain
from smpcheck.questions.fix import fix
from smpcheck.questions.stops import stops
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.registry import read_programs
from smpcheck.simulate import outcomes
from tests.solver.common import program

LKMM = load_model("lkmm")

PUBLISH = """C publish
{{ struct node a; struct node *head; int x = 5; }}
struct node {{ int *val; }};
P0(struct node **head, struct node *a, int *x)
{{
	WRITE_ONCE(a->val, x);
	{store}
}}
P1(struct node **head)
{{
	int r = 5;
	struct node *n = rcu_dereference(*head);
	if (n)
		r = READ_ONCE(*READ_ONCE(n->val));
}}
exists (1:r=0)
"""
PUBLISHED = read_litmus(PUBLISH.format(store="smp_store_release(head, a);"))
NOT_PUBLISHED = read_litmus(PUBLISH.format(store="WRITE_ONCE(*head, a);"))

LOCKS = "spinlock_t *a, spinlock_t *b, int *x, int *y"


def locking(*bodies: str) -> Program:
    return program(*bodies, params=LOCKS)


BOTH = "spin_lock(a); spin_lock(b); spin_unlock(b); spin_unlock(a);"
READER = "spin_lock(a); if (READ_ONCE(*x)) WRITE_ONCE(*y, 1); spin_unlock(a);"

WAKE = "WRITE_ONCE(*x, 1); {barrier} if (READ_ONCE(*y)) WRITE_ONCE(*z, 1);"
SLEEP = "WRITE_ONCE(*y, 1); smp_mb(); if (!READ_ONCE(*x)) while (!READ_ONCE(*z)) cpu_relax();"
LOST = program(SLEEP, WAKE.format(barrier=""))
WOKEN = program(SLEEP, WAKE.format(barrier="smp_mb();"))


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        (LOST, "non-termination"),
        (NOT_PUBLISHED, "null-dereference"),
        (locking("spin_lock(a); spin_lock(b);", "spin_lock(b); spin_lock(a);"), "deadlock"),
        (locking("spin_lock(a); spin_lock(a);"), "deadlock"),
        (locking("spin_lock(a);", "spin_lock(a); spin_unlock(a);"), "deadlock"),
        (locking("spin_lock(a); while (!READ_ONCE(*x)) { } spin_unlock(a);", "spin_lock(a); WRITE_ONCE(*x, 1); spin_unlock(a);"),
         "non-termination"),
        (locking("while (!spin_trylock(a)) { }", "while (!spin_trylock(a)) { }"), "non-termination"),
    ],
)  # fmt: skip
def test_a_fault_is_a_flag_and_has_an_execution(subject: Program, fault: str) -> None:
    result = check_program(subject, LKMM, CheckOptions(executions=True))
    assert fault in result.flags
    (shown,) = [one for one in result.executions if one.name == fault]
    if fault == "null-dereference":
        assert [name for name, _ in shown.execution.faults] == [fault]
    else:
        assert shown.execution.stuck
    if fault != "null-dereference":
        quiet = check_program(subject, LKMM, CheckOptions(termination=False))
        assert fault not in quiet.flags


@pytest.mark.parametrize(
    "subject",
    [
        WOKEN,
        PUBLISHED,
        locking(BOTH, BOTH),
        locking(READER, "spin_lock(a); WRITE_ONCE(*x, 1); spin_unlock(a);"),
        program("while (!READ_ONCE(*x)) { }", "WRITE_ONCE(*x, 1);"),
    ],
)  # fmt: skip
def test_what_cannot_happen_is_none(subject: Program) -> None:
    assert not set(check_program(subject, LKMM, CheckOptions()).flags)


def test_locks_taken_one_at_a_time_need_no_second_question() -> None:
    assert not may_block(locking("spin_lock(a); spin_unlock(a); spin_lock(b); spin_unlock(b);"))
    assert may_block(locking("spin_lock(a); if (READ_ONCE(*x)) spin_unlock(a);"))
    assert may_block(locking("spin_lock(a); spin_lock(b); spin_unlock(b); spin_unlock(a);"))


def test_explain_shows_an_execution() -> None:
    answers = list(explain(NOT_PUBLISHED, LKMM))
    assert [(a.outcome.condition, a.kind) for a in answers][1:] == [("null-dereference", "allowed")]
    assert answers[1].outcome.text == "a null pointer is dereferenced (line 14)"
    assert [a.kind for a in explain(PUBLISHED, LKMM)] == ["impossible"]


@pytest.mark.parametrize(("subject", "added"), [(NOT_PUBLISHED, "smp_store_release"), (LOST, "smp_mb()")])
def test_fix_mends_it(subject: Program, added: str) -> None:
    *_, answer = fix(subject, LKMM)
    assert answer.status == "fixed"
    assert added in {edit.new for placement in answer.placements for edit in placement.edits} or any(
        edit.new.startswith(added) for placement in answer.placements for edit in placement.edits
    )


@pytest.mark.parametrize(("subject", "element"), [(PUBLISHED, "smp_store_release(head, a)"), (WOKEN, "smp_mb()")])
def test_an_element_that_keeps_it_from_happening_is_needed(subject: Program, element: str) -> None:
    answer = barriers(subject, LKMM)
    needed = [f for f in answer.findings if f.status == "needed" and f.element.text == element]
    assert needed
    assert {f.outcome for f in needed} <= {"null-dereference", "non-termination"}


def test_what_is_cut_is_undecided() -> None:
    subject = program(
        "int n = 0; while (n < 5) { WRITE_ONCE(*x, n); n = n + READ_ONCE(*y); }", init="int y = 1;", cond="exists (x=4)"
    )
    (explained,) = explain(subject, LKMM)
    assert (explained.kind, explained.complete) == ("undecided", False)
    (mended,) = fix(subject, LKMM)
    assert mended.status == "undecided"
    needed = barriers(subject, LKMM)
    assert (needed.undecided, needed.complete) == (True, False)
    result = check_program(subject, LKMM, CheckOptions())
    assert (result.status, result.verdict, result.rounds) == ("bound", None, 2)
    assert stops(subject, LKMM, 6).happen == {}
    assert check_program(subject, LKMM, CheckOptions(unroll=6)).verdict == "Always"


ORDER = """
from smpcheck.kernel import *

class node(Struct):
    value: int = 0

def look(a: node, b: node) -> None:
    check("order", cast(ulong, a) < cast(ulong, b))

@scenario
def order(s: Setup) -> None:
    s.B = b = node()
    s.A = a = node()
    s.thread(look, a, b)
"""


def test_an_order_of_two_objects_is_undefined_for_every_engine(tmp_path: Path) -> None:
    (tmp_path / "order.py").write_text(ORDER)
    (subject,) = read_programs(str(tmp_path / "order.py"))
    assert check_program(subject, LKMM, CheckOptions()).failures == ("undefined-value",)
    assert outcomes(subject).failed == {"undefined-value"}
