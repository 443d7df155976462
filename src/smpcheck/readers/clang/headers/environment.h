/*
 * What kernel code calls besides primitives, for code that is read without a kernel tree. Each block, up to an empty line, is left out
 * where the code that is read defines one of its names itself.
 */

/* Time passes at any speed: wherever jiffies or a clock is read, it is early or after all timeouts. */
#define HZ 250
#define jiffies __smpcheck_time(1UL << 40)
#define get_jiffies_64() ((u64)jiffies)
#define msecs_to_jiffies(ms) ((unsigned long)(ms) * HZ / 1000)
#define usecs_to_jiffies(us) ((unsigned long)(us) * HZ / 1000000)
#define secs_to_jiffies(s) ((unsigned long)(s) * HZ)
#define jiffies_to_msecs(j) ((unsigned int)((j) * 1000 / HZ))
#define MAX_SCHEDULE_TIMEOUT LONG_MAX
#define time_is_before_jiffies(t) time_after(jiffies, t)
#define time_is_after_jiffies(t) time_before(jiffies, t)
#define NSEC_PER_SEC 1000000000L
#define NSEC_PER_MSEC 1000000L
#define USEC_PER_SEC 1000000L
#define MSEC_PER_SEC 1000L

typedef s64 ktime_t;
#define ktime_get() ((ktime_t)__smpcheck_time(1UL << 50))
#define ktime_get_ns() ((u64)ktime_get())
#define ktime_get_boottime() ktime_get()
#define ktime_get_real() ktime_get()
#define local_clock() ktime_get_ns()
#define sched_clock() ktime_get_ns()
#define ktime_to_ns(t) (t)
#define ktime_to_us(t) ((t) / 1000)
#define ktime_to_ms(t) ((t) / NSEC_PER_MSEC)
#define ns_to_ktime(ns) ((ktime_t)(ns))
#define us_to_ktime(us) ((ktime_t)(us) * 1000)
#define ms_to_ktime(ms) ((ktime_t)(ms) * NSEC_PER_MSEC)
#define ktime_add(a, b) ((a) + (b))
#define ktime_sub(a, b) ((a) - (b))
#define ktime_add_ns(t, ns) ((t) + (s64)(ns))
#define ktime_add_us(t, us) ((t) + (s64)(us) * 1000)
#define ktime_add_ms(t, ms) ((t) + (s64)(ms) * NSEC_PER_MSEC)
#define ktime_us_delta(a, b) (((a) - (b)) / 1000)
#define ktime_ms_delta(a, b) (((a) - (b)) / NSEC_PER_MSEC)
#define ktime_after(a, b) ((a) > (b))
#define ktime_before(a, b) ((a) < (b))
#define ktime_compare(a, b) ((a) < (b) ? -1 : (a) > (b))

/* A poll may give up after any number of rounds. */
#define read_poll_timeout(op, val, cond, sleep_us, timeout_us, before, args...) \
	({ might_sleep_if((sleep_us) != 0); (val) = op(args); (cond) ? 0 : -ETIMEDOUT; })
#define read_poll_timeout_atomic(op, val, cond, delay_us, timeout_us, before, args...) \
	({ (val) = op(args); (cond) ? 0 : -ETIMEDOUT; })
#define readx_poll_timeout(op, addr, val, cond, sleep_us, timeout_us) \
	read_poll_timeout(op, val, cond, sleep_us, timeout_us, false, addr)
#define readx_poll_timeout_atomic(op, addr, val, cond, delay_us, timeout_us) \
	read_poll_timeout_atomic(op, val, cond, delay_us, timeout_us, false, addr)

struct task_struct {
	unsigned int __state;
	unsigned int flags;
	int pid, tgid, exit_code;
	refcount_t usage;
	struct mm_struct *mm;
	char comm[16];
};
struct task_struct *__smpcheck_current(void);
#define current __smpcheck_current()
static inline struct task_struct *get_task_struct(struct task_struct *task) { refcount_inc(&task->usage); return task; }
static inline void put_task_struct(struct task_struct *task) { if (refcount_dec_and_test(&task->usage)) { } }

/* Signals may have come or not. */
#define signal_pending(task) ((void)(task), __smpcheck_any())
#define fatal_signal_pending(task) signal_pending(task)
#define signal_pending_state(state, task) signal_pending(task)

#define TASK_NORMAL 3
#define TASK_KILLABLE 0x102
#define TASK_IDLE 0x402
#define schedule_timeout(timeout) ({ long __left = (timeout); schedule(); __smpcheck_any() ? __left : 0L; })
#define schedule_timeout_interruptible(timeout) schedule_timeout(timeout)
#define schedule_timeout_uninterruptible(timeout) schedule_timeout(timeout)
#define schedule_timeout_killable(timeout) schedule_timeout(timeout)
#define schedule_timeout_idle(timeout) schedule_timeout(timeout)
#define io_schedule() schedule()
#define io_schedule_timeout(timeout) schedule_timeout(timeout)
#define wake_up_state(task, state) ({ wake_up_process(task); __smpcheck_any(); })
#define fsleep(us) might_sleep()
#define usleep_range_state(low, high, state) might_sleep()
#define msleep_interruptible(ms) ({ might_sleep(); 0UL; })
#define mdelay(ms) do { } while (0)
#define need_resched() __smpcheck_any()
#define cond_resched_lock(lock) __smpcheck_any_lock_break(lock)
#define __smpcheck_any_lock_break(lock) \
	({ bool __broken = __smpcheck_any(); if (__broken) { spin_unlock(lock); cond_resched(); spin_lock(lock); } (int)__broken; })

