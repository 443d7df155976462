"""A witness done for real: a process for each lane, on a CPU of its own, round after round.

The lanes share one page of words and nothing else. Each walks through the same list of steps, does those that are its own when it
is their turn, and waits by looking at the words: sleeping and being woken takes longer than what is to be hit. When all are ready
the first lane sets a time, some microseconds ahead, and each begins at that time plus its delay.
"""

from __future__ import annotations

import errno
import gc
import json
import mmap
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from smpcheck.batch.processes import die_with
from smpcheck.errors import SmpcheckError
from smpcheck.mm.kernel_check import syscalls
from smpcheck.mm.kernel_check.frames import Frames
from smpcheck.mm.kernel_check.proctext import parse_vmstat
from smpcheck.mm.kernel_check.sweep import LATER, MAX_LOOKS, SCALES, Plan, Round, Sweep, Tally
from smpcheck.mm.kernel_check.syscalls import PAGE
from smpcheck.mm.kernel_check.witness import AREA, FILE, SHM, Call, Object, Witness
from smpcheck.mm.kernel_check.workload import open_file

MARGIN = 4_000
"""Nanoseconds between setting the time and the time: what the words need to get to another CPU, and Python to read them."""

PATIENCE = 20_000
"""Looks at a word after which a lane lets others on its CPU go first."""

GRACE = 10.0
"""Seconds after the end within which the lanes answer."""

EXPECTED = (errno.ENOMEM, errno.EAGAIN, errno.EINVAL, errno.EFAULT)
"""What a call may end in because of what the others do."""

LEFT_BEHIND = {
    "I3": lambda flags: {"lru", "unevictable"} <= flags and "mlocked" not in flags,
    "I12": lambda flags: {"unevictable", "mlocked"} <= flags,
}  # fmt: skip
"""What the flags of a page say that is left behind, by the invariant that fails, when no area is locked any more."""

TICK = 0.1
"""Seconds between two looks at the lanes."""

CLEARED = "unevictable_pgs_cleared"

now = time.perf_counter_ns
"""The clock of all lanes: CLOCK_MONOTONIC, which is one for the machine."""


class LaneError(SmpcheckError):
    """A lane could not do its calls on this machine."""


class Stop(Exception):
    """The session ends."""


class Board:
    """The words that the lanes share, 64 bits each."""

    STOP, TURN, GO, GO_ROUND, PASSED, SCALE, LOOK, ORDER = range(8)
    ROUNDS, SEEN = 8, 9
    FIRST_OF_LANES = 16
    DELAY, READY, BEGIN, END, DONE, BAD, STILL, LEFT, PID = range(9)
    PER_LANE = 16

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self.words = memoryview(self._memory).cast("q")

    def at(self, lane: int, word: int) -> int:
        """Where a lane's word is."""
        return self.FIRST_OF_LANES + lane * self.PER_LANE + word

    def column(self, word: int) -> tuple[int, ...]:
        """That word of every lane."""
        return tuple(self.words[self.at(lane, word)] for lane in range(self.lanes))

    def wait(self, index: int, least: int) -> None:
        """Until a word is that large. :raises Stop: the session ends before"""
        words, looks = self.words, 0
        while words[index] < least:
            looks += 1
            if words[self.STOP]:
                raise Stop
            if looks > PATIENCE:
                os.sched_yield()

    def close(self) -> None:
        """Give the memory back."""
        self.words.release()
        self._memory.close()


