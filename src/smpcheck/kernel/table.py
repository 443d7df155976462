"""The kernel's primitives: one table. Every reader, Python's stubs and the documentation are made from it.

A row is a prototype and, in the language of the kernel's own ``tools/memory-model/linux-kernel.def``, what it means in events
(:mod:`smpcheck.readers.deffile` says how that is written). In a prototype ``T &X`` is a place that is written as itself
(``READ_ONCE(x->f)``), ``T *X`` a pointer to a place, ``local T *E`` a pointer to a variable of the thread, ``any F`` an argument
that means nothing here, ``condition C`` a condition over ``VAL``, the value read (in Python a lambda), ``until C`` a condition
that is evaluated again and again. Python has no ``&``: where the kernel writes ``&x->f`` a model writes ``x.f``.

Forms beyond the kernel's own:

================================================  ====================================================================
``__rmw{o}(place, new)``                           atomic read-modify-write; the value is the old one
``__rmw{o}(place, new, when)``                     the same, but only where ``when`` holds; else it is an unordered read
``__rmw{o}(place, new, when, result)``             the same, of value ``result``; all see the value read as ``old``
``__try_cmpxchg{o}(X, E, V)``                      cmpxchg of ``*X`` that leaves what it saw in ``*E``; true if it happened
``__cond_load{t}(place, condition)``               read again until ``condition`` over ``VAL``, the value read, holds
``__take{k}(place, new, when)``                    take a lock of kind ``k`` (``spin``, ``sleep``): wait until ``when`` holds;
                                                  of kind ``event`` it is no lock, and nobody holds it
``__try_take{k}(place, new, when)``                the same without waiting; is it taken?
``__give(place, value)``, ``__give_back(place, new)``  release a lock: a store, or a read-modify-write
``__pass_on(place, value)``                        the same store, and the lock stays held in another way
``__enter{s}``, ``__leave{s}``                     a section ``s`` in which nothing may sleep
``__sleeps()``                                     the thread may sleep here
``__assert(condition)``                            a property: an execution in which it is false violates it
``__cpu()``                                        the number of the CPU; that of the thread in a litmus test
``__bit_word(N, X)``, ``__bit_mask(N, X)``           the word in which bit ``N`` of ``*X`` lies, and the bit in it
================================================  ====================================================================

The ordering ``o`` is ``mb``, ``acquire``, ``release``, ``once`` or ``noreturn``. Meanings are those of Linux 6.12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property

from msgspec import Struct

ORDERINGS = {"": "mb", "_relaxed": "once", "_acquire": "acquire", "_release": "release"}
"""Suffix of a value-returning atomic operation, and its ordering (Documentation/atomic_t.txt, ORDERING)."""

OPERATIONS = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^", "andnot": "&~"}
ARITHMETIC = ("add", "sub")
BY_ONE = {"inc": "+", "dec": "-"}
BITS = {"set": "| __bit_mask(N,X)", "clear": "& ~__bit_mask(N,X)", "change": "^ __bit_mask(N,X)"}


class Group(Struct, frozen=True):
    """Rows that belong together: where their meaning is said, a note for the reader of the table, and the rows, one a line."""

    title: str
    source: str
    note: str
    rows: str


def _atomic_rows() -> Iterator[str]:
    """The families of Documentation/atomic_t.txt, one row for each operation."""
    for name, op in OPERATIONS.items():
        yield f"void atomic_{name}(int V, atomic_t *X) {{ __atomic_op(X,{op},V); }}"
    for name, op in BY_ONE.items():
        yield f"void atomic_{name}(atomic_t *X) {{ __atomic_op(X,{op},1); }}"
    for suffix, order in ORDERINGS.items():
        for name, op in OPERATIONS.items():
            yield f"int atomic_fetch_{name}{suffix}(int V, atomic_t *X) __atomic_fetch_op{{{order}}}(X,{op},V)"
            if name in ARITHMETIC:
                yield f"int atomic_{name}_return{suffix}(int V, atomic_t *X) __atomic_op_return{{{order}}}(X,{op},V)"
        for name, op in BY_ONE.items():
            yield f"int atomic_fetch_{name}{suffix}(atomic_t *X) __atomic_fetch_op{{{order}}}(X,{op},1)"
            yield f"int atomic_{name}_return{suffix}(atomic_t *X) __atomic_op_return{{{order}}}(X,{op},1)"
        yield f"bool atomic_add_negative{suffix}(int V, atomic_t *X) __atomic_op_return{{{order}}}(X,+,V) < 0"
        yield f"int atomic_xchg{suffix}(atomic_t *X, int V) __xchg{{{order}}}(X,V)"
        yield f"int atomic_cmpxchg{suffix}(atomic_t *X, int V, int W) __cmpxchg{{{order}}}(X,V,W)"
        yield f"bool atomic_try_cmpxchg{suffix}(atomic_t *X, local int *E, int V) __try_cmpxchg{{{order}}}(X,E,V)"
    yield "bool atomic_sub_and_test(int V, atomic_t *X) __atomic_op_return{mb}(X,-,V) == 0"
    for name, op in BY_ONE.items():
        yield f"bool atomic_{name}_and_test(atomic_t *X) __atomic_op_return{{mb}}(X,{op},1) == 0"


def _exchange_rows() -> Iterator[str]:
    for suffix, order in ORDERINGS.items():
        yield f"T xchg{suffix}(T *X, T V) __xchg{{{order}}}(X,V)"
        yield f"T cmpxchg{suffix}(T *X, T V, T W) __cmpxchg{{{order}}}(X,V,W)"
        yield f"bool try_cmpxchg{suffix}(T *X, local T *E, T V) __try_cmpxchg{{{order}}}(X,E,V)"


def _bit_rows() -> Iterator[str]:
    word, test = "__bit_word(N,X)", "& __bit_mask(N,X)) != 0"
    for name, op in BITS.items():
        yield f"void {name}_bit(long N, unsigned long *X) {{ __rmw{{noreturn}}({word}, old {op}); }}"
        yield f"bool test_and_{name}_bit(long N, unsigned long *X) (__rmw{{mb}}({word}, old {op}) {test}"
        yield f"void __{name}_bit(long N, unsigned long *X) {{ {word} = {word} {op}; }}"
        plain = f"{{ unsigned long was = {word}; {word} = was {op}; return (was {test}; }}"
        yield f"bool __test_and_{name}_bit(long N, unsigned long *X) {plain}"


def _lock_rows(kind: str, type_: str, name: str) -> Iterator[str]:
    """The variants of a spinning lock that differ in what they do to interrupts."""
    for how in ("", "_bh", "_irq"):
        yield f"void {name}_lock{how}({type_} *X) {{ {kind}; }}"
    yield f"void {name}_lock_irqsave({type_} *X, any F) {{ {kind}; }}"


def _unlock_rows(kind: str, type_: str, name: str) -> Iterator[str]:
    for how in ("", "_bh", "_irq"):
        yield f"void {name}_unlock{how}({type_} *X) {{ {kind}; }}"
    yield f"void {name}_unlock_irqrestore({type_} *X, any F) {{ {kind}; }}"


def _spin_rows(prefix: str, type_: str) -> Iterator[str]:
    yield from _lock_rows("__lock(X)", type_, f"{prefix}spin")
    yield f"void {prefix}spin_lock_nested({type_} *X, any C) {{ __lock(X); }}"
    yield from _unlock_rows("__unlock(X)", type_, f"{prefix}spin")
    for how in ("", "_bh", "_irq"):
        yield f"bool {prefix}spin_trylock{how}({type_} *X) __trylock(X)"
    yield f"bool {prefix}spin_trylock_irqsave({type_} *X, any F) __trylock(X)"
    yield f"bool {prefix}spin_is_locked({type_} *X) __islocked(X)"


def _rwlock_rows() -> Iterator[str]:
    yield from _lock_rows("__take{spin}(*X, old + 1, old >= 0)", "rwlock_t", "read")
    yield from _unlock_rows("__give_back(*X, old - 1)", "rwlock_t", "read")
    yield from _lock_rows("__take{spin}(*X, -1, old == 0)", "rwlock_t", "write")
    yield from _unlock_rows("__give(*X, 0)", "rwlock_t", "write")
    yield "bool read_trylock(rwlock_t *X) __try_take{spin}(*X, old + 1, old >= 0)"
    yield "bool write_trylock(rwlock_t *X) __try_take{spin}(*X, -1, old == 0)"


def _seqlock_rows() -> Iterator[str]:
    begin, end = "write_seqcount_begin(&(X)->seqcount)", "write_seqcount_end(&(X)->seqcount)"
    for how in ("", "_bh", "_irq"):
        yield f"void write_seqlock{how}(seqlock_t *X) {{ __lock(&(X)->lock); {begin}; }}"
        yield f"void write_sequnlock{how}(seqlock_t *X) {{ {end}; __unlock(&(X)->lock); }}"
        yield f"void read_seqlock_excl{how}(seqlock_t *X) {{ __lock(&(X)->lock); }}"
        yield f"void read_sequnlock_excl{how}(seqlock_t *X) {{ __unlock(&(X)->lock); }}"
    yield f"void write_seqlock_irqsave(seqlock_t *X, any F) {{ __lock(&(X)->lock); {begin}; }}"
    yield f"void write_sequnlock_irqrestore(seqlock_t *X, any F) {{ {end}; __unlock(&(X)->lock); }}"


def _cpu_rows() -> Iterator[str]:
    for prefix in ("this_cpu_", "raw_cpu_", "__this_cpu_"):
        read = "__load{once}" if prefix == "this_cpu_" else ""
        yield f"int {prefix}read(int X[]) {read}((X)[__cpu()])"
        yield f"void {prefix}write(int X[], int V) {{ (X)[__cpu()] = V; }}"
        yield f"void {prefix}add(int X[], int V) {{ (X)[__cpu()] = (X)[__cpu()] + V; }}"
        yield f"void {prefix}sub(int X[], int V) {{ (X)[__cpu()] = (X)[__cpu()] - V; }}"
        yield f"void {prefix}inc(int X[]) {{ (X)[__cpu()] = (X)[__cpu()] + 1; }}"
        yield f"void {prefix}dec(int X[]) {{ (X)[__cpu()] = (X)[__cpu()] - 1; }}"


def _fences(tag: str, *names: str) -> str:
    return "\n".join(f"void {name}() {{ __fence{{{tag}}}; }}" for name in names)


GROUPS: tuple[Group, ...] = (
    Group(
        "Accesses",
        "tools/memory-model/linux-kernel.def; Documentation/memory-barriers.txt",
        "An access without any of these is a plain one.",
        """
