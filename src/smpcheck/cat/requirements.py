"""What a model requires of every execution, recognised from the shape of its axioms.

An engine that knows it need not look at what breaks it. A model whose axioms say the same in another shape is not recognised, and
nothing is taken for granted of it.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec.structs import replace

from smpcheck.cat.nodes import Axiom, Model, Node


@lru_cache(maxsize=64)
def is_coherent(model: Model) -> bool:
    """Does the model require acyclicity of program order per location with reads-from, coherence and from-reads?

    Recognised from the shape of its axioms: an ``acyclic`` whose union contains po (or po & loc), rf, co and fr. Where this
    holds, reads from later or overwritten writes of the same thread need not be considered.
    """
    return any(_coherence_parts(axiom) is not None for axiom in model.axioms)


def is_coherence(axiom: Axiom) -> bool:
    """Is that all that this axiom requires?"""
    parts = _coherence_parts(axiom)
    return parts is not None and len(parts) == 4 and not any(part.name == "po" for part in parts)


def _coherence_parts(axiom: Axiom) -> list[Node] | None:
    """The members of the union that an axiom forbids to be cyclic, if coherence is among what it requires."""
    if axiom.kind != "acyclic" or axiom.flag or axiom.negated:
        return None
    parts = _union_parts(axiom.node)
    names = {p.name for p in parts if p.op == "base"}
    local = any(
        (p.op == "base" and p.name == "po") or (p.op == "inter" and {a.name for a in p.args if a.op == "base"} == {"po", "loc"})
        for p in parts
    )
    return parts if local and {"rf", "co", "fr"} <= names else None


def _union_parts(node: Node) -> list[Node]:
    """The members of a union, without the closure or reflexive closure around them."""
    parts: list[Node] = []
    stack = [node]
    while stack:
        current = stack.pop()
        if current.op == "union":
            stack.extend(current.args)
        elif current.op in ("plus", "opt"):
            stack.append(current.args[0])
        else:
            parts.append(current)
    return parts


@lru_cache(maxsize=64)
def is_atomic(model: Model) -> bool:
    """Does the model require that no write comes between the halves of an atomic operation? Recognised by the axiom's shape."""
    return any(a.kind == "empty" and not a.flag and not a.negated and _is_atomicity(a.node) for a in model.axioms)


@lru_cache(maxsize=64)
def beyond_coherence(model: Model) -> Model:
    """The model without what it requires of the order of the writes to one location: coherence, and that no other thread's write
    comes between the halves of an atomic operation. That an axiom is about, too, stays."""
    left = [axiom for axiom in model.axioms if not is_coherence(axiom) and not _is_atomicity_between_threads(axiom)]
    return replace(model, axioms=tuple(left))


def _is_atomicity_between_threads(axiom: Axiom) -> bool:
    """Is that all that this axiom requires?"""
    if axiom.kind != "empty" or axiom.flag or axiom.negated or not _is_atomicity(axiom.node):
        return False
    return all(part.op == "inter" for arg in axiom.node.args if arg.op == "seq" for part in arg.args)


def _is_atomicity(node: Node) -> bool:
    if node.op != "inter":
        return False
    for rmw, path in (node.args, node.args[::-1]):
        if rmw.op == "base" and rmw.name == "rmw" and path.op == "seq":
            return [_external(a) for a in path.args] == ["fr", "co"]
    return False


def _external(node: Node) -> str | None:
    """``fr`` for ``fr & ext`` or ``fr``, likewise co."""
    if node.op == "inter":
        names = {a.name for a in node.args if a.op == "base"}
        if len(names) == 2 and "ext" in names:
            (name,) = names - {"ext"}
            return name
        return None
    return node.name if node.op == "base" else None
