"""What must hold: I1 to I10. Where they are not final, the functions of the model check them in place.

=====  ==============================================================================================================
I1     no page reaches the allocator with PG_mlocked (checked where pages are freed)
I2     NR_MLOCK is the number of pages with PG_mlocked
I3     no page is stranded: on the unevictable list without a reason
I4     a page in a VM_LOCKED mapping is off the evictable lists after reclaim's next visit
I5     PG_lru says whether a page is on a list, PG_unevictable on which (also checked at each list operation)
I6     every reference has an owner, and counts do not become negative (also checked at each change)
I7     a page is freed with no flag that says it is in use (checked where pages are freed)
I8     locks are taken in order, sleeping locks not under spinlocks, and nobody waits forever (the checker's own)
I9     after truncation nothing is mapped beyond the end of the file
I10    V10's counters agree with each other
=====  ==============================================================================================================
"""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.variants import V

ABOUT = {
    "I1": "no page reaches the allocator with PG_mlocked",
    "I2": "NR_MLOCK counts the pages with PG_mlocked",
    "I3": "no page is stranded on the unevictable list",
    "I4": "a page in a VM_LOCKED mapping does not stay evictable after reclaim's visit",
    "I5": "PG_lru and PG_unevictable agree with the lists",
    "I6": "every reference has an owner",
    "I7": "a freed page has no flag of a page in use",
    "I8": "lock order, no sleeping under spinlocks, no deadlock",
    "I9": "nothing is mapped beyond the end of the file",
    "I10": "V10's counters agree",
}


def flag(page: page, bit: int) -> bool:
    return test_bit(bit, page.flags)


def counted(zone: zone, pages: tuple[page, ...]) -> bool:
    """I2."""
    mlocked = 0
    for each in pages:
        if flag(each, PG_mlocked):
            mlocked += 1
    return zone.vm_stat[NR_MLOCK] == mlocked


def not_stranded(page: page, mapping: address_space) -> bool:
    """I3. The mapping is a reason too, while the page belongs to it."""
    if not (flag(page, PG_lru) and flag(page, PG_unevictable)) or flag(page, PG_mlocked):
        return True
    return page.mapping == mapping and test_bit(AS_UNEVICTABLE, mapping.flags)


def lists_agree(page: page) -> bool:
    """I5."""
    lru = flag(page, PG_lru)
    if not lru:
        return page.lru == NOT_LISTED
    return page.lru != NOT_LISTED and flag(page, PG_unevictable) == (page.lru == LRU_UNEVICTABLE)


def references_owned(page: page, ptes: list[pte_t], slot: radix_tree_slot) -> bool:
    """I6: a pte, the page cache, the swap cache; the allocator before it gives the page away."""
    owners = 1 - page.allocated
    for each in ptes:
        if each.pte & ~PTE_WRPROTECT == page:
            owners += 1
    if slot.page == page:
        owners += 1
    if flag(page, PG_swapcache):
        owners += 1
    return atomic_read(page._count) == owners


def mappings_counted(page: page, ptes: list[pte_t]) -> bool:
    """I6: _mapcount, which starts at -1."""
    mappings = -1
    for each in ptes:
        if each.pte & ~PTE_WRPROTECT == page:
            mappings += 1
    return atomic_read(page._mapcount) == mappings


def freed_once(page: page) -> bool:
    """I6: freed if and only if nobody has it, and only once."""
    return page.freed == (1 if atomic_read(page._count) == 0 else 0)


def unmapped(pte: pte_t) -> bool:
    """I9: neither a page nor a swap entry."""
    return pte.pte == NULL


def counters_agree(zone: zone) -> bool:
    """I10."""
    st = zone.vm_stat
    return st[NR_MLOCK] == st[PGMLOCKED] - st[PGMUNLOCKED] - st[PGCLEARED] - st[PGSTRANDED]


def lists_counted(zone: zone) -> bool:
    """I10."""
    st = zone.vm_stat
    return st[NR_UNEVICTABLE] == st[PGCULLED] - st[PGRESCUED] - st[FREED_UNEVICTABLE]


def culled(page: page, ptes: list[pte_t], vmas: list[vm_area_struct]) -> bool:
    """I4, after reclaim has looked at the page: on no evictable list if a VM_LOCKED vma maps it. Each vma has one pte."""
    for at in range(len(ptes)):
        if READ_ONCE(ptes[at].pte) & ~PTE_WRPROTECT == page and READ_ONCE(vmas[at].vm_flags) & VM_LOCKED:
            return not flag(page, PG_lru) or flag(page, PG_unevictable)
    return True


def invariants_here(
    pages: tuple[page, ...], ptes: list[pte_t], slot: radix_tree_slot, mapping: address_space, truncated: bool
) -> None:
    """The invariants of quiet states, checked by a thread that is alone."""
    check("I2", counted(contig_zone, pages))
    for each in pages:
        check("I3", not_stranded(each, mapping))
        check("I5", lists_agree(each))
        check("I6", references_owned(each, ptes, slot))
        check("I6", mappings_counted(each, ptes))
        check("I6", freed_once(each))
    if truncated:
        for pte in ptes:
            check("I9", unmapped(pte))
    if V.mlock_count:
        check("I10", counters_agree(contig_zone))
        check("I10", lists_counted(contig_zone))


def invariants(s: Setup, pages: tuple[page, ...], truncated: bool = False) -> None:
    """Ask for every invariant of quiet states; ``truncated``: the file has shrunk below its mapping."""
    s.final("I2", counted, s.zone, pages)
    for each in pages:
        s.final("I3", not_stranded, each, s.mapping)
        s.final("I5", lists_agree, each)
        s.final("I6", references_owned, each, s.ptes, s.slot)
        s.final("I6", mappings_counted, each, s.ptes)
        s.final("I6", freed_once, each)
    if truncated:
        for pte in s.ptes:
            s.final("I9", unmapped, pte)
    if V.mlock_count:
        s.final("I10", counters_agree, s.zone)
        s.final("I10", lists_counted, s.zone)
