/*
 * kernel/locking/mcs_spinlock.h: a queue in which each CPU spins on a word of its own.
 */
#include <linux/percpu.h>
#include "kernel/locking/mcs_spinlock.h"

static struct mcs_spinlock *lock;
static struct mcs_spinlock node[2];
static int counter;

static void critical_section(int n)
{
	mcs_spin_lock(&lock, &node[n]);
	counter++;
	mcs_spin_unlock(&lock, &node[n]);
}

SMPCHECK_THREAD(one) { critical_section(0); }
SMPCHECK_THREAD(two) { critical_section(1); }
SMPCHECK_FINALLY() { SMPCHECK_ASSERT(counter == 2 && !lock); }
