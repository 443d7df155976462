"""The compiler's own functions that compute or move bytes: counting bits, sums that say whether they overflowed, ``memcpy()``.

What ``memcpy()``, ``memmove()`` and ``memset()`` access are plain accesses to the scalars of the objects that their arguments
point to, from the lowest address up; they take constant lengths only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from smpcheck.program import values as v
from smpcheck.program.ir import Binary, Conditional, Const, Expr
from smpcheck.readers import layout
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.places import Spot
from smpcheck.readers.clang.types import UNSIGNED, Leaf, clusters
from smpcheck.readers.cvalues import Val
from smpcheck.readers.layout import Pointer

if TYPE_CHECKING:
    from smpcheck.readers.clang.calls import TreeLowering

Function = Callable[["TreeLowering", t.Call, Sequence[t.Expr]], Val]
MAX_BYTES = 4096
"""A length of more bytes is refused."""


def functions() -> dict[str, Function]:
    """By name."""
    found: dict[str, Function] = {f"__builtin_{op}_overflow": partial(_overflow, op) for op in ("add", "sub", "mul")}
    for suffix in ("", "l", "ll"):
        found |= {f"__builtin_{name}{suffix}": partial(_position, name) for name in ("ffs", "ctz", "clz")}
        found |= {f"__builtin_{name}{suffix}": partial(_count, name) for name in ("popcount", "parity")}
    found |= {f"__builtin_bswap{bits}": partial(_swapped, bits // 8) for bits in (16, 32, 64)}
    for prefix in ("", "__builtin_"):
        found |= {f"{prefix}memset": _memset, f"{prefix}memcpy": _memcpy, f"{prefix}memmove": _memcpy}
        found[f"{prefix}memcmp"] = _memcmp
    hints = ("expect", "expect_with_probability", "assume_aligned")
    return found | {f"__builtin_{name}": _first for name in hints}


def _first(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__builtin_expect(x, y)`` is ``x``."""
    value = low.value(args[0])
    for other in args[1:]:
        low.effect(other)
    return value


# --- runs of bytes ---


