"""Values bit by bit mean what they mean one by one: every operator, random programs, and values out of thin air."""

from __future__ import annotations

import contextlib
import itertools
import random

import pytest

from smpcheck.cat.load import load_model
from smpcheck.errors import InputError
from smpcheck.program import ir
from smpcheck.program.events import compute
from smpcheck.program.values import (
    BOOL,
    CHAR,
    INT,
    LONG,
    POINTER,
    UINT,
    ULONG,
    UNDETERMINED,
    CType,
    Ptr,
    UndefinedValue,
    Value,
    binary,
)
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Answer, Question
from smpcheck.solver.solve import solve
from tests.naive.generate import random_litmus
from tests.naive.replay import mismatch
from tests.solver.test_against_naive import TooMany, difference

BITS = "smpcheck.solver.domains.MAX_DOMAIN"
ONCE = frozenset({"Once"})
A, B = Ptr("a"), Ptr("b")
OPERATORS = ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "<", "<=", ">", ">=", "==", "!=", "&&", "||")


def results(left: Value, right: Value, expressions: list[ir.Expr], source: CType) -> list[Value] | None:
    """What expressions over the registers ``l`` and ``r`` give where these are read; None if one of them is undefined."""
    cells = {A: ir.Cell("a", source, left), B: ir.Cell("b", source, right)}
    loads = (ir.Load("l", ir.Const(A), ONCE), ir.Load("r", ir.Const(B), ONCE))
    body: tuple[ir.Stmt, ...] = (*loads, *(ir.Assign(f"v{i}", e) for i, e in enumerate(expressions)))
    observed = tuple(ir.FinalReg(0, f"v{i}") for i, _ in enumerate(expressions))
    thread = ir.Thread(0, body, reg_types=dict.fromkeys(["l", "r", *(v.name for v in observed)], LONG))
    try:
        states = solve(ir.Program("t", cells, (thread,), observed=observed), load_model("sc")).states
    except InputError as error:
        assert "undefined" in error.message
        return None
    return list(states[0][0].values()) if states else None


def applied(op: str, ctype: CType) -> ir.Expr:
    return ir.Binary(op, ir.Reg("l"), ir.Reg("r"), ctype)


def expected(op: str, left: Value, right: Value, ctype: CType) -> Value | None:
    try:
        return compute("bin", (op, ctype), (left, right))
    except UndefinedValue:
        return None


INTEGERS = {
    INT: (0, 1, -1, 7, 31, -(2**31), 2**31 - 1),
    UINT: (0, 1, 5, 31, 2**31, 2**32 - 1),
    LONG: (0, -3, 63, 2**62 + 9, -(2**63)),
    ULONG: (0, 3, 2**63 + 1, 2**64 - 1),
}
SAMPLE = random.Random(1).sample([(t, a, b) for t, vs in INTEGERS.items() for a, b in itertools.product(vs, vs)], 16)


@pytest.mark.parametrize(("ctype", "left", "right"), SAMPLE, ids=str)
def test_operators_on_integers(ctype: CType, left: int, right: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BITS, 0)
    wanted = {op: expected(op, left, right, ctype) for op in OPERATORS}
    defined = [op for op, value in wanted.items() if value is not None]
    assert results(left, right, [applied(op, ctype) for op in defined], ctype) == [wanted[op] for op in defined]
    for op in wanted.keys() - set(defined):
        assert results(left, right, [applied(op, ctype)], ctype) is None


@pytest.mark.parametrize("value", [0, 1, -1, 255, 128, -(2**31), 2**40 + 200, Ptr("a", 8)], ids=str)
def test_casts_and_unary_operators(value: Value, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BITS, 0)
    left = ir.Reg("l")
    cases: list[tuple[ir.Expr, tuple[str, object]]] = [
        *((ir.Cast(t, left), ("cast", t)) for t in (BOOL, CHAR, UINT, INT, LONG, ULONG)),
        *((ir.Unary(op, left, t), ("un", (op, t))) for op in "-~!+" for t in (INT, ULONG)),
    ]
    for expr, how in cases:
        wanted: list[Value] | None = None
        with contextlib.suppress(UndefinedValue):
            wanted = [compute(how[0], how[1], (value,))]
        assert results(value, 0, [expr], POINTER if isinstance(value, Ptr) else LONG) == wanted, expr


