"""Forked workers that stream answers: for work that is a list of lists, where what one list has learnt helps with its next item.

Each unit of work is a list of items; a worker takes one unit and sends an answer for each item in turn. A worker that takes too
long at an item, or dies, costs that item: the rest of its unit goes on in a new worker. Answers come as they are made.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Generic, TypeVar

from smpcheck.batch.worker import die_with
from smpcheck.solver.aspif import remove_files_of

Item = TypeVar("Item")
Out = TypeVar("Out")

TICK = 0.1


@dataclass(frozen=True)
class Lost:
    """No answer: ``why`` in words; ``timeout``: because time ran out."""

    why: str
    timeout: bool = False


@dataclass(eq=False)
class _Worker(Generic[Item]):
    pid: int
    connection: Connection[Any, Any]
    unit: deque[Item]
    since: float = field(default_factory=time.monotonic)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def bury(self) -> str:
        self.connection.close()
        with suppress(ChildProcessError):
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            remove_files_of(self.pid)
            if code >= 0:
                return f"its process ended with status {code}"
            return f"its process was ended by {signal.Signals(-code).name}"
        return "its process was gone"


def _fork(
    unit: deque[Item], work: Callable[[Sequence[Item]], Iterator[Out]], others: Sequence[Connection[Any, Any]]
) -> _Worker[Item]:
    ours, theirs = Pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
            ours.close()
            for other in others:
                other.close()
            die_with(parent)
            os.dup2(2, 1)
            for answer in work(list(unit)):
                theirs.send(answer)
            status = 0
        except BrokenPipeError:
            pass
        finally:
            os._exit(status)
    theirs.close()
    return _Worker(pid, ours, unit)


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
                running.append(_fork(waiting.popleft(), work, [w.connection for w in running]))
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
