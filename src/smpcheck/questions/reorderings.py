"""The accesses of an execution that take effect out of program order, as few of them as possible.

An execution is an interleaving iff program order and communication (rf, co, fr) have no cycle together (Shasha and Snir 1988).
If they have a cycle, some edge must be given up: either two accesses of a thread do not take effect in program order, or a store
does not reach all threads at once. Often there is a choice, and not every choice is true: a pair that a barrier orders must not
be given up. So the model is asked first which added barriers would forbid the execution
(:func:`smpcheck.questions.experiments.cheapest_repair`). Pairs around these places are given up before any others, and each is
tested alone before a sentence says that nothing orders it. Some of these places may be in order in the execution as it is told
(message passing without any barrier needs two barriers, but shows one reordering); they are listed separately.

The halves of an atomic operation are told as one step if possible. If one half is ordered with another access and the other is
not (an acquire orders its read only, a release its write), they are two steps, and the sentence names the half that is out of
order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat.concrete import Evaluation, relation
from smpcheck.cat.nodes import Model
from smpcheck.program.bit_rows import bits, closure
from smpcheck.program.execution import Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.tags import FULL_BARRIERS
from smpcheck.questions.experiments import Gap, Mended, Trials, cheapest_repair, marked
from smpcheck.questions.orders import Edge, feedback, graph_of, shortest_cycle, story
from smpcheck.questions.statements import (
    Forwarded,
    Order,
    Reordered,
    SeenEarly,
    StoryStatement,
    TooWeak,
    TooWeakKind,
    Unordered,
)
from smpcheck.questions.wording import Words, is_plain, sentence
from smpcheck.records import PartlyCompared

REORDERED = 2
"""The price of a pair out of program order that nothing orders, at a place that would mend the execution."""
FORWARDED = 3
"""A load that sees its own thread's store before others can."""
NOT_AT_ONCE = 9
"""A store that reaches one thread before another (of three or more)."""
WEAKLY = 8
"""A pair that the model keeps in order, but not in the kind of cycle that it is in."""
ELSEWHERE = 18
"""What a pair costs more where order would not mend the execution."""
UNTRIED = 12
"""A pair that a relation of the model has: probably kept."""
STRONGLY = 400
"""A pair that the model keeps in order: never the explanation, if there is any other."""
FIXED = 1000
"""fr and co, which are what the execution is, and the halves of an atomic operation."""
APART = 3
"""What it costs to tell an atomic operation as two steps."""
ROUNDS = 40
"""How often the explanation is sought again with what the last one taught."""


class Reordering(Struct, frozen=True):
    """A step that no interleaving has: events ``first`` and ``second`` (ids), ``kind`` ``po`` or ``rf``; what is said about it,
    as a statement and as a sentence. Of :attr:`Story.also`, also ``mark``: a plain access and what it races with.

    ``along``: events that ``second`` overtakes as well (or that overtake ``first``) without its mattering more.
    """

    kind: str
    first: int
    second: int
    claim: StoryStatement
    sentence: str
    along: tuple[int, ...] = ()


class Story(PartlyCompared, frozen=True):
    """An execution as a sequence of steps (event ids) and what in it is not in program order. ``weight`` compares executions.

    ``also``: where order is missing besides. ``mended``: what would forbid this execution, None where that is not known.
    """

    ASIDE = frozenset({"mended"})

    steps: tuple[int, ...]
    reorderings: tuple[Reordering, ...]
    weight: tuple[int, int, int]
    also: tuple[Reordering, ...] = ()
    mended: Mended | None = None


def tell(execution: Execution, model: Model, words: Words, also: Model | None = None) -> Story:
    """The story of ``execution``, which ``model`` allows (and the stronger model ``also``, by which it is to be told)."""
    teller = _Teller(execution, [m for m in (model, also) if m is not None], words)
    return teller.story()


def least_weight(execution: Execution, model: Model, words: Words) -> int:
    """A lower bound for the weight of the story of an execution: as if the model ordered nothing."""
    return _Teller(execution, [model], words).least()


