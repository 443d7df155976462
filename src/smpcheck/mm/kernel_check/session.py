"""One call of ``smpcheck mm live``: look at the machine, do the scenarios, let the threads race, say what it adds up to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.mm.kernel_check.compare import REPEAT, ScenarioReport, Verdict, idle_noise, run_scenario
from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.race import RaceReport, run_race
from smpcheck.mm.kernel_check.scenarios import scenarios
from smpcheck.mm.kernel_check.steps import Predictor, Scenario

PREDICTOR = "smpcheck.mm.predict"
"""The module whose ``predict`` is the predictor."""

EXIT_OK = 0
EXIT_DIFFERS = 1
EXIT_INPUT = 2
EXIT_UNDECIDED = 3
EXIT_INTERRUPTED = 130


class Progress(Protocol):
    """Where a session is, for those who watch."""

    def scenario(self, name: str, done: int, of: int) -> None:
        """About to begin another run of a scenario."""

    def race(self, gone: float, of: float, moved: Mapping[str, int]) -> None:
        """Seconds gone of those to come; differences of the counters so far."""


class Silent:
    """Nobody watches."""

    def scenario(self, name: str, done: int, of: int) -> None:
        """Nothing."""

    def race(self, gone: float, of: float, moved: Mapping[str, int]) -> None:
        """Nothing."""


class Wish(Struct, frozen=True):
    """What was asked for."""

    pages: int = 64
    seconds: float | None = 5.0
    """Of the race; None: no race."""
    directory: Path | None = None
    """Where the files are; None: in memory (tmpfs)."""
    repeat: int = REPEAT
    timeout: float | None = None
    """Seconds for everything; then what is done is reported."""
    chosen: Sequence[str] = ()
    """Names of scenarios; none: all."""


@dataclass(slots=True)
class Report:
    """Everything that was found out."""

    machine: Machine
    wish: Wish
    predicted_by: str | None
    noise: dict[str, int] = field(default_factory=dict)
    """What moved while nothing was done here."""
    scenarios: list[ScenarioReport] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Scenarios that there was no time for."""
    race: RaceReport | None = None
    interrupted: bool = False
    timed_out: bool = False
    seconds: float = 0.0

    def count(self, verdict: Verdict) -> int:
        """Rows of all scenarios with that verdict."""
        return sum(scenario.count(verdict) for scenario in self.scenarios)

    @property
    def differs(self) -> bool:
        """Something is not as predicted, or an invariant does not hold."""
        return bool(self.count(Verdict.DIFFERS) or (self.race and self.race.holds is False))

    @property
    def exit_status(self) -> int:
        """0 what could be compared agrees; 1 something differs; 3 nothing could be compared, or there was no time for all of
        it, or the kernel is not of the design that predictions are made for; 130 interrupted.
        """
        if self.interrupted:
            return EXIT_INTERRUPTED
        if not self.machine.modelled:
            return EXIT_UNDECIDED
        if self.differs:
            return EXIT_DIFFERS
        compared = self.count(Verdict.OK) or (self.race and self.race.holds)
        unpredicted = self.scenarios and not self.predicted_by
        return EXIT_OK if compared and not self.timed_out and not unpredicted else EXIT_UNDECIDED


def find_predictor() -> Predictor | None:
    """The model's predictions; None where the model makes none."""
    try:
        found: Predictor = import_module(PREDICTOR).predict
    except ModuleNotFoundError as error:
        if error.name != PREDICTOR:
            raise
        return None
    return found


def choose(pages: int, names: Sequence[str]) -> list[Scenario]:
    """The scenarios of these names, in their own order; all where none is named.

    :raises InputError: there is none of that name
    """
    known = scenarios(pages)
    if unknown := sorted(set(names) - {scenario.name for scenario in known}):
        raise InputError(f"there is no workload {unknown[0]!r}: choose from {', '.join(scenario.name for scenario in known)}")
    return [scenario for scenario in known if not names or scenario.name in names]


def run(machine: Machine, wish: Wish, predictor: Predictor | None, progress: Progress | None = None) -> Report:
    """Do all that was wished for and that the machine allows.

    :raises UnsupportedError: files cannot be made in ``wish.directory``
    """
    watch: Progress = progress or Silent()
    began = time.monotonic()
    report = Report(machine, wish, getattr(predictor, "__module__", None) if predictor else None)
    if not machine.sees_anything:
        return report

    def left() -> float:
        return began + wish.timeout - time.monotonic() if wish.timeout is not None else float("inf")

    try:
        report.noise = idle_noise(machine)
        _scenarios(report, machine, wish, predictor, watch, lambda: left() <= 0)
        if wish.seconds is not None and not report.interrupted:
            _race(report, machine, wish, watch, left())
    except KeyboardInterrupt:
        report.interrupted = True
    report.seconds = time.monotonic() - began
    return report


def _scenarios(
    report: Report, machine: Machine, wish: Wish, predictor: Predictor | None, watch: Progress, late: Callable[[], bool]
) -> None:
    chosen = choose(machine.pages, wish.chosen)
    for index, scenario in enumerate(chosen):
        if late():
            report.timed_out = True
            report.left_out = [missed.name for missed in chosen[index:]]
            return

        def tick(name: str = scenario.name, done: int = index) -> None:
            watch.scenario(name, done, len(chosen))

        tick()
        report.scenarios.append(run_scenario(scenario, predictor, machine, wish.directory, wish.repeat, late, tick))


def _race(report: Report, machine: Machine, wish: Wish, watch: Progress, left: float) -> None:
    wanted = wish.seconds or 0.0
    seconds = min(wanted, left)
    if seconds < wanted:
        report.timed_out = True
    if seconds <= 0:
        return
    report.race = run_race(machine, seconds, wish.directory, lambda gone, moved: watch.race(gone, seconds, moved))
    report.interrupted = report.race.interrupted