/* Who sleeps on a wait queue looks at the condition again by itself, so that nobody has to be woken: a lost wakeup is not found. */
#define waitqueue_active(q) ((void)(q), __smpcheck_any())
#define wq_has_sleeper(q) ({ smp_mb(); waitqueue_active(q); })
#define wq_has_single_sleeper(q) waitqueue_active(q)
#define DECLARE_WAITQUEUE(name, task) int name __attribute__((unused))
#define DEFINE_WAIT_FUNC(name, function) int name __attribute__((unused))
#define add_wait_queue(q, w) ((void)(w))
#define add_wait_queue_exclusive(q, w) ((void)(w))
#define remove_wait_queue(q, w) ((void)(w))
#define wake_up_nr(q, n) wake_up(q)
#define wake_up_interruptible_all(q) wake_up(q)
#define wake_up_interruptible_nr(q, n) wake_up(q)
#define wake_up_interruptible_sync(q) wake_up(q)
#define wake_up_locked(q) wake_up(q)
#define wake_up_poll(q, mask) wake_up(q)
#define wake_up_interruptible_poll(q, mask) wake_up(q)
#define __WAIT_QUEUE_HEAD_INITIALIZER(q) { 0 }
#define DECLARE_WAIT_QUEUE_HEAD_ONSTACK(q) wait_queue_head_t q = { 0 }
#define wait_event_idle(q, condition) wait_event(q, condition)
#define wait_event_freezable(q, condition) wait_event_interruptible(q, condition)
#define wait_event_freezable_timeout(q, condition, timeout) wait_event_timeout(q, condition, timeout)
#define wait_event_idle_timeout(q, condition, timeout) wait_event_timeout(q, condition, timeout)
#define wait_event_killable_timeout(q, condition, timeout) wait_event_timeout(q, condition, timeout)
#define wait_event_hrtimeout(q, condition, timeout) ({ wait_event_timeout(q, condition, timeout) ? 0 : -ETIME; })
#define wait_event_exclusive_cmd(q, condition, before, after) wait_event_cmd(q, condition, before, after)
#define wait_event_interruptible_exclusive(q, condition) wait_event_interruptible(q, condition)
#define wait_event_cmd(q, condition, before, after) \
	do { might_sleep(); while (!(condition)) { before; schedule(); after; } } while (0)
#define wait_event_lock_irq(q, condition, lock) \
	do { while (!(condition)) { spin_unlock_irq(&(lock)); schedule(); spin_lock_irq(&(lock)); } } while (0)
#define wait_event_lock_irq_cmd(q, condition, lock, cmd) \
	do { while (!(condition)) { spin_unlock_irq(&(lock)); cmd; schedule(); spin_lock_irq(&(lock)); } } while (0)
#define wait_event_interruptible_lock_irq(q, condition, lock) ({ wait_event_lock_irq(q, condition, lock); 0; })

struct swait_queue_head { int word; };
#define DECLARE_SWAIT_QUEUE_HEAD(q) struct swait_queue_head q = { 0 }
#define init_swait_queue_head(q) do { (q)->word = 0; } while (0)
#define swait_event_exclusive(q, condition) wait_event(q, condition)
#define swait_event_interruptible_exclusive(q, condition) wait_event_interruptible(q, condition)
#define swait_event_idle_exclusive(q, condition) wait_event(q, condition)
#define swait_event_timeout_exclusive(q, condition, timeout) wait_event_timeout(q, condition, timeout)
#define swake_up_one(q) wake_up(q)
#define swake_up_all(q) wake_up(q)

struct rcuwait { struct task_struct *task; };
#define rcuwait_init(w) do { (w)->task = NULL; } while (0)
#define rcuwait_wait_event(w, condition, state) ({ wait_event(w, condition); 0; })
#define rcuwait_wake_up(w) ({ smp_mb(); wake_up(w); 0; })

#define wait_var_event(var, condition) wait_event(var, condition)
#define wait_var_event_interruptible(var, condition) wait_event_interruptible(var, condition)
#define wait_var_event_killable(var, condition) wait_event_killable(var, condition)
#define wait_var_event_timeout(var, condition, timeout) wait_event_timeout(var, condition, timeout)
#define wake_up_var(var) wake_up(var)
#define wake_up_bit(word, bit) wake_up(word)
#define wait_on_bit(word, bit, mode) ({ wait_event(word, !test_bit_acquire(bit, word)); 0; })
#define wait_on_bit_io(word, bit, mode) wait_on_bit(word, bit, mode)
#define wait_on_bit_timeout(word, bit, mode, timeout) \
	({ wait_event_timeout(word, !test_bit_acquire(bit, word), timeout) ? 0 : -EAGAIN; })
#define clear_and_wake_up_bit(bit, word) \
	do { clear_bit_unlock(bit, word); smp_mb__after_atomic(); wake_up_bit(word, bit); } while (0)

