"""A hundred small constructs of kernel code, in code of our own: each with its harness, and what breaks it.

A row is the name, the code, and the mistakes: what of the code is replaced by what, and what fails then. Without a mistake,
nothing fails. The threads ``a`` and ``b`` are written ``A { ... }`` and ``B { ... }``, what holds in the end ``END(condition)``.
"""

from __future__ import annotations

from dataclasses import dataclass

HEAD = """#include <linux/kernel.h>
#define A SMPCHECK_THREAD(a)
#define B SMPCHECK_THREAD(b)
#define END(c) SMPCHECK_FINALLY() { SMPCHECK_ASSERT(c); }
#define OK(c) SMPCHECK_ASSERT(c)
"""


@dataclass(frozen=True)
class Construct:
    """``mistakes``: old text, new text, a failure that it brings."""

    name: str
    code: str
    mistakes: tuple[tuple[str, str, str], ...] = ()
    unroll: int = 3

    def text(self, old: str = "", new: str = "") -> str:
        assert old in self.code, self.name
        return HEAD + (self.code.replace(old, new) if old else self.code)


def _c(name: str, code: str, *mistakes: tuple[str, str, str], unroll: int = 3) -> Construct:
    return Construct(name, code, mistakes, unroll)


RACE, DEAD, FOREVER = "data-race", "deadlock", "non-termination"

ORDERING = (
    _c(
        "message passing by release and acquire",
        "static int d, f; A { d = 1; smp_store_release(&f, 1); } B { if (smp_load_acquire(&f)) OK(d == 1); }",
        ("smp_store_release(&f, 1)", "WRITE_ONCE(f, 1)", RACE),
        ("smp_load_acquire(&f)", "READ_ONCE(f)", RACE),
    ),
    _c(
        "message passing by smp_wmb and smp_rmb",
        "static int d, f; A { WRITE_ONCE(d, 1); smp_wmb(); WRITE_ONCE(f, 1); }\n"
        "B { if (READ_ONCE(f)) { smp_rmb(); OK(READ_ONCE(d) == 1); } }",
        ("smp_wmb();", "", "READ_ONCE(d) == 1"),
        ("smp_rmb();", "", "READ_ONCE(d) == 1"),
    ),
    _c(
        "store buffering needs smp_mb",
        "static int x, y, r, s; A { WRITE_ONCE(x, 1); smp_mb(); r = READ_ONCE(y); }\n"
        "B { WRITE_ONCE(y, 1); smp_mb(); s = READ_ONCE(x); } END(r || s)",
        ("smp_mb(); r", "r", "r || s"),
        ("smp_mb(); s", "smp_wmb(); s", "r || s"),
    ),
    _c(
        "smp_store_mb",
        "static int x, y, r, s; A { smp_store_mb(x, 1); r = READ_ONCE(y); } B { smp_store_mb(y, 1); s = READ_ONCE(x); "
        "} END(r || s)",
        ("smp_store_mb(x, 1)", "smp_store_release(&x, 1)", "r || s"),
    ),
    _c(
        "control dependency to a store",
        "static int x, y, r; A { if (READ_ONCE(x)) WRITE_ONCE(y, 1); } B { r = READ_ONCE(y); smp_mb(); WRITE_ONCE(x, "
        "1); } END(!r)",
        ("smp_mb();", "", "!r"),
    ),
    _c(
        "smp_mb__after_atomic behind an atomic without a result",
        "static atomic_t n; static int y, r, s; A { atomic_inc(&n); smp_mb__after_atomic(); r = READ_ONCE(y); }\n"
        "B { WRITE_ONCE(y, 1); smp_mb(); s = atomic_read(&n); } END(r || s)",
        ("smp_mb__after_atomic();", "", "r || s"),
    ),
    _c(
        "smp_cond_load_acquire",
        "static int d, f; A { d = 1; smp_store_release(&f, 2); } B { int v = smp_cond_load_acquire(&f, VAL > 1); OK(d "
        "== 1 && v == 2); }",
        ("acquire(&f, ", "relaxed(&f, ", RACE),
    ),
    _c(
        "double-checked initialisation",
        "static DEFINE_MUTEX(m); static int made, ready;\n"
        "static void get(void) { if (smp_load_acquire(&ready)) return; mutex_lock(&m);\n"
        "\tif (!ready) { made++; smp_store_release(&ready, 1); } mutex_unlock(&m); }\n"
        "A { get(); OK(made == 1); } B { get(); OK(made == 1); }",
        ("if (!ready)", "if (1)", "made == 1"),
        ("smp_load_acquire(&ready)", "READ_ONCE(ready)", RACE),
    ),
    _c(
        "volatile accesses are marked",
        "static volatile int f; static int d; A { *(volatile int *)&d = 1; f = 1; } B { if (f) (void)READ_ONCE(d); }",
        ("*(volatile int *)&d = 1", "d = 1", RACE),
    ),
    _c("data_race", "static int n; A { WRITE_ONCE(n, 1); } B { OK(data_race(n) < 2); }", ("data_race(n)", "n", RACE)),
)

