/* The heart of munlock_putback: the page was isolated before. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_is_off_its_list();
	world(1, VM_LOCKED, 1, 0);
}
SMPCHECK_THREAD(munlock) { munlock(0); }
SMPCHECK_THREAD(putback) { putback(); }
SMPCHECK_FINALLY() { quiet_and_mapped(); }
