"""``barriers`` on the putback claims (design/claims.md, C10 to C13): each answer as the claim has it.

The page is stranded if putback (P0) and munlock (P1) both look at the other's flag too early. Forms: examples 35 to 42.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program import flow
from smpcheck.program.ir import Load, Store
from smpcheck.questions.barriers import Barriers, Finding, barriers
from smpcheck.questions.explain import explain
from smpcheck.questions.fix import fix
from smpcheck.readers.litmus import read_litmus, read_litmus_file
from smpcheck.show.barriers_text import text as table
from tests.optional import the

ROOT = Path(__file__).parent.parent.parent
MODELS = {name: load_model(name) for name in ("sc", "tso", "lkmm")}
LKMM = MODELS["lkmm"]


def form(number: int):
    (path,) = (ROOT / "examples").glob(f"{number}-*.litmus")
    return read_litmus_file(path)


@cache
def asked(number: int, model: str = "lkmm", **options) -> Barriers:
    return barriers(form(number), MODELS[model], **options)


def of(answer: Barriers, text: str) -> Finding:
    (finding,) = [f for f in answer.findings if f.element.text.startswith(text)]
    return finding


def barrier_and_clear(answer: Barriers) -> tuple[Finding, Finding]:
    """The barrier of putback and the value-returning clear of munlock, which are all that gives order besides branches."""
    found = [f for f in answer.findings if f.element.kind != "dependency"]
    (barrier,) = [f for f in found if f.element.threads == (0,)]
    (clear,) = [f for f in found if f.element.threads == (1,)]
    return barrier, clear


class TestC10:
    """UNLOCK lets a later load move up: with two words and no barrier the page is stranded."""

    @pytest.mark.parametrize("number", [37, 41])
    def test_without_a_barrier_nothing_protects_the_page(self, number):
        answer = asked(number)
        assert answer.protected is None
        assert len(answer.reachable) == 1

    @pytest.mark.parametrize("number", [37, 41])
    def test_the_barrier_that_is_missing_is_the_one_of_the_comment(self, number):
        """One smp_mb() after the store of PG_lru, at the latest directly before the load of PG_mlocked. The clear is ordered
        already."""
        (answer,) = fix(form(number), LKMM)
        assert answer.status == "fixed"
        edits = [placement.edits for placement in answer.placements]
        assert all(len(one) == 1 and one[0].new == "smp_mb()" for one in edits)
        thread, load = form(number).threads[0], {37: "atomic_read(mlocked)", 41: "READ_ONCE(*mlocked)"}[number]
        places = {s.text: s.pos for s in flow.statements(thread.body) if isinstance(s, (Load, Store))}
        stored = next(the(pos) for text, pos in places.items() if "lru, 1" in text)
        assert all(stored.line < the(one[0].pos).line <= the(places[load]).line for one in edits)
        assert load in [one[0].old for one in edits]

    def test_the_witness_is_the_load_that_moves_up_past_the_unlock(self):
        (answer,) = explain(form(41), LKMM)
        (reordering,) = the(answer.story).reorderings
        assert "load of mlocked" in reordering.sentence and "store to lru" in reordering.sentence
        assert "spin_unlock(lru_lock)" in reordering.sentence and "lets what follows move up before it" in reordering.sentence


class TestC11:
    """Both flags in one word, word-sized accesses: coherence alone forbids it, under every model."""

    @pytest.mark.parametrize("number", [35, 36])
    @pytest.mark.parametrize("model", MODELS)
    def test_in_one_word_nothing_is_needed(self, number, model):
        answer = asked(number, model)
        assert answer.protected is not None
        assert answer.findings
        assert {f.status for f in answer.findings} == {"not needed"}
        assert answer.sets == ((),)

    @pytest.mark.parametrize("number", [35, 36])
    def test_the_reasons_are_coherence_and_atomicity(self, number):
        (answer,) = explain(form(number), LKMM)
        assert {r.axiom for r in answer.reasons} <= {"coherence", "atomic"}
        assert not any(link.kind == "po" and link.causes for r in answer.reasons for link in r.links)


class TestC12:
    """TestClearPageMlocked is the other half of the barrier."""

    @pytest.mark.parametrize("number", [38, 39, 42])
    def test_barrier_and_clear_are_needed_and_pair_with_each_other(self, number):
        answer = asked(number)
        barrier, clear = barrier_and_clear(answer)
        assert barrier.status == clear.status == "needed"
        assert barrier.pairs == (clear.element,)
        assert clear.pairs == (barrier.element,)
        assert [set(s) for s in answer.sets] == [{barrier.element, clear.element}]

    @pytest.mark.parametrize("number", [38, 39, 42])
    def test_neither_has_a_weaker_form_that_is_enough(self, number):
        for finding in barrier_and_clear(asked(number)):
            assert finding.weakest is None

    @pytest.mark.parametrize("number", [38, 39, 42])
    def test_what_they_order(self, number):
        barrier, clear = barrier_and_clear(asked(number))
        assert any(o.startswith("store to lru") and "before load of mlocked" in o for o in barrier.orders)
        assert any(o.startswith("store to mlocked") and "before load of lru" in o for o in clear.orders)

    @pytest.mark.parametrize("number", [38, 39, 42])
    def test_without_either_the_page_is_stranded_by_one_reordering(self, number):
        for finding in barrier_and_clear(asked(number)):
            assert finding.without is not None
            (reordering,) = the(finding.story).reorderings
            mine = finding.without.events[reordering.second].thread
            assert (mine,) == finding.element.threads

    def test_a_clear_that_returns_no_value_is_no_other_half(self):
        answer = asked(40)
        assert answer.protected is None
        (fixed,) = fix(form(40), LKMM)
        (placement,) = fixed.placements
        (edit,) = placement.edits
        assert edit.new == "smp_mb__after_atomic()"
        assert edit.old == "atomic_read(lru)", "the barrier of putback is there; what is missing is on the other side"

    def test_branches_are_not_what_keeps_the_page(self):
        assert {f.status for f in asked(42).findings if f.element.kind == "dependency"} == {"not needed"}


class TestC13:
    """PG_mlocked, not PG_locked, is what the clear must order."""

    TEXT = """C PUTBACK+locked

