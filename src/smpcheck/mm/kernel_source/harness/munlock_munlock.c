/* munlock() by parent and child of a page that both have mlocked. */
#include "world.h"

SMPCHECK_INIT()
{
	page_is_mlocked(2);
	world(2, 2);
}
SMPCHECK_THREAD(parent) { munlock(0); }
SMPCHECK_THREAD(child) { munlock(1); }
SMPCHECK_FINALLY() { quiet(); }
