"""The sample of planted bugs that docs/planted-bugs.md tells of."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from random import Random

import pytest

from smpcheck.mm import mlock
from tests.mm.mutants.__main__ import verdict_of
from tests.mm.mutants.generator import mutants
from tests.mm.mutants.hunt import NOT_THE_SYSTEM, all_mutants
from tests.mm.mutants.hunt import table as cells_of
from tests.mm.mutants.sample import MOST, REASONS, VARIANTS, counts, sample, table
from tests.optional import the

PAGE = (Path(__file__).parents[3] / "docs" / "planted-bugs.md").read_text("utf-8")
MM = (Path(__file__).parents[3] / "docs" / "mm.md").read_text("utf-8")
ASKED_AGAIN = 8
STILL_THERE = 0.9


def names_of_the_model() -> set[str]:
    found = set()
    for path in Path(the(mlock.__file__)).parent.glob("*.py"):
        if path.stem not in NOT_THE_SYSTEM:
            text = path.read_text("utf-8")
            functions = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
            found |= {mutant.name for mutant in mutants(str(path), text, functions)}
    return found


def test_the_sample_is_of_the_model_s_mutants() -> None:
    """If not, the model has changed so much that another sample is due."""
    names = [judged.name for judged in sample()]
    assert len(names) == len(set(names)) == 200
    assert len(names_of_the_model().intersection(names)) >= STILL_THERE * len(names)


def test_each_hole_has_its_reason() -> None:
    assert {judged.name for judged in sample() if judged.outcome == "hole"} == set(REASONS)


def test_the_page_says_what_the_sample_says() -> None:
    found = counts()
    killed, holes = found["killed"], found["hole"]
    assert f"{killed} were killed, {found['equivalent']} are equivalent, {holes} are holes, and {found['not asked']} were" in PAGE
    assert f"{killed} of {killed + holes}, {killed / (killed + holes):.0%}" in re.sub(r"\s+", " ", PAGE)
    assert killed >= 0.9 * (killed + holes)
    assert table() in PAGE
    assert f"of 200 drawn at random {killed + holes} change what can happen, and {killed} of these break an invariant" in MM


@pytest.mark.slow
def test_the_tool_says_so_still() -> None:
    cells = cells_of(VARIANTS)
    judged = {each.name: each for each in sample()}
    there = [mutant for mutant in all_mutants(cells) if mutant.name in judged and judged[mutant.name].outcome != "not asked"]
    for mutant in Random(len(there)).sample(there, ASKED_AGAIN):
        assert verdict_of(mutant, cells, MOST).outcome == judged[mutant.name].outcome, mutant.name
