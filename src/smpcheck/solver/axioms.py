"""A model's requirements and flags as constraints: only what can matter is demanded.

An ``acyclic r`` can only fail on a cycle of pairs that r may contain, so pairs outside the strongly connected components of
``may`` are never looked at. What is left becomes edges of clingo's own acyclicity check, either pair by pair, or, where r is
a long path expression, as paths of an automaton (see :mod:`smpcheck.solver.automata`).
"""

from __future__ import annotations

from smpcheck.cat.build import plus
from smpcheck.cat.nodes import Axiom, Model, Node
from smpcheck.program.bit_rows import Rows, bits
from smpcheck.solver.aspif import FALSE
from smpcheck.solver.automata import Automata, canonical, factors, sequence
from smpcheck.solver.relations import Relation, Relations


def strongly_connected(rows: Rows) -> list[int]:
    """For each event, the mask of the events of its component in which a cycle can run (0 if it is on none).

    Forward-backward reachability on bit rows (Fleischer, Hendrickson, Pinar 2000).
    """
    n = len(rows)
    columns = [0] * n
    for x, row in enumerate(rows):
        for y in bits(row):
            columns[y] |= 1 << x
    result = [0] * n
    todo = 0
    for x, row in enumerate(rows):
        if row and columns[x]:
            todo |= 1 << x
    # drop what has no predecessor or no successor among the rest, repeatedly
    changed = True
    while changed:
        changed = False
        for x in bits(todo):
            if not (rows[x] & todo and columns[x] & todo):
                todo &= ~(1 << x)
                changed = True
    while todo:
        root = (todo & -todo).bit_length() - 1
        component = _reach(rows, root, todo) & _reach(columns, root, todo)
        if component:
            for x in bits(component):
                result[x] = component
            todo &= ~component
        todo &= ~(1 << root)
    return result


def _reach(rows: Rows, root: int, allowed: int) -> int:
    """What ``root`` reaches in one step or more inside ``allowed``."""
    seen = 0
    front = rows[root] & allowed
    while front:
        seen |= front
        following = 0
        for x in bits(front):
            following |= rows[x]
        front = following & allowed & ~seen
    return seen


class Axioms:
    """Adds a model's axioms to the program; collects its flags' literals. ``automata``: how path expressions are encoded."""

    def __init__(self, relations: Relations, model: Model, automata: bool = True) -> None:
        self.relations = relations
        self.out = relations.out
        self.model = model
        self.automata = Automata(relations, model) if automata else None
        relations.paths = self.automata
        self.flags: list[tuple[str, int]] = []

    def add(self, with_flags: bool = True) -> None:
        """All requirements of the model, and its flags if wanted."""
        for axiom in self.model.axioms:
            if axiom.flag:
                if with_flags:
                    literal = self._violated(axiom)
                    literal = literal if not axiom.negated else -literal
                    # a flag is raised where its test holds: "~empty r" where r is not empty
                    raised = -literal
                    if raised != FALSE:
                        self.flags.append((axiom.name, raised))
            elif axiom.negated:
                self.out.forbid((-self._violated(axiom),))
            else:
                self._require(axiom)

    def _require(self, axiom: Axiom) -> None:
        relation = self.relations.evaluate(axiom.node)
        if relation.empty():
            return
        if axiom.kind == "empty":
            for x, row in enumerate(relation.may):
                for y in bits(row):
                    self.out.forbid((self.relations.literal(relation, x, y),))
        elif axiom.kind == "irreflexive":
            self._irreflexive(axiom.node, relation)
        else:
            self._acyclic(axiom.node, relation)

    def _irreflexive(self, node: Node, relation: Relation) -> None:
        """``irreflexive a ; p ; b`` is ``irreflexive p ; (b ; a)``: turn it so that p is the factor with the fewest pairs."""
        relations = self.relations
        if not any(row >> x & 1 for x, row in enumerate(relation.may)):
            return
        parts = factors(node)
        if self.automata is None or len(parts) == 1:
            for x, row in enumerate(relation.may):
                if row >> x & 1:
                    self.out.forbid((relations.literal(relation, x, x),))
            return
        sizes = [sum(row.bit_count() for row in relations.evaluate(f).may) for f in parts]
        at = sizes.index(min(sizes))
        turned = canonical(sequence(parts[at + 1 :] + parts[:at]))
        pivot, back = relations.evaluate(parts[at]), relations.evaluate(turned)
        for x, row in enumerate(pivot.may):
            for y in bits(row & back.columns[x]):
                self.out.forbid((relations.literal(pivot, x, y), relations.literal(back, y, x)))

    def _acyclic(self, node: Node, relation: Relation) -> None:
        component = strongly_connected(relation.may)
        if not any(component):
            return
        if self.automata is not None:
            self.automata.acyclic(node, component)
            return
        first = self.out.new_nodes(len(component))
        literal, edge = self.relations.literal, self.out.edge
        for x, mask in enumerate(component):
            for y in bits(relation.may[x] & mask):
                if x == y:
                    self.out.forbid((literal(relation, x, x),))
                else:
                    edge(first + x, first + y, literal(relation, x, y))

    def _violated(self, axiom: Axiom) -> int:
        """The literal "the test of this axiom (without its negation) fails"."""
        relations = self.relations
        relation = relations.evaluate(plus(axiom.node) if axiom.kind == "acyclic" else axiom.node)
        if axiom.kind == "empty":
            literals = [relations.literal(relation, x, y) for x, row in enumerate(relation.may) for y in bits(row)]
        else:
            literals = [relations.literal(relation, x, x) for x, row in enumerate(relation.may) if row >> x & 1]
        result: int = self.out.disj(literals)
        return result
