/*
 * include/asm-generic/spinlock.h (ticket_spinlock.h since Linux 6.13): a lock that is handed out in order. The ticket that is served is
 * half of the word, and is stored as such; the whole word is read and incremented. The names of x86's own lock make room first.
 */
#include <linux/spinlock.h>
#undef arch_spin_lock
#undef arch_spin_trylock
#undef arch_spin_unlock
#undef arch_spin_is_locked
#undef arch_spin_is_contended
#undef arch_spin_value_unlocked
#define arch_spinlock_t ticket_t
#define arch_spin_lock ticket_lock
#define arch_spin_trylock ticket_trylock
#define arch_spin_unlock ticket_unlock
#define arch_spin_is_locked ticket_is_locked
#define arch_spin_is_contended ticket_is_contended
#define arch_spin_value_unlocked ticket_value_unlocked
#include "asm-generic/spinlock.h"

static ticket_t lock;
static int counter;

static void increment(void)
{
	ticket_lock(&lock);
	counter++;
	ticket_unlock(&lock);
}

SMPCHECK_THREAD(one) { increment(); }
SMPCHECK_THREAD(two) { increment(); }
SMPCHECK_FINALLY() { SMPCHECK_ASSERT(counter == 2 && !ticket_is_locked(&lock)); }
