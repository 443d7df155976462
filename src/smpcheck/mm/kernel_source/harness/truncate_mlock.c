/* Truncation of the file against mlock() of a private copy. */
#include "world.h"

SMPCHECK_INIT()
{
	page_is_inactive();
	world(1, 0, 0, 0);
}
SMPCHECK_THREAD(truncate) { unmap(0); }
SMPCHECK_THREAD(mlock) { mlock(0); }
SMPCHECK_FINALLY() { quiet_and_unmapped(); }
