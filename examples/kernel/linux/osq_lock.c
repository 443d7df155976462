/*
 * kernel/locking/osq_lock.c: the queue of optimistic spinners, two CPUs. Whoever holds it is alone, and nobody waits for ever.
 */
#include "kernel/locking/osq_lock.c"

static struct optimistic_spin_queue queue = OSQ_LOCK_UNLOCKED;
static int counter, inside;

static void critical_section(void)
{
	if (osq_lock(&queue)) {
		inside++;
		SMPCHECK_ASSERT(inside == 1);
		inside--;
		osq_unlock(&queue);
	}
}

SMPCHECK_THREAD(one) { critical_section(); }
SMPCHECK_THREAD(two) { critical_section(); }
