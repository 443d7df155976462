"""Values while compiling: an IR expression with its C type, a place in memory, or a Python object known at compile time.

Conversions and operators follow C11 6.3.1 and 6.5, on the types of :mod:`smpcheck.kernel.layout`; what is constant is folded.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeAlias

from msgspec import Struct

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.kernel.layout import ArrayOf, Bits, Flags, Pointer, Scalar, StructOf, Type, size_align
from smpcheck.program import ir, values
from smpcheck.program.ir import Position
from smpcheck.program.values import CType, Ptr, UndefinedValue, Value


class RValue(Struct, frozen=True):
    """A value: ``expr`` is pure, over the thread's registers. Its type is an integer or a pointer; ``lock`` is the lock
    class of what it points to, if that is a lock."""

    expr: ir.Expr
    type: Type
    lock: str = ""

    @property
    def const(self) -> Value | None:
        """The value, if it is known."""
        return self.expr.value if isinstance(self.expr, ir.Const) else None


class Place(Struct, frozen=True):
    """A location: what C calls an lvalue. ``label`` is its name for messages, ``lock`` its lock class.

    ``offset`` is the distance in bytes from the start of the struct or array through which it is reached.
    """

    addr: ir.Expr
    type: Type
    label: str
    lock: str = ""
    offset: int | None = None


class Static(Struct, frozen=True):
    """A Python object that is known at compile time and is not a C value: a function, a tuple, a switch, a class."""

    obj: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and (self.obj is other.obj or bool(self.obj == other.obj))

    def __hash__(self) -> int:
        return id(self.obj)


class Unknown(Struct, frozen=True):
    """What a variable has where ways meet that leave nothing usable in it; ``why`` completes "x ..."."""

    why: str


Known: TypeAlias = RValue | Place | Static


@lru_cache(maxsize=1024)
def literal(value: int) -> RValue:
    """An integer constant: int if it fits, else long, else unsigned long (C11 6.4.4.1, with unsigned long for the rest)."""
    for ctype in (values.INT, values.LONG):
        if ctype.wrap(value) == value:
            return RValue(ir.Const(value), Scalar(ctype))
    if values.ULONG.wrap(value) == value:
        return RValue(ir.Const(value), Scalar(values.ULONG))
    raise UndefinedValue(f"{value} does not fit into 64 bits")


def truth_value(flag: bool) -> RValue:
    """C's 0 or 1."""
    return RValue(ir.Const(int(flag)), Scalar(values.INT))


def is_const(expr: ir.Expr) -> bool:
    """Is the value known?"""
    return isinstance(expr, ir.Const)


def fold(op: str, left: ir.Expr, right: ir.Expr, ctype: CType) -> ir.Expr:
    """``left op right``, computed now if both sides are known; what is undefined stays as it is, a fault where it is computed."""
    if isinstance(left, ir.Const) and isinstance(right, ir.Const):
        with suppress(UndefinedValue):
            return ir.Const(values.binary(op, left.value, right.value, ctype))
    if op in ("+", "-", "|", "^", "<<", ">>") and isinstance(right, ir.Const) and right.value == 0:
        return left
    return ir.Binary(op, left, right, ctype)


def fold_unary(op: str, arg: ir.Expr, ctype: CType) -> ir.Expr:
    """``op arg``, computed now if the argument is known; a doubled ``!`` of a comparison is the comparison."""
    if isinstance(arg, ir.Const):
        with suppress(UndefinedValue):
            return ir.Const(values.unary(op, arg.value, ctype))
    if op == "!" and isinstance(arg, ir.Binary) and arg.op in _OPPOSITE:
        return ir.Binary(_OPPOSITE[arg.op], arg.left, arg.right, arg.ctype)
    return ir.Unary(op, arg, ctype)


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def is_boolean(expr: ir.Expr) -> bool:
    """Is the value 0 or 1 by construction?"""
    match expr:
        case ir.Const(value):
            return value in (0, 1)
        case ir.Binary(op, _, _, _):
            return op in _OPPOSITE or op in ("&&", "||")
        case ir.Unary(op, _, _):
            return op == "!"
        case ir.Cast(ctype, _):
            return ctype.bits == 1
        case ir.Conditional(_, then, other):
            return is_boolean(then) and is_boolean(other)
    return False


def boolean(value: RValue) -> RValue:
    """``value != 0`` as an int."""
    if is_boolean(value.expr):
        return RValue(value.expr, Scalar(values.INT))
    return RValue(fold("!=", value.expr, ir.Const(0), ctype_of(value.type)), Scalar(values.INT))


