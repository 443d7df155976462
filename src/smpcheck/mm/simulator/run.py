"""A workload, run: options in, counters and failures out; the same seed and workload give the same run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import InputError, LimitError
from smpcheck.mm.invariants import ABOUT
from smpcheck.mm.mm_types import BAD_PAGE, FREED_UNEVICTABLE, SIGBUS, VMSTAT_NAMES
from smpcheck.mm.simulator.history import Entry, History
from smpcheck.mm.simulator.machine import DEADLOCK, FAULT, HELD, LOCK_ORDER, NOT_HELD, SLEEPING, Failure, Machine, Span
from smpcheck.mm.simulator.tasks import Actor
from smpcheck.mm.simulator.translate import Code
from smpcheck.mm.simulator.workload import Workload, validate
from smpcheck.mm.simulator.world import OUT_OF_MEMORY, World, code_for
from smpcheck.mm.variants import BOUND, find_variant
from smpcheck.simulate.schedulers import ReplayScheduler, Schedule, Scheduler, scheduler

FLAG_LAYOUTS = ("one-word", "separate")
FREEINGS = ("at-once", "at-the-end")

OWN_CHECKS = {
    LOCK_ORDER: "I8", SLEEPING: "I8", HELD: "I8", DEADLOCK: "I8", NOT_HELD: "I8", FAULT: "I6",
}  # fmt: skip
"""Which invariant a check of the machine belongs to."""

MODEL_EVENTS = {FREED_UNEVICTABLE: "freed_while_unevictable", BAD_PAGE: "bad_page", SIGBUS: "sigbus"}
"""The model's own marks, which /proc/vmstat does not have."""

WINDOW = 3000
"""So many turns before a failure are looked at in detail when it is run again."""


class Options(Struct, frozen=True):
    """How to build the system and how to schedule. ``steps``: after so many, tasks end with their current operation."""

    variant: str = "V10"
    flags: str = "one-word"
    freeing: str = "at-once"
    scheduler: str = "random"
    seed: int = 0
    steps: int = 200_000
    ignore: tuple[str, ...] = ()
    history: bool = True


@dataclass
class Result:
    """What came of one run. ``counters``: by their names in /proc/vmstat; ``events``: what the model and the runner count.

    ``status``: ``ok``, ``failed``, or ``out of time`` (nothing failed so far, but the quiet state was not reached).
    ``ignored``: how often a check failed that was to be ignored. ``schedule``: the task at each turn where several could go on.
    ``spans``: of a failure, the last operations of all tasks.
    """

    workload: Workload
    options: Options
    status: str = "ok"
    steps: int = 0
    turns: int = 0
    seconds: float = 0.0
    tasks: tuple[str, ...] = ()
    failure: Failure | None = None
    history: list[Entry] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    checks: int = 0
    schedule: bytes = b""
    spans: tuple[Span, ...] = ()

    @property
    def invariant(self) -> str:
        """The invariant that failed, I1 to I10, or the model's own name of the check."""
        name = self.failure.name if self.failure else ""
        return OWN_CHECKS.get(name, name)

    @property
    def about(self) -> str:
        """What that invariant says."""
        return ABOUT.get(self.invariant, "")


_CODES: dict[tuple[str, str, str], tuple[Code, Mapping[str, object]]] = {}


def _code(options: Options) -> tuple[Code, Mapping[str, object]]:
    key = (options.variant, options.flags, options.freeing)
    if key not in _CODES:
        _CODES[key] = code_for(find_variant(options.variant), options.flags, options.freeing)
    return _CODES[key]


