"""Tests of the cat language."""

from __future__ import annotations

from pathlib import Path

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model, Node


def read(text: str, folder: Path) -> Model:
    """The model that ``text`` states, as a file ``m.cat`` in ``folder``."""
    path = folder / "m.cat"
    path.write_text(text)
    return load_model(path)


def node(text: str, folder: Path, before: str = "") -> Node:
    """The node of one expression, relation or set, after the statements ``before``."""
    return read(f"{before}\nflag empty {text} as it\n", folder).axioms[-1].node


def same(a: Node, b: Node) -> bool:
    """Do two graphs have the same shape, labels aside?"""
    pairs: set[tuple[int, int]] = set()
    stack = [(a, b)]
    while stack:
        x, y = stack.pop()
        if (x.id, y.id) in pairs:
            continue
        pairs.add((x.id, y.id))
        if (x.kind, x.op, len(x.args)) != (y.kind, y.op, len(y.args)) or (x.op == "base" and x.name != y.name):
            return False
        stack.extend(zip(x.args, y.args, strict=True))
    return True
