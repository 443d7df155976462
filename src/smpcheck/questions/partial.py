"""What a quicker engine knows when time runs out: what happens when threads take turns.

An interleaving is an execution of every model that allows it, whatever else the model allows. So what fails in one fails, even
where the question under the model itself has no answer in time. What fails in none is not excluded by that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from smpcheck.cat.concrete import evaluate
from smpcheck.cat.load import load_model
from smpcheck.errors import SmpcheckError
from smpcheck.program import ir
from smpcheck.questions.result import Shown
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.program.execution import Execution
    from smpcheck.questions.check import CheckOptions
    from smpcheck.questions.result import Result

HOLDS, BREAKS = "\0holds", "\0breaks"
"""Names for what is asked besides the program's own assertions, which cannot be theirs."""

WORDS = {HOLDS: "the condition holds", BREAKS: "the condition does not hold"}


def by_taking_turns(program: ir.Program, model: Model, unroll: int, seconds: float) -> Mapping[str, Execution]:
    """What is found in ``seconds`` to happen in interleavings that the model allows too, with an execution each: by the name of
    an assertion that fails, :data:`HOLDS` or :data:`BREAKS`. Nothing where the question cannot be asked, for whatever reason.
    """
    asked = (ir.Assert(ir.Unary("!", program.condition), HOLDS), ir.Assert(program.condition, BREAKS))
    subject = replace(program, invariants=(*program.invariants, *asked))
    question = Question(mode="assertions", flags=False, unroll=unroll, deadline=seconds)
    try:
        found = solve(subject, load_model("sc"), question).failed
        return {name: e for name, e in found.items() if all(violation.flag for violation in evaluate(model, e))}
    except SmpcheckError:
        return {}


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
        notes=(f"known all the same: {what} in an interleaving, which is an execution of {model.name} too", *result.notes),
    )
