"""C litmus tests in any C: what the reader of litmus tests refuses, clang reads; both mean the same."""

from __future__ import annotations

import re

import pytest

import smpcheck
from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.ir import Program
from smpcheck.program.pieces import cut
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.clang import litmus, worker
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.sections import split
from smpcheck.readers.source import Source
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.naive.enumerate import executions, holds
from tests.naive.generate import random_litmus, waiting_litmus
from tests.naive.models import consistent
from tests.readers.clang.common import LKMM, in_process

CONSTRUCTS = {
    "goto": ("", "if (READ_ONCE(*x)) goto out; r0 = 1; out: WRITE_ONCE(*x, r0);"),
    "goto out of loops": ("", "for (int i = 0; i < 2; i++) for (;;) { if (i) goto out; break; } out: r0 = 1;"),
    "macro": (
        "#define TWICE(v) ((v) * 2)\n#define SET(p, v) do { WRITE_ONCE(*(p), v); } while (0)",
        "SET(x, TWICE(1)); r0 = READ_ONCE(*x) == 2;",
    ),
    "macro of several lines": ("#define SUM(a, b) \\\n\t({ int a_ = (a); \\\n\t   a_ + (b); })", "r0 = SUM(0, 1);"),
    "macro that pastes": ("#define CAT(a, b) a##b", "int CAT(q, 1) = 1; r0 = q1;"),
    "ifdef": ("#ifdef CONFIG_SMP\n#define V 0\n#else\n#define V 1\n#endif\n#undef W", "r0 = V;"),
    "include": ("#include <linux/spinlock.h>\n#define ONE 1", "r0 = ONE;"),
    "attributes of functions": (
        "static __always_inline int f(int *p) { return READ_ONCE(*p); }\n"
        "static inline __must_check int g(int a __maybe_unused) { return 1; }",
        "r0 = f(x) + g(3);",
    ),
    "attributes of members": (
        "struct s { int __rcu *p; int a ____cacheline_aligned; int b __aligned(8); };",
        "struct s v = { .b = 1 }; r0 = v.b;",
    ),
    "EXPORT_SYMBOL": ("static int f(void) { return 1; }\nEXPORT_SYMBOL(f);\nEXPORT_SYMBOL_GPL(f);", "r0 = f();"),
    "statement expression": ("", "r0 = ({ int q = 1; q; });"),
    "designated initialiser": (
        "struct s { int a, b[3]; };",
        "struct s v = { .b[1] = 1 }; int w[4] = { [2] = 1 }; r0 = v.b[w[2]];",
    ),
    "compound literal": (
        "struct s { int a, b; };\nstatic int f(struct s *p) { return p->a; }",
        "struct s v; v = (struct s){ .b = 1 }; r0 = v.b + f(&(struct s){ .b = 2 });",
    ),
    "case range, fall-through": (
        "",
        "switch (2) { case 0 ... 3: r0 = 5; fallthrough; case 9: r0 -= 4; break; default: r0 = 7; }",
    ),
    "struct values": (
        "struct s { int a, b; };\nstatic struct s mk(int a) { return (struct s){ a, 1 }; }\n"
        "static int f(struct s v) { v.a++; return v.a; }",
        "r0 = f(mk(-1)) + mk(0).b;",
    ),
    "function pointers": (
        "struct ops { int (*op)(int); };\nstatic int f(int a) { return a; }\nstatic int g(int a) { return a + 1; }\n"
        "static struct ops ops = { .op = g };",
        "int (*op)(int) = r0 ? f : ops.op; r0 = op(0);",
    ),
    "typedef of a function pointer": ("typedef int (*fn_t)(void);\nstatic int f(void) { return 1; }", "fn_t p = f; r0 = p();"),
    "typeof": ("", "typeof(r0) q = 1; __typeof__(*x) z = q; r0 = z;"),
    "static local": ("static int next(void) { static int n; return ++n; }", "r0 = next();"),
    "pointer to pointer": ("", "int **pp; int *p = x; pp = &p; WRITE_ONCE(**pp, 1); r0 = READ_ONCE(*x);"),
    "?: without a middle": ("", "r0 = r0 ?: 1;"),
    "builtins": ("", "r0 = __builtin_expect(1, 1) && __builtin_ffs(1) == 1;"),
    "string": ("", "const char *s = \"abc\"; r0 = s[0] == 'a';"),
    "_Generic": ("", "r0 = _Generic(r0, int: 1, default: 2);"),
    "union, bit field": ("union u { unsigned w; struct { unsigned a : 4, b : 28; }; };", "union u v = { .w = 0x10 }; r0 = v.b;"),
    "scoped_guard": ("", "scoped_guard(spinlock, l) { r0 = 1; }"),
}


@pytest.fixture(autouse=True)
def _parse_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_ask", in_process)
    monkeypatch.setenv("SMPCHECK_CACHE", "")


