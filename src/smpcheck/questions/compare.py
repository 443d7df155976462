"""The question *what do the models disagree about?*: tests by models, and for each disagreement an execution.

The rows are the outcomes that the test asks about, and each fault that some model allows.
The execution shown is one that a model allows and another forbids, with what forbids it there. Machines are compared too: each
is a model that is asked about the program as that machine has it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from smpcheck.cat.nodes import Model
from smpcheck.engines.contract import NO_EXECUTION, Answer, cut
from smpcheck.engines.route import ask
from smpcheck.errors import SmpcheckError, UnsupportedError
from smpcheck.models import about_sizes
from smpcheck.program.execution import Execution
from smpcheck.program.faults import DATA_RACE, STOPS
from smpcheck.program.flow import is_large
from smpcheck.program.ir import Program
from smpcheck.questions.caveats import has_race, is_cut, knows_races
from smpcheck.questions.explain import NOTHING, Limits, explain_outcome
from smpcheck.questions.outcomes import RACE, Outcome, asking, outcomes, remarks
from smpcheck.questions.reasons import Reason, first_reason, reasons_of
from smpcheck.questions.reorderings import Story, tell
from smpcheck.questions.stops import Stops, possible_stops, stop, stops
from smpcheck.questions.wording import Words
from smpcheck.records import PartlyCompared
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

if TYPE_CHECKING:
    from smpcheck.machines.mapping import MachineMapping

NO_RACES = "the model {} does not define data races"


class Subject(Struct, frozen=True):
    """What is asked: a model, about the program as it is or as a machine has it. ``name`` heads the column."""

    name: str
    model: Model
    mapping: MachineMapping | None = None

    def program(self, program: Program) -> Program:
        """The program that the model judges. :raises UnsupportedError: the machine has no row for something in it"""
        if self.mapping is None:
            return program
        from smpcheck.machines.lower import lower

        return lower(program, self.mapping)


class Cell(Struct, frozen=True):
    """What one model says of one outcome: a verdict (``Never``, ``Sometimes``, ``Always``; for assertions ``Never`` or
    ``Sometimes`` fails; for faults ``Never`` or ``Sometimes`` happens), or None and why not. ``race``: a data race is flagged.
    ``asked``: whether the question means anything under the model (whether accesses race does not under sc).
    """

    verdict: str | None
    race: bool = False
    message: str = ""
    asked: bool = True

    @property
    def happens(self) -> bool | None:
        """Can the outcome happen?"""
        return None if self.verdict is None else self.verdict != "Never"


class Difference(Struct, frozen=True):
    """An execution that ``allows`` allows and ``forbids`` (a model's name) does not, and the reason there."""

    allows: str
    forbids: str
    execution: Execution
    story: Story
    reason: Reason | None


class Row(PartlyCompared, frozen=True):
    """One outcome of one program under all models, in their order."""

    ASIDE = frozenset({"seconds"})

    program: Program
    outcome: Outcome
    cells: tuple[Cell, ...]
    difference: Difference | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """What there is to say about the program, and what is new in some model about it."""

    @property
    def differs(self) -> bool:
        """Do two models disagree about whether it can happen?"""
        return len({c.happens for c in self.cells if c.happens is not None}) > 1

    @property
    def undecided(self) -> bool:
        """Is there a model of which it is not known?"""
        return any(cell.asked and cell.verdict is None for cell in self.cells)


def compare(program: Program, models: Sequence[Model], limits: Limits | None = None) -> list[Row]:
    """One row for each outcome of ``program``, and for each fault that some model allows. What one model cannot answer is in its
    cell.
    """
    return compare_subjects(program, [Subject(model.name, model) for model in models], limits)


def compare_subjects(program: Program, subjects: Sequence[Subject], limits: Limits | None = None) -> list[Row]:
    """The same for models that need not be asked about the program as it is."""
    limits = limits or Limits()
    rows = []
    sizes = (f"under {subject.name}: {note}" for subject in subjects for note in about_sizes(subject.model, program))
    notes = (*remarks(program), *sizes)
    table = (_of_large if is_large(program) else _of_small)(program, subjects, outcomes(program), limits)
    began = time.perf_counter()
    for outcome, cells in table:
        row = Row(program, outcome, cells)
        difference = _difference(row, subjects, limits) if row.differs else None
        rows.append(Row(program, outcome, cells, difference, time.perf_counter() - began, notes))
        began = time.perf_counter()
    return rows or [Row(program, NOTHING, tuple(Cell(None, asked=False) for _ in subjects), notes=notes)]


Asked: TypeAlias = Iterator[tuple[Outcome, tuple[Cell, ...]]]


def _of_small(program: Program, subjects: Sequence[Subject], asked: Sequence[Outcome], limits: Limits) -> Asked:
    """The cells of each outcome, and of each fault that some model allows."""
    for outcome in asked:
        yield outcome, tuple(_cell(program, subject, outcome, limits) for subject in subjects)
    faults = [_faults(program, subject, limits) for subject in subjects]
    for name in STOPS:
        happens = [found.happen[name] for found in faults if isinstance(found, Stops) and name in found.happen]
        if happens:
            yield stop(name, happens[0]), tuple(_fault_cell(found, name, limits) for found in faults)
    races = tuple(_race_cell(program, subject, limits) for subject in subjects)
    if any(cell.happens for cell in races):
        yield RACE, races


def _faults(program: Program, subject: Subject, limits: Limits) -> Stops | str:
    """The faults of a program under a model, or why there is no answer."""
    try:
        return stops(subject.program(program), subject.model, limits.unroll)
    except UnsupportedError as error:
        return f"unsupported: {error}"
    except SmpcheckError as error:
        return str(error)


def _fault_cell(found: Stops | str, name: str, limits: Limits) -> Cell:
    if isinstance(found, str):
        return Cell(None, message=found)
    if name in found.happen:
        return Cell("Sometimes")
    return Cell(None, message=cut(limits.unroll)) if found.cut else Cell("Never")


def _race_cell(program: Program, subject: Subject, limits: Limits) -> Cell:
    model, unroll = subject.model, limits.unroll
    if not knows_races(model):
        return Cell(None, message=NO_RACES.format(model.name), asked=False)
    try:
        program = subject.program(program)
        if has_race(program, model, unroll):
            return Cell("Sometimes")
        return Cell(None, message=cut(unroll)) if is_cut(program, model, unroll) else Cell("Never")
    except SmpcheckError as error:
        return Cell(None, message=str(error))


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


def _of_large(program: Program, subjects: Sequence[Subject], asked: Sequence[Outcome], limits: Limits) -> Asked:
    """The same for a large program, with the assumptions that the cells rest on as messages."""
    whole, named = asking(program, asked)
    faults = possible_stops(program)
    names = [*(str(outcome.condition) for outcome in named), *faults]
    found = [_answer(whole, subject, names, limits) for subject in subjects]

    def cell(one: Answer | str, name: str) -> Cell:
        if isinstance(one, str):
            return Cell(None, message=one)
        if name in one.can:
            return Cell("Sometimes")
        notes = one.caveats(name)
        unknown = name in one.unknown or NO_EXECUTION in notes
        return Cell(None if unknown else "Never", message="; ".join([*filter(None, [one.unknown.get(name)]), *notes]))

    for outcome, name in zip(asked, names, strict=False):
        yield outcome, tuple(cell(one, name) for one in found)
    for name in faults:
        happens = [one.can[name][1] for one in found if isinstance(one, Answer) and name in one.can]
        if happens:
            yield stop(name, happens[0]), tuple(cell(one, name) for one in found)


def _answer(program: Program, subject: Subject, names: Sequence[str], limits: Limits) -> Answer | str:
    """What is known under a model, or why the machine does not have the program."""
    try:
        return ask(limits.question(subject.program(program), subject.model, names))
    except UnsupportedError as error:
        return f"unsupported: {error}"


def _difference(row: Row, subjects: Sequence[Subject], limits: Limits) -> Difference | None:
    """The first subject that forbids the outcome against the next-weaker one that allows it. What forbids it there can be said
    where both were asked about one program."""
    happens = [cell.happens for cell in row.cells]
    allows, forbids = subjects[happens.index(True)], subjects[happens.index(False)]
    program = allows.program(row.program)
    words = Words(program)
    if row.outcome.flag:
        execution = next(iter(row.outcome.candidates(program, allows.model, limits.unroll)), None)
    else:
        execution = explain_outcome(program, allows.model, row.outcome, limits).execution
    if execution is None:
        return None
    reasons: Sequence[Reason] = ()
    if allows.mapping is forbids.mapping:
        reasons = (first_reason if is_large(program) else reasons_of)(forbids.model, execution, words)
    story = tell(execution, allows.model, words)
    return Difference(allows.name, forbids.name, execution, story, reasons[0] if reasons else None)
