"""Three answers, and what one engine knows is not lost when the next is asked."""

from __future__ import annotations

import time

from smpcheck.cat.load import load_model
from smpcheck.engines.contract import Answer, Question, Step, Witness, over
from smpcheck.program.execution import Execution
from smpcheck.readers.litmus import read_litmus

PROGRAM = read_litmus("C t\n{ }\nP0(int *x) { WRITE_ONCE(*x, 1); }\nexists (x=1)\n")
EXECUTION = Execution((), {})


def test_a_proof_replaces_every_other_answer():
    found = Answer(PROGRAM, cannot={"a": ("assumed",)}, unknown={"b": "no time"})
    found.learn(Answer(PROGRAM, can={"a": Witness("lkmm", EXECUTION), "b": Witness("sc", EXECUTION)}))
    assert (set(found.can), found.cannot, found.unknown) == ({"a", "b"}, {}, {})


def test_a_later_answer_rests_on_less_and_replaces_the_assumption():
    found = Answer(PROGRAM, cannot={"a": ("assumed",)})
    found.learn(Answer(PROGRAM, cannot={"a": ()}))
    assert found.cannot == {"a": ()}
    assert found.said == ()


def test_not_knowing_replaces_nothing():
    found = Answer(PROGRAM, can={"a": Witness("sc", EXECUTION)}, cannot={"b": ("assumed",)})
    found.learn(Answer(PROGRAM, unknown={"a": "no time", "b": "no time", "c": "no time"}))
    assert set(found.can) == {"a"}
    assert found.cannot == {"b": ("assumed",)}
    assert found.unknown == {"c": "no time"}


def test_the_first_witness_is_kept():
    found = Answer(PROGRAM, can={"a": Witness("sc", EXECUTION)})
    found.learn(Answer(PROGRAM, can={"a": Witness("lkmm", EXECUTION)}))
    assert found.can["a"].under == "sc"


def test_caveats_of_one_check_are_notes_and_its_own_assumptions():
    found = Answer(PROGRAM, cannot={"a": ("p",), "b": ("q",)}, notes=("n",))
    assert (found.caveats("a"), found.caveats("b"), found.said) == (("n", "p"), ("n", "q"), ("n", "p", "q"))


def test_what_was_asked_is_told():
    found = Answer(PROGRAM, steps=(Step("one", "why", 2), Step("other", "why", 0, "it gave up")))
    assert found.how.endswith("in turn: one (2 settled), other (it gave up)")


def test_the_end_of_time():
    assert not over(None)
    assert over(time.monotonic() - 1)
    assert not over(time.monotonic() + 100)
    assert not Question(PROGRAM, load_model("sc"), ()).over
