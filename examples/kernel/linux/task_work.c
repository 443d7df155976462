/*
 * kernel/task_work.c: a work that one task adds to another is run or cancelled, never both; and it sees what was done before it was
 * added.
 */
#define THREADS 3
#include "tasks.h"
#include "kernel/task_work.c"
#include <linux/version.h>

static struct callback_head work;
static int runs, cancelled, data;

SMPCHECK_STUB(void, kick_process, struct task_struct *task) { }
SMPCHECK_STUB(int, wake_up_state, struct task_struct *task, unsigned int states) { return wake(task, states); }
SMPCHECK_STUB(void, set_notify_resume, struct task_struct *task) { }
SMPCHECK_STUB(void, set_notify_signal, struct task_struct *task) { }
SMPCHECK_STUB(void, __set_notify_signal, struct task_struct *task) { }
SMPCHECK_STUB(void, __klp_sched_try_switch, void) { }
SMPCHECK_STUB(bool, irq_work_queue, struct irq_work *work) { return true; }

static void run(struct callback_head *head)
{
	SMPCHECK_ASSERT(data == 1);
	runs++;
}
SMPCHECK_THREAD(runner) { task_work_run(); }
SMPCHECK_THREAD(adder)
{
	init_task_work(&work, run);
	data = 1;
	task_work_add(&tasks[0], &work, TWA_NONE);
}
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
SMPCHECK_THREAD(canceller) { cancelled = task_work_cancel(&tasks[0], &work); }
#else
SMPCHECK_THREAD(canceller) { cancelled = task_work_cancel(&tasks[0], run) == &work; }
#endif
SMPCHECK_FINALLY() { SMPCHECK_ASSERT(runs + cancelled <= 1); SMPCHECK_ASSERT(runs + cancelled == 1 || READ_ONCE(tasks[0].task_works) == &work); }