class Ground:
    """The objects of a witness, made before the lanes are born, so that they have them in common. To be closed."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self._stack = ExitStack()
        self.fds: dict[str, int] = {}
        self.segments: dict[str, int] = {}
        self.addresses: dict[str, int] = {}
        try:
            for kind in (FILE, SHM, AREA):
                for each in witness.of_kind(kind):
                    self._make(each)
        except OSError as error:
            self.close()
            raise LaneError(f"{each.kind} {each.name} cannot be made here: {error.strerror}") from None

    def _make(self, each: Object) -> None:
        length = each.pages * SCALES[-1] * PAGE
        if each.kind == FILE:
            self.fds[each.name] = open_file(None, "smpcheck-witness")
            self._stack.callback(os.close, self.fds[each.name])
            return
        if each.of in self.segments:  # attached once, before the lanes are born
            self.addresses[each.name] = self.addresses[each.of]
            return
        self.addresses[each.name] = syscalls.reserve(length)
        self._stack.callback(syscalls.munmap, self.addresses[each.name], length)
        if each.kind == SHM:
            self.segments[each.name] = syscalls.shared_segment(length, self.addresses[each.name])

    def close(self) -> None:
        """Give everything back."""
        self._stack.close()


class Worker:
    """One lane, in its own process."""

    def __init__(self, ground: Ground, board: Board, index: int, seconds: float, seed: int, proc: Path) -> None:
        self.ground, self.board, self.index, self.proc = ground, board, index, proc
        self.witness = ground.witness
        self.ends = time.monotonic() + seconds
        self.frames = Frames(f"{proc}/self/pagemap", f"{proc}/kpageflags")
        self.zero = os.open("/dev/zero", os.O_RDONLY | os.O_CLOEXEC)
        self.scratch = open_file(None, "smpcheck-scratch")
        self.own_page = syscalls.reserve(PAGE)
        syscalls.map_at(self.own_page, PAGE, shared=False)
        calls = [len(lane.calls) for lane in self.witness.lanes]
        self.sweep = Sweep(calls, max(each.pages for each in self.witness.objects), seed)
        self.tally = Tally()
        self.plan = Plan(1, ())
        self.round = self.turn = 0
        self.before: dict[str, Sequence[int | None]] = {}
        self.cleared = self.looks = self.found = 0
        self.watched = watched(self.witness)
        self.numbers = {lane.name: number for number, lane in enumerate(self.witness.lanes)}
        self.touches: dict[tuple[int, int], syscalls.Touch] = {}
        self.calls = [self.bind(call) for call in self.witness.lanes[index].calls]

    # turns

    def step(self, lane: int, work: Callable[[], object]) -> None:
        """One step of the list, by that lane."""
        if lane == self.index:
            self.board.wait(Board.TURN, self.turn)
            work()
            self.board.words[Board.TURN] = self.turn + 1
        self.turn += 1

    def each(self, work: Callable[[], object]) -> None:
        """A step for each lane."""
        for lane in range(self.board.lanes):
            self.step(lane, work)

    def meet(self) -> None:
        """Wait until all steps so far are done."""
        self.board.wait(Board.TURN, self.turn)

    # rounds

    def run(self) -> Tally:
        """Rounds until the time is over, once all lanes are born."""
        try:
            for lane in range(self.board.lanes):
                self.board.wait(self.board.at(lane, Board.PID), 1)
            while True:
                self.one_round()
        except Stop:
            return self.tally

    def one_round(self) -> None:
        """Choose, make everything new, set up, race, look."""
        self.round += 1
        self.step(0, self.choose)
        self.meet()
        self.read_plan()
        self.make_new()
        for each in self.witness.setup:
            self.step(self.numbers[each.lane], self.bind(each.call))
        for area in self.watched:
            self.step(self.numbers[area.lane], partial(self.note, area))
        self.step(0, self.count_cleared)
        self.meet()
        self.race()
        self.step(0, self.all_done)
        self.each(self.drain)
        self.watch(Board.BAD)
        self.step(0, self.judge)
        self.meet()
        if self.board.words[Board.LOOK]:
            self.look_again()

    def choose(self) -> None:
        """The first lane's: what to try."""
        words = self.board.words
        if time.monotonic() > self.ends:
            words[Board.STOP] = 1
            raise Stop
        plan = self.sweep.next()
        words[Board.SCALE] = plan.scale
        words[Board.ORDER] = self.sweep.orders.index(plan.order) if plan.order else -1
        for lane, delay in enumerate(plan.delays):
            words[self.board.at(lane, Board.DELAY)] = delay
            words[self.board.at(lane, Board.BAD)] = 0

    def read_plan(self) -> None:
        """Everybody's."""
        words = self.board.words
        order = words[Board.ORDER]
        chosen = self.sweep.orders[order] if order >= 0 else ()
        self.plan = Plan(words[Board.SCALE], self.board.column(Board.DELAY), chosen)

    def race(self) -> None:
        """The calls: at the time that the first lane sets, or in turns."""
        board, words, index = self.board, self.board.words, self.index
        calls, number = self.calls, self.round
        words[board.at(index, Board.READY)] = number
        if index == 0:
            for lane in range(board.lanes):
                board.wait(board.at(lane, Board.READY), number)
            words[Board.PASSED] = 0
            words[Board.GO] = now() + MARGIN
            words[Board.GO_ROUND] = number
        else:
            board.wait(Board.GO_ROUND, number)
        if self.plan.order:
            begin, end = self.calls_in_turn()
        else:
            until = words[Board.GO] + self.plan.delays[index]
            while (begin := now()) < until:
                pass
            for call in calls:
                self.do(call)
            end = now()
        words[board.at(index, Board.BEGIN)] = begin
        words[board.at(index, Board.END)] = end
        words[board.at(index, Board.DONE)] = number

    @staticmethod
    def do(call: Callable[[], object]) -> None:
        """One call, which may fail because of what the others do."""
        try:
            call()
        except OSError as error:
            if error.errno not in EXPECTED:
                raise

    def calls_in_turn(self) -> tuple[int, int]:
        """The lane's calls, each when it is its turn; when the first began and the last ended."""
        turns = (turn for turn, lane in enumerate(self.plan.order) if lane == self.index)
        begin = end = 0
        for turn, call in zip(turns, self.calls, strict=True):
            self.board.wait(Board.PASSED, turn)
            begin = begin or now()
            self.do(call)
            end = now()
            self.board.words[Board.PASSED] = turn + 1
        return begin, end

    def all_done(self) -> None:
        """The first lane's: nobody is at it any more."""
        for lane in range(self.board.lanes):
            self.board.wait(self.board.at(lane, Board.DONE), self.round)

    def judge(self) -> None:
        """The first lane's: what came of the round."""
        board = self.board
        bad = sum(board.column(Board.BAD))
        if self.witness.invariant == "I1":
            bad = self.cleared_now() - self.cleared
        done = Round(self.plan, board.column(Board.BEGIN), board.column(Board.END), bad)
        self.sweep.learn(done)
        self.tally.add(done)
        board.words[Board.ROUNDS] = self.round
        board.words[Board.SEEN] = self.tally.seen
        look = bad and done.overlapped and self.watched and self.looks < MAX_LOOKS
        self.looks += bool(look)
        board.words[Board.LOOK] = bool(look)
        self.found = bad

    def look_again(self) -> None:
        """Is it so later, too? And after the flag was set and cleared once more?"""
        self.step(0, lambda: time.sleep(LATER))
        self.each(self.drain)
        self.watch(Board.STILL)
        for area in self.watched:
            self.step(self.numbers[area.lane], partial(self.repeat, area))
        self.each(self.drain)
        self.watch(Board.LEFT)
        self.step(0, self.compare)

    def compare(self) -> None:
        still, left = (sum(self.board.column(word)) for word in (Board.STILL, Board.LEFT))
        self.tally.looked += self.found
        self.tally.still += still
        self.tally.undone += still - left

    def repeat(self, area: Object) -> None:
        """Set the flag that made the pages unevictable, and clear it."""
        if area.of in self.ground.segments:
            for command in (syscalls.SHM_LOCK, syscalls.SHM_UNLOCK):
                syscalls.shmctl(self.ground.segments[area.of], command)
        else:
            syscalls.mlock(self.ground.addresses[area.name], self.length(area))
            self.drain()
            syscalls.munlock(self.ground.addresses[area.name], self.length(area))

    # the symptoms

    def note(self, area: Object) -> None:
        """Which frames the area's pages are in."""
        self.before[area.name] = self.frames.frames(self.ground.addresses[area.name], area.pages * self.plan.scale)

    def watch(self, word: int) -> None:
        """Every lane counts the pages with the symptom in its areas."""
        for area in self.watched:
            self.step(self.numbers[area.lane], partial(self.count, area, word))

    def count(self, area: Object, word: int) -> None:
        """Pages whose flags are those of pages that are left behind: for I3, in the same frame as before."""
        after = self.frames.frames(self.ground.addresses[area.name], area.pages * self.plan.scale)
        before = after if self.witness.invariant == "I12" else self.before[area.name]
        same = [frame for frame, old in zip(after, before, strict=True) if frame and frame == old]
        bad = sum(map(LEFT_BEHIND[self.witness.invariant], map(self.frames.flags_of, same)))
        self.board.words[self.board.at(self.index, word)] = bad

    def count_cleared(self) -> None:
        self.cleared = self.cleared_now() if self.witness.invariant == "I1" else 0

    def cleared_now(self) -> int:
        """Pages that the allocator has found mlocked, on the whole machine."""
        return parse_vmstat((self.proc / "vmstat").read_text(), (CLEARED,))[CLEARED]

    # the calls

    def length(self, each: Object) -> int:
        return each.pages * self.plan.scale * PAGE

    def make_new(self) -> None:
        """Every object as it was born: no pages, nothing locked."""
        for each in self.witness.of_kind(AREA):
            if each.of not in self.ground.segments:
                self.step(self.numbers[each.lane], partial(self.map, each))
        for each in self.witness.of_kind(FILE):
            self.step(0, partial(self.empty, each))
        for each in self.witness.of_kind(SHM):
            self.step(0, partial(self.punch, each))
        self.each(self.drain)

    def map(self, area: Object) -> None:
        whole = area.pages * SCALES[-1] * PAGE
        address = self.ground.addresses[area.name]
        syscalls.map_at(address, whole, area.sharing == "shared", self.ground.fds[area.of] if area.of else -1)
        with suppress(OSError):  # EINVAL: a kernel without huge pages
            syscalls.madvise(address, whole, syscalls.MADV_NOHUGEPAGE)

    def empty(self, file: Object) -> None:
        os.ftruncate(self.ground.fds[file.name], 0)
        os.ftruncate(self.ground.fds[file.name], self.length(file))

    def punch(self, segment: Object) -> None:
        syscalls.shmctl(self.ground.segments[segment.name], syscalls.SHM_UNLOCK)
        syscalls.madvise(self.ground.addresses[segment.name], segment.pages * SCALES[-1] * PAGE, syscalls.MADV_REMOVE)

    def drain(self) -> None:
        """Empty this CPU's batches."""
        syscalls.madvise(self.own_page, PAGE, syscalls.MADV_COLD)

    def bind(self, call: Call) -> Callable[[], object]:
        """A call of the witness, ready to be done."""
        if call.call == "drain":
            return self.drain
        each = self.witness.find(call.on)
        if each.kind == FILE:
            return lambda: os.ftruncate(self.ground.fds[each.name], call.size * self.plan.scale * PAGE)
        if each.kind == SHM:
            command = syscalls.SHM_LOCK if call.call == "shm_lock" else syscalls.SHM_UNLOCK
            return lambda: syscalls.shmctl(self.ground.segments[each.name], command)
        own = self.numbers[each.lane] == self.index

        def part() -> tuple[int, int]:
            """Address and length: a round's scale is known when the call is done."""
            size = self.plan.scale * PAGE
            return self.ground.addresses[each.name] + call.first * size, (call.pages or each.pages) * size

        match call.call:
            case "mlock":
                return lambda: syscalls.mlock(*part())
            case "mlock_on_fault":
                return lambda: syscalls.mlock_on_fault(*part())
            case "munlock":
                return lambda: syscalls.munlock(*part())
            case "munmap":
                return lambda: syscalls.hide(*part())
            case "pageout" if own:
                return lambda: syscalls.madvise(*part(), syscalls.MADV_PAGEOUT)
            case "pageout":
                return lambda: syscalls.process_madvise(self.pid_of(each), *part(), syscalls.MADV_PAGEOUT)
            case "read" | "write" if own:
                return lambda: self.touch(call.call, *part())
            case "read":
                return lambda: syscalls.read_from(self.pid_of(each), *part())
            case _:
                return lambda: syscalls.write_to(self.pid_of(each), *part())

    def touch(self, what: str, address: int, length: int) -> None:
        key = (address, length)
        if key not in self.touches:
            self.touches[key] = syscalls.Touch(range(address, address + length, PAGE))
        if what == "write":
            self.touches[key].write(self.zero)
        else:
            self.touches[key].read(self.scratch)

    def pid_of(self, area: Object) -> int:
        return self.board.words[self.board.at(self.numbers[area.lane], Board.PID)]


