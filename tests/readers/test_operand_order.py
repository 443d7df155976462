"""C leaves the order of operands open: every order is tried, from a certain number on it is said that not all were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import permutations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.program.values import INT
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.operand_order import MAX_ORDERS, Item, Unordered, in_order
from smpcheck.solver.solve import solve
from tests.readers.common import litmus


def orders(body: tuple[ir.Stmt, ...]) -> set[tuple[str, ...]]:
    """The orders of the events of straight code with choices, by their texts."""
    found: set[tuple[str, ...]] = {()}
    for stmt in body:
        if isinstance(stmt, ir.Choice):
            found = {(*a, *b) for a in found for b in orders(stmt.then) | orders(stmt.other)}
        elif isinstance(stmt, ir.Load | ir.Store | ir.Rmw | ir.Fence):
            found = {(*a, stmt.text) for a in found}
    return found


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("r = READ_ONCE(*x) + READ_ONCE(*y);", 2),
        ("r = READ_ONCE(*x) + READ_ONCE(*y) + READ_ONCE(*z);", 6),
        ("r = READ_ONCE(*x) && READ_ONCE(*y);", 1),
        ("r = (READ_ONCE(*x), READ_ONCE(*y));", 1),
        ("r = READ_ONCE(*x) + 1;", 1),
        ("a[READ_ONCE(*x)] = READ_ONCE(*y);", 2),
        ("*x = READ_ONCE(*y);", 1),
        ("*x += READ_ONCE(*y);", 2),
        ("WRITE_ONCE(a[READ_ONCE(*x)], READ_ONCE(*y));", 2),
        ("r = atomic_inc_return(n) + READ_ONCE(*x);", 2),
        ("r = f(READ_ONCE(*x), READ_ONCE(*y));", 2),
        ("r = g(x, y) + READ_ONCE(*z);", 2),
        ("r = g(x, y) + h(x);", 2),
    ],
)
def test_orders_are_those_of_c(body: str, count: int) -> None:
    before = "int f(int a, int b) { return a + b; }\n"
    before += "int g(int *x, int *y) { int r = *x; return r + *y; }\nint h(int *p) { return *p; }"
    params = "int *x, int *y, int *z, int *a, atomic_t *n"
    program = litmus(f"int r; {body}", params=params, init="int a[2];", before=before)
    assert len(orders(program.threads[0].body)) == count
    assert program.notes == ()


def test_what_is_not_tried_is_said() -> None:
    program = litmus("int r = *x + *y + *z + *x + *y;", params="int *x, int *y, int *z")
    assert 1 <= len(orders(program.threads[0].body)) < 120
    (note,) = program.notes
    assert "C leaves the order of these operands open, and not all orders were tried" in note
    result = check_program(program, load_model("sc"), CheckOptions())
    assert note in result.notes


TWO = (
    "C t\n{{}}\nP0(int *a, int *b)\n{{\n\tint r;\n\tr = {};\n}}\n"
    "P1(int *a, int *b)\n{{\n\tWRITE_ONCE(*b, 1);\n\tsmp_wmb();\n\tWRITE_ONCE(*a, 1);\n}}\nexists (0:r=1)\n"
)


@pytest.mark.parametrize("expression", ["smp_load_acquire(a) + 2 * READ_ONCE(*b)", "2 * READ_ONCE(*b) + smp_load_acquire(a)"])
def test_the_answer_does_not_depend_on_which_operand_is_written_first(expression: str) -> None:
    assert solve(read_litmus(TWO.format(expression)), load_model("lkmm")).verdict == "Sometimes"


def drawn(rng: random.Random, names: Iterator[int], depth: int) -> list[Item]:
    """Events in a row, some of them operands of one expression."""
    body: list[Item] = []
    for _ in range(rng.randint(1, 2)):
        if depth and rng.random() < 0.5:
            body.append(Unordered((drawn(rng, names, depth - 1), drawn(rng, names, depth - 1)), None))
        else:
            name = f"e{next(names)}"
            body.append(ir.Load(name, ir.Const(0), frozenset(), ir.Position("t", 1), name))
    return body


def before(body: list[Item]) -> tuple[list[str], set[tuple[str, str]]]:
    """The events of ``body``, and which come before which."""
    events: list[str] = []
    pairs: set[tuple[str, str]] = set()
    for item in body:
        if isinstance(item, Unordered):
            parts = [before(operand) for operand in item.operands]
            inside = [event for part, _ in parts for event in part]
            pairs |= set().union(*(some for _, some in parts))
        else:
            assert isinstance(item, ir.Load)
            inside = [item.text]
        pairs |= {(a, b) for a in events for b in inside}
        events += inside
    return events, pairs


def test_orders_are_the_linear_extensions_of_what_is_ordered() -> None:
    rng = random.Random(7)
    compared = 0
    while compared < 60:
        body = drawn(rng, iter(range(100)), 2)
        events, pairs = before(body)
        if len(events) > 6:
            continue
        wanted = {order for order in permutations(events) if all(order.index(a) < order.index(b) for a, b in pairs)}
        remarks: list[object] = []
        found = orders(tuple(in_order(body, remarks.append)))
        assert found == wanted if not remarks else found <= wanted
        assert bool(remarks) == any(isinstance(item, Unordered) and len(extensions(item)) > MAX_ORDERS for item in body)
        compared += 1


def extensions(item: Unordered) -> set[tuple[str, ...]]:
    events, pairs = before([item])
    return {order for order in permutations(events) if all(order.index(a) < order.index(b) for a, b in pairs)}


def test_python_evaluates_from_left_to_right(tmp_path) -> None:
    from tests.readers.python.common import thread

    assert not any("choice" in line for line in thread(tmp_path, "r = READ_ONCE(s.x) + READ_ONCE(s.y)\nreturn r"))
    assert INT.bits == 32
