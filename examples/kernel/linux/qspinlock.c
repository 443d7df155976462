/* kernel/locking/qspinlock.c: two CPUs, each of which takes the lock once. */
#include "linux/spinlock.h"
#include "kernel/locking/qspinlock.c"

static struct qspinlock lock = __ARCH_SPIN_LOCK_UNLOCKED;
static int x;

static void count(void)
{
	queued_spin_lock(&lock);
	x++;
	queued_spin_unlock(&lock);
}
SMPCHECK_THREAD(one) { count(); }
SMPCHECK_THREAD(two) { count(); }
SMPCHECK_FINALLY() { SMPCHECK_ASSERT(x == 2); }