def watched(witness: Witness) -> list[Object]:
    """One area for each set of pages: two that map the same pages would count them twice. One that is unmapped meanwhile shows
    nothing afterwards. None where the symptom is a counter."""
    if witness.invariant not in LEFT_BEHIND:
        return []
    unmapped = {call.on for lane in witness.lanes for call in lane.calls if call.call == "munmap"}
    areas = [area for area in witness.of_kind(AREA) if area.name not in unmapped]
    return list({area.of or area.name: area for area in reversed(areas)}.values())


def run(
    witness: Witness,
    cpus: Sequence[int],
    seconds: float,
    proc: Path = Path("/proc"),
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda rounds, seen: None,
) -> Tally:
    """Do the witness over and over for ``seconds``, its lanes on these CPUs. Ctrl-C ends it early, with what there is.

    :param tick: called now and then with the rounds done and the pages seen so far
    :raises LaneError: a lane cannot do its calls, or does not answer
    """
    ground, board = Ground(witness), Board(len(witness.lanes))
    reader, writer = os.pipe()
    pids: list[int] = []
    try:
        for index, _ in enumerate(witness.lanes):
            pids.append(_born(ground, board, index, cpus[index], seconds, proc, seed, reader, writer))
        os.close(writer)
        answer = _listen(board, reader, seconds, tick)
    finally:
        board.words[Board.STOP] = 1
        for pid in pids:
            _bury(pid)
        os.close(reader)
        ground.close()
        board.close()
    if "error" in answer:
        raise LaneError(str(answer["error"]))
    answer["samples"] = [
        Round(Plan(each["plan"]["scale"], tuple(each["plan"]["delays"]), tuple(each["plan"]["order"])), tuple(each["begins"]),
              tuple(each["ends"]), each["bad"]) for each in answer["samples"]
    ]  # fmt: skip
    return Tally(**answer)


