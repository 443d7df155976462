/*
 * One page, whoever has it, and what must hold: the world of the scenarios, around the functions of the tree's own files.
 *
 * The bodies of mlock and munlock of a folio, of their drains, lru_add_drain, folio_add_lru, isolate, putback,
 * of reclaim from isolate_lru_folios() to move_folios_to_lru(), and of the last put of a reference are the tree's. What is stubbed
 * stands here: which lruvec a folio belongs to (there is one), lists (only which list the page is on is known), counters (NR_MLOCK
 * only), page tables (a pte for each vma), and the allocator.
 */
#undef CONFIG_LRU_GEN		/* the lists that the model of 2009 has, too */
#undef CONFIG_LRU_GEN_WALKS_MMU

#include <linux/version.h>
#include "mm/mlock.c"
#include "mm/swap.c"

#ifndef VMAS
#define VMAS 1				/* so many processes map the page, or may */
#endif
#define SINCE(major, minor) (LINUX_VERSION_CODE >= KERNEL_VERSION(major, minor, 0))

static struct folio P;
static struct lruvec lruvec;
struct pglist_data *node_data[MAX_NUMNODES];

static int list = -1;			/* which list of the lruvec the page is on; protected by lru_lock */
static atomic_t nr_mlock;		/* NR_MLOCK */
static struct vm_area_struct vma[2];	/* each of a process of its own, at the address of its number */
static pte_t pte[2];			/* of the two, each under its lock */
static spinlock_t pte_lock[2];
static int others;			/* references when all is quiet, besides those of ptes */
static bool freed;
static DEFINE_PER_CPU(struct list_head *, on);	/* the private list of this CPU that the page is on */

static inline bool maps(int i) { return pte_present(pte[i]); }
static inline bool locks(int i) { return maps(i) && vma[i].vm_flags & VM_LOCKED; }

/* --- the invariants that are known to mm check by the same names --- */

#define I1(page) (!folio_test_mlocked(page))
#define I2(page) (atomic_read(&nr_mlock) == folio_test_mlocked(page))
#define I3(page) (!folio_test_lru(page) || !folio_test_unevictable(page) || folio_test_mlocked(page) || \
		  mapping_unevictable(folio_mapping(page)))
#define I5_on_a_list(page) (list >= 0)
#define I5_on_no_list(page) (list < 0)
#define I5(page) (freed ? list < 0 : folio_test_lru(page) && (list == LRU_UNEVICTABLE) == folio_test_unevictable(page) && list >= 0)
#define I6(page) (folio_ref_count(page) == maps(0) + maps(1) + others && atomic_read(&(page)->_mapcount) == maps(0) + maps(1) - 1)
#define I7(page) (!folio_test_lru(page) && !folio_test_active(page) && !folio_test_unevictable(page) && !freed)
#define I9() (!maps(0) && !maps(1))
#define I11() (maps(0) || !(vma[0].vm_flags & VM_LOCKED))
#define I12(page) (freed || !folio_test_mlocked(page) || locks(0) || locks(1))
#define I13(page) (!folio_test_lru(page) || !folio_test_unevictable(page) || (page)->mlock_count <= locks(0) + locks(1))

/* --- stubs --- */

SMPCHECK_STUB(struct lruvec *, folio_lruvec_lock_irq, struct folio *folio)
{
	spin_lock_irq(&lruvec.lru_lock);
	return &lruvec;
}
SMPCHECK_STUB(struct lruvec *, folio_lruvec_lock_irqsave, struct folio *folio, unsigned long *flags)
{
	spin_lock_irq(&lruvec.lru_lock);
	return &lruvec;
}
SMPCHECK_STUB(void, unlock_page_lruvec_irqrestore, struct lruvec *of, unsigned long flags) { spin_unlock_irq(&of->lru_lock); }
SMPCHECK_STUB(bool, folio_matches_lruvec, struct folio *folio, struct lruvec *of) { return true; }
SMPCHECK_STUB(struct address_space *, folio_mapping, struct folio *folio)
{
	struct address_space *mapping = READ_ONCE(folio->mapping);

	return (unsigned long)mapping & PAGE_MAPPING_FLAGS ? NULL : mapping;
}

/* There is one zone, and one node. (Else the word of flags would be read plainly, which the tree says is no race: its bits for the
 * zone and the node never change.) */
SMPCHECK_STUB(enum zone_type, page_zonenum, const struct page *page) { return ZONE_NORMAL; }
SMPCHECK_STUB(int, page_to_nid, const struct page *page) { return 0; }

