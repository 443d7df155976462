"""Faults, copy on write, following a pte, and unmapping (mm/memory.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.filemap import filemap_fault
from smpcheck.mm.migrate import is_migration_pte, migration_entry_wait, migration_page
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_alloc import alloc_page
from smpcheck.mm.page_flags import *
from smpcheck.mm.rmap import (
    i_mmap_lock_read,
    i_mmap_unlock_read,
    in_vma,
    page_add_new_anon_rmap,
    page_add_rmap,
    page_remove_rmap,
    pte_offset,
    pte_page,
    pte_write,
)
from smpcheck.mm.swap import *
from smpcheck.mm.variants import V
from smpcheck.mm.vmscan import isolate_lru_page, putback_lru_page

ENOMEM = 12


def is_swap_pte(pte: page) -> bool:
    return contig_zone.swap != 0 and pte & PTE_SWAP != 0


def pte_present(pte: page) -> bool:
    return pte != NULL and not is_swap_pte(pte) and not is_migration_pte(pte)


def wants_copy(vma: vm_area_struct) -> bool:
    """Does a store go to a private copy of the file's page?"""
    return vma.vm_file != NULL and vma.vm_shared == 0


# --- finding the page behind an address ---------------------------------------------------------------------------------------


def follow_page(vma: vm_area_struct, index: int, write: bool) -> page:
    """The page with a reference, or NULL: nothing there, or not what is wanted (a private copy to write to)."""
    pt = pte_offset(vma, index)
    spin_lock(pt.ptl)
    page = wanted_page(vma, pt, write)
    if page != NULL:
        get_page(page)
    spin_unlock(pt.ptl)
    return page


def wanted_page(vma: vm_area_struct, pt: pte_t, write: bool) -> page:
    """Under the pte lock: the page, or NULL if get_user_pages has to fault first."""
    pte = READ_ONCE(pt.pte)
    if not allows(pte, write):
        return NULL
    return pte_page(pte)


def follow_page_mlock(vma: vm_area_struct, index: int) -> bool:
    """follow_page with FOLL_WRITE, and FOLL_MLOCK if the vma is VM_LOCKED. False: nothing there that could be written to.

    No reference is taken, as the pte lock keeps the page mapped; the page lock may not be waited for there. In V10 rmap mlocks.
    """
    pt = pte_offset(vma, index)
    spin_lock(pt.ptl)
    page = wanted_page(vma, pt, True)
    if page != NULL and not V.mlock_count and READ_ONCE(vma.vm_flags) & VM_LOCKED:
        if READ_ONCE(page.mapping) != NULL and trylock_page(page):
            lru_add_drain()
            if READ_ONCE(page.mapping) != NULL:  # not truncated before it was locked
                mlock_vma_page(page)
            unlock_page(page)
    spin_unlock(pt.ptl)
    return page != NULL


def get_user_page(vma: vm_area_struct, index: int, write: bool) -> page:
    """get_user_pages for one page: fault until it is there. The last try may fail too: the caller sees SIGBUS then."""
    page = follow_page(vma, index, write)
    if page == NULL and handle_mm_fault(vma, index, write):
        page = follow_page(vma, index, write)
        if contig_zone.migrates and page == NULL and handle_mm_fault(vma, index, write):  # the first one has only waited
            page = follow_page(vma, index, write)
    return page


def populate_page(vma: vm_area_struct, index: int) -> bool:
    """The same for mlock() since 2.6.38."""
    if follow_page_mlock(vma, index):
        return True
    if not handle_mm_fault(vma, index, True):
        return False
    if follow_page_mlock(vma, index):
        return True
    if not contig_zone.migrates:
        return False
    return handle_mm_fault(vma, index, True) and follow_page_mlock(vma, index)  # the first fault has only waited


# --- faults -------------------------------------------------------------------------------------------------------------------


def do_page_fault(vma: vm_area_struct, index: int, write: bool) -> None:
    """A store to the address, or a load from it. After a wait for a migration the access is made again."""
    mm = vma.vm_mm
    down_read(mm.mmap_sem)
    found = handle_mm_fault(vma, index, write)
    up_read(mm.mmap_sem)
    if contig_zone.migrates and found and not allows(READ_ONCE(pte_offset(vma, index).pte), write):
        down_read(mm.mmap_sem)
        handle_mm_fault(vma, index, write)
        up_read(mm.mmap_sem)


def allows(pte: page, write: bool) -> bool:
    """What the processor asks of a pte."""
    return pte_present(pte) and (not write or pte_write(pte))


