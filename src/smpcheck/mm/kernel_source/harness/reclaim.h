/* isolate, putback, reclaim and SHM_UNLOCK's scan, of mm/vmscan.c. */
#include "world.h"
#include "mm/vmscan.c"

/* --- stubs of reclaim: nothing is dirty, written or moved to another node, and there is no swap space --- */

SMPCHECK_STUB(bool, can_demote, int nid, struct scan_control *sc) { return false; }
SMPCHECK_STUB(void, update_lru_sizes, struct lruvec *of, enum lru_list lru, unsigned long *nr_zone_taken) { }
SMPCHECK_STUB(void, folio_check_dirty_writeback, struct folio *folio, bool *dirty, bool *writeback)
{
	*dirty = false;
	*writeback = false;
}
SMPCHECK_STUB(void, folio_unlock, struct folio *folio) { clear_bit_unlock(PG_locked, &folio->flags); }
SMPCHECK_STUB(bool, add_to_swap, struct folio *folio) { return false; }
SMPCHECK_STUB(bool, folio_free_swap, struct folio *folio) { never(); return false; }
SMPCHECK_STUB(bool, filemap_release_folio, struct folio *folio, gfp_t gfp) { never(); return false; }
SMPCHECK_STUB(int, __remove_mapping, struct address_space *mapping, struct folio *folio, bool reclaimed,
	      struct mem_cgroup *target_memcg) { never(); return 0; }
SMPCHECK_STUB(bool, mem_cgroup_swap_full, struct folio *folio) { return false; }
SMPCHECK_STUB(void, workingset_age_nonresident, struct lruvec *of, unsigned long nr_pages) { }
SMPCHECK_STUB(unsigned int, demote_folio_list, struct list_head *demote_folios, struct pglist_data *pgdat) { return 0; }
#if SINCE(6, 12)
SMPCHECK_STUB(pageout_t, pageout, struct folio *folio, struct address_space *mapping, struct swap_iocb **plug,
	      struct list_head *folio_list) { never(); return PAGE_KEEP; }
#else
SMPCHECK_STUB(pageout_t, pageout, struct folio *folio, struct address_space *mapping, struct swap_iocb **plug)
{
	never();
	return PAGE_KEEP;
}
#endif
SMPCHECK_STUB(int, split_folio_to_list, struct folio *folio, struct list_head *to) { never(); return 1; }
SMPCHECK_STUB(void, folio_wait_writeback, struct folio *folio) { never(); }
SMPCHECK_STUB(void, try_to_unmap_flush, void) { }
SMPCHECK_STUB(void, try_to_unmap_flush_dirty, void) { never(); }
SMPCHECK_STUB(void, mod_node_page_state, struct pglist_data *of, enum node_stat_item item, long by) { }
SMPCHECK_STUB(void, swap_write_unplug, struct swap_iocb *plug) { never(); }
SMPCHECK_STUB(void, __klp_sched_try_switch, void) { }
SMPCHECK_STUB(int, __cond_resched, void) { return 0; }
#if SINCE(6, 12)
SMPCHECK_STUB(bool, can_split_folio, struct folio *folio, int caller_pins, int *pextra_pins) { never(); return false; }
SMPCHECK_STUB(int, unmap_poisoned_folio, struct folio *folio, unsigned long pfn, bool must_kill) { never(); return 0; }
SMPCHECK_STUB(struct swap_info_struct *, swp_swap_info, swp_entry_t entry) { never(); return NULL; }
#else
SMPCHECK_STUB(bool, can_split_folio, struct folio *folio, int *pextra_pins) { never(); return false; }
SMPCHECK_STUB(struct swap_info_struct *, page_swap_info, struct page *page) { never(); return NULL; }
#endif
SMPCHECK_STUB(struct folio *, lru_to_folio, struct list_head *head) { return &P; }
SMPCHECK_STUB(int, list_empty, const struct list_head *head)
{
	int of = list_of((struct list_head *)head);

	return of < 0 ? this_cpu_read(on) != head : list != of;
}
SMPCHECK_STUB(void, list_move, struct list_head *entry, struct list_head *head)
{
	int to = list_of(head);

	SMPCHECK_ASSERT(I5_on_a_list(&P));
	list = to;
	if (to < 0)
		this_cpu_write(on, head);
}
SMPCHECK_STUB(void, list_splice, const struct list_head *from, struct list_head *head)
{
	if (this_cpu_read(on) == from)
		this_cpu_write(on, head);
}
SMPCHECK_STUB(void, list_splice_init, struct list_head *from, struct list_head *head)
{
	if (this_cpu_read(on) == from)
		this_cpu_write(on, head);
}

