"""Who notices: on a table of two small cells."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from smpcheck.mm.check import Case
from smpcheck.readers.python.reuse import CompiledThreads
from tests.mm.mutants.generator import Mutant
from tests.mm.mutants.hunt import Cell, Verdict, all_mutants, compiled, explain, final_states, hunt, table


@cache
def cells() -> tuple[Cell, ...]:
    return table(("V10",), ("munlock_drain", "shm_unlock_drain"))


@cache
def planted() -> dict[str, Mutant]:
    return {mutant.name: mutant for mutant in all_mutants(cells())}


def hunted(name: str, predicting: bool = False) -> Verdict:
    found = [mutant for mutant in planted().values() if mutant.name.endswith(name)]
    assert len(found) == 1, [mutant.name for mutant in found]
    return hunt(found[0], cells(), predicting=predicting)


def test_the_cells_are_as_the_table_has_them() -> None:
    assert {cell.case.scenario: cell.failed for cell in cells()} == {
        "munlock_drain": frozenset({"I3"}),
        "shm_unlock_drain": frozenset({"I3"}),
    }


def states(case: Case) -> frozenset[object]:
    program = compiled(case, "no", CompiledThreads())
    return final_states(program, program.cells)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("__munlock_page: drop SetPageLRU(page) #2", "I5 fails"),
        ("__munlock_page: drop count(NR_MLOCK, -1)", "I2"),
        ("mlock_queue: drop get_page(page)", "I6"),
    ],
)
def test_a_bug_that_breaks_an_invariant_is_noticed(name: str, how: str) -> None:
    verdict = hunted(name)
    assert verdict.outcome == "killed"
    assert how in verdict.how


def test_a_failure_that_is_gone_is_noticed_too() -> None:
    assert "I3 does not fail any more" in hunted("pagevec_lru_add_fn: drop SetPageUnevictable(page)").how


def test_a_mutant_that_is_no_other_program_is_not_asked() -> None:
    some = next(iter(planted().values()))
    verdict = hunt(replace(some, text=Path(some.file).read_text("utf-8") + "\n"), cells())
    assert (verdict.outcome, verdict.cells) == ("not asked", [])


def test_a_survivor_with_the_same_final_states_is_equivalent() -> None:
    """The zone is a constant: it does not matter when it is looked up."""
    name = "__munlock_page: swap zone = page_zone(page) -> isolated = TestClearPageLRU(page)"
    assert hunted(name).outcome == "not asked"
    asked = replace(hunted(name), outcome="survives", cells=[cell.case for cell in cells()])
    assert explain(asked).outcome == "equivalent"


def test_a_survivor_with_other_final_states_is_a_hole() -> None:
    verdict = hunted("__munlock_page: drop SetPageLRU(page) #2")
    assert verdict.outcome == "killed"
    assert "other values in P.flags" in explain(verdict).how


def test_the_model_is_as_it_was_afterwards() -> None:
    case = cells()[0].case
    before = states(case)
    hunted("__munlock_page: drop SetPageLRU(page) #2")
    assert states(case) == before


def test_another_event_is_noticed_by_the_predictions_for_a_kernel() -> None:
    """PGMUNLOCKED and PGCLEARED are alike to I10, which adds them up."""
    assert hunted("__munlock_page: event count(PGMUNLOCKED, 1) -> PGCLEARED", True).how.startswith("V10: another prediction for")
