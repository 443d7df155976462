"""Null pointers that can be dereferenced, as brute force finds them: a thread stops there, and what it did before is done.

SMPCHECK_RANDOM=N compares N programs instead of some dozens; SMPCHECK_RANDOM_FIRST is the first one's number.
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
from tests.naive.enumerate import executions
from tests.naive.generate import null_litmus
from tests.naive.models import consistent
from tests.solver.test_against_naive import TooMany, naive

COUNT = int(os.environ.get("SMPCHECK_RANDOM", "36"))
FIRST = int(os.environ.get("SMPCHECK_RANDOM_FIRST", "0"))
MAX_CANDIDATES = 3000


def faults(program: ir.Program, model: str) -> set[str]:
    """The faults that can happen, by brute force."""
    found: set[str] = set()
    for number, candidate in enumerate(executions(program, stopped=True)):
        if number > MAX_CANDIDATES:
            raise TooMany
        if not candidate.faults <= found and consistent(model, candidate)[0]:
            found |= candidate.faults
    return found


def difference(text: str, model: str) -> str | None:
    """What differs between solver and brute force on this test; None if nothing. Raises TooMany."""
    program = read_litmus(text)
    expected = faults(program, model)
    answer = solve(program, load_model(model), Question(mode="stops", stops=True, flags=False))
    if set(answer.failed) != expected:
        return f"faults: solver {set(answer.failed)}, brute force {expected}"
    states, _, _ = naive(program, model)
    found = {tuple(s[v] for v in program.observed) for s, _ in solve(program, load_model(model)).states}
    if any(UNDETERMINED in state for state in found):
        raise TooMany
    return f"states: solver only {found - states}, brute force only {states - found}" if found != states else None


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, 12))
@pytest.mark.parametrize("model", ["sc", "tso", "lkmm"])
def test_null_dereferences_agree_with_brute_force(first: int, model: str) -> None:
    done = 0
    for seed in range(first, min(first + 12, FIRST + COUNT)):
        text = null_litmus(seed)
        with contextlib.suppress(TooMany, NotImplementedError):
            found = difference(text, model)
            assert found is None, f"test {seed} under {model}: {found}\n{text}"
            done += 1
    assert done > 0
