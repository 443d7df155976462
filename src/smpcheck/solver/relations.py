"""A model's relations over a program's events: fixed parts as bit rows, the rest as literals that are made when demanded.

Every relation has ``may`` rows: row x has bit y if the pair (x, y) can be in it in some execution. A *static* relation (built
from program order, dependencies and fences only) is known outright: a pair holds whenever both events happen, or, if listed in
``part``, under a guard of its own. A *dynamic* one (reads-from, coherence and what is built from them) has a literal for
each pair, made by :meth:`Relations.literal` only when an axiom asks for it. ``must`` rows are the pairs that certainly hold
whenever both events happen.

Legend: n events; rows are lists of ints; ``imp[y]`` has the events whose happening implies that y happens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from smpcheck.cat.build import empty, substituted, union_members
from smpcheck.cat.nodes import Node
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program.bit_rows import Pair, Rows, bits, closure, compose, transpose
from smpcheck.program.events import DEPENDENCIES, EventGraph
from smpcheck.program.guards import ALWAYS, NEVER
from smpcheck.solver.aspif import FALSE, TRUE, GroundProgram
from smpcheck.solver.domains import Domains
from smpcheck.solver.statically_empty import absent, known_for, signature

MAX_ROUNDS = 200
"""Rounds of a recursive definition that are written out; each costs about as much as the definition does."""

_EDGES = frozenset(("po", "rf", "co", "fr", "loc", "rmw", "int", "ext", "universe", *DEPENDENCIES))
_STRICT = frozenset(("inter", "diff", "seq", "product", "setid", "inverse", "plus", "domain", "range", "diffvals"))
"""Operators that give nothing if their first argument is empty."""


class Relation:
    """A relation over the events. For sets, only the diagonal is used."""

    __slots__ = ("_columns", "_must", "built", "may", "memo", "node", "part", "static")

    def __init__(self, may: Rows, static: bool, part: dict[Pair, int] | None = None, node: Node | None = None) -> None:
        self.may = may
        self.static = static
        self.part = part or {}
        self.node = node
        self.memo: dict[Pair, int] = {}
        self.built: set[int] = set()
        self._columns: Rows | None = None
        self._must: Rows | None = None

    @property
    def columns(self) -> Rows:
        """The rows of the inverse's ``may``."""
        if self._columns is None:
            self._columns = transpose(self.may)
        return self._columns

    def empty(self) -> bool:
        """Can no pair ever be in it?"""
        return not any(self.may)

    def full(self) -> Rows:
        """For a static relation: the pairs that hold whenever both events happen."""
        if not self.part:
            return self.may
        rows = list(self.may)
        for x, y in self.part:
            rows[x] &= ~(1 << y)
        return rows


class Executions(Protocol):
    """What the relations of a model are built on: the choices that make up an execution, written down as rules.

    Literals are those of ``out``. ``base``: the relation of this name (rf, co, fr, loc, and others that depend on values).
    ``must``: its pairs that hold whenever both events happen. ``literal``: a pair is in it. ``final_writes``: the writes that no
    other overwrites, as pairs (e, e). ``guard_literal``: a guard of the event graph holds. ``same_value``: two events read or
    write equal values.
    """

    @property
    def out(self) -> GroundProgram: ...
    @property
    def domains(self) -> Domains: ...
    def base(self, name: str, relations: Relations) -> Relation: ...
    def must(self, name: str, relations: Relations) -> Rows: ...
    def literal(self, name: str, x: int, y: int, relations: Relations) -> int: ...
    def final_writes(self, relations: Relations) -> Relation: ...
    def guard_literal(self, guard: int) -> int: ...
    def same_value(self, a: int, b: int) -> int: ...


class Paths(Protocol):
    """Literals of pairs in path expressions that have a closure in them (:class:`smpcheck.solver.automata.Automata`)."""

    def literal(self, node: Node, x: int, y: int) -> int: ...


