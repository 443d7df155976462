"""The primitives of a function of the model, in the order of its text, under one variant.

The function's syntax tree is walked in the order of evaluation. Conditions on the variant's switches are decided, so that only
the code of that variant counts. A call of a function that the map has is one step (``call ...``); a helper that the map does not
have is walked in its place.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

from msgspec import Struct

import smpcheck.mm
from smpcheck.mm.kernel_map.entries import Entry, Map
from smpcheck.mm.variants import VARIANTS, Variant
from smpcheck.program.ir import Position
from smpcheck.readers.python.source import function_source, parse_file

SPECIFICATION = frozenset({"check", "ghost_inc", "ghost_add"})
"""Calls that are no steps: what must hold, besides the map's assertions, and what is only counted for that."""

ACCESSES = frozenset({"READ_ONCE", "WRITE_ONCE"})
"""Of fields that do not count, these are no steps."""

SETUP = {"FREEING": "at-once", "VISIT": "no"}
"""Parameters of the model, as ``mm check`` has them unless told otherwise."""

UNKNOWN: Any = object()
"""The value of an expression that only a run decides."""


class Step(Struct, frozen=True):
    """A primitive, or ``call NAME`` for a function of the map; where it stands: file and line."""

    token: str
    file: str
    line: int


def function_of(entry: Entry) -> FunctionType:
    """The model's function."""
    found = vars(import_module(f"smpcheck.mm.{entry.file.removesuffix('.py')}"))[entry.name]
    assert isinstance(found, FunctionType)
    return found


def function_at(pos: Position) -> str:
    """The name of the function of the model in which a position lies; "" if in none."""
    file = Path(smpcheck.mm.__file__).with_name(Path(pos.file).name)
    return next((name for name, lines in _spans(str(file)) if pos.line in lines), "") if file.is_file() else ""


@cache
def _spans(file: str) -> tuple[tuple[str, range], ...]:
    tree, _ = parse_file(file)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return tuple((node.name, range(node.lineno, (node.end_lineno or node.lineno) + 1)) for node in functions)


def model_order(entry: Entry, variant: str, known: Map) -> list[Step]:
    """The primitives of the entry's function under a variant."""
    mapped = {each.name: each for each in known.entries}
    return list(_Walk(VARIANTS[variant], known, mapped, entry.name).function(function_of(entry)))