T READ_ONCE(T &X) __load{once}(X)
void WRITE_ONCE(T &X, T V) { __store{once}(X,V); }
T smp_load_acquire(T *X) __load{acquire}(*X)
void smp_store_release(T *X, T V) { __store{release}(*X,V); }
void smp_store_mb(T &X, T V) { __store{once}(X,V); __fence{mb}; }
T virt_load_acquire(T *X) __load{acquire}(*X)
void virt_store_release(T *X, T V) { __store{release}(*X,V); }
void virt_store_mb(T &X, T V) { __store{once}(X,V); __fence{mb}; }
T smp_cond_load_relaxed(T *X, condition C) __cond_load{once}(*X,C)
T smp_cond_load_acquire(T *X, condition C) __cond_load{acquire}(*X,C)
T data_race(T &X) X
bool likely(int X) !!(X)
bool unlikely(int X) !!(X)
""",
    ),
    Group(
        "Barriers",
        "linux-kernel.def; include/asm-generic/barrier.h; memory-barriers.txt",
        "`mb()` and its like, and those for devices (`dma_*`) and virtual machines (`virt_*`), order what CPUs "
        "see at least as `smp_*` do, "
        "and here just as much.",
        "\n".join(
            (
                _fences("mb", "smp_mb", "mb", "dma_mb", "virt_mb"),
                _fences("rmb", "smp_rmb", "rmb", "dma_rmb", "virt_rmb", "smp_acquire__after_ctrl_dep"),
                _fences("wmb", "smp_wmb", "wmb", "dma_wmb", "virt_wmb"),
                _fences("barrier", "barrier", "cpu_relax"),
                _fences("before-atomic", "smp_mb__before_atomic"),
                _fences("after-atomic", "smp_mb__after_atomic"),
                _fences("after-spinlock", "smp_mb__after_spinlock"),
                _fences("after-unlock-lock", "smp_mb__after_unlock_lock"),
                _fences("after-srcu-read-unlock", "smp_mb__after_srcu_read_unlock"),
            )
        ),
    ),
    Group(
        "Atomic operations",
        "Documentation/atomic_t.txt; linux-kernel.def",
        "Without a value: no ordering. With one: fully ordered, or as the suffix says. A conditional one that "
        "does not take place is a read "
        "without ordering. `atomic_long_*` and `atomic64_*` are the same.",
        "\n".join(
            (
                """
