"""Vmas that are split, truncation that lets go of its lock on the way, and drains of other CPUs."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.mm.check import Case, Checker
from smpcheck.mm.variants import find_variant

CHECKER = Checker()


@pytest.mark.parametrize(
    ("scenario", "variant", "failed"),
    [
        # C16's first way is closed by a drain of all CPUs
        ("munlock_drain_all", "V10", set()),
        ("migrate_drain_all", "V10", set()),
        # mlock() of a part comes in between, as mlock() of the whole does
        ("truncate_mlock_part", "V4", {"I1"}),
        ("munlock_part_reclaim", "V4", set()),
        pytest.param("mlock_part_reclaim", "V10", set(), marks=pytest.mark.slow),
        ("truncate_break_split", "V4", set()),
        pytest.param("truncate_break_fork", "V4", set(), marks=pytest.mark.slow),
    ],
)
def test_what_fails(scenario: str, variant: str, failed: set[str]) -> None:
    answer = CHECKER.answer(Case(scenario, find_variant(variant)))
    assert (set(answer.failed), answer.undecided) == (failed, {})


MARKED = """
from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.mmap import split_vma
from smpcheck.mm.rmap import i_mmap_lock_write, i_mmap_unlock_write
from smpcheck.mm.scenarios import COPY, ask, truncate_both, unsplit, world


def split(vma: vm_area_struct, new: vm_area_struct) -> None:
    down_write(vma.vm_mm.mmap_sem)
    split_vma(vma, new, 1, False)
    i_mmap_lock_write(vma.vm_file)
    WRITE_ONCE(new.vm_truncate_count, READ_ONCE(vma.vm_file.truncate_count))
    i_mmap_unlock_write(vma.vm_file)
    up_write(vma.vm_mm.mmap_sem)


@scenario
def marked(s: Setup) -> None:
    pages = world(s, COPY, locked=False, pages=2)
    unsplit(s, new_below=False)
    s.zone.breaks = 1
    s.thread(truncate_both, s.inode)
    s.thread(split, s.vma, s.half)
    ask(s, pages, gone="truncated")
"""


@pytest.mark.parametrize(("variant", "failed"), [("V4:first_pass=no", {"I9"}), ("V7:first_pass=no", set())])
def test_a_half_that_is_marked_as_done_stays_mapped_where_truncation_lets_go_of_its_lock(
    tmp_path: Path, variant: str, failed: set[str]
) -> None:
    file = tmp_path / "marked.py"
    file.write_text(MARKED, "utf-8")
    answer = CHECKER.answer(Case("marked", find_variant(variant), file=str(file)))
    assert set(answer.failed) == failed
