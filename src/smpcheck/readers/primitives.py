"""The kernel's primitives, as data: what each means in events, in the language of :mod:`smpcheck.readers.deffile`.

The meanings are those of Linux 6.12: ``tools/memory-model/linux-kernel.def``, ``Documentation/atomic_t.txt``,
``Documentation/atomic_bitops.txt``, ``Documentation/memory-barriers.txt`` and ``include/linux/{refcount,rcupdate,srcu}.h``.

Forms beyond the kernel's own:

=========================================  =========================================================================
``__rmw{o}(place, new)``                    atomic read-modify-write; the value is the old one
``__rmw{o}(place, new, when)``              the same, but only where ``when`` holds; else it is an unordered read
``__rmw{o}(place, new, when, result)``      the same, of value ``result``; all three see the value read as ``old``
``__try_cmpxchg{o}(X, E, V)``               cmpxchg of ``*X`` that leaves what it saw in ``*E``; true if it took place
``__cond_load{t}(place, condition)``        read again until ``condition`` over ``VAL``, the value read, holds
=========================================  =========================================================================

The ordering ``o`` is ``mb``, ``acquire``, ``release``, ``once`` or ``noreturn``. ``atomic64_*`` and ``atomic_long_*`` mean what
``atomic_*`` means; the type of the location decides the width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from smpcheck.readers.deffile import Definitions
from smpcheck.readers.source import Source

ORDERINGS = {"": "mb", "_relaxed": "once", "_acquire": "acquire", "_release": "release"}
"""Suffix of a value-returning atomic operation, and its ordering (Documentation/atomic_t.txt, ORDERING)."""

ARITHMETIC = {"add": "+", "sub": "-"}
BITWISE = {"and": "&", "or": "|", "xor": "^", "andnot": "&~"}
BY_ONE = {"inc": "+", "dec": "-"}

FENCES = {
    "mb": ("smp_mb",),
    "rmb": ("smp_rmb", "smp_acquire__after_ctrl_dep"),
    "wmb": ("smp_wmb",),
    "barrier": ("barrier", "cpu_relax"),
    "before-atomic": ("smp_mb__before_atomic",),
    "after-atomic": ("smp_mb__after_atomic",),
    "after-spinlock": ("smp_mb__after_spinlock",),
    "after-unlock-lock": ("smp_mb__after_unlock_lock",),
    "after-srcu-read-unlock": ("smp_mb__after_srcu_read_unlock",),
    "rcu-lock": ("rcu_read_lock", "rcu_read_lock_bh", "rcu_read_lock_sched"),
    "rcu-unlock": ("rcu_read_unlock", "rcu_read_unlock_bh", "rcu_read_unlock_sched"),
    "sync-rcu": ("synchronize_rcu", "synchronize_rcu_expedited", "synchronize_net", "synchronize_rcu_bh", "synchronize_sched"),
}
"""Tag of the fence event, and the functions that are just that fence. Since 5.0 the bh and sched flavours of RCU are RCU."""

LOADS = {
    ("once", "X"): (
        "READ_ONCE(X)", "rcu_dereference(X)", "rcu_dereference_check(X,C)", "rcu_dereference_raw(X)", "rcu_dereference_bh(X)",
        "rcu_dereference_sched(X)", "rcu_access_pointer(X)", "srcu_dereference(X,S)", "srcu_dereference_check(X,S,C)",
        "lockless_dereference(X)",
    ),
    ("once", "*X"): ("atomic_read(X)", "refcount_read(X)"),
    ("acquire", "*X"): ("smp_load_acquire(X)", "atomic_read_acquire(X)"),
    ("srcu-lock", "*X"): ("srcu_read_lock(X)", "srcu_down_read(X)"),
}  # fmt: skip
"""Tag of the read and the place that it reads, and the functions that are just that read."""

STORES = {
    ("once", "X"): ("WRITE_ONCE(X,V)", "RCU_INIT_POINTER(X,V)"),
    ("once", "*X"): ("atomic_set(X,V)", "refcount_set(X,V)"),
    ("release", "X"): ("rcu_assign_pointer(X,V)",),
    ("release", "*X"): ("smp_store_release(X,V)", "atomic_set_release(X,V)"),
    ("srcu-unlock", "*X"): ("srcu_read_unlock(X,V)", "srcu_up_read(X,V)"),
}
"""Tag of the write of ``V`` and the place that it goes to."""

LOCKS = {
    "{ __lock(X); }": (
        "spin_lock(X)", "spin_lock_bh(X)", "spin_lock_irq(X)", "spin_lock_irqsave(X,F)", "spin_lock_nested(X,C)", "mutex_lock(X)",
        "mutex_lock_nested(X,C)", "mutex_lock_io(X)",
    ),
    "{ __unlock(X); }": (
        "spin_unlock(X)", "spin_unlock_bh(X)", "spin_unlock_irq(X)", "spin_unlock_irqrestore(X,F)", "mutex_unlock(X)",
    ),
    "__trylock(X)": (
        "spin_trylock(X)", "spin_trylock_bh(X)", "spin_trylock_irq(X)", "spin_trylock_irqsave(X,F)", "mutex_trylock(X)",
    ),
    "__islocked(X)": ("spin_is_locked(X)", "mutex_is_locked(X)"),
}  # fmt: skip
"""Locks. Interrupts and sleeping have no meaning here; the ordering of a mutex is that of a spinlock (memory-barriers.txt)."""

IRREGULAR = """
smp_store_mb(X,V) { __store{once}(X,V); __fence{mb}; }
smp_cond_load_relaxed(X,C) __cond_load{once}(*X,C)
smp_cond_load_acquire(X,C) __cond_load{acquire}(*X,C)
atomic_cond_read_relaxed(X,C) __cond_load{once}(*X,C)
atomic_cond_read_acquire(X,C) __cond_load{acquire}(*X,C)
rcu_dereference_protected(X,C) X
synchronize_srcu(X) { __srcu{sync-srcu}(X); }
synchronize_srcu_expedited(X) { __srcu{sync-srcu}(X); }
data_race(X) X
likely(X) !!(X)
unlikely(X) !!(X)

