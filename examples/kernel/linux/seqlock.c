/*
 * include/linux/seqlock.h: a reader that saw no writer saw both values of one write.
 */
#include "linux/seqlock.h"

static seqcount_t seq = SEQCNT_ZERO(seq);
static int x, y;

SMPCHECK_THREAD(writer)
{
	raw_write_seqcount_begin(&seq);
	WRITE_ONCE(x, 1);
	WRITE_ONCE(y, 1);
	raw_write_seqcount_end(&seq);
}

SMPCHECK_THREAD(reader)
{
	unsigned int start;
	int a, b;

	do {
		start = read_seqcount_begin(&seq);
		a = READ_ONCE(x);
		b = READ_ONCE(y);
	} while (read_seqcount_retry(&seq, start));
	SMPCHECK_ASSERT(a == b);
}
