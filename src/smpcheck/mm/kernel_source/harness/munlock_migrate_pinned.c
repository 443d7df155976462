/* munlock() against a migration that fails, as somebody else has a reference to the page. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_is_mlocked(1);
	world(1, VM_LOCKED, 1, 0);
}
SMPCHECK_THREAD(munlock) { munlock(0); }
SMPCHECK_THREAD(migrate) { migrate_pinned(); }
SMPCHECK_FINALLY() { quiet_and_mapped(); }
