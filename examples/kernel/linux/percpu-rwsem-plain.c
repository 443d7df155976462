/*
 * The same with the counters' accesses as they are in the generic C, plain: by the rules of the kernel's memory model the writer's look at the
 * counters of other CPUs is a data race, and with races the writer may miss that the last reader has left, and sleep for ever.
 */
#define PLAIN
#include "percpu-rwsem.c"

SMPCHECK_EXPECT_FAILURE("data-race", "non-termination")
