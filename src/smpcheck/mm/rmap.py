"""From a page to the ptes that map it (mm/rmap.c): mapping counts, and walks for reclaim and munlock."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mlock_pagevec import mlock_drain, mlock_new_page, mlock_page, munlock_page
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import *
from smpcheck.mm.variants import V

SWAP_AGAIN, SWAP_SUCCESS, SWAP_MLOCK = range(3)


def pte_offset(vma: vm_area_struct, index: int) -> pte_t:
    return vma.page_table + index


def in_vma(vma: vm_area_struct, index: int) -> bool:
    """Does the vma cover that page of its range? (vma_address says -EFAULT where not.)"""
    if contig_zone.splits:
        return READ_ONCE(vma.vm_start) <= index and index < READ_ONCE(vma.vm_end)
    return True


def pte_page(pte: page) -> page:
    """The page of a pte that is present."""
    return cast(struct_page, pte & ~PTE_WRPROTECT)


def pte_write(pte: page) -> bool:
    return pte & PTE_WRPROTECT == 0


def vma_locked(vma: vm_area_struct) -> bool:
    """is_mlocked_vma's test, which reads without a lock in places: VM_LOCKED, and not a special mapping."""
    return READ_ONCE(vma.vm_flags) & (VM_LOCKED | VM_SPECIAL) == VM_LOCKED


def page_add_new_anon_rmap(page: page, vma: vm_area_struct, index: int) -> None:
    """A new page, which nobody else knows yet; under the pte lock."""
    SetPageSwapBacked(page)
    atomic_set(page._mapcount, 0)
    WRITE_ONCE(page.mapping, READ_ONCE(vma.anon_vma) | PAGE_MAPPING_ANON)
    WRITE_ONCE(page.index, index)
    locked = vma_locked(vma)
    if V.mlock_count:  # lru_cache_add_inactive_or_unevictable
        if locked:
            mlock_new_page(page)
            if V.mlock_drains:
                mlock_drain()
        else:
            lru_cache_add_lru(page, False)
        return
    if locked:
        if not TestSetPageMlocked(page):
            count(NR_MLOCK, 1)
            count(PGMLOCKED, 1)
        if V.pagevec_putback:  # since 4.17 nothing goes around the pagevecs
            lru_cache_add_lru(page, False)
        else:
            add_page_to_unevictable_list(page)
    else:
        lru_cache_add_lru(page, True)


def page_add_rmap(page: page, vma: vm_area_struct) -> None:
    """A page that is mapped once more: a file page, or one from the swap cache. Under the pte lock."""
    atomic_inc(page._mapcount)
    if V.mlock_count:
        mlock_vma_folio(page, vma)


def page_remove_rmap(page: page, vma: vm_area_struct) -> None:
    """Under the pte lock. ->mapping stays as it is."""
    left = atomic_add_return(-1, page._mapcount)
    check("I6", left >= -1)
    if V.rmap_clears and left < 0 and PageMlocked(page):
        clear_page_mlock(page)
    if V.mlock_count and READ_ONCE(vma.vm_flags) & VM_LOCKED:  # munlock_vma_page of mm/internal.h: VM_SPECIAL is not asked
        munlock_page(page)


def i_mmap_lock_read(mapping: address_space) -> None:
    """What truncation and reclaim hold while they walk over the vmas of a file: since 5.15 both share it."""
    if V.mlock_count:
        down_read(mapping.i_mmap_rwsem)
    else:
        spin_lock(mapping.i_mmap_lock)


def i_mmap_unlock_read(mapping: address_space) -> None:
    if V.mlock_count:
        up_read(mapping.i_mmap_rwsem)
    else:
        spin_unlock(mapping.i_mmap_lock)


def i_mmap_lock_write(mapping: address_space) -> None:
    """Who changes the list of vmas, or what they cover."""
    if V.mlock_count:
        down_write(mapping.i_mmap_rwsem)
    else:
        if contig_zone.breaks:
            WRITE_ONCE(mapping.i_mmap_wanted, 1)
        spin_lock(mapping.i_mmap_lock)
        if contig_zone.breaks:
            WRITE_ONCE(mapping.i_mmap_wanted, 0)


def i_mmap_unlock_write(mapping: address_space) -> None:
    if V.mlock_count:
        up_write(mapping.i_mmap_rwsem)
    else:
        spin_unlock(mapping.i_mmap_lock)


def page_lock_anon_vma(page: page) -> anon_vma:
    """The page's anon_vma, locked, or NULL if it is not anonymous or not mapped any more."""
    rcu_read_lock()
    mapping = READ_ONCE(page.mapping)
    if mapping & PAGE_MAPPING_ANON == 0 or not page_mapped(page):
        rcu_read_unlock()
        return NULL
    anon_vma_: anon_vma = cast(anon_vma, mapping & ~PAGE_MAPPING_ANON)
    spin_lock(anon_vma_.lock)
    if contig_zone.exits:
        check("I6", READ_ONCE(anon_vma_.gone) == 0)
    return anon_vma_


def page_unlock_anon_vma(anon_vma: anon_vma) -> None:
    spin_unlock(anon_vma.lock)
    rcu_read_unlock()


# --- reclaim ----------------------------------------------------------------------------------------------------------------


