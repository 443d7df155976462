"""What threads make of loaded values."""

from __future__ import annotations

from smpcheck.program.ir import Assign, Binary, Const, Expr, If, Load, Reg, Stmt, Store, Thread
from smpcheck.program.values import Ptr, UndefinedValue
from smpcheck.simulate.code import flatten
from smpcheck.simulate.observed import VALUE, Observed, observations

X, Y = Ptr("x"), Ptr("y")
ONCE = frozenset({"Once"})
LOAD = Load("r", Const(X), ONCE)


def observed(*after: Stmt, ends: tuple[str, ...] = ()) -> set[Expr]:
    return observations(flatten(Thread(0, (LOAD, *after)), frozenset(ends)), 0, "r")


def bit(register: Expr, mask: int) -> Binary:
    return Binary("&", register, Const(mask))


def store(value: Expr) -> Store:
    return Store(Const(Y), value, ONCE)


def test_a_test_of_a_bit_observes_the_bit() -> None:
    assert observed(If(bit(Reg("r"), 4), (store(Const(1)),))) == {bit(VALUE, 4)}


def test_what_is_stored_or_kept_to_the_end_is_observed_whole() -> None:
    assert observed(store(Reg("r"))) == {VALUE}
    assert observed(ends=("r",)) == {VALUE}
    assert observed(Assign("s", Reg("r")), If(Reg("s"), (store(Const(1)),))) == {VALUE}


def test_what_nobody_reads_is_not_observed() -> None:
    assert observed() == set()
    assert observed(Assign("r", Const(0)), store(Reg("r"))) == set()


def test_on_every_way_to_the_next_definition_it_is_looked_for() -> None:
    both = If(Reg("other"), (If(bit(Reg("r"), 1), ()),), (Assign("r", Const(0)),))
    assert observed(both, If(bit(Reg("r"), 2), ())) == {bit(VALUE, 1), bit(VALUE, 2)}


def test_an_expression_with_another_register_is_observed_by_its_parts() -> None:
    mixed = Binary("&&", Binary("==", Reg("r"), Const(3)), Reg("s"))
    assert observed(If(mixed, (store(Const(1)),))) == {Binary("==", VALUE, Const(3))}


def test_values_differ_in_what_is_observed() -> None:
    code = flatten(Thread(0, (LOAD, If(bit(Reg("r"), 4), ()), If(Binary("==", Reg("r"), Const(7)), ()))), frozenset())
    table = Observed()
    mask = table.of_load(code, 0)
    sources: dict[Expr, str] = {bit(VALUE, 4): "v & 4", Binary("==", VALUE, Const(7)): "v == 7"}
    table.compile(lambda expr, v: sources[expr], {})
    assert mask == 0b11
    assert table.differ(1, 3) == 0
    assert table.differ(1, 5).bit_count() == 1
    assert table.differ(3, 7).bit_count() == 2


def test_what_has_no_value_differs_from_what_has() -> None:
    def half(v: int) -> int:
        if v == 0:
            raise UndefinedValue("division by zero")
        return 6 // v

    code = flatten(Thread(0, (LOAD, store(Binary("/", Const(6), Reg("r"))))), frozenset())
    table = Observed()
    table.of_load(code, 0)
    table.compile(lambda expr, v: f"half({v})", {"half": half})
    assert table.differ(0, 1) and not table.differ(4, 5) and not table.differ(0, 0)