def _memset(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """Each scalar has the byte in all of its bytes."""
    pointer, filler = low.value(args[0]), low.value(args[1])
    scalars = _scalars(low, args[0], _length(low, node, args[2])) or []
    byte = low.stable(Val(low.convert(filler, v.UCHAR, node), v.UCHAR), node).expr
    if byte != Const(0) and any(leaf.ctype is v.POINTER for leaf in scalars):
        low.refuse("memset() of pointers other than to 0 is not supported", low.at(node))
    for leaf in scalars:
        ones = sum(1 << 8 * n for n in range(leaf.size))
        unsigned = UNSIGNED[leaf.size]
        filled = Val(low.fold("*", byte, Const(ones), unsigned), unsigned) if byte != Const(0) else Val(Const(0), leaf.ctype)
        low.write(_spot(low, pointer, leaf, node), filled, node)
    return pointer


def _memcpy(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """Everything is read before anything is written, so that ``memmove()`` is the same."""
    target, source = low.value(args[0]), low.value(args[1])
    length = _length(low, node, args[2])
    scalars = _common(low, node, args[0], args[1], length)
    found = [low.stable(low.read(_spot(low, source, leaf, node), node), node) for leaf in scalars]
    for leaf, value in zip(scalars, found, strict=True):
        low.write(_spot(low, target, leaf, node), value, node)
    return target


def _memcmp(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """All bytes of both are read; what counts is the first in which they differ."""
    pointers = [low.value(args[0]), low.value(args[1])]
    difference: Expr = Const(0)
    for byte in reversed(_bytes(0, length := _length(low, node, args[2]), length)):
        both = [low.stable(low.read(_spot(low, pointer, byte, node), node), node) for pointer in pointers]
        here = low.fold("-", low.convert(both[0], v.INT, node), low.convert(both[1], v.INT, node), v.INT)
        difference = low.stable(Val(_chosen(here, here, difference), v.INT), node).expr
    return Val(difference, v.INT)


def _length(low: TreeLowering, node: Any, arg: t.Expr) -> int:
    """How many bytes. :raises UnsupportedError: that is not constant, or too many"""
    length = low.value(arg).expr
    name = low.unit_tree.places[low.at(node)].text.partition("(")[0]
    if not (isinstance(length, Const) and isinstance(length.value, int)):
        low.refuse(f"{name}() of a length that is known at run time only is not supported", low.at(node))
    if not 0 <= length.value <= MAX_BYTES:
        low.refuse(f"{name}() of {length.value} bytes is not supported ({MAX_BYTES} at most)", low.at(node))
    return length.value


def _spot(low: TreeLowering, pointer: Val, leaf: Leaf, node: Any) -> Spot:
    """The scalar ``leaf`` of what ``pointer`` points to."""
    if leaf.offset == 0:
        return low.pointee(pointer, leaf.ctype, node)
    return low.within(low.pointee(pointer, layout.Array(v.CHAR, leaf.end), node), leaf.offset, leaf.ctype)


def _common(low: TreeLowering, node: Any, target: t.Expr, source: t.Expr, length: int) -> list[Leaf]:
    """The scalars that are copied: those of both objects where these are alike, else bytes."""
    one, other = _scalars(low, target, length), _scalars(low, source, length)
    known = [scalars for scalars in (one, other) if scalars is not None]
    if known and all(scalars == known[0] for scalars in known):
        return known[0]
    if any(leaf.ctype is v.POINTER for scalars in known for leaf in scalars):
        low.refuse("a pointer is copied to or from what is none: not supported", low.at(node))
    covered = [{leaf.offset + byte for leaf in scalars for byte in range(leaf.size)} for scalars in known]
    return [byte for byte in _bytes(0, length, length) if all(byte.offset in inside for inside in covered)]


def _scalars(low: TreeLowering, arg: t.Expr, length: int) -> list[Leaf] | None:
    """The scalars in ``length`` bytes of what ``arg`` points to (None: that is not known); of one that is not whole, its bytes.
    What lies between members is no memory."""
    index = _element(low, arg)
    if index is None:
        return None
    leaves: list[Leaf] = []
    for start in range(0, length, low.kinds.size(index)):
        for begin, end, alike in clusters(low.kinds.leaves(index)):
            same = len(alike) == 1 or all(leaf.ctype is v.POINTER for leaf in alike)
            one = alike[0].ctype if same else UNSIGNED.get(end - begin)
            whole = one is not None and start + end <= length
            leaves += [Leaf(start + begin, one, "")] if one and whole else _bytes(start + begin, start + end, length)
    return leaves


def _element(low: TreeLowering, arg: t.Expr) -> int | None:
    """The type of what an argument points to, before it became a void pointer; None if it was never anything else."""
    while True:
        given = low.kinds.given[arg.type]
        target = arg.type if given.kind == "array" else given.target
        if given.kind in ("array", "pointer") and low.kinds.size(target):
            return target
        if not isinstance(arg, t.Cast):
            return None
        arg = arg.arg


def _bytes(start: int, end: int, length: int) -> list[Leaf]:
    return [Leaf(at, v.UCHAR, "") for at in range(start, min(end, length))]


# --- arithmetic ---


def _overflow(op: str, low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__builtin_add_overflow(a, b, &r)``: computed at the type of ``r``; true where that is not the sum."""
    one, other = (low.stable(low.value(arg), node) for arg in args[:2])
    pointer = low.value(args[2])
    assert isinstance(pointer.type, Pointer)
    type_ = low.types.resolve(pointer.type.target)
    narrow = layout.scalar_type(type_)
    sign = {"add": "+", "sub": "-", "mul": "*"}[op]
    given = [layout.scalar_type(value.type) for value in (one, other)]
    if narrow.bits <= 32 and all(ctype.bits <= 32 for ctype in given):
        left, right = (low.convert(value, v.LONG, node) for value in (one, other))
        wide = low.stable(Val(Binary(sign, left, right, v.LONG), v.LONG), node)
        low.write(low.pointee(pointer, type_, node), wide, node)
        short = low.convert(Val(low.convert(wide, type_, node), type_), v.LONG, node)
        return Val(low.fold("!=", wide.expr, short, v.LONG), low.int)
    if not all(_fits(ctype, narrow) for ctype in given):
        low.refuse(f"__builtin_{op}_overflow() of types of which one has no room for another's values", low.at(node))
    left, right = (low.stable(Val(low.convert(value, narrow, node), narrow), node).expr for value in (one, other))
    result = low.stable(Val(low.fold(sign, left, right, narrow), narrow), node)
    low.write(low.pointee(pointer, type_, node), result, node)
    return Val(low.as_bool(_overflowed(low, op, left, right, result.expr, narrow)), low.int)


def _fits(ctype: v.CType, into: v.CType) -> bool:
    """Has ``into`` every value of ``ctype``?"""
    return ctype == into or (ctype.bits < into.bits and (into.signed or not ctype.signed))


def _overflowed(low: TreeLowering, op: str, a: Expr, b: Expr, result: Expr, ctype: v.CType) -> Expr:
    """Is ``result`` other than the sum, difference or product of ``a`` and ``b``, all of one type?"""
    fold = low.fold
    if op == "mul":
        minus_one = Const(ctype.wrap(-1))
        least = Const(ctype.wrap(1 << ctype.bits - 1))
        special = fold("&&", fold("==", a, minus_one, ctype), fold("==", b, least, ctype), low.int) if ctype.signed else Const(0)
        divisor = _chosen(fold("==", a, Const(0), ctype), Const(1), _chosen(special, Const(1), a))
        differs = fold("!=", fold("/", result, divisor, ctype), b, ctype)
        return _chosen(fold("==", a, Const(0), ctype), Const(0), _chosen(special, Const(1), differs))
    if not ctype.signed:
        return fold("<", result, a, ctype) if op == "add" else fold("<", a, b, ctype)
    other = fold("^", b, result, ctype) if op == "add" else fold("^", a, b, ctype)
    return fold("<", fold("&", fold("^", a, result, ctype), other, ctype), Const(0), ctype)


def _unsigned(low: TreeLowering, node: Any, arg: t.Expr, size: int = 0) -> tuple[Expr, v.CType]:
    """An argument as an unsigned number of ``size`` bytes, or as many as an int or a long has."""
    value = low.stable(low.value(arg), node)
    unsigned = UNSIGNED[size or (8 if layout.scalar_type(value.type).bits == 64 else 4)]
    return low.stable(Val(low.convert(value, unsigned, node), unsigned), node).expr, unsigned


def _bit(low: TreeLowering, word: Expr, number: int, unsigned: v.CType) -> Expr:
    return low.fold("&", low.fold(">>", word, Const(number), unsigned), Const(1), unsigned)


def _position(name: str, low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__builtin_ffs`` and its like: the lowest or highest bit that is set."""
    word, unsigned = _unsigned(low, node, args[0])
    order = range(unsigned.bits) if name in ("ctz", "ffs") else range(unsigned.bits - 1, -1, -1)
    found: Expr = Const(0 if name == "ffs" else unsigned.bits)
    for bit in reversed(order):
        number = bit + 1 if name == "ffs" else bit if name == "ctz" else unsigned.bits - 1 - bit
        found = _chosen(_bit(low, word, bit, unsigned), Const(number), found)
    return Val(found, low.int)


def _count(name: str, low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__builtin_popcount`` and ``__builtin_parity``."""
    word, unsigned = _unsigned(low, node, args[0])
    found: Expr = Const(0)
    for bit in range(unsigned.bits):
        found = low.fold("+" if name == "popcount" else "^", found, _bit(low, word, bit, unsigned), unsigned)
    return Val(low.convert(Val(found, unsigned), v.INT, node), low.int)


def _swapped(size: int, low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__builtin_bswap32`` and its like: the bytes in the other order."""
    word, unsigned = _unsigned(low, node, args[0], size)
    found: Expr = Const(0)
    for byte in range(size):
        moved = low.fold("&", low.fold(">>", word, Const(8 * byte), unsigned), Const(255), unsigned)
        found = low.fold("|", found, low.fold("<<", moved, Const(8 * (size - 1 - byte)), unsigned), unsigned)
    return Val(found, low.type_of(node))


def _chosen(cond: Expr, then: Expr, other: Expr) -> Expr:
    if isinstance(cond, Const):
        return then if cond.value else other
    return Conditional(cond, then, other)
