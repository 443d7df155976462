"""Bugs that were once planted by hand and passed unnoticed: what each is, where it lives, and the generator's name for it."""

from __future__ import annotations

NAMED: tuple[tuple[str, str, str], ...] = (
    ("munlock() leaves the pages mlocked", "V4", r"munlock_vma_pages_range: drop munlock_vma_page\(page\)"),
    ("munlock() leaves the pages mlocked", "V8", r"munlock_vma_pages_range: drop (munlock_vma_page|__munlock_pagevec)\(page\)"),
    ("munlock() leaves the pages mlocked", "V10", r" mlock_vma_pages_range: drop munlock_page\("),
    ("reclaim swaps out a page of a VM_LOCKED vma", "V4", r"try_to_unmap_one: condition (vma_locked|READ_ONCE).* -> False"),
    ("reclaim swaps out a page of a VM_LOCKED vma", "V10", r"try_to_unmap_one: condition (vma_locked|READ_ONCE).* -> False"),
    (
        "reclaim mlocks a page of a vma that is not VM_LOCKED",
        "V8",
        r"try_to_unmap_one: condition (vma_locked|READ_ONCE).* -> True",
    ),
    ("reclaim does not look at VM_LOCKED again", "V4", r"try_to_mlock_page: condition .*VM_LOCKED -> True"),
    ("put_page before unlock_page, in munlock()", "V4", r"munlock_vma_pages_range: swap unlock_page\(page\) -> put_page"),
    ("put_page before unlock_page, in truncation", "V4", r"truncate_inode_pages: swap unlock_page\(page\) -> put_page"),
    ("mlock_count is not counted up", "V10", r"__mlock_page: drop .*mlock_count.*\+=? 1"),
    ("i_size shrinks after the first unmap", "V4", r"vmtruncate: swap WRITE_ONCE\(inode.i_size, size\)"),
    ("find_get_page does not look at the slot again", "V4", r"pin_page: condition READ_ONCE\(slot.page\) != page -> False"),
    ("->mapping stays when a page leaves the cache", "V4", r"remove_from_page_cache: drop WRITE_ONCE\(page.mapping, NULL\)"),
    ("page_lock_anon_vma does not ask whether the page is mapped", "V4", r"page_lock_anon_vma: .* without not page_mapped"),
    ("__page_cache_release without lru_lock", "V4", r"__page_cache_release: unlocked spin_lock\(zone.lru_lock\)"),
    ("munlock() without the page lock", "V4", r"munlock_vma_pages_range: unlocked lock_page\(page\)"),
    ("munlock() counts another event", "V10", r" __munlock_page: event count\(PGMUNLOCKED, 1\)"),
    ("a page that goes to the unevictable list counts another event", "V10", r"pagevec_lru_add_fn: event count\(PGCULLED, 1\)"),
    ("the RFC's continue is gone", "V2", r"zap_pte: condition not has_anon_vma -> False"),
)
"""The bug; the variant that has it; what its mutant's name looks like."""

EQUIVALENT: dict[tuple[str, str], str] = {
    (
        "reclaim does not look at VM_LOCKED again",
        "V4",
    ): "reclaim has the page lock, for which munlock() waits with mmap_sem",
    (
        "the RFC's continue is gone",
        "V2",
    ): "a page with no anon_vma seen was mapped meanwhile, with PG_mlocked, and reclaim leaves it alone",
}
"""Those that change no final state of the cells that have the step, and why."""

HARMLESS: dict[tuple[str, str], str] = {
    ("i_size shrinks after the first unmap", "V4"): "a store may then succeed a little longer; the second unmap takes its copy",
    ("find_get_page does not look at the slot again", "V4"): "all who call it look at ->mapping again with the page locked",
}
"""Those that change final states, though no invariant can fail, and why."""
