"""Step-by-step runs of the system on hundreds of pages and several CPUs: ``smpcheck mm run``.

The functions of :mod:`smpcheck.mm` are run from their source, with a possible switch to another task before each access to shared
memory. :func:`run` does a :class:`Workload` once; :func:`parse` reads one from text, :func:`find_workload` by name.
"""

from smpcheck.mm.simulator.run import Options, Result, campaign, run
from smpcheck.mm.simulator.script import parse
from smpcheck.mm.simulator.workload import AnyPage, Workload, choose, op, repeat
from smpcheck.mm.simulator.workloads import BUILT_IN, find_workload

__all__ = [
    "BUILT_IN", "AnyPage", "Options", "Result", "Workload", "campaign", "choose", "find_workload", "op", "parse", "repeat", "run",
]  # fmt: skip
