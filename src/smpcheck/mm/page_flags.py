"""Page flags: Set and Clear are atomic without ordering, TestSet and TestClear are full barriers (include/linux/page-flags.h).

Who changes a flag has a reference: that the page is not free is checked where it costs least.
"""

from __future__ import annotations

from smpcheck.kernel import *
from smpcheck.mm.mm_types import *


def PageLRU(page: page) -> bool:
    return test_bit(PG_lru, page.flags)


def SetPageLRU(page: page) -> None:
    check("I6", not test_bit(PG_buddy, page.flags))
    set_bit(PG_lru, page.flags)


def ClearPageLRU(page: page) -> None:
    clear_bit(PG_lru, page.flags)


def TestClearPageLRU(page: page) -> bool:
    check("I6", not test_bit(PG_buddy, page.flags))
    return test_and_clear_bit(PG_lru, page.flags)


def SetPageActive(page: page) -> None:
    set_bit(PG_active, page.flags)


def ClearPageActive(page: page) -> None:
    clear_bit(PG_active, page.flags)


def TestClearPageActive(page: page) -> bool:
    return test_and_clear_bit(PG_active, page.flags)


def PageUnevictable(page: page) -> bool:
    return test_bit(PG_unevictable, page.flags)


def SetPageUnevictable(page: page) -> None:
    set_bit(PG_unevictable, page.flags)


def ClearPageUnevictable(page: page) -> None:
    clear_bit(PG_unevictable, page.flags)


def PageMlocked(page: page) -> bool:
    return test_bit(PG_mlocked, page.flags)


def SetPageMlocked(page: page) -> None:
    set_bit(PG_mlocked, page.flags)


def ClearPageMlocked(page: page) -> None:
    clear_bit(PG_mlocked, page.flags)


def TestSetPageMlocked(page: page) -> bool:
    check("I6", not test_bit(PG_buddy, page.flags))
    return test_and_set_bit(PG_mlocked, page.flags)


def TestClearPageMlocked(page: page) -> bool:
    check("I6", not test_bit(PG_buddy, page.flags))
    return test_and_clear_bit(PG_mlocked, page.flags)


def __TestClearPageMlocked(page: page) -> bool:
    return __test_and_clear_bit(PG_mlocked, page.flags)


def PageSwapBacked(page: page) -> bool:
    return test_bit(PG_swapbacked, page.flags)


def SetPageSwapBacked(page: page) -> None:
    set_bit(PG_swapbacked, page.flags)


def PageSwapCache(page: page) -> bool:
    return test_bit(PG_swapcache, page.flags)


def SetPageSwapCache(page: page) -> None:
    set_bit(PG_swapcache, page.flags)


def ClearPageSwapCache(page: page) -> None:
    clear_bit(PG_swapcache, page.flags)


def PageAnon(page: page) -> bool:
    return (READ_ONCE(page.mapping) & PAGE_MAPPING_ANON) != 0


def page_mapped(page: page) -> bool:
    return atomic_read(page._mapcount) >= 0


def page_mapcount(page: page) -> int:
    return atomic_read(page._mapcount) + 1


def PageLocked(page: page) -> bool:
    return test_bit(PG_locked, page.flags)


def PageActive(page: page) -> bool:
    return test_bit(PG_active, page.flags)


def lock_page(page: page) -> None:
    check("I6", not test_bit(PG_buddy, page.flags))
    wait_on_bit_lock(page.flags, PG_locked, TASK_UNINTERRUPTIBLE)


def trylock_page(page: page) -> bool:
    check("I6", not test_bit(PG_buddy, page.flags))
    return not test_and_set_bit_lock(PG_locked, page.flags)


def unlock_page(page: page) -> None:
    BUG_ON(not test_bit(PG_locked, page.flags))
    clear_bit_unlock(PG_locked, page.flags)