def negation(value: RValue) -> RValue:
    """``!value``."""
    return RValue(fold_unary("!", value.expr, ctype_of(value.type)), Scalar(values.INT))


def ctype_of(kind: Type) -> CType:
    """The scalar type at which a value of this type is computed."""
    if isinstance(kind, Scalar):
        return kind.ctype
    if isinstance(kind, Flags):
        return values.ULONG
    return kind.place if isinstance(kind, Bits) else values.POINTER


def promote(ctype: CType) -> CType:
    """The integer promotions."""
    return values.INT if ctype.bits < 32 else ctype


def common(a: CType, b: CType) -> CType:
    """The usual arithmetic conversions."""
    a, b = promote(a), promote(b)
    if a.signed == b.signed:
        return a if a.bits >= b.bits else b
    unsigned, signed = (b, a) if a.signed else (a, b)
    return unsigned if unsigned.bits >= signed.bits else signed


def holds(outer: CType, inner: CType) -> bool:
    """Can ``outer`` represent every value of ``inner``?"""
    if outer.signed == inner.signed:
        return outer.bits >= inner.bits
    return outer.signed and outer.bits > inner.bits


def to_ctype(expr: ir.Expr, have: CType, want: CType) -> ir.Expr:
    """``expr`` converted from one integer type to another."""
    if holds(want, have):
        return expr
    if isinstance(expr, ir.Const):
        return ir.Const(want.wrap(expr.value))
    if want.bits == 1 and is_boolean(expr):
        return expr
    return ir.Cast(want, expr)


def convert(value: RValue, want: Type, pos: Position, what: str) -> RValue:
    """``value`` as if assigned to something of type ``want``, called ``what`` in messages (C11 6.5.16.1)."""
    have = value.type
    if isinstance(want, Flags):
        want = Scalar(values.ULONG)
    if isinstance(want, Bits):
        want = Scalar(want.ctype)
    if isinstance(want, Scalar):
        if isinstance(have, Scalar):
            return RValue(to_ctype(value.expr, have.ctype, want.ctype), want)
        if want.ctype.bits == 1:
            return RValue(boolean(value).expr, want)
        if want.ctype.bits == 64:
            return RValue(value.expr, want)
        raise InputError(f"{what} is {want}, which cannot hold a pointer: use ulong, Ptr[...] or cast()", pos)
    if isinstance(want, Pointer):
        if isinstance(have, Scalar):
            if value.const == 0 or have.ctype.bits == 64:
                return RValue(value.expr, want)
            raise InputError(f"{what} is a pointer ({want}), but the value is {have}", pos)
        if isinstance(have, Pointer) and (have.target == want.target or have.target is None or want.target is None):
            return RValue(value.expr, want)
        raise InputError(f"{what} is {want}, but the value is {have}: use cast()", pos)
    raise InputError(f"{what} is {want}: it cannot be assigned as a whole", pos)


def join_types(a: Type, b: Type) -> Type | None:
    """The type of a variable that is ``a`` on one way and ``b`` on another; None if there is none."""
    if a == b:
        return a
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        return Scalar(common(a.ctype, b.ctype))
    if isinstance(a, Pointer) and isinstance(b, Pointer):
        if a.target is None or b.target is None:
            return Pointer(a.target or b.target)
        return None
    if isinstance(a, Pointer):
        return a
    return b if isinstance(b, Pointer) else None


def arithmetic(op: str, left: RValue, right: RValue, pos: Position) -> RValue:
    """A C binary operator: integers with the usual conversions, pointers with C's scaling and the kernel's tag bits."""
    try:
        if isinstance(left.type, Pointer) or isinstance(right.type, Pointer):
            return _pointer_arithmetic(op, left, right, pos)
        a, b = ctype_of(left.type), ctype_of(right.type)
        if op in ("<<", ">>"):
            at = promote(a)
            if isinstance(right.const, int) and not 0 <= right.const < at.bits:
                raise UndefinedValue(f"shift by {right.const} at type {at.name}")
            return RValue(fold(op, to_ctype(left.expr, a, at), right.expr, at), Scalar(at))
        at = common(a, b)
        expr = fold(op, to_ctype(left.expr, a, at), to_ctype(right.expr, b, at), at)
        return RValue(expr, Scalar(values.INT if op in _OPPOSITE else at))
    except UndefinedValue as error:
        raise UnsupportedError(str(error), pos) from None


