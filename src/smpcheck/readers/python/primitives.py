"""The table of primitives (:mod:`smpcheck.kernel.table`) in Python models: bound to the model's places, lowered as in C.

A row's definition is lowered by the C reader; here is what differs in a model: where things lie, what may be done to them (only
an atomic's own operations touch it), which lock is meant, and that the bits of a flag word may lie in separate cells.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.kernel import layout as memory_layout
from smpcheck.kernel import types as kernel_types
from smpcheck.kernel.layout import ArrayOf, Bits, Constant, Flags, Ghost, Pointer, Scalar, StructOf, Type
from smpcheck.kernel.table import Param, Row, rows
from smpcheck.kernel.types import CellType, Struct
from smpcheck.program import ir, values
from smpcheck.program.ir import Position
from smpcheck.program.values import CType
from smpcheck.readers import ctree as c
from smpcheck.readers import cvalues, layout
from smpcheck.readers.expansion import Here, NoMemory
from smpcheck.readers.forms import SLEEP, SPIN
from smpcheck.readers.lower import Lowering
from smpcheck.readers.operand_order import Item
from smpcheck.readers.primitives import builtin_definitions
from smpcheck.readers.python.typed import Place, RValue, arithmetic, convert, ctype_of, fold, fold_unary, offset_by, to_ctype

__all__ = ["ACQUIRE", "ONCE", "PLAIN", "SLEEP", "SPIN", "Emitter", "Primitives", "Site", "Tags", "argument_kinds", "is_pure"]

T = TypeVar("T")
Tags = frozenset[str]
PLAIN: Tags = frozenset()
ONCE: Tags = frozenset({"Once"})
ACQUIRE: Tags = frozenset({"Acquire"})


class Site(msgspec.Struct, frozen=True):
    """A primitive in the source: its name, where it stands, and its text. ``mask``: which bits of a flag word are wanted."""

    name: str
    pos: Position
    text: str
    mask: int | None = None


class Emitter(Protocol):
    """What the table needs of the compiler of a model's function."""

    cpu: int
    out: list[ir.Stmt]

    def temp(self) -> str: ...
    def unique(self, name: str) -> str: ...
    def label(self, name: str) -> str: ...
    def shown_at(self, site: Site) -> tuple[Position, str]: ...
    def choice(self, then: Callable[[], None], other: Callable[[], None], pos: Position) -> None: ...
    def load(self, place: Place, tags: Tags, site: Site, mask: int | None = None) -> RValue: ...
    def store(self, place: Place, value: RValue, tags: Tags, site: Site) -> None: ...
    def touch(self, addr: ir.Expr, offset: int | None) -> None: ...
    def may_sleep(self, what: str, pos: Position) -> None: ...
    def waits_for(self, lock: str, kind: str, pos: Position) -> None: ...
    def acquired(self, lock: str, kind: str) -> None: ...
    def released(self, lock: str) -> None: ...


class Condition:
    """The condition of a wait: a function of the value read."""

    def __init__(self, over: Callable[[RValue], RValue]) -> None:
        self.over = over


Argument = Place | RValue | Condition | None


@cache
def argument_kinds(name: str) -> tuple[Param, ...]:
    """The parameters of a primitive."""
    return rows()[name].params


BYTE_SIZED = frozenset(("set_bit", "clear_bit", "change_bit", "clear_bit_unlock"))
"""Bit operations that x86 does in one byte, where the bit is a constant."""

_EFFECT = re.compile(r"__(?!load\b|bit_word\b|bit_mask\b)[a-z_]+")


@cache
def is_pure(name: str) -> bool:
    """Does a primitive only read? In final checks it means the final value."""
    body = rows()[name].body
    return not body.startswith("{") and _EFFECT.search(body) is None


_READS_AND_WRITES = re.compile(r"__(rmw|xchg|cmpxchg|try_cmpxchg)\b")