int atomic_read(atomic_t *X) __load{once}(*X)
int atomic_read_acquire(atomic_t *X) __load{acquire}(*X)
void atomic_set(atomic_t *X, int V) { __store{once}(*X,V); }
void atomic_set_release(atomic_t *X, int V) { __store{release}(*X,V); }
int atomic_cond_read_relaxed(atomic_t *X, condition C) __cond_load{once}(*X,C)
int atomic_cond_read_acquire(atomic_t *X, condition C) __cond_load{acquire}(*X,C)
""".strip(),
                *_atomic_rows(),
                """
bool atomic_add_unless(atomic_t *X, int A, int U) __rmw{mb}(*X, old + A, old != U, old != U)
int atomic_fetch_add_unless(atomic_t *X, int A, int U) __rmw{mb}(*X, old + A, old != U)
bool atomic_inc_not_zero(atomic_t *X) __rmw{mb}(*X, old + 1, old != 0, old != 0)
bool atomic_inc_unless_negative(atomic_t *X) __rmw{mb}(*X, old + 1, old >= 0, old >= 0)
bool atomic_dec_unless_positive(atomic_t *X) __rmw{mb}(*X, old - 1, old <= 0, old <= 0)
int atomic_dec_if_positive(atomic_t *X) __rmw{mb}(*X, old - 1, old > 0, old - 1)
""".strip(),
            )
        ),
    ),
    Group(
        "Exchange",
        "Documentation/atomic_t.txt",
        "Of any word. The last argument but one of `try_cmpxchg` is a variable of the thread: what is expected, "
        "and then what was seen.",
        "\n".join(_exchange_rows()),
    ),
    Group(
        "Reference counts",
        "include/linux/refcount.h; lib/refcount.c",
        "A decrement is a release; where it returns true, `smp_acquire__after_ctrl_dep()` follows: what depends "
        "on the value is ordered "
        "after it. A `refcount_t` does not saturate here.",
        """