def handle_mm_fault(vma: vm_area_struct, index: int, write: bool) -> bool:
    """False: SIGBUS. mmap_sem is held."""
    pt = pte_offset(vma, index)
    pte = READ_ONCE(pt.pte)
    if pte == NULL:
        if wants_copy(vma) and write:
            return __do_fault(vma, pt, index)
        if vma.vm_file != NULL:
            return do_shared_fault(vma, pt, index)
        do_anonymous_page(vma, pt, index)
        return True
    if is_swap_pte(pte):
        do_swap_page(vma, pt, pte, index, write)
        return True
    if is_migration_pte(pte):  # do_swap_page
        migration_entry_wait(pt)
        return True
    if write and not pte_write(pte):
        do_wp_page(vma, pt, pte, index)
    return True


def anon_vma_prepare(vma: vm_area_struct) -> None:
    if READ_ONCE(vma.anon_vma) != NULL:
        return
    new = vma.anon_vma_spare
    spin_lock(new.lock)
    spin_lock(vma.vm_mm.page_table_lock)
    if READ_ONCE(vma.anon_vma) == NULL:
        WRITE_ONCE(vma.anon_vma, new)
    spin_unlock(vma.vm_mm.page_table_lock)
    spin_unlock(new.lock)


def do_anonymous_page(vma: vm_area_struct, pt: pte_t, index: int) -> None:
    anon_vma_prepare(vma)
    new = alloc_page()
    if new == NULL:
        return
    spin_lock(pt.ptl)
    if READ_ONCE(pt.pte) == NULL:
        page_add_new_anon_rmap(new, vma, index)
        WRITE_ONCE(pt.pte, new)
        spin_unlock(pt.ptl)
    else:
        spin_unlock(pt.ptl)
        put_page(new)


def do_wp_page(vma: vm_area_struct, pt: pte_t, pte: page, index: int) -> None:
    """A store through a read-only pte: to a copy of the page, unless nobody else has it, or the pte has changed meanwhile."""
    old = pte_page(pte)
    spin_lock(pt.ptl)
    if READ_ONCE(pt.pte) != pte:
        spin_unlock(pt.ptl)
        return
    if PageAnon(old):
        if not V.mlock_count and not trylock_page(old):
            get_page(old)
            spin_unlock(pt.ptl)
            lock_page(old)
            spin_lock(pt.ptl)
            if READ_ONCE(pt.pte) != pte:
                unlock_page(old)
                spin_unlock(pt.ptl)
                put_page(old)
                return
            put_page_not_last(old)
        if reuse_page(old):
            WRITE_ONCE(pt.pte, old)
            spin_unlock(pt.ptl)
            return
    get_page(old)
    spin_unlock(pt.ptl)
    anon_vma_prepare(vma)
    new = alloc_page()
    if new == NULL:
        put_page(old)
        return
    if not (V.rmap_clears or V.mlock_count) and READ_ONCE(vma.vm_flags) & VM_LOCKED:
        lock_page(old)
        clear_page_mlock(old)
        unlock_page(old)
    spin_lock(pt.ptl)
    if READ_ONCE(pt.pte) == pte:
        WRITE_ONCE(pt.pte, NULL)  # ptep_clear_flush
        page_add_new_anon_rmap(new, vma, index)
        WRITE_ONCE(pt.pte, new)
        page_remove_rmap(old, vma)
        spin_unlock(pt.ptl)
        put_page_not_last(old)  # the pte's; we have one
    else:  # zap was faster
        spin_unlock(pt.ptl)
        put_page(new)
    put_page(old)


def reuse_page(page: page) -> bool:
    """Under the pte lock: does nobody else have the anonymous page? Before V10 the page is locked, and unlocked here."""
    if V.mlock_count:  # wp_can_reuse_anon_folio, which goes by references; the page lock is only tried
        if atomic_read(page._count) > (2 if PageSwapCache(page) else 1) or not trylock_page(page):
            return False
        try_to_free_swap(page)
        mine = atomic_read(page._count) == 1
    else:  # reuse_swap_page
        mine = page_mapcount(page) == 1 and (not PageSwapCache(page) or atomic_read(page._swapcount) == 0)
        if mine:
            try_to_free_swap(page)
    unlock_page(page)
    return mine


def __do_fault(vma: vm_area_struct, pt: pte_t, index: int) -> bool:
    """A store to a private file mapping with no page there: an early copy. The file's page stays locked until the pte is set."""
    page = filemap_fault(vma.vm_file, index)
    if page == NULL:
        count(SIGBUS, 1)
        return False
    anon_vma_prepare(vma)
    new = alloc_page()
    if new == NULL:
        unlock_page(page)
        put_page(page)
        return False
    if not (V.rmap_clears or V.mlock_count) and READ_ONCE(vma.vm_flags) & VM_LOCKED:
        clear_page_mlock(page)
    spin_lock(pt.ptl)
    if READ_ONCE(pt.pte) == NULL:
        page_add_new_anon_rmap(new, vma, index)
        WRITE_ONCE(pt.pte, new)
        spin_unlock(pt.ptl)
    else:
        spin_unlock(pt.ptl)
        put_page(new)
    unlock_page(page)
    put_page(page)
    return True