_CELLS: dict[str, tuple[type[CellType], ...]] = {
    cell.__name__: (cell,) for cell in vars(kernel_types).values() if isinstance(cell, type) and issubclass(cell, CellType)
}


def _expected(param: Param) -> str:
    return param.type.removeprefix("struct ")


def check_place(place: Place, param: Param, site: Site, row: Row) -> None:
    """May the primitive work on this place? :raises InputError: it may not"""
    kind, wanted = place.type, _expected(param)
    if wanted in _CELLS:
        if not isinstance(kind, Scalar) or kind.cell not in _CELLS[wanted]:
            raise InputError(f"{site.name} works on {wanted}, but {place.label} is {kind}", site.pos)
    elif param.type == "unsigned long":
        if not isinstance(kind, Flags) and not (isinstance(kind, Scalar) and kind.cell is None):
            raise InputError(f"{site.name} works on a flag word or an integer, but {place.label} is {kind}", site.pos)
    elif param.type == "T":
        _check_word(place, site, row)
    elif param.kind == "array":
        if not isinstance(kind, ArrayOf):
            raise InputError(f"{site.name} works on an array with an element for each CPU, but {place.label} is {kind}", site.pos)
    elif not isinstance(kind, StructOf) or not issubclass(kind.struct, getattr(kernel_types, wanted)):
        raise InputError(f"{site.name} works on {wanted}, but {place.label} is {kind}", site.pos)


def _check_word(place: Place, site: Site, row: Row) -> None:
    """A location that is read or written as a whole."""
    kind = place.type
    if isinstance(kind, Bits):
        raise InputError(f"{site.name} of {place.label}: a bit field has no address, and is only accessed plainly", site.pos)
    if isinstance(kind, Constant):
        raise InputError(f"{site.name} of {place.label}, which is constant: read it by its name", site.pos)
    if isinstance(kind, Scalar) and kind.cell is not None:
        hint = "atomic_read and atomic_set" if "atomic" in kind.cell.__name__ else "its own operations"
        raise InputError(f"{site.name} of {place.label}, which is {kind}: use {hint}", site.pos)
    if isinstance(kind, Flags) and kind.separate and _READS_AND_WRITES.search(row.body):
        raise UnsupportedError(f"{site.name} of {place.label}, whose bits lie in separate cells: use bit operations", site.pos)


class _Located(cvalues.Place):
    """A place of the model as the C reader has it."""

    __slots__ = ("place",)

    def __init__(self, place: Place, type_: layout.Type) -> None:
        super().__init__(place.addr, type_)
        self.place = place


