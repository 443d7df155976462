"""C types and where their scalars lie: sizes, alignments and offsets in the LP64 data model of 64-bit Linux.

Scalars are the :class:`~smpcheck.program.values.CType` of the IR; pointers, arrays and structs exist only while a program is
read, afterwards there are cells. Kernel types that are one location to the memory model (``atomic_t``, ``spinlock_t``,
``struct srcu_struct``, ...) are scalars here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from smpcheck.program.struct_layout import Member, lay_out
from smpcheck.program.values import BOOL, CHAR, INT, LONG, POINTER, SHORT, UCHAR, UINT, ULONG, USHORT, CType


class Pointer(msgspec.Struct, frozen=True):
    """Pointer to ``target``."""

    target: Type


class Array(msgspec.Struct, frozen=True):
    """``length`` elements in a row."""

    element: Type
    length: int


class BitField(msgspec.Struct, frozen=True):
    """``width`` bits from bit ``shift`` on of a memory location (C11 3.14): the run of adjacent bit fields, as a number of type
    ``place``. ``ctype`` is the declared type, ``fields`` the names of all bit fields in the run."""

    ctype: CType
    width: int
    shift: int
    place: CType
    fields: tuple[str, ...]


class Struct(msgspec.Struct, frozen=True):
    """A struct or union: field name to (byte offset, type), those of anonymous members too. ``fields is None``: declared, not
    defined."""

    name: str
    fields: Mapping[str, tuple[int, Type]] | None
    size: int
    align: int

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Struct) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)


class Void(msgspec.Struct, frozen=True):
    """``void``."""


class Auto(msgspec.Struct, frozen=True):
    """``__auto_type``: the type of the initial value."""


Type: TypeAlias = CType | Pointer | Array | Struct | BitField | Void | Auto

VOID = Void()
AUTO = Auto()

_CHAR_WORDS = {("char",): CHAR, ("signed", "char"): CHAR, ("unsigned", "char"): UCHAR}
_INT_WORDS = {
    ("short",): SHORT,
    ("unsigned", "short"): USHORT,
    ("int",): INT,
    ("signed",): INT,
    ("unsigned",): UINT,
    ("long",): LONG,
    ("long", "long"): LONG,
    ("unsigned", "long"): ULONG,
    ("unsigned", "long", "long"): ULONG,
}

NAMED: dict[str, Type] = {
    "void": VOID,
    "bool": BOOL,
    "_Bool": BOOL,
    "u8": UCHAR, "s8": CHAR, "__u8": UCHAR, "__s8": CHAR, "uint8_t": UCHAR, "int8_t": CHAR,
    "u16": USHORT, "s16": SHORT, "__u16": USHORT, "__s16": SHORT, "uint16_t": USHORT, "int16_t": SHORT,
    "u32": UINT, "s32": INT, "__u32": UINT, "__s32": INT, "uint32_t": UINT, "int32_t": INT,
    "u64": ULONG, "s64": LONG, "__u64": ULONG, "__s64": LONG, "uint64_t": ULONG, "int64_t": LONG,
    "uint": UINT, "ulong": ULONG, "size_t": ULONG, "ssize_t": LONG, "loff_t": LONG, "pgoff_t": ULONG, "gfp_t": UINT,
    "intptr_t": LONG, "uintptr_t": ULONG, "ptrdiff_t": LONG,
    "atomic_t": INT, "refcount_t": INT,
    "atomic64_t": LONG, "atomic_long_t": LONG,
    "spinlock_t": INT, "raw_spinlock_t": INT, "arch_spinlock_t": INT,
    "rwlock_t": INT, "seqcount_t": UINT,
    "struct mutex": INT, "struct rw_semaphore": INT, "struct semaphore": INT, "struct completion": INT,
    "struct srcu_struct": INT, "srcu_struct": INT,
    "__auto_type": AUTO,
}  # fmt: skip
"""Types known without a definition. Locks, SRCU domains and atomics are single locations to the memory model."""

_QUALIFIERS = frozenset(
    {"const", "volatile", "static", "inline", "__always_inline", "__inline__", "extern", "register", "auto", "restrict",
     "noinline", "__maybe_unused", "__rcu", "_Atomic", "__read_mostly", "__cacheline_aligned", "__aligned"}
)  # fmt: skip


class TypeTable:
    """The types of one program. With ``wide``, ``int`` is as wide as a pointer (see :mod:`smpcheck.readers.litmus`)."""

    def __init__(self, wide: bool = False) -> None:
        self.wide = wide
        self.names: dict[str, Type] = {}

    def scalar(self, ctype: CType) -> CType:
        """``ctype`` in this program: in a wide one, 32-bit integers have 64 bits."""
        if self.wide and ctype.bits == 32:
            return WIDE_INT if ctype.signed else WIDE_UINT
        return ctype

    def lookup(self, words: tuple[str, ...]) -> Type | None:
        """The type that the specifier ``words`` name, e.g. ``('unsigned', 'long')`` or ``('struct', 'foo')``; None if unknown."""
        words = tuple(w for w in words if w not in _QUALIFIERS)
        name = " ".join(words)
        found = self.names.get(name) or NAMED.get(name) or _integer(words)
        if isinstance(found, CType):
            return self.scalar(found)
        return found

    def resolve(self, type_: Type) -> Type:
        """A struct that was only declared where it was mentioned, as it is defined by now."""
        if isinstance(type_, Struct) and type_.fields is None:
            return self.names.get(type_.name) or NAMED.get(type_.name, type_)
        return type_

    def define(self, name: str, type_: Type) -> None:
        """Make ``name`` (``foo_t`` or ``struct foo``) stand for ``type_``."""
        self.names[name] = type_


WIDE_INT = CType("int", 64)
WIDE_UINT = CType("unsigned int", 64, False)


def _integer(words: tuple[str, ...]) -> CType | None:
    if not words or not all(w in ("signed", "unsigned", "char", "short", "int", "long") for w in words):
        return None
    ordered = tuple(sorted(words, key=("signed", "unsigned", "short", "long", "char", "int").index))
    if ordered in _CHAR_WORDS:
        return _CHAR_WORDS[ordered]
    rest = tuple(w for w in ordered if w != "int")
    if rest[:1] == ("signed",) and len(rest) > 1:
        rest = rest[1:]
    return _INT_WORDS.get(rest or ("int",))


def size_of(type_: Type) -> int:
    """Size in bytes; ``void`` counts as 1, as in GNU C."""
    if isinstance(type_, CType):
        return type_.size
    if isinstance(type_, Pointer):
        return 8
    if isinstance(type_, Array):
        return type_.length * size_of(type_.element)
    if isinstance(type_, BitField):
        return type_.place.size
    return type_.size if isinstance(type_, Struct) else 1


def align_of(type_: Type) -> int:
    """Natural alignment in bytes."""
    if isinstance(type_, Array):
        return align_of(type_.element)
    return type_.align if isinstance(type_, Struct) else size_of(type_)


class Declared(msgspec.Struct, frozen=True):
    """A member as it is declared: ``name`` is empty for an anonymous one, ``width`` is that of a bit field."""

    name: str
    type: Type
    width: int | None = None


def make_struct(name: str, members: Sequence[Declared], union: bool = False) -> Struct:
    """Lay out a struct or union (:mod:`smpcheck.program.struct_layout`). :raises ValueError: a run of bit fields is too long"""
    shapes = [Member(size_of(m.type), align_of(m.type), m.width, bool(m.name)) for m in members]
    laid = lay_out(shapes, union)
    fields: dict[str, tuple[int, Type]] = {}
    for number, spot in laid.spots.items():
        member = members[number]
        if spot.members:
            place = CType(f"{spot.size} bytes", 8 * spot.size, False, packed=True)
            assert isinstance(member.type, CType) and member.width is not None
            names = tuple(members[other].name for other in spot.members)
            fields[member.name] = (spot.offset, BitField(member.type, member.width, spot.shift, place, names))
        elif member.name:
            fields[member.name] = (spot.offset, member.type)
        elif isinstance(member.type, Struct):
            fields.update((n, (spot.offset + inner, t)) for n, (inner, t) in (member.type.fields or {}).items())
    return Struct(name, fields, laid.size, laid.align)


def _kernel_structs() -> None:
    """The kernel's structs whose fields primitives know. Pointers to them are resolved when they are followed."""
    members: dict[str, list[tuple[str, Type]]] = {
        "seqlock_t": [("seqcount", UINT), ("lock", INT)],
        "struct list_head": [(name, Pointer(Struct("struct list_head", None, 1, 1))) for name in ("next", "prev")],
        "struct hlist_head": [("first", Pointer(Struct("struct hlist_node", None, 1, 1)))],
        "struct hlist_node": [
            ("next", Pointer(Struct("struct hlist_node", None, 1, 1))),
            ("pprev", Pointer(Pointer(Struct("struct hlist_node", None, 1, 1)))),
        ],
        "struct llist_head": [("first", Pointer(Struct("struct llist_node", None, 1, 1)))],
        "struct llist_node": [("next", Pointer(Struct("struct llist_node", None, 1, 1)))],
    }
    for name, fields in members.items():
        NAMED[name] = make_struct(name, [Declared(*field) for field in fields])


