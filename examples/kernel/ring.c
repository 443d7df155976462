/*
 * A ring of two entries with one producer and one consumer. The operations come from a table of function pointers, as in many
 * drivers; what a consumer takes is what the producer put there.
 */
#include <linux/compiler.h>

#define SIZE 2

struct ring { unsigned int head, tail; int slot[SIZE]; };
struct ring_ops { bool (*put)(struct ring *r, int v); int (*get)(struct ring *r); };

static bool put(struct ring *r, int v)
{
	unsigned int head = r->head;

	if (head - smp_load_acquire(&r->tail) >= SIZE)
		return false;
	r->slot[head % SIZE] = v;
	smp_store_release(&r->head, head + 1);
	return true;
}

static int get(struct ring *r)
{
	unsigned int tail = r->tail;
	int v;

	if (smp_load_acquire(&r->head) == tail)
		return -EAGAIN;
	v = r->slot[tail % SIZE];
	smp_store_release(&r->tail, tail + 1);
	return v;
}

static const struct ring_ops ops = { .put = put, .get = get };
static struct ring ring;

SMPCHECK_THREAD(producer)
{
	for (int i = 1; i <= 3; i++)
		if (!ops.put(&ring, i))
			break;
}

SMPCHECK_THREAD(consumer)
{
	int a = ops.get(&ring), b = ops.get(&ring);

	SMPCHECK_ASSERT(a == -EAGAIN || a == 1);
	SMPCHECK_ASSERT(b == -EAGAIN || b == (a == 1 ? 2 : 1));
}
