/* SHM_UNLOCK, which clears AS_UNEVICTABLE and rescues the page, against a putback of the page. */
#include "reclaim.h"

SMPCHECK_INIT()
{
	page_of_a_segment(1UL << PG_lru | 1UL << PG_active, LRU_ACTIVE_ANON);
	atomic_set(&P._refcount, 1);
}
SMPCHECK_THREAD(shm_unlock) { shm_unlock(); }
SMPCHECK_THREAD(move) { move(); }
SMPCHECK_FINALLY() { quiet(); }
