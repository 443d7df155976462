"""The objects of the system, cut down to what the protocol touches (include/linux/{mm_types,mmzone,fs,rmap}.h).

Linkage is kept as what it means: ``page.lru`` is the list that a page is linked on, so that adding twice and deleting what is not
there are visible; a page table is an array of ptes, each with the lock of its table; the radix tree is an array of slots.
"""

from __future__ import annotations

from typing import Any

from smpcheck.kernel import *
from smpcheck.mm.variants import FLAGS

PG_locked, PG_uptodate, PG_dirty, PG_lru, PG_active = 0, 3, 4, 5, 6
PG_swapcache, PG_buddy, PG_swapbacked, PG_unevictable, PG_mlocked = 16, 18, 19, 20, 21

PAGE_FLAGS = {
    "locked": PG_locked, "lru": PG_lru, "active": PG_active, "swapcache": PG_swapcache, "buddy": PG_buddy,
    "swapbacked": PG_swapbacked, "unevictable": PG_unevictable, "mlocked": PG_mlocked,
}  # fmt: skip
"""The bits that the protocol uses. PG_lru lies in byte 0 and PG_mlocked in byte 2, as in 2.6.32. PG_buddy: the page is free."""

AS_UNEVICTABLE = 27
PAGE_MAPPING_ANON = 1

VM_LOCKED, VM_SPECIAL = 0x2000, 0x4000

NOT_LISTED, LRU_INACTIVE_ANON, LRU_ACTIVE_ANON, LRU_INACTIVE_FILE, LRU_ACTIVE_FILE, LRU_UNEVICTABLE = range(6)
"""What page.lru says; the kernel's enum lru_list plus one, as 0 is "on no list"."""
LRU_ACTIVE = 1

PTE_WRPROTECT = 1
"""Tag of a pte through which nobody may store: of a file's page in a private mapping, and of a page that a fork has shared."""
PTE_SWAP = 2
"""Tag of a pte that is a swap entry: the rest is the page of that entry."""
PTE_MIGRATION = 4
"""Tag of a pte that is a migration entry: the rest is the page that is moved, and PTE_WRPROTECT as it was."""

NR_MLOCK, NR_UNEVICTABLE = 0, 1
(PGCULLED, PGSCANNED, PGRESCUED, PGMLOCKED, PGMUNLOCKED, PGCLEARED, PGSTRANDED, MLOCKFREED) = range(2, 10)
FREED_UNEVICTABLE, BAD_PAGE, SIGBUS, MLOCKED_AGAIN, MUNLOCK_STRANDED, SHM_UNLOCKED = range(10, 16)
NR_ITEMS = 16

VMSTAT_NAMES = {
    NR_MLOCK: "nr_mlock", NR_UNEVICTABLE: "nr_unevictable",
    PGCULLED: "unevictable_pgs_culled", PGSCANNED: "unevictable_pgs_scanned",
    PGRESCUED: "unevictable_pgs_rescued", PGMLOCKED: "unevictable_pgs_mlocked", PGMUNLOCKED: "unevictable_pgs_munlocked",
    PGCLEARED: "unevictable_pgs_cleared", PGSTRANDED: "unevictable_pgs_stranded", MLOCKFREED: "unevictable_pgs_mlockfreed",
}  # fmt: skip
"""Counters as /proc/vmstat calls them. Those without a name there are the model's own marks."""


class zone(Struct):
    lru_lock: spinlock_t
    swap: Const[int] = 0  # is there swap space?
    files: Const[int] = 1  # are there pages of files? Where not, code for them is left out of the program
    exits: Const[int] = 0  # are there vmas that end, and their anon_vma with them?
    migrates: Const[int] = 0  # are pages moved to other page frames?
    splits: Const[int] = 0  # do vmas change the range that they cover?
    breaks: Const[int] = 0  # does truncation let go of i_mmap_lock on its way (up to 2.6.39)?
    nr_lru: int = 0  # pages on lists: a plain int, which only lru_lock protects
    forks: Const[int] = 1  # are there pages that two vmas may map? Where not, only the first vma of each list is looked at
    vm_stat: Array[ghost_t] = array(NR_ITEMS)  # zone counters and vm events: no ordering hangs on them


class page(Struct):
    flags: flags_t = flag_word(PAGE_FLAGS, layout=FLAGS)
    _count: atomic_t = ATOMIC_INIT(1)
    _mapcount: atomic_t = ATOMIC_INIT(-1)
    mapping: Ptr[Any] = NULL  # an address_space, or an anon_vma + PAGE_MAPPING_ANON
    index: pgoff_t = 0
    lru: int = NOT_LISTED
    _swapcount: atomic_t = ATOMIC_INIT(0)  # ptes that hold its swap entry
    mlock_count: int = 0  # V10
    allocated: ghost_t = 0  # how often the allocator gave it away
    freed: ghost_t = 0  # how often it reached the allocator. A page in use was given away once more than it came back