int refcount_read(refcount_t *X) __load{once}(*X)
void refcount_set(refcount_t *X, int V) { __store{once}(*X,V); }
void refcount_inc(refcount_t *X) { __rmw{once}(*X, old + 1); }
void refcount_add(int V, refcount_t *X) { __rmw{once}(*X, old + V); }
void refcount_dec(refcount_t *X) { __rmw{release}(*X, old - 1); }
bool refcount_inc_not_zero(refcount_t *X) __rmw{once}(*X, old + 1, old != 0, old != 0)
bool refcount_add_not_zero(int V, refcount_t *X) __rmw{once}(*X, old + V, old != 0, old != 0)
bool refcount_dec_and_test(refcount_t *X) { int last = __rmw{release}(*X, old - 1) == 1; if (last) __fence{rmb}; return last; }
bool refcount_sub_and_test(int V, refcount_t *X) { int last = __rmw{release}(*X, old - V) == V; if (last) __fence{rmb};
    return last; }
bool refcount_dec_if_one(refcount_t *X) __rmw{release}(*X, 0, old == 1, old == 1)
bool refcount_dec_not_one(refcount_t *X) __rmw{release}(*X, old - 1, old != 1, old != 1)
""",
    ),
    Group(
        "Bit operations",
        "Documentation/atomic_bitops.txt; include/asm-generic/bitops/{lock,non-instrumented-non-atomic}.h",
        "Bit `N` lies in word `N / bits` of the words at `X`. A bit lock that finds the bit set reads it without ordering.",
        "\n".join(
            (
                *_bit_rows(),
                """
bool test_bit(long N, unsigned long *X) (__load{once}(__bit_word(N,X)) & __bit_mask(N,X)) != 0
bool test_bit_acquire(long N, unsigned long *X) (__load{acquire}(__bit_word(N,X)) & __bit_mask(N,X)) != 0
bool test_and_set_bit_lock(long N, unsigned long *X)
    !__try_take{sleep}(__bit_word(N,X), old | __bit_mask(N,X), (old & __bit_mask(N,X)) == 0)
void clear_bit_unlock(long N, unsigned long *X) { __give_back(__bit_word(N,X), old & ~__bit_mask(N,X)); }
void __clear_bit_unlock(long N, unsigned long *X) { __give(__bit_word(N,X), __load{once}(__bit_word(N,X)) & ~__bit_mask(N,X)); }
void wait_on_bit_lock(unsigned long *X, long N, any M)
    { __take{sleep}(__bit_word(N,X), old | __bit_mask(N,X), (old & __bit_mask(N,X)) == 0); }
void bit_spin_lock(long N, unsigned long *X) {
    __take{spin}(__bit_word(N,X), old | __bit_mask(N,X), (old & __bit_mask(N,X)) == 0); }
bool bit_spin_trylock(long N, unsigned long *X)
    __try_take{spin}(__bit_word(N,X), old | __bit_mask(N,X), (old & __bit_mask(N,X)) == 0)
void bit_spin_unlock(long N, unsigned long *X) { __give_back(__bit_word(N,X), old & ~__bit_mask(N,X)); }
void __bit_spin_unlock(long N, unsigned long *X) { __give(__bit_word(N,X), __load{once}(__bit_word(N,X)) & ~__bit_mask(N,X)); }
bool bit_spin_is_locked(long N, unsigned long *X) (__load{once}(__bit_word(N,X)) & __bit_mask(N,X)) != 0
unsigned long BIT(int N) 1UL << (N)
unsigned long BIT_MASK(int N) 1UL << ((N) % 64)
unsigned long BIT_WORD(int N) (N) / 64
""".strip(),
            )
        ),
    ),
    Group(
        "Spinlocks",
        "linux-kernel.def; tools/memory-model/lock.cat",
        "Interrupts do not exist here.",
        "\n".join((*_spin_rows("", "spinlock_t"), *_spin_rows("raw_", "raw_spinlock_t"))),
    ),
    Group(
        "Reader-writer spinlocks",
        "include/asm-generic/qrwlock.h; kernel/locking/qrwlock.c",
        "The memory model knows no such lock: taking one is an acquire, giving it back a release, and no more.",
        "\n".join(_rwlock_rows()),
    ),
    Group(
        "Locks that sleep",
        "kernel/locking/mutex.c, rwsem.c, semaphore.c; Documentation/memory-barriers.txt, INTER-CPU ACQUIRING BARRIER EFFECTS",
        "The memory model knows no mutex: taking one is an acquire, giving it back a release, and a third party "
        "that never takes it is promised "
        "nothing. What may be interrupted is not, and returns 0.",
        """
