"""The kernel's primitives on each machine: what its own memory model makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.errors import UnsupportedError
from smpcheck.machines.lower import lower, lowered
from smpcheck.machines.mapping import MACHINES, load_mapping, mapping_of, mappings
from smpcheck.program.flow import statements
from smpcheck.program.ir import Fence, Load, Rmw, Store
from smpcheck.program.pieces import cut
from smpcheck.program.wellformed import check
from smpcheck.readers.litmus import read_litmus, read_litmus_file
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.naive.mixed import random_mixed
from tests.optional import the
from tests.readers.python.common import compile_one

EXAMPLES = Path(__file__).parents[2] / "examples"


def verdict(program, machine):
    mapping = mapping_of(machine)
    on_it = lower(program, mapping)
    check(on_it)
    return solve(on_it, load_model(mapping.model), Question(mode="verdict")).verdict


def two_threads(body0: str, body1: str, condition: str, parameters: str = "int *x, int *y"):
    return read_litmus(f"C t\n{{}}\nP0({parameters})\n{{\n{body0}\n}}\nP1({parameters})\n{{\n{body1}\n}}\nexists ({condition})\n")


VERDICTS = """
01-SB                            Sometimes Sometimes Sometimes Sometimes Sometimes
02-SB+mbs                        Never     Never     Never     Never     Never
04-MP                            Sometimes Never     Sometimes Sometimes Sometimes
05-MP+wmb+rmb                    Never     Never     Never     Never     Never
06-MP+rel+acq                    Never     Never     Never     Never     Never
07-MP+wmb+addr                   Never     Never     Never     Never     Never
08-MP+wmb+ctrl                   Sometimes Never     Sometimes Sometimes Sometimes
10-LB                            Sometimes Never     Sometimes Sometimes Sometimes
11-LB+ctrl+data                  Never     Never     Never     Never     Never
12-IRIW                          Never     Never     Sometimes Never     Never
13-IRIW+mbs                      Never     Never     Never     Never     Never
14-WRC+rel+acq                   Never     Never     Never     Never     Never
15-LOCK                          Always    Always    Always    Always    Always
16-LOCK+leak                     Sometimes Never     Sometimes Never     Never
17-LOCK+after_spinlock           Never     Never     Never     Never     Never
18-TRYLOCK                       Never     Never     Never     Never     Never
19-TRYLOCK+failed                Sometimes Never     Sometimes Sometimes Sometimes
22-ATOMIC                        Always    Always    Always    Always    Always
23-SB+atomic_inc                 Sometimes Never     Sometimes Sometimes Sometimes
24-SB+after_atomic               Never     Never     Never     Never     Never
25-CMPXCHG                       Never     Never     Never     Never     Never
26-CMPXCHG+failed                Sometimes Never     Never     Sometimes Never
28-SEQLOCK                       Never     Never     Never     Never     Never
29-SEQLOCK+no-rmb                Sometimes Never     Sometimes Sometimes Sometimes
38-PUTBACK+two-words+mb          Never     Never     Never     Never     Never
40-PUTBACK+two-words+mb+noreturn Sometimes Never     Sometimes Sometimes Sometimes
"""


def test_examples_on_each_machine():
    for line in VERDICTS.strip().split("\n"):
        name, *wanted = line.split()
        program = read_litmus_file(EXAMPLES / f"{name}.litmus")
        assert [verdict(program, machine) for machine in MACHINES] == wanted, name


def test_an_atomic_that_is_not_returned_orders_less_than_its_load_on_arm64():
    """STADD's read is not ordered by a DMB ISHLD, that of LDADD is."""
    parameters = "int *x, atomic_t *y"
    for operation, wanted in (("atomic_inc(y)", "Sometimes"), ("atomic_fetch_inc_relaxed(y)", "Never")):
        first = "WRITE_ONCE(*x, 1); smp_mb(); atomic_set(y, 10);"
        program = two_threads(first, f"{operation}; smp_rmb(); int r0 = READ_ONCE(*x);", "y=11 /\\ 1:r0=0", parameters)
        assert verdict(program, "arm64") == wanted


