"""Arithmetic on addresses: no answer of a step-by-step run rests on the numbers that stand for them."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program.values import Ptr
from smpcheck.simulate import outcomes
from smpcheck.simulate.provenance import Provenance
from smpcheck.simulate.view_machine import runs
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.solver.common import program

UNDEFINED = {
    "order of two objects": "r0 = (long)x < (long)y;",
    "their difference": "r0 = (long)x - (long)y == 4;",
    "a product": "r0 = (long)x * 2 == 4;",
    "a shift": "r0 = ((long)x >> 12) == 0;",
    "a remainder": "r0 = (long)x % 7 == 0;",
    "an order after a copy": "int *p = READ_ONCE(*q); r0 = (long)p < (long)y;",
    "an order with a number": "r0 = (long)x < 1000;",
    "a sum of two": "r0 = (long)x + (long)y == 0;",
    "a complement": "r0 = ~(long)x == 0;",
}
DEFINED = {
    "equality": "r0 = x == y;",
    "tags": "r0 = ((long)x | 1) & 3;",
    "an offset": "r0 = (x + 1) - x == 1;",
    "the order of parts": "r0 = x + 1 > x;",
    "null": "r0 = x > (int *)0;",
    "a false dependency": "int *p = READ_ONCE(*q); r0 = ((long)p ^ (long)p) == 0;",
    "truth": "r0 = !x; r0 = x && y;",
}


def failing(body: str) -> list[set[str]]:
    subject = program(body, "WRITE_ONCE(*q, x);", params="int *x, int *y, int **q", init="int *q = x;")
    answer = solve(subject, load_model("sc"), Question(mode="stops", stops=True))
    return [set(answer.failed), set(outcomes(subject).failed), set(runs(subject).failed)]


@pytest.mark.parametrize("body", UNDEFINED.values(), ids=UNDEFINED)
def test_what_would_show_the_numbers_is_undefined_to_every_engine(body: str) -> None:
    assert failing(body) == [{"undefined-value"}] * 3


@pytest.mark.parametrize("body", DEFINED.values(), ids=DEFINED)
def test_what_c_defines_is_computed(body: str) -> None:
    assert failing(body) == [set()] * 3


def test_what_may_hold_an_address_is_found_through_memory() -> None:
    subject = program(
        "int *p = READ_ONCE(*q); r0 = p == x; WRITE_ONCE(*y, r0);", params="int *x, int *y, int **q", init="int *q = x;"
    )

    found = Provenance(subject)
    assert found.cells == {Ptr("q")}
    assert "p" in found.registers[0]
    assert "r0" not in found.registers[0]


def test_an_access_that_is_known_to_be_to_nothing_is_a_fault_to_every_engine() -> None:
    assert failing("r0 = READ_ONCE(*(int *)0); WRITE_ONCE(*x, r0);") == [{"null-dereference"}] * 3
