"""What a workload needs besides the model's own operations, in the model's language: munmap, reads, growing a file, reclaim.

The scenarios of the checker start in the middle; a workload must get there and start again. These functions are run by the same
translation as the model's and take the same locks in the same order. Reading a file's page into the page cache and writing pages
back are not modelled: a file that grows has its new pages in the page cache at once.
"""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.filemap import add_to_page_cache_lru, find_get_page
from smpcheck.mm.memory import (
    do_page_fault,
    do_shared_fault,
    follow_page,
    handle_mm_fault,
)
from smpcheck.mm.mlock import (
    sys_mlock,
    sys_munlock,
)
from smpcheck.mm.mm_types import *
from smpcheck.mm.mmap import unmap_region
from smpcheck.mm.page_alloc import alloc_page
from smpcheck.mm.page_flags import *
from smpcheck.mm.rmap import pte_offset
from smpcheck.mm.shmem import shmem_unlock
from smpcheck.mm.swap import *
from smpcheck.mm.swap import __put_page
from smpcheck.mm.truncate import vmtruncate
from smpcheck.mm.vmscan import isolate_lru_page, putback_lru_page, shrink_page


def drain() -> None:
    """This CPU's pagevecs: what lru_add_drain_all has every CPU do."""
    lru_add_drain()


def write(vma: vm_area_struct, index: int) -> None:
    """A store to one page."""
    do_page_fault(vma, index, True)


def read(vma: vm_area_struct, index: int) -> None:
    """A load from one page: what is there, what comes back from the swap cache, the file's page, or a new anonymous one."""
    mm = vma.vm_mm
    down_read(mm.mmap_sem)
    page = follow_page(vma, index, False)
    if page != NULL:
        put_page(page)
    else:
        pt = pte_offset(vma, index)
        if READ_ONCE(pt.pte) == NULL and vma.vm_file != NULL:
            do_shared_fault(vma, pt, index)
        else:
            handle_mm_fault(vma, index, False)
    up_read(mm.mmap_sem)


def munmap(vma: vm_area_struct) -> None:
    """do_munmap of one whole vma: munlock, then unmap. The vma stays in i_mmap, where it maps nothing.

    The range of addresses is not given away, so that mmap may use the vma again.
    """
    mm = vma.vm_mm
    down_write(mm.mmap_sem)
    unmap_region(vma)
    up_write(mm.mmap_sem)


def extend(inode: inode, size: int) -> None:
    """ftruncate() to more pages, and the new ones read into the page cache."""
    fill(inode, size, False)


def extend_shmem(inode: inode, size: int) -> None:
    """The same for a file in memory, whose pages would go to swap."""
    fill(inode, size, True)


def fill(inode: inode, size: int, shmem: bool) -> None:
    mapping = inode.i_mapping
    mutex_lock(inode.i_mutex)
    old = READ_ONCE(inode.i_size)
    if size > old:
        WRITE_ONCE(inode.i_size, size)
    for index in range(old, size):
        page = alloc_page()
        if page != NULL:
            if shmem:
                SetPageSwapBacked(page)
            add_to_page_cache_lru(page, mapping, index)
            put_page(page)
    mutex_unlock(inode.i_mutex)


def shmem_lock(mapping: address_space) -> None:
    """shmctl(SHM_LOCK): nothing of the file is to be reclaimed from now on; what is on the lists is found by reclaim."""
    set_bit(AS_UNEVICTABLE, mapping.flags)


def shmem_unlock_page(mapping: address_space, index: int) -> None:
    """shmctl(SHM_UNLOCK) for one page of the file."""
    page = find_get_page(mapping, index)
    if page != NULL:
        shmem_unlock(mapping, page)
        put_page(page)


def reclaim(page: page) -> None:
    """Reclaim looks at one page; if nobody maps it any more, it leaves the swap cache (shrink_page_list's try_to_free_swap)."""
    shrink_page(page)
    if contig_zone.swap:
        if PageSwapCache(page) and not page_mapped(page) and get_page_unless_zero(page):
            if trylock_page(page):
                try_to_free_swap(page)
                unlock_page(page)
            put_page(page)


def migrate(page: page) -> None:
    """A migration that fails: the page is isolated and put back, without its lock."""
    if get_page_unless_zero(page):
        if isolate_lru_page(page):
            putback_lru_page(page)
        put_page(page)


def free_unreferenced_page(page: page) -> None:
    """When all is quiet: what has lost its last reference reaches the allocator, if put_page left that to the end."""
    if atomic_read(page._count) == 0 and page.freed == 0:
        __put_page(page)


OPERATIONS = (
    drain, write, read, munmap, vmtruncate, extend, extend_shmem, sys_mlock, sys_munlock, shmem_lock, shmem_unlock_page,
    reclaim, migrate, free_unreferenced_page, shrink_page,
)  # fmt: skip
"""What workloads call."""
