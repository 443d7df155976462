"""What fails in a scenario whose functions are a kernel tree's own, and what fails in the model's scenario of the same name.

All interleavings are explored. What fails in one fails under the kernel's memory model and under total store order too; what else
fails there is asked of the view machine, and of the solver (:mod:`smpcheck.engines.route`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.engines.contract import Answer, Question
from smpcheck.engines.route import ask
from smpcheck.engines.views import Views
from smpcheck.errors import InputError
from smpcheck.mm import check as model_check
from smpcheck.mm.check import INVARIANTS, Case, Checker
from smpcheck.mm.check import Answer as ModelAnswer
from smpcheck.mm.variants import find_variant
from smpcheck.program import ir
from smpcheck.program.faults import (
    BAD_ADDRESS,
    DATA_RACE,
    DEADLOCK,
    MISALIGNED,
    NON_TERMINATION,
    NULL_DEREFERENCE,
    UNDEFINED_VALUE,
)
from smpcheck.readers.clang.kernel_tree import version
from smpcheck.readers.clang.program import read_kernel_c
from smpcheck.simulate import Machine, RunResult, run, scheduler
from smpcheck.time_limit import TimeLimitError, time_limit

HARNESS = Path(__file__).parent / "harness"
VARIANT = "V10"
"""The variant of the model that stands for the kernels whose names the harness knows."""

KERNELS = ("6.1", "6.12")
"""The kernels for which the harness is written."""

EVERYTHING = "everything"
"""Stands for all invariants where nothing is known."""

RACES = "I14"
RUNS = 12
"""So many random runs are made to find a data race where there may be one."""

FAULTS = (DEADLOCK, NON_TERMINATION, NULL_DEREFERENCE, BAD_ADDRESS, MISALIGNED, UNDEFINED_VALUE)


class Cell(Struct, frozen=True):
    """One scenario in one kernel, under a model of ``memory``. ``asked``: the invariants; ``failed``: those that fail, with the
    checks that say so, and other checks under their own names; ``undecided``: those that neither fail nor are known to hold, with
    the reason, or :data:`EVERYTHING`; ``assumed``: what the rest of the answer rests on; ``model``: the Python model's answer;
    ``explored``: states."""

    scenario: str
    kernel: str
    asked: tuple[str, ...] = ()
    failed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undecided: Mapping[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    memory: str = "sc"
    model: ModelAnswer | None = None
    explored: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    runs: Mapping[str, RunResult] = field(default_factory=dict)

    @property
    def differs(self) -> tuple[str, ...]:
        """The invariants of which kernel and model do not say the same."""
        model = self.model
        if model is None or EVERYTHING in self.undecided:
            return ()
        both = [i for i in self.asked if i in model.asked]
        others = [name for name in (*self.failed, *model.failed) if name not in INVARIANTS]
        known = (name for name in (*both, *dict.fromkeys(others)) if name not in self.undecided and name not in model.undecided)
        return tuple(name for name in known if (name in self.failed) != (name in model.failed))

    @property
    def verdict(self) -> str:
        """``same``, ``DIFFERS`` or ``undecided``."""
        known = self.model is not None and not self.undecided and not self.model.undecided
        return "DIFFERS" if self.differs else "same" if known else "undecided"


def scenarios(names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The scenarios there are. :raises InputError: there is none of a name"""
    known = tuple(sorted(path.stem for path in HARNESS.glob("*.c")))
    for name in names:
        if name not in known:
            raise InputError(f"there is no scenario {name!r} with the kernel's own functions: choose from {', '.join(known)}")
    return names or known


def known_models(names: tuple[str, ...]) -> tuple[str, ...]:
    """The models of memory to ask under. :raises InputError: there is none of a name"""
    for name in names:
        if name not in model_check.MODELS:
            raise InputError(f"there is no model {name!r} here: choose from {', '.join(model_check.MODELS)}")
    return tuple(dict.fromkeys(names)) or model_check.MODELS[:1]


