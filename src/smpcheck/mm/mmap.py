"""Taking a mapping away: munmap() and the end of a process (mm/mmap.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.memory import free_page_and_swap_cache, zap_pte
from smpcheck.mm.mlock import munlock_vma_pages_range
from smpcheck.mm.mm_types import *
from smpcheck.mm.rmap import pte_offset
from smpcheck.mm.swap import *
from smpcheck.mm.variants import V


def do_munmap(vma: vm_area_struct) -> None:
    """munmap() of one whole vma; exit does the same for each vma of a process."""
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
    for index in range(vma.vm_pages):
        pt = pte_offset(vma, index)
        page = zap_pte(vma.vm_file, vma, pt, True, True)
        if page != NULL:
            lru_add_drain()
            free_page_and_swap_cache(page)
    WRITE_ONCE(vma.vm_flags, READ_ONCE(vma.vm_flags) & ~VM_LOCKED)


def anon_vma_unlink(vma: vm_area_struct) -> None:
    """The vma leaves its anon_vma, of which it was the last one: RCU keeps it until nobody looks at it any more."""
    anon_vma = READ_ONCE(vma.anon_vma)
    if anon_vma == NULL:
        return
    spin_lock(anon_vma.lock)
    spin_unlock(anon_vma.lock)
    synchronize_rcu()
    WRITE_ONCE(anon_vma.gone, 1)
