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
    """Reclaim looks at one page: what shrink_active_list, shrink_inactive_list and shrink_page_list do for it."""
    zone = page_zone(page)
    spin_lock(zone.lru_lock)
    isolated = __isolate_lru_page(page)
    if isolated:
        lru_del(page)
        ClearPageActive(page)
    spin_unlock(zone.lru_lock)
    if not isolated:
        return
    fate = shrink_page_list(page)
    if fate == FREED:
        free_page_without_references(page)
    elif fate == CULLED and not V.list_at_drain:
        putback_lru_page(page)
    else:
        putback_inactive_page(page)


def __isolate_lru_page(page: page) -> bool:
    """Under lru_lock: take a page that is on an evictable list, where alone reclaim finds it, with a reference."""
    lru = page.lru
    if lru == NOT_LISTED or lru == LRU_UNEVICTABLE:
        return False
    if V.mlock_count:  # since 5.11 whoever clears PG_lru has the page
        if not PageLRU(page) or not get_page_unless_zero(page):
            return False
        if TestClearPageLRU(page):
            return True
        put_page(page)
        return False
    if PageLRU(page) and not PageUnevictable(page) and get_page_unless_zero(page):
        ClearPageLRU(page)
        return True
    return False


KEPT, CULLED, FREED = range(3)
"""What shrink_page_list makes of a page: back to an evictable list if it belongs there; to the unevictable list; gone."""


def shrink_page_list(page: page) -> int:
    """Try to get rid of an isolated page. A page that was swapped out is not written, and stays in the swap cache."""
    if not trylock_page(page):
        return KEPT
    if not page_evictable(page):
        return cull_page(page)
    if V.mlock_count and page_mapped(page) and folio_referenced(page):
        return activate_page(page)  # its vma is VM_LOCKED, and it is mlocked now
    if (not contig_zone.files or PageAnon(page)) and not PageSwapCache(page):  # add_to_swap
        if not contig_zone.swap:
            return activate_page(page)
        get_page(page)
        SetPageSwapCache(page)
    if page_mapped(page) and READ_ONCE(page.mapping) != NULL:
        unmapped = try_to_unmap(page)
        if unmapped == SWAP_MLOCK:
            return cull_page(page)
        if unmapped == SWAP_AGAIN:
            unlock_page(page)
            return KEPT
    if contig_zone.files and not PageAnon(page) and __remove_mapping(page):
        unlock_page(page)
        return FREED
    unlock_page(page)
    return KEPT


def cull_page(page: page) -> int:
    """cull_mlocked."""
    try_to_free_swap(page)
    unlock_page(page)
    return CULLED


def activate_page(page: page) -> int:
    """activate_locked. Of mlocked pages the flag is left alone since 4.x."""
    if not V.mlock_count or not PageMlocked(page):
        SetPageActive(page)
    unlock_page(page)
    return KEPT


def __remove_mapping(page: page) -> bool:
    """Take a page of a file out of the page cache if only that and reclaim have it. True: it has no reference any more."""
    mapping: address_space = cast(address_space, READ_ONCE(page.mapping))
    if mapping == NULL:
        return False
    spin_lock(mapping.tree_lock)
    gone = atomic_cmpxchg(page._count, 2, 0) == 2  # page_freeze_refs
    if gone:
        __remove_from_page_cache(page, mapping)
    spin_unlock(mapping.tree_lock)
    return gone


def putback_inactive_page(page: page) -> None:
    """What was kept goes to its list under lru_lock, unless it has become unevictable meanwhile."""
    BUG_ON(PageLRU(page) or PageUnevictable(page))
    zone = page_zone(page)
    spin_lock(zone.lru_lock)
    if not page_evictable(page):
        spin_unlock(zone.lru_lock)
        putback_lru_page(page)
        return
    SetPageLRU(page)
    if not V.mlock_count:
        add_page_to_lru_list(page, evictable_list(page))
    if not V.list_at_drain:
        spin_unlock(zone.lru_lock)
        put_page(page)
        return
    left = atomic_dec_return(page._count)
    check("I6", left >= 0)
    if V.mlock_count:  # what is freed does not come to a list first any more
        if left == 0:
            ClearPageLRU(page)
            ClearPageActive(page)
            ClearPageUnevictable(page)
        else:
            add_page_to_lru_list(page, evictable_list(page))
    elif left == 0:
        ClearPageLRU(page)
        del_page_from_lru(page)
    spin_unlock(zone.lru_lock)
    if left == 0:
        free_page_without_references(page)


from smpcheck.mm.filemap import __remove_from_page_cache  # noqa: E402
from smpcheck.mm.rmap import SWAP_AGAIN, SWAP_MLOCK, folio_referenced, try_to_unmap  # noqa: E402  (rmap needs isolation and putback from above)
