/* Truncation against reclaim, which finds a private copy in a VM_LOCKED vma and mlocks it. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_is_inactive();
	world(1, VM_LOCKED, 0, 0);
}
SMPCHECK_THREAD(truncate) { unmap(0); }
SMPCHECK_THREAD(reclaim) { reclaim(); }
SMPCHECK_FINALLY() { quiet_and_unmapped(); }
