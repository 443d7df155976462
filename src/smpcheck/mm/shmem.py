"""SHM_UNLOCK: a whole mapping becomes evictable again (mm/shmem.c, and scan_mapping_unevictable_pages of mm/vmscan.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import *
from smpcheck.mm.variants import V


def shmem_unlock(mapping: address_space, page: page) -> None:
    """shmem_lock(file, 0) for a mapping with one page: clear AS_UNEVICTABLE, which orders nothing, then look at the page."""
    count(SHM_UNLOCKED, 1)
    clear_bit(AS_UNEVICTABLE, mapping.flags)
    scan_mapping_unevictable_page(page)


def scan_mapping_unevictable_page(page: page) -> None:
    """Under lru_lock, which is taken for every page: what is on the unevictable list without a reason is moved.

    Since 5.11 whoever clears PG_lru has the page, and lru_lock is taken after that (V10).
    """
    zone = page_zone(page)
    if V.mlock_count:
        isolated = TestClearPageLRU(page)
        if isolated or V.scan_retries:
            spin_lock(zone.lru_lock)
        if V.scan_retries and not isolated:
            isolated = TestClearPageLRU(page)
        if isolated:
            if page_evictable(page) and PageUnevictable(page):
                move_to_evictable_list(page)
            SetPageLRU(page)
        if isolated or V.scan_retries:
            spin_unlock(zone.lru_lock)
        count(PGSCANNED, 1)
        return
    spin_lock(zone.lru_lock)
    if PageLRU(page) and PageUnevictable(page):
        check_move_unevictable_page(page)
    spin_unlock(zone.lru_lock)
    count(PGSCANNED, 1)


def check_move_unevictable_page(page: page) -> None:
    """Under lru_lock. The kernel tries again if the page becomes evictable meanwhile; munlock would have moved it then."""
    if page_evictable(page):
        move_to_evictable_list(page)


def move_to_evictable_list(page: page) -> None:
    """Under lru_lock."""
    lru_del(page)
    ClearPageUnevictable(page)
    add_page_to_lru_list(page, page_lru_base_type(page))
    count(PGRESCUED, 1)
