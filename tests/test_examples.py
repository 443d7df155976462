"""The tour in examples/: each file's own Result: comment is what comes out, and each has a reason written down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import smpcheck

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.litmus"))
RAISED = {
    "20-RACE": ("data-race",),
    "44-LOCKREF": ("mixed-lock-accesses",),
    "45-BITFIELDS": ("data-race",),
    "46-TORN": ("data-race",),
}
"""What the model flags."""


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 40


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_comment_is_true(path: Path) -> None:
    result = smpcheck.check(path)
    assert result.status == "ok", result.message
    assert result.expected is not None
    assert result.verdict == result.expected
    assert result.flags == RAISED.get(path.stem, ())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_there_is_a_paragraph_of_why(path: Path) -> None:
    comment = re.search(r"\(\*(.*?)\*\)", path.read_text(), re.DOTALL)
    assert comment
    reason = comment.group(1).split("Result:")[1].split("\n", 1)[1].replace("*", " ").split()
    assert len(reason) >= 10


@pytest.mark.parametrize("path", [path for path in EXAMPLES if "RCU" not in path.name], ids=lambda path: path.stem)
def test_under_sc_only_interleavings_remain(path: Path) -> None:
    """Whatever sc allows, the kernel's model allows: it is weaker (but for grace periods, of which sc knows nothing)."""
    strong, weak = smpcheck.check(path, model="sc"), smpcheck.check(path)
    assert strong.status == "ok", strong.message
    rows = [dict(row) for row in weak.states]
    assert all(dict(row) in rows for row in strong.states)


def test_the_table_of_the_readme_is_that_of_the_files() -> None:
    text = (EXAMPLES[0].parent / "README.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if re.match(r"\| \d\d(, \d\d)? \|", line)
    ]
    for files, *_, outcome in [row for row in rows if len(row) == 5]:
        for number in files.split(", "):
            (path,) = [path for path in EXAMPLES if path.name.startswith(f"{number}-")]
            assert f"Result: {outcome}" in path.read_text()