struct_page = page
"""For functions with a local variable called page."""


class anon_vma(Struct):
    lock: spinlock_t
    gone: int = 0  # it was freed
    vma: Const[Ptr[vm_area_struct]] = NULL  # the list of vmas: at most two
    vma_next: Const[Ptr[vm_area_struct]] = NULL


struct_anon_vma = anon_vma
"""For fields called anon_vma."""


class inode(Struct):
    i_mutex: mutex
    i_size: long = 0  # in pages
    i_mapping: Const[Ptr[address_space]]


class address_space(Struct):
    flags: flags_t = flag_word({"unevictable": AS_UNEVICTABLE}, layout=FLAGS)
    host: Const[Ptr[inode]]
    tree_lock: spinlock_t
    page_tree: Const[Ptr[radix_tree_slot]] = NULL
    i_mmap_lock: spinlock_t
    i_mmap_rwsem: rw_semaphore  # V10, instead of i_mmap_lock
    i_mmap_wanted: int = 0  # does somebody wait for i_mmap_lock?
    truncate_count: ulong = 1  # odd: which pass of unmap_mapping_range this is
    vma: Const[Ptr[vm_area_struct]] = NULL  # i_mmap: at most two vmas
    vma_next: Const[Ptr[vm_area_struct]] = NULL


class radix_tree_slot(Struct):
    page: Ptr[page] = NULL


class pte_t(Struct):
    ptl: spinlock_t
    pte: Ptr[page] = NULL  # NULL: none; + PTE_WRPROTECT: read-only; + PTE_SWAP: a swap entry


class mm_struct(Struct):
    mmap_sem: rw_semaphore
    page_table_lock: spinlock_t


class vm_area_struct(Struct):
    vm_flags: ulong = 0
    vm_mm: Const[Ptr[mm_struct]]
    vm_file: Const[Ptr[address_space]] = NULL  # the file's mapping; NULL: anonymous memory
    vm_shared: Const[int] = 0  # VM_SHARED: stores go to the file's page; else to a private copy
    anon_vma: Ptr[struct_anon_vma] = NULL
    anon_vma_spare: Const[Ptr[struct_anon_vma]] = NULL  # what anon_vma_prepare allocates
    page_table: Const[Ptr[pte_t]]
    vm_pages: Const[int] = 1
    vm_start: pgoff_t = 0  # of its pages those from here on, and up to vm_end, where vmas are split. None: it is not there yet
    vm_end: pgoff_t = 0
    vm_truncate_count: ulong = 0  # odd: the pass that is done with it; even: twice the page at which the pass goes on


contig_zone = zone()
"""The one zone."""

lru_add_pvec = thread_local(NULL, Ptr[page])
lru_add_pvec_2 = thread_local(NULL, Ptr[page])
"""The pages that this CPU holds back on their way to an LRU list: a pagevec, of which two slots are enough here.
Before 3.11 each list has a pagevec: the tag LRU_ACTIVE says that a page is in the active list's.

CPUs are threads, and nobody else looks into their pagevecs.
"""
mlock_pvec = thread_local(NULL, Ptr[page])
mlock_pvec_2 = thread_local(NULL, Ptr[page])
"""V10: the pages that this CPU is to mlock (with the tag LRU_PAGE or NEW_PAGE) or munlock (no tag)."""


mmu_gather = thread_local(NULL, Ptr[page])
mmu_gather_2 = thread_local(NULL, Ptr[page])
"""The pages that this CPU has unmapped since the last flush of the TLB: their references are dropped together."""


class work_struct(Struct):
    """Work for one CPU, which it does when it comes to it."""

    pending: int = 0
    done: int = 0


class free_area(Struct):
    spare: Const[Ptr[page]] = NULL
    spare_2: Const[Ptr[page]] = NULL


free_pages = per_cpu(free_area)
"""Pages that each CPU finds free: at most two."""
pcp = thread_local(NULL, Ptr[page])
"""The page that this CPU has freed last, which it gives away first (the kernel's per-cpu lists are stacks)."""
spares_taken = thread_local(0)
"""How many of its spare pages this CPU has given away."""


def count(item: int, change: int) -> None:
    """A counter of /proc/vmstat."""
    ghost_add(contig_zone.vm_stat[item], change)
