"""Several engines, one after the other: the same answers as the solver's, in less time, and what is not known is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.engines import constraints, route
from smpcheck.engines.constraints import NARROW, Constraints, rounds
from smpcheck.engines.contract import Answer, Question
from smpcheck.engines.interleavings import Interleavings
from smpcheck.engines.views import ASSUMPTION, Views
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.faults import STOPS
from smpcheck.program.flow import is_large
from smpcheck.questions.outcomes import asking, outcomes
from smpcheck.readers.registry import read_programs
from smpcheck.solver import answer as solver
from smpcheck.solver.solve import solve
from tests.large_programs import of
from tests.simulate.programs import programs

ROOT = Path(__file__).parents[2]
LKMM = load_model("lkmm")
SMALL = [*sorted((ROOT / "examples").glob("*.litmus")), *sorted((ROOT / "examples" / "models").glob("*.py"))]


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Whatever else the machine does, the solver has time."""
    monkeypatch.setattr(route, "PATIENCE", 300.0)


def ask(program: ir.Program, model: Model, names: list[str]) -> Answer:
    return route.ask(Question(program, model, tuple(names)))


def failing(program: ir.Program, model: Model) -> set[str]:
    """The checks that fail, by the solver alone."""
    question = solver.Question(mode="assertions", stops=True, flags=False)
    return set(solve(program, model, question).failed)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_no_engine_says_what_the_solver_does_not(program):
    names = tuple(dict.fromkeys(a.name for a in program.invariants)) + tuple(STOPS)
    for model in (load_model("sc"), load_model("tso")):
        fails = failing(program, model)
        question = Question(program, model, names)
        for engine in (Interleavings(question), Views(question), Constraints(question)):
            try:
                found = engine.answer()
            except UnsupportedError:
                continue
            assert set(found.can) <= fails
            assert not fails.intersection(found.cannot)
            assert set(names) <= {*found.can, *found.cannot, *found.unknown}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_together_they_know_everything_of_a_small_program(program):
    names = tuple(dict.fromkeys(a.name for a in program.invariants))
    for model in (load_model("sc"), load_model("tso")):
        found = ask(program, model, [*names])
        assert set(found.can) == failing(program, model).intersection(names)
        assert set(found.cannot) == set(names) - set(found.can)


def test_litmus_tests_are_not_large_and_scenarios_are():
    assert not any(is_large(program) for path in SMALL for program in read_programs(str(path)))
    assert is_large(of("truncate_mlock", "V0"))
    assert not is_large(of("putback_munlock", "V0"))


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_what_can_happen_is_what_the_solver_says(path):
    for program in read_programs(str(path)):
        asked = outcomes(program)
        subject, named = asking(program, asked)
        for model in map(load_model, ("sc", "tso", "lkmm")):
            found = ask(subject, model, [str(outcome.condition) for outcome in named])
            solved = [next(iter(outcome.candidates(program, model, 2)), None) is not None for outcome in asked]
            assert [outcome.condition in found.can for outcome in named] == solved
            assert not found.unknown
            assert ASSUMPTION not in found.assumptions


def test_an_interleaving_is_enough():
    found = ask(of("truncate_mlock", "V0"), LKMM, ["I1", "I3", "I6"])
    under, execution, _ = found.can["I1"]
    assert (under, execution.failed, list(found.can)) == ("sc", ("I1",), ["I1"])
    assert not found.unknown
    assert ASSUMPTION not in found.assumptions


@pytest.mark.slow
def test_what_no_interleaving_has_is_found_by_the_solver():
    assert ask(of("munlock_page_putback", "V0"), LKMM, ["I1", "I3"]).can["I3"][0] == "lkmm"
    assert not ask(of("munlock_page_putback", "V0"), load_model("tso"), ["I3"]).can
    fixed = ask(of("munlock_page_putback", "V4"), LKMM, ["I1", "I3"])
    assert not fixed.can
    assert not fixed.unknown
    assert fixed.said == (NARROW,)


def test_where_there_is_no_load_buffering_nothing_is_assumed():
    assert not ask(of("munlock_page_putback", "V4"), load_model("tso"), ["I1", "I3"]).said
    assert not ask(of("munlock_page_putback", "V4"), load_model("sc"), ["I1", "I3"]).said


def test_without_time_for_the_solver_an_answer_rests_on_an_assumption(monkeypatch):
    monkeypatch.setattr(route, "PATIENCE", 0)
    found = ask(of("munlock_page_putback", "V4"), LKMM, ["I1", "I3"])
    assert (found.can, found.unknown) == ({}, {})
    assert found.cannot == {"I1": (ASSUMPTION,), "I3": (ASSUMPTION,)}
    assert [step.settled for step in found.steps] == [0, 2]


def test_what_runs_with_views_do_is_open_until_the_solver_confirms_it(monkeypatch):
    monkeypatch.setattr(constraints, "solve", lambda *_: solver.Answer("timeout", None))
    found = ask(of("munlock_page_putback", "V0"), LKMM, ["I1", "I3"])
    assert (found.can, found.unknown) == ({}, {"I3": "the solver had no answer in time"})
    assert found.cannot == {"I1": (ASSUMPTION,)}


def test_a_limit_of_the_solver_is_no_answer(monkeypatch):
    monkeypatch.setattr(constraints, "solve", lambda *_: solver.Answer("bound", None, message="too many values"))
    with pytest.raises(LimitError, match="too many values"):
        list(rounds(of("putback_munlock", "V0"), LKMM, 2, None))


def test_a_model_that_is_not_shipped_is_asked_of_the_solver_alone(tmp_path):
    path = tmp_path / "weak.cat"
    path.write_text('"weak"\nacyclic po-loc | rf | co | fr as coherence\n')
    program = read_programs(str(ROOT / "examples" / "02-SB+mbs.litmus"))[0]
    subject, (outcome,) = asking(program, outcomes(program))
    assert ask(subject, load_model(path), [str(outcome.condition)]).can
    with pytest.raises(UnsupportedError, match="does not support the model weak"):
        Views(Question(program, load_model(path), ())).answer()


def test_an_interleaving_that_a_model_forbids_does_not_count(tmp_path):
    path = tmp_path / "strange.cat"
    path.write_text('"strange"\nempty rf as nothing-is-read\n')
    program = read_programs(str(ROOT / "examples" / "01-SB.litmus"))[0]
    subject, (outcome,) = asking(program, outcomes(program))
    found = ask(subject, load_model(path), [str(outcome.condition)])
    assert not found.can
    assert "no execution in which all threads end satisfies the model" in " ".join(found.notes)
