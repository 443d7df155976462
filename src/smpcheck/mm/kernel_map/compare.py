"""Lays the order of primitives of a model function beside that of the kernel function that it restates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.mm.kernel_map.entries import Difference, Entry, Map, Place
from smpcheck.mm.kernel_map.kernel_order import Tree, kernel_order
from smpcheck.mm.kernel_map.model_order import Step, model_order

Verdict: TypeAlias = Literal["same", "differs as said", "DIFFERS", "not compared", "not in this version"]


class Run(Struct, frozen=True):
    """Steps that stand side by side: the same on both sides, or not. ``because``: the map's reason for a difference."""

    model: tuple[Step, ...]
    kernel: tuple[Step, ...]
    because: str = ""

    @property
    def same(self) -> bool:
        """Are they?"""
        return _tokens(self.model) == _tokens(self.kernel)


class Comparison(Struct, frozen=True):
    """A function of the model and of the kernel. ``stale``: differences that the map has and that are not there. ``why``: why
    nothing was compared."""

    entry: Entry
    place: Place | None
    line: int
    runs: tuple[Run, ...] = ()
    stale: tuple[Difference, ...] = ()
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        """What came of it."""
        if self.place is None:
            return "not in this version"
        if self.entry.not_compared:
            return "not compared"
        if self.why or self.stale or any(not run.same and not run.because for run in self.runs):
            return "DIFFERS"
        return "same" if all(run.same for run in self.runs) else "differs as said"


def compare(entry: Entry, tree: Tree, known: Map) -> Comparison:
    """One function of the map."""
    place = entry.place(tree.version)
    if place is None:
        return Comparison(entry, None, 0)
    definition = tree.functions(place.file).get(place.name)
    line = definition.line if definition is not None else 0
    if entry.not_compared:
        return Comparison(entry, place, line, why=entry.not_compared)
    try:
        kernel = kernel_order(tree, entry, place, known)
    except InputError as error:
        return Comparison(entry, place, line, why=error.message)
    runs, unused = _explained(
        side_by_side(model_order(entry, known.variant(tree.version), known), kernel),
        [each for each in entry.differences if each.since <= tree.version and (each.until is None or tree.version < each.until)],
        entry.part,
    )
    return Comparison(entry, place, line, tuple(runs), tuple(unused))


def side_by_side(model: Sequence[Step], kernel: Sequence[Step]) -> list[Run]:
    """Runs of equal steps, as many steps as can be (a longest common subsequence), and what is between them."""
    common = _common(_tokens(model), _tokens(kernel))
    runs: list[Run] = []
    a = b = 0
    for i, j in [*common, (len(model), len(kernel))]:
        if (a, b) != (i, j):
            runs.append(Run(tuple(model[a:i]), tuple(kernel[b:j])))
        if i < len(model):
            if runs and runs[-1].same:
                runs[-1] = Run((*runs[-1].model, model[i]), (*runs[-1].kernel, kernel[j]))
            else:
                runs.append(Run((model[i],), (kernel[j],)))
        a, b = i + 1, j + 1
    return runs


def _common(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Where a longest common subsequence lies in both: as early as possible in ``a``."""
    longest = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            longest[i][j] = longest[i + 1][j + 1] + 1 if a[i] == b[j] else max(longest[i + 1][j], longest[i][j + 1])
    found, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def _explained(runs: Sequence[Run], known: list[Difference], part: str) -> tuple[list[Run], list[Difference]]:
    """Each difference with the map's reason, if it has one (``part``: what only the kernel has); and reasons that fit none."""
    out = []
    for run in runs:
        model, kernel = _tokens(run.model), _tokens(run.kernel)
        found = None if run.same else next((d for d in known if d.model == model and (part or d.kernel == kernel)), None)
        if found is not None:
            known = [each for each in known if each is not found]
        out.append(Run(run.model, run.kernel, found.because if found else "" if run.same or run.model else part))
    return out, known


def _tokens(steps: Sequence[Step]) -> tuple[str, ...]:
    return tuple(step.token for step in steps)
