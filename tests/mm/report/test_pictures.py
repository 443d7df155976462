"""Failing runs of the page machinery as pictures and as a page."""

from __future__ import annotations

import pytest

from smpcheck.mm.check import Answer, Case, Checker
from smpcheck.mm.report import pictures
from smpcheck.mm.report.pictures import NO_RUN, Failure
from smpcheck.mm.variants import find_variant
from smpcheck.simulate import RunResult
from tests.show.test_html import Page

ORDER = ["truncate_mlock", "putback_munlock"]


def failing(scenario: str, variant: str, model: str = "sc", flags: str = "one-word") -> list[Failure]:
    from smpcheck.commands.mm_check import failures

    return list(failures([Checker().answer(Case(scenario, find_variant(variant), model, flags))], 30.0))


@pytest.fixture(scope="module")
def turns() -> Failure:
    """One in which threads take turns."""
    (failure,) = failing("truncate_mlock", "V2")
    return failure


@pytest.fixture(scope="module")
def weak() -> Failure:
    """One that no interleaving has."""
    (failure,) = failing("putback_munlock", "V0", "lkmm", "separate")
    return failure


def test_a_picture_says_what_fails_where(turns: Failure, weak: Failure) -> None:
    assert turns.headline == "truncate_mlock, V2: I1 fails: no page reaches the allocator with PG_mlocked"
    assert weak.name == "putback_munlock, V0, under lkmm, flags in separate bytes: I3"
    assert turns.headline in pictures.svg([turns])


def test_what_a_thread_does_on_its_own_is_counted(turns: Failure) -> None:
    shown = turns.picture()
    assert shown is not None and isinstance(turns.run, RunResult)
    assert any(node.hidden > 10 for node in shown.nodes)
    assert len(shown.nodes) < len(turns.run.trace.events) / 2


def test_a_thread_that_has_no_step_has_no_lane(turns: Failure, weak: Failure) -> None:
    """Nothing is left to do for the thread that waits for the others, since each CPU drains its own pagevecs."""
    for failure, lanes in ((turns, ("truncate", "mlock")), (weak, ("putback", "munlock_clear"))):
        shown = failure.picture()
        assert shown is not None and shown.lanes == lanes
        assert {node.lane for node in shown.nodes} == set(range(len(lanes)))
        assert not any("done[" in node.effect for node in shown.nodes)


def test_what_takes_effect_out_of_order_is_an_arrow(weak: Failure) -> None:
    shown = weak.picture()
    assert shown is not None and shown.replay is not None and not shown.replay.turns
    nodes = {node.id: node for node in shown.nodes}
    swaps = {(nodes[e.source].code, nodes[e.target].code) for e in shown.edges if e.style == "swap"}
    assert ("SetPageLRU(page)", "PageMlocked(page)") in swaps


def test_a_pointer_is_shown_by_what_it_points_to(turns: Failure) -> None:
    shown = turns.picture()
    assert shown is not None
    assert "pte.pte is &P" in {node.effect for node in shown.nodes}


def test_graphviz_has_a_digraph_for_each(turns: Failure, weak: Failure) -> None:
    text = pictures.dot([turns, weak])
    assert text.count("digraph") == 2 and "TestClearPageMlocked(page)" in text


def test_the_page_has_the_tables_the_bounds_and_the_runs_with_their_sources(turns: Failure, weak: Failure) -> None:
    holds = Checker().answer(Case("truncate_mlock", find_variant("V8")))
    shown = Page(pictures.html([turns.answer, holds, weak.answer], ORDER, [turns, weak]))
    assert [a.get("class") for tag, a in shown.elements if tag == "td"] == ["FAILS", "holds", "FAILS"]
    assert "under sc, page flags one-word" in shown.text and "under lkmm, page flags separate" in shown.text
    assert "a CPU drains its pagevecs" in shown.text and "load buffering is not considered" in shown.text
    assert shown.values("data-view", "button") == ["0", "1"]
    assert "page_alloc.py" in shown.text and "def munlock_clear" in shown.text
    assert "again: smpcheck mm check --scenario truncate_mlock --variant V2" in shown.text
    assert shown.values("data-go")


def test_where_nothing_fails_the_page_has_the_table_alone() -> None:
    answer = Checker().answer(Case("truncate_mlock", find_variant("V8")))
    shown = Page(pictures.html([answer], ORDER, []))
    assert [a.get("class") for tag, a in shown.elements if tag == "td"] == ["holds"]
    assert not shown.values("data-view", "button")


def test_a_failure_without_a_run_is_said(turns: Failure) -> None:
    lost = Failure(Answer(turns.answer.case, ("I8",), {"I8": ("lock cycle",)}), "I8", None)
    assert NO_RUN in Page(pictures.html([lost.answer], ORDER, [lost])).text
    assert pictures.dot([lost]) == ""
