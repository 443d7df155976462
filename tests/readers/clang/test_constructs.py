"""Small constructs of kernel code, many to a harness: what they do, against the small headers of smpcheck's own."""

from __future__ import annotations

import pytest

from smpcheck.errors import InputError, UnsupportedError
from tests.readers.clang.common import checked, read

ALONE = """#include <linux/kernel.h>
struct n { int v; struct list_head l; struct hlist_node h; };
static LIST_HEAD(list); static HLIST_HEAD(hlist); static struct n n1, n2;
static DEFINE_PER_CPU(int, cpu); static int __percpu *made; static int x = 2, y;
static seqcount_spinlock_t sc = SEQCNT_ZERO(sc);
static void lists(void)
{
	struct n *p, *t; int s = 0;
	n1.v = 1; n2.v = 2; list_add_tail(&n1.l, &list); list_add_tail(&n2.l, &list);
	list_for_each_entry_safe(p, t, &list, l) { s = 10 * s + p->v; list_del(&p->l); }
	BUG_ON(s != 12 || READ_ONCE(list.next) != &list || list_first_entry_or_null(&list, struct n, l));
	hlist_add_head(&n1.h, &hlist);
	hlist_for_each_entry(p, &hlist, h) s += p->v;
	BUG_ON(s != 13);
}
static void numbers(void)
{
	u64 a = 1ULL << 40; int r, m = -3;
	swap(x, y); BUG_ON(x != 0 || y != 2);
	BUG_ON(max(max(1, 7), min(9, 8)) != 8 || clamp(7, 1, 5) != 5 || abs(m) != 3 || DIV_ROUND_UP(7, 2) != 4 || ALIGN(5, 8) != 8);
	BUG_ON(check_add_overflow(1, 2, &r) || r != 3 || do_div(a, 10) != 6 || !time_after(2UL, 1UL));
	BUG_ON(upper_32_bits(1ULL << 33) != 2);
}
static void cpus(void)
{
	int c, s = 0;
	this_cpu_add(cpu, 3); BUG_ON(this_cpu_xchg(cpu, 5) != 3 || this_cpu_cmpxchg(cpu, 5, 6) != 5 || this_cpu_inc_return(cpu) != 7);
	made = alloc_percpu(int); this_cpu_inc(*made);
	for_each_possible_cpu(c) s += *per_cpu_ptr(made, c);
	BUG_ON(s != 1); free_percpu(made);
}
SMPCHECK_THREAD(a) { lists(); numbers(); cpus(); }
SMPCHECK_EXPECT_FAILURE("mixed-accesses")
"""

TOGETHER = """#include <linux/seqlock.h>
static DEFINE_SEQLOCK(s); static int a, b, n; static DECLARE_COMPLETION(done); static DECLARE_WAIT_QUEUE_HEAD(q);
SMPCHECK_THREAD(w) {
	unsigned long flags;
	write_seqlock_irqsave(&s, flags); WRITE_ONCE(a, 1); WRITE_ONCE(b, 1); write_sequnlock_irqrestore(&s, flags);
	WRITE_ONCE(n, 1); complete(&done); wake_up(&q);
}
SMPCHECK_THREAD(r) {
	unsigned int seq; int x, y;
	do { seq = read_seqbegin(&s); x = READ_ONCE(a); y = READ_ONCE(b); } while (read_seqretry(&s, seq));
	SMPCHECK_ASSERT(x == y);
	if (wait_for_completion_timeout(&done, 5)) SMPCHECK_ASSERT(data_race(n) == 1);
	else if (wait_event_timeout(q, READ_ONCE(n), 5)) SMPCHECK_ASSERT(data_race(n) == 1);
}
"""


def test_lists_numbers_and_per_cpu_operations() -> None:
    assert set(checked(ALONE, unroll=4).failures) <= {"mixed-accesses"}


def test_sequence_locks_completions_and_waits_with_a_timeout() -> None:
    assert checked(TOGETHER, unroll=3).failures == ()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "static struct inode k;",
            "(without --kernel, code is read against a few small headers of smpcheck's own: see docs/kernel-c.md)",
        ),
        ("SMPCHECK_THREAD(a) { struct list_head *p = foo(3); }", "functions without a body: foo() called at test.c:1:44"),
        (
            "static char a[8], b[8]; static int n; SMPCHECK_THREAD(t) { memcpy(a, b, n); }",
            "memcpy() of a length that is known at run time only is not supported",
        ),
        (
            "static char *p, *q; static long n; SMPCHECK_THREAD(t) { memcpy(&n, &p, sizeof(n)); }",
            "a pointer is copied to or from what is none: not supported",
        ),
        (
            "static u64 n; SMPCHECK_THREAD(a) { unsigned __int128 x = n; n = x >> 3; }",
            "the type unsigned __int128 is not supported",
        ),
        ("static int n; SMPCHECK_THREAD(a) { void *t[] = { &&x }; goto *t[n]; x: n = 1; }", "addr label expr is not supported"),
    ],
)
def test_what_is_not_supported_is_named_with_its_place(code: str, said: str) -> None:
    with pytest.raises((InputError, UnsupportedError)) as caught:
        read(code)
    assert said in str(caught.value)
    assert str(caught.value).startswith("test.c:1:")
