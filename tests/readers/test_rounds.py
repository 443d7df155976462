"""A loop of exactly as many rounds as the bound allows is decided, whatever its shape; one of a round more is cut."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.rounds import mark_round
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

LOOPS = {
    "while": "while (n < {n}) {{ r = READ_ONCE(*x); n = n + 1; }}",
    "while with two tests": "while (n < {n} && r != 7) {{ r = READ_ONCE(*x); n = n + 1; }}",
    "while without a body": "while (n++ < {n});",
    "while with continue": "while (n < {n}) {{ n = n + 1; if (n == 1) continue; r = READ_ONCE(*x); }}",
    "for": "for (; n < {n}; n++) r = READ_ONCE(*x);",
    "for that begins at a value read": "for (n = READ_ONCE(*zero); n < {n}; n++) r = READ_ONCE(*x);",
    "do": "do {{ r = READ_ONCE(*x); n = n + 1; }} while (n < {n});",
    "break": "while (1) {{ if (n == {n}) break; r = READ_ONCE(*x); n = n + 1; }}",
    "return": "for (;;) {{ if (n == {n}) return; r = READ_ONCE(*x); n = n + 1; }}",
    "break at the end": "while (1) {{ r = READ_ONCE(*x); n = n + 1; if (n == {n}) break; }}",
    "nested": "while (n < {n}) {{ int m = 0; while (m < {n}) m = m + 1; n = n + 1; }}",
    "a test that takes part": "while (atomic_inc_return(c) <= {n}) r = READ_ONCE(*x);",
}


@pytest.mark.parametrize("rounds", [1, 2, 3])
@pytest.mark.parametrize("shape", LOOPS)
def test_exactly_the_bound_is_within_it(shape: str, rounds: int) -> None:
    loop = LOOPS[shape].format(n=rounds)
    text = f"C t\n{{}}\nP0(int *x, atomic_t *c, int *zero)\n{{\n\tint n = 0;\n\tint r = 0;\n\t{loop}\n}}\n"
    program = read_litmus(text + "P1(int *x)\n{\n\tWRITE_ONCE(*x, 1);\n}\nexists (0:r=0)\n")
    answers = [solve(program, load_model("lkmm"), Question(unroll=bound)) for bound in (rounds - 1, rounds)]
    assert [a.status for a in answers] == ["bound", "ok"]


ENOUGH = ir.If(ir.Reg("r"), (ir.Exit("l"),))
LOAD = ir.Load("r", ir.Const(0), frozenset())
STORE = ir.Store(ir.Const(0), ir.Const(1), frozenset())
ROUND = ir.Round("l")


@pytest.mark.parametrize(
    ("body", "marked"),
    [
        ([LOAD, ENOUGH, STORE], [LOAD, ENOUGH, ROUND, STORE]),
        ([LOAD, ENOUGH], None),
        ([STORE, ENOUGH, STORE], None),
        ([LOAD, ir.If(ir.Reg("r"), (STORE,)), ENOUGH, STORE], None),
        ([], None),
    ],
)
def test_a_round_begins_after_the_first_way_out(body: list[ir.Stmt], marked: list[ir.Stmt] | None) -> None:
    assert mark_round(body, "l", None) == (marked if marked is not None else body)
