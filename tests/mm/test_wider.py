"""More operations, and two pages: what fails is what fails of the operations that they stand beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.errors import InputError
from smpcheck.mm.check import Case, Checker, cases, program_of
from smpcheck.mm.meeting_points import MEETING_POINTS, shared_between_pages
from smpcheck.mm.scenarios import SCENARIOS, WIDER
from smpcheck.mm.variants import VARIANTS, find_variant

CHECKER = Checker()
"""Asked in turn, so that threads that cells share are compiled once."""


@pytest.mark.parametrize(
    ("scenario", "variant", "failed"),
    [
        # V4 frees private copies with PG_mlocked, by whatever they are unmapped for good
        ("truncate_fork", "V4", {"I1"}),
        pytest.param("truncate_fork", "V10", set(), marks=pytest.mark.slow),
        ("truncate_exit", "V4", {"I1"}),
        pytest.param("truncate_exit", "V10", set(), marks=pytest.mark.slow),
        ("exit_reclaim", "V10", set()),
        pytest.param("fork_reclaim", "V4", set(), marks=pytest.mark.slow),
        ("truncate_load", "V4", set()),
        pytest.param("load_reclaim", "V10", set(), marks=pytest.mark.slow),
        ("truncate_mmap_locked", "V4", {"I1"}),
        pytest.param("mmap_locked_reclaim", "V10", set(), marks=pytest.mark.slow),
        ("truncate_mprotect", "V10", set()),
        pytest.param("mprotect_reclaim", "V4", set(), marks=pytest.mark.slow),
        ("punch_fault", "V4", {"I1"}),
        # V10 frees with the flag, and counts it, what munlock() was about to come to
        ("punch_munlock", "V4", set()),
        ("punch_munlock", "V10", {"I1"}),
        ("truncate_munlock_two", "V10", {"I1"}),
        pytest.param("truncate_two_reclaim", "V10", set(), marks=pytest.mark.slow),
        # C16, of one of two pages
        ("munlock_two_reclaim", "V4", set()),
        ("munlock_two_reclaim", "V10", {"I3"}),
    ],
)
def test_what_fails(scenario: str, variant: str, failed: set[str]) -> None:
    answer = CHECKER.answer(Case(scenario, find_variant(variant)))
    assert (set(answer.failed), answer.undecided) == (failed, {})


def test_hole_punching_unmaps_twice_until_private_copies_stay() -> None:
    def passes(variant: str) -> int:
        return repr(program_of(Case("punch_fault", VARIANTS[variant])).threads[0].body).count("spin_lock(mapping.i_mmap_lock)")

    assert passes("V6") == passes("V7") + 1


def test_they_are_in_the_table_on_request() -> None:
    assert len(cases(wider=True)) - len(cases()) == len(WIDER) * len(VARIANTS)
    assert not WIDER.keys() & SCENARIOS.keys()


def test_two_pages_share_a_page_table_of_two() -> None:
    program = program_of(Case("truncate_munlock_two", VARIANTS["V4"]))
    names = {cell.name: address for address, cell in program.cells.items()}
    assert names["table[1].pte"].base == names["table[0].pte"].base
    assert "pte.pte" not in names  # no second copy of what the vma points to


@pytest.mark.parametrize(("variant", "more"), [("V2", ()), ("V4", ("truncate_break_split",)), ("V10", ("munlock_two_migrate",))])
def test_pages_meet_in_known_cells_only(variant: str, more: tuple[str, ...]) -> None:
    met: set[str] = set()
    for scenario in ("truncate_mlock_two", "munlock_two_reclaim", *more):
        met |= shared_between_pages(program_of(Case(scenario, VARIANTS[variant]), ghosts=True))
    assert {"zone.lru_lock", "mm.mmap_sem", "vma.anon_vma"} <= met <= MEETING_POINTS.keys()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("'swaped', locked=False", "mapped is 'swaped': choose from copy, swapped, file"),
        ("COPY, locked=False, at='lost'", "at is 'lost': choose from active, mlocked"),
        ("FILE, locked=False, pages=2", "two pages are private copies"),
        ("COPY, locked=False, pages=3", "pages is 3: choose from 1, 2"),
    ],
)
def test_a_world_that_there_is_not_is_refused(tmp_path: Path, arguments: str, words: str) -> None:
    file = tmp_path / "world.py"
    file.write_text(
        "from smpcheck.kernel import *\nfrom smpcheck.mm.scenarios import *\nfrom smpcheck.mm.scenarios import world\n\n\n"
        f"@scenario\ndef none(s: Setup) -> None:\n    world(s, {arguments})\n",
        "utf-8",
    )
    with pytest.raises(InputError, match=words):
        CHECKER.answer(Case("none", find_variant("V4"), file=str(file)))
