"""The sets and relations of a model on one execution, and which requirements they offend.

Everything is computed outright on bits (:mod:`smpcheck.program.bit_square`), from the definition of each operator, independently
of the solver: this is what the solver's witnesses are checked against. A set is a row of bits. Recursive definitions are iterated
from empty, each variable in turn, as herd7 does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from smpcheck.cat.instructions import (
    ALL,
    BASE,
    BASE_SET,
    DIFF,
    DIFFVALS,
    DOMAIN,
    EMPTY,
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
    Recursion,
    instruction,
    operands,
    recursion_of,
)
from smpcheck.cat.nodes import Axiom, Node
from smpcheck.errors import UnsupportedError
from smpcheck.program.bit_rows import Pair, Rows, bits
from smpcheck.program.bit_square import Relation, Set, square
from smpcheck.program.events import DEPENDENCIES
from smpcheck.program.execution import ExecutedEvent, Execution

MAX_ROUNDS = 10_000
"""Rounds of a recursive definition. One that adds only needs at most as many as there are pairs; others may never settle."""


KIND_SETS = frozenset(("R", "W", "F", "M"))


def base_sets_of(kind: str, tags: frozenset[str]) -> frozenset[str]:
    """The base sets that an event of this kind, with these tags, is in."""
    return tags - KIND_SETS | {kind, "F" if kind == "F" else "M"}


class Tagged(Protocol):
    """What sets and threads are made of: an event, whatever is known of it besides."""

    @property
    def id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def tags(self) -> frozenset[str]: ...
    @property
    def thread(self) -> int: ...


class Evaluation:
    """The value of nodes on one execution, each computed once. Positions are indices into ``events``.

    ``bases``: base relations by name; ``values``: relations and sets by number of node; ``stages``: for a recursive variable its
    value after each round, from empty on.
    """

    def __init__(self, execution: Execution, events: Sequence[Tagged] = ()) -> None:
        """``events``: those of the execution, if it has none itself: then the base relations have to be given."""
        self.execution = execution
        self.events = events or execution.events
        self.addressed: Sequence[ExecutedEvent] = execution.events
        self.n = len(self.events)
        self.square = square(self.n)
        self.position = {event.id: i for i, event in enumerate(execution.events)}
        self.everything: Set = self.square.row
        self.bases: dict[str, Relation] = {}
        self.values: dict[int, int] = {}
        self.stages: dict[int, list[int]] = {}
        self.solutions: dict[tuple[object, ...], tuple[list[int], ...]] = {}
        """For a recursive definition and the values of what it uses: the stages of its variables."""
        self._rows: dict[int, Rows] = {}

    def with_values(self, values: dict[int, int]) -> Evaluation:
        """The same execution, with the values of some nodes given."""
        result = Evaluation(self.execution)
        result.bases, result.values, result.stages = self.bases, values, dict(self.stages)
        return result

    # --- base relations and sets ---

    def base(self, name: str) -> Relation:
        """A base relation."""
        found = self.bases.get(name)
        if found is None:
            found = self.bases[name] = self._base(name)
        return found

    def _base(self, name: str) -> Relation:
        square = self.square
        if name in ("po", "rmw", "rf", "co", *DEPENDENCIES):
            rows = [0] * self.n
            for a, b in self.execution.relations.get(name, ()):
                rows[self.position[a]] |= 1 << self.position[b]
            return square.packed(rows)
        if name == "fr":
            return square.compose(square.transpose(self.base("rf")), self.base("co"))
        if name == "id":
            return square.identity
        if name == "universe":
            return square.everything
        if name == "loc":
            return square.classes([event.address for event in self.addressed])
        if name == "int":
            return square.classes([None if event.thread < 0 else event.thread for event in self.events])
        if name == "ext":
            initial = sum(1 << x for x, event in enumerate(self.events) if event.thread < 0)
            return square.everything & ~(self.base("int") | square.product(initial, initial))
        raise UnsupportedError(f"the base relation {name} is not known for a single execution")

    @cached_property
    def base_sets(self) -> dict[str, Set]:
        """The base sets that have members."""
        found: dict[str, Set] = {}
        for x, event in enumerate(self.events):
            for name in base_sets_of(event.kind, event.tags):
                found[name] = found.get(name, 0) | 1 << x
        return found

    # --- nodes ---

    def rows(self, node: Node) -> Rows:
        """The rows of a relation."""
        found = self._rows.get(node.id)
        if found is None:
            found = self._rows[node.id] = self.square.rows(self.value(node))
        return found

    def mask(self, node: Node) -> Set:
        """The members of a set."""
        assert node.kind == "set"
        return self.value(node)

    def has(self, relation: Relation, x: int, y: int) -> bool:
        """Is the pair (x, y) of positions in a relation?"""
        return bool(relation >> x * self.square.width + y & 1)

    def value(self, node: Node) -> int:
        """The relation or set that a node denotes."""
        found = self.values.get(node.id)
        if found is None:
            if node.op == "rec":
                recursion, used = recursion_of(node)
                for other in used:
                    self.value(other)
                self._solve(recursion)
            else:
                for operand in operands(node):
                    self.value(operand)
                self.run((instruction(node),))
            found = self.values[node.id]
        return found

    def run(self, steps: Iterable[Instruction]) -> None:
        """Compute values, each from those that are there."""
        values, square = self.values, self.square
        compose = square.compose
        for code, node, first, second in steps:
            if code == UNION:
                values[node] = values[first] | values[second]
            elif code == SEQ:
                values[node] = compose(values[first], values[second])
            elif code == INTER:
                values[node] = values[first] & values[second]
            elif code == DIFF:
                values[node] = values[first] & ~values[second]
            elif code == FROM:
                values[node] = values[second] & square.starting(values[first])
            elif code == TO:
                values[node] = values[first] & square.ending(values[second])
            elif code == REC:
                if node not in values:
                    self._solve(first)
            else:
                values[node] = _OTHERS[code](self, first, second)

    def _different(self, relation: Relation) -> Relation:
        """The pairs whose events have different values, or whose first one has none."""
        values = [event.value for event in self.addressed]
        keep = [sum(1 << y for y in range(self.n) if v is None or v != values[y]) for v in values]
        return relation & self.square.packed(keep)

    # --- recursion ---

    def _solve(self, recursion: Recursion) -> None:
        key: tuple[object, ...] = (recursion.rounds[0][0], recursion.used, *[self.values[number] for number in recursion.used])
        if recursion.by_value:
            key = (*key, *[event.value for event in self.addressed])
        stages = self.solutions.get(key)
        if stages is None:
            stages = self.solutions[key] = self._iterated(recursion)
        for (variable, _, _), found in zip(recursion.rounds, stages, strict=True):
            self.stages[variable] = found
            self.values[variable] = found[-1]

    def _iterated(self, recursion: Recursion) -> tuple[list[int], ...]:
        """The values of recursive variables after each round."""
        values, rounds = self.values, recursion.rounds
        stages: tuple[list[int], ...] = tuple([0] for _ in rounds)
        for variable, _, _ in rounds:
            values[variable] = 0
        for _ in range(MAX_ROUNDS):
            changed = False
            for variable, steps, body in rounds:
                self.run(steps)
                changed |= values[body] != values[variable]
                values[variable] = values[body]
            if not changed:
                return stages
            for (variable, _, _), found in zip(rounds, stages, strict=True):
                found.append(values[variable])
        raise UnsupportedError(f"the recursive definition of {recursion.names} does not settle (it subtracts itself)")

    # --- axioms ---

    def meets(self, requirements: Iterable[tuple[Axiom, Iterable[Instruction]]]) -> bool:
        """Are all requirements met? Each comes with the instructions for what is to be computed for it."""
        for axiom, steps in requirements:
            self.run(steps)
            if self.shows(axiom):
                return False
        return True

    def shows(self, axiom: Axiom) -> bool:
        """Is a requirement not met, or a flag raised?"""
        return (self.offends(axiom) == axiom.negated) == axiom.flag

    def offends(self, axiom: Axiom) -> bool:
        """Is there a cycle, a loop, a pair?"""
        value = self.value(axiom.node)
        if axiom.kind == "empty":
            return value != 0
        if axiom.kind == "acyclic":
            return self.square.has_cycle(value)
        return value & self.square.identity != 0


_OTHERS: dict[int, Callable[[Evaluation, Any, Any], int]] = {
    PLUS: lambda e, r, _: e.square.closure(e.values[r]),
    STAR: lambda e, r, _: e.square.closure(e.values[r]) | e.square.identity,
    OPT: lambda e, r, _: e.values[r] | e.square.identity,
    INVERSE: lambda e, r, _: e.square.transpose(e.values[r]),
    SETID: lambda e, s, _: e.square.ending(e.values[s]) & e.square.identity,
    PRODUCT: lambda e, s, t: e.square.product(e.values[s], e.values[t]),
    DOMAIN: lambda e, r, _: e.square.domain(e.values[r]),
    RANGE: lambda e, r, _: e.square.range(e.values[r]),
    DIFFVALS: lambda e, r, _: e._different(e.values[r]),
    BASE: lambda e, name, _: e.base(name),
    BASE_SET: lambda e, name, _: e.base_sets.get(name, 0),
    EMPTY: lambda e, _, __: 0,
    ALL: lambda e, _, __: e.everything,
}


class Varied(Evaluation):
    """The execution of ``common`` with base relations, and perhaps addresses and values of events, of its own. The values of
    ``common`` are those of nodes that do not depend on these."""

    def __init__(
        self, common: Evaluation, bases: Mapping[str, Relation], events: tuple[ExecutedEvent, ...] | None = None
    ) -> None:
        self.execution, self.events, self.n, self.position = common.execution, common.events, common.n, common.position
        self.addressed = events or common.addressed
        self.square, self.everything = common.square, common.everything
        self.bases = {**common.bases, **bases}
        self.values = common.values.copy()
        self.stages, self.solutions, self._rows = {}, common.solutions, {}


def relation(node: Node, execution: Execution) -> frozenset[Pair]:
    """The pairs of event ids in a relation."""
    ids = [event.id for event in execution.events]
    return frozenset((ids[x], ids[y]) for x, row in enumerate(Evaluation(execution).rows(node)) for y in bits(row))


def members(node: Node, execution: Execution) -> frozenset[int]:
    """The ids of the events in a set."""
    return frozenset(execution.events[x].id for x in bits(Evaluation(execution).mask(node)))
