"""A part of a program is explored, and the answer is that of the whole program, whatever was left out at first."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.engines import part as parts
from smpcheck.engines.contract import Question
from smpcheck.engines.part import Part
from smpcheck.engines.views import Views
from smpcheck.program import ir
from smpcheck.program.cut import Coverage
from smpcheck.program.flow import statements
from smpcheck.program.ir import Assert, Assign, Binary, Const, Exit, Fence, If, Load, Loop, Reg, Store
from smpcheck.program.values import INT
from smpcheck.simulate.coverage import sampled
from smpcheck.simulate.explore import Outcomes, outcomes
from smpcheck.simulate.view_machine import Found, MayRaceError, runs
from tests.simulate.programs import ONCE, X, Y, programs, straight

SLOW = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def small_programs(monkeypatch):
    """Small programs are explored by parts, too."""
    monkeypatch.setattr(parts, "LEAST", 0)
    monkeypatch.setattr(parts, "MOST_ROUNDS", 4)


def with_nothing(program: ir.Program) -> Part:
    """A part of which everything was left out that can be: no branch is taken, as far as is known."""
    part = Part(program)
    part.coverage = Coverage(sampled(program).steps, frozenset())
    return part


def counted(rounds: int, *body: ir.Stmt) -> Loop:
    """A loop of so many rounds."""
    more = Binary("<", Reg("n"), Const(rounds))
    return Loop("R", (If(more, (), (Exit("R"),)), *body, Assign("n", Binary("+", Reg("n"), Const(1)))))


@st.composite
def with_loops(draw: st.DrawFn) -> ir.Program:
    """A random program, the first thread of which does its second half some times; the last may try for ever."""
    program = draw(programs(most_threads=2, most=2))
    first, last = program.threads[0], program.threads[-1]
    body = first.body[2:]
    looping = (Assign("n", Const(0)), counted(draw(st.integers(0, 5)), *body)) if draw(st.booleans()) else body
    leaves = If(Binary("==", Reg("q"), Const(draw(st.integers(0, 1)))), (Exit("W"),))
    tries = (Loop("W", (Load("q", Const(Y), ONCE), Fence(frozenset({"Mb"})), leaves, Load("b", Const(X), ONCE))),)
    also = tries if draw(st.booleans()) else ()
    types = {**first.reg_types, "n": INT, "q": INT}
    threads = (
        replace(first, body=(*first.body[:2], *looping), reg_types=types),
        replace(last, body=(*last.body, *also), reg_types=types),
    )
    return replace(program, threads=threads)


def told(found: Outcomes) -> tuple[object, ...]:
    return found.states, found.failed, found.deadlock, found.condition


@SLOW
@given(with_loops())
def test_what_interleavings_of_a_part_do_is_what_those_of_the_program_do(program):
    found = with_nothing(program).explored(outcomes)
    whole = outcomes(program)
    for one, other in zip(told(found), told(whole), strict=True):
        assert one == other


def seen(found: Found) -> object:
    return found.states, found.failed


@SLOW
@given(programs(most_threads=2, weak=True), st.booleans())
def test_what_the_view_machine_does_with_a_part_is_what_it_does_with_the_program(program, x86):
    def explore(given_one: ir.Program) -> Found:
        return runs(given_one, x86=x86)

    try:
        whole = explore(program)
    except MayRaceError:
        return
    assert seen(with_nothing(program).explored(explore)) == seen(whole)


def test_a_branch_that_no_random_run_takes_is_put_back_when_a_thread_comes_to_it():
    reads = (Load("a", Const(X), ONCE), If(Reg("a"), (Store(Const(X), Const(1), ONCE), Assert(Const(0), "A"))))
    program = straight(reads, (Store(Const(X), Const(1), ONCE),))
    part = with_nothing(program)
    explored: list[ir.Program] = []

    def explore(now: ir.Program) -> Outcomes:
        explored.append(now)
        return outcomes(now)

    found = part.explored(explore)
    assert found.failed == {"A"}
    assert [sum(isinstance(s, Assert) for s in statements(now.threads[0].body)) for now in explored] == [0, 1]
    assert not part.is_whole


def test_loops_are_followed_for_as_many_rounds_as_there_are_and_at_last_for_ever(monkeypatch):
    monkeypatch.setattr(parts, "MOST_ROUNDS", 8)
    counts = (Assign("n", Const(0)), counted(5, Load("a", Const(X), ONCE)), Assert(Const(0), "A"))
    part = Part(straight(counts, (Store(Const(X), Const(1), ONCE),)))
    assert part.explored(outcomes).failed == {"A"}
    assert (part.rounds, part.is_whole) == ({"R": 8}, False)
    for_ever = Loop("W", (Load("a", Const(X), ONCE), Load("b", Const(Y), ONCE), If(Reg("a"), (Exit("W"),))))
    part = Part(straight((for_ever,), (Store(Const(Y), Const(1), ONCE),)))
    assert part.explored(outcomes).failed == {"non-termination"}
    assert part.is_whole


def test_a_program_with_few_accesses_is_explored_as_it_is(monkeypatch):
    monkeypatch.setattr(parts, "LEAST", 500)
    assert Part(straight((Store(Const(X), Const(1), ONCE),))).is_whole


def test_where_an_access_may_race_the_rest_is_answered_if_that_is_wanted():
    here, there = ir.Position("mm/page.c", 1), ir.Position("mm/page.c", 2)
    program = straight(
        (Store(Const(X), Const(1), frozenset(), pos=here),),
        (Load("a", Const(X), frozenset(), pos=there), Assert(Binary("<", Reg("a"), Const(2)), "A")),
    )
    question = Question(program, load_model("lkmm"), ("A",))
    with pytest.raises(MayRaceError):
        Views(question).answer()
    found = Views(replace(question, despite_races=True)).answer()
    assert list(found.cannot) == ["A"]
    assert all("may race" in race for race in found.races)
    assert {race.split(": ")[0] for race in found.races} <= {f"{here}", f"{there}"}
    assert found.notes == tuple(f"{race}: for the rest of the answer it is taken to be a marked access" for race in found.races)
