"""One run of a program: a scheduler chooses a thread, the machine executes its step, and checks are evaluated."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Literal, TypeAlias

from msgspec import Struct, field

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.execution import Execution
from smpcheck.program.faults import BAD_ADDRESS, MISALIGNED, NULL_DEREFERENCE, UNDEFINED_VALUE
from smpcheck.program.ir import FinalMem, FinalReg, Position
from smpcheck.program.pieces import Misaligned
from smpcheck.program.tags import KERNEL
from smpcheck.program.values import Ptr, UndefinedValue, Value
from smpcheck.simulate.generate import FAILED, Memory, Point, Registers
from smpcheck.simulate.machine import LockCycle, Machine
from smpcheck.simulate.schedulers import ReplayScheduler, RoundRobinScheduler, Schedule, Scheduler, scheduler
from smpcheck.simulate.trace import Trace, replay_trace

RunStatus: TypeAlias = Literal["finished", "failed", "deadlock", "stuck", "abandoned", "steps"]
"""``finished``: all threads have ended. ``failed``: a check failed. ``deadlock``: all threads that have not ended wait for locks.
``stuck``: the same, but some wait for something else (a condition, a grace period). ``abandoned``: an ``assume`` did not hold,
so this is not an execution. ``steps``: the limit was reached."""

MAX_EXPECTED = 100_000

Watch: TypeAlias = Callable[["View"], str | None]
"""Looks at the state between steps; the name of a check that fails, or None."""


class View:
    """The state of a run between two steps, as watchers see it."""

    def __init__(self, machine: Machine, registers: list[Registers], memory: Memory) -> None:
        self.machine = machine
        self.registers = registers
        self.memory = memory
        self.steps = 0
        self._named = {cell.name: address for address, cell in machine.program.cells.items()}

    def read(self, cell: str | Ptr) -> Value:
        """The value of a cell, by its printed name (``P.flags``) or its address."""
        address = self._named[cell] if isinstance(cell, str) else cell
        return self.machine.shown(FinalMem(address), self.memory[self.machine.index[address]])

    def index(self, cell: str | Ptr) -> int:
        """Where a cell lies in :attr:`memory`, for watchers that read often. Pointers are numbers there."""
        return self.machine.index[self._named[cell] if isinstance(cell, str) else cell]

    def register(self, thread: int, name: str) -> Value:
        """The value of a thread's register; 0 if it has none of that name."""
        found = self.machine.registers[thread].get(name)
        atom = FinalReg(self.machine.program.threads[thread].index, name)
        return 0 if found is None else self.machine.shown(atom, self.registers[thread][found])


