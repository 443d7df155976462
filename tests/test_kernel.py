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


SRCU = """C srcu
{{ p=s; }}
P0(int *x, int *y, struct srcu_struct **p) {{
	struct srcu_struct *q; struct srcu_struct *r; int i; int j; int r0; int r1;
	q = READ_ONCE(*p); r = {second};
	i = srcu_read_lock(q); {first_half} j = srcu_read_lock(r); {second_half}
}}
P1(int *x, int *y, struct srcu_struct *s) {{ WRITE_ONCE(*x, 1); synchronize_srcu(s); WRITE_ONCE(*y, 1); }}
exists (0:r0=0 /\\ 0:r1=1)
"""


@pytest.mark.parametrize(
    ("second", "first_half", "second_half", "observation", "flags"),
    [
        (
            "q", "r0 = READ_ONCE(*x); srcu_read_unlock(q, i);", "r1 = READ_ONCE(*y); srcu_read_unlock(r, j);",
            "Sometimes", (),
        ),
        (
            "READ_ONCE(*p)", "r0 = READ_ONCE(*x);", "r1 = READ_ONCE(*y); srcu_read_unlock(r, j); srcu_read_unlock(q, i);",
            "Never", (),
        ),
        (
            "READ_ONCE(*p)", "r0 = READ_ONCE(*x);", "r1 = READ_ONCE(*y); srcu_read_unlock(r, i); srcu_read_unlock(q, j);",
            "Never", ("srcu-bad-nesting",),
        ),
        ("q", "r0 = READ_ONCE(*x);", "r1 = READ_ONCE(*y); srcu_read_unlock(r, j);", "Sometimes", ("unbalanced-srcu-locking",)),
    ],
    ids=["one after the other", "nested", "the wrong cookies", "one end is missing"],
)  # fmt: skip
def test_srcu_of_6_1_where_addresses_are_computed(
    second: str, first_half: str, second_half: str, observation: str, flags: tuple[str, ...]
) -> None:
    """Its markers pair by a definition that subtracts itself, and by address: as herd7 7.58 answers."""
    source = SRCU.format(second=second, first_half=first_half, second_half=second_half)
    result = smpcheck.check(source, model=kernel.model("6.1"))
    assert (result.observation, result.flags) == (observation, flags)
