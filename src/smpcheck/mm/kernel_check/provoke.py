"""What the model predicts of a race, tried on the kernel that runs here: which attempts there are, and what an attempt says.

``seen 0`` is no verdict on the kernel: a race that was not hit is not excluded. Only the other direction is an answer: a symptom
that the model excludes, or that is there without a race, is a difference between the two.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from smpcheck.errors import UnsupportedError
from smpcheck.mm.kernel_check import lanes
from smpcheck.mm.kernel_check.machine import MODELLED, Machine
from smpcheck.mm.kernel_check.sweep import Tally
from smpcheck.mm.kernel_check.witness import SYMPTOMS, Witness

PROVOKE: Mapping[str, tuple[str, str]] = {
    "strand": ("munlock_drain", "I3"),
    "two-munlocks": ("munlock_munlock", "I3"),
    "shm-unlock": ("shm_unlock_drain", "I3"),
    "late-count": ("munlock_late_count", "I12"),
}
"""What ``--provoke`` knows: a scenario of ``mm check``, and the invariant that V10 breaks in it."""


class Outcome(StrEnum):
    """What an attempt says."""

    SEEN = "seen, as predicted"
    UNSEEN = "not seen: that excludes nothing"
    NOT_TRIED = "not tried"
    CONTRADICTED = "seen, and the model excludes it"
    NO_RACE = "seen without a race, and the model excludes that"


@dataclass(slots=True)
class Attempt:
    """One race, predicted and tried. ``predicted``: the invariant fails in the model; ``predicted_apart``: also when the lanes go
    one after the other (None: nobody has asked).

    Where lanes need only take turns, as long apart as one likes, a page with the symptom in a control is no difference to the
    model: any process that is put on a lane's CPU meanwhile may drain its batches, which is a turn too.
    """

    name: str
    invariant: str
    command: str
    predicted: bool = True
    predicted_apart: bool | None = None
    witness: Witness | None = None
    why_not: str = ""
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome:
        """The verdict."""
        if self.why_not:
            return Outcome.NOT_TRIED
        if self.tally.seen_apart and self.predicted_apart is False and not self.tally.seen_in_turns:
            return Outcome.NO_RACE
        if self.seen and not self.predicted:
            return Outcome.CONTRADICTED
        return Outcome.SEEN if self.seen else Outcome.UNSEEN

    @property
    def seen(self) -> int:
        """Pages with the symptom after rounds that were no controls."""
        return self.tally.seen + self.tally.seen_in_turns


def from_model(name: str) -> Attempt:
    """The prediction for a name of `PROVOKE`, computed, and the witness if there is one."""
    from smpcheck.mm.check import Checker, cases, witness
    from smpcheck.mm.claims import one_after_the_other
    from smpcheck.mm.kernel_check.translate import reproducer

    scenario, invariant = PROVOKE[name]
    case = cases((scenario,), (MODELLED,))[0]
    answer = Checker((invariant,)).answer(case)
    attempt = Attempt(name, invariant, case.command, invariant in answer.failed)
    if not attempt.predicted:
        attempt.why_not = f"under {MODELLED} {invariant} {answer.of(invariant)} in {scenario}: there is no run to try"
        return attempt
    attempt.predicted_apart = invariant in one_after_the_other(case)
    try:
        attempt.witness = reproducer(case, invariant, witness(case, answer.failed[invariant][0]))
    except UnsupportedError as error:
        attempt.why_not = str(error)
    return attempt


def from_witness(witness: Witness) -> Attempt:
    """An attempt at a witness that somebody wrote down: that it fails is its author's word."""
    return Attempt(witness.name, witness.invariant, witness.command, witness=witness)


def why_not(witness: Witness, machine: Machine, cpus: Sequence[int]) -> str:
    """What this machine lacks for an attempt; "" if it lacks nothing."""
    if not machine.modelled:
        return f"Linux {machine.release} is not of the design that is predicted ({MODELLED}, 5.18 and later)"
    if len(cpus) < len(witness.lanes):
        return f"{len(witness.lanes)} CPUs are needed, one for each lane, and {len(cpus)} may be used"
    if not machine.pages:
        return "nothing can be locked (RLIMIT_MEMLOCK, CAP_IPC_LOCK)"
    if not machine.flags:
        return f"the flags of pages cannot be seen ({machine.proc}/kpageflags and frame numbers in pagemap need root)"
    if witness.invariant == "I1" and lanes.CLEARED not in machine.counters:
        return f"{lanes.CLEARED} is not in {machine.proc}/vmstat"
    return ""


def attempt(
    one: Attempt,
    machine: Machine,
    seconds: float,
    seed: int = 0,
    tick: Callable[[int, int], None] = lambda rounds, seen: None,
    proc: Path = Path("/proc"),
) -> None:
    """Try it, if that is possible, for ``seconds``."""
    if one.witness is None or one.why_not:
        return
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    one.why_not = why_not(one.witness, machine, cpus)
    if one.why_not:
        return
    began = time.monotonic()
    try:
        one.tally = lanes.run(one.witness, cpus, seconds, proc, seed, tick)
    except lanes.LaneError as error:
        one.why_not = str(error)
    one.seconds = time.monotonic() - began


EXIT_OK, EXIT_DIFFERS, EXIT_UNDECIDED = 0, 1, 3


def exit_status(attempts: Sequence[Attempt]) -> int:
    """1: the kernel does what the model excludes; 0: everything that was predicted was seen; 3: not everything."""
    outcomes = {each.outcome for each in attempts}
    if outcomes & {Outcome.CONTRADICTED, Outcome.NO_RACE}:
        return EXIT_DIFFERS
    return EXIT_OK if outcomes == {Outcome.SEEN} else EXIT_UNDECIDED


def symptom(one: Attempt) -> str:
    """What is looked for."""
    return SYMPTOMS[one.invariant]