#define wait_for_completion_interruptible_timeout(x, timeout) ((long)wait_for_completion_timeout(x, timeout))
#define wait_for_completion_killable_timeout(x, timeout) ((long)wait_for_completion_timeout(x, timeout))
#define wait_for_completion_io(x) wait_for_completion(x)
#define wait_for_completion_io_timeout(x, timeout) wait_for_completion_timeout(x, timeout)
#define wait_for_completion_state(x, state) ({ wait_for_completion(x); 0; })
#define DECLARE_COMPLETION_ONSTACK(c) struct completion c = { 0 }
#define COMPLETION_INITIALIZER(c) { 0 }
#define COMPLETION_INITIALIZER_ONSTACK(c) { 0 }
#define down_interruptible(s) ({ down(s); 0; })
#define down_killable(s) ({ down(s); 0; })
#define down_timeout(s, timeout) ({ might_sleep(); down_trylock(s) ? -ETIME : 0; })

static inline bool refcount_dec_and_lock(refcount_t *count, spinlock_t *lock)
{
	if (refcount_dec_not_one(count))
		return false;
	spin_lock(lock);
	if (refcount_dec_and_test(count))
		return true;
	spin_unlock(lock);
	return false;
}
static inline bool refcount_dec_and_mutex_lock(refcount_t *count, struct mutex *mutex)
{
	if (refcount_dec_not_one(count))
		return false;
	mutex_lock(mutex);
	if (refcount_dec_and_test(count))
		return true;
	mutex_unlock(mutex);
	return false;
}
static inline bool refcount_dec_and_lock_irqsave(refcount_t *count, spinlock_t *lock, unsigned long *flags)
{
	unsigned long saved;

	if (refcount_dec_not_one(count))
		return false;
	spin_lock_irqsave(lock, saved);
	*flags = saved;
	if (refcount_dec_and_test(count))
		return true;
	spin_unlock_irqrestore(lock, saved);
	return false;
}

struct kref { refcount_t refcount; };
#define KREF_INIT(n) { .refcount = REFCOUNT_INIT(n) }
static inline void kref_init(struct kref *kref) { refcount_set(&kref->refcount, 1); }
static inline unsigned int kref_read(const struct kref *kref) { return refcount_read((refcount_t *)&kref->refcount); }
static inline void kref_get(struct kref *kref) { refcount_inc(&kref->refcount); }
static inline int kref_get_unless_zero(struct kref *kref) { return refcount_inc_not_zero(&kref->refcount); }
static inline int kref_put(struct kref *kref, void (*release)(struct kref *kref))
{
	if (!refcount_dec_and_test(&kref->refcount))
		return 0;
	release(kref);
	return 1;
}
static inline int kref_put_mutex(struct kref *kref, void (*release)(struct kref *kref), struct mutex *mutex)
{
	if (!refcount_dec_and_mutex_lock(&kref->refcount, mutex))
		return 0;
	release(kref);
	return 1;
}
static inline int kref_put_lock(struct kref *kref, void (*release)(struct kref *kref), spinlock_t *lock)
{
	if (!refcount_dec_and_lock(&kref->refcount, lock))
		return 0;
	release(kref);
	return 1;
}

static inline int atomic_dec_and_lock(atomic_t *count, spinlock_t *lock)
{
	if (atomic_add_unless(count, -1, 1))
		return 0;
	spin_lock(lock);
	if (atomic_dec_and_test(count))
		return 1;
	spin_unlock(lock);
	return 0;
}
static inline int atomic_dec_and_mutex_lock(atomic_t *count, struct mutex *mutex)
{
	if (atomic_add_unless(count, -1, 1))
		return 0;
	mutex_lock(mutex);
	if (atomic_dec_and_test(count))
		return 1;
	mutex_unlock(mutex);
	return 0;
}

/* Static keys have their default, for good. */
struct static_key { int enabled; };
struct static_key_true { struct static_key key; };
struct static_key_false { struct static_key key; };
#define STATIC_KEY_INIT_TRUE { 1 }
#define STATIC_KEY_INIT_FALSE { 0 }
#define STATIC_KEY_TRUE_INIT { { 1 } }
#define STATIC_KEY_FALSE_INIT { { 0 } }
#define DEFINE_STATIC_KEY_TRUE(name) struct static_key_true name = { { 1 } }
#define DEFINE_STATIC_KEY_FALSE(name) struct static_key_false name = { { 0 } }
#define DEFINE_STATIC_KEY_TRUE_RO(name) DEFINE_STATIC_KEY_TRUE(name)
#define DEFINE_STATIC_KEY_FALSE_RO(name) DEFINE_STATIC_KEY_FALSE(name)
#define DEFINE_STATIC_KEY_MAYBE(config, name) DEFINE_STATIC_KEY_FALSE(name)
#define DECLARE_STATIC_KEY_TRUE(name) extern struct static_key_true name
#define DECLARE_STATIC_KEY_FALSE(name) extern struct static_key_false name
#define DECLARE_STATIC_KEY_MAYBE(config, name) DECLARE_STATIC_KEY_FALSE(name)
#define __SMPCHECK_KEY(key) \
	(__smpcheck_assumes("static keys have their default"), __builtin_types_compatible_p(typeof(*(key)), struct static_key_true))
#define static_branch_likely(key) __SMPCHECK_KEY(key)
#define static_branch_unlikely(key) __SMPCHECK_KEY(key)
#define static_branch_maybe(config, key) __SMPCHECK_KEY(key)
#define static_key_enabled(key) __SMPCHECK_KEY(key)
#define static_key_false(key) (__smpcheck_assumes("static keys have their default"), 0)
#define static_key_true(key) (__smpcheck_assumes("static keys have their default"), 1)

