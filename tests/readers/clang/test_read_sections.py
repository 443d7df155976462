"""Grace periods wait for whatever disables preemption, bottom halves or interrupts, and for spinlocks that are held."""

from __future__ import annotations

import pytest

from smpcheck.program import ir
from smpcheck.program.flow import statements
from tests.readers.clang.common import LKMM, checked, read
from tests.readers.clang.test_interrupts import interleavings_agree, placements_agree

HEAD = """#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/mutex.h>
static DEFINE_SPINLOCK(l); static DEFINE_RWLOCK(rw); static DEFINE_MUTEX(m);
static unsigned long bits; static int flag, x, y;
DEFINE_PER_CPU(int, count);
"""
READER = (
    HEAD
    + """SMPCHECK_THREAD(reader) {{ int a, b; unsigned long flags; {0}; b = READ_ONCE(y); a = READ_ONCE(x); {1};
	SMPCHECK_ASSERT(!b || a); }}
SMPCHECK_THREAD(writer) {{ WRITE_ONCE(x, 1); {2}; WRITE_ONCE(y, 1); }}
"""
)


def markers(text: str) -> int:
    """How many markers of read-side sections the first thread of a harness has."""
    body = read(text).threads[0].body
    return sum(isinstance(stmt, ir.Fence) and not stmt.tags.isdisjoint(("Rcu-lock", "Rcu-unlock")) for stmt in statements(body))


@pytest.mark.parametrize(
    ("enter", "leave"),
    [
        ("preempt_disable()", "preempt_enable()"),
        ("local_irq_save(flags)", "local_irq_restore(flags)"),
        ("local_bh_disable()", "local_bh_enable()"),
        ("spin_lock(&l)", "spin_unlock(&l)"),
        ("spin_lock_irqsave(&l, flags); spin_unlock(&l)", "local_irq_restore(flags)"),
        ("read_lock(&rw)", "read_unlock(&rw)"),
        ("bit_spin_lock(3, &bits)", "bit_spin_unlock(3, &bits)"),
        ("if (!spin_trylock(&l)) return", "spin_unlock(&l)"),
        ("preempt_disable(); rcu_read_lock(); preempt_enable()", "rcu_read_unlock()"),
    ],
)
def test_a_grace_period_waits_for(enter: str, leave: str) -> None:
    assert checked(READER.format(enter, leave, "synchronize_rcu()")).failures == ()


@pytest.mark.parametrize(
    ("enter", "leave"),
    [
        ("mutex_lock(&m)", "mutex_unlock(&m)"),
        ("migrate_disable()", "migrate_enable()"),
        ("local_irq_disable(); local_irq_disable(); local_irq_enable()", ""),
        ("preempt_disable(); preempt_enable()", ""),
        ("this_cpu_inc(count)", "this_cpu_inc(count)"),
    ],
)
def test_a_grace_period_does_not_wait_for(enter: str, leave: str) -> None:
    assert checked(READER.format(enter, leave, "synchronize_rcu()")).failures == ("!b || a",)


def test_sections_are_marked_where_they_matter_only() -> None:
    nested = "preempt_disable(); spin_lock_irqsave(&l, flags)", "spin_unlock_irqrestore(&l, flags); preempt_enable()"
    assert markers(READER.format(*nested, "synchronize_rcu()")) == 2
    assert markers(READER.format(*nested, "smp_mb()")) == 0


NESTED = (
    HEAD
    + """SMPCHECK_THREAD(reader) {{ {0}; {0}; WRITE_ONCE(x, 1); {1}; while (!READ_ONCE(flag)) cpu_relax(); {1}; }}
SMPCHECK_THREAD(writer) {{ while (!READ_ONCE(x)) cpu_relax(); synchronize_rcu(); WRITE_ONCE(flag, 1); }}
"""
)


@pytest.mark.parametrize("section", [("rcu_read_lock()", "rcu_read_unlock()"), ("preempt_disable()", "preempt_enable()")])
def test_a_section_lasts_until_the_outermost_ends(section: tuple[str, str]) -> None:
    assert checked(NESTED.format(*section)).failures == ("non-termination",)


@pytest.mark.parametrize(
    ("enter", "leave", "fails"),
    [
        ("preempt_disable()", "preempt_enable()", True),
        ("local_irq_disable()", "local_irq_enable()", True),
        ("local_bh_disable()", "local_bh_enable()", True),
        ("spin_lock_bh(&l)", "spin_unlock_bh(&l)", True),
        ("preempt_disable(); preempt_enable()", "", False),
        ("local_irq_disable(); local_irq_disable(); local_irq_enable()", "", False),
        ("migrate_disable()", "migrate_enable()", False),
    ],
)
def test_in_such_a_section_nothing_may_sleep(enter: str, leave: str, fails: bool) -> None:
    text = f"{HEAD}SMPCHECK_THREAD(a) {{ {enter}; might_sleep(); {leave}; }}"
    assert checked(text).failures == (("sleep-in-atomic",) if fails else ())


def test_random_programs_with_grace_periods_do_what_cpus_with_a_stack_do() -> None:
    assert {interleavings_agree(seed, grace=True) for seed in (1, 5, 15, 16)} == {True, False}


def test_under_the_kernels_model_sections_are_what_rcu_read_lock_makes_of_them() -> None:
    assert sum(placements_agree(seed, LKMM, grace=True) for seed in (3, 10, 91)) == 3


@pytest.mark.slow
def test_many_random_programs_with_grace_periods() -> None:
    for seed in range(2000, 2060):
        interleavings_agree(seed, grace=True)
    assert sum(placements_agree(seed, LKMM, grace=True) for seed in range(2000, 2060)) > 12
