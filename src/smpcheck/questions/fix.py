"""The question *which barriers are missing?*: the cheapest additions after which a bad outcome cannot happen.

If an interleaving has the outcome, no barrier helps, and that is the answer. Otherwise the candidates are all places between two
accesses, and all accesses that have a stronger form (for a plain access: READ_ONCE() or WRITE_ONCE()). The cheapest sets of
candidates that suffice are found as in :mod:`smpcheck.questions.minimal`. Each set is then checked again in the form in which
it is shown: the changed source text is read and judged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.engines.route import ask
from smpcheck.errors import LimitError, SmpcheckError, UnsupportedError
from smpcheck.models import require_primitives
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.flow import is_large
from smpcheck.program.ir import Program
from smpcheck.questions.caveats import RACES, caveats, has_race, is_cut, racy
from smpcheck.questions.explain import Limits
from smpcheck.questions.minimal import SEARCH, OutOfTime, Search
from smpcheck.questions.ordering_elements import COSTS
from smpcheck.questions.outcomes import RACE, Outcome, asking, outcomes, remarks
from smpcheck.questions.patch import Edit, Lines, Texts, apply, cost, edits_of, read_again
from smpcheck.questions.stops import possible_stops, stop, stops
from smpcheck.records import PartlyCompared

FixStatus: TypeAlias = Literal["fixed", "safe", "undecided", "interleaving", "no placement", "unfinished"]
"""``fixed``: there are placements. ``safe``: the outcome cannot happen anyway. ``undecided``: not within the rounds of loops that
were followed. ``interleaving``: it can by taking turns, no
barrier forbids it. ``no placement``: not even all additions together forbid it. ``unfinished``: the search used up its time."""


class Placement(Struct, frozen=True):
    """One way to forbid the outcome: its edits, their cost, and the diff (empty where the source has no place for it)."""

    edits: tuple[Edit, ...]
    cost: float
    diff: str


class Fix(PartlyCompared, frozen=True):
    """The answer for one outcome."""

    ASIDE = frozenset({"seconds"})

    program: Program
    model: str
    outcome: Outcome
    status: FixStatus
    placements: tuple[Placement, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def fix(
    program: Program,
    model: Model,
    limits: Limits | None = None,
    costs: Mapping[str, float] = COSTS,
    count: int = 8,
    only: str | None = None,
    race: bool = False,
) -> Iterator[Fix]:
    """The cheapest additions that forbid each outcome of ``program`` that can happen; at most ``count`` of equal cost each. Where
    accesses race, and the author does not announce that, the additions remove the races, too, if some do. ``race``: remove the
    data races, whatever else can happen.

    :raises SmpcheckError: there is no answer (unsupported, undefined behaviour, a limit)
    """
    require_primitives(program, "barriers --fix")
    asked = [RACE] if race else outcomes(program, only)
    if is_large(program):
        if race:
            raise UnsupportedError(f"{program.name}: {RACES}")
        subject, asked = asking(program, asked)
        if only is None:
            question = (limits or Limits()).question(subject, model, possible_stops(program))
            asked += [stop(name) for name in ask(question).can]
        program = subject
    elif only is None and not race:
        asked += stops(program, model, (limits or Limits()).unroll).outcomes()
    for outcome in asked:
        yield (_LargeFixer if is_large(program) else _Fixer)(program, model, limits or Limits(), costs, count, outcome).answer()


class _Fixer:
    """One outcome of one program."""

    def __init__(
        self, program: Program, model: Model, limits: Limits, costs: Mapping[str, float], count: int, outcome: Outcome
    ) -> None:
        self.began = time.perf_counter()
        self.program = program
        self.model = model
        self.limits = limits
        self.costs = costs
        self.count = count
        self.outcome = outcome
        self.seconds = max(10 * limits.seconds, 1.0)
        announced = DATA_RACE in (program.announced or ()) or DATA_RACE in (program.expected_failures or ())
        self.racing = not outcome.flag and not announced and has_race(program, model, limits.unroll)
        """Does the program race, so that a fix has to remove that, too?"""

    def can_happen(self, changed: Program, model: Model | None = None) -> bool:
        """Can the outcome happen in this version of the program?"""
        return next(iter(self.outcome.candidates(changed, model or self.model, self.limits.unroll)), None) is not None

    def is_bad(self, changed: Program) -> bool:
        """Can what must not happen happen in this version?"""
        return self.can_happen(changed) or (self.racing and has_race(changed, self.model, self.limits.unroll))

    def helps(self, texts: Texts) -> bool:
        """Does the changed source, read anew, forbid the outcome? (A model with set parameters is not: its program was asked.)"""
        try:
            changed = read_again(self.program, texts, self.model)
            return changed is None or not self.is_bad(self.as_asked(changed))
        except SmpcheckError:
            return False

    def as_asked(self, changed: Program) -> Program:
        """The program in the form in which the outcome is asked about."""
        return changed

    def notes(self, changed: Program) -> list[str]:
        """What is to be said where the outcome cannot happen."""
        unroll = self.limits.unroll
        races = () if self.outcome.flag else racy(changed, self.model, unroll, fixed=changed is not self.program)
        return [*caveats(changed, self.model, unroll), *remarks(self.program, self.model), *races]

    def said(self, status: FixStatus, placements: tuple[Placement, ...] = (), *notes: str) -> Fix:
        return Fix(self.program, self.model.name, self.outcome, status, placements, notes, time.perf_counter() - self.began)

    def is_cut(self) -> bool:
        """May it happen beyond the rounds of loops that are followed?"""
        return is_cut(self.program, self.model, self.limits.unroll)

    def answer(self) -> Fix:
        """Is there a problem, could barriers help, and which are the cheapest?"""
        if not self.can_happen(self.program):
            return self.said("undecided" if self.is_cut() else "safe", (), *self.notes(self.program))
        if not self.outcome.flag and self.can_happen(self.program, load_model("sc")):
            return self.said("interleaving", (), *remarks(self.program, self.model))
        search = Search(edits_of(self.program), lambda some: not self.is_bad(apply(self.program, some)), seconds=self.seconds)
        try:
            sets = search.cheapest_sets(lambda edit: cost(edit, self.costs), self.count)
        except (OutOfTime, LimitError):
            return self.said("unfinished", (), f"the search stopped after {len(search.known)} versions of the program")
        if not sets and self.racing:
            self.racing = False
            return self.answer()
        if not sets:
            return self.said("no placement", (), *remarks(self.program, self.model))
        notes = self.notes(apply(self.program, sets[0]))
        if len(sets) == self.count:
            notes.append(f"only the first {self.count} are shown; there may be more at this cost")
        placements = tuple(map(self.placement, sets))
        tree = next((value.removeprefix("kernel=") for value in self.program.settings if value.startswith("kernel=")), "")
        if tree and any(edit.pos.file in self.program.files for one in placements if one.diff for edit in one.edits):
            notes.append(f"files of the kernel tree are named from its top: apply the diff with patch -p1 -d {tree}")
        return self.said("fixed", placements, *notes)

    def placement(self, chosen: frozenset[Edit]) -> Placement:
        """A set of edits with its diff, where its text was read again and helps."""
        ordered = tuple(sorted(chosen, key=lambda e: (e.pos.line, e.pos.column, e.name)))
        lines = Lines(self.program)
        texts = lines.changed(ordered)
        shown = lines.diff(texts) if texts is not None and self.helps(texts) else ""
        return Placement(ordered, sum(cost(e, self.costs) for e in ordered), shown)


class _LargeFixer(_Fixer):
    """One outcome of a large program, which is asked about in another way."""

    def __init__(
        self, program: Program, model: Model, limits: Limits, costs: Mapping[str, float], count: int, outcome: Outcome
    ) -> None:
        super().__init__(program, model, limits, costs, count, replace(outcome, flag=""))
        self.racing = False
        self.seconds = SEARCH
        self.remarks: dict[str, None] = {}

    def can_happen(self, changed: Program, model: Model | None = None) -> bool:
        """:raises LimitError: it is not known"""
        name = str(self.outcome.condition)
        found = ask(self.limits.question(changed, model or self.model, [name]))
        if found.unknown:
            raise LimitError(f"{self.outcome.said(None)}: {found.unknown[name]}")
        self.remarks |= dict.fromkeys(found.said)
        return name in found.can

    def is_cut(self) -> bool:
        """What is not known is said while asking."""
        return False

    def as_asked(self, changed: Program) -> Program:
        """With its conditions as invariants."""
        return asking(changed, outcomes(changed))[0]

    def notes(self, changed: Program) -> list[str]:
        """What was said while asking; races are not looked for."""
        return [*self.remarks, *remarks(self.program, self.model), RACES]
