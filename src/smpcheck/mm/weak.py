"""The same questions under a weak memory model.

First all runs of the view machine are explored (:mod:`smpcheck.simulate.view_machine`), of the part of the scenario that they
come to (:mod:`smpcheck.engines.part`): they contain every execution of the model in which no store is early, so what fails in
none of them holds. What fails in one is asked of the solver, as is everything where there are too many runs.

For the solver a scenario is a few hundred possible accesses, of which most lie in branches that no interleaving takes. These
are left out at first, and put back if the weak model lets a thread enter one of them after all
(:func:`smpcheck.engines.constraints.rounds`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.engines.part import Part
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.machines.lower import lower
from smpcheck.machines.mapping import mapping_of
from smpcheck.program import ir
from smpcheck.program.cut import is_left_out
from smpcheck.program.execution import Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.simulate import RunResult, outcomes, simulate
from smpcheck.simulate.coverage import Reached
from smpcheck.simulate.trace import TraceEvent
from smpcheck.simulate.view_machine import MayRaceError, runs

if TYPE_CHECKING:
    from smpcheck.mm.check import Case
    from smpcheck.questions.reorderings import Story

UNROLL = 2
MAX_STATES = 300_000
RANDOM_RUNS = 20
"""So many are looked at for a data race, besides those in which something fails."""
COMPARED = 4
"""So many executions are compared at most to find the one with the simplest story."""
SEARCH = 20.0
"""Seconds for that."""
RACES = "I14"
"""The invariant that is about data races, which only the view machine decides."""


class WeakRun(Struct, frozen=True):
    """An execution that no interleaving has: its events in an order in which they may take effect, and what is not in program
    order in it."""

    program: ir.Program
    events: tuple[TraceEvent, ...]
    execution: Execution
    story: Story


def ask(
    case: Case,
    left: Sequence[str],
    deadline: float | None,
    known: Sequence[str] = (),
    program: ir.Program | None = None,
    reached: Reached | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Which checks of the invariants in ``left`` can fail, and which invariants are undecided, with the reason.

    ``known``: what fails already, by invariant; checks that belong to no invariant are asked for if they are not among these.
    ``program``: the case's program with the reclaim visit and ghosts, if it is there already; ``reached``: where its
    interleavings come to, if that is known.
    """
    from smpcheck.mm.check import BEYOND, program_of

    ends = None if deadline is None else time.monotonic() + deadline
    program = program or program_of(case, "too", ghosts=True)
    failed: list[str] = []
    undecided: dict[str, str] = {}
    try:
        # the view machine knows the kernel's primitives, not a machine's instructions
        open_ones = list(left) if case.machine else _not_excluded(case, left, known, program, ends, reached)
    except (LimitError, UnsupportedError) as error:
        open_ones = [i for i in left if i != RACES]
        if RACES in left:
            if isinstance(error, MayRaceError) and racing_run(program, ends):
                failed.append(DATA_RACE)
            else:
                undecided[RACES] = error.message
    if RACES in open_ones:
        open_ones.remove(RACES)
        undecided[RACES] = BEYOND
    for visit, wanted in (("no", [i for i in open_ones if i != "I4"]), ("only", [i for i in open_ones if i == "I4"])):
        if wanted:
            also, why = _answer(case, visit, wanted, ends)
            failed += also
            undecided |= why
    return failed, undecided


def _not_excluded(
    case: Case, left: Sequence[str], known: Sequence[str], program: ir.Program, ends: float | None, reached: Reached | None
) -> list[str]:
    """The checks in ``left``, and others, that the view machine does not exclude. Its exploration ends where an access races.

    :raises UnsupportedError: the view machine does not support the program, or an access may race
    """
    from smpcheck.mm.check import INVARIANTS, invariant_of
    from smpcheck.mm.variants import BOUND

    part = Part(program, reached.coverage_of(program) if reached else None)
    found = part.explored(lambda whole_or_part: runs(whole_or_part, x86=case.model == "tso", ends=ends))
    if BOUND in found.failed:
        return list(left)
    broken = dict.fromkeys(map(invariant_of, found.failed))
    return [i for i in broken if i in left or i not in (*INVARIANTS, *known)]


