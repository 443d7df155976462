"""Bugs that were once planted by hand and passed unnoticed: what each is, where it lives, and the generator's name for it."""

from __future__ import annotations

NAMED: tuple[tuple[str, str, str], ...] = (
    ("munlock() clears VM_LOCKED and leaves the pages mlocked", "V4", "munlock_vma_pages_range: drop munlock_vma_page(page)"),
    ("munlock() clears VM_LOCKED and leaves the pages mlocked", "V8", "munlock_vma_pages_range: drop munlock_vma_page(page)"),
    ("munlock() clears VM_LOCKED and leaves the pages mlocked", "V10", "mlock_vma_pages_range: drop munlock_page(pte)"),
    ("reclaim swaps out a page of a VM_LOCKED vma", "V4", "try_to_unmap_one: condition vma_locked(vma) -> False"),
    ("reclaim swaps out a page of a VM_LOCKED vma", "V10", "try_to_unmap_one: condition vma_locked(vma) -> False"),
    ("reclaim mlocks a page of a vma that is not VM_LOCKED", "V8", "try_to_unmap_one: condition vma_locked(vma) -> True"),
    ("reclaim mlocks a page without a second look at VM_LOCKED", "V4", "vm_flags) & VM_LOCKED -> True"),
    ("put_page before unlock_page, in munlock()", "V4", "munlock_vma_pages_range: swap unlock_page(page) -> put_page(page)"),
    ("put_page before unlock_page, in truncation", "V4", "truncate_inode_pages: swap unlock_page(page) -> put_page(page)"),
    ("mlock_count is not counted up", "V10", "drop WRITE_ONCE(page.mlock_count, READ_ONCE(page.mlock_count) + 1)"),
    ("i_size shrinks after the first unmap", "V4", "vmtruncate: swap WRITE_ONCE(inode.i_size, size)"),
    ("find_get_page does not look at the slot again", "V4", "find_get_page: condition READ_ONCE(slot.page) != page -> False"),
    ("->mapping stays when a page leaves the cache", "V4", "remove_from_page_cache: drop WRITE_ONCE(page.mapping, NULL)"),
    ("page_lock_anon_vma does not ask whether the page is mapped", "V4", "-> without not page_mapped(page)"),
    ("__page_cache_release without lru_lock", "V4", "__page_cache_release: unlocked spin_lock(zone.lru_lock)"),
    ("munlock() without the page lock", "V4", "munlock_vma_pages_range: unlocked lock_page(page)"),
    ("munlock() counts another event", "V10", "event count(PGMUNLOCKED, 1)"),
    ("a page that goes to the unevictable list counts another event", "V10", "event count(PGCULLED, 1)"),
    ("the RFC's continue is gone", "V2", "zap_pte: condition not has_anon_vma -> False"),
)  # fmt: skip
"""The bug; the variant that has it; a part of the mutant's name that says where it is."""

HOLES: dict[tuple[str, str], str] = {}
"""Those that still pass, and why."""
