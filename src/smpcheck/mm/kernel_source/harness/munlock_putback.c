/* munlock() against a putback of the mlocked page, which is on an active list still. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_is_late();
	world(1, VM_LOCKED, 0, 0);
}
SMPCHECK_THREAD(munlock) { munlock(0); }
SMPCHECK_THREAD(move) { move(); }
SMPCHECK_FINALLY() { quiet_and_mapped(); }
