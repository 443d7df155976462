"""The question *which barriers are missing?*: the cheapest additions after which a bad outcome cannot happen.

If the outcome can happen by taking turns, no barrier helps, and that is the answer. Else all places between two accesses, and all
accesses that have a stronger form, are candidates; the cheapest sets of them that suffice are found like smallest sets
(see :mod:`smpcheck.questions.minimal`), and each is checked once more in the form in which it is shown: as source text, read
again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.errors import LimitError, SmpcheckError
from smpcheck.program.ir import Program
from smpcheck.questions.elements import COSTS
from smpcheck.questions.explain import Limits
from smpcheck.questions.large import RACES, SEARCH, ask, asking, is_large
from smpcheck.questions.minimal import OutOfTime, Search
from smpcheck.questions.outcomes import Outcome, outcomes, remarks
from smpcheck.questions.patch import Edit, Lines, apply, cost, edits_of, read_again
from smpcheck.questions.reservations import racy, reservations

FixStatus: TypeAlias = Literal["fixed", "safe", "interleaving", "no placement", "unfinished"]
"""``fixed``: there are placements. ``safe``: the outcome cannot happen anyway. ``interleaving``: it can by taking turns, no
barrier forbids it. ``no placement``: not even all additions together forbid it. ``unfinished``: the search used up its time."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One way to forbid the outcome: its edits, their cost, and the diff (empty where the source has no place for it)."""

    edits: tuple[Edit, ...]
    cost: float
    diff: str


@dataclass(frozen=True, slots=True)
class Fix:
    """The answer for one outcome."""

    program: Program
    model: str
    outcome: Outcome
    status: FixStatus
    placements: tuple[Placement, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)


def fix(
    program: Program,
    model: Model,
    limits: Limits | None = None,
    costs: Mapping[str, float] = COSTS,
    count: int = 8,
    only: str | None = None,
) -> Iterator[Fix]:
    """The cheapest additions that forbid each outcome of ``program`` that can happen; at most ``count`` of equal cost each.

    :raises SmpcheckError: there is no answer (unsupported, undefined behaviour, a limit)
    """
    asked = outcomes(program, only)
    if is_large(program):
        program, asked = asking(program, asked)
    for outcome in asked:
        yield _fix(program, model, limits or Limits(), costs, count, outcome)


def _fix(program: Program, model: Model, limits: Limits, costs: Mapping[str, float], count: int, outcome: Outcome) -> Fix:
    began = time.perf_counter()
    large = is_large(program)
    said: dict[str, None] = {}

    def can_happen(changed: Program, asked: Model = model) -> bool:
        if large:
            name = str(outcome.condition)
            found = ask(changed, asked, [name], limits.unroll, limits.ends)
            if found.open:
                raise LimitError(f"{outcome.said(None)}: {found.open[name]}")
            said.update(found.notes)
            return name in found.can
        return next(iter(outcome.candidates(changed, asked, limits.unroll)), None) is not None

    def answer(status: FixStatus, placements: tuple[Placement, ...] = (), *notes: str) -> Fix:
        return Fix(program, model.name, outcome, status, placements, notes, time.perf_counter() - began)

    def holds(text: str) -> bool:
        """Does the changed text, read again, forbid the outcome? (A model with set parameters is not: its program was asked.)"""
        try:
            changed = read_again(program, text, model)
            if changed is None:
                return True
            return not can_happen(asking(changed, outcomes(changed))[0] if large else changed)
        except SmpcheckError:
            return False

    def reserved(changed: Program) -> list[str]:
        """What is to be said where the outcome cannot happen."""
        here = remarks(program)
        if large:
            return [*said, *here, RACES]
        unroll = limits.unroll
        return [*reservations(changed, model, unroll), *here, *racy(changed, model, unroll, fixed=changed is not program)]

    if not can_happen(program):
        return answer("safe", (), *reserved(program))
    if can_happen(program, load_model("sc")):
        return answer("interleaving")
    edits = edits_of(program)
    seconds = SEARCH if large else max(10 * limits.seconds, 1.0)
    search = Search(edits, lambda chosen: not can_happen(apply(program, chosen)), seconds=seconds)
    lines = Lines(program)
    placements: list[Placement] = []
    try:
        sets = search.cheapest_sets(lambda edit: cost(edit, costs), count)
    except (OutOfTime, LimitError):
        return answer("unfinished", (), f"the search stopped after {len(search.known)} versions of the program")
    if not sets:
        return answer("no placement")
    for chosen in sets:
        ordered = tuple(sorted(chosen, key=lambda e: (e.pos.line, e.pos.column, e.name)))
        text = lines.changed(ordered)
        shown = lines.diff(text) if text is not None and holds(text) else ""
        placements.append(Placement(ordered, sum(cost(e, costs) for e in ordered), shown))
    cheapest = apply(program, sets[0])
    notes = reserved(cheapest)
    if len(sets) == count:
        notes.append(f"the first {count}; there may be more at this cost")
    return answer("fixed", tuple(placements), *notes)
