"""Accesses of several sizes to one place: the solver, on pieces, agrees with the brute-force enumerator, on bytes.

SMPCHECK_RANDOM=N compares N programs instead of a few; SMPCHECK_RANDOM_FIRST is the first one's number.
"""

from __future__ import annotations

import os

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.program.pieces import cut
from smpcheck.program.values import UNDETERMINED, Value
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.naive.enumerate import executions, holds
from tests.naive.mixed import random_mixed
from tests.naive.models import consistent
from tests.rows import few

COUNT = int(os.environ.get("SMPCHECK_RANDOM", "24"))
FIRST = int(os.environ.get("SMPCHECK_RANDOM_FIRST", "0"))
MODELS = ("sc", "tso", "lkmm")
MAX_CANDIDATES = 4000

Found = tuple[set[tuple[Value, ...]], set[bool], set[str]]
"""Final states, the values of the condition, flags."""


def by_force(program: ir.Program) -> dict[str, Found] | None:
    """What each model allows; None where there is too much."""
    found: dict[str, Found] = {model: (set(), set(), set()) for model in MODELS}
    try:
        for number, candidate in enumerate(executions(program, mixed=True)):
            if number > MAX_CANDIDATES:
                return None
            state = tuple(candidate.final(v) for v in program.observed)
            for model in MODELS:
                good, flags = consistent(model, candidate)
                if good:
                    found[model][0].add(state)
                    found[model][1].add(holds(program.condition, candidate))
                    found[model][2].update(flags)
    except NotImplementedError:
        return None
    return found


def by_solver(program: ir.Program, model: str) -> Found | None:
    """What the solver finds; None where values justify each other, of which brute force knows nothing."""
    answer = solve(program, load_model(model), Question(mode="states"))
    states = {tuple(s[v] for v in program.observed) for s, _ in answer.states}
    if any(UNDETERMINED in state for state in states):
        return None
    holds = {"Always": {True}, "Never": {False}, "Sometimes": {True, False}, None: set()}[answer.verdict]
    return states, holds, {f for f in answer.flags if f in ("data-race", "mixed-accesses")}


@pytest.mark.parametrize("first", few(range(FIRST, FIRST + COUNT, 12)))
def test_solver_agrees_with_brute_force(first: int) -> None:
    compared = 0
    for seed in range(first, first + 12):
        program = random_mixed(seed, computed=seed % 4 == 1)
        expected = by_force(program)
        if expected is None:
            continue
        pieces = cut(program)
        for model in MODELS:
            found = by_solver(pieces, model)
            if found is not None:
                states, verdicts, flags = expected[model]
                if model != "lkmm":
                    flags = found[2]
                assert found == (states, verdicts, flags), f"program {seed} under {model}: {program}"
                compared += 1
    assert compared
