/*
 * lib/refcount.c: two threads drop their reference, and the one that drops the last one may destroy the object: it sees everything
 * that the other did with it.
 */
#include "lib/refcount.c"

static struct object { refcount_t refs; int a, b; } object = { .refs = REFCOUNT_INIT(2) };
static int destroyed;

static void put_object(struct object *o)
{
	if (refcount_dec_and_test(&o->refs)) {
		SMPCHECK_ASSERT(o->a == 1 && o->b == 1);
		destroyed++;
	}
}

SMPCHECK_THREAD(one)
{
	object.a = 1;
	put_object(&object);
}

SMPCHECK_THREAD(two)
{
	object.b = 1;
	put_object(&object);
}

SMPCHECK_FINALLY() { SMPCHECK_ASSERT(destroyed == 1); }
