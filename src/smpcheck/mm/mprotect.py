"""Taking away the right to store (mm/mprotect.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.memory import pte_present
from smpcheck.mm.migrate import is_migration_pte
from smpcheck.mm.mm_types import *
from smpcheck.mm.mmap import split_vma
from smpcheck.mm.rmap import in_vma, pte_offset, pte_page


def mprotect_fixup(vma: vm_area_struct) -> None:
    """mprotect(PROT_READ) of one whole vma, which keeps VM_LOCKED."""
    down_write(vma.vm_mm.mmap_sem)
    change_protection(vma)
    up_write(vma.vm_mm.mmap_sem)


def mprotect_part(vma: vm_area_struct, new: vm_area_struct, at: int) -> None:
    """The same up to page ``at``: the vma is split, and ``new`` is what comes after."""
    down_write(vma.vm_mm.mmap_sem)
    split_vma(vma, new, at, False)
    change_protection(vma)
    up_write(vma.vm_mm.mmap_sem)


def change_protection(vma: vm_area_struct) -> None:
    """change_pte_range for each pte: no page is touched, and no counter."""
    for index in range(vma.vm_pages):
        if in_vma(vma, index):
            pt = pte_offset(vma, index)
            spin_lock(pt.ptl)
            pte = READ_ONCE(pt.pte)
            if pte_present(pte):
                WRITE_ONCE(pt.pte, pte_page(pte) | PTE_WRPROTECT)
            elif is_migration_pte(pte):
                WRITE_ONCE(pt.pte, pte | PTE_WRPROTECT)
            spin_unlock(pt.ptl)
