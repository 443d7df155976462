"""A reference count with a lock-free lookup: readers find an object through a pointer that may be cleared under their feet.

Memory that is freed is used again at once, by an object with another key, which has a reference count of its own.
"""

from __future__ import annotations

from smpcheck.kernel import *

GRACE_PERIOD = parameter("grace_period", True)
UNLESS_ZERO = parameter("unless_zero", True)

OLD_KEY, NEW_KEY = 7, 8


class item(Struct):
    key: int
    references: atomic_t = ATOMIC_INIT(1)  # the table's own


class table(Struct):
    slot: Ptr[item]


def free_item(i: item) -> None:
    if GRACE_PERIOD:
        synchronize_rcu()  # no reader that has found it is still looking at it
    i.key = NEW_KEY  # somebody else's now
    atomic_set(i.references, 1)


def put_item(i: item) -> None:
    if atomic_dec_and_test(i.references):
        free_item(i)


def get_item(i: item) -> bool:
    if UNLESS_ZERO:
        return atomic_inc_not_zero(i.references)
    atomic_inc(i.references)
    return True


def look_up(t: table) -> int:
    rcu_read_lock()
    i = rcu_dereference(t.slot)
    if i == NULL or not get_item(i):
        rcu_read_unlock()
        return 0
    rcu_read_unlock()
    key = i.key
    check("the item that was looked up", key == OLD_KEY)
    put_item(i)
    return key


def remove(t: table) -> None:
    i = t.slot
    WRITE_ONCE(t.slot, NULL)
    put_item(i)


@scenario
def refcount(s: Setup) -> None:
    """Look an item up while it is removed: whoever gets a reference has the item, not what became of its memory."""
    s.item = i = item(key=OLD_KEY)
    s.table = t = table(slot=i)
    s.thread(look_up, t)
    s.thread(remove, t)
