"""Whatever the text: a program or an error of ours, never anything else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smpcheck.errors import SmpcheckError
from smpcheck.program.events import unroll
from smpcheck.readers.deffile import read_definitions
from smpcheck.readers.litmus import read_litmus
from tests.readers.common import LIBRARY, hide_libclang
from tests.readers.test_litmus import MESSAGE_PASSING
from tests.reference.table import load

SEEDS = [
    MESSAGE_PASSING,
    """C big
{ int x = 1; int *p = &x; 0:r9=x; struct s o = {1, {2, 3}}; atomic_t a = ATOMIC_INIT(2); spinlock_t l; a2 = {1, 2}; }
struct s { int f; int v[2]; };
enum { A = 3 };
static int help(int *q, long n) { if (n < 0) return -1; while (n--) { *q += n; if (*q > A) break; else continue; } return *q; }
P0(int *x, int **p, struct s *o, atomic_t *a, spinlock_t *l)
{
	int r0, *r1 = READ_ONCE(*p); long r2 = sizeof(struct s);
	spin_lock(l);
	r0 = help(x, 3) ? o->v[1] : atomic_add_return(2, a) << 1;
	for (int i = 0; i < 3; i++) { switch (i) { case 0: r0++; break; default: ; } }
	if (cmpxchg(r1, 1, (int)r2) == 1 && try_cmpxchg_acquire(x, &r0, 2)) { set_bit(1, x); do { smp_mb(); } while (0); }
	spin_unlock(l);
	smp_cond_load_acquire(x, VAL != A);
}
P1(int *x) { x[0] = *x ^ 0x1fUL; rcu_read_lock(); WRITE_ONCE(*x, -1); rcu_read_unlock(); return; }
locations [x; 0:r0; a2]
filter (~0:r0=1 \\/ [x]=p)
~exists (0:r0=1 /\\ (x=0x2 => o.v[1]=3) /\\ not 0:r1=&x /\\ a2={1,2})
""",
    """LISA lisa
{ x = y; 0:r3=x; }
 P0 | P1 ;
 r[once] r1 x+r3 | AGAIN: mov r1 (add r1 1) ;
 b[] r1 END | b[] r1 AGAIN ;
 rmw[mb] r2 (xor r2 1) x | f[sync] ;
 END: w[release] y r1 | ;
exists (0:r1=y /\\ 1:r1=1)
""",
    *(row.text for row in load("C")[::20]),
]
_ALPHABET = """
{ } ( ) [ ] ; , * & | ^ ~ ! = < > + - / % . : ? " ' # @ $ \\ 0 1 9 0x 08 1e5 999999999999999999999 2147483648u 'a'
int long struct s o x y p r1 0:r1 P0 P1 P7 exists forall filter locations /\\ \\/ => (* *) /* */ // if else while do for
switch case break continue return goto READ_ONCE WRITE_ONCE( spin_lock atomic_inc xchg( cmpxchg( set_bit( sizeof( VAL old
container_of( __load__T_once( __rmw NULL true volatile const void enum typedef union
"""
_PHRASES = ["", "\n", "\t", "\0", "\r\n", "é", "(" * 300, "int f(int n) { return f(n); }", "struct s { struct s t; };"]
WORDS = [*_ALPHABET.split(), *_PHRASES]
BEGINNINGS = ["", "C t\n{", "C t\n{}\nP0(int *x) {", "C t\n{}\nP0(int *x) { }\nexists (", "LISA t\n{}\n P0 ;\n"]
FILES = sorted(LIBRARY.glob("manual/**/*.litmus")) if LIBRARY.is_dir() else []


@pytest.fixture(autouse=True, scope="module")
def _without_clang() -> Iterator[None]:
    """Only the reader of litmus tests itself: clang would be a process for each text."""
    with pytest.MonkeyPatch.context() as patch:
        hide_libclang(patch)
        yield


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """A litmus test with some pieces cut, doubled, moved or replaced."""
    of_a_file: bool = bool(FILES) and draw(st.booleans())
    text = draw(st.sampled_from(FILES)).read_text(errors="replace") if of_a_file else draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 5))):
        a = draw(st.integers(0, len(text)))
        b = min(len(text), a + draw(st.integers(0, 12)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            text = text[:a] + text[b:]
        elif kind == 1:
            text = text[:a] + draw(st.sampled_from(WORDS)) + text[b:]
        elif kind == 2:
            text = text[:b] + text[a:b] + text[b:]
        else:
            c = draw(st.integers(0, len(text)))
            text = text[:c] + text[a:b] + text[c:]
    return text


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mutants())
def test_mutated_tests_give_a_program_or_an_error_of_ours(text: str) -> None:
    try:
        program = read_litmus(text, "fuzz.litmus")
        unroll(program, 1)
    except SmpcheckError as error:
        assert str(error).startswith("fuzz.litmus:") or error.pos is None
        assert "\n" not in str(error)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.sampled_from(BEGINNINGS))
def test_any_text_gives_a_program_or_an_error_of_ours(text: str, before: str) -> None:
    try:
        read_litmus(before + text)
    except SmpcheckError as error:
        assert "\n" not in str(error)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*WORDS, "f(X)", "__fence{mb}", "__xchg{once}(X,V)", "__atomic_op(X,+,1)", "\n"]), max_size=12))
def test_any_definitions_give_definitions_or_an_error_of_ours(words: list[str]) -> None:
    try:
        read_definitions(" ".join(words), "fuzz.def")
    except SmpcheckError as error:
        assert "\n" not in str(error)
