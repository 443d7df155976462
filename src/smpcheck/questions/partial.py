"""Partial answers when time runs out: failures in interleavings, which are found more quickly.

An interleaving that a model allows is an execution under that model. So an assertion that fails in it can fail, even
if the question under the model itself has no answer in time. An assertion that fails in no interleaving may still fail.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.errors import SmpcheckError
from smpcheck.program import ir
from smpcheck.questions.outcomes import BREAKS, HOLDS, asking_both
from smpcheck.questions.result import Shown
from smpcheck.simulate.machine import Machine
from smpcheck.simulate.run import expected_steps, run
from smpcheck.simulate.schedulers import scheduler
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from smpcheck.time_limit import time_limit

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.program.execution import Execution
    from smpcheck.questions.check import CheckOptions
    from smpcheck.questions.result import Result

RUNNING = 0.6
"""The share of the time for runs; the solver has the rest."""

RUNS, LONGEST = 1000, 20_000
"""How many runs, and steps of each."""

WORDS = {HOLDS: "the condition holds", BREAKS: "the condition does not hold"}


def by_taking_turns(program: ir.Program, model: Model, unroll: int, seconds: float) -> Mapping[str, Execution]:
    """What is found in ``seconds`` to happen in interleavings that the model allows too, with an execution each: by the name of
    an assertion that fails or, where nothing is asserted, :data:`HOLDS` and :data:`BREAKS`. Random runs first, then the solver
    for all that they leave open.
    """
    found: dict[str, Execution] = {}
    wanted = set(ir.assertion_names(program)) or {HOLDS, BREAKS}
    began = time.monotonic()
    with suppress(SmpcheckError), time_limit(seconds * RUNNING):
        _run(program, model, wanted, found)
    left = seconds - (time.monotonic() - began)
    if wanted - found.keys() and left > 0:
        with suppress(SmpcheckError), time_limit(left):
            _solve(program, model, unroll, left, found)
    return found


def _run(program: ir.Program, model: Model, wanted: set[str], found: dict[str, Execution]) -> None:
    """Runs under random schedules, to their ends. (They know no filter of final states.)"""
    if program.filter is not None:
        return
    machine = Machine(program)
    length = expected_steps(machine, "pct", LONGEST)
    for seed in range(RUNS):
        one = run(machine, scheduler(("random", "pct")[seed % 2], seed, length), LONGEST, stop=False)
        if one.status not in ("finished", "failed") or one.waiting or one.holds is None:
            continue
        seen = {*one.failed, HOLDS if one.holds else BREAKS} & wanted - found.keys()
        execution = one.execution() if seen else None
        if execution is not None and _is_one_of(model, execution):
            found.update(dict.fromkeys(seen, execution))
        if wanted <= found.keys():
            return


def _solve(program: ir.Program, model: Model, unroll: int, seconds: float, found: dict[str, Execution]) -> None:
    """The solver's answer under sc."""
    question = Question(mode="assertions", flags=False, unroll=unroll, deadline=seconds)
    answer = solve(asking_both(program), load_model("sc"), question)
    found.update((name, e) for name, e in answer.failed.items() if name not in found and _is_one_of(model, e))


def _is_one_of(model: Model, execution: Execution) -> bool:
    """Does the model allow the execution?"""
    return all(violation.flag for violation in evaluate(model, execution))


def with_known(result: Result, program: ir.Program, model: Model, options: CheckOptions, seconds: float) -> Result:
    """``result``, which time ran out for, with what is found in ``seconds``."""
    if model.name == "sc" or seconds <= 0:
        return result
    known = by_taking_turns(program, model, options.unroll, seconds)
    failed = tuple(name for name in result.asserts if name in known)
    said = [name for name in (HOLDS, BREAKS) if name in known and not result.is_model]
    if not failed and not said:
        return result
    what = ", ".join([*(f"{name} fails" for name in failed), *(WORDS[name] for name in said)])
    shown = tuple(Shown("failed", name, known[name]) for name in failed) if options.executions else ()
    return replace(
        result,
        failed=failed,
        undecided=tuple(name for name in result.undecided if name not in failed),
        positive=max(result.positive, int(HOLDS in known)),
        negative=max(result.negative, int(BREAKS in known)),
        executions=(*result.executions, *shown),
        notes=(f"found nevertheless: {what} in an interleaving that {model.name} allows", *result.notes),
    )