#define list_next_entry(p, member) list_entry((p)->member.next, typeof(*(p)), member)
#define list_prev_entry(p, member) list_entry((p)->member.prev, typeof(*(p)), member)
#define list_entry_rcu(p, type, member) container_of(READ_ONCE(p), type, member)
#define list_next_rcu(p) ((p)->next)
#define list_is_head(p, head) ((p) == (head))
#define list_is_first(p, head) ((p)->prev == (head))
#define list_is_last(p, head) ((p)->next == (head))
#define list_is_singular(head) (!list_empty(head) && (head)->next == (head)->prev)
#define list_entry_is_head(p, head, member) (&(p)->member == (head))
#define list_for_each_prev(p, head) for (p = (head)->prev; p != (head); p = p->prev)
#define list_for_each_rcu(p, head) for (p = READ_ONCE((head)->next); p != (head); p = READ_ONCE(p->next))
#define list_for_each_entry_continue(p, head, member) \
	for (p = list_next_entry(p, member); &p->member != (head); p = list_next_entry(p, member))
#define list_for_each_entry_from(p, head, member) for (; &p->member != (head); p = list_next_entry(p, member))
#define list_for_each_entry_safe_reverse(p, n, head, member) \
	for (p = list_last_entry(head, typeof(*p), member), n = list_prev_entry(p, member); &p->member != (head); \
	     p = n, n = list_prev_entry(n, member))
#define list_for_each_entry_lockless(p, head, member) list_for_each_entry_rcu(p, head, member)
#define list_for_each_entry_srcu(p, head, member, condition) list_for_each_entry_rcu(p, head, member)
#define hlist_for_each_entry_srcu(p, head, member, condition) hlist_for_each_entry_rcu(p, head, member)
#define hlist_for_each(p, head) for (p = (head)->first; p; p = p->next)
#define hlist_for_each_safe(p, n, head) for (p = (head)->first; p && ({ n = p->next; 1; }); p = n)
#define hlist_entry_safe(p, type, member) __SMPCHECK_HENTRY(p, type, member)
#define INIT_HLIST_NODE(n) do { (n)->next = NULL; (n)->pprev = NULL; } while (0)
#define __list_del_entry(p) __smpcheck_list_unlink(p)
static inline void __smpcheck_list_unlink(struct list_head *entry)
{
	struct list_head *before = entry->prev, *after = entry->next;

	after->prev = before;
	WRITE_ONCE(before->next, after);
}
static inline void list_move(struct list_head *entry, struct list_head *head)
{
	__smpcheck_list_unlink(entry);
	list_add(entry, head);
}
static inline void list_move_tail(struct list_head *entry, struct list_head *head)
{
	__smpcheck_list_unlink(entry);
	list_add_tail(entry, head);
}
static inline void __smpcheck_list_splice(const struct list_head *list, struct list_head *before, struct list_head *after)
{
	struct list_head *first = list->next, *last = list->prev;

	first->prev = before;
	before->next = first;
	last->next = after;
	after->prev = last;
}
static inline void list_splice(const struct list_head *list, struct list_head *head)
{
	if (!list_empty((struct list_head *)list))
		__smpcheck_list_splice(list, head, head->next);
}
static inline void list_splice_tail(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		__smpcheck_list_splice(list, head->prev, head);
}
static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list)) {
		__smpcheck_list_splice(list, head, head->next);
		INIT_LIST_HEAD(list);
	}
}
static inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list)) {
		__smpcheck_list_splice(list, head->prev, head);
		INIT_LIST_HEAD(list);
	}
}
static inline void list_replace(struct list_head *old, struct list_head *entry)
{
	entry->next = old->next;
	entry->next->prev = entry;
	entry->prev = old->prev;
	entry->prev->next = entry;
}
static inline void hlist_del_init(struct hlist_node *node)
{
	struct hlist_node *next = node->next, **pprev = node->pprev;

	if (!pprev)
		return;
	WRITE_ONCE(*pprev, next);
	if (next)
		WRITE_ONCE(next->pprev, pprev);
	node->next = NULL;
	node->pprev = NULL;
}
static inline void hlist_del_init_rcu(struct hlist_node *node)
{
	struct hlist_node *next = node->next, **pprev = node->pprev;

	if (!pprev)
		return;
	WRITE_ONCE(*pprev, next);
	if (next)
		WRITE_ONCE(next->pprev, pprev);
	WRITE_ONCE(node->pprev, NULL);
}

