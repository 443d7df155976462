/*
 * The one who waits says so and then looks at the condition; the one who wakes sets the condition and then looks for somebody who
 * waits. Without the barrier in wake_if_waiting() each can miss the other, and the waiter waits for ever.
 */
#include <linux/wait.h>

static int condition, waiting, woken;

static void wait_for_condition(void)
{
	for (;;) {
		WRITE_ONCE(waiting, 1);
		smp_mb();			/* set_current_state() has this one */
		if (READ_ONCE(condition))
			break;
		while (!READ_ONCE(woken))	/* schedule() */
			cpu_relax();
	}
	WRITE_ONCE(waiting, 0);
}

static void wake_if_waiting(void)
{
	smp_mb();				/* waitqueue_active() needs this one */
	if (READ_ONCE(waiting))
		WRITE_ONCE(woken, 1);
}

SMPCHECK_THREAD(sleeper) { wait_for_condition(); }
SMPCHECK_THREAD(waker)
{
	WRITE_ONCE(condition, 1);
	wake_if_waiting();
}
