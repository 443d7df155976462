"""Objects that the program allocates: how many, of what type, and what becomes of them; and functions that call themselves."""

from __future__ import annotations

import pytest

from smpcheck.errors import UnsupportedError
from tests.readers.clang.common import checked, read

LIST = """#include <linux/slab.h>
struct n {{ int v; struct n *next; }};
static struct n *head; static int sum;
SMPCHECK_THREAD(a) {{
	struct n *list = NULL; int i;
	for (i = 0; {0}; i++) {{ struct n *p = kmalloc(sizeof(*p), GFP_KERNEL); p->v = i; p->next = list; list = p; }}
	smp_store_release(&head, list);
}}
SMPCHECK_THREAD(b) {{
	struct n *p = smp_load_acquire(&head), *next;
	for (; p; p = next) {{ sum += p->v; next = p->next; {1}; }}
	SMPCHECK_ASSERT(sum == 0 || sum == 3);
}}
SMPCHECK_FINALLY() {{ if (sum) SMPCHECK_ALL_FREED(); }}
"""


def test_each_round_of_a_loop_allocates_another_object() -> None:
    assert checked(LIST.format("i < 3", "kfree(p)"), unroll=3).failures == ()
    assert checked(LIST.format("i < 3", ""), unroll=3).failures == ("leak",)


def test_more_objects_than_a_loop_has_are_a_bound_and_no_verdict() -> None:
    text = """#include <linux/slab.h>
    static int more = 5;
    SMPCHECK_THREAD(a) {
        while (READ_ONCE(more)) {
            int *p = kmalloc(sizeof(*p), GFP_KERNEL);
            *p = 1; WRITE_ONCE(more, READ_ONCE(more) - 1);
            kfree(p);
        }
    }"""
    result = checked(text, unroll=6)
    assert result.verdict == "undecided"
    assert "gives 4 objects at most, and some execution needs more" in result.message
    assert checked(text.replace("more = 5", "more = 4"), unroll=6).verdict == "holds"


ARRAY = """#include <linux/slab.h>
static int *array; static long *number;
SMPCHECK_THREAD(a) {{
	int *p = kcalloc(4, sizeof(*p), GFP_KERNEL);
	p[3] = 7;
	number = kmalloc(sizeof(long), GFP_KERNEL); *number = 3; kfree(number);
	smp_store_release(&array, p); {1};
}}
SMPCHECK_THREAD(b) {{ int *p = smp_load_acquire(&array); if (p) {{ BUG_ON(p[3] != 7 || p[2]); kfree(p); {0}; }} }}
"""


def test_arrays_and_numbers_are_allocated_and_freed_as_a_whole() -> None:
    assert checked(ARRAY.format("", "")).failures == ()
    assert checked(ARRAY.format("BUG_ON(p[3] != 7)", "")).failures == ("BUG_ON(p[3] != 7)",)
    assert checked(ARRAY.format("", "BUG_ON(READ_ONCE(p[2]) == 1)")).failures == ("data-race",)
    assert checked(ARRAY.format("kfree(p)", "")).failures == ("double-free",)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("int *p = kmalloc(n, GFP_KERNEL)", r"a number that depends on the run bytes for objects of 4 bytes is not supported"),
        ("int *p = kmalloc_array(100, 4, GFP_KERNEL)", "400 bytes for objects of 4 bytes"),
        ("void *p = kmalloc(4, GFP_KERNEL)", "an allocation whose type is not known is not supported: assign it to a pointer"),
    ],
)
def test_allocations_of_unknown_size_or_type_are_refused(call: str, said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        read(f"#include <linux/slab.h>\nstatic int n;\nSMPCHECK_THREAD(a) {{ {call}; WRITE_ONCE(n, p != 0); }}")


RECURSION = """static int n = {0};
static int fact(int k) {{ return k <= 1 ? 1 : k * fact(k - 1); }}
static int down(int *p) {{ int v = READ_ONCE(*p); if (!v) return 0; WRITE_ONCE(*p, v - 1); v += 100 * down(p); return v; }}
static int odd(int k); static int even(int k) {{ return k ? odd(k - 1) : 1; }}
static int odd(int k) {{ return k ? even(k - 1) : 0; }}
SMPCHECK_THREAD(a) {{ BUG_ON(fact(4) != 24 || !even(4) || even(3)); SMPCHECK_ASSERT(down(&n) == 20103 || {1}); }}
"""


def test_functions_that_call_themselves_are_followed_and_beyond_a_bound_nothing_is_said() -> None:
    assert checked(RECURSION.format(3, 0)).failures == ("down(&n) == 20103 || 0",)
    assert checked(RECURSION.format(3, 1)).verdict == "holds"
    deeper = checked(RECURSION.format(9, 1))
    assert deeper.verdict == "undecided"
    assert "down() calls itself: 5 calls of it at a time are followed, and some execution needs more" in deeper.message
