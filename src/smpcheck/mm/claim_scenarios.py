"""Scenarios for single claims: the few lines of a protocol that a claim is about, or one operation alone.

They call the same functions as the scenarios of the table, and ask for one thing each. Small enough for every memory model.
"""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.invariants import not_stranded
from smpcheck.mm.memory import do_page_fault
from smpcheck.mm.mlock import clear_page_mlock
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.scenarios import (
    COPY,
    FILE,
    HOLE,
    ISOLATED,
    MLOCKED,
    NOTHING,
    SWAPPED,
    idle,
    migrate,
    mlock,
    munlock,
    reclaim,
    store,
    world,
)  # fmt: skip
from smpcheck.mm.shmem import shmem_unlock
from smpcheck.mm.swap import add_page_to_unevictable_list, free_unreferenced, lru_add_drain, lru_barrier, put_page
from smpcheck.mm.truncate import vmtruncate
from smpcheck.mm.variants import V
from smpcheck.mm.vmscan import evictable_now, isolate_lru_page, shrink_page


def putback(page: page) -> None:
    """The end of putback_lru_page: to the unevictable list, and one more look."""
    add_page_to_unevictable_list(page)
    lru_barrier()
    if evictable_now(page):
        isolate_lru_page(page)


def munlock_clear(page: page) -> None:
    """The beginning of munlock_vma_page: take PG_mlocked away, and the page off the list if it is there."""
    lock_page(page)
    if V.returning_clear:
        if TestClearPageMlocked(page):
            isolate_lru_page(page)
    else:
        ClearPageMlocked(page)
        isolate_lru_page(page)
    unlock_page(page)


def clear(page: page) -> None:
    """clear_page_mlock, as do_wp_page calls it of the old page, and since 3.7 page_remove_rmap with the last mapping."""
    if V.rmap_clears:
        clear_page_mlock(page)
    else:
        lock_page(page)
        clear_page_mlock(page)
        unlock_page(page)


def shm_unlock(mapping: address_space, page: page) -> None:
    shmem_unlock(mapping, page)


def truncate_and_look(inode: inode, pte: pte_t, seen: pte_t) -> None:
    """Truncation, and what it finds in the page table at its end."""
    vmtruncate(inode, 0, 1)
    WRITE_ONCE(seen.pte, READ_ONCE(pte.pte))
    idle()


def store_swap_store(vma: vm_area_struct, copy: page) -> None:
    do_page_fault(vma, 0, True)
    lru_add_drain()
    shrink_page(copy)
    do_page_fault(vma, 0, True)
    idle()


def drop(page: page) -> None:
    put_page(page)
    free_unreferenced(page)


def nothing_new(pte: pte_t, seen: pte_t) -> bool:
    """Where truncation's end found nothing, there is nothing later either."""
    return seen.pte != NULL or pte.pte == NULL


def nothing_swapped_in(pte: pte_t, seen: pte_t) -> bool:
    """Where truncation's end found a swap entry, it is there later too."""
    return seen.pte & PTE_SWAP == 0 or pte.pte & PTE_SWAP != 0


@scenario
def putback_munlock(s: Setup) -> None:
    """The end of putback_lru_page against the beginning of munlock: who sees whose flag?"""
    world(s, COPY, locked=False, at=ISOLATED)
    s.thread(putback, s.P)
    s.thread(munlock_clear, s.P)
    s.final("I3", not_stranded, s.P, s.mapping)


@scenario
def putback_clear(s: Setup) -> None:
    """The end of putback_lru_page against clear_page_mlock."""
    world(s, COPY, locked=False, at=ISOLATED)
    s.thread(putback, s.P)
    s.thread(clear, s.P)
    s.final("I3", not_stranded, s.P, s.mapping)


@scenario
def putback_shm_unlock(s: Setup) -> None:
    """The end of putback_lru_page against SHM_UNLOCK, whose flag lies in the mapping."""
    world(s, NOTHING, locked=False)
    s.mapping.flags = 1 << AS_UNEVICTABLE
    s.P.flags = 1 << PG_swapbacked
    s.P.lru = NOT_LISTED
    s.P._count = 2
    s.thread(putback, s.P)
    s.thread(shm_unlock, s.mapping, s.P)
    s.final("I3", not_stranded, s.P, s.mapping)


@scenario
def truncate_then_cow(s: Setup) -> None:
    """Truncation, which looks at the page table at its end, against a store that makes a private copy."""
    world(s, FILE, locked=True, at=MLOCKED, faults=(1,))
    s.seen = pte_t()
    s.thread(truncate_and_look, s.inode, s.pte, s.seen)
    s.thread(store, s.vma)
    s.final("a private copy appears", nothing_new, s.pte, s.seen)


