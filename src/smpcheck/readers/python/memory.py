"""Where a scenario's objects lie: each object that the model can name gets an address, and each scalar in it a cell.

Objects are placed when they are first named: by the set-up, by a global name in a thread function, or by an initial value that
points to them. What they are called in answers is the name that the set-up or the module gave them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.kernel import layout
from smpcheck.kernel.compilation import initial_values
from smpcheck.kernel.layout import ArrayOf, Bits, Constant, Flags, Ghost, Pointer, Scalar, StructOf, Type
from smpcheck.kernel.scenario import Parameter
from smpcheck.kernel.types import (
    Array,
    ArrayInit,
    BitField,
    CellType,
    PerCpu,
    Shared,
    Struct,
    Tagged,
    Union,
    initial_value,
)
from smpcheck.program import ir, values
from smpcheck.program.ir import Position
from smpcheck.program.values import CType, Ptr, UndefinedValue, Value
from smpcheck.readers.python.source import Namespaces

Question: TypeAlias = tuple[str, Any, Any]
"""What the compilation of a thread asked of the memory, about what, and the answer (:mod:`smpcheck.readers.python.reuse`)."""


class Slot(msgspec.Struct, frozen=True):
    """A scalar's place in memory. ``within`` lists its byte offsets inside every struct or array that encloses it."""

    cell: ir.Cell
    within: frozenset[int]
    ghost: bool


def has_default(struct: type[Struct], field: str) -> bool:
    """Does the declaration of a union say what it starts with, other than 0?"""
    default = getattr(struct, field, None)
    given = default.init if isinstance(default, ArrayInit | BitField) else default
    return given is not None and given != 0


def _contents(slots: Mapping[Ptr, Slot], at: Ptr, ctype: CType, name: str) -> Value:
    """The initial value of so many bytes, which other slots say; what they do not say is 0."""
    own = slots.get(at)
    if own is not None and own.cell.ctype.size == ctype.size:
        return ctype.wrap(own.cell.init)
    number = 0
    for start, slot in slots.items():
        init, size = slot.cell.init, slot.cell.ctype.size
        common = range(max(at.offset, start.offset), min(at.offset + ctype.size, start.offset + size))
        if common and not isinstance(init, int):
            raise UnsupportedError(f"{name} starts with an address, of which other members are a part: not supported")
        for byte in common:
            assert isinstance(init, int)
            number |= (init >> 8 * (byte - start.offset) & 0xFF) << 8 * (byte - at.offset)
    return ctype.wrap(number)


