/*
 * What the kernel's headers declare, for code that is read without a kernel tree: types, attributes and the macros around
 * primitives. The primitives themselves follow, made from smpcheck's table.
 */
#ifndef SMPCHECK_PLAIN_H
#define SMPCHECK_PLAIN_H

typedef signed char s8, __s8, int8_t;
typedef unsigned char u8, __u8, uint8_t;
typedef short s16, __s16, int16_t;
typedef unsigned short u16, __u16, uint16_t;
typedef int s32, __s32, int32_t;
typedef unsigned int u32, __u32, uint32_t, uint, gfp_t;
typedef long long s64, __s64, int64_t, loff_t;
typedef unsigned long long u64, __u64, uint64_t;
typedef unsigned long size_t, uintptr_t, ulong, pgoff_t;
typedef long ssize_t, intptr_t, ptrdiff_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

typedef struct { int counter; } atomic_t;
typedef struct { long counter; } atomic_long_t;
typedef struct { long counter; } atomic64_t;
typedef struct refcount_struct { atomic_t refs; } refcount_t;
typedef struct raw_spinlock { int word; } raw_spinlock_t;
typedef struct spinlock { int word; } spinlock_t;
typedef struct { int word; } rwlock_t;
typedef struct seqcount { unsigned int sequence; } seqcount_t;
typedef seqcount_t seqcount_spinlock_t, seqcount_raw_spinlock_t, seqcount_mutex_t;
typedef struct { unsigned int seqcount; int lock; } seqlock_t;
struct mutex { int word; };
struct rw_semaphore { int word; };
struct semaphore { int count; };
struct completion { int done; };
struct srcu_struct { int word; };
struct wait_queue_head { int word; };
typedef struct wait_queue_head wait_queue_head_t;
struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_head { struct hlist_node *first; };
struct llist_node { struct llist_node *next; };
struct llist_head { struct llist_node *first; };
struct rcu_head { struct rcu_head *next; void (*func)(struct rcu_head *head); };

#define ATOMIC_INIT(i) { (i) }
#define ATOMIC_LONG_INIT(i) { (i) }
#define ATOMIC64_INIT(i) { (i) }
#define REFCOUNT_INIT(n) { .refs = ATOMIC_INIT(n) }
#define __SPIN_LOCK_UNLOCKED(l) { 0 }
#define __RAW_SPIN_LOCK_UNLOCKED(l) { 0 }
#define __MUTEX_INITIALIZER(l) { 0 }
#define DEFINE_SPINLOCK(l) spinlock_t l = { 0 }
#define DEFINE_RAW_SPINLOCK(l) raw_spinlock_t l = { 0 }
#define DEFINE_RWLOCK(l) rwlock_t l = { 0 }
#define DEFINE_MUTEX(l) struct mutex l = { 0 }
#define DECLARE_RWSEM(l) struct rw_semaphore l = { 0 }
#define DEFINE_SEQLOCK(l) seqlock_t l = { 0, 0 }
#define SEQCNT_SPINLOCK_ZERO(s, l) { 0 }
#define SEQCNT_RAW_SPINLOCK_ZERO(s, l) { 0 }
#define SEQCNT_MUTEX_ZERO(s, l) { 0 }
#define __SEMAPHORE_INITIALIZER(s, n) { (n) }
#define DEFINE_SEMAPHORE(s, n) struct semaphore s = { (n) }
#define seqcount_init(s) do { (s)->sequence = 0; } while (0)
#define seqlock_init(s) do { (s)->seqcount = 0; (s)->lock = 0; } while (0)
#define SEQCNT_ZERO(l) { 0 }
#define DECLARE_COMPLETION(c) struct completion c = { 0 }
#define DECLARE_WAIT_QUEUE_HEAD(q) wait_queue_head_t q = { 0 }
#define DEFINE_SRCU(s) struct srcu_struct s
#define DEFINE_STATIC_SRCU(s) static struct srcu_struct s
#define LIST_HEAD_INIT(l) { &(l), &(l) }
#define LIST_HEAD(l) struct list_head l = LIST_HEAD_INIT(l)
#define HLIST_HEAD_INIT { .first = NULL }
#define HLIST_HEAD(l) struct hlist_head l = { .first = NULL }
#define LLIST_HEAD_INIT(l) { NULL }
#define LLIST_HEAD(l) struct llist_head l = LLIST_HEAD_INIT(l)
#define spin_lock_init(l) do { (l)->word = 0; } while (0)
#define raw_spin_lock_init(l) do { (l)->word = 0; } while (0)
#define rwlock_init(l) do { (l)->word = 0; } while (0)
#define mutex_init(l) do { (l)->word = 0; } while (0)
#define init_rwsem(l) do { (l)->word = 0; } while (0)
#define sema_init(l, n) do { (l)->count = (n); } while (0)
#define init_waitqueue_head(q) do { (q)->word = 0; } while (0)
#define init_llist_head(l) do { (l)->first = NULL; } while (0)
#define INIT_HLIST_HEAD(l) do { (l)->first = NULL; } while (0)

