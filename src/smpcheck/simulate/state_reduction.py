"""What no thread can come upon any more is forgotten, so that states differ only where it matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smpcheck.simulate.history import FIELD, WIDTH, Message, State
from smpcheck.simulate.lookahead import ATOMIC, FULL_SYNC, Futures
from smpcheck.simulate.observed import Observed


class Forgetting:
    """``first``: the threads that run at first. ``futures``: by thread. ``places``: by number of a location, the index of its
    cell in memory; ``number``: back. ``kinds``: by index of a cell (see :func:`smpcheck.simulate.lookahead.kinds_of`). ``width``:
    of what is observed of a location, in bits."""

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
        """Drop and merge what can be in a state."""
        self._forget_views(state)
        for number in list(state.history):
            history = state.history[number]
            if len(history) > 1:
                floors = self.floors(state, number)
                floor = min([f for _, f in floors], default=len(history) - 1)
                if floor:
                    history = state.drop(number, floor)
                    floors = [(t, f - floor) for t, f in floors]
                if self.kinds[self.places[number]] == ATOMIC:
                    history = self._merged(state, number, history, floors)
            if len(history) == 1 and not history[0][1]:
                del state.history[number]

    def _forget_views(self, state: State) -> None:
        """What only a full barrier makes known matters only to those who still have one."""
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
        """The threads that may look at values of a location that are there, and the oldest that each may come upon, by index."""
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
        """The oldest value of a location that a thread may still come upon, by index."""
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
        """What a thread will learn from a full barrier, or from an atomic operation on the cell ``at``."""
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
        """What is there after values that are as good as the ones before them are gone."""
        i = 0
        while i < len(history) - 1:
            if self._alike(state, number, i, floors):
                history = state.merge(number, i)
                floors = [(t, f - (f > i)) for t, f in floors]
            else:
                i += 1
        return history

    def _alike(self, state: State, number: int, i: int, floors: list[tuple[int, int]]) -> bool:
        """Is the value at index i as good as the one after it, for all who may come upon that?

        Who reads the earlier one knows less. Who knows of the later one must know all that it carries, and who may read it must
        observe no difference. The last one is taken by atomic operations too, and so must carry the same.
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
        """Does whoever knows of a value know all of ``extra``, or will when it has read that value again?"""
        for cur, later, fence in state.views:
            if (cur & value and extra & ~later) or (fence & value and extra & ~fence):
                return False
        if state.barrier & value and extra & ~state.barrier:
            return False
        return not any(m[1] & value and extra & ~m[1] for history in state.history.values() for m in history)