#define DEFINE_HASHTABLE(name, bits) struct hlist_head name[1 << (bits)] = { { NULL } }
#define DEFINE_READ_MOSTLY_HASHTABLE(name, bits) DEFINE_HASHTABLE(name, bits)
#define DECLARE_HASHTABLE(name, bits) struct hlist_head name[1 << (bits)]
#define HASH_SIZE(table) ARRAY_SIZE(table)
#define __SMPCHECK_BUCKET(table, key) (&(table)[(unsigned int)(key) & (HASH_SIZE(table) - 1)])
#define hash_min(value, bits) ((unsigned int)(value) & ((1U << (bits)) - 1))
#define hash_32(value, bits) hash_min(value, bits)
#define hash_64(value, bits) hash_min(value, bits)
#define hash_long(value, bits) hash_min(value, bits)
#define hash_ptr(p, bits) hash_min((unsigned long)(p), bits)
#define hash_add(table, node, key) hlist_add_head(node, __SMPCHECK_BUCKET(table, key))
#define hash_add_rcu(table, node, key) hlist_add_head_rcu(node, __SMPCHECK_BUCKET(table, key))
#define hash_del(node) hlist_del_init(node)
#define hash_del_rcu(node) hlist_del_init_rcu(node)
#define hash_init(table) do { for (int __n = 0; __n < HASH_SIZE(table); __n++) INIT_HLIST_HEAD(&(table)[__n]); } while (0)
#define hash_for_each_possible(table, p, member, key) hlist_for_each_entry(p, __SMPCHECK_BUCKET(table, key), member)
#define hash_for_each_possible_rcu(table, p, member, key, ...) \
	hlist_for_each_entry_rcu(p, __SMPCHECK_BUCKET(table, key), member)
#define hash_for_each_possible_safe(table, p, n, member, key) \
	hlist_for_each_entry_safe(p, n, __SMPCHECK_BUCKET(table, key), member)

#define llist_next(node) ((node)->next)
#define llist_for_each_safe(p, n, node) for ((p) = (node); (p) && ({ n = (p)->next; 1; }); (p) = (n))
#define llist_for_each_entry_safe(p, n, node, member) \
	for ((p) = llist_entry((node), typeof(*(p)), member); \
	     &(p)->member != NULL && ({ n = llist_entry((p)->member.next, typeof(*(n)), member); 1; }); (p) = (n))
static inline bool llist_add_batch(struct llist_node *first, struct llist_node *last, struct llist_head *head)
{
	struct llist_node *old = READ_ONCE(head->first);

	do {
		last->next = old;
	} while (!try_cmpxchg(&head->first, &old, first));
	return !old;
}
static inline struct llist_node *llist_reverse_order(struct llist_node *head)
{
	struct llist_node *reversed = NULL;

	while (head) {
		struct llist_node *next = head->next;

		head->next = reversed;
		reversed = head;
		head = next;
	}
	return reversed;
}

/*
 * What is left for later. Whether it is queued (1), or being cancelled (3), and whether it is running stands in an array, for the work
 * itself may be freed while it is running.
 */
struct __smpcheck_process { int id; void *object; void *function; void *runner; };
struct __smpcheck_state { atomic_t queued, running, cancelling; void *object; };
static struct __smpcheck_state __smpcheck_states[64];
#define __SMPCHECK_STATE(process) (&__smpcheck_states[(process)->id])
int __smpcheck_new_deferred();
int __smpcheck_threads_over(void);
void __smpcheck_may_queue(int id);
void __smpcheck_run_deferred(int id, void *object);
int __smpcheck_moves(void);
static inline bool __smpcheck_is_queued(struct __smpcheck_state *state)
{
	for (;;) {
		int over = __smpcheck_threads_over();

		if (atomic_read_acquire(&state->queued) == 1)
			return true;
		if (over)
			return false;
		cpu_relax();
	}
}
static inline void __smpcheck_run(int id, int a, int b, int c)
{
	struct __smpcheck_state *state = &__smpcheck_states[id];

	while (__smpcheck_is_queued(state)) {
		atomic_set(&state->running, 1);
		if (atomic_cmpxchg(&state->queued, 1, 0) == 1)
			__smpcheck_run_deferred(id, state->object);
		atomic_set_release(&state->running, 0);
	}
}
static inline void __smpcheck_run_in_softirq(int id, int a, int b, int c) { __smpcheck_run(id, a, b, c); }
static inline bool __smpcheck_queue(struct __smpcheck_process *process)
{
	int id = process->id;

	__smpcheck_may_queue(id);
	return !atomic_fetch_or(1, &__smpcheck_states[id].queued);
}
static inline bool __smpcheck_unqueue(struct __smpcheck_process *process)
{
	return atomic_cmpxchg(&__SMPCHECK_STATE(process)->queued, 1, 0) == 1;
}
static inline void __smpcheck_wait_until_done(struct __smpcheck_process *process)
{
	struct __smpcheck_state *state = __SMPCHECK_STATE(process);

	while (atomic_read_acquire(&state->queued))
		cpu_relax();
	while (atomic_read_acquire(&state->running))
		cpu_relax();
}
static inline bool __smpcheck_cancel(struct __smpcheck_process *process)
{
	struct __smpcheck_state *state = __SMPCHECK_STATE(process);
	int queued;

	while (atomic_cmpxchg_acquire(&state->cancelling, 0, 1))
		cpu_relax();
	queued = atomic_xchg(&state->queued, 3);
	while (atomic_read_acquire(&state->running))
		cpu_relax();
	atomic_set_release(&state->queued, 0);
	atomic_set_release(&state->cancelling, 0);
	return queued == 1;
}
#define __SMPCHECK_PROCESS(n, object, f, runner) { 32 + __COUNTER__ % 32, &(object), f, runner }
#define __SMPCHECK_INIT_PROCESS(w, f, runner) \
	do { \
		int __id = __smpcheck_new_deferred(w, f, runner); \
		(w)->process.id = __id; \
		(w)->func = (f); \
		if (__smpcheck_moves()) \
			__smpcheck_states[__id].object = (w); \
	} while (0)
