/* Not the kernel: see mlock.c. */
static inline bool first_to_take(struct folio *f)
{
	VM_BUG_ON_FOLIO(!folio_ref_count(f), f);
	return folio_test_clear_lru(f);
}

int folio_isolate_lru(struct folio *f)
{
	struct lruvec *vec;

	if (!first_to_take(f))
		return -EBUSY;
	folio_get(f);
	vec = folio_lruvec_lock_irq(f);
	lruvec_del_folio(vec, f);
	unlock_page_lruvec_irq(vec);
	return 0;
}
