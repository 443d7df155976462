"""Isolation from and putback to the LRU lists, and reclaim's visit to a page (mm/vmscan.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import *
from smpcheck.mm.variants import BOUND, V

PUTBACK_ROUNDS = 2
"""How often putback_lru_page tries. Each further round needs another munlock of the page after another mlock."""


def isolate_lru_page(page: page) -> bool:
    """True if the page is now the caller's, off all lists, with one more reference. The caller holds a reference."""
    zone = page_zone(page)
    BUG_ON(atomic_read(page._count) == 0)
    if V.mlock_count:
        if not TestClearPageLRU(page):
            return False
        get_page(page)
        spin_lock(zone.lru_lock)
        lru_del(page)
        spin_unlock(zone.lru_lock)
        return True
    if not PageLRU(page):
        return False
    spin_lock(zone.lru_lock)
    isolated = False
    if PageLRU(page) and get_page_unless_zero(page):
        isolated = True
        ClearPageLRU(page)
        lru_del(page)
    spin_unlock(zone.lru_lock)
    return isolated


def evictable_now(page: page) -> bool:
    """The second look of putback_lru_page, when the page is on the list."""
    if V.recheck == "PG_locked":
        return not test_bit(PG_locked, page.flags)
    return page_evictable(page)


def putback_lru_page(page: page) -> None:
    """Back to the list where the page belongs now. The page lock is not needed."""
    BUG_ON(PageLRU(page))
    if V.pagevec_putback:
        lru_cache_add_lru(page, False)
        put_page(page)
        return
    active = False if V.list_at_drain else TestClearPageActive(page)  # since 3.11 the flag stays
    was_unevictable = PageUnevictable(page)
    for attempt in range(PUTBACK_ROUNDS):
        again = False
        ClearPageUnevictable(page)
        if page_evictable(page):
            lru_cache_add_lru(page, active)
            if was_unevictable:
                count(PGRESCUED, 1)
        else:
            add_page_to_unevictable_list(page)
            lru_barrier()
            if evictable_now(page) and isolate_lru_page(page):
                put_page_not_last(page)  # the one that the isolation took: ours is left
                again = True
            elif not was_unevictable:
                count(PGCULLED, 1)
        if not again:
            break
        check(BOUND, attempt + 1 < PUTBACK_ROUNDS)
    put_page(page)


def shrink_page(page: page) -> None:
    """Reclaim looks at one page: what shrink_inactive_list and shrink_page_list do for it.

    Paging out is not modelled: a page that was unmapped stays in the swap cache and goes back to its list.
    """
    zone = page_zone(page)
    spin_lock(zone.lru_lock)
    isolated = False
    if V.mlock_count:  # since 5.11 whoever clears PG_lru has the page
        if READ_ONCE(page.lru) != NOT_LISTED and READ_ONCE(page.lru) != LRU_UNEVICTABLE and get_page_unless_zero(page):
            isolated = TestClearPageLRU(page)
            if not isolated:
                put_page(page)
    elif PageLRU(page) and not PageUnevictable(page) and get_page_unless_zero(page):
        isolated = True
        ClearPageLRU(page)
    if isolated:
        lru_del(page)
    spin_unlock(zone.lru_lock)
    if not isolated:
        return
    if trylock_page(page):
        if page_evictable(page) and PageAnon(page) and page_mapped(page):
            if contig_zone.swap and not PageSwapCache(page):  # add_to_swap
                get_page(page)
                SetPageSwapCache(page)
            if try_to_unmap(page) == SWAP_MLOCK:
                try_to_free_swap(page)  # cull_mlocked
        unlock_page(page)
    putback_lru_page(page)


from smpcheck.mm.rmap import SWAP_MLOCK, try_to_unmap  # noqa: E402  (rmap needs isolation and putback from above)
