"""check of the kernel's C by several engines in turn: what they say is what the solver says, and what was not asked is said."""

from __future__ import annotations

from smpcheck.questions.caveats import RACES
from smpcheck.questions.check import CheckOptions, check_program, describe
from smpcheck.questions.large_check import in_turn
from smpcheck.questions.result import Result
from tests.readers.clang.common import LKMM, read

PUBLISH = """static int data, flag;
SMPCHECK_THREAD(writer) {{ WRITE_ONCE(data, 1); {store}(flag, 1); }}
SMPCHECK_THREAD(reader) {{ if (smp_load_acquire(&flag)) SMPCHECK_ASSERT(READ_ONCE(data) == 1); }}
"""
RELAXED, ORDERED = PUBLISH.format(store="WRITE_ONCE"), PUBLISH.format(store="smp_mb(); WRITE_ONCE")


def by_several(text: str) -> Result:
    """The answer of several engines."""
    program = read(text)
    return in_turn(describe(program, LKMM), program, LKMM, 2, None)


def test_several_engines_say_what_the_solver_says() -> None:
    for text in (RELAXED, ORDERED):
        alone = check_program(read(text), LKMM, CheckOptions())
        assert (by_several(text).verdict, by_several(text).failures) == (alone.verdict, alone.failures)
    assert by_several(RELAXED).failures == ("READ_ONCE(data) == 1",)


def test_a_deadlock_is_found() -> None:
    order = "SMPCHECK_THREAD({0}) {{ spin_lock(&{1}); spin_lock(&{2}); spin_unlock(&{2}); spin_unlock(&{1}); }}\n"
    text = "static DEFINE_SPINLOCK(l); static DEFINE_SPINLOCK(k);\n" + order.format("a", "l", "k") + order.format("b", "k", "l")
    assert by_several(text).failures == ("deadlock",)


def test_it_is_said_that_races_are_not_looked_for_unless_runs_with_views_would_have_ended_there() -> None:
    assert RACES not in by_several(ORDERED).notes
    plain = ORDERED.replace("WRITE_ONCE(data, 1)", "data = 1").replace("smp_mb(); ", "")
    assert RACES in by_several(plain).notes