POINTERS = (Ptr("a"), Ptr("a", 8), Ptr("a", 4100), Ptr("b"), Ptr("a", 3))
NUMBERS = (0, 1, 5, 4096, 2**64 - 8, 2**64 - 4096)


PAIRS = random.Random(2).sample([*itertools.product(POINTERS[:4], POINTERS), *itertools.product(POINTERS, NUMBERS)], 14)


@pytest.mark.parametrize(("left", "right"), PAIRS, ids=str)
def test_operators_on_pointers(left: Value, right: Value, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BITS, 0)
    for a, b in ((left, right), (right, left)):
        wanted = {op: expected(op, a, b, ULONG) for op in OPERATORS}
        defined = [op for op, value in wanted.items() if value is not None]
        assert results(a, b, [applied(op, ULONG) for op in defined], POINTER) == [wanted[op] for op in defined]
        for op in [op for op, value in wanted.items() if value is None][::4]:
            assert results(a, b, [applied(op, ULONG)], POINTER) is None


@pytest.mark.parametrize("seeds", [range(14), range(14, 28)], ids=lambda r: f"{r.start}-{r.stop - 1}")
@pytest.mark.parametrize("most", [0, 1])
def test_programs_agree_with_brute_force(seeds: range, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random programs, all of whose values are bit vectors, or those of which there is more than one."""
    monkeypatch.setattr(BITS, most)
    for seed in seeds:
        try:
            found = difference(random_litmus(seed), "lkmm")
        except (TooMany, NotImplementedError):
            continue
        assert found is None, f"test {seed}: {found}\n{random_litmus(seed)}"


OPERATIONS = (
    (("fetch_add(3, x)", "+", 3), ("fetch_or(256, x)", "|", 256), ("fetch_sub(5, x)", "-", 5), ("fetch_xor(1029, x)", "^", 1029),
     ("fetch_add(90, x)", "+", 90)),
    (("fetch_add(1000, x)", "+", 1000), ("fetch_and(65535, x)", "&", 65535), ("fetch_add(77, x)", "+", 77),
     ("fetch_sub(19, x)", "-", 19), ("fetch_xor(4096, x)", "^", 4096)),
)  # fmt: skip


def test_ten_operations_on_one_word_are_decided() -> None:
    """Each value between them is one of thousands as far as domains know; what is last read is what some interleaving gives."""
    last = set()
    for places in itertools.combinations(range(10), 5):
        value: Value = 0
        orders = [iter(ops) for ops in OPERATIONS]
        for place in range(10):
            mine = place in places
            _, op, operand = next(orders[0 if mine else 1])
            if mine and op == "+" and operand == 90:
                last.add(value)
            value = binary(op, value, operand, INT)
    bodies = ("".join(f"r = atomic_{text};\n" for text, _, _ in ops) for ops in OPERATIONS)
    threads = "".join(f"P{i}(atomic_t *x)\n{{\nint r;\n{body}}}\n" for i, body in enumerate(bodies))
    answer = solve(read_litmus(f"C t\n{{}}\n{threads}exists (0:r=0)\n"), load_model("sc"))
    assert {value for state, _ in answer.states for value in state.values()} == last


# --- out of thin air ---


def cycle(first: str, second: str, cond: str, params: str = "int *a, int *b", init: str = "", declare: str = "int r;") -> Answer:
    """Two threads, the first from ``r = *a`` to ``*b``, the second back."""
    bodies = (f"{declare}\nr = *a;\n{first}", f"{declare}\nr = *b;\n{second}")
    threads = "".join(f"P{i}({params})\n{{\n{body}\n}}\n" for i, body in enumerate(bodies))
    program = read_litmus(f"C t\n{{ {init} }}\n{threads}exists ({cond})\n")
    answer = solve(program, load_model("lkmm"), Question(witness=True))
    for execution in filter(None, (answer.witness, answer.counter)):
        assert mismatch(program, execution) is None
    return answer


@pytest.mark.parametrize(
    ("first", "second", "cond", "verdict"),
    [
        ("*b = r;", "*a = r;", "0:r=7", "Sometimes"),
        ("*b = r;", "*a = r;", "0:r=-5", "Sometimes"),
        ("*b = r;", "*a = r;", "0:r=1 /\\ 1:r=2", "Never"),
        ("*b = r + 1;", "*a = r;", "0:r=7", "Never"),
        ("*b = r + 1;", "*a = r - 1;", "0:r=7 /\\ 1:r=8", "Sometimes"),
        ("*b = r * 3;", "*a = r + 2;", "0:r=-1", "Sometimes"),
        ("*b = r * 3;", "*a = r + 2;", "0:r=5", "Never"),
        ("*b = r & 6;", "*a = r;", "0:r=7", "Never"),
        ("*b = r & 6;", "*a = r;", "0:r=4", "Sometimes"),
        ("*b = r ^ r;", "*a = r;", "~0:r=0", "Never"),
        ("*b = r * r;", "*a = r;", "0:r=1", "Sometimes"),
        ("*b = r * r;", "*a = r;", "0:r=2", "Never"),
        ("if (r == 9)\n*b = r;", "*a = r;", "0:r=9", "Sometimes"),
        ("if (r == 9)\n*b = r;", "*a = r;", "0:r=8", "Never"),
        ("if (r > 3)\n*b = r;", "if (r < 5)\n*a = r;", "0:r=4", "Sometimes"),
        ("if (r > 3)\n*b = r;", "if (r < 5)\n*a = r;", "0:r=5", "Never"),
        ("*b = r / 2;", "*a = r * 2;", "0:r=12", "Sometimes"),
        ("*b = r / 2;", "*a = r * 2;", "0:r=13", "Never"),
        ("*b = r << 1;", "*a = r;", "~0:r=0", "Never"),
    ],
)
def test_a_value_out_of_thin_air_is_what_solves_its_cycle(first: str, second: str, cond: str, verdict: str) -> None:
    answer = cycle(first, second, cond)
    assert (answer.status, answer.verdict) == ("ok", verdict)
    if "Sometimes" in verdict:
        assert answer.flags == ("data-race",)
        assert UNDETERMINED in {v for state, _ in answer.states for v in state.values()}


@pytest.mark.parametrize(
    ("ctype", "cond", "verdict"),
    [
        ("char", "0:r=100", "Sometimes"),
        ("char", "0:r=200", "Never"),
        ("_Bool", "0:r=1", "Sometimes"),
        ("_Bool", "0:r=2", "Never"),
    ],
)
def test_a_value_out_of_thin_air_is_one_of_its_type(ctype: str, cond: str, verdict: str) -> None:
    assert cycle("*b = r;", "*a = r;", cond, f"{ctype} *a, {ctype} *b").verdict == verdict


@pytest.mark.parametrize(
    ("cond", "verdict"), [("0:r=x", "Sometimes"), ("0:r=y /\\ y=3", "Sometimes"), ("0:r=x /\\ 1:r=y", "Never")]
)
def test_a_pointer_out_of_thin_air_may_be_to_any_location(cond: str, verdict: str) -> None:
    answer = cycle("if (r)\n*r = 3;\n*b = r;", "*a = r;", cond, "int **a, int **b, int *x, int *y", "int *a; int *b;", "int *r;")
    assert answer.verdict == verdict


def test_marked_accesses_have_no_values_out_of_thin_air() -> None:
    program = read_litmus(
        "C t\n{}\nP0(int *a, int *b)\n{\nint r = READ_ONCE(*a);\nWRITE_ONCE(*b, r);\n}\n"
        "P1(int *a, int *b)\n{\nint r = READ_ONCE(*b);\nWRITE_ONCE(*a, r);\n}\nexists (~0:r=0)\n"
    )
    assert solve(program, load_model("lkmm")).verdict == "Never"


def test_what_reads_such_a_value_later_has_it_too() -> None:
    program = read_litmus(
        "C t\n{}\nP0(int *a, int *b)\n{\nint r = *a;\n*b = r;\n}\nP1(int *a, int *b)\n{\nint r = *b;\n*a = r;\n}\n"
        "P2(int *b, int *c)\n{\nint r = READ_ONCE(*b);\nif (r == 5)\nWRITE_ONCE(*c, 1);\n}\nexists (c=1 /\\ 0:r=5)\n"
    )
    answer = solve(program, load_model("lkmm"), Question(witness=True))
    assert answer.verdict == "Sometimes"
    assert answer.witness is not None and mismatch(program, answer.witness) is None
