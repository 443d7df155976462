"""What must hold: I1 to I14. Where they are not final, the functions of the model check them in place.

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
I10    the counters agree with the events
I11    a VM_LOCKED vma has its pages: none is missing, or a swap entry
I12    a page with PG_mlocked is mapped by a VM_LOCKED vma
I13    V10: mlock_count is not more than the VM_LOCKED vmas that map the page
I14    no data race: lists and counts that are accessed plainly have a lock or an owner (the checker's own, under lkmm)
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
    "I10": "the counters agree with the events",
    "I11": "a VM_LOCKED vma has all its pages",
    "I12": "a page with PG_mlocked is mapped by a VM_LOCKED vma",
    "I13": "mlock_count is at most the number of VM_LOCKED vmas that map the page",
    "I14": "no data race on what is accessed plainly, as lists are under lru_lock",
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
    """I5. When all is quiet a page that somebody has is on some list: else reclaim would never find it. PG_active and
    PG_unevictable say which list."""
    lru = flag(page, PG_lru)
    if not lru:
        return page.lru == NOT_LISTED and atomic_read(page._count) == 0
    if flag(page, PG_active) != (page.lru == LRU_ACTIVE_ANON or page.lru == LRU_ACTIVE_FILE):
        return False
    return page.lru != NOT_LISTED and flag(page, PG_unevictable) == (page.lru == LRU_UNEVICTABLE)


def references_owned(page: page, ptes: list[pte_t], slot: radix_tree_slot) -> bool:
    """I6: a pte, the page cache, the swap cache."""
    owners = 0
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
    """I6: given away once more than it came back if somebody has it, else as often."""
    return page.allocated - page.freed == (0 if atomic_read(page._count) == 0 else 1)


def unmapped(pte: pte_t) -> bool:
    """I9: neither a page nor a swap entry."""
    return pte.pte == NULL


def lru_counted(zone: zone, pages: tuple[page, ...]) -> bool:
    """I5: the lists are whole."""
    listed = 0
    for each in pages:
        if each.lru != NOT_LISTED:
            listed += 1
    return zone.nr_lru == listed


def unevictable_counted(zone: zone, pages: tuple[page, ...]) -> bool:
    """I5: NR_UNEVICTABLE is the number of pages on the unevictable list."""
    listed = 0
    for each in pages:
        if each.lru == LRU_UNEVICTABLE:
            listed += 1
    return zone.vm_stat[NR_UNEVICTABLE] == listed


def swap_counted(page: page, ptes: list[pte_t]) -> bool:
    """I6: _swapcount is the number of ptes that hold the page's swap entry."""
    entries = 0
    for each in ptes:
        if each.pte == page | PTE_SWAP:
            entries += 1
    return atomic_read(page._swapcount) == entries


def moved(pte: pte_t) -> bool:
    """I6: a migration entry is of a page that is being moved, and nobody moves one when all is quiet."""
    return pte.pte & PTE_MIGRATION == 0


def counters_agree(zone: zone) -> bool:
    """I10. Before V10 a munlock that finds another VM_LOCKED vma counts no event, and PGSTRANDED counts other things too."""
    st = zone.vm_stat
    stranded = st[PGSTRANDED] if V.mlock_count else st[MUNLOCK_STRANDED]
    gone = st[PGMUNLOCKED] + st[PGCLEARED] + stranded + st[MLOCKED_AGAIN] + st[MLOCKFREED]
    return st[NR_MLOCK] == st[PGMLOCKED] - gone


def scans_counted(zone: zone) -> bool:
    """I10. Each SHM_UNLOCK looks at one page."""
    return zone.vm_stat[PGSCANNED] == zone.vm_stat[SHM_UNLOCKED]


def anon_vma_freed(anon_vma_: anon_vma) -> bool:
    """I6: an anon_vma ends with its last vma."""
    return anon_vma_.gone == 1


def lists_counted(zone: zone) -> bool:
    """I10, since V9. Before, putback_lru_page counts where the page ends, and not what happens to it on the way."""
    st = zone.vm_stat
    return st[NR_UNEVICTABLE] == st[PGCULLED] - st[PGRESCUED] - st[FREED_UNEVICTABLE]


def resident(pte: pte_t, vma: vm_area_struct) -> bool:
    """I11. Of a vma of a file that was not truncated."""
    return vma.vm_flags & VM_LOCKED == 0 or (pte.pte != NULL and pte.pte & PTE_SWAP == 0)


