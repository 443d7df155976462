/*
 * lib/llist.c says that llist_del_first() needs one consumer at a time. This is why: between the read of entry->next and the
 * cmpxchg() another consumer takes both entries and puts the first one back (ABA), and an entry is taken twice.
 */
#include "lib/llist.c"

static struct llist_node a, b;
static LLIST_HEAD(list);
static int count_b;

SMPCHECK_INIT()
{
	llist_add(&b, &list);
	llist_add(&a, &list);
}

SMPCHECK_THREAD(first)
{
	llist_del_first(&list);
}

SMPCHECK_THREAD(second)
{
	struct llist_node *n = llist_del_first(&list), *m = llist_del_first(&list);

	if (n == &a && m == &b) {
		count_b = 1;
		llist_add(n, &list);
	}
}

SMPCHECK_FINALLY() { SMPCHECK_ASSERT(list.first != &b || !count_b); }
SMPCHECK_EXPECT_FAILURE("data-race", "list.first != &b || !count_b")
