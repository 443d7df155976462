"""Step-by-step runs under sequential consistency.

:func:`simulate` runs one schedule, :func:`replay` a recorded one, :func:`outcomes` explores all.
"""

from smpcheck.simulate.explore import Outcomes, outcomes
from smpcheck.simulate.machine import LockCycle, Machine
from smpcheck.simulate.run import RunResult, View, replay, run, simulate
from smpcheck.simulate.schedulers import PCTScheduler, RandomScheduler, RoundRobinScheduler, Schedule, scheduler
from smpcheck.simulate.trace import Trace, TraceEvent

__all__ = [
    "LockCycle",
    "Machine",
    "Outcomes",
    "PCTScheduler",
    "RandomScheduler",
    "RoundRobinScheduler",
    "RunResult",
    "Schedule",
    "Trace",
    "TraceEvent",
    "View",
    "outcomes",
    "replay",
    "run",
    "scheduler",
    "simulate",
]
