"""The kernel's primitives, by the kernel's names: declarations for model authors and type checkers.

Thread functions that call these are compiled; calling one as Python is an error. What each means as events stands in one table,
:mod:`smpcheck.readers.python.primitives`. One rule covers every argument: Python has no ``&``, so **where the kernel writes
``&page->flags``, write ``page.flags``**; an argument called ``place`` is the location itself, not its value.

Orderings are those of the kernel's documentation (Documentation/atomic_t.txt, atomic_bitops.txt, memory-barriers.txt).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from smpcheck.kernel.types import PerCpu, atomic_long_t, atomic_t, mutex, rw_semaphore, spinlock_t

T = TypeVar("T")
Atomic = atomic_t | atomic_long_t


def _compiled() -> NoReturn:
    raise RuntimeError("kernel primitives are compiled, not called: they belong into thread functions of a scenario")


# --- plain and marked accesses, barriers. Reading or assigning a field without any of these is a plain C access. -------------
def READ_ONCE(place: T) -> T:
    _compiled()


def WRITE_ONCE(place: T, value: T) -> None:
    _compiled()


def smp_load_acquire(place: T) -> T:
    _compiled()


def smp_store_release(place: T, value: T) -> None:
    _compiled()


def smp_store_mb(place: T, value: T) -> None:
    _compiled()


def smp_cond_load_relaxed(place: T, cond: Callable[[T], Any]) -> T:
    _compiled()


def smp_cond_load_acquire(place: T, cond: Callable[[T], Any]) -> T:
    _compiled()


def smp_mb() -> None:
    _compiled()


def smp_rmb() -> None:
    _compiled()


def smp_wmb() -> None:
    _compiled()


def barrier() -> None:
    _compiled()


def smp_mb__before_atomic() -> None:
    _compiled()


def smp_mb__after_atomic() -> None:
    _compiled()


def smp_mb__after_spinlock() -> None:
    _compiled()


def smp_mb__after_unlock_lock() -> None:
    _compiled()


def cpu_relax() -> None:
    _compiled()


# --- bit operations on flag words and unsigned integers: nr is the bit's number ----------------------------------------------
def test_bit(nr: int, place: int) -> bool:
    _compiled()


def set_bit(nr: int, place: int) -> None:
    _compiled()


def clear_bit(nr: int, place: int) -> None:
    _compiled()


def change_bit(nr: int, place: int) -> None:
    _compiled()


def test_and_set_bit(nr: int, place: int) -> bool:
    _compiled()


def test_and_clear_bit(nr: int, place: int) -> bool:
    _compiled()


def test_and_change_bit(nr: int, place: int) -> bool:
    _compiled()


def __set_bit(nr: int, place: int) -> None:
    _compiled()


def __clear_bit(nr: int, place: int) -> None:
    _compiled()


def __test_and_set_bit(nr: int, place: int) -> bool:
    _compiled()


def __test_and_clear_bit(nr: int, place: int) -> bool:
    _compiled()


def test_and_set_bit_lock(nr: int, place: int) -> bool:
    _compiled()


def clear_bit_unlock(nr: int, place: int) -> None:
    _compiled()


def wait_on_bit_lock(nr: int, place: int) -> None:
    _compiled()


def bit_spin_lock(nr: int, place: int) -> None:
    _compiled()


def bit_spin_unlock(nr: int, place: int) -> None:
    _compiled()


# --- locks -------------------------------------------------------------------------------------------------------------------
def spin_lock(lock: spinlock_t) -> None:
    _compiled()


def spin_unlock(lock: spinlock_t) -> None:
    _compiled()


def spin_trylock(lock: spinlock_t) -> bool:
    _compiled()


def spin_is_locked(lock: spinlock_t) -> bool:
    _compiled()


def mutex_lock(lock: mutex) -> None:
    _compiled()


def mutex_unlock(lock: mutex) -> None:
    _compiled()


def mutex_trylock(lock: mutex) -> bool:
    _compiled()


def down_read(sem: rw_semaphore) -> None:
    _compiled()


def up_read(sem: rw_semaphore) -> None:
    _compiled()


def down_write(sem: rw_semaphore) -> None:
    _compiled()


def up_write(sem: rw_semaphore) -> None:
    _compiled()


def down_read_trylock(sem: rw_semaphore) -> bool:
    _compiled()


def down_write_trylock(sem: rw_semaphore) -> bool:
    _compiled()


def downgrade_write(sem: rw_semaphore) -> None:
    _compiled()


# --- atomics: no value returned: no ordering; value returned: fully ordered, or as the suffix says; failed conditional: none ---
def atomic_read(v: Atomic) -> int:
    _compiled()


def atomic_read_acquire(v: Atomic) -> int:
    _compiled()


def atomic_set(v: Atomic, i: int) -> None:
    _compiled()


def atomic_set_release(v: Atomic, i: int) -> None:
    _compiled()


def atomic_inc(v: Atomic) -> None:
    _compiled()


def atomic_dec(v: Atomic) -> None:
    _compiled()


def atomic_add(i: int, v: Atomic) -> None:
    _compiled()


def atomic_sub(i: int, v: Atomic) -> None:
    _compiled()


def atomic_and(i: int, v: Atomic) -> None:
    _compiled()


def atomic_or(i: int, v: Atomic) -> None:
    _compiled()


def atomic_xor(i: int, v: Atomic) -> None:
    _compiled()


def atomic_andnot(i: int, v: Atomic) -> None:
    _compiled()


def atomic_inc_return(v: Atomic) -> int:
    _compiled()


def atomic_inc_return_relaxed(v: Atomic) -> int:
    _compiled()


def atomic_inc_return_acquire(v: Atomic) -> int:
    _compiled()


def atomic_inc_return_release(v: Atomic) -> int:
    _compiled()


def atomic_dec_return(v: Atomic) -> int:
    _compiled()


def atomic_dec_return_relaxed(v: Atomic) -> int:
    _compiled()


def atomic_dec_return_acquire(v: Atomic) -> int:
    _compiled()


def atomic_dec_return_release(v: Atomic) -> int:
    _compiled()


def atomic_add_return(i: int, v: Atomic) -> int:
    _compiled()


def atomic_add_return_relaxed(i: int, v: Atomic) -> int:
    _compiled()


def atomic_add_return_acquire(i: int, v: Atomic) -> int:
    _compiled()


def atomic_add_return_release(i: int, v: Atomic) -> int:
    _compiled()


def atomic_sub_return(i: int, v: Atomic) -> int:
    _compiled()


def atomic_sub_return_relaxed(i: int, v: Atomic) -> int:
    _compiled()


def atomic_sub_return_acquire(i: int, v: Atomic) -> int:
    _compiled()


def atomic_sub_return_release(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_add(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_add_relaxed(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_add_acquire(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_add_release(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_sub(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_sub_relaxed(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_sub_acquire(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_sub_release(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_and(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_or(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_xor(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_andnot(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_and_relaxed(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_and_acquire(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_and_release(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_or_relaxed(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_or_acquire(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_or_release(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_xor_relaxed(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_xor_acquire(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_xor_release(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_andnot_relaxed(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_andnot_acquire(i: int, v: Atomic) -> int:
    _compiled()


def atomic_fetch_andnot_release(i: int, v: Atomic) -> int:
    _compiled()


def atomic_dec_and_test(v: Atomic) -> bool:
    _compiled()


def atomic_inc_and_test(v: Atomic) -> bool:
    _compiled()


def atomic_sub_and_test(i: int, v: Atomic) -> bool:
    _compiled()


def atomic_add_negative(i: int, v: Atomic) -> bool:
    _compiled()


def atomic_inc_not_zero(v: Atomic) -> bool:
    _compiled()


def atomic_add_unless(v: Atomic, a: int, u: int) -> bool:
    _compiled()


def atomic_dec_if_positive(v: Atomic) -> int:
    _compiled()


def atomic_xchg(v: Atomic, new: int) -> int:
    _compiled()


def atomic_xchg_relaxed(v: Atomic, new: int) -> int:
    _compiled()


def atomic_xchg_acquire(v: Atomic, new: int) -> int:
    _compiled()


def atomic_xchg_release(v: Atomic, new: int) -> int:
    _compiled()


def atomic_cmpxchg(v: Atomic, old: int, new: int) -> int:
    _compiled()


def atomic_cmpxchg_relaxed(v: Atomic, old: int, new: int) -> int:
    _compiled()


def atomic_cmpxchg_acquire(v: Atomic, old: int, new: int) -> int:
    _compiled()


def atomic_cmpxchg_release(v: Atomic, old: int, new: int) -> int:
    _compiled()


def xchg(place: T, new: T) -> T:
    _compiled()


def xchg_relaxed(place: T, new: T) -> T:
    _compiled()


def xchg_acquire(place: T, new: T) -> T:
    _compiled()


def xchg_release(place: T, new: T) -> T:
    _compiled()


def cmpxchg(place: T, old: T, new: T) -> T:
    _compiled()


def cmpxchg_relaxed(place: T, old: T, new: T) -> T:
    _compiled()


def cmpxchg_acquire(place: T, old: T, new: T) -> T:
    _compiled()


def cmpxchg_release(place: T, old: T, new: T) -> T:
    _compiled()


# --- the same for atomic_long_t -------------------------------------------------------------------------------------------------
atomic_long_read = atomic_read
atomic_long_read_acquire = atomic_read_acquire
atomic_long_set = atomic_set
atomic_long_set_release = atomic_set_release
atomic_long_inc = atomic_inc
atomic_long_dec = atomic_dec
atomic_long_add = atomic_add
atomic_long_sub = atomic_sub
atomic_long_and = atomic_and
atomic_long_or = atomic_or
atomic_long_xor = atomic_xor
atomic_long_andnot = atomic_andnot
atomic_long_inc_return = atomic_inc_return
atomic_long_inc_return_relaxed = atomic_inc_return_relaxed
atomic_long_inc_return_acquire = atomic_inc_return_acquire
atomic_long_inc_return_release = atomic_inc_return_release
atomic_long_dec_return = atomic_dec_return
atomic_long_dec_return_relaxed = atomic_dec_return_relaxed
atomic_long_dec_return_acquire = atomic_dec_return_acquire
atomic_long_dec_return_release = atomic_dec_return_release
atomic_long_add_return = atomic_add_return
atomic_long_add_return_relaxed = atomic_add_return_relaxed
atomic_long_add_return_acquire = atomic_add_return_acquire
atomic_long_add_return_release = atomic_add_return_release
atomic_long_sub_return = atomic_sub_return
atomic_long_sub_return_relaxed = atomic_sub_return_relaxed
atomic_long_sub_return_acquire = atomic_sub_return_acquire
atomic_long_sub_return_release = atomic_sub_return_release
atomic_long_fetch_add = atomic_fetch_add
atomic_long_fetch_add_relaxed = atomic_fetch_add_relaxed
atomic_long_fetch_add_acquire = atomic_fetch_add_acquire
atomic_long_fetch_add_release = atomic_fetch_add_release
atomic_long_fetch_sub = atomic_fetch_sub
atomic_long_fetch_sub_relaxed = atomic_fetch_sub_relaxed
atomic_long_fetch_sub_acquire = atomic_fetch_sub_acquire
atomic_long_fetch_sub_release = atomic_fetch_sub_release
atomic_long_fetch_and = atomic_fetch_and
atomic_long_fetch_or = atomic_fetch_or
atomic_long_fetch_xor = atomic_fetch_xor
atomic_long_fetch_andnot = atomic_fetch_andnot
atomic_long_fetch_and_relaxed = atomic_fetch_and_relaxed
atomic_long_fetch_and_acquire = atomic_fetch_and_acquire
atomic_long_fetch_and_release = atomic_fetch_and_release
atomic_long_fetch_or_relaxed = atomic_fetch_or_relaxed
atomic_long_fetch_or_acquire = atomic_fetch_or_acquire
atomic_long_fetch_or_release = atomic_fetch_or_release
atomic_long_fetch_xor_relaxed = atomic_fetch_xor_relaxed
atomic_long_fetch_xor_acquire = atomic_fetch_xor_acquire
atomic_long_fetch_xor_release = atomic_fetch_xor_release
atomic_long_fetch_andnot_relaxed = atomic_fetch_andnot_relaxed
atomic_long_fetch_andnot_acquire = atomic_fetch_andnot_acquire
atomic_long_fetch_andnot_release = atomic_fetch_andnot_release
atomic_long_dec_and_test = atomic_dec_and_test
atomic_long_inc_and_test = atomic_inc_and_test
atomic_long_sub_and_test = atomic_sub_and_test
atomic_long_add_negative = atomic_add_negative
atomic_long_inc_not_zero = atomic_inc_not_zero
atomic_long_add_unless = atomic_add_unless
atomic_long_dec_if_positive = atomic_dec_if_positive
atomic_long_xchg = atomic_xchg
atomic_long_xchg_relaxed = atomic_xchg_relaxed
atomic_long_xchg_acquire = atomic_xchg_acquire
atomic_long_xchg_release = atomic_xchg_release
atomic_long_cmpxchg = atomic_cmpxchg
atomic_long_cmpxchg_relaxed = atomic_cmpxchg_relaxed
atomic_long_cmpxchg_acquire = atomic_cmpxchg_acquire
atomic_long_cmpxchg_release = atomic_cmpxchg_release


# --- RCU ---------------------------------------------------------------------------------------------------------------------
def rcu_read_lock() -> None:
    _compiled()


def rcu_read_unlock() -> None:
    _compiled()


def synchronize_rcu() -> None:
    _compiled()


def rcu_dereference(place: T) -> T:
    _compiled()


def rcu_assign_pointer(place: T, value: T) -> None:
    _compiled()


# --- what the model says about itself: no events ------------------------------------------------------------------------------
def check(name: str, cond: Any, message: str = "") -> None:
    """The invariant ``name`` holds here: an execution in which it is false violates it; ``assert cond, "name"`` is the same."""
    _compiled()


def BUG_ON(cond: Any) -> None:
    """A check that ``cond`` is false, named by its source text; the thread goes on."""
    _compiled()


def WARN_ON(cond: Any) -> bool:
    """As ``BUG_ON``; the value is that of ``cond``."""
    _compiled()


def assume(cond: Any) -> None:
    """Only executions in which ``cond`` holds here are considered. No dependency arises."""
    _compiled()


def nondet() -> bool:
    """Either true or false: both are considered."""
    _compiled()


def ghost_add(counter: int, amount: int) -> None:
    """Add to a ghost counter. Its final value is the initial value plus all that was added on the path taken by each thread."""
    _compiled()


def ghost_inc(counter: int) -> None:
    """``ghost_add(counter, 1)``."""
    _compiled()


def ghost_dec(counter: int) -> None:
    """``ghost_add(counter, -1)``."""
    _compiled()


def result(thread: Any) -> Any:
    """In final checks: what the thread's function returned."""
    _compiled()


# --- per-CPU data, casts --------------------------------------------------------------------------------------------------------
def smp_processor_id() -> int:
    """The number of the CPU on which the thread runs: a compile-time constant."""
    _compiled()


def this_cpu_ptr(data: PerCpu[T]) -> T:
    """This CPU's object."""
    _compiled()


def per_cpu_ptr(data: PerCpu[T], cpu: int) -> T:
    """The object of CPU ``cpu``, a compile-time constant."""
    _compiled()


def cast(target: type[T], value: Any) -> T:
    """``(struct target *)value``: ``cast(anon_vma, page.mapping & ~1)``; for integers annotate a local: ``n: uint = value``."""
    _compiled()
