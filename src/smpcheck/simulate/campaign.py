"""Many runs of one program: until something fails, or until there were enough."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from smpcheck.errors import InputError
from smpcheck.program import ir
from smpcheck.program.ir import FinalMem, FinalReg
from smpcheck.program.values import Value
from smpcheck.simulate.machine import LockCycle, Machine
from smpcheck.simulate.run import RunResult, RunStatus, expected_steps, run
from smpcheck.simulate.schedulers import scheduler

FinalState = tuple[tuple[FinalReg | FinalMem, Value], ...]


@dataclass
class Campaign:
    """The result of many runs.

    ``runs`` were made with seeds ``seed``, ``seed + 1``, ...; ``states`` counts their final states, ``statuses`` how they ended.
    ``failure`` is the first run in which something went wrong (``failure_seed`` its seed): it is the last one made.
    """

    program: ir.Program
    chooser: str
    seed: int
    runs: int = 0
    steps: int = 0
    seconds: float = 0.0
    states: Counter[FinalState] = field(default_factory=Counter)
    statuses: Counter[RunStatus] = field(default_factory=Counter)
    failure: RunResult | None = None
    failure_seed: int | None = None
    lock_cycles: tuple[LockCycle, ...] = ()


def campaign(
    program: ir.Program, chooser: str = "random", seed: int = 0, runs: int = 1000, max_steps: int = 1_000_000
) -> Campaign:
    """Run ``program`` up to ``runs`` times, each with a seed of its own, and stop at the first failure or deadlock.

    The run with seed n is that of :func:`smpcheck.simulate.run.simulate` with this scheduler and seed.

    :raises InputError: there is no such scheduler
    :raises UnsupportedError: the program uses what step-by-step runs do not support
    """
    if runs < 1:
        raise InputError("the number of runs is at least 1")
    machine = Machine(program)
    result = Campaign(program, chooser, seed)
    started = time.perf_counter()
    length = expected_steps(machine, chooser, max_steps)
    for number in range(runs):
        one = run(machine, scheduler(chooser, seed + number, length), max_steps)
        result.runs += 1
        result.steps += one.steps
        result.statuses[one.status] += 1
        if one.final:
            result.states[tuple(one.final.items())] += 1
        if one.failed or one.status in ("deadlock", "stuck"):
            result.failure, result.failure_seed = one, seed + number
            break
    result.lock_cycles = tuple(machine.locks.cycles)
    result.seconds = time.perf_counter() - started
    return result
