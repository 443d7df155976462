"""From a page to the ptes that map it (mm/rmap.c): mapping counts, and walks for reclaim and munlock."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mlock_pagevec import mlock_new_page, mlock_page, munlock_page
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import *
from smpcheck.mm.variants import V

SWAP_AGAIN, SWAP_SUCCESS, SWAP_MLOCK = range(3)


def pte_offset(vma: vm_area_struct, index: int) -> pte_t:
    return vma.page_table + index


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
    if V.mlock_count and vma_locked(vma):
        mlock_page(page)


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


def page_lock_anon_vma(page: page) -> anon_vma:
    """The page's anon_vma, locked, or NULL if it is not anonymous or not mapped any more."""
    rcu_read_lock()
    mapping = READ_ONCE(page.mapping)
    if mapping & PAGE_MAPPING_ANON == 0 or not page_mapped(page):
        rcu_read_unlock()
        return NULL
    anon_vma_: anon_vma = cast(anon_vma, mapping & ~PAGE_MAPPING_ANON)
    spin_lock(anon_vma_.lock)
    return anon_vma_


def page_unlock_anon_vma(anon_vma: anon_vma) -> None:
    spin_unlock(anon_vma.lock)
    rcu_read_unlock()


# --- reclaim ----------------------------------------------------------------------------------------------------------------


def try_to_unmap(page: page) -> int:
    """Anonymous pages: file pages take the same way under i_mmap_lock, which truncation holds too."""
    BUG_ON(not PageLocked(page))
    anon_vma = page_lock_anon_vma(page)
    if anon_vma == NULL:
        return SWAP_AGAIN
    ret = try_to_unmap_one(page, anon_vma.vma)
    if ret == SWAP_MLOCK and V.lazy_mlock == "try_to_unmap":
        ret = try_to_mlock_page(page, anon_vma.vma)
    if ret != SWAP_MLOCK and anon_vma.vma_next != NULL:
        ret = try_to_unmap_one(page, anon_vma.vma_next)
        if ret == SWAP_MLOCK and V.lazy_mlock == "try_to_unmap":
            ret = try_to_mlock_page(page, anon_vma.vma_next)
    page_unlock_anon_vma(anon_vma)
    return ret


def try_to_unmap_one(page: page, vma: vm_area_struct) -> int:
    """page_check_address, then either leave a VM_LOCKED mapping alone or replace it by a swap entry."""
    pt = pte_offset(vma, READ_ONCE(page.index))
    spin_lock(pt.ptl)
    if READ_ONCE(pt.pte) != page:
        spin_unlock(pt.ptl)
        return SWAP_AGAIN
    if vma_locked(vma):
        if V.lazy_mlock == "pte_lock":
            if V.mlock_count:
                mlock_page(page)
            else:
                mlock_vma_page(page)
        spin_unlock(pt.ptl)
        if V.lazy_mlock == "try_to_unmap_one":
            return try_to_mlock_page(page, vma)
        return SWAP_MLOCK
    if not contig_zone.swap:
        spin_unlock(pt.ptl)
        return SWAP_AGAIN
    WRITE_ONCE(pt.pte, page | PTE_SWAP)
    atomic_inc(page._swapcount)
    page_remove_rmap(page, vma)
    put_page_not_last(page)  # reclaim's own reference is left
    spin_unlock(pt.ptl)
    return SWAP_SUCCESS


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
