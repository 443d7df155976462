"""Scenarios under weak models: branches that are left out and put back, and executions that no interleaving has."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.mm import swap, weak
from smpcheck.mm.check import Case, Checker, asked, program_of, witness
from smpcheck.mm.variants import find_variant
from smpcheck.readers.python.source import function_source, standing_in
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.rows import few


def case(scenario: str, variant: str, **options: str) -> Case:
    return Case(scenario, find_variant(variant), **options)


CHECKER = Checker(deadline=300)
"""Asked in turn, so that threads that cells share are compiled once."""


@pytest.mark.parametrize(
    ("scenario", "variant", "flags", "failed"),
    [
        ("munlock_page_putback", "V0", "separate", {"I3"}),
        ("munlock_page_putback", "V4", "separate", set()),
        ("munlock_page_putback", "V0", "one-word", set()),
        pytest.param("munlock_page_putback", "V0", "x86", set(), marks=pytest.mark.slow),
        ("truncate_mlock", "V8", "one-word", set()),
        ("truncate_mlock", "V2", "one-word", {"I1"}),
        ("munlock_page_putback", "V9:barrier=none,munlock_pagevec=no", "separate", {"I3"}),
        ("munlock_putback", "V8:barrier=none", "separate", set()),
        ("munlock_page_putback", "V9:barrier=none", "separate", set()),
        pytest.param("munlock_putback", "V7:barrier=none", "separate", {"I3"}, marks=pytest.mark.slow),
        pytest.param("cow_putback", "V8:barrier=none", "separate", {"I3"}, marks=pytest.mark.slow),
        ("cow_putback", "V8", "separate", set()),
        ("unmap_putback", "V9:barrier=none", "separate", {"I3"}),
        ("munlock_page_putback", "V9", "separate", set()),
        ("munlock_drain", "V10c", "separate", set()),
        ("munlock_munlock", "V10c", "separate", set()),
    ],
)
def test_two_operations_are_decided_under_the_kernels_model(scenario: str, variant: str, flags: str, failed: set[str]) -> None:
    answer = CHECKER.answer(case(scenario, variant, model="lkmm", flags=flags))
    assert set(answer.failed) == failed
    assert not answer.undecided


@pytest.mark.parametrize("variant", few(["V0", "V4", "V10"]))
@pytest.mark.parametrize(
    ("model", "flags"),
    few([(m, f) for f in ("separate", "one-word") for m in ("sc", "tso", "lkmm")], 5),  # lkmm, one word: six seconds
)
def test_what_is_asked_in_parts_is_what_is_asked_at_once(model: str, variant: str, flags: str) -> None:
    asked = case("putback_munlock", variant, model=model, flags=flags)
    whole = solve(program_of(asked), load_model(model), Question(mode="assertions", flags=False, stops=True))
    failed, undecided = weak.ask(asked, ["I1", "I2", "I3", "I5", "I6", "I7", "I8", "I9", "I10"], None)
    assert set(failed) == set(whole.failed)
    assert not undecided


@pytest.mark.parametrize("model", ["tso", "lkmm"])
def test_what_fails_in_no_run_with_views_is_not_asked_of_the_solver(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> tuple[list[str], dict[str, str]]:
        raise AssertionError("the solver was asked")

    monkeypatch.setattr(weak, "_answer", asked)
    answer = Checker().answer(case("truncate_reclaim", "V8", model=model))
    assert answer.verdict == "holds"


@pytest.mark.parametrize(("variant", "failed"), few([("V0", ["I3"]), ("V4", [])]))
def test_the_solver_alone_gives_the_same_answers(variant: str, failed: list[str]) -> None:
    asked = case("munlock_page_putback", variant, model="lkmm", flags="separate")
    assert weak._answer(asked, "no", ["I1", "I3", "I5", "I6", "I7", "I8"], None) == (failed, {})


def without_lru_lock() -> AbstractContextManager[None]:
    """The model with a bug: the last reference takes a page off its list without lru_lock."""
    text = Path(swap.__file__).read_text("utf-8")
    start, end = text.index("def __page_cache_release"), text.index("def put_page")
    body = re.sub(r"spin_(un)?lock\(zone.lru_lock\)", "pass", text[start:end])
    return standing_in(swap.__file__, text[:start] + body + text[end:])


@pytest.mark.slow
def test_a_list_without_its_lock_is_a_data_race() -> None:
    cell = case("truncate_fault", "V4", model="lkmm")
    assert "I14" in Checker(("I14",)).answer(cell).asked
    assert not Checker(("I14",)).answer(cell).failed
    function_source.cache_clear()
    try:
        with without_lru_lock():
            answer = Checker(("I14",)).answer(cell)
            run = witness(cell, "data-race")
    finally:
        function_source.cache_clear()
    assert answer.failed == {"I14": ("data-race",)}
    assert run is not None
    assert run.message.startswith("data race on zone.nr_lru: ")


def test_data_races_are_asked_under_the_kernels_model_and_where_no_grace_period_is() -> None:
    program = program_of(case("munmap_reclaim", "V10"))
    assert "I14" not in asked(program, "lkmm")
    assert "I14" not in asked(program_of(case("munlock_drain", "V10")), "tso")


def test_no_time_leaves_everything_undecided() -> None:
    failed, undecided = weak.ask(case("putback_munlock", "V8", model="lkmm"), ["I1", "I3"], 0.0)
    assert not failed
    assert set(undecided) == {"I1", "I3"}


def test_a_witness_has_its_steps_in_an_order_and_says_what_is_not_in_program_order() -> None:
    run = weak.witness(case("putback_munlock", "V0", model="lkmm", flags="separate"), "I3")
    assert run is not None
    texts = [e.text for e in run.events]
    assert {"TestClearPageMlocked(page)", "SetPageLRU(page)", "PageMlocked(page)", "PageLRU(page)"} <= set(texts)
    for one, two in pairwise(run.events):
        assert one.kind == "W" or one.partner in (None, two.number), "both halves of an atomic operation are one step"
    sentences = [reordering.sentence for reordering in run.story.reorderings]
    assert sentences
    assert all(sentence.startswith("putback's ") for sentence in sentences), "munlock's side has a full barrier"
    assert any("spin_unlock(zone.lru_lock)" in sentence for sentence in sentences)


def test_there_is_no_witness_where_nothing_fails() -> None:
    assert weak.witness(case("putback_munlock", "V4", model="lkmm", flags="separate"), "I3") is None
