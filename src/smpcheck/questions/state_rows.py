"""Final states that are combinations of values, as rows: made one by one where somebody looks at them, in herd7's order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from smpcheck.program.values import Value
    from smpcheck.questions.result import StateRow
    from smpcheck.solver.answer import Combinations


@dataclass(frozen=True, slots=True)
class StateRows(Sequence["StateRow"]):
    """A row for each of the ``combinations``, at most ``limit``. ``columns``: names in order, each with the axis whose value it
    has, or with what it always is; ``shown``: for each axis, how a value is shown."""

    combinations: Combinations
    columns: tuple[tuple[str, int | None, int | str], ...]
    shown: tuple[Mapping[Value, int | str], ...]
    limit: int | None

    def __len__(self) -> int:
        return len(self.combinations) if self.limit is None else min(self.limit, len(self.combinations))

    def __iter__(self) -> Iterator[StateRow]:
        for values in islice(self.combinations, self.limit):
            words = [shown[value] for shown, value in zip(self.shown, values, strict=True)]
            yield {name: constant if axis is None else words[axis] for name, axis, constant in self.columns}

    @overload
    def __getitem__(self, index: int) -> StateRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[StateRow]: ...
    def __getitem__(self, index: int | slice) -> StateRow | Sequence[StateRow]:
        if isinstance(index, int) and index >= 0:
            found = next(islice(self, index, None), None)
            if found is None:
                raise IndexError(index)
            return found
        if isinstance(index, slice) and index.stop is not None and index.stop >= 0 and (index.step or 1) > 0:
            return tuple(islice(self, index.stop))[index]
        return tuple(self)[index]

    def product(self) -> dict[str, object]:
        """Which states these are, as data: ``count``; ``axes``, each with the names that have its value and the values that it
        takes; ``fixed``, the values of names that have one only; ``excluded``, which no state agrees with: no two of them meet.
        """
        shown = [[self.shown[axis][value] for value in values] for axis, values in enumerate(self.combinations.axes)]
        names = [[name for name, axis, _ in self.columns if axis == number] for number in range(len(shown))]
        return {
            "count": len(self.combinations),
            "axes": [{"names": list(one), "values": values} for one, values in zip(names, shown, strict=True)],
            "fixed": {name: constant for name, axis, constant in self.columns if axis is None},
            "excluded": [
                {names[axis][0]: self.shown[axis][value] for axis, value in sorted(cube.items())}
                for cube in self.combinations.excluded
            ],
        }

    def sentence(self) -> str:
        """Which states these are, in a line."""
        count, values = len(self.combinations), len(self.combinations.axes)
        every = f"{count:,} states: all combinations of {values} values"
        excluded = self.combinations.excluded
        if not excluded:
            return every
        if len(excluded) > 1:
            return f"{every} but {self.combinations.size - count:,}"
        named = {axis: name for name, axis, _ in reversed(self.columns) if axis is not None}
        parts = [f"{named[axis]}={self.shown[axis][value]}" for axis, value in sorted(excluded[0].items())]
        return f"{every} but those with " + " /\\ ".join(parts)
