"""Why a pair is in a relation: the shortest way from one event to the other in steps of base relations.

The cost of a pair is the number of base steps of its shortest derivation: a union takes the cheaper side, a composition the
cheapest event in between, a closure the cheapest path (Dijkstra 1959). Conditions (``[S]``, ``& int``, ``\\ id``) cost nothing.
A pair of a recursive relation is derived from pairs that were there a round earlier. The search is bounded: when an execution is
so large that :data:`BUDGET` costs have been computed, the first derivation found is taken, which is then not always a shortest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import pairwise

from msgspec import Struct

from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.graph import group_of
from smpcheck.cat.nodes import Axiom, Node
from smpcheck.cat.text import describe
from smpcheck.program.bit_rows import Rows, bits, closure, transpose
from smpcheck.program.execution import Execution

BUDGET = 100_000
MAX_EDGES = 3_000
MAX_PAIRS = 500
RECURSION_LIMIT = 6_000

_CONDITIONS = {"int", "ext", "loc", "id", "universe"}


class Step(Struct, frozen=True):
    """One step of a derivation: from event ``source`` to ``target`` (ids) by ``relation``.

    ``relation`` is a base relation (``po``, ``addr``, ``rmw``, ...), one of its parts (``rfe``, ``coi``, ``po-loc``), a relation
    turned round (``rf^-1``, ``rcu-rscs^-1``), or the text of a condition, where there is nothing else (``W * R``). ``within`` has
    the author's names of the relations that the step is part of, outermost first (``hb``, ``ppo``, ``fence``, ``mb``).
    """

    source: int
    relation: str
    target: int
    within: tuple[str, ...] = ()


def is_condition(node: Node) -> bool:
    """Does it only say which events may be related, not by what?"""
    if node.op == "base":
        return node.name in _CONDITIONS
    if node.op in ("product", "setid"):
        return True
    if node.op in ("union", "inter"):
        return all(is_condition(a) for a in node.args)
    return node.op in ("diff", "opt", "inverse") and is_condition(node.args[0])


def leaf_name(node: Node) -> str | None:
    """The name of a relation whose pairs are single steps; None for the others."""
    if node.op == "base":
        return node.name
    if node.op == "inter" and node.args[0].op == node.args[1].op == "base":
        names = {node.args[0].name, node.args[1].name}
        for condition, suffix in (("ext", "e"), ("int", "i"), ("loc", "-loc")):
            if condition in names and len(names) == 2:
                (name,) = names - {condition}
                return name + suffix if name in ("rf", "co", "fr", "po") else f"{name} & {condition}"
    if node.op == "inverse" and (node.args[0].label or leaf_name(node.args[0])):
        return f"{node.args[0].label or leaf_name(node.args[0])}^-1"
    if node.op in ("product", "union", "inter", "diff") and is_condition(node):
        return node.label or describe(node)
    return None


class _Context:
    """Values for one round of a recursive definition (or, at the root, the final ones)."""

    def __init__(self, evaluation: Evaluation, outer: _Context | None, inside: frozenset[int]) -> None:
        self.evaluation = evaluation
        self.outer = outer
        self.inside = inside
        self.memo: dict[tuple[int, int, int], tuple[int, object]] = {}
        self.columns: dict[int, Rows] = {}
        self.rounds: dict[tuple[int, int], _Context] = {}

    def owner(self, node: Node) -> _Context:
        """The outermost context in which ``node`` has the same value."""
        context = self
        while context.outer is not None and node.id not in context.inside:
            context = context.outer
        return context

    def column(self, node: Node, y: int) -> int:
        """The events from which ``node`` reaches y."""
        found = self.columns.get(node.id)
        if found is None:
            found = self.columns[node.id] = transpose(self.evaluation.rows(node))
        return found[y]

    def before(self, variable: Node, x: int, y: int) -> _Context:
        """The context in which the body of ``variable`` first had the pair: what was known a round earlier."""
        stages = self.evaluation.stages[variable.id]
        first = next(i for i, relation in enumerate(stages) if self.evaluation.has(relation, x, y))
        found = self.rounds.get((variable.id, first))
        if found is None:
            group, cone = group_of(variable)
            values = dict(self.evaluation.values)
            for term in cone:
                values.pop(term.id, None)
            place = group.index(variable)
            for i, member in enumerate(group):
                values[member.id] = self.evaluation.stages[member.id][first if i < place else first - 1]
            inside = frozenset(node.id for node in (*group, *cone))
            found = self.rounds[variable.id, first] = _Context(self.evaluation.with_values(values), self, inside)
        return found


class Explainer:
    """Derivations on one execution. Events are positions in it; only :class:`Step` has ids."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.root = _Context(evaluation, None, frozenset())
        self.events = evaluation.events
        self.spent = 0

    # --- costs ---

    def cost(self, context: _Context, node: Node, x: int, y: int) -> int:
        """The number of base steps of the derivation chosen for (x, y), which must be in ``node``."""
        context = context.owner(node)
        found = context.memo.get((node.id, x, y))
        if found is None:
            self.spent += 1
            found = context.memo[node.id, x, y] = self._choose(context, node, x, y)
        return found[0]

    def _choose(self, context: _Context, node: Node, x: int, y: int) -> tuple[int, object]:
        """The cost of a pair, and what its derivation goes by: a side, an event in between, a path, another context."""
        op, args = node.op, node.args
        if op == "setid" or (x == y and (op in ("opt", "star") or node.name == "id")):
            return 0, None
        if leaf_name(node) is not None:
            return 1, None
        match op:
            case "union":
                sides = [side for side in args if context.owner(side).evaluation.rows(side)[x] >> y & 1]
                return self._cheapest((self.cost(context, side, x, y), side) for side in sides)
            case "inter":
                parts = [a for a in args if not is_condition(a)] or [args[0]]
                return sum(self.cost(context, part, x, y) for part in parts), parts
            case "diff" | "diffvals" | "opt":
                return self.cost(context, args[0], x, y), None
            case "inverse":
                return self.cost(context, args[0], y, x), None
            case "seq":
                a, b = args
                middle = context.owner(a).evaluation.rows(a)[x] & context.owner(b).column(b, y)
                return self._cheapest((self.cost(context, a, x, z) + self.cost(context, b, z, y), z) for z in bits(middle))
            case "plus" | "star":
                return self._path(context, node, x, y)
            case "rec":
                earlier = context.before(node, x, y)
                return self.cost(earlier, args[0], x, y), earlier
        raise AssertionError(op)

    def _cheapest(self, offers: Iterable[tuple[int, object]]) -> tuple[int, object]:
        best: tuple[int, object] | None = None
        for offer in offers:
            if best is None or offer[0] < best[0]:
                best = offer
            if best[0] == 0 or self.spent > BUDGET:
                break
        assert best is not None
        return best

    def _path(self, context: _Context, node: Node, x: int, y: int) -> tuple[int, object]:
        inner = node.args[0]
        rows = context.owner(inner).evaluation.rows(inner)
        useful = context.owner(node).column(node, y) | 1 << y
        found = self._shortest(lambda u, v: self.cost(context, inner, u, v), rows, x, y, useful)
        assert found is not None
        return found

    def _shortest(self, cost: Callable[[int, int], int], rows: Rows, x: int, y: int, useful: int) -> tuple[int, list[int]] | None:
        """The cheapest path of at least one edge of ``rows`` from x to y within ``useful``."""
        queue: list[tuple[int, int, int]] = [(cost(x, v), v, x) for v in bits(rows[x] & useful)]
        queue.sort()
        came: dict[int, int] = {}
        while queue:
            total, v, u = heappop(queue)
            if v in came:
                continue
            came[v] = u
            if v == y:
                path = [y]
                while True:
                    u = came[path[-1]]
                    path.append(u)
                    if u == x:
                        return total, path[::-1]
            for w in bits(rows[v] & useful):
                if w not in came:
                    heappush(queue, (total + cost(v, w), w, v))
        return None

    # --- the derivation itself ---

    def steps(self, node: Node, x: int, y: int) -> list[Step]:
        """The steps of the derivation chosen for the pair (x, y) of positions."""
        self.cost(self.root, node, x, y)
        return self._steps(self.root, node, x, y, ())

    def _steps(self, context: _Context, node: Node, x: int, y: int, within: tuple[str, ...]) -> list[Step]:
        context = context.owner(node)
        self.cost(context, node, x, y)
        choice = context.memo[node.id, x, y][1]
        op, args = node.op, node.args
        if op == "setid" or (x == y and (op in ("opt", "star") or node.name == "id")):
            return []
        name = leaf_name(node)
        if name is not None:
            if node.label is not None and node.label != name:
                within = (*within, node.label)
            return [Step(self.events[x].id, name, self.events[y].id, within)]
        if node.label is not None and (not within or within[-1] != node.label):
            within = (*within, node.label)
        match op:
            case "union":
                assert isinstance(choice, Node)
                return self._steps(context, choice, x, y, within)
            case "inter":
                assert isinstance(choice, list)
                result: list[Step] = []
                for i, part in enumerate(choice):
                    if i and part.op == "inverse":
                        result += self._steps(context, part.args[0], y, x, within)
                    else:
                        result += self._steps(context, part, x, y, within)
                return result
            case "inverse":
                return [_reversed(step) for step in reversed(self._steps(context, args[0], y, x, within))]
            case "seq":
                assert isinstance(choice, int)
                return self._steps(context, args[0], x, choice, within) + self._steps(context, args[1], choice, y, within)
            case "plus" | "star":
                assert isinstance(choice, list)
                result = []
                for u, v in pairwise(choice):
                    result += self._steps(context, args[0], u, v, within)
                return result
            case "rec":
                assert isinstance(choice, _Context)
                return self._steps(choice, args[0], x, y, within)
        return self._steps(context, args[0], x, y, within)

    # --- cycles and pairs ---

    def witness(self, axiom: Axiom, cheapest: bool) -> list[int]:
        """The events that show what is wrong: a cycle, an event, or a pair; the one with the fewest steps if ``cheapest``."""
        node = axiom.node
        rows = self.root.evaluation.rows(node)
        if axiom.kind == "acyclic":
            return self._cycle(node, rows, cheapest)
        loops = axiom.kind == "irreflexive"
        pairs = [(x, y) for x, row in enumerate(rows) for y in bits(row & (1 << x) if loops else row)][:MAX_PAIRS]
        best = min(pairs, key=lambda pair: self.cost(self.root, node, *pair)) if cheapest else pairs[0]
        return list(best[:1] if loops else best)

    def _cycle(self, node: Node, rows: Rows, cheapest: bool) -> list[int]:
        """The events of a cheapest cycle of ``rows``; of one with few edges where there are more than :data:`MAX_EDGES`."""
        reach = closure(rows)
        cyclic = sum(1 << x for x, row in enumerate(reach) if row >> x & 1)
        columns = transpose(reach)
        edges = sum((row & cyclic).bit_count() for x, row in enumerate(rows) if cyclic >> x & 1)
        exact = cheapest and edges <= MAX_EDGES
        best: tuple[int, list[int]] | None = None
        for x in bits(cyclic):
            useful = reach[x] & columns[x] & -(1 << x)
            if best is not None and not exact and best[0] <= 2:
                break
            price = (lambda u, v: self.cost(self.root, node, u, v)) if exact else (lambda _u, _v: 1)
            found = self._shortest(price, rows, x, x, useful)
            if found is not None and (best is None or found[0] < best[0]):
                best = found
        assert best is not None
        return best[1][:-1]


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let derivations go as deep as recursive definitions have rounds."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _reversed(step: Step) -> Step:
    name = step.relation[:-3] if step.relation.endswith("^-1") else step.relation + "^-1"
    return Step(step.target, name, step.source, step.within)


def explain(node: Node, a: int, b: int, execution: Execution) -> tuple[Step, ...]:
    """Why the pair (a, b) of event ids is in the relation ``node``: the steps of a shortest derivation, in order.

    A path from a to b; where two relations are intersected, the steps of both, the second starting over at a (or, if it is an
    inverse, going back from b to a). Raises ValueError if the pair is not in the relation.
    """
    evaluation = Evaluation(execution)
    x, y = evaluation.position[a], evaluation.position[b]
    if not evaluation.rows(node)[x] >> y & 1:
        raise ValueError(f"({a}, {b}) is not in {node!r}")
    with deep_recursion():
        return tuple(Explainer(evaluation).steps(node, x, y))
