"""Path expressions as automata: an axiom over ``prop ; strong-fence ; hb*`` is a question about paths, not about closures.

A relation built from others by ``; | ? * + [S]`` is a regular language over its *leaves* (base relations, static relations, and
what has to be written out pair by pair). Its automaton and the event graph have a product: nodes (state, event), an edge for
each leaf pair. Two uses:

*Acyclicity.* ``acyclic e``: identify the accepting state with the initial one; then e has a cycle if and only if the product
has a cycle through an initial node. Clingo's edge check decides that without any closure. Cycles that never pass the initial
state run inside a starred part ``s*`` of e, and are cycles of s. They are real cycles of the product but not of e, so the
encoding is exact only if no consistent execution has one. :meth:`Automata.harmless` proves that for the program at hand, from
the model's own axioms: if every cycle of s would also be a cycle of some t that the model requires to be acyclic, nothing is
lost. Where the proof fails, ``s*`` is written out as a closure and used as a leaf.

*Reachability.* Literals of a path expression from one source: founded rules over product nodes. Loops need no proof here,
because an atom that only supports itself is false.

``X & int`` is rewritten as the union over threads T of ``[T] ; X ; [T]``, ``X & ext`` likewise; ``(X \\ id) & int`` as the
union over the elements i of ``[T, i in code] ; X ; [T, i not in code]``, where the events of T have different codes, all sets of
the same size: of two different ones, each has an element that the other lacks. All three are exact.

The proof in ``harmless``: walk round any cycle of s, keeping the event (the anchor) where the last proved step of t+ ended. A
step x -> y is *progress* if anchor -> y is certainly in t+ (whenever both happen), or if the pair is one of t's whenever it is
there, and anchor -> x is certainly in t+ or the anchor is x itself. If no cycle of such a walk is without progress, then walking
round a cycle of s forever makes an endless chain of t+ over finitely many events, hence a cycle of t. A walk that makes no more
progress from some anchor on stays in a component of the steps that make none from there; it may be anchored anew inside, so the
same is asked of these steps alone, as long as they are fewer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations, islice
from math import comb
from operator import or_
from typing import TypeAlias

from msgspec import Struct

from smpcheck.cat.nodes import Model, Node, make
from smpcheck.program.bit_rows import Rows, bits, closure, components, transpose
from smpcheck.program.guards import NEVER
from smpcheck.solver.aspif import FALSE, TRUE, GroundProgram
from smpcheck.solver.relations import Relation, Relations

FEW_PAIRS = 200
"""A restricted path expression with at most so many possible pairs is written out pair by pair instead of copied for each
thread; measured on the reference library."""

MANY_EDGES = 20_000
"""Products of more edges are written without looking for their components first."""

FEW_TARGETS = 3
"""Fewer targets of an event are written one by one."""

_Edge: TypeAlias = tuple[int, int, Relation, int, int]
"""An edge of a product: node, node, and the leaf pair."""

_PATH = frozenset(("seq", "plus", "star", "opt", "union"))


@dataclass(slots=True)
class Automaton:
    """Without empty moves. ``moves[p]`` lists (relation, domain mask, rows, target); ``accept[p]`` masks accepting events."""

    moves: list[list[tuple[Relation, int, Rows, int]]]
    accept: list[int]


@dataclass(slots=True)
class _Draft:
    """An automaton with empty moves, as it is built: state 0 is initial, state 1 final."""

    states: int = 2
    leaves: list[tuple[int, Relation, Rows, int]] = field(default_factory=list)
    empty: list[tuple[int, int, int]] = field(default_factory=list)

    def state(self) -> int:
        self.states += 1
        return self.states - 1


class _Target(Struct, frozen=True):
    """What is known of the pairs of a relation that must be acyclic: those certainly in its closure, leaf pairs that are its own
    (by the leaf's identity), and its own pairs from static leaves."""

    certain: Rows
    literal: dict[int, Rows]
    static: list[tuple[Relation, Rows]]


class Automata:
    """Automata of path expressions for one program under one model."""

    def __init__(self, relations: Relations, model: Model) -> None:
        self.relations = relations
        self.out = relations.out
        self.n = relations.n
        self.required = [a.node for a in model.axioms if a.kind == "acyclic" and not a.flag and not a.negated]
        self._harmless: dict[int, bool] = {}
        self._automaton: dict[tuple[int, bool, bool], Automaton] = {}
        self._targets: dict[int, _Target] = {}
        self._reach: dict[tuple[int, int], dict[tuple[int, int], int]] = {}
        self._rows: dict[tuple[int, ...], Rows] = {}
        self._domains: dict[int, tuple[Rows, int]] = {}
        self._inverses: dict[int, tuple[Rows, Rows]] = {}
        self._thinned: dict[tuple[int, int, int], tuple[Rows, Rows]] = {}
        self._whole: dict[int, Rows] = {}
        """Of rows that were made thinner (by identity), what they were before."""

    # --- construction ---

    def automaton(self, node: Node, *, loops: bool, copies: bool = True) -> Automaton:
        """The automaton of ``node``. ``loops``: every star may be a loop; else only harmless ones. Without ``copies``,
        restrictions to int and ext are dropped (more paths: for proofs)."""
        key = (node.id, loops, copies)
        found = self._automaton.get(key)
        if found is None:
            draft = _Draft()
            self._build(draft, node, 0, 1, loops, copies)
            found = self._automaton[key] = self._finish(draft)
        return found

    def _build(self, draft: _Draft, node: Node, start: int, end: int, loops: bool, copies: bool) -> None:
        relation = self.relations.evaluate(node)
        if not any(relation.may):
            return
        op = node.op
        if op == "setid" and relation.static and not relation.part:
            draft.empty.append((start, _mask(relation.may), end))
        elif relation.static:
            draft.leaves.append((start, relation, relation.may, end))
        elif op == "union":
            for arg in node.args:
                self._build(draft, arg, start, end, loops, copies)
        elif op == "seq":
            middle = draft.state()
            self._build(draft, node.args[0], start, middle, loops, copies)
            self._build(draft, node.args[1], middle, end, loops, copies)
        elif op == "opt":
            draft.empty.append((start, self.relations.all, end))
            self._build(draft, node.args[0], start, end, loops, copies)
        elif op in ("star", "plus") and (loops or self.harmless(node.args[0])):
            inside = draft.state()
            self._build(draft, node.args[0], inside, inside, loops, copies)
            if op == "star":
                draft.empty.append((start, self.relations.all, inside))
            else:
                self._build(draft, node.args[0], start, inside, loops, copies)
            draft.empty.append((inside, self.relations.all, end))
        elif op in ("inter", "diff"):
            self._restricted(draft, node, start, end, loops, copies)
        else:
            draft.leaves.append((start, relation, relation.may, end))

    def _restricted(self, draft: _Draft, node: Node, start: int, end: int, loops: bool, copies: bool) -> None:
        """``X & S`` and ``X \\ S`` with a static S: masked leaves where X is made of base relations, copies for int and ext."""
        relations = self.relations
        relation = relations.evaluate(node)
        inner, rows, distinct = node, [relations.all] * self.n, False
        scope = ""
        while inner.op in ("inter", "diff"):
            a, b = inner.args
            if inner.op == "inter" and relations.evaluate(a).static:
                a, b = b, a
            other = relations.evaluate(b)
            if not other.static or other.part:
                break
            if inner.op == "inter":
                if b.op == "base" and b.name in ("int", "ext"):
                    scope = b.name if scope in ("", b.name) else "both"
                rows = [x & y for x, y in zip(rows, other.may, strict=True)]
            else:
                distinct = distinct or any(row >> x & 1 for x, row in enumerate(other.may))
                rows = [x & ~y for x, y in zip(rows, other.may, strict=True)]
            inner = a
        parts = _alternatives(inner)
        if not any(p.op in _PATH for p in parts):
            for part in parts:
                whole = relations.evaluate(part)
                masked = [x & y for x, y in zip(whole.may, rows, strict=True)]
                masked = self._rows.setdefault(tuple(masked), masked)
                if any(masked):
                    draft.leaves.append((start, whole, masked, end))
            return
        if not copies:
            self._build(draft, inner, start, end, loops, copies)
            # where the encoding has the restriction as a leaf, a pair (x, x) is a step, even if it is no step of ``inner``
            diagonal = [row & 1 << x for x, row in enumerate(relation.may)]
            if any(diagonal):
                draft.leaves.append((start, relation, diagonal, end))
            return
        exact = self._scope_rows(scope, distinct)
        if loops or sum(row.bit_count() for row in relation.may) <= FEW_PAIRS:
            draft.leaves.append((start, relation, relation.may, end))
            return
        if scope not in ("int", "ext") or (distinct and scope == "ext") or exact != rows:
            draft.leaves.append((start, relation, relation.may, end))
            return
        may = relations.evaluate(inner).may
        starts = sum(1 << x for x in range(self.n) if may[x] & rows[x])
        ends = 0
        for x in bits(starts):
            ends |= may[x] & rows[x]
        for enter, leave in self._scopes(scope, distinct, starts, ends):
            first, last = draft.state(), draft.state()
            draft.empty.append((start, enter, first))
            self._build(draft, inner, first, last, loops, copies)
            draft.empty.append((last, leave, end))

    def _scope_rows(self, scope: str, distinct: bool) -> Rows:
        if scope not in ("int", "ext"):
            return []
        rows = self.relations.base(scope).may
        return [row & ~(1 << x) for x, row in enumerate(rows)] if distinct else list(rows)

    def _scopes(self, scope: str, distinct: bool, starts: int, ends: int) -> list[tuple[int, int]]:
        """Pairs of masks (events a path may start at, events it may then end at) whose union is the restriction."""
        result = []
        ext = self.relations.base("ext").may
        seen = 0
        for x, event in enumerate(self.relations.graph.events):
            thread = self.relations.all & ~ext[x]
            if seen >> x & 1 or (scope == "int" and event.thread < 0):
                continue
            seen |= thread
            enter, leave = thread & starts, (thread if scope == "int" else self.relations.all & ~thread) & ends
            if not enter or not leave:
                continue
            if not distinct or not enter & leave:
                result.append((enter, leave))
                continue
            both = list(bits(enter & leave))
            codes = _antichain(len(both))
            for i in range(max(c.bit_length() for c in codes)):
                ones = sum(1 << e for e, code in zip(both, codes, strict=True) if code >> i & 1)
                result.append((ones, leave & ~ones))
            result.append((enter & ~leave, leave))
        return [(a, b) for a, b in result if a and b]

    def _finish(self, draft: _Draft) -> Automaton:
        """Remove empty moves, unreachable and equivalent states."""
        everything = self.relations.all
        empty: list[list[tuple[int, int]]] = [[] for _ in range(draft.states)]
        for p, mask, q in draft.empty:
            empty[p].append((mask, q))
        leaves: list[list[tuple[Relation, Rows, int]]] = [[] for _ in range(draft.states)]
        for p, relation, rows, q in draft.leaves:
            leaves[p].append((relation, rows, q))
        moves: dict[int, dict[tuple[int, int, int], tuple[Relation, int, Rows, int]]] = {}
        accept: dict[int, int] = {}
        todo = [0]
        while todo:
            p = todo.pop()
            if p in moves:
                continue
            reach = {p: everything}
            stack = [p]
            while stack:
                q = stack.pop()
                for mask, r in empty[q]:
                    wider = reach[q] & mask & ~reach.get(r, 0)
                    if wider:
                        reach[r] = reach.get(r, 0) | wider
                        stack.append(r)
            accept[p] = reach.get(1, 0)
            found: dict[tuple[int, int, int], tuple[Relation, int, Rows, int]] = {}
            for q, mask in reach.items():
                for relation, rows, r in leaves[q]:
                    domain = mask & self._domain(rows)
                    if domain:
                        key = (id(relation), id(rows), r)
                        if key in found:
                            domain |= found[key][1]
                        found[key] = (relation, domain, rows, r)
                        todo.append(r)
            moves[p] = found
        return self._thin(_quotient(moves, accept))

    def _thin(self, auto: Automaton, start: int = 0) -> Automaton:
        """Drop static steps x -> z into a state where the same relation is a loop, if x -> y -> z is there whenever x -> z is.

        ``start``: where the accepting state is also the initial one, so that what leads from there to a state loops there too.
        """
        result: list[list[tuple[Relation, int, Rows, int]]] = []
        for moves in auto.moves:
            thin = []
            for relation, domain, rows, q in moves:
                loop = 0
                if relation.static and not any(rows[x] & ((2 << x) - 1) for x in bits(domain)):
                    for from_, where in ((q, self.relations.all), (0, auto.accept[q] & start)):
                        for r, d, own, t in auto.moves[from_] if where else ():
                            if r is relation and own is rows and t == q:
                                loop |= d & where
                thin.append((relation, domain, self._thinner(relation, rows, domain, loop) if loop else rows, q))
            result.append(thin)
        return Automaton(result, auto.accept)

    def _thinner(self, relation: Relation, rows: Rows, domain: int, loop: int) -> Rows:
        key = (id(rows), domain, loop)
        found = self._thinned.get(key)
        if found is None:
            thin = list(rows)
            for x in bits(domain):
                redundant = 0
                for y in bits(rows[x] & loop):
                    if redundant >> y & 1:
                        continue
                    redundant |= self._bridged(relation, x, y, rows[x] & rows[y] & ~redundant)
                thin[x] = rows[x] & ~redundant
            found = self._thinned[key] = (rows, thin)
            self._whole[id(thin)] = rows
        return found[1]

    def _bridged(self, relation: Relation, x: int, y: int, goals: int) -> int:
        """The z of ``goals`` for which (x, y) and (y, z) are in the relation whenever (x, z) is."""
        if not relation.part:
            return goals if self.relations.imp[y] >> x & 1 else goals & self.relations.imp[y]
        condition, guards = self.relations.condition, self.relations.guards
        first = condition(relation, x, y)
        result = 0
        for z in bits(goals):
            whole = condition(relation, x, z)
            if guards.implies(whole, first) and guards.implies(whole, condition(relation, y, z)):
                result |= 1 << z
        return result

    def _domain(self, rows: Rows) -> int:
        """The events with a non-empty row."""
        found = self._domains.get(id(rows))
        if found is None:
            found = self._domains[id(rows)] = (rows, sum(1 << x for x, row in enumerate(rows) if row))
        return found[1]

    # --- acyclicity ---

    def acyclic(self, node: Node, component: Rows) -> None:
        """Require that ``node`` has no cycle; ``component`` as from strongly_connected on its ``may`` rows."""
        auto = self.automaton(node, loops=False)
        start = sum(1 << x for x, mask in enumerate(component) if mask)
        out, relations = self.out, self.relations
        for x in bits(auto.accept[0] & start):
            out.forbid((relations.happens(x),))
        auto = self._thin(auto, start)
        if self._size(auto) > MANY_EDGES:
            self._write_all(auto, start)
            return
        number: dict[int, int] = {}
        literal = relations.literal
        for source, target, relation, x, y in _inside_components(self._product(auto, start)):
            for node_id in (source, target):
                if node_id not in number:
                    number[node_id] = out.new_nodes(1)
            if source == target:
                out.forbid((literal(relation, x, y),))
            else:
                out.edge(number[source], number[target], literal(relation, x, y))

    def _size(self, auto: Automaton) -> int:
        return sum(rows[x].bit_count() for moves in auto.moves for _, domain, rows, _ in moves for x in bits(domain))

    def _write_all(self, auto: Automaton, start: int) -> None:
        """Write the product without looking for its components first: in a dense program nearly every edge is on a cycle.

        A cycle comes to an event only by an edge that takes the event to happen. So a static edge needs no condition but that its
        target happens, which is one edge for all that lead there: clingo looks for cycles anew for each edge that gets true.
        """
        relations, n = self.relations, self.n
        region = self._regions(auto, start, loop=True)
        first = self.out.new_nodes(n * len(auto.moves))
        shared: dict[tuple[int, int, int, int], tuple[Relation, Rows, list[tuple[int, int]]]] = {}
        for p, moves in enumerate(auto.moves):
            for relation, domain, rows, q in moves:
                live = 0
                for _, d, _, _ in auto.moves[q]:
                    live |= d
                goals = [(first + q * n, region[q] & live)]
                if q != 0:
                    goals.append((first, auto.accept[q] & start))
                for base, goal in goals:
                    same = shared.setdefault((id(relation), id(rows), base, goal), (relation, rows, []))
                    same[2].append((first + p * n, region[p] & domain))
        writer = _Writer(relations)
        for (_, _, base, goal), (relation, rows, sources) in shared.items():
            for x in reversed(list(bits(reduce(or_, (mask for _, mask in sources))))):
                row = rows[x] & goal
                if not row:
                    continue
                at = [source + x for source, mask in sources if mask >> x & 1]
                if len(at) > 1 and row.bit_count() > 1:
                    between = self.out.new_nodes(1)
                    for source in at:
                        self.out.edge(source, between, TRUE)
                    at = [between]
                for source in at:
                    writer.row(relation, source, x, base, row, self._whole.get(id(rows), rows)[x] & goal)

    def _regions(self, auto: Automaton, start: int, loop: bool) -> list[int]:
        """For each state, the events at which some path from the initial state passes and from which it can be completed."""
        count = len(auto.moves)
        forward = [0] * count
        forward[0] = start
        fresh = {0: start}
        while fresh:
            p, new = fresh.popitem()
            for _, domain, rows, q in auto.moves[p]:
                front, out = new & domain, 0
                while front:
                    low = front & -front
                    front ^= low
                    out |= rows[low.bit_length() - 1]
                out &= ~forward[q]
                if out:
                    forward[q] |= out
                    fresh[q] = fresh.get(q, 0) | out
        into: list[list[tuple[int, int, Rows]]] = [[] for _ in range(count)]
        for p, moves in enumerate(auto.moves):
            for _, domain, rows, q in moves:
                into[q].append((p, domain & forward[p], self._inverse(rows)))
        backward = [a & f & (start if loop else self.relations.all) for a, f in zip(auto.accept, forward, strict=True)]
        if loop:
            backward[0] |= start
        fresh = {p: mask for p, mask in enumerate(backward) if mask}
        while fresh:
            q, new = fresh.popitem()
            for p, domain, columns in into[q]:
                front, out = new, 0
                while front:
                    low = front & -front
                    front ^= low
                    out |= columns[low.bit_length() - 1]
                out &= domain & ~backward[p]
                if out:
                    backward[p] |= out
                    fresh[p] = fresh.get(p, 0) | out
        return backward

    def _inverse(self, rows: Rows) -> Rows:
        found = self._inverses.get(id(rows))
        if found is None:
            found = self._inverses[id(rows)] = (rows, transpose(rows))
        return found[1]

    def _product(self, auto: Automaton, start: int) -> list[_Edge]:
        """Edges of the product with accepting nodes identified with initial ones: (node, node, relation, x, y)."""
        n = self.n
        region = self._regions(auto, start, loop=True)
        edges = []
        for p, moves in enumerate(auto.moves):
            for relation, domain, rows, q in moves:
                goal, done = region[q], auto.accept[q] & start
                live = 0
                for _, d, _, _ in auto.moves[q]:
                    live |= d
                goal &= live
                for x in bits(region[p] & domain):
                    source = p * n + x
                    for y in bits(rows[x] & goal):
                        edges.append((source, q * n + y, relation, x, y))
                    if q != 0:
                        for y in bits(rows[x] & done):
                            edges.append((source, y, relation, x, y))
        return edges

    # --- proofs ---

    def harmless(self, body: Node) -> bool:
        """Is every cycle of ``body`` a cycle of something that the model requires to be acyclic? (See the module's docstring.)"""
        found = self._harmless.get(body.id)
        if found is None:
            self._harmless[body.id] = False
            found = self._harmless[body.id] = self._prove(body)
        return found

    def _prove(self, body: Node) -> bool:
        if any(body is t for t in self.required):
            return True
        relation = self.relations.evaluate(body)
        if relation.static and not relation.part and not any(row >> x & 1 for x, row in enumerate(closure(relation.may))):
            return True
        auto = self.automaton(body, loops=True, copies=False)
        edges = _inside_components(self._product(auto, self.relations.all))
        if not edges:
            return True
        return any(self._progress(edges, target) for target in self.required)

    def _progress(self, edges: list[_Edge], target: Node) -> bool:
        """Does every endless walk along ``edges`` make an endless chain of ``target``?"""
        known = self._target(target)
        certain = known.certain
        follow: dict[int, list[tuple[_Edge, bool]]] = {}
        for edge in edges:
            follow.setdefault(edge[0], []).append((edge, self._included(known, *edge[2:])))
        anchored: dict[int, list[int]] = {}
        for root in follow:
            anchored.setdefault(root % self.n, []).append(root)
        for anchor, todo in anchored.items():
            # the steps without progress of walks that were last anchored here; progress goes on from another anchor
            certainly, seen, stuck = certain[anchor], set(todo), list[_Edge]()
            while todo:
                for edge, included in follow.get(todo.pop(), ()):
                    _, goal, _, x, y = edge
                    if (included and (anchor == x or certainly >> x & 1)) or certainly >> y & 1:
                        continue
                    stuck.append(edge)
                    if goal not in seen:
                        seen.add(goal)
                        todo.append(goal)
            rest = _inside_components(stuck) if stuck else stuck
            # a walk that makes no progress for ever stays on these: anchored anew there, it may
            if rest and (len(rest) == len(edges) or not self._progress(rest, target)):
                return False
        return True

    def _included(self, target: _Target, relation: Relation, x: int, y: int) -> bool:
        """Is a leaf's pair also one of the target's, whenever it is there?"""
        rows = target.literal.get(id(relation))
        if rows is not None and rows[x] >> y & 1:
            return True
        if not relation.static:
            return False
        guards, relations = self.relations.guards, self.relations
        covered = NEVER
        for other, own in target.static:
            if own[x] >> y & 1:
                covered = guards.disj(covered, relations.condition(other, x, y))
        return covered != NEVER and guards.implies(relations.condition(relation, x, y), covered)

    def _target(self, target: Node) -> _Target:
        found = self._targets.get(target.id)
        if found is None:
            auto = self.automaton(target, loops=True)
            literal: dict[int, Rows] = {}
            static: list[tuple[Relation, Rows]] = []
            for relation, domain, rows, q in auto.moves[0]:
                own = [rows[x] & auto.accept[q] if domain >> x & 1 else 0 for x in range(self.n)]
                before = literal.get(id(relation))
                literal[id(relation)] = own if before is None else [a | b for a, b in zip(own, before, strict=True)]
                if relation.static:
                    static.append((relation, own))
            certain = self.relations.certain_closure(self.relations.evaluate(target))
            found = self._targets[target.id] = _Target(certain, literal, static)
        return found

    # --- reachability from one source ---

    def literal(self, node: Node, x: int, y: int) -> int:
        """The literal "(x, y) is in the path expression ``node``"."""
        node = canonical(node)
        auto = self.automaton(node, loops=True)
        reach = self._reach.get((node.id, x))
        if reach is None:
            reach = self._reach[node.id, x] = self._reach_from(auto, x)
        parts = [reach[q, y] for q in range(len(auto.moves)) if auto.accept[q] >> y & 1 and (q, y) in reach]
        result: int = self.out.disj(parts)
        return result

    def _reach_from(self, auto: Automaton, x: int) -> dict[tuple[int, int], int]:
        """Atoms for the product nodes reachable from (initial, x); their rules are written when the queue is drained."""
        region = self._regions(auto, 1 << x, loop=False)
        reach: dict[tuple[int, int], int] = {}
        if not region[0] >> x & 1:
            return reach
        for q, mask in enumerate(region):
            for y in bits(mask):
                reach[q, y] = self.out.atom()
        # the source itself may also be reached again: its atom has the empty path as one of its rules
        self.relations.defer(lambda: self._define_reach(auto, x, reach))
        return reach

    def _define_reach(self, auto: Automaton, x: int, reach: dict[tuple[int, int], int]) -> None:
        rule, literal = self.out.rule, self.relations.literal
        rule(reach[0, x], [self.relations.happens(x)])
        by_state: dict[int, int] = {}
        for q, y in reach:
            by_state[q] = by_state.get(q, 0) | 1 << y
        straight, lines = self.relations.straight, self.out.lines
        for (p, y), atom in reach.items():
            for relation, domain, rows, q in auto.moves[p]:
                if not domain >> y & 1:
                    continue
                row = rows[y] & by_state.get(q, 0)
                if p == q:
                    row &= ~(1 << y)
                always = straight and relation.static and not relation.part
                while row:
                    low = row & -row
                    row ^= low
                    z = low.bit_length() - 1
                    step = TRUE if always else literal(relation, y, z)
                    if step == TRUE:
                        lines.append(f"1 0 1 {reach[q, z]} 0 1 {atom}")
                    elif step != FALSE:
                        lines.append(f"1 0 1 {reach[q, z]} 0 2 {atom} {step}")


_canonical: dict[int, Node] = {}


def canonical(node: Node) -> Node:
    """The same path expression in one form: sequences associated to the left, ``[S] ; [S]`` once. For sharing."""
    found = _canonical.get(node.id)
    if found is None:
        found = node
        if node.op == "seq":
            kept: list[Node] = []
            for factor in factors(node):
                if not (kept and factor.op == "setid" and factor is kept[-1]):
                    kept.append(factor)
            found = sequence(kept)
        _canonical[node.id] = found
    return found


def factors(node: Node) -> list[Node]:
    """The factors of a (nested) sequence."""
    if node.op != "seq":
        return [node]
    return [f for a in node.args for f in factors(a)]


def sequence(nodes: list[Node]) -> Node:
    """The sequence of some relations."""
    result = nodes[0]
    for node in nodes[1:]:
        result = make("rel", "seq", (result, node))
    return result


def _antichain(count: int) -> list[int]:
    """``count`` different sets of equal size, none inside another, as masks over as few elements as possible (Sperner 1928)."""
    width = 1
    while comb(width, width // 2) < count:
        width += 1
    masks = (sum(1 << i for i in chosen) for chosen in combinations(range(width), width // 2 or 1))
    return list(islice(masks, count))


def _alternatives(node: Node) -> list[Node]:
    """The members of a union."""
    result = []
    stack = [node]
    while stack:
        current = stack.pop()
        if current.op == "union":
            stack.extend(current.args)
        else:
            result.append(current)
    return result


def _mask(diagonal: Rows) -> int:
    return sum(diagonal)


def _quotient(moves: dict[int, dict[tuple[int, int, int], tuple[Relation, int, Rows, int]]], accept: dict[int, int]) -> Automaton:
    """Merge states with the same future (partition refinement; Hopcroft 1971 in its simple form)."""
    names: dict[object, int] = {}
    block = {p: names.setdefault(accept[p], len(names)) for p in moves}
    while True:
        signatures: dict[object, int] = {}
        fresh = {}
        for p, found in moves.items():
            futures: dict[tuple[int, int, int], int] = {}
            for (relation_id, rows_id, q), move in found.items():
                key = (relation_id, rows_id, block[q])
                futures[key] = futures.get(key, 0) | move[1]
            signature = (block[p], frozenset(futures.items()))
            fresh[p] = signatures.setdefault(signature, len(signatures))
        if len(signatures) == len(set(block.values())):
            break
        block = fresh
    order: dict[int, int] = {block[0]: 0}
    for p in moves:
        order.setdefault(block[p], len(order))
    result: list[list[tuple[Relation, int, Rows, int]]] = [[] for _ in order]
    accepts = [0] * len(order)
    done: set[int] = set()
    for p, found in moves.items():
        number = order[block[p]]
        if number in done:
            continue
        done.add(number)
        accepts[number] = accept[p]
        merged: dict[tuple[int, int, int], tuple[Relation, int, Rows, int]] = {}
        for (relation_id, rows_id, q), (relation, domain, rows, _) in found.items():
            key = (relation_id, rows_id, order[block[q]])
            before = merged[key][1] if key in merged else 0
            merged[key] = (relation, domain | before, rows, order[block[q]])
        result[number] = list(merged.values())
    return Automaton(result, accepts)


class _Writer:
    """Writes pairs of leaves as few edges of the graph that must be acyclic, for :meth:`Automata._write_all`.

    The nodes of a state's events are numbered ``base + event``. A static edge leads to the gate of its target, which is open
    where the target happens. What precedes many events precedes all that something later does: so there are nodes that lead to
    a set of events, to some directly and to the rest through such a node that is there already.
    """

    def __init__(self, relations: Relations) -> None:
        self.relations = relations
        self.out: GroundProgram = relations.out
        self._gates: dict[int, int] = {}
        self._bundles: dict[int, list[tuple[int, int]]] = {}

    def row(self, relation: Relation, source: int, x: int, base: int, row: int, whole: int) -> None:
        """The pairs of x with the events of ``row``, as edges from node ``source``. ``whole``: what may have edges as well."""
        relations, out = self.relations, self.out
        if relation.static:
            row = self._bundle(relation, source, x, base, row, whole)
        for y in bits(row):
            target = base + y
            if source == target:
                out.forbid((relations.literal(relation, x, y),))
            elif relation.static and (x, y) not in relation.part:
                # what x implies needs no gate; but on every cycle there is one, at an edge that does not lead to a later event
                out.edge(source, target if y > x and relations.imp[y] >> x & 1 else self._gate(target, y), TRUE)
            else:
                found = relation.memo.get((x, y))
                out.edge(source, target, relations.literal(relation, x, y) if found is None else found)

    def _gate(self, target: int, y: int) -> int:
        happens = self.relations.happens(y)
        if happens == TRUE:
            return target
        gate = self._gates.get(target)
        if gate is None:
            gate = self._gates[target] = self.out.new_nodes(1)
            self.out.edge(gate, target, happens)
        return gate

    def _bundle(self, relation: Relation, source: int, x: int, base: int, row: int, whole: int) -> int:
        """Write what can be shared; returns what is left to be written."""
        if relation.part:
            for y in bits(whole):
                if (x, y) in relation.part:
                    whole &= ~(1 << y)
        bundled = row & whole & ~(1 << x)
        if bundled.bit_count() < FEW_TARGETS:
            return row
        bundles = self._bundles.setdefault(base, [])
        best, most, at = 0, FEW_TARGETS - 1, 0
        for members, node in bundles:
            if not members & ~whole and (count := (members & bundled).bit_count()) > most:
                best, most, at = members, count, node
        between = self.out.new_nodes(1)
        self.out.edge(source, between, TRUE)
        if best:
            self.out.edge(between, at, TRUE)
        for y in bits(bundled & ~best):
            self.out.edge(between, self._gate(base + y, y), TRUE)
        bundles.append((best | bundled, between))
        return row & ~bundled


def _inside_components(edges: list[_Edge]) -> list[_Edge]:
    """The edges that lie on a cycle."""
    follow: dict[int, list[int]] = {}
    for source, target, _, _, _ in edges:
        follow.setdefault(source, []).append(target)
    component = {node: number for number, members in enumerate(components(follow)) for node in members}
    return [e for e in edges if component[e[0]] == component[e[1]]]
