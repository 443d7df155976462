"""Prediction against observation, thing by thing, with the rest of the machine going on beside it.

The counters are the machine's, not this process's: another process that faults or locks memory moves them too. Hence a
scenario is done several times; what a step did is what most runs agree on. Where no value has a majority, or a counter differs
that most often also moved just after the step, while nothing was done, it is *disturbed*, and says nothing. Flags and smaps are
this process's own; they have to be the same each time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import SmpcheckError
from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.steps import COUNTERS, FLAGS, Observation, PageFlags, Prediction, Predictor, Scenario, Step
from smpcheck.mm.kernel_check.workload import Workload, on_one_cpu

REPEAT = 5
"""Runs of each scenario, at least; as many again, up to `MOST` times, while a counter is disturbed."""

MOST = 4

PAUSE = 0.05
"""Seconds between two rounds of a disturbed scenario."""


class Verdict(StrEnum):
    """What a comparison says."""

    OK = "ok"
    DIFFERS = "differs"
    DISTURBED = "disturbed"
    """Something else on this machine moves it, too."""
    UNPREDICTED = "no prediction"


class Row(Struct, frozen=True):
    """One thing about one step, predicted and seen."""

    what: str
    """A counter's name, ``flags p``, ``Locked p``, ``VM_LOCKED p``, or ``result``."""
    predicted: str | None
    seen: str
    """The value that most runs saw."""
    runs: int
    """How many saw it."""
    of: int
    """Of how many."""
    verdict: Verdict


class StepReport(Struct, frozen=True):
    """All rows of a step."""

    step: Step
    rows: Sequence[Row]


@dataclass(slots=True)
class ScenarioReport:
    """All steps of a scenario."""

    scenario: Scenario
    runs: int = 0
    steps: list[StepReport] = field(default_factory=list)
    note: str = ""
    """Why there is no prediction, where the predictor said so."""

    def count(self, verdict: Verdict) -> int:
        """Rows with that verdict."""
        return sum(row.verdict is verdict for step in self.steps for row in step.rows)


Values: TypeAlias = Mapping[str, str]
"""By thing, as it is shown; the same form for both sides, so that to compare is to compare texts."""


def observed(seen: Observation, about: frozenset[str] = FLAGS) -> Values:
    """An observation, thing by thing, with the page flags in ``about``."""
    return _values(seen.outcome, seen.counters, seen.flags or {}, about, seen.locked or {}, seen.vm_locked or {})


def predicted(said: Prediction, like: Observation) -> Values:
    """A prediction, thing by thing, restricted to what ``like`` observed."""
    counters = {name: said.counters.get(name, 0) for name in COUNTERS if name in said.counters_about and name in like.counters}
    flags = {name: said.flags[name] for name in like.flags or {} if name in said.flags}
    locked = {name: said.locked[name] for name in like.locked or {} if name in said.locked}
    vm_locked = {name: said.vm_locked[name] for name in like.vm_locked or {} if name in said.vm_locked}
    return _values(said.outcome, counters, flags, said.flags_about, locked, vm_locked)


def _values(
    outcome: str,
    counters: Mapping[str, int],
    flags: Mapping[str, PageFlags],
    about: frozenset[str],
    locked: Mapping[str, int],
    vm_locked: Mapping[str, int],
) -> dict[str, str]:
    values = {"result": outcome}
    values |= {name: f"{counters[name]:+d}" for name in COUNTERS if name in counters}
    values |= {f"flags {name}": show_flags(pages, about) for name, pages in flags.items()}
    values |= {f"Locked {name}": str(pages) for name, pages in locked.items()}
    values |= {f"VM_LOCKED {name}": str(pages) for name, pages in vm_locked.items()}
    return values


def show_flags(pages: PageFlags, about: frozenset[str] = FLAGS) -> str:
    """Runs of pages with the same flags: ``0-31 lru mlocked, 32-63 absent``."""
    runs: list[tuple[int, int, str]] = []
    for index, flags in enumerate(pages):
        text = "absent" if flags is None else " ".join(sorted(flags & about)) or "none"
        if runs and runs[-1][2] == text:
            runs[-1] = (runs[-1][0], index, text)
        else:
            runs.append((index, index, text))
    return ", ".join(f"{first}-{last} {text}" if last > first else f"{first} {text}" for first, last, text in runs)


def compare_step(step: Step, said: Prediction | None, runs: Sequence[Observation]) -> StepReport:
    """What most of ``runs`` saw, against the prediction."""
    about = said.flags_about if said else FLAGS
    things = [observed(run, about) for run in runs]
    expectation = predicted(said, runs[0]) if said else {}
    rows = []
    for thing in things[0]:
        moving = sum(bool(run.idle.get(thing)) for run in runs)
        rows.append(
            _row(thing, expectation.get(thing), Counter(values.get(thing, "") for values in things), moving * 2 >= len(runs))
        )
    return StepReport(step, rows)


def _row(thing: str, said: str | None, tally: Counter[str], moving: bool) -> Row:
    seen, runs = tally.most_common(1)[0]
    of = tally.total()
    if runs * 2 <= of or (moving and said not in (None, seen)):
        verdict = Verdict.DISTURBED
    elif said is None:
        verdict = Verdict.UNPREDICTED
    else:
        verdict = Verdict.OK if seen == said else Verdict.DIFFERS
    return Row(thing, said, seen, runs, of, verdict)


def run_scenario(
    scenario: Scenario,
    predictor: Predictor | None,
    machine: Machine,
    directory: Path | None = None,
    repeat: int = REPEAT,
    late: Callable[[], bool] = lambda: False,
    tick: Callable[[], None] = lambda: None,
) -> ScenarioReport:
    """Do the scenario until its runs agree, and compare.

    A predictor that raises a `SmpcheckError` has no prediction; the report says why.

    :param late: asked between runs; when it says so, what there is has to do
    :param tick: called after each run
    """
    report = ScenarioReport(scenario)
    said: list[Prediction] | None = None
    try:
        said = list(predictor(scenario.steps)) if predictor else None
    except SmpcheckError as error:
        report.note = f"not predicted: {error}"
    if said and directory:
        said = [replace(one, flags_about=one.flags_about - {"swapbacked"}) for one in said]
    if said is not None and len(said) != len(scenario.steps):
        raise ValueError(f"{scenario.name}: {len(said)} predictions for {len(scenario.steps)} steps")
    runs: list[list[Observation]] = []
    with on_one_cpu():
        for _ in range(MOST):
            for _ in range(repeat):
                if runs and late():
                    break
                with Workload(machine, directory) as work:
                    runs.append(list(work.observe(scenario.steps)))
                tick()
            report.runs = len(runs)
            report.steps = [
                compare_step(step, said[index] if said else None, [run[index] for run in runs])
                for index, step in enumerate(scenario.steps)
            ]
            if not report.count(Verdict.DISTURBED) or late():
                break
            time.sleep(PAUSE)
    return report


def idle_noise(machine: Machine, seconds: float = 0.5) -> dict[str, int]:
    """What moves on this machine while nothing is done here: counters and by how much."""
    before = machine.vmstat()
    time.sleep(seconds)
    after = machine.vmstat()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}