def known_kernel(tree: str) -> str:
    """The version of a tree. :raises InputError: the harness does not know its names"""
    found = version(tree)
    if found == "?":
        raise InputError(f"{tree} is no kernel tree: it has no Makefile that says which version it is")
    if found not in KERNELS:
        raise InputError(f"{tree} is Linux {found}: the harness knows the names of {' and '.join(KERNELS)}")
    return found


@lru_cache(maxsize=1)
def program_of(scenario: str, tree: str, headers: str = "") -> ir.Program:
    """The scenario with the functions of a tree; see :func:`read_kernel_c` for what it raises."""
    path = HARNESS / f"{scenario}.c"
    settings = [f"kernel={tree}", *([f"kernel-headers={headers}"] if headers else [])]
    return read_kernel_c(str(path), path.read_text(encoding="utf-8"), settings)


def invariant_of(check: str) -> str:
    """``I5`` for ``I5_on_a_list(&P)``; a check of the checker's own is part of one, or its own name."""
    found = re.match(r"I\d+", check)
    return found[0] if found and found[0] in INVARIANTS else model_check.invariant_of(check)


def answer(
    scenario: str, tree: str, headers: str = "", seconds: float | None = None, variant: str = VARIANT, model: str = "sc"
) -> Cell:
    """The cell of a scenario under a ``model`` of memory. ``seconds``: for the kernel's side, and for the Python model's.
    ``variant``: the Python model's."""
    kernel = known_kernel(tree)
    began = time.monotonic()
    beside = Checker(deadline=seconds).answer(Case(scenario, find_variant(variant), model))
    cell = Cell(scenario, kernel, memory=model, model=beside)
    ends = None if seconds is None else time.monotonic() + seconds
    try:
        with time_limit(seconds):
            program = program_of(scenario, tree, headers)
            checks = (*ir.assertion_names(program), *FAULTS)
            question = Question(program, load_model(model), checks, ends=ends, despite_races=True)
            found = ask(question, patience=0)
            cell = replace(cell, asked=asked(program, found, model), notes=program.notes, explored=found.explored)
            racing = race(program, found)
    except TimeLimitError as error:
        return replace(cell, undecided={EVERYTHING: error.message}, seconds=time.monotonic() - began)
    failed: dict[str, tuple[str, ...]] = {}
    runs: dict[str, RunResult] = {}
    for check, shown in sorted(found.can.items()):
        name = invariant_of(check)
        failed[name] = (*failed.get(name, ()), check)
        if shown.run is not None:
            runs.setdefault(name, shown.run)
    if racing is not None:
        failed[RACES] = found.races
        runs[RACES] = racing
    unknown = {invariant_of(check): why for check, why in found.unknown.items()}
    if found.races and racing is None:
        unknown[RACES] = f"{' and '.join(found.races)}, but no run that was tried has a race"
    if model == "lkmm" and RACES not in cell.asked:
        unknown[RACES] = next((step.problem for step in found.steps if step.engine == Views.name), "nobody was asked")
    undecided = {name: why for name, why in unknown.items() if name not in failed}
    return replace(
        cell, failed=failed, undecided=undecided, assumed=found.said, seconds=time.monotonic() - began, runs=runs
    )  # fmt: skip


def race(program: ir.Program, found: Answer) -> RunResult | None:
    """A run with a data race by the kernel's model, if accesses may race: one in which a check fails, or a random one."""
    if not found.races:
        return None
    machine = Machine(program)
    shown = (witness.run for witness in found.can.values() if witness.run is not None)
    tried = (run(machine, scheduler("random", seed, 0), stop=False) for seed in range(RUNS))
    for each in chain(shown, tried):
        if any(violation.axiom.name == DATA_RACE for violation in evaluate(load_model("lkmm"), each.execution())):
            return each
    return None


def asked(program: ir.Program, found: Answer, model: str) -> tuple[str, ...]:
    """The invariants that were asked about. Data races are under the kernel's model if the view machine has answered."""
    names = {"I8", *map(invariant_of, ir.assertion_names(program))}
    if model == "lkmm" and any(step.engine == Views.name and not step.problem for step in found.steps):
        names.add(RACES)
    return tuple(i for i in INVARIANTS if i in names)