LOCKS = (
    _c(
        "spin_lock",
        "static DEFINE_SPINLOCK(l); static int n; static void bump(void) { spin_lock(&l); n++; spin_unlock(&l); } A { "
        "bump(); } B { bump(); } END(n == 2)",
        ("spin_lock(&l); ", "", RACE),
        ("n++; spin_unlock(&l);", "n++;", DEAD),
    ),
    _c(
        "raw_spin_lock_irqsave",
        "static DEFINE_RAW_SPINLOCK(l); static int n; A { unsigned long flags; raw_spin_lock_irqsave(&l, flags); n++;\n"
        "\traw_spin_unlock_irqrestore(&l, flags); } SMPCHECK_IRQ(i, a) { raw_spin_lock(&l); n += 2; "
        "raw_spin_unlock(&l); } END(n & 1)",
        ("raw_spin_lock_irqsave(&l, flags)", "flags = 0; raw_spin_lock(&l)", DEAD),
    ),
    _c(
        "two locks in one order",
        "static DEFINE_SPINLOCK(l); static DEFINE_SPINLOCK(m); A { spin_lock(&l); spin_lock(&m); spin_unlock(&m); "
        "spin_unlock(&l); }\n"
        "B { spin_lock(&l); spin_lock_nested(&m, 1); spin_unlock(&m); spin_unlock(&l); }",
        ("B { spin_lock(&l); spin_lock_nested(&m, 1); ", "B { spin_lock(&m); spin_lock(&l); ", DEAD),
    ),
    _c(
        "spin_trylock",
        "static DEFINE_SPINLOCK(l); static int n; A { if (spin_trylock(&l)) { n++; spin_unlock(&l); } }\n"
        "B { spin_lock(&l); n++; spin_unlock(&l); } END(n == 1 || n == 2)",
        ("if (spin_trylock(&l))", "spin_trylock(&l); if (1)", RACE),
    ),
    _c(
        "goto out of a critical section",
        "static DEFINE_MUTEX(m); static int n; static int step(int bad) { int err = 0; mutex_lock(&m); if (bad) { err "
        "= -EINVAL; goto out; }\n"
        "\tn++;\nout:\n\tmutex_unlock(&m); return err; } A { OK(step(0) == 0); } B { OK(step(1) == -22); } END(n == 1)",
        ("goto out;", "return err;", DEAD),
    ),
    _c(
        "rwlock",
        "static DEFINE_RWLOCK(l); static int x, y; A { write_lock(&l); x++; y++; write_unlock(&l); } B { "
        "read_lock(&l); OK(x == y); read_unlock(&l); }",
        ("read_lock(&l); OK(x == y); read_unlock(&l);", "OK(x == y);", RACE),
    ),
    _c(
        "rw_semaphore",
        "static DECLARE_RWSEM(l); static int x; A { down_write(&l); x = 1; up_write(&l); } B { down_read(&l); OK(x >= "
        "0); up_read(&l); }",
        ("down_write(&l); x = 1; up_write(&l);", "down_read(&l); x = 1; up_read(&l);", RACE),
    ),
    _c(
        "sleeping under a spinlock",
        "static DEFINE_SPINLOCK(l); static DEFINE_MUTEX(m); A { mutex_lock(&m); spin_lock(&l); spin_unlock(&l); "
        "mutex_unlock(&m); } B { }",
        ("mutex_lock(&m); spin_lock(&l); spin_unlock(&l)", "spin_lock(&l); mutex_lock(&m); spin_unlock(&l)", "sleep-in-atomic"),
    ),
    _c(
        "lockdep_assert_held",
        "static DEFINE_SPINLOCK(l); static int n; static void bump(void) { lockdep_assert_held(&l); n++; }\n"
        "A { spin_lock(&l); bump(); spin_unlock(&l); } B { spin_lock(&l); bump(); spin_unlock(&l); }",
        ("A { spin_lock(&l); bump(); spin_unlock(&l); }", "A { bump(); }", "lockdep_assert_held(&l)"),
    ),
    _c(
        "seqlock",
        "static DEFINE_SEQLOCK(s); static int x, y; A { write_seqlock(&s); WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); "
        "write_sequnlock(&s); }\n"
        "B { unsigned seq; int a, b; do { seq = read_seqbegin(&s); a = READ_ONCE(x); b = READ_ONCE(y); } while "
        "(read_seqretry(&s, seq)); OK(a == b); }",
        ("while (read_seqretry(&s, seq))", "while (0)", "a == b"),
    ),
    _c(
        "bit lock",
        "static unsigned long w; static int n; static void bump(void) { while (test_and_set_bit_lock(0, &w)) "
        "cpu_relax(); n++; clear_bit_unlock(0, &w); }\n"
        "A { bump(); } B { bump(); } END(n == 2 && !w)",
        ("clear_bit_unlock(0, &w)", "clear_bit(0, &w)", RACE),
    ),
    _c(
        "lock by cmpxchg_acquire",
        "static atomic_t l; static int n; static void bump(void) { while (atomic_cmpxchg_acquire(&l, 0, 1) != 0) "
        "cpu_relax(); n++; atomic_set_release(&l, 0); }\n"
        "A { bump(); } B { bump(); } END(n == 2)",
        ("atomic_set_release(&l, 0)", "atomic_set(&l, 0)", RACE),
        ("atomic_cmpxchg_acquire", "atomic_cmpxchg_relaxed", RACE),
    ),
    _c(
        "guard()",
        "static DEFINE_SPINLOCK(l); static int n;\nstatic void drop(spinlock_t **p) { spin_unlock(*p); }\n"
        "#define GUARD(l) spinlock_t *g_ __attribute__((cleanup(drop))) = (l); spin_lock(g_)\n"
        "static int up(int bad) { GUARD(&l); if (bad) return -1; return ++n; } A { OK(up(1) < 0); } B { OK(up(0) == 1); }",
        ("spin_unlock(*p);", "", DEAD),
    ),
)