atomic_add_unless(X,A,U) __rmw{mb}(*X, old + A, old != U, old != U)
atomic_fetch_add_unless(X,A,U) __rmw{mb}(*X, old + A, old != U)
atomic_inc_not_zero(X) __rmw{mb}(*X, old + 1, old != 0, old != 0)
atomic_inc_unless_negative(X) __rmw{mb}(*X, old + 1, old >= 0, old >= 0)
atomic_dec_unless_positive(X) __rmw{mb}(*X, old - 1, old <= 0, old <= 0)
atomic_dec_if_positive(X) __rmw{mb}(*X, old - 1, old > 0, old - 1)

refcount_inc(X) { __rmw{once}(*X, old + 1); }
refcount_add(V,X) { __rmw{once}(*X, old + V); }
refcount_dec(X) { __rmw{release}(*X, old - 1); }
refcount_inc_not_zero(X) __rmw{once}(*X, old + 1, old != 0, old != 0)
refcount_add_not_zero(V,X) __rmw{once}(*X, old + V, old != 0, old != 0)
refcount_dec_and_test(X) { int last = __rmw{release}(*X, old - 1) == 1; if (last) __fence{rmb}; return last; }
refcount_sub_and_test(V,X) { int last = __rmw{release}(*X, old - V) == V; if (last) __fence{rmb}; return last; }

