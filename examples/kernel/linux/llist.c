/*
 * lib/llist.c: two producers and a consumer that takes the whole list. Nothing is lost, and what an entry holds is there when it is
 * taken.
 */
#include "lib/llist.c"

struct item { int value; struct llist_node node; };
static struct item one, two;
static LLIST_HEAD(list);
static int taken;

static void produce(struct item *item, int value)
{
	item->value = value;
	llist_add(&item->node, &list);
}

static int consume(void)
{
	struct llist_node *n = llist_del_all(&list);
	int sum = 0;

	if (n) {
		sum = llist_entry(n, struct item, node)->value;
		n = n->next;
	}
	if (n)
		sum += llist_entry(n, struct item, node)->value;
	return sum;
}

SMPCHECK_THREAD(producer_1) { produce(&one, 1); }
SMPCHECK_THREAD(producer_2) { produce(&two, 2); }
SMPCHECK_THREAD(consumer) { taken = consume(); }
SMPCHECK_FINALLY()
{
	int rest = consume();

	SMPCHECK_ASSERT(taken + rest == 3);
}