def racing_run(program: ir.Program, ends: float | None = None) -> RunResult | None:
    """An interleaving with a data race, by the kernel's model: of those in which something fails, and of some at random.
    Its message says which race. None: none of these has one."""
    from smpcheck.cat.judge import evaluate
    from smpcheck.cat.load import load_model
    from smpcheck.questions.races import race_of
    from smpcheck.questions.wording import Words

    model = load_model("lkmm")
    try:
        failing = outcomes(program, max_states=MAX_STATES, witnesses=True).witnesses
    except LimitError:
        failing = {}
    for run in chain(failing.values(), (simulate(program, "pct:3", seed, stop=False) for seed in range(RANDOM_RUNS))):
        execution = run.execution()
        for violation in evaluate(model, execution):
            if violation.axiom.name == DATA_RACE:
                return replace(run, message=race_of(violation, model, execution, Words(program)).sentence)
        if ends is not None and time.monotonic() > ends:
            break
    return None


def witness(case: Case, check: str, deadline: float | None = None) -> WeakRun | None:
    """An execution in which a check fails, of several the one whose story is the simplest; None if there is none, or none was
    found in time."""
    from smpcheck.cat.load import load_model
    from smpcheck.engines.constraints import rounds
    from smpcheck.mm.check import program_of, within_bounds
    from smpcheck.questions import explain
    from smpcheck.questions.outcomes import failing
    from smpcheck.questions.reorderings import tell
    from smpcheck.questions.wording import Words

    ends = None if deadline is None else time.monotonic() + deadline
    model = load_model(case.model)
    for visit in ("no", "only"):
        try:
            for program, answer in rounds(judged(case, within_bounds(program_of(case, visit))), model, UNROLL, ends):
                if check in answer.failed:
                    words = Words(program)
                    if ends is None or time.monotonic() + SEARCH < ends:
                        limits = replace(explain.LARGE, witnesses=COMPARED, seconds=SEARCH, ends=ends)
                        if better := explain.witness(program, model, failing(check), limits, words, large=True):
                            return _told(program, *better[1:3])
                    return _told(program, answer.failed[check], tell(answer.failed[check], model, words))
        except (LimitError, UnsupportedError):
            pass
    return None


def _told(program: ir.Program, execution: Execution, story: Story) -> WeakRun:
    written = dict(execution.relations["rmw"])
    read = {w: r for r, w in written.items()}
    known = {e.id: e for e in execution.events}
    # an atomic operation is one step, at the place of its store
    order = [i for step in story.steps if step not in written for i in ((read[step], step) if step in read else (step,))]
    events = tuple(
        TraceEvent(
            e.id, e.thread, e.kind, e.tags, e.address, e.cell, e.value, e.pos, e.text, partner=read.get(e.id, written.get(e.id))
        )
        for e in map(known.__getitem__, order)
    )
    return WeakRun(program, events, execution, story)


def judged(case: Case, program: ir.Program) -> ir.Program:
    """The program that the case's model judges: on a machine, its instructions.

    :raises UnsupportedError: the machine has no row for something in it
    """
    return lower(program, mapping_of(case.machine)) if case.machine else program


def _answer(
    case: Case, visit: str, wanted: Sequence[str], ends: float | None, bounded: bool = False
) -> tuple[list[str], dict[str, str]]:
    """``bounded``: executions that go beyond a bound of the model are left out."""
    from smpcheck.cat.load import load_model
    from smpcheck.engines.constraints import rounds
    from smpcheck.mm.check import BEYOND, invariant_of, program_of, within_bounds
    from smpcheck.mm.variants import BOUND

    program = program_of(case, visit)
    program = within_bounds(program) if bounded else program
    failed: dict[str, None] = {}

    def open_ones(why: str) -> tuple[list[str], dict[str, str]]:
        done = {invariant_of(check) for check in failed}
        return list(failed), {i: why for i in wanted if i not in done}

    answer = None
    try:
        for _, answer in rounds(judged(case, program), load_model(case.model), UNROLL, ends):
            if BOUND in answer.failed:
                failed = dict.fromkeys(_answer(case, visit, wanted, ends, bounded=True)[0])
                return open_ones(BEYOND)
            failed |= dict.fromkeys(check for check in answer.failed if invariant_of(check) in wanted)
            if answer.status == "timeout":
                return open_ones("the solver had no answer in time")
            if not all(map(is_left_out, answer.cut)):
                return open_ones(BEYOND)
    except (LimitError, UnsupportedError) as error:
        return open_ones(str(error))
    none = answer is None or answer.status == "no-execution"
    return open_ones("no execution at all") if none else (list(failed), {})
