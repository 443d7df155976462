"""``guard(kind)(lock)`` holds a lock to the end of the block, however the block is left."""

from __future__ import annotations

import pytest

from tests.readers.common import body_error, run

FUNCTION = "int f(spinlock_t *s, int *x) {{ {} if (*x == 0) {{ {} return 4; }} {} return *x; }}"


@pytest.mark.parametrize(
    ("guarded", "written_out"),
    [
        ("guard(spinlock)(s); *x = 1;", "spin_lock(s); *x = 1; spin_unlock(s);"),
        ("{ guard(mutex)(m); *x = 1; } *y = 1;", "mutex_lock(m); *x = 1; mutex_unlock(m); *y = 1;"),
        (
            "guard(rcu)(); guard(spinlock)(s); *x = 1;",
            "rcu_read_lock(); spin_lock(s); *x = 1; spin_unlock(s); rcu_read_unlock();",
        ),
        ("if (*x == 0) { guard(spinlock)(s); *y = 2; }", "if (*x == 0) { spin_lock(s); *y = 2; spin_unlock(s); }"),
        (
            "for (int i = 0; i < 3; i++) { guard(spinlock)(s); if (i) break; *x = 1; }",
            "for (int i = 0; i < 3; i++) { spin_lock(s); if (i) { spin_unlock(s); break; } *x = 1; spin_unlock(s); }",
        ),
        (
            "guard(rcu)(); for (int i = 0; i < 2; i++) { guard(spinlock)(s); if (i) continue; *x = 1; }",
            "rcu_read_lock(); for (int i = 0; i < 2; i++) { spin_lock(s); if (i) { spin_unlock(s); continue; } *x = 1; "
            "spin_unlock(s); } rcu_read_unlock();",
        ),
        ("guard(spinlock)(s); *x = 1; return; *x = 2;", "spin_lock(s); *x = 1; spin_unlock(s); return;"),
    ],
)
def test_the_lock_is_given_back_at_the_end_of_the_block(guarded: str, written_out: str) -> None:
    params = "int *x, int *y, spinlock_t *s, struct mutex *m"
    ours, theirs = run(guarded, params=params), run(written_out, params=params)
    assert [tags for _, tags in ours.events] == [tags for _, tags in theirs.events]
    assert ours.memory == theirs.memory


@pytest.mark.parametrize("start", [0, 3])
def test_a_function_returns_a_value_that_was_computed_under_the_lock(start: int) -> None:
    parts = {"params": "int *x, spinlock_t *s", "init": f"x={start};"}
    ours = run("int r = f(s, x);", before=FUNCTION.format("guard(spinlock)(s);", "", ""), **parts)
    unlock = "int r = *x; spin_unlock(s); return r;"
    theirs = run("int r = f(s, x);", before=FUNCTION.format("spin_lock(s);", "spin_unlock(s);", unlock), **parts)
    assert [tags for _, tags in ours.events] == [tags for _, tags in theirs.events]
    assert ours.reg("r") == theirs.reg("r") == (start or 4)


def test_an_unknown_kind_is_refused() -> None:
    assert body_error("guard(nosuch)(x);").message.startswith("guard(nosuch) is not supported; these are: mutex, spinlock")
