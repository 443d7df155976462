"""The types of a unit as the lowering of C has them, and what lies where in an object.

Locks, SRCU domains and completions are one location to the memory model, whatever the tree's structs have in them: the table of
primitives says of what type (:data:`smpcheck.readers.layout.NAMED`).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from smpcheck.program import values
from smpcheck.program.values import CType
from smpcheck.readers import layout
from smpcheck.readers.clang import tree as t
from smpcheck.readers.layout import Type

_INTEGERS = {
    (1, True): values.CHAR,
    (1, False): values.UCHAR,
    (2, True): values.SHORT,
    (2, False): values.USHORT,
    (4, True): values.INT,
    (4, False): values.UINT,
    (8, True): values.LONG,
    (8, False): values.ULONG,
}

ABSTRACT: dict[str, CType] = {
    "struct spinlock": values.INT,
    "struct raw_spinlock": values.INT,
    "struct rt_mutex_base": values.INT,
    "struct mutex": values.INT,
    "struct rw_semaphore": values.INT,
    "struct semaphore": values.INT,
    "struct completion": values.INT,
    "struct srcu_struct": values.INT,
    "rwlock_t": values.INT,
}
"""Records of which only primitives know what is in them: the type of their one location, at their beginning."""

UNSIGNED = {1: values.UCHAR, 2: values.USHORT, 4: values.UINT, 8: values.ULONG}
"""The unsigned integer of so many bytes."""


class Leaf(Struct, frozen=True):
    """A scalar in an object: its offset in bytes, its type, how it is called (``.a.b[1]``)."""

    offset: int
    ctype: CType
    name: str

    @property
    def size(self) -> int:
        return layout.size_of(self.ctype)

    @property
    def end(self) -> int:
        return self.offset + self.size


class Types:
    """The types of one unit, by their index."""

    def __init__(self, unit: t.Unit, table: layout.TypeTable) -> None:
        self.given = list(unit.types)
        self.table = table
        self._layout: dict[int, Type] = {}
        self._leaves: dict[int, tuple[Leaf, ...]] = {}
        for index, type_ in enumerate(self.given):
            if type_.kind == "record":
                table.define(self.record_name(index), self.layout(index))

    def record_name(self, index: int) -> str:
        """The name of a record; one that has none is called after its number."""
        name = self.given[index].name
        return f"struct #{index}" if "(" in name else name

    def layout(self, index: int) -> Type:
        """A type for the lowering. What a pointer points to is known by its name only: records may go round."""
        found = self._layout.get(index)
        if found is None:
            found = self._layout[index] = self._of(index)
        return found

    def _of(self, index: int) -> Type:
        type_ = self.given[index]
        match type_.kind:
            case "bool":
                return values.BOOL
            case "int":
                return _INTEGERS.get((type_.size, type_.signed), values.LONG)
            case "pointer":
                return layout.Pointer(self._target(type_.target))
            case "array":
                return layout.Array(self.layout(type_.target), type_.length)
            case "record":
                fields = {f.name: (f.offset // 8, self.layout(f.type)) for f in type_.fields if f.name and f.width is None}
                return layout.Struct(self.record_name(index), fields, type_.size, type_.align)
        return layout.VOID

    def _target(self, index: int) -> Type:
        if self.given[index].kind == "record":
            return layout.Struct(self.record_name(index), None, 1, 1)
        if self.given[index].kind == "pointer":
            return layout.Pointer(self._target(self.given[index].target))
        return self.layout(index)

    def kind(self, index: int) -> str:
        """``int``, ``record``, ..."""
        return self.given[index].kind

    def size(self, index: int) -> int:
        """Size in bytes."""
        return self.given[index].size

    def array_of(self, index: int, length: int) -> int:
        """The type of an array of so many."""
        element = self.given[index]
        array = t.CType("array", f"{element.name}[{length}]", element.size * length, element.align, target=index, length=length)
        if array not in self.given:
            self.given.append(array)
        return self.given.index(array)

    def abstract(self, index: int) -> CType | None:
        """The type of the one location of a lock or the like."""
        return ABSTRACT.get(self.given[index].name)

    def leaves(self, index: int) -> tuple[Leaf, ...]:
        """The scalars of an object; those of a union overlap. A run of bit fields is one scalar."""
        found = self._leaves.get(index)
        if found is None:
            found = self._leaves[index] = tuple(self._scalars(index, 0, ""))
        return found

    def _scalars(self, index: int, offset: int, name: str) -> Iterator[Leaf]:
        type_ = self.given[index]
        abstract = self.abstract(index)
        if abstract is not None:
            yield Leaf(offset, abstract, name)
        elif type_.kind == "array":
            size = self.size(type_.target)
            for i in range(type_.length):
                yield from self._scalars(type_.target, offset + i * size, f"{name}[{i}]")
        elif type_.kind == "record":
            runs: set[int] = set()
            for f in type_.fields:
                if f.width is not None:
                    run = next((r for r in bit_runs(type_) if r[0] <= f.offset < r[1]), None)
                    if run is not None and run[0] not in runs:
                        runs.add(run[0])
                        names = "+".join(g.name for g in type_.fields if g.width and g.name and run[0] <= g.offset < run[1])
                        pieces = run_pieces(run)
                        for start, size in pieces:
                            which = f"[{start - pieces[0][0]}]" if len(pieces) > 1 else ""
                            yield Leaf(offset + start, UNSIGNED[size], f"{name}.{names}{which}")
                else:
                    yield from self._scalars(f.type, offset + f.offset // 8, f"{name}.{f.name}" if f.name else name)
        elif type_.kind in ("int", "bool", "pointer"):
            yield Leaf(offset, layout.scalar_type(self.layout(index)), name)


def bit_runs(type_: t.CType) -> list[tuple[int, int]]:
    """The runs of adjacent bit fields of a record, from bit to bit: each is one memory location (C11 3.14)."""
    runs: list[tuple[int, int]] = []
    open_ = False
    for f in type_.fields:
        if f.width:
            runs[-1:] = [(runs[-1][0], f.offset + f.width)] if open_ else [*runs[-1:], (f.offset, f.offset + f.width)]
        open_ = bool(f.width)
    return runs


def run_pieces(run: tuple[int, int]) -> list[tuple[int, int]]:
    """The accesses that make up one to the bytes of a run of bit fields: offset and size of each, aligned powers of two."""
    at, end = run[0] // 8, -(-run[1] // 8)
    pieces = []
    while at < end:
        size = next(size for size in (8, 4, 2, 1) if at % size == 0 and at + size <= end)
        pieces.append((at, size))
        at += size
    return pieces


def clusters(leaves: tuple[Leaf, ...]) -> list[tuple[int, int, tuple[Leaf, ...]]]:
    """Overlapping scalars together: offset, end, and the scalars, in order."""
    found: list[tuple[int, int, tuple[Leaf, ...]]] = []
    for leaf in sorted(leaves, key=lambda one: (one.offset, -one.end)):
        if found and leaf.offset < found[-1][1]:
            start, end, inside = found[-1]
            found[-1] = (start, max(end, leaf.end), (*inside, leaf))
        else:
            found.append((leaf.offset, leaf.end, (leaf,)))
    return found
