"""What of clang's syntax tree the lowering needs, as plain data: it crosses from the worker that parses, and lies in the cache.

Every expression has the index of its type in :attr:`Unit.types`, and ``at``, the index of its place in :attr:`Unit.places`: where
the reader of the file sees it, outside of all macros. Conversions are explicit (:class:`Cast`), members are offsets in bits,
initial values are flat, constants are computed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias


@dataclass(slots=True)
class Node:
    """Something that stands at a place of the source."""

    at: int


# --- expressions -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Lit(Node):
    """A constant."""

    type: int
    value: int


@dataclass(slots=True)
class Text(Node):
    """A string: one character for each byte, without the zero at its end."""

    type: int
    text: str


@dataclass(slots=True)
class Var(Node):
    """A variable, by the number of its declaration."""

    type: int
    decl: int
    name: str


@dataclass(slots=True)
class Fun(Node):
    """A function's name."""

    type: int
    name: str


@dataclass(slots=True)
class Member(Node):
    """``base.name``, at ``offset`` bits; ``width``: of a bit field. ``base`` is a pointer where ``arrow``."""

    type: int
    base: Expr
    arrow: bool
    offset: int
    width: int | None
    name: str
    run: tuple[int, int] | None
    """Of a bit field: the bits from and to which its run of adjacent bit fields reaches (one memory location, C11 3.14)."""


@dataclass(slots=True)
class Un(Node):
    """``op arg``; ``op`` is one of ``- ~ ! + * &``."""

    type: int
    op: str
    arg: Expr


@dataclass(slots=True)
class Step(Node):
    """``++`` (``op`` is ``+``) and ``--``."""

    type: int
    op: str
    prefix: bool
    arg: Expr


@dataclass(slots=True)
class Bin(Node):
    """``left op right``."""

    type: int
    op: str
    left: Expr
    right: Expr


@dataclass(slots=True)
class Index(Node):
    """``array[index]``."""

    type: int
    array: Expr
    index: Expr


@dataclass(slots=True)
class Assign(Node):
    """``left op= right``; ``op`` is empty for ``=``."""

    type: int
    op: str
    left: Expr
    right: Expr


@dataclass(slots=True)
class Cond(Node):
    """``cond ? then : other``; without ``then`` it is GNU's ``cond ?: other``."""

    type: int
    cond: Expr
    then: Expr | None
    other: Expr


@dataclass(slots=True)
class Cast(Node):
    """A conversion, written or implied."""

    type: int
    arg: Expr


@dataclass(slots=True)
class Call(Node):
    """A call."""

    type: int
    callee: Expr
    args: tuple[Expr, ...]


@dataclass(slots=True)
class Init(Node):
    """A list in braces: what is set, each with its offset and the width of a bit field, both in bits; the rest is zero."""

    type: int
    items: tuple[InitItem, ...]


@dataclass(slots=True)
class InitItem(Node):
    """One element of an :class:`Init`."""

    type: int
    offset: int
    width: int | None
    run: tuple[int, int] | None
    value: Expr


@dataclass(slots=True)
class Compound(Node):
    """A compound literal: a variable without a name."""

    type: int
    decl: int
    init: Expr


@dataclass(slots=True)
class StmtExpr(Node):
    """``({ ... })``."""

    type: int
    body: tuple[Stmt, ...]


@dataclass(slots=True)
class Unknown(Node):
    """What is not supported, by clang's name for it; refused if a thread can reach it."""

    type: int
    what: str


Expr: TypeAlias = (
    Lit | Text | Var | Fun | Member | Un | Step | Bin | Index | Assign | Cond | Cast | Call | Init | Compound | StmtExpr | Unknown
)


# --- statements ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Eval(Node):
    """An expression's effects."""

    expr: Expr


@dataclass(slots=True)
class Decl(Node):
    """A local variable. ``cleanup``: the function that is given its address where its scope is left."""

    decl: int
    name: str
    type: int
    init: Expr | None
    cleanup: str


@dataclass(slots=True)
class Block(Node):
    """``{ ... }``."""

    body: tuple[Stmt, ...]


@dataclass(slots=True)
class If(Node):
    """``if``."""

    cond: Expr
    then: Stmt
    other: Stmt | None


@dataclass(slots=True)
class Loop(Node):
    """``for``, ``while`` and ``do``: ``test_last``."""

    init: Stmt | None
    cond: Expr | None
    step: Expr | None
    body: Stmt
    test_last: bool


