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