class _Walk:
    """A function's steps, helpers included."""

    def __init__(self, variant: Variant, known: Map, mapped: dict[str, Entry], top: str) -> None:
        self.variant, self.known, self.mapped, self.top = variant, known, mapped, top
        self.locals: dict[str, Any] = {}

    def function(self, function: FunctionType) -> Iterator[Step]:
        self.source = function_source(function)
        stored = [n.id for n in ast.walk(self.source.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        self.fixed = {name for name, times in Counter(stored).items() if times == 1}
        yield from self.block(self.source.node.body)

    def block(self, body: Sequence[ast.stmt]) -> Iterator[Step]:
        """Statements, up to one that always leaves the function."""
        for statement in body:
            yield from self.statement(statement)
            if self.leaves(statement):
                return

    def leaves(self, statement: ast.stmt) -> bool:
        """Does a statement, under this variant, never go on to the next?"""
        if isinstance(statement, ast.If) and (value := self.value(statement.test)) is not UNKNOWN:
            taken = statement.body if value else statement.orelse
            return any(self.leaves(each) for each in taken)
        return isinstance(statement, ast.Return)

    def statement(self, statement: ast.stmt) -> Iterator[Step]:
        match statement:
            case ast.If():
                value = self.value(statement.test)
                if value is UNKNOWN:
                    yield from self.expression(statement.test)
                for block, skipped in ((statement.body, False), (statement.orelse, True)):
                    if value is UNKNOWN or bool(value) is not skipped:
                        yield from self.block(block)
            case ast.For() | ast.While():
                yield from self.expression(statement.iter if isinstance(statement, ast.For) else statement.test)
                yield from self.block(statement.body)
            case ast.Assign(targets=[target], value=value):
                yield from self.expression(value)
                if isinstance(target, ast.Name) and target.id in self.fixed:
                    self.locals[target.id] = self.value(value)
                yield from self.access(target, "write")
            case ast.AugAssign(target=target, value=value):
                yield from self.access(target, "read")
                yield from self.expression(value)
                yield from self.access(target, "write")
            case ast.AnnAssign(value=ast.expr() as value) | ast.Return(value=ast.expr() as value) | ast.Expr(value=value):
                yield from self.expression(value)

    def expression(self, node: ast.expr) -> Iterator[Step]:
        """Operands first, as they are evaluated; what the variant decides is left out."""
        match node:
            case ast.IfExp(test=test) if (value := self.value(test)) is not UNKNOWN:
                yield from self.expression(node.body if value else node.orelse)
            case ast.IfExp():
                for part in (node.test, node.body, node.orelse):
                    yield from self.expression(part)
            case ast.BoolOp(op=op):
                for part in node.values:
                    value = self.value(part)
                    if value is UNKNOWN:
                        yield from self.expression(part)
                    elif bool(value) is isinstance(op, ast.Or):
                        return  # it decides, and what follows is not evaluated
            case ast.Call(func=ast.Name(id=name)):
                yield from self.call(node, name)
            case ast.Attribute():
                yield from self.expression(node.value)
                yield from self.access(node, "read")
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        yield from self.expression(child)

    def call(self, node: ast.Call, name: str) -> Iterator[Step]:
        if name == "cast":
            yield from self.expression(node.args[1])
        if name in ("cast", *SPECIFICATION) or self.known.assertions.fullmatch(name):
            return
        place = next((argument for argument in node.args if isinstance(argument, ast.Attribute)), None)
        written = f"{name}({self.object_of(node, place)})"
        if any(pattern.fullmatch(written) for pattern, _ in self.known.model_only):
            return
        token = self.known.primitive(written)
        for argument in node.args:
            if argument is not place or token is None:
                yield from self.expression(argument)
        if name in self.mapped and name != self.top:
            yield self.step(f"call {name}", node)
        elif token is not None:
            yield self.step(token, node)
        elif isinstance(found := self.meaning(name, node), FunctionType) and found.__module__.startswith("smpcheck.mm."):
            yield from _Walk(self.variant, self.known, self.mapped, self.top).function(found)
        elif found is not None and place is not None and name not in ACCESSES:
            yield self.step(f"{name} {place.attr}", node)

    def meaning(self, name: str, node: ast.expr) -> Any:
        """The object behind a name that is called, if it is a helper of the model or one of the kernel's primitives."""
        found = None if name in self.source.local_names else self.source.lookup(name, node)
        module = getattr(found, "__module__", "")
        return found if module.startswith(("smpcheck.mm.", "smpcheck.kernel")) and not isinstance(found, type) else None

    def access(self, target: ast.expr, how: str) -> Iterator[Step]:
        """A plain access to a field that counts."""
        if isinstance(target, ast.Attribute) and target.attr in (self.known.reads if how == "read" else self.known.writes):
            yield self.step(self.known.primitive(f"{how}({target.attr})") or f"{how} {target.attr}", target)

    def step(self, token: str, node: ast.expr) -> Step:
        return Step(token, self.source.file, node.lineno)

    def object_of(self, node: ast.Call, place: ast.Attribute | None) -> str:
        """What a call is about, by which primitives are told apart: a flag or a counter, else the field."""
        named = (
            each.id for each in node.args if isinstance(each, ast.Name) and re.fullmatch("(?!NULL)[A-Z]+_?[a-zA-Z_]+", each.id)
        )
        return next(named, place.attr if place else "")

    def value(self, node: ast.expr) -> Any:
        """What an expression is under this variant, or UNKNOWN."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Attribute(value=ast.Name(id="V"), attr=switch):
                return getattr(self.variant, switch)
            case ast.Name(id=name):
                return self.locals.get(name, SETUP.get(name, UNKNOWN))
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                value = self.value(inner)
                return UNKNOWN if value is UNKNOWN else not value
            case ast.BoolOp(op=op, values=parts):
                values = [self.value(part) for part in parts]
                decides = isinstance(op, ast.Or)
                if any(value is not UNKNOWN and bool(value) is decides for value in values):
                    return decides
                return UNKNOWN if UNKNOWN in values else not decides
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as op], comparators=[right]):
                a, b = self.value(left), self.value(right)
                return UNKNOWN if UNKNOWN in (a, b) else (a == b) is isinstance(op, ast.Eq)
        return UNKNOWN
