/* Barriers and ordered accesses are smpcheck's primitives. */
#ifndef SMPCHECK_ASM_BARRIER_H
#define SMPCHECK_ASM_BARRIER_H
#include_next <asm/barrier.h>
#include <smpcheck_barriers.h>
#undef smp_cond_load_relaxed
#undef smp_cond_load_acquire
#define __SMPCHECK_WAIT(p, read, condition) \
	({ typeof(*(p)) VAL; for (;;) { VAL = read(p); if (condition) break; cpu_relax(); } VAL; })
#define __smpcheck_read(p) (*(const volatile typeof(*(p)) *)(p))
#define smp_cond_load_relaxed(p, condition) __SMPCHECK_WAIT(p, __smpcheck_read, condition)
#define smp_cond_load_acquire(p, condition) __SMPCHECK_WAIT(p, smp_load_acquire, condition)
#endif
