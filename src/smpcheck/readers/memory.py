"""The shared memory of a C test: which objects exist, their types, cells and initial values.

An object's type is what the init section declares, else what the threads' parameters say (``int *x``: ``x`` is an int), else int.
Libraries of tests keep pointers in ints, which does not trouble herd7; a program that does so is read again with ints as wide as
pointers (:class:`~smpcheck.readers.cvalues.NeedWide`). An access may be to a part of a cell, or to several: the cells of the
program are cut into pieces later (:mod:`smpcheck.program.pieces`).
"""

from __future__ import annotations

from itertools import count
from typing import TypeAlias, Union

from msgspec.structs import replace

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.ir import Cell, Const, Expr
from smpcheck.program.pieces import Layout
from smpcheck.program.values import INT, LONG, POINTER, ULONG, CType, Ptr, UndefinedValue, Value, binary, is_null
from smpcheck.readers import ctree as c
from smpcheck.readers.cvalues import NeedWide
from smpcheck.readers.initial import Entry, InitValue
from smpcheck.readers.layout import (
    Array,
    BitField,
    Pointer,
    Struct,
    Type,
    TypeTable,
    Void,
    bit_fields,
    cells,
    scalars,
    show,
    size_of,
)
from smpcheck.readers.source import Source

Given: TypeAlias = Union[int, Ptr, list["Given"]]  # noqa: UP007 (a string in | is not possible)
"""An initial value with its addresses resolved."""