@pytest.mark.parametrize(
    ("machine", "wanted"),
    [("arm64", "Sometimes"), ("arm64:llsc", "Sometimes"), ("x86", "Never"), ("ppc64", "Never"), ("riscv", "Sometimes")],
)
def test_what_a_failing_cmpxchg_orders(machine, wanted):
    """A locked instruction is one barrier whatever it finds, and on POWER a sync comes first."""
    program = two_threads(
        "WRITE_ONCE(*x, 1); int r1 = cmpxchg(z, 5, 6); int r0 = READ_ONCE(*y);",
        "WRITE_ONCE(*y, 1); smp_mb(); int r0 = READ_ONCE(*x);",
        "0:r0=0 /\\ 1:r0=0",
        "int *x, int *y, int *z",
    )
    assert verdict(program, machine) == wanted


@pytest.mark.parametrize(("machine", "wanted"), [("riscv", "Never"), ("riscv:queued", "Sometimes"), ("ppc64", "Never")])
def test_the_order_of_unlock_and_lock_is_free_with_ticket_locks_only(machine, wanted):
    program = two_threads(
        "spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l); spin_lock(m); smp_mb__after_unlock_lock(); int r0 = READ_ONCE(*y);"
        " spin_unlock(m);",
        "WRITE_ONCE(*y, 1); smp_mb(); int r0 = READ_ONCE(*x);",
        "0:r0=0 /\\ 1:r0=0",
        "spinlock_t *l, spinlock_t *m, int *x, int *y",
    )
    assert verdict(program, machine) == wanted


def test_a_grace_period_is_refused_with_its_place():
    program = read_litmus_file(EXAMPLES / "30-RCU.litmus")
    for machine in MACHINES:
        with pytest.raises(UnsupportedError, match=rf"30-RCU.litmus:\d+:\d+: synchronize_rcu.*{machine} has no row"):
            lower(program, load_mapping(machine))


def test_instructions_are_of_the_size_of_the_location():
    program = two_threads("WRITE_ONCE(*x, 1);", "WRITE_ONCE(*y, 1);", "x=1", "char *x, long *y")
    statements = [stmt for thread in lower(program, load_mapping("ppc64")).threads for stmt in thread.body]
    shown = [stmt.text for stmt in statements if isinstance(stmt, Load | Store | Rmw)]
    assert shown == ["WRITE_ONCE(*x, 1) [stb]", "WRITE_ONCE(*y, 1) [std]"]


def test_what_each_primitive_is_at_its_place():
    program = read_litmus_file(EXAMPLES / "24-SB+after_atomic.litmus")
    found = {the(pos).line: lines for pos, lines in lowered(program, load_mapping("arm64")).instructions.items()}
    assert found[16] == ("stadd",) and found[17] == ("dmb ish",) and found[26] == ("ldaddal",)


