"""Why an execution is forbidden: a violated axiom as a cycle of links, each traced to its source text.

The evaluator of models derives a cycle in base steps (``po rf co fr`` and dependencies). Here consecutive steps through one
thread become one link, and each link is traced to its cause: a barrier it runs through, a dependency, or the tag of an access at
its ends. The tag is found by experiment, not by its name: without it, the pair is no longer in the relation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat.concrete import Evaluation, relation
from smpcheck.cat.explain import Step
from smpcheck.cat.graph import reachable, roots
from smpcheck.cat.judge import Violation, evaluate
from smpcheck.cat.nodes import Axiom, Model, Node, make
from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.ir import Position
from smpcheck.questions.statements import (
    Depends,
    Halves,
    InSection,
    Kept,
    LinkStatement,
    OrderedBecause,
    OrderedBy,
    Overwrites,
    ReadsBefore,
    ReadsFrom,
    Related,
    SameVariable,
)
from smpcheck.questions.wording import DEPENDENCY, TAG_WORDS, Words, sentence

COMMUNICATION = {"rf": "rf", "rfe": "rf", "rfi": "rf", "co": "co", "coe": "co", "coi": "co", "fr": "fr", "fre": "fr", "fri": "fr"}
COMMUNICATES: dict[str, type[ReadsFrom | Overwrites | ReadsBefore]] = {"rf": ReadsFrom, "co": Overwrites, "fr": ReadsBefore}


class Link(Struct, frozen=True):
    """One edge of a reason: from event ``source`` to ``target`` (ids in the reason's execution).

    ``kind``: ``rf``, ``co``, ``fr``, ``addr``, ``data``, ``ctrl``, ``rmw``, ``po``, or the name of another base relation of the
    model. ``causes``: source positions of what gives it (the barrier, the acquire, the branch); ``text`` says ``claim`` in a
    clause; ``label``: the author's names of the relations that it is part of.
    """

    source: int
    target: int
    kind: str
    text: str
    causes: tuple[Position, ...] = ()
    via: tuple[int, ...] = ()
    label: tuple[str, ...] = ()
    claim: LinkStatement | None = None


class Reason(Struct, frozen=True):
    """A violated axiom on one execution: its links in order, each starting where the one before ended (a cycle).

    ``sentence`` says what the cycle means. ``edges``: the communication edges and dependencies that it needs, by which
    other executions with the same reason are known.
    """

    axiom: str
    links: tuple[Link, ...]
    execution: Execution
    edges: tuple[tuple[str, int, int], ...]
    sentence: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for reasons that a person would call the same, whichever execution they were found in."""
        event = self.execution.events

        def place(number: int) -> object:
            e = event[number]
            return (e.thread, e.pos, e.kind, e.cell) if e.thread >= 0 else (e.thread, e.cell)

        links = frozenset((place(link.source), link.kind, place(link.target)) for link in self.links)
        return self.axiom, links

    @property
    def causes(self) -> frozenset[Position]:
        """The positions of everything that gives order on the cycle."""
        return frozenset(pos for link in self.links for pos in link.causes)


# --- coherence and atomicity, which every explanation takes for granted ----------------------------------------


def coherence_axiom() -> Axiom:
    """One order of all accesses to a location, which program order respects ("SC per location")."""
    base = {name: make("rel", "base", (), name) for name in ("po", "loc", "rf", "co", "fr")}
    node = make("rel", "inter", (base["po"], base["loc"]))
    for name in ("rf", "co", "fr"):
        node = make("rel", "union", (node, base[name]))
    return Axiom("acyclic", node, "coherence")


def is_atomicity(axiom: Axiom) -> bool:
    """Is it ``empty rmw & ...``: nothing comes between the halves of an atomic operation?"""
    node = axiom.node
    named = {a.name for a in node.args if a.op == "base"}
    return axiom.kind == "empty" and not axiom.flag and not axiom.negated and node.op == "inter" and "rmw" in named


def basic_models(model: Model) -> list[Model]:
    """Models without order between different locations, from the strongest part of ``model`` that is so to nothing at all."""
    from smpcheck.cat.requirements import is_coherent

    basics = [axiom for axiom in model.axioms if is_atomicity(axiom)]
    if is_coherent(model):
        basics.insert(0, coherence_axiom())
    result = [Model("values", ())]
    if basics:
        result.insert(0, Model("basic", tuple(basics)))
    return result


# --- from a violation to a reason ---------------------------------------------------------------------------------------------


def reasons_of(model: Model, execution: Execution, words: Words) -> list[Reason]:
    """Each requirement of ``model`` that ``execution`` does not meet, the one with the shortest cycle first."""
    found = [reason_of(violation, model, execution, words) for violation in evaluate(model, execution) if not violation.flag]
    return sorted(found, key=lambda reason: len(reason.links))


def first_reason(model: Model, execution: Execution, words: Words) -> list[Reason]:
    """The same for the first requirement alone that is not met: in a large execution, some take seconds to explain."""
    evaluation = Evaluation(execution)
    broken = (axiom for axiom in model.axioms if not axiom.flag and evaluation.offends(axiom) != axiom.negated)
    return [reason for axiom in islice(broken, 1) for reason in reasons_of(replace(model, axioms=(axiom,)), execution, words)]


def reason_of(violation: Violation, model: Model, execution: Execution, words: Words) -> Reason:
    """A violation in links."""
    tracer = Tracer(model, execution, words)
    links = tuple(tracer.link(steps) for steps in segments(violation.steps, execution, model))
    return Reason(violation.name, links, execution, tuple(sorted(edges_of(violation.steps, execution))))


def edges_of(steps: Sequence[Step], execution: Execution) -> set[tuple[str, int, int]]:
    """The base edges without which these steps would not be there."""
    source_of = {r: w for w, r in execution.relations["rf"]}
    edges: set[tuple[str, int, int]] = set()
    for step in steps:
        a, b, name = step.source, step.target, step.relation
        if name.endswith("^-1"):
            a, b, name = b, a, name[:-3]
        kind = COMMUNICATION.get(name, name)
        if kind == "fr":
            edges |= {("rf", source_of[a], a), ("co", source_of[a], b)}
        elif kind in ("rf", "co") or (kind in DEPENDENCY and (a, b) in execution.relations[kind]):
            edges.add((kind, a, b))
        else:
            edges.add(("happens", a, b))
    return edges


CRITICAL_SECTIONS = ("rcu-rscs^-1", "srcu-rscs^-1")
"""Steps against program order, from the end of a read-side critical section to its start."""


def segments(steps: Iterable[Step], execution: Execution, model: Model) -> list[list[Step]]:
    """Steps put together that are one link: through a barrier, around a critical section, through what a relation needs."""
    events = execution.events

    def joins(before: list[Step], after: Step) -> bool:
        last = before[-1]
        if last.target != after.source or not (_local(last, events) and _local(after, events)):
            return False
        if events[after.source].kind == "F" or last.relation in CRITICAL_SECTIONS or after.relation in CRITICAL_SECTIONS:
            return True
        if not last.within or last.within != after.within or {last.relation, after.relation} != {"po"}:
            return False
        nodes = _labelled(model).get(last.within[-1], ())
        ends = before[0].source, last.target
        return bool(nodes) and not any(ends in relation(node, execution) for node in nodes)

    result: list[list[Step]] = []
    for step in steps:
        if step.source == step.target:
            continue
        if result and joins(result[-1], step):
            result[-1].append(step)
        else:
            result.append([step])
    if len(result) > 1 and joins(result[-1], result[0][0]):
        result[0] = result.pop() + result[0]
    return result


def _local(step: Step, events: Sequence[ExecutedEvent]) -> bool:
    return events[step.source].thread == events[step.target].thread >= 0


@lru_cache(maxsize=32)
def _labelled(model: Model) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for node in sorted(reachable(roots(model)), key=lambda n: n.id):
        if node.label is not None and node.kind == "rel":
            found.setdefault(node.label, []).append(node)
    return found


class Tracer:
    """Traces links of one execution to their causes."""

    def __init__(self, model: Model, execution: Execution, words: Words) -> None:
        self.model = model
        self.execution = execution
        self.events = execution.events
        self.words = words

    def link(self, steps: list[Step]) -> Link:
        """The link that these steps are."""
        first, last = steps[0], steps[-1]
        a, b = first.source, last.target
        labels = tuple(dict.fromkeys(name for step in steps for name in step.within))
        via = tuple(step.target for step in steps[:-1])
        kind, claim, causes = self.claim(steps, a, b, via, labels)
        places = tuple(dict.fromkeys(pos for e in causes if (pos := self.events[e].pos) is not None))
        return Link(a, b, kind, sentence(claim, self.events, self.words), places, via, labels, claim)

    def claim(
        self, steps: list[Step], a: int, b: int, via: tuple[int, ...], labels: tuple[str, ...]
    ) -> tuple[str, LinkStatement, tuple[int, ...]]:
        """The kind of a link, what it says, and the events that give it."""
        first = steps[0]
        kind = COMMUNICATION.get(first.relation, first.relation)
        if len(steps) == 1 and kind in COMMUNICATES:
            return kind, COMMUNICATES[kind](a, b), ()
        if len(steps) == 1 and kind in DEPENDENCY:
            return kind, Depends(kind, a, b), (b if kind != "ctrl" else a,)  # type: ignore[arg-type]
        if len(steps) == 1 and kind == "rmw":
            return kind, Halves(a, b), ()
        barriers = tuple(e for e in dict.fromkeys((a, *via, b)) if self.events[e].kind == "F")
        section = next((step for step in steps if step.relation in CRITICAL_SECTIONS), None)
        if section is not None:
            begin, end = section.target, section.source
            po = self.execution.relations["po"]
            return "rscs", InSection(a, b, begin, end, (begin, a) in po and (b, end) in po), (begin, end)
        if barriers:
            return "po", OrderedBy(a, b, barriers), barriers
        if kind.endswith("^-1"):
            return kind, Related(a, b, kind), (a, b)
        if kind == "po-loc" or (labels and self.same_place(a, b) and self.untagged(first)):
            return "po", SameVariable(a, b), ()
        whole = Step(a, first.relation, b, first.within)
        cause = self.cause(whole)
        if cause is not None:
            return "po", OrderedBecause(a, b, *cause, self.model.name), cause[:1]
        if kind == "po":
            between = self.between(whole)
            return "po", OrderedBy(a, b, between) if between else Kept(a, b, self.model.name), between
        return kind, Related(a, b, kind), ()

    def same_place(self, a: int, b: int) -> bool:
        return self.events[a].address is not None and self.events[a].address == self.events[b].address

    def untagged(self, step: Step) -> bool:
        return not (step.within and step.within[-1] in _labelled(self.model) and self.cause(step))

    # --- causes by experiment ---

    def cause(self, step: Step) -> tuple[int, str] | None:
        """The access at an end of ``step`` without whose tag the step's relation would not have it, and that tag."""
        pair = step.source, step.target
        for label in reversed(step.within):
            found = [(node, relation(node, self.execution)) for node in _labelled(self.model).get(label, ())]
            for node, pairs in found:
                if pair in pairs:
                    return self.experiment(node, step, frozenset({pair}))
            for node, pairs in found:
                # a part of what was named: do the ends matter to any of its pairs?
                cause = self.experiment(node, step, pairs)
                if cause is not None:
                    return cause
        return None

    def between(self, step: Step) -> tuple[int, ...]:
        """The fewest accesses between the ends of ``step`` whose tags give its relation: an unlock and the lock after it.

        As many of them as can do without their tags are left without; what remains is the cause.
        """
        pair, po = (step.source, step.target), self.execution.relations["po"]
        inside = [e.id for e in self.events if (step.source, e.id) in po and (e.id, step.target) in po]
        for label in reversed(step.within):
            for node in _labelled(self.model).get(label, ()):
                if pair not in relation(node, self.execution):
                    continue
                events, causes = list(self.events), []
                for number in inside:
                    event = events[number]
                    if event.kind == "F" or not event.tags & TAG_WORDS.keys():
                        continue
                    events[number] = replace(event, tags=event.tags - TAG_WORDS.keys())
                    if pair not in relation(node, replace(self.execution, events=tuple(events))):
                        events[number] = event
                        causes.append(number)
                return tuple(causes)
        return ()

    def experiment(self, node: Node, step: Step, wanted: frozenset[tuple[int, int]]) -> tuple[int, str] | None:
        """The end of ``step`` without whose tag (or atomicity) some of the pairs ``wanted`` of ``node`` are gone."""
        for number in (step.target, step.source):
            event = self.events[number]
            for tag in sorted(event.tags & TAG_WORDS.keys()):
                bare = replace(event, tags=event.tags - {tag})
                events = tuple(bare if e.id == number else e for e in self.events)
                if not wanted <= relation(node, replace(self.execution, events=events)):
                    return number, tag
            pairs = self.execution.relations["rmw"]
            mine = frozenset(pair for pair in pairs if number in pair)
            if mine:
                relations = {**self.execution.relations, "rmw": pairs - mine}
                if not wanted <= relation(node, replace(self.execution, relations=relations)):
                    return number, "atomic"
        return None
