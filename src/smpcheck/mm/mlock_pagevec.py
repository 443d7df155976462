"""mlock_count, and a pagevec for all changes of PG_mlocked (mm/mlock.c since 5.18).

rmap calls mlock_page and munlock_page under the pte lock; they queue the page, and the rest happens when the queue is drained.
"""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import *
from smpcheck.mm.variants import BOUND, V

LRU_PAGE, NEW_PAGE = 1, 2
"""V10: tags of a page in mlock_pvecs."""


def mlock_queue(page: page, tag: int) -> None:
    global mlock_pvec, mlock_pvec_2
    get_page(page)
    if mlock_pvec == NULL:
        mlock_pvec = page | tag
    else:
        if PAGEVEC_DRAINS:
            mlock_drain()
        else:
            check(BOUND, mlock_pvec_2 == NULL)
        mlock_pvec_2 = page | tag


def mlock_drain() -> None:
    """mlock_page_drain_local."""
    global mlock_pvec, mlock_pvec_2
    first = mlock_pvec
    second = mlock_pvec_2
    mlock_pvec = NULL
    mlock_pvec_2 = NULL
    if first != NULL:
        mlock_pagevec(first)
    if second != NULL:
        mlock_pagevec(second)


def mlock_page(page: page) -> None:
    if not TestSetPageMlocked(page):
        count(NR_MLOCK, 1)
        count(PGMLOCKED, 1)
    mlock_queue(page, LRU_PAGE)


def mlock_new_page(page: page) -> None:
    SetPageMlocked(page)
    count(NR_MLOCK, 1)
    count(PGMLOCKED, 1)
    mlock_queue(page, NEW_PAGE)


def munlock_page(page: page) -> None:
    mlock_queue(page, 0)


def mlock_pagevec(entry: page) -> None:
    page: struct_page = cast(struct_page, entry & ~(LRU_PAGE | NEW_PAGE))
    if entry & LRU_PAGE:
        __mlock_page(page)
    elif entry & NEW_PAGE:
        __mlock_new_page(page)
    else:
        __munlock_page(page)
    put_page(page)


def __mlock_page(page: page) -> None:
    zone = page_zone(page)
    if not TestClearPageLRU(page):
        return
    spin_lock(zone.lru_lock)
    if page_evictable(page):  # munlocked before it got here
        if PageUnevictable(page):
            lru_del(page)
            ClearPageUnevictable(page)
            add_page_to_lru_list(page, page_lru_base_type(page))
            count(PGRESCUED, 1)
    elif PageUnevictable(page):
        if PageMlocked(page):
            page.mlock_count = page.mlock_count + 1
    else:
        lru_del(page)
        ClearPageActive(page)
        SetPageUnevictable(page)
        page.mlock_count = 1 if PageMlocked(page) else 0
        add_page_to_lru_list(page, LRU_UNEVICTABLE)
        count(PGCULLED, 1)
    SetPageLRU(page)
    spin_unlock(zone.lru_lock)


def __mlock_new_page(page: page) -> None:
    BUG_ON(PageLRU(page))
    zone = page_zone(page)
    spin_lock(zone.lru_lock)
    if page_evictable(page):
        lru = page_lru_base_type(page)
    else:
        lru = LRU_UNEVICTABLE
        SetPageUnevictable(page)
        page.mlock_count = 1 if PageMlocked(page) else 0
        count(PGCULLED, 1)
    add_page_to_lru_list(page, lru)
    SetPageLRU(page)
    spin_unlock(zone.lru_lock)


def __munlock_page(page: page) -> None:
    """The count is kept under lru_lock. Without PG_lru the flag is cleared without it: the last clear, if reclaim is wrong."""
    zone = page_zone(page)
    isolated = TestClearPageLRU(page)
    if isolated or V.munlock_retries:
        spin_lock(zone.lru_lock)
    if V.munlock_retries and not isolated:
        isolated = TestClearPageLRU(page)
    if isolated and PageUnevictable(page):
        mlocks = page.mlock_count
        if mlocks > 0:
            page.mlock_count = mlocks - 1
        if mlocks > 1 and (not V.munlock_rechecks or PageMlocked(page)):
            SetPageLRU(page)
            spin_unlock(zone.lru_lock)
            return
    if TestClearPageMlocked(page):
        count(NR_MLOCK, -1)
        if isolated or not PageUnevictable(page):
            count(PGMUNLOCKED, 1)
        else:
            count(PGSTRANDED, 1)
    if isolated:
        if PageUnevictable(page) and page_evictable(page):  # tested after PG_mlocked was cleared
            lru_del(page)
            ClearPageUnevictable(page)
            add_page_to_lru_list(page, page_lru_base_type(page))
            count(PGRESCUED, 1)
        SetPageLRU(page)
    if isolated or V.munlock_retries:
        spin_unlock(zone.lru_lock)
