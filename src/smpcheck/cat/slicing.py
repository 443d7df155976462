"""What is left of a model for one kind of execution, as a straight-line program.

Terms that its events cannot give a member to are gone. Sets are made of tags, so for given kinds of events (:data:`EventKind`)
most of them are known outright: empty, or everything. A test without RCU has no events of RCU, a test without plain accesses has
only marked ones, and the relations made of these go, or lose a factor. Executions of one library share few kinds of events, so
each slice is made once and remembered.

A recursive definition is empty if its body is when the definition is taken to be empty: iterated from empty it stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat import build
from smpcheck.cat.concrete import Evaluation, base_sets_of
from smpcheck.cat.graph import group_of, recursive_first
from smpcheck.cat.instructions import (
    BASE,
    BASE_SET,
    DIFF,
    DIFFVALS,
    DOMAIN,
    FROM,
    INTER,
    INVERSE,
    OPT,
    PLUS,
    PRODUCT,
    RANGE,
    REC,
    SEQ,
    SETID,
    STAR,
    TO,
    UNION,
    Instruction,
    code_of,
    in_order,
    instruction,
    numbers_in,
    recursion,
)
from smpcheck.cat.nodes import Axiom, Model, Node, make
from smpcheck.program.events import DEPENDENCIES
from smpcheck.program.execution import Execution

EventKind: TypeAlias = tuple[str, frozenset[str], bool]
"""Kind, tags, and whether the event is half of an atomic operation of which both halves happen."""

Part: TypeAlias = tuple[Axiom, tuple[Instruction, ...]]
"""A requirement or flag, and the instructions for what is to be computed for it."""

Membership: TypeAlias = bool | None
"""Are all events in a set, or none (False), or is that not so or not known (None)?"""

CHOICE, ADDRESS, VALUE = 1, 2, 4
"""What a term depends on: reads-from or coherence; the addresses of events; their values."""

_NAMED = (BASE, BASE_SET)
_BY_EXECUTION = frozenset(("rf", "co", "fr"))
_SOURCES = {(BASE, "loc"): ADDRESS, (BASE_SET, "FW"): CHOICE, **{(BASE, name): CHOICE for name in _BY_EXECUTION}}

NO_PAIR, NO_EVENT = build.EMPTY_REL.id, build.EMPTY_SET.id
SAME, ALL_PAIRS, ALL_EVENTS = build.ID.id, build.UNIVERSE.id, build.ALL.id
_CONSTANTS = {node.id: node for node in (build.EMPTY_REL, build.EMPTY_SET, build.ID, build.UNIVERSE, build.ALL)}


class Slice(Struct, frozen=True):
    """The requirements and flags of a model that executions of some kinds of events may offend or raise.

    ``common``: the instructions for what does not depend on what executions differ in. ``by_address`` and ``by_value``: does
    anything else depend on the addresses or values of events? ``settled``: the requirements and flags that ``common`` decides.
    """

    common: tuple[Instruction, ...]
    requirements: tuple[Part, ...]
    in_turn: tuple[Part, ...]
    """Those requirements that an execution may offend in which the threads run one after the other."""
    flags: tuple[Part, ...]
    by_address: bool
    by_value: bool
    settled: frozenset[Axiom]
    base_sets: frozenset[str]
    is_monotone: bool
    """Can each requirement only gain pairs where an execution gains edges of reads-from and coherence?"""


@lru_cache(maxsize=1024)
def sliced(
    model: Model, kinds: frozenset[EventKind], relations: frozenset[str], varying: int = CHOICE | ADDRESS | VALUE
) -> Slice:
    """``model`` for executions whose events are of these ``kinds``; ``relations``: those of the base relations other than rf, co
    and fr and those that are made of threads and addresses that may have a pair. ``varying``: what the executions differ in."""
    return shared_slice(model, _memberships(_nodes(model), kinds), relations, varying)


@lru_cache(maxsize=1024)
def shared_slice(model: Model, memberships: tuple[Membership, ...], relations: frozenset[str], varying: int) -> Slice:
    """:func:`sliced`, which different kinds of events have in common. ``memberships``: of the nodes that are sets, in order."""
    return _Slicer(memberships, relations, _nodes(model)).slice_of(model.axioms, varying)


ALWAYS_THERE = frozenset(("po", "loc", "int", "ext", "id", "universe"))
"""Base relations that are made of threads and addresses: no execution is without them."""


def slice_of(model: Model, execution: Execution) -> Slice:
    """``model`` for the events of one execution."""
    tags, halves = tags_of(model), {event for pair in execution.relations.get("rmw", ()) for event in pair}
    kinds = frozenset((e.kind, e.tags & tags, e.id in halves) for e in execution.events)
    there = frozenset(name for name in ("rmw", *DEPENDENCIES) if execution.relations.get(name))
    return sliced(model, kinds, there | ALWAYS_THERE)


def allows(model: Model, execution: Execution) -> bool:
    """Does ``model`` allow ``execution``? (Flags do not count.)"""
    part, evaluation = slice_of(model, execution), Evaluation(execution)
    evaluation.run(part.common)
    return evaluation.meets(part.requirements)


@lru_cache(maxsize=64)
def _nodes(model: Model) -> tuple[Node, ...]:
    """All nodes of a model's axioms, recursive variables first, then each after its arguments."""
    return tuple(recursive_first(axiom.node for axiom in model.axioms))


