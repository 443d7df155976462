# ruff: noqa: F403, F405
"""A small model for tests of the machine: counters, flags, locks, pointers with tags, an array."""

from __future__ import annotations

from smpcheck.kernel import *

LOCKED, READY, DONE = 0, 3, 17
FLAGS = parameter("flags", "one-word")
MODE = parameter("mode", "fast")


class node(Struct):
    flags: flags_t = flag_word({"locked": LOCKED, "ready": READY, "done": DONE}, layout=FLAGS)
    count: atomic_t = ATOMIC_INIT(0)
    value: int = 0
    next: Ptr[node] = NULL
    outer: spinlock_t
    inner: spinlock_t
    sleeper: mutex
    sem: rw_semaphore
    seen: ghost_t = 0
    limit: Const[int] = 3


mine = thread_local(0, int)


class slot(Struct):
    item: Ptr[node] = NULL


def add_plain(n: node) -> None:
    n.value = n.value + 1


def add_atomic(n: node) -> None:
    atomic_inc(n.count)
    ghost_inc(n.seen)


def add_locked(n: node) -> None:
    spin_lock(n.outer)
    WRITE_ONCE(n.value, READ_ONCE(n.value) + 1)
    spin_unlock(n.outer)


def odd_names(n: node) -> int:
    t_ = READ_ONCE(n.value)
    _lock = t_ + 1
    spin_lock(n.outer)
    WRITE_ONCE(n.value, _lock)
    spin_unlock(n.outer)
    return t_


def add_bit_locked(n: node) -> None:
    wait_on_bit_lock(n.flags, LOCKED, TASK_UNINTERRUPTIBLE)
    n.value = n.value + 1
    clear_bit_unlock(LOCKED, n.flags)


def no_steps(n: node) -> int:
    return n.limit + 1


def switch(n: node) -> int:
    if MODE == "fast":
        return 1
    return READ_ONCE(n.value)


def one_way(n: node) -> None:
    spin_lock(n.outer)
    spin_lock(n.inner)
    spin_unlock(n.inner)
    spin_unlock(n.outer)


def other_way(n: node) -> None:
    spin_lock(n.inner)
    spin_lock(n.outer)
    spin_unlock(n.outer)
    spin_unlock(n.inner)


def sleeps(n: node) -> None:
    spin_lock(n.outer)
    mutex_lock(n.sleeper)
    mutex_unlock(n.sleeper)
    spin_unlock(n.outer)


def keeps(n: node) -> None:
    mutex_lock(n.sleeper)


def frees_twice(n: node) -> None:
    spin_lock(n.outer)
    spin_unlock(n.outer)
    spin_unlock(n.outer)


def reader(n: node) -> int:
    down_read(n.sem)
    first = READ_ONCE(n.value)
    second = READ_ONCE(n.value)
    up_read(n.sem)
    check("stable", first == second)
    return first


def writer(n: node) -> None:
    down_write(n.sem)
    WRITE_ONCE(n.value, READ_ONCE(n.value) + 1)
    up_write(n.sem)


def tagged(n: node) -> int:
    WRITE_ONCE(n.next, n | 1)
    found = READ_ONCE(n.next)
    check("tag", found & 1 == 1)
    check("target", found & ~1 == n)
    check("no tag", n & 1 == 0)
    back: node = cast(node, found & ~1)
    value: int = READ_ONCE(back.value)
    return value


def through_null(n: node) -> int:
    return READ_ONCE(n.next.value)


def step_array(s: slot, index: int) -> int:
    there = s + index
    found = READ_ONCE(there.item)
    return 0 if found == NULL else READ_ONCE(found.value)


def own_counter(n: node) -> int:
    global mine
    for _ in range(3):
        mine = mine + 1
        atomic_inc(n.count)
    value: int = mine
    return value


def bits(n: node) -> int:
    check("was clear", not test_and_set_bit(READY, n.flags))
    check("was set", test_and_set_bit(READY, n.flags))
    set_bit(DONE, n.flags)
    clear_bit(READY, n.flags)
    check("only done", READ_ONCE(n.flags) == 1 << DONE)
    check("cleared", __test_and_clear_bit(DONE, n.flags))
    return READ_ONCE(n.flags)


def set_ready(n: node) -> None:
    set_bit(READY, n.flags)


def clear_done_plain(n: node) -> None:
    __clear_bit(DONE, n.flags)


def test_clear_done_plain(n: node) -> None:
    check("was set", __test_and_clear_bit(DONE, n.flags))


def tries(n: node) -> bool:
    if spin_trylock(n.outer):
        spin_unlock(n.outer)
        return True
    return False


def waits_for_ever(n: node) -> None:
    synchronize_rcu()


def in_rcu(n: node) -> None:
    rcu_read_lock()
    mutex_lock(n.sleeper)
    mutex_unlock(n.sleeper)
    rcu_read_unlock()


def is_two(n: node) -> bool:
    return n.value == 2 and n.flags == 0