LIFETIME = (
    _c(
        "reference count",
        "struct o { atomic_t r; int v; }; static struct o *o; SMPCHECK_INIT() { o = kmalloc(sizeof(*o), GFP_KERNEL); "
        "atomic_set(&o->r, 2); o->v = 1; }\n"
        "static void put(struct o *p) { if (atomic_dec_and_test(&p->r)) kfree(p); } A { OK(o->v == 1); put(o); } B { "
        "OK(o->v == 1); put(o); }\n"
        "SMPCHECK_FINALLY() { SMPCHECK_ALL_FREED(); }",
        ("atomic_set(&o->r, 2)", "atomic_set(&o->r, 1)", RACE),
        ("if (atomic_dec_and_test(&p->r)) kfree(p);", "atomic_dec(&p->r);", "leak"),
    ),
    _c(
        "RCU: replace and free",
        "struct o { int v; }; static struct o first = { 1 }, *cur = &first;\n"
        "A { struct o *p, *q = kmalloc(sizeof(*q), GFP_KERNEL); q->v = 2; p = cur; rcu_assign_pointer(cur, q); "
        "synchronize_rcu(); p->v = 0; }\n"
        "B { rcu_read_lock(); OK(rcu_dereference(cur)->v != 0); rcu_read_unlock(); }",
        ("synchronize_rcu();", "", RACE),
        ("rcu_assign_pointer(cur, q)", "WRITE_ONCE(cur, q)", RACE),
        ("rcu_read_lock(); ", "", RACE),
    ),
    _c(
        "call_rcu",
        "struct o { struct rcu_head rcu; int v; }; static struct o *cur; SMPCHECK_INIT() { cur = "
        "kmalloc(sizeof(*cur), GFP_KERNEL); cur->v = 1; }\n"
        "static void release(struct rcu_head *h) { kfree(container_of(h, struct o, rcu)); }\n"
        "A { struct o *p = cur; WRITE_ONCE(cur, NULL); call_rcu(&p->rcu, release); }\n"
        "B { struct o *p; rcu_read_lock(); p = rcu_dereference(cur); if (p) OK(p->v == 1); rcu_read_unlock(); }",
        ("call_rcu(&p->rcu, release)", "release(&p->rcu)", RACE),
    ),
    _c(
        "SRCU",
        "DEFINE_STATIC_SRCU(s); static int v = 1, gone; A { WRITE_ONCE(gone, 1); synchronize_srcu(&s); v = 0; }\n"
        "B { int i = srcu_read_lock(&s); if (!READ_ONCE(gone)) OK(v == 1); srcu_read_unlock(&s, i); }",
        ("synchronize_srcu(&s);", "", RACE),
    ),
    _c(
        "the loser of a race frees its object",
        "static int *slot; static int *get(void) { int *old, *p = READ_ONCE(slot); if (p) return p; p = "
        "kzalloc(sizeof(*p), GFP_KERNEL);\n"
        "\told = cmpxchg(&slot, NULL, p); if (old) { kfree(p); p = old; } return p; }\n"
        "A { int *p = get(); OK(p == READ_ONCE(slot)); } B { int *p = get(); OK(p == READ_ONCE(slot)); } "
        "SMPCHECK_FINALLY() { kfree(slot); SMPCHECK_ALL_FREED(); }",
        ("kfree(p); p = old;", "p = old;", "leak"),
        (" p = old;", "", "p == READ_ONCE(slot)"),
    ),
    _c(
        "a pointer handed over by xchg",
        "static int *slot; SMPCHECK_INIT() { slot = kzalloc(sizeof(int), GFP_KERNEL); } static void take(void) { int "
        "*p = xchg(&slot, NULL); if (p) kfree(p); }\n"
        "A { take(); } B { take(); } SMPCHECK_FINALLY() { SMPCHECK_ALL_FREED(); }",
        ("xchg(&slot, NULL)", "READ_ONCE(slot); WRITE_ONCE(slot, NULL)", "double-free"),
    ),
    _c(
        "atomic_inc_not_zero",
        "static atomic_t r = ATOMIC_INIT(1); static int dead; A { if (atomic_inc_not_zero(&r)) { "
        "OK(!READ_ONCE(dead)); smp_mb__before_atomic(); atomic_dec(&r); } }\n"
        "B { if (atomic_cmpxchg(&r, 1, 0) == 1) WRITE_ONCE(dead, 1); }",
        ("if (atomic_inc_not_zero(&r))", "atomic_inc(&r); if (1)", "!READ_ONCE(dead)"),
        ("smp_mb__before_atomic();", "", "!READ_ONCE(dead)"),
    ),
    _c(
        "list under RCU",
        "struct n { int v; struct list_head l; }; static LIST_HEAD(head); static struct n one;\n"
        "A { one.v = 5; list_add_rcu(&one.l, &head); } B { struct n *p; rcu_read_lock(); list_for_each_entry_rcu(p, "
        "&head, l) OK(p->v == 5); rcu_read_unlock(); }",
        ("list_add_rcu(&one.l, &head)", "list_add(&one.l, &head)", RACE),
    ),
    _c(
        "llist",
        "struct n { int v; struct llist_node l; }; static LLIST_HEAD(head); static struct n n1 = { 1 }, n2 = { 2 };\n"
        "A { llist_add(&n1.l, &head); } B { struct n *p; int s = 0; struct llist_node *f; llist_add(&n2.l, &head); f "
        "= llist_del_all(&head);\n"
        "\tllist_for_each_entry(p, f, l) s += p->v; OK(s == 2 || s == 3); }",
    ),
)