class Moves:
    """The moves of a run, stored compactly: the thread of each step, and its alternative where that is not the first.

    ``free`` are the scheduler's choices where several alternatives were possible.
    """

    def __init__(self) -> None:
        self.threads = array("H")
        self.choices: dict[int, int] = {}
        self.free: list[int] = []

    def add(self, thread: int, alternative: int) -> None:
        """One more step."""
        if alternative:
            self.choices[len(self.threads)] = alternative
        self.threads.append(thread)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Thread and alternative of each step."""
        return ((t, self.choices.get(i, 0)) for i, t in enumerate(self.threads))


class RunResult(Struct, frozen=True, dict=True):
    """The result of a run.

    ``failed`` names the checks that failed. ``waiting`` maps a thread that waits to where. ``final`` is what the program
    observes, if the run finished. ``holds``: is the program's condition true in it? ``schedule`` repeats the run
    (:func:`replay`). ``lock_cycles``: lock classes that are waited for in a circle, whether or not the run deadlocked.
    """

    program: ir.Program
    status: RunStatus
    steps: int
    failed: tuple[str, ...] = ()
    message: str = ""
    waiting: Mapping[int, Position | None] = field(default_factory=dict)
    final: Mapping[FinalReg | FinalMem, Value] = field(default_factory=dict)
    holds: bool | None = None
    lock_cycles: tuple[LockCycle, ...] = ()
    moves: Moves = field(default_factory=lambda: Moves())
    machine: Machine | None = None

    @cached_property
    def schedule(self) -> Schedule:
        """What repeats this run."""
        return Schedule(self.moves.threads, self.moves.free)

    @property
    def ok(self) -> bool:
        """Did nothing go wrong?"""
        return self.status in ("finished", "steps", "abandoned") and not self.failed

    @cached_property
    def trace(self) -> Trace:
        """The events of the run, in the order in which they took place."""
        assert self.machine is not None
        return replay_trace(self.machine, self.moves.pairs())

    def execution(self) -> Execution:
        """The run as an execution: reads-from and coherence are those of the trace."""
        return self.trace.execution(self.final, self.failed, self.waiting)


def run(
    machine: Machine,
    chooser: Scheduler,
    max_steps: int = 1_000_000,
    *,
    watch: Watch | None = None,
    watch_every: int = 1000,
    stop: bool = True,
) -> RunResult:
    """Run a machine once from the start.

    ``stop``: end the run when a check fails. ``watch`` is called every ``watch_every`` steps and at the end.
    """
    rs, m = machine.fresh()
    view = View(machine, rs, m)
    cycles_before = len(machine.locks.cycles)
    moves = Moves()
    record = moves.threads.append
    points = machine.points
    failed: list[str] = []
    status: RunStatus = "finished"
    message = ""
    steps = 0
    here = []
    chooser.start(len(points))
    choose = chooser.choose
    thread = -1
    next_watch = watch_every if watch is not None else max_steps + 1
    try:
        for thread, begin in enumerate(machine.starts):
            pc = begin(rs[thread], m)
            if pc < 0:
                status = "abandoned"
            here.append(points[thread][pc if pc >= 0 else len(machine.codes[thread].instrs) - 1])
        alive = [t for t, p in enumerate(here) if not p.done]
        ready = alive
        while alive and status == "finished":
            if not ready:
                blocking = all(here[t].blocking for t in alive)
                status = "deadlock" if blocking else "stuck"
                break
            thread = choose(ready)
            alternatives = here[thread].alternatives
            if len(alternatives) == 1:
                guard, action = alternatives[0]
                if guard is not None and not guard(rs[thread], m):
                    ready = [t for t in ready if t != thread]
                    continue
            else:
                possible = [k for k, (g, _) in enumerate(alternatives) if g is None or g(rs[thread], m)]
                if not possible:
                    ready = [t for t in ready if t != thread]
                    continue
                k = possible[0]
                if len(possible) > 1:
                    choice = chooser.alternative(len(possible))
                    moves.free.append(choice)
                    k = possible[choice]
                if k:
                    moves.choices[steps] = k
                action = alternatives[k][1]
            if steps >= max_steps:
                status = "steps"
                break
            record(thread)
            steps += 1
            pc = action(rs[thread], m)
            if pc < 0:
                status = "abandoned"
                break
            point = here[thread] = points[thread][pc]
            if point.done:
                alive = [t for t in alive if t != thread]
            ready = alive
            if m[FAILED] and stop and any(can_go_on(here[t], rs[t], m) for t in alive):
                status = "failed"
            if steps >= next_watch and watch is not None:
                next_watch += watch_every
                view.steps = steps
                name = watch(view)
                if name is not None:
                    failed.append(name)
                    status = "failed"
    except (KeyError, UndefinedValue) as error:
        status = "failed"
        name, message = describe_fault(machine, error)
        failed.append(name)
    waiting: dict[int, Position | None] = {}
    if status in ("deadlock", "stuck"):
        waiting = {t: machine.position(t, here[t].pc) for t in alive}
        message = "; ".join(f"thread {t} ({machine.program.threads[t].name}) waits at {p}" for t, p in waiting.items())
    final: dict[FinalReg | FinalMem, Value] = {}
    holds: bool | None = None
    failed.extend(sorted(machine.failed(m) - set(failed)))
    if status == "finished":
        failed.extend(sorted(machine.final_failures(rs, m) - set(failed)))
        view.steps = steps
        name = watch(view) if watch is not None else None
        if name is not None and name not in failed:
            failed.append(name)
        final = dict(machine.final_state(rs, m))
        holds = machine.holds(machine.program.condition, rs, m)
    if failed and status in ("finished", "steps"):
        status = "failed"
    return RunResult(
        machine.program,
        status,
        steps,
        tuple(failed),
        message,
        waiting,
        final,
        holds,
        tuple(machine.locks.cycles[cycles_before:]),
        moves,
        machine,
    )


def can_go_on(point: Point, r: Registers, m: Memory) -> bool:
    """Is a step possible at this point?"""
    return any(guard is None or guard(r, m) for guard, _ in point.alternatives)


def describe_fault(machine: Machine, error: Exception) -> tuple[str, str]:
    """The check that a faulting access fails, and a message."""
    if isinstance(error, Misaligned):
        if machine.program.language not in KERNEL:
            raise UnsupportedError("a misaligned access: what the machine does then is not known here")
        return MISALIGNED, f"an access at {machine.addresses.value(error.args[0])}, which is not a multiple of its size"
    if isinstance(error, KeyError):
        number = error.args[0]
        if isinstance(number, int) and 0 <= number < 1 << 20:
            return NULL_DEREFERENCE, "a null pointer is dereferenced"
        return BAD_ADDRESS, f"there is no object at {machine.addresses.value(number)}"
    return UNDEFINED_VALUE, str(error)


def simulate(
    program: ir.Program,
    chooser: str | Scheduler = "random",
    seed: int = 0,
    max_steps: int = 1_000_000,
    *,
    watch: Watch | None = None,
    watch_every: int = 1000,
    stop: bool = True,
) -> RunResult:
    """Run ``program`` once under sequential consistency.

    ``chooser``: ``random``, ``pct[:DEPTH]``, ``round-robin[:QUANTUM]``, or a scheduler. The same seed gives the same run.

    :raises UnsupportedError: the program uses what step-by-step runs do not support
    """
    machine = Machine(program)
    if isinstance(chooser, str):
        chooser = scheduler(chooser, seed, expected_steps(machine, chooser, max_steps))
    return run(machine, chooser, max_steps, watch=watch, watch_every=watch_every, stop=stop)


def expected_steps(machine: Machine, chooser: str, max_steps: int) -> int:
    """The number of steps in which PCT places its changes: that of one run in turns, up to a limit."""
    if not chooser.startswith("pct"):
        return 1
    return max(1, run(machine, RoundRobinScheduler(), min(max_steps, MAX_EXPECTED), stop=False).steps)


def replay(program: ir.Program, schedule: Schedule | str) -> RunResult:
    """Repeat a recorded run. :raises InputError: the schedule does not fit the program"""
    recorded = Schedule.parse(schedule) if isinstance(schedule, str) else schedule
    if any(t >= len(program.threads) for t in recorded.threads):
        raise InputError(f"the schedule names threads that {program.name} does not have")
    machine = Machine(program)
    limit = len(recorded.threads)
    return run(machine, ReplayScheduler(recorded), limit, stop=False)
