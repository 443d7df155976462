"""LRU lists, pagevecs, and the last reference to a page (mm/swap.c, include/linux/mm_inline.h)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_alloc import free_hot_cold_page
from smpcheck.mm.page_flags import *
from smpcheck.mm.variants import BOUND, FREEING, V

PAGEVEC_DRAINS = False
"""Does a third page drain a pagevec? In the scenarios there is none (if there were, the answer would be undecided)."""


def page_zone(page: page) -> zone:
    return contig_zone


def add_page_to_lru_list(page: page, lru: int) -> None:
    """Under lru_lock, which is all that protects the list: accesses are plain."""
    check("I5", page.lru == NOT_LISTED)
    page.lru = lru
    zone = page_zone(page)
    zone.nr_lru = zone.nr_lru + 1
    if lru == LRU_UNEVICTABLE:
        count(NR_UNEVICTABLE, 1)


def lru_del(page: page) -> None:
    """Under lru_lock."""
    lru = page.lru
    check("I5", lru != NOT_LISTED)
    page.lru = NOT_LISTED
    zone = page_zone(page)
    zone.nr_lru = zone.nr_lru - 1
    if lru == LRU_UNEVICTABLE:
        count(NR_UNEVICTABLE, -1)


def page_lru_base_type(page: page) -> int:
    return LRU_INACTIVE_ANON if PageSwapBacked(page) else LRU_INACTIVE_FILE


def del_page_from_lru(page: page) -> None:
    lru_del(page)
    if PageUnevictable(page):
        ClearPageUnevictable(page)
        count(FREED_UNEVICTABLE, 1)
    else:
        ClearPageActive(page)


def get_page(page: page) -> None:
    check("I6", atomic_read(page._count) > 0)  # whoever takes another reference knows that there is one
    atomic_inc(page._count)


def get_page_unless_zero(page: page) -> bool:
    return atomic_inc_not_zero(page._count)


def __page_cache_release(page: page) -> None:
    if PageLRU(page):
        zone = page_zone(page)
        spin_lock(zone.lru_lock)
        BUG_ON(not PageLRU(page))
        ClearPageLRU(page)
        del_page_from_lru(page)
        spin_unlock(zone.lru_lock)


def put_page(page: page) -> None:
    left = atomic_dec_return(page._count)
    check("I6", left >= 0)
    if FREEING == "at-once" and left == 0:
        __put_page(page)


def __put_page(page: page) -> None:
    __page_cache_release(page)
    free_hot_cold_page(page)


def free_page_without_references(page: page) -> None:
    """For who has dropped the last reference in his own way, and taken the page off its list."""
    if FREEING == "at-once":
        free_hot_cold_page(page)


def free_unreferenced(page: page) -> None:
    """What the last put_page left to do, if it leaves that to the end (see FREEING)."""
    if FREEING == "at-the-end" and atomic_read(page._count) == 0:
        __put_page(page)


def put_page_not_last(page: page) -> None:
    """put_page by someone who knows that another reference is left: the check says so, and no freeing path is needed here."""
    left = atomic_dec_return(page._count)
    check("I6", left > 0)


# --- per-CPU lists of pages that will be put on an LRU list -----------------------------------------------------------------


def lru_cache_add_lru(page: page, active: bool) -> None:
    """The page is not PG_lru while it waits in the pagevec, which holds a reference."""
    global lru_add_pvec, lru_add_pvec_2
    BUG_ON(PageLRU(page))
    get_page(page)
    if V.list_at_drain:
        entry = page
        if active:
            SetPageActive(page)
    else:
        entry = page | LRU_ACTIVE if active else page
    if lru_add_pvec == NULL:
        lru_add_pvec = entry
    else:
        if PAGEVEC_DRAINS:
            lru_add_drain()
        else:
            check(BOUND, lru_add_pvec_2 == NULL)
        lru_add_pvec_2 = entry


def lru_add_drain() -> None:
    """What this CPU holds back goes to its list; since 5.18 what it has to mlock and munlock is done then too."""
    global lru_add_pvec, lru_add_pvec_2
    first = lru_add_pvec
    second = lru_add_pvec_2
    lru_add_pvec = NULL
    lru_add_pvec_2 = NULL
    if first != NULL:
        __pagevec_lru_add(first)
    if second != NULL:
        __pagevec_lru_add(second)
    if V.mlock_count:
        mlock_drain()


def lru_add_drain_all(work: work_struct) -> None:
    """This CPU drains, and has another one do it: the work is queued there (schedule_on_each_cpu), and waited for."""
    lru_add_drain()
    smp_store_release(work.pending, 1)
    smp_cond_load_acquire(work.done, lambda v: v != 0)  # flush_work


def lru_add_drain_per_cpu(work: work_struct) -> None:
    """The other CPU comes to its work."""
    smp_cond_load_acquire(work.pending, lambda v: v != 0)
    lru_add_drain()
    smp_store_release(work.done, 1)


def __pagevec_lru_add(entry: page) -> None:
    """What a pagevec holds, and its reference."""
    page: struct_page = cast(struct_page, entry & ~LRU_ACTIVE)
    zone = page_zone(page)
    spin_lock(zone.lru_lock)
    if entry & LRU_ACTIVE:
        SetPageActive(page)
    pagevec_lru_add_fn(page)
    spin_unlock(zone.lru_lock)
    put_page(page)


def lru_barrier() -> None:
    """What stands between setting PG_lru and the second look at PG_mlocked."""
    if V.barrier == "mb":
        smp_mb()
    if V.barrier == "after_atomic":
        smp_mb__after_atomic()


def pagevec_lru_add_fn(page: page) -> None:
    """Under lru_lock. Before V9 only pages that were evictable come here, and that is not tested again."""
    BUG_ON(PageLRU(page))
    if not V.pagevec_putback:
        SetPageLRU(page)
        add_page_to_lru_list(page, evictable_list(page))
        return
    was_unevictable = TestClearPageUnevictable(page)
    late = V.mlock_count and V.barrier == "none"  # since 5.18 PG_lru comes last, and no barrier
    if not late:
        SetPageLRU(page)
        lru_barrier()
    if page_evictable(page):
        lru = evictable_list(page)
        if was_unevictable:
            count(PGRESCUED, 1)
    else:
        lru = LRU_UNEVICTABLE
        ClearPageActive(page)
        SetPageUnevictable(page)
        if V.mlock_count:
            page.mlock_count = 0
        if not was_unevictable:
            count(PGCULLED, 1)
    add_page_to_lru_list(page, lru)
    if late:
        SetPageLRU(page)


def evictable_list(page: page) -> int:
    """page_lru of include/linux/mm_inline.h, for a page that is evictable."""
    base = page_lru_base_type(page)
    return base + LRU_ACTIVE if test_bit(PG_active, page.flags) else base


def TestClearPageUnevictable(page: page) -> bool:
    return test_and_clear_bit(PG_unevictable, page.flags)


def page_evictable(page: page) -> bool:
    """page_evictable(page, NULL) of mm/vmscan.c: neither its mapping nor PG_mlocked forbids to reclaim it."""
    if contig_zone.files:
        mapping = READ_ONCE(page.mapping)
        if mapping != NULL and mapping & PAGE_MAPPING_ANON == 0:
            as_: address_space = cast(address_space, mapping)
            if test_bit(AS_UNEVICTABLE, as_.flags):
                return False
    return not PageMlocked(page)


def add_page_to_unevictable_list(page: page) -> None:
    zone = page_zone(page)
    spin_lock(zone.lru_lock)
    if V.list_at_drain:
        ClearPageActive(page)
    SetPageUnevictable(page)
    SetPageLRU(page)
    add_page_to_lru_list(page, LRU_UNEVICTABLE)
    spin_unlock(zone.lru_lock)


def try_to_free_swap(page: page) -> None:
    """mm/swapfile.c: leave the swap cache if no pte holds the swap entry. The caller has a reference."""
    BUG_ON(not PageLocked(page))
    if contig_zone.swap and PageSwapCache(page) and atomic_read(page._swapcount) == 0:
        ClearPageSwapCache(page)
        put_page_not_last(page)


from smpcheck.mm.mlock_pagevec import mlock_drain  # noqa: E402  (which needs the lists from above)
