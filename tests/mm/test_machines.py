"""The barrier of putback_lru_page on each machine."""

from __future__ import annotations

from pathlib import Path

from smpcheck.machines.mapping import MACHINES, load_mapping, mapping_of
from smpcheck.mm.machines import CASES, Case, drawing, instructions, stranded, stranded_on

NAMES = (*MACHINES, "arm64:llsc", "riscv:queued")


def strands(case: Case) -> set[str]:
    return {name for name in NAMES if stranded_on(case, mapping_of(name))}


def test_in_one_word_no_machine_strands_a_page() -> None:
    assert not strands(Case("one word")) and not stranded(Case("one word"), "lkmm")


def test_in_two_words_most_do_and_the_barrier_keeps_them_from_it() -> None:
    """ARMv7's unlock begins with a full barrier."""
    assert strands(Case("two words")) == {*NAMES} - {"x86", "armv7"}
    assert not strands(Case("two words", "smp_mb")) and not strands(Case("two words", "smp_mb__after_atomic"))
    assert strands(Case("two words", "smp_mb", returning=False)) == {*NAMES} - {"x86"}


def test_no_machine_does_what_the_contract_forbids() -> None:
    assert all(stranded(case, "lkmm") or not strands(case) for case in CASES)


def test_what_the_barrier_is() -> None:
    case = Case("two words", "smp_mb__after_atomic")
    assert [instructions(case, load_mapping(name)) for name in MACHINES] == [
        ("dmb ish",),
        (),
        ("sync",),
        ("fence rw,rw",),
        ("dmb ish",),
    ]


def test_the_picture_of_the_page_on_arm64_is_what_is_drawn() -> None:
    picture = Path(__file__).parents[2] / "docs" / "img" / "putback-arm64.svg"
    assert picture.read_text(encoding="utf-8") == drawing(mapping_of("arm64"))