WAITING = (
    _c(
        "completion",
        "static DECLARE_COMPLETION(c); static int d; A { d = 1; complete(&c); } B { wait_for_completion(&c); OK(d == 1); }",
        ("complete(&c);", "", DEAD),
    ),
    _c(
        "wait_event",
        "static DECLARE_WAIT_QUEUE_HEAD(q); static int f, d; A { d = 1; smp_store_release(&f, 1); wake_up(&q); }\n"
        "B { wait_event(q, smp_load_acquire(&f)); OK(d == 1); }",
        ("smp_store_release(&f, 1);", "", FOREVER),
    ),
    _c(
        "semaphore",
        "static DEFINE_SEMAPHORE(s, 0); static int d; A { d = 1; up(&s); } B { down(&s); OK(d == 1); }",
        ("up(&s);", "", DEAD),
    ),
    _c(
        "polling with a limit",
        "static int f; A { WRITE_ONCE(f, 1); } B { int i; for (i = 0; i < 2; i++) if (READ_ONCE(f)) break; OK(i <= 2 "
        "&& (i == 2 || READ_ONCE(f))); }",
        ("i == 2 || ", "i == 2 && ", "i <= 2 && (i == 2 && READ_ONCE(f))"),
    ),
    _c(
        "ticket lock of one's own",
        "static atomic_t next, owner; static int n; static void bump(void) { int t = atomic_fetch_inc(&next); "
        "atomic_cond_read_acquire(&owner, VAL == t);\n"
        "\tn++; atomic_set_release(&owner, t + 1); } A { bump(); } B { bump(); } END(n == 2)",
        ("atomic_cond_read_acquire", "atomic_cond_read_relaxed", RACE),
        ("atomic_fetch_inc(&next)", "atomic_read(&next); atomic_inc(&next)", RACE),
    ),
)