def local_order(execution: Execution, model: Model) -> tuple[set[Edge], set[Edge]]:
    """The pairs of program order that ``model`` keeps, whatever other threads do; and those of them that it keeps not only
    because both are accesses to one location (a load may be served by a store of its own thread that others do not see yet).
    """
    nothing: frozenset[Edge] = frozenset()
    alone = replace(execution, relations={**execution.relations, "rf": nothing, "co": nothing})
    evaluation = Evaluation(alone)
    events = execution.events
    po = execution.relations["po"]
    kept = [0] * evaluation.n
    beyond = [0] * evaluation.n
    for axiom in model.axioms:
        if axiom.kind == "acyclic" and not axiom.flag and not axiom.negated:
            rows = evaluation.rows(axiom.node)
            kept = [a | b for a, b in zip(kept, rows, strict=True)]
            if any(events[x].address != events[y].address for x, row in enumerate(rows) for y in bits(row)):
                beyond = [a | b for a, b in zip(beyond, rows, strict=True)]

    def pairs(rows: list[int]) -> set[Edge]:
        found = {(events[x].id, events[y].id) for x, row in enumerate(closure(rows)) for y in bits(row)}
        return found & po

    return pairs(kept), pairs(beyond)


def racing(execution: Execution, model: Model) -> frozenset[Edge]:
    """The pairs of accesses that ``model`` flags as races."""
    axioms = (axiom for axiom in model.axioms if axiom.flag and axiom.name == DATA_RACE and axiom.node.kind == "rel")
    return frozenset(pair for axiom in axioms for pair in relation(axiom.node, execution))


