"""What is known when time runs out: what fails when threads take turns fails under every model that allows that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smpcheck.cat.load import load_model
from smpcheck.questions.check import CheckOptions, describe
from smpcheck.questions.partial import with_known
from smpcheck.questions.result import Result
from smpcheck.readers.litmus import read_litmus

LKMM = load_model("lkmm")

TEST = """C t
(* Result: {expected} *)
{{}}
P0(int *x, int *y) {{ WRITE_ONCE(*x, 1); {fence} WRITE_ONCE(*y, 1); }}
P1(int *x, int *y) {{ int r0; int r1; r0 = READ_ONCE(*y); smp_rmb(); r1 = READ_ONCE(*x); }}
exists ({condition})
"""


def known(condition: str, expected: str = "Never", fence: str = "", seconds: float = 60.0) -> Result:
    program = read_litmus(TEST.format(condition=condition, expected=expected, fence=fence), "t.litmus")
    late = replace(describe(program, LKMM), status="timeout", undecided=("condition",), message="late")
    return with_known(late, program, LKMM, CheckOptions(), seconds)


def test_an_interleaving_shows_that_the_condition_can_hold() -> None:
    result = known("1:r0=1 /\\ 1:r1=1")
    assert (result.status, result.observation, result.positive, result.negative) == ("timeout", None, 1, 1)
    assert (result.agrees, result.disagreement) == (False, "can hold, where the test says Never")
    said = "the condition holds, the condition does not hold in an interleaving, which is an execution of lkmm too"
    assert result.notes == (f"known all the same: {said}",)


@pytest.mark.parametrize("fence", ["", "smp_wmb();"])
def test_what_no_interleaving_does_is_not_excluded(fence: str) -> None:
    result = known("1:r0=1 /\\ 1:r1=0", fence=fence)
    assert (result.observation, result.positive, result.agrees) == (None, 0, None)


def test_without_time_nothing_is_said() -> None:
    assert known("1:r0=1 /\\ 1:r1=1", seconds=0.0).notes == ()