def do_shared_fault(vma: vm_area_struct, pt: pte_t, index: int) -> bool:
    """A load, or any access to a shared mapping: map the file's page, which stays locked until the pte is set."""
    page = filemap_fault(vma.vm_file, index)
    if page == NULL:
        count(SIGBUS, 1)
        return False
    spin_lock(pt.ptl)
    if READ_ONCE(pt.pte) == NULL:
        get_page(page)
        page_add_rmap(page, vma)
        WRITE_ONCE(pt.pte, page | PTE_WRPROTECT if wants_copy(vma) else page)
    spin_unlock(pt.ptl)
    unlock_page(page)
    put_page(page)
    return True


def do_swap_page(vma: vm_area_struct, pt: pte_t, entry: page, index: int, write: bool) -> None:
    """The page is still in the swap cache: map it again. i_size is not asked."""
    page: struct_page = cast(struct_page, entry & ~PTE_SWAP)
    if not get_page_unless_zero(page):
        return
    lock_page(page)
    spin_lock(pt.ptl)
    if READ_ONCE(pt.pte) != entry:
        spin_unlock(pt.ptl)
        unlock_page(page)
        put_page(page)
        return
    get_page(page)
    atomic_dec(page._swapcount)
    page_add_rmap(page, vma)
    mine = page_mapcount(page) == 1 and atomic_read(page._swapcount) == 0
    WRITE_ONCE(pt.pte, page if write and mine else page | PTE_WRPROTECT)
    if READ_ONCE(vma.vm_flags) & VM_LOCKED:
        try_to_free_swap(page)
    spin_unlock(pt.ptl)
    unlock_page(page)
    put_page(page)
    if write and not mine:
        do_wp_page(vma, pt, page | PTE_WRPROTECT, index)


# --- unmapping ----------------------------------------------------------------------------------------------------------------


def unmap_mapping_range(mapping: address_space, first: int, end: int, even_cows: bool) -> None:
    """Unmap pages ``first`` to ``end`` (exclusive) of a file from all vmas; private copies too with ``even_cows``."""
    i_mmap_lock_read(mapping)
    if contig_zone.breaks and not V.rmap_clears and not V.mlock_count:
        count_ = READ_ONCE(mapping.truncate_count) + 2
        WRITE_ONCE(mapping.truncate_count, count_)
        while not unmap_mapping_range_tree(mapping, first, end, even_cows, count_):
            cpu_relax()
    else:
        unmap_mapping_range_vma(mapping, mapping.vma, first, end, even_cows)
        if mapping.vma_next != NULL:
            unmap_mapping_range_vma(mapping, mapping.vma_next, first, end, even_cows)
    i_mmap_unlock_read(mapping)


def unmap_mapping_range_tree(mapping: address_space, first: int, end: int, even_cows: bool, count_: int) -> bool:
    """Up to 2.6.39: all vmas that this pass is not done with. False: the lock was let go, and the list may have changed."""
    if READ_ONCE(mapping.vma.vm_truncate_count) != count_:
        if not unmap_mapping_range_or_break(mapping, mapping.vma, first, end, even_cows, count_):
            return False
    if READ_ONCE(mapping.vma_next.vm_truncate_count) != count_:
        return unmap_mapping_range_or_break(mapping, mapping.vma_next, first, end, even_cows, count_)
    return True


def unmap_mapping_range_or_break(
    mapping: address_space, vma: vm_area_struct, first: int, end: int, even_cows: bool, count_: int
) -> bool:
    """unmap_mapping_range_vma of that time: it stops if somebody waits for the lock (spin_needbreak), and notes where to go on.

    It also stops if its CPU is wanted (need_resched), which makes no difference where nobody waits. A vma whose upper part has
    been split off meanwhile has nothing left to do, and is marked as done with.
    """
    restart = READ_ONCE(vma.vm_truncate_count)
    start = restart >> 1 if restart & 1 == 0 else 0  # is_restart_addr
    stopped = False
    for index in range(first, end):
        if not stopped and index >= start and in_vma(vma, index):
            unmap_mapping_range_vma(mapping, vma, index, index + 1, even_cows)
            if index + 1 < end and in_vma(vma, index + 1) and READ_ONCE(mapping.i_mmap_wanted) != 0:
                WRITE_ONCE(vma.vm_truncate_count, 2 * (index + 1))
                stopped = True
    if not stopped:
        WRITE_ONCE(vma.vm_truncate_count, count_)
        stopped = READ_ONCE(mapping.i_mmap_wanted) != 0
    if stopped:
        spin_unlock(mapping.i_mmap_lock)
        spin_lock(mapping.i_mmap_lock)
    return not stopped


