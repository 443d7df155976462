"""What the kernel's primitives mean: values as in the kernel, events with the tags of the model."""

from __future__ import annotations

import re

import pytest

import smpcheck
from smpcheck.errors import UnsupportedError
from smpcheck.kernel.table import ORDERINGS, REFUSED
from smpcheck.program import ir
from smpcheck.program.values import Ptr
from smpcheck.readers.primitives import builtin_definitions
from tests.readers.common import body_error, litmus, run

PARAMS = (
    "int *x, int *y, int **p, atomic_t *a, atomic_long_t *l, unsigned long *w, spinlock_t *s, struct srcu_struct *d, "
    "refcount_t *c"
)


def tags(body: str, init: str = "a = 5; int x = 3; int *p = &x; c = 2;") -> list[str]:
    """The tags of the events, in order, each as a sorted list in one word; ``-`` for a plain access."""
    machine = run(body, params=PARAMS, init=init)
    return ["+".join(sorted(t)) or "-" for _, t in machine.events]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("int r = READ_ONCE(*x);", "Once"),
        ("WRITE_ONCE(*x, 1);", "Once"),
        ("int r = *x;", "-"),
        ("*x = 1;", "-"),
        ("*x += 1;", "- -"),
        ("smp_load_acquire(x);", "Acquire"),
        ("smp_store_release(x, 1);", "Release"),
        ("smp_store_mb(*x, 1);", "Once Mb"),
        ("smp_mb(); smp_rmb(); smp_wmb(); barrier();", "Mb Rmb Wmb Barrier"),
        ("smp_mb__before_atomic(); smp_mb__after_atomic();", "Before-atomic After-atomic"),
        ("smp_mb__after_spinlock(); smp_mb__after_unlock_lock();", "After-spinlock After-unlock-lock"),
        ("smp_mb__after_srcu_read_unlock();", "After-srcu-read-unlock"),
        ("rcu_read_lock(); rcu_read_unlock();", "Rcu-lock Rcu-unlock"),
        ("synchronize_rcu(); synchronize_rcu_expedited();", "Sync-rcu Sync-rcu"),
        ("int *r = rcu_dereference(*p); r = rcu_dereference_check(*p, 1); r = rcu_access_pointer(*p);", "Once Once Once"),
        ("int *r = rcu_dereference_protected(*p, 1);", "-"),
        ("rcu_assign_pointer(*p, y); RCU_INIT_POINTER(*p, 0);", "Release Once"),
        ("int r = srcu_read_lock(d); srcu_read_unlock(d, r);", "Srcu-lock Srcu-unlock"),
        ("int r = srcu_down_read(d); srcu_up_read(d, r);", "Srcu-lock Srcu-unlock"),
        ("synchronize_srcu(d); synchronize_srcu_expedited(d);", "Sync-srcu Sync-srcu"),
        ("atomic_inc(a);", "Noreturn+RMW Once+RMW"),
        ("atomic_add(2, a); atomic_andnot(1, a);", "Noreturn+RMW Once+RMW Noreturn+RMW Once+RMW"),
        ("atomic_inc_return(a);", "Mb Once+RMW Once+RMW Mb"),
        ("atomic_fetch_add_acquire(1, a);", "Acquire+RMW Once+RMW"),
        ("atomic_dec_return_release(a);", "Once+RMW RMW+Release"),
        ("atomic_fetch_or_relaxed(1, a);", "Once+RMW Once+RMW"),
        ("xchg(x, 1);", "Mb Once+RMW Once+RMW Mb"),
        ("cmpxchg(x, 3, 1);", "Mb Once+RMW Once+RMW Mb"),
        ("cmpxchg(x, 4, 1);", "Once+RMW"),
        ("cmpxchg_acquire(x, 3, 1);", "Acquire+RMW Once+RMW"),
        ("cmpxchg_acquire(x, 4, 1);", "Once+RMW"),
        ("atomic_add_unless(a, 1, 5);", "Once+RMW"),
        ("atomic_add_unless(a, 1, 4);", "Mb Once+RMW Once+RMW Mb"),
        ("int o = 3; try_cmpxchg(x, &o, 1);", "Mb Once+RMW Once+RMW Mb"),
        ("int o = 4; try_cmpxchg_release(x, &o, 1);", "Once+RMW"),
        ("*y = 3; try_cmpxchg_relaxed(x, y, 1);", "- - Once+RMW Once+RMW"),
        ("*y = 4; try_cmpxchg_relaxed(x, y, 1);", "- - Once+RMW -"),
        ("spin_lock(s); spin_unlock(s);", "Acquire+LKR LKW Release+UL"),
        ("spin_trylock(s); spin_trylock(s);", "Acquire+LKR LKW LF"),
        ("spin_is_locked(s); spin_lock(s); spin_is_locked(s);", "RU Acquire+LKR LKW RL"),
        ("raw_spin_lock_irqsave(s, flags); raw_spin_unlock_irqrestore(s, flags);", "Acquire+LKR LKW Release+UL"),
        ("set_bit(1, w); clear_bit(1, w);", "Noreturn+RMW Once+RMW Noreturn+RMW Once+RMW"),
        ("test_bit(1, w); test_bit_acquire(1, w);", "Once Acquire"),
        ("test_and_set_bit(1, w);", "Mb Once+RMW Once+RMW Mb"),
        ("test_and_set_bit_lock(1, w); clear_bit_unlock(1, w);", "Acquire+RMW Once+RMW Once+RMW RMW+Release"),
        ("__set_bit(1, w);", "- -"),
        ("__test_and_clear_bit(1, w);", "- -"),
        ("__clear_bit_unlock(1, w);", "Once Release"),
        ("refcount_inc(c);", "Once+RMW Once+RMW"),
        ("refcount_dec_and_test(c);", "Once+RMW RMW+Release"),
        ("refcount_dec_and_test(c); refcount_dec_and_test(c);", "Once+RMW RMW+Release Once+RMW RMW+Release Rmb"),
        ("smp_cond_load_acquire(x, VAL == 3);", "Acquire"),
        ("smp_cond_load_relaxed(x, VAL);", "Once"),
    ],
)
def test_events(body: str, expected: str) -> None:
    assert tags(body) == expected.split()


