"""Answers that were asked for lazily are the answers."""

from __future__ import annotations

from pathlib import Path

import pytest

import smpcheck.solver.refine as refine
import smpcheck.solver.words as words
from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.python import compile_scenario
from smpcheck.solver.answer import Answer, Question
from smpcheck.solver.solve import solve
from tests.naive.generate import random_litmus, twins
from tests.rows import few
from tests.solver.boxes import boxes

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.litmus"))


def answers(program: ir.Program, model: str, **options: object) -> tuple[Answer, Answer]:
    """Eagerly and lazily."""
    eager, lazy = (solve(program, load_model(model), Question(lazy=lazy, **options)) for lazy in (False, True))  # type: ignore[arg-type]
    return eager, lazy


def said(answer: Answer) -> tuple[object, ...]:
    return answer.status, answer.verdict, answer.states, set(answer.flags), set(answer.failed)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_have_the_same_states_and_flags(path: Path) -> None:
    eager, lazy = answers(read_litmus(path.read_text()), "lkmm")
    assert said(lazy) == said(eager)


@pytest.mark.parametrize("many", [2, words.MANY_VALUES])
@pytest.mark.parametrize("model", ["lkmm", "tso"])
@pytest.mark.parametrize("first", few(range(0, 200, 40)))
def test_random_programs_have_the_same_states_and_flags(
    model: str, first: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "MANY_VALUES", many)
    for number in range(first, first + 40):
        for text in (random_litmus(number), twins(number)):
            eager, lazy = answers(read_litmus(text), model)
            assert said(lazy) == said(eager), f"test {number}\n{text}"


CHAIN = """C ISA2
{ }
P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_mb(); WRITE_ONCE(*y, 1); }
P1(int *y, int *z) { int r0; r0 = READ_ONCE(*y); WRITE_ONCE(*z, r0); }
P2(int *x, int *z) { int r0; int r1; r0 = smp_load_acquire(z); r1 = READ_ONCE(*x); }
exists (2:r0=1 /\\ 2:r1=0)
"""


def test_what_only_a_left_out_axiom_forbids_is_turned_down_with_a_short_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[str, int]] = []
    original = refine.Refinement._reason

    def noted(self: refine.Refinement, axiom: object, evaluation: Evaluation, reading: object) -> list[int]:
        reason = original(self, axiom, evaluation, reading)  # type: ignore[arg-type]
        found.append((axiom.name, len(reason)))  # type: ignore[attr-defined]
        return reason

    monkeypatch.setattr(refine.Refinement, "_reason", noted)
    eager, lazy = answers(read_litmus(CHAIN), "lkmm", mode="verdict")
    assert lazy.verdict == eager.verdict == "Never"
    assert {name for name, _ in found} == {"propagation"}
    assert max(size for _, size in found) < 40


def test_where_no_reason_is_known_one_execution_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refine.Refinement, "_is_monotone", lambda self, node: False)
    eager, lazy = answers(read_litmus(CHAIN), "lkmm")
    assert said(lazy) == said(eager)


def test_a_witness_is_an_execution_of_the_model() -> None:
    model = load_model("lkmm")
    program = read_litmus((ROOT / "examples" / "37-PUTBACK+two-words.litmus").read_text())
    answer = solve(program, model, Question(mode="verdict", lazy=True, witness=True))
    assert answer.witness is not None
    evaluation = Evaluation(answer.witness)
    assert not [a.name for a in model.axioms if not a.flag and evaluation.offends(a) != a.negated]


@pytest.mark.parametrize(
    ("model", "failed"),
    [
        ("sc", {"somebody saw nothing"}),
        ("tso", {"somebody saw nothing"}),
        ("lkmm", {"both saw nothing", "somebody saw nothing", "three never happens"}),
    ],
)
def test_a_thread_that_runs_afterwards_sees_what_is_last(model: str, failed: set[str]) -> None:
    program = compile_scenario(boxes)
    assert [t.after for t in program.threads] == [False, False, True]
    eager, lazy = answers(program, model, mode="assertions", flags=False, stops=True)
    assert said(lazy) == said(eager)
    assert set(lazy.failed) == failed
