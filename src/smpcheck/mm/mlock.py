"""PG_mlocked: who sets it, who clears it, and what happens to the page's place on the LRU lists then (mm/mlock.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mlock_pagevec import mlock_page, munlock_page
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import *
from smpcheck.mm.swap import __pagevec_lru_add
from smpcheck.mm.variants import V
from smpcheck.mm.vmscan import isolate_lru_page, putback_lru_page


def mlock_vma_page(page: page) -> None:
    """If the page cannot be isolated, whoever has it puts it on the right list."""
    BUG_ON(not PageLocked(page))
    if not TestSetPageMlocked(page):
        count(NR_MLOCK, 1)
        count(PGMLOCKED, 1)
        if isolate_lru_page(page):
            putback_lru_page(page)


def clear_page_mlock(page: page) -> None:
    """Page locked, but since V7, where the last mapping goes under the pte lock."""
    if not V.rmap_clears:
        BUG_ON(not PageLocked(page))
    if not TestClearPageMlocked(page):
        return
    if not V.rmap_clears and READ_ONCE(page.mapping) == NULL:
        return  # truncated meanwhile: NR_MLOCK keeps counting it
    count(NR_MLOCK, -1)
    count(PGCLEARED, 1)
    if isolate_lru_page(page):
        putback_lru_page(page)
    elif PageUnevictable(page):
        count(PGSTRANDED, 1)


def munlock_vma_page(page: page) -> None:
    """Somebody else may have it VM_LOCKED too, which only a walk over its mappings tells."""
    BUG_ON(not PageLocked(page))
    if V.returning_clear:
        was_mlocked = TestClearPageMlocked(page)
    else:
        was_mlocked = PageMlocked(page)
        ClearPageMlocked(page)
    if not was_mlocked:
        return
    count(NR_MLOCK, -1)
    if isolate_lru_page(page):
        __munlock_isolated_page(page)
    else:
        __munlock_isolation_failed(page)


def __munlock_isolated_page(page: page) -> None:
    """Page locked."""
    if V.munlock_pagevec and page_mapcount(page) <= 1:  # it was mapped once: there is no other vma to look at
        again = False
    else:
        again = try_to_munlock(page)
    if again:
        count(MLOCKED_AGAIN, 1)
    else:
        count(PGMUNLOCKED, 1)
    putback_lru_page(page)


def __munlock_isolation_failed(page: page) -> None:
    """Somebody else has taken the page off its list, and will find where it belongs when he puts it back."""
    if PageUnevictable(page):
        count(PGSTRANDED, 1)
        count(MUNLOCK_STRANDED, 1)
    else:
        count(PGMUNLOCKED, 1)


def __munlock_pagevec(page: page) -> None:
    """For one page, whose reference from follow_page ends here.

    First PG_mlocked and PG_lru, under lru_lock and without the page lock; then, if the page is isolated, the rest.
    """
    zone = page_zone(page)
    isolated = False
    spin_lock(zone.lru_lock)
    if TestClearPageMlocked(page):
        count(NR_MLOCK, -1)
        if PageLRU(page):
            isolated = True
            ClearPageLRU(page)
            lru_del(page)
        else:
            __munlock_isolation_failed(page)
    spin_unlock(zone.lru_lock)
    if not isolated:
        put_page(page)
        return
    lock_page(page)
    if page_mapcount(page) <= 1 and page_evictable(page):  # __putback_lru_fast_prepare
        rescued = TestClearPageUnevictable(page)
        unlock_page(page)
        count(PGMUNLOCKED, 1)
        if rescued:
            count(PGRESCUED, 1)
        __pagevec_lru_add(page)
    else:
        get_page(page)  # so that putback_lru_page's put_page is not the last one, under the page lock
        __munlock_isolated_page(page)
        unlock_page(page)
        put_page(page)


def try_to_munlock(page: page) -> bool:
    """Is the page mapped VM_LOCKED elsewhere? Then it is mlocked again. mm/rmap.c has it; munlock is its only caller."""
    BUG_ON(not PageLocked(page) or PageLRU(page))
    if not PageAnon(page):
        return False  # private file pages have one mapper here
    anon_vma = page_lock_anon_vma(page)
    if anon_vma == NULL:
        return False
    again = try_to_munlock_one(page, anon_vma.vma)
    if contig_zone.forks and not again and anon_vma.vma_next != NULL:
        again = try_to_munlock_one(page, anon_vma.vma_next)
    page_unlock_anon_vma(anon_vma)
    return again


def try_to_munlock_one(page: page, vma: vm_area_struct) -> bool:
    if not vma_locked(vma) or not in_vma(vma, READ_ONCE(page.index)):
        return False
    pt = pte_offset(vma, READ_ONCE(page.index))
    spin_lock(pt.ptl)
    mapped = pte_page(READ_ONCE(pt.pte)) == page
    if mapped and V.lazy_mlock == "pte_lock":
        mlock_vma_page(page)
    spin_unlock(pt.ptl)
    if V.lazy_mlock == "pte_lock":
        return mapped
    if mapped and down_read_trylock(vma.vm_mm.mmap_sem):
        locked = READ_ONCE(vma.vm_flags) & VM_LOCKED != 0
        if locked:
            mlock_vma_page(page)
        up_read(vma.vm_mm.mmap_sem)
        return locked
    return False


# --- system calls -----------------------------------------------------------------------------------------------------------


def sys_mlock(vma: vm_area_struct) -> int:
    """mlock() of one whole vma. Other CPUs drain their pagevecs when they like: lru_add_drain_all is a hint."""
    lru_add_drain()
    down_write(vma.vm_mm.mmap_sem)
    return do_mlock(vma)


def do_mlock(vma: vm_area_struct) -> int:
    """mmap_sem is held for writing, and let go."""
    mm = vma.vm_mm
    error = 0
    if V.mlock_count:
        mlock_vma_pages_range(vma, True)
    else:
        WRITE_ONCE(vma.vm_flags, READ_ONCE(vma.vm_flags) | VM_LOCKED)
    if V.follow_page_mlocks:  # since 2.6.38 pages are brought in with mmap_sem shared
        up_write(mm.mmap_sem)
        return mm_populate(vma)
    for index in range(vma.vm_pages):
        if in_vma(vma, index) and not __mlock_vma_page_range(vma, index):
            error = -ENOMEM
    up_write(mm.mmap_sem)
    return error


def mm_populate(vma: vm_area_struct) -> int:
    """do_mlock_pages of 2.6.38, __mm_populate later: who finds the vma not VM_LOCKED any more only brings the pages in."""
    mm = vma.vm_mm
    error = 0
    down_read(mm.mmap_sem)
    for index in range(vma.vm_pages):
        if in_vma(vma, index) and not populate_page(vma, index):
            error = -ENOMEM
    up_read(mm.mmap_sem)
    return error


def __mlock_vma_page_range(vma: vm_area_struct, index: int) -> bool:
    """__mlock_vma_pages_range for one page. False: there is none (SIGBUS)."""
    page = get_user_page(vma, index, True)
    if page == NULL:
        return False
    lru_add_drain()
    # Nothing pins the pte from here: the window of an explicit mlock.
    if READ_ONCE(page.mapping) != NULL:
        lock_page(page)
        if READ_ONCE(page.mapping) != NULL:
            mlock_vma_page(page)
        unlock_page(page)
    put_page(page)
    return True


def sys_munlock(vma: vm_area_struct) -> None:
    down_write(vma.vm_mm.mmap_sem)
    do_munlock(vma)
    up_write(vma.vm_mm.mmap_sem)


def do_munlock(vma: vm_area_struct) -> None:
    if V.mlock_count:
        mlock_vma_pages_range(vma, False)
    else:
        munlock_vma_pages_range(vma)


def mlock_part(vma: vm_area_struct, new: vm_area_struct, at: int) -> int:
    """mlock() from page ``at`` on: mlock_fixup splits the vma, and ``new`` is what is before."""
    lru_add_drain()
    down_write(vma.vm_mm.mmap_sem)
    split_vma(vma, new, at, True)
    return do_mlock(vma)


def munlock_part(vma: vm_area_struct, new: vm_area_struct, at: int) -> None:
    """munlock() up to page ``at``: ``new`` is what comes after, and stays VM_LOCKED."""
    down_write(vma.vm_mm.mmap_sem)
    split_vma(vma, new, at, False)
    do_munlock(vma)
    up_write(vma.vm_mm.mmap_sem)


def munlock_vma_pages_range(vma: vm_area_struct) -> None:
    """Also of munmap and exit; mmap_sem is held for writing."""
    if not V.munlock_pagevec:
        lru_add_drain()
    WRITE_ONCE(vma.vm_flags, READ_ONCE(vma.vm_flags) & ~VM_LOCKED)
    for index in range(vma.vm_pages):
        if in_vma(vma, index):
            page = follow_page(vma, index, False)
            if page != NULL and V.munlock_pagevec:
                __munlock_pagevec(page)
            elif page != NULL:
                lock_page(page)
                if READ_ONCE(page.mapping) != NULL:
                    munlock_vma_page(page)
                unlock_page(page)
                put_page(page)


# --- V10: mlock_count, and a pagevec for all changes --------------------------------------------------------------------------


def mlock_vma_pages_range(vma: vm_area_struct, locked: bool) -> None:
    """mmap_sem is held for writing; all ptes of the vma, each page under its pte lock."""
    flags = READ_ONCE(vma.vm_flags)
    if locked:
        WRITE_ONCE(vma.vm_flags, flags | VM_LOCKED | VM_SPECIAL)  # rmap leaves the vma alone while it is walked
    else:
        WRITE_ONCE(vma.vm_flags, flags & ~VM_LOCKED)
    lru_add_drain()
    for index in range(vma.vm_pages):
        if in_vma(vma, index):
            pt = pte_offset(vma, index)
            spin_lock(pt.ptl)
            pte = READ_ONCE(pt.pte)
            if pte_present(pte):
                page = pte_page(pte)
                if locked:
                    mlock_page(page)
                else:
                    munlock_page(page)
            spin_unlock(pt.ptl)
    lru_add_drain()
    if locked:
        WRITE_ONCE(vma.vm_flags, flags | VM_LOCKED)


from smpcheck.mm.memory import ENOMEM, follow_page, get_user_page, populate_page, pte_present  # noqa: E402  (faults mlock what they map)
from smpcheck.mm.mmap import split_vma  # noqa: E402
from smpcheck.mm.rmap import in_vma, page_lock_anon_vma, page_unlock_anon_vma, pte_offset, pte_page, vma_locked  # noqa: E402
