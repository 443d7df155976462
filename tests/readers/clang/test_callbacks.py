"""Callbacks of RCU's run after a grace period, once, and before what is done after all threads."""

from __future__ import annotations

import pytest

from smpcheck.errors import UnsupportedError
from tests.readers.clang.common import checked, read

TEXT = """#include <linux/rcupdate.h>
#include <linux/slab.h>
struct foo {{ int a; struct rcu_head rcu; }};
static struct foo first = {{ .a = 1 }}, *gp = &first;
static int ran;
SMPCHECK_THREAD(reader) {{
	struct foo *p;
	{1}; p = rcu_dereference(gp); if (p != &first) SMPCHECK_ASSERT(p->a == 2); {2};
}}
static void second(struct rcu_head *h) {{ WRITE_ONCE(ran, READ_ONCE(ran) + 1); }}
static struct rcu_head again;
static void gone(struct rcu_head *h) {{
	struct foo *p = container_of(h, struct foo, rcu);
	kfree(p); WRITE_ONCE(ran, 1); SMPCHECK_ASSERT(in_softirq()); call_rcu(&again, second);
}}
SMPCHECK_THREAD(writer) {{
	struct foo *p = kmalloc(sizeof(*p), GFP_KERNEL);
	p->a = 2; rcu_assign_pointer(gp, p); rcu_assign_pointer(gp, &first);
	{0};
}}
SMPCHECK_FINALLY() {{ SMPCHECK_ALL_FREED(); SMPCHECK_ASSERT(ran == 0 || ran == 2); }}
"""
SECTION = "rcu_read_lock()", "rcu_read_unlock()"


@pytest.mark.parametrize(
    ("frees", "failures"),
    [
        ("call_rcu(&p->rcu, gone)", set()),
        ("kfree_rcu(p, rcu)", set()),
        ("synchronize_rcu(); kfree(p)", set()),
        ("kfree(p)", {"p->a == 2", "data-race"}),
        ("(void)p", {"leak"}),
    ],
)
def test_a_callback_waits_for_readers_and_is_not_forgotten(frees: str, failures: set[str]) -> None:
    assert set(checked(TEXT.format(frees, *SECTION)).failures) == failures


def test_readers_outside_of_a_section_are_not_waited_for() -> None:
    assert set(checked(TEXT.format("call_rcu(&p->rcu, gone)", "", "")).failures) == {"p->a == 2", "data-race"}


def test_callbacks_of_unknown_number_or_function_are_refused() -> None:
    head = (
        "static struct rcu_head h; static int n; static void f(struct rcu_head *h) { } static void (*g)(struct rcu_head *) = f;\n"
    )
    with pytest.raises(UnsupportedError, match=r"call_rcu\(\) in a loop is not supported: how many callbacks there are"):
        read(head + "SMPCHECK_THREAD(a) { while (READ_ONCE(n)) call_rcu(&h, f); }")
    with pytest.raises(UnsupportedError, match=r"call_rcu\(\) of a function that is not named in the call"):
        read(head + "SMPCHECK_THREAD(a) { call_rcu(&h, READ_ONCE(g)); }")
