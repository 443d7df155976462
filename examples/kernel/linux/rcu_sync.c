/*
 * kernel/rcu/sync.c: readers on the fast path write nothing; a writer sends them to the slow path before it begins. What call_rcu()
 * is given runs after a grace period, in a thread of its own.
 */
#include "tasks.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/wait.c"
#include "kernel/rcu/sync.c"

static DEFINE_RCU_SYNC(sync);
static int x, y;
static struct rcu_head *called;

SMPCHECK_STUB(void, call_rcu_hurry, struct rcu_head *head, rcu_callback_t func) { smp_store_release(&called, head); }
SMPCHECK_STUB(void, call_rcu, struct rcu_head *head, rcu_callback_t func) { smp_store_release(&called, head); }

SMPCHECK_THREAD(reader)
{
	rcu_read_lock();
	if (rcu_sync_is_idle(&sync)) {
		int a = READ_ONCE(x), b = READ_ONCE(y);

		SMPCHECK_ASSERT(a == b);
	}
	rcu_read_unlock();
}
SMPCHECK_THREAD(writer)
{
	rcu_sync_enter(&sync);
	WRITE_ONCE(x, 1);
	WRITE_ONCE(y, 1);
	rcu_sync_exit(&sync);
}
SMPCHECK_THREAD(callbacks)
{
	struct rcu_head *head = smp_load_acquire(&called);

	if (head) {
		synchronize_rcu();
		rcu_sync_func(head);
	}
}