static int list_of(struct list_head *head)
{
	return head == &lruvec.lists[0] ? 0 : head == &lruvec.lists[1] ? 1 : head == &lruvec.lists[2] ? 2 :
	       head == &lruvec.lists[3] ? 3 : -1;
}
SMPCHECK_STUB(void, list_add, struct list_head *entry, struct list_head *head)
{
	int to = list_of(head);

	if (to < 0) {
		this_cpu_write(on, head);
		return;
	}
	SMPCHECK_ASSERT(I5_on_no_list(&P));
	list = to;
}
SMPCHECK_STUB(void, list_add_tail, struct list_head *entry, struct list_head *head)
{
	SMPCHECK_ASSERT(I5_on_no_list(&P));
	list = list_of(head);
}
SMPCHECK_STUB(void, list_del, struct list_head *entry)
{
	if (this_cpu_read(on)) {
		this_cpu_write(on, NULL);
		return;
	}
	SMPCHECK_ASSERT(I5_on_a_list(&P));
	list = -1;
}
/* The unevictable list is none: only its length is kept. So the page comes to it, and goes, here. */
SMPCHECK_STUB(void, mem_cgroup_update_lru_size, struct lruvec *of, enum lru_list lru, int zid, int nr)
{
	if (lru == LRU_UNEVICTABLE) {
		if (nr > 0)
			SMPCHECK_ASSERT(I5_on_no_list(&P));
		else
			SMPCHECK_ASSERT(I5_on_a_list(&P));
		list = nr > 0 ? LRU_UNEVICTABLE : -1;
	}
}
SMPCHECK_STUB(void, __mod_lruvec_state, struct lruvec *of, enum node_stat_item item, int by) { }
SMPCHECK_STUB(void, __mod_zone_page_state, struct zone *zone, enum zone_stat_item item, long by) { }
SMPCHECK_STUB(void, mod_zone_page_state, struct zone *zone, enum zone_stat_item item, long by)
{
	if (item == NR_MLOCK)
		atomic_add(by, &nr_mlock);
}
SMPCHECK_STUB(void, __count_vm_events, enum vm_event_item item, long by) { }
SMPCHECK_STUB(void, __count_memcg_events, struct mem_cgroup *memcg, enum vm_event_item item, unsigned long by) { }

/* The allocator clears PG_mlocked, and counts, if nobody did before. */
static void free_page_now(struct folio *folio)
{
	SMPCHECK_ASSERT(I1(&P));
	SMPCHECK_ASSERT(I7(&P));
	if (folio_test_mlocked(folio)) {
		__folio_clear_mlocked(folio);
		atomic_dec(&nr_mlock);
	}
	freed = true;
}
static void never(void) { BUG(); }
SMPCHECK_STUB(void, free_unref_page, struct page *page, unsigned int order) { free_page_now((struct folio *)page); }
#if SINCE(6, 12)
SMPCHECK_STUB(void, free_unref_folios, struct folio_batch *batch)
{
	if (batch->nr)
		free_page_now(&P);
	batch->nr = 0;
}
SMPCHECK_STUB(bool, __folio_unqueue_deferred_split, struct folio *folio) { return false; }
SMPCHECK_STUB(void, __mem_cgroup_uncharge_folios, struct folio_batch *batch) { }
SMPCHECK_STUB(void, __mem_cgroup_uncharge, struct folio *folio) { }
SMPCHECK_STUB(bool, __put_devmap_managed_folio_refs, struct folio *folio, int refs) { never(); return false; }
SMPCHECK_STUB(void, free_huge_folio, struct folio *folio) { never(); }
SMPCHECK_STUB(void, free_zone_device_folio, struct folio *folio) { never(); }
#else
SMPCHECK_STUB(void, free_unref_page_list, struct list_head *pages)
{
	if (this_cpu_read(on) == pages) {
		free_page_now(&P);
		this_cpu_write(on, NULL);
	}
}
SMPCHECK_STUB(void, __mem_cgroup_uncharge_list, struct list_head *pages) { }
SMPCHECK_STUB(void, __mem_cgroup_uncharge, struct folio *folio) { }
SMPCHECK_STUB(bool, __put_devmap_managed_page_refs, struct page *page, int refs) { never(); return false; }
SMPCHECK_STUB(void, free_zone_device_page, struct page *page) { never(); }
SMPCHECK_STUB(int, PageHeadHuge, struct page *page) { return 0; }
SMPCHECK_STUB(bool, folio_mapped, struct folio *folio) { never(); return false; }
SMPCHECK_STUB(struct address_space *, page_mapping, struct page *page) { return folio_mapping((struct folio *)page); }
SMPCHECK_STUB(void, destroy_large_folio, struct folio *folio) { never(); }
#endif

/* --- page tables: what mm/rmap.c does, for one pte of each vma --- */

#if SINCE(6, 12)
#define vm_flags_of(vma) ACCESS_PRIVATE(vma, __vm_flags)
#else
#define vm_flags_of(vma) ((vma)->vm_flags)
#endif

/* folio_add_file_rmap_pte(), folio_remove_rmap_pte(): the pte lock is held. */
static void mlock_vma(int i)
{
#if SINCE(6, 12)
	mlock_vma_folio(&P, &vma[i]);
#else
	mlock_vma_folio(&P, &vma[i], false);
#endif
}
static void add_rmap(int i)
{
	atomic_inc(&P._mapcount);
	mlock_vma(i);
}
static void remove_rmap(int i)
{
	atomic_dec(&P._mapcount);
#if SINCE(6, 12)
	munlock_vma_folio(&P, &vma[i]);
#else
	munlock_vma_page(&P.page, &vma[i], false);
#endif
}

/* --- where the page is at first --- */

