/* Truncation against munlock() of a private copy. */
#include "world.h"

SMPCHECK_INIT()
{
	page_is_mlocked(1);
	world(1, VM_LOCKED, 0, 0);
}
SMPCHECK_THREAD(truncate) { unmap(0); }
SMPCHECK_THREAD(munlock) { munlock(0); }
SMPCHECK_FINALLY() { quiet_and_unmapped(); }
