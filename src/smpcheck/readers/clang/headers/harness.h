/* The words of a harness. They are known in every file; docs/kernel-c.md explains them. */
#ifndef SMPCHECK_HARNESS_H
#define SMPCHECK_HARNESS_H

#define SMPCHECK_INIT() void __smpcheck_init(void)
#define SMPCHECK_THREAD(name) void __smpcheck_thread_##name(void)
#define SMPCHECK_IRQ(name, thread) void __smpcheck_irq_##name##__on_##thread(void)
#define SMPCHECK_SOFTIRQ(name, thread) void __smpcheck_softirq_##name##__on_##thread(void)
#define SMPCHECK_FINALLY() void __smpcheck_finally(void)
#define SMPCHECK_STUB(result, name, ...) result __smpcheck_stub_##name(__VA_ARGS__)
#define SMPCHECK_EXPECT_FAILURE(...) _Static_assert(1, "");
#define SMPCHECK_ALL_FREED() __smpcheck_all_freed()
#define SMPCHECK_ASSERT(condition) __smpcheck_assert(!!(condition))

/* A value as a type. There are no casts to structs: where one would be needed, a function that has no body is called. */
#define __SMPCHECK_IS_RECORD(place) (__builtin_classify_type(place) == 12)
#define __SMPCHECK_AS(type, place, value) \
	__builtin_choose_expr(__SMPCHECK_IS_RECORD(place), *(type *)exchange_of_a_struct(), \
			      (typeof(__builtin_choose_expr(__SMPCHECK_IS_RECORD(place), 0UL, place)))(value))
void *exchange_of_a_struct(void);

void __smpcheck_assert(_Bool holds);
void __smpcheck_bug(_Bool wrong);
void __smpcheck_warn(_Bool wrong);
void __smpcheck_nothing();
void __smpcheck_all_freed(void);
void __smpcheck_lock_held();
int __smpcheck_cpu(void);
int __smpcheck_irqs_off(void);
/* Around an operation on per-CPU data, which is one instruction on many machines: no handler comes in, and no more. */
unsigned long __smpcheck_hold_irqs(void);
void __smpcheck_release_irqs(unsigned long held);
int __smpcheck_cpus(void);
_Bool __smpcheck_any(void);
unsigned long __smpcheck_time(unsigned long late);
void __smpcheck_assumes(const char *said);
void __smpcheck_kfree_rcu(const void *object);

#endif
