"""Which rounds of a loop are idle, so that they are not followed."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.program.events import EventGraph, unroll
from smpcheck.program.waits import Omission
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve


def program(body: str, cond: str = "true") -> ir.Program:
    """One thread, with nobody to wait for."""
    params = "int *x, int *y, spinlock_t *l, atomic_t *a"
    init = "l = 1; " * ("trylock" in body) + "x = 1; " * ("cmpxchg" in body or "xchg" in body or "test_and" in body)
    text = f"C t\n{{ {init} }}\nP0({params})\n{{\nint r;\nint s;\n{body}\n}}\nexists ({cond})\n"
    return read_litmus(text)


def graph(body: str, bound: int = 2, omission: Omission | None = None, cond: str = "true") -> EventGraph:
    return unroll(program(body, cond), bound, omission=omission or Omission())


def events(g: EventGraph) -> str:
    return "".join(e.kind for e in g.events[g.init_count :])


WAITS = [
    "while (!READ_ONCE(*x)) cpu_relax();",
    "while (READ_ONCE(*x) == 0 || READ_ONCE(*y)) smp_mb();",
    "r = READ_ONCE(*x); while (r < 5) r = READ_ONCE(*x);",
    "do { r = READ_ONCE(*x); } while (!r);",
    "while (1) { if (READ_ONCE(*x)) break; }",
    "for (;;) { r = READ_ONCE(*x); if (!r) continue; s = READ_ONCE(*y); if (s == r) break; }",
    "r = smp_cond_load_acquire(x, VAL > 3);",
    "r = atomic_cond_read_relaxed(a, VAL != 0);",
    "while (!spin_trylock(l)) { }",
    "while (cmpxchg(x, 0, 1) != 0) { }",
    "do { r = READ_ONCE(*y); } while (cmpxchg(x, r, r + 1) != r);",
    "while (xchg(x, 1)) { }",
    "while (test_and_set_bit(3, x)) cpu_relax();",
    "do { r = smp_load_acquire(x); s = READ_ONCE(*y); smp_rmb(); } while (r & 1 || READ_ONCE(*x) != r);",
    "while (!READ_ONCE(*x)) { while (READ_ONCE(*y) == 2) { } }",
]


@pytest.mark.parametrize("body", WAITS)
@pytest.mark.parametrize("bound", [1, 3])
def test_a_loop_that_waits_is_not_cut(body: str, bound: int) -> None:
    assert graph(body, bound).waiting != []
    assert solve(program(body), load_model("lkmm"), Question(mode="verdict", unroll=bound)).status != "bound"


@pytest.mark.parametrize(
    "body",
    [
        "while (!READ_ONCE(*x)) WRITE_ONCE(*y, 1);",
        "s = 0; while (!READ_ONCE(*x)) s = s + 1; WRITE_ONCE(*y, s);",
        "while (!READ_ONCE(*x)) atomic_inc(a);",
        "while (!READ_ONCE(*x)) { rcu_read_lock(); rcu_read_unlock(); }",
        "r = READ_ONCE(*x); do { s = r; r = READ_ONCE(*x); } while (r == s);",
        "while (!READ_ONCE(*x)) { spin_lock(l); spin_unlock(l); }",
    ],
)
def test_a_loop_that_leaves_something_behind_is_cut(body: str) -> None:
    assert graph(body).bounds != []


def test_a_wait_is_one_round() -> None:
    assert events(graph("while (READ_ONCE(*x) == 0 || READ_ONCE(*y) == 0) { }", 5)) == "RR"
    assert events(graph("r = READ_ONCE(*x); while (!r) { r = READ_ONCE(*x); }", 5)) == "RR"


def test_a_register_that_the_question_asks_about_is_something_left_behind() -> None:
    body = "r = 0; while (!READ_ONCE(*x)) r = r + 1;"
    assert graph(body, cond="0:r=3").bounds != []
    assert graph("r = 0; while (!READ_ONCE(*x)) s = READ_ONCE(*y);", cond="0:r=3").bounds == []


@pytest.mark.parametrize("body", ["while (!*x) { }", "while (!smp_load_acquire(x)) synchronize_rcu();"])
def test_one_idle_round_is_followed_where_it_may_show_something(body: str) -> None:
    assert events(graph(body, 1)).count("R") == 2
    assert graph(body, 1).bounds == []


def test_under_a_model_that_does_not_allow_it_all_rounds_are_followed() -> None:
    assert graph("while (!READ_ONCE(*x)) { }", omission=Omission(reads=False)).bounds != []
    assert graph("while (xchg(x, 1)) { }", omission=Omission(writes=False)).waiting == []
    assert graph("while (!READ_ONCE(*x)) { }", omission=Omission(writes=False)).bounds == []


def test_a_loop_without_a_body_is_one() -> None:
    assert graph("while (1) ;").events
