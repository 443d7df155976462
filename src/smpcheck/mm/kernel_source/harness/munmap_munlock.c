/* munmap() by a parent against munlock() by the child, of a page that both have mlocked. */
#define VMAS 2
#include "world.h"

SMPCHECK_INIT()
{
	page_is_mlocked(2);
	world(2, VM_LOCKED, 0, 0);
}
SMPCHECK_THREAD(munmap) { unmap(0); }
SMPCHECK_THREAD(munlock) { munlock(1); }
SMPCHECK_FINALLY() { quiet(); }
