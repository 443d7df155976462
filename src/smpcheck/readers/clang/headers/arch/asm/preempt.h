/* Nothing preempts a thread that has a CPU of its own: the count is asked for nowhere, but grace periods wait where it is not zero. */
#ifndef SMPCHECK_ASM_PREEMPT_H
#define SMPCHECK_ASM_PREEMPT_H
#include <linux/thread_info.h>
#define PREEMPT_NEED_RESCHED 0x80000000
#define PREEMPT_ENABLED 0
static inline int preempt_count(void) { return 0; }
static inline void preempt_count_set(int count) { }
#define init_task_preempt_count(task) do { } while (0)
#define init_idle_preempt_count(task, cpu) do { } while (0)
static inline void set_preempt_need_resched(void) { }
static inline void clear_preempt_need_resched(void) { }
static inline _Bool test_preempt_need_resched(void) { return 0; }
void __preempt_count_add(int value);
void __preempt_count_sub(int value);
_Bool __preempt_count_dec_and_test(void);
static inline _Bool should_resched(int offset) { return 0; }
#define __preempt_schedule() do { } while (0)
#define __preempt_schedule_notrace() do { } while (0)
#endif