def test_every_row_can_be_read():
    """Each row of each mapping with each choice of options, by a primitive that has it."""
    body = """
        spin_lock(l); spin_unlock(l); if (spin_trylock(l)) spin_unlock(l);
        smp_mb(); smp_rmb(); smp_wmb(); mb(); rmb(); wmb(); dma_mb(); dma_rmb(); dma_wmb(); barrier();
        smp_mb__before_atomic(); smp_mb__after_atomic(); smp_mb__after_spinlock(); smp_mb__after_unlock_lock();
        smp_acquire__after_ctrl_dep(); smp_mb__after_srcu_read_unlock();
        *x = 1; int r0 = *x; WRITE_ONCE(*x, 2); r0 = READ_ONCE(*x); smp_store_release(x, 1); r0 = smp_load_acquire(x);
        atomic_inc(a);
    """
    for suffix in ("", "_acquire", "_release", "_relaxed"):
        body += f"r0 = atomic_fetch_add{suffix}(1, a); r0 = atomic_fetch_or{suffix}(1, a); r0 = xchg{suffix}(x, 1);"
        body += f"r0 = cmpxchg{suffix}(x, 1, 2); r0 = atomic_add_return{suffix}(1, a);"
    body += """
        r0 = atomic_add_unless(a, 1, 2); r0 = atomic_inc_unless_negative(a); r0 = refcount_inc_not_zero(c);
        r0 = refcount_dec_not_one(c); mutex_lock(n); mutex_unlock(n); read_lock(q); read_unlock(q);
        r0 = srcu_read_lock(u); srcu_read_unlock(u, r0);
        set_bit(1, w); r0 = test_and_set_bit(1, w); r0 = test_and_set_bit_lock(2, w); clear_bit_unlock(2, w);
    """
    parameters = (
        "int *x, atomic_t *a, spinlock_t *l, refcount_t *c, struct mutex *n, rwlock_t *q, unsigned long *w, struct srcu_struct *u"
    )
    program = read_litmus(f"C t\n{{}}\nP0({parameters})\n{{\n{body}\n}}\nexists (x=1)\n")
    for name in ("all", "arm64:llsc", "riscv:queued"):
        for mapping in mappings(name):
            found = lowered(program, mapping)
            check(found.program)
            used = {id(row) for row in found.rows}
            assert [row.primitives for row in mapping.rows if id(row) not in used] == []


@pytest.mark.parametrize("name", ["43-QSPINLOCK", "44-LOCKREF"])
@pytest.mark.parametrize("machine", ["arm64", "x86"])
def test_an_access_has_its_own_size_on_a_machine_too(name, machine):
    assert verdict(read_litmus_file(str(EXAMPLES / f"{name}.litmus")), machine) == "Never"


def test_accesses_of_several_sizes_do_on_x86_what_total_store_order_allows_and_on_arm64_no_more_than_the_kernels_model():
    def states(program, model):
        answer = solve(program, load_model(model), Question(mode="states", flags=False))
        return {tuple(state[v] for v in program.observed) for state, _ in answer.states}

    for seed in range(12):
        program = cut(random_mixed(seed))
        assert states(lower(program, load_mapping("x86")), "x86") == states(program, "tso"), f"program {seed}"
        on_arm = states(lower(program, load_mapping("arm64")), "aarch64")
        assert states(program, "sc") <= on_arm <= states(program, "lkmm"), f"program {seed}"


CONDITIONAL = """
spin_trylock(b.spin)
not test_and_set_bit_lock(0, b.word)
not test_and_set_bit(0, b.word)
bit_spin_trylock(0, b.word)
cmpxchg_acquire(b.word, 0, 1) == 0
atomic_add_unless(b.atomic, 1, 1)
not atomic_inc_not_zero(b.atomic)
atomic_dec_if_positive(b.atomic) < 0
refcount_dec_not_one(b.count)
"""
TRY = """
class box(Struct):
    word: ulong
    atomic: atomic_t
    spin: spinlock_t
    count: refcount_t
    taken: int

def attempt(b: box) -> int:
    if {operation}:
        b.taken = b.taken + 1
        return 1
    return 0

def last(b: box) -> None:
    check("no one takes it", b.taken != 0)
    check("one takes it", b.taken != 1)
    check("both take it", b.taken != 2)

@scenario
def both(s: Setup) -> None:
    s.box = b = box(count=1)
    s.thread(attempt, b)
    s.thread(attempt, b)
    s.after(last, b)
"""


def test_an_operation_that_fails_for_some_values_does_so_on_each_machine(tmp_path):
    """Whatever follows it in either case, and however the machine has it: sequentially consistent, the outcomes are the same."""
    for operation in CONDITIONAL.strip().splitlines():
        program = compile_one(tmp_path, TRY.format(operation=operation))
        question = Question(mode="assertions", flags=False, stops=True)
        wanted = solve(program, load_model("sc"), question).failed.keys()
        for mapping in (*mappings("all"), mapping_of("arm64:llsc")):
            found = solve(lower(program, mapping), load_model("sc"), question).failed.keys()
            assert found == wanted, (operation, mapping.title)
            lazily = solve(lower(program, mapping), load_model(mapping.model), replace(question, lazy=True)).failed.keys()
            assert lazily == solve(lower(program, mapping), load_model(mapping.model), question).failed.keys()


