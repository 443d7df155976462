"""What is left of a model for one kind of execution: terms that its events cannot give a member to are gone.

Sets are made of tags, so for given kinds of events (:data:`EventKind`) most of them are known outright: empty, or everything. A
test without RCU has no events of RCU, a test without plain accesses has only marked ones, and the relations made of these go, or
lose a factor. Executions of one library share few kinds of events, so each slice is made once and remembered.

A recursive definition is empty if its body is when the definition is taken to be empty: iterated from empty it stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

from smpcheck.cat import build
from smpcheck.cat.concrete import Evaluation, is_in
from smpcheck.cat.graph import recursive_first
from smpcheck.cat.nodes import Axiom, Model, Node, define_rec, rec_variable
from smpcheck.program.events import DEPENDENCIES
from smpcheck.program.execution import Execution

EventKind: TypeAlias = tuple[str, frozenset[str], bool]
"""Kind, tags, and whether the event is half of an atomic operation of which both halves happen."""

_BY_EXECUTION = frozenset(("rf", "co", "fr"))
_ALL = frozenset(("inter", "seq", "product"))
"""Operations that have nothing where one argument has nothing."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The requirements and flags of a model that executions of some kinds of events may offend or raise.

    ``by_choice``: the ids of nodes that depend on reads-from or coherence, ``by_address`` and ``by_value`` of those that depend
    on the addresses or values of events. ``settled``: the arguments of such nodes that are themselves none;
    ``settled_by_address`` of those that do not depend on addresses either.
    """

    requirements: tuple[Axiom, ...]
    flags: tuple[Axiom, ...]
    by_choice: frozenset[int]
    by_address: frozenset[int]
    by_value: frozenset[int]
    settled: tuple[Node, ...]
    settled_by_address: tuple[Node, ...]
    base_sets: frozenset[str]
    is_monotone: bool
    """Can each requirement only gain pairs where an execution gains edges of reads-from and coherence?"""


@lru_cache(maxsize=1024)
def sliced(model: Model, kinds: frozenset[EventKind], relations: frozenset[str]) -> Slice:
    """``model`` for executions whose events are of these ``kinds``; ``relations``: those of the base relations other than rf, co
    and fr and those that are made of threads and addresses that may have a pair."""
    variables = [node for node in _nodes(model) if node.op == "rec"]
    nodes = _Slicer(tuple(kinds), relations).all_of([axiom.node for axiom in model.axioms], variables)
    left = [replace(axiom, node=node) for axiom, node in zip(model.axioms, nodes, strict=True)]
    left = [axiom for axiom in left if not (build.is_empty(axiom.node) and axiom.negated == axiom.flag)]
    order = recursive_first(axiom.node for axiom in left)
    by_choice = _dependent(order, lambda node: node.op == "base" and node.name in _BY_EXECUTION | {"FW"})
    by_address = _dependent(order, lambda node: node.op == "base" and node.name == "loc")
    by_value = _dependent(order, lambda node: node.op == "diffvals")

    def frontier(varying: frozenset[int]) -> tuple[Node, ...]:
        used = [a for node in order if node.id in varying for a in node.args if a.id not in varying]
        return tuple(dict.fromkeys(used))

    return Slice(
        tuple(axiom for axiom in left if not axiom.flag),
        tuple(axiom for axiom in left if axiom.flag),
        by_choice,
        by_address,
        by_value,
        frontier(by_choice | by_value),
        frontier(by_choice | by_value | by_address),
        frozenset(node.name for node in order if node.kind == "set" and node.op == "base"),
        not any(axiom.negated for axiom in left if not axiom.flag)
        and not any(node.op == "diff" and node.args[1].id in by_choice for node in order),
    )


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
    return not any(map(Evaluation(execution).shows, slice_of(model, execution).requirements))


@lru_cache(maxsize=64)
def _nodes(model: Model) -> tuple[Node, ...]:
    """All nodes of a model's axioms, recursive variables first, then each after its arguments."""
    return tuple(recursive_first(axiom.node for axiom in model.axioms))


