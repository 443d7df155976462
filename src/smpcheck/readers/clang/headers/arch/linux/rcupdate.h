/* A machine may need no barrier here; the memory model does. */
#ifndef SMPCHECK_LINUX_RCUPDATE_H
#define SMPCHECK_LINUX_RCUPDATE_H
#include_next <linux/rcupdate.h>
#undef kfree_rcu
#undef kvfree_rcu
#define kfree_rcu(object, ...) __smpcheck_kfree_rcu(object)
#define kvfree_rcu(object, ...) __smpcheck_kfree_rcu(object)
#undef smp_mb__after_unlock_lock
void __smpc_smp_mb__after_unlock_lock(void);
#define smp_mb__after_unlock_lock() __smpc_smp_mb__after_unlock_lock()
#endif
