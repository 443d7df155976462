"""Condition flags: a comparison leaves its two operands in two registers, and a condition compares these.

Shorter operands are kept with their sign extended, which keeps both orders. An instruction that sets the flags by its result
leaves the result and zero: then only equal, unequal, negative and not negative have a meaning here. A thread that asks for more
is refused, as carry and overflow are not kept.
"""

from __future__ import annotations

from smpcheck.errors import UnsupportedError
from smpcheck.program.ir import Assign, Binary, Const, Expr, Reg
from smpcheck.program.values import LONG, ULONG
from smpcheck.readers.asm.machine import SIGNED, Thread, converted

TESTS = {
    "eq": ("==", LONG), "ne": ("!=", LONG),
    "lt": ("<", LONG), "le": ("<=", LONG), "gt": (">", LONG), "ge": (">=", LONG),
    "below": ("<", ULONG), "below or same": ("<=", ULONG), "above": (">", ULONG), "above or same": (">=", ULONG),
    "negative": ("<", LONG), "not negative": (">=", LONG),
}  # fmt: skip
"""What can be asked of the flags: C's operator, and the type at which the two operands are compared."""

_BY_RESULT = frozenset(("eq", "ne", "negative", "not negative"))
"""What has a meaning after an instruction that sets the flags by its result."""

_BY_COMPARISON = frozenset(TESTS) - {"negative", "not negative"}


def compare(thread: Thread, left: Expr, right: Expr, size: int, field: str = "") -> None:
    """Set the flags (those of condition register ``field`` on POWER) as ``left - right`` does, operands of ``size`` bytes."""
    _set(thread, left, right, size, field)
    _set_by(thread, "comparison")


def by_result(thread: Thread, result: Expr, size: int, field: str = "") -> None:
    """Set the flags by ``result``."""
    _set(thread, result, Const(0), size, field)
    _set_by(thread, "result")


def _set_by(thread: Thread, what: str) -> None:
    thread.flags_by = what
    thread.flag_setters.add(what)


def _set(thread: Thread, left: Expr, right: Expr, size: int, field: str) -> None:
    for name, value in (("left", left), ("right", right)):
        thread.emit(Assign(thread.own(f"%{field}{name}"), converted(value, SIGNED[size]), thread.pos))


def holds(thread: Thread, test: str, field: str = "") -> Expr:
    """Whether the flags say ``test``, one of :data:`TESTS`."""
    if test not in _BY_RESULT:
        thread.flag_uses.append(("comparison", thread.flags_by, thread.pos))
    if test not in _BY_COMPARISON:
        thread.flag_uses.append(("result", thread.flags_by, thread.pos))
    op, ctype = TESTS[test]
    left, right = (converted(Reg(thread.own(f"%{field}{side}")), ctype) for side in ("left", "right"))
    return Binary(op, left, right, ctype)


def check(thread: Thread) -> None:
    """:raises UnsupportedError: the thread asks the flags for what they do not say here"""
    for needed, last, pos in thread.flag_uses:
        if any(setter != needed for setter in ({last} if last else thread.flag_setters)):
            raise UnsupportedError(_NOT_KEPT[needed], pos)


_NOT_KEPT = {
    "comparison": "carry and overflow are known after a comparison only, not after an arithmetic instruction",
    "result": "the sign of a comparison's difference is not kept: compare by less or greater instead",
}
