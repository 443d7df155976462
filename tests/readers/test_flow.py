"""Labels and branches made into blocks and loops."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpcheck.errors import UnsupportedError
from smpcheck.program.ir import Assign, Binary, Block, Const, Exit, Expr, If, Loop, Position, Reg, Stmt
from smpcheck.readers.flow import Item, Jump, Label, structured

POS = Position("t", 1)


def step(number: int) -> Assign:
    """Marks that the execution came by: the trace is the number in base 10."""
    return Assign("trace", Const(number), POS)


def jump(target: str, cond: Expr | None = None) -> Jump:
    return Jump(target, cond, POS, "")


FUEL = 200


class _Spent(Exception):
    """The fuel or the choices have run out."""


class Run:
    """An execution that takes its conditions from ``choices``, and what it came by. ``ended``: it came to the end."""

    def __init__(self, choices: list[bool]) -> None:
        self.rest = list(choices)
        self.fuel = FUEL
        self.trace: list[int] = []
        self.ended = False

    def choose(self) -> bool:
        if not self.rest:
            raise _Spent
        return self.rest.pop(0)

    def burn(self) -> None:
        self.fuel -= 1
        if self.fuel == 0:
            raise _Spent

    def items(self, items: Sequence[Item]) -> Run:
        """Just follow the jumps."""
        labels = {item.name: i for i, item in enumerate(items) if isinstance(item, Label)}
        at = 0
        with suppress(_Spent):
            while at < len(items):
                self.burn()
                match items[at]:
                    case Assign(_, Const(int() as number)):
                        self.trace.append(number)
                    case Jump(target, cond):
                        if cond is None or self.choose():
                            at = labels[target]
                at += 1
            self.ended = True
        return self

    def statements(self, body: Sequence[Stmt]) -> Run:
        """Execute nested statements."""
        with suppress(_Spent):
            assert self._body(body) is None
            self.ended = True
        return self

    def _body(self, body: Sequence[Stmt]) -> str | None:
        for stmt in body:
            self.burn()
            left: str | None = None
            match stmt:
                case Assign(_, Const(int() as number)):
                    self.trace.append(number)
                case If(_, then, other):
                    left = self._body(then if self.choose() else other)
                case Block(label, inner):
                    left = self._body(inner)
                    left = None if left == label else left
                case Loop(label, inner):
                    while left is None:
                        self.burn()
                        left = self._body(inner)
                    left = None if left == label else left
                case Exit(label):
                    left = label
            if left is not None:
                return left
        return None


COND: Expr = Binary("==", Reg("x"), Const(0))

programs = st.lists(
    st.one_of(
        st.just("step"),
        st.just("step"),
        st.tuples(st.just("label"), st.integers(0, 3)),
        st.tuples(st.booleans(), st.integers(0, 3)),
    ),
    min_size=1,
    max_size=12,
)


@given(programs, st.lists(st.booleans(), max_size=10))
def test_the_nested_form_does_what_the_jumps_do(shape: list[object], choices: list[bool]) -> None:
    items: list[Item] = []
    known: set[str] = set()
    for number, part in enumerate(shape):
        if part == "step":
            items.append(step(number))
        elif isinstance(part, tuple) and part[0] == "label":
            if f"L{part[1]}" not in known:
                known.add(f"L{part[1]}")
                items.append(Label(f"L{part[1]}", POS))
        elif isinstance(part, tuple):
            items.append(jump(f"L{part[1]}", COND if part[0] else None))
    items += [Label(f"L{i}", POS) for i in range(4) if f"L{i}" not in known]
    try:
        body = structured(items)
    except UnsupportedError:
        return
    a, b = Run(choices).items(items), Run(choices).statements(body)
    if a.ended and b.ended:
        assert a.trace == b.trace
    else:
        shorter = min(len(a.trace), len(b.trace))
        assert a.trace[:shorter] == b.trace[:shorter]


def test_a_branch_to_what_follows_anyway_is_an_if_without_sides() -> None:
    assert structured([jump("L", COND), Label("L", POS), step(1)]) == (If(COND, (), (), POS, ""), step(1))


def test_a_branch_over_statements_needs_no_block() -> None:
    assert structured([jump("L", COND), step(1), Label("L", POS), step(2)]) == (If(COND, (), (step(1),), POS, ""), step(2))


def test_a_jump_into_a_loop_is_refused() -> None:
    items: list[Item] = [jump("In", COND), Label("Top", POS), step(1), Label("In", POS), step(2), jump("Top", COND)]
    with pytest.raises(UnsupportedError, match="jumps into the middle of a loop"):
        structured(items)
