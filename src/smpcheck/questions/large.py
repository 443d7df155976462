"""Programs that are too large to be written down for the solver as they are: what can happen in them, the cheapest way first.

An interleaving is an execution of every model that is no stronger than sc, so what happens in one can happen; all of them are
explored (:mod:`smpcheck.simulate.explore`). What no run with views does cannot happen under the models that these runs are made
for, as long as no store is early (:mod:`smpcheck.simulate.view_machine`). What is left is a question for the solver. Of a model
like those in :mod:`smpcheck.mm`, most accesses lie in branches that no interleaving takes: these are left out at first
(:mod:`smpcheck.program.cut`), and put back when an execution would enter one. The solver's answer assumes less than that of the
runs (:data:`NARROW`), so it is asked even where they have answered, for :data:`PATIENCE` seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import SHIPPED, load_model
from smpcheck.cat.nodes import Model
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.models import require_language
from smpcheck.program import flow, ir
from smpcheck.program.cut import CUT, without_branches
from smpcheck.program.execution import Execution
from smpcheck.questions.caveats import NO_EXECUTION, cut
from smpcheck.questions.outcomes import Outcome
from smpcheck.simulate.coverage import reached
from smpcheck.simulate.explore import outcomes
from smpcheck.simulate.load_buffering import ASSUMPTION
from smpcheck.simulate.view_machine import runs
from smpcheck.solver.answer import Answer, Question
from smpcheck.solver.solve import solve

if TYPE_CHECKING:
    from smpcheck.simulate.explore import Outcomes

MANY = 100
"""A program with so many accesses in its text is large."""

MAX_STATES = 3_000_000
"""Of the exploration of interleavings."""

PATIENCE = 10.0
"""Seconds for the solver where there is an answer already, but one that rests on an assumption
(:data:`smpcheck.simulate.load_buffering.ASSUMPTION`)."""

SEARCH = 60.0
"""Seconds for a search among versions of a large program."""

NO_TIME = "no time was left"

NARROW = "load buffering is not looked for in branches that only load buffering could enter"
"""What bounds an answer of the solver about a program without some of its branches.

