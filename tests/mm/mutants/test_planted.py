"""The whole model, planted with bugs: slow, and a run of its own (``pytest -m slow tests/mm/mutants``).

All mutants take hours (``python -m tests.mm.mutants``). This takes the bugs that were once planted by hand, and of all others as
many, in random order, as `SMPCHECK_MUTANTS_SECONDS` seconds are enough for.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter

import pytest

from tests.mm.mutants.__main__ import summary, verdict_of
from tests.mm.mutants.hunt import MAX_CELLS, all_mutants, table
from tests.mm.mutants.named import EQUIVALENT, HARMLESS, NAMED

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("SMPCHECK_MUTANTS_SECONDS", "300"))
SEED = int(os.environ.get("SMPCHECK_MUTANTS_SEED", "0"))

SCENARIOS = (
    "munlock_drain", "munlock_munlock", "shm_unlock_drain", "truncate_munlock", "truncate_reclaim", "truncate_swapin",
    "truncate_cow", "truncate_fault", "munlock_reclaim", "mlock_reclaim", "truncate_lazy_munlock", "munlock_lazy_reclaim",
    "munmap_reclaim",
)  # fmt: skip
"""Between them they enter every function, and each takes a second."""

FLOOR = 0.5
"""Of the mutants that change any final state, at least so many are killed. The aim is 0.9."""


@pytest.mark.parametrize(("bug", "variant", "name"), NAMED, ids=[f"{variant}: {bug}" for bug, variant, _ in NAMED])
def test_a_bug_that_once_passed_is_noticed_or_is_none(bug: str, variant: str, name: str) -> None:
    cells = table((variant,), SCENARIOS)
    found = [mutant for mutant in all_mutants(cells) if re.search(name, mutant.name)]
    assert found, f"the model has no such step any more: {name}"
    outcomes = {verdict_of(mutant, cells, len(SCENARIOS)).outcome for mutant in found}
    expected = "equivalent" if (bug, variant) in EQUIVALENT else "hole" if (bug, variant) in HARMLESS else "killed"
    assert expected in outcomes


def test_of_any_bugs_most_are_noticed() -> None:
    ends = time.monotonic() + SECONDS
    cells = table(("V10", "V8", "V4"), SCENARIOS)
    chosen = all_mutants(cells)
    random.Random(SEED).shuffle(chosen)
    counts: Counter[str] = Counter()
    for mutant in chosen:
        if time.monotonic() > ends:
            break
        verdict = verdict_of(mutant, cells, MAX_CELLS)
        counts[verdict.outcome] += 1
        if verdict.outcome == "hole":
            print(f"{verdict.mutant.name}  [{verdict.how}]")
    print(summary(counts))
    assert counts["killed"] >= FLOOR * (counts["killed"] + counts["hole"])
