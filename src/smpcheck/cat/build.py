"""Making nodes: the algebra of sets and relations, with the laws that keep graphs small.

Every function gives the node of the named operation, or a smaller equal one. Only laws that hold in every execution are used, so
that a simplified graph denotes what the text says. Terms that the author named stay whole, for explanations. Legend: S, T are
sets, r, s relations, 0 the empty one, [S] the identity on S.
"""

from __future__ import annotations

from collections.abc import Callable

from smpcheck.cat.nodes import Node, make

ID = make("rel", "base", (), "id")
UNIVERSE = make("rel", "base", (), "universe")
ALL = make("set", "all")
EMPTY_REL = make("rel", "empty")
EMPTY_SET = make("set", "empty")
RF, CO, FR = (make("rel", "base", (), name) for name in ("rf", "co", "fr"))

SYMMETRIC = {"id", "loc", "int", "ext", "universe"}
_ZERO_IF_ANY = {"inter", "seq", "product"}


def empty(kind: str) -> Node:
    """The empty set or relation."""
    return EMPTY_REL if kind == "rel" else EMPTY_SET


def is_empty(node: Node) -> bool:
    """Is it the empty constant?"""
    return node.op == "empty"


def base(name: str) -> Node:
    """The base relation ``name``."""
    return make("rel", "base", (), name)


def base_set(name: str) -> Node:
    """The base set ``name``."""
    return make("set", "base", (), name)


def universe(kind: str) -> Node:
    """All events, or all pairs."""
    return UNIVERSE if kind == "rel" else ALL


def union(a: Node, b: Node) -> Node:
    """``a | b``"""
    if is_empty(a) or a is b or b in (UNIVERSE, ALL):
        return b
    if is_empty(b) or a in (UNIVERSE, ALL):
        return a
    if a is ID:
        return opt(b)
    if b is ID:
        return opt(a)
    return make(a.kind, "union", (a, b))


def union_members(a: Node) -> list[Node]:
    """``[r, s, t]`` for ``r | s | t``."""
    return [a] if a.op != "union" else [member for arg in a.args for member in union_members(arg)]


def substituted(a: Node, variable: Node, value: Node) -> Node:
    """``a`` with ``value`` in place of the recursive ``variable``. Other recursive definitions may not use the variable."""
    done: dict[int, Node] = {variable.id: value}

    def inside(node: Node) -> Node:
        found = done.get(node.id)
        if found is None:
            args = tuple(inside(arg) for arg in node.args) if node.op != "rec" else node.args
            found = done[node.id] = again(node, args)
        return found

    return inside(a)


def inter(a: Node, b: Node) -> Node:
    """``a & b``"""
    if is_empty(a) or a is b or b in (UNIVERSE, ALL):
        return a
    if is_empty(b) or a in (UNIVERSE, ALL):
        return b
    if a.op == b.op == "setid":
        return setid(inter(a.args[0], b.args[0]))
    return make(a.kind, "inter", (a, b))


def diff(a: Node, b: Node) -> Node:
    """``a \\ b``"""
    if is_empty(a) or is_empty(b):
        return a
    if a is b or b in (UNIVERSE, ALL):
        return empty(a.kind)
    if a in (UNIVERSE, ALL) and b.op == "diff" and b.args[0] is a:
        return b.args[1]
    return make(a.kind, "diff", (a, b))


def complement(a: Node) -> Node:
    """``~a``"""
    return diff(universe(a.kind), a)


def seq(a: Node, b: Node) -> Node:
    """``a ; b``"""
    if is_empty(a) or is_empty(b):
        return EMPTY_REL
    if a is ID:
        return b
    if b is ID:
        return a
    if a.op == "setid" and b.op == "setid":
        return setid(inter(a.args[0], b.args[0]))
    if a.op == "setid" and b.op == "seq" and b.args[0].op == "setid" and b.label is None:
        return seq(setid(inter(a.args[0], b.args[0].args[0])), b.args[1])
    if a.op == "seq" and a.args[1].op == "setid" and b.op == "setid" and a.label is None:
        return seq(a.args[0], setid(inter(a.args[1].args[0], b.args[0])))
    if a.op == "inverse" and a.args[0] is RF:
        if b is CO:
            return FR
        if b.op == "seq" and b.args[0] is CO:
            return seq(FR, b.args[1])
    return make("rel", "seq", (a, b))


def inverse(a: Node) -> Node:
    """``a^-1``"""
    if is_empty(a) or a.op == "setid" or (a.op == "base" and a.name in SYMMETRIC):
        return a
    if a.op == "inverse":
        return a.args[0]
    if a.op == "product":
        return product(a.args[1], a.args[0])
    return make("rel", "inverse", (a,))


def opt(a: Node) -> Node:
    """``a?``, that is ``a | id``"""
    if is_empty(a) or a is ID or a.op == "setid":
        return ID
    if a.op in ("opt", "star") or a is UNIVERSE:
        return a
    if a.op == "plus":
        return star(a.args[0])
    return make("rel", "opt", (a,))


def plus(a: Node) -> Node:
    """``a+``"""
    if is_empty(a) or a.op in ("plus", "star", "setid") or a in (ID, UNIVERSE):
        return a
    if a.op == "opt":
        return star(a.args[0])
    return make("rel", "plus", (a,))


def star(a: Node) -> Node:
    """``a*``"""
    if is_empty(a) or a is ID or a.op == "setid":
        return ID
    if a.op == "star" or a is UNIVERSE:
        return a
    if a.op in ("opt", "plus"):
        return star(a.args[0])
    return make("rel", "star", (a,))


def setid(s: Node) -> Node:
    """``[S]``"""
    if is_empty(s):
        return EMPTY_REL
    if s is ALL:
        return ID
    return make("rel", "setid", (s,))


def product(s: Node, t: Node) -> Node:
    """``S * T``"""
    if is_empty(s) or is_empty(t):
        return EMPTY_REL
    if s is ALL and t is ALL:
        return UNIVERSE
    return make("rel", "product", (s, t))


def domain(r: Node) -> Node:
    """The events from which ``r`` starts."""
    return _project(r, "domain")


def range_(r: Node) -> Node:
    """The events at which ``r`` ends."""
    return _project(r, "range")


def _project(r: Node, op: str) -> Node:
    if is_empty(r):
        return EMPTY_SET
    if r.op == "setid":
        return r.args[0]
    if r.op in ("opt", "star") or r in (ID, UNIVERSE):
        return ALL
    if r.op == "inverse":
        return _project(r.args[0], "range" if op == "domain" else "domain")
    return make("set", op, (r,))


def different_values(r: Node) -> Node:
    """The pairs of ``r`` whose events have different values."""
    return r if is_empty(r) else make("rel", "diffvals", (r,))


def fencerel(s: Node) -> Node:
    """``po ; [S] ; po``: pairs of events with one of ``S`` in between."""
    po = base("po")
    return seq(po, seq(setid(s), po))


def again(node: Node, args: tuple[Node, ...]) -> Node:
    """The operation of ``node`` on other arguments."""
    return node if args == node.args else _MAKERS[node.op](*args)


_MAKERS: dict[str, Callable[..., Node]] = {
    "union": union, "inter": inter, "diff": diff, "seq": seq, "inverse": inverse, "opt": opt, "plus": plus, "star": star,
    "setid": setid, "product": product, "domain": domain, "range": range_, "diffvals": different_values,
}  # fmt: skip