#define __rcu
#define __user
#define __kernel
#define __iomem
#define __percpu
#define __force
#define __must_check
#define __acquires(x)
#define __releases(x)
#define __must_hold(x)
#define __acquire(x) do { } while (0)
#define __release(x) do { } while (0)
#define __init
#define __exit
#define __sched
#define __read_mostly
#define __ro_after_init
#define __cold
#define __visible
#define __maybe_unused
#define __always_unused
#define __used
#define __private
#define __lockfunc
#define notrace
#define noinstr
#define noinline
#define asmlinkage
#define __no_kcsan
#define __no_sanitize_or_inline inline
#define __always_inline inline
#define __pure
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define ____cacheline_aligned
#define ____cacheline_aligned_in_smp
#define __cacheline_aligned
#define __cacheline_aligned_in_smp
#define ____cacheline_internodealigned_in_smp
#define __bitwise
#define fallthrough do { } while (0)
#define EXPORT_SYMBOL(s)
#define EXPORT_SYMBOL_GPL(s)
#define EXPORT_PER_CPU_SYMBOL(s)
#define MODULE_LICENSE(s)
#define BUILD_BUG_ON(c) ((void)sizeof(char[1 - 2 * !!(c)]))
#define static_assert(e, ...) _Static_assert(e, "" __VA_ARGS__)
#define compiletime_assert(c, message)
#define __printf(a, b)

