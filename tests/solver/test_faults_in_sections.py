"""A thread that faults inside a critical section of RCU's or SRCU's has not left it: no grace period ends meanwhile."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.litmus import read_litmus

READER = "a = READ_ONCE(*x); b = READ_ONCE(*a); c = READ_ONCE(*b);"
TEST = """C free-after-grace-period
{{ int y = 0; int *p = &y; int **x = &p; int *z = &y; }}
P0(int ***x, struct srcu_struct *s) {{ int **a; int *b; int c; int i; {reader} }}
P1(int ***x, int **p, int **z, struct srcu_struct *s) {{ WRITE_ONCE(*x, z); {wait} WRITE_ONCE(*p, 0); }}
exists (0:c=1)
"""
RCU = f"rcu_read_lock(); {READER} rcu_read_unlock();", "synchronize_rcu();"
SRCU = f"i = srcu_read_lock(s); {READER} srcu_read_unlock(s, i);", "synchronize_srcu(s);"


@pytest.mark.parametrize("model", ["lkmm", "sc"])
@pytest.mark.parametrize(("reader", "wait"), [RCU, SRCU])
def test_what_is_destroyed_after_a_grace_period_faults_nowhere(reader: str, wait: str, model: str) -> None:
    def flags(reader: str, wait: str) -> tuple[str, ...]:
        return check_program(read_litmus(TEST.format(reader=reader, wait=wait)), load_model(model), CheckOptions()).flags

    assert "null-dereference" not in flags(reader, wait)
    assert "null-dereference" in flags(reader, "smp_mb();")
    before, section = reader.split(READER.split(";")[0])
    late = READER.split(";")[0] + "; " + before + section.removeprefix(";")
    assert "null-dereference" in flags(late, wait)  # the pointer is got before the section begins
