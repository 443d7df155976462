"""The question *is this barrier needed, and what is it on each machine?*: ordering elements by the contract and machines.

The contract is the kernel's model: an outcome that cannot happen under it is *protected*. An element is needed by the contract if
the protected outcome can happen under the kernel's model without the element. It is needed on a machine if the outcome can happen
on that machine when the element, and nothing else, is removed from the source. It is free on a machine on which it is compiled to
no instruction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.errors import UnsupportedError
from smpcheck.machines.lower import Lowered, lowered
from smpcheck.machines.mapping import MachineMapping
from smpcheck.models import require_language
from smpcheck.program.flow import is_large
from smpcheck.program.ir import Position, Program
from smpcheck.questions.barriers import Protected, protect
from smpcheck.questions.caveats import caveats, is_cut
from smpcheck.questions.explain import Limits
from smpcheck.questions.ordering_elements import Element, Rewriter, elements_of
from smpcheck.questions.outcomes import remarks

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
    if is_large(program):
        raise UnsupportedError(f"{program.name} is too large for this question: ask about a part of it, as a litmus test")
    names = tuple(mapping.title for mapping in mappings)
    protected, _ = protect(program, contract, limits, only)
    if protected is None or (protected.condition is None and not protected.failing):
        return ByMachine(program, contract.name, names, None, notes=remarks(program))
    elements = elements_of(program, False, dependencies)
    rewriter = Rewriter(program, elements)
    unexamined = rewriter.uncuttable()
    judges = [_Judge(program, mapping, protected, limits) for mapping in mappings]
    rows = []
    for element in elements:
        if element in unexamined:
            continue
        version = rewriter.version({element.key: element.weaker[-1].name})
        needed = protected.broken(version, contract, limits.unroll) is not None
        rows.append(ElementRow(element, "needed" if needed else "not needed", tuple(j.cell(version, element) for j in judges)))
    notes = [*caveats(program, contract, limits.unroll), *remarks(program)]
    notes += [note for judge in judges for note in judge.notes()]
    if is_cut(program, contract, limits.unroll):
        notes.append("not needed means: not needed within the loop iterations that were followed")
    return ByMachine(
        program, contract.name, names, protected.text, tuple(j.holds() for j in judges), tuple(rows), tuple(dict.fromkeys(notes))
    )


class _Judge:
    """One machine: what it makes of versions of the program."""

    def __init__(self, program: Program, mapping: MachineMapping, protected: Protected, limits: Limits) -> None:
        self.mapping = mapping
        self.model = load_model(mapping.model)
        self.protected = protected
        self.limits = limits
        self.problem = ""
        self.whole: Lowered | None = None
        try:
            whole = lowered(program, mapping)
            require_language(self.model, whole.program)
            self.whole = whole
        except UnsupportedError as error:
            self.problem = str(error)
        self.fails = self.whole is not None and self.happens(self.whole.program)

    def holds(self) -> bool | None:
        """Is what is protected excluded with all elements there?"""
        return None if self.whole is None else not self.fails

    def happens(self, program: Program) -> bool:
        return self.protected.broken(program, self.model, self.limits.unroll) is not None

    def cell(self, version: Program, element: Element) -> OnMachine:
        """What the ``version`` of the program without ``element`` says of this."""
        if self.whole is None or self.fails:
            return OnMachine("unknown")
        without = lowered(version, self.mapping)
        gone = _gone(self.whole.instructions, without.instructions)
        needed = self.happens(without.program)
        if not gone and not needed and element.kind != "dependency":
            return OnMachine("free")
        return OnMachine("needed" if needed else "not needed", gone)

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
