/*
 * include/linux/kfifo.h: one producer and one consumer need no lock, says the header. By the kernel's model the consumer may take what
 * is not there yet: nothing orders its read of fifo->in before that of the element, and fifo->in and fifo->out are accessed plainly.
 */
#include "linux/kfifo.h"

static DECLARE_KFIFO(fifo, int, 2);

SMPCHECK_INIT() { INIT_KFIFO(fifo); }
SMPCHECK_THREAD(producer)
{
	kfifo_put(&fifo, 1);
	kfifo_put(&fifo, 2);
}
SMPCHECK_THREAD(consumer)
{
	int a, b;

	if (kfifo_get(&fifo, &a)) {
		SMPCHECK_ASSERT(a == 1);
		if (kfifo_get(&fifo, &b))
			SMPCHECK_ASSERT(b == 2);
	}
}
SMPCHECK_EXPECT_FAILURE("a == 1", "b == 2", "data-race")
