"""Which delays to try, and what the rounds add up to: all of a reproduction that needs no kernel.

A round is one try. Most often all lanes begin within a few microseconds, each after a delay of its own, so that their calls
overlap in all ways. Every few rounds they go one after the other, in all orders: the control. Where lanes have several calls,
they take turns in some rounds: calls of one lane come between those of another, and none overlaps. Whether calls overlapped is
decided afterwards from the clock, and not from what was planned: a lane that was held up for a millisecond overlapped with
nobody.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, groupby, permutations

from msgspec import Struct

CONTROL_EVERY = 4
"""Of so many rounds one is a control."""

TURNS_AT = 2
"""The round after each control in which lanes take turns, where they can."""

MAX_TURNS = 200
"""Of so many ways to take turns at the most some are tried."""

SCALES = (1, 3, 14)
"""How many pages of the kernel stand for one of the model. More than 14 would not fit into a batch of 15 (31 in 6.12), which is
drained when it is full."""

MEMORY = 64
"""So many last hits and durations are kept to choose delays by."""

NEAR = 150
"""Nanoseconds: how far from an earlier hit the delays are tried again (standard deviation)."""

FIRST_GUESS = 5_000
"""Nanoseconds that the calls of a lane take, as long as nobody has seen it."""

MAX_HELD = 100_000
"""Nanoseconds: what takes longer was held up, and is no guide."""

MAX_SAMPLES = 50
"""So many rounds with a hit are told in full."""


class Plan(Struct, frozen=True):
    """What to try. ``delays``: nanoseconds for each lane; ``order``: whose call is next, if no two are to overlap."""

    scale: int
    delays: tuple[int, ...]
    order: tuple[int, ...] = ()

    @property
    def in_turns(self) -> bool:
        """Does a lane's call come between two of another lane?"""
        return len(list(groupby(self.order))) > len(set(self.order))


class Round(Struct, frozen=True):
    """What came of it: when each lane began and ended (nanoseconds of one clock), and the pages with the symptom afterwards."""

    plan: Plan
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    bad: int

    @property
    def overlapped(self) -> bool:
        """Were two of them at it at the same time?"""
        lanes = range(len(self.begins))
        return any(self.begins[a] < self.ends[b] and self.begins[b] < self.ends[a] for a, b in combinations(lanes, 2))

    @property
    def offsets(self) -> list[int]:
        """Nanoseconds by which each further lane began after the first lane."""
        return [begin - self.begins[0] for begin in self.begins[1:]]


class Sweep:
    """Chooses plans and learns from rounds: half of them anywhere, half near what led to a hit."""

    def __init__(self, calls: Sequence[int], pages: int, seed: int) -> None:
        """``calls``: how many each lane does. ``pages``: the most that an object has."""
        self.lanes = lanes = len(calls)
        self.scales = [scale for scale in SCALES if scale * pages <= SCALES[-1]] or [1]
        self.dice = random.Random(seed)
        self.controls = [tuple(lane for lane in order for _ in range(calls[lane])) for order in permutations(range(lanes))]
        self.turns = turns(calls, MAX_TURNS)
        self.orders = self.controls + self.turns
        self.hits: deque[Plan] = deque(maxlen=MEMORY)
        self.took: list[deque[int]] = [deque(maxlen=MEMORY) for _ in range(lanes)]
        self.number = 0

    def next(self) -> Plan:
        """What to try next."""
        self.number += 1
        scale = self.dice.choice(self.scales)
        for orders, place in ((self.controls, 0), (self.turns, TURNS_AT)):
            if orders and self.number % CONTROL_EVERY == place:
                return Plan(scale, (0,) * self.lanes, orders[self.number // CONTROL_EVERY % len(orders)])
        if self.hits and self.dice.random() < 0.5:
            near = self.dice.choice(self.hits)
            return Plan(near.scale, tuple(max(0, round(self.dice.gauss(delay, NEAR))) for delay in near.delays))
        # the lower quartile: on a busy machine more than half are held up
        durations = [sorted(took)[len(took) // 4] if took else FIRST_GUESS for took in self.took]
        longest = [max(durations[:i] + durations[i + 1 :]) for i in range(self.lanes)]
        return Plan(scale, tuple(self.dice.randrange(int(longest[i]) + 1) for i in range(self.lanes)))

    def learn(self, done: Round) -> None:
        """Take a round into account."""
        for took, begin, end in zip(self.took, done.begins, done.ends, strict=True):
            if end - begin <= MAX_HELD:
                took.append(end - begin)
        if done.bad and not done.plan.order:
            self.hits.append(done.plan)


def turns(calls: Sequence[int], most: int) -> list[tuple[int, ...]]:
    """Orders in which lanes with so many calls take turns: all of them, or ``most`` that are drawn (always the same)."""
    dice, whole = random.Random(0), [lane for lane, many in enumerate(calls) for _ in range(many)]
    found: dict[tuple[int, ...], None] = {}
    for _ in range(10 * most):
        dice.shuffle(whole)
        if Plan(1, (), tuple(whole)).in_turns:
            found[tuple(whole)] = None
        if len(found) == most:
            break
    return sorted(found)


@dataclass(slots=True)
class Tally:
    """What all rounds add up to."""

    together: int = 0
    """Rounds in which calls overlapped."""
    seen: int = 0
    """Pages with the symptom after those."""
    hits: int = 0
    """Those rounds in which there was one."""
    apart: int = 0
    """Rounds in which no two calls overlapped: the control."""
    seen_apart: int = 0
    """Pages with the symptom after those."""
    in_turns: int = 0
    """Rounds in which the lanes took turns, call by call."""
    seen_in_turns: int = 0
    """Pages with the symptom after those."""
    hits_in_turns: int = 0
    """Those rounds in which there was one."""
    looked: int = 0
    """Pages with the symptom that were looked at a second time, `LATER` seconds after."""
    still: int = 0
    """Those that had it still."""
    undone: int = 0
    """Those that had it no more when the call that sets the flag, and the one that clears it, were done once more."""
    samples: list[Round] = field(default_factory=list)
    """The first rounds with a hit."""

    def add(self, done: Round) -> None:
        """One more round."""
        if done.plan.in_turns:
            self.in_turns += 1
            self.seen_in_turns += done.bad
            self.hits_in_turns += done.bad > 0
        elif done.overlapped:
            self.together += 1
            self.seen += done.bad
            self.hits += done.bad > 0
        else:
            self.apart += 1
            self.seen_apart += done.bad
        if done.bad and len(self.samples) < MAX_SAMPLES:
            self.samples.append(done)


LATER = 0.2
"""Seconds."""

MAX_LOOKS = 5
"""So many rounds with a hit are looked at later."""


def offsets_of_hits(samples: Sequence[Round]) -> list[tuple[int, int]]:
    """For each lane but the first, between which two offsets (nanoseconds) it began where calls overlapped, with a hit."""
    raced = [done.offsets for done in samples if done.overlapped and not done.plan.in_turns]
    return [(min(each), max(each)) for each in zip(*raced, strict=True)]
