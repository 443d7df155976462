/*
 * kernel/locking/osq_lock.c: two CPUs, one of which may stop waiting (need_resched()) and leave the queue. The lock is handed over by
 * a relaxed read of node->locked, so what the holder did before need not be seen: under the kernel's model an update is lost, in no
 * interleaving. (The kernel protects no data by it: it keeps spinning waiters of a mutex in order.)
 */
#include "kernel/locking/osq_lock.c"

SMPCHECK_EXPECT_FAILURE("x == taken[0] + taken[1]")

static struct optimistic_spin_queue queue = OSQ_LOCK_UNLOCKED;
static int x, taken[2];

SMPCHECK_STUB(bool, need_resched, void) { return smp_processor_id() == 0; }
SMPCHECK_STUB(bool, vcpu_is_preempted, long cpu) { return false; }

static void count(int cpu)
{
	if (osq_lock(&queue)) {
		WRITE_ONCE(x, READ_ONCE(x) + 1);
		taken[cpu] = 1;
		osq_unlock(&queue);
	}
}
SMPCHECK_THREAD(may_leave) { count(0); }
SMPCHECK_THREAD(waits) { count(1); }
SMPCHECK_FINALLY()
{
	SMPCHECK_ASSERT(x == taken[0] + taken[1]);
	SMPCHECK_ASSERT(taken[1]);
}
