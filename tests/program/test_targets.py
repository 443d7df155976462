"""What an access may be to: not what a condition around it excludes, and never less than what is accessed."""

from __future__ import annotations

from smpcheck.program import ir
from smpcheck.program.pieces import accesses, only_touched
from smpcheck.program.targets import Targets
from smpcheck.program.values import INT, POINTER, UINT, Ptr

HEAD, ENTRY, KEY = Ptr("head", 8), Ptr("entry"), 24
CELLS = {
    HEAD: ir.Cell("head.next", POINTER, ENTRY),
    ENTRY: ir.Cell("entry.next", POINTER, HEAD),
    Ptr("entry", KEY): ir.Cell("entry.key", INT),
    Ptr("entry", 32): ir.Cell("entry.other", INT),
    Ptr("table"): ir.Cell("table[0]", INT),
    **{Ptr("table", 4 * i): ir.Cell(f"table[{i}]", INT) for i in range(1, 8)},
    Ptr("table", 32): ir.Cell("mask", UINT, 3),
}


ONCE = frozenset({"Once"})


def of(*body: ir.Stmt) -> ir.Program:
    return ir.Program("t", CELLS, (ir.Thread(0, body, "P0", {"p": POINTER, "q": POINTER, "end": INT, "m": UINT, "r": INT}),))


def plus(reg: str, offset: int) -> ir.Expr:
    return ir.Binary("+", ir.Reg(reg), ir.Const(offset), POINTER)


def targets(program: ir.Program, text: str) -> set[Ptr]:
    """What the access with this text may be to."""
    found = Targets(program)
    return {place for stmt in accesses(program) if stmt.text == text for place in found.of(stmt, program.cells)}


def touched(program: ir.Program) -> set[Ptr]:
    return set(only_touched(program, Targets(program)).cells)


KEY_READ = ir.Load("r", plus("p", KEY), ONCE, ctype=INT, text="key")
WALK = (
    ir.Load("p", ir.Const(HEAD), ONCE, ctype=POINTER),
    ir.Loop(
        "walk",
        (
            ir.Assign("q", ir.Reg("p")),
            ir.Assign("end", ir.Binary("==", ir.Reg("q"), ir.Const(HEAD), POINTER)),
            ir.If(ir.Unary("!", ir.Reg("end")), (KEY_READ, ir.Load("p", ir.Reg("p"), ONCE, ctype=POINTER)), (ir.Exit("walk"),)),
        ),
    ),
)


def test_behind_the_end_of_a_list_nothing_is_accessed() -> None:
    found = Targets(of(*WALK))
    assert found.addresses[id(KEY_READ)] == {Ptr("entry", KEY)}


def test_what_a_register_was_computed_from_is_forgotten_once_that_changes() -> None:
    """``end = p == HEAD; p = HEAD; if (!end) ...``: the condition says nothing of the new ``p``."""
    changed = (
        ir.Load("p", ir.Const(HEAD), ONCE, ctype=POINTER),
        ir.Assign("end", ir.Binary("==", ir.Reg("p"), ir.Const(HEAD), POINTER)),
        ir.Assign("p", ir.Const(HEAD)),
        ir.If(ir.Unary("!", ir.Reg("end")), (KEY_READ,)),
    )
    assert Targets(of(*changed)).addresses[id(KEY_READ)] == {Ptr("head", 8 + KEY)}


def test_a_mask_that_is_read_bounds_an_index() -> None:
    index = ir.Binary("*", ir.Binary("&", ir.Reg("r"), ir.Reg("m"), UINT), ir.Const(4), UINT)
    program = of(
        ir.Load("m", ir.Const(Ptr("table", 32)), ONCE, ctype=UINT),
        ir.Load("r", ir.Const(Ptr("entry", KEY)), ONCE, ctype=INT),
        ir.Store(ir.Const(Ptr("entry", KEY)), ir.Binary("+", ir.Reg("r"), ir.Const(1), INT), ONCE, ctype=INT),
        ir.Load("r", ir.Binary("+", ir.Const(Ptr("table")), index, POINTER), ONCE, ctype=INT, text="slot"),
    )
    assert targets(program, "slot") == {Ptr("table", 4 * i) for i in range(4)}


def test_cells_that_no_access_can_be_to_are_left_out() -> None:
    assert touched(of(*WALK)) == {HEAD, ENTRY, Ptr("entry", KEY)}


def test_a_marker_of_srcu_keeps_its_cell() -> None:
    marker = ir.Fence(frozenset({"Srcu-lock"}), ir.Const(Ptr("entry", 32)))
    assert Ptr("entry", 32) in touched(of(*WALK, marker))
    computed = ir.Fence(frozenset({"Srcu-lock"}), ir.Reg("p"))
    assert touched(of(*WALK, computed)) == set(CELLS)
