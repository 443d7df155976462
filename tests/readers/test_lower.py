"""C as it runs: what threads compute alone is what C computes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from smpcheck.errors import UnsupportedError
from smpcheck.program import ir
from smpcheck.program.values import INT, LONG, Ptr, UndefinedValue
from tests.readers.common import body_error, litmus, run


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("int r = 7 / -2;", -3),
        ("const int *p = x; p = p + 1; const int k = 2; int r = k;", 2),
        ("int r = -7 % 3;", -1),
        ("int r = 2147483647; r = r + 1;", -2147483648),
        ("unsigned int u = 0; long r = u - 1;", 4294967295),
        ("unsigned char c = 255; c++; int r = c;", 0),
        ("signed char c = 127; c += 1; int r = c;", -128),
        ("unsigned char c = 200; int r = c << 1;", 400),
        ("int r = -1 < 1u;", 0),
        ("int r = -1L < 1u;", 1),
        ("long r = 1 << 31;", -2147483648),
        ("unsigned long r = 1UL << 63;", 1 << 63),
        ("int r = (char)300;", 44),
        ("int r = (_Bool)256;", 1),
        ("bool b = 4; int r = b;", 1),
        ("int r = ~0u == 4294967295u;", 1),
        ("int r = !5 + !0;", 1),
        ("int r = 5 & 6 | 1 ^ 8;", 13),
        ("int r = 'a' + 0x10 + 010;", 121),
        ("int r = sizeof(long) + sizeof(int *) + sizeof(char);", 17),
        ("int a = 3; int r = sizeof a;", 4),
        ("int r = 1 ? 2 : 3, q = 0 ? 4 : 5; r = r * 10 + q;", 25),
        ("int a = 1, b = 2; int r = (a++, b++, a * 10 + b);", 23),
        ("int a = 5; int r = a++ + 10 * a;", 65),
        ("int a = 5; int r = ++a * 10 + --a;", 65),
        ("int a, b, r; a = b = r = 4; r += a -= b *= 2;", 0),
        ("int r = 1; r <<= 3; r |= 3; r ^= 1; r %= 7;", 3),
        ("int r = 0 && 1 / 0;", 0),
        ("int z = 0; int r = z && 1 / z;", 0),
        ("int z = 0; int r = !z || 1 / z;", 1),
        ("int r; ; { int r = 5; r++; } r = r + 1;", 1),
    ],
)
def test_expressions_have_the_values_of_c(body: str, value: int) -> None:
    assert run(body).reg("r") == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("int r = 0; for (int i = 0; i < 5; i++) { if (i == 1) continue; if (i == 4) break; r = r * 10 + i; }", 23),
        ("int r = 0, i = 3; while (i) r = r * 10 + i--;", 321),
        ("int r = 0; do r++; while (r < 4);", 4),
        ("int r = 0; do { r = 1; if (r) break; r = 2; } while (0);", 1),
        ("int r = 0; do { r++; if (r < 3) continue; r = 10; } while (r < 5);", 10),
        ("int r = 0; for (;;) { if (++r == 3) break; }", 3),
        ("int r = 0; for (int i = 0; i < 3; i++) for (int j = 0; j < 3; j++) { if (j == 2) break; r++; }", 6),
        ("int r = 0; while (0) r = 1;", 0),
        ("int r = 0; if (r) { r = 1; } else if (!r) r = 2; else r = 3;", 2),
        ("int r = 1; if (r) return; r = 2;", 1),
        ("int r = 0, i = 4; while (i--) { switch (i) { case 0: r += 1; case 1: r += 10; break; default: r += 100; } }", 221),
        ("int r = 0; switch (5) { default: r = 1; case 7: r += 2; break; case 6: r = 9; }", 3),
        ("int r = 0; for (int i = 0; i < 3; i++) { switch (i) { case 1: continue; case 0: case 2: r += 5; } r += 1; }", 12),
    ],
)
def test_statements_run_as_in_c(body: str, value: int) -> None:
    assert run(body).reg("r") == value


def test_enumeration_constants() -> None:
    assert run("int r = A + C; *x = D;", before="enum kind { A = 1, B = 5, C }; enum { D = B << 2 };").reg("r") == 7


HELPERS = """
struct list { int value; struct list *next; };
static int twice(int v) { return 2 * v; }
static void swap(int *a, int *b) { int t = *a; *a = *b; *b = t; }
static int sign(int v) { if (v < 0) return -1; if (v) return 1; return 0; }
static int sum(struct list *at) { int s = 0; for (int i = 0; i < 3 && at; i++, at = at->next) s += at->value; return s; }
static inline int loops(int n) { while (1) { if (n > 10) return n; n += 4; } }
static int apply(int n) { n = twice(n) + twice(1); return n; }
"""


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("int r = twice(twice(3) + 1);", 14),
        ("int r = 1, q = 2; swap(&r, &q);", 2),
        ("*x = 7; *y = 8; swap(x, y); int r = *x;", 8),
        ("int a = 5; swap(&a, x); int r = *x * 10 + a;", 50),
        ("int r = sign(-5) * 100 + sign(7) * 10 + sign(0);", -90),
        ("int r = loops(3);", 11),
        ("int n = 3; int r = apply(n) * 100 + n;", 803),
        ("int r = sum(l);", 6),
    ],
)
def test_helper_functions_are_inlined(body: str, value: int) -> None:
    machine = run(
        body,
        params="int *x, int *y, struct list *l",
        before=HELPERS,
        init="struct list l = {1, &m}; struct list m = {2, &n}; struct list n = {3, 0};",
    )
    assert machine.reg("r") == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("s->a.c = 1; s->v[2] = 5; int *p = &s->v[1]; p++; int r = *p;", 5),
        ("int *p = s->v; *(p + 1) = 4; int r = s->v[1] + 1[p];", 8),
        ("int *p = s->v; struct outer *q = container_of(p, struct outer, v); q->tag = 9; int r = s->tag;", 9),
        ("int *p = &s->v[2], *q = s->v; int r = p - q;", 2),
        ("int *p = &s->v[2], *q = s->v; int r = (p > q) * 10 + (p == q + 2);", 11),
        ("char *p = (char *)s; p += offsetof(struct outer, v); int *q = (int *)p; *q = 6; int r = s->v[0];", 6),
        ("s->self = s; s->self->self->tag = 3; int r = (*s->self).tag;", 3),
        ("unsigned long p = (unsigned long)s | 1; struct outer *q = (struct outer *)(p & ~1UL); q->tag = 2; int r = s->tag;", 2),
        ("int r = sizeof(struct outer);", 16 + 16 + 8),
        ("int i = 2; s->v[i - 1] = 8; int r = s->v[i / 2];", 8),
    ],
)
def test_structs_arrays_and_pointers(body: str, value: int) -> None:
    before = """struct inner { char c; long l; };
    struct outer { struct inner a; int tag, v[3]; struct outer *self; };"""
    assert run(body, params="struct outer *s", before=before, init="struct outer s;", question="").reg("r") == value


def test_file_scope_variables_are_shared_objects() -> None:
    machine = run("x = x + 1; WRITE_ONCE(y, &x); int r = *READ_ONCE(y);", params="", before="int x = 4; int *y;", question="")
    assert machine.reg("r") == 5
    assert machine.events[0] == ("x", frozenset())


def test_sibling_scopes_share_the_register_and_nested_ones_do_not() -> None:
    machine = run("if (1) { int r1 = 3; } { int r1; r1++; { int r1 = 10; } }")
    assert machine.reg("r1") == 4
    assert machine.reg("r1.2") == 10


def test_a_loaded_value_goes_to_its_variable_without_a_detour() -> None:
    (load,) = litmus("int r1 = READ_ONCE(*x);").threads[0].body
    where = ir.Position("test.litmus", 6, 10)
    assert load == ir.Load("r1", ir.Const(Ptr("x")), frozenset({"Once"}), where, "READ_ONCE(*x)", ctype=INT)


def test_a_value_assigned_twice_is_read_once() -> None:
    machine = run("int a, b; a = b = READ_ONCE(*x); *y = *x = 3; a += *y;", init="int x = 5;")
    assert (machine.reg("a"), machine.reg("b"), machine.cell("y")) == (8, 5, 3)
    assert [text for text, _ in machine.events] == ["READ_ONCE(*x)", "*x = 3", "*y = *x = 3", "*y"]


def test_accesses_on_the_right_of_a_short_circuit_depend_on_the_left() -> None:
    body = litmus("if (READ_ONCE(*x) && READ_ONCE(*y)) WRITE_ONCE(*x, 1);").threads[0].body
    assert isinstance(body[0], ir.Load)
    branch = body[1]
    assert isinstance(branch, ir.If) and branch.cond == ir.Reg(body[0].reg)
    assert isinstance(branch.then[0], ir.Load) and not any(isinstance(s, ir.Load) for s in branch.other)


def test_pure_conditions_are_one_branch() -> None:
    (branch,) = litmus("int a, b; if (a && b || !a) *x = 1;").threads[0].body
    assert isinstance(branch, ir.If)


def test_a_branch_on_a_constant_is_none() -> None:
    assert not any(isinstance(s, ir.If) for s in litmus("if (1) *x = 1; else *y = 1; while (0) *y = 2;").threads[0].body)


@pytest.mark.parametrize(
    ("head", "bound"),
    [
        ("for (int i = 0; i < 3; i++)", 4),
        ("for (int i = 3; i > 0; --i)", 4),
        ("int i; for (i = 0; i <= 4; i += 2)", 4),
        ("for (int i = 0; i != 3; i++)", 4),
        ("for (int i = 0; i < *x; i++)", None),
        ("int n = 3; for (int i = 0; i < n; i++)", None),
        ("for (int i = 0; i < 100000; i++)", None),
        ("while (*x)", None),
    ],
)
def test_counted_loops_know_their_bound(head: str, bound: int | None) -> None:
    loop = litmus(f"{head} *y = 1;").threads[0].body[-1]
    assert isinstance(loop, ir.Loop)
    assert loop.bound == bound


def test_a_loop_whose_body_changes_the_counter_is_not_counted() -> None:
    loop = litmus("for (int i = 0; i < 3; i++) i = *x;").threads[0].body[-1]
    assert isinstance(loop, ir.Loop) and loop.bound is None


def test_registers_have_the_types_of_the_variables() -> None:
    thread = litmus("long a = *x; int *b = x; unsigned char c = 1;").threads[0]
    assert thread.reg_types["a"] == LONG
    assert (thread.reg_types["b"].name, thread.reg_types["c"].bits) == ("pointer", 8)


def test_a_name_that_is_assigned_but_not_declared_is_a_register() -> None:
    assert litmus("int r1 = 0; r3 = r1 + 1;").threads[0].reg_types.keys() == {"r1", "r3"}


def test_pointers_in_ints_make_ints_wide() -> None:
    machine = run("int r1; r1 = READ_ONCE(*x); int r2 = READ_ONCE(*r1);", init="x=y; y=7;", params="int *x")
    assert (machine.reg("r1"), machine.reg("r2")) == (Ptr("y"), 7)
    assert machine.program.notes == ("a pointer is kept in an int (line 2): int is taken to be as wide as a pointer",)


@pytest.mark.usefixtures("without_clang")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("int f = 1.5;", "'1.5' is not an integer constant"),
        ("const int r = 1; r = 2;", "'r' is const: nothing can be assigned to it"),
        ("int const r = 1; r += 2;", "'r' is const: nothing can be assigned to it"),
        ("int *const p = x; p++;", "'p' is const: nothing can be assigned to it"),
        ('asm("nop");', "inline assembly is not supported"),
        ("int a[3]; int b[3] = a;", "a int[3] is initialised from a int[3]"),
        ("char a[8]; memset(a, 0, *x);", "memset() of a size that is not constant is not supported"),
        ("int r; memset(&r, 0, 4);", "memset() of a local variable that lies in no memory is not supported"),
        ("memcpy(x, y);", "memcpy() takes 3 arguments, not 2"),
        ("WRITE_ONCE(*z, 1);", "'z' is neither declared nor assigned in P0(): declare it, or give P0 a parameter '*z'"),
        ("smp_store_release(z, 1);", "'z' is neither declared nor assigned in P0(): declare it, or give P0 a parameter '*z'"),
        ("int r = *x & READY_BIT;", "'READY_BIT' is neither declared nor assigned in P0(): declare it"),
        ("READ_ONCE(x);", "'x' is not a variable of the thread: it is not stored anywhere"),
        ("int r1; WRITE_ONCE(r1, 1);", "'WRITE_ONCE(r1, 1)' accesses a local variable, which no other thread can see"),
        ("WRITE_ONCE(*x);", "WRITE_ONCE() takes 2 arguments, not 1"),
        ("foo();", "unknown function foo()"),
        ("smp_mb_before_atomic();", "unknown function smp_mb_before_atomic(); did you mean smp_mb__before_atomic()?"),
        ("int r = *y", "C syntax error: ';' expected here"),
        ("int r = = 1;", "C syntax error at '='"),
        ("x->f = 1;", "'.f' of something that is not a struct but int"),
        ("int *p; *(p * 2) = 1;", "operator * on a pointer"),
        ("void *p = x; *p = 1;", "a void pointer cannot be dereferenced: cast it first"),
        ("int r; int *p = &r; *x = *p;", "the address of a local variable can be passed on, but not be stored or compared"),
        ("break;", "'break' outside of a loop"),
        ("*(long *)x = 1;", "an access of 8 bytes to x leaves the object"),
        ("x[3] = 1;", "an access to x+12, where no object lies"),
        ("*(int *)5000 = 1;", "an access to the address 5000, where no object lies"),
        ("struct nosuch *p; p->a = 1;", "struct nosuch is not defined in this file"),
        ("nosuch_t a;", "unknown type 'nosuch_t'; define it with struct or typedef before its use"),
        ("call_rcu(x, y);", "call_rcu() is not supported: callbacks run in a thread of their own"),
        ("char c = (char)x;", "a pointer does not fit into char"),
    ],
)
def test_what_is_wrong_is_named_with_its_position(body: str, message: str) -> None:
    caught = body_error("\t" + body)
    assert caught.message.startswith(message)
    assert caught.pos is not None and (caught.pos.line == 6 or caught.pos.line == 5)


@pytest.mark.usefixtures("without_clang")
def test_recursion_is_refused_by_name() -> None:
    caught = body_error("int r = f(3);", before="int g(int n);\nint f(int n) { return g(n); }\nint g(int n) { return f(n); }")
    assert caught.message.startswith("recursion (P0 -> f -> g -> f) is not supported (")


def test_a_return_without_its_value_is_an_error() -> None:
    assert body_error("int r = f();", before="int f(void) { return; }").message == "'return' without a value in f()"


# --- against a C compiler --------------------------------------------------------------------------------------------

_VARIABLES = {
    "c": "signed char", "d": "unsigned char", "s": "short", "i": "int", "u": "unsigned int", "l": "long", "m": "unsigned long"
}  # fmt: skip
_ARITHMETIC = ("+", "-", "*", "/", "%", "&", "|", "^", "<", "<=", ">", ">=", "==", "!=", "&&", "||")


def _without_parentheses(operands: list[str]) -> st.SearchStrategy[str]:
    """Operands in a row, names in parentheses: what is a cast and what binds more tightly must be seen."""
    names = [f"({operand})" if operand.isidentifier() else operand for operand in operands]
    operators = st.lists(st.sampled_from(_ARITHMETIC), min_size=len(names) - 1, max_size=len(names) - 1)
    return operators.map(lambda ops: f"({names[0]}{''.join(f' {op} {x}' for op, x in zip(ops, names[1:], strict=True))})")


def _expressions() -> st.SearchStrategy[str]:
    leaves = st.sampled_from([*_VARIABLES, "0", "1", "-1", "2147483647", "0x80000000", "255u", "3L", "7UL"])

    def more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(_ARITHMETIC), inner),
            st.builds("({} {} {})".format, inner, st.sampled_from(("<<", ">>")), st.sampled_from(("0", "1", "5", "15"))),
            st.builds("({} {})".format, st.sampled_from(("-", "~", "!", "+")), inner),
            st.lists(inner, min_size=3, max_size=5).flatmap(_without_parentheses),
            st.builds("(({}){})".format, st.sampled_from([*_VARIABLES.values(), "_Bool"]), inner),
            st.builds("({} ? {} : {})".format, inner, inner, inner),
        )

    value = st.recursive(leaves, more, max_leaves=8)
    assignment = st.builds("(t {}= {})".format, st.sampled_from(("", "+", "-", "^", "|", "*")), value)
    assignment |= st.builds("({}t{})".format, st.sampled_from(("", "-", "!", "~", "!!", "- -")), st.sampled_from(("++", "--")))
    guarded = st.builds("({} {} {})".format, value, st.sampled_from(("&&", "||", ",")), assignment)
    return st.one_of(value, assignment, guarded)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
@given(
    st.lists(_expressions(), min_size=20, max_size=40),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=len(_VARIABLES), max_size=len(_VARIABLES)),
)
def test_expressions_are_those_of_gcc(
    tmp_path_factory: pytest.TempPathFactory, expressions: list[str], numbers: list[int]
) -> None:
    starts = "".join(f"{t} {n} = ({t}){v & 2**64 - 1:#x}UL; " for (n, t), v in zip(_VARIABLES.items(), numbers, strict=True))
    ours: dict[int, tuple[object, object]] = {}
    for k, text in enumerate(expressions):
        try:
            machine = run(f"{starts} int t = 5; long r = {text};")
        except (UndefinedValue, UnsupportedError):  # division by zero
            continue
        ours[k] = machine.reg("r"), machine.reg("t")
    folder: Path = tmp_path_factory.mktemp("gcc")
    prints = "".join(f'{{ int t = 5; long r = {expressions[k]}; printf("%ld %d\\n", r, t); }}\n' for k in ours)
    (folder / "a.c").write_text(f"#include <stdio.h>\nint main(void) {{ {starts} {prints} return 0; }}\n")
    subprocess.run(["gcc", "-w", "-fwrapv", "-O0", "-o", folder / "a", folder / "a.c"], check=True)
    lines = subprocess.run([folder / "a"], check=True, capture_output=True, text=True).stdout.splitlines()
    for (k, value), line in zip(ours.items(), lines, strict=True):
        assert value == tuple(int(word) for word in line.split()), expressions[k]