def check_options(options: Options) -> None:
    """:raises InputError: an option has a value that does not exist"""
    find_variant(options.variant)
    for what, value, known in (("flags", options.flags, FLAG_LAYOUTS), ("freeing", options.freeing, FREEINGS)):
        if value not in known:
            raise InputError(f"there is no {what} {value!r}: {', '.join(known)}")
    names = [*ABOUT, *OWN_CHECKS, BOUND]
    for name in options.ignore:
        if name not in names:
            raise InputError(f"there is no check {name!r} to ignore: {', '.join(names)}")
    if options.steps < 1:
        raise InputError("the number of steps is at least 1")
    scheduler(options.scheduler)


class _Run:
    """One run, ready to be started."""

    def __init__(self, load: Workload, options: Options) -> None:
        self.load, self.options = load, options
        code, bindings = _code(options)
        placed = load.placed()
        self.machine = Machine(code.sites, frozenset((*options.ignore, OUT_OF_MEMORY)))
        self.world = World(load, code, bindings, self.machine, len(placed))
        for number, (name, spec) in enumerate(placed):
            actor = Actor(self.world, spec.body, options.seed, number)
            self.machine.add(name, number, actor.start)

    def chooser(self, schedule: bytes | None) -> Scheduler:
        if schedule is not None:
            return ReplayScheduler(Schedule(tuple(schedule)))
        return scheduler(self.options.scheduler, self.options.seed, self.options.steps)


def run(load: Workload, options: Options, *, schedule: bytes | None = None, deadline: float | None = None,
        record: bool = False) -> Result:  # fmt: skip
    """Run ``load`` once, by the scheduler of the options or by a recorded ``schedule``, and say what came of it.

    The first check that fails ends the run; then it is run again up to there, to note the last steps. ``deadline``: of
    time.monotonic. ``record``: keep the schedule.

    :raises InputError: an option or the workload is wrong, or the schedule is one of something else
    """
    check_options(options)
    validate(load)
    one = _Run(load, options)
    result = Result(load, options)
    noted = bytearray() if record else None
    began = time.perf_counter()
    try:
        one.machine.run(one.chooser(schedule), options.steps, deadline=deadline, record=noted)
    except LimitError:
        result.status = "out of time"
    result.seconds = time.perf_counter() - began
    machine = one.machine
    result.steps, result.turns = machine.step, machine.turns
    result.tasks = tuple(task.name for task in machine.tasks)
    result.schedule = bytes(noted or b"")
    result.checks = one.world.checks
    result.ignored = dict(sorted(machine.counted.items()))
    failed_allocations = result.ignored.pop(OUT_OF_MEMORY, 0)
    stat = one.world.zone.vm_stat
    result.counters = {name: stat[item] for item, name in VMSTAT_NAMES.items()}
    result.events = {name: stat[item] for item, name in MODEL_EVENTS.items()}
    result.events |= {"pages_allocated": one.world.allocated, "pages_free": len(one.world.free),
                      "allocations_failed": failed_allocations}  # fmt: skip
    if machine.failures:
        result.status, result.failure = "failed", machine.failures[0]
        result.spans = tuple(machine.spans)
        if options.history:
            result.history = _look_again(load, options, schedule, result)
    return result


def _look_again(load: Workload, options: Options, schedule: bytes | None, result: Result) -> list[Entry]:
    """The same run once more, with its last steps noted."""
    one = _Run(load, options)
    chooser = one.chooser(schedule)
    one.machine.run(chooser, options.steps, until=max(result.turns - WINDOW, 0))
    history = History(one.machine, one.world.space, one.world.memory)
    history.run(chooser, options.steps)
    assert result.failure is not None
    return history.concerned(result.failure)


def campaign(
    load: Workload, options: Options, seeds: int, *, deadline: float | None = None, record: bool = False
) -> list[Result]:
    """Runs with seeds ``options.seed`` and the next ones, until one fails or time is out."""
    if seeds < 1:
        raise InputError("the number of seeds is at least 1")
    results = []
    for seed in range(options.seed, options.seed + seeds):
        results.append(run(load, replace(options, seed=seed), deadline=deadline, record=record))
        if results[-1].status != "ok":
            break
    return results