def _born(
    ground: Ground, board: Board, index: int, cpu: int, seconds: float, proc: Path, seed: int, reader: int, writer: int
) -> int:
    """A new process for a lane; its number. The process never returns from here."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        die_with(parent)
        os.close(reader)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.disable()
        os.sched_setaffinity(0, {cpu})
        board.words[board.at(index, Board.PID)] = os.getpid()
        worker = Worker(ground, board, index, seconds, seed, proc)
        tally = worker.run()
        if index == 0:
            _tell(writer, to_builtins(tally))
        status = 0
    except BaseException as error:
        _tell(writer, {"error": f"lane {ground.witness.lanes[index].name}: {error}"})  # before the first lane has an answer
        board.words[Board.STOP] = 1
    finally:
        os._exit(status)


def _tell(writer: int, answer: dict[str, Any]) -> None:
    """A line to the parent."""
    with suppress(OSError), os.fdopen(writer, "w", closefd=False) as out:
        out.write(json.dumps(answer) + "\n")


def _listen(board: Board, reader: int, seconds: float, tick: Callable[[int, int], None]) -> dict[str, Any]:
    """The first line that a lane tells, error or answer."""
    ends, told, stopping = time.monotonic() + seconds + GRACE, b"", False
    while not told.endswith(b"\n"):
        try:
            ready, _, _ = select.select([reader], [], [], TICK)
            if not stopping:
                tick(board.words[Board.ROUNDS], board.words[Board.SEEN])
        except KeyboardInterrupt:
            stopping, ends = True, time.monotonic() + GRACE
            board.words[Board.STOP] = 1
            continue
        if ready:
            piece = os.read(reader, 1 << 16)
            if not piece:
                return {"error": "the lanes ended without an answer"}
            told += piece
        elif time.monotonic() > ends:
            return {"error": f"the lanes did not answer within {GRACE:g} s after their time"}
    found: dict[str, Any] = json.loads(told.split(b"\n")[0])
    return found


def _bury(pid: int) -> None:
    """Wait for a lane's end; end it where it does not come by itself."""
    ends = time.monotonic() + 1.0
    while time.monotonic() < ends:
        done, _ = os.waitpid(pid, os.WNOHANG)
        if done:
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
