"""A worker process: takes a few tests, answers them one after the other, sends each answer as soon as it has it.

A worker owns nothing that matters: it may be killed at any moment and costs the test it was at, nothing else. So it has no
handlers and no clean-up; Ctrl-C is its parent's business.

    parent -> worker   list[Item]
    worker -> parent   READY, once; then for each item (index,) when it has been read, and (index, Result, is the item done) for
                       each result; where states are to stream, (index, states found since the last message) in between
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from multiprocessing.connection import Connection
from typing import cast

from msgspec import Struct, field
from msgspec.structs import replace

from smpcheck.batch.paths import Item
from smpcheck.cat.load import load_model
from smpcheck.questions.check import (
    CheckOptions,
    check_file,
    describe,
    failure,
    stem,
)
from smpcheck.questions.result import Result, ResultStatus, StateRow

READY = None
"""The first thing that a worker sends. If it cannot work, it sends the reason, a string, instead."""

MIB = 1 << 20

OUT_OF_MEMORY = "no more memory (see --memory)"

STREAM_SECONDS = 0.05
"""States that stream are sent together if they come faster than that."""


class Job(Struct, frozen=True):
    """What all tests of a batch have in common. ``model``: as given to ``--model``. ``memory``: MiB for each test. ``stream``:
    send final states as they are found.
    """

    model: str
    options: CheckOptions = field(default_factory=CheckOptions)
    memory: int | None = None
    stream: bool = False


def answers(
    item: Item,
    job: Job,
    on_state: Callable[[StateRow], None] | None = None,
    on_read: Callable[[], None] | None = None,
) -> Iterator[tuple[Result, bool]]:
    """The results of one item, each with whether it is the item's last one. ``on_state``: called with each state as found;
    ``on_read``: called when the item has been read.
    """
    model = load_model(job.model)
    if item.given_up:
        result, last = give_up(item, job.model, options=job.options)
        yield result, last
        if last:
            return
        item = replace(item, start=item.start + 1, given_up=None, search=0.0)
    yield from check_file(item.path, model, job.options, item.text, item.start, on_state, on_read)


def give_up(item: Item, model: str, read: bool = True, options: CheckOptions | None = None) -> tuple[Result, bool]:
    """The result of a test that is not tried (again), and whether it is the item's last. ``read``: look into the file for its
    name, and, if the item wants that, for what a quicker engine knows.
    """
    from smpcheck.readers.registry import read_programs, vocabulary_of

    assert item.given_up
    options = options or CheckOptions()
    status, message, seconds = item.given_up
    head = Result(file=item.path, name=stem(item.path), status="error", model=model)
    last, program = True, None
    if read:
        with suppress(Exception):  # what kept it from being answered may keep it from being read
            loaded = load_model(model)
            programs = read_programs(item.path, item.text, vocabulary_of(loaded), options.scenario, options.settings)
            program = programs[item.start]
            head = describe(program, loaded)
            last = item.start == len(programs) - 1
    result = replace(head, status=cast(ResultStatus, status), message=message, seconds=seconds)
    result = replace(result, undecided=(("condition", *result.asserts) if status in ("timeout", "bound") else ()))
    if item.search and program is not None:
        from smpcheck.questions.partial import with_known

        with suppress(Exception):
            result = with_known(result, program, loaded, options, item.search)
    return result, last


def serve(connection: Connection, job: Job) -> None:
    """Answer until the other end closes. Whatever goes wrong is sent there too: nobody reads a worker's standard error.

    The parent keeps the time, so that the solver need not (which it would do in a thread of its own, a switch for each state).
    """
    job = replace(job, options=replace(job.options, timeout=None))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            load_engine(job.model)
        except Exception as error:
            connection.send(failure("", error, job.model).message)
            return
        connection.send(READY)
        while True:
            for item in cast(list[Item], connection.recv()):
                try:
                    _answer(item, job, connection)
                except (BrokenPipeError, ConnectionResetError):
                    raise
                except Exception as error:
                    connection.send((item.index, failure(item.path, error, job.model), True))


def _answer(item: Item, job: Job, connection: Connection) -> None:
    """Send the results of one item. A test that takes all the memory, so that not even this could be said, is given up."""
    while True:
        began, sent = time.perf_counter(), 0
        stream = Stream(connection, item.index) if job.stream else None
        limit_memory(job.memory)
        try:
            for result, last in answers(item, job, stream.add if stream else None, partial(connection.send, (item.index,))):
                if stream:
                    stream.flush()
                connection.send((item.index, result, last))
                sent += 1
            return
        except MemoryError:
            limit_memory(0)
            if item.given_up:
                raise
        item = replace(item, start=item.start + sent, given_up=("bound", OUT_OF_MEMORY, time.perf_counter() - began))


class Stream:
    """Final states on their way to the parent, a few at a time."""

    def __init__(self, connection: Connection, index: int) -> None:
        self._connection = connection
        self._index = index
        self._rows: list[StateRow] = []
        self._sent = 0.0

    def add(self, row: StateRow) -> None:
        """One more state."""
        self._rows.append(row)
        if time.monotonic() - self._sent > STREAM_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what is there."""
        if self._rows:
            self._connection.send((self._index, self._rows))
            self._rows = []
            self._sent = time.monotonic()


WARM_UP = "C warm-up\n{}\nP0(int *x)\n{\n\tWRITE_ONCE(*x, 1);\n}\nexists (x=1)\n"


@cache
def load_engine(model: str) -> None:
    """Load what answering needs, before any clock starts and before workers are copied: by answering a test of one line. Once: a
    worker that is a copy of this process has it."""
    for _ in check_file("warm-up", load_model(model), CheckOptions(), WARM_UP):
        pass
    gc.freeze()  # what is loaded now stays: it need not be looked through for garbage, nor be copied by workers


def load_solver() -> None:
    """Import clingo and what writes programs for it, before workers are copied: many tests need it, a single one may not."""
    import smpcheck.solver.session  # noqa: F401


def limit_memory(mebibytes: int | None) -> None:
    """Let this process take ``mebibytes`` more address space than it has now (where the system can say how much that is); 0:
    as much as it likes.
    """
    if mebibytes is None:
        return
    import resource

    if not mebibytes:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        return
    try:
        with open("/proc/self/statm", "rb") as statm:
            now = int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = now + mebibytes * MIB
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def watch(parent: int) -> None:
    """End this process soon after its parent process, whichever thread of that had started it."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def main() -> None:
    """``python -m smpcheck.batch.worker FD``: a worker started afresh; its job is the first thing it receives."""
    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()
    connection: Connection = Connection(int(sys.argv[1]))
    job = connection.recv()
    serve(connection, job)
    os._exit(0)


if __name__ == "__main__":
    main()
