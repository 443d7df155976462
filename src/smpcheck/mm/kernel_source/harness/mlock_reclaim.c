/* mlock() against reclaim. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_is_inactive();
	world(1, 0, 0, 0);
}
SMPCHECK_THREAD(mlock) { mlock(0); }
SMPCHECK_THREAD(reclaim) { reclaim(); }
SMPCHECK_FINALLY() { quiet_and_mapped(); }
