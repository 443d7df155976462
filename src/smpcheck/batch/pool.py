"""A pool of worker processes, which answers tests within limits of time and memory.

The parent process makes all decisions. It hands out small chunks of tests (one message for each test would cost too much beside a
test of a millisecond), takes each answer as it comes, and kills a worker that does not answer in time: nothing that a worker
does, not even inside the solver's C code, can delay the others. While a test takes long, one more worker asks a quicker engine
about it. If a worker dies, the test that it was at is tried once more, alone, and reported as an error if that fails too; the
rest of its chunk goes back to the queue. Answers come in the order of the tests, as early as possible, or as soon as they are
known.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from msgspec.structs import replace

from smpcheck.batch.paths import Item
from smpcheck.batch.processes import Child, forked
from smpcheck.batch.worker import OUT_OF_MEMORY, READY, Job, answers, give_up, serve
from smpcheck.errors import LimitError
from smpcheck.questions.result import Result, StateRow

CHUNK_SECONDS = 0.03
"""A chunk holds about this much work, so that answers come early and no worker sits on work that another could do."""

CHUNK_MOST = 64

SEARCH_SHARE = 0.5
"""From this share of its time on, a quicker engine is asked beside a test's own worker, so that what it knows can be said when
time is up."""
TICK = 0.1
TRIES = 2

FULL_SECONDS = 0.5
"""How long a worker may sit at its memory limit. Where not even a traceback has room, Python may try to raise MemoryError for
ever (seen with 3.11), and C++ may abort: so a worker that does not say that it has no memory is told."""

FULL_MIB = 2


@dataclass(slots=True, eq=False)
class Worker(Child):
    """A worker process and its chunk ``work``, on whose first test it has been working since ``since``."""

    work: deque[Item] = field(default_factory=deque)
    since: float = 0.0
    ready: bool = False
    has_read: bool = False
    """Has it read what it is at? Then it can be read again."""
    full: float = 0.0
    """When its memory was first seen to be used up (0: it is not)."""


def fork_worker(job: Job, others: Iterable[Connection[Any, Any]]) -> Worker:
    """A worker that begins as a copy of this process, with the models and the solver that it has loaded already."""
    return Worker(*forked(partial(serve, job=job), others))


def start_worker(job: Job, others: Iterable[Connection[Any, Any]] = ()) -> Worker:
    """A worker in a fresh interpreter: where this process has threads, or the system cannot fork."""
    ours, theirs = Pipe()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "smpcheck.batch.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    ours.send(job)
    return Worker(process.pid, ours, process)


class Pool:
    """``jobs`` workers for one :class:`~smpcheck.batch.worker.Job`.

    ``start``: how workers are made. ``on_tick``: called about ten times a second while work goes on (a progress display).
    ``on_state``: with a job whose states stream, called with a test's number and each of its final states as it is found (again
    from the first one where a test is tried again).
    Use as a context manager: leaving it ends all workers at once.
    """

    def __init__(
        self,
        job: Job,
        jobs: int,
        start: Callable[[Job, Iterable[Connection[Any, Any]]], Worker] = fork_worker,
        on_tick: Callable[[], None] | None = None,
        on_state: Callable[[int, StateRow], None] | None = None,
    ) -> None:
        self.job = job
        self._on_state = on_state
        self.jobs = max(1, jobs)
        self._start = start
        self._on_tick = on_tick
        self._workers: list[Worker] = []
        self._searching: dict[int, Worker] = {}
        """Workers that ask a quicker engine about a test, by its number."""
        self._queue: deque[Item] = deque()
        self._tries: dict[int, int] = {}
        self._done: dict[int, list[Result]] = {}
        self._closed: set[int] = set()
        self._seconds = 0.0
        self._barren = 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers at once."""
        all_workers = [*self._workers, *self._searching.values()]
        for worker in all_workers:
            worker.kill()
        for worker in all_workers:
            worker.bury()
        self._workers.clear()
        self._searching.clear()

    def run(self, items: Iterable[Item], in_order: bool = True) -> Iterator[Result]:
        """The results of ``items`` (numbered upwards): in their order, or each as soon as it is there."""
        self._queue.extend(items)
        order = deque(item.index for item in self._queue)
        while order:
            self._staff(len(order))
            for worker in self._workers:
                if worker.ready and not worker.work and self._queue:
                    self._hand_out(worker)
            self._wait()
            if not in_order:
                yield from self.left_over()
            while order:
                yield from self._done.pop(order[0], ())
                if order[0] not in self._closed:
                    break
                self._closed.discard(order.popleft())

    def left_over(self) -> Iterator[Result]:
        """The results that are done but not yet their turn, those that no one has looked at yet included."""
        for worker in self._workers:
            with suppress(EOFError, OSError):
                self._receive(worker)
        for index in sorted(self._done):
            yield from self._done.pop(index)

    def _staff(self, open_items: int) -> None:
        """Have as many workers as there is work for."""
        while len(self._workers) < min(self.jobs, open_items):
            self._workers.append(self._new_worker())

    def _new_worker(self) -> Worker:
        return self._start(self.job, [worker.connection for worker in (*self._workers, *self._searching.values())])

    def _hand_out(self, worker: Worker) -> None:
        size = int(CHUNK_SECONDS / self._seconds) if self._seconds else 4
        size = max(1, min(size, CHUNK_MOST, len(self._queue) // (2 * self.jobs)))
        chunk: list[Item] = []
        for _ in range(size):
            if chunk and self._alone(self._queue[0]):
                break
            chunk.append(self._queue.popleft())
            if self._alone(chunk[-1]):
                break
        worker.work.extend(chunk)
        worker.since = time.monotonic()
        with suppress(BrokenPipeError, ConnectionResetError):  # it is dead: _wait finds that out and puts the chunk back
            worker.connection.send(chunk)

    def _alone(self, item: Item) -> bool:
        return item.index in self._tries

    def _wait(self) -> None:
        """Take what comes, until the next deadline at the latest."""
        timeout = self.job.options.timeout
        now = time.monotonic()
        pause = TICK if self._on_tick or self.job.memory else 3600.0
        if timeout is not None:
            for worker in self._workers:
                if worker.work:
                    searched = worker.work[0].index in self._searching or not worker.has_read or worker.work[0].given_up
                    ends = timeout if searched else SEARCH_SHARE * timeout
                    pause = min(pause, worker.since + ends - now)
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection), max(0.0, pause)):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                self._receive(worker)
            except (EOFError, OSError):
                self._died(worker)
        now = time.monotonic()
        if timeout is not None:
            self._search(now, timeout)
            for worker in list(self._workers):
                if worker.work and now - worker.since >= timeout and not worker.connection.poll():
                    self._stop(worker, "timeout", f"no answer within {timeout:g} s")
        if self.job.memory:
            for worker in list(self._workers):
                if not (worker.work and is_full(worker.pid)):
                    worker.full = 0.0
                elif not worker.full:
                    worker.full = now
                elif now - worker.full >= FULL_SECONDS and not worker.connection.poll():
                    self._stop(worker, "bound", OUT_OF_MEMORY)
        if self._on_tick:
            self._on_tick()

    def _receive(self, worker: Worker) -> None:
        while worker.connection.poll():
            message = worker.connection.recv()
            now = time.monotonic()
            if message is READY:
                worker.ready = True
                worker.since = now
                continue
            if isinstance(message, str):
                raise LimitError(f"worker processes do not start: {message}")
            if len(message) == 1:
                worker.has_read = True
                continue
            if len(message) == 2:
                for row in message[1] if self._on_state else ():
                    self._on_state(message[0], row)  # type: ignore[misc]
                continue
            index, result, last = message
            self._barren = 0
            self._found_by_searching(index)
            self._done.setdefault(index, []).append(result)
            spent = now - worker.since
            self._seconds = spent if not self._seconds else 0.9 * self._seconds + 0.1 * spent
            worker.since = now
            if last:
                worker.has_read = False
                worker.work.popleft()
                self._tries.pop(index, None)
                self._closed.add(index)
            else:
                item = worker.work[0]
                worker.work[0] = replace(item, start=item.start + 1, given_up=None)

    def _remove(self, worker: Worker) -> tuple[Item | None, str]:
        """Take a worker out; the test it was at, and how its process ended. The rest of its chunk goes back to the queue."""
        self._workers.remove(worker)
        lost = worker.work.popleft() if worker.work else None
        self._queue.extendleft(reversed(worker.work))
        return lost, worker.bury()

    def _stop(self, worker: Worker, status: str, message: str) -> None:
        """End a worker that has reached a limit."""
        worker.kill()
        spent = time.monotonic() - worker.since
        lost, _ = self._remove(worker)
        if not lost:
            return
        found = self._found_by_searching(lost.index)
        if found is None:
            self._give_up(lost, (status, message, spent), worker.has_read)
            return
        result, last = found
        self._done.setdefault(lost.index, []).append(replace(result, seconds=spent))
        if last:
            self._closed.add(lost.index)
        else:
            self._queue.appendleft(replace(lost, start=lost.start + 1, given_up=None))

    def _search(self, now: float, timeout: float) -> None:
        """Have a quicker engine asked about the tests that have used up their share of time."""
        for worker in self._workers:
            item = worker.work[0] if worker.work else None
            if item is None or item.given_up or not worker.has_read or item.index in self._searching:
                continue
            if now - worker.since < SEARCH_SHARE * timeout:
                continue
            self._searching[item.index] = beside = self._new_worker()
            reason = ("timeout", f"no answer within {timeout:g} s", timeout)
            with suppress(BrokenPipeError, ConnectionResetError):
                beside.connection.send([replace(item, given_up=reason, search=0.9 * (1 - SEARCH_SHARE) * timeout)])

    def _found_by_searching(self, index: int) -> tuple[Result, bool] | None:
        """The answer of a quicker engine about a test, and whether it is the last of its file; nobody goes on asking."""
        beside = self._searching.pop(index, None)
        if beside is None:
            return None
        found: tuple[Result, bool] | None = None
        with suppress(EOFError, OSError):
            while found is None and beside.connection.poll():
                message = beside.connection.recv()
                if isinstance(message, tuple) and len(message) == 3:
                    found = message[1], message[2]
        beside.kill()
        beside.bury()
        return found

    def _died(self, worker: Worker) -> None:
        spent = time.monotonic() - worker.since
        lost, how = self._remove(worker)
        if lost is None:
            self._barren += 1
            if self._barren > 2 * self.jobs + 2:
                raise LimitError(f"worker processes do not start: {how}")
            return
        self._tries[lost.index] = self._tries.get(lost.index, 0) + 1
        if self._tries[lost.index] < TRIES:
            self._queue.appendleft(lost)
            return
        limit = f", with {self.job.memory} MiB of memory to use" if self.job.memory else ""
        self._give_up(lost, ("error", f"the worker died twice at this test: {how}{limit}", spent))

    def _give_up(self, lost: Item, reason: tuple[str, str, float], readable: bool = True) -> None:
        """Have the test described by another worker, if it is ``readable``; where even that failed, say what is known."""
        self._tries[lost.index] = 0
        lost = lost if readable or lost.given_up else replace(lost, given_up=reason)
        if lost.given_up is None:
            self._queue.appendleft(replace(lost, given_up=reason))
            return
        result, _ = give_up(lost, self.job.model, read=False)
        self._done.setdefault(lost.index, []).append(result)
        self._closed.add(lost.index)
        self._tries.pop(lost.index, None)


def is_full(pid: int) -> bool:
    """Has a process taken all the memory that its limit allows? (Where the system does not say: no.)"""
    try:
        with open(f"/proc/{pid}/limits") as limits, open(f"/proc/{pid}/statm") as statm:
            soft = next(line.split()[3] for line in limits if line.startswith("Max address space"))
            taken = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, StopIteration, IndexError, ValueError):
        return False
    return soft.isdigit() and taken > int(soft) - (FULL_MIB << 20)


def run_here(items: Iterable[Item], job: Job, on_state: Callable[[int, StateRow], None] | None = None) -> Iterator[Result]:
    """The same in this very process: no isolation, the solver's own deadline only."""
    for item in items:
        listen = partial(on_state, item.index) if on_state and job.stream else None
        for result, _ in answers(item, job, listen):
            yield result


def available_cores() -> int:
    """The processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
