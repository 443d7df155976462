"""Large programs: the same answers as the solver's, in less time, and what is not known is said."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.engines import route
from smpcheck.engines.constraints import NARROW
from smpcheck.engines.contract import Answer
from smpcheck.engines.route import ask
from smpcheck.engines.views import ASSUMPTION
from smpcheck.machines.mapping import mappings
from smpcheck.program.flow import is_large
from smpcheck.questions import barriers as barriers_module
from smpcheck.questions import compare as compare_module
from smpcheck.questions import explain as explain_module
from smpcheck.questions import fix as fix_module
from smpcheck.questions.barriers import Barriers, barriers
from smpcheck.questions.caveats import RACES
from smpcheck.questions.compare import Subject, compare, compare_subjects
from smpcheck.questions.explain import Limits, explain
from smpcheck.questions.fix import fix
from smpcheck.questions.ordering_elements import elements_of
from smpcheck.questions.outcomes import outcomes
from smpcheck.readers.litmus import read_litmus_file
from smpcheck.readers.registry import read_programs
from smpcheck.show.explain_text import head
from smpcheck.show.why_json import barriers_document, document
from tests.large_programs import of
from tests.optional import the
from tests.rows import few
from tests.schemas import strict

ROOT = Path(__file__).parents[2]
LKMM = load_model("lkmm")
SMALL = [*sorted((ROOT / "examples").glob("*.litmus")), *sorted((ROOT / "examples" / "models").glob("*.py"))]


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Whatever else the machine does, the solver has time."""
    monkeypatch.setattr(route, "PATIENCE", 300.0)


@pytest.fixture
def all_are_large(monkeypatch):
    """Every program is treated as a large one."""
    for module in (barriers_module, compare_module, explain_module, fix_module):
        monkeypatch.setattr(module, "is_large", lambda program: True)


class TestExplain:
    def test_each_outcome_has_its_answer(self):
        answers = {a.outcome.text: a for a in explain(of("truncate_mlock", "V0"), LKMM)}
        failing = answers.pop("I1 fails")
        assert (failing.kind, failing.under, the(failing.story).reorderings) == ("allowed", "sc", ())
        assert {a.kind for a in answers.values()} == {"forbidden"}
        assert not any(a.reasons for a in answers.values())
        notes = [note for a in answers.values() for note in a.notes]
        (asked,) = [note for note in notes if "asked in turn" in note]
        assert "all interleavings (1 settled), view machine" in asked
        assert Counter(notes) == {NARROW: len(answers), RACES: 1, explain_module.WITHOUT_REASONS: 1, asked: 1}

    @pytest.mark.slow
    def test_what_is_out_of_order_is_told(self):
        (answer,) = explain(of("munlock_page_putback", "V0"), LKMM, only="I3")
        assert (answer.kind, answer.under) == ("allowed", "lkmm")
        assert any("PG" in s.sentence or "P.flags.byte0" in s.sentence for s in the(answer.story).reorderings)

    @pytest.mark.slow
    def test_reasons_where_one_outcome_is_asked_about(self):
        (answer,) = explain(of("truncate_mlock", "V0"), LKMM, Limits(seconds=60), only="I6")
        assert (answer.kind, answer.complete, len(answer.reasons)) == ("forbidden", False, 3)
        for reason in answer.reasons:
            ends = [(link.source, link.target) for link in reason.links]
            assert all(a[1] == b[0] for a, b in zip(ends, [*ends[1:], ends[0]], strict=True))

    def test_no_time_is_no_answer(self):
        answers = list(explain(of("truncate_mlock", "V0"), LKMM, Limits(ends=time.monotonic() - 1)))
        assert {a.kind for a in answers} == {"undecided"}
        assert {a.notes[0] for a in answers} == {"no time was left"}
        assert head(answers[0]) == "I6: not known whether it holds under the kernel's memory model"
        strict("answers-2").validate(json.loads(document(answers)))

    @pytest.mark.usefixtures("all_are_large")
    @pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
    def test_every_kind_of_answer_is_that_of_a_small_program(self, path, monkeypatch):
        for program in read_programs(str(path)):
            found = [(a.kind == "allowed", a.under) for a in explain(program, LKMM)]
            with monkeypatch.context() as patch:
                patch.setattr(explain_module, "is_large", is_large)  # what is small is small again
                assert found == [(a.kind == "allowed", a.under) for a in explain(program, LKMM)]


def answer_of(found: Barriers) -> object:
    return (
        [(f.element.text, f.status, f.weakest and f.weakest.text) for f in found.findings],
        sorted(sorted(e.text for e in members) for members in found.sets),
    )


