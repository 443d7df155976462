"""What an engine is asked, and what it answers.

The question is always the same: which of these checks can fail in an execution of this program under this model? An engine is one
way to look at all executions: :mod:`interleavings <smpcheck.engines.interleavings>`, :mod:`the view machine
<smpcheck.engines.views>`, :mod:`the solver <smpcheck.engines.constraints>`. Engines differ in what they can prove: some can prove
that a check fails but not that it holds, others the reverse. So there are three answers for each check (it can fail, it cannot,
not known), and "not known" is never taken for one of the other two.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

from smpcheck.cat.nodes import Model
from smpcheck.program.execution import Execution
from smpcheck.program.ir import Program

if TYPE_CHECKING:
    from smpcheck.simulate.run import RunResult

NO_TIME = "no time was left"

NO_EXECUTION = (
    "no execution in which all threads end satisfies the model: each has a deadlock, a wait or a fault, or a filter stops it"
)


def cut(unroll: int) -> str:
    """The note that loops were cut after ``unroll`` rounds."""
    within = f"it does not happen within {unroll} iterations of each loop"
    return f"{within}; whether it happens after more is not known (see --unroll)"


class Question(Struct, frozen=True):
    """Which of the checks ``names`` can fail in ``program`` under ``model``? Checks are assertions, invariants and faults
    (:mod:`smpcheck.program.faults`). ``unroll``: rounds of each loop, for engines that cut loops. ``ends``: when to stop, in
    :func:`time.monotonic`'s time. ``despite_races``: where an engine would have no answer because plain accesses may race,
    these are taken to be marked, and named in the answer.
    """

    program: Program
    model: Model
    names: tuple[str, ...]
    unroll: int = 2
    ends: float | None = None
    despite_races: bool = False

    @property
    def over(self) -> bool:
        """Is its time over?"""
        return over(self.ends)


def over(ends: float | None) -> bool:
    """Is this moment past?"""
    return ends is not None and time.monotonic() > ends


class Witness(NamedTuple):
    """An execution in which a check fails, and the name of the model under which it was found; ``run``: as a run, if it is an
    interleaving."""

    under: str
    execution: Execution
    run: RunResult | None = None


class Step(NamedTuple):
    """That an engine was asked: why, and how many checks it settled; or why it had no answer."""

    engine: str
    why: str
    settled: int
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.engine} ({self.problem or f'{self.settled} settled'})"


@dataclass(slots=True)
class Answer:
    """What is known of each check that was asked about, and perhaps of other checks.

    ``can``: checks that can fail, each with a proof. ``cannot``: checks that cannot, each with the assumptions besides the model.
    ``unknown``: the others, each with the reason. ``notes``: caveats of every answer in ``cannot``. ``part``: the program,
    without branches that make no difference. ``steps``: the engines that were asked. ``explored``: states of the interleavings.
    ``races``: accesses that may race, with their places, and were taken to be marked.
    """

    part: Program
    can: dict[str, Witness] = field(default_factory=dict)
    cannot: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    explored: int = 0
    races: tuple[str, ...] = ()

    def caveats(self, name: str) -> tuple[str, ...]:
        """What is to be said with the answer that this check cannot fail."""
        return (*self.notes, *self.cannot.get(name, ()))

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the answers of ``cannot`` rest on, once each."""
        return tuple(dict.fromkeys(assumed for several in self.cannot.values() for assumed in several))

    @property
    def said(self) -> tuple[str, ...]:
        """All notes and assumptions."""
        return (*self.notes, *self.assumptions)

    @property
    def how(self) -> str:
        """Who was asked, as a note."""
        return f"the program is large, so these were asked in turn: {', '.join(map(str, self.steps)) or 'none'}"

    def unsettled(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of which nothing is known."""
        return tuple(name for name in names if name not in self.can and name not in self.cannot)

    def learn(self, other: Answer) -> None:
        """Take over what another engine knows of the same program. What it says later rests on less."""
        for name, witness in other.can.items():
            self.can.setdefault(name, witness)
        for name, assumed in other.cannot.items():
            if name not in self.can:
                self.cannot[name] = assumed
        for name, why in other.unknown.items():
            self.unknown[name] = why
        for name in [*self.can, *self.cannot]:
            self.unknown.pop(name, None)
        for name in self.can:
            self.cannot.pop(name, None)
        self.notes = tuple(dict.fromkeys((*self.notes, *other.notes)))
        self.part = other.part
        self.explored = self.explored or other.explored
        self.races = self.races or other.races


class Engine(Protocol):
    """An engine at work on one question."""

    name: str

    def answer(self) -> Answer:
        """What it knows.

        :raises UnsupportedError: it is not made for such questions
        :raises LimitError: it gave up
        """
        ...