Where program order and reads-from together have no cycle, some event is the first in a branch that was left out, and all that its
branch was decided by is an execution without these branches, up to there; so the solver sees that it is entered.
"""

RACES = "data races are not looked for: the program is too large"


def is_large(program: ir.Program) -> bool:
    """Has it :data:`MANY` accesses?"""
    accesses = (s for t in program.threads for s in flow.statements(t.body) if isinstance(s, ir.Load | ir.Store | ir.Rmw))
    return next(islice(accesses, MANY - 1, None), None) is not None


def over(ends: float | None) -> bool:
    """Is this moment past?"""
    return ends is not None and time.monotonic() > ends


def is_known(model: Model) -> bool:
    """Is it a model of which is known what lazy questions, and leaving out branches, take for granted?"""
    return model in map(load_model, SHIPPED)


def rounds(
    program: ir.Program, model: Model, unroll: int, ends: float | None, max_states: int = MAX_STATES
) -> Iterator[tuple[ir.Program, Answer]]:
    """Answers about all assertions of the program with more and more of its branches, until one enters none that is left out.

    ``ends``: when to stop, in :func:`time.monotonic`'s time; an answer is then of status ``timeout``, or there is none.

    :raises LimitError: no time is left, or a limit of the solver was reached
    """
    steps, taken = set[int](), set[int]()  # nothing is left out
    if is_known(model):
        with suppress(LimitError, UnsupportedError):
            steps, taken = reached(program, max_states=max_states)
    put_back: set[str] = set()
    while True:
        rest = None if ends is None else ends - time.monotonic()
        if rest is not None and rest <= 0:
            raise LimitError(NO_TIME)
        question = Question(mode="assertions", flags=False, stops=True, unroll=unroll, deadline=rest, lazy=is_known(model))
        part = without_branches(program, steps, taken, put_back)
        answer = solve(part, model, question)
        if answer.status == "bound" and not answer.cut:
            raise LimitError(answer.message)
        yield part, answer
        entered = {label for label in answer.cut if label.startswith(CUT)} - put_back
        if answer.status == "timeout" or not entered:
            return
        put_back |= entered


def asking(program: ir.Program, asked: Sequence[Outcome]) -> tuple[ir.Program, list[Outcome]]:
    """The program with each condition that is asked about as an invariant that it does not hold, and the outcomes that say so."""
    conditions = {f"condition {o.text}": o.condition for o in asked if not isinstance(o.condition, str)}
    invariants = [ir.Assert(ir.Unary("!", condition), name) for name, condition in conditions.items()]
    named = [o if isinstance(o.condition, str) else replace(o, condition=f"condition {o.text}") for o in asked]
    return replace(program, invariants=(*program.invariants, *invariants)), named


@dataclass(slots=True)
class Found:
    """What can happen of what was asked about, by name: ``can`` with an execution and the model that it was found under.
    ``open``: what is undecided, and why. All else cannot happen; what is ``assumed`` cannot under the assumption of
    :mod:`smpcheck.simulate.load_buffering`. ``notes``: what else is to be said of an answer that something cannot happen.
    ``part``: the program without branches that do not matter.
    """

    part: ir.Program
    can: dict[str, tuple[str, Execution]] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    assumed: set[str] = field(default_factory=set)
    notes: dict[str, None] = field(default_factory=dict)

    def caveats(self, name: str) -> tuple[str, ...]:
        """The notes on one thing that cannot happen."""
        other = NARROW if name in self.assumed else ASSUMPTION
        return tuple(note for note in self.notes if note != other)


def ask(program: ir.Program, model: Model, names: Sequence[str], unroll: int = 2, ends: float | None = None) -> Found:
    """Which of the assertions and invariants of these names can fail in ``program`` under ``model``."""
    found = Found(program)
    if over(ends):
        found.open |= dict.fromkeys(names, NO_TIME)
        return found
    explored = _explored(program)
    if explored is not None:
        for name in names:
            run = explored.witnesses.get(name)
            execution = run.execution() if run is not None else None
            if execution is not None and all(violation.flag for violation in evaluate(model, execution)):
                found.can[name] = "sc", execution
        faults = [name for name in sorted(explored.failed.difference(names)) if explored.witnesses[name].message]
        ends_in = "an execution can end in {}; what would come after is not looked at"
        found.notes |= dict.fromkeys(map(ends_in.format, faults))
        found.part = _part(program)
        if model == load_model("sc"):
            if not explored.states and not found.can:
                found.notes[NO_EXECUTION] = None
            return found
    left = [name for name in names if name not in found.can]
    seen = not_excluded(program, model, ends) if left else None
    excluded: list[str] = []
    if seen is not None:
        failed, early = seen
        excluded = [name for name in left if name not in failed and early]
        left = [name for name in left if name in failed]
    if left or excluded:
        limit = None if left else time.monotonic() + PATIENCE
        moments = [moment for moment in (limit, ends) if moment is not None]
        _ask_solver(found, program, model, [*left, *excluded], unroll, min(moments, default=None))
        ordered = model == load_model("tso") or (seen is not None and not seen[1])
        answered = {*left, *excluded} - found.can.keys() - found.open.keys()
        if answered and not ordered and _is_cut(found.part):
            found.notes[NARROW] = None
    for name in excluded:
        if found.open.pop(name, None):
            found.assumed.add(name)
    if found.assumed:
        found.notes[ASSUMPTION] = None
    return found


def _is_cut(program: ir.Program) -> bool:
    """Are there branches that were left out?"""
    return any(isinstance(s, ir.Loop) and s.label.startswith(CUT) for t in program.threads for s in flow.statements(t.body))


def _explored(program: ir.Program) -> Outcomes | None:
    try:
        return outcomes(program, max_states=MAX_STATES, witnesses=True)
    except (LimitError, UnsupportedError):
        return None


def _part(program: ir.Program) -> ir.Program:
    return without_branches(program, *reached(program, max_states=MAX_STATES))


def not_excluded(program: ir.Program, model: Model, ends: float | None) -> tuple[frozenset[str], bool] | None:
    """The checks that fail in runs with views, and whether there may be executions besides (a store may be early); None where
    nothing is known: a model that the runs are not made for, or too many of them.
    """
    require_language(model, program)
    if over(ends) or model not in (load_model("lkmm"), load_model("tso")):
        return None
    try:
        seen = runs(program, x86=model == load_model("tso"), ends=ends)
    except (LimitError, UnsupportedError):
        return None
    return seen.failed, seen.early


def _ask_solver(found: Found, program: ir.Program, model: Model, names: list[str], unroll: int, ends: float | None) -> None:
    def open_ones(why: str) -> None:
        found.open |= {name: why for name in names if name not in found.can}

    answer = None
    try:
        for part, answer in rounds(program, model, unroll, ends):
            found.part = part
            found.can |= {n: (model.name, answer.failed[n]) for n in names if n in answer.failed and n not in found.can}
            if answer.status == "timeout":
                return open_ones("the solver had no answer in time")
    except (LimitError, UnsupportedError) as error:
        return open_ones(str(error))
    if answer is not None and answer.status == "no-execution" and not found.can:
        found.notes[NO_EXECUTION] = None
    if answer is not None and any(not label.startswith(CUT) for label in answer.cut):
        open_ones(cut(unroll))
    return None
