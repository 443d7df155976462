/* munlock() against reclaim, which finds a page in the VM_LOCKED vma that nobody has mlocked yet. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_is_inactive();
	world(1, VM_LOCKED, 0, 0);
}
SMPCHECK_THREAD(munlock) { munlock(0); }
SMPCHECK_THREAD(reclaim) { reclaim(); }
SMPCHECK_FINALLY() { quiet_and_mapped(); }
