"""A clock that is read without a lock: a sequence counter tells readers whether what they saw belongs together."""

from __future__ import annotations

from smpcheck.kernel import *

READ_BARRIERS = parameter("read_barriers", True)


class clock(Struct):
    sequence: uint  # odd while somebody writes
    seconds: int
    nanoseconds: int


def set_clock(c: clock, now: int) -> None:
    begin = c.sequence
    WRITE_ONCE(c.sequence, begin + 1)
    smp_wmb()
    WRITE_ONCE(c.seconds, now)
    WRITE_ONCE(c.nanoseconds, now)
    smp_wmb()
    WRITE_ONCE(c.sequence, begin + 2)


def read_clock(c: clock) -> int:
    begin = READ_ONCE(c.sequence)
    if begin & 1:
        return -1  # being written: the caller tries again
    if READ_BARRIERS:
        smp_rmb()
    seconds = READ_ONCE(c.seconds)
    nanoseconds = READ_ONCE(c.nanoseconds)
    if READ_BARRIERS:
        smp_rmb()
    if READ_ONCE(c.sequence) != begin:
        return -1
    check("not torn", seconds == nanoseconds)
    return seconds


@scenario
def seqlock(s: Setup) -> None:
    """One writer, one reader: a reader that succeeds has seen both halves of one time."""
    s.clock = c = clock(seconds=1, nanoseconds=1)
    s.thread(set_clock, c, 2)
    s.thread(read_clock, c)
