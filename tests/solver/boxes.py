# ruff: noqa: F403, F405
"""A model whose last thread looks at what the others have left, and goes on from there."""

from __future__ import annotations

from smpcheck.kernel import *


class box(Struct):
    flag: int
    other: int
    count: atomic_t
    lock: spinlock_t


def one(b: box) -> None:
    WRITE_ONCE(b.flag, 1)
    atomic_inc(b.count)
    if READ_ONCE(b.other) == 0:
        spin_lock(b.lock)
        WRITE_ONCE(b.flag, 2)
        spin_unlock(b.lock)


def two(b: box) -> None:
    WRITE_ONCE(b.other, 1)
    atomic_inc(b.count)
    if READ_ONCE(b.flag) == 0:
        spin_lock(b.lock)
        WRITE_ONCE(b.other, 2)
        spin_unlock(b.lock)


def afterwards(b: box) -> None:
    flag = READ_ONCE(b.flag)
    other = READ_ONCE(b.other)
    check("both saw nothing", not (flag == 2 and other == 2))
    check("somebody saw nothing", flag == 1 and other == 1)
    check("the count is two", atomic_read(b.count) == 2)
    atomic_inc(b.count)
    WRITE_ONCE(b.flag, flag + 1)
    check("it sees its own count", atomic_read(b.count) == 3)
    check("it sees its own flag", READ_ONCE(b.flag) == flag + 1)
    check("three never happens", READ_ONCE(b.other) != 2 or READ_ONCE(b.flag) != 3)


@scenario
def boxes(s: Setup) -> None:
    s.box = b = box()
    s.thread(one, b)
    s.thread(two, b)
    s.after(afterwards, b)