class Primitives(Lowering):
    """Lowers primitives for the compiler ``owner``."""

    def __init__(self, owner: Emitter) -> None:
        self.owner = owner
        self.here = Here()
        memory: Any = NoMemory(self._access)
        super().__init__(self.here, layout.TypeTable(), c.Unit(), builtin_definitions(), memory)
        self.index = owner.cpu
        self.span = (0, 0)
        self.calls = [""]
        self.frames = [cvalues.Frame("", "", "", None)]
        self.places: dict[tuple[ir.Expr, layout.Type], _Located] = {}
        self.offsets: dict[ir.Expr, int | None] = {}
        self.structs: dict[str, type[Struct]] = {}
        self.conditions: dict[str, Condition] = {}
        self.site = Site("", Position("", 1), "")

    def expand(self, name: str, args: Sequence[Argument], site: Site) -> RValue | None:
        """Lower a primitive with these arguments; returns its value, None if it has none."""
        row = rows()[name]
        macro = self.definitions.get(name)
        assert macro is not None
        self.site = site
        self.calls = [name]
        self.here.shown = self.owner.shown_at(site)
        self.places, self.offsets, self.conditions = {}, {}, {}
        scope = self.scope = cvalues.Scope(self.root)
        place = next((arg for arg in args if isinstance(arg, Place)), None)
        for param, arg in zip(row.params, args, strict=True):
            self._bind(scope, row, param, arg, place)
        try:
            found = self.expanded(macro)
        except cvalues.NeedWide:
            raise InputError(f"{site.name}: an int cannot hold a pointer", site.pos) from None
        if row.result == "void":
            return None
        return self._result(row, found, place)

    def _bind(self, scope: cvalues.Scope, row: Row, param: Param, arg: Argument, place: Place | None) -> None:
        """Give a parameter its meaning."""
        binding: cvalues.Binding
        if isinstance(arg, Place):
            check_place(arg, param, self.site, row)
            located = self._located(arg)
            if param.kind == "place":
                binding = located
            else:
                target = located.type.element if isinstance(located.type, layout.Array) else located.type
                binding = cvalues.Val(arg.addr, layout.Pointer(target))
        elif isinstance(arg, Condition):
            self.conditions[param.name] = arg
            return
        elif arg is None:
            binding = cvalues.Val(ir.Const(0), self.int)
        elif param.kind == "local":
            assert isinstance(arg.expr, ir.Reg)
            type_ = self.c_type(place.type if place is not None else arg.type)
            local = cvalues.Local(arg.expr.name, type_)
            binding = cvalues.Val(ir.Const(0), layout.Pointer(type_), local)
        else:
            wanted = _declared(param, place, row)
            value = convert(arg, wanted, self.site.pos, place.label if place is not None else param.name) if wanted else arg
            binding = cvalues.Val(value.expr, self.c_type(value.type))
        scope.names[param.name] = binding

    def _result(self, row: Row, found: cvalues.Val, place: Place | None) -> RValue:
        if row.result == "T" and place is not None:
            kind = place.type
            return RValue(found.expr, Scalar(values.ULONG) if isinstance(kind, Flags) else kind)
        return RValue(found.expr, Scalar(values.BOOL) if row.result == "bool" else self.model_type(found.type))

    # --- types ---

    def c_type(self, kind: Type) -> layout.Type:
        """A model's type as the C reader has it."""
        match kind:
            case Scalar(ctype):
                return ctype
            case Pointer(target):
                return layout.Pointer(layout.VOID if target is None else self._target(target))
            case Flags():
                return values.ULONG
            case ArrayOf(element, length):
                return layout.Array(self.c_type(element), length)
            case StructOf(struct):
                return self._struct(struct)
            case Bits(place=place):
                return place
            case Constant(of):
                return self.c_type(of)
            case Ghost():
                return values.LONG
        raise AssertionError(kind)

    def _target(self, kind: Type) -> layout.Type:
        """What a pointer points to: a struct by its name only, for structs may go round."""
        if not isinstance(kind, StructOf):
            return self.c_type(kind)
        name = _struct_name(kind.struct)
        self.structs[name] = kind.struct
        return layout.Struct(name, None, 1, 1)

    def _struct(self, struct: type[Struct]) -> layout.Struct:
        name = _struct_name(struct)
        known = self.types.names.get(name)
        if isinstance(known, layout.Struct):
            return known
        self.structs[name] = struct
        fields = {
            field: (memory_layout.field_offset(struct, field), self.c_type(memory_layout.field_type(struct, field)))
            for field in memory_layout.members(struct)
        }
        made = layout.Struct(name, fields, *memory_layout.size_align(StructOf(struct)))
        self.types.define(name, made)
        return made

    def model_type(self, type_: layout.Type) -> Type:
        """A type of the C reader as the model has it."""
        if isinstance(type_, CType):
            return Scalar(type_)
        if isinstance(type_, layout.Pointer) and isinstance(type_.target, layout.Struct):
            return Pointer(StructOf(self.structs[type_.target.name]))
        return Pointer(None)

    # --- places ---

    def _located(self, place: Place) -> _Located:
        located = _Located(place, self.c_type(place.type))
        self.places[place.addr, located.type] = located
        self.offsets[place.addr] = place.offset
        return located

    def _pointee(self, pointer: cvalues.Val, node: c.CExpr) -> cvalues.LValue:
        target = pointer.type.target if isinstance(pointer.type, layout.Pointer) else None
        found = self.places.get((pointer.expr, target)) if target is not None and pointer.local is None else None
        if found is not None:
            return found
        if isinstance(target, layout.Struct) and target.fields is None:
            self._struct(self.structs[target.name])
        return super()._pointee(pointer, node)

    def field(self, place: cvalues.Place, name: str, offset: int, type_: layout.Type) -> cvalues.Place:
        found = super().field(place, name, offset, type_)
        assert isinstance(place.type, layout.Struct)
        struct = self.structs[place.type.name]
        kind = memory_layout.field_type(struct, name)
        return self._located(Place(found.addr, kind, self.site.text, f"{struct.__name__}.{name}", offset))

    def _of_model(self, place: cvalues.Place) -> Place:
        if isinstance(place, _Located):
            found = place.place
            kind = found.type
            return replace(found, type=Scalar(kind.ctype)) if isinstance(kind, Scalar) and kind.cell else found
        return Place(place.addr, self.model_type(place.type), self.site.text, offset=self.offsets.get(place.addr))

    def _access(self, addr: ir.Expr, ctype: CType, at: int) -> None:
        self.owner.touch(addr, self.offsets.get(addr))

    def load(self, place: cvalues.LValue, tags: frozenset[str], node: c.CExpr) -> cvalues.Val:
        if isinstance(place, cvalues.Local) or isinstance(place.type, layout.Array):
            return super().load(place, tags, node)
        found = self.owner.load(self._of_model(place), tags, self.site, self.site.mask)
        return cvalues.Val(found.expr, place.type)

    def store(self, place: cvalues.LValue, value: cvalues.Val, tags: frozenset[str], node: c.CExpr) -> None:
        if isinstance(place, cvalues.Local):
            self.assign(place, value, node)
            return
        model = self._of_model(place)
        self.owner.store(model, RValue(self.convert(value, place.type, node), model.type), tags, self.site)

    # --- bits ---

    def macro_place(self, node: c.Call) -> cvalues.LValue:
        if node.name == "__bit_word":
            return self._bit(node)[0]
        return super().macro_place(node)

    def call(self, node: c.Call, wanted: bool = True) -> cvalues.Val:
        if node.name == "__bit_word":
            return self.load(self._bit(node)[0], PLAIN, node)
        if node.name == "__bit_mask":
            place, mask = self._bit(node)
            return cvalues.Val(mask, place.type)
        return super().call(node, wanted)

    def _bit(self, node: c.Call) -> tuple[cvalues.Place, ir.Expr]:
        """The cell that holds a bit of a flag word or integer, and the mask of the bit in it."""
        number = self.value(node.args[0])
        pointer = self.value(node.args[1])
        assert isinstance(pointer.type, layout.Pointer)
        place = self.places[pointer.expr, pointer.type.target].place
        kind, bit = place.type, number.expr.value if isinstance(number.expr, ir.Const) else None
        name: object = bit if bit is not None else "?"
        if isinstance(kind, Flags) and isinstance(bit, int):
            names = {n: flag for flag, n in kind.word.bits.items()}
            if bit not in names:
                raise InputError(f"{place.label} has no bit {bit}; its bits: {kind.word.bits}", self.site.pos)
            name = names[bit]
        lock = f"{place.lock}:{name}"
        if isinstance(kind, Flags) and kind.separate:
            index = RValue(number.expr, self.model_type(number.type))
            low = arithmetic("&", index, RValue(ir.Const(7), index.type), self.site.pos)
            byte = arithmetic(">>", index, RValue(ir.Const(3), index.type), self.site.pos)
            addr = fold("+", place.addr, to_ctype(byte.expr, ctype_of(byte.type), values.LONG), values.POINTER)
            offset = place.offset + bit // 8 if isinstance(bit, int) and place.offset is not None else None
            self.offsets[addr] = offset
            cell = Place(addr, Scalar(values.UCHAR), self.site.text, lock, offset)
            # a byte has no sign: computing on it as on a longer word changes nothing
            return _Located(cell, values.ULONG), fold("<<", ir.Const(1), low.expr, values.INT)
        ctype = ctype_of(kind)
        if isinstance(bit, int) and not 0 <= bit < ctype.bits:
            raise InputError(f"{place.label} has no bit {bit}", self.site.pos)
        if isinstance(kind, Flags) and kind.by_bytes and isinstance(bit, int) and self.calls[0] in BYTE_SIZED:
            byte_addr = offset_by(place.addr, bit // 8)
            offset = None if place.offset is None else place.offset + bit // 8
            self.offsets[byte_addr] = offset
            cell = Place(byte_addr, Scalar(values.UCHAR), self.site.text, lock, offset)
            return _Located(cell, values.UCHAR), ir.Const(1 << bit % 8)
        word = Place(place.addr, Scalar(ctype), self.site.text, lock, place.offset)
        return _Located(word, ctype), fold("<<", ir.Const(1), number.expr, ctype)

    # --- what is emitted ---

    fold = staticmethod(fold)
    fold_unary = staticmethod(fold_unary)

    @property
    def out(self) -> list[Item]:
        """The statements of the function that is being compiled."""
        return self.owner.out  # type: ignore[return-value]

    @out.setter
    def out(self, statements: list[Item]) -> None:
        self.owner.out = statements  # type: ignore[assignment]

    def unordered(self, node: c.CExpr, *operands: Callable[[], T], arguments: bool = False) -> list[T]:
        """Python evaluates from left to right."""
        return [operand() for operand in operands]

    def temp(self, type_: layout.Type) -> str:
        reg = self.owner.temp()
        self.regs[reg] = layout.scalar_type(type_)
        return reg

    def label(self, stem: str) -> str:
        return self.owner.label(stem)

    def choice(self, then: Callable[[], None], other: Callable[[], None], pos: Position) -> None:
        self.owner.choice(then, other, pos)

    def condition(self, node: c.CExpr, value: cvalues.Val) -> ir.Expr:
        given = self.conditions.get(node.name) if isinstance(node, c.Name) else None
        if given is None:
            return super().condition(node, value)
        return given.over(RValue(value.expr, self.model_type(value.type))).expr

    def waits_for(self, lock: cvalues.Place, kind: str, node: c.CExpr) -> None:
        self.owner.waits_for(self._of_model(lock).lock, kind, self.site.pos)

    def acquired(self, lock: cvalues.Place, kind: str) -> None:
        self.owner.acquired(self._of_model(lock).lock, kind)

    def released(self, lock: cvalues.Place) -> None:
        self.owner.released(self._of_model(lock).lock)

    def section(self, name: str, entering: bool) -> None:
        if entering:
            self.owner.acquired(name, SPIN)
        else:
            self.owner.released(name)

    def may_sleep(self, node: c.CExpr) -> None:
        self.owner.may_sleep(self.site.name, self.site.pos)


def _struct_name(struct: type[Struct]) -> str:
    return f"struct {struct.__module__}.{struct.__qualname__}"


def _declared(param: Param, place: Place | None, row: Row) -> Type | None:
    """The type that a value is converted to when it is passed; None: it stays what it is."""
    if param.type == "T":
        return None if place is None else Scalar(values.ULONG) if isinstance(place.type, Flags) else place.type
    wanted = layout.TypeTable().lookup(tuple(param.type.split()))
    return Scalar(wanted) if isinstance(wanted, CType) and place is not None and "bit" not in row.name else None


def local_argument(node: ast.expr) -> str | None:
    """The variable of the thread that an argument names."""
    return node.id if isinstance(node, ast.Name) else None
