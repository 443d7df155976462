"""Subsumption of states of the view machine: a state that another one covers need not be explored.

State A *covers* state B if every run from B can be made from A, too. This is so under three conditions. In both states the
threads are at the same instructions with the same registers, and each location has the same last value. For each location, A
has the values of B in the same order, or values that no reader can tell from them, perhaps with more values in between. And no
view in A, of a thread or of a value, contains more than its counterpart in B: a thread that knows less can do more. Then each
step from B can be made from A as well, and leads to a state that covers the state that it leads to from B.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from smpcheck.simulate.generate import Registers
from smpcheck.simulate.history import FIELD, WIDTH, Message, State
from smpcheck.simulate.lookahead import ATOMIC
from smpcheck.simulate.observed import Observed


class Visited:
    """The states that were visited, without those that others cover.

    ``keys``: by thread and instruction, what picks out the live registers. ``kinds``: by number of a location (see
    :mod:`smpcheck.simulate.lookahead`). ``width``: of what is observed, in bits.
    """

    def __init__(
        self,
        keys: Sequence[Sequence[Callable[[Registers], Any]]],
        kinds: Sequence[int],
        observed: Observed,
        width: int,
        exact: bool = False,
    ) -> None:
        """``exact``: a state covers only equal ones."""
        self.exact = exact
        self.keys = keys
        self.kinds = kinds
        self.observed = observed
        self.width = width
        self.everything = (1 << width) - 1
        self._states: dict[Any, list[State]] = {}

    def covers(self, state: State) -> bool:
        """Does a known state cover this one? If not, this one is remembered, and the states that it covers are marked and
        dropped."""
        registers = tuple([keys[pc](r) for keys, pc, r in zip(self.keys, state.pcs, state.registers, strict=True)])
        place = (tuple(state.pcs), registers, tuple(state.memory))
        known = self._states.get(place)
        if known is None:
            self._states[place] = [state]
            return False
        for old in known:
            if self.covered_by(old, state):
                return True
        rest = []
        for old in known:
            if self.covered_by(state, old):
                old.covered = True
            else:
                rest.append(old)
        rest.append(state)
        self._states[place] = rest
        return False

    def covered_by(self, a: State, b: State) -> bool:
        """Does ``a`` cover ``b``, which is at the same place?"""
        if self.exact:
            return a.history == b.history and (a.views, a.barrier, a.asleep) == (b.views, b.barrier, b.asleep)
        others = b.history
        matches: list[tuple[int, list[int]]] = []
        for number, mine in a.history.items():
            theirs = others.get(number)
            if theirs is None:
                if len(mine) > 1:
                    matches.append((number, [len(mine) - 1]))
            elif mine is not theirs and (len(mine) != len(theirs) or mine != theirs):
                match = self._matched(a, number, mine, theirs)
                if match is None:
                    return False
                if len(mine) > len(theirs):
                    matches.append((number, match))
        for number, theirs in others.items():
            if len(theirs) > 1 and number not in a.history:
                return False
        low = _Translation(matches) if matches else None
        if not _knows_less(a, b, low):
            return False
        indices = dict(matches)
        for number, mine in a.history.items():
            theirs = others.get(number)
            if theirs is None:
                carried = mine[-1][1] | mine[-1][4]
                if carried and (low is None or low(carried)):
                    return False
            elif mine is not theirs:
                match = indices.get(number)
                for k, message in enumerate(theirs):
                    _, carried, _, _, beside = mine[k if match is None else match[k]]
                    if carried and (carried if low is None else low(carried)) & ~message[1]:
                        return False
                    if (beside or message[4]) and (beside if low is None else low(beside)) != message[4]:
                        return False
        for mine_asleep, asleep in zip(a.asleep, b.asleep, strict=True):
            if mine_asleep is not None:
                if asleep is None or mine_asleep[0] != asleep[0]:
                    return False
                match = indices.get(asleep[0])
                after = asleep[1] + 1
                if match is not None and after < len(match):
                    after = match[after]
                elif match is not None:
                    after = match[-1] + 1
                if mine_asleep[1] >= after:
                    return False
        return True

    def _matched(self, a: State, number: int, mine: tuple[Message, ...], theirs: tuple[Message, ...]) -> list[int] | None:
        """For each value of theirs the index of the one of mine that stands for it; the last stands for the last."""
        shift = len(mine) - len(theirs)
        if shift < 0:
            return None
        if self.kinds[number] != ATOMIC or any(message[4] for message in mine + theirs):
            for k, (m, t) in enumerate(zip(mine[shift:], theirs, strict=True)):
                if m[0] != t[0] or (k and m[2] != t[2]) or m[3] != t[3]:
                    return None
            return list(range(shift, len(mine)))
        wanted = 0
        for future in a.futures:
            wanted |= future.observes >> number * self.width
        wanted &= self.everything
        differ = self.observed.differ
        match = [0] * len(theirs)
        at = match[-1] = len(mine) - 1
        for k in range(len(theirs) - 2, -1, -1):
            value = theirs[k][0]
            at -= 1
            while at >= k and differ(mine[at][0], value) & wanted:
                at -= 1
            if at < k:
                return None
            match[k] = at
        return match


class _Translation:
    """Translates views of one state into those of another, where locations have other values."""

    def __init__(self, matches: Sequence[tuple[int, list[int]]]) -> None:
        self.fields = []
        for number, match in matches:
            table = []
            k = 0
            for index in range(match[-1] + 1):
                while match[k] < index:
                    k += 1
                table.append((1 << k) - 1)
            self.fields.append((WIDTH * number, FIELD << WIDTH * number, table))

    def __call__(self, view: int) -> int:
        """The view with the first value there that stands for a value of this view, or for a later one."""
        for offset, mask, table in self.fields:
            own = view & mask
            if own:
                view = view & ~mask | table[(own >> offset).bit_length()] << offset
        return view


def _knows_less(a: State, b: State, low: Callable[[int], int] | None) -> bool:
    """Do threads and barriers of ``a`` know no more than those of ``b``?"""
    if low is None:
        if a.barrier & ~b.barrier:
            return False
        return not any(x[0] & ~y[0] or x[1] & ~y[1] or x[2] & ~y[2] for x, y in zip(a.views, b.views, strict=True))
    if low(a.barrier) & ~b.barrier:
        return False
    return not any(low(x[0]) & ~y[0] or low(x[1]) & ~y[1] or low(x[2]) & ~y[2] for x, y in zip(a.views, b.views, strict=True))
