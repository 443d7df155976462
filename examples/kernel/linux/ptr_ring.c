/*
 * include/linux/ptr_ring.h: one producer and one consumer, a ring of two pointers. What is taken was put, in order, and is initialised.
 */
#include "linux/ptr_ring.h"

static struct item { int value; } one, two;
static void *slots[2];
static struct ptr_ring ring = { .size = 2, .batch = 1, .queue = slots };

SMPCHECK_THREAD(producer)
{
	one.value = 1;
	ptr_ring_produce(&ring, &one);
	two.value = 2;
	ptr_ring_produce(&ring, &two);
}

SMPCHECK_THREAD(consumer)
{
	struct item *a = ptr_ring_consume(&ring), *b = ptr_ring_consume(&ring);

	SMPCHECK_ASSERT(!a || a->value == 1);
	SMPCHECK_ASSERT(!b || b->value == (a ? 2 : 1));
}
/* The producer looks at a slot without a marked access while the consumer may be clearing it: by the model, a data race. */
SMPCHECK_EXPECT_FAILURE("data-race", "mixed-accesses")
