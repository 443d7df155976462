/*
 * kernel/locking/percpu-rwsem.c, with kernel/rcu/sync.c: a reader that tries, and a writer that takes the semaphore and keeps it. On the
 * fast path the reader writes a counter of its own CPU, with no barrier at all: what makes that safe is that it looks for a
 * writer in a section without preemption, for which the writer's grace period waits. On the slow path both have barriers.
 *
 * this_cpu_inc() is one instruction on x86 and arm64; it and the writer's look at all counters are marked accesses here.
 * percpu-rwsem-plain.c leaves them as they are in the generic C.
 */
#ifndef PLAIN
#include <linux/percpu.h>
#undef this_cpu_inc
#undef this_cpu_dec
#undef per_cpu
#define this_cpu_inc(counter) ((*(volatile typeof(counter) *)this_cpu_ptr(&(counter)))++)
#define this_cpu_dec(counter) ((*(volatile typeof(counter) *)this_cpu_ptr(&(counter)))--)
#define per_cpu(counter, cpu) (*(volatile typeof(counter) *)per_cpu_ptr(&(counter), cpu))
#endif
#define THREADS 2
#include "tasks.h"
#include "kernel/sched/sched.h"
#include "kernel/rcu/sync.c"
#include "kernel/locking/percpu-rwsem.c"

static DEFINE_STATIC_PERCPU_RWSEM(sem);
static int x, y;

SMPCHECK_STUB(unsigned long, _find_next_bit, const unsigned long *bits, unsigned long size, unsigned long from)
{
	return from < THREADS ? from : size;
}
SMPCHECK_STUB(unsigned long, _find_first_bit, const unsigned long *bits, unsigned long size) { return 0; }
/* As kernel/exit.c has it */
SMPCHECK_STUB(int, rcuwait_wake_up, struct rcuwait *wait)
{
	struct task_struct *task;
	int woken = 0;

	rcu_read_lock();
	smp_mb();
	task = rcu_dereference(wait->task);
	if (task)
		woken = wake(task, TASK_NORMAL);
	rcu_read_unlock();
	return woken;
}
SMPCHECK_STUB(void, finish_rcuwait, struct rcuwait *wait)
{
	rcu_assign_pointer(wait->task, NULL);
	__set_current_state(TASK_RUNNING);
}
/* There is one writer, it does not let go, and the reader does not wait: nobody is in a queue, and these are not called */
SMPCHECK_STUB(void, __wake_up_locked, struct wait_queue_head *queue, unsigned int mode, int number) { }
SMPCHECK_STUB(void, percpu_rwsem_wait, struct percpu_rw_semaphore *s, bool reader) { BUG(); }
SMPCHECK_STUB(long, prepare_to_wait_event, struct wait_queue_head *queue, struct wait_queue_entry *entry, int state) { BUG(); return 0; }
SMPCHECK_STUB(void, init_wait_entry, struct wait_queue_entry *entry, int flags) { BUG(); }
SMPCHECK_STUB(void, finish_wait, struct wait_queue_head *queue, struct wait_queue_entry *entry) { BUG(); }
SMPCHECK_STUB(void, call_rcu_hurry, struct rcu_head *head, rcu_callback_t func) { BUG(); }
SMPCHECK_STUB(void, call_rcu, struct rcu_head *head, rcu_callback_t func) { BUG(); }

SMPCHECK_THREAD(reader)
{
	if (percpu_down_read_trylock(&sem)) {
		SMPCHECK_ASSERT(READ_ONCE(x) == READ_ONCE(y));
		percpu_up_read(&sem);
	}
}
SMPCHECK_THREAD(writer)
{
	percpu_down_write(&sem);
	WRITE_ONCE(x, 1);
	WRITE_ONCE(y, 1);
}