ATOMICS = (
    _c(
        "maximum by a cmpxchg loop",
        "static int max; static void note(int v) { int old = READ_ONCE(max); while (old < v) { int seen = "
        "cmpxchg(&max, old, v); if (seen == old) break; old = seen; } }\n"
        "A { note(3); } B { note(2); } END(max == 3)",
        ("cmpxchg(&max, old, v)", "old; WRITE_ONCE(max, v)", "max == 3"),
    ),
    _c(
        "try_cmpxchg",
        "static int n; static void bump(void) { int old = READ_ONCE(n); do { } while (!try_cmpxchg(&n, &old, old + "
        "1)); } A { bump(); } B { bump(); } END(n == 2)",
        ("while (!try_cmpxchg(&n, &old, old + 1))", "while (0); WRITE_ONCE(n, old + 1)", "n == 2"),
    ),
    _c(
        "atomic_add_unless",
        "static atomic_t n = ATOMIC_INIT(1); A { atomic_add_unless(&n, 1, 2); } B { atomic_add_unless(&n, 1, 2); } "
        "END(atomic_read(&n) == 2)",
        ("A { atomic_add_unless(&n, 1, 2); }", "A { if (atomic_read(&n) != 2) atomic_add(1, &n); }", "atomic_read(&n) == 2"),
    ),
    _c(
        "flags word",
        "static unsigned long f; A { set_bit(1, &f); } B { set_bit(2, &f); } END(f == 6)",
        ("A { set_bit(1, &f); }", "A { __set_bit(1, &f); }", RACE),
    ),
    _c(
        "atomic_fetch_or, atomic_xchg, atomic64",
        "static atomic_t a; static atomic64_t b; A { OK(!(atomic_fetch_or(1, &a) & 1)); atomic64_add(5, &b); } B { "
        "atomic_or(2, &a); OK(atomic64_xchg(&b, 0) % 5 == 0); }\n"
        "END(atomic_read(&a) == 3)",
        ("atomic_or(2, &a)", "atomic_set(&a, 2)", "atomic_read(&a) == 3"),
    ),
    _c(
        "statistics per CPU",
        "static DEFINE_PER_CPU(int, hits); A { this_cpu_inc(hits); } B { this_cpu_add(hits, 2); }\n"
        "SMPCHECK_FINALLY() { int cpu, s = 0; for_each_possible_cpu(cpu) s += per_cpu(hits, cpu); OK(s == 3); }",
        ("this_cpu_add(hits, 2)", "per_cpu(hits, 0) += 2", RACE),
    ),
    _c(
        "sequence number in the high bits",
        "static atomic_t s; #define SEQ(v) ((unsigned)(v) >> 16)\nA { atomic_add(1 << 16 | 1, &s); } B { unsigned v = "
        "atomic_read(&s); OK(SEQ(v) == (v & 0xffff)); }".replace("; #", ";\n#"),
        ("atomic_add(1 << 16 | 1, &s)", "atomic_add(1 << 16, &s); atomic_inc(&s)", "SEQ(v) == (v & 0xffff)"),
    ),
)

