"""Who meets whom on one page: small sets of threads, each a few lines, each CPU its own.

Every scenario has one file of one page, one process with one private mapping of it, and what the name says. Quiescence: all
threads have ended, and each CPU has drained its pagevecs.
"""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.invariants import invariants
from smpcheck.mm.memory import do_page_fault
from smpcheck.mm.mlock import mlock_pagevec, sys_mlock, sys_munlock
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import free_unreferenced, pagevec_lru_add
from smpcheck.mm.truncate import vmtruncate
from smpcheck.mm.variants import V
from smpcheck.mm.vmscan import shrink_page

LOCK_ORDER = lock_order(
    "inode.i_mutex > mm_struct.mmap_sem > page.flags:locked > address_space.i_mmap_lock > anon_vma.lock"
    " > {pte_t.ptl, mm_struct.page_table_lock} > {zone.lru_lock, address_space.tree_lock}"
)

COPY, FILE, NOTHING = "copy", "file", "nothing"


def world(s: Setup, mapped: str, locked: bool, mlocked: bool = False, faults: tuple[int, ...] = ()) -> tuple[page, ...]:
    """One page mapped (a private COPY, the FILE's own page, NOTHING), in a vma that is VM_LOCKED or not.

    ``mlocked``: the page has PG_mlocked and is on the unevictable list; else it is on an active list.
    """
    s.mm = mm_struct()
    s.inode = inode(i_size=1)
    s.mapping = address_space(host=s.inode)
    s.inode.i_mapping = s.mapping
    s.slot = radix_tree_slot()
    if mapped != COPY:
        s.mapping.page_tree = s.slot
    s.pte = pte_t()
    s.anon_vma = anon_vma()
    s.vma = vm_area_struct(vm_mm=s.mm, vm_file=s.mapping, page_table=s.pte, vm_pages=1, anon_vma_spare=s.anon_vma)
    s.vma.vm_flags = VM_LOCKED if locked else 0
    s.mapping.vma = s.vma
    s.anon_vma.vma = s.vma
    s.zone = contig_zone
    s.P = page()
    listed = (1 << PG_lru) | ((1 << PG_mlocked | 1 << PG_unevictable) if mlocked else (1 << PG_active))
    if mapped == COPY:
        s.P.flags = listed | 1 << PG_swapbacked
        s.P.lru = LRU_UNEVICTABLE if mlocked else LRU_ACTIVE_ANON
        s.P._mapcount = 0
        s.P.mapping = s.anon_vma | PAGE_MAPPING_ANON
        s.vma.anon_vma = s.anon_vma
        s.pte.pte = s.P
    else:
        s.P.flags = listed
        s.P.lru = LRU_UNEVICTABLE if mlocked else LRU_ACTIVE_FILE
        s.P._mapcount = 0 if mapped == FILE else -1
        s.P._count = 2 if mapped == FILE else 1
        s.P.mapping = s.mapping
        s.slot.page = s.P
        s.pte.pte = s.P if mapped == FILE else NULL
    s.P.allocated = 1
    pages = [s.P]
    for cpu in faults:
        new = page()
        setattr(s, f"N{cpu}", new)
        free_pages[cpu].spare = new
        pages.append(new)
    if mlocked:
        s.P.mlock_count = 1
        s.zone.vm_stat[NR_MLOCK] = s.zone.vm_stat[PGMLOCKED] = 1
        s.zone.vm_stat[NR_UNEVICTABLE] = s.zone.vm_stat[PGCULLED] = 1
    s.locks(LOCK_ORDER)
    return tuple(pages)


def idle() -> None:
    """The end of a thread: its CPU's pagevecs, as the last thread finds them."""
    here = this_cpu_ptr(cpus)
    here.lru_add_pvec = lru_add_pvec
    if V.mlock_count:
        here.mlock_pvec = mlock_pvec


def quiesce(n: int, pages: tuple[page, ...]) -> None:
    """When all threads have ended: every CPU's pagevecs are drained, and what lost its last reference is freed."""
    for i in range(n):
        there = per_cpu_ptr(cpus, i)
        if V.mlock_count:
            queued = there.mlock_pvec
            if queued != NULL:
                mlock_pagevec(queued)
        pending = there.lru_add_pvec
        if pending != NULL:
            pagevec_lru_add(pending)
    for each in pages:
        free_unreferenced(each)


def truncate(inode: inode) -> None:
    vmtruncate(inode, 0, 1)
    idle()


def mlock(vma: vm_area_struct) -> None:
    sys_mlock(vma)
    idle()


def munlock(vma: vm_area_struct) -> None:
    sys_munlock(vma)
    idle()


def store(vma: vm_area_struct) -> None:
    do_page_fault(vma, 0)
    idle()


def reclaim(page: page) -> None:
    shrink_page(page)
    idle()


@scenario
def truncate_mlock(s: Setup) -> None:
    """Truncation of the file against mlock() of a private copy."""
    pages = world(s, COPY, locked=False)
    s.thread(truncate, s.inode)
    s.thread(mlock, s.vma)
    s.after(quiesce, 2, pages)
    invariants(s, pages, truncated=True)