{
	atomic_t mlocked=1;
	atomic_t locked=1;
}

P0(atomic_t *lru, atomic_t *mlocked)
{
	int r0;

	atomic_set(lru, 1);
	smp_mb();
	r0 = atomic_read(mlocked);
}

P1(atomic_t *lru, atomic_t *mlocked, atomic_t *locked)
{
	int r1;
%s
}

exists (0:r0=1 /\\ 1:r1=0)
"""

    def test_unlocking_the_page_between_clear_and_load_does_not_help(self):
        clear = "\tatomic_set(mlocked, 0);\n\tatomic_set_release(locked, 0);\n\tr1 = atomic_read(lru);"
        answer = barriers(read_litmus(self.TEXT % clear, "t.litmus"), LKMM)
        assert answer.protected is None

    def test_nor_does_unlocking_it_after_the_load(self):
        clear = "\tatomic_set(mlocked, 0);\n\tr1 = atomic_read(lru);\n\tatomic_set_release(locked, 0);"
        assert barriers(read_litmus(self.TEXT % clear, "t.litmus"), LKMM).protected is None


class TestContract:
    """Needed by the contract, not needed on x86, one table."""

    def test_where_the_flag_is_set_atomically_x86_needs_no_barrier(self):
        statuses = {name: [f.status for f in asked(39, name).findings] for name in MODELS}
        assert statuses == {"sc": ["not needed"] * 2, "tso": ["not needed"] * 2, "lkmm": ["needed"] * 2}

    @pytest.mark.parametrize("number", [38, 42])
    def test_where_it_is_a_store_x86_needs_the_barrier_but_not_the_ordered_clear(self, number):
        statuses = {name: [f.status for f in barrier_and_clear(asked(number, name))] for name in MODELS}
        assert statuses == {"sc": ["not needed"] * 2, "tso": ["needed", "not needed"], "lkmm": ["needed"] * 2}

    def test_the_table_says_so(self):
        shown = table([asked(39, name) for name in MODELS])
        row = next(line for line in shown.split("\n") if "smp_mb__after_atomic()" in line)
        assert row.split()[-5:] == ["not", "needed", "not", "needed", "needed"]
