"""The public library of kernel litmus tests: our answers are herd7's, in verdict, flags, states and their order.

A sample, drawn by a hash of the file name so that it is always the same; ``SMPCHECK_ALL_LITMUS=1`` takes all of them.
"""

from __future__ import annotations

import os
import zlib
from functools import lru_cache

import pytest

from bench.reference import LIBRARY, Reference, load
from smpcheck.batch.paths import Item
from smpcheck.batch.pool import Pool, available_cores, fork_worker
from smpcheck.batch.worker import Job
from smpcheck.questions.check import CheckOptions, Result

ALL = bool(os.environ.get("SMPCHECK_ALL_LITMUS"))
ONE_OF = 10
SECONDS = 10.0

REFERENCES = [reference for reference in load() if ALL or zlib.crc32(reference.file.encode()) % ONE_OF == 0]

pytestmark = pytest.mark.skipif(not REFERENCES, reason=f"no reference library at {LIBRARY} (SMPCHECK_LITMUS names another place)")


@lru_cache(maxsize=1)
def results() -> dict[str, Result]:
    """All answers at once, by file."""
    job = Job("lkmm", CheckOptions(timeout=SECONDS))
    with Pool(job, available_cores(), fork_worker) as pool:
        items = [Item(index, str(reference.path)) for index, reference in enumerate(REFERENCES)]
        return {result.file: result for result in pool.run(items)}


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.file)
def test_agrees(reference: Reference) -> None:
    assert reference.disagreement(results()[str(reference.path)]) is None
