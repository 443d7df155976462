/*
 * Sleeping and waking, for harnesses: the states of tasks as kernel/sched/core.c orders them, without a scheduler. A task whose state
 * is not TASK_RUNNING when it calls schedule() waits until somebody wakes it. Each thread is a task of its own.
 */
#include <linux/sched.h>
#include <linux/sched/wake_q.h>
#include <linux/wait.h>

#ifndef THREADS
#define THREADS 2
#endif
static struct task_struct tasks[THREADS];

SMPCHECK_STUB(struct task_struct *, get_current, void) { return &tasks[raw_smp_processor_id()]; }
SMPCHECK_STUB(void, schedule, void)
{
	smp_mb();
	smp_cond_load_acquire(&current->__state, VAL == TASK_RUNNING);
}
static int wake(struct task_struct *task, unsigned int states)
{
	int woken = 0;

	raw_spin_lock(&task->pi_lock);
	smp_mb__after_spinlock();
	if (READ_ONCE(task->__state) & states) {
		WRITE_ONCE(task->__state, TASK_RUNNING);
		woken = 1;
	}
	raw_spin_unlock(&task->pi_lock);
	return woken;
}
SMPCHECK_STUB(int, wake_up_process, struct task_struct *task) { return wake(task, TASK_NORMAL); }
SMPCHECK_STUB(int, default_wake_function, struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	return wake(entry->private, mode);
}
