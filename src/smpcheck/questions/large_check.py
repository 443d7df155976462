"""``check`` of models that are too much for the solver alone: several engines are asked one after the other
(:mod:`smpcheck.engines.route`) about what the program asserts and asks, and about faults.

They are not asked about data races. But the view machine has no answer if accesses may race, so if it has answered, none do.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from smpcheck.cat.nodes import Model
from smpcheck.engines.contract import NO_EXECUTION, Answer, Question, cut
from smpcheck.engines.route import ask
from smpcheck.engines.views import Views
from smpcheck.program.faults import DEADLOCK, NON_TERMINATION, STOPS
from smpcheck.program.ir import Program
from smpcheck.questions.caveats import RACES, knows_races
from smpcheck.questions.outcomes import BREAKS, HOLDS, asking_both
from smpcheck.questions.result import Result, Shown, Shows
from smpcheck.questions.stops import sentence

if TYPE_CHECKING:
    from smpcheck.questions.check import CheckOptions
    from smpcheck.solver.answer import Verdict as Observation

SHARE = 0.4
"""The share of the time limit that the solver alone gets."""
SECONDS = 8.0
"""The seconds that it gets if there is no limit."""


def first_seconds(timeout: float | None) -> float:
    """The seconds that the solver alone gets."""
    return SECONDS if timeout is None else SHARE * timeout


def alone(program: Program, ends: float | None) -> float | None:
    """The seconds that the solver alone gets for a program that is not large, where a question is to end at ``ends``; None: as
    long as it takes. Of the kernel's own C it cannot be told beforehand whether it is too much for the solver alone.
    """
    if program.source_language != "KernelC":
        return None
    return first_seconds(None if ends is None else max(0.0, ends - time.monotonic()))


def is_full(result: Result) -> bool:
    """Is it an answer of several engines that leaves nothing open, data races included?"""
    return result.status in ("ok", "no-execution") and RACES not in result.notes


def in_turn(head: Result, program: Program, model: Model, options: CheckOptions, seconds: float | None) -> Result:
    """The answer of several engines. ``seconds``: what is left of the time."""
    faults = tuple(name for name in STOPS if options.termination or name not in (DEADLOCK, NON_TERMINATION))
    asked = (HOLDS, BREAKS) if head.asks else ()
    names = (*head.asserts, *faults, *asked)
    whole = asking_both(program) if asked else program
    found = ask(Question(whole, model, names, options.unroll, None if seconds is None else time.monotonic() + seconds))
    failed = tuple(sorted(name for name in head.asserts if name in found.can))
    flags = tuple(name for name in faults if name in found.can)
    seen = any(step.engine == Views.name and not step.problem for step in found.steps)
    races = (RACES,) if knows_races(model) and not seen else ()
    shown = tuple(Shown(_kind(head, name), "" if name in asked else name, w.execution) for name, w in found.can.items())
    result = replace(
        head,
        failed=failed,
        flags=tuple(sorted(flags)),
        observation=_observation(found) if asked else None,
        executions=shown if options.executions else (),
        notes=(*(sentence(name, found.can[name].execution) for name in flags), *found.said, *races, found.how, *head.notes),
    )
    if not found.unknown:
        return replace(result, status="no-execution" if NO_EXECUTION in found.notes else "ok")
    undecided = tuple(name for name in head.asserts if name in found.unknown) or ("condition",)
    bound = set(found.unknown.values()) == {cut(options.unroll)}
    why = next(found.unknown[name] for name in (*undecided, *found.unknown) if name in found.unknown)
    return replace(
        result,
        status="bound" if bound else "timeout",
        undecided=undecided,
        rounds=options.unroll if bound else None,
        message=f"not decided: {why}",
    )


def _kind(head: Result, name: str) -> Shows:
    """What an execution shows in which the check of this name fails."""
    if name == HOLDS:
        return "condition"
    if name == BREAKS:
        return "negation"
    return "failed" if name in head.asserts else "flag"


def _observation(found: Answer) -> Observation | None:
    """The verdict about the condition, if both of its checks are settled and there is an execution at all."""
    if HOLDS in found.unknown or BREAKS in found.unknown:
        return None
    if HOLDS in found.can:
        return "Sometimes" if BREAKS in found.can else "Always"
    return "Never" if BREAKS in found.can else None
