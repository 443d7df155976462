"""Moving a page to another page frame (mm/migrate.c, and try_to_migrate of mm/rmap.c).

While a page is moved its ptes are migration entries, which have no reference. The page is locked all the time, and whoever
comes to an entry waits for that. The move succeeds if nobody else has a reference then; else the old page is mapped again.

PG_mlocked: up to 3.6 the new page gets it from the old one. In 3.7 page_remove_rmap clears it when the ptes go, and the new page
is not mlocked until reclaim finds it. Since 4.4 who restores the pte in a VM_LOCKED vma mlocks the page; since 5.18 rmap does.
"""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mlock_pagevec import mlock_drain
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_alloc import alloc_page
from smpcheck.mm.page_flags import *
from smpcheck.mm.swap import *
from smpcheck.mm.variants import V
from smpcheck.mm.vmscan import isolate_lru_page, putback_lru_page


def is_migration_pte(pte: page) -> bool:
    return contig_zone.migrates != 0 and pte & PTE_MIGRATION != 0


def migration_page(pte: page) -> page:
    """The page of a migration entry."""
    return cast(struct_page, pte & ~(PTE_MIGRATION | PTE_WRPROTECT))


def migration_entry_wait(pt: pte_t) -> None:
    """Wait until the page that the entry stands for is unlocked.

    Up to 5.16 who waits has a reference, so that a migration that has not got so far fails; if there is none to be had, the
    caller tries again (page_freeze_refs). Later the entry itself, under the pte lock, says that the page is there.
    """
    spin_lock(pt.ptl)
    pte = READ_ONCE(pt.pte)
    if not is_migration_pte(pte):
        spin_unlock(pt.ptl)
        return
    page = migration_page(pte)
    pinned = not V.mlock_count and get_page_unless_zero(page)
    spin_unlock(pt.ptl)
    if pinned or V.mlock_count:
        wait_on_page_locked(page)
    if pinned:
        put_page(page)


def wait_on_page_locked(page: page) -> None:
    while PageLocked(page):
        cpu_relax()


# --- one pass over one page ---------------------------------------------------------------------------------------------------


def do_migrate_range(page: page) -> None:
    """Memory that goes offline: a page that was found by its number, without mmap_sem (mm/memory_hotplug.c; compaction too)."""
    if not get_page_unless_zero(page):
        return
    isolated = isolate_lru_page(page)
    put_page(page)
    if isolated:
        migrate_pages(page)


def migrate_pages(page: page) -> None:
    """One pass over one isolated page, which nobody else has any more if it was freed meanwhile."""
    if V.pagevec_putback and atomic_read(page._count) == 1:
        ClearPageActive(page)
        if TestClearPageUnevictable(page):
            count(FREED_UNEVICTABLE, 1)
        put_page(page)
        return
    new = alloc_page()
    if new == NULL or atomic_read(page._count) == 1:
        putback_lru_page(page)
        if new != NULL:
            putback_lru_page(new)
        return
    moved = migrate_move(page, new, migrate_unmap(page, new))
    if moved and V.pagevec_putback:  # since 4.8 what was moved does not come to a list first
        if V.mlock_count:
            put_page(new)
        else:
            putback_lru_page(new)
        put_page(page)
        return
    putback_lru_page(page)
    if V.pagevec_putback:
        put_page(new)
    else:
        putback_lru_page(new)


def migrate_unmap(page: page, new: page) -> bool:
    """Lock both pages, and unmap the old one. True: it was mapped."""
    lock_page(page)
    if PageAnon(page):
        rcu_read_lock()  # keeps the anon_vma while nobody maps the page; later kernels count a reference
    trylock_new_page(new)
    was_mapped = READ_ONCE(page.mapping) != NULL and page_mapped(page)
    if was_mapped:
        try_to_migrate(page)
    return was_mapped


def migrate_move(page: page, new: page, was_mapped: bool) -> bool:
    """Put the new page in the old one's place if nobody has a reference, and map one of the two. True: the new one."""
    unmapped = not page_mapped(page)
    if V.migration_clears and unmapped and TestClearPageMlocked(page):  # whoever maps it VM_LOCKED again mlocks it
        count(NR_MLOCK, -1)
        count(PGMUNLOCKED, 1)
    anon = PageAnon(page)
    moved = unmapped and move_to_new_page(new, page)
    if moved and V.mlock_count:  # on its list before it is mapped, so that its mlock_count is built up there
        lru_cache_add_lru(new, False)
        if was_mapped:
            lru_add_drain()
    if was_mapped:
        remove_migration_ptes(page, new if moved else page)
    if anon:
        rcu_read_unlock()
    unlock_page(new)
    unlock_page(page)
    return moved


def trylock_new_page(page: page) -> None:
    """Nobody else knows the page yet, and nobody waits: the order of two page locks does not matter."""
    locked = trylock_page(page)
    BUG_ON(not locked)


def try_to_migrate(page: page) -> None:
    """try_to_unmap with TTU_MIGRATION until 5.13: each pte becomes a migration entry, VM_LOCKED or not."""
    if PageAnon(page):
        anon_vma = page_lock_anon_vma(page)
        if anon_vma == NULL:
            return
        try_to_migrate_one(page, anon_vma.vma)
        if contig_zone.forks and anon_vma.vma_next != NULL and page_mapped(page):
            try_to_migrate_one(page, anon_vma.vma_next)
        page_unlock_anon_vma(anon_vma)
    else:
        mapping: address_space = cast(address_space, READ_ONCE(page.mapping))
        i_mmap_lock_read(mapping)
        try_to_migrate_one(page, mapping.vma)
        if contig_zone.forks and mapping.vma_next != NULL and page_mapped(page):
            try_to_migrate_one(page, mapping.vma_next)
        i_mmap_unlock_read(mapping)


