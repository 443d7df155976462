/* lib/lockref.c: one takes a reference unless the object is dead, the other drops the last one and marks it dead under the lock. */
#include "lib/lockref.c"

static struct lockref ref;
static int freed, used_after;

SMPCHECK_INIT() { ref.count = 1; }
SMPCHECK_THREAD(getter)
{
	if (lockref_get_not_dead(&ref)) {
		if (READ_ONCE(freed))
			WRITE_ONCE(used_after, 1);
		if (!lockref_put_or_lock(&ref)) {
			lockref_mark_dead(&ref);
			WRITE_ONCE(freed, 1);
			spin_unlock(&ref.lock);
		}
	}
}
SMPCHECK_THREAD(putter)
{
	if (!lockref_put_or_lock(&ref)) {
		lockref_mark_dead(&ref);
		WRITE_ONCE(freed, 1);
		spin_unlock(&ref.lock);
	}
}
SMPCHECK_FINALLY() { SMPCHECK_ASSERT(!used_after); SMPCHECK_ASSERT(freed); }