test_bit(N,X) (__load{once}(__bit_word(N,X)) & __bit_mask(N,X)) != 0
test_bit_acquire(N,X) (__load{acquire}(__bit_word(N,X)) & __bit_mask(N,X)) != 0
test_and_set_bit_lock(N,X) (__rmw{acquire}(__bit_word(N,X), old | __bit_mask(N,X)) & __bit_mask(N,X)) != 0
clear_bit_unlock(N,X) { __rmw{release}(__bit_word(N,X), old & ~__bit_mask(N,X)); }
__clear_bit_unlock(N,X) { __store{release}(__bit_word(N,X), __load{once}(__bit_word(N,X)) & ~__bit_mask(N,X)); }
__bit_word(N,X) (X)[(N) / (8 * sizeof(*X))]
__bit_mask(N,X) (1UL << ((N) % (8 * sizeof(*X))))
"""
"""What has no family. A bit lies in the word of the type that the pointer has (``unsigned long`` in the kernel)."""

BITS = {
    "set": "| __bit_mask(N,X)",
    "clear": "& ~__bit_mask(N,X)",
    "change": "^ __bit_mask(N,X)",
}
"""Bit operations: what happens to the word. ``__set_bit`` and its like are a plain read and a plain write."""

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


def _family_rows() -> Iterator[str]:
    """The families written out, one row for each function."""
    for tag, names in FENCES.items():
        yield from (f"{name}() {{ __fence{{{tag}}}; }}" for name in names)
    for (tag, place), heads in LOADS.items():
        yield from (f"{head} __load{{{tag}}}({place})" for head in heads)
    for (tag, place), heads in STORES.items():
        yield from (f"{head} {{ __store{{{tag}}}({place},V); }}" for head in heads)
    for body, heads in LOCKS.items():
        yield from (f"{head} {body}" for head in heads)
    for name, op in BITS.items():
        word, test = "__bit_word(N,X)", "& __bit_mask(N,X)) != 0"
        yield f"{name}_bit(N,X) {{ __rmw{{noreturn}}({word}, old {op}); }}"
        yield f"test_and_{name}_bit(N,X) (__rmw{{mb}}({word}, old {op}) {test}"
        yield f"__{name}_bit(N,X) {{ {word} = {word} {op}; }}"
        yield f"__test_and_{name}_bit(N,X) {{ int was = ({word} {test}; {word} = {word} {op}; return was; }}"
    for name, op in {**ARITHMETIC, **BITWISE}.items():
        yield f"atomic_{name}(V,X) {{ __atomic_op(X,{op},V); }}"
    for name, op in BY_ONE.items():
        yield f"atomic_{name}(X) {{ __atomic_op(X,{op},1); }}"
    for suffix, order in ORDERINGS.items():
        for name, op in {**ARITHMETIC, **BITWISE}.items():
            yield f"atomic_fetch_{name}{suffix}(V,X) __atomic_fetch_op{{{order}}}(X,{op},V)"
        for name, op in ARITHMETIC.items():
            yield f"atomic_{name}_return{suffix}(V,X) __atomic_op_return{{{order}}}(X,{op},V)"
        for name, op in BY_ONE.items():
            yield f"atomic_fetch_{name}{suffix}(X) __atomic_fetch_op{{{order}}}(X,{op},1)"
            yield f"atomic_{name}_return{suffix}(X) __atomic_op_return{{{order}}}(X,{op},1)"
        for name, op in {"sub": "-V", "dec": "-1", "inc": "+1"}.items():
            head = f"atomic_{name}_and_test{suffix}({'V,X' if name == 'sub' else 'X'})"
            if not suffix:  # these exist fully ordered only
                yield f"{head} __atomic_op_return{{{order}}}(X,{op[0]},{op[1]}) == 0"
        yield f"atomic_add_negative{suffix}(V,X) __atomic_op_return{{{order}}}(X,+,V) < 0"
        for prefix in ("", "atomic_"):
            yield f"{prefix}xchg{suffix}(X,V) __xchg{{{order}}}(X,V)"
            yield f"{prefix}cmpxchg{suffix}(X,V,W) __cmpxchg{{{order}}}(X,V,W)"
            yield f"{prefix}try_cmpxchg{suffix}(X,V,W) __try_cmpxchg{{{order}}}(X,V,W)"


_SAME = (
    (re.compile(r"^atomic(64|_long)_"), "atomic_"),
    (re.compile(r"^raw_spin_"), "spin_"),
    (re.compile(r"^(try_)?cmpxchg64"), r"\1cmpxchg"),
)


@cache
def builtin_definitions() -> Definitions:
    """Our own statement of what the kernel's primitives mean."""
    text = IRREGULAR + "\n".join(_family_rows())
    source = Source(text, "smpcheck/readers/primitives.py")
    bodies: dict[str, tuple[tuple[str, ...], str, int]] = {}
    for line in text.split("\n"):
        if line:
            head, _, body = line.partition(")")
            name, _, params = head.partition("(")
            bodies[name] = (tuple(params.split(",")) if params else (), body.strip(), 0)
    definitions = Definitions(bodies, source)
    definitions.aliases = _SAME
    return definitions
