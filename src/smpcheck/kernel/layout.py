"""Where things lie: the byte offset and C type of every scalar of an object, as a C compiler for a 64-bit machine would put them.

Sizes and alignment follow the System V ABI for 64-bit machines (LP64): a scalar is aligned to its size, a struct to its
strictest field.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, get_args, get_origin

import msgspec

from smpcheck.errors import InputError
from smpcheck.kernel.types import (
    Array,
    ArrayInit,
    BitField,
    CellType,
    ConstMark,
    FlagWord,
    FlagWordMark,
    GhostMark,
    PointerTo,
    Struct,
    Union,
    field_annotations,
)
from smpcheck.program import values
from smpcheck.program.struct_layout import Member, StructLayout, lay_out
from smpcheck.program.values import CType


class Scalar(msgspec.Struct, frozen=True):
    """A C integer in one cell; ``cell`` is the special type (``spinlock_t``) if only its primitives may touch it."""

    ctype: CType
    cell: type[CellType] | None = None

    def __str__(self) -> str:
        return self.cell.__name__ if self.cell else self.ctype.name


class Pointer(msgspec.Struct, frozen=True):
    """The address of a ``target`` (None: of anything), or NULL."""

    target: Type | None

    def __str__(self) -> str:
        return f"{self.target} *" if self.target else "void *"


class StructOf(msgspec.Struct, frozen=True):
    """An embedded struct."""

    struct: type[Struct]

    def __str__(self) -> str:
        return f"struct {self.struct.__name__}"


class ArrayOf(msgspec.Struct, frozen=True):
    """``length`` elements of one type, one after the other."""

    element: Type
    length: int

    def __str__(self) -> str:
        return f"{self.element}[{self.length}]"


FLAG_LAYOUTS = ("one-word", "separate", "x86")
"""How a flag word may be accessed: see :func:`smpcheck.kernel.types.flag_word`."""


class Flags(msgspec.Struct, frozen=True):
    """A flag word. ``cells``: byte offset, first bit and width in bits of each cell that it consists of. ``layout``: see
    :func:`~smpcheck.kernel.types.flag_word`."""

    word: FlagWord
    layout: str

    @property
    def separate(self) -> bool:
        """Is each byte a location of its own?"""
        return self.layout == "separate"

    @property
    def by_bytes(self) -> bool:
        """Are bits that the source names set and cleared in their bytes, though the word is one?"""
        return self.layout == "x86"

    @property
    def cells(self) -> tuple[tuple[int, int, CType], ...]:
        if not self.separate:
            return ((0, 0, values.ULONG),)
        return tuple((byte, byte * 8, values.UCHAR) for byte in sorted({bit // 8 for bit in self.word.bits.values()}))

    def __str__(self) -> str:
        return "flags_t"


class Bits(msgspec.Struct, frozen=True):
    """A bit field: ``width`` bits from bit ``shift`` on of a run of adjacent ones, called ``fields``, which is a number of type
    ``place``."""

    ctype: CType
    width: int
    shift: int
    place: CType
    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.ctype.name} : {self.width}"


class Constant(msgspec.Struct, frozen=True):
    """A field of type ``of`` that is set up once and never written."""

    of: Type

    def __str__(self) -> str:
        return f"const {self.of}"


class Ghost(msgspec.Struct, frozen=True):
    """A ghost counter. It has an address like any other field, but is no memory."""

    def __str__(self) -> str:
        return "ghost_t"


Type: TypeAlias = Scalar | Pointer | StructOf | ArrayOf | Flags | Bits | Constant | Ghost


def type_of(annotation: Any, default: Any, where: str) -> Type:
    """The type that an annotation means; ``default`` is the class attribute of the field (flag words and arrays need it)."""
    if isinstance(default, ArrayInit) or get_origin(annotation) is Array:
        if not isinstance(default, ArrayInit) or get_origin(annotation) is not Array:
            raise InputError(f"{where}: an array is written Array[type] with array(length) as its initial value")
        (element,) = get_args(annotation)
        inner = default.init if isinstance(default.init, FlagWord) else None
        return ArrayOf(type_of(element, inner, where), default.length)
    if get_origin(annotation) is Annotated:
        target, mark = get_args(annotation)[0], get_args(annotation)[-1]
        if isinstance(mark, ConstMark):
            rest = get_args(annotation)[1:-1]
            inner_type = type_of(Annotated[(target, *rest)] if rest else target, default, where)
            if not isinstance(inner_type, Scalar | Pointer) or (isinstance(inner_type, Scalar) and inner_type.cell):
                raise InputError(f"{where}: Const[...] is for integers and pointers, not {inner_type}")
            return Constant(inner_type)
        if isinstance(mark, CType):
            return Scalar(mark)
        if isinstance(mark, GhostMark):
            return Ghost()
        if isinstance(mark, PointerTo):
            pointed = Annotated[(target, *get_args(annotation)[1:-1])] if len(get_args(annotation)) > 2 else target
            return Pointer(None if pointed is Any or pointed is Struct else type_of(pointed, None, where))
        if isinstance(mark, FlagWordMark):
            if not isinstance(default, FlagWord):
                raise InputError(f"{where}: a flags_t field needs flag_word({{name: bit, ...}}) as its default")
            layout = bound_layout(default)
            if layout not in FLAG_LAYOUTS:
                raise InputError(f"{where}: the layout of a flag word is {' or '.join(map(repr, FLAG_LAYOUTS))}, not {layout!r}")
            return Flags(default, layout)
    if annotation is int:
        return Scalar(values.INT)
    if annotation is bool:
        return Scalar(values.BOOL)
    if annotation is Any:
        return Pointer(None)
    if isinstance(annotation, type) and issubclass(annotation, CellType):
        return Scalar(annotation.ctype, annotation)
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return StructOf(annotation)
    raise InputError(f"{where}: {annotation!r} is not a type that can lie in shared memory")


_fixed: dict[tuple[type[Struct], str], Type] = {}
"""Types of fields that no parameter changes."""

_flags: dict[tuple[type[Struct], str, str], Type] = {}
"""Types of fields that are flag words, by their layouts."""


def bound_layout(word: FlagWord) -> str:
    """The layout that is bound to a flag word at the moment."""
    layout: str = getattr(word.layout, "value", word.layout)
    return layout


def field_type(struct: type[Struct], name: str) -> Type:
    """The type of a field (flag words: with the layout that is bound at the moment)."""
    known = _fixed.get((struct, name))
    if known is not None:
        return known
    default = struct.__dict__.get(name, getattr(struct, name, None))
    if isinstance(default, FlagWord) and (known := _flags.get((struct, name, bound_layout(default)))) is not None:
        return known
    if isinstance(default, BitField):
        found: Type = _bits(struct, name, default)
    else:
        found = type_of(field_annotations(struct)[name], default, f"{struct.__name__}.{name}")
    if issubclass(struct, Union) and isinstance(found, Constant | Ghost):
        raise InputError(f"{struct.__name__}.{name}: a member of a union is neither Const[...] nor a ghost counter")
    if isinstance(found, Scalar | Pointer | Bits | Constant | Ghost | StructOf):
        _fixed[struct, name] = found
    elif isinstance(found, Flags):
        _flags[struct, name, found.layout] = found
    return found


def members(struct: type[Struct]) -> list[str]:
    """The members of a struct or union that take room: all but bit fields of width 0."""
    defaults = {name: getattr(struct, name, None) for name in field_annotations(struct)}
    return [name for name, default in defaults.items() if not isinstance(default, BitField) or default.width != 0]


def _bit_type(struct: type[Struct], name: str, default: BitField) -> CType:
    """The declared type of a bit field."""
    found = type_of(field_annotations(struct)[name], None, f"{struct.__name__}.{name}")
    if not isinstance(found, Scalar) or found.cell is not None:
        raise InputError(f"{struct.__name__}.{name}: a bit field is an integer, not {found}")
    least = 0 if name.startswith("_") else 1
    if not isinstance(default.width, int) or not least <= default.width <= found.ctype.bits:
        raise InputError(f"{struct.__name__}.{name}: a bit field of type {found} has {least} to {found.ctype.bits} bits")
    return found.ctype


def _bits(struct: type[Struct], name: str, default: BitField) -> Bits:
    ctype = _bit_type(struct, name, default)
    names = list(field_annotations(struct))
    spot = _laid_out(struct).spots.get(names.index(name))
    if spot is None:
        raise InputError(f"{struct.__name__}.{name}: a bit field without a width has no value")
    place = CType(f"{spot.size} bytes", 8 * spot.size, False, packed=True)
    return Bits(ctype, default.width, spot.shift, place, tuple(names[other] for other in spot.members))


def _laid_out(struct: type[Struct]) -> StructLayout:
    """Where the members of a struct or union lie."""
    shapes = []
    for name in field_annotations(struct):
        default = struct.__dict__.get(name, getattr(struct, name, None))
        if isinstance(default, BitField):
            ctype = _bit_type(struct, name, default)
            shapes.append(Member(ctype.size, ctype.size, default.width, default.width > 0))
        else:
            shapes.append(Member(*size_align(field_type(struct, name))))
    try:
        return lay_out(shapes, issubclass(struct, Union))
    except ValueError as error:
        raise InputError(f"{struct.__name__}: {error}") from None


def size_align(kind: Type) -> tuple[int, int]:
    """Size and alignment in bytes."""
    match kind:
        case Scalar(ctype):
            size = max(ctype.bits // 8, 1)
            return size, size
        case Pointer() | Flags() | Ghost():
            return 8, 8
        case Constant(of):
            return size_align(of)
        case ArrayOf(element, length):
            size, align = size_align(element)
            return size * length, align
        case Bits(place=place):
            return place.size, 1
        case StructOf(struct):
            laid = _laid_out(struct)
            return laid.size, laid.align
    raise AssertionError(kind)


_offsets: dict[tuple[type[Struct], str], int] = {}
"""What :func:`field_offset` has found."""


def field_offset(struct: type[Struct], name: str) -> int:
    """offsetof(struct, name) in bytes."""
    known = _offsets.get((struct, name))
    if known is not None:
        return known
    number = list(field_annotations(struct)).index(name)
    found = _offsets[struct, name] = _laid_out(struct).spots[number].offset
    return found