@pytest.mark.parametrize(
    ("body", "value", "left"),
    [
        ("r = atomic_inc_return(a);", 6, 6),
        ("r = atomic_fetch_inc(a);", 5, 6),
        ("r = atomic_sub_return(2, a);", 3, 3),
        ("r = atomic_fetch_sub_relaxed(2, a);", 5, 3),
        ("r = atomic_fetch_and(4, a);", 5, 4),
        ("r = atomic_fetch_andnot_acquire(4, a);", 5, 1),
        ("r = atomic_fetch_xor_release(1, a);", 5, 4),
        ("atomic_or(2, a);", 0, 7),
        ("atomic_xor(1, a); r = atomic_read(a);", 4, 4),
        ("atomic_set(a, 9); r = atomic_read_acquire(a);", 9, 9),
        ("r = atomic_xchg(a, 1);", 5, 1),
        ("r = atomic_cmpxchg(a, 5, 1);", 5, 1),
        ("r = atomic_cmpxchg(a, 4, 1);", 5, 5),
        ("int o = 5; r = atomic_try_cmpxchg(a, &o, 7) * 10 + o;", 15, 7),
        ("int o = 4; r = atomic_try_cmpxchg(a, &o, 7) * 10 + o;", 5, 5),
        ("r = atomic_sub_and_test(5, a);", 1, 0),
        ("r = atomic_dec_and_test(a);", 0, 4),
        ("r = atomic_inc_and_test(a);", 0, 6),
        ("r = atomic_add_negative(-6, a);", 1, -1),
        ("r = atomic_add_unless(a, 2, 5);", 0, 5),
        ("r = atomic_add_unless(a, 2, 4);", 1, 7),
        ("r = atomic_fetch_add_unless(a, 2, 4);", 5, 7),
        ("r = atomic_inc_not_zero(a);", 1, 6),
        ("atomic_set(a, 0); r = atomic_inc_not_zero(a);", 0, 0),
        ("r = atomic_inc_unless_negative(a);", 1, 6),
        ("atomic_set(a, -1); r = atomic_inc_unless_negative(a);", 0, -1),
        ("r = atomic_dec_unless_positive(a);", 0, 5),
        ("atomic_set(a, 0); r = atomic_dec_unless_positive(a);", 1, -1),
        ("r = atomic_dec_if_positive(a);", 4, 4),
        ("atomic_set(a, 0); r = atomic_dec_if_positive(a);", -1, 0),
        ("atomic_set(a, 2147483647); atomic_inc(a); r = atomic_read(a) < 0;", 1, -(2**31)),
    ],
)
def test_values_of_atomics(body: str, value: int, left: int) -> None:
    machine = run(f"int r; {body}", params=PARAMS, init="a = 5;")
    assert (machine.reg("r"), machine.cell("a")) == (value, left)


