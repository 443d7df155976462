"""Shared memory as light Python objects: the model's own struct declarations, one slot for each field.

A pointer is the object itself, NULL is 0, a pointer with low bits set is a :class:`Tagged` (one for each object and tag, so that
equal pointers are identical), and a pointer to an element of an array can be moved by adding to it. A lock is an object of its
own, which knows its class, its place in the declared order, who holds it and who waits. An int has no width: nothing wraps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smpcheck.errors import UnsupportedError
from smpcheck.kernel.layout import ArrayOf, Constant, Flags, Ghost, Pointer, Scalar, StructOf, Type, field_type
from smpcheck.kernel.scenario import LockOrder
from smpcheck.kernel.types import (
    Array,
    PerCpu,
    Struct,
    field_annotations,
    initial_value,
    mutex,
    raw_spinlock_t,
    rw_semaphore,
    rwlock_t,
    spinlock_t,
)
from smpcheck.kernel.types import Tagged as InitialTagged

NULL = 0

LOCKS = {spinlock_t: True, raw_spinlock_t: True, rwlock_t: True, mutex: False, rw_semaphore: False}
"""The types of locks: does waiting for one spin?"""


class Fault(Exception):
    """An access to what is no object: through NULL, through a pointer with a tag, or beyond an array."""


class Lock:
    """A lock. ``value`` as in C: 0 free, 1 held, rw semaphores: n readers or -1. ``rank`` is its place in the order, or -1."""

    __slots__ = ("holders", "name", "rank", "spins", "value", "waiters")

    def __init__(self, name: str, rank: int, spins: bool) -> None:
        self.name, self.rank, self.spins = name, rank, spins
        self.value = 0
        self.holders: list[Any] = []
        self.waiters: list[Any] = []


class BitLocks(dict[int, Lock]):
    """The locks that bits of a flag word are, made when they are first used."""

    __slots__ = ("names", "prefix", "ranks")

    def __init__(self, prefix: str, names: Mapping[int, str], ranks: Mapping[str, int]) -> None:
        self.prefix, self.names, self.ranks = prefix, names, ranks

    def __missing__(self, bit: int) -> Lock:
        name = f"{self.prefix}:{self.names.get(bit, bit)}"
        found = self[bit] = Lock(name, self.ranks.get(name, -1), spins=False)
        return found


class Tagged:
    """A pointer with low bits set."""

    __slots__ = ("tag", "target")

    def __init__(self, target: Cell, tag: int) -> None:
        self.target, self.tag = target, tag

    def __and__(self, mask: int) -> Any:
        tag = self.tag & mask
        return tag if mask >= 0 else self.target | tag

    def __or__(self, tag: int) -> Any:
        return self.target | (self.tag | tag)

    def __repr__(self) -> str:
        return f"{self.target!r}|{self.tag}"


class Cell:
    """Base of all objects in shared memory."""

    __slots__ = ("_array", "_bits", "_index", "_name", "_tags")

    _name: str
    _array: list[Any] | None
    _index: int
    _tags: dict[int, Tagged] | None

    def __and__(self, mask: int) -> Any:
        return self if mask < 0 else 0

    def __or__(self, tag: int) -> Any:
        if tag == 0:
            return self
        if self._tags is None:
            self._tags = {}
        found = self._tags.get(tag)
        if found is None:
            found = self._tags[tag] = Tagged(self, tag)
        return found

    def __add__(self, elements: int) -> Any:
        index = self._index + elements
        if self._array is None:
            if elements == 0:
                return self
        elif 0 <= index < len(self._array):
            return self._array[index]
        raise Fault(f"{self._name} + {elements} is outside of its array")

    def __repr__(self) -> str:
        return self._name


class Memory:
    """The objects of one run, made from declarations (``page(_count=2)``) when they are first asked for.

    ``order`` gives locks their ranks; ``bases`` has classes that objects of a struct are to have as well (with hooks for fields).
    Declarations are read in the set-up that is current (:func:`smpcheck.kernel.compilation.compiling`).
    """

    def __init__(self, order: LockOrder | None = None, bases: Mapping[type[Struct], type[Cell]] | None = None) -> None:
        self.ranks: Mapping[str, int] = order.rank if order else {}
        self.bases = dict(bases or {})
        self.kinds: dict[type[Struct], dict[str, Type]] = {}
        self.classes: dict[type[Struct], type[Cell]] = {}
        self.made: dict[int, tuple[Any, Any]] = {}
        self.flag_names: dict[str, Mapping[int, str]] = {}

    def fields(self, struct: type[Struct]) -> dict[str, Type]:
        """The types of a struct's fields."""
        found = self.kinds.get(struct)
        if found is None:
            found = self.kinds[struct] = {name: field_type(struct, name) for name in field_annotations(struct)}
        return found

    def class_of(self, struct: type[Struct]) -> type[Cell]:
        """The Python class of a struct's objects."""
        found = self.classes.get(struct)
        if found is None:
            base = self.bases.get(struct, Cell)
            slots = tuple(name for name in self.fields(struct) if not hasattr(base, name))
            found = self.classes[struct] = type(struct.__name__, (base,), {"__slots__": slots})
        return found

    def make(self, declared: Any, name: str = "") -> Any:
        """The object that a declaration stands for; for an array, the list of its elements' objects."""
        known = self.made.get(id(declared))
        if known is not None:
            return known[1]
        if isinstance(declared, Array | list | tuple):
            elements: list[Any] = []
            self.made[id(declared)] = (declared, elements)
            for index, item in enumerate(declared.items if isinstance(declared, Array) else declared):
                element = self.make(item, f"{name}[{index}]")
                if isinstance(declared, Array) and isinstance(element, Cell):
                    element._array, element._index = elements, index
                elements.append(element)
            return elements
        if isinstance(declared, Struct):
            return self._struct(declared, name)
        raise UnsupportedError(f"{name or declared!r}: step by step, shared memory has structs and arrays of them")

    def _struct(self, declared: Struct, name: str) -> Cell:
        struct = type(declared)
        new: Any = self.class_of(struct).__new__(self.class_of(struct))
        new._name = name or f"{struct.__name__}#{len(self.made)}"
        new._array, new._index, new._tags, new._bits = None, 0, None, None
        self.made[id(declared)] = (declared, new)
        for field, kind in self.fields(struct).items():
            setattr(new, field, self._value(kind, initial_value(declared, field), new, field, struct))
        return new

    def _value(self, kind: Type, given: Any, owner: Any, field: str, struct: type[Struct]) -> Any:
        """What a field holds at the start."""
        if isinstance(kind, Constant):
            kind = kind.of
        if isinstance(kind, Scalar) and kind.cell in LOCKS:
            name = f"{struct.__name__}.{field}"
            return Lock(name, self.ranks.get(name, -1), LOCKS[kind.cell])
        if isinstance(kind, Flags):
            names = {bit: name for name, bit in kind.word.bits.items()}
            self.flag_names[f"{struct.__name__}.{field}"] = names
            owner._bits = BitLocks(f"{struct.__name__}.{field}", names, self.ranks)
            return int(given)
        if isinstance(kind, Scalar | Ghost):
            return int(given or 0)
        if isinstance(kind, Pointer):
            return self.pointer(given)
        if isinstance(kind, StructOf):
            return self.make(given, f"{owner._name}.{field}")
        assert isinstance(kind, ArrayOf)
        return [self._value(kind.element, item, owner, field, struct) for item in given]

    def pointer(self, given: Any) -> Any:
        """A pointer's value: to an object, to the first element of an array, with a tag, or NULL."""
        if given is None or isinstance(given, int):
            return given or NULL
        if isinstance(given, InitialTagged):
            return self.make(given.target) | given.tag
        made = self.make(given)
        return made[0] if isinstance(made, list) else made

    def per_cpu(self, data: PerCpu[Any], cpus: int, name: str = "per_cpu") -> list[Any]:
        """One object for each CPU."""
        return [self.make(data[cpu], f"{name}[{cpu}]") for cpu in range(cpus)]


def show(target: Cell, field: str, flags: Mapping[str, Mapping[int, str]]) -> str:
    """A field's value for people: flag words by the names of their bits."""
    value = getattr(target, field, "")
    names = flags.get(f"{type(target).__name__}.{field}")
    if names is not None and isinstance(value, int):
        return "|".join(name for bit, name in sorted(names.items()) if value >> bit & 1) or "0"
    if isinstance(value, Lock):
        return str(value.value)
    return repr(value)
