"""A limit on the time of a call in this process: Python code is interrupted when time is up, a model's own code included.

In the main thread a signal does it, which ends sleeping too; in other threads an exception is raised at the next instruction of
Python. Code in C that does not come back cannot be interrupted by either: where that matters, work is done in a process that can
be killed (:mod:`smpcheck.batch.pool`, ``within`` in :mod:`smpcheck.commands.common`).
"""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from smpcheck.errors import LimitError

SHORTEST = 0.001
"""Seconds: a timer of 0 would be none."""

is_child = False
"""Was this process made to be ended when the time of a command is over (``within`` in :mod:`smpcheck.commands.common`)?"""


class TimeLimitError(LimitError):
    """Time is up."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")


class _TimeIsUp(BaseException):
    """Raised wherever the call is. No :class:`Exception`: code that is being interrupted must not handle it."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Let what is done within take ``seconds`` at most; None: as long as it likes.

    :raises TimeLimitError: it took longer
    """
    if seconds is None:
        yield
        return
    up: type[_TimeIsUp] = type("_TimeIsUp", (_TimeIsUp,), {})  # of this call: an outer limit is another one's business
    main = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    stop = (_by_signal if main else _by_exception)(max(seconds, SHORTEST), up)
    try:
        try:
            yield
        finally:
            stop()
    except up:
        raise TimeLimitError(seconds) from None


def _by_signal(seconds: float, up: type[_TimeIsUp]) -> Callable[[], None]:
    """Arm the process's timer; what stops it, and gives it back to whoever had it before. An earlier alarm than ours stays."""
    began = time.monotonic()
    other, interval = signal.getitimer(signal.ITIMER_REAL)
    if 0 < other <= seconds:
        return lambda: None

    def ring(number: int, frame: FrameType | None) -> None:
        raise up

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if other:
            signal.setitimer(signal.ITIMER_REAL, max(SHORTEST, other - (time.monotonic() - began)), interval)

    return stop


def _by_exception(seconds: float, up: type[_TimeIsUp]) -> Callable[[], None]:
    """Start a timer that raises an exception in this thread; what stops it."""
    thread = ctypes.c_ulong(threading.get_ident())
    lock, over = threading.Lock(), False

    def ring() -> None:
        with lock:
            if not over:
                _raise_in(thread, up)

    timer = threading.Timer(seconds, ring)
    timer.daemon = True
    timer.start()

    def stop() -> None:
        nonlocal over
        timer.cancel()
        with suppress(up), lock:
            over = True
        _raise_in(thread, None)  # what was on its way does not arrive any more

    return stop


def _raise_in(thread: ctypes.c_ulong, error: Any) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(error) if error is not None else None)
