"""docs/mm.md's tables are what the program says."""

from __future__ import annotations

import re
from random import Random

import pytest

from smpcheck.mm.check import INVARIANTS, Case, Checker
from smpcheck.mm.scenarios import SCENARIOS, WIDER
from smpcheck.mm.variants import VARIANTS, find_variant
from tests.mm import cells
from tests.mm.cells import Row, answer_of, drawn, load, said, with_tables

KNOWN = load()
PAGE = cells.PAGE.read_text("utf-8")
PLAIN = [Case(row.scenario, find_variant(v), row.model, row.flags) for row in KNOWN if row.model == "sc" for v in KNOWN[row]]
WEAK = [Case(row.scenario, find_variant(v), row.model, row.flags) for row in KNOWN if row.model != "sc" for v in KNOWN[row]]
SMALL = [case for case in PLAIN if case.scenario.count("_") == 1 and case.scenario not in WIDER]

OF_THE_TREE = Random(sum(path.stat().st_size for path in (cells.PAGE.parent.parent / "src/smpcheck/mm").glob("*.py")))
"""Draws other cells when the model has changed."""


def told(checker: Checker, case: Case) -> tuple[str, str, str, str, str | None]:
    return case.model, case.flags, case.scenario, case.variant.name, said(checker.answer(case))


def kept(case: Case) -> tuple[str, str, str, str, str | None]:
    return case.model, case.flags, case.scenario, case.variant.name, KNOWN[cells.row_of(case)][case.variant.name]


def test_the_page_s_tables_are_the_cells_that_are_kept() -> None:
    """If not: python -m tests.mm.cells draw"""
    assert with_tables(PAGE, KNOWN) == PAGE
    assert len(cells.BLOCK.findall(PAGE)) >= 2


def test_cells_that_are_drawn_are_what_the_program_says() -> None:
    """If not: python -m tests.mm.cells compute --again"""
    checker = Checker()
    for case in OF_THE_TREE.sample(SMALL, 2):
        assert told(checker, case) == kept(case)


def is_usual(case: Case) -> bool:
    return case.flags == "one-word" and case.scenario not in WIDER


USUAL = [case for case in PLAIN if is_usual(case)]
OTHER = [case for case in PLAIN if not is_usual(case)]


@pytest.mark.slow
def test_every_cell_of_the_usual_table_is_what_the_program_says() -> None:
    checker = Checker(deadline=300)
    assert [told(checker, case) for case in USUAL] == [kept(case) for case in USUAL]


@pytest.mark.slow
def test_cells_of_wider_scenarios_and_other_layouts_are_what_the_program_says() -> None:
    """All of them: python -m tests.mm.cells compute --again"""
    checker = Checker(deadline=300)
    for case in OF_THE_TREE.sample(OTHER, min(len(OTHER), 200)):
        assert told(checker, case) == kept(case)


@pytest.mark.slow
def test_cells_under_a_weak_model_are_what_the_program_says() -> None:
    checker = Checker(deadline=300)
    for case in OF_THE_TREE.sample(WEAK, min(len(WEAK), 30)):
        assert told(checker, case) == kept(case)


def test_the_usual_table_is_whole() -> None:
    assert {row.scenario for row in KNOWN if row[:2] == ("sc", "one-word")} >= {*SCENARIOS}
    assert all(set(KNOWN[Row("sc", "one-word", scenario)]) == set(VARIANTS) for scenario in SCENARIOS)


def test_what_is_said_to_hold_everywhere_does() -> None:
    listed = re.search(r"^- (I2, .*?) hold in all cells", PAGE, re.M)
    assert listed is not None
    failing = {name for case in PLAIN for name in re.findall(r"I\d+", kept(case)[4] or "")}
    assert set(re.findall(r"I\d+", listed[1])) == set(INVARIANTS) - failing - {"I14"}


@pytest.mark.parametrize("text", ["holds", "FAILS I1", "FAILS I3 I13 I10?", "undecided", "undecided I2? I5?"])
def test_a_cell_s_text_says_all_of_its_answer(text: str) -> None:
    assert said(answer_of(Case("truncate_mlock", VARIANTS["V4"]), text)) == text


def test_rows_that_differ_from_the_usual_ones_can_be_drawn_alone() -> None:
    known = {
        Row("sc", "one-word", "truncate_mlock"): {"V4": "holds"},
        Row("sc", "one-word", "munlock_putback"): {"V4": "holds"},
        Row("lkmm", "separate", "truncate_mlock"): {"V4": "holds"},
        Row("lkmm", "separate", "munlock_putback"): {"V4": "FAILS I3"},
    }
    text = drawn("lkmm separate where it differs", known)
    assert "munlock_putback" in text and "truncate_mlock  " not in text
    assert "\nas under sc" not in text and "computed in part, and as under sc: truncate_mlock\n" in text
    assert "truncate_mlock" in drawn("lkmm separate", known)
    del known[Row("lkmm", "separate", "munlock_putback")]
    assert drawn("lkmm separate where it differs", known).startswith("under lkmm, page flags separate: no cell is another than")
