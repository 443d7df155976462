"""The solver and a brute-force enumerator, written apart, agree on random programs: states, verdict and flags.

SMPCHECK_RANDOM=N compares N programs instead of a few hundred; SMPCHECK_RANDOM_FIRST is the first one's number.
"""

from __future__ import annotations

import contextlib
import os

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.program.values import UNDETERMINED
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.naive.enumerate import executions, holds
from tests.naive.generate import random_litmus, twins
from tests.naive.models import consistent
from tests.naive.replay import mismatch
from tests.rows import few

COUNT = int(os.environ.get("SMPCHECK_RANDOM", "180"))
FIRST = int(os.environ.get("SMPCHECK_RANDOM_FIRST", "0"))
MAX_CANDIDATES = 3000
RCU = {"Rcu-lock", "Sync-rcu", "Srcu-lock", "Sync-srcu"}
BATCH = 20


class TooMany(Exception):
    """Too large for brute force."""


def naive(program: ir.Program, model: str) -> tuple[set[tuple[object, ...]], str | None, set[str]]:
    """Final states, verdict and flags, by brute force."""
    states: set[tuple[object, ...]] = set()
    answers: set[bool] = set()
    flags: set[str] = set()
    for number, candidate in enumerate(executions(program)):
        if number > MAX_CANDIDATES:
            raise TooMany
        good, raised = consistent(model, candidate)
        if good and (program.filter is None or holds(program.filter, candidate)):
            states.add(tuple(candidate.final(v) for v in program.observed))
            answers.add(holds(program.condition, candidate))
            flags |= raised
    verdict = {frozenset({True}): "Always", frozenset({False}): "Never", frozenset({True, False}): "Sometimes"}
    return states, verdict.get(frozenset(answers)), flags


def difference(text: str, model: str, automata: bool = True) -> str | None:
    """What differs between solver and brute force on this test; None if nothing. Raises TooMany."""
    program = read_litmus(text)
    states, verdict, flags = naive(program, model)
    answer = solve(program, load_model(model), Question(mode="states"), automata=automata)
    found = {tuple(s[v] for v in program.observed) for s, _ in answer.states}
    found = {s for s in found if UNDETERMINED not in s}
    if found != states:
        return f"states: solver only {found - states}, brute force only {states - found} ({program.observed})"
    determined = len(found) == len(answer.states)
    if determined and answer.verdict != verdict:
        return f"verdict: solver {answer.verdict}, brute force {verdict}"
    races = {f for f in answer.flags if f in ("data-race", "mixed-accesses")}
    if determined and model == "lkmm" and races != flags:
        return f"flags: solver {races}, brute force {flags}"
    return None


def compare(seeds: range, model: str, automata: bool = True) -> int:
    """Compare the tests of these numbers; returns how many were small enough."""
    done = 0
    for seed in seeds:
        text = random_litmus(seed)
        if model != "lkmm" and any(word in text for word in ("rcu_read", "synchronize")):
            continue
        try:
            found = difference(text, model, automata)
        except (TooMany, NotImplementedError):
            continue
        assert found is None, f"test {seed} under {model}: {found}\n{text}"
        done += 1
    return done


BATCHES = [range(i, min(i + BATCH, FIRST + COUNT)) for i in range(FIRST, FIRST + COUNT, BATCH)]


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda r: f"{r.start}-{r.stop - 1}")
@pytest.mark.parametrize("model", ["sc", "tso", "lkmm"])
def test_solver_agrees_with_brute_force(seeds: range, model: str) -> None:
    """Same states, verdict and data-race flags."""
    assert compare(seeds, model) > 0


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda r: f"{r.start}-{r.stop - 1}")
def test_what_the_solver_shows_is_a_run_with_its_dependencies(seeds: range) -> None:
    """Events, values and dependencies of every witness, for the condition, its negation and the flags."""
    shown = 0
    for seed in seeds:
        program = read_litmus(random_litmus(seed))
        answer = solve(program, load_model("lkmm"), Question(mode="verdict", witness=True))
        for execution in filter(None, (answer.witness, answer.counter, *answer.flag_witnesses.values())):
            found = mismatch(program, execution)
            assert found is None, f"test {seed}: {found}\n{random_litmus(seed)}"
            shown += 1
    assert shown > 0


@pytest.mark.parametrize("seeds", BATCHES[:3], ids=lambda r: f"{r.start}-{r.stop - 1}")
def test_rules_without_automata_agree_with_brute_force(seeds: range) -> None:
    """The other encoding of path expressions, too."""
    assert compare(seeds, "lkmm", automata=False) > 0


@pytest.mark.parametrize("seeds", few(range(i, i + 20) for i in range(0, 60, 20)), ids=lambda r: f"{r.start}-{r.stop - 1}")
def test_interchangeable_threads_change_nothing(seeds: range) -> None:
    """Threads with equal code, on which the solver breaks symmetry."""
    done = 0
    for seed in seeds:
        for model in ("sc", "lkmm"):
            with contextlib.suppress(TooMany, NotImplementedError):
                text = twins(seed)
                found = difference(text, model)
                assert found is None, f"twins {seed} under {model}: {found}\n{text}"
                done += 1
    assert done > 0


@pytest.mark.parametrize("seeds", BATCHES[:3], ids=lambda r: f"{r.start}-{r.stop - 1}")
def test_copies_for_each_thread_agree_with_brute_force(seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restricted paths as copies of the automaton, however few their pairs."""
    monkeypatch.setattr("smpcheck.solver.automata.FEW_PAIRS", 0)
    assert compare(seeds, "lkmm") > 0
