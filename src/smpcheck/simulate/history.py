"""A state of the view machine: for each location its values in coherence order, and for each thread a view of them.

A *view* says which values of each location are known. It is an integer with a field of :data:`WIDTH` bits for each location; in
the field, bit k-1 is set if the value at index k, or a later one, is known. (So the lowest n bits are set if the newest known
value is the one at index n.) Views are joined with ``|``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from smpcheck.simulate.generate import Memory, Registers
from smpcheck.simulate.lookahead import Future

WIDTH = 32
"""At most so many overwritten values of a location are kept."""

FIELD = (1 << WIDTH) - 1

Message: TypeAlias = tuple[int, int, bool, bool, int]
"""A value in memory: the value, the view that it carries, whether an atomic operation made it from the one before it, whether it
is a plain store's, and a view of what the same marked access wrote to other locations. That goes to those who read the value, as
what it carries does, but not on with an atomic operation that builds on it."""

Views: TypeAlias = tuple[int, int, int]
"""What a thread knows: now, after its next full barrier, and at its last."""


@dataclass(slots=True)
class State:
    """A state of the view machine."""

    pcs: list[int]
    registers: list[Registers]
    memory: Memory
    """The last values of all cells, and the failed checks."""
    history: dict[int, tuple[Message, ...]]
    """For each location, by number, the values that some thread may still read. A location is left out if that is only the last
    one, and it carries no view."""
    views: list[Views]
    barrier: int
    """The view that full barriers join: a full barrier knows of all earlier ones."""
    holders: dict[int, int]
    """The threads that hold spinlocks, by index of the cell."""
    asleep: list[tuple[int, int] | None]
    """For a thread that is at a load and may read only values written from now on: the location, and the index of its last
    value."""
    futures: list[Future]
    """What each thread may still do."""
    covered: bool = False
    """Is another state known from which all can be done that can be done from this one?"""

    def copy(self) -> State:
        """A copy that may be changed."""
        return State(
            list(self.pcs),
            list(self.registers),
            list(self.memory),
            dict(self.history),
            list(self.views),
            self.barrier,
            dict(self.holders),
            list(self.asleep),
            list(self.futures),
        )

    def make_room(self, number: int, at: int) -> Callable[[int], int]:
        """Make room for a new value at an index of a location: views that have a later value have this one, too. The function
        that changes a view accordingly."""
        self.asleep = [None if a is not None and a[0] == number else a for a in self.asleep]
        return self._change_views(number, _with_another, at)

    def drop(self, number: int, count: int) -> tuple[Message, ...]:
        """Drop the oldest values of a location, and return the others."""
        self._change_views(number, _without_oldest, count)
        history = self.history[number][count:]
        self.history[number] = history = ((history[0][0], history[0][1], False, False, history[0][4]), *history[1:])
        self.asleep = [(number, a[1] - count) if a is not None and a[0] == number else a for a in self.asleep]
        return history

    def merge(self, number: int, at: int) -> tuple[Message, ...]:
        """Merge the value at an index with the next one: the first of the two remains, unless the second is the last. The values
        after that."""
        history = self.history[number]
        one = history[at] if at + 2 < len(history) else (history[at + 1][0], *history[at][1:])
        self.history[number] = (*history[:at], one, *history[at + 2 :])
        self._change_views(number, _as_one, at)
        self.asleep = [(number, a[1] - (a[1] > at)) if a is not None and a[0] == number else a for a in self.asleep]
        return self.history[number]

    def _change_views(self, number: int, how: Callable[[int, int], int], index: int) -> Callable[[int], int]:
        """Change a location's field in all views."""
        offset = WIDTH * number
        mask = FIELD << offset
        change = partial(_changed, how=how, index=index, offset=offset, mask=mask)
        for t, views in enumerate(self.views):
            if (views[0] | views[1] | views[2]) & mask:
                self.views[t] = (change(views[0]), change(views[1]), change(views[2]))
        if self.barrier & mask:
            self.barrier = change(self.barrier)
        for n, history in self.history.items():
            for message in history:
                if (message[1] | message[4]) & mask:
                    self.history[n] = tuple([(m[0], change(m[1]), m[2], m[3], change(m[4])) for m in history])
                    break
        return change


def _changed(view: int, how: Callable[[int, int], int], index: int, offset: int, mask: int) -> int:
    own = view & mask
    return view ^ own | how(own >> offset, index) << offset if own else view


def _with_another(field: int, at: int) -> int:
    """A field of a view after a value was inserted at an index."""
    if not field >> (at - 1):
        return field
    return field & ((1 << (at - 1)) - 1) | field >> (at - 1) << at | 1 << (at - 1)


def _without_oldest(field: int, count: int) -> int:
    """A field of a view after the oldest values were dropped."""
    return field >> count


def _as_one(field: int, at: int) -> int:
    """A field of a view after the value at an index was merged with the next."""
    return field & ((1 << at) - 1) | field >> at + 1 << at
