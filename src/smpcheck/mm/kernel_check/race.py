"""Four threads on the same pages, and the invariants that have to hold when they are done.

One shortens and lengthens the file, one locks and unlocks the areas, one writes (through `syscalls.Touch`, since a store past
the end of the file would end the process), one reclaims. Truncation drops the last mapping of a page while munlock or
mlock still holds its reference: such a page reaches the allocator with PG_mlocked, which the design since 5.18 allows and
counts as ``unevictable_pgs_cleared``.

I10 is about the whole machine and all it has done: NR_MLOCK is MLOCKED - MUNLOCKED - CLEARED - STRANDED however many
processes lock memory meanwhile. So it needs no idle machine, only one moment in which the counters stand still.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Struct

from smpcheck.mm.kernel_check import syscalls
from smpcheck.mm.kernel_check.frames import Census, Frames
from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.syscalls import PAGE
from smpcheck.mm.kernel_check.workload import Drain, open_file

TRIES = 50
"""Attempts to read the counters twice alike."""

TRUNCATION = 0.9
"""The part of the race in which the file is truncated. In the rest pages live long enough to be found stranded afterwards."""

CENSUS_TRIES = 3
"""Attempts to count all frames while the counters stand still."""

EXPECTED = (errno.ENOMEM, errno.EAGAIN, errno.EINVAL)
"""mlock past the end of the file, or while a page vanishes; MADV_PAGEOUT and MADV_COLD on a locked area."""

TICK = 0.1
"""Seconds between two looks at the clock."""


class Check(Struct, frozen=True):
    """An invariant, as a number that has to be another."""

    name: str
    text: str
    expected: int
    seen: int
    exact: bool = True
    """Without it ``seen`` may be larger, too."""
    disturbed: bool = False
    """The counters did not stand still: a difference proves nothing."""
    binding: bool = True
    """Without it a difference is remarkable, but may have been there before."""

    @property
    def holds(self) -> bool | None:
        """None: not decided."""
        good = self.seen == self.expected if self.exact else self.seen >= self.expected
        return good or (None if self.disturbed or not self.binding else False)


@dataclass(slots=True)
class RaceReport:
    """What happened."""

    pages: int
    seconds: float = 0.0
    interrupted: bool = False
    calls: dict[str, int] = field(default_factory=dict)
    """Rounds of each thread."""
    refusals: dict[str, int] = field(default_factory=dict)
    """Errors that calls ended in, by call and name (`EXPECTED`); writes that found no page are not among them."""
    moved: dict[str, int] = field(default_factory=dict)
    """Differences of the counters over the race."""
    checks: list[Check] = field(default_factory=list)
    freed_unevictable: int | None = None
    """CULLED - RESCUED - NR_UNEVICTABLE: pages that left the unevictable list by being freed."""
    census: tuple[Census, Census] | None = None
    """All frames before and after."""
    note: str = ""
    """What could not be looked at."""

    @property
    def cleared(self) -> int | None:
        """Pages that were freed while mlocked: the residual race of V10."""
        return self.moved.get("unevictable_pgs_cleared")

    @property
    def holds(self) -> bool | None:
        """All invariants that were checked hold; None where none could be."""
        answers = [check.holds for check in self.checks if check.holds is not None]
        return all(answers) if answers else None


def run_race(
    machine: Machine,
    seconds: float,
    directory: Path | None = None,
    tick: Callable[[float, Mapping[str, int]], None] = lambda gone, moved: None,
) -> RaceReport:
    """Let the threads run for ``seconds``, then drain, look and check. Ctrl-C ends it early, with a report.

    :param tick: called every `TICK` seconds with the seconds gone and the differences of the counters so far
    """
    report = RaceReport(machine.pages)
    with ExitStack() as stack:
        drain = Drain()
        stack.callback(drain.close)
        frames = None
        if machine.flags:
            frames = Frames(f"{machine.proc}/self/pagemap", f"{machine.proc}/kpageflags")
            stack.callback(frames.close)
        before, still = settle(machine, drain)
        census = frames.census() if frames else None
        with Field(machine.pages, directory) as arena:
            _race(arena, machine, seconds, report, before, tick)
            drain()
            if frames:
                _check_own(arena, frames, drain, report)
        after, stands = settle(machine, drain)
        report.moved = {name: after[name] - before[name] for name in after}
        _check_counters(report, before, after, disturbed=not (still and stands))
        if frames and census:
            _check_census(report, machine, drain, frames, census)
    return report


def settle(machine: Machine, drain: Drain) -> tuple[dict[str, int], bool]:
    """The counters, drained, and whether they were read twice alike."""
    drain()
    last = machine.vmstat()
    for _ in range(TRIES):
        now = machine.vmstat()
        if now == last:
            return now, True
        last = now
        time.sleep(TICK / 10)
    return last, False


class Field:
    """A file with a private and a shared area on it, and what the four threads do to them. To be closed."""

    def __init__(self, pages: int, directory: Path | None) -> None:
        self.length = pages * PAGE
        self.pages = pages
        self._stack = ExitStack()
        self._file = self._open(open_file(directory, "smpcheck-race"))
        self._zero = self._open(os.open("/dev/zero", os.O_RDONLY | os.O_CLOEXEC))
        os.ftruncate(self._file, self.length)
        self.areas = [self._map(shared) for shared in (False, True)]
        self._touches = [syscalls.Touch([area + page * PAGE for page in range(pages)]) for area in self.areas]
        self.work: dict[str, Callable[[], None]] = {
            "ftruncate": self._truncate,
            "mlock, munlock": self._lock,
            "write": self.write,
            "pageout, cold": self._reclaim,
        }
        self.refusals: Counter[str] = Counter()

    def _open(self, fd: int) -> int:
        self._stack.callback(os.close, fd)
        return fd

    def _map(self, shared: bool) -> int:
        address = syscalls.reserve(self.length)
        self._stack.callback(syscalls.munmap, address, self.length)
        syscalls.map_at(address, self.length, shared, self._file)
        return address

    def __enter__(self) -> Field:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _truncate(self) -> None:
        os.ftruncate(self._file, 0)
        os.ftruncate(self._file, self.length)

    def _lock(self) -> None:
        for area in self.areas:
            self._attempt(syscalls.mlock, area, self.length)
            self._attempt(syscalls.munlock, area, self.length)

    def write(self) -> None:
        """One byte of each page of both areas."""
        for touch in self._touches:
            touch.write(self._zero)

    def _reclaim(self) -> None:
        for area in self.areas:
            self._attempt(syscalls.madvise, area, self.length, syscalls.MADV_PAGEOUT)
            self._attempt(syscalls.madvise, area, self.length, syscalls.MADV_COLD)

    def _attempt(self, call: Callable[..., None], *arguments: int) -> None:
        """Call; an error that the race explains is counted."""
        try:
            call(*arguments)
        except OSError as error:
            if error.errno not in EXPECTED:
                raise
            self.refusals[f"{call.__name__}: {errno.errorcode[error.errno]}"] += 1

    def rest(self) -> None:
        """Full length, everything unlocked."""
        os.ftruncate(self._file, self.length)
        for area in self.areas:
            syscalls.munlock(area, self.length)


def _race(
    arena: Field,
    machine: Machine,
    seconds: float,
    report: RaceReport,
    before: Mapping[str, int],
    tick: Callable[[float, Mapping[str, int]], None],
) -> None:
    """Run the threads, and leave the arena at rest whatever happens."""
    stop = threading.Event()
    failures: list[BaseException] = []
    report.calls = dict.fromkeys(arena.work, 0)

    def loop(name: str, work: Callable[[], None], cpu: int | None) -> None:
        until = began + seconds * (TRUNCATION if name == "ftruncate" else 1)
        try:
            if cpu is not None:
                with suppress(OSError):  # it went offline: any other will do
                    os.sched_setaffinity(0, {cpu})
            while not stop.is_set() and time.monotonic() < until:
                work()
                report.calls[name] += 1
        except BaseException as error:
            failures.append(error)
            stop.set()

    cpus = places(sorted(os.sched_getaffinity(0)))
    threads = [
        threading.Thread(target=loop, args=(name, work, cpu), name=name, daemon=True)
        for (name, work), cpu in zip(arena.work.items(), cpus, strict=True)
    ]
    began = time.monotonic()
    try:
        for thread in threads:
            thread.start()
        while (gone := time.monotonic() - began) < seconds and not stop.wait(min(TICK, seconds - gone)):
            now = machine.vmstat()
            tick(time.monotonic() - began, {name: now[name] - before[name] for name in now})
    except KeyboardInterrupt:
        report.interrupted = True
    finally:
        stop.set()
        for thread in threads:
            if thread.ident:
                thread.join()
        report.seconds = time.monotonic() - began
        report.refusals = dict(arena.refusals)
        arena.rest()
    if failures:
        raise failures[0]


def places(cpus: Sequence[int]) -> Sequence[int | None]:
    """The CPU for each thread, in the order of `Field.work`.

    Truncation and mlock never share one: left to the scheduler they do, for seconds, and then nothing races. Where there are
    few CPUs, reclaim goes with truncation and writing with mlock: of all ways, in which most pages were freed mlocked.
    """
    if len(cpus) < 2:
        return [None] * 4
    return cpus[:4] if len(cpus) >= 4 else [cpus[0], cpus[1], cpus[1], cpus[0]]


def _check_own(arena: Field, frames: Frames, drain: Drain, report: RaceReport) -> None:
    """I2 and I3 on the pages of the race: no lock is held, so none may be left mlocked or unevictable."""
    arena.write()
    drain()
    pages = [flags for area in arena.areas for flags in frames.flags(area, arena.pages) if flags is not None]
    report.checks += [
        Check("I2", "own pages that are mlocked, after the last munlock", 0, sum("mlocked" in flags for flags in pages)),
        Check("I3", "own pages left on the unevictable list", 0, sum({"lru", "unevictable"} <= flags for flags in pages)),
    ]


def _check_counters(report: RaceReport, before: Mapping[str, int], after: Mapping[str, int], disturbed: bool) -> None:
    """I10, over the race and since boot, as far as the counters are there."""
    moved = report.moved
    if {"nr_mlock", *MLOCK_EVENTS} <= moved.keys():
        report.checks += [
            Check("I10", f"{MLOCK_SUM} = NR_MLOCK, over the race", _balance(moved), moved["nr_mlock"], disturbed=disturbed),
            Check(
                *("I10", f"{MLOCK_SUM} = NR_MLOCK, since boot", _balance(after), after["nr_mlock"]),
                disturbed=disturbed,
                binding=_balance(before) == before["nr_mlock"],
            ),
        ]
    if {"nr_unevictable", "unevictable_pgs_culled", "unevictable_pgs_rescued"} <= moved.keys():
        report.freed_unevictable = moved["unevictable_pgs_culled"] - moved["unevictable_pgs_rescued"] - moved["nr_unevictable"]
        report.checks.append(
            Check(
                *("I10", "CULLED - RESCUED - NR_UNEVICTABLE, over the race: freed while unevictable", 0),
                *(report.freed_unevictable, False, disturbed),
            )
        )


MLOCK_EVENTS = {
    "unevictable_pgs_mlocked": 1,
    "unevictable_pgs_munlocked": -1,
    "unevictable_pgs_cleared": -1,
    "unevictable_pgs_stranded": -1,
}
MLOCK_SUM = "MLOCKED - MUNLOCKED - CLEARED - STRANDED"


CENSUS_FLAGS = {"nr_mlock": "mlocked", "nr_unevictable": "lru and unevictable"}


def _balance(counters: Mapping[str, int]) -> int:
    return sum(sign * counters[name] for name, sign in MLOCK_EVENTS.items())


def _check_census(report: RaceReport, machine: Machine, drain: Drain, frames: Frames, before: Census) -> None:
    """I2 on the whole machine: count the frames that have the flags, with the counters the same before and after."""
    for _ in range(CENSUS_TRIES):
        first, still = settle(machine, drain)
        after = frames.census()
        last, stands = settle(machine, drain)
        disturbed = not (still and stands and first == last)
        if not disturbed:
            break
    report.census = before, after
    if after.compound:
        report.note = f"{after.compound} large folios are locked or unevictable: frames are not compared with counters"
        return
    for counter, count in (("nr_mlock", after.mlocked), ("nr_unevictable", after.unevictable)):
        if counter in last:
            text = f"frames of the machine that are {CENSUS_FLAGS[counter]} = {counter.upper()}"
            report.checks.append(Check("I2", text, last[counter], count, disturbed=disturbed))
