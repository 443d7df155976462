"""The rules of a well-formed program: each refuses what it is about, with its position."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from smpcheck.errors import InputError
from smpcheck.program.ir import (
    Assign,
    Binary,
    Block,
    Cast,
    Cell,
    Const,
    Exit,
    Fence,
    FinalMem,
    FinalReg,
    If,
    Load,
    Loop,
    Position,
    Program,
    Reg,
    Rmw,
    Round,
    Stmt,
    Store,
    Thread,
    Unary,
)
from smpcheck.program.values import INT, UCHAR, Ptr
from smpcheck.program.wellformed import RULES, check

X = Const(Ptr("x"))
POS = Position("f", 3, 7)
ONCE = frozenset({"Once"})
GOOD = Program(
    "good",
    {Ptr("x"): Cell("x")},
    (Thread(0, (Load("r", X, ONCE, POS), Block("b", (Exit("b"),))), "P0", {"r": INT}),),
    condition=Binary("==", FinalReg(0, "r"), FinalMem(Ptr("x"))),
    observed=(FinalReg(0, "r"),),
)


def body(*stmts: Stmt) -> Program:
    return replace(GOOD, threads=(Thread(0, stmts, "P0", {"r": INT}),))


BROKEN: dict[str, Program] = {
    "some-thread": replace(GOOD, threads=()),
    "threads-in-order": replace(GOOD, threads=(replace(GOOD.threads[0], index=1),)),
    "quantifier": replace(GOOD, quantifier="some"),
    "one-name-one-cell": replace(GOOD, cells={Ptr("x"): Cell("x"), Ptr("y"): Cell("x")}),
    "initial-value-fits": replace(GOOD, cells={Ptr("x"): Cell("x", UCHAR, 256)}),
    "tags": body(Fence(frozenset({"mb"}), pos=POS)),
    "rmw-tags": body(Rmw("r", X, Const(1), ONCE, frozenset({"!"}), pos=POS)),
    "address-known": body(Store(Const(Ptr("x", 4)), Const(1), ONCE, POS)),
    "register-typed": body(Assign("q", Const(1), POS)),
    "rmw-register-typed": body(Rmw("q", X, Const(1), ONCE, ONCE, pos=POS)),
    "exit-enclosed": body(Block("b", ()), Exit("b", POS)),
    "round-of-a-loop": body(Block("b", ()), Round("b", POS)),
    "labels-nest": body(Block("b", (Loop("b", (), None, POS),), POS)),
    "loop-bound": body(Loop("l", (Exit("l"),), 0, POS)),
    "unary-operator": body(If(Unary("?", Const(1)), (), (), POS)),
    "binary-operator": body(Assign("r", Binary("**", Const(1), Const(2)), POS)),
    "cast-type": body(Assign("r", Cast("int", Const(1)), POS)),  # type: ignore[arg-type]
    "register-in-thread": replace(GOOD, condition=Reg("r")),
    "final-register": replace(GOOD, observed=(FinalReg(0, "q"),)),
    "final-location": replace(GOOD, filter=FinalMem(Ptr("y"))),
}


def test_a_good_program_passes() -> None:
    check(GOOD)


def test_every_rule_is_tried_here() -> None:
    assert BROKEN.keys() == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_refuses_what_it_is_about(rule: object) -> None:
    name: str = rule.name  # type: ignore[attr-defined]
    message: str = rule.message  # type: ignore[attr-defined]
    with pytest.raises(InputError) as caught:
        check(BROKEN[name])
    fixed_part = message.split("{")[0].strip()
    assert fixed_part in caught.value.message
    if "P0: " in caught.value.message:
        assert caught.value.pos == POS


@pytest.mark.parametrize(
    "misplaced",
    [FinalReg(0, "r"), FinalMem(Ptr("x"))],
)
def test_final_values_belong_to_conditions(misplaced: FinalReg | FinalMem) -> None:
    with pytest.raises(InputError):
        check(body(Assign("r", misplaced, POS)))


def test_nested_statements_are_checked_too() -> None:
    inner = Fence(frozenset({"mb"}), pos=POS)
    wrappers: list[Callable[[Stmt], Stmt]] = [
        lambda s: If(Const(1), (), (s,)),
        lambda s: Loop("l", (s,)),
        lambda s: Block("k", (s,)),
    ]
    for wrap in wrappers:
        with pytest.raises(InputError):
            check(body(wrap(inner)))
