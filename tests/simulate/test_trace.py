"""A run as an execution: the program can do it, and with just these dependencies."""

from __future__ import annotations

import pytest

from smpcheck.errors import UnsupportedError
from smpcheck.readers.litmus import read_litmus
from smpcheck.simulate import simulate
from tests.naive.generate import random_litmus
from tests.naive.replay import mismatch
from tests.rows import few

BATCHES = [range(first, first + 40) for first in range(0, 200, 40)]


@pytest.mark.parametrize("seeds", few(BATCHES, 2), ids=lambda r: f"{r.start}-{r.stop - 1}")
def test_events_values_and_dependencies_of_random_runs(seeds: range) -> None:
    done = 0
    for seed in seeds:
        program = read_litmus(random_litmus(seed))
        try:
            result = simulate(program, "random", seed)
        except UnsupportedError:
            continue
        if result.status == "finished":
            found = mismatch(program, result.execution())
            assert found is None, f"test {seed}: {found}\n{random_litmus(seed)}"
            done += 1
    assert done > 0
