"""Single steps of the model that were once otherwise than in the kernel: a few lines by one thread, or the locks around one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from smpcheck.mm.check import Case, Checker, program_of
from smpcheck.mm.claims import alone
from smpcheck.mm.variants import find_variant

CHECKER = Checker()

HEAD = """
from smpcheck.kernel import *
from smpcheck.mm.memory import zap_page_range
from smpcheck.mm.mlock import munlock_vma_page
from smpcheck.mm.mlock_pagevec import mlock_page
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_alloc import free_pages_check
from smpcheck.mm.page_flags import *
from smpcheck.mm.scenarios import COPY, FILE, MLOCKED, mlock, store, world
from smpcheck.mm.swap import lru_add_drain, lru_cache_add_lru
from smpcheck.mm.vmscan import isolate_lru_page, shrink_page
"""


def failed(folder: Path, variant: str, body: str, setup: str = "world(s, COPY, locked=False)", args: str = "s.P") -> set[str]:
    """What fails of one thread that does ``body`` on a page P."""
    lines = "\n    ".join(body.splitlines())
    text = f"{HEAD}\n\ndef go(P: page, vma: vm_area_struct) -> None:\n    {lines}\n\n"
    text += f"@scenario\ndef alone(s: Setup) -> None:\n    {setup}\n    s.thread(go, {args}, s.vma)\n"
    file = folder / f"alone{len(list(folder.iterdir()))}.py"
    file.write_text(text, "utf-8")
    return set(CHECKER.answer(Case("alone", find_variant(variant), file=str(file))).failed)


@cache
def steps(scenario: str, variant: str) -> list[str]:
    return [event.text for event in alone(scenario, variant).trace.events]


def test_rmap_munlocks_where_vm_locked_is_set_though_mlock_is_still_walking(tmp_path: Path) -> None:
    """3 (a): page_remove_rmap of 5.18 asks VM_LOCKED alone."""
    body = "zap_page_range(vma.vm_file, vma, 0, 1, True, True)\nlru_add_drain()\ncheck('munlocked', not PageMlocked(P))"
    setup = "world(s, COPY, locked=True, at=MLOCKED); s.P._count = 2; s.vma.vm_flags = VM_LOCKED | VM_SPECIAL"
    assert failed(tmp_path, "V10", body, setup) == set()


@pytest.mark.parametrize(("variant", "shared"), [("V5", False), ("V6", True)])
def test_mlock_brings_pages_in_with_mmap_sem_shared_since_2_6_38(variant: str, shared: bool) -> None:
    """3 (d)."""
    found = steps("alone_mlock", variant)
    at = found.index("TestSetPageMlocked(page)")
    assert ("down_read(mm.mmap_sem)" in found[:at]) == shared


def test_a_drain_mlocks_what_waits_to_be_mlocked(tmp_path: Path) -> None:
    """3 (e)."""
    body = "mlock_page(P)\ncheck('waits', not PageUnevictable(P))\nlru_add_drain()\ncheck('mlocked', PageUnevictable(P))"
    assert failed(tmp_path, "V10", body) == set()


@pytest.mark.parametrize(("variant", "shared"), [("V9", False), ("V10", True)])
def test_i_mmap_lock_is_shared_by_truncation_and_reclaim_in_v10(variant: str, shared: bool) -> None:
    """3 (e)."""
    program = program_of(Case("truncate_reclaim_file", find_variant(variant)))
    for thread in program.threads[:2]:
        assert ("down_read(mapping.i_mmap_rwsem)" in repr(thread.body)) == shared
        assert ("spin_lock(mapping.i_mmap_lock)" in repr(thread.body)) != shared


def test_a_page_lock_that_is_missing_is_seen_at_once(tmp_path: Path) -> None:
    """3 (f)."""
    assert "BUG_ON" in " ".join(failed(tmp_path, "V4", "munlock_vma_page(P)"))


@pytest.mark.parametrize("broken", ["mapping = s.mapping", "_mapcount = 0"])
def test_a_page_is_freed_with_neither_a_mapping_nor_ptes(tmp_path: Path, broken: str) -> None:
    """3 (f): free_pages_check."""
    setup = "world(s, COPY, locked=False); s.P.flags, s.P._count, s.P.mapping, s.P._mapcount = 0, 0, NULL, -1; s.P."
    assert failed(tmp_path, "V4", "free_pages_check(P)", setup + broken) == {"I7"}
    assert failed(tmp_path, "V4", "free_pages_check(P)", setup + "flags = 0") == set()


@pytest.mark.parametrize(("variant", "before"), [("V4", False), ("V8", True)])
def test_until_3_10_pg_active_is_set_when_the_pagevec_is_drained(tmp_path: Path, variant: str, before: bool) -> None:
    """3 (g)."""
    body = (
        "ClearPageActive(P)\nisolate_lru_page(P)\nlru_cache_add_lru(P, True)\n"
        f"check('before', PageActive(P) == {before})\nlru_add_drain()\ncheck('after', PageActive(P))"
    )
    assert failed(tmp_path, variant, body) == set()


@pytest.mark.parametrize(
    ("setup", "left"),
    [
        ("world(s, COPY, locked=False)", "vma.page_table.pte == P"),
        ("world(s, COPY, locked=False, swap=True)", "vma.page_table.pte == P | PTE_SWAP"),
        ("world(s, FILE, locked=False)", "vma.page_table.pte == NULL"),
    ],
)
def test_reclaim_unmaps_an_anonymous_page_if_there_is_swap_space_and_a_file_s_page_always(
    tmp_path: Path, setup: str, left: str
) -> None:
    """3 (h)."""
    assert failed(tmp_path, "V4", f"shrink_page(P)\ncheck('pte', {left})", setup) == set()


def test_a_store_to_a_page_that_a_fork_has_shared_copies_it(tmp_path: Path) -> None:
    """3 (i)."""
    setup = "world(s, COPY, locked=False, twice=True, faults=(0,))"
    body = "store(vma)\ncheck('a copy', vma.page_table.pte != P and page_mapcount(P) == 1)"
    assert failed(tmp_path, "V4", body, setup) == set()
