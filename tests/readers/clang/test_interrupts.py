"""Interrupt handlers: they come in where interrupts are enabled, run to their end, and are in program order with the thread."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from smpcheck.cat import load_model
from smpcheck.cat.nodes import Model
from smpcheck.errors import InputError, UnsupportedError
from smpcheck.machines.lower import lower
from smpcheck.machines.mapping import load_mapping
from smpcheck.program import ir
from smpcheck.program.ir import FinalMem
from smpcheck.program.values import Ptr
from smpcheck.questions.stops import stops
from smpcheck.simulate.explore import outcomes
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.naive.enumerate import executions
from tests.naive.interrupts import explicit, interleaved, placed, races, random_program
from tests.naive.models import consistent
from tests.readers.clang.common import LKMM, checked, read

SC = load_model("sc")
WAITS = {"deadlock", "non-termination"}
Row = tuple[object, ...]


def observing(program: ir.Program) -> ir.Program:
    """Asked for the final values of x, y and z, those of them that there are."""
    return replace(program, observed=tuple(FinalMem(Ptr(name)) for name in "xyz" if Ptr(name) in program.cells))


def rows(program: ir.Program, states: set[Row]) -> set[Row]:
    """Values of x, y and z without those of variables that the program leaves alone."""
    there = [number for number, name in enumerate("xyz") if Ptr(name) in program.cells]
    return {tuple(row[number] for number in there) for row in states}


def found(program: ir.Program, model: Model) -> tuple[set[Row], bool]:
    """The final values under a model, and can a thread wait for ever?"""
    answer = solve(program, model, Question(mode="states", flags=False))
    assert answer.status in ("ok", "no-execution"), answer
    states: set[Row] = {tuple(state[term] for term in program.observed) for state, _ in answer.states}
    return states, not WAITS.isdisjoint(stops(program, model, unroll=2).happen)


def interleavings_agree(seed: int, grace: bool = False) -> bool:
    """With the interpreter of stacks, by solver and by exploration; returns whether a thread can wait for ever."""
    source = random_program(seed, grace=grace)
    program = observing(read(source.harness("SMPCHECK_ASSERT(READ_ONCE(x) < 100);" if seed % 2 else "")))
    states, waits = interleaved(source)
    expected = rows(program, {*states})
    assert found(program, SC) == (expected, waits), source.harness()
    explored = outcomes(program)
    assert {tuple(value for _, value in state) for state in explored.states} == expected, source.harness()
    assert (explored.deadlock or not WAITS.isdisjoint(explored.failed)) == waits, source.harness()
    return waits


def test_random_programs_do_what_cpus_with_a_stack_do() -> None:
    assert {interleavings_agree(seed) for seed in (18, 19, 20, 21, 24)} == {True, False}


@pytest.mark.slow
def test_many_random_programs_do_what_cpus_with_a_stack_do() -> None:
    for seed in range(1000, 1400):
        interleavings_agree(seed)


def races_agree(seed: int) -> bool:
    """With the interpreter of stacks: does a handler come in in the middle of a plain access to what it touches?"""
    source = random_program(seed, waits=False, plain=True)
    program = observing(read(source.harness("SMPCHECK_ASSERT(READ_ONCE(x) < 100);")))
    expected = races(source)
    assert ("interrupt-race" in outcomes(program).failed) == expected, source.harness()
    return expected


def test_random_programs_race_with_handlers_as_cpus_with_a_stack_do() -> None:
    assert [races_agree(seed) for seed in (1, 2, 3, 16, 17, 21)] == [True, False, False, True, True, False]


@pytest.mark.slow
def test_many_random_programs_race_with_handlers_as_cpus_with_a_stack_do() -> None:
    assert [races_agree(seed) for seed in range(100, 500)].count(True) in range(100, 300)


def placements_agree(seed: int, model: Model, grace: bool = False) -> bool:
    """With what a model says of the handlers' code written at each place; False where that is too much for brute force. With
    ``grace``, of the code in which rcu_read_lock() says what a grace period waits for."""
    source = random_program(seed, 4, waits=False, grace=grace)
    program = observing(read(source.harness()))
    cells = [Ptr(name) for name in "xyz" if Ptr(name) in program.cells]
    expected: set[Row] = set()
    ways = list(dict.fromkeys(explicit(way) if grace else way for way in placed(source)))
    if len(ways) > 40:
        return False
    for way in ways:
        without = read(way.harness())
        try:
            for number, candidate in enumerate(executions(without)):
                if number > 3000:
                    return False
                if consistent(model.name, candidate)[0]:
                    expected.add(tuple(candidate.final(FinalMem(cell)) if cell in without.cells else 0 for cell in cells))
        except NotImplementedError:
            return False
    assert found(program, model) == (expected, False), source.harness()
    return True


def test_under_the_kernels_model_a_handler_is_its_code_at_any_place() -> None:
    assert sum(placements_agree(seed, LKMM) for seed in (1, 10, 20, 32)) == 4


@pytest.mark.slow
def test_under_the_kernels_model_and_tso_many_handlers_are_their_code_at_any_place() -> None:
    assert sum(placements_agree(seed, model) for model in (LKMM, load_model("tso")) for seed in range(100, 180)) > 60


# --- facts ---


def test_a_plain_access_that_a_handler_may_cut_short_is_a_race_of_its_own() -> None:
    text = """static int n, other, *where = &n;
    SMPCHECK_THREAD(worker) {{ {0} }}
    SMPCHECK_IRQ(tick, worker) {{ {1} }}"""
    for thread, handler, fails in (
        ("n = 1;", "n = 2;", True),
        ("n = 1;", "(void)n;", True),
        ("int r = n; barrier();", "WRITE_ONCE(n, 2);", True),
        ("int r = n; barrier();", "(void)n;", False),
        ("WRITE_ONCE(n, 1);", "n = 2;", False),
        ("local_irq_disable(); n++; local_irq_enable();", "n++;", False),
        ("n = 1;", "other = 2;", False),
        ("*where = 1;", "n = 2;", True),
        ("*where = 1;", "other = 2;", False),
        ("while (!n) ;", "n = 1;", True),
        ("if (READ_ONCE(n)) other = 1;", "if (!READ_ONCE(n)) other = 2;", False),
    ):
        failures = checked(text.format(thread, handler)).failures
        assert ("interrupt-race" in failures) == fails, (thread, handler)


LOCK = """#include <linux/spinlock.h>
static DEFINE_SPINLOCK(l); static int n;
SMPCHECK_THREAD(worker) {{ unsigned long flags; {0}; n++; {1}; }}
SMPCHECK_{2}(tick, worker) {{ spin_lock(&l); n++; spin_unlock(&l); }}
"""


@pytest.mark.parametrize(
    ("take", "give", "hard", "soft"),
    [
        ("spin_lock(&l)", "spin_unlock(&l)", False, False),
        ("spin_lock_bh(&l)", "spin_unlock_bh(&l)", False, True),
        ("spin_lock_irq(&l)", "spin_unlock_irq(&l)", True, True),
        ("spin_lock_irqsave(&l, flags)", "spin_unlock_irqrestore(&l, flags)", True, True),
        ("local_irq_save(flags); spin_lock(&l)", "spin_unlock(&l); local_irq_restore(flags)", True, True),
        ("while (!spin_trylock_irqsave(&l, flags)) cpu_relax()", "spin_unlock_irqrestore(&l, flags)", True, True),
        # what disables and enables is not nested: interrupts are enabled while the lock is held
        ("local_irq_disable(); spin_lock_irq(&l); local_irq_enable()", "spin_unlock_irq(&l)", False, False),
    ],
)
def test_a_lock_that_a_handler_takes_too_is_safe_only_where_the_handler_cannot_come_in(
    take: str, give: str, hard: bool, soft: bool
) -> None:
    for kind, safe in (("IRQ", hard), ("SOFTIRQ", soft)):
        assert checked(LOCK.format(take, give, kind)).failures == (() if safe else ("deadlock",)), kind


def test_per_cpu_operations_are_safe_against_handlers_those_of_the_underscores_are_not() -> None:
    text = """#include <linux/percpu.h>
    static DEFINE_PER_CPU(int, hits);
    SMPCHECK_THREAD(worker) {{ {0}(hits); }}
    SMPCHECK_THREAD(other) {{ {0}(hits); }}
    SMPCHECK_IRQ(tick, worker) {{ __this_cpu_inc(hits); SMPCHECK_ASSERT(smp_processor_id() == 0 && in_hardirq()); }}
    SMPCHECK_FINALLY() {{ SMPCHECK_ASSERT(per_cpu(hits, 0) >= 1 && per_cpu(hits, 0) + per_cpu(hits, 1) >= 2); {1}; }}"""
    came = "SMPCHECK_ASSERT(per_cpu(hits, 0) == 1)"
    assert checked(text.format("this_cpu_inc", came)).failures == ("per_cpu(hits, 0) == 1",)
    lost = """#include <linux/percpu.h>
    static DEFINE_PER_CPU(int, hits); static int came;
    SMPCHECK_THREAD(worker) {{ {0}(hits); }}
    SMPCHECK_IRQ(tick, worker) {{ __this_cpu_inc(hits); came = 1; }}
    SMPCHECK_FINALLY() {{ SMPCHECK_ASSERT(per_cpu(hits, 0) == 1 + came); }}"""
    assert checked(lost.format("this_cpu_inc")).failures == ()
    assert checked(lost.format("__this_cpu_inc")).failures == ("interrupt-race", "per_cpu(hits, 0) == 1 + came")


def test_a_wait_ends_when_the_interrupt_comes_unless_it_cannot() -> None:
    text = """static int done, data;
    SMPCHECK_THREAD(worker) {{ {0}; while (!READ_ONCE(done)) cpu_relax(); {1}; SMPCHECK_ASSERT(data == 1); }}
    SMPCHECK_IRQ(tick, worker) {{ data = 1; WRITE_ONCE(done, 1); }}"""
    assert checked(text.format("", "")).failures == ()
    assert checked(text.format("local_irq_disable()", "local_irq_enable()")).failures == ("non-termination",)


def test_a_handler_may_not_sleep_and_asks_where_it_is() -> None:
    text = """static DEFINE_MUTEX(m);
    SMPCHECK_THREAD(worker) { SMPCHECK_ASSERT(in_task() && !irqs_disabled()); barrier(); }
    SMPCHECK_SOFTIRQ(later, worker) { SMPCHECK_ASSERT(in_serving_softirq() && !irqs_disabled()); }
    SMPCHECK_IRQ(tick, worker) { lockdep_assert_irqs_disabled(); mutex_lock(&m); mutex_unlock(&m); }"""
    assert checked(text).failures == ("sleep-in-atomic",)


def test_what_is_asserted_of_interrupts_is_checked_in_threads_too() -> None:
    text = "SMPCHECK_THREAD(worker) {{ {0}; lockdep_assert_irqs_disabled(); {1}; }}"
    assert checked(text.format("local_irq_disable()", "local_irq_enable()")).failures == ()
    assert checked(text.format("", "")).failures == ("lockdep_assert_irqs_disabled()",)


def test_answers_say_which_handlers_there_are_and_what_is_assumed() -> None:
    (said,) = [
        note for note in checked(LOCK.format("spin_lock_irq(&l)", "spin_unlock_irq(&l)", "IRQ")).notes if "a CPU for" in note
    ]
    assert "tick() interrupts worker" in said
    assert "once at most" in said


def test_machines_are_refused_where_there_are_handlers() -> None:
    with pytest.raises(
        UnsupportedError, match=r"has no places for handlers between the instructions of a primitive, and tick\(\)"
    ):
        lower(read(LOCK.format("spin_lock_irq(&l)", "spin_unlock_irq(&l)", "IRQ")), load_mapping("arm64"))


def test_a_handler_for_a_thread_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="tick is to interrupt other, which is no thread: there are worker"):
        read("SMPCHECK_THREAD(worker) { }\nSMPCHECK_IRQ(tick, other) { }")


def test_what_comes_after_a_return_out_of_a_waiting_loop_is_not_lost() -> None:
    serve = """static void serve(void)
{
	for (;;) {
		int over;
		for (;;) { over = READ_ONCE(y); if (READ_ONCE(x)) break; if (over) return; cpu_relax(); }
		WRITE_ONCE(x, 0);
	}
}
"""
    threads = "SMPCHECK_THREAD(a) { serve(); SMPCHECK_ASSERT(0); }\nSMPCHECK_THREAD(b) { WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); }\n"
    assert checked(f"#include <linux/compiler.h>\nstatic int x, y;\n{serve}{threads}").failures == ("0",)
