"""Trials on executions: add a barrier, mark an access, or isolate a pair of accesses, and ask the model again.

Which accesses a model orders is found by experiment, so this works for any model. There are two experiments.

*What would forbid this execution?* Full barriers are added between accesses of its threads, and plain accesses are marked, until
the model forbids it (:func:`cheapest_repair`).

*Does the model order these two accesses of a thread?* The thread is put into an execution with one other thread, whose two
accesses have a full barrier between them and close a cycle with the pair. If the model forbids the cycle, it orders the pair
(:class:`Trials`). A pair that is ordered in one kind of cycle need not be ordered in another: ``smp_wmb()`` orders two stores
for threads that read the stored values, but does not decide which of two stores to one variable is the last. If not even a full
barrier between the two forbids the cycle, it says nothing about the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import pairwise, product
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat.judge import evaluate
from smpcheck.cat.nodes import Model
from smpcheck.cat.slicing import allows
from smpcheck.program.execution import INIT_THREAD, ExecutedEvent, Execution
from smpcheck.program.tags import FULL_BARRIERS
from smpcheck.program.values import Ptr
from smpcheck.questions.minimal import OutOfTime, Search
from smpcheck.questions.orders import Edge
from smpcheck.questions.wording import is_plain

ONCE = frozenset({"Once"})


class Point(Struct, frozen=True):
    """A place in a thread: directly before or after an event."""

    event: int
    before: bool = True


def with_barriers(execution: Execution, points: Iterable[Point]) -> tuple[Execution, dict[int, Point]]:
    """``execution`` with a full barrier at each point, and which new event stands where. The ids of the others stay."""
    known = {e.id: e for e in execution.events}
    earlier: dict[int, set[int]] = {number: set() for number in known}
    later: dict[int, set[int]] = {number: set() for number in known}
    for a, b in execution.relations["po"]:
        earlier[b].add(a)
        later[a].add(b)
    added: dict[int, Point] = {}
    for number, point in enumerate(points, 1 + max(known)):
        before = earlier[point.event] | (set() if point.before else {point.event})
        after = later[point.event] | ({point.event} if point.before else set())
        for a in before:
            later[a].add(number)
        for b in after:
            earlier[b].add(number)
        earlier[number], later[number] = set(before), set(after)
        added[number] = point
    fences = (ExecutedEvent(n, known[point.event].thread, "F", FULL_BARRIERS, text="smp_mb()") for n, point in added.items())
    po = frozenset((a, b) for a, followers in later.items() for b in followers)
    return replace(execution, events=(*execution.events, *fences), relations={**execution.relations, "po": po}), added


def marked(execution: Execution, accesses: Collection[int]) -> Execution:
    """``execution`` with these plain accesses marked (READ_ONCE, WRITE_ONCE)."""
    if not accesses:
        return execution
    events = (replace(e, tags=e.tags - {"Plain"} | ONCE) if e.id in accesses else e for e in execution.events)
    return replace(execution, events=tuple(events))


def communication(execution: Execution) -> Iterator[tuple[str, int, int]]:
    """rf, co and fr, as triples."""
    later: dict[int, list[int]] = {}
    for first, second in execution.relations["co"]:
        later.setdefault(first, []).append(second)
        yield "co", first, second
    for write, read in execution.relations["rf"]:
        yield "rf", write, read
        for second in later.get(write, ()):
            if second != read:
                yield "fr", read, second


# --- what would mend it -----------------------------------------------------------------------------------------------------

TESTS, SECONDS = 300, 1.0
"""How much a search for a cheapest repair may take; after that, one without anything superfluous does."""
GAP, MARK = 2.0, 3.0
"""The costs of a barrier and of a mark."""


class Gap(Struct, frozen=True):
    """Two accesses of a thread with a place for a barrier directly before the second. Whatever other threads see of it is at one
    of the two, or further away.
    """

    first: int
    second: int


class Mark(Struct, frozen=True):
    """A plain access that would have to be marked."""

    event: int


Repair: TypeAlias = Gap | Mark


class Mended(Struct, frozen=True):
    """A cheapest repair. ``gaps``: each with the pair of accesses that a barrier there orders, in what forbids the execution."""

    gaps: tuple[tuple[Gap, Edge], ...]
    marks: tuple[int, ...]


def repaired(execution: Execution, repairs: Iterable[Repair]) -> tuple[Execution, dict[int, Gap]]:
    """The execution with these repairs, and which barrier belongs to which gap."""
    chosen = list(repairs)
    gaps = {gap.second: gap for gap in chosen if isinstance(gap, Gap)}
    changed = marked(execution, {mark.event for mark in chosen if isinstance(mark, Mark)})
    changed, added = with_barriers(changed, (Point(second) for second in gaps))
    return changed, {number: gaps[point.event] for number, point in added.items()}


def repairs_of(execution: Execution) -> list[Repair]:
    """All that can be tried: a barrier between any two accesses of a thread that meet other threads', where there is no full one
    yet, and a mark at those."""
    events = {e.id: e for e in execution.events}
    meets = {
        end
        for _, a, b in communication(execution)
        if events[a].thread != events[b].thread and min(events[a].thread, events[b].thread) >= 0
        for end in (a, b)
    }
    read_of = {w: r for r, w in execution.relations["rmw"]}
    found: list[Repair] = []
    threads: dict[int, list[int]] = {}
    for e in execution.events:
        if e.id in meets:
            threads.setdefault(e.thread, []).append(read_of.get(e.id, e.id))
    po = execution.relations["po"]
    full = [e.id for e in execution.events if e.kind == "F" and e.tags & FULL_BARRIERS]
    for accesses in threads.values():
        for a, b in pairwise(dict.fromkeys(accesses)):
            if not any((a, barrier) in po and (barrier, b) in po for barrier in full):
                found.append(Gap(a, b))
    return [*found, *(Mark(e) for e in sorted(meets) if is_plain(events[e]))]


def cheapest_repair(execution: Execution, model: Model) -> Mended | None:
    """What forbids ``execution``, which ``model`` allows; None if nothing of the kind does, or none was found in time."""

    def forbidden(chosen: frozenset[Repair]) -> bool:
        return not allows(model, repaired(execution, chosen)[0])

    def cost(repair: Repair) -> float:
        return GAP if isinstance(repair, Gap) else MARK

    everything = repairs_of(execution)
    search = Search(everything, forbidden, TESTS, SECONDS)
    try:
        found = search.cheapest_sets(cost, 1)
    except OutOfTime:
        found = [_smallest(everything, forbidden)]
    if not found:
        return None
    changed, barriers = repaired(execution, sorted(found[0], key=str))
    pairs = {number: (gap.first, gap.second) for number, gap in barriers.items()}
    pairs |= _ordered(changed, model, pairs)
    gaps = tuple(sorted(((gap, pairs[number]) for number, gap in barriers.items()), key=lambda found: found[0].second))
    return Mended(gaps, tuple(sorted(mark.event for mark in found[0] if isinstance(mark, Mark))))


def _smallest(everything: Sequence[Repair], forbidden: Callable[[frozenset[Repair]], bool]) -> frozenset[Repair]:
    """A set of repairs that is enough, without any that can go; marks go first. (All of them together are enough.)

    Divide and conquer, as what is needed is little of a lot (QuickXplain: Junker, AAAI 2004).
    """

    def needed(base: frozenset[Repair], changed: bool, rest: Sequence[Repair]) -> frozenset[Repair]:
        """The elements of ``rest`` that are needed besides ``base``, which has ``changed``; the preferred ones come first."""
        if changed and forbidden(base):
            return frozenset()
        if len(rest) == 1:
            return frozenset(rest)
        wanted, other = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        second = needed(base | frozenset(wanted), True, other)
        return second | needed(base | second, bool(second), wanted)

    ordered = sorted(everything, key=lambda repair: isinstance(repair, Mark))
    return needed(frozenset(), False, ordered) if ordered else frozenset()


def _ordered(execution: Execution, model: Model, pairs: dict[int, Edge]) -> dict[int, Edge]:
    """For barriers, the accesses that they order in what forbids the execution, where its derivation goes through them."""
    kinds = {e.id: e.kind for e in execution.events}
    for violation in evaluate(model, execution):
        if violation.flag:
            continue
        ends: dict[int, list[int]] = {}
        for step in violation.steps:
            if step.target in pairs:
                ends.setdefault(step.target, [-1, -1])[0] = step.source
            if step.source in pairs:
                ends.setdefault(step.source, [-1, -1])[1] = step.target
        found = {
            barrier: (a, b) for barrier, (a, b) in ends.items() if a >= 0 <= b and kinds[a] != "F" and kinds[b] != "F"
        }  # fmt: skip
        if found:
            return found
    return {}


# --- what the model makes of a pair -----------------------------------------------------------------------------------------

Strength: TypeAlias = Literal["none", "some", "all", "untestable"]
"""How many kinds of cycles the model forbids for the sake of a pair: none (nothing orders it), some, all. ``untestable``: it
forbids none, and would not if there were a full barrier (a plain access, a model without full barriers).
"""

INTO = {"R": ("rf",), "W": ("fr", "co")}
OUT_OF = {"R": ("fr",), "W": ("rf", "co")}
"""How another thread can lead to an access, and on from it."""


ELSEWHERE = Ptr("(elsewhere)")
"""A location that no program has."""


class Trials:
    """What ``models``, which allow the execution, make of pairs of accesses of one thread: what the strongest of them does."""

    def __init__(self, execution: Execution, models: Collection[Model]) -> None:
        self.execution = execution
        self.models = models
        self.events = {e.id: e for e in execution.events}
        self.kinds: dict[int, tuple[set[str], set[str]]] = {}
        """For each access, the kinds of communication that lead to it from other threads, and from it to others."""
        for kind, a, b in communication(execution):
            if self.events[a].thread != self.events[b].thread and min(self.events[a].thread, self.events[b].thread) >= 0:
                self.kinds.setdefault(a, (set(), set()))[1].add(kind)
                self.kinds.setdefault(b, (set(), set()))[0].add(kind)
        self.known: dict[Edge, tuple[Strength, bool]] = {}

    def strength(self, pair: Edge) -> Strength:
        """How strongly the two are ordered."""
        return self._tried(pair)[0]

    def holds_here(self, pair: Edge) -> bool:
        """Does the order count in every cycle in which other threads close the pair in the ways of this execution?"""
        return self._tried(pair)[1]

    def _tried(self, pair: Edge) -> tuple[Strength, bool]:
        if pair not in self.known:
            self.known[pair] = self._try(*pair)
        return self.known[pair]

    def _try(self, first: int, second: int) -> tuple[Strength, bool]:
        a, b = self.events[first], self.events[second]
        if a.address == b.address:
            return "all", True
        initial = {e.address for e in self.execution.events if e.thread == INIT_THREAD}
        if not {a.address, b.address} <= initial:
            return "untestable", False
        alone = _read_alone(_alone(self.execution, a.thread), second)
        unread = _unread(alone, second)
        forbidden: dict[tuple[str, str], bool] = {}
        for into, out in product(INTO[a.kind], OUT_OF[b.kind]):
            for model in self.models:
                closed = _closed(unread if out == "co" else alone, a, b, into, out)
                if not allows(model, closed):
                    if all(allows(model, _without(closed, e)) for e in (first, second)):
                        forbidden[into, out] = True
                elif not allows(model, with_barriers(closed, [Point(second)])[0]):
                    forbidden.setdefault((into, out), False)
        if not forbidden:
            return "untestable", False
        to_first = self.kinds.get(first, (set(), set()))[0]
        from_second = self.kinds.get(second, (set(), set()))[1]
        here = [yes for (into, out), yes in forbidden.items() if into in to_first and out in from_second]
        said: Strength = "all" if all(forbidden.values()) else "some" if any(forbidden.values()) else "none"
        return said, all(here) if here else said == "all"


def _without(execution: Execution, event: int) -> Execution:
    """The execution without an access, or the atomic operation that it is part of."""
    gone = {event, *(end for pair in execution.relations["rmw"] if event in pair for end in pair)}
    relations = {name: frozenset(pair for pair in pairs if gone.isdisjoint(pair)) for name, pairs in execution.relations.items()}
    return replace(execution, events=tuple(e for e in execution.events if e.id not in gone), relations=relations)


def _alone(execution: Execution, thread: int) -> Execution:
    """One thread, and of the others only the stores that it reads from, as if they had been there from the beginning."""
    own = {e.id for e in execution.events if e.thread == thread}
    sources = {w for w, r in execution.relations["rf"] if r in own} - own
    addresses = {e.address for e in execution.events if e.id in own}
    sources |= {e.id for e in execution.events if e.thread == INIT_THREAD and e.address in addresses}
    events = []
    for e in execution.events:
        if e.id in own:
            events.append(e)
        elif e.id in sources:
            events.append(replace(e, thread=INIT_THREAD, tags=frozenset({"IW"})))
    kept = own | sources
    relations = {
        name: frozenset((a, b) for a, b in pairs if a in kept and b in kept) for name, pairs in execution.relations.items()
    }
    return replace(execution, events=tuple(events), relations=relations)


def _read_alone(execution: Execution, event: int) -> Execution:
    """The execution with the write elsewhere, if the event is the read of an atomic operation.

    A store that overwrites what this read saw is after the operation's write too, so whatever is ordered before the write would
    seem to be ordered before the read.
    """
    write = dict(execution.relations["rmw"]).get(event)
    if write is None:
        return execution
    events = (replace(e, address=ELSEWHERE) if e.id == write else e for e in execution.events)
    co = frozenset(pair for pair in execution.relations["co"] if write not in pair)
    return replace(execution, events=tuple(events), relations={**execution.relations, "co": co})


def _unread(execution: Execution, event: int) -> Execution:
    """The execution with what its own thread reads from a store elsewhere.

    Who overwrites the store also comes after those reads, so whatever is ordered before them would seem to be ordered before it.
    """
    thread = {e.id: e.thread for e in execution.events}
    gone = {r for w, r in execution.relations["rf"] if w == event and thread[r] == thread[event]}
    if not gone:
        return execution
    events = (replace(e, address=ELSEWHERE) if e.id in gone else e for e in execution.events)
    rf = frozenset(pair for pair in execution.relations["rf"] if pair[1] not in gone)
    return replace(execution, events=tuple(events), relations={**execution.relations, "rf": rf})


def _closed(alone: Execution, a: ExecutedEvent, b: ExecutedEvent, into: str, out: str) -> Execution:
    """A cycle: from ``b`` by ``out`` to a second thread with a full barrier, and from there by ``into`` to ``a``."""
    number = 1 + max(e.id for e in alone.events)
    thread = 1 + max(a.thread, *(e.thread for e in alone.events))
    first = ExecutedEvent(number, thread, "R" if out == "rf" else "W", ONCE, b.cell, b.address, b.value)
    barrier = ExecutedEvent(number + 1, thread, "F", FULL_BARRIERS, text="smp_mb()")
    second = ExecutedEvent(number + 2, thread, "R" if into == "fr" else "W", ONCE, a.cell, a.address, a.value)
    rf, co = set(alone.relations["rf"]), set(alone.relations["co"])
    source = {r: w for w, r in rf}

    addresses = {e.id: e.address for e in alone.events}
    halves = {r: w for r, w in alone.relations["rmw"] if addresses[r] == addresses[w]}

    def after(place: int, new: int) -> None:
        """Put the store ``new`` directly after the store ``place`` in coherence."""
        co.update([(place, new), *((w, new) for w, x in co if x == place), *((new, x) for w, x in co if w == place)])

    def before(place: int) -> int:
        """The store directly before ``place`` in coherence."""
        earlier = {w for w, x in co if x == place}
        return max(earlier, key=lambda w: sum((x, w) in co for x in earlier))

    if out == "rf":
        rf.add((b.id, first.id))
    elif out == "co":
        after(b.id, first.id)
    else:
        after(halves.get(b.id, source[b.id]), first.id)  # nothing comes between the halves of an atomic operation
    if into == "fr":
        rf.add((before(a.id), second.id))
    elif into == "co" and a.id in halves.values():
        oldest = before(a.id)
        co.update([(w, second.id) for w, x in co if x == oldest])
        co.update([(second.id, oldest), *((second.id, x) for w, x in co if w == oldest)])
    elif into == "co":
        after(before(a.id), second.id)
    else:
        rf.discard((source[a.id], a.id))
        rf.add((second.id, a.id))
        after(source[a.id], second.id)
    po = alone.relations["po"] | {(number, number + 1), (number, number + 2), (number + 1, number + 2)}
    relations = {**alone.relations, "po": po, "rf": frozenset(rf), "co": frozenset(co)}
    return replace(alone, events=(*alone.events, first, barrier, second), relations=relations)