MEMORY = (
    _c(
        "two bit fields under one lock",
        "static struct { unsigned a : 1, b : 1; } f; static DEFINE_SPINLOCK(l); A { spin_lock(&l); f.a = 1; "
        "spin_unlock(&l); } B { spin_lock(&l); f.b = 1; spin_unlock(&l); } END(f.a && f.b)",
        ("B { spin_lock(&l); f.b = 1; spin_unlock(&l); }", "B { f.b = 1; }", RACE),
    ),
    _c(
        "bit fields kept apart",
        "static struct { unsigned a : 1, : 0, b : 1; } f; A { f.a = 1; } B { f.b = 1; } END(f.a && f.b)",
        (": 0, ", "", RACE),
    ),
    _c(
        "halves of a word",
        "static union { u32 w; struct { u16 lo, hi; }; } u; A { WRITE_ONCE(u.lo, 1); } B { WRITE_ONCE(u.hi, 2); } "
        "END(u.w == 0x20001)",
        ("WRITE_ONCE(u.hi, 2)", "WRITE_ONCE(u.w, 0x20000)", "u.w == 0x20001"),
    ),
    _c(
        "tag in a pointer's low bit",
        "static int v = 4; static unsigned long p = 0; SMPCHECK_INIT() { p = (unsigned long)&v; }\n"
        "A { int *q = (int *)(p & ~1UL); OK(*q == 4); } B { }",
        ("== 4", "== 5", "*q == 5"),
    ),
    _c(
        "ring of two",
        "static int ring[2]; static unsigned head, tail; A { ring[head & 1] = 7; smp_store_release(&head, head + 1); }\n"
        "B { if (smp_load_acquire(&head) != tail) { OK(ring[tail & 1] == 7); smp_store_release(&tail, tail + 1); } }",
        ("smp_store_release(&head, head + 1)", "WRITE_ONCE(head, head + 1)", RACE),
    ),
    _c(
        "operations through a table, replaced while it runs",
        "static int f(int a) { return a; } static int g(int a) { return a + 1; } struct ops { int (*op)(int); };\n"
        "static const struct ops one = { .op = f }, two = { .op = g }; static const struct ops *ops = &one;\n"
        "A { WRITE_ONCE(ops, &two); } B { int r = READ_ONCE(ops)->op(1); OK(r == 1 || r == 2); }",
        ("return a + 1", "return a + 2", "r == 1 || r == 2"),
    ),
    _c(
        "state machine",
        "enum st { NEW, LIVE = 4, DEAD }; static int st; static int next(int s) { switch (s) { case NEW: return LIVE; "
        "case LIVE ... DEAD - 1: return DEAD; default: return -1; } }\n"
        "A { int s = READ_ONCE(st); cmpxchg(&st, s, next(s)); } B { int s = READ_ONCE(st); cmpxchg(&st, s, next(s)); "
        "} END(st == LIVE || st == DEAD)",
        ("cmpxchg(&st, s, next(s)); } END", "WRITE_ONCE(st, 9); } END", "st == LIVE || st == DEAD"),
    ),
)

KINDS = (*ORDERING, *LOCKS, *LIFETIME, *WAITING, *ATOMICS, *MEMORY)

