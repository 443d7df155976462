/* SHM_UNLOCK against the CPU on which the segment's page was born, and which drains it to its list only now. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_of_a_segment(0, -1);
	atomic_set(&P._refcount, 2);
}
SMPCHECK_THREAD(shm_unlock) { shm_unlock(); }
SMPCHECK_THREAD(drain) { drain(); }
SMPCHECK_FINALLY() { quiet(); }