@lru_cache(maxsize=64)
def tags_of(model: Model) -> frozenset[str]:
    """The names of base sets that a model speaks of: no other tag of an event matters to it."""
    return frozenset(node.name for node in _nodes(model) if node.kind == "set" and node.op == "base")


def _dependent(order: list[Node], is_source: Callable[[Node], bool]) -> frozenset[int]:
    """The ids of nodes that are made of a source, recursive variables with all of their definition."""
    found: set[int] = set()
    changed = True
    while changed:
        changed = False
        for node in order:
            if node.id not in found and (is_source(node) or any(a.id in found for a in node.args)):
                found.add(node.id)
                changed = True
    return frozenset(found)


class _Slicer:
    """What becomes of nodes, each looked at only where its value matters."""

    def __init__(self, kinds: tuple[EventKind, ...], relations: frozenset[str]) -> None:
        self.kinds = kinds
        self.relations = relations
        self.everything = (1 << len(kinds)) - 1
        self.empty: set[Node] = set()
        """Recursive variables that are taken to be empty."""
        self.new: dict[Node, Node] = {}
        self.members: dict[Node, int | None] = {}

    def all_of(self, start: Sequence[Node], variables: Sequence[Node]) -> list[Node]:
        """What becomes of the nodes ``start``. ``variables``: the recursive ones below them."""
        self.empty = set(variables)
        while True:
            self.new = {}
            wrong = {v for v in self.empty if not build.is_empty(self.of(v.args[0]))}
            if not wrong:
                break
            self.empty -= wrong
        found = [self.of(node) for node in start]
        while open_ := [v for v in variables if v in self.new and self.new[v].op == "rec" and not self.new[v].args]:
            for variable in open_:
                define_rec(self.new[variable], self.of(variable.args[0]))
        return found

    def of(self, node: Node) -> Node:
        """What becomes of one node."""
        found = self.new.get(node)
        if found is None:
            found = self.new[node] = self._rec(node) if node.op == "rec" else self._one(node)
        return found

    def _rec(self, node: Node) -> Node:
        return build.empty(node.kind) if node in self.empty else rec_variable(node.kind, node.name)

    def _one(self, node: Node) -> Node:
        if node.kind == "set":
            known = self._known(node)
            if known == 0:
                return build.EMPTY_SET
            if known == self.everything:
                return build.ALL
        if node.op == "base":
            is_there = node.kind == "set" or node.name in self.relations or node.name in _BY_EXECUTION
            return node if is_there else build.EMPTY_REL
        args: list[Node] = []
        for arg in node.args:
            args.append(self.of(arg))
            if build.is_empty(args[-1]) and (node.op in _ALL or (node.op == "diff" and len(args) == 1)):
                return build.empty(node.kind)
        return build.again(node, tuple(args)) if args else node

    def _known(self, node: Node) -> int | None:
        if node not in self.members:
            self.members[node] = self._members(node)
        return self.members[node]

    def _members(self, node: Node) -> int | None:
        """The kinds of events that are in a set, if that is known of all of them."""
        match node.op:
            case "base":
                if node.name == "FW":  # coherence decides
                    return None
                return sum(1 << i for i, (kind, tags, _) in enumerate(self.kinds) if is_in(node.name, kind, tags))
            case "empty":
                return 0
            case "all":
                return self.everything
            case "domain" | "range" if node.args[0].op == "base" and node.args[0].name == "rmw":
                half = "R" if node.op == "domain" else "W"
                return sum(1 << i for i, (kind, _, paired) in enumerate(self.kinds) if paired and kind == half)
            case "union" | "inter" | "diff":
                left, right = map(self._known, node.args)
                if left is None or right is None:
                    return None
                return left | right if node.op == "union" else left & right if node.op == "inter" else left & ~right
        return None