def test_atomics_of_64_bits() -> None:
    machine = run("atomic_long_set(l, 1L << 40); long r = atomic64_fetch_add(1, l); atomic64_inc(l);", params=PARAMS)
    assert (machine.reg("r"), machine.cell("l")) == (1 << 40, (1 << 40) + 2)


def test_bits() -> None:
    body = """set_bit(40, w); __set_bit(3, w); change_bit(0, w); clear_bit(3, w);
    int r = test_bit(40, w) + 10 * test_bit(3, w), q = test_and_clear_bit(40, w) + 10 * test_and_set_bit(1, w);"""
    machine = run(body, params=PARAMS)
    assert (machine.reg("r"), machine.reg("q"), machine.cell("w")) == (1, 1, 3)


def test_bits_beyond_the_first_word() -> None:
    body, array = "int n = 65; set_bit(n, w); set_bit(130, w);", "unsigned long w[3];"
    machine = run(body, params="unsigned long *w", init=array, question="")
    assert [machine.cell(f"w[{i}]") for i in range(3)] == [0, 2, 4]


def test_arguments_are_evaluated_once() -> None:
    machine = run("int n = 0; set_bit(n++, w); set_bit(READ_ONCE(*x), w);", params=PARAMS)
    assert machine.reg("n") == 1
    assert [t for t, _ in machine.events].count("READ_ONCE(*x)") == 1


def test_events_know_their_source_text() -> None:
    machine = run("WRITE_ONCE(*x, READ_ONCE(*y) + 1); if (xchg(x, 2)) *y = 1;", params=PARAMS)
    texts = [t for t, _ in machine.events]
    assert texts == ["READ_ONCE(*y)", "WRITE_ONCE(*x, READ_ONCE(*y) + 1)", *["xchg(x, 2)"] * 4, "*y = 1"]


def test_a_lock_waits_and_a_trylock_does_not() -> None:
    lock, _, choice = litmus("spin_lock(s); spin_unlock(s); int r = spin_trylock(s);", params=PARAMS).threads[0].body[:3]
    assert isinstance(lock, ir.Rmw) and lock.blocking and lock.when is not None
    assert isinstance(choice, ir.Choice) and isinstance(choice.then[0], ir.Rmw) and not choice.then[0].blocking


def test_results_depend_on_the_value_read() -> None:
    """A conditional operation's result comes from what it read, so that a branch on it is a control dependency."""
    conditional = ("atomic_add_unless(a, 1, 0)", "atomic_inc_not_zero(a)", "try_cmpxchg(x, &o, 1)")
    for call in (*conditional, "spin_trylock(s)", "spin_is_locked(s)"):
        body = litmus(f"int o = 0; if ({call}) *y = 1;", params=PARAMS).threads[0].body
        choice = next(s for s in body if isinstance(s, ir.Choice))
        read = next(s for s in choice.then if isinstance(s, (ir.Rmw, ir.Load)))
        branch = next(s for s in body if isinstance(s, ir.If))
        assert registers(branch.cond) & {read.old if isinstance(read, ir.Rmw) else read.reg}