@dataclass(slots=True)
class Switch(Node):
    """``switch``."""

    value: Expr
    body: Stmt


@dataclass(slots=True)
class Case(Node):
    """``case low ... high:``; ``default:`` has neither."""

    low: int | None
    high: int | None
    body: Stmt


@dataclass(slots=True)
class Label(Node):
    """``name:``."""

    name: str
    body: Stmt


@dataclass(slots=True)
class Goto(Node):
    """``goto name``."""

    name: str


@dataclass(slots=True)
class Jump(Node):
    """``break`` or ``continue``."""

    kind: str


@dataclass(slots=True)
class Return(Node):
    """``return``."""

    value: Expr | None


@dataclass(slots=True)
class Asm(Node):
    """Inline assembly: its template, how many of its operands are outputs, and the operands."""

    template: str
    outputs: int
    operands: tuple[Expr, ...]


Stmt: TypeAlias = Eval | Decl | Block | If | Loop | Switch | Case | Label | Goto | Jump | Return | Asm


# --- declarations ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Param(Node):
    """A parameter."""

    decl: int
    name: str
    type: int


@dataclass(slots=True)
class Function(Node):
    """A function. ``file`` is where its body stands; without a ``body`` it is only declared. ``result``: a type."""

    name: str
    file: str
    result: int
    params: tuple[Param, ...]
    body: Block | None


@dataclass(slots=True)
class Global(Node):
    """A variable with static storage. ``per_cpu``: each CPU has a copy; ``defined``: it is more than declared."""

    decl: int
    name: str
    type: int
    init: Expr | None
    per_cpu: bool
    file: str
    defined: bool = True


@dataclass(slots=True)
class Field:
    """A member of a record; offset and width in bits."""

    name: str
    offset: int
    type: int
    width: int | None


@dataclass(slots=True)
class CType:
    """A type. ``kind``: ``int`` (``signed``), ``bool``, ``pointer`` and ``array`` (``target``), ``record`` (``fields``; ``name``
    as written), ``function`` (``target`` is the result's), ``void``, or ``other``. ``size`` and ``align`` in bytes."""

    kind: str
    name: str
    size: int = 0
    align: int = 1
    signed: bool = False
    target: int = -1
    length: int = 0
    volatile: bool = False
    fields: tuple[Field, ...] = ()


@dataclass(slots=True)
class Place:
    """A place in a file, and the text that stands there (on one line)."""

    file: str
    line: int
    column: int
    text: str


@dataclass(slots=True)
class Unit:
    """What was read: all functions and variables that the threads of a harness may reach."""

    functions: tuple[Function, ...] = ()
    variables: tuple[Global, ...] = ()
    types: tuple[CType, ...] = ()
    places: tuple[Place, ...] = ()
    files: tuple[str, ...] = field(default=())
    own: tuple[str, ...] = field(default=())


_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        Lit, Text, Var, Fun, Member, Un, Step, Bin, Index, Assign, Cond, Cast, Call, Init, InitItem, Compound, StmtExpr, Unknown,
        Eval, Decl, Block, If, Loop, Switch, Case, Label, Goto, Jump, Return, Asm,
        Param, Function, Global, Field, CType, Place, Unit,
    )
}  # fmt: skip
_NAMES = {cls: tuple(f.name for f in fields(cls)) for cls in _CLASSES.values()}


def encode(node: Any) -> Any:
    """``node`` as JSON has it: a node is the list of its class and fields, a tuple an object with one key."""
    if isinstance(node, tuple | list):
        return {"": [encode(item) for item in node]}
    names = _NAMES.get(type(node))
    return node if names is None else [type(node).__name__, *(encode(getattr(node, name)) for name in names)]


def decode(data: Any) -> Any:
    """Undo :func:`encode`."""
    if isinstance(data, dict):
        return tuple([decode(item) for item in data[""]])
    if isinstance(data, list):
        return _CLASSES[data[0]](*[decode(item) for item in data[1:]])
    return data


def dumps(unit: Unit) -> str:
    """A unit as text."""
    return json.dumps(encode(unit), separators=(",", ":"))


def loads(text: str) -> Unit:
    """The unit of a text made by :func:`dumps`."""
    unit = decode(json.loads(text))
    assert isinstance(unit, Unit)
    return unit