#define inline inline __attribute__((unused))
#define likely(c) __builtin_expect(!!(c), 1)
#define unlikely(c) __builtin_expect(!!(c), 0)
#define offsetof(type, member) __builtin_offsetof(type, member)
#define container_of(p, type, member) ((type *)((void *)(p) - offsetof(type, member)))
#define list_entry(p, type, member) container_of(p, type, member)
#define list_first_entry(p, type, member) list_entry((p)->next, type, member)
#define hlist_entry(p, type, member) container_of(p, type, member)
#define llist_entry(p, type, member) container_of(p, type, member)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define min(a, b) ({ typeof(a) __a = (a); typeof(b) __b = (b); __a < __b ? __a : __b; })
#define max(a, b) ({ typeof(a) __a = (a); typeof(b) __b = (b); __a > __b ? __a : __b; })
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))
#define clamp(v, low, high) min(max(v, low), high)
#define clamp_t(t, v, low, high) clamp((t)(v), (t)(low), (t)(high))
#define swap(a, b) do { typeof(a) __t = (a); (a) = (b); (b) = __t; } while (0)
#define abs(x) ({ typeof(x) __x = (x); __x < 0 ? -__x : __x; })
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define ALIGN(x, a) (((x) + (a) - 1) & ~((typeof(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((typeof(x))(a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((typeof(x))(a) - 1)) == 0)
#define round_up(x, y) ALIGN(x, y)
#define round_down(x, y) ALIGN_DOWN(x, y)
#define is_power_of_2(n) ((n) && !((n) & ((n) - 1)))
#define upper_32_bits(n) ((u32)((u64)(n) >> 32))
#define lower_32_bits(n) ((u32)(n))
#define sizeof_field(type, member) sizeof(((type *)0)->member)
#define do_div(n, base) ({ u32 __base = (base); u32 __rest = (n) % __base; (n) /= __base; __rest; })
#define check_add_overflow(a, b, d) __builtin_add_overflow(a, b, d)
#define check_sub_overflow(a, b, d) __builtin_sub_overflow(a, b, d)
#define check_mul_overflow(a, b, d) __builtin_mul_overflow(a, b, d)
#define time_after(a, b) ((long)((b) - (a)) < 0)
#define time_before(a, b) time_after(b, a)
#define time_after_eq(a, b) ((long)((a) - (b)) >= 0)
#define time_before_eq(a, b) time_after_eq(b, a)
#define BUILD_BUG_ON_MSG(c, message) BUILD_BUG_ON(c)
#define BIT(n) (1UL << (n))
#define BITS_PER_LONG 64
#define BIT_MASK(n) (1UL << ((n) % 64))
#define BIT_WORD(n) ((n) / 64)
#define BITS_TO_LONGS(n) (((n) + 63) / 64)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]
#define GENMASK(h, l) ((~0UL << (l)) & (~0UL >> (63 - (h))))
#define INT_MAX ((int)(~0U >> 1))
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX (~0U)
#define LONG_MAX ((long)(~0UL >> 1))
#define ULONG_MAX (~0UL)
#define U8_MAX ((u8)~0U)
#define U16_MAX ((u16)~0U)
#define U32_MAX ((u32)~0U)
#define EINVAL 22
#define ENOMEM 12
#define EBUSY 16
#define EAGAIN 11
#define EINTR 4
#define ENOENT 2
#define ENOSPC 28
#define GFP_KERNEL 0x1u
#define GFP_ATOMIC 0x2u
void *kmalloc(size_t size, gfp_t flags);
void *kzalloc(size_t size, gfp_t flags);
void *kcalloc(size_t n, size_t size, gfp_t flags);
void *kmalloc_array(size_t n, size_t size, gfp_t flags);
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void call_rcu_hurry(struct rcu_head *head, void (*func)(struct rcu_head *head));
typedef void (*rcu_callback_t)(struct rcu_head *head);
#define kfree_rcu(object, ...) __smpcheck_kfree_rcu(object)
#define kvfree_rcu(object, ...) __smpcheck_kfree_rcu(object)
#define kfree_rcu_mightsleep(object) ({ might_sleep(); __smpcheck_kfree_rcu(object); })
struct kmem_cache;
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags);
void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t flags);
void kmem_cache_free(struct kmem_cache *cache, void *object);
void *kvmalloc(size_t size, gfp_t flags);
void *kvzalloc(size_t size, gfp_t flags);
void kvfree(const void *object);
void kfree(const void *object);
#define ERR_PTR(e) ((void *)(long)(e))
#define PTR_ERR(p) ((long)(p))
#define IS_ERR_VALUE(x) ((unsigned long)(void *)(x) >= (unsigned long)-4095)
#define IS_ERR(p) IS_ERR_VALUE(p)
#define IS_ERR_OR_NULL(p) (!(p) || IS_ERR(p))
#define PTR_ERR_OR_ZERO(p) (IS_ERR(p) ? (int)PTR_ERR(p) : 0)
#define ERR_CAST(p) ((void *)(p))
#define IS_ENABLED(option) 0
#define THIS_MODULE NULL
#define KERN_ERR ""
#define KERN_WARNING ""
#define KERN_INFO ""
#define KERN_DEBUG ""

#define printk(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_debug(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_info(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_warn(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_warn_once(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_err(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_info_once(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_err_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_warn_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define printk_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define printk_once(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_err(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_warn(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_info(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_dbg(...) __smpcheck_nothing(__VA_ARGS__)
#define touch_nmi_watchdog() do { } while (0)
#define kcsan_check_read(p, size) do { } while (0)
#define kcsan_check_write(p, size) do { } while (0)
#define might_sleep_if(c) do { if (c) might_sleep(); } while (0)
#define BUG_ON(c) __smpcheck_bug(!!(c))
#define BUG() __smpcheck_bug(1)
#define VM_BUG_ON(c) BUG_ON(c)
#define VM_BUG_ON_PAGE(c, page) BUG_ON(c)
#define VM_BUG_ON_FOLIO(c, folio) BUG_ON(c)
#define WARN_ON(c) ({ bool __warn = !!(c); __smpcheck_warn(__warn); __warn; })
#define WARN_ON_ONCE(c) WARN_ON(c)
#define WARN_ONCE(c, ...) WARN_ON(c)
#define WARN(c, ...) WARN_ON(c)
#define VM_WARN_ON(c) ((void)WARN_ON(c))
#define VM_WARN_ON_ONCE(c) WARN_ON(c)
#define lockdep_assert_held(l) __smpcheck_lock_held(l)
#define lockdep_assert_held_write(l) lockdep_assert_held(l)
#define assert_spin_locked(l) lockdep_assert_held(l)
#define lockdep_is_held(l) 1
#define RCU_LOCKDEP_WARN(c, message) do { } while (0)
#define unrcu_pointer(p) (p)
#define lockdep_set_class(l, c) do { } while (0)
#define data_race(expr) ({ __kcsan_disable_current(); __auto_type __raced = (expr); __kcsan_enable_current(); __raced; })
void __kcsan_disable_current(void);
void __kcsan_enable_current(void);
#define ASSERT_EXCLUSIVE_WRITER(x) do { } while (0)
#define ASSERT_EXCLUSIVE_ACCESS(x) do { } while (0)

int preempt_count(void);
#define irqs_disabled() (__smpcheck_irqs_off() != 0)
#define in_hardirq() (preempt_count() & 0xf0000)
#define in_irq() in_hardirq()
#define in_softirq() (preempt_count() & 0xff00)
#define in_serving_softirq() (preempt_count() & 0x100)
#define in_interrupt() (preempt_count() & 0xfff00)
#define in_task() (!(preempt_count() & 0xf0100))
#define lockdep_assert_irqs_disabled() BUG_ON(!irqs_disabled())
#define lockdep_assert_irqs_enabled() BUG_ON(irqs_disabled())
#define spin_trylock_irqsave(l, flags) \
	({ local_irq_save(flags); spin_trylock(l) ? 1 : ({ local_irq_restore(flags); 0; }); })
#define raw_spin_trylock_irqsave(l, flags) \
	({ local_irq_save(flags); raw_spin_trylock(l) ? 1 : ({ local_irq_restore(flags); 0; }); })
#define spin_trylock_irq(l) ({ local_irq_disable(); spin_trylock(l) ? 1 : ({ local_irq_enable(); 0; }); })
#define raw_spin_trylock_irq(l) ({ local_irq_disable(); raw_spin_trylock(l) ? 1 : ({ local_irq_enable(); 0; }); })

#define preemptible() (!preempt_count() && !irqs_disabled())
#define smp_processor_id() __smpcheck_cpu()
#define raw_smp_processor_id() __smpcheck_cpu()
#define get_cpu() ({ preempt_disable(); __smpcheck_cpu(); })
#define put_cpu() preempt_enable()
#define __SMPCHECK_PERCPU __attribute__((annotate("percpu")))
#define DEFINE_PER_CPU(type, name) __SMPCHECK_PERCPU typeof(type) name
#define DEFINE_PER_CPU_ALIGNED(type, name) DEFINE_PER_CPU(type, name)
#define DEFINE_PER_CPU_SHARED_ALIGNED(type, name) DEFINE_PER_CPU(type, name)
#define DECLARE_PER_CPU(type, name) extern __SMPCHECK_PERCPU typeof(type) name
#define per_cpu_ptr(p, cpu) ((typeof(p))((unsigned long)(p) + ((unsigned long)(cpu) << 20)))
#define per_cpu(name, cpu) (*per_cpu_ptr(&(name), cpu))
void *__alloc_percpu(size_t size, size_t align);
void free_percpu(void *object);
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < __smpcheck_cpus(); (cpu)++)
#define for_each_online_cpu(cpu) for_each_possible_cpu(cpu)
#define for_each_present_cpu(cpu) for_each_possible_cpu(cpu)
#define num_possible_cpus() __smpcheck_cpus()
#define num_online_cpus() __smpcheck_cpus()
#define alloc_percpu(type) ((typeof(type) *)__alloc_percpu(sizeof(type), _Alignof(type)))
#define alloc_percpu_gfp(type, gfp) alloc_percpu(type)
#define this_cpu_ptr(p) per_cpu_ptr(p, __smpcheck_cpu())
#define raw_cpu_ptr(p) this_cpu_ptr(p)
#define get_cpu_var(name) (*({ preempt_disable(); this_cpu_ptr(&(name)); }))
#define put_cpu_var(name) preempt_enable()
#define get_cpu_ptr(p) ({ preempt_disable(); this_cpu_ptr(p); })
#define put_cpu_ptr(p) preempt_enable()
#define __SMPCHECK_IRQS_OFF(statement) \
	do { unsigned long __held = __smpcheck_hold_irqs(); statement; __smpcheck_release_irqs(__held); } while (0)
#define this_cpu_read(name) READ_ONCE(*this_cpu_ptr(&(name)))
#define this_cpu_write(name, v) __SMPCHECK_IRQS_OFF(__this_cpu_write(name, v))
#define this_cpu_add(name, v) __SMPCHECK_IRQS_OFF(__this_cpu_add(name, v))
#define this_cpu_sub(name, v) __SMPCHECK_IRQS_OFF(__this_cpu_sub(name, v))
#define __SMPCHECK_CPU_OP(name, change, result) \
	({ unsigned long __held = __smpcheck_hold_irqs(); typeof(*(&(name))) __old, __new; __old = *this_cpu_ptr(&(name)); \
	   __new = (change); *this_cpu_ptr(&(name)) = __new; __smpcheck_release_irqs(__held); result; })
#define this_cpu_and(name, v) ((void)__SMPCHECK_CPU_OP(name, __old & (v), __new))
#define this_cpu_or(name, v) ((void)__SMPCHECK_CPU_OP(name, __old | (v), __new))
#define this_cpu_add_return(name, v) __SMPCHECK_CPU_OP(name, __old + (v), __new)
#define this_cpu_sub_return(name, v) __SMPCHECK_CPU_OP(name, __old - (v), __new)
#define this_cpu_inc_return(name) this_cpu_add_return(name, 1)
#define this_cpu_dec_return(name) this_cpu_sub_return(name, 1)
#define this_cpu_xchg(name, v) __SMPCHECK_CPU_OP(name, v, __old)
#define this_cpu_cmpxchg(name, o, n) __SMPCHECK_CPU_OP(name, __old == (o) ? (n) : __old, __old)
#define __this_cpu_add_return(name, v) (*this_cpu_ptr(&(name)) += (v))
#define __this_cpu_sub_return(name, v) (*this_cpu_ptr(&(name)) -= (v))
#define __this_cpu_inc_return(name) __this_cpu_add_return(name, 1)
#define __this_cpu_dec_return(name) __this_cpu_sub_return(name, 1)
#define this_cpu_inc(name) this_cpu_add(name, 1)
#define this_cpu_dec(name) this_cpu_sub(name, 1)
#define raw_cpu_read(name) (*this_cpu_ptr(&(name)))
#define raw_cpu_write(name, v) __this_cpu_write(name, v)
#define __this_cpu_read(name) (*this_cpu_ptr(&(name)))
#define __this_cpu_write(name, v) (*this_cpu_ptr(&(name)) = (v))
#define __this_cpu_add(name, v) (*this_cpu_ptr(&(name)) += (v))
#define __this_cpu_sub(name, v) (*this_cpu_ptr(&(name)) -= (v))
#define __this_cpu_inc(name) __this_cpu_add(name, 1)
#define __this_cpu_dec(name) __this_cpu_sub(name, 1)
#define raw_cpu_add(name, v) __this_cpu_add(name, v)
#define raw_cpu_sub(name, v) __this_cpu_sub(name, v)
#define raw_cpu_inc(name) __this_cpu_inc(name)
#define raw_cpu_dec(name) __this_cpu_dec(name)

#define TASK_RUNNING 0
#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2

/* A loop that reads again until a condition over VAL, the value read, holds. */
#define __SMPCHECK_WAIT(p, read, condition) \
	({ typeof(*(p)) VAL; for (;;) { VAL = read(p); if (condition) break; cpu_relax(); } VAL; })
#define __smpcheck_read(p) READ_ONCE(*(p))
#define smp_cond_load_relaxed(p, condition) __SMPCHECK_WAIT(p, __smpcheck_read, condition)
#define smp_cond_load_acquire(p, condition) __SMPCHECK_WAIT(p, smp_load_acquire, condition)
#define __SMPCHECK_WAIT_ATOMIC(type, read, p, condition) \
	({ type VAL; for (;;) { VAL = read(p); if (condition) break; cpu_relax(); } VAL; })
#define atomic_cond_read_relaxed(p, c) __SMPCHECK_WAIT_ATOMIC(int, atomic_read, p, c)
#define atomic_cond_read_acquire(p, c) __SMPCHECK_WAIT_ATOMIC(int, atomic_read_acquire, p, c)
#define atomic_long_cond_read_relaxed(p, c) __SMPCHECK_WAIT_ATOMIC(long, atomic_long_read, p, c)
#define atomic_long_cond_read_acquire(p, c) __SMPCHECK_WAIT_ATOMIC(long, atomic_long_read_acquire, p, c)
#define atomic64_cond_read_relaxed(p, c) __SMPCHECK_WAIT_ATOMIC(long, atomic64_read, p, c)
#define atomic64_cond_read_acquire(p, c) __SMPCHECK_WAIT_ATOMIC(long, atomic64_read_acquire, p, c)
#define wait_event(q, condition) do { might_sleep(); while (!(condition)) cpu_relax(); } while (0)
#define __SMPCHECK_NO_SIGNALS __smpcheck_assumes("no signal ends a wait")
#define wait_event_interruptible(q, condition) ({ __SMPCHECK_NO_SIGNALS; wait_event(q, condition); 0; })
/* A timeout may come at any time: the condition is looked at once. */
#define wait_event_timeout(q, condition, timeout) ({ might_sleep(); (condition) ? 1L : 0L; })
#define wait_event_interruptible_timeout(q, condition, timeout) wait_event_timeout(q, condition, timeout)
#define wait_for_completion_timeout(x, timeout) ({ might_sleep(); try_wait_for_completion(x) ? 1UL : 0UL; })
#define wait_for_completion_interruptible(x) ({ __SMPCHECK_NO_SIGNALS; wait_for_completion(x); 0; })
#define wait_for_completion_killable(x) wait_for_completion_interruptible(x)
#define DEFINE_WAIT(w) int w
#define prepare_to_wait(q, w, state) ((void)(w), set_current_state(state))
#define prepare_to_wait_exclusive(q, w, state) ((void)(w), set_current_state(state))
#define finish_wait(q, w) ((void)(w))
#define msleep(ms) might_sleep()
#define usleep_range(low, high) might_sleep()
#define ssleep(s) might_sleep()
#define udelay(us) do { } while (0)
#define ndelay(ns) do { } while (0)
#define wait_event_killable(q, condition) wait_event_interruptible(q, condition)

#define list_for_each(p, head) for (p = (head)->next; p != (head); p = p->next)
#define list_for_each_entry(p, head, member) \
	for (p = list_first_entry(head, typeof(*p), member); &p->member != (head); p = list_entry(p->member.next, typeof(*p), member))
#define list_for_each_entry_rcu(p, head, member, ...) \
	for (p = list_entry(READ_ONCE((head)->next), typeof(*p), member); &p->member != (head); \
	     p = list_entry(READ_ONCE(p->member.next), typeof(*p), member))
#define list_next_entry(p, member) list_entry((p)->member.next, typeof(*(p)), member)
#define list_last_entry(p, type, member) list_entry((p)->prev, type, member)
#define list_first_entry_or_null(p, type, member) (list_empty(p) ? NULL : list_first_entry(p, type, member))
#define list_for_each_safe(p, n, head) for (p = (head)->next, n = p->next; p != (head); p = n, n = p->next)
#define list_for_each_entry_safe(p, n, head, member) \
	for (p = list_first_entry(head, typeof(*p), member), n = list_next_entry(p, member); &p->member != (head); \
	     p = n, n = list_next_entry(n, member))
#define list_for_each_entry_reverse(p, head, member) \
	for (p = list_last_entry(head, typeof(*p), member); &p->member != (head); p = list_last_entry(&p->member, typeof(*p), member))
#define list_first_or_null_rcu(head, type, member) \
	({ struct list_head *__head = (head), *__next = READ_ONCE(__head->next); \
	   __next != __head ? list_entry(__next, type, member) : NULL; })
#define __SMPCHECK_HENTRY(node, type, member) ({ struct hlist_node *__n = (node); __n ? hlist_entry(__n, type, member) : NULL; })
#define hlist_for_each_entry(p, head, member) \
	for (p = __SMPCHECK_HENTRY((head)->first, typeof(*(p)), member); p; p = __SMPCHECK_HENTRY((p)->member.next, typeof(*(p)), member))
#define hlist_for_each_entry_safe(p, n, head, member) \
	for (p = __SMPCHECK_HENTRY((head)->first, typeof(*(p)), member); p && ({ n = p->member.next; 1; }); \
	     p = __SMPCHECK_HENTRY(n, typeof(*(p)), member))
#define hlist_for_each_entry_rcu(p, head, member, ...) \
	for (p = __SMPCHECK_HENTRY(READ_ONCE((head)->first), typeof(*(p)), member); p; \
	     p = __SMPCHECK_HENTRY(READ_ONCE((p)->member.next), typeof(*(p)), member))
#define llist_for_each_entry(p, node, member) \
	for ((p) = llist_entry(node, typeof(*(p)), member); &(p)->member != NULL; (p) = llist_entry((p)->member.next, typeof(*(p)), member))
#define llist_for_each(p, node) for ((p) = (node); p; (p) = (p)->next)

#endif
