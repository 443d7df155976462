// SPDX-License-Identifier: MIT
/*
 * A driver and its interrupt handler share a list of finished requests. The handler may come in at any step of the driver on the
 * same CPU: with spin_lock() in place of spin_lock_irqsave() it would wait for a lock that the driver it interrupts holds.
 */
#include <linux/spinlock.h>

struct queue {
	spinlock_t lock;
	int finished;
	int taken;
};

static struct queue queue;
static int raised;

static int take_finished(struct queue *q)
{
	unsigned long flags;
	int n;

	spin_lock_irqsave(&q->lock, flags);
	n = q->finished;
	q->finished = 0;
	q->taken += n;
	spin_unlock_irqrestore(&q->lock, flags);
	return n;
}

SMPCHECK_THREAD(driver)
{
	take_finished(&queue);
}

SMPCHECK_THREAD(other_cpu)
{
	take_finished(&queue);
}

SMPCHECK_IRQ(handler, driver)
{
	lockdep_assert_irqs_disabled();
	spin_lock(&queue.lock);
	queue.finished++;
	raised = 1;
	spin_unlock(&queue.lock);
}

SMPCHECK_FINALLY()
{
	SMPCHECK_ASSERT(queue.finished + queue.taken == raised);
}
