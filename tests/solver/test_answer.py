"""Question and Answer are values: what is not said means what the documentation says, and both survive a pipe."""

from __future__ import annotations

import pickle
from typing import get_args

import pytest

from smpcheck.cat.load import load_model
from smpcheck.solver.answer import Answer, Question, Status, Verdict
from smpcheck.solver.solve import solve
from tests.solver.common import program

RACY = program("*x = 1;", "r0 = *x;", cond="exists (1:r0=1)")


def test_an_unqualified_question_asks_for_all_states() -> None:
    question = Question()
    assert (question.mode, question.unroll, question.max_states, question.deadline) == ("states", 2, None, None)
    assert (question.witness, question.threads) == (False, 1)
    assert question.flags
    assert question.condition is None


def test_they_cannot_be_changed() -> None:
    for value in (Question(), Answer("ok", "Never")):
        with pytest.raises(AttributeError):
            value.flags = False  # type: ignore[misc]


def test_an_answer_survives_a_pipe() -> None:
    answer = solve(RACY, load_model("lkmm"), Question(witness=True))
    again = pickle.loads(pickle.dumps(answer))
    assert again == answer
    assert again.flags == ("data-race",)
    assert again.flag_witnesses["data-race"] == answer.flag_witnesses["data-race"]


def test_a_verdict_comes_with_status_ok_only() -> None:
    """Over the four ways in which a question can end."""
    spin = program("while (READ_ONCE(*x) == 0) WRITE_ONCE(*y, 1);", "WRITE_ONCE(*x, 1);", cond="exists (x=0)")
    stuck = program("spin_lock(l);", "spin_lock(l);", params="spinlock_t *l")
    model = load_model("lkmm")
    answers = [
        solve(RACY, model),
        solve(RACY, model, Question(deadline=0.0)),
        solve(spin, model),
        solve(stuck, model),
    ]
    assert [a.status for a in answers] == list(get_args(Status))
    for answer in answers:
        assert (answer.verdict in get_args(Verdict)) == (answer.status == "ok")
        assert (answer.message == "") == (answer.status == "ok")
