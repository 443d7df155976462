"""The representation itself: immutable, comparable, and able to name what it holds."""

from __future__ import annotations

import pickle

import pytest
from msgspec.structs import replace

from smpcheck.program import ir
from smpcheck.program.values import INT, UNDETERMINED, Ptr, Value

X = Ptr("x")
PROGRAM = ir.Program("t", {X: ir.Cell("x"), Ptr("a", 4): ir.Cell("a[1]")}, ())

STATEMENTS: list[ir.Stmt] = [
    ir.Assign("r", ir.Const(1)),
    ir.Load("r", ir.Const(X), frozenset({"Once"})),
    ir.Store(ir.Const(X), ir.Reg("r"), frozenset({"Release"})),
    ir.Rmw("r", ir.Const(X), ir.Const(1), frozenset({"Once"}), frozenset({"Once"})),
    ir.Fence(frozenset({"Mb"})),
    ir.If(ir.Reg("r"), (), ()),
    ir.Choice((), ()),
    ir.Block("b", (ir.Exit("b"),)),
    ir.Loop("l", (ir.Exit("l"),), 1),
    ir.Assume(ir.Reg("r")),
    ir.Assert(ir.Reg("r"), "name"),
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: type(s).__name__)
def test_statements_are_values(statement: ir.Stmt) -> None:
    again = replace(statement)
    assert again == statement
    assert hash(again) == hash(statement)
    assert pickle.loads(pickle.dumps(statement)) == statement
    with pytest.raises(AttributeError):
        statement.pos = None  # type: ignore[misc]


def test_a_position_reads_as_compilers_write_it() -> None:
    assert str(ir.Position("f.litmus", 3, 7)) == "f.litmus:3:7"


@pytest.mark.parametrize(("address", "name"), [(X, "x"), (Ptr("a", 4), "a[1]"), (Ptr("y"), "&y"), (Ptr("x", 2), "&x+2")])
def test_a_location_has_its_name_and_an_unknown_address_its_own(address: Ptr, name: str) -> None:
    assert PROGRAM.cell_name(address) == name


@pytest.mark.parametrize(
    ("value", "text"), [(-1, "-1"), (0, "0"), (X, "x"), (Ptr("a", 4), "a[1]"), (Ptr("a", 8), "a+8"), (UNDETERMINED, "?")]
)
def test_values_are_shown_as_herd7_does(value: Value, text: str) -> None:
    assert PROGRAM.show_value(value) == text


def test_without_words_to_the_contrary() -> None:
    assert (PROGRAM.quantifier, PROGRAM.condition, PROGRAM.expected) == ("exists", ir.Const(1), None)
    assert ir.Cell("x").ctype == INT
    assert ir.Cell("x").init == 0
