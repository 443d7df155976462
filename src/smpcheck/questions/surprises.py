"""What in an execution is not as if the threads took turns, step by step: as little of it as possible.

An execution is an interleaving iff program order and communication (rf, co, fr) have no cycle together (Shasha and Snir 1988).
Where they have, something must be given up: that two accesses of a thread take effect in program order, or that a store reaches
all threads at once. The cheapest set of such pairs is what there is to explain; the rest is a story in steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from smpcheck.cat.concrete import Evaluation, bits, closed
from smpcheck.cat.nodes import Model
from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.questions.orders import Edge, feedback, graph_of, shortest_cycle, story
from smpcheck.questions.strength import counts
from smpcheck.questions.wording import Words, is_plain

REORDERED = 2
"""The price of a pair out of program order that nothing orders."""
FORWARDED = 3
"""A load that sees its own thread's store before others can."""
NOT_AT_ONCE = 5
"""A store that reaches one thread before another."""
WEAKLY = 4
"""A pair that the model keeps in order, but not in the kind of cycle that it is in (see :mod:`smpcheck.questions.strength`)."""
ORDERED = 9
"""A pair that the model keeps in order: never the explanation, if there is any other."""
STRONGLY = 200
"""The same, where it has been tried."""
TRIALS = 12
"""How often the explanation is sought again with what the last one taught."""
FIXED = 1000
"""fr and co, which are what the execution is, and the halves of an atomic operation."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """A step that no interleaving has: events ``first`` and ``second`` (ids), ``kind`` ``po`` or ``rf``, and the sentence about
    it.

    ``along``: events that ``second`` overtakes as well (or that overtake ``first``) without its mattering more.
    """

    kind: str
    first: int
    second: int
    sentence: str
    along: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """An execution as a sequence of steps (event ids) and what in it is not in program order. ``weight`` compares executions."""

    steps: tuple[int, ...]
    surprises: tuple[Surprise, ...]
    weight: tuple[int, int, int]


def tell(execution: Execution, model: Model, words: Words) -> Story:
    """The story of ``execution`` with the fewest surprises. ``model`` allows it; what it keeps in order is not given up."""
    weights = _weights(execution, model)
    removed, weak = _given_up(weights, execution, model)
    kept = [edge for edge in weights if edge not in removed]
    memory = [e.id for e in execution.events if e.thread >= 0 and e.kind != "F"]
    group = {w: r for r, w in execution.relations["rmw"]}
    lane = {e.id: e.thread for e in execution.events}
    try:
        steps = story(memory, kept, group, lane)
    except ValueError:
        steps = story(memory, kept, {}, lane)
    teller = _Teller(execution, words, kept, removed, weak)
    switches = sum(lane[a] != lane[b] for a, b in pairwise(steps))
    return Story(tuple(steps), teller.surprises(), (sum(weights[edge] for edge in removed), switches, len(steps)))


def _given_up(weights: dict[Edge, int], execution: Execution, model: Model) -> tuple[set[Edge], set[Edge]]:
    """The cheapest edges to give up, and which of them the model keeps in order. What it keeps is tried before it is believed to
    give way; ``weights`` are corrected.
    """
    po = execution.relations["po"]
    ordered = {edge for edge, weight in weights.items() if weight == ORDERED and edge in po}
    removed = feedback(weights)
    for _ in range(TRIALS):
        untried = [edge for edge in removed if edge in ordered and weights[edge] == ORDERED]
        if not untried:
            break
        for edge in untried:
            weights[edge] = STRONGLY if counts(edge, execution, model) else WEAKLY
        removed = feedback(weights)
    return removed, removed & ordered


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
        found = {(events[x].id, events[y].id) for x, row in enumerate(closed(rows)) for y in bits(row)}
        return found & po

    return pairs(kept), pairs(beyond)


def _weights(execution: Execution, model: Model) -> dict[Edge, int]:
    events, relations = execution.events, execution.relations
    ordered, beyond = local_order(execution, model)
    weights: dict[Edge, int] = {}
    for a, b in relations["po"]:
        if events[a].kind != "F" and events[b].kind != "F":
            weights[a, b] = ORDERED if (a, b) in ordered else REORDERED
    for pair in relations["rmw"]:
        weights[pair] = FIXED
    for a, b in relations["rf"]:
        own = events[a].thread == events[b].thread
        in_order = ORDERED if (a, b) in beyond else REORDERED
        weights[a, b] = FORWARDED + in_order if own else NOT_AT_ONCE
    following = dict[int, list[int]]()
    for first, second in relations["co"]:
        following.setdefault(first, []).append(second)
        weights[first, second] = FIXED
    for w, r in relations["rf"]:
        for second in following.get(w, ()):
            if second != r:
                weights[r, second] = FIXED
    return weights


class _Teller:
    """Puts what was given up into sentences, one for each access that moved."""

    def __init__(self, execution: Execution, words: Words, kept: list[Edge], removed: set[Edge], weak: set[Edge]) -> None:
        self.events = execution.events
        self.relations = execution.relations
        self.words = words
        self.kept = kept
        self.removed = removed
        self.weak = weak

    def surprises(self) -> tuple[Surprise, ...]:
        """The pair that closes the shortest cycle speaks for all pairs that share its access."""
        cycles = {edge: shortest_cycle(graph_of([*self.kept, edge])) or list(edge) for edge in self.removed}
        left = sorted(cycles, key=lambda edge: (len(cycles[edge]), edge))
        found = []
        while left:
            edge = left.pop(0)
            if edge in self.relations["rf"]:
                found.append(self.early_view(edge, cycles[edge]))
                continue
            moved = [e for e in left if e not in self.relations["rf"]]
            by_first = [e for e in moved if e[0] == edge[0]]
            by_second = [e for e in moved if e[1] == edge[1]]
            mates = max(by_first, by_second, key=len)
            left = [e for e in left if e not in mates]
            along = tuple(sorted(e[1] if mates is by_first else e[0] for e in mates))
            found.append(self.reordering(edge, cycles[edge], along, bool(by_first) and mates is by_first))
        return tuple(sorted(found, key=lambda s: (s.first, s.second)))

    def early_view(self, edge: Edge, cycle: list[int]) -> Surprise:
        """A store is seen by one thread before another."""
        events, words = self.events, self.words
        a, b = events[edge[0]], events[edge[1]]
        seen = f"{words.thread(b.thread)}'s {words.action(b)}"
        if a.thread == b.thread:
            said = f"{seen} sees its own thread's {words.action(a)} before other threads can"
            return Surprise("rf", a.id, b.id, said)
        late = next((events[e] for e in cycle if events[e].thread not in (a.thread, b.thread, -1)), None)
        others = words.thread(late.thread) if late is not None else "all other threads"
        said = f"{words.thread(a.thread)}'s {words.action(a)} reaches {seen} before it reaches {others}"
        return Surprise("rf", a.id, b.id, f"{said}: nothing makes it visible to all at once")

    def onlooker(self, event: int, cycle: list[int], step: int) -> str:
        """To whom it shows that a store is there (``step`` 1: the thread that the cycle goes on to) or not yet (-1)."""
        place = cycle.index(event)
        own = self.events[event].thread
        around = [cycle[(place + step * i) % len(cycle)] for i in range(1, len(cycle))]
        other = next((self.events[e].thread for e in around if self.events[e].thread not in (own, -1)), None)
        return f" to {self.words.thread(other)}" if other is not None else ""

    def reordering(self, edge: Edge, cycle: list[int], along: tuple[int, ...], delayed: bool) -> Surprise:
        """Two accesses of a thread take effect the other way round."""
        events, words = self.events, self.words
        a, b = events[edge[0]], events[edge[1]]
        first = "is satisfied" if a.kind == "R" else f"is visible{self.onlooker(a.id, cycle, -1)}"
        second = "is satisfied" if b.kind == "R" else f"is visible{self.onlooker(b.id, cycle, 1)}"
        if delayed:
            said = f"{words.thread(a.thread)}'s {words.action(a)} {first} only after its later {words.action(b)} {second}"
        else:
            said = f"{words.thread(b.thread)}'s {words.action(b)} {second} before its earlier {words.action(a)} {first}"
        lines = list(dict.fromkeys(words.line(events[e].pos) for e in along if events[e].pos not in (a.pos, b.pos)))
        if lines:
            said += f" ({'after' if delayed else 'before'} what is done in {_listed(lines)} as well)"
        return Surprise("po", a.id, b.id, f"{said}: {self.missing(a, b)}", along)

    def missing(self, a: ExecutedEvent, b: ExecutedEvent) -> str:
        """What stands between two accesses, and why it does not order them."""
        po, words = self.relations["po"], self.words
        said: dict[str, None] = {}
        pair = f"a {_noun(a)} before a later {_noun(b)}"
        between = [e for e in self.events if (a.id, e.id) in po and (e.id, b.id) in po]
        if (a.id, b.id) in self.weak:
            return self.weakly(between)
        for kind, name in (("ctrl", "a control"), ("addr", "an address"), ("data", "a data")):
            if (a.id, b.id) in self.relations[kind]:
                said[f"{name} dependency does not order {pair}"] = None
        if "Release" in a.tags or (a.kind == "W" and "UL" in a.tags):
            said[f"{words.text(a)} orders what comes before it, not what follows"] = None
        if "Acquire" in b.tags:
            said[f"{words.text(b)} orders what follows, not what comes before it"] = None
        for e in between:
            place = f"{words.text(e)} in {words.line(e.pos)}"
            if e.kind == "F":
                said[f"{place} does not order {pair}"] = None
            elif "UL" in e.tags or "Release" in e.tags:
                said[f"{place} lets what follows move up before it"] = None
            elif "Acquire" in e.tags:
                said[f"{place} lets what comes before it move down past it"] = None
        return "; ".join(said) or "nothing orders them"

    def weakly(self, between: list[ExecutedEvent]) -> str:
        """What orders two accesses, and why it is not enough."""
        ordering = [e for e in between if e.kind == "F" or e.tags & {"UL", "LKR", "Release", "Acquire"}]
        names = list(dict.fromkeys(f"{self.words.text(e)} in {self.words.line(e.pos)}" for e in ordering))
        if not names:
            return "their order counts only for those who read what is stored; it waits for no store to be visible to all"
        order, wait = ("orders", "does not wait") if len(names) == 1 else ("order", "do not wait")
        listed = " and ".join(names)
        return f"{listed} {order} them, but {wait} until what is stored is visible to all, as a full barrier would"


NOUN = {"R": "load", "W": "store"}


def _noun(event: ExecutedEvent) -> str:
    """What orders marked accesses need not order plain ones."""
    return f"plain {NOUN[event.kind]}" if is_plain(event) else NOUN[event.kind]


def _listed(lines: list[str]) -> str:
    """``line 22``; ``lines 22 and 24``."""
    numbers = [line.removeprefix("line ") for line in lines]
    if len(lines) == 1 or not all(n.isdigit() for n in numbers):
        return ", ".join(lines)
    return f"lines {', '.join(numbers[:-1])} and {numbers[-1]}"
