/*
 * As waitqueue_active.c, but for the waker's full barrier: the waker may see an empty queue while the waiter sees the old condition, and
 * the waiter sleeps for ever.
 */
#include "tasks.h"
#include "linux/wait.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/wait.c"

static DECLARE_WAIT_QUEUE_HEAD(queue);
static int condition;

SMPCHECK_THREAD(waiter)
{
	wait_event(queue, READ_ONCE(condition));
}
SMPCHECK_THREAD(waker)
{
	WRITE_ONCE(condition, 1);
	barrier();
	if (waitqueue_active(&queue))
		wake_up(&queue);
}
SMPCHECK_EXPECT_FAILURE("non-termination")
