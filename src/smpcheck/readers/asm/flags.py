"""Condition flags, each a register of its own that is 0 or 1: what an instruction finds out about its result or its operands.

Of a subtraction or comparison, and of an addition, all flags are known; of a bit operation those that the machine sets. A flag is
set whether or not anybody asks for it, as instructions do; what no condition of the thread asks for is dropped in the end
(:func:`without_unasked`). So flags go through labels and branches like any register.
"""

from __future__ import annotations

from smpcheck.program.ir import Assign, Binary, Const, Expr, Reg
from smpcheck.program.values import LONG, ULONG
from smpcheck.readers.asm.machine import SIGNED, VIEW, Thread, converted
from smpcheck.readers.flow import Item, in_items

ZERO, NEGATIVE, OVERFLOW = "zero", "negative", "overflow"
"""The result is 0; its highest bit is set; as a signed number it did not fit."""

LESS, BELOW = "less", "below"
"""The first operand is less than the second one, with signs (negative and overflow differ) and without (a borrow)."""

TESTS: dict[str, tuple[tuple[str, ...], bool]] = {
    "eq": ((ZERO,), True), "ne": ((ZERO,), False),
    "lt": ((LESS,), True), "ge": ((LESS,), False),
    "le": ((LESS, ZERO), True), "gt": ((LESS, ZERO), False),
    "below": ((BELOW,), True), "above or same": ((BELOW,), False),
    "below or same": ((BELOW, ZERO), True), "above": ((BELOW, ZERO), False),
    "negative": ((NEGATIVE,), True), "not negative": ((NEGATIVE,), False),
    "overflow": ((OVERFLOW,), True), "no overflow": ((OVERFLOW,), False),
}  # fmt: skip
"""What can be asked: is one of these flags set, or none?"""


def compare(thread: Thread, left: Expr, right: Expr, size: int, field: str = "", signed: bool = True) -> None:
    """Set the flags as ``left - right`` does, operands of ``size`` bytes. ``field``: the condition register field of POWER, where
    ``signed`` says what less means."""
    first, second = converted(left, SIGNED[size]), converted(right, SIGNED[size])
    difference = converted(Binary("-", first, second, VIEW[size]), SIGNED[size])
    less = Binary("<", first, second, LONG)
    below = Binary("<", converted(first, ULONG), converted(second, ULONG), ULONG)
    negative = Binary("<", difference, Const(0), LONG)
    put(thread, ZERO, Binary("==", first, second, LONG), field)
    put(thread, LESS, less if signed else below, field)
    put(thread, BELOW, below, field)
    put(thread, NEGATIVE, negative, field)
    put(thread, OVERFLOW, Binary("!=", less, negative, LONG), field)


def added(thread: Thread, left: Expr, right: Expr, size: int, carry_is_borrow: bool = False, keeps_carry: bool = False) -> None:
    """Set the flags as ``left + right`` does. ``carry_is_borrow``: a carry reads as below (x86), not as its contrary (Arm)."""
    first, second = converted(left, VIEW[size]), converted(right, VIEW[size])
    total = Binary("+", first, second, VIEW[size])
    if not keeps_carry:
        carry = Binary("<", converted(total, ULONG), converted(first, ULONG), ULONG)
        put(thread, BELOW, carry if carry_is_borrow else Binary("==", carry, Const(0), LONG))
    signs = Binary("&", Binary("^", first, total, LONG), Binary("^", second, total, LONG), LONG)
    overflow = Binary("<", converted(signs, SIGNED[size]), Const(0), LONG)
    negative = _by_result(thread, total, size)
    put(thread, OVERFLOW, overflow)
    put(thread, LESS, Binary("!=", negative, overflow, LONG))


def bitwise(thread: Thread, result: Expr, size: int, below: bool | None) -> None:
    """Set the flags by the result of a bit operation. ``below``: what the carry says then; None (ARMv7): carry and overflow stay
    as they are."""
    negative = _by_result(thread, result, size)
    if below is None:
        put(thread, LESS, Binary("!=", negative, _flag(thread, OVERFLOW), LONG))
        return
    put(thread, LESS, negative)
    put(thread, BELOW, Const(int(below)))
    put(thread, OVERFLOW, Const(0))


def _by_result(thread: Thread, result: Expr, size: int) -> Expr:
    """Set what the result alone decides; is it negative?"""
    signed = converted(result, SIGNED[size])
    negative = Binary("<", signed, Const(0), LONG)
    put(thread, ZERO, Binary("==", signed, Const(0), LONG))
    put(thread, NEGATIVE, negative)
    return negative


def put(thread: Thread, flag: str, value: Expr, field: str = "") -> None:
    """Set one flag."""
    name = thread.own(f"%{field}{flag}")
    thread.flags.setdefault(name, False)
    thread.emit(Assign(name, value, thread.pos))


def holds(thread: Thread, test: str, field: str = "") -> Expr:
    """Whether the flags say ``test``, one of :data:`TESTS`."""
    flags, wanted = TESTS[test]
    value = _flag(thread, flags[0], field)
    for flag in flags[1:]:
        value = Binary("|", value, _flag(thread, flag, field), LONG)
    return Binary("!=" if wanted else "==", value, Const(0), LONG)


def _flag(thread: Thread, flag: str, field: str = "") -> Expr:
    name = thread.own(f"%{field}{flag}")
    thread.flags[name] = True
    return Reg(name)


def without_unasked(thread: Thread) -> list[Item]:
    """The items of a thread without the flags for which nothing in it asks."""
    names = {name for name, asked in thread.flags.items() if not asked}
    thread.registers -= names
    return in_items(thread.items, lambda stmt: None if isinstance(stmt, Assign) and stmt.reg in names else stmt)
