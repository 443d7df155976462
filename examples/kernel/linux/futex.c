/*
 * kernel/futex: one task waits while the word is 0, another sets it and wakes. The waker does not take the bucket's lock if it sees no
 * waiter: the barriers in futex_hb_waiters_inc() and futex_hb_waiters_pending() see to it that the waiter then sees the new word. There
 * is one bucket, one key, and of lib/plist.c only that an entry is on the list: there is one.
 */
#include "tasks.h"
#include "kernel/futex/core.c"
#include "kernel/futex/waitwake.c"
#include "kernel/futex/requeue.c"

static struct futex_hash_bucket bucket = { .chain = PLIST_HEAD_INIT(bucket.chain) };
static struct futex_q q;
static u32 word;
static DEFINE_PER_CPU(struct task_struct *, to_wake);

SMPCHECK_STUB(int, get_futex_key, u32 *uaddr, unsigned int flags, union futex_key *key, enum futex_access rw)
{
	key->both.ptr = 1;
	key->both.word = 1;
	key->both.offset = 0;
	return 0;
}
SMPCHECK_STUB(struct futex_hash_bucket *, futex_hash, union futex_key *key) { return &bucket; }
SMPCHECK_STUB(void, plist_add, struct plist_node *node, struct plist_head *head) { list_add(&node->node_list, &head->node_list); }
SMPCHECK_STUB(void, plist_del, struct plist_node *node, struct plist_head *head) { list_del_init(&node->node_list); }
SMPCHECK_STUB(void, hrtimer_sleeper_start_expires, struct hrtimer_sleeper *timer, enum hrtimer_mode mode) { }
SMPCHECK_STUB(struct task_struct *, get_task_struct, struct task_struct *task) { return task; }
SMPCHECK_STUB(void, put_task_struct, struct task_struct *task) { }
SMPCHECK_STUB(void, wake_q_add_safe, struct wake_q_head *head, struct task_struct *task) { this_cpu_write(to_wake, task); }
SMPCHECK_STUB(void, wake_up_q, struct wake_q_head *head)
{
	struct task_struct *task = this_cpu_read(to_wake);

	if (task)
		wake(task, TASK_NORMAL);
}

SMPCHECK_INIT()
{
	q = futex_q_init;
	q.bitset = FUTEX_BITSET_MATCH_ANY;
}
/* What futex_wait() does, without a timer. */
SMPCHECK_THREAD(waiter)
{
	struct futex_hash_bucket *hb;

	if (!futex_wait_setup(&word, 0, 0, &q, &hb)) {
		futex_wait_queue(hb, &q, NULL);
		SMPCHECK_ASSERT(!futex_unqueue(&q));
	}
}
SMPCHECK_THREAD(waker)
{
	WRITE_ONCE(word, 1);
	futex_wake(&word, 0, 1, FUTEX_BITSET_MATCH_ANY);
}
