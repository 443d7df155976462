"""Walks over a model's graph that do not depend on what its nodes mean."""

from __future__ import annotations

from collections.abc import Iterable

from smpcheck.cat.nodes import Model, Node


def reachable(roots: Iterable[Node]) -> set[Node]:
    """All nodes from which ``roots`` are made, ``roots`` included; recursive variables are followed too."""
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(node.args)
    return seen


def roots(model: Model) -> list[Node]:
    """The nodes that a model's axioms and shown relations speak of."""
    return [*(axiom.node for axiom in model.axioms), *(node for _, node in model.shows)]


def recursive_first(start: Iterable[Node]) -> list[Node]:
    """All nodes reachable from ``start``: first the recursive variables, then the others, each after its arguments."""
    everything = in_order(start)
    order = {node: None for node in everything if node.op == "rec"}
    opened = set(order)
    stack = [(node, False) for node in reversed(everything)]
    while stack:
        node, done = stack.pop()
        if done:
            order[node] = None
        elif node not in opened:
            opened.add(node)
            stack.append((node, True))
            stack.extend((a, False) for a in node.args)
    return list(order)


def in_order(start: Iterable[Node]) -> list[Node]:
    """All nodes reachable from ``start``, each after its arguments, but for terms inside the recursion that they are part of."""
    order: dict[Node, None] = {}
    opened: set[Node] = set()
    stack = [(node, False) for node in reversed(list(start))]
    while stack:
        node, done = stack.pop()
        if done:
            order[node] = None
        elif node not in opened:
            opened.add(node)
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args))
    return list(order)


def depth(start: Iterable[Node]) -> int:
    """The longest way down the graph; a recursive variable met again inside its definition ends it."""
    result: dict[Node, int] = {}
    for node in in_order(start):
        result[node] = 1 + max((result.get(a, 0) for a in node.args), default=0)
    return max(result.values(), default=0)


_groups: dict[int, tuple[list[Node], list[Node]]] = {}


def group_of(node: Node) -> tuple[list[Node], list[Node]]:
    """The recursive variables defined together with ``node``, in order, and the terms in which they occur."""
    found = _groups.get(node.id)
    if found is not None:
        return found
    below = {v: reachable([v.args[0]]) for v in reachable([node]) if v.op == "rec"}
    group = sorted((v for v in below if v is node or (node in below[v] and v in below[node])), key=lambda v: v.id)
    members = set(group)
    cone: dict[Node, bool] = {}

    def mentions(term: Node) -> bool:
        if term in members:
            return True
        if term.op == "rec":
            return False
        if term not in cone:
            inside = [mentions(a) for a in term.args]
            cone[term] = True in inside
        return cone[term]

    for variable in group:
        mentions(variable.args[0])
    result = group, [term for term, mentioning in cone.items() if mentioning]
    for variable in group:
        _groups[variable.id] = result
    return result