class Memory:
    """The objects of one program."""

    def __init__(self, source: Source, types: TypeTable) -> None:
        self.source = source
        self.types = types
        self.known: dict[str, Type] = {}
        self.cells: dict[Ptr, Cell] = {}
        self.notes: dict[str, None] = {}
        self._declared: set[str] = set()
        self._computed: dict[CType, int] = {}
        self._untyped: set[str] = set()
        """Objects of which nothing says the type: they are ints, unless they are accessed as something else only."""
        self.members: dict[tuple[Ptr, int], str] = {}
        """The names of members of unions that are no cells, by where they lie and their sizes."""
        self._bytes: tuple[int, dict[Ptr, Ptr]] = 0, {}

    def remark(self, text: str, at: int) -> None:
        """Note something that is right but probably not meant."""
        self.notes[f"{self.source.pos(at)}: {text}"] = None

    # --- types ---

    def declare(self, name: str, type_: Type, at: int) -> None:
        """The type of an object, stated where it is declared."""
        if name in self._declared:
            raise InputError(f"'{name}' is declared twice", self.source.pos(at))
        if isinstance(type_, Void):
            raise InputError(f"'{name}' cannot be void", self.source.pos(at))
        self.known[name] = type_
        self._declared.add(name)

    def mention(self, name: str, type_: Type) -> None:
        """The type of an object, as a thread's parameter has it. Of several types, the one that says most wins."""
        if name not in self._declared:
            self.known[name] = _more_telling(self.known.get(name), type_)

    def entry_type(self, entry: Entry) -> Type:
        """The type that an entry of the init section states."""
        type_ = self.types.lookup(entry.words) if entry.words else self.types.scalar(INT)
        if type_ is None:
            raise InputError(f"unknown type '{' '.join(entry.words)}' of '{entry.name}'", self.source.pos(entry.at))
        for _ in range(entry.stars):
            type_ = Pointer(type_)
        if entry.length is not None:
            if not 0 < entry.length <= c.MAX_ARRAY:
                raise InputError(f"an array has between 1 and {c.MAX_ARRAY} elements", self.source.pos(entry.at))
            return Array(type_, entry.length)
        if isinstance(entry.value, list) and not isinstance(type_, Struct):
            return Array(type_, max(len(entry.value), 1))
        return type_

    def complete(self, entries: list[Entry]) -> None:
        """Give a type to every object of ``entries`` and of parameters that has none yet."""
        for entry in entries:
            if entry.proc is None and entry.name not in self._declared:
                if entry.name not in self.known and not isinstance(entry.value, list):
                    self._untyped.add(entry.name)
                known = self.known.setdefault(entry.name, self.types.scalar(INT))
                if isinstance(entry.value, list) and not isinstance(known, (Struct, Array)):
                    self.known[entry.name] = Array(known, max(len(entry.value), 1))
        for name, mentioned in self.known.items():
            type_ = self.known[name] = self.types.resolve(mentioned)
            if isinstance(type_, Void) or (isinstance(type_, Struct) and type_.fields is None):  # only its address is of use
                self.known[name] = self.types.scalar(INT)

    # --- addresses ---

    def follow(self, name: str, steps: tuple[int | str, ...], at: int) -> tuple[Ptr, Type]:
        """Address and type of ``name`` followed by indices and members. A name that nothing else mentions is a new int."""
        if name not in self.known:
            self._untyped.add(name)
        type_: Type = self.known.setdefault(name, self.types.scalar(INT))
        offset = 0
        for step in steps:
            if isinstance(step, int) and isinstance(type_, Array):
                if step >= type_.length:
                    raise InputError(f"'{name}' has {type_.length} elements: there is no [{step}]", self.source.pos(at))
                type_ = type_.element
                offset += step * size_of(type_)
            elif isinstance(step, str) and isinstance(type_, Struct) and type_.fields and step in type_.fields:
                inside, type_ = type_.fields[step]
                offset += inside
            elif step != 0:
                shown = f"[{step}]" if isinstance(step, int) else f".{step}"
                raise InputError(f"'{name}' is of type {show(type_)}: there is no {shown}", self.source.pos(at))
        return Ptr(name, offset), type_

    def resolve(self, value: InitValue, at: int) -> Given:
        """An initial value with its addresses."""
        if isinstance(value, list):
            return [self.resolve(item, at) for item in value]
        return self.follow(*value, at)[0] if isinstance(value, tuple) else value

    def show(self, address: Ptr) -> str:
        """How an address is printed."""
        cell = self.cells.get(address)
        return cell.name if cell else f"{address.base}+{address.offset}" if address.offset else address.base

    # --- cells ---

    def lay_out(self) -> None:
        """Make the cells of all objects."""
        for name in self.known:
            self._make_cells(name)

    def _make_cells(self, name: str) -> None:
        type_ = self.known[name]
        if isinstance(type_, CType):
            made = {Ptr(name): Cell(name, type_)}
        else:
            fields = dict(bit_fields(type_))
            made = {
                Ptr(name, offset): Cell(cell_name, ctype, fields=fields.get(offset, ()))
                for offset, cell_name, ctype in cells(type_, name)
            }
            for offset, member_name, ctype in scalars(type_, name):
                cell = made.get(Ptr(name, offset))
                if cell is None or cell.ctype.size != ctype.size:
                    self.members.setdefault((Ptr(name, offset), ctype.size), member_name)
        self.cells |= made

    @property
    def _covered(self) -> dict[Ptr, Ptr]:
        """The cell that each byte belongs to: its first byte."""
        if self._bytes[0] != len(self.cells):
            self._bytes = len(self.cells), dict(Layout(self.cells).owner)
        return self._bytes[1]

    def local_object(self, wanted: str, type_: Type) -> Ptr:
        """A struct, union or array that is a thread's variable: memory that only it knows of, until it hands on the address."""
        name = next(name for n in count(1) if (name := wanted if n == 1 else f"{wanted}.{n}") not in self.known)
        self.known[name] = type_
        self._make_cells(name)
        return Ptr(name)

    def initialise(self, address: Ptr, type_: Type, value: Given, at: int) -> None:
        """Set the initial value of the object of type ``type_`` at ``address``."""
        if isinstance(value, list):
            if isinstance(type_, Array):
                parts = [(i * size_of(type_.element), type_.element) for i in range(type_.length)]
            elif isinstance(type_, Struct) and type_.fields is not None:
                parts = list(type_.fields.values())
            else:
                raise InputError(f"a list in braces for an object of type {show(type_)}", self.source.pos(at))
            if len(value) > len(parts):
                raise InputError(f"{len(value)} initial values for {len(parts)} places", self.source.pos(at))
            for (offset, part), item in zip(parts, value, strict=False):
                self.initialise(Ptr(address.base, address.offset + offset), part, item, at)
            return
        if isinstance(type_, (Array, Struct)):
            raise InputError(f"one value for an object of type {show(type_)}: a list in braces expected", self.source.pos(at))
        if isinstance(type_, BitField):
            self._initialise_bits(address, type_, value, at)
            return
        cell = self.cells.get(address)
        if cell is None or cell.ctype.size != size_of(type_):
            self._initialise_part(address, type_, value, at)
            return
        wrapped: Value = value
        if cell.ctype is not POINTER:
            try:
                wrapped = cell.ctype.wrap(value)
            except UndefinedValue as error:
                if cell.ctype.bits == 32:
                    raise NeedWide(self.source.pos(at)) from None
                raise InputError(str(error), self.source.pos(at)) from None
        self.cells[address] = replace(cell, init=wrapped)

    def _initialise_bits(self, address: Ptr, field: BitField, value: Value, at: int) -> None:
        """Set the initial value of a bit field."""
        cell = self.cells.get(address)
        if cell is None or cell.ctype.size != field.place.size or isinstance(value, Ptr) or isinstance(cell.init, Ptr):
            raise UnsupportedError(
                f"this initial value of a bit field of {self.show(address)} is not supported", self.source.pos(at)
            )
        mask = ((1 << field.width) - 1) << field.shift
        self.cells[address] = replace(cell, init=(cell.init & ~mask) | (value << field.shift & mask))

    def _initialise_part(self, address: Ptr, type_: Type, value: Value, at: int) -> None:
        """Set the initial value of a member of a union that is no cell."""
        whole = self._covered.get(address)
        if whole is None or isinstance(value, Ptr) or isinstance(self.cells[whole].init, Ptr):
            raise UnsupportedError(f"this initial value of {self.show(address)} is not supported", self.source.pos(at))
        cell, size, shift = self.cells[whole], size_of(type_), 8 * (address.offset - whole.offset)
        if self._covered.get(Ptr(address.base, address.offset + size - 1)) != whole:
            raise UnsupportedError(f"this initial value of {self.show(address)} is not supported", self.source.pos(at))
        mask = (1 << 8 * size) - 1
        new = binary("|", binary("&", cell.init, ~(mask << shift), ULONG), (value & mask) << shift, ULONG)
        self.cells[whole] = replace(cell, init=cell.ctype.wrap(new))

    # --- accesses ---

    def access(self, address: Expr, ctype: CType, at: int) -> None:
        """Check that an access lies in its object, at a multiple of its size; one with a computed address is a
        fault if it does not. One through a null pointer is no error, but a fault of the program.
        """
        size = size_of(ctype)
        if not isinstance(address, Const):
            self._computed.setdefault(ctype, at)
            return
        if is_null(address.value):
            return
        if isinstance(address.value, int):
            raise InputError(f"an access to the address {address.value}, where no object lies", self.source.pos(at))
        place = address.value
        cell = self.cells.get(place)
        if cell is not None and size_of(cell.ctype) == size:
            return
        untyped = not self.types.wide and not isinstance(self.known.get(place.base), Struct)
        if untyped and cell is not None and POINTER in (ctype, cell.ctype) and {size, size_of(cell.ctype)} == {4, 8}:
            raise NeedWide(self.source.pos(at))
        known = self.known.get(place.base)
        if place not in self._covered and known is not None and 0 <= place.offset < size_of(known):
            what = f"an access to byte {place.offset} of '{place.base}', which is padding, is not supported"
            raise UnsupportedError(what, self.source.pos(at))
        if place not in self._covered:
            raise InputError(f"an access to {self.show(place)}, where no object lies", self.source.pos(at))
        if any(Ptr(place.base, place.offset + i) not in self._covered for i in range(size)):
            raise InputError(f"an access of {size} bytes to {self.show(place)} leaves the object", self.source.pos(at))
        if place.offset % ctype.alignment:
            raise InputError(f"a misaligned access of {size} bytes to {self.show(place)}", self.source.pos(at))
        if self.types.wide:
            raise UnsupportedError(
                f"an access of {size} bytes to a part of '{self.show(self._covered[place])}' is not supported in a test that "
                "keeps pointers in ints",
                self.source.pos(at),
            )

    def check_computed(self) -> None:
        """What accesses with computed addresses say of objects that have no stated type: these are as large as such an access, if
        none is an int. Where there is no object of an access's size at all, ints hold pointers."""
        accessed = {ctype.size for ctype in self._computed}
        for address, cell in list(self.cells.items()):
            if address.base in self._untyped and accessed and cell.ctype.size not in accessed:
                ctype = max(self._computed, key=lambda ctype: ctype.bits)
                self.cells[address] = replace(cell, ctype=LONG if ctype.size == 8 else ctype)
        sizes = {size_of(cell.ctype) for cell in self.cells.values()}
        scalars_only = not any(isinstance(self.known.get(cell.base), (Struct, Array)) for cell in self.cells)
        for ctype, at in self._computed.items():
            if ctype.size not in sizes and scalars_only and not self.types.wide and ctype.size in (4, 8) and sizes & {4, 8}:
                raise NeedWide(self.source.pos(at))


def _more_telling(first: Type | None, second: Type) -> Type:
    if first is None or isinstance(first, Void):
        return second
    if isinstance(first, CType) and not isinstance(second, Void):
        return second if not isinstance(second, CType) or second.bits > first.bits else first
    if isinstance(first, Pointer) and isinstance(first.target, Void) and isinstance(second, Pointer):
        return second
    if isinstance(first, Struct) and first.fields is None and isinstance(second, Struct):
        return second
    return first
