"""What fails in a scenario whose functions are a kernel tree's own, and what fails in the model's scenario of the same name.

All interleavings are explored. What fails in one fails under the kernel's memory model too; what else fails there is not asked.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from smpcheck.errors import InputError, LimitError
from smpcheck.mm import check as model_check
from smpcheck.mm.check import INVARIANTS, Case, Checker
from smpcheck.mm.check import Answer as ModelAnswer
from smpcheck.mm.variants import find_variant
from smpcheck.program import ir
from smpcheck.program.faults import BAD_ADDRESS, DEADLOCK, MISALIGNED, NON_TERMINATION, NULL_DEREFERENCE, UNDEFINED_VALUE
from smpcheck.readers.clang.kernel_tree import version
from smpcheck.readers.clang.program import read_kernel_c
from smpcheck.simulate import RunResult, outcomes
from smpcheck.time_limit import TimeLimitError, time_limit

HARNESS = Path(__file__).parent / "harness"
VARIANT = "V10"
"""The variant of the model that stands for the kernels whose names the harness knows."""

KERNELS = ("6.1", "6.12")
"""The kernels for which the harness is written."""

MAX_STATES = 3_000_000
FAULTS = (DEADLOCK, NON_TERMINATION, NULL_DEREFERENCE, BAD_ADDRESS, MISALIGNED, UNDEFINED_VALUE)


@dataclass(frozen=True, slots=True)
class Cell:
    """One scenario in one kernel. ``asked``: the invariants; ``failed``: those that fail, with the checks that say so, and other
    checks under their own names; ``undecided``: why nothing is known; ``model``: the model's answer; ``explored``: states."""

    scenario: str
    kernel: str
    asked: tuple[str, ...] = ()
    failed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undecided: str = ""
    model: ModelAnswer | None = None
    explored: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    runs: Mapping[str, RunResult] = field(default_factory=dict)

    @property
    def differs(self) -> tuple[str, ...]:
        """The invariants of which kernel and model do not say the same."""
        model = self.model
        if model is None or self.undecided:
            return ()
        both = [i for i in self.asked if i in model.asked]
        others = [name for name in (*self.failed, *model.failed) if name not in INVARIANTS]
        return tuple(name for name in (*both, *dict.fromkeys(others)) if (name in self.failed) != (name in model.failed))

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


def known_kernel(tree: str) -> str:
    """The version of a tree. :raises InputError: the harness does not know its names"""
    found = version(tree)
    if found == "?":
        raise InputError(f"{tree} is no kernel tree: it has no Makefile that says which version it is")
    if found not in KERNELS:
        raise InputError(f"{tree} is Linux {found}: the harness knows the names of {' and '.join(KERNELS)}")
    return found


def program_of(scenario: str, tree: str, headers: str = "") -> ir.Program:
    """The scenario with the functions of a tree; see :func:`read_kernel_c` for what it raises."""
    path = HARNESS / f"{scenario}.c"
    settings = [f"kernel={tree}", *([f"kernel-headers={headers}"] if headers else [])]
    return read_kernel_c(str(path), path.read_text(encoding="utf-8"), settings)


def invariant_of(check: str) -> str:
    """``I5`` for ``I5_on_a_list(&P)``; a check of the checker's own is part of one, or its own name."""
    found = re.match(r"I\d+", check)
    return found[0] if found and found[0] in INVARIANTS else model_check.invariant_of(check)


def answer(scenario: str, tree: str, headers: str = "", seconds: float | None = None, variant: str = VARIANT) -> Cell:
    """The cell of a scenario. ``seconds``: for the kernel's side, and for the model's. ``variant``: the model's."""
    kernel = known_kernel(tree)
    began = time.monotonic()
    model = Checker(deadline=seconds).answer(Case(scenario, find_variant(variant)))
    asked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    try:
        with time_limit(seconds):
            program = program_of(scenario, tree, headers)
            notes = program.notes
            checks = ir.assertion_names(program)
            asked = tuple(i for i in INVARIANTS if i == "I8" or i in set(map(invariant_of, checks)))
            found = outcomes(program, max_states=MAX_STATES, witnesses=True)
    except (TimeLimitError, LimitError) as error:
        return Cell(scenario, kernel, asked, undecided=error.message, model=model, seconds=time.monotonic() - began, notes=notes)
    failed: dict[str, tuple[str, ...]] = {}
    runs: dict[str, RunResult] = {}
    for check in (*sorted(found.failed), *([DEADLOCK] if found.deadlock else ())):
        name = invariant_of(check)
        failed[name] = (*failed.get(name, ()), check)
        if check in found.witnesses:
            runs.setdefault(name, found.witnesses[check])
    return Cell(
        scenario, kernel, asked, failed, "", model, found.explored, time.monotonic() - began, notes, runs
    )  # fmt: skip
