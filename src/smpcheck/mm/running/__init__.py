"""Step-by-step runs of the system on hundreds of pages and several CPUs: ``smpcheck mm run``.

The functions of :mod:`smpcheck.mm` are run from their source, with a possible switch to another task before each access to shared
memory. :func:`run` does a :class:`Workload` once; :func:`parse` reads one from text, :func:`find_workload` by name.
"""

from smpcheck.mm.running.run import Options, Result, campaign, run
from smpcheck.mm.running.script import parse
from smpcheck.mm.running.workload import Any_, Workload, choose, op, repeat
from smpcheck.mm.running.workloads import BUILT_IN, find_workload

__all__ = [
    "BUILT_IN", "Any_", "Options", "Result", "Workload", "campaign", "choose", "find_workload", "op", "parse", "repeat", "run",
]  # fmt: skip