@lru_cache(maxsize=64)
def _by_number(nodes: tuple[Node, ...]) -> dict[int, Node]:
    """The nodes, and the constants, by their numbers."""
    return {**_CONSTANTS, **{node.id: node for node in nodes}}


@lru_cache(maxsize=64)
def _terms(nodes: tuple[Node, ...]) -> tuple[tuple[Node, int, int, int], ...]:
    """The nodes that are no variables, each with its code and the numbers of its first and last argument."""
    terms = [node for node in nodes if node.op != "rec"]
    return tuple((n, code_of(n), n.args[0].id if n.args else 0, n.args[-1].id if n.args else 0) for n in terms)


@lru_cache(maxsize=64)
def tags_of(model: Model) -> frozenset[str]:
    """The names of base sets that a model speaks of: no other tag of an event matters to it."""
    return frozenset(node.name for node in _nodes(model) if node.kind == "set" and node.op == "base")


@lru_cache(maxsize=64)
def _sets(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Those nodes that are sets and no variables."""
    return tuple(node for node in nodes if node.kind == "set" and node.op != "rec")


def _memberships(nodes: tuple[Node, ...], kinds: frozenset[EventKind]) -> tuple[Membership, ...]:
    """Which of the sets have all events of these kinds, or none."""
    everything = (1 << len(kinds)) - 1
    base_sets: dict[str, int] = {}
    for i, (kind, tags, _) in enumerate(kinds):
        for name in base_sets_of(kind, tags):
            base_sets[name] = base_sets.get(name, 0) | 1 << i
    members: dict[int, int | None] = {}
    """The kinds of events that are in a set, if that is known of all of them."""
    found: list[Membership] = []
    for node in _sets(nodes):
        members[node.id] = mask = _members(node, kinds, everything, base_sets, members)
        found.append(False if mask == 0 else True if mask == everything else None)
    return tuple(found)


def _members(
    node: Node, kinds: Iterable[EventKind], everything: int, base_sets: Mapping[str, int], members: Mapping[int, int | None]
) -> int | None:
    match node.op:
        case "base":
            return None if node.name == "FW" else base_sets.get(node.name, 0)  # of FW coherence decides
        case "empty":
            return 0
        case "all":
            return everything
        case "domain" | "range" if node.args[0].op == "base" and node.args[0].name == "rmw":
            half = "R" if node.op == "domain" else "W"
            return sum(1 << i for i, (kind, _, paired) in enumerate(kinds) if paired and kind == half)
        case "union" | "inter" | "diff":
            left, right = (members.get(arg.id) for arg in node.args)
            if left is None or right is None:
                return None
            return left | right if node.op == "union" else left & right if node.op == "inter" else left & ~right
    return None


class _Slicer:
    """What becomes of ``nodes``. ``same``: for each the number of a node with the same value, which may be itself; ``steps``: the
    instructions of those that stay, by number."""

    def __init__(self, memberships: tuple[Membership, ...], relations: frozenset[str], nodes: tuple[Node, ...]) -> None:
        self.relations = relations
        self.nodes = nodes
        sets = zip(_sets(nodes), memberships, strict=True)
        self.known = {node.id: ALL_EVENTS if all_are else NO_EVENT for node, all_are in sets if all_are is not None}
        self.same: dict[int, int] = {}
        self.steps: dict[int, Instruction] = {}
        self._simplify()

    def slice_of(self, axioms: Sequence[Axiom], varying: int) -> Slice:
        """The slice of a model with these axioms."""
        nodes = _by_number(self.nodes)
        there = [axiom for axiom in axioms if axiom.negated != axiom.flag or self.same[axiom.node.id] not in _NOTHING]
        left = [replace(axiom, node=nodes[self.same[axiom.node.id]]) for axiom in there]
        left.sort(key=lambda axiom: axiom.flag)
        order = in_order([axiom.node.id for axiom in left], self.steps.__getitem__)
        steps = self._all(order)
        depends = self._dependences(steps)
        common = [number for number in order if not depends[number] & varying]
        rest = [number for number in order if depends[number] & varying]
        forward = _forward(order)
        costs = _costs(order, set(common))
        parts = self._parts([look for axiom in left for look in (*self._first_look(axiom, costs), axiom)], common)
        return Slice(
            tuple(order[number] for number in common),
            tuple(part for part in parts if not part[0].flag),
            tuple(self._parts([axiom for axiom in left if not (axiom.flag or _is_met(axiom, forward))], common)),
            tuple(part for part in parts if part[0].flag),
            any(depends[number] & ADDRESS for number in rest),
            any(depends[number] & VALUE for number in rest),
            frozenset(axiom for axiom in left if not depends[axiom.node.id] & varying),
            frozenset(step[2] for step in steps if step[0] == BASE_SET),
            not any(axiom.negated for axiom in left if not axiom.flag)
            and not any(step[0] == DIFF and depends[step[3]] & CHOICE for step in steps),
        )

    def _first_look(self, axiom: Axiom, costs: Mapping[int, int]) -> list[Axiom]:
        """What a requirement that a union be acyclic implies for those members of it that cost little, if others cost much."""
        if axiom.kind != "acyclic" or axiom.negated or axiom.flag:
            return []
        members = self._members_of_union(axiom.node.id)
        cheap = [number for number in members if costs[number] <= CHEAP]
        if not cheap or len(cheap) == len(members):
            return []
        nodes = _by_number(self.nodes)
        union = nodes[cheap[0]]
        for number in cheap[1:]:
            union, before = make("rel", "union", (union, nodes[number])), union.id
            self.steps[union.id] = (UNION, union.id, before, number)
        return [replace(axiom, node=union)]

    def _members_of_union(self, number: int) -> list[int]:
        """The values that a union is made of, which are no unions."""
        code, _, first, second = self.steps[number]
        return [number] if code != UNION else [*self._members_of_union(first), *self._members_of_union(second)]

    def _parts(self, axioms: Sequence[Axiom], common: Sequence[int]) -> list[Part]:
        """Each axiom with the instructions that neither ``common`` nor the axioms before it need."""
        done = set(common)
        parts: list[Part] = []

        def left(number: int) -> Instruction | None:
            return None if number in done else self.steps[number]

        for axiom in axioms:
            found = in_order([axiom.node.id], left)
            parts.append((axiom, tuple(found.values())))
            done |= found.keys()
        return parts

    @staticmethod
    def _all(order: dict[int, Instruction]) -> list[Instruction]:
        """The instructions of ``order``, and those inside recursive definitions."""
        found = list(order.values())
        for step in order.values():
            if step[0] == REC:
                found += [inner for _, steps, _ in step[2].rounds for inner in steps]
        return found

    def _dependences(self, steps: Sequence[Instruction]) -> dict[int, int]:
        """What each value depends on, recursive variables with all of their definition."""
        depends = {
            step[1]: _SOURCES.get((step[0], step[2]), 0) if step[0] in _NAMED else VALUE if step[0] == DIFFVALS else 0
            for step in steps
        }
        bodies = {variable: body for step in steps if step[0] == REC for variable, _, body in step[2].rounds}
        depends |= dict.fromkeys(bodies, 0)
        used = [(step[1], numbers_in(step)) for step in steps] + [(variable, (body,)) for variable, body in bodies.items()]
        changed = True
        while changed:
            changed = False  # each comes after its operands, but for recursive variables
            for number, operands in used:
                before = found = depends[number]
                for operand in operands:
                    found |= depends[operand]
                if found != before:
                    depends[number] = found
                    changed = bool(bodies)
        return depends

    # --- what becomes of each node ---

    def _simplify(self) -> None:
        variables = [node for node in self.nodes if node.op == "rec"]
        empty = set(variables)
        while True:
            self.steps = {number: instruction(node) for number, node in _CONSTANTS.items()}
            self.steps |= {variable.id: (REC, variable.id, None, None) for variable in variables}
            self.same = {v.id: v.id if v not in empty else NO_PAIR if v.kind == "rel" else NO_EVENT for v in variables}
            self._pass()
            wrong = {v for v in empty if self.same[v.args[0].id] not in _NOTHING}
            if not wrong:
                break
            empty -= wrong
        for variable in variables:
            if variable not in empty:
                group = [member for member in group_of(variable)[0] if member not in empty]
                made = recursion(group, lambda member: self.same[member.args[0].id], self.steps.__getitem__)
                self.steps[variable.id] = (REC, variable.id, made, None)

    def _pass(self) -> None:
        """Find for each node that is no variable the number of one with the same value."""
        same, steps, sets = self.same, self.steps, self.known
        known: dict[tuple[int, int, int], int] = {}
        """Operations on such numbers, and the numbers of their results."""
        for node, code, one, other in _terms(self.nodes):
            number = node.id
            if number in sets:
                same[number] = sets[number]
                continue
            if code >= BASE:
                is_there = code != BASE or node.name in self.relations or node.name in _BY_EXECUTION
                same[number] = number if is_there else NO_PAIR
                if is_there:
                    steps[number] = instruction(node)
                continue
            first, second = same[one], same[other]
            if first == second or first in _CONSTANTS or second in _CONSTANTS:
                simple = _simpler(code, first, second, NO_EVENT if node.kind == "set" else NO_PAIR)
                if simple is not None:
                    same[number] = simple
                    continue
            if code in _COMPOSITIONS:
                code, first, second = self._composed(first, second)
            found = same[number] = known.setdefault((code, first, second), number)
            if found == number:
                steps[number] = (code, number, first, second)

    def _composed(self, first: int, second: int) -> tuple[int, int, int]:
        """The instruction for a composition: none is needed where one side is the identity on a set."""
        before, after = self.steps[first], self.steps[second]
        if before[0] == SETID:
            return FROM, before[2], second
        return (TO, first, after[2]) if after[0] == SETID else (SEQ, first, second)


_FORWARD = frozenset(("po", "rf", "co", "fr", "rmw", "addr", "data", "ctrl"))

Direction: TypeAlias = bool | None
"""Where the threads run one after the other, does a relation lead to later events only (True), to these and the same (False), or,
as far as is known, anywhere (None)?"""


def _forward(order: Mapping[int, Instruction]) -> dict[int, Direction]:
    """The direction of each value. Of sets it is None."""
    found: dict[int, Direction] = {}
    for number, (code, _, first, second) in order.items():
        one, two = (found.get(first), found.get(second)) if code < BASE else (None, None)
        if code == BASE:
            found[number] = True if first in _FORWARD else False if first == "id" else None
        elif code == UNION:
            found[number] = None if one is None or two is None else one and two
        elif code == SEQ:
            found[number] = None if one is None or two is None else one or two
        elif code == INTER:
            found[number] = None if one is two is None else bool(one or two)
        elif code == DIFF:
            found[number] = True if one is False and second == SAME else one
        elif code in (PLUS, TO, DIFFVALS):
            found[number] = one
        elif code == FROM:
            found[number] = two
        elif code in (STAR, OPT):
            found[number] = None if one is None else False
        else:
            found[number] = False if code == SETID else None
    return found


def _costs(order: Mapping[int, Instruction], common: set[int]) -> dict[int, int]:
    """How many instructions for each value are more than a moment's work, at most."""
    costs: dict[int, int] = {}
    for number, step in order.items():
        if number in common:
            costs[number] = 0
            continue
        code, _, first, second = step
        cost = int(code in _COSTLY)
        if code < BASE:
            cost += costs[first] if first == second else costs[first] + costs[second]
        elif code == REC:
            cost += sum([costs[used] for used in first.used])
        costs[number] = cost
    return costs


def _is_met(axiom: Axiom, forward: Mapping[int, Direction]) -> bool:
    """Is a requirement met because its relation leads to later events only?"""
    return axiom.kind != "empty" and not axiom.negated and forward.get(axiom.node.id) is True


def _simpler(code: int, first: int, second: int, nothing: int) -> int | None:
    """The number of a node that has the value of an operation on two (``second`` is ``first`` where there is one operand), where
    that is seen from which of them are constants, or equal. ``nothing``: that of the empty set or relation of its kind."""
    if code == UNION:
        if first in _NOTHING or first == second or second in _EVERYTHING:
            return second
        return first if second in _NOTHING or first in _EVERYTHING else None
    if code == INTER:
        if first in _NOTHING or first == second or second in _EVERYTHING:
            return first
        return second if second in _NOTHING or first in _EVERYTHING else None
    if code == DIFF:
        if second in _NOTHING:
            return first
        return nothing if first in _NOTHING or first == second or second in _EVERYTHING else None
    if code in _COMPOSITIONS:
        if first == SAME or second == NO_PAIR:
            return second
        return first if second == SAME or first == NO_PAIR else None
    if code == PRODUCT and second == NO_EVENT:
        return NO_PAIR
    return _OF_CONSTANTS.get((code, first))


CHEAP = 2
_COSTLY = frozenset((SEQ, PLUS, STAR, INVERSE, DOMAIN, RANGE, DIFFVALS, REC))

_COMPOSITIONS = (SEQ, FROM, TO)
_NOTHING, _EVERYTHING = (NO_PAIR, NO_EVENT), (ALL_PAIRS, ALL_EVENTS)

_OF_CONSTANTS = {
    **{(code, number): number for code in (PLUS, INVERSE) for number in (NO_PAIR, SAME, ALL_PAIRS)},
    **{(code, number): SAME for code in (STAR, OPT) for number in (NO_PAIR, SAME)},
    **{(code, ALL_PAIRS): ALL_PAIRS for code in (STAR, OPT)},
    **{(code, NO_PAIR): NO_EVENT for code in (DOMAIN, RANGE)},
    **{(code, number): ALL_EVENTS for code in (DOMAIN, RANGE) for number in (SAME, ALL_PAIRS)},
    (DIFFVALS, NO_PAIR): NO_PAIR,
    (PRODUCT, NO_EVENT): NO_PAIR,
    (SETID, NO_EVENT): NO_PAIR,
    (SETID, ALL_EVENTS): SAME,
}
"""The value of operations on constants."""
