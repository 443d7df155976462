"""Prediction against observation, thing by thing, with the rest of the machine going on beside it.

The counters are the machine's, not this process's: another process that faults or locks memory moves them too. Hence a
scenario is done several times; what a step did is what most runs agree on. Where no value has a majority the counter is
*disturbed*, and says nothing. Flags and smaps are this process's own; they have to be the same each time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from smpcheck.mm.live.machine import Machine
from smpcheck.mm.live.steps import COUNTERS, FLAGS, Observation, PageFlags, Prediction, Predictor, Scenario, Step
from smpcheck.mm.live.workload import Workload, on_one_cpu

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
    """Runs do not agree with each other: something else on this machine moves it."""
    UNPREDICTED = "no prediction"


@dataclass(frozen=True, slots=True)
class Row:
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
    quiet: bool = False
    """Nothing was predicted to happen and nothing did: tables leave it out."""


@dataclass(frozen=True, slots=True)
class StepReport:
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
    """Why there is no prediction, or fewer runs."""

    def count(self, verdict: Verdict) -> int:
        """Rows with that verdict."""
        return sum(row.verdict is verdict for step in self.steps for row in step.rows)


Values = Mapping[str, str]
"""By thing, as it is shown; the same shape for both sides, so that comparing is comparing texts."""


def observed(seen: Observation) -> dict[str, str]:
    """An observation, thing by thing."""
    return _values(seen.outcome, seen.counters, seen.flags or {}, FLAGS, seen.locked or {}, seen.vm_locked or {})


def predicted(said: Prediction, like: Observation) -> dict[str, str]:
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
    tallies = {
        thing: Counter(_restricted(run, about).get(thing, "") for run in runs) for thing in _restricted(runs[0], about)
    }
    expectation = predicted(said, runs[0]) if said else {}
    return StepReport(step, [_row(thing, expectation.get(thing), tally, len(runs)) for thing, tally in tallies.items()])


def _restricted(run: Observation, about: frozenset[str]) -> dict[str, str]:
    """As `observed`, with only the flags that the prediction is about."""
    return _values(run.outcome, run.counters, run.flags or {}, about, run.locked or {}, run.vm_locked or {})


def _row(thing: str, said: str | None, tally: Counter[str], of: int) -> Row:
    seen, runs = tally.most_common(1)[0]
    if runs * 2 <= of:
        verdict = Verdict.DISTURBED
    elif said is None:
        verdict = Verdict.UNPREDICTED
    else:
        verdict = Verdict.OK if seen == said else Verdict.DIFFERS
    return Row(thing, said, seen, runs, of, verdict, quiet=runs == of and seen in QUIET and said in (None, *QUIET))


QUIET = ("+0", "ok")


def run_scenario(
    scenario: Scenario,
    predictor: Predictor | None,
    machine: Machine,
    directory: Path | None = None,
    repeat: int = REPEAT,
    late: Callable[[], bool] = lambda: False,
) -> ScenarioReport:
    """Do the scenario until its runs agree, and compare.

    :param late: asked between runs; when it says so, what there is has to do
    """
    said = list(predictor(scenario.steps)) if predictor else None
    if said is not None and len(said) != len(scenario.steps):
        raise ValueError(f"{scenario.name}: {len(said)} predictions for {len(scenario.steps)} steps")
    report = ScenarioReport(scenario)
    runs: list[list[Observation]] = []
    with on_one_cpu():
        for _ in range(MOST):
            for _ in range(repeat):
                if runs and late():
                    break
                with Workload(machine, directory) as work:
                    runs.append(list(work.observe(scenario.steps)))
            report.runs = len(runs)
            report.steps = [
                compare_step(step, said[index] if said else None, [run[index] for run in runs])
                for index, step in enumerate(scenario.steps)
            ]
            if not report.count(Verdict.DISTURBED) or late():
                break
            time.sleep(PAUSE)
    if said is None:
        report.note = "nothing predicts it"
    return report


def idle_noise(machine: Machine, seconds: float = 0.5) -> dict[str, int]:
    """What moves on this machine while nothing is done here: counters and by how much."""
    before = machine.vmstat()
    time.sleep(seconds)
    after = machine.vmstat()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Of several: one that differs decides, then one that agrees; None if there is none of either kind."""
    there = set(verdicts)
    return next((verdict for verdict in (Verdict.DIFFERS, Verdict.OK) if verdict in there), None)
