/* munlock() against reclaim, which finds the mlocked page on a list of pages that can be evicted. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_is_late();
	P.flags &= ~(1UL << PG_active);
	list = LRU_INACTIVE_ANON;
	world(1, VM_LOCKED, 0, 0);
}
SMPCHECK_THREAD(munlock) { munlock(0); }
SMPCHECK_THREAD(reclaim) { reclaim(); }
SMPCHECK_FINALLY() { quiet_and_mapped(); }