def locked_mappings(page: page, ptes: list[pte_t], vmas: list[vm_area_struct]) -> int:
    """By how many VM_LOCKED vmas the page is mapped. Each vma has one pte."""
    found = 0
    for at in range(len(ptes)):
        if ptes[at].pte & ~PTE_WRPROTECT == page and vmas[at].vm_flags & VM_LOCKED != 0:
            found += 1
    return found


def mlocked_with_reason(page: page, ptes: list[pte_t], vmas: list[vm_area_struct]) -> bool:
    """I12. What happens to a page that is freed with the flag is I1."""
    return atomic_read(page._count) == 0 or not flag(page, PG_mlocked) or locked_mappings(page, ptes, vmas) > 0


def mlocks_counted(page: page, ptes: list[pte_t], vmas: list[vm_area_struct]) -> bool:
    """I13. The count is kept on the unevictable list only."""
    if not (flag(page, PG_lru) and flag(page, PG_unevictable)):
        return True
    return page.mlock_count <= locked_mappings(page, ptes, vmas)


def culled(page: page, ptes: list[pte_t], vmas: list[vm_area_struct]) -> bool:
    """I4, after reclaim has looked at the page: on no evictable list if a VM_LOCKED vma maps it."""
    if locked_mappings(page, ptes, vmas) == 0:
        return True
    return not flag(page, PG_lru) or flag(page, PG_unevictable)


def invariants_here(
    pages: tuple[page, ...],
    ptes: list[pte_t],
    vmas: list[vm_area_struct],
    slot: radix_tree_slot,
    mapping: address_space,
    gone: str,
) -> None:
    """The invariants of quiet states, checked by a thread that is alone. ``gone``: see :func:`invariants`."""
    check("I2", counted(contig_zone, pages))
    check("I5", lru_counted(contig_zone, pages))
    check("I5", unevictable_counted(contig_zone, pages))
    for each in pages:
        check("I3", not_stranded(each, mapping))
        check("I5", lists_agree(each))
        check("I6", references_owned(each, ptes, slot))
        check("I6", mappings_counted(each, ptes))
        if contig_zone.swap:
            check("I6", swap_counted(each, ptes))
        check("I6", freed_once(each))
        check("I12", mlocked_with_reason(each, ptes, vmas))
        if V.mlock_count:
            check("I13", mlocks_counted(each, ptes, vmas))
    for at in range(len(ptes)):
        if gone == "truncated":
            check("I9", unmapped(ptes[at]))
        if gone == "":
            check("I11", resident(ptes[at], vmas[at]))
        if contig_zone.migrates:
            check("I6", moved(ptes[at]))
    check("I10", counters_agree(contig_zone))
    check("I10", scans_counted(contig_zone))
    if V.pagevec_putback:
        check("I10", lists_counted(contig_zone))


def invariants(s: Setup, pages: tuple[page, ...], gone: str = "") -> None:
    """Ask for every invariant of quiet states. ``gone``: why nothing need be mapped: the file is "truncated", or "unmapped"."""
    s.final("I2", counted, s.zone, pages)
    s.final("I5", lru_counted, s.zone, pages)
    s.final("I5", unevictable_counted, s.zone, pages)
    for each in pages:
        s.final("I3", not_stranded, each, s.mapping)
        s.final("I5", lists_agree, each)
        s.final("I6", references_owned, each, s.ptes, s.slot)
        s.final("I6", mappings_counted, each, s.ptes)
        if s.zone.swap:
            s.final("I6", swap_counted, each, s.ptes)
        s.final("I6", freed_once, each)
        s.final("I12", mlocked_with_reason, each, s.ptes, s.vmas)
        if V.mlock_count:
            s.final("I13", mlocks_counted, each, s.ptes, s.vmas)
    for pte, vma in zip(s.ptes, s.vmas, strict=True):
        if gone == "truncated":
            s.final("I9", unmapped, pte)
        if gone == "":
            s.final("I11", resident, pte, vma)
        if s.zone.migrates:
            s.final("I6", moved, pte)
    s.final("I10", counters_agree, s.zone)
    s.final("I10", scans_counted, s.zone)
    if V.pagevec_putback:
        s.final("I10", lists_counted, s.zone)
