/* Debugging and instrumentation that would only be in the way of reading a function. docs/kernel-c.md lists them. */
#undef CONFIG_DEBUG_LIST
#undef CONFIG_LIST_HARDENED
#undef CONFIG_BUG_ON_DATA_CORRUPTION
#undef CONFIG_PARAVIRT
#undef CONFIG_PARAVIRT_XXL
#undef CONFIG_PARAVIRT_SPINLOCKS
#undef CONFIG_FORTIFY_SOURCE
#undef CONFIG_KASAN
#undef CONFIG_KCSAN
#undef CONFIG_KMSAN
#undef CONFIG_DEBUG_SPINLOCK
#undef CONFIG_DEBUG_LOCK_ALLOC
#undef CONFIG_DEBUG_MUTEXES
#undef CONFIG_DEBUG_PREEMPT
#undef CONFIG_PREEMPT_DYNAMIC
#undef CONFIG_TRACEPOINTS
#undef CONFIG_LOCK_EVENT_COUNTS
#undef CONFIG_KFENCE
#undef CONFIG_CC_HAS_NAMED_AS
#undef CONFIG_USE_X86_SEG_SUPPORT
/* Where preemption is disabled is seen in each configuration: preempt_disable() is not only a barrier. */
#undef CONFIG_PREEMPT_COUNT
#define CONFIG_PREEMPT_COUNT 1
