"""What the lowering of C works with: values, variables, places in memory, scopes, and functions being inlined."""

from __future__ import annotations

from typing import TypeAlias

from smpcheck.program.ir import Expr, Position
from smpcheck.readers.ctree import CExpr
from smpcheck.readers.layout import Type


class NeedWide(Exception):
    """The program keeps pointers in ints (at ``pos``): it is to be read again with ints as wide as pointers."""

    def __init__(self, pos: Position) -> None:
        super().__init__(pos)
        self.pos = pos


class Local:
    """A local variable: its register and type; ``const``: nothing may be assigned to it."""

    __slots__ = ("const", "reg", "type")

    def __init__(self, reg: str, type_: Type, const: bool = False) -> None:
        self.reg = reg
        self.type = type_
        self.const = const


class Val:
    """A value: a pure expression of type ``type``. ``local`` is set if it is the address of that local variable."""

    __slots__ = ("expr", "local", "type")

    def __init__(self, expr: Expr, type_: Type, local: Local | None = None) -> None:
        self.expr = expr
        self.type = type_
        self.local = local


class Place:
    """An lvalue in memory: its address, and the type of what is there."""

    __slots__ = ("addr", "type")

    def __init__(self, addr: Expr, type_: Type) -> None:
        self.addr = addr
        self.type = type_


class ByName:
    """A macro's argument: evaluated wherever the macro uses it, in the scope where it was written."""

    __slots__ = ("node", "scope", "span")

    def __init__(self, node: CExpr, scope: Scope, span: tuple[int, int] | None) -> None:
        self.node = node
        self.scope = scope
        self.span = span


LValue: TypeAlias = Local | Place
Binding: TypeAlias = Local | Place | Val | ByName


class Scope:
    """The names declared in one block; the rest are looked for in ``outer``."""

    __slots__ = ("names", "outer")

    def __init__(self, outer: Scope | None) -> None:
        self.names: dict[str, Binding] = {}
        self.outer = outer

    def find(self, name: str) -> Binding | None:
        """What ``name`` means here."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.outer
        return None

    def inside(self, other: Scope) -> bool:
        """Is this scope ``other`` or a part of it?"""
        scope: Scope | None = self
        while scope is not None and scope is not other:
            scope = scope.outer
        return scope is not None


class Frame:
    """A function body being inlined: where ``return`` goes, what its variables' registers begin with; ``name`` is its name.

    A primitive's body is a nameless frame.
    """

    __slots__ = ("label", "name", "prefix", "result", "returned")

    def __init__(self, name: str, label: str, prefix: str, result: Local | None) -> None:
        self.name = name
        self.label = label
        self.prefix = prefix
        self.result = result
        self.returned = False
