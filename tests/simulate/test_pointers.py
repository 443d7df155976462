"""Where computed addresses may lead: followed through registers, cells, fields and tags; given up where they cannot be."""

from __future__ import annotations

from smpcheck.program.ir import Binary, Cell, Const, Expr, If, Load, Program, Reg, Rmw, Stmt, Store, Thread, Unary
from smpcheck.program.values import POINTER, ULONG, Ptr
from smpcheck.simulate.code import flatten
from smpcheck.simulate.generate import Addresses
from smpcheck.simulate.pointers import PointsTo

ONCE = frozenset({"Once"})
X, Y, P, N = Ptr("x"), Ptr("y"), Ptr("p"), Ptr("n")
FIELD = Ptr("x", 8)
CELLS = {X: Cell("x"), FIELD: Cell("x.f"), Y: Cell("y"), P: Cell("p", POINTER, X), N: Cell("n")}


def plus(expr: Expr, value: Expr) -> Expr:
    return Binary("+", expr, value, ULONG)


def last(*bodies: tuple[Stmt, ...]) -> set[Ptr]:
    """Where the last access of the first thread may be."""
    program = Program("t", CELLS, tuple(Thread(n, body) for n, body in enumerate(bodies)))
    addresses = Addresses(program)
    codes = [flatten(t, frozenset()) for t in program.threads]
    found = PointsTo(program, codes, addresses).of_access(0, len(codes[0].instrs) - 2)
    return {v for v in map(addresses.value, found) if isinstance(v, Ptr)}


GET = Load("q", Const(P), ONCE)


def test_a_pointer_that_is_loaded_leads_to_what_any_thread_stores_there() -> None:
    assert last((GET, Load("a", Reg("q"), ONCE))) == {X}
    assert last((GET, Load("a", Reg("q"), ONCE)), (Store(Const(P), Const(Y), ONCE),)) == {X, Y}
    swap = Rmw("o", Const(P), Const(Y), ONCE, ONCE)
    assert last((GET, Load("a", Reg("q"), ONCE)), (swap,)) == {X, Y}


def test_fields_and_tags_are_computed() -> None:
    assert last((GET, Load("a", plus(Reg("q"), Const(8)), ONCE))) == {FIELD}
    untagged = Binary("&", plus(Reg("q"), Const(1)), Unary("~", Const(1), ULONG), ULONG)
    assert last((GET, Load("a", untagged, ONCE))) == {X}
    index = Binary("*", Reg("n"), Const(8), ULONG)
    assert last((Load("n", Const(N), ONCE), GET, Load("a", plus(Reg("q"), index), ONCE)), (Store(Const(N), Const(1), ONCE),)) == {
        X,
        FIELD,
    }


def test_a_register_has_what_the_last_assignment_gave_it() -> None:
    assert last((GET, Load("q", Const(N), ONCE), Load("q", Const(P), ONCE), Load("a", Reg("q"), ONCE))) == {X}
    either = If(Reg("n"), (Load("q", Const(P), ONCE),), (Load("q", Const(N), ONCE),))
    assert last((either, Load("a", Reg("q"), ONCE)), (Store(Const(N), Const(Y), ONCE),)) == {X, Y}


def test_an_offset_without_bound_may_lead_anywhere_in_the_object() -> None:
    count = Rmw("o", Const(N), plus(Reg("o"), Const(8)), ONCE, ONCE)
    assert last((Load("n", Const(N), ONCE), GET, Load("a", plus(Reg("q"), Reg("n")), ONCE)), (count,)) == {X, FIELD}
