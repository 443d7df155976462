/*
 * A statistic that each CPU counts for itself, and a reader that adds the counts up: what it sees is at most what was counted, and
 * at the end nothing is lost.
 */
#include <linux/percpu.h>

struct stats { unsigned long packets, bytes; };
static DEFINE_PER_CPU(struct stats, stats);

static void count(int length)
{
	struct stats *s = get_cpu_ptr(&stats);

	WRITE_ONCE(s->bytes, s->bytes + length);
	smp_store_release(&s->packets, s->packets + 1);
	put_cpu_ptr(&stats);
}

static void sum(struct stats *total)
{
	int cpu;

	*total = (struct stats){ };
	for (cpu = 0; cpu < 2; cpu++) {
		struct stats *s = per_cpu_ptr(&stats, cpu);

		total->packets += smp_load_acquire(&s->packets);
		total->bytes += READ_ONCE(s->bytes);
	}
}

SMPCHECK_THREAD(one) { count(10); }
SMPCHECK_THREAD(two) { count(20); }
SMPCHECK_THREAD(reader)
{
	struct stats seen;

	sum(&seen);
	SMPCHECK_ASSERT(seen.bytes >= 10 * seen.packets);
}
SMPCHECK_FINALLY()
{
	struct stats seen;

	sum(&seen);
	SMPCHECK_ASSERT(seen.packets == 2 && seen.bytes == 30);
}
