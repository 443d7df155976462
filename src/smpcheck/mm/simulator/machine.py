"""Tasks that take turns, one step at a time, and the locks between them: sequential consistency.

A task is a generator of numbers, one for each step; a scheduler (:mod:`smpcheck.simulate.schedulers`) says who goes next. A task
that meets a lock that somebody else holds waits, and is ready again when the lock is released; who gets it is the scheduler's
choice again.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, Literal, cast

from msgspec import Struct

from smpcheck.errors import LimitError
from smpcheck.mm.simulator.objects import Cell, Fault, Lock, Tagged
from smpcheck.mm.simulator.sites import Site
from smpcheck.mm.simulator.workload import Operation
from smpcheck.simulate.schedulers import Scheduler

Steps = Generator[Any, None, Any]
Status = Literal["running", "finished", "failed"]

LOCK_ORDER, SLEEPING, HELD, DEADLOCK, NOT_HELD, FAULT = (
    "lock-order", "sleep-under-spinlock", "lock-held-at-exit", "deadlock", "unlock-not-held", "bad-pointer",
)  # fmt: skip
"""The machine's own checks; together with deadlock they are I8."""

BAD_ACCESS = (AttributeError, TypeError, IndexError, Fault)
"""What an access through a bad pointer ends in."""

LOOK_AT_CLOCK = 4096
"""Ask for the time after this many steps."""


class Stopped(Exception):
    """A check has failed, and the run ends here."""


class Failure(Struct, frozen=True):
    """A check that failed. ``task`` is None for what is asked when all is quiet; ``objects``: which ones it is about."""

    name: str
    message: str
    site: Site | None
    task: str | None
    doing: str
    step: int
    objects: tuple[Cell, ...] = ()


class Task:
    """One task, alone on its CPU. Attributes ``own...`` are its thread-local variables.

    ``steps``: what it is in; ``callers``: the generators that wait for that to end, outermost first. A generator calls another
    one by yielding it: unlike ``yield from``, that costs nothing at each step.
    """

    def __init__(self, machine: Machine, number: int, cpu: int, name: str) -> None:
        self.machine = machine
        self.number, self.cpu, self.name = number, cpu, name
        self.held: list[Lock] = []
        self.rcu = 0
        self.doing = ""
        self.waits: Lock | None = None
        self.at = -1
        self.steps: Steps | None = None
        self.callers: list[Steps] = []
        self.result: Any = None

    def fail(self, site: int, name: str, message: str = "") -> None:
        """A check is false. :raises Stopped: the run is to end with the first one"""
        self.machine.failed(self, name, message, self.machine.sites[site] if site >= 0 else None)

    def wants(self, lock: Lock, site: int) -> None:
        """Check that waiting for ``lock`` is allowed: the declared order, and nothing sleeps under a spinlock or RCU."""
        rank, spins = lock.rank, lock.spins
        for held in self.held:
            if rank >= 0 and held.rank >= rank:
                self.fail(site, LOCK_ORDER, f"{lock.name} is waited for while {held.name} is held")
            if held.spins and not spins:
                self.fail(site, SLEEPING, f"waiting for {lock.name} may sleep, and {held.name} is held")
        if self.rcu and not spins:
            self.fail(site, SLEEPING, f"waiting for {lock.name} may sleep in an RCU read-side critical section")

    def take(self, lock: Lock) -> None:
        """The lock is this task's now."""
        self.held.append(lock)
        lock.holders.append(self)

    def try_lock(self, lock: Lock, value: int) -> bool:
        """A trylock of what only one can hold."""
        if lock.value:
            return False
        lock.value = value
        self.take(lock)
        return True

    def try_read(self, lock: Lock) -> bool:
        """down_read_trylock."""
        if lock.value < 0:
            return False
        lock.value += 1
        self.take(lock)
        return True

    def release(self, lock: Lock) -> None:
        """Unlock what only one can hold (or, for a lock that is a bit, note it)."""
        lock.value = 0
        self.let_go(lock)

    def release_read(self, lock: Lock) -> None:
        """up_read."""
        lock.value -= 1
        self.let_go(lock)

    def let_go(self, lock: Lock) -> None:
        if self not in lock.holders:
            return self.fail(-1, NOT_HELD, f"{self.name} releases {lock.name}, which it does not hold")
        self.held.remove(lock)
        lock.holders.remove(self)
        if lock.waiters:
            self.machine.wake(lock)
        return None

    def operation_ends(self) -> None:
        """Nothing is held between operations."""
        if self.held:
            self.fail(-1, HELD, f"{', '.join(lock.name for lock in self.held)} still held")
        if self.rcu:
            self.fail(-1, HELD, "still in an RCU read-side critical section")

    def where(self) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """The generators on the task's stack, outermost first: file, line and variables."""
        for outermost in (*self.callers, self.steps):
            generator: Any = outermost
            while generator is not None and getattr(generator, "gi_frame", None) is not None:
                frame = generator.gi_frame
                yield frame.f_code.co_filename, frame.f_lineno, frame.f_locals
                generator = generator.gi_yieldfrom


