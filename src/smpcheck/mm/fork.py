"""A child gets its parent's pages (kernel/fork.c, mm/memory.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.memory import is_swap_pte
from smpcheck.mm.migrate import is_migration_pte
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.rmap import i_mmap_lock_write, i_mmap_unlock_write, pte_offset, pte_page
from smpcheck.mm.swap import *


def dup_mmap(vma: vm_area_struct, child: vm_area_struct) -> None:
    """One vma of fork(). The child's is on the lists of vmas already, after the parent's (but see breaks), and is not VM_LOCKED.

    The child's mmap_sem is held for writing too; as nobody else has the child's mm yet, it is left out.
    """
    down_write(vma.vm_mm.mmap_sem)
    if contig_zone.breaks:  # the child's vma comes to the list now; what truncation has done with the parent's need not be done
        i_mmap_lock_write(vma.vm_file)
        WRITE_ONCE(child.vm_truncate_count, READ_ONCE(vma.vm_truncate_count))
        WRITE_ONCE(child.vm_end, child.vm_pages)
        i_mmap_unlock_write(vma.vm_file)
    for index in range(vma.vm_pages):
        copy_one_pte(pte_offset(child, index), pte_offset(vma, index))
    up_write(vma.vm_mm.mmap_sem)


def copy_one_pte(dst: pte_t, src: pte_t) -> None:
    """Both ptes become read-only. The kernel holds the child's pte lock too: what it protects is this one store."""
    spin_lock(src.ptl)
    pte = READ_ONCE(src.pte)
    if pte != NULL:
        if is_swap_pte(pte):
            entry: struct_page = cast(struct_page, pte & ~PTE_SWAP)
            atomic_inc(entry._swapcount)  # swap_duplicate
            WRITE_ONCE(dst.pte, pte)
        elif is_migration_pte(pte):  # read-only from now on, as the page will be
            WRITE_ONCE(src.pte, pte | PTE_WRPROTECT)
            WRITE_ONCE(dst.pte, pte | PTE_WRPROTECT)
        else:
            page = pte_page(pte)
            WRITE_ONCE(src.pte, page | PTE_WRPROTECT)
            get_page(page)
            atomic_inc(page._mapcount)  # page_dup_rmap: no vma of the child's is VM_LOCKED
            WRITE_ONCE(dst.pte, page | PTE_WRPROTECT)
    spin_unlock(src.ptl)