def of_construct(name: str) -> str:
    before, body = CONSTRUCTS[name]
    return f"C t\n{{ }}\n{before}\nP0(int *x, spinlock_t *l)\n{{\n\tint r0 = 0;\n\t{body}\n}}\n\nforall (0:r0=1)\n"


def by_clang(text: str) -> Program:
    source = Source(text, "t.litmus")
    return cut(litmus.read_by_clang(source, split(source), UnsupportedError("refused")))


@pytest.mark.parametrize(
    "name", ["goto", "macro of several lines", "function pointers", "case range, fall-through", "compound literal"]
)
def test_constructs_of_the_kernels_c_are_read(name: str) -> None:
    assert smpcheck.check(of_construct(name)).verdict == "Always"


@pytest.mark.slow
@pytest.mark.parametrize("name", CONSTRUCTS)
def test_all_constructs_of_the_kernels_c_are_read(name: str) -> None:
    assert smpcheck.check(of_construct(name), unroll=3).verdict == "Always"


PUBLISH = """C publish
{ struct dev d = { 1, { 2, 3 } }; struct dev *slot = &d; int 0:v = 4; atomic_t n = ATOMIC_INIT(2); }
#define PUT(p, value) do { smp_store_release(&(p), value); } while (0)
struct dev { int a; struct { short lo, hi; }; };
P0(struct dev *d, struct dev *e, struct dev **slot, atomic_t *n, int v)
{
	e->hi = v;
	if (atomic_read(n)) goto out;
	BUG_ON(1);
out:
	PUT(*slot, e);
}
P1(struct dev **slot)
{
	struct dev *p = smp_load_acquire(slot);
	int r = p->hi;
}
locations [1:p; d.lo; n]
"""


def test_init_section_and_condition_speak_of_what_clang_read() -> None:
    result = smpcheck.check(PUBLISH + "exists (1:r=4 /\\ 1:p=e /\\ e.hi=4)\n")
    assert (result.verdict, result.flags) == ("Sometimes", ())
    rows = {tuple(str(state[name]) for name in ("1:p", "1:r", "[d.lo]", "[n]", "[e.hi]")) for state in result.states}
    assert rows == {("d.a", "3", "2", "2", "4"), ("e.a", "4", "2", "2", "4")}


def test_conditions_ask_for_bit_fields() -> None:
    text = "C t\n{ }\nstruct f { unsigned a : 1; int b : 3; };\nP0(struct f *f)\n{\n\tint r = ({ f->b = -2; f->a; });\n}\n"
    assert smpcheck.check(text + "forall (f.b=-2 /\\ f.a=0)\n").verdict == "Always"
    assert smpcheck.check(text + "exists (f.b=2)\n").verdict == "Never"


def test_without_the_release_it_is_a_race() -> None:
    broken = PUBLISH.replace("smp_store_release(&(p), value)", "WRITE_ONCE((p), value)")
    assert "data-race" in smpcheck.check(broken + "exists (1:r=0 /\\ 1:p=e)\n").flags


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("goto out; r1 = 3; out: ;", "t.litmus:5:12: use of undeclared identifier 'r1'"),
        ("goto out;", "t.litmus:5:7: use of undeclared label 'out'"),
        ('goto out; out: asm volatile("hlt");', "t.litmus:5:17: inline assembly ('hlt') is not read"),
        ("goto out; out: mystery(x);", "t.litmus:5:17: unknown function mystery()"),
        ("int n = 3; int v[n]; goto out; out: v[0] = 1;", "t.litmus:5:19: 'n' is not a constant"),
    ],
)
def test_what_clang_does_not_read_either_is_named_with_its_place(body: str, says: str) -> None:
    with pytest.raises((InputError, UnsupportedError)) as caught:
        read_litmus(f"C t\n{{ }}\nP0(int *x)\n{{\n\t{body}\n}}\nexists (x=1)\n", "t.litmus")
    assert says in str(caught.value)


@pytest.mark.usefixtures("without_clang")
def test_without_libclang_the_refusal_says_what_to_install() -> None:
    with pytest.raises(UnsupportedError, match=r"t:4:3: 'goto out;' .* is not supported \(.*pip install 'smpcheck\[c\]'\)"):
        read_litmus("C t\n{ }\nP0(int *x) {\n  goto out; out: ;\n}\nexists (x=1)\n", "t")


# --- both readers ---


def same_answers(text: str) -> bool:
    """By both readers; False where one has none."""
    try:
        program = read_litmus(text, "t.litmus")
    except (InputError, UnsupportedError):
        return False
    one, other = (check_program(p, LKMM, CheckOptions(termination=False)) for p in (program, by_clang(text)))
    assert (one.status, one.verdict, one.flags) == (other.status, other.verdict, other.flags), text
    assert {frozenset(s.items()) for s in one.states} == {frozenset(s.items()) for s in other.states}, text
    return one.status == "ok"


