"""What the model keeps in order, and yet does not count: the explanation names that, not the full barrier on the other side."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.questions.explain import explain
from smpcheck.readers.litmus import read_litmus
from smpcheck.show.explain_text import steps
from tests.optional import the

LKMM, TSO = load_model("lkmm"), load_model("tso")


def reorderings(threads: list[str], condition: str, model=LKMM) -> list[str]:
    params = "int *x, int *y, int *z, spinlock_t *a, spinlock_t *b"
    bodies = "\n".join(f"P{i}({params})\n{{\n\tint r0;\n{body}\n}}" for i, body in enumerate(threads))
    (answer,) = explain(read_litmus(f"C test\n\n{{}}\n\n{bodies}\n\nexists ({condition})\n", "test.litmus"), model)
    assert answer.kind == "allowed"
    return [reordering.sentence for reordering in the(answer.story).reorderings]


def stores(fence: str, first: str = "x", second: str = "y", last: int = 2) -> str:
    return f"\tWRITE_ONCE(*{first}, 1);\n\t{fence};\n\tWRITE_ONCE(*{second}, {last});"


WAIT = "until the stores are visible to all, as a full barrier would"


@pytest.mark.parametrize("fence", ["smp_wmb()", "smp_mb()"])
@pytest.mark.parametrize("swapped", [False, True])
def test_2_2w_the_write_barrier_does_not_settle_which_store_is_the_last(fence, swapped):
    """2+2W+wmb+wmb and 2+2W+mb+wmb: the kernel's model allows both. A full barrier is never what gives way."""
    threads = [stores(fence), stores("smp_wmb()", "y", "x")]
    (sentence,) = reorderings(threads[::-1] if swapped else threads, "x=1 /\\ y=1")
    assert "smp_wmb() in line" in sentence
    assert sentence.endswith(f"orders them, but does not wait {WAIT}")
    assert "does not order" not in sentence


def test_r_the_write_barrier_gives_way_to_the_full_one():
    (sentence,) = reorderings([stores("smp_wmb()", last=1), "\tWRITE_ONCE(*y, 2);\n\tsmp_mb();\n\tr0 = READ_ONCE(*x);"],
                            "y=2 /\\ 1:r0=0")  # fmt: skip
    assert sentence.startswith("P0's store to y")
    assert "smp_wmb() in line 9 orders them" in sentence


def test_sb_an_unlock_and_a_lock_are_no_full_barrier():
    locked = "\tspin_lock(a);\n\tWRITE_ONCE(*y, 1);\n\tspin_unlock(a);\n\tspin_lock(b);\n\tr0 = READ_ONCE(*x);\n\tspin_unlock(b);"
    said = reorderings([locked, "\tWRITE_ONCE(*x, 1);\n\tsmp_mb();\n\tr0 = READ_ONCE(*y);"], "0:r0=0 /\\ 1:r0=0")
    assert all(sentence.startswith("P0's ") for sentence in said)
    assert any("spin_lock(b) in line" in sentence and WAIT in sentence for sentence in said)
    assert not any("smp_mb" in sentence for sentence in said)


def test_what_orders_nothing_is_said_to_order_nothing():
    (sentence,) = reorderings(["\tWRITE_ONCE(*x, 1);\n\tsmp_wmb();\n\tr0 = READ_ONCE(*y);",
                             "\tWRITE_ONCE(*y, 1);\n\tsmp_mb();\n\tr0 = READ_ONCE(*x);"], "0:r0=0 /\\ 1:r0=0")  # fmt: skip
    assert sentence.endswith("smp_wmb() in line 9 does not order a store before a later load")
    assert len(reorderings(["\tWRITE_ONCE(*x, 1);\n\tr0 = READ_ONCE(*y);", "\tWRITE_ONCE(*y, 1);\n\tr0 = READ_ONCE(*x);"],
                         "0:r0=0 /\\ 1:r0=0", TSO)) == 1  # fmt: skip


def test_a_load_that_its_own_release_serves_is_early_and_what_an_acquire_orders_stays_behind_it():
    """MP, whose reader stores with release and loads that with acquire, in between: the two orders hold, and do not meet."""
    reader = "\n".join(
        f"\t{line};"
        for line in (
            "int r1",
            "int r2",
            "r0 = READ_ONCE(*y)",
            "smp_store_release(z, 2)",
            "r1 = smp_load_acquire(z)",
            "r2 = READ_ONCE(*x)",
        )
    )
    said = reorderings(["\tWRITE_ONCE(*x, 1);\n\tsmp_store_release(y, 1);", reader], "1:r0=1 /\\ 1:r1=2 /\\ 1:r2=0")
    assert "P1's load of z (line 18) sees its own thread's store to z (line 17) before other threads can" in said
    assert not any("in lines 17 and 18 as well" in sentence for sentence in said)


def crossing(lock: str, unlock: str) -> str:
    """Store buffering with the two accesses of a thread in critical sections of their own."""
    threads = (
        f"P{i}(int *x, int *y, {kind} *l{i})\n{{\n\tint r0;\n\t{lock}(l{i});\n\tWRITE_ONCE(*{a}, 1);\n\t{unlock}(l{i});\n"
        f"\t{lock}(l{i});\n\tr0 = READ_ONCE(*{b});\n\t{unlock}(l{i});\n}}\n"
        for i, (a, b) in enumerate((("x", "y"), ("y", "x")))
        for kind in ["struct mutex"]
    )
    return f"C crossing\n\n{{}}\n\n{''.join(threads)}\nexists (0:r0=0 /\\ 1:r0=0)\n"


def test_an_acquire_whose_read_alone_is_early_is_told_as_two_steps():
    """The load of y waits for the read of the mutex before it, and not for the write; so the read has to be early, too."""
    (answer,) = explain(read_litmus(crossing("mutex_lock", "mutex_unlock"), "crossing.litmus"), LKMM)
    lines = list(steps(the(answer.execution), the(answer.story), answer.words))
    place = {text: next(n for n, line in enumerate(lines) if text in line and "P0" in line)
             for text in ("read of mutex_lock(l0)", "READ_ONCE(*y)", "WRITE_ONCE(*x, 1)", "write of mutex_lock(l0)")}  # fmt: skip
    assert list(place) == sorted(place, key=place.__getitem__)
    said = [s.sentence for s in the(answer.story).reorderings]
    assert any("P0's read of mutex_lock(l0) (line 11) is satisfied before its earlier store to x" in s for s in said)
    assert any("P0's load of y" in s and "and the write of mutex_lock(l0) (line 11) as well" in s for s in said)
    assert sum("P1" in line and "mutex_lock(l1)" in line for line in lines) == 2  # whole where nothing comes between


def test_both_halves_of_an_atomic_that_orders_nothing_are_one_step():
    (answer,) = explain(read_litmus(crossing("xchg_relaxed", "smp_rmb();//").replace("(l0)", "(l0, 1)").replace("(l1)", "(l1, 1)")
                                    .replace("struct mutex", "int"), "crossing.litmus"), LKMM)  # fmt: skip
    assert not any("read of" in line for line in steps(the(answer.execution), the(answer.story), answer.words))