void mutex_lock(struct mutex *X) { __take{sleep}(*X, 1, old == 0); }
void mutex_lock_io(struct mutex *X) { __take{sleep}(*X, 1, old == 0); }
void mutex_lock_nested(struct mutex *X, any C) { __take{sleep}(*X, 1, old == 0); }
int mutex_lock_interruptible(struct mutex *X) { __take{sleep}(*X, 1, old == 0); return 0; }
int mutex_lock_killable(struct mutex *X) { __take{sleep}(*X, 1, old == 0); return 0; }
bool mutex_trylock(struct mutex *X) __try_take{sleep}(*X, 1, old == 0)
bool mutex_is_locked(struct mutex *X) __load{once}(*X) != 0
void mutex_unlock(struct mutex *X) { __give(*X, 0); }
void down_read(struct rw_semaphore *X) { __take{sleep}(*X, old + 1, old >= 0); }
bool down_read_trylock(struct rw_semaphore *X) __try_take{sleep}(*X, old + 1, old >= 0)
int down_read_killable(struct rw_semaphore *X) { __take{sleep}(*X, old + 1, old >= 0); return 0; }
void up_read(struct rw_semaphore *X) { __give_back(*X, old - 1); }
void down_write(struct rw_semaphore *X) { __take{sleep}(*X, -1, old == 0); }
bool down_write_trylock(struct rw_semaphore *X) __try_take{sleep}(*X, -1, old == 0)
int down_write_killable(struct rw_semaphore *X) { __take{sleep}(*X, -1, old == 0); return 0; }
void up_write(struct rw_semaphore *X) { __give(*X, 0); }
void downgrade_write(struct rw_semaphore *X) { __pass_on(*X, 1); }
bool rwsem_is_locked(struct rw_semaphore *X) __load{once}(*X) != 0
void down(struct semaphore *X) { __take{sleep}(*X, old - 1, old > 0); }
int down_trylock(struct semaphore *X) !__try_take{sleep}(*X, old - 1, old > 0)
void up(struct semaphore *X) { __give_back(*X, old + 1); }
""",
    ),
    Group(
        "Sequence counters and sequence locks",
        "include/linux/seqlock.h",
        "The counter is changed by marked accesses, for the kernel tells KCSAN that its increments race on purpose.",
        "\n".join(
            (
                """
unsigned int read_seqcount_begin(seqcount_t *X) __cond_load{acquire}(*X, !(VAL & 1))
unsigned int raw_read_seqcount_begin(seqcount_t *X) __cond_load{acquire}(*X, !(VAL & 1))
unsigned int raw_read_seqcount(seqcount_t *X) __load{acquire}(*X)
unsigned int raw_seqcount_begin(seqcount_t *X) __load{acquire}(*X) & ~1U
bool read_seqcount_retry(seqcount_t *X, unsigned int S) { __fence{rmb}; return __load{once}(*X) != S; }
void write_seqcount_begin(seqcount_t *X) { __store{once}(*X, *X + 1); __fence{wmb}; }
void write_seqcount_end(seqcount_t *X) { __fence{wmb}; __store{once}(*X, *X + 1); }
void raw_write_seqcount_begin(seqcount_t *X) { __store{once}(*X, *X + 1); __fence{wmb}; }
void raw_write_seqcount_end(seqcount_t *X) { __fence{wmb}; __store{once}(*X, *X + 1); }
void write_seqcount_invalidate(seqcount_t *X) { __fence{wmb}; __store{once}(*X, *X + 2); }
unsigned int read_seqbegin(seqlock_t *X) __cond_load{acquire}((X)->seqcount, !(VAL & 1))
bool read_seqretry(seqlock_t *X, unsigned int S) { __fence{rmb}; return __load{once}((X)->seqcount) != S; }
""".strip(),
                *_seqlock_rows(),
            )
        ),
    ),
    Group(
        "RCU",
        "linux-kernel.def; include/linux/{rcupdate,rculist}.h",
        "All flavours are one, as since Linux 5.0.",
        "\n".join(
            (
                *(
                    f"void rcu_read_lock{how}() {{ __fence{{rcu-lock}}; __enter{{rcu_read_lock}}; }}\n"
                    f"void rcu_read_unlock{how}() {{ __fence{{rcu-unlock}}; __leave{{rcu_read_lock}}; }}"
                    for how in ("", "_bh", "_sched")
                ),
                *(
                    f"void {name}() {{ __sleeps(); __fence{{sync-rcu}}; }}"
                    for name in (
                        "synchronize_rcu",
                        "synchronize_rcu_expedited",
                        "synchronize_net",
                        "synchronize_rcu_bh",
                        "synchronize_sched",
                    )
                ),
                """
