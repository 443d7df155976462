"""The page cache (mm/filemap.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_alloc import alloc_page
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import *


def find_get_page(mapping: address_space, index: int) -> page:
    """The page at ``index`` with a reference, or NULL. Without a lock: the slot is looked at again once the page is pinned.

    The kernel tries again until the slot is empty or keeps its page. Where pages are not moved, one try is enough: what cannot be
    pinned, or has left its slot, is gone for good.
    """
    if mapping.page_tree == NULL:
        return NULL  # nothing of this file was ever read
    slot = mapping.page_tree + index
    rcu_read_lock()
    page = pin_page(slot)
    while contig_zone.migrates and page == NULL and READ_ONCE(slot.page) != NULL:
        page = pin_page(slot)
    rcu_read_unlock()
    return page


def pin_page(slot: radix_tree_slot) -> page:
    """The page that a slot has and keeps, with a reference; NULL: none, or one try was not enough."""
    page = READ_ONCE(slot.page)
    if page != NULL:
        if not get_page_unless_zero(page):
            page = NULL
        elif READ_ONCE(slot.page) != page:
            put_page(page)
            page = NULL
    return page


def remove_from_page_cache(page: page, mapping: address_space) -> None:
    spin_lock(mapping.tree_lock)
    __remove_from_page_cache(page, mapping)
    spin_unlock(mapping.tree_lock)


def __remove_from_page_cache(page: page, mapping: address_space) -> None:
    """Under tree_lock."""
    BUG_ON(not PageLocked(page))
    slot = mapping.page_tree + READ_ONCE(page.index)
    WRITE_ONCE(slot.page, NULL)
    WRITE_ONCE(page.mapping, NULL)


def page_cache_read(mapping: address_space, index: int) -> None:
    """Read a page of the file into the page cache, if nobody was faster. The size of the file is not asked."""
    page = alloc_page()
    if page != NULL:
        add_to_page_cache_lru(page, mapping, index)
        put_page(page)


def add_to_page_cache_lru(page: page, mapping: address_space, index: int) -> None:
    """Of a new page, which is locked until it is read. If there is another one already, nothing happens."""
    lock_page(page)
    get_page(page)
    WRITE_ONCE(page.mapping, mapping)
    WRITE_ONCE(page.index, index)
    slot = mapping.page_tree + index
    spin_lock(mapping.tree_lock)
    added = READ_ONCE(slot.page) == NULL
    if added:
        WRITE_ONCE(slot.page, page)
    spin_unlock(mapping.tree_lock)
    if added:
        lru_cache_add_lru(page, False)
        unlock_page(page)
    else:
        WRITE_ONCE(page.mapping, NULL)
        unlock_page(page)
        put_page_not_last(page)


def filemap_fault(mapping: address_space, index: int) -> page:
    """The file's page, LOCKED, with a reference; NULL: SIGBUS.

    Who finds that the page was truncated meanwhile starts again in the kernel; here the file does not grow, and it is SIGBUS.
    """
    if index >= READ_ONCE(mapping.host.i_size) or mapping.page_tree == NULL:
        return NULL
    page = find_get_page(mapping, index)
    if page == NULL:
        page_cache_read(mapping, index)
        page = find_get_page(mapping, index)
        if page == NULL:
            return NULL
    lock_page(page)
    if READ_ONCE(page.mapping) != mapping or index >= READ_ONCE(mapping.host.i_size):
        unlock_page(page)
        put_page(page)
        return NULL
    return page
