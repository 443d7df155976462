"""Emptying the page cache (mm/truncate.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.filemap import find_get_page, remove_from_page_cache
from smpcheck.mm.memory import unmap_mapping_range
from smpcheck.mm.mlock import clear_page_mlock
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import *
from smpcheck.mm.variants import V


def vmtruncate(inode: inode, size: int, end: int) -> None:
    """do_truncate and vmtruncate: from ``end`` pages to ``size``. The size shrinks first: later faults find SIGBUS."""
    mapping = inode.i_mapping
    mutex_lock(inode.i_mutex)
    WRITE_ONCE(inode.i_size, size)
    if V.first_pass:
        unmap_mapping_range(mapping, size, end, V.first_even_cows)
    truncate_inode_pages(mapping, size, end)
    if V.second_pass:
        unmap_mapping_range(mapping, size, end, True)
    mutex_unlock(inode.i_mutex)


def vmtruncate_range(inode: inode, start: int, end: int) -> None:
    """Punching a hole: pages leave the page cache, and the file keeps its size, so that a fault brings new ones.

    In 2.6.32 (mm/memory.c, madvise(MADV_REMOVE)) private copies are unmapped too, before and after. Since 3.5
    (shmem_fallocate, truncate_pagecache_range) they stay, and there is one unmap, before (V7 and later).
    """
    mapping = inode.i_mapping
    keeps_copies = V.rmap_clears or V.mlock_count
    mutex_lock(inode.i_mutex)
    unmap_mapping_range(mapping, start, end, not keeps_copies)
    truncate_inode_pages(mapping, start, end)
    if not keeps_copies:
        unmap_mapping_range(mapping, start, end, True)
    mutex_unlock(inode.i_mutex)


def truncate_inode_pages(mapping: address_space, start: int, end: int) -> None:
    """The pass that waits for page locks; one that only tries them comes first in the kernel, and does nothing else."""
    for index in range(start, end):
        page = find_get_page(mapping, index)
        if page != NULL:
            lock_page(page)
            truncate_inode_page(mapping, page, index)
            unlock_page(page)
            put_page(page)


def truncate_inode_page(mapping: address_space, page: page, index: int) -> None:
    if READ_ONCE(page.mapping) != mapping:
        return
    if page_mapped(page):
        unmap_mapping_range(mapping, index, index + 1, False)
    if not (V.rmap_clears or V.mlock_count):
        clear_page_mlock(page)
    remove_from_page_cache(page, mapping)
    put_page_not_last(page)  # the page cache's; the caller has one