class Relations:
    """Evaluates the nodes of models for one program. ``encoding`` provides what depends on the choices of an execution."""

    def __init__(self, graph: EventGraph, encoding: Executions) -> None:
        self.graph = graph
        self.guards = graph.guards
        self.encoding = encoding
        self.out = encoding.out
        self.n = len(graph.events)
        self.all = (1 << self.n) - 1
        self.guard = [e.guard for e in graph.events]
        self.straight = all(g == ALWAYS for g in self.guard)
        after = encoding.domains.after
        self.ordered = sum(1 << e.id for e in graph.events if e.thread in after)
        """Events of threads that the model orders after all others. They are where they must be, and on no cycle: no base
        relation has edges from or to them."""
        self.imp = self._implications()
        self.cache: dict[int, Relation] = {}
        self.zero = Relation([0] * self.n, True)
        self._having = signature(graph)
        self._absent = known_for(self._having)
        self._pending: list[Callable[[], None]] = []
        self.paths: Paths | None = None
        """Automata for path expressions with closures, if they are to be used for literals."""
        self.closures: dict[int, bool] = {}
        self._draining = False
        self._base: dict[str, Relation] = {}

    def _implications(self) -> Rows:
        if self.straight:
            return [self.all] * self.n
        by_guard: dict[int, int] = {}
        for i, g in enumerate(self.guard):
            by_guard[g] = by_guard.get(g, 0) | 1 << i
        implied: dict[int, int] = {}
        for g in by_guard:
            mask = 0
            for h, members in by_guard.items():
                if self.guards.implies(h, g):
                    mask |= members
            implied[g] = mask
        return [implied[g] for g in self.guard]

    # --- base relations and sets ---

    def compatible(self, x: int, y: int) -> int:
        """The guard under which both events happen."""
        return self.guards.conj(self.guard[x], self.guard[y])

    def _from_pairs(self, pairs: dict[Pair, int]) -> Relation:
        """A static relation from pairs with guards (both events happening is added)."""
        may = [0] * self.n
        part: dict[Pair, int] = {}
        for (x, y), g in pairs.items():
            both = self.compatible(x, y)
            own = self.guards.conj(both, g)
            if own == NEVER:
                continue
            may[x] |= 1 << y
            if own != both:
                part[x, y] = own
        return Relation(may, True, part)

    def base(self, name: str) -> Relation:
        """The base relation called ``name``."""
        found = self._base.get(name)
        if found is None:
            found = self._base[name] = self._make_base(name)
            if self.ordered and name in _EDGES:
                found.may = self._without_ordered(found.may)
                found.part = {(x, y): g for (x, y), g in found.part.items() if found.may[x] >> y & 1}
        return found

    def _without_ordered(self, rows: Rows) -> Rows:
        kept = self.all & ~self.ordered
        return [row & kept if kept >> x & 1 else 0 for x, row in enumerate(rows)]

    def _make_base(self, name: str) -> Relation:
        events, n = self.graph.events, self.n
        if name == "po":
            may = [0] * n
            later: dict[int, int] = {}
            for x in range(n - 1, -1, -1):
                thread = events[x].thread
                if thread >= 0:
                    may[x] = later.get(thread, 0)
                    later[thread] = may[x] | 1 << x
            if not self.straight:
                for x in range(n):
                    for y in bits(may[x]):
                        if self.compatible(x, y) == NEVER:
                            may[x] &= ~(1 << y)
            for x, y in self.graph.apart:
                may[x] &= ~(1 << y)
            return Relation(may, True)
        if name in DEPENDENCIES:
            return self._from_pairs(self.graph.dependency(name))
        if name == "rmw":
            return self._from_pairs({(e.id, e.partner): ALWAYS for e in events if e.kind == "R" and e.partner is not None})
        if name == "id":
            return Relation([1 << x for x in range(n)], True)
        if name in ("int", "ext"):
            by_thread: dict[int, int] = {}
            for e in events:
                by_thread[e.thread] = by_thread.get(e.thread, 0) | 1 << e.id
            if name == "ext":
                return Relation([self.all & ~by_thread[e.thread] for e in events], True)
            return Relation([by_thread[e.thread] if e.thread >= 0 else 0 for e in events], True)
        if name == "universe":
            return Relation([self.all] * n, True)
        if name in ("rf", "co", "fr", "loc"):
            return self.encoding.base(name, self)
        raise UnsupportedError(f"the base relation {name} is not provided for programs of this kind")

    def _make_set(self, name: str) -> Relation:
        events = self.graph.events
        if name in ("R", "W", "F"):
            mask = sum(1 << e.id for e in events if e.kind == name)
        elif name == "M":
            mask = sum(1 << e.id for e in events if e.kind != "F")
        elif name == "FW":
            return self.encoding.final_writes(self)
        else:
            mask = sum(1 << e.id for e in events if name in e.tags)
        return self._diagonal(mask)

    def _diagonal(self, mask: int) -> Relation:
        return Relation([mask & (1 << x) for x in range(self.n)], True)

    # --- evaluation: may rows, static relations outright ---

    def evaluate(self, node: Node) -> Relation:
        """The relation (or set, on the diagonal) that ``node`` denotes."""
        found = self.cache.get(node.id)
        if found is not None:
            return found
        if absent(node, self._having, self._absent):
            self.cache[node.id] = self.zero
            return self.zero
        if node.op == "rec":
            self._evaluate_rec(node)
            return self.cache[node.id]
        result = self._evaluate(node)
        if result.node is None and not result.static:
            result.node = node
        self.cache[node.id] = result
        return result

    def _evaluate(self, node: Node) -> Relation:
        op, args = node.op, node.args
        if op == "base":
            if node.kind == "rel":
                return self.base(node.name)
            key = "set " + node.name
            found = self._base.get(key)
            if found is None:
                found = self._base[key] = self._make_set(node.name)
            return found
        if op == "empty":
            return self.zero
        if op == "all":
            return self._diagonal(self.all)
        a = self.evaluate(args[0])
        if op in _STRICT and not any(a.may):
            return self.zero
        if op == "setid":
            return a
        if op in ("union", "inter", "diff", "seq", "product"):
            return self._binary(op, a, self.evaluate(args[1]), node)
        if op == "opt":
            return self._union(a, self.base("id"), node)
        if op == "inverse":
            part = {(y, x): g for (x, y), g in a.part.items()}
            return Relation(list(a.columns), a.static, part, node)
        if op in ("plus", "star"):
            return self._closure(op, a, node)
        if op in ("domain", "range"):
            return self._project(a, op == "domain", node)
        if op == "diffvals":
            return Relation(list(a.may), False, None, node)
        raise AssertionError(op)

    def _binary(self, op: str, a: Relation, b: Relation, node: Node) -> Relation:
        if op == "union":
            return self._union(a, b, node)
        if op == "product":
            mask = sum(row for row in b.may)
            may = [mask if a.may[x] else 0 for x in range(self.n)]
            if a.static and b.static:
                part = {}
                if a.part or b.part:
                    for x in bits(sum(a.may)):
                        for y in bits(mask):
                            g = self.guards.conj(self.condition(a, x, x), self.condition(b, y, y))
                            if g == NEVER:
                                may[x] &= ~(1 << y)
                            elif g != self.compatible(x, y):
                                part[x, y] = g
                return Relation(may, True, part, node)
            return Relation(may, False, None, node)
        if op == "inter":
            may = [x & y for x, y in zip(a.may, b.may, strict=True)]
            if not any(may):
                return self.zero
            if not (a.static and b.static):
                return Relation(may, False, None, node)
            result = Relation(may, True, None, node)
            for x, y in {**a.part, **b.part}:
                if may[x] >> y & 1:
                    self._set(result, x, y, self.guards.conj(self.condition(a, x, y), self.condition(b, x, y)))
            return result
        if op == "diff":
            return self._diff(a, b, node)
        return self._seq(a, b, node)

    def _union(self, a: Relation, b: Relation, node: Node | None) -> Relation:
        if not any(b.may):
            return a
        if not any(a.may):
            return b
        may = [x | y for x, y in zip(a.may, b.may, strict=True)]
        if not (a.static and b.static):
            return Relation(may, False, None, node)
        result = Relation(may, True, None, node)
        for x, y in {**a.part, **b.part}:
            self._set(result, x, y, self.guards.disj(self.condition(a, x, y), self.condition(b, x, y)))
        return result

    def _diff(self, a: Relation, b: Relation, node: Node) -> Relation:
        must = self.must(b)
        may = [x & ~y for x, y in zip(a.may, must, strict=True)]
        if not any(may):
            return self.zero
        if not (a.static and b.static):
            overlap = any(x & y for x, y in zip(may, b.may, strict=True))
            if a.static and not overlap:
                return Relation(may, True, {p: g for p, g in a.part.items() if may[p[0]] >> p[1] & 1}, node)
            return Relation(may, False, None, node)
        result = Relation(may, True, None, node)
        for x, y in {**a.part, **b.part}:
            if may[x] >> y & 1:
                self._set(result, x, y, self.guards.minus(self.condition(a, x, y), self.condition(b, x, y)))
        return result

    def _set(self, relation: Relation, x: int, y: int, guard: int) -> None:
        if guard == NEVER:
            relation.may[x] &= ~(1 << y)
            relation.part.pop((x, y), None)
        elif guard != self.compatible(x, y):
            relation.part[x, y] = guard
        else:
            relation.part.pop((x, y), None)

    def condition(self, relation: Relation, x: int, y: int) -> int:
        """For a static relation: the guard under which (x, y) is in it."""
        if not relation.may[x] >> y & 1:
            return NEVER
        return relation.part.get((x, y), -1) if (x, y) in relation.part else self.compatible(x, y)

    def _seq(self, a: Relation, b: Relation, node: Node) -> Relation:
        may = compose(a.may, b.may)
        if not any(may):
            return self.zero
        if not (a.static and b.static):
            return Relation(may, False, None, node)
        if self.straight and not a.part and not b.part:
            return Relation(may, True, None, node)
        full = self._through(a.full(), b.full())
        result = Relation(may, True, None, node)
        columns = b.columns
        for x in range(self.n):
            for z in bits(may[x] & ~full[x]):
                guard = NEVER
                for y in bits(a.may[x] & columns[z]):
                    guard = self.guards.disj(guard, self.guards.conj(self.condition(a, x, y), self.condition(b, y, z)))
                self._set(result, x, z, guard)
        return result

    def _through(self, a: Rows, b: Rows) -> Rows:
        """Pairs connected by ``a ; b`` whenever both ends happen: the middle event happens whenever one of them does."""
        if self.straight:
            return compose(a, b)
        imp, result = self.imp, []
        for x, row in enumerate(a):
            out, bit = 0, 1 << x
            for y in bits(row):
                out |= b[y] if imp[y] & bit else b[y] & imp[y]
            result.append(out)
        return result

    def _closure(self, op: str, a: Relation, node: Node) -> Relation:
        if not any(a.may):
            return self.base("id") if op == "star" else self.zero
        may = closure(a.may)
        if a.static:
            if self.straight and not a.part:
                result = Relation(may, True, None, node)
            else:
                result = a
                while True:
                    longer = self._union(result, self._seq(result, a, node), node)
                    if longer.may == result.may and longer.part == result.part:
                        break
                    result = longer
            return self._union(result, self.base("id"), node) if op == "star" else result
        if op == "star":
            may = [row | 1 << x for x, row in enumerate(may)]
        return Relation(may, False, None, node)

    def _project(self, a: Relation, domain: bool, node: Node) -> Relation:
        rows = a.may if domain else a.columns
        may = [1 << x if row else 0 for x, row in enumerate(rows)]
        if not a.static:
            return Relation(may, False, None, node)
        result = Relation(may, True, None, node)
        if self.straight and not a.part:
            return result
        for x, row in enumerate(rows):
            if row:
                guard = NEVER
                for y in bits(row):
                    guard = self.guards.disj(guard, self.condition(a, x, y) if domain else self.condition(a, y, x))
                    if guard == self.guard[x]:
                        break
                self._set(result, x, x, guard)
        return result

    # --- recursion ---

    def _evaluate_rec(self, node: Node) -> None:
        group = _group(node)
        cone = _cone(group)
        current = {i: Relation([0] * self.n, True, None, var) for i, var in group.items()}
        seen: set[object] = set()
        while True:
            self.cache.update(current)
            for member in cone:
                self.cache.pop(member.id, None)
            fresh = {}
            for i, var in group.items():
                value = self.evaluate(var.args[0])
                static = value.static and current[i].static
                fresh[i] = Relation(list(value.may), static, dict(value.part) if static else None, var)
            if not all(r.static for r in fresh.values()):
                if not _is_monotone(group, cone):
                    self._evaluate_rounds(group, cone)
                    return
                # one dynamic member makes them all dynamic: their may rows only grow from here on
                fresh = {i: Relation(r.may, False, None, r.node) for i, r in fresh.items()}
            stable = all(
                fresh[i].may == current[i].may and fresh[i].part == current[i].part and fresh[i].static == current[i].static
                for i in group
            )
            current = fresh
            if stable:
                break
            state = tuple((tuple(r.may), frozenset(r.part.items()), r.static) for r in fresh.values())
            if state in seen:
                names = ", ".join(sorted(v.name for v in group.values()))
                raise UnsupportedError(f"the recursive definition of {names} does not settle (it subtracts itself)")
            seen.add(state)
        for member in cone:
            self.cache.pop(member.id, None)
        self.cache.update(current)

    def _evaluate_rounds(self, group: dict[int, Node], cone: dict[Node, None]) -> None:
        """A definition that subtracts itself and depends on the execution: its rounds written one after the other.

        ``r = r | s`` gains a pair in every round until it does not change any more. So it is what it is after as many rounds as
        there are pairs that it can have at all.
        """
        if len(group) > 1 or not all(var in union_members(var.args[0]) for var in group.values()):
            names = ", ".join(sorted(v.name for v in group.values()))
            raise UnsupportedError(
                f"the recursive definition of {names} subtracts itself and depends on reads-from or coherence; "
                "only definitions that add to what they have (let rec r = r | ...) may do that"
            )
        (variable,) = group.values()
        value = empty(variable.kind)
        done = 0
        while True:
            relation = self.evaluate(value)
            pairs = sum(row.bit_count() for row in relation.may)
            if done > pairs:
                break
            if done > MAX_ROUNDS:
                raise LimitError(f"the recursive definition of {variable.name} needs more than {MAX_ROUNDS} rounds")
            value = substituted(variable.args[0], variable, value)
            done += 1
        for member in cone:
            self.cache.pop(member.id, None)
        self.cache[variable.id] = relation

    # --- must rows ---

    def must(self, relation: Relation) -> Rows:
        """Pairs that are certainly in the relation whenever both events happen (a lower bound)."""
        if relation._must is None:
            relation._must = relation.full() if relation.static else self._must_of(relation)
        return relation._must

    def _must_of(self, relation: Relation) -> Rows:
        node = relation.node
        empty = [0] * self.n
        if node is None or node.op in ("rec", "diffvals", "domain", "range", "product", "diff"):
            return empty
        if node.op == "base":
            rows = self.encoding.must(node.name, self)
            return self._without_ordered(rows) if self.ordered and node.name in _EDGES else rows
        args = [self.evaluate(a) for a in node.args]
        musts = [self.must(a) for a in args]
        if node.op == "union":
            return [x | y for x, y in zip(*musts, strict=True)]
        if node.op == "inter":
            return [x & y for x, y in zip(*musts, strict=True)]
        if node.op == "seq":
            return self._through(musts[0], musts[1])
        if node.op == "inverse":
            return transpose(musts[0])
        if node.op in ("opt", "star"):
            return [row | 1 << x for x, row in enumerate(musts[0])]
        return musts[0]

    def certain_closure(self, relation: Relation) -> Rows:
        """Pairs that are in the closure whenever both events happen: paths of such pairs through events that then happen too."""
        result = list(self.must(relation))
        for k in range(self.n):
            via, given = result[k], self.imp[k]
            if via:
                for x, row in enumerate(result):
                    if row >> k & 1:
                        result[x] = row | (via if given >> x & 1 else via & given)
        return result

    # --- literals ---

    def happens(self, x: int) -> int:
        """The literal "event x happens"."""
        return self.encoding.guard_literal(self.guard[x])

    def both(self, x: int, y: int) -> int:
        """The literal "x and y happen"."""
        if self.straight:
            return TRUE
        return self.encoding.guard_literal(self.compatible(x, y))

    def literal(self, relation: Relation, x: int, y: int) -> int:
        """The literal "(x, y) is in the relation" (which implies that both happen)."""
        if not relation.may[x] >> y & 1:
            return FALSE
        if relation.static:
            if (x, y) in relation.part:
                return self.encoding.guard_literal(relation.part[x, y])
            return self.both(x, y)
        found = relation.memo.get((x, y))
        if found is None:
            found = self._literal(relation, x, y)
            relation.memo[x, y] = found
            if not self._draining:
                self.drain()
        return found

    def drain(self) -> None:
        """Write the rules of recursive relations and closures that have been demanded."""
        self._draining = True
        while self._pending:
            self._pending.pop()()
        self._draining = False

    def defer(self, task: Callable[[], None]) -> None:
        """Have ``task`` write its rules later, outside the recursion of literals."""
        self._pending.append(task)

    def _define_rec(self, relation: Relation, x: int, y: int) -> None:
        assert relation.node is not None
        self.out.rule(relation.memo[x, y], [self.literal(self.evaluate(relation.node.args[0]), x, y)])

    def _literal(self, relation: Relation, x: int, y: int) -> int:
        node, out = relation.node, self.out
        assert node is not None
        op = node.op
        if op == "base":
            return self.encoding.literal(node.name, x, y, self)
        if op == "rec":
            atom: int = out.atom()
            self.defer(partial(self._define_rec, relation, x, y))
            return atom
        if self.paths is not None and op in ("seq", "plus", "star") and has_closure(node, self):
            return self.paths.literal(node, x, y)
        a = self.evaluate(node.args[0])
        if op == "union":
            b = self.evaluate(node.args[1])
            return self._or(self.literal(a, x, y), self.literal(b, x, y))
        if op == "inter":
            b = self.evaluate(node.args[1])
            first, second = (b, a) if b.static else (a, b)
            left = self.literal(first, x, y)
            return FALSE if left == FALSE else self._and(left, self.literal(second, x, y))
        if op == "diff":
            left = self.literal(a, x, y)
            return FALSE if left == FALSE else self._and(left, -self.literal(self.evaluate(node.args[1]), x, y))
        if op == "seq":
            b = self.evaluate(node.args[1])
            result = []
            for z in bits(a.may[x] & b.columns[y]):
                part = self._and(self.literal(a, x, z), self.literal(b, z, y))
                if part == TRUE:
                    return TRUE
                result.append(part)
            return self._any(result)
        if op == "inverse":
            return self.literal(a, y, x)
        if op == "opt" or (op == "star" and x == y):
            return self.happens(x) if x == y else self.literal(a, x, y)
        if op in ("plus", "star"):
            return self._closure_literal(relation, x, y)
        if op == "product":
            return self._and(self.literal(a, x, x), self.literal(self.evaluate(node.args[1]), y, y))
        if op == "domain":
            return self._any([self.literal(a, x, z) for z in bits(a.may[x])])
        if op == "range":
            return self._any([self.literal(a, z, x) for z in bits(a.columns[x])])
        if op == "diffvals":
            return self._and(self.literal(a, x, y), -self.encoding.same_value(x, y))
        raise AssertionError(op)

    def _and(self, a: int, b: int) -> int:
        result: int = self.out.conj2(a, b)
        return result

    def _any(self, literals: list[int]) -> int:
        result: int = self.out.disj(literals)
        return result

    def _or(self, a: int, b: int) -> int:
        if a == b or b == FALSE:
            return a
        if a == FALSE:
            return b
        result: int = self.out.disj((a, b))
        return result

    def _closure_literal(self, relation: Relation, x: int, y: int) -> int:
        if x not in relation.built:
            relation.built.add(x)
            star = relation.node is not None and relation.node.op == "star"
            for z in bits(relation.may[x]):
                if not (star and z == x):
                    relation.memo[x, z] = self.out.atom()
            self.defer(partial(self._define_closure, relation, x))
        return relation.memo[x, y]

    def _define_closure(self, relation: Relation, x: int) -> None:
        """One source's row of ``a+`` (or the part of ``a*`` off the diagonal): what a reaches in one step or more."""
        assert relation.node is not None
        a = self.evaluate(relation.node.args[0])
        star = relation.node.op == "star"
        skip = 1 << x if star else 0
        memo, rule = relation.memo, self.out.rule
        for z in bits(a.may[x] & ~skip):
            rule(memo[x, z], [self.literal(a, x, z)])
        for y in bits(relation.may[x] & ~skip):
            source = memo[x, y]
            for z in bits(a.may[y] & ~skip & ~(1 << y)):
                rule(memo[x, z], [source, self.literal(a, y, z)])