struct work_struct { struct __smpcheck_process process; void (*func)(struct work_struct *work); };
typedef void (*work_func_t)(struct work_struct *work);
struct delayed_work { struct work_struct work; };
struct workqueue_struct;
#define system_wq ((struct workqueue_struct *)NULL)
#define system_highpri_wq system_wq
#define system_long_wq system_wq
#define system_unbound_wq system_wq
#define system_freezable_wq system_wq
#define system_power_efficient_wq system_wq
#define __WORK_INITIALIZER(n, f) { __SMPCHECK_PROCESS(n, n, f, __smpcheck_run), f }
#define DECLARE_WORK(n, f) struct work_struct n = __WORK_INITIALIZER(n, f)
#define __DELAYED_WORK_INITIALIZER(n, f, flags) { .work = __WORK_INITIALIZER((n).work, f) }
#define DECLARE_DELAYED_WORK(n, f) struct delayed_work n = __DELAYED_WORK_INITIALIZER(n, f, 0)
#define DECLARE_DEFERRABLE_WORK(n, f) DECLARE_DELAYED_WORK(n, f)
#define INIT_WORK(w, f) __SMPCHECK_INIT_PROCESS(w, f, __smpcheck_run)
#define INIT_WORK_ONSTACK(w, f) INIT_WORK(w, f)
#define INIT_DELAYED_WORK(w, f) INIT_WORK(&(w)->work, f)
#define INIT_DEFERRABLE_WORK(w, f) INIT_DELAYED_WORK(w, f)
#define to_delayed_work(w) container_of(w, struct delayed_work, work)
#define queue_work(wq, w) ((void)(wq), __smpcheck_queue(&(w)->process))
#define queue_work_on(cpu, wq, w) queue_work(wq, w)
#define schedule_work(w) __smpcheck_queue(&(w)->process)
#define schedule_work_on(cpu, w) schedule_work(w)
#define queue_delayed_work(wq, w, delay) ((void)(delay), queue_work(wq, &(w)->work))
#define queue_delayed_work_on(cpu, wq, w, delay) queue_delayed_work(wq, w, delay)
#define schedule_delayed_work(w, delay) ((void)(delay), schedule_work(&(w)->work))
#define mod_delayed_work(wq, w, delay) (!queue_delayed_work(wq, w, delay))
#define work_pending(w) (atomic_read(&__SMPCHECK_STATE(&(w)->process)->queued) != 0)
#define delayed_work_pending(w) work_pending(&(w)->work)
#define flush_work(w) ({ might_sleep(); __smpcheck_wait_until_done(&(w)->process); __smpcheck_any(); })
#define flush_delayed_work(w) flush_work(&(w)->work)
#define cancel_work(w) __smpcheck_unqueue(&(w)->process)
#define cancel_delayed_work(w) cancel_work(&(w)->work)
#define cancel_work_sync(w) ({ might_sleep(); __smpcheck_cancel(&(w)->process); })
#define cancel_delayed_work_sync(w) cancel_work_sync(&(w)->work)
#define alloc_workqueue(format, flags, max, ...) system_wq
#define alloc_ordered_workqueue(format, flags, ...) only_one_work_at_a_time()
#define create_singlethread_workqueue(name) only_one_work_at_a_time()
void *only_one_work_at_a_time(void);
struct timer_list { struct __smpcheck_process process; unsigned long expires; void (*func)(struct timer_list *timer); };
#define DEFINE_TIMER(n, f) struct timer_list n = { __SMPCHECK_PROCESS(n, n, f, __smpcheck_run_in_softirq), 0, f }
#define timer_setup(t, f, flags) __SMPCHECK_INIT_PROCESS(t, f, __smpcheck_run_in_softirq)
#define timer_setup_on_stack(t, f, flags) timer_setup(t, f, flags)
#define from_timer(var, timer, member) container_of(timer, typeof(*var), member)
#define timer_container_of(var, timer, member) container_of(timer, typeof(*var), member)
#define mod_timer(t, when) ((void)(when), (int)!__smpcheck_queue(&(t)->process))
#define timer_reduce(t, when) mod_timer(t, when)
#define add_timer(t) ((void)WARN_ON(!__smpcheck_queue(&(t)->process)))
#define timer_pending(t) (atomic_read(&__SMPCHECK_STATE(&(t)->process)->queued) != 0)
#define timer_delete(t) ((int)__smpcheck_unqueue(&(t)->process))
#define del_timer(t) timer_delete(t)
#define timer_delete_sync(t) ((int)__smpcheck_cancel(&(t)->process))
#define del_timer_sync(t) timer_delete_sync(t)
struct tasklet_struct { struct __smpcheck_process process; void (*func)(struct tasklet_struct *tasklet); };
#define DECLARE_TASKLET(n, f) struct tasklet_struct n = { __SMPCHECK_PROCESS(n, n, f, __smpcheck_run_in_softirq), f }
#define tasklet_setup(t, f) __SMPCHECK_INIT_PROCESS(t, f, __smpcheck_run_in_softirq)
#define from_tasklet(var, tasklet, member) container_of(tasklet, typeof(*var), member)
#define tasklet_schedule(t) ((void)__smpcheck_queue(&(t)->process))
#define tasklet_hi_schedule(t) tasklet_schedule(t)
#define tasklet_kill(t) do { might_sleep(); __smpcheck_wait_until_done(&(t)->process); } while (0)