def test_random_tests_mean_the_same_to_both_readers() -> None:
    texts = [*(random_litmus(seed, budget=5) for seed in range(8)), *(waiting_litmus(seed, budget=3) for seed in range(4))]
    assert sum(map(same_answers, texts)) > 8


@pytest.mark.slow
def test_many_random_tests_mean_the_same_to_both_readers() -> None:
    texts = [
        *(random_litmus(seed, budget=6) for seed in range(100, 340)),
        *(waiting_litmus(seed, budget=4) for seed in range(100, 160)),
    ]
    assert sum(map(same_answers, texts)) > 250


# --- the same test in the kernel's ways of writing C ---

DRESS = """struct box { int v; };
#define GET(p) ({ typeof(*(p)) v_ = READ_ONCE(*(p)); v_; })
#define PUT(p, value) do { WRITE_ONCE(*(p), value); } while (0)
#define BOX(p) ((struct box *)((void *)(p) - offsetof(struct box, v)))
#define TRUTH(c) ({ int c_ = !!(c); c_; })
static __always_inline int acquire(int *p) { return smp_load_acquire(p); }
static int (*const acquires[])(int *) = { [1] = acquire };
"""
WAYS = (
    (r"= READ_ONCE\(\*(\w+)\);", r"= GET(\1);"),
    (r"\bWRITE_ONCE\(\*(\w+), (.*)\);", r"PUT(\1, \2);"),
    (r"\bsmp_store_release\((\w+), (.*)\);", r"do { smp_store_release(\1, \2); } while (0);"),
    (r"= smp_load_acquire\((\w+)\);", r"= acquires[1](\1);"),
    (r"\breturn;", "goto end;"),
    (r"\bif \((.*)\) \{", r"if (TRUTH(\1)) {"),
    (r"^(\t+)\*([xyz]) = ", r"\1BOX(\2)->v = "),
    (r"= \*([xyz]);", r"= BOX(\1)->v;"),
    (r"\bsmp_(r?)mb\(\);", r"({ smp_\1mb(); });"),
    (r"^\}$", "end: ;\n}"),
)


def dressed(text: str) -> str:
    """A test of :func:`random_litmus` that means the same."""
    head, threads, question = re.split(r"(?=^P0\()|(?=^locations)", text, flags=re.MULTILINE)
    for pattern, way in WAYS:
        threads = re.sub(pattern, way, threads, flags=re.MULTILINE)
    return f"{head}{DRESS}{threads}{question}"


def enumerated(program: Program) -> set[frozenset[tuple[object, object]]] | None:
    """The final states under the kernel's model, by brute force; None where that is too much."""
    found: set[frozenset[tuple[object, object]]] = set()
    try:
        for number, candidate in enumerate(executions(program)):
            if number > 3000:
                return None
            if consistent("lkmm", candidate)[0] and (program.filter is None or holds(program.filter, candidate)):
                found.add(frozenset((term, candidate.final(term)) for term in program.observed))
    except NotImplementedError:
        return None
    return found


def dressed_is_the_same(seed: int, budget: int, brute_force: bool = True) -> tuple[bool, bool]:
    """Compare what clang makes of a dressed test with the other reader's view of the plain one, and with the enumerator. Returns
    whether there was an answer of each."""
    text = random_litmus(seed, budget)
    if re.search(r"\*q\d|int [a-z_]+\(int \*p\)", text):  # pointers in registers, helpers that return early
        return False, False
    program = by_clang(dressed(text))
    options = CheckOptions(termination=False)
    one, other = check_program(read_litmus(text, "t.litmus"), LKMM, options), check_program(program, LKMM, options)
    assert (one.status, one.verdict, one.flags) == (other.status, other.verdict, other.flags), dressed(text)
    states = {frozenset(state.items()) for state in one.states}
    assert states == {frozenset(state.items()) for state in other.states}, dressed(text)
    brute = enumerated(program) if brute_force else None
    if brute is not None and one.status == "ok":
        answer = solve(program, LKMM, Question(mode="states", flags=False))
        assert {frozenset(state.items()) for state, _ in answer.states} == brute, dressed(text)
    return one.status == "ok", brute is not None


def test_random_tests_mean_the_same_in_the_kernels_ways_of_writing() -> None:
    answers = [dressed_is_the_same(seed, 4) for seed in (1, 2, 4, 10, 12)]
    assert sum(answer for answer, _ in answers) >= 4
    assert sum(brute for _, brute in answers) >= 3


@pytest.mark.slow
def test_many_random_tests_mean_the_same_in_the_kernels_ways_of_writing() -> None:
    answers = [dressed_is_the_same(seed, 5) for seed in range(1000, 1300)]
    assert sum(answer for answer, _ in answers) > 200
    assert sum(brute for _, brute in answers) > 100