def scalar_type(type_: Type) -> CType:
    """The IR's type of a scalar C type."""
    return type_ if isinstance(type_, CType) else POINTER


def scalars(type_: Type, name: str, offset: int = 0) -> Iterator[tuple[int, str, CType]]:
    """All scalars of an object: (byte offset, printed name, type). Those of unions overlap; a run of bit fields is one."""
    if isinstance(type_, Array):
        for i in range(type_.length):
            yield from scalars(type_.element, f"{name}[{i}]", offset + i * size_of(type_.element))
    elif isinstance(type_, Struct):
        for field_name, (field_offset, field_type) in (type_.fields or {}).items():
            if isinstance(field_type, BitField):
                if field_name == field_type.fields[0]:
                    others = "" if len(field_type.fields) == 1 else f"..{field_type.fields[-1]}"
                    yield offset + field_offset, f"{name}.{field_name}{others}", field_type.place
                continue
            yield from scalars(field_type, f"{name}.{field_name}", offset + field_offset)
    else:
        yield offset, name, INT if isinstance(type_, Void) else scalar_type(type_)


def cells(type_: Type, name: str, offset: int = 0) -> list[tuple[int, str, CType]]:
    """As :func:`scalars`, without any that overlap: the larger ones, and bytes where those do not reach."""
    found = list(scalars(type_, name, offset))
    taken: set[int] = set()
    chosen: list[tuple[int, str, CType]] = []
    for at, called, ctype in sorted(found, key=lambda scalar: -scalar[2].size):
        span = range(at, at + ctype.size)
        if taken.isdisjoint(span):
            chosen.append((at, called, ctype))
        else:
            chosen += [(byte, f"{called}[byte {byte - at}]", UCHAR) for byte in span if byte not in taken]
        taken.update(span)
    order = {scalar: i for i, scalar in enumerate(found)}
    return sorted(chosen, key=lambda scalar: (scalar[0], order.get(scalar, 0)))


def bit_fields(type_: Type, offset: int = 0) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The runs of bit fields of an object: where they lie, and what the fields are called."""
    if isinstance(type_, Array):
        for i in range(type_.length):
            yield from bit_fields(type_.element, offset + i * size_of(type_.element))
    elif isinstance(type_, Struct):
        for field_offset, field_type in (type_.fields or {}).values():
            if isinstance(field_type, BitField):
                yield offset + field_offset, field_type.fields
            else:
                yield from bit_fields(field_type, offset + field_offset)


def show(type_: Type) -> str:
    """The type as C writes it."""
    if isinstance(type_, BitField):
        return f"{type_.ctype.name} : {type_.width}"
    if isinstance(type_, CType):
        return type_.name
    if isinstance(type_, Pointer):
        inner = show(type_.target)
        return inner + ("*" if inner.endswith("*") else " *")
    if isinstance(type_, Array):
        return f"{show(type_.element)}[{type_.length}]"
    return type_.name if isinstance(type_, Struct) else "void"


_kernel_structs()