typedef struct { int nothing; } local_lock_t;
#define INIT_LOCAL_LOCK(name) { 0 }
#define local_lock_init(lock) do { (lock)->nothing = 0; } while (0)
#define local_lock(lock) preempt_disable()
#define local_unlock(lock) preempt_enable()
#define local_lock_irq(lock) local_irq_disable()
#define local_unlock_irq(lock) local_irq_enable()
#define local_lock_irqsave(lock, flags) local_irq_save(flags)
#define local_unlock_irqrestore(lock, flags) local_irq_restore(flags)

typedef struct { seqcount_t seqcount; } seqcount_latch_t;
#define SEQCNT_LATCH_ZERO(name) { .seqcount = { 0 } }
#define seqcount_latch_init(s) do { (s)->seqcount.sequence = 0; } while (0)
#define raw_read_seqcount_latch(s) READ_ONCE((s)->seqcount.sequence)
#define read_seqcount_latch(s) raw_read_seqcount_latch(s)
#define raw_read_seqcount_latch_retry(s, start) ({ smp_rmb(); READ_ONCE((s)->seqcount.sequence) != (start); })
#define read_seqcount_latch_retry(s, start) raw_read_seqcount_latch_retry(s, start)
#define raw_write_seqcount_latch(s) \
	do { smp_wmb(); WRITE_ONCE((s)->seqcount.sequence, (s)->seqcount.sequence + 1); smp_wmb(); } while (0)

/* On 64 bits there is nothing to protect. */
struct u64_stats_sync { int nothing; };
typedef struct { u64 value; } u64_stats_t;
#define u64_stats_init(s) do { } while (0)
#define u64_stats_update_begin(s) do { } while (0)
#define u64_stats_update_end(s) do { } while (0)
#define u64_stats_fetch_begin(s) 0U
#define u64_stats_fetch_retry(s, start) ((void)(start), false)
#define u64_stats_read(p) READ_ONCE((p)->value)
#define u64_stats_set(p, n) WRITE_ONCE((p)->value, n)
#define u64_stats_add(p, n) WRITE_ONCE((p)->value, READ_ONCE((p)->value) + (n))
#define u64_stats_inc(p) u64_stats_add(p, 1)

#define mutex_destroy(m) do { } while (0)
#define mutex_lock_interruptible_nested(m, class) mutex_lock_interruptible(m)
#define down_read_nested(s, class) down_read(s)
#define down_write_nested(s, class) down_write(s)
#define down_read_interruptible(s) down_read_killable(s)
#define down_read_non_owner(s) down_read(s)
#define up_read_non_owner(s) up_read(s)
#define spin_lock_bh_nested(l, class) spin_lock_bh(l)
#define spin_lock_irqsave_nested(l, flags, class) spin_lock_irqsave(l, flags)
#define spin_lock_nest_lock(l, nest) spin_lock(l)
#define mutex_lock_nest_lock(m, nest) mutex_lock(m)
#define raw_spin_lock_irqsave_nested(l, flags, class) raw_spin_lock_irqsave(l, flags)
#define spin_needbreak(l) __smpcheck_any()
#define SINGLE_DEPTH_NESTING 1

typedef enum irqreturn { IRQ_NONE, IRQ_HANDLED, IRQ_WAKE_THREAD } irqreturn_t;
typedef irqreturn_t (*irq_handler_t)(int, void *);
#define IRQ_RETVAL(x) ((x) ? IRQ_HANDLED : IRQ_NONE)

#define module_init(function)
#define module_exit(function)
#define module_param(name, type, perm)
#define module_param_named(name, value, type, perm)
#define MODULE_PARM_DESC(name, text)
#define MODULE_AUTHOR(text)
#define MODULE_DESCRIPTION(text)
#define MODULE_ALIAS(text)
#define MODULE_VERSION(text)
#define MODULE_DEVICE_TABLE(type, name)
#define EXPORT_SYMBOL_NS(symbol, name)
#define EXPORT_SYMBOL_NS_GPL(symbol, name)
#define EXPORT_PER_CPU_SYMBOL_GPL(symbol)
#define early_initcall(function)
#define core_initcall(function)
#define subsys_initcall(function)
#define device_initcall(function)
#define late_initcall(function)
#define __initdata
#define __devinit
#define __net_init
#define __net_exit
#define __weak __attribute__((weak))
#define __deprecated
#define __no_sanitize_address
#define __nocfi
#define __ref
#define __counted_by(member)
#define __nonstring
#define __flatten

