"""Nodes and models as cat text again.

The text of a model is a cat file of its own: read again, it gives the same graph. Names are the author's; where one name was
given to several relations (``let fence = fence | rcu-fence``), the later ones get a number (``fence-2``).
"""

from __future__ import annotations

from collections.abc import Mapping

from smpcheck.cat import names
from smpcheck.cat.graph import group_of, in_order, roots
from smpcheck.cat.nodes import Axiom, Model, Node

_INFIX = {"union": ("|", 0), "seq": (";", 2), "diff": ("\\", 3), "inter": ("&", 4), "product": ("*", 5)}
_POSTFIX = {"plus": "+", "star": "*", "opt": "?", "inverse": "^-1"}
_CALLS = {"domain": "domain", "range": "range", "diffvals": "different-values"}
_PREFIX, _TIGHT = 6, 7

_PREDEFINED = frozenset({*names.BASE_RELATIONS, *names.BASE_SETS, *names.TAGS, *names.DEFINED})


def describe(node: Node, known: Mapping[Node, str] | None = None) -> str:
    """The definition of ``node`` as cat text. Inside it, terms that the author named stand by their names.

    ``known``: use these names instead.
    """
    return _text(node, 0, known, True)


def name_of(node: Node) -> str:
    """What to call ``node``: the author's name, or its text."""
    return node.label or describe(node)


def _text(node: Node, level: int, known: Mapping[Node, str] | None, top: bool) -> str:
    """The text of ``node`` where operators weaker than ``level`` need parentheses."""
    if not top or node.op == "rec":
        name = (node.label or (node.name if node.op == "rec" else None)) if known is None else known.get(node)
        if name is not None:
            return name
    text, strength = _operation(node, known)
    return f"({text})" if strength < level else text


def _operation(node: Node, known: Mapping[Node, str] | None) -> tuple[str, int]:
    """The text of ``node`` by its operator, and how strongly that binds."""
    op, args = node.op, node.args
    if op == "base":
        return ("_ * _", 5) if node.name == "universe" else (node.name, _TIGHT)
    if op in ("empty", "all"):
        return ("_" if op == "all" else "0" if node.kind == "rel" else "emptyset"), _TIGHT
    if op == "rec":
        return _operation(args[0], known)
    if op == "setid":
        return f"[{_text(args[0], 0, known, False)}]", _TIGHT
    if op in _CALLS:
        return f"{_CALLS[op]}({_text(args[0], 0, known, False)})", _TIGHT
    if op in _POSTFIX:
        return _text(args[0], _TIGHT, known, False) + _POSTFIX[op], _TIGHT
    if op == "diff" and (args[0].op == "all" or args[0].name == "universe"):
        return "~" + _text(args[1], _TIGHT, known, False), _PREFIX
    if op == "seq" and args[0].name == "po" and args[1].op == "seq" and args[1].args[1] is args[0]:
        middle = args[1].args[0]
        if middle.op == "setid" and args[1].label is None:
            return f"fencerel({_text(middle.args[0], 0, known, False)})", _TIGHT
    symbol, strength = _INFIX[op]
    left = _text(args[0], strength if op == "diff" else strength + 1, known, False)
    right = _text(args[1], strength + 1 if op == "diff" else strength, known, False)
    return f"{left} {symbol} {right}", strength


def describe_axiom(axiom: Axiom, known: Mapping[Node, str] | None = None) -> str:
    """An axiom or flag as cat text."""
    flag, tilde = "flag " if axiom.flag else "", "~" if axiom.negated else ""
    return f"{flag}{tilde}{axiom.kind} {_text(axiom.node, 0, known, False)} as {axiom.name.replace(' ', '-')}"


def show(model: Model) -> str:
    """The whole model as a cat file: every named relation, then axioms and flags, in their order."""
    order = in_order(roots(model))
    known: dict[Node, str] = {}
    lines: list[str] = []
    used = set(_PREDEFINED)
    declared = sorted({n.name for n in order if n.op == "base" and n.kind == "set"} - _PREDEFINED)
    if declared:
        lines.append("enum Tags = " + " || ".join("'" + tag[:1].lower() + tag[1:] for tag in declared))
    for node in order:
        if node.label in names.LABELLED and _is_predefined(node):
            known[node] = node.label or ""
    inside = {term for node in order if node.op == "rec" for term in group_of(node)[1]}
    for node in order:
        if node in known or node in inside:
            continue
        if node.op == "rec":
            group = group_of(node)[0]
            for variable in group:
                known[variable] = _fresh(variable.label or variable.name, used)
            lines.append("let rec " + "\nand ".join(f"{known[v]} ={_recursive_body(v, known, used)}" for v in group))
        elif node.label is not None and node.op not in ("base", "empty", "all"):
            text = describe(node, known)
            known[node] = _fresh(node.label, used)
            lines.append(f"let {known[node]} = {text}")
    lines += [describe_axiom(axiom, known) for axiom in model.axioms]
    lines += [f"show {_text(node, 0, known, False)} as {name}" for name, node in model.shows]
    return f'"{model.name}"\n\n' + "\n".join(lines) + "\n"


def _recursive_body(variable: Node, known: Mapping[Node, str], used: set[str]) -> str:
    """The definition of a recursive variable; named terms in which it occurs become names local to the definition."""
    cone, local, text = set(group_of(variable)[1]), dict(known), ""
    for term in in_order([variable.args[0]]):
        if term in cone and term not in local and term.label is not None and term is not variable.args[0]:
            definition = _text(term, 0, local, True)
            local[term] = _fresh(term.label, used)
            text += f"\n    let {local[term]} = {definition} in"
    return text + ("\n    " if text else " ") + _text(variable.args[0], 0, local, True)


def _is_predefined(node: Node) -> bool:
    return node.label in names.DEFINED and node is names.DEFINED[node.label]()


def _fresh(name: str, used: set[str]) -> str:
    number, result = 1, name
    while result in used:
        number += 1
        result = f"{name}-{number}"
    used.add(result)
    return result