LANGUAGE = {
    "min, max, clamp": "OK(min(3, 4) == 3 && max(3u, 4u) == 4 && clamp(9, 1, 5) == 5);",
    "container_of": "struct o { int a; struct list_head l; } o = { .a = 3 }; struct list_head *p = &o.l; "
    "OK(container_of(p, struct o, l)->a == 3);",
    "ERR_PTR": "void *p = ERR_PTR(-ENOMEM); OK(IS_ERR(p) && PTR_ERR(p) == -12 && !IS_ERR(&g) && IS_ERR_OR_NULL(NULL));",
    "BUILD_BUG_ON, static_assert": "BUILD_BUG_ON(sizeof(int) != 4); static_assert(sizeof(long) == 8); OK(1);",
    "likely": "OK(likely(1) && !unlikely(0));",
    "BIT, GENMASK": "OK(BIT(3) == 8 && GENMASK(7, 4) == 0xf0 && (0x1234 & GENMASK(11, 8)) >> 8 == 2);",
    "ALIGN, DIV_ROUND_UP": "OK(ALIGN(5, 4) == 8 && DIV_ROUND_UP(7, 2) == 4 && round_down(7, 4) == 4);",
    "ARRAY_SIZE": "int v[] = { 1, 2, 3 }; int s = 0; for (size_t i = 0; i < ARRAY_SIZE(v); i++) s += v[i]; OK(s == 6);",
    "swap": "int a = 1, b = 2; swap(a, b); OK(a == 2 && b == 1);",
    "upper_32_bits": "u64 v = 0x1234567890ULL; OK(upper_32_bits(v) == 0x12 && lower_32_bits(v) == 0x34567890);",
    "do_div": "u64 v = 17; u32 r = do_div(v, 5); OK(v == 3 && r == 2);",
    "check_add_overflow": "u8 r; OK(check_add_overflow((u8)200, (u8)100, &r) && r == 44 && !check_add_overflow((u8)1, "
    "(u8)2, &r));",
    "check_mul_overflow of size_t": "size_t r; OK(check_mul_overflow(1UL << 33, 1UL << 31, &r) && "
    "!check_mul_overflow(3UL, 5UL, &r) && r == 15);",
    "time_after": "unsigned long a = ~0UL, b = 1; OK(time_after(b, a) && time_before(a, b));",
    "WARN_ON as a condition": "if (WARN_ON(g)) return; OK(!g);",
    "container of a container": "struct i { int v; }; struct o { struct i i; int w; } o = { { 1 }, 2 }; int *p = "
    "&o.i.v; OK(container_of(container_of(p, struct i, v), struct o, i)->w == 2);",
    "fallthrough": "int r = 0; switch (2) { case 1: r = 9; fallthrough; case 2: r++; fallthrough; case 3: r++; break; "
    "default: r = 7; } OK(r == 2);",
    "case range": "int r = 0; switch (5) { case 0 ... 4: r = 1; break; case 5 ... 9: r = 2; } OK(r == 2);",
    "goto chain": "int r = 0; if (!g) goto err2; r = 9; err2: r |= 2; err1: r |= 1; OK(r == 3);",
    "goto back": "int n = 0; again: if (++n < 3) goto again; OK(n == 3);",
    "do while (0)": "#define SET(p, v) do { if (v) *(p) = (v); } while (0)\nint a = 1; if (a) SET(&a, 5); else "
    "SET(&a, 6); OK(a == 5);",
    "statement expression with a loop": "int n = ({ int s = 0; for (int i = 0; i < 3; i++) s += i; s; }); OK(n == 3);",
    "macro of macros": "#define ADD(a, b) ((a) + (b))\n#define MORE(x) ADD(x, ADD(x, 1))\nOK(MORE(2) == 5);",
    "pasted names": "#define FIELD(n) f_##n\nstruct { int FIELD(a), FIELD(b); } s = { .f_a = 1, .f_b = 2 }; OK(s.FIELD(b) == 2);",
    "text of a macro": "#define TEXT(x) #x\nconst char *t = TEXT(ab); OK(t[0] == 'a' && t[2] == 0 && sizeof(TEXT(abc)) == 4);",
    "arguments of any number": "#define SUM(...) sum((int[]){ __VA_ARGS__ }, sizeof((int[]){ __VA_ARGS__ }) / "
    "4)\nOK(SUM(1, 2, 3) == 6);",
    "typeof": "typeof(g) a = 3; typeof(&a) p = &a; __auto_type b = *p; OK(b == 3);",
    "_Generic": "#define KIND(x) _Generic((x), int: 1, long: 2, int *: 3, default: 4)\nOK(KIND(g) == 1 && KIND(1L) == "
    "2 && KIND(&g) == 3 && KIND('a' == 1 ? 1u : 2u) == 4);",
    "__builtin_choose_expr": "OK(__builtin_choose_expr(sizeof(long) == 8, 1, 2) == 1 && "
    "__builtin_types_compatible_p(typeof(g), int));",
    "?: without a middle": "int a = 0; OK((a ?: 5) == 5 && (7 ?: a) == 7);",
    "comma": "int a, b = (a = 2, a + 1); OK(b == 3);",
    "short circuit": "int n = 0; (void)(0 && n++); (void)(1 || n++); (void)(1 && n++); OK(n == 1);",
    "nested break and continue": "int n = 0; for (int i = 0; i < 3; i++) { for (int j = 0; j < 3; j++) { if (j == 1) "
    "continue; if (i == 2) break; n++; } } OK(n == 4);",
    "switch in a loop": "int n = 0; for (int i = 0; i < 4; i++) { switch (i) { case 1: continue; case 3: break; "
    "default: n += 10; } n++; } OK(n == 23);",
    "signed and unsigned": "u8 a = 200; s8 b = -1; OK((u8)(a + 100) == 44 && b < 0 && (unsigned)b > 5 && a + b == 199 "
    "&& -1 > 0u);",
    "shifts": "OK((1ULL << 40) >> 38 == 4 && (-8 >> 1) == -4 && (u8)(0x80 << 1) == 0);",
    "division": "OK(-7 / 2 == -3 && -7 % 2 == -1 && 7u / 2 == 3);",
    "struct by value": "struct p { int x, y; } a = { 1, 2 }, b = a; b.x = 5; OK(a.x == 1 && b.x + b.y == 7);",
    "struct returned": "OK(pair(3).b == 6 && weigh(pair(2)) == 6);",
    "struct chosen": "struct pair a = g ? pair(1) : pair(2); OK(a.a == 2);",
    "compound literal": "struct pair *p = &(struct pair){ .b = 4 }; *p = (struct pair){ p->b, 1 }; OK(p->a == 4 && p->b == 1);",
    "designated array": "static const int t[8] = { [1] = 5, [4 ... 6] = 2 }; OK(t[1] + t[4] + t[6] + t[7] == 9);",
    "array of structs": "struct pair v[2] = { { 1, 2 }, { .b = 9 } }, *p = v; p++; OK(p->b == 9 && p[-1].a == 1 && p - v == 1);",
    "two dimensions": "int m[2][3] = { { 1, 2, 3 }, { [1] = 5 } }; OK(m[1][1] + m[0][2] == 8 && sizeof(m[0]) == 12);",
    "anonymous union": "struct { int k; union { u32 w; u8 b[4]; }; } s = { .w = 0x01020304 }; OK(s.b[0] == 4 && s.b[3] == 1);",
    "bit fields": "struct { unsigned a : 3; int b : 3; bool c : 1; } s = { 7, -4, 5 }; s.a++; OK(s.a == 0 && s.b == "
    "-4 && s.c == 1);",
    "packed": "struct { u8 a; u32 b; } __packed s = { 1, 0x05060708 }; OK(sizeof(s) == 5 && s.b == 0x05060708);",
    "pointer to pointer": "struct n { struct n *next; int v; } a = { 0, 1 }, b = { &a, 2 }, *head = &b, **pp = &head; "
    "while ((*pp)->v != 1) pp = &(*pp)->next; *pp = NULL; OK(head == &b && !b.next);",
    "function pointer": "int (*f)(int) = g ? twice : thrice; OK(f(2) == 6 && (*f)(1) == 3);",
    "table of functions": "static int (*const t[])(int) = { twice, [2] = thrice }; OK(t[0](4) == 8 && !t[1] && t[2](2) == 6);",
    "static local": "OK(count() == 1 && count() == 2);",
    "recursion": "OK(down(3) == 6);",
    "enum": "enum e { X, Y = 5, Z } e = Z; OK(e == 6 && X == 0);",
    "string": 'const char *s = "xyz"; char b[8] = "ab"; OK(s[1] == \'y\' && b[1] == \'b\' && !b[2] && sizeof("xyz") == 4);',
    "memset and memcpy": "struct pair a, b; memset(&a, 0xff, sizeof(a)); memcpy(&b, &a, sizeof(b)); OK(b.a == -1 && "
    "!memcmp(&a, &b, sizeof(a)));",
    "memcpy of a part": "u8 from[4] = { 1, 2, 3, 4 }, to[4] = { }; memcpy(to + 1, from, 2); OK(to[0] == 0 && to[1] == "
    "1 && to[2] == 2 && !to[3]);",
    "sizeof and offsetof": "OK(sizeof(struct pair) == 8 && offsetof(struct pair, b) == 4 && sizeof_field(struct pair, b) == 4);",
    "ffs, clz, popcount": "OK(__builtin_ffs(8) == 4 && __builtin_clz(1) == 31 && __builtin_popcount(0xf0) == 4);",
    "bswap": "OK(__builtin_bswap32(0x01020304) == 0x04030201 && __builtin_bswap16(0x0102) == 0x0201);",
    "list, by hand": "struct list_head h, a, b; INIT_LIST_HEAD(&h); list_add(&a, &h); list_add_tail(&b, &h); "
    "OK(h.next == &a && a.next == &b && b.next == &h); list_del(&a); OK(h.next == &b);",
    "for with several variables": "int s = 0; for (int i = 0, j = 5; i < j; i++, j--) s += j - i; OK(s == 9);",
    "labels of a block": "int n = 0; { __label__ out; if (!g) goto out; n = 9; out: n++; } OK(n == 1);",
}

HELPERS = """static int g; struct pair { int a, b; };
static inline struct pair pair(int a) { return (struct pair){ .a = a, .b = 2 * a }; }
static __always_inline int weigh(struct pair p) { p.a++; return p.a + p.b - 1; }
static int twice(int a) { return 2 * a; }
static int thrice(int a) { return 3 * a; }
static int count(void) { static int calls; return ++calls; }
static int down(int n) { return n ? n + down(n - 1) : 0; }
static int sum(const int *v, unsigned long n) { int s = 0; while (n--) s += *v++; return s; }
"""


def of_language(names: list[str]) -> str:
    """One harness in which each of these is a function of its own."""
    macros, functions, calls = [], [], []
    for number, name in enumerate(names):
        *lines, body = LANGUAGE[name].split("\n")
        macros += [line for line in lines if line.startswith("#")]
        functions.append(f"static void f{number}(void) {{ {body} }}")
        calls.append(f"f{number}();")
    return "\n".join([HEAD, HELPERS, *macros, *functions, f"A {{ {' '.join(calls)} }}", ""])
