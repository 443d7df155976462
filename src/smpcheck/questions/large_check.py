"""``check`` of the kernel's C that the solver alone does not answer in time (:func:`first_seconds`).

Several engines are asked one after the other (:mod:`smpcheck.engines.route`) about the program's assertions, and about faults.
They are not asked about data races. But the view machine has no answer if accesses may race, so if it has answered, none do.
"""

from __future__ import annotations

import time
from dataclasses import replace

from smpcheck.cat.nodes import Model
from smpcheck.engines.contract import Question
from smpcheck.engines.route import ask
from smpcheck.engines.views import Views
from smpcheck.program.faults import STOPS
from smpcheck.program.ir import Program
from smpcheck.questions.caveats import RACES, knows_races
from smpcheck.questions.result import Result, Shown

SHARE = 0.4
"""The share of the time limit that the solver alone gets before other engines are asked."""
SECONDS = 8.0
"""The seconds that it gets if there is no limit."""


def first_seconds(timeout: float | None) -> float:
    """The seconds that the solver alone gets."""
    return SECONDS if timeout is None else SHARE * timeout


def in_turn(head: Result, program: Program, model: Model, unroll: int, seconds: float | None) -> Result:
    """The answer of several engines. ``seconds``: what is left of the time."""
    names = (*head.asserts, *STOPS)
    found = ask(Question(program, model, names, unroll, None if seconds is None else time.monotonic() + seconds))
    undecided = tuple(name for name in head.asserts if name in found.unknown)
    why = next((found.unknown[name] for name in (*undecided, *found.unknown) if name in found.unknown), "")
    seen = any(step.engine == Views.name and not step.problem for step in found.steps)
    races = (RACES,) if knows_races(model) and not seen else ()
    return replace(
        head,
        status="timeout" if found.unknown else "ok",
        failed=tuple(sorted(name for name in head.asserts if name in found.can)),
        flags=tuple(sorted(name for name in STOPS if name in found.can)),
        undecided=undecided or (("condition",) if found.unknown else ()),
        message=f"not decided: {why}" if found.unknown else "",
        executions=tuple(Shown("failed" if name in head.asserts else "flag", name, w.execution) for name, w in found.can.items()),
        notes=(*found.said, *races, found.how, *head.notes),
    )
