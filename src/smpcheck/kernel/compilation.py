"""What belongs to one compilation of a model: parameters, and the initial values that its set-up gives to objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from typing import Any

from msgspec import Struct, field


class Compilation(Struct, frozen=True, eq=False):
    """What belongs to one compilation: the values of parameters, and initial values by the object's identity. ``outer``: the
    compilation within which it happens."""

    bindings: Mapping[str, Any]
    outer: Compilation | None
    initial: dict[int, tuple[Any, dict[str, Any]]] = field(default_factory=dict)


_current: ContextVar[Compilation | None] = ContextVar("compilation", default=None)
"""The compilation that is going on in this thread."""


def initial_values(obj: Any) -> dict[str, Any]:
    """The fields' initial values that the current set-up (or, outside one, the declaration) gave to ``obj``, a struct. Arrays
    are copies, since a set-up may change their elements."""
    own: dict[str, Any] = obj.__dict__["_initial"]
    compilation = _current.get()
    if compilation is None:
        return own
    found = compilation.initial.get(id(obj))
    if found is None:
        fresh = {name: copy(v) if isinstance(v, list) or hasattr(v, "__copy__") else v for name, v in own.items()}
        found = compilation.initial[id(obj)] = (obj, fresh)
    return found[1]


def bound(name: str, default: Any) -> Any:
    """The value of the parameter ``name``: that of the innermost compilation that has one."""
    compilation = _current.get()
    while compilation is not None:
        if name in compilation.bindings:
            return compilation.bindings[name]
        compilation = compilation.outer
    return default


@contextmanager
def compiling(bindings: Mapping[str, Any]) -> Iterator[None]:
    """A compilation: initial values given meanwhile are forgotten afterwards, and parameters have the values of ``bindings``."""
    token = _current.set(Compilation(bindings, _current.get()))
    try:
        yield
    finally:
        _current.reset(token)