class Memory:
    """The objects of one scenario, and their cells."""

    def __init__(self) -> None:
        self.slots: dict[Ptr, Slot] = {}
        self.constants: dict[Ptr, Value] = {}
        self._objects: dict[int, tuple[object, Ptr, Type]] = {}
        self._names: dict[int, str] = {}
        self._elements: dict[int, tuple[object, Array[Any], int]] = {}
        """Structs that are elements of arrays which have names: they lie there, whoever points to them first."""
        self._used: set[str] = set()
        self._scanned: set[str] = set()
        self._spaces: dict[int, dict[str, Any]] = {}
        self._pending: list[tuple[Ptr, Type, Any, str, tuple[int, ...]]] = []
        self.members: dict[tuple[Ptr, int], str] = {}
        """The names of members of unions that are no cells, by where they lie and their sizes."""
        self._variables: dict[str, ir.FinalMem] = {}
        """The same, as what final states may show."""
        self.in_sizes = False
        """May accesses be to anything but whole cells?"""
        self.namespaces = Namespaces()
        self.questions: list[Question] | None = None
        """Gathers what is asked; None: nobody wants to know."""

    def _note(self, what: str, about: Any, answer: Any) -> None:
        if self.questions is not None:
            self.questions.append((what, about, answer))

    # names

    def call(self, obj: object, name: str) -> None:
        """``obj`` is called ``name`` if it is an object of shared memory that has no name yet."""
        if isinstance(obj, (Struct, CellType, Array, PerCpu)):
            self._names.setdefault(id(obj), name)
        if isinstance(obj, Array):
            for index, item in enumerate(obj.items):
                if isinstance(item, Struct):
                    self._elements.setdefault(id(item), (item, obj, index))

    def scan(self, namespace: dict[str, Any]) -> None:
        """Name the objects that a module's global variables hold."""
        if id(namespace) in self._spaces:
            return
        self._spaces[id(namespace)] = namespace
        module = str(namespace.get("__name__", id(namespace)))
        if module in self._scanned:
            return
        self._note("scan", namespace, None)
        self._scanned.add(module)
        for name, value in list(namespace.items()):
            self.call(value, name)

    def _name_for(self, obj: object, kind: str) -> str:
        wanted = self._names.get(id(obj))
        if wanted is not None and wanted not in self._used:
            name = wanted
        else:
            stem = wanted or kind
            taken = self._used.union(self._names.values())
            number = 1
            while f"{stem}{number}" in taken:
                number += 1
            name = f"{stem}{number}"
        self._used.add(name)
        return name

    # placing objects

    def address(self, obj: object, where: Position | None = None) -> tuple[Ptr, Type]:
        """The address and type of a struct, a global cell or an array; it is placed if it was not yet."""
        found = self._objects.get(id(obj)) or self._element(obj)
        if found is None:
            kind = self._type(obj)
            name = self._name_for(obj, str(kind).replace("struct ", "").replace(" ", "_"))
            found = self._objects[id(obj)] = (obj, Ptr(name), kind)
            self._place(Ptr(name), kind, obj, name, ())
        while self._pending:
            self._place(*self._pending.pop())
        self._note("address", obj, found[1:])
        return found[1], found[2]

    def _element(self, obj: object) -> tuple[object, Ptr, Type] | None:
        """The place of an element of an array: that is placed as a whole."""
        if id(obj) not in self._elements:
            return None
        _, array, index = self._elements[id(obj)]
        start = self._lazy_address(array)
        kind = self._type(obj)
        found = self._objects[id(obj)] = (obj, Ptr(start.base, start.offset + index * layout.size_align(kind)[0]), kind)
        return found

    def per_cpu(self, data: PerCpu[Any], cpu: int) -> Struct:
        """The object of ``cpu``, named ``data[cpu]``."""
        self._note("cpu", (data, cpu), None)
        item: Struct = data[cpu]
        stem = self._names.get(id(data), data.element.__name__)
        self._names.setdefault(id(item), f"{stem}[{cpu}]")
        return item

    def _type(self, obj: object) -> Type:
        if isinstance(obj, Struct):
            return StructOf(type(obj))
        if isinstance(obj, Shared):
            return layout.type_of(obj.annotation, None, self._names.get(id(obj), "shared"))
        if isinstance(obj, CellType):
            return Scalar(type(obj).ctype, type(obj))
        if isinstance(obj, Array):
            return ArrayOf(layout.type_of(obj.element, None, self._names.get(id(obj), "array")), obj.length)
        raise InputError(f"{type(obj).__name__} is not an object of shared memory")

    def _place(self, at: Ptr, kind: Type, init: Any, name: str, starts: tuple[int, ...]) -> None:
        """Lay out a value of type ``kind`` with initial value ``init`` at ``at``; ``starts``: where enclosing things begin."""
        if isinstance(init, Parameter):
            init = init.value
        match kind:
            case StructOf(struct):
                if type(init) is not struct:
                    raise InputError(f"{name} must start as a {struct.__name__}, not {init!r}")
                self._objects.setdefault(id(init), (init, at, kind))
                starts = (*starts, at.offset)
                fields = layout.members(struct)
                explicit = [field for field in fields if field in initial_values(init)]
                members = {field: self._members(at, init, field, name, starts) for field in fields}
                if issubclass(struct, Union):
                    self._overlay(members, explicit or [field for field in fields if has_default(struct, field)], name)
                else:
                    for slots in members.values():
                        self.slots |= slots
            case ArrayOf(element, length):
                items = list(init.items if isinstance(init, Array) else init)
                if len(items) > length:
                    raise InputError(f"{name} has {length} elements, but {len(items)} initial values")
                size, _ = layout.size_align(element)
                starts = (*starts, at.offset)
                for index in range(length):
                    item = items[index] if index < len(items) else None
                    if item is None and isinstance(element, StructOf):
                        item = element.struct()
                    begin = at.offset + index * size
                    self._place(Ptr(at.base, begin), element, item, f"{name}[{index}]", (*starts, begin))
            case Flags(word):
                self.in_sizes |= kind.by_bytes
                value = self._initial(init, values.ULONG, name)
                unknown = int(value) & ~sum(1 << bit for bit in word.bits.values()) if isinstance(value, int) else -1
                if unknown and kind.separate:
                    raise InputError(f"{name} starts with bits that the flag word does not have: {value}")
                for byte, shift, ctype in kind.cells:
                    label = f"{name}.byte{byte}" if kind.separate else name
                    part = values.binary(">>", value, shift, values.ULONG) if shift else value
                    bits = tuple(sorted((b - shift, n) for n, b in word.bits.items() if 0 <= b - shift < ctype.bits))
                    self._cell(Ptr(at.base, at.offset + byte), ir.Cell(label, ctype, ctype.wrap(part), bits), starts)
            case Scalar(ctype):
                if isinstance(init, CellType):
                    init = init.init
                self._cell(at, ir.Cell(name, ctype, self._initial(init, ctype, name)), starts)
            case Pointer():
                if isinstance(init, Shared):
                    init = init.init
                self._cell(at, ir.Cell(name, values.POINTER, self._initial(init, values.POINTER, name)), starts)
            case Constant(of):
                self._place(at, of, init, name, starts)
                self.constants[at] = self.slots[at].cell.init
            case Ghost():
                if isinstance(init, CellType):
                    init = init.init
                self._cell(at, ir.Cell(name, values.LONG, self._initial(init, values.LONG, name)), starts, ghost=True)

    def _members(self, at: Ptr, init: Struct, field: str, name: str, starts: tuple[int, ...]) -> dict[Ptr, Slot]:
        """The slots of a member of a struct or union."""
        outer, self.slots = self.slots, {}
        try:
            struct = type(init)
            kind = layout.field_type(struct, field)
            place = Ptr(at.base, at.offset + layout.field_offset(struct, field))
            if isinstance(kind, Bits):
                if field == kind.fields[0]:
                    self._place_run(place, init, kind, name, starts)
            else:
                self._place(place, kind, initial_value(init, field), f"{name}.{field}", starts)
            return self.slots
        finally:
            self.slots = outer

    def _place_run(self, at: Ptr, init: Struct, first: Bits, name: str, starts: tuple[int, ...]) -> None:
        """The memory location of adjacent bit fields."""
        value = 0
        for field in first.fields:
            kind = layout.field_type(type(init), field)
            given = self._initial(initial_value(init, field), values.LONG, f"{name}.{field}")
            if not isinstance(given, int) or not isinstance(kind, Bits):
                raise InputError(f"{name}.{field} cannot start as an address: it is a bit field")
            value |= (given & ((1 << kind.width) - 1)) << kind.shift
        last = "" if len(first.fields) == 1 else f"..{first.fields[-1]}"
        cell = ir.Cell(f"{name}.{first.fields[0]}{last}", first.place, value, fields=first.fields)
        self._cell(at, cell, starts)

    def _overlay(self, members: Mapping[str, Mapping[Ptr, Slot]], given: Sequence[str], name: str) -> None:
        """The cells of a union: the larger ones of its members, and bytes where those do not reach."""
        if len(given) > 1:
            raise InputError(f"{name}: a union starts with one member, not with {' and '.join(given)}")
        self.in_sizes = True
        contents = members[given[0]] if given else next(iter(members.values()))
        slots = [item for own in members.values() for item in own.items()]
        taken: set[int] = set()
        for at, slot in sorted(slots, key=lambda item: -item[1].cell.ctype.size):
            span = range(at.offset, at.offset + slot.cell.ctype.size)
            if taken.isdisjoint(span):
                self.slots[at] = replace(slot, cell=replace(slot.cell, init=_contents(contents, at, slot.cell.ctype, name)))
            else:
                for byte in (b for b in span if b not in taken):
                    place = Ptr(at.base, byte)
                    init = _contents(contents, place, values.UCHAR, name)
                    cell = ir.Cell(f"{slot.cell.name}[byte {byte - at.offset}]", values.UCHAR, init)
                    self.slots[place] = Slot(cell, slot.within, False)
            taken.update(span)
        for at, slot in slots:
            found = self.slots.get(at)
            if found is None or found.cell.ctype.size != slot.cell.ctype.size:
                self.members.setdefault((at, slot.cell.ctype.size), slot.cell.name)
                self._variables.setdefault(slot.cell.name, ir.FinalMem(at, slot.cell.ctype, slot.cell.name))

    def _cell(self, at: Ptr, cell: ir.Cell, starts: tuple[int, ...], ghost: bool = False) -> None:
        within = frozenset(at.offset - start for start in starts or (at.offset,))
        self.slots[at] = Slot(cell, within, ghost)

    def _initial(self, init: Any, ctype: CType, name: str) -> Value:
        """The value of an initial value as its author wrote it."""
        if isinstance(init, Parameter):
            init = init.value
        if init is None:
            return 0
        if isinstance(init, bool | int):
            return ctype.wrap(int(init))
        target, tag = (init.target, init.tag) if isinstance(init, Tagged) else (init, 0)
        if isinstance(target, (Struct, CellType, Array)):
            address = self._lazy_address(target)
            try:
                return ctype.wrap(values.binary("|", address, tag, values.POINTER) if tag else address)
            except UndefinedValue as error:
                raise InputError(f"{name}: {error}") from None
        raise InputError(f"{name} cannot start as {init!r}")

    def _lazy_address(self, obj: object) -> Ptr:
        """The address of an object that an initial value points to; its cells follow later, since pointers may go round."""
        found = self._objects.get(id(obj)) or self._element(obj)
        if found is None:
            kind = self._type(obj)
            name = self._name_for(obj, str(kind).replace("struct ", "").replace(" ", "_"))
            found = self._objects[id(obj)] = (obj, Ptr(name), kind)
            self._pending.append((Ptr(name), kind, obj, name, ()))
        return found[1]

    # questions

    def has(self, address: Ptr) -> bool:
        """Is there a cell?"""
        found = address in self.slots
        self._note("cell", address, found)
        return found

    def viewed(self) -> None:
        """A pointer is taken for one to another type."""
        self._note("viewed", None, None)
        self.in_sizes = True

    def final(self, address: Ptr, ctype: CType) -> ir.FinalMem:
        """The final contents of so many bytes."""
        slot = self.slots.get(address)
        if slot is not None and slot.cell.ctype.size == ctype.size and (slot.cell.ctype == ctype or not self.in_sizes):
            return ir.FinalMem(address)
        return ir.FinalMem(address, ctype, self.members.get((address, ctype.size), ""))

    def covers(self, address: Ptr, size: int) -> bool:
        """Are there cells at all of these bytes?"""
        found = {Ptr(at.base, at.offset + i) for at, slot in self.slots.items() for i in range(slot.cell.ctype.size)}
        return all(Ptr(address.base, address.offset + i) in found for i in range(size))

    def constant(self, address: Value) -> Value:
        """The value of the constant field at an address; 0 if there is none."""
        found = self.constants.get(address, 0) if isinstance(address, Ptr) else 0
        self._note("constant", address, found)
        return found

    def ghosts_like(self, offset: int | None) -> Iterator[Ptr]:
        """Ghost counters that an address ending ``offset`` bytes into some struct or array may mean (None: any)."""
        self._note("all", None, None)
        for address, slot in self.slots.items():
            if slot.ghost and (offset is None or offset in slot.within):
                yield address

    def constants_like(self, offset: int | None) -> Iterator[tuple[Ptr, Value]]:
        """Constant fields that an address ending ``offset`` bytes into some struct may mean, with their values."""
        self._note("all", None, None)
        for address, value in self.constants.items():
            if offset is None or offset in self.slots[address].within:
                yield address, value

    def named(self, name: str) -> ir.FinalMem | None:
        """The final contents of what is printed as ``name``."""
        cell = next((address for address, slot in self.slots.items() if slot.cell.name == name), None)
        return self._variables.get(name) if cell is None else ir.FinalMem(cell)
