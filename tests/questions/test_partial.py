"""What is known when time runs out: what fails when threads take turns fails under every model that allows that."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.questions.check import CheckOptions, describe
from smpcheck.questions.partial import with_known
from smpcheck.questions.result import Result
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.python.load import read_python_file

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
    said = "the condition holds, the condition does not hold in an interleaving that lkmm allows"
    assert result.notes == (f"found nevertheless: {said}",)


@pytest.mark.parametrize("fence", ["", "smp_wmb();"])
def test_what_no_interleaving_does_is_not_excluded(fence: str) -> None:
    result = known("1:r0=1 /\\ 1:r1=0", fence=fence)
    assert (result.observation, result.positive, result.agrees) == (None, 0, None)


def test_without_time_nothing_is_said() -> None:
    assert known("1:r0=1 /\\ 1:r1=1", seconds=0.0).notes == ()


MODEL = """
from __future__ import annotations

from smpcheck.kernel import *


class shared(Struct):
    x: int
    y: int


def writer(p: shared) -> None:
    WRITE_ONCE(p.x, 1)


def reader(p: shared) -> None:
    check("early", READ_ONCE(p.x) == 0)
    check("sane", READ_ONCE(p.x) < 2)


@scenario
def both(s: Setup) -> None:
    s.p = p = shared()
    s.thread(writer, p)
    s.thread(reader, p)
"""


def test_an_assertion_that_fails_when_threads_take_turns_fails(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(MODEL)
    (program,) = read_python_file(tmp_path / "m.py")
    late = replace(describe(program, LKMM), status="timeout", undecided=("condition", "early", "sane"), message="late")
    result = with_known(late, program, LKMM, CheckOptions(executions=True), 30.0)
    assert (result.verdict, result.failures, result.undecided) == ("FAILS", ("early",), ("condition", "sane"))
    assert [(shown.shows, shown.name) for shown in result.executions] == [("failed", "early")]
    assert result.notes == ("found nevertheless: early fails in an interleaving that lkmm allows",)