def _pointer_arithmetic(op: str, left: RValue, right: RValue, pos: Position) -> RValue:
    if op in _OPPOSITE:
        for a, b in ((left, right), (right, left)):
            if isinstance(b.type, Scalar) and b.type.ctype.bits < 64 and b.const != 0:
                raise InputError(f"comparison of a pointer ({a.type}) with {b.type}", pos)
        return RValue(fold(op, left.expr, right.expr, values.POINTER), Scalar(values.INT))
    if op in ("+", "-") and isinstance(left.type, Pointer):
        target = left.type.target
        size = size_align(target)[0] if target else 1
        if isinstance(right.type, Pointer):
            if op == "-" and right.type.target == target:
                diff = fold("-", left.expr, right.expr, values.LONG)
                return RValue(fold("/", diff, ir.Const(size), values.LONG), Scalar(values.LONG))
            raise InputError(f"{left.type} {op} {right.type} has no meaning", pos)
        return RValue(fold(op, left.expr, scaled(right, size), values.POINTER), left.type)
    if op in ("&", "|", "^"):
        pointer, mask = (left, right) if isinstance(left.type, Pointer) else (right, left)
        if isinstance(mask.type, Pointer):
            raise InputError(f"{left.type} {op} {right.type} has no meaning", pos)
        bits = to_ctype(mask.expr, ctype_of(mask.type), values.ULONG)
        known = mask.const
        low = op == "&" and isinstance(known, int) and 0 <= known < values.OBJECT_ALIGNMENT
        return RValue(fold(op, pointer.expr, bits, values.ULONG), Scalar(values.ULONG) if low else Pointer(None))
    raise InputError(f"{left.type} {op} {right.type} has no meaning", pos)


def scaled(index: RValue, size: int) -> ir.Expr:
    """``index * size`` as an offset in bytes."""
    wide = to_ctype(index.expr, ctype_of(index.type), values.LONG)
    return wide if size == 1 else fold("*", wide, ir.Const(size), values.LONG)


def offset_by(addr: ir.Expr, offset: int) -> ir.Expr:
    """``addr`` plus a known number of bytes."""
    if isinstance(addr, ir.Const) and isinstance(addr.value, Ptr):
        return ir.Const(Ptr(addr.value.base, addr.value.offset + offset))
    if isinstance(addr, ir.Binary) and addr.op == "+" and isinstance(addr.right, ir.Const) and isinstance(addr.right.value, int):
        return fold("+", addr.left, ir.Const(addr.right.value + offset), values.POINTER)
    return fold("+", addr, ir.Const(offset), values.POINTER)


def as_pointer(place: Place) -> RValue:
    """The address of a place."""
    return RValue(place.addr, Pointer(place.type), place.lock)


def by_reference(kind: Type) -> bool:
    """Is a value of this type its address (structs, arrays, and cells that only primitives touch)?"""
    return isinstance(kind, (StructOf, ArrayOf)) or (isinstance(kind, Scalar) and kind.cell is not None)


def extracted(bits: Bits, location: ir.Expr) -> RValue:
    """The value of a bit field, given the contents of its run; smaller ones are ints (C11 6.3.1.1)."""
    if bits.ctype.signed:
        up = fold("<<", location, ir.Const(64 - bits.shift - bits.width), values.LONG)
        number, have = fold(">>", up, ir.Const(64 - bits.width), values.LONG), values.LONG
    else:
        down = fold(">>", location, ir.Const(bits.shift), values.ULONG)
        number, have = fold("&", down, ir.Const((1 << bits.width) - 1), values.ULONG), values.ULONG
    fits = bits.width < 32 or (bits.width == 32 and bits.ctype.signed)
    ctype = values.INT if fits else bits.ctype
    return RValue(to_ctype(number, have, ctype), Scalar(ctype))


def inserted(bits: Bits, location: ir.Expr, value: RValue) -> RValue:
    """The contents of a run after the assignment of ``value``, which has the bit field's type, to it."""
    mask = (1 << bits.width) - 1
    wide = fold("&", to_ctype(value.expr, bits.ctype, values.ULONG), ir.Const(mask), values.ULONG)
    here = fold("<<", wide, ir.Const(bits.shift), values.ULONG)
    others = ((1 << bits.place.bits) - 1) & ~(mask << bits.shift)
    rest = fold("&", location, ir.Const(others), values.ULONG)
    return RValue(to_ctype(fold("|", rest, here, values.ULONG), values.ULONG, bits.place), Scalar(bits.place))
