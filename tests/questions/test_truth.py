"""Every sentence about random executions is true, and what a story implies mends the execution.

Drawn are programs in the shape of a cycle, with every kind of order between accesses. Their executions under the model that are
no interleavings are told; those that coherence allows and the model does not are reasoned about; races are explained. Each
statement is tested (see tests/questions/truth.py). ``SMPCHECK_TRUTH=5000`` draws that many.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from smpcheck.cat.concrete import evaluate
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.program.execution import Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.ir import Const, Program
from smpcheck.questions.races import race_of
from smpcheck.questions.reasons import basic_models, reasons_of
from smpcheck.questions.surprises import tell
from smpcheck.questions.wording import Words
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.candidates import Candidates
from tests.naive.generate import random_litmus
from tests.questions.cycles import random_cycle
from tests.questions.truth import faults_of_race, faults_of_reason, faults_of_story, interleaved

EXAMPLES = int(os.environ.get("SMPCHECK_TRUTH", "15"))
MOST = 10
"""Executions of one program."""

SEEN: Counter[str] = Counter()


def executions(program: Program, model: Model) -> Iterator[Execution]:
    candidates = Candidates(program, model, Const(1))
    for number, execution in enumerate(candidates, 1):
        yield execution
        if number == MOST:
            return
        candidates.exclude_this(execution)


def faults(program: Program, model: Model) -> Iterator[str]:
    """What is said untruly about executions of the program."""
    words = Words(program)
    for execution in executions(program, model):
        if not interleaved(execution):
            story = tell(execution, model, words)
            SEEN.update(type(s.claim).__name__ for s in (*story.surprises, *story.also))
            yield from (f"{fault}: {story}" for fault in faults_of_story(story, execution, model))
        for violation in evaluate(model, execution):
            if violation.flag and violation.name == DATA_RACE:
                race = race_of(violation, model, execution, words)
                SEEN.update(type(claim).__name__ for claim in race.claims)
                yield from (f"{fault}: {race.sentence}" for fault in faults_of_race(race, model))
    for execution in executions(program, basic_models(model)[0]):
        for reason in reasons_of(model, execution, words):
            SEEN.update(type(link.claim).__name__ for link in reason.links)
            yield from (f"{fault}: {reason.links}" for fault in faults_of_reason(reason, model))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 10**6))
def test_every_sentence_about_an_execution_of_a_cycle_is_true(seed: int) -> None:
    program = read_litmus(random_cycle(seed), f"cycle-{seed}.litmus")
    assert list(faults(program, load_model("lkmm"))) == []


@settings(max_examples=max(1, EXAMPLES // 3), deadline=None)
@given(st.integers(0, 10**6))
def test_every_sentence_about_an_execution_under_x86_is_true(seed: int) -> None:
    text = random_cycle(seed)
    if "rcu" not in text:  # the brute-force model of x86 knows no grace periods
        assert list(faults(read_litmus(text, f"cycle-{seed}.litmus"), load_model("tso"))) == []


@settings(max_examples=max(1, EXAMPLES // 3), deadline=None)
@given(st.integers(0, 10**6))
def test_every_sentence_about_an_execution_of_any_program_is_true(seed: int) -> None:
    program = read_litmus(random_litmus(seed), f"random-{seed}.litmus")
    assert list(faults(program, load_model("lkmm"))) == []
