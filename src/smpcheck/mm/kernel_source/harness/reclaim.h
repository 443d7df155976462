/* isolate, putback and SHM_UNLOCK's scan, of mm/vmscan.c. */
#include "world.h"
#include "mm/vmscan.c"

static struct address_space mapping;

static inline bool isolate(void)
{
#if SINCE(6, 12)
	return folio_isolate_lru(&P);
#else
	return !folio_isolate_lru(&P);
#endif
}
static void putback(void)
{
	folio_putback_lru(&P);
	lru_add_drain();
}
/* Any putback without the page lock: migration that fails, for example. */
static void move(void)
{
	if (isolate())
		folio_putback_lru(&P);
	lru_add_drain();
}
/* shmem_unlock_mapping(), for one page. */
static void shm_unlock(void)
{
	struct folio_batch batch;

	mapping_clear_unevictable(&mapping);
	batch.nr = 1;
	batch.folios[0] = &P;
	check_move_unevictable_folios(&batch);
	lru_add_drain();
}
/* A page of a segment that SHM_LOCK has made unevictable. */
static inline void page_of_a_segment(unsigned long flags, int on)
{
	mapping.flags = 1UL << AS_UNEVICTABLE;
	P.mapping = &mapping;
	P.flags = flags | 1UL << PG_swapbacked;
	list = on;
	owners = 1;
}