class _Teller:
    """Tells one execution."""

    def __init__(self, execution: Execution, models: Sequence[Model], words: Words) -> None:
        self.execution = execution
        self.events = execution.events
        self.relations = execution.relations
        self.models = models
        self.words = words
        self.lane = {e.id: e.thread for e in execution.events}
        self.whole = {w: r for r, w in execution.relations["rmw"]}
        """Of atomic operations that are told as one step: the read stands for the write too. So does the first event of an access
        to several cells for the others, if the access was not torn."""
        self.whole |= {e: min(events) for events in self.untorn() for e in events if e != min(events)}
        self.threads = len({e.thread for e in execution.events if e.thread >= 0})
        self.mended: Mended | None = None
        self.trials = Trials(execution, models)
        self.ordered: set[Edge] = set()
        self.beyond: set[Edge] = set()
        self.races: frozenset[Edge] = frozenset()

    def untorn(self) -> list[frozenset[int]]:
        """The events of each access to several cells, if all of them can happen at once in this execution: marked accesses are at
        once, plain ones may be torn."""
        seen = {(a, b) for name in ("rf", "co") for a, b in self.relations[name]}
        seen |= {(r, b) for w, r in self.relations["rf"] for a, b in self.relations["co"] if a == w and b != r}
        groups = list(dict.fromkeys(self.execution.together.values()))
        found = [events for events in groups if not is_plain(self.events[min(events)])]
        head: dict[int, int] = {}

        def add(events: frozenset[int]) -> None:
            for e in events:
                head[e] = min(other for other in events if self.events[other].kind == self.events[e].kind)

        for events in found:
            add(events)
        for events in groups:
            if events not in found:
                before = dict(head)
                add(events)
                edges = ((head.get(a, a), head.get(b, b)) for a, b in seen | self.relations["po"])
                if shortest_cycle(graph_of(edge for edge in edges if edge[0] != edge[1])) is None:
                    found.append(events)
                else:
                    head = before
        return found

    def tell_apart(self, apart: Collection[int]) -> None:
        """Tell these atomic operations, by their first reads, as two steps."""
        for event, first in list(self.whole.items()):
            if first in apart and self.events[event].kind == "W":
                del self.whole[event]
                writes = [e for e in self.execution.together.get(event, ()) if self.events[e].kind == "W"]
                if writes and event != min(writes):
                    self.whole[event] = min(writes)

    def story(self) -> Story:
        """The whole story."""
        weights = self.cheap()
        reorderings: tuple[Reordering, ...] = ()
        removed: set[Edge] = set()
        atomics = len(self.whole)
        if self.cyclic(weights):
            self.prepare()
            removed = self.given_up(weights)
            self.join(weights.keys() - removed)
            reorderings = self.reorderings([edge for edge in weights if edge not in removed], removed)
        kept = [edge for edge in weights if edge not in removed]
        memory = [e.id for e in self.events if e.thread >= 0 and e.kind != "F"]
        steps = story(memory, kept, self.whole, self.lane)
        switches = sum(self.lane[a] != self.lane[b] for a, b in pairwise(steps))
        missing = tuple(self.missing(reorderings)) if removed else ()
        weight = sum(weights[edge] for edge in removed) + sum(REORDERED for _ in missing) + APART * (atomics - len(self.whole))
        return Story(tuple(steps), reorderings, (weight, switches, len(steps)), missing, self.mended)

    def least(self) -> int:
        """The cheapest edges to give up, without asking what the models keep."""
        weights = self.cheap()
        return sum(weights[edge] for edge in feedback(weights))

    def wholly(self, edge: Edge) -> Edge:
        """The edge, with atomic operations that are one step as wholes."""
        a, b = edge
        return self.whole.get(a, a), self.whole.get(b, b)

    def between_steps(self, edges: Iterable[Edge]) -> Iterator[Edge]:
        """The edges, as between the steps that are told."""
        for edge in edges:
            a, b = self.wholly(edge)
            if a != b:
                yield a, b

    def cyclic(self, edges: Iterable[Edge]) -> bool:
        """Do these edges form a cycle of steps?"""
        return shortest_cycle(graph_of(self.between_steps(edges))) is not None

    def join(self, kept: Collection[Edge]) -> None:
        """Atomic operations that turn out to need no two steps are one."""
        for r, w in sorted(self.relations["rmw"]):
            if w not in self.whole:
                self.whole[w] = self.whole.get(r, r)
                if self.cyclic(kept):
                    del self.whole[w]

    def cheap(self) -> dict[Edge, int]:
        """All edges, priced as if the models ordered nothing."""
        events, relations = self.events, self.relations
        weights: dict[Edge, int] = {}
        for a, b in relations["po"]:
            if events[a].kind != "F" and events[b].kind != "F":
                weights[a, b] = REORDERED
        for a, b in relations["rf"]:
            own = events[a].thread == events[b].thread
            weights[a, b] = FORWARDED + REORDERED if own else NOT_AT_ONCE if self.threads > 2 else FIXED
        following = dict[int, list[int]]()
        for first, second in relations["co"]:
            following.setdefault(first, []).append(second)
            weights[first, second] = FIXED
        for w, r in relations["rf"]:
            for second in following.get(w, ()):
                if second != r:
                    weights[r, second] = FIXED
        return weights | dict.fromkeys(relations["rmw"], FIXED)

    def prepare(self) -> None:
        """Find out what would mend the execution, and what the models keep."""
        model = self.models[0]
        self.mended = cheapest_repair(self.execution, model)
        self.races = racing(self.execution, model)
        self.trials = Trials(marked(self.execution, self.mended.marks if self.mended else ()), self.models)
        for one in self.models:
            ordered, beyond = local_order(self.trials.execution, one)
            self.ordered |= ordered
            self.beyond |= beyond

    # --- what is given up ---

    def given_up(self, weights: dict[Edge, int]) -> set[Edge]:
        """The cheapest edges to give up. What is given up has been tried; ``weights`` are corrected."""
        po, rf = self.relations["po"], self.relations["rf"]
        moving = {edge for edge in weights if edge in po and weights[edge] < FIXED}
        for edge in moving:
            if edge in rf:
                weights[edge] = STRONGLY if edge in self.beyond else weights[edge]
            else:
                weights[edge] = (UNTRIED if edge in self.ordered else REORDERED) + self.elsewhere(edge)
        untried = moving - rf
        while True:
            removed = self.cheapest(weights, untried)
            apart = self.apart(weights, removed)
            if not apart:
                return removed
            self.tell_apart(apart)

    def cheapest(self, weights: dict[Edge, int], untried: set[Edge]) -> set[Edge]:
        """The cheapest edges to give up between the steps that are told; those chosen are tried, and chosen anew by that."""
        members: dict[Edge, list[Edge]] = {}
        for edge in weights:
            for whole in self.between_steps([edge]):
                members.setdefault(whole, []).append(edge)

        def chosen() -> set[Edge]:
            given_up = feedback({whole: _together([weights[e] for e in edges]) for whole, edges in members.items()})
            return {edge for whole in given_up for edge in members[whole]}

        removed = chosen()
        for _ in range(ROUNDS):
            trying = removed & untried
            if not trying:
                break
            for edge in trying:
                weights[edge] = self.price(edge)
            untried -= trying
            removed = chosen()
        return removed

    def apart(self, weights: dict[Edge, int], removed: set[Edge]) -> set[int]:
        """The atomic operations (their reads) of which one half can be given up for another step, and not both."""
        members: dict[Edge, list[Edge]] = {}
        for edge in removed:
            members.setdefault(self.wholly(edge), []).append(edge)
        mixed = (whole for whole, edges in members.items() if len({weights[e] < STRONGLY for e in edges}) == 2)
        return {step for whole in mixed for step in whole if step in self.whole.values()}

    def elsewhere(self, edge: Edge) -> int:
        """The additional price of a pair where order would not mend the execution."""
        return 0 if self.mended is None or self.mends(edge) else ELSEWHERE

    def mends(self, edge: Edge) -> bool:
        """Is a place between the two, or a mark at one, part of what mends the execution?"""
        if self.mended is None:
            return False
        around = any(self.around(edge, gap) for gap, _ in self.mended.gaps)
        return around or not set(edge).isdisjoint(self.mended.marks)

    def around(self, edge: Edge, gap: Gap) -> bool:
        """Would a barrier at this place be between the two?"""
        a, b = edge
        po = self.relations["po"]
        return (a, gap.second) in po and (b == gap.second or (gap.second, b) in po)

    def price(self, edge: Edge) -> int:
        """The price of a pair, by trial."""
        order = self.order(edge)
        return (STRONGLY if order is None else WEAKLY if order == "weak" else REORDERED) + self.elsewhere(edge)

    def order(self, edge: Edge) -> Order | None:
        """What there is between two accesses; None: they are in order here.

        Where it cannot be tried, what counts is :attr:`beyond`: that an access is after another which is after a store to
        the same location says nothing about a load that this store serves.
        """
        strength = self.trials.strength(edge)
        plain = any(is_plain(self.trials.events[e]) for e in edge)
        if plain and strength == "none" and any(self.events[e].tags & FULL_BARRIERS for e in self.between(edge)):
            return "plain"
        if strength == "untestable":
            if plain:
                return "plain"
            return None if edge in self.beyond else "none"
        if strength == "none":
            return "weak" if edge in self.beyond else "none"
        return None if self.trials.holds_here(edge) else "weak"

    # --- what is said ---

    def reorderings(self, kept: list[Edge], removed: set[Edge]) -> tuple[Reordering, ...]:
        """One for each access that moved; the pair speaks for all that would mend the execution, or closes the shortest cycle."""
        rest = list(self.between_steps(kept))
        cycles = {e: shortest_cycle(graph_of([*rest, self.wholly(e)])) or list(self.wholly(e)) for e in removed}
        named = {pair for _, pair in self.mended.gaps} if self.mended else set()
        left = sorted(cycles, key=lambda edge: (edge not in named, not self.mends(edge), len(cycles[edge]), edge))
        found = []
        while left:
            edge = left.pop(0)
            if edge in self.relations["rf"]:
                found.append(self.early_view(edge, cycles[edge]))
                continue
            moved = [e for e in left if e not in self.relations["rf"] and self.is_like(e, edge)]
            by_first = [e for e in moved if e[0] == edge[0]]
            by_second = [e for e in moved if e[1] == edge[1]]
            mates = max(by_first, by_second, key=len)
            left = [e for e in left if e not in mates]
            along = tuple(sorted(e[1] if mates is by_first else e[0] for e in mates))
            claim = self.reordered(edge, along, bool(by_first) and mates is by_first, cycles[edge])
            found.append(self.said("po", edge, claim, along))
        return tuple(sorted(found, key=lambda s: (s.first, s.second)))

    def is_like(self, edge: Edge, told: Edge) -> bool:
        """May a pair be said along with another one, of which the model makes the same? (What cannot be tried, because an access
        is plain, may be ordered by a fence.)
        """
        order, said = self.order(edge), self.order(told)
        if order == "plain" and said == "none":
            return not any(self.events[e].kind == "F" for e in self.between(edge))
        return order == said

    def said(self, kind: str, edge: Edge, claim: StoryStatement, along: tuple[int, ...] = ()) -> Reordering:
        return Reordering(kind, *edge, claim, sentence(claim, self.events, self.words), along)

    def early_view(self, edge: Edge, cycle: list[int]) -> Reordering:
        """A store is seen by one thread before another."""
        a, b = self.events[edge[0]], self.events[edge[1]]
        if a.thread == b.thread:
            return self.said("rf", edge, Forwarded(a.id, b.id))
        late = next((self.lane[e] for e in cycle if self.lane[e] not in (a.thread, b.thread, -1)), None)
        return self.said("rf", edge, SeenEarly(a.id, b.id, late))

    def reordered(self, edge: Edge, along: tuple[int, ...], delayed: bool, cycle: list[int] | None) -> Reordered:
        """Two accesses of a thread, of which the later one takes effect first (without a ``cycle``: may do so)."""
        a, b = edge
        order = self.order(edge) or "weak"
        races = tuple(
            (mine, next(e for e in pair if e != mine))
            for mine in edge
            if is_plain(self.events[mine])
            for pair in sorted(self.races)
            if mine in pair
        )
        seen = (self.onlooker(a, cycle, -1), self.onlooker(b, cycle, 1)) if cycle else (None, None)
        between = tuple(self.ordering(edge) if order == "weak" else self.too_weak(edge))
        halves = tuple(half for half in (a, b, *along) if half in self.split())
        return Reordered(a, b, order, between, along, delayed, cycle is not None, *seen, races, halves)

    def split(self) -> set[int]:
        """The halves of atomic operations that are told as two steps."""
        return {half for r, w in self.relations["rmw"] if w not in self.whole for half in (r, w)}

    def onlooker(self, event: int, cycle: list[int], step: int) -> int | None:
        """To whom it shows that a store is there (``step`` 1: the thread that the cycle goes on to) or not yet (-1)."""
        place = cycle.index(self.whole.get(event, event))
        next_to = self.lane[cycle[(place + step) % len(cycle)]]
        return next_to if next_to not in (self.lane[event], -1) else None

    def between(self, edge: Edge) -> list[int]:
        a, b = edge
        po = self.relations["po"]
        return [e.id for e in self.events if (a, e.id) in po and (e.id, b) in po]

    def too_weak(self, edge: Edge) -> Iterator[TooWeak]:
        """What stands between two accesses that nothing orders."""
        a, b = (self.events[e] for e in edge)
        kinds: tuple[TooWeakKind, ...] = ("ctrl", "addr", "data")
        for kind in kinds:
            if edge in self.relations[kind]:
                yield TooWeak(kind, b.id)
        if "Release" in a.tags or (a.kind == "W" and "UL" in a.tags):
            yield TooWeak("release first", a.id)
        if "Acquire" in b.tags:
            yield TooWeak("acquire second", b.id)
        read = next((self.events[r] for r, w in self.relations["rmw"] if w == a.id), None)
        if read is not None and read.tags & {"Acquire", "LKR"}:
            yield TooWeak("acquire's write", a.id)
        write = next((self.events[w] for r, w in self.relations["rmw"] if r == b.id), None)
        if write is not None and "Release" in write.tags:
            yield TooWeak("release's read", b.id)
        for e in map(self.events.__getitem__, self.between(edge)):
            if e.kind == "F":
                yield TooWeak("fence", e.id)
            elif "UL" in e.tags or "Release" in e.tags:
                yield TooWeak("release", e.id)
            elif "Acquire" in e.tags:
                yield TooWeak("acquire", e.id)

    def ordering(self, edge: Edge) -> Iterator[TooWeak]:
        """What orders two accesses, though not enough."""
        kinds: tuple[TooWeakKind, ...] = ("ctrl", "addr", "data")
        for kind in kinds:
            if edge in self.relations[kind]:
                yield TooWeak(kind, edge[1])
        for number in (edge[0], *self.between(edge), edge[1]):
            e = self.events[number]
            if e.kind == "F":
                yield TooWeak("fence", number)
            elif e.tags & {"UL", "LKR", "Release", "Acquire"}:
                at_end = number == edge[1] and "Acquire" in e.tags, number == edge[0] and "Release" in e.tags
                if not any(at_end):
                    yield TooWeak("acquire" if e.tags & {"Acquire", "LKR"} else "release", number)

    def missing(self, told: tuple[Reordering, ...]) -> Iterator[Reordering]:
        """What is part of what mends the execution and has not been told."""
        if self.mended is None:
            return
        said = {(s.first, s.second) for s in told}
        said |= {(s.first, e) if _delayed(s) else (e, s.second) for s in told for e in s.along}
        for gap, pair in self.mended.gaps:
            if not any(self.around(edge, gap) for edge in said):
                yield self.said("po", pair, self.reordered(pair, (), False, None))
        for event in self.mended.marks:
            other = next((next(e for e in pair if e != event) for pair in sorted(self.races) if event in pair), None)
            if other is not None:
                yield self.said("mark", (event, other), Unordered(event, other))


def _together(weights: Sequence[int]) -> int:
    """What it costs to give up edges between two steps. Where only some of them can be, a step is told as two."""
    free = [weight for weight in weights if weight < STRONGLY]
    return max(weights) if len(free) in (0, len(weights)) else max(free) + APART


def _delayed(reordering: Reordering) -> bool:
    return isinstance(reordering.claim, Reordered) and reordering.claim.delayed
