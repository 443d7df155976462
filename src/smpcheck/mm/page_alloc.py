"""Freeing a page, with the checks that print "Bad page state" (mm/page_alloc.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.page_flags import __TestClearPageMlocked
from smpcheck.mm.variants import V


def alloc_page() -> page:
    page = this_cpu_ptr(free_pages).spare
    if page == NULL:
        check("a page to allocate", False)
        return NULL
    ghost_inc(page.allocated)
    return page


def free_pages_check(page: page) -> None:
    """One look at the word of flags, as in the kernel; what is wrong with it is named after the flag."""
    flags = READ_ONCE(page.flags)
    check("I7", flags & (1 << PG_lru | 1 << PG_unevictable | 1 << PG_active | 1 << PG_locked | 1 << PG_swapcache) == 0)
    check("I7", atomic_read(page._mapcount) == -1)
    if V.rmap_clears:  # "Bad page" for PG_mlocked too: nobody repairs it any more
        check("I1", flags & (1 << PG_mlocked) == 0)


def free_hot_cold_page(page: page) -> None:
    was_mlocked = False
    if not V.rmap_clears:
        was_mlocked = __TestClearPageMlocked(page)
        check("I1", not was_mlocked)
    if PageAnon(page):
        WRITE_ONCE(page.mapping, NULL)
    free_pages_check(page)
    if was_mlocked:
        count(NR_MLOCK, -1)
        if V.mlock_count:
            count(PGCLEARED, 1)
        else:
            count(MLOCKFREED, 1)
    ghost_inc(page.freed)
