"""Judging what the solver proposes by the model itself, where only a weaker form of it was written down.

Clingo calls :meth:`Refinement.check` with each complete assignment before it counts as an answer. The execution is read off and
evaluated outright (:mod:`smpcheck.cat.concrete`); if it breaks a requirement of the model, a clause says why: the edges of one
violation, which no execution of the model has together. So nothing that the model forbids is ever an answer, and since every
clause excludes only executions that the model forbids, nothing that it allows is lost. The idea is that of Haas, Meyer, Ponce de
León, "CAAT: Consistency as a Theory", OOPSLA 2022, applied to what the weaker form lets through.

*Why the clause is right.* A requirement that is made of base relations by unions, compositions, intersections, closures and
inverses alone can only gain pairs when an execution gains edges. The derivation of one forbidden cycle or pair names the edges
it needs; an execution in which these edges are there, between events that happen and access the same cells, has the cycle or
pair too. Sets of events depend on their tags, and on whether both halves of an atomic operation happen, which the clause has as
well. Where a requirement subtracts anything but ``id``, ``int`` and ``ext``, the clause excludes this one execution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import clingo

from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.explain import Explainer, Step, deep_recursion
from smpcheck.cat.nodes import Axiom, Model, Node
from smpcheck.program.events import DEPENDENCIES
from smpcheck.solver.aspif import FALSE, TRUE

if TYPE_CHECKING:
    from smpcheck.program.execution import Execution
    from smpcheck.solver.session import Session

_BASES = frozenset(("po", "rmw", "loc", "int", "ext", "id", "rf", "co", "fr", "universe", *DEPENDENCIES))
_STATIC = frozenset(("po", "po-loc", "poi", "rmw", "loc", "int", "ext", "id", "universe"))
_SUBTRACTED = frozenset(("id", "int", "ext"))
_SUFFIXES = ("", "e", "i", "-loc")


class Assignment(Protocol):
    """What executions are read off: the truth of positive program literals."""

    def is_true(self, literal: int) -> bool: ...


class _Reading:
    def __init__(self, assignment: clingo.Assignment, literal: list[int]) -> None:
        self._is_true = assignment.is_true
        self._literal = literal

    def is_true(self, literal: int) -> bool:
        return self._is_true(self._literal[literal])


class Refinement(clingo.Propagator):
    """The model's requirements as a propagator on complete assignments."""

    def __init__(self, session: Session, model: Model) -> None:
        self.session = session
        self.axioms = [a for a in model.axioms if not a.flag]
        self._literal: list[int] = []
        self._monotone: dict[int, bool] = {}

    def init(self, init: clingo.PropagateInit) -> None:
        init.check_mode = clingo.PropagatorCheckMode.Total
        if not self._literal:
            self._literal = [0, *map(init.solver_literal, range(1, self.session.out.atoms + 1))]
        for literal in self._literal[1:]:
            init.freeze_literal(literal)  # or preprocessing may take it away, and it has no value here

    def check(self, control: clingo.PropagateControl) -> None:
        assignment = control.assignment  # all literals of ours have a value, whatever is_total says of auxiliary ones
        reading = _Reading(assignment, self._literal)
        execution = self.session._execution(reading)
        evaluation = Evaluation(execution)
        for axiom in self.axioms:
            if evaluation.offends(axiom) == axiom.negated:
                continue
            clause = {-x for x in self._reason(axiom, evaluation, reading) if x != TRUE}
            literals = [self._literal[x] if x > 0 else -self._literal[-x] for x in clause]
            assert FALSE not in clause and all(map(assignment.is_false, literals)), "the clause does not exclude what it is about"
            control.add_clause(literals)
            return

    # --- reasons: literals that hold now, and never hold together in an execution that meets the axiom ---

    def _reason(self, axiom: Axiom, evaluation: Evaluation, reading: Assignment) -> list[int]:
        ids = list(self.session.shown)
        if not axiom.negated and axiom.node.kind == "rel" and self._is_monotone(axiom.node):
            explainer = Explainer(evaluation)
            with deep_recursion():
                try:
                    path = explainer.witness(axiom, cheapest=True)
                    pairs = list(zip(path, path[1:] if axiom.kind == "empty" else [*path[1:], path[0]], strict=False))
                    steps = [step for x, y in pairs for step in explainer.steps(axiom.node, x, y)]
                except RecursionError:
                    return self._everything(evaluation.execution, ids, reading)
            reason = self._of_steps(steps, evaluation, ids, reading)
            if reason is not None:
                return reason
        return self._everything(evaluation.execution, ids, reading)

    def _of_steps(self, steps: list[Step], evaluation: Evaluation, ids: list[int], reading: Assignment) -> list[int] | None:
        encoding = self.session.encoding
        graph = self.session.graph
        reason: set[int] = set()
        touched: set[int] = set()
        source = {b: a for a, b in evaluation.execution.relations["rf"]}
        for step in steps:
            a, b, name = step.source, step.target, step.relation
            if name.endswith("^-1"):
                a, b, name = b, a, name[:-3]
            touched |= {a, b}
            x, y = ids[evaluation.position[a]], ids[evaluation.position[b]]
            kind = next((k for k in ("rf", "co", "fr") for s in _SUFFIXES if name == k + s), None)
            if kind == "rf":
                reason.add(encoding.rf[x, y])
            elif kind == "co":
                reason.add(encoding.co(x, y))
            elif kind == "fr":
                w = source[a]
                touched.add(w)
                w = ids[evaluation.position[w]]
                reason |= {encoding.rf[w, x], encoding.co(w, y)}
            elif name in DEPENDENCIES:
                reason.add(encoding.guard_literal(graph.dependency(name)[x, y]))
            elif name not in _STATIC:
                return None
        for e in touched:
            reason |= self._standing(ids[evaluation.position[e]], reading)
        return list(reason)

    def _standing(self, e: int, reading: Assignment) -> set[int]:
        """The literals for an event's being there, where it is, and whether its other half is there."""
        encoding, event = self.session.encoding, self.session.graph.events[e]
        result = {encoding.happens(e)}
        if event.partner is not None:
            other = encoding.happens(event.partner)
            result.add(other if self.session._holds(reading, other) else -other)
        if event.addr is not None and event.addr.op != "const":
            result |= {x for x in encoding.address_values(e).values() if self.session._holds(reading, x)}
        return result

    def _everything(self, execution: Execution, ids: list[int], reading: Assignment) -> list[int]:
        """All that makes this execution: what happens, what does not, where, and both orders."""
        encoding, holds = self.session.encoding, self.session._holds
        reason: set[int] = set()
        for e in self.session.graph.events:
            happens = encoding.happens(e.id)
            if holds(reading, happens):
                reason |= self._standing(e.id, reading)
            else:
                reason.add(-happens)
        number = {event.id: ids[i] for i, event in enumerate(execution.events)}
        reason |= {encoding.rf[number[a], number[b]] for a, b in execution.relations["rf"]}
        reason |= {encoding.co(number[a], number[b]) for a, b in execution.relations["co"]}
        for name in DEPENDENCIES:
            for guard in self.session.graph.dependency(name).values():
                literal = encoding.guard_literal(guard)
                reason.add(literal if holds(reading, literal) else -literal)
        return list(reason)

    def _is_monotone(self, node: Node) -> bool:
        found = self._monotone.get(node.id)
        if found is None:
            self._monotone[node.id] = True  # a recursive definition is, if everything else in it is
            found = self._monotone[node.id] = self._monotone_of(node)
        return found

    def _monotone_of(self, node: Node) -> bool:
        if node.kind == "set":
            return self._fixed(node)
        match node.op:
            case "base":
                return node.name in _BASES
            case "empty":
                return True
            case "diff":
                left, right = node.args
                return self._is_monotone(left) and right.op == "base" and right.name in _SUBTRACTED
            case "union" | "inter" | "seq" | "inverse" | "plus" | "star" | "opt" | "rec":
                return all(self._is_monotone(a) for a in node.args)
            case "setid" | "product":
                return all(self._fixed(a) for a in node.args)
        return False

    def _fixed(self, node: Node) -> bool:
        """Is membership in a set a matter of the event's tags and of its other half?"""
        if node.op == "base":
            return node.name != "FW"
        if node.op in ("domain", "range"):
            return node.args[0].op == "base" and node.args[0].name == "rmw"
        return node.op in ("empty", "all", "union", "inter", "diff") and all(self._fixed(a) for a in node.args)