class TestBarriers:
    @pytest.mark.parametrize("path", [p for p in SMALL if "RACE" not in p.stem], ids=lambda path: path.stem)
    def test_answers_are_those_of_a_small_program(self, path, monkeypatch):
        for program in read_programs(str(path)):
            small = barriers(program, LKMM, dependencies=False)
            if small.protected is None or small.protected.race:
                continue
            with monkeypatch.context() as patch:
                patch.setattr(barriers_module, "is_large", lambda program: True)
                assert answer_of(barriers(program, LKMM)) == answer_of(small)

    def test_a_scenario_that_needs_no_barrier(self):
        found = barriers(of("shm_unlock_putback", "V4"), LKMM)
        assert found.complete
        assert [e.text for e in found.sets[0]] == []
        assert {f.status for f in found.findings} == {"not needed"}
        assert "smp_mb()" in [f.element.text for f in found.findings]
        assert ASSUMPTION not in found.notes

    @pytest.mark.usefixtures("all_are_large")
    def test_the_barrier_of_2009_and_its_partner(self):
        found = barriers(of("putback_munlock", "V4"), LKMM)
        needed = {f.element.text: f for f in found.findings if f.status == "needed"}
        assert list(needed) == ["TestClearPageMlocked(page)", "smp_mb()"]
        assert all(f.outcome == "I3" and the(f.story).reorderings for f in needed.values())

    def test_waiting_for_the_end_of_threads_is_not_asked_about(self):
        found = elements_of(of("munlock_page_putback", "V4"), dependencies=False)
        assert not [e.text for e in found if "end" in e.text.split()]

    def test_what_there_was_no_time_for_is_undecided(self):
        found = barriers(of("munlock_page_putback", "V4"), LKMM, Limits(ends=time.monotonic() - 1))
        assert (found.protected, found.findings) == (None, ())
        assert found.notes[0] == "I6: not known whether it holds: no time was left"

    @pytest.mark.usefixtures("all_are_large")
    def test_an_element_that_the_solver_had_no_time_for_is_never_not_needed(self, monkeypatch):
        program = of("putback_munlock", "V4")
        found = ask(Limits().question(program, LKMM, [str(o.condition) for o in outcomes(program)]))
        answered = iter([found])
        monkeypatch.setattr(
            barriers_module, "ask", lambda question: next(answered, None) or Answer(program, unknown={"I3": "no time"})
        )
        answer = barriers(program, LKMM)
        assert not answer.complete
        assert answer.sets == ()
        by_text = {f.element.text: f.status for f in answer.findings}
        assert by_text["smp_mb()"] == by_text["TestClearPageMlocked(page)"] == "undecided"
        assert set(by_text.values()) == {"undecided", "one of several"}
        assert ASSUMPTION in answer.notes
        strict("answers-2").validate(json.loads(barriers_document([answer])))


def test_the_missing_barrier_is_found(monkeypatch):
    (program,) = read_programs(str(ROOT / "examples" / "models" / "seqlock_without_rmb.py"))
    small = list(fix(program, LKMM))
    monkeypatch.setattr(fix_module, "is_large", lambda program: True)
    found = list(fix(program, LKMM))
    assert [a.status for a in found] == [a.status for a in small]
    assert "fixed" in [a.status for a in found]
    assert [{p.diff for p in a.placements} for a in found] == [{p.diff for p in a.placements} for a in small]


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize("scenario", few(["putback_munlock", "munlock_page_putback"]))
def test_models_are_compared(scenario):
    rows = compare(of(scenario, "V0"), [load_model(name) for name in ("sc", "tso", "lkmm")])
    verdicts = {row.outcome.text: [cell.verdict for cell in row.cells] for row in rows}
    assert verdicts.pop("I3 fails") == ["Never", "Never", "Sometimes"]
    assert all(found == ["Never"] * 3 for found in verdicts.values())
    (difference,) = [row.difference for row in rows if row.differs]
    assert difference is not None
    assert (difference.allows, difference.forbids, the(difference.reason).axiom) == ("lkmm", "sc", "sc")


def test_a_large_program_is_compared_over_machines_as_a_small_one(monkeypatch):
    subjects = [Subject("lkmm", LKMM), *(Subject(m.title, load_model(m.model), m) for m in mappings("x86,ppc64,riscv"))]
    programs = [read_litmus_file(ROOT / "examples" / f"{name}.litmus") for name in ("25-CMPXCHG", "04-MP", "30-RCU")]
    small = [compare_subjects(program, subjects) for program in programs]
    monkeypatch.setattr(compare_module, "is_large", lambda program: True)
    large = [compare_subjects(program, subjects) for program in programs]
    happens = [[[cell.happens for cell in row.cells] for row in rows] for rows in small]
    assert [[[cell.happens for cell in row.cells] for row in rows] for rows in large] == happens
    assert "a grace period is code" in large[2][0].cells[1].message