/* On an active list, and PG_mlocked: reclaim has not found it yet. */
static inline void page_is_late(void)
{
	P.flags = 1UL << PG_lru | 1UL << PG_active | 1UL << PG_mlocked | 1UL << PG_swapbacked;
	list = LRU_ACTIVE_ANON;
}
/* On an inactive list, where reclaim looks. */
static inline void page_is_inactive(void)
{
	P.flags = 1UL << PG_lru | 1UL << PG_swapbacked;
	list = LRU_INACTIVE_ANON;
}
/* On the unevictable list. */
static inline void page_is_mlocked(int times)
{
	P.flags = 1UL << PG_lru | 1UL << PG_unevictable | 1UL << PG_mlocked | 1UL << PG_swapbacked;
	P.mlock_count = times;
	list = LRU_UNEVICTABLE;
}
/* On no list: isolated, or new. */
static inline void page_is_off_its_list(void) { P.flags = 1UL << PG_mlocked | 1UL << PG_swapbacked; }

/* So many processes map the page, in vmas with these flags; somebody has so many references more, and keeps so many of them. */
static inline void world(int ptes, unsigned long flags, int references, int kept)
{
	int i;

	for (i = 0; i < ptes; i++) {
		vm_flags_of(&vma[i]) = flags;
		pte[i].pte = _PAGE_PRESENT;
	}
	atomic_set(&P._mapcount, ptes - 1);
	atomic_set(&nr_mlock, folio_test_mlocked(&P));
	atomic_set(&P._refcount, ptes + references);
	P.mapping = (struct address_space *)PAGE_MAPPING_ANON;
	others = kept;
}

/* --- what the threads do: the callers of the tree's functions, for one page --- */

static void drain_mlocks(void)
{
#if SINCE(6, 12)
	mlock_drain_local();
#else
	mlock_page_drain_local();
#endif
}
/* munlock() of one vma: mlock_vma_pages_range(), mlock_pte_range(). Nobody else takes the mmap_lock of its process, and what a CPU
 * that has nothing in its batches drains is left out. */
static void munlock(int i)
{
	WRITE_ONCE(vm_flags_of(&vma[i]), vma[i].vm_flags & ~VM_LOCKED);
	spin_lock(&pte_lock[i]);
	if (maps(i)) {
#if SINCE(6, 12)
		munlock_folio(&P);
#else
		munlock_page(&P.page);
#endif
	}
	spin_unlock(&pte_lock[i]);
	lru_add_drain();
}
/* The same of mlock(). What __mm_populate() would bring in is there, or is beyond the end of the file. */
static void mlock(int i)
{
	unsigned long flags = vma[i].vm_flags | VM_LOCKED;

	WRITE_ONCE(vm_flags_of(&vma[i]), flags | VM_IO);
	spin_lock(&pte_lock[i]);
	if (maps(i))
		mlock_folio(&P);
	spin_unlock(&pte_lock[i]);
	lru_add_drain();
	WRITE_ONCE(vm_flags_of(&vma[i]), flags);
}
/* Truncation, munmap() or the end of a process: zap_pte_range(), and free_pages_and_swap_cache() when the TLB is flushed. */
static void unmap(int i)
{
	bool present;

	spin_lock(&pte_lock[i]);
	present = maps(i);
	if (present) {
		pte[i].pte = 0;
		remove_rmap(i);
	}
	spin_unlock(&pte_lock[i]);
	lru_add_drain();
	if (present)
		folio_put(&P);
}
/* The page was born on this CPU, and waits in its batch, when the scenario begins. */
static void drain(void)
{
	folio_add_lru(&P);
	folio_put(&P);
	lru_add_drain();
}

/* A load by a process whose vma does not map the page yet: do_read_fault(). */
static void load(int i)
{
	spin_lock(&pte_lock[i]);
	if (!maps(i)) {
		folio_get(&P);
		add_rmap(i);
		pte[i].pte = _PAGE_PRESENT;
	}
	spin_unlock(&pte_lock[i]);
	lru_add_drain();
}
/* This CPU has mapped the page into a VM_LOCKED vma, and counts the mlock from its batch only now. */
static void drain_late(void)
{
#if SINCE(6, 12)
	folio_batch_add(this_cpu_ptr(&mlock_fbatch.fbatch), mlock_lru(&P));
#else
	pagevec_add(this_cpu_ptr(&mlock_pvec.vec), mlock_lru(&P.page));
#endif
	lru_add_drain();
}

/* When all is quiet. */
static void quiet(void)
{
	SMPCHECK_ASSERT(I2(&P));
	SMPCHECK_ASSERT(I3(&P));
	SMPCHECK_ASSERT(I5(&P));
	SMPCHECK_ASSERT(I6(&P));
	SMPCHECK_ASSERT(I12(&P));
	SMPCHECK_ASSERT(I13(&P));
}
/* The same when the pages must be gone, or must be there. */
static void quiet_and_unmapped(void)
{
	quiet();
	SMPCHECK_ASSERT(I9());
}
static void quiet_and_mapped(void)
{
	quiet();
	SMPCHECK_ASSERT(I11());
}
