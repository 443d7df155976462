"""Interchangeable threads: which they are, and that asking for one order of them changes no answer."""

from __future__ import annotations

import pytest

from bench import families
from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Answer, Question
from smpcheck.solver.solve import solve
from smpcheck.solver.symmetry import interchangeable, threads_in
from tests.naive.generate import twins
from tests.solver.common import program

INCREMENT = "r0 = READ_ONCE(*x); WRITE_ONCE(*x, r0 + 1);"


def test_equal_code_at_different_places_is_equal() -> None:
    assert interchangeable(program(INCREMENT, INCREMENT, "r0 = READ_ONCE(*x);"), set()) == [[0, 1]]


def test_several_groups() -> None:
    assert interchangeable(program(INCREMENT, "smp_mb();", INCREMENT, "smp_mb();"), set()) == [[0, 2], [1, 3]]


@pytest.mark.parametrize("other", [INCREMENT.replace("1", "2"), INCREMENT.replace("*x,", "*y,"), INCREMENT + "smp_mb();"])
def test_any_difference_counts(other: str) -> None:
    assert interchangeable(program(INCREMENT, other), set()) == []


def test_a_thread_whose_registers_matter_is_itself() -> None:
    assert interchangeable(program(INCREMENT, INCREMENT, INCREMENT), {1}) == [[0, 2]]
    assert interchangeable(program(INCREMENT, INCREMENT), {1}) == []


def test_the_threads_that_an_expression_is_about() -> None:
    asked = program(INCREMENT, INCREMENT, INCREMENT, cond="exists (0:r0=1 /\\ ~(2:r0=2 \\/ x=1))").condition
    assert threads_in([asked]) == {0, 2}
    assert threads_in([ir.Const(1)]) == set()


def both(subject: ir.Program, model: str, monkeypatch: pytest.MonkeyPatch, **asked: object) -> tuple[Answer, Answer]:
    question = Question(**asked)  # type: ignore[arg-type]
    broken = solve(subject, load_model(model), question)
    with monkeypatch.context() as patch:
        patch.setattr("smpcheck.solver.session.interchangeable", lambda program, used: [])
        return broken, solve(subject, load_model(model), question)


def said(answer: Answer) -> tuple[object, ...]:
    return answer.status, answer.verdict, answer.states, answer.flags


@pytest.mark.parametrize("mode", ["states", "verdict"])
@pytest.mark.parametrize("seeds", [range(i, i + 25) for i in range(0, 100, 25)], ids=lambda r: f"{r.start}-{r.stop - 1}")
def test_random_twins(seeds: range, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in seeds:
        first, second = both(read_litmus(twins(seed, 4)), ("sc", "tso", "lkmm")[seed % 3], monkeypatch, mode=mode)
        assert said(first) == said(second), seed


@pytest.mark.parametrize("text", [families.atom(4), families.lock(3)], ids=["ATOM-4", "LOCK-3"])
def test_families(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = both(read_litmus(text), "lkmm", monkeypatch)
    assert said(first) == said(second)


def test_a_condition_about_one_twin_is_answered_for_that_one() -> None:
    """Whichever writes first: thread 1 may be last, and thread 0 may be last."""
    for last in (0, 1):
        subject = program(*[f"WRITE_ONCE(*x, 1); r0 = READ_ONCE(*{'x'}); WRITE_ONCE(*y, 1);"] * 2, cond=f"exists ({last}:r0=1)")
        assert solve(subject, load_model("sc")).verdict == "Always"
    swapped = [f"exists ({a}:r0=0 /\\ {b}:r0=1)" for a, b in ((0, 1), (1, 0))]
    for cond in swapped:
        assert solve(program(INCREMENT, INCREMENT, cond=cond), load_model("sc")).verdict == "Sometimes"


def test_a_filter_about_one_twin_holds_for_that_one() -> None:
    subject = program(INCREMENT, INCREMENT, cond="filter (0:r0=1)\nexists (x=2)")
    assert solve(subject, load_model("sc")).verdict == "Always"


def test_a_witness_shows_who_did_what() -> None:
    """Asked for an execution, no order is preferred: names are part of the answer."""
    subject = program(INCREMENT, INCREMENT, cond="exists (1:r0=0 /\\ 0:r0=1)")
    witness = solve(subject, load_model("sc"), Question(witness=True)).witness
    assert witness is not None
    assert witness.final[ir.FinalReg(0, "r0")] == 1
