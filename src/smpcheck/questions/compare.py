"""The question *what do the models disagree about?*: tests by models, and for each disagreement an execution.

The execution is one that a model allows and another forbids, with what forbids it there. Machines are compared too: each is a
model that is asked about the program as that machine has it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smpcheck.cat.nodes import Model
from smpcheck.errors import SmpcheckError, UnsupportedError
from smpcheck.program.execution import Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.ir import Program
from smpcheck.questions.caveats import NO_EXECUTION, cut
from smpcheck.questions.explain import Limits, explain_outcome
from smpcheck.questions.large import Found, ask, asking, is_large
from smpcheck.questions.outcomes import Outcome, condition_outcome, outcomes
from smpcheck.questions.reasons import Reason, first_reason, reasons_of
from smpcheck.questions.reorderings import Story, tell
from smpcheck.questions.wording import Words
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

if TYPE_CHECKING:
    from smpcheck.machines.mapping import MachineMapping


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is asked: a model, about the program as it is or on a machine. ``name`` heads the column."""

    name: str
    model: Model
    mapping: MachineMapping | None = None

    def program(self, program: Program) -> Program:
        """The program that the model judges. :raises UnsupportedError: the machine has no row for something in it"""
        if self.mapping is None:
            return program
        from smpcheck.machines.lower import lower

        return lower(program, self.mapping)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one model says of one outcome: a verdict (``Never``, ``Sometimes``, ``Always``; for assertions ``Never`` or
    ``Sometimes`` fails), or None and why not. ``race``: a data race is flagged.
    """

    verdict: str | None
    race: bool = False
    message: str = ""

    @property
    def happens(self) -> bool | None:
        """Can the outcome happen?"""
        return None if self.verdict is None else self.verdict != "Never"


@dataclass(frozen=True, slots=True)
class Difference:
    """An execution that ``allows`` allows and ``forbids`` (a model's name) does not, and the reason there."""

    allows: str
    forbids: str
    execution: Execution
    story: Story
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Row:
    """One outcome of one program under all models, in their order."""

    program: Program
    outcome: Outcome
    cells: tuple[Cell, ...]
    difference: Difference | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def differs(self) -> bool:
        """Do two models disagree about whether it can happen, or about a race?"""
        return len({c.happens for c in self.cells if c.happens is not None}) > 1


def compare(program: Program, models: Sequence[Model], limits: Limits | None = None) -> list[Row]:
    """One row for each outcome of ``program``. What one model cannot answer is in its cell."""
    return compare_subjects(program, [Subject(model.name, model) for model in models], limits)


def compare_subjects(program: Program, subjects: Sequence[Subject], limits: Limits | None = None) -> list[Row]:
    """The same for models that need not be asked about the program as it is."""
    limits = limits or Limits()
    rows = []
    asked = outcomes(program) or [condition_outcome(program)]
    models = [subject.model for subject in subjects]
    as_it_is = all(subject.mapping is None for subject in subjects)
    large = _of_large(program, models, asked, limits) if as_it_is and is_large(program) else None
    for number, outcome in enumerate(asked):
        began = time.perf_counter()
        cells = large[number] if large else tuple(_cell(program, subject, outcome, limits) for subject in subjects)
        row = Row(program, outcome, cells)
        difference = _difference(row, subjects, limits) if row.differs else None
        rows.append(Row(program, outcome, cells, difference, time.perf_counter() - began))
    return rows


def _cell(program: Program, subject: Subject, outcome: Outcome, limits: Limits) -> Cell:
    model = subject.model
    try:
        program = subject.program(program)
        if isinstance(outcome.condition, str):
            candidates = outcome.candidates(program, model, limits.unroll)
            if next(iter(candidates), None) is not None:
                return Cell("Sometimes")
            return Cell(None, message=cut(limits.unroll)) if candidates.cut else Cell("Never")
        answer = solve(program, model, Question(mode="verdict", unroll=limits.unroll, condition=outcome.condition))
        if answer.status != "ok":
            return Cell(None, message=answer.message or answer.status)
        return Cell(answer.verdict, DATA_RACE in answer.flags)
    except UnsupportedError as error:
        return Cell(None, message=f"unsupported: {error}")
    except SmpcheckError as error:
        return Cell(None, message=str(error))


def _of_large(program: Program, models: Sequence[Model], asked: list[Outcome], limits: Limits) -> list[tuple[Cell, ...]]:
    """The cells of each outcome of a large program, with the assumptions that they rest on as messages."""
    subject, named = asking(program, asked)
    names = [str(outcome.condition) for outcome in named]
    found = [ask(subject, model, names, limits.unroll, limits.ends) for model in models]

    def cell(one: Found, name: str) -> Cell:
        if name in one.can:
            return Cell("Sometimes")
        notes = one.caveats(name)
        unknown = name in one.open or not {NO_EXECUTION, cut(limits.unroll)}.isdisjoint(notes)
        return Cell(None if unknown else "Never", message="; ".join([*filter(None, [one.open.get(name)]), *notes]))

    return [tuple(cell(one, name) for one in found) for name in names]


def _difference(row: Row, subjects: Sequence[Subject], limits: Limits) -> Difference | None:
    """The first subject that forbids the outcome against the next-weaker one that allows it. What forbids it there can be said
    where both were asked about one program."""
    happens = [cell.happens for cell in row.cells]
    allows, forbids = subjects[happens.index(True)], subjects[happens.index(False)]
    program = allows.program(row.program)
    words = Words(program)
    found = explain_outcome(program, allows.model, row.outcome, limits)
    if found.execution is None:
        return None
    reasons: Sequence[Reason] = ()
    if allows.mapping is forbids.mapping:
        reasons = (first_reason if is_large(program) else reasons_of)(forbids.model, found.execution, words)
    story = tell(found.execution, allows.model, words)
    return Difference(allows.name, forbids.name, found.execution, story, reasons[0] if reasons else None)
