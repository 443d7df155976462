"""Which steps of a run meet another thread's."""

from __future__ import annotations

from smpcheck.mm.check import Case, witness
from smpcheck.mm.variants import find_variant
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.registry import read_programs
from smpcheck.show.interleaving import meeting, rows
from smpcheck.simulate import simulate

LRU, MLOCKED = 5, 21


def run_of(tmp_path, first: str, second: str):
    """Two threads, one after the other, on a word of flags."""
    path = tmp_path / "flags.py"
    path.write_text(
        f"""
from smpcheck.kernel import *


class page(Struct):
    flags: flags_t = flag_word({{"lru": {LRU}, "mlocked": {MLOCKED}}})


def first(page: page) -> None:
    {first}


def second(page: page) -> None:
    {second}


@scenario
def both(s: Setup) -> None:
    s.P = page()
    s.thread(first, s.P)
    s.thread(second, s.P)
"""
    )
    (program,) = read_programs(str(path))
    return simulate(program, "round-robin:9", 0)


def texts_that_meet(result) -> set[str]:
    events = result.trace.events
    numbers = meeting(result.program, events)
    return {e.text for e in events if e.number in numbers}


def test_accesses_to_the_same_bit_meet_whatever_else_was_done_to_the_word(tmp_path) -> None:
    first = f"set_bit({MLOCKED}, page.flags)"
    second = f"clear_bit({LRU}, page.flags)\n    BUG_ON(test_bit({MLOCKED}, page.flags))"
    assert texts_that_meet(run_of(tmp_path, first, second)) == {first, f"test_bit({MLOCKED}, page.flags)"}


def test_accesses_to_different_bits_do_not_meet(tmp_path) -> None:
    assert texts_that_meet(run_of(tmp_path, f"set_bit({MLOCKED}, page.flags)", f"test_and_clear_bit({LRU}, page.flags)")) == set()


def test_a_load_of_the_whole_word_meets_what_changes_a_bit(tmp_path) -> None:
    first, second = f"set_bit({MLOCKED}, page.flags)", "BUG_ON(READ_ONCE(page.flags) != 0)"
    assert texts_that_meet(run_of(tmp_path, first, second)) == {first, "READ_ONCE(page.flags)"}


def test_the_bit_that_decides_is_in_the_lanes() -> None:
    run = witness(Case("truncate_mlock", find_variant("V2")), "I1")
    assert run is not None
    shown = {row.text for row in rows(run.program, run.trace.events)}
    assert {"TestClearPageMlocked(page)", "TestSetPageMlocked(page)"} <= shown


def test_an_access_to_several_pieces_is_one_step():
    example = read_litmus(
        """C sizes
{ int x; }
P0(int *x) { int r0 = atomic_add_return(0x10001, (atomic_t *)x); }
P1(int *x) { short r0 = READ_ONCE(*(short *)x); }
exists (1:r0=1)
""",
        "sizes.litmus",
    )
    result = simulate(example, "round-robin:9", 0)
    assert [(row.thread, row.effect) for row in rows(example, result.trace.events)] == [
        (0, "x: 0 -> 65537"),
        (1, "x[bytes 0..1] is 1"),
    ]
