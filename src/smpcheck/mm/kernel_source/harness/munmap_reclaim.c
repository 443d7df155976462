/* munmap() of a VM_LOCKED vma, or the end of its process, against reclaim, which finds its page and mlocks it. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_is_inactive();
	world(1, VM_LOCKED, 0, 0);
}
SMPCHECK_THREAD(munmap) { unmap(0); }
SMPCHECK_THREAD(reclaim) { reclaim(); }
SMPCHECK_FINALLY() { quiet(); }
