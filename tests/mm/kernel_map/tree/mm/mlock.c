/*
 * Not the kernel: what the tests of the map compare with. It has the names
 * and the steps of a kernel's functions, and nothing that could be compiled.
 */
#define NEWS 1

static struct lruvec *__munlock_page(struct page *p, struct lruvec *vec)
{
	bool mine = TestClearPageLRU(p);

	if (!mine)
		goto flag;
	vec = folio_lruvec_relock_irq(page_folio(p), vec);
	if (PageUnevictable(p)) {
		if (p->mlock_count && --p->mlock_count)
			goto done;
	}
flag:
	if (TestClearPageMlocked(p)) {
		mod_zone_page_state(page_zone(p), NR_MLOCK, -1);
		if (!mine && PageUnevictable(p))
			__count_vm_events(UNEVICTABLE_PGSTRANDED, 1);
		else
			__count_vm_events(UNEVICTABLE_PGMUNLOCKED, 1);
	}
	if (mine && PageUnevictable(p) && page_evictable(p)) {
		del_page_from_lru_list(p, vec);
		ClearPageUnevictable(p);
		add_page_to_lru_list(p, vec);
		__count_vm_events(UNEVICTABLE_PGRESCUED, 1);
	}
done:
	if (mine)
		SetPageLRU(p);
	return vec;
}

void munlock_page(struct page *p)
{
	local_lock(&mlock_pvec.lock);
	get_page(p);
	if (pagevec_add(this_cpu_ptr(&mlock_pvec.vec), p) == 0)
		mlock_pagevec(this_cpu_ptr(&mlock_pvec.vec));
	local_unlock(&mlock_pvec.lock);
}