def try_to_migrate_one(page: page, vma: vm_area_struct) -> None:
    if not in_vma(vma, READ_ONCE(page.index)):
        return
    pt = pte_offset(vma, READ_ONCE(page.index))
    spin_lock(pt.ptl)
    pte = READ_ONCE(pt.pte)
    if pte_page(pte) == page:
        WRITE_ONCE(pt.pte, pte | PTE_MIGRATION)
        page_remove_rmap(page, vma)
        if V.mlock_count and READ_ONCE(vma.vm_flags) & VM_LOCKED:
            mlock_drain()
        put_page_not_last(page)  # who migrates it has one
    spin_unlock(pt.ptl)


def move_to_new_page(new: page, page: page) -> bool:
    """Both pages are locked, and nobody maps the old one."""
    BUG_ON(not PageLocked(page) or not PageLocked(new))
    if not migrate_page_move_mapping(new, page):
        return False
    migrate_page_copy(new, page)
    if not PageAnon(page) or not (V.lazy_mlock == "pte_lock"):  # since 4.4 an anonymous page keeps it until it is freed
        WRITE_ONCE(page.mapping, NULL)
    return True


def migrate_page_move_mapping(new: page, page: page) -> bool:
    """If nobody else has a reference: the page cache has the new page. Pages in the swap cache stay where they are here."""
    if PageSwapCache(page):
        return False
    if PageAnon(page) or READ_ONCE(page.mapping) == NULL:
        if atomic_read(page._count) != 1:
            return False
        migrate_page_identity(new, page)
        return True
    mapping: address_space = cast(address_space, READ_ONCE(page.mapping))
    spin_lock(mapping.tree_lock)
    if atomic_cmpxchg(page._count, 2, 0) != 2:  # page_freeze_refs
        spin_unlock(mapping.tree_lock)
        return False
    migrate_page_identity(new, page)
    get_page(new)
    slot = mapping.page_tree + READ_ONCE(page.index)
    WRITE_ONCE(slot.page, new)
    atomic_set(page._count, 1)  # page_unfreeze_refs, without the page cache's
    spin_unlock(mapping.tree_lock)
    return True


def migrate_page_identity(new: page, page: page) -> None:
    """Who the page is."""
    WRITE_ONCE(new.index, READ_ONCE(page.index))
    WRITE_ONCE(new.mapping, READ_ONCE(page.mapping))
    if PageSwapBacked(page):
        SetPageSwapBacked(new)


def migrate_page_copy(new: page, page: page) -> None:
    """The flags of the old page."""
    if TestClearPageActive(page):
        BUG_ON(PageUnevictable(page))
        SetPageActive(new)
    elif TestClearPageUnevictable(page):
        SetPageUnevictable(new)
    if not (V.lazy_mlock == "pte_lock"):
        mlock_migrate_page(new, page)


def mlock_migrate_page(new: page, page: page) -> None:
    """Since 3.7 without effect: page_remove_rmap has cleared the flag."""
    if TestClearPageMlocked(page):
        count(NR_MLOCK, -1)
        SetPageMlocked(new)
        count(NR_MLOCK, 1)


def remove_migration_ptes(old: page, new: page) -> None:
    """Each migration entry of the old page becomes a pte of the new one, which may be the old one again."""
    mapping = READ_ONCE(new.mapping)
    if mapping == NULL:
        return
    if mapping & PAGE_MAPPING_ANON:
        anon_vma_: anon_vma = cast(anon_vma, mapping & ~PAGE_MAPPING_ANON)
        spin_lock(anon_vma_.lock)
        if contig_zone.exits:
            check("I6", READ_ONCE(anon_vma_.gone) == 0)
        remove_migration_pte(anon_vma_.vma, old, new)
        if contig_zone.forks and anon_vma_.vma_next != NULL:
            remove_migration_pte(anon_vma_.vma_next, old, new)
        spin_unlock(anon_vma_.lock)
    else:
        as_: address_space = cast(address_space, mapping)
        i_mmap_lock_read(as_)
        remove_migration_pte(as_.vma, old, new)
        if contig_zone.forks and as_.vma_next != NULL:
            remove_migration_pte(as_.vma_next, old, new)
        i_mmap_unlock_read(as_)


def remove_migration_pte(vma: vm_area_struct, old: page, new: page) -> None:
    """An entry that truncation or munmap() has taken away meanwhile does not come back."""
    if not in_vma(vma, READ_ONCE(new.index)):
        return
    pt = pte_offset(vma, READ_ONCE(new.index))
    spin_lock(pt.ptl)
    pte = READ_ONCE(pt.pte)
    if is_migration_pte(pte) and migration_page(pte) == old:
        get_page(new)
        page_add_rmap(new, vma)
        WRITE_ONCE(pt.pte, new | pte & PTE_WRPROTECT)
        if READ_ONCE(vma.vm_flags) & VM_LOCKED:
            if V.mlock_count:
                mlock_drain()
            elif V.lazy_mlock == "pte_lock":
                mlock_vma_page(new)
    spin_unlock(pt.ptl)


from smpcheck.mm.mlock import mlock_vma_page  # noqa: E402
from smpcheck.mm.rmap import (  # noqa: E402
    i_mmap_lock_read,
    i_mmap_unlock_read,
    in_vma,
    page_add_rmap,
    page_lock_anon_vma,
    page_remove_rmap,
    page_unlock_anon_vma,
    pte_offset,
    pte_page,
)