def test_the_barrier_of_srcus_readers_is_in_their_unlock():
    """``smp_mb__after_srcu_read_unlock()`` promises the order, and is no instruction: the unlock has a full barrier in it."""
    parameters = "int *x, int *y, struct srcu_struct *s"
    first = "int i = srcu_read_lock(s); WRITE_ONCE(*x, 1); srcu_read_unlock(s, i); {} int r0 = READ_ONCE(*y);"
    for barrier, contract in (("smp_mb__after_srcu_read_unlock();", "Never"), ("", "Sometimes")):
        program = two_threads(
            first.format(barrier), "WRITE_ONCE(*y, 1); smp_mb(); int r0 = READ_ONCE(*x);", "0:r0=0 /\\ 1:r0=0", parameters
        )
        assert solve(program, load_model("lkmm"), Question(mode="verdict")).verdict == contract
        assert {verdict(program, machine) for machine in MACHINES} == {"Never"}
    grace = two_threads("synchronize_srcu(s);", "WRITE_ONCE(*x, 1);", "x=1", parameters)
    with pytest.raises(UnsupportedError, match=r"synchronize_srcu\(s\).*a grace period is code"):
        lower(grace, mapping_of("x86"))


def test_an_atomic_and_is_a_clear_on_arm64():
    parameters = "unsigned long *w, atomic_t *a"
    program = two_threads("test_and_clear_bit(0, w); clear_bit(1, w);", "atomic_andnot(1, a);", "1=1", parameters)
    assert set(lowered(program, mapping_of("arm64")).instructions.values()) == {("ldclral",), ("stclr",)}


SHOWN = Load | Store | Fence


def test_a_label_is_no_instruction():
    """What is shown of a primitive are its instructions, also of those that a label stands before."""
    program = two_threads("smp_mb(); atomic_inc_return(a);", "spin_lock(l); spin_unlock(l);", "1=1", "atomic_t *a, spinlock_t *l")
    for mapping in (*mappings("all"), mapping_of("arm64:llsc")):
        on_it = lowered(program, mapping).program
        texts = [
            stmt.text for thread in on_it.threads for stmt in statements(thread.body) if isinstance(stmt, Load | Store | Fence)
        ]
        assert texts
        assert not any(text.endswith(":]") for text in texts), texts


def test_what_only_orders_the_compiler_is_no_instruction() -> None:
    text = "C t\n\n{{}}\n\nP0(int *x, int *y)\n{{\n\tWRITE_ONCE(*x, 1);\n\t{}\n\tint r0 = READ_ONCE(*y);\n}}\n\nexists (0:r0=0)\n"
    plain = lower(read_litmus(text.format("barrier();"), "t.litmus"), load_mapping("arm64"))
    for call in ("cpu_relax();", "preempt_disable();", "local_irq_enable();", "migrate_enable();"):
        changed = lower(read_litmus(text.format(call), "t.litmus"), load_mapping("arm64"))
        assert len(changed.threads[0].body) == len(plain.threads[0].body), call


@pytest.mark.parametrize("machine", [*MACHINES, "arm64:llsc"])
def test_pointers_are_compared_and_exchanged(machine):
    body = "int *r0 = cmpxchg(p, y, x); int *r1 = cmpxchg(p, x, y); int *r2 = xchg(p, x);"
    program = read_litmus(
        f"C t\n{{ int *p = x; }}\nP0(int **p, int *x, int *y)\n{{\n{body}\n}}\nexists (0:r0=x /\\ 0:r1=x /\\ 0:r2=y)\n"
    )
    assert verdict(program, machine) == "Always"
