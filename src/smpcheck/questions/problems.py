"""Problems of a test, with their places in the source, for tools that show findings there (SARIF).

A problem is a data race; an outcome that can happen although the author says that it cannot, or the reverse; or an assertion
that fails. The author says so in the ``Result:`` comment or, without one, by ``~exists`` and ``forall``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from smpcheck.errors import SmpcheckError
from smpcheck.program import flow
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.ir import Assert, Program, assertion_names
from smpcheck.questions.explain import Limits, find_races, why_not, witness
from smpcheck.questions.outcomes import Outcome, against
from smpcheck.questions.reorderings import Story, tell
from smpcheck.questions.source_regions import Places, Region
from smpcheck.questions.wording import Words

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.program.execution import ExecutedEvent, Execution
    from smpcheck.questions.check import CheckOptions
    from smpcheck.questions.result import Result

Rule: TypeAlias = Literal[
    "data-race", "reachable-outcome", "unreachable-outcome", "assertion-failure", "unneeded-barrier", "redundant-barrier",
    "stronger-than-needed", "missing-barrier",
]  # fmt: skip
Level: TypeAlias = Literal["error", "warning", "note"]

SEARCH_SECONDS = 1.0
"""How long to look for an execution that is easier to follow than the first."""


class Step(Struct, frozen=True):
    """A step of an execution: where, in which thread, and what it does."""

    region: Region | None
    thread: str
    text: str


class Replacement(Struct, frozen=True):
    """``text`` in place of what the region holds (an insertion, where it holds nothing)."""

    region: Region
    text: str


class Change(Struct, frozen=True):
    """A change of the source that solves a problem: all replacements together."""

    text: str
    replacements: tuple[Replacement, ...]


class Problem(Struct, frozen=True):
    """One finding. ``region``: where; ``related``: other places and what they have to do with it; ``steps``: an execution that
    shows it; ``changes``: what would solve it, each alone.
    """

    rule: Rule
    level: Level
    message: str
    region: Region | None
    related: tuple[tuple[Region, str], ...] = ()
    steps: tuple[Step, ...] = ()
    changes: tuple[Change, ...] = ()


def problems_of(result: Result, program: Program, model: Model, options: CheckOptions) -> tuple[Problem, ...]:
    """What is wrong with a test that was answered by ``result``."""
    if result.status in ("error", "unsupported"):
        return ()
    return tuple(_Finder(result, program, model, options).problems())


class _Finder:
    """One call of :func:`problems_of`."""

    def __init__(self, result: Result, program: Program, model: Model, options: CheckOptions) -> None:
        self.result = result
        self.program = program
        self.model = model
        self.limits = Limits(witnesses=20, reasons=1, seconds=SEARCH_SECONDS, unroll=options.unroll)
        self.words = Words(program)
        self.places = Places(program)

    def problems(self) -> Iterator[Problem]:
        result = self.result
        race = DATA_RACE in result.flags
        if race:
            yield from self.races()
        elif DATA_RACE in (result.announced or ()):
            yield Problem("unreachable-outcome", "warning", f"{result.disagreement} under {result.model}", self.places.question())
        for name in result.failures:
            if name != DATA_RACE:
                yield self.failing(name)
        claimed = result.expected or {"~exists": "Never", "forall": "Always"}.get(result.quantifier)
        if not race and not result.failures and claimed is not None and result.observation not in (claimed, None):
            yield self.verdict(claimed)

    def races(self) -> Iterator[Problem]:
        announced = self.expected(DATA_RACE)
        for race in find_races(self.program, self.model, self.limits):
            events = race.execution.events
            first, second = events[race.first], events[race.second]
            others = [f"missing: {text}" for text in race.missing]
            said = ". ".join([race.sentence, *others]) + ("; the test announces it" if announced else "")
            other = self.region(second)
            related = ((other, f"the other access, by {self.words.thread(second.thread)}"),) if other is not None else ()
            story = tell(race.execution, self.model, self.words)
            level: Level = "note" if announced else "error"
            yield Problem("data-race", level, said, self.region(first), related, self.steps(race.execution, story))

    def expected(self, name: str) -> bool:
        """Does the author say that this fault is there, or that this assertion fails?"""
        failures = self.result.expected_failures
        return name in (self.result.announced or ()) or (failures is not None and (not failures or name in failures))

    def verdict(self, claimed: str) -> Problem:
        """The condition is not as the author says."""
        outcome = against(self.program, str(self.result.observation), claimed)
        if claimed == "Sometimes":
            return self.unreachable(outcome)
        where = self.places.question()
        said = f"{outcome.said(True)} under {self.model.name}, where the test says {claimed}"
        found = witness(self.program, self.model, outcome, self.limits, self.words)
        if found is None:
            return Problem("reachable-outcome", "error", said, where)
        _, execution, story, _ = found
        return Problem("reachable-outcome", "error", self.told(said, story), where, (), self.steps(execution, story))

    def unreachable(self, outcome: Outcome) -> Problem:
        """The author says that it can happen."""
        said = f"{outcome.said(False)} under {self.model.name}, where the test says {self.result.expected}"
        related: list[tuple[Region, str]] = []
        for reason in why_not(self.program, self.model, outcome, self.limits, self.words)[0][:1]:
            said += f": {reason.axiom} forbids it"
            for link in reason.links:
                related += [(self.places.region(pos), link.text) for pos in link.causes]
        return Problem("unreachable-outcome", "warning", said, self.places.question(), tuple(dict.fromkeys(related)))

    def failing(self, name: str) -> Problem:
        """An assertion, an invariant, or a rule that the program breaks by itself (deadlock, an access out of bounds)."""
        where = self.asserted(name) or self.places.question()
        level: Level = "note" if self.expected(name) else "error"
        said = f"{name}: FAILS under {self.model.name}" + ("; the model expects it" if level == "note" else "")
        found = None
        if name in assertion_names(self.program):
            try:
                found = witness(self.program, self.model, Outcome(said, name), self.limits, self.words)
            except SmpcheckError:
                found = None
        if found is None:
            return Problem("assertion-failure", level, said, where)
        _, execution, story, _ = found
        return Problem("assertion-failure", level, self.told(said, story), where, (), self.steps(execution, story))

    def asserted(self, name: str) -> Region | None:
        """Where the assertion of this name stands first."""
        for thread in self.program.threads:
            for statement in flow.statements(thread.body):
                if isinstance(statement, Assert) and statement.name == name and statement.pos is not None:
                    return self.places.region(statement.pos)
        invariant = next((i for i in self.program.invariants if i.name == name and i.pos is not None), None)
        return self.places.region(invariant.pos) if invariant is not None and invariant.pos is not None else None

    def told(self, said: str, story: Story) -> str:
        if not story.reorderings:
            return f"{said}, by taking turns (no reordering is needed)"
        return ". ".join([said, *(reordering.sentence for reordering in (*story.reorderings, *story.also))])

    def region(self, event: ExecutedEvent) -> Region | None:
        return self.places.region(event.pos, event.text) if event.pos is not None else None

    def steps(self, execution: Execution, story: Story) -> tuple[Step, ...]:
        return steps_of(execution, story, self.words, self.places)


def steps_of(execution: Execution, story: Story, words: Words, places: Places) -> tuple[Step, ...]:
    """The steps of a story."""
    found = []
    for step in words.steps(execution, story.steps):
        event = execution.events[step.events[0]]
        region = places.region(event.pos, event.text) if event.pos is not None else None
        found.append(Step(region, words.thread(event.thread), f"{step.text}: {step.effect}"))
    return tuple(found)
