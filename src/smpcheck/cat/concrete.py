"""The sets and relations of a model on one execution, and which requirements they offend.

Everything is computed outright on bit rows, from the definition of each operator, independently of the solver: this is what
the solver's witnesses are checked against. Row x of a relation has bit y if (x, y) is in it; a set is one such row. Recursive
definitions are iterated from empty, each variable in turn, as herd7 does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import and_, or_

from smpcheck.cat.graph import group_of
from smpcheck.cat.nodes import Axiom, Node
from smpcheck.errors import UnsupportedError
from smpcheck.program.bit_rows import Pair, Rows, bits, closure, compose, has_cycle, transpose
from smpcheck.program.events import DEPENDENCIES
from smpcheck.program.execution import ExecutedEvent, Execution

MAX_ROUNDS = 10_000
"""Rounds of a recursive definition. One that adds only needs at most as many as there are pairs; others may never settle."""


def is_in(name: str, kind: str, tags: frozenset[str]) -> bool:
    """Is an event of this kind, with these tags, in the base set ``name``?"""
    if name in ("R", "W", "F"):
        return kind == name
    return kind != "F" if name == "M" else name in tags


def classes(keys: Sequence[object], none: object) -> Rows:
    """Events with equal keys; those with key ``none`` are related to nothing."""
    members: dict[object, int] = {}
    for x, key in enumerate(keys):
        members[key] = members.get(key, 0) | 1 << x
    return [0 if key == none else members[key] for key in keys]


class Evaluation:
    """The value of nodes on one execution, each computed once. Positions are indices into ``execution.events``."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.events = execution.events
        self.n = len(execution.events)
        self.position = {event.id: i for i, event in enumerate(execution.events)}
        self.everything = (1 << self.n) - 1
        self.identity = [1 << x for x in range(self.n)]
        self.bases: dict[str, Rows] = {}
        self.values: dict[int, Rows] = {}
        self.stages: dict[int, list[Rows]] = {}
        """For a recursive variable: its value after each round, from empty on."""
        self.solutions: dict[object, list[list[Rows]]] = {}
        """For recursive variables that are defined together, and the values of what they are made of: the stages of each."""

    def with_values(self, values: dict[int, Rows]) -> Evaluation:
        """The same execution, with the values of some nodes given."""
        result = Evaluation(self.execution)
        result.bases, result.values, result.stages = self.bases, values, dict(self.stages)
        return result

    # --- base relations and sets ---

    def base(self, name: str) -> Rows:
        """A base relation."""
        found = self.bases.get(name)
        if found is None:
            found = self.bases[name] = self._base(name)
        return found

    def _base(self, name: str) -> Rows:
        if name in ("po", "rmw", "rf", "co", *DEPENDENCIES):
            rows = [0] * self.n
            for a, b in self.execution.relations.get(name, ()):
                rows[self.position[a]] |= 1 << self.position[b]
            return rows
        if name == "fr":
            return compose(transpose(self.base("rf")), self.base("co"))
        if name == "id":
            return self.identity
        if name == "universe":
            return [self.everything] * self.n
        if name == "loc":
            return classes([event.address for event in self.events], None)
        if name in ("int", "ext"):
            threads = [event.thread for event in self.events]
            same = classes(threads, -1)
            if name == "int":
                return same
            initial = sum(1 << x for x, thread in enumerate(threads) if thread < 0)
            return [self.everything & ~(initial if initial >> x & 1 else row) for x, row in enumerate(same)]
        raise UnsupportedError(f"the base relation {name} is not known for a single execution")

    def _base_set(self, name: str) -> int:
        return sum(1 << x for x, event in enumerate(self.events) if is_in(name, event.kind, event.tags))

    # --- nodes ---

    def rows(self, node: Node) -> Rows:
        """The rows of a relation."""
        found = self.values.get(node.id)
        return self._value(node) if found is None else found

    def mask(self, node: Node) -> int:
        """The members of a set."""
        assert node.kind == "set"
        return self._value(node)[0]

    def _value(self, node: Node) -> Rows:
        found = self.values.get(node.id)
        if found is None:
            if node.op == "rec":
                self._solve(node)
                return self.values[node.id]
            found = self.values[node.id] = self._compute(node)
        return found

    def _compute(self, node: Node) -> Rows:
        if node.kind == "set":
            return [self._compute_set(node)]
        args = node.args
        match node.op:
            case "seq":
                return self._seq(*args)
            case "union":
                return list(map(or_, self.rows(args[0]), self.rows(args[1])))
            case "inter":
                return list(map(and_, self.rows(args[0]), self.rows(args[1])))
            case "diff":
                return [x & ~y for x, y in zip(self.rows(args[0]), self.rows(args[1]), strict=True)]
            case "base":
                return self.base(node.name)
            case "empty":
                return [0] * self.n
            case "inverse":
                return transpose(self.rows(args[0]))
            case "plus":
                return closure(self.rows(args[0]))
            case "star":
                return list(map(or_, closure(self.rows(args[0])), self.identity))
            case "opt":
                return list(map(or_, self.rows(args[0]), self.identity))
            case "setid":
                chosen = self.mask(args[0])
                return [bit & chosen for bit in self.identity]
            case "product":
                first, second = self.mask(args[0]), self.mask(args[1])
                return [second if first >> x & 1 else 0 for x in range(self.n)]
            case "diffvals":
                values = [event.value for event in self.events]
                keep = [sum(1 << y for y in range(self.n) if v is None or v != values[y]) for v in values]
                return [x & y for x, y in zip(self.rows(args[0]), keep, strict=True)]
        raise UnsupportedError(f"the operation {node.op} is not known for a single execution")

    def _seq(self, a: Node, b: Node) -> Rows:
        if a.op == "setid":
            chosen = self.mask(a.args[0])
            return [row if chosen >> x & 1 else 0 for x, row in enumerate(self.rows(b))]
        if b.op == "setid":
            chosen = self.mask(b.args[0])
            return [row & chosen for row in self.rows(a)]
        return compose(self.rows(a), self.rows(b))

    def _compute_set(self, node: Node) -> int:
        args = node.args
        match node.op:
            case "base":
                return self._base_set(node.name)
            case "empty":
                return 0
            case "all":
                return self.everything
            case "union":
                return self.mask(args[0]) | self.mask(args[1])
            case "inter":
                return self.mask(args[0]) & self.mask(args[1])
            case "diff":
                return self.mask(args[0]) & ~self.mask(args[1])
            case "domain":
                return sum(1 << x for x, row in enumerate(self.rows(args[0])) if row)
            case "range":
                result = 0
                for row in self.rows(args[0]):
                    result |= row
                return result
        raise UnsupportedError(f"the operation {node.op} is not known for a single execution")

    # --- recursion ---

    def _solve(self, node: Node) -> None:
        group, cone, given = group_of(node)
        key = node.id, *[tuple(self._value(one)) for one in given]
        if any(term.op == "diffvals" for term in cone):
            key = *key, *[event.value for event in self.events]
        stages = self.solutions.get(key)
        if stages is None:
            stages = self.solutions[key] = self._iterated(group, cone)
        for variable, found in zip(group, stages, strict=True):
            self.stages[variable.id] = found
            self.values[variable.id] = found[-1]

    def _iterated(self, group: Sequence[Node], cone: list[Node]) -> list[list[Rows]]:
        """The values of recursive variables after each round."""
        stages: list[list[Rows]] = []
        for variable in group:
            self.values[variable.id] = [0] * (self.n if variable.kind == "rel" else 1)
            stages.append([self.values[variable.id]])
        for _ in range(MAX_ROUNDS):
            changed = False
            for variable in group:
                self.forget(cone)
                value = self._value(variable.args[0])
                changed |= value != self.values[variable.id]
                self.values[variable.id] = value
            self.forget(cone)
            if not changed:
                return stages
            for variable, found in zip(group, stages, strict=True):
                found.append(self.values[variable.id])
        names = ", ".join(v.name for v in group)
        raise UnsupportedError(f"the recursive definition of {names} does not settle (it subtracts itself)")

    def forget(self, nodes: list[Node]) -> None:
        """Drop the values of ``nodes``."""
        for node in nodes:
            self.values.pop(node.id, None)

    # --- axioms ---

    def shows(self, axiom: Axiom) -> bool:
        """Is a requirement not met, or a flag raised?"""
        return (self.offends(axiom) == axiom.negated) == axiom.flag

    def offends(self, axiom: Axiom) -> bool:
        """Is there a cycle, a loop, a pair?"""
        if axiom.kind == "empty":
            return any(self._value(axiom.node))
        rows = self.rows(axiom.node)
        if axiom.kind == "acyclic":
            return has_cycle(rows)
        return any(row >> x & 1 for x, row in enumerate(rows))


class Varied(Evaluation):
    """The execution of ``common`` with base relations, and perhaps addresses and values of events, of its own. ``same`` are nodes
    that do not depend on these: their values are taken from ``common``, where they are computed once for all that vary it.
    """

    def __init__(
        self,
        common: Evaluation,
        bases: dict[str, Rows],
        same: Iterable[Node],
        events: tuple[ExecutedEvent, ...] | None = None,
    ) -> None:
        self.execution, self.events, self.n, self.position = common.execution, events or common.events, common.n, common.position
        self.everything, self.identity = common.everything, common.identity
        self.bases = common.bases | bases
        self.values = {node.id: common._value(node) for node in same}
        self.stages, self.solutions = {}, common.solutions


def relation(node: Node, execution: Execution) -> frozenset[Pair]:
    """The pairs of event ids in a relation."""
    ids = [event.id for event in execution.events]
    return frozenset((ids[x], ids[y]) for x, row in enumerate(Evaluation(execution).rows(node)) for y in bits(row))


def members(node: Node, execution: Execution) -> frozenset[int]:
    """The ids of the events in a set."""
    return frozenset(execution.events[x].id for x in bits(Evaluation(execution).mask(node)))
