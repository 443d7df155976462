"""Every sentence about random executions is true, and what a story implies mends the execution.

Drawn are programs in the shape of a cycle, with every kind of order between accesses. Their executions under the model that are
no interleavings are told; those that coherence allows and the model does not are reasoned about; races are explained. Each
statement is tested (see tests/questions/truth.py). ``SMPCHECK_TRUTH=5000`` draws that many.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Axiom, Model, make
from smpcheck.program.execution import Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.ir import Binary, Const, Expr, Program
from smpcheck.questions import statements
from smpcheck.questions.barriers import barriers
from smpcheck.questions.explain import OTHER_WAYS, Explanation, Limits, explain_outcome
from smpcheck.questions.outcomes import Outcome
from smpcheck.questions.races import race_of
from smpcheck.questions.reasons import basic_models, reasons_of
from smpcheck.questions.reorderings import tell
from smpcheck.questions.statements import Reordered, Unordered
from smpcheck.questions.wording import Words
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.candidates import Candidates
from tests.naive.generate import random_litmus
from tests.questions.cycles import random_cycle
from tests.questions.truth import allowed, faults_of_race, faults_of_reason, faults_of_story, implied, interleaved

EXAMPLES = int(os.environ.get("SMPCHECK_TRUTH", "8"))
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
            SEEN.update(type(s.claim).__name__ for s in (*story.reorderings, *story.also))
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


# --- what a story implies ------------------------------------------------------------------------------------------------------


def outcome_of(execution: Execution) -> Outcome:
    """What the threads read in an execution, and the final values."""
    parts: list[Expr] = [Binary("==", what, Const(value)) for what, value in execution.final.items()]
    return Outcome("as in this execution", reduce(lambda a, b: Binary("&&", a, b), parts))


def mended(text: str, answer: Explanation) -> str:
    """The source with smp_mb() before each access that is said to be early, and each access marked that is said to race."""
    assert answer.execution is not None and answer.story is not None
    lines = text.split("\n")
    barriers: set[int] = set()
    for execution, story in [(answer.execution, answer.story), *((way.execution, way.story) for way in answer.ways)]:
        for claim in (s.claim for s in (*story.reorderings, *story.also)):
            if isinstance(claim, Reordered):
                pos = execution.events[claim.second].pos
                assert pos is not None
                barriers.add(pos.line)
            elif isinstance(claim, Unordered):
                pos = execution.events[claim.event].pos
                assert pos is not None
                line = re.sub(r"= \*(\(.*\)|\w+);", r"= READ_ONCE(*\1);", lines[pos.line - 1])
                lines[pos.line - 1] = re.sub(r"^(\s*)\*(\(.*?\)|\w+) = (.*);", r"\1WRITE_ONCE(*\2, \3);", line)
    return "\n".join(f"smp_mb();\n{line}" if number in barriers else line for number, line in enumerate(lines, 1))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 10**6))
def test_what_a_story_implies_forbids_the_outcome(seed: int) -> None:
    text, model = random_cycle(seed), load_model("lkmm")
    program = read_litmus(text, f"cycle-{seed}.litmus")
    weak = next((e for e in executions(program, model) if not interleaved(e)), None)
    if weak is None:
        return
    answer = explain_outcome(program, model, outcome_of(weak), Limits())
    assert answer.kind == "allowed" and answer.story is not None
    SEEN["answers"] += 1
    if not answer.story.reorderings or OTHER_WAYS in answer.notes:
        SEEN["open"] += 1
        return
    changed = read_litmus(mended(text, answer), "mended.litmus")
    assert next(iter(outcome_of(weak).candidates(changed, model, 2)), None) is None


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 10**6))
def test_what_an_element_is_said_to_order_the_model_keeps(seed: int) -> None:
    """Of the values of an execution that the model forbids, where no other execution has them."""
    model = load_model("lkmm")
    program = read_litmus(random_cycle(seed), f"cycle-{seed}.litmus")
    for execution in executions(program, basic_models(model)[0]):
        if allowed("lkmm", execution):
            continue
        asked = outcome_of(execution).condition
        assert not isinstance(asked, str)
        answer = barriers(replace(program, condition=asked, quantifier="exists"), model)
        for finding in answer.findings:
            for forbidden, claim in finding.claims:
                SEEN["Orders"] += 1
                assert (claim.first, claim.second) in implied(model, forbidden), finding
        return


# --- every kind of statement ----------------------------------------------------------------------------------------------------


def small(threads: list[str], params: str = "int *x, int *y") -> Program:
    bodies = "\n".join(f"P{i}({params})\n{{\n\tint r0;\n\tint r1;\n\t{body}\n}}" for i, body in enumerate(threads))
    return read_litmus(f"C small\n{{}}\n\n{bodies}\n\nlocations [x; y;]\nexists (x=0)\n", "small.litmus")


FORWARDING = small([f"WRITE_ONCE(*{a}, 1);\n\tr0 = READ_ONCE(*{a});\n\tr1 = READ_ONCE(*{b});" for a, b in ("xy", "yx")])
PASSING = small(["WRITE_ONCE(*x, 1);\n\tWRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y);\n\tr1 = READ_ONCE(*x);"])
COHERENCE = small(["WRITE_ONCE(*x, 1);", "r0 = READ_ONCE(*x);\n\tr1 = READ_ONCE(*x);"])
ATOMICITY = small(["r0 = xchg_relaxed(x, 1);", "WRITE_ONCE(*x, 2);"])


def test_every_kind_of_statement_is_among_those_that_are_tested() -> None:
    SEEN.clear()
    lkmm, tso = load_model("lkmm"), load_model("tso")
    for seed in KINDS:
        assert list(faults(read_litmus(random_cycle(seed), "cycle.litmus"), lkmm)) == []
    for program, model in ((FORWARDING, tso), (PASSING, tso), (COHERENCE, lkmm), (ATOMICITY, lkmm)):
        assert list(faults(program, model)) == []
        for execution in executions(program, Model("values", ())):
            for reason in reasons_of(model, execution, Words(program)):
                SEEN.update(type(link.claim).__name__ for link in reason.links)
                assert list(faults_of_reason(reason, model)) == []
    unions = (statements.StoryStatement, statements.Communicates, statements.LocalOrder, statements.RaceStatement)
    kinds = {kind.__name__ for union in unions for kind in union.__args__}
    assert kinds - SEEN.keys() == {"Related"}


KINDS = (0, 7, 9, 10, 11, 43)
"""Cycles in which, together, most kinds of statements are made."""


def test_a_relation_without_words_of_its_own_is_named() -> None:
    """A model that forbids any pair of a load and a store of one thread."""
    pair = make("rel", "product", (make("set", "base", (), "R"), make("set", "base", (), "W")))
    model = Model("pairs", (Axiom("empty", pair, "pairs"),))
    execution = next(executions(ATOMICITY, Model("values", ())))
    (reason,) = reasons_of(model, execution, Words(ATOMICITY))
    (link,) = reason.links
    assert isinstance(link.claim, statements.Related) and link.text == "related by R * W"
    events = execution.events
    assert (events[link.source].kind, events[link.target].kind) == ("R", "W")
