"""A batch beyond one machine: chunks of tests as tasks of a Dask cluster (the optional extra ``smpcheck[dask]``).

Each thread of each Dask worker keeps one worker process of :mod:`smpcheck.batch.pool` beside it, so that time and memory limits
hold there exactly as they do here, and what a test does cannot harm the cluster. The text of the tests travels with the tasks;
a model that is a file, and models written in Python, are read where the task runs and must be there under the same path.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import Any

from msgspec.structs import replace

from smpcheck.batch.paths import Item
from smpcheck.batch.pool import TICK, Pool, start_worker
from smpcheck.batch.worker import Job, give_up
from smpcheck.errors import InputError
from smpcheck.questions.result import Result
from smpcheck.readers.registry import PYTHON_SUFFIX, read_text

CHUNK = 16
AHEAD = 3
"""Chunks in flight for each thread of the cluster: enough to keep it busy, few enough to stop soon."""

CONNECT_SECONDS = 10

_local = threading.local()


def run_chunk(job: Job, chunk: list[Item]) -> list[list[Result]]:
    """The task: the results of each item of a chunk. Runs in a thread of a Dask worker, with a pool of one process that it
    keeps.
    """
    kept: tuple[Job, Pool] | None = getattr(_local, "pool", None)
    if kept is None or kept[0] != job:
        if kept:
            kept[1].close()
        kept = _local.pool = (job, Pool(job, 1, start_worker))
    return [list(kept[1].run([item])) for item in chunk]


class DaskPool:
    """The tests of a :class:`~smpcheck.batch.worker.Job` on the cluster whose scheduler is at ``address`` (``tcp://host:8786``).

    :raises InputError: distributed is not installed, or there is no scheduler at that address, or it has no workers
    """

    def __init__(self, job: Job, address: str, on_tick: Callable[[], None] | None = None) -> None:
        try:
            distributed: Any = import_module("distributed")
        except ImportError:
            raise InputError("--executor dask needs the package distributed: pip install 'smpcheck[dask]'") from None
        self.job = job
        self._on_tick = on_tick
        try:
            self._client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(f"no Dask scheduler answers at {address}: {error}") from None
        self._threads = sum(self._client.nthreads().values())
        if not self._threads:
            self.close()
            raise InputError(f"the Dask scheduler at {address} has no workers")
        self._done: dict[int, list[Result]] = {}
        self._finished: SimpleQueue[tuple[list[Item], Any]] = SimpleQueue()

    def __enter__(self) -> DaskPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; what is still queued there for this batch is dropped."""
        with suppress(Exception):
            self._client.close(timeout=2)

    def run(self, items: Iterable[Item], in_order: bool = True) -> Iterator[Result]:
        """The results of ``items``: in their order, or each as soon as it is there."""
        waiting = deque(items)
        order = deque(item.index for item in waiting)
        running = 0
        while order:
            while waiting and running < AHEAD * self._threads:
                running += self._submit([waiting.popleft() for _ in range(min(self._chunk(len(waiting)), len(waiting)))])
            running -= self._wait()
            if in_order:
                while order and order[0] in self._done:
                    yield from self._done.pop(order.popleft())
            else:
                for index in sorted(self._done):
                    order.remove(index)
                    yield from self._done.pop(index)

    def left_over(self) -> Iterator[Result]:
        """After an interruption: the results that were done but not yet their turn."""
        for index in sorted(self._done):
            yield from self._done.pop(index)

    def _chunk(self, left: int) -> int:
        return max(1, min(CHUNK, left // (2 * int(self._threads))))

    def _submit(self, chunk: list[Item]) -> int:
        """Send a chunk off; how many tasks that made."""
        ready: list[Item] = []
        for item in chunk:
            try:
                needs_text = item.text is None and not item.path.endswith(PYTHON_SUFFIX)
                ready.append(replace(item, text=read_text(item.path)) if needs_text else item)
            except InputError as error:
                self._give_up(item, str(error))
        if not ready:
            return 0
        future = self._client.submit(run_chunk, self.job, ready, pure=False)
        future.add_done_callback(lambda done: self._finished.put((ready, done)))
        return 1

    def _wait(self) -> int:
        """Take what has come, for a tick at most; by how many fewer tasks are running."""
        if self._on_tick:
            self._on_tick()
        try:
            chunk, future = self._finished.get(timeout=TICK)
        except Empty:
            return 0
        error = future.exception()
        if error is None:
            self._done.update(zip([item.index for item in chunk], future.result(), strict=True))
            return 1
        if len(chunk) > 1:  # a worker died of it, or it did not arrive: find out which test it was
            return 1 - sum(self._submit([item]) for item in chunk)
        self._give_up(chunk[0], f"the cluster could not run this test: {type(error).__name__}: {error}")
        return 1

    def _give_up(self, item: Item, message: str) -> None:
        result, _ = give_up(replace(item, given_up=("error", " ".join(message.split()), 0.0)), self.job.model, read=False)
        self._done[item.index] = [result]
