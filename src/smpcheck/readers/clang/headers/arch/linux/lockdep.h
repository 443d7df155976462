/* That a lock is held is an assertion. */
#ifndef SMPCHECK_LINUX_LOCKDEP_H
#define SMPCHECK_LINUX_LOCKDEP_H
#include_next <linux/lockdep.h>
#undef lockdep_assert_held
#undef lockdep_assert_held_once
#undef lockdep_assert_held_write
#undef lockdep_assert_held_read
#undef lockdep_assert_irqs_disabled
#undef lockdep_assert_irqs_enabled
#define lockdep_assert_irqs_disabled() __smpcheck_bug(!__smpcheck_irqs_off())
#define lockdep_assert_irqs_enabled() __smpcheck_bug(!!__smpcheck_irqs_off())
#define lockdep_assert_held(l) __smpcheck_lock_held(l)
#define lockdep_assert_held_once(l) __smpcheck_lock_held(l)
#define lockdep_assert_held_write(l) __smpcheck_lock_held(l)
#define lockdep_assert_held_read(l) __smpcheck_lock_held(l)
#endif
