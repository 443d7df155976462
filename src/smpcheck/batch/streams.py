"""Forked workers that stream answers, for work in units: lists of items of which each is easier once those before it are
answered.

Each unit of work is a list of items; a worker takes one unit after the other and sends an answer for each item in turn, so what
it learns at one unit it still knows at the next. A worker that takes too long at an item, or dies, costs that item: the rest of
its unit goes on in a new worker. Answers come as they are made.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from msgspec import Struct

from smpcheck.batch.processes import Child, forked

Item = TypeVar("Item")
Out = TypeVar("Out")

TICK = 0.1


class Lost(Struct, frozen=True):
    """No answer: ``why`` in words; ``timeout``: because time ran out."""

    why: str
    timeout: bool = False


@dataclass(slots=True, eq=False)
class _Worker(Child, Generic[Item]):
    """A worker, the number of its unit, and the rest of that, the first of which it is working on since ``since``."""

    number: int = 0
    unit: deque[Item] = field(default_factory=deque)
    since: float = field(default_factory=time.monotonic)

    def take(self, number: int, unit: deque[Item]) -> None:
        """Go on with the last items, ``unit``, of the unit of this number."""
        self.number, self.unit, self.since = number, unit, time.monotonic()
        with suppress(OSError):  # it has died: that is noticed where its answers are awaited
            self.connection.send((number, len(unit)))


def _start(
    units: Sequence[Sequence[Item]], work: Callable[[Sequence[Item]], Iterator[Out]], others: Sequence[Connection[Any, Any]]
) -> _Worker[Item]:
    def body(connection: Connection[Any, Any]) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
        with suppress(EOFError):
            while True:
                number, count = connection.recv()
                for answer in work(units[number][-count:]):
                    connection.send(answer)

    return _Worker(*forked(body, others))


def stream(
    units: Sequence[Sequence[Item]],
    work: Callable[[Sequence[Item]], Iterator[Out]],
    jobs: int,
    timeout: float | None = None,
    on_tick: Callable[[], None] | None = None,
) -> Iterator[tuple[Item, Out | Lost]]:
    """The answers of ``work`` for all items, each with its item, as they come. ``jobs`` 0: in this process, without time-outs.

    ``timeout``: seconds for one item. Leaving the iterator ends all workers.
    """
    if jobs <= 0:
        for unit in units:
            yield from zip(unit, work(unit), strict=True)
        return
    waiting = deque((number, deque(unit)) for number, unit in enumerate(units) if unit)
    running: list[_Worker[Item]] = []
    idle: list[_Worker[Item]] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                worker = idle.pop() if idle else _start(units, work, [w.connection for w in running])
                worker.take(*waiting.popleft())
                running.append(worker)
            ready = wait([w.connection for w in running], TICK)
            if on_tick:
                on_tick()
            now = time.monotonic()
            for worker in list(running):
                if worker.connection in ready:
                    lost = None
                    try:
                        answer = worker.connection.recv()
                    except (EOFError, OSError):
                        running.remove(worker)
                        lost = Lost(worker.bury())
                    else:
                        worker.since = now
                        item = worker.unit.popleft()
                        if not worker.unit:
                            running.remove(worker)
                            idle.append(worker)
                        yield item, answer
                elif timeout is not None and now - worker.since > timeout:
                    running.remove(worker)
                    worker.kill()
                    worker.bury()
                    lost = Lost(f"no answer within {timeout:g} s", timeout=True)
                else:
                    continue
                if lost:
                    item = worker.unit.popleft()
                    if worker.unit:
                        waiting.appendleft((worker.number, worker.unit))
                    yield item, lost
    finally:
        for worker in (*running, *idle):
            worker.kill()
        for worker in (*running, *idle):
            worker.bury()
