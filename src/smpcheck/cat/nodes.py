"""A memory model after reading: a graph of relation and set nodes, independent of any program.

The cat evaluator inlines functions and ``let``s and shares equal sub-terms (nodes are interned: equal terms are the same object),
so that a model is one directed graph, cyclic only through :class:`Rec`. The solver evaluates it for a program, the concrete
evaluator for one execution. Node kinds are few on purpose; everything else of cat is expressed by these:

    fencerel(S) = po ; [S] ; po        r?  = r | id          ~r = universe \\ r (likewise for sets)
    domain, range, r^-1, r+, r*, S * T, [S], r & s, r \\ s, r ; s
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Literal, TypeAlias

from msgspec import Struct, field

from smpcheck.records import PartlyCompared

RelOp: TypeAlias = Literal[
    "base", "empty", "union", "inter", "diff", "seq", "diffvals", "inverse", "plus", "star", "opt", "setid", "product", "rec"
]
SetOp: TypeAlias = Literal["base", "empty", "all", "union", "inter", "diff", "domain", "range", "rec"]


class Node:
    """A relation (``kind == 'rel'``) or a set (``kind == 'set'``) of events.

    ``op`` says how it is made of ``args``; ``name`` is the base relation's or set's name (op ``base``) or, for ``rec``, the
    variable's; ``label`` is the name that the model's author gave it, for explanations. Do not construct directly: use the
    functions below, which intern.
    """

    __slots__ = ("args", "id", "kind", "label", "name", "op", "where")

    def __init__(self, kind: Literal["rel", "set"], op: str, args: tuple[Node, ...], name: str, number: int) -> None:
        self.kind = kind
        self.op = op
        self.args = args
        self.name = name
        self.label: str | None = None
        self.where: str | None = None
        self.id = number

    def __repr__(self) -> str:
        """One level of it: what is below is shared, and written out would be as long as the model has paths."""
        inside = ", ".join(a.label or a.name or f"{a.op} {a.id}" for a in self.args) if self.op != "rec" else ""
        return f"{self.label or self.name or self.op}({inside})" if inside else (self.label or self.name or self.op)


_interned: dict[tuple[object, ...], Node] = {}
_numbers = count(1)


def make(kind: Literal["rel", "set"], op: str, args: tuple[Node, ...] = (), name: str = "") -> Node:
    """The one node of this shape."""
    key = (kind, op, tuple(a.id for a in args), name)
    node = _interned.get(key)
    if node is None:  # of two threads that get here, one makes the node of both
        node = _interned.setdefault(key, Node(kind, op, args, name, next(_numbers)))
    return node


def forget() -> None:
    """Start a new model: terms made from now on are not shared with earlier ones, whose labels are another author's."""
    for key in [k for k, node in list(_interned.items()) if node.args or node.label]:
        _interned.pop(key, None)


def rec_variable(kind: Literal["rel", "set"], name: str) -> Node:
    """A fresh variable of a ``let rec``; its definition is set once with :func:`define_rec`."""
    return Node(kind, "rec", (), name, next(_numbers))


def define_rec(variable: Node, body: Node) -> None:
    """Tie the knot: ``variable`` is the least solution of ``variable = body`` (with the others of its group)."""
    assert variable.op == "rec" and not variable.args
    variable.args = (body,)


class Axiom(Struct, frozen=True):
    """``acyclic r as name`` and its kin. ``negated``: ``~empty r`` and the like.

    ``flag``: not required of an execution but reported, where it *holds* (``flag ~empty race as data-race``).
    """

    kind: Literal["acyclic", "irreflexive", "empty"]
    node: Node
    name: str
    negated: bool = False
    flag: bool = False
    where: str | None = None


class Model(PartlyCompared, frozen=True):
    """A memory model: its name and its requirements and flags, in order of appearance. ``shows``: named relations worth drawing.

    Base relations: ``po addr data ctrl rmw loc int ext id rf co fr`` (the -e/-i variants are intersections) and ``universe``, all
    pairs; base sets: ``R W M F IW FW`` and every event tag. ``int`` relates events of one thread (initial writes have none, so
    they are in no pair of ``int``); ``ext`` relates events of different threads, and initial writes with all others.
    """

    ASIDE = frozenset({"annotations", "languages"})

    name: str
    axioms: tuple[Axiom, ...]
    shows: tuple[tuple[str, Node], ...] = ()
    definitions_file: str | None = None
    """A kernel tree's ``linux-kernel.def`` where the model comes with one: the C reader takes its primitives from there."""
    annotations: Mapping[str, frozenset[str]] = field(default_factory=dict)
    languages: tuple[str, ...] | None = None
    """The languages whose programs it is about (:data:`smpcheck.program.ir.Language`); None: any."""
    """What ``instructions`` declares: of a kind of instruction (``R``, ``W``, ``F``, ``RMW``), the tags that it may have, as
    they are written; ``""`` where it may have none. A kind that is not declared may have any."""

    def __hash__(self) -> int:
        """Of the name and one axiom: models are keys of caches, and to hash all axioms takes longer than to compare them."""
        return hash((self.name, self.axioms[:1]))
