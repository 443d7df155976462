/*
 * include/asm-generic/ticket_spinlock.h (spinlock.h before Linux 6.13): a lock that is handed out in order. The ticket and the one that is
 * served are halves of one word, which is also accessed as a whole.
 */
#include <linux/atomic.h>
