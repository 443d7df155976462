"""The kernel's own litmus tests: what their authors say of them, what its model says, and what ours says are one thing.

All of them were compared with herd7 7.58 as well, verdicts, final states and flags, under each tree's own model.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import smpcheck
from smpcheck.questions.result import Result
from tests import kernel

TESTS = [(version, path) for version in kernel.VERSIONS for path in kernel.litmus_tests(version)]


@cache
def checked(path: Path, model: str) -> Result:
    return smpcheck.check(str(path), model=model)


@pytest.mark.parametrize("version", kernel.VERSIONS)
def test_there_are_litmus_tests_to_compare(version: str) -> None:
    kernel.needed(version)
    assert len(kernel.litmus_tests(version)) >= {"6.1": 38, "6.12": 47}[version] or "lkmm" in str(kernel.tree(version))


@pytest.mark.parametrize(("version", "path"), TESTS, ids=[f"{version}/{path.stem}" for version, path in TESTS])
def test_the_author_the_kernels_model_and_ours_agree(version: str, path: Path) -> None:
    ours, theirs = checked(path, "lkmm"), checked(path, kernel.model(version))
    assert ours.disagreement is None and theirs.disagreement is None
    assert (ours.status, ours.observation, ours.states) == (theirs.status, theirs.observation, theirs.states)
    assert ours.status == "ok" or ours.announced