def try_to_unmap(page: page) -> int:
    """Replace each pte of the page: by a swap entry if it is anonymous, else by nothing."""
    BUG_ON(not PageLocked(page))
    if not contig_zone.files or PageAnon(page):
        anon_vma = page_lock_anon_vma(page)
        if anon_vma == NULL:
            return SWAP_AGAIN
        ret = try_to_unmap_vmas(page, anon_vma.vma, anon_vma.vma_next)
        page_unlock_anon_vma(anon_vma)
    else:
        mapping: address_space = cast(address_space, READ_ONCE(page.mapping))
        i_mmap_lock_read(mapping)
        ret = try_to_unmap_vmas(page, mapping.vma, mapping.vma_next)
        i_mmap_unlock_read(mapping)
    if ret != SWAP_MLOCK and not page_mapped(page):
        return SWAP_SUCCESS
    return ret


def try_to_unmap_vmas(page: page, vma: vm_area_struct, vma_next: vm_area_struct) -> int:
    """try_to_unmap_anon and try_to_unmap_file, with the lock of the list of vmas held."""
    ret = try_to_unmap_or_mlock(page, vma)
    if contig_zone.forks and ret != SWAP_MLOCK and vma_next != NULL and page_mapped(page):
        ret = try_to_unmap_or_mlock(page, vma_next)
    return ret


def try_to_unmap_or_mlock(page: page, vma: vm_area_struct) -> int:
    ret = try_to_unmap_one(page, vma)
    if ret == SWAP_MLOCK and V.lazy_mlock == "try_to_unmap":
        return try_to_mlock_page(page, vma)
    return ret


def try_to_unmap_one(page: page, vma: vm_area_struct) -> int:
    """page_check_address, then either leave a VM_LOCKED mapping alone or take it away."""
    if not in_vma(vma, READ_ONCE(page.index)):
        return SWAP_AGAIN
    pt = pte_offset(vma, READ_ONCE(page.index))
    spin_lock(pt.ptl)
    if pte_page(READ_ONCE(pt.pte)) != page:
        spin_unlock(pt.ptl)
        return SWAP_AGAIN
    if READ_ONCE(vma.vm_flags) & VM_LOCKED:
        if V.mlock_count:
            mlock_vma_folio(page, vma)
        elif V.lazy_mlock == "pte_lock":
            mlock_vma_page(page)
        spin_unlock(pt.ptl)
        if V.lazy_mlock == "try_to_unmap_one":
            return try_to_mlock_page(page, vma)
        return SWAP_MLOCK
    if not contig_zone.files or PageAnon(page):
        WRITE_ONCE(pt.pte, page | PTE_SWAP)
        atomic_inc(page._swapcount)
    else:
        WRITE_ONCE(pt.pte, NULL)
    page_remove_rmap(page, vma)
    if V.mlock_count and READ_ONCE(vma.vm_flags) & VM_LOCKED:
        mlock_drain()
    put_page_not_last(page)  # reclaim's own reference is left
    spin_unlock(pt.ptl)
    return SWAP_AGAIN


def folio_referenced(page: page) -> bool:
    """V10: is the page in a VM_LOCKED vma? Then it is mlocked, under the pte lock. Accessed bits are not modelled."""
    if not contig_zone.files or PageAnon(page):
        anon_vma = page_lock_anon_vma(page)
        if anon_vma == NULL:
            return False
        locked = folio_referenced_one(page, anon_vma.vma)
        if contig_zone.forks and not locked and anon_vma.vma_next != NULL:
            locked = folio_referenced_one(page, anon_vma.vma_next)
        page_unlock_anon_vma(anon_vma)
        return locked
    mapping: address_space = cast(address_space, READ_ONCE(page.mapping))
    if mapping == NULL:
        return False
    i_mmap_lock_read(mapping)
    locked = folio_referenced_one(page, mapping.vma)
    if contig_zone.forks and not locked and mapping.vma_next != NULL:
        locked = folio_referenced_one(page, mapping.vma_next)
    i_mmap_unlock_read(mapping)
    return locked


def folio_referenced_one(page: page, vma: vm_area_struct) -> bool:
    if not in_vma(vma, READ_ONCE(page.index)):
        return False
    pt = pte_offset(vma, READ_ONCE(page.index))
    spin_lock(pt.ptl)
    locked = pte_page(READ_ONCE(pt.pte)) == page and READ_ONCE(vma.vm_flags) & VM_LOCKED != 0
    if locked:
        mlock_vma_folio(page, vma)
    spin_unlock(pt.ptl)
    return locked


def mlock_vma_folio(page: page, vma: vm_area_struct) -> None:
    """Under the pte lock (mm/internal.h since 5.18). VM_SPECIAL says that mlock() is walking over the vma itself."""
    if vma_locked(vma):
        mlock_page(page)
        if V.mlock_drains:
            mlock_drain()


def try_to_mlock_page(page: page, vma: vm_area_struct) -> int:
    """The pte was unlocked; what is still known of the vma is asked again under mmap_sem, but not whether it maps the page."""
    mm = vma.vm_mm
    ret = SWAP_AGAIN
    if down_read_trylock(mm.mmap_sem):
        if READ_ONCE(vma.vm_flags) & VM_LOCKED:
            mlock_vma_page(page)
            ret = SWAP_MLOCK
        up_read(mm.mmap_sem)
    return ret


from smpcheck.mm.mlock import clear_page_mlock, mlock_vma_page  # noqa: E402