@dataclass(slots=True)
class Span:
    """An operation of a task, and the steps that it took: after ``begin``, up to ``end`` (None: it goes on). ``pages``: those of
    its area that it chose."""

    task: str
    operation: Operation
    begin: int
    end: int | None = None
    pages: Sequence[int] = ()


SPANS = 4000
"""So many last operations are kept, for those who ask how a failure came about."""


class Machine:
    """Runs tasks. ``tolerate``: names of checks that are counted when they fail and do not end the run."""

    def __init__(self, sites: tuple[Site, ...], tolerate: frozenset[str] = frozenset(), stop: bool = True) -> None:
        self.sites = sites
        self.tolerate = tolerate
        self.stop = stop
        self.tasks: list[Task] = []
        self.ready: list[int] = []
        self.step = 0
        self.turns = 0
        self.begun = False
        self.stopping = False
        self.failures: list[Failure] = []
        self.counted: dict[str, int] = {}
        self.barrier = Lock("quiesce", -1, False)
        self.on_quiet: Callable[[], None] = lambda: None
        self.spans: deque[Span] = deque(maxlen=SPANS)

    def add(self, name: str, cpu: int, start: Callable[[Task], Steps]) -> Task:
        """One more task, that has not begun yet."""
        task = Task(self, len(self.tasks), cpu, name)
        self.tasks.append(task)
        task.steps = start(task)
        return task

    def failed(self, task: Task | None, name: str, message: str, site: Site | None, objects: tuple[Cell, ...] = ()) -> None:
        """Note a failed check. :raises Stopped: it is the first, and not one to go on after"""
        if name in self.tolerate:
            self.counted[name] = self.counted.get(name, 0) + 1
            return
        if not objects:
            objects = _objects(sys._getframe(2).f_locals)
        doing = task.doing if task else ""
        self.failures.append(Failure(name, message or (site.text if site else ""), site, task.name if task else None, doing,
                                     self.step, objects))  # fmt: skip
        if self.stop:
            raise Stopped

    def wake(self, lock: Lock) -> None:
        """All who wait for a lock may try again."""
        for task in lock.waiters:
            task.waits = None
            self.ready.append(task.number)
        lock.waiters.clear()
        self.ready.sort()

    # the run

    def run(
        self, scheduler: Scheduler, limit: int, *, deadline: float | None = None, record: bytearray | None = None,
        until: int | None = None,
    ) -> None:  # fmt: skip
        """Let all tasks run to their ends; after ``limit`` steps they are asked to stop at the end of their operation.

        ``record`` gets the number of the task at each turn where there is a choice. ``until``: stop dead before this turn, so
        that another call goes on.

        :raises LimitError: ``deadline`` (of time.monotonic) has passed
        """
        try:
            if not self.begun:
                self.begun = True
                self.on_quiet()
                scheduler.start(len(self.tasks))
                for task in self.tasks:
                    self._begin(task)
            self._run(scheduler, limit, deadline, record, sys.maxsize if until is None else until)
        except Stopped:
            pass

    def _begin(self, task: Task) -> None:
        """Up to the task's first step, which does not count yet."""
        self.ready.append(task.number)
        step = self.step
        self._turn(task)
        self.step = step

    def _run(self, scheduler: Scheduler, limit: int, deadline: float | None, record: bytearray | None, until: int) -> None:
        """Turn by turn: of what takes most of the time, only this function and the tasks' own steps are entered at each turn."""
        choose = scheduler.choose
        ready, tasks = self.ready, self.tasks
        note = record.append if record is not None else None
        turn = self.turns
        try:
            while ready and turn < until:
                some = range(turn + 1, min(until, turn + LOOK_AT_CLOCK) + 1)
                for turn in some:
                    if len(ready) > 1:
                        number = choose(ready)
                        if note is not None:
                            note(number)
                    elif ready:
                        number = ready[0]
                    else:
                        turn -= 1
                        break
                    task = tasks[number]
                    try:
                        at = next(task.steps)  # type: ignore[arg-type]
                    except (StopIteration, *BAD_ACCESS) as end:
                        self._stopped(task, end)
                    else:
                        if at.__class__ is int:
                            self.step = step = self.step + 1
                            task.at = at
                            if step >= limit:
                                self.stopping = True
                            continue
                        self._other(task, at)
                    if self.step >= limit:
                        self.stopping = True
                if deadline is not None and time.monotonic() > deadline:
                    raise LimitError(f"out of time after {self.step} steps")
        finally:
            self.turns = turn
        if not ready:
            self._all_ended()

    def _all_ended(self) -> None:
        stuck = [task.name for task in self.tasks if task.steps is not None]
        if stuck and not self.failures:
            self.failed(None, DEADLOCK, f"{', '.join(stuck)} can never go on", None, ())

    def _turn(self, task: Task) -> None:
        """The next step of a task."""
        try:
            at = next(task.steps)  # type: ignore[arg-type]
        except (StopIteration, *BAD_ACCESS) as end:
            self._stopped(task, end)
        else:
            if at.__class__ is int:
                self.step += 1
                task.at = at
            else:
                self._other(task, at)

    def _other(self, task: Task, at: Any) -> None:
        """What is no step: a call, of which the first step is taken in this turn, or a lock to wait for."""
        if at.__class__ is GeneratorType:
            task.callers.append(cast(Steps, task.steps))
            task.steps = at
            self._turn(task)
        else:
            self._block(task, at)

    def _stopped(self, task: Task, end: BaseException) -> None:
        """A call has come to its end, the task has, or an access through a bad pointer was met."""
        if not isinstance(end, StopIteration):
            self._fault(task, end)
        elif task.callers:
            task.steps = task.callers.pop()
            self._turn(task)
        else:
            task.result = end.value
            task.at = -1
            task.steps = None
            self.step += 1
            self.ready.remove(task.number)
            task.operation_ends()
            self._quiet()

    def _block(self, task: Task, lock: Lock) -> None:
        task.waits = lock
        lock.waiters.append(task)
        self.ready.remove(task.number)
        if lock is self.barrier:
            self._quiet()
        else:
            self._deadlock(task)

    def _quiet(self) -> None:
        """All tasks have ended, or wait for the others to come to rest."""
        alive = [task for task in self.tasks if task.steps is not None]
        if not self.ready and all(task.waits is self.barrier for task in alive):
            self.on_quiet()
            self.wake(self.barrier)

    def _deadlock(self, task: Task) -> None:
        """Does ``task`` wait for somebody who waits for it?"""
        chain = [task]
        if self._waits_for(task, task, chain):
            waits = ", ".join(f"{each.name} waits for {each.waits.name}" for each in chain if each.waits)
            self.failed(task, DEADLOCK, waits, self.sites[task.at] if task.at >= 0 else None, ())
        elif not self.ready:
            self.failed(task, DEADLOCK, "nobody can go on", None, ())

    def _waits_for(self, task: Task, wanted: Task, chain: list[Task]) -> bool:
        for holder in task.waits.holders if task.waits else ():
            if holder is wanted:
                return True
            if holder not in chain:
                chain.append(holder)
                if self._waits_for(holder, wanted, chain):
                    return True
                chain.pop()
        return False

    def _fault(self, task: Task, error: BaseException) -> None:
        """An access through a bad pointer: a failed check; an error of the program itself goes on."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if not isinstance(error, Fault) and not isinstance(getattr(error, "obj", None), int | Tagged):
            raise error
        task.steps = None
        self.ready.remove(task.number)
        message = str(error) if isinstance(error, Fault) else f"the pointer is {getattr(error, 'obj', None) or 'NULL'}"
        site = self.sites[task.at] if task.at >= 0 else None
        self.failed(task, FAULT, message, site, _objects(trace.tb_frame.f_locals if trace else {}))

    def alone(self, task: Task, steps: Steps) -> Any:
        """Run something to its end while everybody else is quiet. Its steps count."""
        try:
            while True:
                at = next(steps)
                if at.__class__ is not int:
                    self.failed(task, DEADLOCK, f"{at.name} is held when all is quiet", None, ())
                    return None
                task.at = at
                self.step += 1
        except StopIteration as end:
            return end.value


def _objects(variables: dict[str, Any]) -> tuple[Cell, ...]:
    """The objects that a function's variables point to."""
    found = []
    for name, value in variables.items():
        target = value.target if isinstance(value, Tagged) else value
        if isinstance(target, Cell) and not name.startswith("_") and target not in found:
            found.append(target)
    return tuple(found)
