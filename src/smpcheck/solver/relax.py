"""A weaker model that costs little: its executions are those of the model, and some more.

For a large program the closures of a model are too much to write down. This makes a model without them. Every execution that the
given model allows, it allows too: so what cannot happen under it cannot happen, and what can is to be checked against the model
itself (:mod:`smpcheck.solver.refine`).

``x*`` becomes ``x?`` where there is no closure in x, and else ``id``; ``x+`` becomes x; what is defined by recursion becomes
empty. In ``acyclic e``, ``x \\ id`` with a closure in x becomes empty: its pairs are paths of which the exact encoding needs a
copy for each thread (see :mod:`smpcheck.solver.automata`). All are contained in what they stand for. Less of e is never forbidden
where more is not, if all operators between it and the axiom are monotone: unions, compositions, intersections, inverses, and the
left side of a difference. An axiom for which this fails is left out as a whole.
"""

from __future__ import annotations

from msgspec.structs import replace

from smpcheck.cat.nodes import Axiom, Model, Node, make

_EMPTY = make("rel", "empty")
_CLOSURES = frozenset(("plus", "star", "rec"))
_VARY = frozenset(("rf", "co", "fr", "FW"))
_MONOTONE = frozenset(("union", "seq", "inter", "opt", "inverse"))


def relax(model: Model) -> tuple[Model, bool]:
    """The weaker model, and whether it is weaker (False: it is the model itself). Flags stay as they are."""
    axioms = [a if a.flag or a.negated else _weaker(a) for a in model.axioms]
    if axioms == list(model.axioms):
        return model, False
    return replace(model, axioms=tuple(a for a in axioms if a is not None)), True


def _weaker(axiom: Axiom) -> Axiom | None:
    rewriter = _Rewriter(acyclic=axiom.kind == "acyclic")
    if not rewriter.has_closure(axiom.node):
        return replace(axiom, node=_in_steps(axiom.node)) if axiom.kind == "acyclic" else axiom
    try:
        node = rewriter.short(axiom.node)
    except _NotMonotoneError:
        return None
    if node.op == "empty":
        return None
    return replace(axiom, node=_in_steps(node) if axiom.kind == "acyclic" else node)


def _in_steps(node: Node) -> Node:
    """``node`` with the members ``fr`` of unions as two steps, ``rf^-1 ; co``: the same, and each step has a literal already."""
    if node.op == "base" and node.name == "fr":
        return make("rel", "seq", (make("rel", "inverse", (make("rel", "base", (), "rf"),)), make("rel", "base", (), "co")))
    if node.op == "union":
        return make("rel", "union", tuple(_in_steps(a) for a in node.args))
    return node


class _NotMonotoneError(Exception):
    """There is a closure where less of it may mean more of the whole."""


class _Rewriter:
    """Takes closures out of a node of an ``acyclic`` or of another axiom."""

    def __init__(self, acyclic: bool) -> None:
        self._acyclic = acyclic
        self._closures: dict[int, bool] = {}
        self._varying: dict[int, bool] = {}
        self._short: dict[int, Node] = {}

    def has_closure(self, node: Node) -> bool:
        """Is there, in ``node``, a closure or a recursive definition of what differs from execution to execution?"""
        found = self._closures.get(node.id)
        if found is None:
            self._closures[node.id] = False
            found = (node.op in _CLOSURES and self._varies(node)) or any(self.has_closure(a) for a in node.args)
            self._closures[node.id] = found
        return found

    def _varies(self, node: Node) -> bool:
        found = self._varying.get(node.id)
        if found is None:
            self._varying[node.id] = False
            found = self._varying[node.id] = node.name in _VARY or any(map(self._varies, node.args))
        return found

    def short(self, node: Node) -> Node:
        """A part of ``node`` without closures. :raises _NotMonotoneError: there is none to be had this way"""
        if not self.has_closure(node):
            return node
        found = self._short.get(node.id)
        if found is None:
            found = self._short[node.id] = self._shortened(node)
        return found

    def _shortened(self, node: Node) -> Node:
        if node.kind == "rel":
            match node.op:
                case "rec":
                    return _EMPTY
                case "star":
                    body = node.args[0]
                    return make("rel", "base", (), "id") if self.has_closure(body) else make("rel", "opt", (body,))
                case "plus":
                    return self.short(node.args[0])
                case "diff" if not self.has_closure(node.args[1]):
                    if self._acyclic and node.args[1].name == "id":
                        return _EMPTY
                    left = self.short(node.args[0])
                    return _EMPTY if left.op == "empty" else make("rel", "diff", (left, node.args[1]))
            if node.op in _MONOTONE:
                return _combined(node.op, tuple(map(self.short, node.args)))
        raise _NotMonotoneError


def _combined(op: str, args: tuple[Node, ...]) -> Node:
    empty = [a.op == "empty" for a in args]
    if op == "union" and any(empty):
        return args[1] if empty[0] else args[0]
    if op == "opt" and empty[0]:
        return make("rel", "base", (), "id")
    return _EMPTY if any(empty) else make("rel", op, args)
