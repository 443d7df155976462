"""May a thread wait for ever for a lock, or for a grace period? What the text alone excludes."""

from __future__ import annotations

import pytest

from smpcheck.program.locks import may_block
from tests.solver.common import program

THROUGH_A_POINTER = "int *p = READ_ONCE(*y); WRITE_ONCE(*p, 1);"


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        (["WRITE_ONCE(*x, 1);"], False),
        (["spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l);"], False),
        (["spin_lock(l);"], True),
        (["spin_lock(l); spin_lock(k); spin_unlock(k); spin_unlock(l);"], True),
        (["rcu_read_lock(); synchronize_rcu(); rcu_read_unlock();"], True),
        (["rcu_read_lock(); rcu_read_lock(); rcu_read_unlock(); synchronize_rcu(); rcu_read_unlock();"], True),
        (["synchronize_rcu();", "rcu_read_lock(); rcu_read_unlock();"], False),
        # a store to somewhere may be one to a lock, if there are any
        (["synchronize_rcu();", THROUGH_A_POINTER], False),
        (["spin_lock(l); spin_unlock(l);", THROUGH_A_POINTER], True),
    ],
)
def test_what_the_text_excludes(bodies: list[str], expected: bool) -> None:
    subject = program(
        *bodies, init="int x; int *y = &x; spinlock_t l; spinlock_t k;", params="int *x, int **y, spinlock_t *l, spinlock_t *k"
    )
    assert may_block(subject) is expected
