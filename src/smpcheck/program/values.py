"""Values as C has them: integers that wrap at their type's width, and pointers that keep their object.

A value is a Python ``int`` (always in the range of the C type that produced it) or a :class:`Ptr`, the address of a byte of a
named object. Pointers stay symbolic: two different objects never have equal or ordered addresses, and the null pointer is the
integer 0. Sources: ISO C11, 6.2.5 (types), 6.3.1 (conversions), 6.5 (operators); kernel practice (-fwrapv) for signed overflow,
arithmetic right shift and the low bits of aligned pointers as tags.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

OBJECT_ALIGNMENT = 4096
"""Every object starts at a multiple of this, so that low-bit tags on pointers (``mapping | 1``) are exact."""


class UndefinedValue(Exception):
    """An operation that C leaves undefined, or that symbolic pointers cannot express (``&x * 2``)."""


class Ptr(Struct, frozen=True, order=True):
    """The address of byte ``offset`` of the object called ``base``."""

    base: str
    offset: int = 0

    def __str__(self) -> str:
        return f"&{self.base}" if self.offset == 0 else f"&{self.base}+{self.offset}"


Value: TypeAlias = int | Ptr

UNDETERMINED = Ptr("?")
"""In a listing of final states: what a read saw in a cycle in which each value only justifies the next ("out of thin air").
Any value does that solves the equations of the cycle. herd7 prints such values as ``S16`` and the like."""


class CType(Struct, frozen=True):
    """A scalar C type: its width in bits, its signedness, and its name for messages. ``bits == 1`` is ``_Bool``. ``packed``: it
    may lie anywhere, and not only at multiples of its size."""

    name: str
    bits: int
    signed: bool = True
    packed: bool = False

    @property
    def size(self) -> int:
        """How many bytes it takes in memory."""
        return max(self.bits // 8, 1)

    @property
    def alignment(self) -> int:
        """Of what its address is a multiple."""
        return 1 if self.packed else self.size

    def wrap(self, value: Value) -> Value:
        """Convert ``value`` to this type (C11 6.3.1.3; implementation-defined cases wrap, as with GCC)."""
        if isinstance(value, Ptr):
            if self.bits == 1:
                return 1
            if self.bits < 64:
                raise UndefinedValue(f"the pointer {value} does not fit into {self.name}")
            return value
        if self.bits == 1:
            return 1 if value else 0
        value &= (1 << self.bits) - 1
        if self.signed and value >> (self.bits - 1):
            value -= 1 << self.bits
        return value


BOOL = CType("_Bool", 1, False)
CHAR, UCHAR = CType("char", 8), CType("unsigned char", 8, False)
SHORT, USHORT = CType("short", 16), CType("unsigned short", 16, False)
INT, UINT = CType("int", 32), CType("unsigned int", 32, False)
LONG, ULONG = CType("long", 64), CType("unsigned long", 64, False)
POINTER = CType("pointer", 64, False)


def truth(value: Value) -> bool:
    """Is ``value`` true in a C condition? Every address of an object is."""
    return isinstance(value, Ptr) or value != 0


def is_null(value: Value) -> bool:
    """Is an access at this address one through a null pointer, to a member of what it points to?"""
    return isinstance(value, int) and 0 <= value < OBJECT_ALIGNMENT


def unary(op: str, value: Value, ctype: CType) -> Value:
    """Apply ``-``, ``~``, ``!`` or ``+`` at type ``ctype`` (operands already converted)."""
    if op == "!":
        return 0 if truth(value) else 1
    if isinstance(value, Ptr):
        raise UndefinedValue(f"operator {op} on the pointer {value}")
    if op == "-":
        return ctype.wrap(-value)
    if op == "~":
        return ctype.wrap(~value)
    if op == "+":
        return ctype.wrap(value)
    raise AssertionError(op)


def _offset(value: int) -> int:
    """An offset, which wraps as addresses do: ``p + (unsigned long)-8`` is ``p - 8``."""
    wrapped = LONG.wrap(value)
    assert isinstance(wrapped, int)
    return wrapped


PAGE = 4096
"""No object lies in the first so many bytes of memory, nor in the last: the kernel keeps small numbers and errors there."""


def _pointer_binary(op: str, left: Value, right: Value, ctype: CType) -> Value:
    if op == "==":
        return int(left == right)
    if op == "!=":
        return int(left != right)
    if isinstance(left, Ptr) and isinstance(right, Ptr):
        if left.base == right.base:
            a, b = left.offset, right.offset
            if op == "-":
                return a - b
            if op in _COMPARE:
                return int(_COMPARE[op](a, b))
            if a == b and op in ("^", "&", "|"):  # false dependencies: r1 ^ r1
                return 0 if op == "^" else left
    elif isinstance(left, Ptr) and isinstance(right, int):
        low, offset = left.offset % OBJECT_ALIGNMENT, left.offset
        if op == "+":
            return Ptr(left.base, _offset(offset + right))
        if op == "-":
            return Ptr(left.base, _offset(offset - right))
        if op == "|" and 0 <= right < OBJECT_ALIGNMENT:
            return Ptr(left.base, offset - low + (low | right))
        if op == "^" and 0 <= right < OBJECT_ALIGNMENT:
            return Ptr(left.base, offset - low + (low ^ right))
        if op == "&" and 0 <= right < OBJECT_ALIGNMENT:
            return low & right
        if op == "&" and (-OBJECT_ALIGNMENT <= right < 0 or right >= 2**64 - OBJECT_ALIGNMENT):
            return Ptr(left.base, offset - low + (low & right))
        if op in _COMPARE and (right == 0 or (not ctype.signed and 0 < right < PAGE)):
            return int(_COMPARE[op](1, 0))
        if op in _COMPARE and not ctype.signed and right >= 2**64 - PAGE:
            return int(_COMPARE[op](0, 1))
    elif isinstance(right, Ptr) and isinstance(left, int):
        if op in ("+", "|", "&", "^"):
            return _pointer_binary(op, right, left, ctype)
        if op in _COMPARE:
            return _pointer_binary(_MIRRORED[op], right, left, ctype)
    raise UndefinedValue(f"{left} {op} {right} has no meaning for symbolic pointers")


_COMPARE = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def binary(op: str, left: Value, right: Value, ctype: CType) -> Value:
    """Apply a C binary operator at type ``ctype`` (for comparisons and shifts, the type of the converted left operand)."""
    if op == "&&":
        return int(truth(left) and truth(right))
    if op == "||":
        return int(truth(left) or truth(right))
    if isinstance(left, Ptr) or isinstance(right, Ptr):
        return _pointer_binary(op, left, right, ctype)
    if op == "==":
        return int(left == right)
    if op == "!=":
        return int(left != right)
    if op in _COMPARE:
        return int(_COMPARE[op](left, right))
    if op == "+":
        return ctype.wrap(left + right)
    if op == "-":
        return ctype.wrap(left - right)
    if op == "*":
        return ctype.wrap(left * right)
    if op == "&":
        return ctype.wrap(left & right)
    if op == "|":
        return ctype.wrap(left | right)
    if op == "^":
        return ctype.wrap(left ^ right)
    if op in ("<<", ">>"):
        if not 0 <= right < max(ctype.bits, 32):
            raise UndefinedValue(f"shift by {right} at type {ctype.name}")
        return ctype.wrap(left << right if op == "<<" else left >> right)
    if op in ("/", "%"):
        if right == 0:
            raise UndefinedValue("division by zero")
        quotient = abs(left) // abs(right)
        if (left < 0) != (right < 0):
            quotient = -quotient
        return ctype.wrap(quotient if op == "/" else left - quotient * right)
    raise AssertionError(op)
