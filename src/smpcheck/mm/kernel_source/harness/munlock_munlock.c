/* munlock() by parent and child of a page that both have mlocked. */
#define VMAS 2
#include "world.h"

SMPCHECK_INIT()
{
	page_is_mlocked(2);
	world(2, VM_LOCKED, 0, 0);
}
SMPCHECK_THREAD(parent) { munlock(0); }
SMPCHECK_THREAD(child) { munlock(1); }
SMPCHECK_FINALLY() { quiet_and_mapped(); }
