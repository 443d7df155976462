"""The syntax tree of a cat file: what stands in the text, before anything is known about the names in it.

Reference: the chapter "Writing simple models in cat" of the herd7 manual and its grammar (herdtools7).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import TypeAlias

Place: TypeAlias = tuple[int, int]
"""1-based line and column in the file at hand."""

Pattern: TypeAlias = "str | tuple[str | None, ...] | None"
"""A parameter: a name, None for ``_``, or a tuple of them."""


@dataclass(frozen=True, slots=True)
class Expr:
    """An expression. ``op`` says what it is; ``name`` is a variable's, tag's or operator's text.

    ``var tag zero universe`` (leaves), ``braces tuple brackets`` (``{..}``, ``(a,b)``, ``[S]``), ``app`` (function, argument),
    ``union add seq diff inter product`` (two arguments), ``star plus opt inverse not`` (one), ``try`` (two), and the kinds
    of the subclasses below.
    """

    op: str
    args: tuple[Expr, ...]
    place: Place
    name: str = ""
    depth: int = field(init=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + max((a.depth for a in self.args), default=0))


@dataclass(frozen=True, slots=True)
class Function(Expr):
    """``fun pattern -> body``; the body is the only argument."""

    pattern: Pattern = None


@dataclass(frozen=True, slots=True)
class Binding:
    """``pattern = body`` in a ``let``. Functions arrive as a name bound to a :class:`Function`."""

    pattern: Pattern
    body: Expr
    place: Place


@dataclass(frozen=True, slots=True)
class Let(Expr):
    """``let [rec] bindings in body``; the body is the last argument, the bindings' bodies come before (for depth only)."""

    bindings: tuple[Binding, ...] = ()
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class If(Expr):
    """``if a R b then c else d``: arguments a, b, c, d; ``name`` is R (``=``, ``subset`` or ``in``)."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A condition on what herd7 is told with ``-variant``: ``name`` (op ``is``), or ``not``, ``and``, ``or`` of ``args``."""

    op: str
    args: tuple[Variant, ...] = ()
    name: str = ""

    def holds(self, chosen: Container[str]) -> bool:
        """Is it true where the variants ``chosen`` are on?"""
        match self.op:
            case "is":
                return self.name in chosen
            case "not":
                return not self.args[0].holds(chosen)
            case "and":
                return all(a.holds(chosen) for a in self.args)
        return any(a.holds(chosen) for a in self.args)


@dataclass(frozen=True, slots=True)
class IfVariant(Expr):
    """``if "v" then a else b``: arguments a and b."""

    condition: Variant = field(default=Variant("is"))


@dataclass(frozen=True, slots=True)
class Match(Expr):
    """``match e with || 'tag -> e1 || _ -> e2 end``: arguments e, e1, e2; ``tags`` has the tags, None for ``_``.

    A match on a set (``{} -> .. || e ++ S -> ..``) has ``tags`` None.
    """

    tags: tuple[str | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement without a class of its own: ``unshow``, ``instructions``, ``default``, ``debug``, ``forall``, ``with``, ..."""

    kind: str
    place: Place
    name: str = ""
    args: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class LetStatement:
    """``let [rec] a = .. and b = ..``"""

    bindings: tuple[Binding, ...]
    recursive: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Check:
    """``[mode] [~] acyclic r as name``; ``test`` is acyclic, irreflexive or empty; ``mode`` is '', flag, assert or
    undefined_unless."""

    test: str
    negated: bool
    expr: Expr
    name: str | None
    mode: str
    place: Place


@dataclass(frozen=True, slots=True)
class Show:
    """``show a, b`` or ``show e as name``: names with the expressions that they show."""

    items: tuple[tuple[str, Expr], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Include:
    """``include "file"``"""

    file: str
    place: Place


@dataclass(frozen=True, slots=True)
class Enum:
    """``enum Name = 'a || 'b``"""

    name: str
    tags: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Procedure:
    """``procedure name(pattern) = statements end``"""

    name: str
    pattern: Pattern
    body: tuple[Stmt, ...]
    recursive: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    """``call name(argument) [as check]``"""

    name: str
    argument: Expr
    place: Place


@dataclass(frozen=True, slots=True)
class IfStatement:
    """``if "v" statements else statements end``"""

    condition: Variant
    then: tuple[Stmt, ...]
    other: tuple[Stmt, ...]
    place: Place


Stmt: TypeAlias = Statement | LetStatement | Check | Show | Include | Enum | Procedure | Call | IfStatement


@dataclass(frozen=True, slots=True)
class File:
    """A parsed file: its title, if it has one, and its statements."""

    title: str | None
    body: tuple[Stmt, ...]
