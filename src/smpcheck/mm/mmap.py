"""Taking a mapping away: munmap() and the end of a process (mm/mmap.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.memory import ENOMEM, populate_page, tlb_flush_mmu, tlb_remove_page, zap_pte
from smpcheck.mm.mlock import __mlock_vma_page_range, mm_populate, munlock_vma_pages_range
from smpcheck.mm.mm_types import *
from smpcheck.mm.rmap import i_mmap_lock_write, i_mmap_unlock_write, pte_offset
from smpcheck.mm.swap import *
from smpcheck.mm.variants import V


def mmap_region(vma: vm_area_struct) -> int:
    """mmap() with MAP_LOCKED, from where the vma is there: its pages are brought in and mlocked.

    Until 3.8 mmap_region does that with mmap_sem held for writing (mlock_vma_pages_range); since 3.9 do_mmap leaves it to
    mm_populate, which shares it (V8 and later).
    """
    mm = vma.vm_mm
    down_write(mm.mmap_sem)
    WRITE_ONCE(vma.vm_flags, READ_ONCE(vma.vm_flags) | VM_LOCKED)
    if V.mlock_count or V.munlock_pagevec:
        up_write(mm.mmap_sem)
        return mm_populate(vma)
    error = 0
    for index in range(vma.vm_pages):
        if V.follow_page_mlocks:
            found = populate_page(vma, index)
        else:
            found = __mlock_vma_page_range(vma, index)
        if not found:
            error = -ENOMEM
    up_write(mm.mmap_sem)
    return error


def split_vma(vma: vm_area_struct, new: vm_area_struct, at: int, new_below: bool) -> None:
    """Cut a vma in two before page ``at``; ``new`` gets one half, with its flags and its anon_vma. mmap_sem is held for writing.

    vma_adjust: both ranges change under the locks of both lists of vmas, so that a walk finds the old vma or the two new ones.
    """
    WRITE_ONCE(new.vm_flags, READ_ONCE(vma.vm_flags))
    anon_vma = READ_ONCE(vma.anon_vma)
    WRITE_ONCE(new.anon_vma, anon_vma)
    mapping = vma.vm_file
    i_mmap_lock_write(mapping)
    if contig_zone.breaks:
        WRITE_ONCE(new.vm_truncate_count, READ_ONCE(vma.vm_truncate_count))
    if anon_vma != NULL:
        spin_lock(anon_vma.lock)
    if new_below:
        WRITE_ONCE(new.vm_start, READ_ONCE(vma.vm_start))
        WRITE_ONCE(new.vm_end, at)
        WRITE_ONCE(vma.vm_start, at)
    else:
        WRITE_ONCE(new.vm_start, at)
        WRITE_ONCE(new.vm_end, READ_ONCE(vma.vm_end))
        WRITE_ONCE(vma.vm_end, at)
    if anon_vma != NULL:
        spin_unlock(anon_vma.lock)
    i_mmap_unlock_write(mapping)


def do_munmap(vma: vm_area_struct) -> None:
    """munmap() of one whole vma."""
    mm = vma.vm_mm
    down_write(mm.mmap_sem)
    unmap_region(vma)
    if contig_zone.exits:
        anon_vma_unlink(vma)
    up_write(mm.mmap_sem)


def unmap_region(vma: vm_area_struct) -> None:
    """mmap_sem is held for writing. Before V10 pages are munlocked first; since then page_remove_rmap does it."""
    if not V.mlock_count and READ_ONCE(vma.vm_flags) & VM_LOCKED:
        munlock_vma_pages_range(vma)
    lru_add_drain()
    unmap_vmas(vma)
    tlb_flush_mmu()
    WRITE_ONCE(vma.vm_flags, READ_ONCE(vma.vm_flags) & ~VM_LOCKED)


def unmap_vmas(vma: vm_area_struct) -> None:
    """All ptes of the vma."""
    for index in range(vma.vm_pages):
        pt = pte_offset(vma, index)
        page = zap_pte(vma.vm_file, vma, pt, True, True)
        if page != NULL:
            tlb_remove_page(page)


def exit_mmap(vma: vm_area_struct) -> None:
    """The end of a process, of which nobody else has the mm. In 6.1 (V10) mmap_sem is shared while its pages are unmapped."""
    if V.mlock_count:
        down_read(vma.vm_mm.mmap_sem)
    elif READ_ONCE(vma.vm_flags) & VM_LOCKED:
        munlock_vma_pages_range(vma)
    lru_add_drain()
    unmap_vmas(vma)
    free_pgtables(vma)
    tlb_flush_mmu()
    WRITE_ONCE(vma.vm_flags, READ_ONCE(vma.vm_flags) & ~VM_LOCKED)
    if V.mlock_count:
        up_write(vma.vm_mm.mmap_sem)


def free_pgtables(vma: vm_area_struct) -> None:
    """The vma leaves its anon_vma; in 6.1 (V10) mmap_sem is held for writing then."""
    if V.mlock_count:
        up_read(vma.vm_mm.mmap_sem)
        down_write(vma.vm_mm.mmap_sem)
    if contig_zone.exits:
        anon_vma_unlink(vma)


def anon_vma_unlink(vma: vm_area_struct) -> None:
    """The vma leaves its anon_vma, of which it was the last one: RCU keeps it until nobody looks at it any more."""
    anon_vma = READ_ONCE(vma.anon_vma)
    if anon_vma == NULL:
        return
    spin_lock(anon_vma.lock)
    spin_unlock(anon_vma.lock)
    synchronize_rcu()
    WRITE_ONCE(anon_vma.gone, 1)
