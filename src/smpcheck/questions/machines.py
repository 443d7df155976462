"""The question *is this barrier needed, and what is it on each machine?*: ordering elements by the contract and machines.

The contract is the kernel's model: an outcome that cannot happen under it is *protected*. An element is needed by the contract if
the protected outcome can happen under the kernel's model without the element. It is needed on a machine if the outcome can happen
on that machine when the element, and nothing else, is removed from the source. It is free on a machine on which it is compiled to
no instruction.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.engines.route import ask
from smpcheck.errors import UnsupportedError
from smpcheck.machines.lower import Lowered, lowered
from smpcheck.machines.mapping import MachineMapping
from smpcheck.models import require_language
from smpcheck.program.flow import is_large
from smpcheck.program.ir import Position, Program
from smpcheck.questions.barriers import GIVEN, Protected, protect, protect_large
from smpcheck.questions.caveats import RACES, caveats, is_cut
from smpcheck.questions.explain import Limits
from smpcheck.questions.large_check import alone
from smpcheck.questions.ordering_elements import Element, Rewriter, elements_of
from smpcheck.questions.outcomes import remarks
from smpcheck.time_limit import TimeLimitError, time_limit

Need: TypeAlias = Literal["needed", "not needed", "free", "unknown"]


class OnMachine(Struct, frozen=True):
    """One element on one machine: is it needed there, and the instructions that it is."""

    need: Need
    instructions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.need}: {'; '.join(self.instructions)}" if self.instructions else self.need


class ElementRow(Struct, frozen=True):
    """One element: what the contract says, and each machine, in their order."""

    element: Element
    contract: Need
    cells: tuple[OnMachine, ...]


class ByMachine(Struct, frozen=True):
    """The answer for one program. ``protected``: what the contract excludes, None where nothing is. ``holds``: is it excluded on
    each machine, with all elements there (None: not known, and ``notes`` say why)?"""

    program: Program
    model: str
    machines: tuple[str, ...]
    protected: str | None
    holds: tuple[bool | None, ...] = ()
    rows: tuple[ElementRow, ...] = ()
    notes: tuple[str, ...] = ()


def by_machine(
    program: Program,
    contract: Model,
    mappings: Sequence[MachineMapping],
    limits: Limits | None = None,
    *,
    dependencies: bool = True,
    only: str | None = None,
) -> ByMachine:
    """Each ordering element of ``program`` under ``contract`` and on machines. ``only``: protect the assertion of this name.

    :raises SmpcheckError: there is no answer (unsupported, undefined behaviour, a limit)
    """
    limits = limits or Limits()
    names = tuple(mapping.title for mapping in mappings)
    try:
        if is_large(program):
            raise TimeLimitError(0)
        with time_limit(alone(program, limits.ends)):
            protected, _ = protect(program, contract, limits, only)
        asking: Asking = _Solver(program, protected, limits)
    except TimeLimitError:
        subject, found, protected, _, unknown = protect_large(program, contract, limits, only)
        asking = _Several(subject, protected, limits, (*unknown, *found.said, found.how, GIVEN, RACES))
        dependencies = False
    if protected is None or (protected.condition is None and not protected.failing):
        return ByMachine(program, contract.name, names, None, notes=(*remarks(program), *asking.notes))
    elements = elements_of(program, False, dependencies)
    rewriter = Rewriter(asking.program, elements)
    unexamined = rewriter.uncuttable()
    judges = [_Judge(asking, mapping) for mapping in mappings]
    rows = []
    for element in elements:
        if element in unexamined:
            continue
        version = rewriter.version({element.key: element.weaker[-1].name})
        needed = asking.happens(version, contract)
        rows.append(ElementRow(element, _need(needed), tuple(j.cell(version, element, needed) for j in judges)))
    notes = [*caveats(program, contract, limits.unroll), *remarks(program), *asking.notes]
    notes += [note for judge in judges for note in judge.notes()]
    if is_cut(program, contract, limits.unroll):
        notes.append("not needed means: not needed within the loop iterations that were followed")
    return ByMachine(
        program, contract.name, names, protected.text, tuple(j.holds() for j in judges), tuple(rows), tuple(dict.fromkeys(notes))
    )


def _need(needed: bool | None) -> Need:
    return "unknown" if needed is None else "needed" if needed else "not needed"


class Asking(Protocol):
    """Asks whether what is protected happens in versions of ``program``. ``kept``: is it known of a machine, without asking,
    that nothing happens there which the contract excludes?"""

    program: Program
    kept: bool
    notes: tuple[str, ...]

    def happens(self, program: Program, model: Model) -> bool | None:
        """Does it happen in this version under this model? None: it is not known."""
        ...


class _Solver:
    """The solver alone."""

    kept = False
    notes: tuple[str, ...] = ()

    def __init__(self, program: Program, protected: Protected | None, limits: Limits) -> None:
        self.program, self.protected, self.limits = program, protected, limits

    def happens(self, program: Program, model: Model) -> bool | None:
        assert self.protected is not None
        return self.protected.broken(program, model, self.limits.unroll) is not None


KEPT = (
    "what the kernel's model excludes was not asked again on machines: what the kernel's primitives are compiled to keeps "
    "its contract (smpcheck mapping)"
)
SECONDS = 120.0
"""How long several engines are asked about one version of a program on one machine."""


class _Several:
    """Several engines in turn (:mod:`smpcheck.engines.route`)."""

    kept = True

    def __init__(self, program: Program, protected: Protected | None, limits: Limits, notes: tuple[str, ...]) -> None:
        self.program, self.protected, self.limits = program, protected, limits
        self.notes = (*notes, KEPT)

    def happens(self, program: Program, model: Model) -> bool | None:
        assert self.protected is not None
        ends = min(time.monotonic() + SECONDS, self.limits.ends or float("inf"))
        found = ask(replace(self.limits, ends=ends).question(program, model, self.protected.failing))
        self.notes = tuple(dict.fromkeys((*self.notes, *found.said, *found.unknown.values())))
        return True if found.can else None if found.unknown else False


class _Judge:
    """One machine: what it makes of versions of the program."""

    def __init__(self, asking: Asking, mapping: MachineMapping) -> None:
        self.mapping = mapping
        self.model = load_model(mapping.model)
        self.asking = asking
        self.problem = ""
        self.whole: Lowered | None = None
        try:
            whole = lowered(asking.program, mapping)
            require_language(self.model, whole.program)
            self.whole = whole
        except UnsupportedError as error:
            self.problem = str(error)
        self.fails: bool | None = False
        if self.whole is not None and not asking.kept:
            self.fails = asking.happens(self.whole.program, self.model)

    def holds(self) -> bool | None:
        """Is what is protected excluded with all elements there?"""
        return None if self.whole is None or self.fails is None else not self.fails

    def cell(self, version: Program, element: Element, needed: bool | None) -> OnMachine:
        """What the ``version`` of the program without ``element`` says of this, which the contract says is ``needed``."""
        if self.whole is None or self.fails is not False:
            return OnMachine("unknown")
        without = lowered(version, self.mapping)
        gone = _gone(self.whole.instructions, without.instructions)
        free = not gone and element.kind != "dependency"
        if self.asking.kept and (free or needed is False):
            happens: bool | None = False
        else:
            happens = self.asking.happens(without.program, self.model)
        return OnMachine("free" if free and happens is False else _need(happens), gone)

    def notes(self) -> Sequence[str]:
        if self.whole is None:
            return (f"{self.mapping.name}: {self.problem}",)
        if self.fails:
            return (f"{self.mapping.name}: it fails there with all of them (check --machine says how), so none is asked about",)
        return tuple(f"{self.mapping.name}: {note}" for note in self.mapping.notes if note in self.whole.program.notes)


def _gone(before: Mapping[Position | None, Sequence[str]], after: Mapping[Position | None, Sequence[str]]) -> tuple[str, ...]:
    """The instructions that are there before and not after, at any one place."""
    found: list[str] = []
    for pos, lines in before.items():
        left = Counter(lines) - Counter(after.get(pos, ()))
        found += [line for line in dict.fromkeys(lines) if left[line]]
    return tuple(found)
