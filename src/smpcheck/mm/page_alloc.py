"""Freeing a page, with the checks that print "Bad page state" (mm/page_alloc.c)."""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mm_types import *
from smpcheck.mm.page_flags import *
from smpcheck.mm.page_flags import __TestClearPageMlocked
from smpcheck.mm.variants import V

REUSE = True
"""Does alloc_page give away what free_hot_cold_page took?"""


def alloc_page() -> page:
    """What this CPU has freed last, else a page that it finds free; with one reference."""
    global pcp, spares_taken
    page = pcp
    pcp = NULL
    if page == NULL:
        area = this_cpu_ptr(free_pages)
        page = area.spare if spares_taken == 0 else area.spare_2
        spares_taken = spares_taken + 1
    if page == NULL:
        check("a page to allocate", False)
        return NULL
    if REUSE:  # check_new_page: nobody has changed it while it was free
        flags = READ_ONCE(page.flags)
        references = atomic_read(page._count)
        check("I6", (flags == 1 << PG_buddy) & (references == 0))
    WRITE_ONCE(page.flags, 0)
    atomic_set(page._count, 1)
    ghost_inc(page.allocated)
    return page


def free_pages_check(page: page) -> bool:
    """One look at the word of flags, as in the kernel. False: "Bad page state", and the page is not used any more."""
    flags = READ_ONCE(page.flags)
    in_use = flags & (1 << PG_lru | 1 << PG_unevictable | 1 << PG_active | 1 << PG_locked | 1 << PG_swapcache)
    mapcount = atomic_read(page._mapcount)
    mapping = READ_ONCE(page.mapping)
    references = atomic_read(page._count)
    bad = (in_use != 0) | (mapcount != -1) | (mapping != NULL) | (references != 0)
    check("I7", not bad)
    if V.rmap_clears:  # PG_mlocked is bad too: nobody repairs it any more
        check("I1", flags & (1 << PG_mlocked) == 0)
        bad = bad or flags & (1 << PG_mlocked) != 0
    if bad:
        count(BAD_PAGE, 1)
    return not bad


def free_hot_cold_page(page: page) -> None:
    global pcp
    was_mlocked = False
    if not V.rmap_clears:
        was_mlocked = __TestClearPageMlocked(page)
        check("I1", not was_mlocked)
    if PageAnon(page):
        WRITE_ONCE(page.mapping, NULL)
    good = free_pages_check(page)
    if good and was_mlocked:  # of a bad page, NR_MLOCK is not repaired
        count(NR_MLOCK, -1)
        if V.mlock_count:
            count(PGCLEARED, 1)
        else:
            count(MLOCKFREED, 1)
    if good:  # a bad page stays as it is, and is not used again
        WRITE_ONCE(page.flags, 1 << PG_buddy)
        if REUSE:
            pcp = page
    ghost_inc(page.freed)
