"""What a program's author asks about."""

from __future__ import annotations

from msgspec.structs import replace

from smpcheck.program.ir import Assert, Const
from smpcheck.questions.outcomes import outcomes
from smpcheck.readers.litmus import read_litmus

X = read_litmus("C t\n{}\nP0(int *x) { WRITE_ONCE(*x, 1); }\nforall (x=1)\n")


def test_a_condition_that_says_only_that_all_invariants_hold_is_not_asked_about_again() -> None:
    held = replace(X, invariants=(Assert(X.condition, "A"), Assert(Const(1), "B")))
    assert [outcome.condition for outcome in outcomes(held)] == ["A", "B"]
    assert [outcome.text for outcome in outcomes(replace(held, invariants=held.invariants[1:]))] == ["not ([x]=1)", "B fails"]