def has_closure(node: Node, relations: Relations) -> bool:
    """Does the path expression contain a dynamic closure outside its leaves?"""
    memo = relations.closures
    found = memo.get(node.id)
    if found is None:
        if relations.evaluate(node).static or node.op not in ("seq", "plus", "star", "opt", "union", "inter", "diff"):
            found = False
        else:
            found = node.op in ("plus", "star") or any(has_closure(a, relations) for a in node.args)
        memo[node.id] = found
    return found


# --- the shape of recursive definitions, a property of the model alone ---

_groups: dict[int, dict[int, Node]] = {}


def _group(node: Node) -> dict[int, Node]:
    """The recursive variables that are defined together with ``node``: reachable from it, and it from them."""
    found = _groups.get(node.id)
    if found is None:
        candidates = {v.id: v for v in _variables(node.args[0])} | {node.id: node}
        found = {i: v for i, v in candidates.items() if i == node.id or node.id in {u.id for u in _variables(v.args[0])}}
        for i in found:
            _groups[i] = found
    return found


def _variables(node: Node) -> list[Node]:
    """All recursive variables reachable from ``node``."""
    seen: set[int] = set()
    result = []
    stack = [node]
    while stack:
        current = stack.pop()
        if current.id not in seen:
            seen.add(current.id)
            if current.op == "rec":
                result.append(current)
            stack.extend(current.args)
    return result


_cones: dict[tuple[int, ...], dict[Node, None]] = {}


def _cone(group: dict[int, Node]) -> dict[Node, None]:
    """The nodes of the group's definitions that mention a variable of the group."""
    key = tuple(sorted(group))
    found = _cones.get(key)
    if found is None:
        found = {}
        memo: dict[int, bool] = {}

        def mentions(node: Node) -> bool:
            if node.id in group:
                return True
            if node.op == "rec":
                return False
            if node.id not in memo:
                memo[node.id] = max([mentions(a) for a in node.args], default=False)
                if memo[node.id]:
                    found[node] = None
            return memo[node.id]

        for var in group.values():
            mentions(var.args[0])
        _cones[key] = found
    return found


def _is_monotone(group: dict[int, Node], cone: dict[Node, None]) -> bool:
    """Does no definition of the group subtract what depends on the group?"""
    return not any(member.op == "diff" and (member.args[1] in cone or member.args[1].id in group) for member in cone)
