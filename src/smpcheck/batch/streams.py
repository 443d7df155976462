"""Forked workers that stream answers, for work in units: lists of items of which each is easier once those before it are
answered.

Each unit of work is a list of items; a worker takes one unit and sends an answer for each item in turn. A worker that takes too
long at an item, or dies, costs that item: the rest of its unit goes on in a new worker. Answers come as they are made.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
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
    """A worker and the rest of its unit, the first of which it is working on since ``since``."""

    unit: deque[Item] = field(kw_only=True)
    since: float = field(default_factory=time.monotonic)


def _start(
    unit: deque[Item], work: Callable[[Sequence[Item]], Iterator[Out]], others: Sequence[Connection[Any, Any]]
) -> _Worker[Item]:
    def body(connection: Connection[Any, Any]) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
        for answer in work(list(unit)):
            connection.send(answer)

    return _Worker(*forked(body, others), unit=unit)


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
    waiting = deque(deque(unit) for unit in units if unit)
    running: list[_Worker[Item]] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_start(waiting.popleft(), work, [w.connection for w in running]))
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
                        ended = worker.bury()
                        if worker.unit:
                            lost = Lost(ended)
                    else:
                        worker.since = now
                        yield worker.unit.popleft(), answer
                elif timeout is not None and now - worker.since > timeout:
                    running.remove(worker)
                    worker.kill()
                    worker.bury()
                    lost = Lost(f"no answer within {timeout:g} s", timeout=True)
                else:
                    continue
                if lost:
                    yield worker.unit.popleft(), lost
                    if worker.unit:
                        waiting.appendleft(worker.unit)
    finally:
        for worker in running:
            worker.kill()
        for worker in running:
            worker.bury()
