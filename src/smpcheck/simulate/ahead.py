"""What threads may still do, from each instruction on: which cells they may come upon without knowing their last values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import UnionType
from typing import TypeAlias

from smpcheck.program import ir
from smpcheck.simulate.code import Code, Rcu
from smpcheck.simulate.parts import FULL, Access

FULL_SYNC = -1

Families: TypeAlias = dict[int, tuple[int, ...]]
"""For cells, sets of what makes a thread know more."""

MOST_SETS = 6

ATOMIC, LOCK, MIXED = 0, 1, 2


class Ahead:
    """For each thread and instruction, cells as bits by index in memory.

    ``reads``, ``writes``: those that may still be accessed. ``barriers``: not 0 if a full barrier may follow. ``looks``: those of
    which the thread may come upon a value that is not the last. ``unsynced``: for each thing that makes a thread know more (a
    full barrier, ``FULL_SYNC``; an atomic operation that takes what a cell's last value carries, the cell's index), those that
    it may look at before. ``kinds``: for each cell, do all its writes come of atomic operations (ATOMIC), or else of taking and
    leaving a spinlock (LOCK)? Then an atomic operation on it reads the last value. MIXED: neither is so.
    """

    def __init__(self, codes: Sequence[Code], steps: Sequence[dict[int, Access]], cells: Sequence[int]) -> None:
        self.codes = codes
        self.steps = steps
        self.kinds = self._kinds(cells)
        self._before: dict[int, list[tuple[list[int], list[int]]]] = {}
        threads = range(len(codes))
        self.reads = [self._of(t, ir.Load | ir.Rmw) for t in threads]
        self.writes = [self._of(t, ir.Store | ir.Rmw) for t in threads]
        self.barriers = [reachable(code, self._full(t, code)) for t, code in enumerate(codes)]
        self.looks: list[list[int]] = []
        self.synced: list[list[Families]] = []
        self.syncs: list[list[tuple[int, int]]] = []
        for t, code in enumerate(self.codes):
            own, kills = self._looks(t)
            self.looks.append(reachable(code, own, kills=kills))
            self.synced.append(self._synced(t, own, kills))

    def _synced(self, t: int, own: list[int], kills: list[int]) -> list[Families]:
        """See :class:`Ahead`."""
        code = self.codes[t]
        count = len(code.instrs)
        full = self._full(t, code)
        syncs = {FULL_SYNC: 1}
        gains = [0] * count
        for place, pcs in self._acquiring(t).items():
            bit = syncs.setdefault(place, 1 << len(syncs))
            for pc in pcs:
                gains[pc] |= bit
        self.syncs.append([(bit, place) for place, bit in syncs.items()])
        nothing: Families = {}
        result = [nothing] * count
        changed = True
        while changed:
            changed = False
            for pc in range(count - 1, -1, -1):
                after = [result[to] for to in code.successors(pc)]
                found = after[0] if after else nothing
                for more in after[1:]:
                    found = _either(found, more)
                if found and kills[pc]:
                    found = {place: family for place, family in found.items() if not kills[pc] >> place & 1}
                if gains[pc]:
                    found = _with(found, gains[pc])
                if own[pc]:
                    found = {**found, **{place: (0,) for place in bits(own[pc])}}
                if full[pc]:
                    found = _with(found, 1)
                if found is not result[pc] and found != result[pc]:
                    result[pc] = _either(result[pc], found)
                    changed = True
        return result

    def before_lock(self, place: int) -> list[tuple[list[int], list[int]]]:
        """``reads`` and ``writes`` of each thread as far as it comes without taking the spinlock in a cell."""
        found = self._before.get(place)
        if found is None:
            found = self._before[place] = [
                (self._of(t, ir.Load | ir.Rmw, place), self._of(t, ir.Store | ir.Rmw, place)) for t in range(len(self.codes))
            ]
        return found

    def _of(self, t: int, kinds: UnionType | type, lock: int = -1) -> list[int]:
        """The cells of all accesses of some kinds that a thread may still make, by instruction; none after ``lock`` was taken."""
        steps = self.steps[t]
        own, stops = [0] * len(self.codes[t].instrs), [0] * len(self.codes[t].instrs)
        for pc, access in steps.items():
            own[pc] = access.mask if isinstance(access.stmt, kinds) else 0
            stops[pc] = int(lock >= 0 and isinstance(access.stmt, ir.Rmw) and access.mask == 1 << lock)
        return reachable(self.codes[t], own, own, stops)

    def _kinds(self, cells: Sequence[int]) -> dict[int, int]:
        kinds = dict.fromkeys(cells, ATOMIC)
        for steps in self.steps:
            for access in steps.values():
                if isinstance(access.stmt, ir.Store):
                    for place in bits(access.mask):
                        kinds[place] = max(kinds[place], LOCK if "UL" in access.stmt.tags and access.release else MIXED)
        for steps in self.steps:
            for access in steps.values():
                if isinstance(access.stmt, ir.Rmw) and not ("LKR" in access.stmt.read_tags and access.acquire):
                    for place in bits(access.mask):
                        kinds[place] = ATOMIC if kinds[place] == ATOMIC else MIXED
        return kinds

    def _full(self, t: int, code: Code) -> list[int]:
        return [
            int((isinstance(i, Rcu) and i.what == FULL) or (pc in self.steps[t] and self.steps[t][pc].full))
            for pc, i in enumerate(code.instrs)
        ]

    def _looks(self, t: int) -> tuple[list[int], list[int]]:
        """For each instruction the locations of which it may come upon a value that is not the last, and those whose last value
        its thread knows from there on."""
        count = len(self.codes[t].instrs)
        own, kills = [0] * count, [0] * count
        for pc, access in self.steps[t].items():
            if not isinstance(access.stmt, ir.Rmw):
                own[pc] = access.mask
            else:
                own[pc] = sum(1 << place for place in bits(access.mask) if self.kinds[place] == MIXED)
                if access.mask.bit_count() == 1:
                    kills[pc] = access.mask & ~own[pc]
        return own, kills

    def _acquiring(self, t: int) -> dict[int, set[int]]:
        """The steps after which a thread knows what the last value of a location carries, by location."""
        found: dict[int, set[int]] = {}
        instrs = self.codes[t].instrs
        for pc, access in self.steps[t].items():
            if isinstance(access.stmt, ir.Rmw) and access.mask.bit_count() == 1:
                place = access.mask.bit_length() - 1
                follower = instrs[pc + 1]
                if self.kinds[place] != MIXED and (access.acquire or (isinstance(follower, Rcu) and follower.what == FULL)):
                    found.setdefault(place, set()).add(pc)
        return found


def _either(a: Families, b: Families) -> Families:
    """What may be on either of two ways."""
    if a is b or not b:
        return a
    if not a:
        return b
    result = dict(a)
    for place, family in b.items():
        mine = result.get(place)
        if mine is None:
            result[place] = family
        elif mine != family:
            result[place] = _least((*mine, *family))
    return result


def _with(families: Families, gained: int) -> Families:
    return {place: _least([one | gained for one in family]) for place, family in families.items()}


def _least(sets: Iterable[int]) -> tuple[int, ...]:
    """The sets of which none is part of another one, in order; fewer and smaller ones where there are too many."""
    least: list[int] = []
    for one in sorted(set(sets), key=lambda x: (x.bit_count(), x)):
        if not any(known & one == known for known in least):
            least.append(one)
    while len(least) > MOST_SETS:
        least = list(_least([*least[:-2], least[-1] & least[-2]]))
    return tuple(sorted(least))


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def reachable(
    code: Code, own: list[int], at_stop: list[int] | None = None, stops: Sequence[int] = (), kills: Sequence[int] = ()
) -> list[int]:
    """For each instruction what it and all that may follow have, as bits. At ``stops`` only ``at_stop`` counts, and nothing that
    follows; ``kills``: the bits that do not count from before an instruction on."""
    count = len(own)
    stops = stops or [0] * count
    kills = kills or [0] * count
    result = [(at_stop or own)[pc] if stops[pc] else own[pc] for pc in range(count)]
    changed = True
    while changed:
        changed = False
        for pc in range(count - 1, -1, -1):
            if stops[pc]:
                continue
            mask = 0
            for after in code.successors(pc):
                mask |= result[after]
            mask = mask & ~kills[pc] | own[pc]
            if mask != result[pc]:
                result[pc] = mask
                changed = True
    return result
