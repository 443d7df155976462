"""What a program cannot have: relations of a model that are empty whatever happens, known before anything is computed.

A test without RCU has no events of RCU, and so has none of the relations that need one. Which these are depends only on the
model and on what kinds of events and dependencies the program has at all, its *signature*; tests of one library share a few
signatures, so this is found once for each and remembered. More than half of a model's terms go away like that.
"""

from __future__ import annotations

from typing import TypeAlias

from smpcheck.cat.nodes import Node
from smpcheck.program.events import DEPENDENCIES, EventGraph

Signature: TypeAlias = frozenset[str]
"""Kinds and tags of the program's events, and those of ``rmw`` and the dependencies that are not empty."""

MAX_SIGNATURES = 512

_EITHER = frozenset(("inter", "seq", "product"))
_FIRST = frozenset(("diff", "setid", "inverse", "plus", "domain", "range", "diffvals"))
_MAYBE = ("rmw", *DEPENDENCIES)

_known: dict[Signature, dict[int, bool]] = {}


def signature(graph: EventGraph) -> Signature:
    """What there is in a program."""
    found: set[str] = set()
    for tags in {e.tags for e in graph.events}:
        found |= tags
    found.update(e.kind for e in graph.events)
    found.update(name for name in DEPENDENCIES if graph.dependency(name))
    if any(e.partner is not None for e in graph.events):
        found.add("rmw")
    return frozenset(found)


def known_for(having: Signature) -> dict[int, bool]:
    """What is known already of nodes under a signature: node id -> is it empty?"""
    found = _known.get(having)
    if found is None:
        if len(_known) >= MAX_SIGNATURES:
            _known.clear()
        found = _known[having] = {}
    return found


def absent(node: Node, having: Signature, memo: dict[int, bool]) -> bool:
    """Is ``node`` certainly empty in every execution of a program with this signature? ``memo``: of :func:`known_for`."""
    found = memo.get(node.id)
    if found is not None:
        return found
    op, args = node.op, node.args
    if op == "rec":
        return _absent_recursion(node, having, memo)
    if op == "base":
        if node.kind == "rel":
            result = node.name in _MAYBE and node.name not in having
        else:
            result = node.name not in having and node.name not in ("M", "FW")
    elif op == "empty":
        result = True
    elif op == "union":
        result = all(absent(a, having, memo) for a in args)
    elif op in _EITHER:
        result = any(absent(a, having, memo) for a in args)
    elif op in _FIRST:
        result = absent(args[0], having, memo)
    else:
        result = False
    memo[node.id] = result
    return result


def _absent_recursion(node: Node, having: Signature, memo: dict[int, bool]) -> bool:
    """A recursive definition is empty if it stays so when it is taken to be: then that is its least solution.

    What was found under that assumption is kept only if it turns out right, else the definition counts as not empty.
    """
    assumed = {**memo, node.id: True}
    if absent(node.args[0], having, assumed):
        memo.update(assumed)
        return True
    memo[node.id] = False
    return False
