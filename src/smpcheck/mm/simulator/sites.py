"""Steps in the source: each place where a task can be interrupted has a number, and what is to be known about it.

Also small tools for syntax trees: fragments of Python with names to be filled in.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from functools import lru_cache
from types import CodeType

from msgspec import Struct

from smpcheck.program.ir import Position


class Site(Struct, frozen=True):
    """A step, or a check: where it stands, its source text and the function around it.

    ``place`` and ``field``: the object that it accesses, as an expression over the function's variables, and the field;
    ``kind`` is read, write, update, lock, unlock or check.
    """

    pos: Position
    text: str
    function: str
    kind: str
    place: CodeType | None = None
    field: str = ""


class _Fill(ast.NodeTransformer):
    """Put expressions in place of names, a field's name in place of ``F``, and everything where ``where`` stands."""

    def __init__(self, parts: Mapping[str, ast.expr], field: str, where: ast.AST) -> None:
        self.parts, self.field, self.where = parts, field, where

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = self.parts.get(node.id)
        return copy.deepcopy(found) if found is not None else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if node.attr == "F":
            node.attr = self.field
        return node


@lru_cache(maxsize=512)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def statements(text: str, where: ast.AST, parts: Mapping[str, ast.expr], field: str = "") -> list[ast.stmt]:
    """Statements of a fragment (``;`` separates them), placed at the lines of ``where``."""
    tree = _Fill(parts, field, where).visit(copy.deepcopy(_parsed(text)))
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt):
            ast.copy_location(node, where)
    return list(tree.body)


def expression(text: str, where: ast.AST, parts: Mapping[str, ast.expr], field: str = "") -> ast.expr:
    """As :func:`statements`, for one expression."""
    (statement,) = statements(text, where, parts, field)
    assert isinstance(statement, ast.Expr)
    return statement.value


def constant(value: str | int | bool | None, where: ast.AST) -> ast.expr:
    """A literal."""
    return ast.copy_location(ast.Constant(value), where)


def name(text: str, where: ast.AST) -> ast.expr:
    """A variable's value."""
    return ast.copy_location(ast.Name(text, ast.Load()), where)


def target(text: str, where: ast.AST) -> ast.Name:
    """A variable that is assigned."""
    return ast.copy_location(ast.Name(text, ast.Store()), where)


def steady(node: ast.expr) -> bool:
    """Is the expression without steps and calls, so that it may as well be evaluated after a step?"""
    return not any(isinstance(part, ast.Yield | ast.YieldFrom | ast.Call | ast.NamedExpr) for part in ast.walk(node))