T rcu_dereference(T &X) __load{once}(X)
T rcu_dereference_check(T &X, any C) __load{once}(X)
T rcu_dereference_raw(T &X) __load{once}(X)
T rcu_dereference_bh(T &X) __load{once}(X)
T rcu_dereference_sched(T &X) __load{once}(X)
T rcu_access_pointer(T &X) __load{once}(X)
T lockless_dereference(T &X) __load{once}(X)
T rcu_dereference_protected(T &X, any C) X
void rcu_assign_pointer(T &X, T V) { __store{release}(X,V); }
void RCU_INIT_POINTER(T &X, T V) { __store{once}(X,V); }
T rcu_replace_pointer(T &X, T V, any C) { __auto_type was = X; __store{release}(X,V); return was; }
""".strip(),
            )
        ),
    ),
    Group(
        "SRCU",
        "linux-kernel.def; include/linux/srcu.h",
        "What `srcu_read_lock` returns goes to `srcu_read_unlock`; `up` may be in another thread than `down`.",
        """
int srcu_read_lock(struct srcu_struct *X) __load{srcu-lock}(*X)
void srcu_read_unlock(struct srcu_struct *X, int V) { __store{srcu-unlock}(*X,V); }
int srcu_down_read(struct srcu_struct *X) __load{srcu-lock}(*X)
void srcu_up_read(struct srcu_struct *X, int V) { __store{srcu-unlock}(*X,V); }
void synchronize_srcu(struct srcu_struct *X) { __sleeps(); __srcu{sync-srcu}(X); }
void synchronize_srcu_expedited(struct srcu_struct *X) { __sleeps(); __srcu{sync-srcu}(X); }
T srcu_dereference(T &X, any S) __load{once}(X)
T srcu_dereference_check(T &X, any S, any C) __load{once}(X)
""",
    ),
    Group(
        "Lists",
        "include/linux/{list,rculist,llist}.h; lib/llist.c",
        "The fields are those of the kernel's structs. What is deleted points to the poison addresses 0x100 and 0x122.",
        """
void INIT_LIST_HEAD(struct list_head *X) { __store{once}((X)->next, X); __store{once}((X)->prev, X); }
bool list_empty(struct list_head *X) __load{once}((X)->next) == (X)
bool list_empty_careful(struct list_head *X) { __auto_type next = __load{acquire}((X)->next);
    return next == (X) && next == __load{once}((X)->prev); }
void list_add(struct list_head *N, struct list_head *X) { __auto_type after = (X)->next; after->prev = N;
    (N)->next = after; (N)->prev = X; __store{once}((X)->next, N); }
void list_add_tail(struct list_head *N, struct list_head *X) { __auto_type last = (X)->prev; (X)->prev = N;
    (N)->next = X; (N)->prev = last; __store{once}(last->next, N); }
void list_del(struct list_head *X) { __auto_type before = (X)->prev; __auto_type after = (X)->next; after->prev = before;
    __store{once}(before->next, after); (X)->next = 0x100; (X)->prev = 0x122; }
void list_del_init(struct list_head *X) { __auto_type before = (X)->prev; __auto_type after = (X)->next;
    after->prev = before; __store{once}(before->next, after); __store{once}((X)->next, X); __store{once}((X)->prev, X); }
void list_del_init_careful(struct list_head *X) { __auto_type before = (X)->prev; __auto_type after = (X)->next;
    after->prev = before; __store{once}(before->next, after); __store{once}((X)->prev, X); __store{release}((X)->next, X); }
void list_add_rcu(struct list_head *N, struct list_head *X) { __auto_type after = (X)->next; (N)->next = after;
    (N)->prev = X; __store{release}((X)->next, N); after->prev = N; }
void list_add_tail_rcu(struct list_head *N, struct list_head *X) { __auto_type last = (X)->prev; (N)->next = X;
    (N)->prev = last; __store{release}(last->next, N); (X)->prev = N; }
void list_del_rcu(struct list_head *X) { __auto_type before = (X)->prev; __auto_type after = (X)->next;
    after->prev = before; __store{once}(before->next, after); (X)->prev = 0x122; }
void list_replace_rcu(struct list_head *X, struct list_head *N) { (N)->next = (X)->next; (N)->prev = (X)->prev;
    __store{release}((N)->prev->next, N); (N)->next->prev = N; (X)->prev = 0x122; }
bool hlist_empty(struct hlist_head *X) !__load{once}((X)->first)
bool hlist_unhashed(struct hlist_node *X) !(X)->pprev
void hlist_add_head(struct hlist_node *N, struct hlist_head *X) { __auto_type first = (X)->first;
    __store{once}((N)->next, first); if (first) __store{once}(first->pprev, &(N)->next); __store{once}((X)->first, N);
    __store{once}((N)->pprev, &(X)->first); }
void hlist_add_head_rcu(struct hlist_node *N, struct hlist_head *X) { __auto_type first = (X)->first; (N)->next = first;
    __store{once}((N)->pprev, &(X)->first); __store{release}((X)->first, N);
    if (first) __store{once}(first->pprev, &(N)->next); }
