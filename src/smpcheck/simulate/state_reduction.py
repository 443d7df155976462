"""Fewer states of the view machine: values that no thread can read any more are dropped, and equivalent values are merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smpcheck.simulate.history import FIELD, WIDTH, Message, State
from smpcheck.simulate.lookahead import ATOMIC, FULL_SYNC, Futures
from smpcheck.simulate.observed import Observed


class Forgetting:
    """Reduces states. ``first``: the threads that run from the start. ``futures``: for each thread. ``places``: for each location
    the index of its cell in memory, ``number`` the inverse. ``kinds``: for each cell, see
    :func:`smpcheck.simulate.lookahead.kinds_of`. ``width``: how many expressions are observed."""

    def __init__(
        self,
        first: Sequence[int],
        futures: Sequence[Futures],
        places: Sequence[int],
        number: Mapping[int, int],
        kinds: Mapping[int, int],
        observed: Observed,
        width: int,
    ) -> None:
        self.first = first
        self.futures = futures
        self.places = places
        self.number = number
        self.kinds = kinds
        self.observed = observed
        self.width = width

    def forget(self, state: State) -> None:
        """Drop and merge values of a state, in place."""
        self._forget_views(state)
        for number in list(state.history):
            history = state.history[number]
            if len(history) > 1:
                floors = self.floors(state, number)
                floor = min([f for _, f in floors], default=len(history) - 1)
                if floor:
                    history = state.drop(number, floor)
                    floors = [(t, f - floor) for t, f in floors]
                if self.kinds[self.places[number]] == ATOMIC and not any(message[4] for message in history):
                    history = self._merged(state, number, history, floors)
            if len(history) == 1 and not history[0][1] and not history[0][4]:
                del state.history[number]

    def _forget_views(self, state: State) -> None:
        """A view that only a full barrier would join matters only to threads that will still execute one."""
        barriers = False
        for t in self.first:
            cur, later, fence = state.views[t]
            future = state.futures[t]
            if future.barriers:
                barriers = True
            elif not future.touches:
                state.views[t] = (0, 0, 0)
            elif later != cur:
                state.views[t] = (cur, cur, fence)
        if not barriers:
            state.barrier = 0

    def floors(self, state: State, number: int) -> list[tuple[int, int]]:
        """The threads that may read present values of a location, each with the index of the oldest that it may read."""
        place = self.places[number]
        found = []
        for t in self.first:
            asleep = state.asleep[t]
            if asleep is not None and asleep[0] == number:
                found.append((t, asleep[1]))
            elif place in state.futures[t].synced:
                found.append((t, self._surely(state, t, number)))
        return found

    def _surely(self, state: State, t: int, number: int) -> int:
        """The index of the oldest value of a location that a thread may still read."""
        offset = WIDTH * number
        own = state.views[t][0] >> offset & FIELD
        least = FIELD
        for syncs in state.futures[t].synced[self.places[number]]:
            known = own
            for bit, at in self.futures[t].syncs:
                if syncs & bit:
                    known |= self._gained(state, t, at) >> offset & FIELD
            least &= known
        return least.bit_length()

    def _gained(self, state: State, t: int, at: int) -> int:
        """The view that a thread will gain from a full barrier, or from an atomic operation on the cell ``at``."""
        if at == FULL_SYNC:
            return state.views[t][1] | state.barrier
        history = state.history.get(self.number[at])
        known = 0 if history is None else history[-1][1]
        holder = state.holders.get(at, -1)
        if holder >= 0 and holder != t:
            known |= state.views[holder][0]  # it will leave the lock before t takes it
        return known

    def _merged(
        self, state: State, number: int, history: tuple[Message, ...], floors: list[tuple[int, int]]
    ) -> tuple[Message, ...]:
        """The values of a location without those that are equivalent to the value before them."""
        i = 0
        while i < len(history) - 1:
            if self._alike(state, number, i, floors):
                history = state.merge(number, i)
                floors = [(t, f - (f > i)) for t, f in floors]
            else:
                i += 1
        return history

    def _alike(self, state: State, number: int, i: int, floors: list[tuple[int, int]]) -> bool:
        """Is the value at index i equivalent to the one after it, for all threads that may read that?

        A thread that reads the earlier value knows less. So each thread that knows of the later value must already know all
        that it carries, and each thread that may read it must observe no difference. The last value of a location is also read
        by atomic operations, and so must carry the same as the one before it.
        """
        history = state.history[number]
        one, two = history[i], history[i + 1]
        extra = two[1] & ~one[1]
        if one[1] & ~two[1] or (extra and i + 2 == len(history)):
            return False
        differ = self.observed.differ(one[0], two[0])
        if differ:
            shift = number * self.width
            for t, floor in floors:
                if floor <= i + 1 and state.futures[t].observes >> shift & differ:
                    return False
        return not extra or self._known_together(state, 1 << WIDTH * number + i, extra)

    @staticmethod
    def _known_together(state: State, value: int, extra: int) -> bool:
        """Does each view that has a value also have all of ``extra``, or gain it by reading that value again?"""
        for cur, later, fence in state.views:
            if (cur & value and extra & ~later) or (fence & value and extra & ~fence):
                return False
        if state.barrier & value and extra & ~state.barrier:
            return False
        return not any(m[1] & value and extra & ~m[1] for history in state.history.values() for m in history)
