/*
 * waitqueue_active() of include/linux/wait.h, with kernel/sched/wait.c: the waker looks whether anybody waits, without the lock. A full
 * barrier between the condition and that look is the waker's part; prepare_to_wait() has the waiter's.
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
	smp_mb();
	if (waitqueue_active(&queue))
		wake_up(&queue);
}
