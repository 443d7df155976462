"""C as a small tree: what has meaning in an expression, a statement or a function, and where it stands in the source.

Types are resolved already. Offsets (``at``, ``end``) are offsets into the source text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct, field

from smpcheck.program.values import INT, LONG, UINT, ULONG, CType, UndefinedValue, binary, unary
from smpcheck.readers.layout import Type

MAX_ARRAY = 4096
"""Arrays longer than this are refused: each element is a location of the memory model."""


# --- expressions -----------------------------------------------------------------------------------------------------


class Num(Struct, frozen=True, eq=False):
    """An integer, character or null-pointer constant."""

    value: int
    ctype: CType
    at: int
    end: int


class Name(Struct, frozen=True, eq=False):
    """An identifier."""

    name: str
    at: int
    end: int


class Un(Struct, frozen=True, eq=False):
    """``op arg`` for ``- ~ ! + * &``."""

    op: str
    arg: CExpr
    at: int
    end: int


class Bin(Struct, frozen=True, eq=False):
    """``left op right``."""

    op: str
    left: CExpr
    right: CExpr
    at: int
    end: int


class Assignment(Struct, frozen=True, eq=False):
    """``target = value``; ``op`` is the operator of a compound assignment (``+`` in ``+=``), else empty."""

    op: str
    target: CExpr
    value: CExpr
    at: int
    end: int


class Step(Struct, frozen=True, eq=False):
    """``++target`` or ``target--``: ``op`` is ``+`` or ``-``."""

    op: str
    prefix: bool
    target: CExpr
    at: int
    end: int


class Call(Struct, frozen=True, eq=False):
    """``name(args)``."""

    name: str
    args: list[CExpr]
    at: int
    end: int


class Member(Struct, frozen=True, eq=False):
    """``object.name`` or, with ``arrow``, ``object->name``."""

    object: CExpr
    name: str
    arrow: bool
    at: int
    end: int


class Index(Struct, frozen=True, eq=False):
    """``array[index]``."""

    array: CExpr
    index: CExpr
    at: int
    end: int


class Convert(Struct, frozen=True, eq=False):
    """``(type)arg``."""

    type: Type
    arg: CExpr
    at: int
    end: int


class Ternary(Struct, frozen=True, eq=False):
    """``cond ? then : other``."""

    cond: CExpr
    then: CExpr
    other: CExpr
    at: int
    end: int


class Comma(Struct, frozen=True, eq=False):
    """``left, right``."""

    left: CExpr
    right: CExpr
    at: int
    end: int


class SizeOf(Struct, frozen=True, eq=False):
    """``sizeof arg``: only the type of ``arg`` matters. (``sizeof(type)`` is a :class:`Num`.)"""

    arg: CExpr
    at: int
    end: int


CExpr: TypeAlias = Num | Name | Un | Bin | Assignment | Step | Call | Member | Index | Convert | Ternary | Comma | SizeOf

# --- statements ------------------------------------------------------------------------------------------------------


class Eval(Struct, frozen=True, eq=False):
    """An expression as a statement."""

    expr: CExpr
    at: int
    end: int


class Declare(Struct, frozen=True, eq=False):
    """``type name = init``; ``const``: the variable itself is."""

    name: str
    type: Type
    init: CExpr | None
    at: int
    end: int
    const: bool = False


class Compound(Struct, frozen=True, eq=False):
    """``{ ... }``."""

    body: list[CStmt]
    at: int
    end: int


class Declares(Struct, frozen=True, eq=False):
    """Several declarators of one declaration, in the enclosing scope."""

    body: list[Declare]
    at: int
    end: int


class IfElse(Struct, frozen=True, eq=False):
    """``if``."""

    cond: CExpr
    then: CStmt
    other: CStmt | None
    at: int
    end: int


class Iterate(Struct, frozen=True, eq=False):
    """``while``, ``do`` (``test_last``) and ``for`` (with ``init`` and ``step``)."""

    init: CStmt | None
    cond: CExpr | None
    step: CExpr | None
    body: CStmt
    test_last: bool
    at: int
    end: int


class Switch(Struct, frozen=True, eq=False):
    """``switch``: ``cases`` in order, each with its labels (None: ``default``)."""

    value: CExpr
    cases: list[tuple[list[CExpr | None], list[CStmt]]]
    at: int
    end: int


class Jump(Struct, frozen=True, eq=False):
    """``break`` or ``continue``."""

    kind: str
    at: int
    end: int


class Return(Struct, frozen=True, eq=False):
    """``return value``."""

    value: CExpr | None
    at: int
    end: int


CStmt: TypeAlias = Eval | Declare | Declares | Compound | IfElse | Iterate | Switch | Jump | Return


class Param(Struct, frozen=True, eq=False):
    """A parameter of a function."""

    name: str
    type: Type
    at: int


class Function(Struct, frozen=True, eq=False):
    """A function definition."""

    name: str
    result: Type
    params: list[Param]
    body: Compound
    assigned: frozenset[str]
    """Names that the body assigns to, steps or takes the address of."""
    at: int


class Unit(Struct, eq=False):
    """The C part of a litmus test: functions by name, file-scope variables, enumeration constants."""

    functions: dict[str, Function] = field(default_factory=dict)
    globals: list[Declare] = field(default_factory=list)
    constants: dict[str, int] = field(default_factory=dict)


# --- constants -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def number(text: str) -> tuple[int, CType] | None:
    """Value and type of a C integer constant (C11 6.4.4.1); None if ``text`` is not one."""
    digits = text.rstrip("uUlL")
    suffix = text[len(digits) :].lower()
    if suffix not in ("", "u", "l", "ul", "lu", "ll", "ull", "llu"):
        return None
    decimal = not (len(digits) > 1 and digits[0] == "0")
    try:
        value = int(digits, 10) if decimal else int(digits, 8) if digits[1].isdigit() else int(digits, 0)
    except ValueError:
        return None
    if value >= 1 << 64:
        return None
    candidates = [t for t in (INT, UINT, LONG, ULONG) if t.signed or "u" in suffix or not decimal]
    candidates = [t for t in candidates if (not t.signed or "u" not in suffix) and (t.bits == 64 or "l" not in suffix)]
    return next(((value, t) for t in candidates if t.wrap(value) == value), None) or (value, ULONG)


def constant(expr: CExpr, names: dict[str, int]) -> int | None:
    """The value of a constant integer expression over numbers and enumeration constants, or None."""
    if isinstance(expr, Num):
        return expr.value
    if isinstance(expr, Name):
        return names.get(expr.name)
    try:
        result: object = None
        if isinstance(expr, Un) and expr.op in "-~!+":
            arg = constant(expr.arg, names)
            result = None if arg is None else unary(expr.op, arg, LONG)
        elif isinstance(expr, Bin):
            left, right = constant(expr.left, names), constant(expr.right, names)
            result = None if left is None or right is None else binary(expr.op, left, right, LONG)
    except UndefinedValue:
        return None
    return result if isinstance(result, int) else None


# --- walking ---------------------------------------------------------------------------------------------------------

_LEAVES = (int, str, CType)


def walk(node: object) -> Iterator[CExpr | CStmt]:
    """``node`` and all expressions and statements in it."""
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from walk(item)
    elif node is not None and not isinstance(node, _LEAVES) and hasattr(node, "at"):
        yield node  # type: ignore[misc]
        for name in node.__slots__:  # type: ignore[attr-defined]
            yield from walk(getattr(node, name))


def changed(node: CStmt) -> set[str]:
    """The names that ``node`` assigns to, steps, declares or takes the address of."""
    names: set[str] = set()
    for part in walk(node):
        if isinstance(part, (Assignment, Step)) and isinstance(part.target, Name):
            names.add(part.target.name)
        elif isinstance(part, Un) and part.op == "&" and isinstance(part.arg, Name):
            names.add(part.arg.name)
        elif isinstance(part, Declare):
            names.add(part.name)
    return names
