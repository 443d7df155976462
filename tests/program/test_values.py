"""Values are C's: integer operators agree with the machine's (by way of ctypes), pointers keep their object."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpcheck.program.values import (
    BOOL,
    CHAR,
    INT,
    LONG,
    OBJECT_ALIGNMENT,
    POINTER,
    SHORT,
    UCHAR,
    UINT,
    ULONG,
    USHORT,
    CType,
    Ptr,
    UndefinedValue,
    Value,
    binary,
    truth,
    unary,
)

MACHINE: dict[CType, Callable[[int], ctypes._SimpleCData[int] | ctypes.c_bool]] = {
    BOOL: ctypes.c_bool,
    CHAR: ctypes.c_int8,
    UCHAR: ctypes.c_uint8,
    SHORT: ctypes.c_int16,
    USHORT: ctypes.c_uint16,
    INT: ctypes.c_int32,
    UINT: ctypes.c_uint32,
    LONG: ctypes.c_int64,
    ULONG: ctypes.c_uint64,
}
COMPUTED = [INT, UINT, LONG, ULONG]
"""Types that C computes at: smaller ones are promoted first (C11 6.3.1.1)."""

INTEGERS = st.one_of(st.integers(-(2**66), 2**66), st.sampled_from([s * (2**k) + d for k in (7, 8, 15, 16, 31, 32, 63, 64)
                                                                    for s in (-1, 1) for d in (-1, 0, 1)]))  # fmt: skip
OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def machine(ctype: CType, value: int) -> int:
    """``value`` as the machine keeps it at that type."""
    return int(MACHINE[ctype](value).value)


@given(st.sampled_from(list(MACHINE)), INTEGERS)
def test_conversion_keeps_the_low_bits(ctype: CType, value: int) -> None:
    assert ctype.wrap(value) == machine(ctype, value)


@given(st.sampled_from(list(MACHINE)), INTEGERS)
def test_converting_twice_is_converting_once(ctype: CType, value: int) -> None:
    assert ctype.wrap(ctype.wrap(value)) == ctype.wrap(value)


@given(st.sampled_from(COMPUTED), st.sampled_from(sorted(OPERATORS)), INTEGERS, INTEGERS)
def test_arithmetic_wraps_as_the_machine_does(ctype: CType, op: str, left: int, right: int) -> None:
    a, b = ctype.wrap(left), ctype.wrap(right)
    assert isinstance(a, int)
    assert isinstance(b, int)
    assert binary(op, a, b, ctype) == machine(ctype, OPERATORS[op](a, b))


@given(st.sampled_from(COMPUTED), st.sampled_from(sorted(COMPARISONS)), INTEGERS, INTEGERS)
def test_comparisons_see_the_converted_operands(ctype: CType, op: str, left: int, right: int) -> None:
    a, b = ctype.wrap(left), ctype.wrap(right)
    assert isinstance(a, int)
    assert isinstance(b, int)
    assert binary(op, a, b, ctype) == COMPARISONS[op](a, b)


@given(st.sampled_from(COMPUTED), INTEGERS, INTEGERS)
def test_division_rounds_towards_zero(ctype: CType, left: int, right: int) -> None:
    """C11 6.5.5: (a / b) * b + a % b == a, and the remainder has the sign of a."""
    a, b = ctype.wrap(left), ctype.wrap(right)
    assert isinstance(a, int)
    assert isinstance(b, int)
    if b == 0:
        for op in "/%":
            with pytest.raises(UndefinedValue, match="division by zero"):
                binary(op, a, b, ctype)
        return
    quotient, rest = binary("/", a, b, ctype), binary("%", a, b, ctype)
    assert isinstance(quotient, int)
    assert isinstance(rest, int)
    assert ctype.wrap(quotient * b + rest) == a
    assert abs(rest) < abs(b)
    assert rest == 0 or (rest < 0) == (a < 0)


@given(st.sampled_from(COMPUTED), INTEGERS, st.integers(-3, 70))
def test_shifts_are_those_of_the_type_and_no_further(ctype: CType, value: int, by: int) -> None:
    a = ctype.wrap(value)
    assert isinstance(a, int)
    if 0 <= by < ctype.bits:
        assert binary("<<", a, by, ctype) == machine(ctype, a << by)
        assert binary(">>", a, by, ctype) == a >> by  # Python's is arithmetic, as gcc's for signed types
    else:
        for op in ("<<", ">>"):
            with pytest.raises(UndefinedValue, match="shift"):
                binary(op, a, by, ctype)


@given(st.sampled_from(COMPUTED), INTEGERS)
def test_unary_operators(ctype: CType, value: int) -> None:
    a = ctype.wrap(value)
    assert isinstance(a, int)
    assert unary("-", a, ctype) == machine(ctype, -a)
    assert unary("~", a, ctype) == machine(ctype, ~a)
    assert unary("+", a, ctype) == a
    assert unary("!", a, ctype) == int(a == 0)


@given(INTEGERS, INTEGERS)
def test_logical_operators_give_0_or_1(a: int, b: int) -> None:
    assert binary("&&", a, b, INT) == int(a != 0 and b != 0)
    assert binary("||", a, b, INT) == int(a != 0 or b != 0)


X, Y = Ptr("x"), Ptr("y")


@pytest.mark.parametrize(
    ("left", "op", "right", "value"),
    [
        (X, "==", X, 1),
        (X, "==", Y, 0),
        (X, "!=", Y, 1),
        (X, "==", 0, 0),
        (0, "!=", X, 1),
        (X, ">", 0, 1),
        (0, "<", X, 1),
        (X, "+", 4, Ptr("x", 4)),
        (4, "+", X, Ptr("x", 4)),
        (Ptr("x", 8), "-", 4, Ptr("x", 4)),
        (Ptr("x", 8), "-", X, 8),
        (Ptr("x", 8), ">", Ptr("x", 4), 1),
        (X, "|", 1, Ptr("x", 1)),
        (Ptr("x", 1), "&", 1, 1),
        (Ptr("x", 1), "&", -2, X),
        (Ptr("x", 1), "&", 2**64 - 2, X),
        (Ptr("x", 1), "^", 1, X),
        (X, "^", X, 0),
        (X, "&", X, X),
        (X, "&&", 1, 1),
        (0, "||", X, 1),
    ],
    ids=str,
)
def test_what_pointers_can_do(left: Value, op: str, right: Value, value: Value) -> None:
    assert binary(op, left, right, POINTER) == value


@pytest.mark.parametrize(
    ("left", "op", "right"),
    [(X, "*", 2), (X, "-", Y), (X, "<", Y), (X, "^", Y), (1, "-", X), (X, "&", OBJECT_ALIGNMENT), (X, "<<", 1), (X, "<", 5000)],
    ids=str,
)
def test_what_symbolic_pointers_cannot_do_is_refused(left: Value, op: str, right: Value) -> None:
    with pytest.raises(UndefinedValue):
        binary(op, left, right, POINTER)


def test_no_object_lies_in_the_first_or_last_page_so_errors_and_small_numbers_are_no_addresses() -> None:
    assert (binary("<", X, 5, POINTER), binary(">", X, 5, POINTER), binary("<=", 5, X, POINTER)) == (0, 1, 1)
    assert (binary(">=", X, 2**64 - 4095, POINTER), binary(">=", 2**64 - 4095, X, ULONG)) == (0, 1)
    with pytest.raises(UndefinedValue):
        binary("<", X, 5, LONG)


@pytest.mark.parametrize("op", ["-", "~", "+"])
def test_a_pointer_has_no_sign(op: str) -> None:
    with pytest.raises(UndefinedValue):
        unary(op, X, POINTER)


def test_a_pointer_is_true_and_fits_into_64_bits_or_a_bool() -> None:
    assert truth(X)
    assert unary("!", X, POINTER) == 0
    assert LONG.wrap(X) == ULONG.wrap(X) == X
    assert BOOL.wrap(X) == 1
    with pytest.raises(UndefinedValue, match="does not fit into int"):
        INT.wrap(X)


@given(st.integers(0, OBJECT_ALIGNMENT - 1), st.integers(0, OBJECT_ALIGNMENT - 1))
def test_low_bits_of_an_aligned_pointer_are_a_tag(tag: int, mask: int) -> None:
    tagged = binary("|", X, tag, POINTER)
    assert binary("&", tagged, mask, POINTER) == tag & mask
    assert binary("&", tagged, ~(OBJECT_ALIGNMENT - 1), POINTER) == X