void hlist_del(struct hlist_node *X) { __auto_type next = (X)->next; __auto_type pprev = (X)->pprev;
    __store{once}(*pprev, next); if (next) __store{once}(next->pprev, pprev); (X)->next = 0x100; (X)->pprev = 0x122; }
void hlist_del_rcu(struct hlist_node *X) { __auto_type next = (X)->next; __auto_type pprev = (X)->pprev;
    __store{once}(*pprev, next); if (next) __store{once}(next->pprev, pprev); __store{once}((X)->pprev, 0x122); }
bool llist_empty(struct llist_head *X) __load{once}((X)->first) == 0
bool llist_add(struct llist_node *N, struct llist_head *X) { __auto_type first = __load{once}((X)->first);
    do { (N)->next = first; } while (!__try_cmpxchg{mb}(&(X)->first, &first, N)); return !first; }
struct llist_node *llist_del_first(struct llist_head *X) { __auto_type entry = __load{acquire}((X)->first);
    __auto_type next = entry; do { if (entry == 0) return entry; next = __load{once}(entry->next);
    } while (!__try_cmpxchg{mb}(&(X)->first, &entry, next)); return entry; }
struct llist_node *llist_del_all(struct llist_head *X) __xchg{mb}(&(X)->first, 0)
""",
    ),
    Group(
        "Preemption, interrupts and CPUs",
        "include/linux/{preempt,irqflags,bottom_half,percpu-defs}.h; include/asm-generic/percpu.h",
        "There is no scheduler here, and there are interrupts only where a harness in the kernel's own C has handlers "
        "(SMPCHECK_IRQ): elsewhere, what turns them off is a barrier for the compiler. A thread runs on a CPU of its own; "
        "per-CPU data is an array with an element for each.",
        "\n".join(
            (
                _fences(
                    "barrier",
                    "preempt_disable",
                    "preempt_enable",
                    "preempt_enable_no_resched",
                    "local_irq_disable",
                    "local_irq_enable",
                    "local_bh_disable",
                    "local_bh_enable",
                    "migrate_disable",
                    "migrate_enable",
                ),
                "void local_irq_save(any F) { __fence{barrier}; }",
                "void local_irq_restore(any F) { __fence{barrier}; }",
                "int smp_processor_id() __cpu()",
                "int raw_smp_processor_id() __cpu()",
                "int get_cpu() { __fence{barrier}; return __cpu(); }",
                "void put_cpu() { __fence{barrier}; }",
                *_cpu_rows(),
            )
        ),
    ),
    Group(
        "Sleeping and waking",
        "Documentation/memory-barriers.txt, SLEEP AND WAKE-UP FUNCTIONS; include/linux/{sched,completion}.h; "
        "kernel/sched/completion.c",
        "A task's state is no memory here: of setting it the ordering is left, `schedule()` may return at any "
        "time, and nobody is woken. "
        "`wait_event` waits until its condition is true, with no ordering: it may be true at once. So a wakeup "
        "that is lost is not found; "
        "to look for one, write the states as variables. A completion is a count; `complete_all()` makes it 65536, "
        "and it stays so.",
        """
void set_current_state(any S) { __fence{mb}; }
void __set_current_state(any S) { }
void schedule() { __sleeps(); }
void cond_resched() { __sleeps(); }
void might_sleep() { __sleeps(); }
void wake_up_process(any P) { __fence{mb}; }
void wake_up(any Q) { }
void wake_up_all(any Q) { }
void wake_up_interruptible(any Q) { }
void wait_event(any Q, until C) { __sleeps(); while (!(C)) ; }
int wait_event_interruptible(any Q, until C) { __sleeps(); while (!(C)) ; return 0; }
int wait_event_killable(any Q, until C) { __sleeps(); while (!(C)) ; return 0; }
void init_completion(struct completion *X) { *X = 0; }
void reinit_completion(struct completion *X) { *X = 0; }
void complete(struct completion *X) { __give_back{event}(*X, old + (old < 65536)); }
void complete_all(struct completion *X) { __give_back{event}(*X, 65536); }
void wait_for_completion(struct completion *X) { __take{event}(*X, old - (old < 65536), old > 0); }
bool try_wait_for_completion(struct completion *X) __try_take{event}(*X, old - (old < 65536), old > 0)
bool completion_done(struct completion *X) __load{once}(*X) != 0
""",
    ),
    Group(
        "What must hold",
        "include/asm-generic/bug.h; include/linux/{lockdep,kcsan-checks}.h",
        "An execution in which the condition is true violates the test, which goes on.",
        """
