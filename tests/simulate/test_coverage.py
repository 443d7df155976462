"""Which accesses some interleaving takes."""

from __future__ import annotations

import pytest

from smpcheck.errors import LimitError
from smpcheck.program import ir
from smpcheck.program.cut import leaves
from smpcheck.readers.litmus import read_litmus
from smpcheck.simulate.explore import outcomes

TEXT = """C t
{ }
P0(int *x, int *y) {
	int r0; int r1;
	r0 = READ_ONCE(*x);
	if (r0 == 1) WRITE_ONCE(*y, 1);
	if (r0 == 2) WRITE_ONCE(*y, 2); else r1 = READ_ONCE(*y);
	if (r0 > 1 && r1 == 1) WRITE_ONCE(*y, 4);
}
P1(int *x, int *y) {
	int r0;
	r0 = READ_ONCE(*y);
	if (r0 == 0) WRITE_ONCE(*x, 1);
	if (r0 == 2) WRITE_ONCE(*x, 2);
}
exists (true)
"""


def accesses(program: ir.Program) -> dict[int, str]:
    return {id(s): s.text for t in program.threads for s in leaves(t.body)}


def reached(program: ir.Program, max_states: int = 1000) -> tuple[frozenset[int], frozenset[int]]:
    found = outcomes(program, max_states=max_states, coverage=True).coverage
    return found.steps, found.taken


def test_what_is_taken_and_what_is_not() -> None:
    program = read_litmus(TEXT)
    text = accesses(program)
    steps, taken = reached(program)
    assert steps == set(text)
    assert [text[s] for s in text if s not in taken] == ["WRITE_ONCE(*y, 2)", "WRITE_ONCE(*y, 4)", "WRITE_ONCE(*x, 2)"]


def test_all_orders_are_tried_however_many_steps_are_merged() -> None:
    one = "P0(int *x, int *y) { WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1); }"
    other = "P1(int *x, int *y, int *z) { if (READ_ONCE(*x) == 1 && READ_ONCE(*y) == 0) WRITE_ONCE(*z, 1); }"
    program = read_litmus("\n".join(("C t", "{ }", one, other, "exists (true)", "")))
    steps, taken = reached(program)
    assert taken == steps


def test_too_many_states_are_refused() -> None:
    with pytest.raises(LimitError):
        reached(read_litmus(TEXT), max_states=3)
