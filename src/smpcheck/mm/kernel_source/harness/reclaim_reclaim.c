/* Reclaim by two CPUs of a page in a VM_LOCKED vma, which is not mlocked yet. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_is_inactive();
	world(1, VM_LOCKED, 0, 0);
}
SMPCHECK_THREAD(one) { reclaim(); }
SMPCHECK_THREAD(other) { reclaim(); }
SMPCHECK_FINALLY() { quiet_and_mapped(); }