def registers(expr: ir.Expr) -> set[str]:
    match expr:
        case ir.Reg(name):
            return {name}
        case ir.Unary(_, arg) | ir.Cast(_, arg):
            return registers(arg)
        case ir.Binary(_, left, right):
            return registers(left) | registers(right)
    return set()


def test_an_srcu_cookie_is_what_was_read() -> None:
    lock, unlock = litmus("int r = srcu_read_lock(d); srcu_read_unlock(d, r);", params=PARAMS).threads[0].body
    assert isinstance(lock, ir.Load) and isinstance(unlock, ir.Store)
    assert (lock.addr, unlock.addr, unlock.value) == (ir.Const(Ptr("d")), ir.Const(Ptr("d")), ir.Reg("r"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("int r = atomic_add(1, a);", "a value is used where there is none"),
        ("if (set_bit(1, w)) *x = 1;", "a value of type void is not a condition"),
        ("READ_ONCE(*x) = 3;", r"READ_ONCE\(\) is not a place"),
        ("READ_ONCE(*x)++;", r"READ_ONCE\(\) is not a place"),
        ("likely(*x) = 3;", r"'likely\(\*x\)' is not a place"),
        ("int r = READ_ONCE(5);", "'5' is not a place"),
        ("spin_lock(&s);", "accesses a local variable"),
        ("atomic_inc(a, a);", "takes 1 argument, not 2"),
        ("set_bit(64, w);", r"an access to w\+8, where no object lies"),
    ],
)
def test_wrong_use_is_one_message(body: str, message: str) -> None:
    error = body_error(body, params=PARAMS)
    assert error.pos is not None and error.pos.line == 6
    assert re.search(message, str(error))


def test_a_wait_is_a_loop() -> None:
    (loop,) = litmus("smp_cond_load_acquire(x, VAL == READ_ONCE(*y));", params=PARAMS).threads[0].body
    assert isinstance(loop, ir.Loop)
    assert [type(s) for s in loop.body] == [ir.Load, ir.Load, ir.If]


def test_every_primitive_can_be_parsed() -> None:
    table = builtin_definitions()
    for name in table.names():
        for wide in (False, True):
            macro = table.get(name, wide)
            assert macro is not None and macro.name == name


def test_the_families_are_complete() -> None:
    names = builtin_definitions().names()
    for suffix in ORDERINGS:
        for op in ("add", "sub", "and", "or", "xor", "andnot", "inc", "dec"):
            assert f"atomic_fetch_{op}{suffix}" in names
        assert {f"atomic_{op}_return{suffix}" for op in ("add", "sub", "inc", "dec")} <= names
        assert {f"{p}{op}{suffix}" for p in ("", "atomic_") for op in ("xchg", "cmpxchg", "try_cmpxchg")} <= names


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused_is_refused_with_a_reason(name: str) -> None:
    caught = body_error(f"{name}(x);", params=PARAMS)
    assert isinstance(caught, UnsupportedError) and REFUSED[name] in caught.message


@pytest.mark.parametrize(("suffix", "verdict"), [("", "Sometimes"), ("_careful", "Never")])
def test_a_careful_deletion_publishes_what_came_before_it(suffix: str, verdict: str) -> None:
    """The comments beside list_del_init_careful() and list_empty_careful() in include/linux/list.h say so."""
    text = f"""C deletion
{{ struct list_head n = {{&h, &h}}; struct list_head h = {{&n, &n}}; }}
P0(int *x, struct list_head *n) {{ WRITE_ONCE(*x, 1); list_del_init{suffix}(n); }}
P1(int *x, struct list_head *n) {{ int r0 = list_empty{suffix}(n); int r1 = READ_ONCE(*x); }}
exists (1:r0=1 /\\ 1:r1=0)
"""
    assert smpcheck.check(text).observation == verdict
