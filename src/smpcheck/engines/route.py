"""Which engines answer a question, in which order, and why.

For programs of a litmus test's size the solver alone answers. To encode a large program completely
(:func:`smpcheck.program.flow.is_large`) costs too much, so the cheapest engine is asked first, and the next ones about the
checks that are still open:

1. All interleavings. A failure in one of them can happen (under every model that allows that execution), and under sequential
   consistency there are no other executions.
2. The view machine, for the models that it supports. A failure that none of its runs has cannot happen, unless a store is early
   (:mod:`smpcheck.simulate.load_buffering`).
3. The solver. It confirms or refutes failures of the view machine's runs, which need not be possible. Checks that the view
   machine has settled on the assumption that no store is early are asked again, because the solver's assumption is weaker
   (:data:`~smpcheck.engines.constraints.NARROW`); at most :data:`PATIENCE` seconds are spent on these.
"""

from __future__ import annotations

import time

from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.engines.constraints import Constraints
from smpcheck.engines.contract import NO_TIME, Answer, Engine, Question, Step
from smpcheck.engines.interleavings import Interleavings
from smpcheck.engines.part import Part
from smpcheck.engines.views import Views
from smpcheck.errors import LimitError, UnsupportedError

PATIENCE = 10.0
"""Seconds for the solver where there is an answer already, but one that rests on an assumption."""

CHEAPEST = "what happens in an interleaving can happen"
EXCLUDE = "what the view machine excludes cannot happen"
REST = "no other engine is left"
WEAKER = "the answer so far rests on an assumption"


def ask(question: Question, patience: float | None = None) -> Answer:
    """What is known after one engine after the other was asked. Every check that was asked about is in ``can``, ``cannot`` or
    ``unknown``, and the answer's ``steps`` say who was asked. ``patience``: in place of :data:`PATIENCE`.
    """
    patience = PATIENCE if patience is None else patience
    found = Answer(question.program, unknown=dict.fromkeys(question.names, NO_TIME))
    if question.over:
        return found
    part = Part(question.program)
    interleavings = Interleavings(question, part)
    _try(found, question, interleavings, CHEAPEST)
    left = found.unsettled(question.names)
    views = Views(replace(question, names=left), part)
    if left and question.model != load_model("sc"):
        _try(found, question, views, EXCLUDE)
    left = found.unsettled(question.names)
    weak = tuple(name for name, assumed in found.cannot.items() if assumed)
    if left or (weak and patience):
        moments = [question.ends, None if left else time.monotonic() + patience]
        ends = min((moment for moment in moments if moment is not None), default=None)
        rest = replace(question, names=(*left, *weak), ends=ends)
        _try(found, question, Constraints(rest, interleavings.coverage, views.in_order), REST if left else WEAKER)
    return found


def _try(found: Answer, question: Question, engine: Engine, why: str) -> None:
    """Ask this engine, and note what it knew."""
    before = len(found.unsettled(question.names))
    problem = ""
    try:
        found.learn(engine.answer())
    except (LimitError, UnsupportedError) as error:
        problem = str(error)
    found.steps = (*found.steps, Step(engine.name, why, before - len(found.unsettled(question.names)), problem))
