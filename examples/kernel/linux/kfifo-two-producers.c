/* include/linux/kfifo.h: two producers without a lock. Both take the same place: an element is lost, and what is counted is not there. */
#include "linux/kfifo.h"

static DECLARE_KFIFO(fifo, int, 2);

SMPCHECK_INIT() { INIT_KFIFO(fifo); }
SMPCHECK_THREAD(one) { kfifo_put(&fifo, 1); }
SMPCHECK_THREAD(two) { kfifo_put(&fifo, 2); }
SMPCHECK_FINALLY()
{
	int a = 0, b = 0;

	SMPCHECK_ASSERT(kfifo_len(&fifo) == 2);
	if (kfifo_get(&fifo, &a) && kfifo_get(&fifo, &b))
		SMPCHECK_ASSERT(a + b == 3);
}
SMPCHECK_EXPECT_FAILURE("data-race", "kfifo_len(&fifo) == 2", "a + b == 3")