void BUG_ON(int C) { __assert(!(C)); }
bool WARN_ON(int C) { int found = !!(C); __assert(!found); return found; }
bool WARN_ON_ONCE(int C) { int found = !!(C); __assert(!found); return found; }
void lockdep_assert_held(any X) { }
void ASSERT_EXCLUSIVE_WRITER(any X) { }
void ASSERT_EXCLUSIVE_ACCESS(any X) { }
""",
    ),
)


# --- rows ---


class Param(Struct, frozen=True):
    """A parameter: ``kind`` is ``place``, ``pointer``, ``array``, ``value``, ``local``, ``condition``, ``until`` or ``any``;
    ``type`` the C type of what is there, ``T`` for whatever type it has."""

    kind: str
    type: str
    name: str


_POINTER_TO = re.compile(r"(.*?)\s*([*&]?)\s*(\w+)(\[\])?$")
_HEAD = re.compile(r"([\w ]+?[ *]+)(\w+)\(([^)]*)\)\s+(.+)")
_KINDS = {"*": "pointer", "&": "place", "": "value"}


def _param(text: str) -> Param:
    first, _, rest = text.strip().partition(" ")
    if first in ("condition", "until", "any"):
        return Param(first, "int", rest)
    match = _POINTER_TO.match(rest if first == "local" else text.strip())
    assert match is not None, text
    kind = "local" if first == "local" else "array" if match[4] else _KINDS[match[2]]
    return Param(kind, match[1].strip(), match[3])


class Row(Struct, frozen=True, dict=True):
    """One primitive: ``result`` is the type of its value (``void``: none, ``T``: that of the place), ``body`` its meaning."""

    name: str
    result: str
    parameters: str
    body: str
    group: Group

    @cached_property
    def params(self) -> tuple[Param, ...]:
        """Its parameters in order."""
        return tuple(_param(part) for part in self.parameters.split(",")) if self.parameters else ()

    @property
    def prototype(self) -> str:
        """``int atomic_fetch_add(int V, atomic_t *X)``."""
        return f"{self.result}{'' if self.result.endswith('*') else ' '}{self.name}({self.parameters})"

    @property
    def macro(self) -> str:
        """The row as ``linux-kernel.def`` would have it."""
        return f"{self.name}({','.join(param.name for param in self.params)}) {self.body}"


WIDE = {"atomic_long_": "atomic_long_t", "atomic64_": "atomic64_t"}
"""The families that differ from ``atomic_*`` in the width of the location only, and its type."""


def _rows_of(group: Group) -> Iterator[Row]:
    for line in re.sub(r"\n +", " ", group.rows).split("\n"):  # what is indented goes on
        if not line:
            continue
        match = _HEAD.match(line)
        assert match is not None, line
        result, name, parameters, body = match[1].strip(), match[2], match[3], match[4]
        yield Row(name, result, parameters, body, group)
        if name.startswith("atomic_"):
            for prefix, type_ in WIDE.items():
                wide = re.sub(r"\bint\b", "long", parameters).replace("atomic_t", type_)
                yield Row(prefix + name[7:], "long" if result == "int" else result, wide, body, group)


@cache
def rows() -> Mapping[str, Row]:
    """The table, by the primitives' names, in its order."""
    return {row.name: row for group in GROUPS for row in _rows_of(group)}


GUARDS = {
    "mutex": ("mutex_lock", "mutex_unlock"),
    "spinlock": ("spin_lock", "spin_unlock"),
    "spinlock_bh": ("spin_lock_bh", "spin_unlock_bh"),
    "spinlock_irq": ("spin_lock_irq", "spin_unlock_irq"),
    "spinlock_irqsave": ("spin_lock", "spin_unlock"),
    "raw_spinlock": ("raw_spin_lock", "raw_spin_unlock"),
    "raw_spinlock_irq": ("raw_spin_lock_irq", "raw_spin_unlock_irq"),
    "raw_spinlock_irqsave": ("raw_spin_lock", "raw_spin_unlock"),
    "read_lock": ("read_lock", "read_unlock"),
    "write_lock": ("write_lock", "write_unlock"),
    "rwsem_read": ("down_read", "up_read"),
    "rwsem_write": ("down_write", "up_write"),
    "rcu": ("rcu_read_lock", "rcu_read_unlock"),
    "preempt": ("preempt_disable", "preempt_enable"),
    "migrate": ("migrate_disable", "migrate_enable"),
    "irq": ("local_irq_disable", "local_irq_enable"),
}
"""Kinds of ``guard()``: what is called at once, and at the end of the block (the kernel's DEFINE_GUARD and DEFINE_LOCK_GUARD)."""

REFUSED = {
    "call_rcu": "callbacks run in a thread of their own; write the callback's effect in a thread after synchronize_rcu()",
    "call_srcu": "callbacks run in a thread of their own; write the callback's effect in a thread after synchronize_srcu()",
    "kfree_rcu": "memory is never freed in a litmus test",
    "rcu_barrier": "callbacks are not modelled",
    "srcu_barrier": "callbacks are not modelled",
    "spin_unlock_wait": "the kernel removed it in 4.14, for its ordering was never agreed on",
    "smp_memb": "sys_membarrier() is not part of the kernel's memory model",
    "smp_read_barrier_depends": "the kernel removed it in 5.9: READ_ONCE() and rcu_dereference() provide its ordering",
}
"""Functions that are refused with a reason."""