@scenario
def truncate_then_fault(s: Setup) -> None:
    """The same where nothing is mapped before: an early copy."""
    world(s, NOTHING, locked=True, faults=(1,))
    s.seen = pte_t()
    s.thread(truncate_and_look, s.inode, s.pte, s.seen)
    s.thread(store, s.vma)
    s.final("a private copy appears", nothing_new, s.pte, s.seen)


@scenario
def truncate_then_read_in(s: Setup) -> None:
    """The same where the file's page has to be read into the page cache before it is copied."""
    world(s, HOLE, locked=True, faults=(1, 1))
    s.seen = pte_t()
    s.thread(truncate_and_look, s.inode, s.pte, s.seen)
    s.thread(store, s.vma)
    s.final("a private copy appears", nothing_new, s.pte, s.seen)


@scenario
def truncate_then_swapin(s: Setup) -> None:
    """The same where the private copy is swapped out before."""
    world(s, SWAPPED, locked=True, swap=True)
    s.seen = pte_t()
    s.thread(truncate_and_look, s.inode, s.pte, s.seen)
    s.thread(store, s.vma)
    s.final("a private copy appears", nothing_new, s.pte, s.seen)
    s.final("a private copy is swapped in", nothing_swapped_in, s.pte, s.seen)


@scenario
def truncate_then_swap(s: Setup) -> None:
    """The same where a store makes an early copy, reclaim swaps it out, and a second store swaps it in."""
    world(s, NOTHING, locked=False, faults=(1,), swap=True)
    s.seen = pte_t()
    s.thread(truncate_and_look, s.inode, s.pte, s.seen)
    s.thread(store_swap_store, s.vma, s.N1)
    s.final("a private copy appears", nothing_new, s.pte, s.seen)
    s.final("a private copy is swapped in", nothing_swapped_in, s.pte, s.seen)


@scenario
def free_stranded_on_list(s: Setup) -> None:
    """The last reference to a page that is on the unevictable list without PG_mlocked."""
    world(s, NOTHING, locked=False)
    s.P.flags = 1 << PG_lru | 1 << PG_unevictable
    s.P.lru = LRU_UNEVICTABLE
    s.P.mapping = NULL
    s.thread(drop, s.P)


@scenario
def free_stranded_off_list(s: Setup) -> None:
    """The last reference to a page that has PG_unevictable and is on no list."""
    world(s, NOTHING, locked=False)
    s.P.flags = 1 << PG_unevictable
    s.P.lru = NOT_LISTED
    s.P.mapping = NULL
    s.thread(drop, s.P)


# --- one operation alone: who sets PG_mlocked, and what is held then ------------------------------------------------------------


@scenario
def alone_mlock(s: Setup) -> None:
    """mlock() of a private copy."""
    world(s, COPY, locked=False)
    s.thread(mlock, s.vma)


@scenario
def alone_reclaim(s: Setup) -> None:
    """Reclaim finds a private copy in a VM_LOCKED vma."""
    world(s, COPY, locked=True, swap=True)
    s.thread(reclaim, s.P)


@scenario
def alone_fault(s: Setup) -> None:
    """A store makes a private copy in a VM_LOCKED vma."""
    world(s, FILE, locked=True, at=MLOCKED, faults=(0,))
    s.thread(store, s.vma)


@scenario
def alone_munlock(s: Setup) -> None:
    """munlock() of a page that a second VM_LOCKED vma maps: try_to_munlock sets the flag again."""
    world(s, COPY, locked=True, at=MLOCKED, twice=True)
    s.child.vm_flags = VM_LOCKED
    s.thread(munlock, s.vma)


@scenario
def alone_migrate(s: Setup) -> None:
    """An mlocked private copy is moved to another page frame."""
    world(s, COPY, locked=True, at=MLOCKED, faults=(0,))
    s.zone.migrates = 1
    s.thread(migrate, s.P)


HEARTS: dict[str, Scenario] = {
    found.name: found
    for found in (
        putback_munlock, putback_clear, putback_shm_unlock, truncate_then_cow, truncate_then_fault, truncate_then_read_in,
        truncate_then_swapin, truncate_then_swap, free_stranded_on_list, free_stranded_off_list,
        alone_mlock, alone_reclaim, alone_fault, alone_munlock, alone_migrate,
    )
}  # fmt: skip
"""Each by its name."""
