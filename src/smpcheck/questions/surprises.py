"""What in an execution is not as if the threads took turns, step by step: as little of it as possible.

An execution is an interleaving iff program order and communication (rf, co, fr) have no cycle together (Shasha and Snir 1988). Where they
have, something must be given up: that two accesses of a thread take effect in program order, or that a store reaches all
threads at once. The cheapest set of such pairs is what there is to explain; the rest is a story in steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from smpcheck.cat.concrete import Evaluation, bits, closed
from smpcheck.cat.nodes import Model
from smpcheck.program.execution import Execution
from smpcheck.questions.orders import Edge, feedback, graph_of, shortest_cycle, story
from smpcheck.questions.wording import Words

REORDERED = 2
"""The price of a pair out of program order that nothing orders."""
FORWARDED = 3
"""A load that sees its own thread's store before others can."""
NOT_AT_ONCE = 5
"""A store that reaches one thread before another."""
ORDERED = 9
"""A pair that the model keeps in order: never the explanation, if there is any other."""
FIXED = 1000
"""fr and co, which are what the execution is, and the halves of an atomic operation."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """A step that no interleaving has: events ``first`` and ``second`` (ids), ``kind`` ``po`` or ``rf``, and the sentence about it."""

    kind: str
    first: int
    second: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Story:
    """An execution as a sequence of steps (event ids) and what in it is not in program order. ``weight`` compares executions."""

    steps: tuple[int, ...]
    surprises: tuple[Surprise, ...]
    weight: tuple[int, int]


def tell(execution: Execution, model: Model, words: Words) -> Story:
    """The story of ``execution`` with the fewest surprises."""
    weights = _weights(execution, model)
    removed = feedback(weights)
    kept = [edge for edge in weights if edge not in removed]
    memory = [e.id for e in execution.events if e.thread >= 0 and e.kind != "F"]
    group = {w: r for r, w in execution.relations["rmw"]}
    lane = {e.id: e.thread for e in execution.events}
    try:
        steps = story(memory, kept, group, lane)
    except ValueError:
        steps = story(memory, kept, {}, lane)
    surprises = tuple(_surprise(edge, removed, weights, execution, words) for edge in sorted(removed))
    switches = sum(lane[a] != lane[b] for a, b in zip(steps, steps[1:], strict=False))
    return Story(tuple(steps), surprises, (sum(weights[edge] for edge in removed), switches))


def local_order(execution: Execution, model: Model) -> set[Edge]:
    """The pairs of program order that ``model`` keeps, whatever other threads do."""
    nothing: frozenset[Edge] = frozenset()
    alone = replace(execution, relations={**execution.relations, "rf": nothing, "co": nothing})
    evaluation = Evaluation(alone)
    rows = [0] * evaluation.n
    for axiom in model.axioms:
        if axiom.kind == "acyclic" and not axiom.flag and not axiom.negated:
            rows = [a | b for a, b in zip(rows, evaluation.rows(axiom.node), strict=True)]
    ids = [e.id for e in execution.events]
    po = execution.relations["po"]
    return {pair for x, row in enumerate(closed(rows)) for y in bits(row) if (pair := (ids[x], ids[y])) in po}


def _weights(execution: Execution, model: Model) -> dict[Edge, int]:
    events, relations = execution.events, execution.relations
    ordered = local_order(execution, model)
    weights: dict[Edge, int] = {}
    for a, b in relations["po"]:
        if events[a].kind != "F" and events[b].kind != "F":
            weights[a, b] = ORDERED if (a, b) in ordered else REORDERED
    for pair in relations["rmw"]:
        weights[pair] = FIXED
    for a, b in relations["rf"]:
        weights[a, b] = FORWARDED + (weights.get((a, b), 0)) if events[a].thread == events[b].thread else NOT_AT_ONCE
    for w, r in relations["rf"]:
        for first, second in relations["co"]:
            if first == w and second != r:
                weights[r, second] = FIXED
    for pair in relations["co"]:
        weights[pair] = FIXED
    return weights


def _surprise(edge: Edge, removed: set[Edge], weights: dict[Edge, int], execution: Execution, words: Words) -> Surprise:
    events = execution.events
    a, b = events[edge[0]], events[edge[1]]
    others = graph_of([e for e in weights if e not in removed] + [edge])
    cycle = shortest_cycle(others) or [a.id, b.id]
    place = cycle.index(a.id)
    onlooker = next((events[e].thread for e in cycle[place - 1 :: -1] + cycle[:place:-1] if events[e].thread not in (a.thread, -1)), None)
    to_whom = f" to {words.thread(onlooker)}" if onlooker is not None else ""
    if edge in execution.relations["rf"]:
        if a.thread == b.thread:
            said = f"{words.thread(a.thread)}'s {words.action(b)} sees its own {words.action(a)} before other threads can"
            return Surprise("rf", a.id, b.id, said)
        late = next((events[e] for e in cycle if events[e].thread not in (a.thread, b.thread, -1)), None)
        tail = f"has not reached {words.thread(late.thread)}" if late is not None else "has not reached the others"
        said = (
            f"{words.thread(a.thread)}'s {words.action(a)} is seen by {words.thread(b.thread)}'s {words.action(b)} while it still {tail}: "
            "nothing makes it visible to all at once"
        )
        return Surprise("rf", a.id, b.id, said.replace("still has not", "has not yet"))
    early = {"R": "is satisfied", "W": "becomes visible"}[b.kind]
    if b.kind == "W":
        early += to_whom
    late_part = {"R": "is satisfied", "W": f"is visible{to_whom}"}[a.kind]
    subject = f"{words.thread(b.thread)}'s {words.action(b)} {early} before its earlier {words.action(a)} {late_part}"
    between = [
        e for e in events if e.kind == "F" and (a.id, e.id) in execution.relations["po"] and (e.id, b.id) in execution.relations["po"]
    ]
    return Surprise("po", a.id, b.id, f"{subject}: {_missing(a.kind, b.kind, [words.text(e) for e in between])}")


def _missing(first: str, second: str, barriers: list[str]) -> str:
    if not barriers:
        return "nothing orders them"
    noun = {"R": "load", "W": "store"}
    names = " and ".join(dict.fromkeys(barriers))
    verb = "does" if len(set(barriers)) == 1 else "do"
    return f"{names} {verb} not order a {noun[first]} before a later {noun[second]}"