#define CIRC_CNT(head, tail, size) (((head) - (tail)) & ((size) - 1))
#define CIRC_SPACE(head, tail, size) CIRC_CNT((tail), ((head) + 1), (size))
#define struct_size(p, member, n) (sizeof(*(p)) + sizeof((p)->member[0]) * (n))
#define array_size(a, b) ((a) * (b))
#define flex_array_size(p, member, n) (sizeof((p)->member[0]) * (n))
#define array_index_nospec(index, size) ((index) < (size) ? (index) : 0)
#define DIV_ROUND_CLOSEST(n, d) (((n) + (d) / 2) / (d))
#define div_u64(n, d) ((u64)(n) / (u32)(d))
#define div64_u64(n, d) ((u64)(n) / (u64)(d))
#define roundup(x, y) ((((x) + ((y) - 1)) / (y)) * (y))
#define rounddown(x, y) ((x) - ((x) % (y)))
#define __ffs(word) ((unsigned long)__builtin_ctzl(word))
#define __fls(word) ((unsigned long)(63 - __builtin_clzl(word)))
#define ffs(x) __builtin_ffs(x)
#define fls(x) ({ unsigned int __w = (x); __w ? 32 - __builtin_clz(__w) : 0; })
#define fls64(x) ({ u64 __w = (x); __w ? 64 - __builtin_clzl(__w) : 0; })
#define ffz(word) __ffs(~(word))
#define ilog2(n) (63 - __builtin_clzl((unsigned long)(n)))
#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define SZ_1K 1024
#define SZ_4K 4096
#define BIT_ULL(n) (1ULL << (n))
#define GENMASK_ULL(h, l) GENMASK(h, l)
#define FIELD_GET(mask, reg) (((reg) & (mask)) >> __builtin_ctzl(mask))
#define FIELD_PREP(mask, value) (((typeof(mask))(value) << __builtin_ctzl(mask)) & (mask))
#define assign_bit(nr, addr, value) do { if (value) set_bit(nr, addr); else clear_bit(nr, addr); } while (0)
#define __assign_bit(nr, addr, value) do { if (value) __set_bit(nr, addr); else __clear_bit(nr, addr); } while (0)
unsigned long find_bit_beyond_the_first_word(void);
#define __SMPCHECK_FIND(word, size, from) ({ \
	unsigned long __size = (size), __from = (from), __word, __found = __size; \
	if (__size > 64) \
		find_bit_beyond_the_first_word(); \
	__word = __from < 64 ? (word) & (~0UL << __from) : 0; \
	if (__word && __builtin_ctzl(__word) < __size) \
		__found = __builtin_ctzl(__word); \
	__found; })
#define find_first_bit(addr, size) __SMPCHECK_FIND(*(addr), size, 0)
#define find_next_bit(addr, size, from) __SMPCHECK_FIND(*(addr), size, from)
#define find_first_zero_bit(addr, size) __SMPCHECK_FIND(~*(addr), size, 0)
#define find_next_zero_bit(addr, size, from) __SMPCHECK_FIND(~*(addr), size, from)
#define for_each_set_bit(bit, addr, size) \
	for ((bit) = find_first_bit(addr, size); (bit) < (size); (bit) = find_next_bit(addr, size, (bit) + 1))
#define for_each_clear_bit(bit, addr, size) \
	for ((bit) = find_first_zero_bit(addr, size); (bit) < (size); (bit) = find_next_zero_bit(addr, size, (bit) + 1))

#define EPERM 1
#define EIO 5
#define ENXIO 6
#define E2BIG 7
#define EBADF 9
#define ECHILD 10
#define EACCES 13
#define EFAULT 14
#define EEXIST 17
#define EXDEV 18
#define ENODEV 19
#define ENOTTY 25
#define EPIPE 32
#define ERANGE 34
#define EDEADLK 35
#define ENOSYS 38
#define ETIME 62
#define EPROTO 71
#define EOVERFLOW 75
#define EMSGSIZE 90
#define EOPNOTSUPP 95
#define ENETDOWN 100
#define ECONNRESET 104
#define ENOBUFS 105
#define ENOTCONN 107
#define ESHUTDOWN 108
#define ETIMEDOUT 110
#define EALREADY 114
#define EINPROGRESS 115
#define ESTALE 116
#define ECANCELED 125
#define ERESTARTSYS 512
#define EPROBE_DEFER 517
#define ENOTSUPP 524

#define GFP_NOWAIT 0x4u
#define GFP_NOFS 0x8u
#define GFP_NOIO 0x10u
#define GFP_USER 0x20u
#define __GFP_ZERO 0x40u
#define __GFP_NOWARN 0x80u
#define __GFP_NOFAIL 0x100u
#define devm_kzalloc(dev, size, gfp) kzalloc(size, gfp)
#define devm_kmalloc(dev, size, gfp) kmalloc(size, gfp)
#define devm_kcalloc(dev, n, size, gfp) kcalloc(n, size, gfp)
#define kfree_sensitive(p) kfree(p)
#define kzalloc_node(size, gfp, node) kzalloc(size, gfp)
#define kmalloc_node(size, gfp, node) kmalloc(size, gfp)

#define pr_notice(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_cont(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_crit(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_alert(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_emerg(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_devel(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_err_once(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_notice_once(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_debug_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_info_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define pr_notice_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define trace_printk(...) __smpcheck_nothing(__VA_ARGS__)
#define dump_stack() do { } while (0)
#define printk_deferred(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_notice(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_crit(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_alert(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_vdbg(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_err_once(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_warn_once(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_info_once(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_err_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_warn_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_info_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_dbg_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define dev_err_probe(dev, error, ...) (error)
#define netdev_err(...) __smpcheck_nothing(__VA_ARGS__)
#define netdev_warn(...) __smpcheck_nothing(__VA_ARGS__)
#define netdev_info(...) __smpcheck_nothing(__VA_ARGS__)
#define netdev_dbg(...) __smpcheck_nothing(__VA_ARGS__)
#define net_err_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define net_warn_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
#define net_dbg_ratelimited(...) __smpcheck_nothing(__VA_ARGS__)
