/* Not the kernel: see mlock.c. */
static inline bool folio_evictable(struct folio *f)
{
	bool yes;

	rcu_read_lock();
	yes = !mapping_unevictable(folio_mapping(f)) && !folio_test_mlocked(f);
	rcu_read_unlock();
	return yes;
}