/* folio_referenced_one(), of each vma until one is VM_LOCKED: accessed bits are not known. */
SMPCHECK_STUB(int, folio_referenced, struct folio *folio, int is_locked, struct mem_cgroup *memcg, unsigned long *vm_flags)
{
	int i;

	*vm_flags = 0;
	for (i = 0; i < VMAS && !*vm_flags; i++) {
		spin_lock(&pte_lock[i]);
		if (locks(i)) {
			mlock_vma(i);
			*vm_flags = VM_LOCKED;
		}
		spin_unlock(&pte_lock[i]);
	}
	return 0;
}
/* try_to_unmap_one(): without swap space only reached for a page that has become no anonymous one. */
SMPCHECK_STUB(void, try_to_unmap, struct folio *folio, enum ttu_flags flags) { never(); }

static struct address_space mapping;
static struct pglist_data node;

#define MIGRATION_ENTRY 2UL		/* not present */

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
/* shrink_inactive_list(), which looks at one page of the list of inactive anonymous pages. */
static void reclaim(void)
{
	struct scan_control sc = { .gfp_mask = GFP_KERNEL, .may_unmap = 1, .may_swap = 1, .may_writepage = 1, .reclaim_idx = MAX_NR_ZONES - 1 };
	struct reclaim_stat stat;
	unsigned long nr_scanned, nr_taken;
	LIST_HEAD(folio_list);

	spin_lock_irq(&lruvec.lru_lock);
	nr_taken = isolate_lru_folios(1, &lruvec, &folio_list, &nr_scanned, &sc, LRU_INACTIVE_ANON);
	spin_unlock_irq(&lruvec.lru_lock);
	if (nr_taken) {
		shrink_folio_list(&folio_list, &node, &sc, &stat, false);
		spin_lock_irq(&lruvec.lru_lock);
		move_folios_to_lru(&lruvec, &folio_list);
		spin_unlock_irq(&lruvec.lru_lock);
#if !SINCE(6, 12)
		free_unref_page_list(&folio_list);
#endif
	}
	lru_add_drain();
}
/* Migration of a page that somebody else has a reference to, and drops when it has failed: migrate_pages(), try_to_migrate_one(),
 * remove_migration_pte(). */
static void migrate_pinned(void)
{
	if (isolate()) {
		spin_lock(&pte_lock[0]);
		if (maps(0)) {
			pte[0].pte = MIGRATION_ENTRY;
			remove_rmap(0);
			if (vma[0].vm_flags & VM_LOCKED)
				drain_mlocks();
			folio_put(&P);
		}
		spin_unlock(&pte_lock[0]);
		spin_lock(&pte_lock[0]);
		if (pte[0].pte == MIGRATION_ENTRY) {
			folio_get(&P);
			add_rmap(0);
			pte[0].pte = _PAGE_PRESENT;
			if (vma[0].vm_flags & VM_LOCKED)
				drain_mlocks();
		}
		spin_unlock(&pte_lock[0]);
		folio_putback_lru(&P);
	}
	folio_put(&P);
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
	others = 1;
	atomic_set(&P._mapcount, -1);
}
