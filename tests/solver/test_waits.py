"""Waits are decided, and as brute force says, which follows every round: states, flags, and whether a thread can wait for ever.

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
from tests.naive.generate import waiting_litmus
from tests.naive.models import consistent
from tests.rows import few
from tests.solver.test_against_naive import TooMany, naive

COUNT = int(os.environ.get("SMPCHECK_RANDOM", "24"))
FIRST = int(os.environ.get("SMPCHECK_RANDOM_FIRST", "0"))
MAX_CANDIDATES = 3000
BATCH = 12


def stops(program: ir.Program, model: str) -> set[str]:
    """The ways in which threads wait for ever, by brute force."""
    found: set[str] = set()
    for number, candidate in enumerate(executions(program, stopped=True)):
        if number > MAX_CANDIDATES:
            raise TooMany
        if not candidate.faults and candidate.waits_for_ever() and consistent(model, candidate)[0]:
            locks = all(len(ids) == 1 and "LKR" in candidate.events[ids[0]].tags for ids in candidate.stuck.values())
            found.add("deadlock" if locks else "non-termination")
    return found


def difference(text: str, model: str) -> str | None:
    """What differs between solver and brute force on this test; None if nothing. Raises TooMany."""
    program = read_litmus(text)
    states, _, flags = naive(program, model)
    answer = solve(program, load_model(model), Question(mode="states"))
    found = {tuple(s[v] for v in program.observed) for s, _ in answer.states}
    if any(UNDETERMINED in state for state in found):
        raise TooMany
    if answer.status == "bound":
        return f"states beyond the bound: {found - states}" if found - states else None
    if found != states:
        return f"states: solver only {found - states}, brute force only {states - found} ({program.observed})"
    races = {f for f in answer.flags if f in ("data-race", "mixed-accesses")}
    if model == "lkmm" and races != flags:
        return f"flags: solver {races}, brute force {flags}"
    ends = solve(program, load_model(model), Question(mode="stops", stops=True, flags=False))
    expected = stops(program, model)
    return f"stops: solver {set(ends.failed)}, brute force {expected}" if set(ends.failed) != expected else None


BATCHES = [range(i, min(i + BATCH, FIRST + COUNT)) for i in range(FIRST, FIRST + COUNT, BATCH)]


@pytest.mark.parametrize("seeds", few(BATCHES), ids=lambda r: f"{r.start}-{r.stop - 1}")
@pytest.mark.parametrize("model", ["sc", "tso", "lkmm"])
def test_waits_agree_with_brute_force(seeds: range, model: str) -> None:
    """Same states, flags and ways to wait for ever."""
    done = 0
    for seed in seeds:
        text = waiting_litmus(seed)
        with contextlib.suppress(TooMany, NotImplementedError):
            found = difference(text, model)
            assert found is None, f"test {seed} under {model}: {found}\n{text}"
            done += 1
    assert done > 0
