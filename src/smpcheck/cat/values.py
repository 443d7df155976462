"""What a term of cat can stand for while a model is read, and the values that every file finds defined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from smpcheck.cat import build, names
from smpcheck.cat.nodes import Node
from smpcheck.cat.syntax import Expr, Pattern, Procedure

SRCU_EVENTS = "SRCU-EVENTS"
"""The operations on an srcu_struct that our lock.cat counts as accesses: none where a kernel (6.1) makes them events apart."""


class Tag(Struct, frozen=True):
    """``'once``"""

    name: str


class Choices(Struct, frozen=True):
    """``{r, s}``: a set of sets or relations, among which ``with x from`` chooses."""

    items: tuple[Node, ...]


class Closure(Struct, frozen=True):
    """A function: parameters, body, and the names that it sees."""

    pattern: Pattern
    body: Expr
    env: Mapping[str, Value]
    file: str
    name: str


class Primitive(Struct, frozen=True):
    """A function provided by Python, from relation or set (``takes``) to node. ``takes`` may have alternatives, of different
    numbers of arguments, set apart by ``|``; an ``empty`` argument can only be the empty relation or set."""

    name: str
    takes: str
    apply: Callable[..., Node]


class ProcedureValue(Struct, frozen=True):
    """A procedure: statements with parameters."""

    definition: Procedure
    env: Mapping[str, Value]
    file: str


Value: TypeAlias = "Node | Tag | frozenset[Tag] | tuple[Value, ...] | Choices | Closure | Primitive | ProcedureValue"
Env: TypeAlias = Mapping[str, Value]

KINDS = {"rel": "a relation", "set": "a set of events"}


def _ctrlcfence(*args: Node) -> Node:
    """``ctrlcfence(ctrl, S)`` of herd7 today; before 2016 ``ctrlcfence(S)`` with the base relation ``ctrl``."""
    ctrl, fences = args if len(args) == 2 else (build.base("ctrl"), args[0])
    return build.seq(ctrl, build.seq(build.setid(fences), build.base("po")))


PRIMITIVES = (
    Primitive("domain", "rel", build.domain),
    Primitive("range", "rel", build.range_),
    Primitive("different-values", "rel", build.different_values),
    Primitive("fencerel", "set", build.fencerel),
    Primitive("toid", "set", build.setid),
    Primitive("singlestep", "rel", lambda r: build.diff(r, build.seq(r, r))),
    Primitive("ctrlcfence", "set|rel set", lambda *args: _ctrlcfence(*args)),
    Primitive("noid", "rel", lambda r: build.diff(r, build.ID)),
    Primitive("imply", "rel rel", lambda a, b: build.union(build.complement(a), b)),
    Primitive("nodetour", "rel rel rel", lambda a, b, c: build.diff(a, build.seq(b, c))),
    Primitive("tag2events", "tag", lambda t: build.base_set(names.capitalised(t))),
    Primitive("tag2instrs", "tag", lambda t: build.base_set(names.capitalised(t))),
    *(Primitive(name, "empty", lambda _: build.EMPTY_REL) for name in names.OF_PAGE_TABLES),
)


def prelude() -> dict[str, Value]:
    """The names that every file finds defined."""
    env: dict[str, Value] = {name: build.base(name) for name in (*names.BASE_RELATIONS, *names.UNKNOWN_PAIRS)}
    env |= {name: build.base_set(name) for name in (*names.BASE_SETS, *names.TAGS)}
    for name, definition in names.DEFINED.items():
        node = definition()
        if name in names.LABELLED and node.label is None:
            node.label = name
        env[name] = node
    env |= {primitive.name: primitive for primitive in PRIMITIVES}
    lock, unlock, sync = (build.base_set(name) for name in ("Srcu-lock", "Srcu-unlock", "Sync-srcu"))
    env[SRCU_EVENTS] = build.union(build.union(lock, unlock), sync)
    return env


def describe(value: Value) -> str:
    """A value in words, for messages."""
    match value:
        case Node():
            return KINDS[value.kind]
        case Tag(name):
            return f"the tag '{name}"
        case frozenset():
            return "a set of tags"
        case tuple():
            return f"a tuple of {len(value)}"
        case Choices(items):
            return f"a set of {len(items)} relations or sets"
        case Closure(name=name) | Primitive(name=name):
            return f"the function {name}"
    return "a procedure"
