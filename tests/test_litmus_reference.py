"""The public library of kernel litmus tests: our answers are herd7's, in verdict, flags, states and their order.

A sample, drawn by a hash of the file name so that it is always the same; ``SMPCHECK_ALL_LITMUS=1`` takes all of them.
"""

from __future__ import annotations

import os
import zlib
from functools import lru_cache

import pytest

import smpcheck
from bench.litmus import run
from bench.reference import EXPLAINED, LIBRARY, Reference, load
from smpcheck.batch.pool import available_cores
from smpcheck.questions.result import Result
from tests import kernel

ALL = bool(os.environ.get("SMPCHECK_ALL_LITMUS"))
ONE_OF = 10
SECONDS = 10.0

REFERENCES = [
    reference for reference in load() if ALL or reference.explained or zlib.crc32(reference.file.encode()) % ONE_OF == 0
]
OF_EDITION = [r for r in load(explained=False) if r.file in EXPLAINED and "6.1" in EXPLAINED[r.file][0]]

pytestmark = pytest.mark.skipif(not REFERENCES, reason=f"no reference library at {LIBRARY} (SMPCHECK_LITMUS names another place)")


@lru_cache(maxsize=1)
def results() -> dict[str, Result]:
    """All answers at once, by file."""
    return {reference.file: result for reference, result in run(REFERENCES, "lkmm", available_cores(), SECONDS)}


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.file)
def test_agrees(reference: Reference) -> None:
    assert reference.disagreement(results()[reference.file]) is None


@pytest.mark.parametrize("reference", OF_EDITION, ids=lambda reference: reference.file)
def test_differences_of_edition_vanish_under_the_old_model(reference: Reference) -> None:
    result = smpcheck.check(reference.path, model=kernel.model("6.1"))
    assert reference.disagreement(result) is None