def unmap_mapping_range_vma(mapping: address_space, vma: vm_area_struct, first: int, end: int, even_cows: bool) -> None:
    """The RFC holds the vma's anon_vma->lock while it unmaps; vma->anon_vma is read without a lock."""
    if V.zap_anon_vma_lock:
        anon_vma = READ_ONCE(vma.anon_vma)
        if anon_vma != NULL:
            spin_lock(anon_vma.lock)
        zap_page_range(mapping, vma, first, end, even_cows, anon_vma != NULL)
        if anon_vma != NULL:
            spin_unlock(anon_vma.lock)
    else:
        zap_page_range(mapping, vma, first, end, even_cows, True)


def zap_page_range(
    mapping: address_space, vma: vm_area_struct, first: int, end: int, even_cows: bool, has_anon_vma: bool
) -> None:
    """References are dropped after the pte locks, by batches of two pages: the gathered pages of a flush of the TLB."""
    lru_add_drain()
    if V.unmap_munlocks and even_cows:
        if READ_ONCE(vma.vm_flags) & VM_LOCKED:
            munlock_vma_pages_range(vma)
    for index in range(first, end):
        if in_vma(vma, index):
            pt = pte_offset(vma, index)
            page = zap_pte(mapping, vma, pt, even_cows, has_anon_vma)
            if page != NULL:
                tlb_remove_page(page)
    tlb_flush_mmu()


def tlb_remove_page(page: page) -> None:
    """The reference of a pte that is gone is dropped after the next flush of the TLB: a batch of two here."""
    global mmu_gather, mmu_gather_2
    if mmu_gather == NULL:
        mmu_gather = page
    else:
        if mmu_gather_2 != NULL:
            tlb_flush_mmu()
            mmu_gather = page
        else:
            mmu_gather_2 = page


def tlb_flush_mmu() -> None:
    """free_pages_and_swap_cache of what was gathered."""
    global mmu_gather, mmu_gather_2
    first = mmu_gather
    second = mmu_gather_2
    mmu_gather = NULL
    mmu_gather_2 = NULL
    if first != NULL:
        lru_add_drain()
        free_page_and_swap_cache(first)
    if second != NULL:
        free_page_and_swap_cache(second)


def zap_pte(mapping: address_space, vma: vm_area_struct, pt: pte_t, even_cows: bool, has_anon_vma: bool) -> page:
    """zap_pte_range for one pte: the page whose reference the caller has to drop, or NULL."""
    spin_lock(pt.ptl)
    pte = READ_ONCE(pt.pte)
    if pte == NULL:
        spin_unlock(pt.ptl)
        return NULL
    if is_swap_pte(pte):
        if not even_cows:
            spin_unlock(pt.ptl)
            return NULL  # details->check_mapping: swap entries stay
        entry: struct_page = cast(struct_page, pte & ~PTE_SWAP)
        get_page(entry)
        WRITE_ONCE(pt.pte, NULL)  # free_swap_and_cache
        atomic_dec(entry._swapcount)
        spin_unlock(pt.ptl)
        return entry
    if is_migration_pte(pte):  # without a reference
        if even_cows or (V.mlock_count and not PageAnon(migration_page(pte))):
            WRITE_ONCE(pt.pte, NULL)
        spin_unlock(pt.ptl)
        return NULL
    page = pte_page(pte)
    if not even_cows and READ_ONCE(page.mapping) != mapping:
        spin_unlock(pt.ptl)
        return NULL  # a private copy: it stays
    if V.zap_munlocks and even_cows and READ_ONCE(page.mapping) != mapping:
        if not has_anon_vma:
            spin_unlock(pt.ptl)
            return NULL
        if TestClearPageMlocked(page):
            count(NR_MLOCK, -1)
            count(PGCLEARED, 1)
            if isolate_lru_page(page):
                putback_lru_page(page)
    WRITE_ONCE(pt.pte, NULL)
    page_remove_rmap(page, vma)
    spin_unlock(pt.ptl)
    return page


def free_page_and_swap_cache(page: page) -> None:
    """Drop the reference of an unmapped pte, and the swap cache's if nobody else uses the entry and the lock is free."""
    if PageSwapCache(page) and not page_mapped(page) and trylock_page(page):
        try_to_free_swap(page)
        unlock_page(page)
    put_page(page)


from smpcheck.mm.mlock import clear_page_mlock, mlock_vma_page, munlock_vma_pages_range  # noqa: E402
