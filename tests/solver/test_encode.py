"""The encoding's executions are the candidate executions: no more, no fewer, with C's values; faults where C has none."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import pytest
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.errors import InputError
from smpcheck.program import ir
from smpcheck.program.execution import ExecutedEvent
from smpcheck.program.values import Value
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Question
from smpcheck.solver.session import Session, ThinAir
from smpcheck.solver.solve import solve
from tests.naive.enumerate import Ev
from tests.naive.enumerate import executions as by_brute_force
from tests.naive.generate import random_litmus
from tests.solver.common import COHERENT, NO_MODEL, TooMany, executions, program, session

Pair = tuple[int, int]


def final_values(subject: ir.Program, name: str = "r0", thread: int = 0, model: str = "sc") -> set[Value]:
    """The values in which a register can end."""
    wanted = ir.FinalReg(thread, name)
    asked = replace(subject, observed=(wanted,))
    return {state[wanted] for state, _ in solve(asked, load_model(model)).states}


# --- all candidate executions, once ---


def shape(events: Iterable[ExecutedEvent | Ev], rf: Iterable[Pair], co: Iterable[Pair]) -> tuple[object, ...]:
    """Who did what and saw what. Initial writes go by their address: untouched ones may be left out."""
    everything = list(events)
    counted = count()
    label = [next(counted) if e.thread >= 0 else e.address for e in everything]
    return (
        tuple((e.thread, e.kind, e.address, e.value) for e in everything if e.thread >= 0),
        frozenset((label[a], label[b]) for a, b in rf),
        frozenset((label[a], label[b]) for a, b in co),
    )


@pytest.mark.parametrize("seed", range(90))
def test_without_a_model_all_candidates_are_there(seed: int) -> None:
    subject = read_litmus(random_litmus(seed, budget=3))
    expected = []
    try:
        for number, candidate in enumerate(by_brute_force(subject)):
            if number == 800:
                return
            expected.append(shape(candidate.events, candidate.rf, candidate.co))
        found = [
            shape(execution.events, execution.relations["rf"], execution.relations["co"])
            for execution in executions(session(subject, NO_MODEL), 1200)
        ]
    except (TooMany, NotImplementedError):
        return
    assert len(set(found)) == len(found)
    assert set(found) == set(expected)


def test_what_coherence_rules_out_is_not_even_encoded() -> None:
    subject = program("WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2); r0 = READ_ONCE(*x);")
    assert session(subject, NO_MODEL).encoding.rf.keys() == {(0, 5), (3, 5), (4, 5)}
    assert session(subject, COHERENT).encoding.rf.keys() == {(4, 5)}


# --- values ---


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ("r0 = READ_ONCE(*x) + 1;", {1, 2}),
        ("r0 = READ_ONCE(*x) ? 5 : 7;", {5, 7}),
        ("r0 = !READ_ONCE(*x);", {0, 1}),
        ("r0 = (char)(READ_ONCE(*x) * 200);", {0, -56}),
        ("r0 = READ_ONCE(*x) - 1 > 0u;", {0, 1}),
        ("if (READ_ONCE(*x)) r0 = 3; else r0 = 4;", {3, 4}),
        ("r0 = 2; if (READ_ONCE(*x)) r0 = 3;", {2, 3}),
        ("r1 = READ_ONCE(*x); r0 = r1 ^ r1;", {0}),
        ("r1 = READ_ONCE(*x); r0 = r1 ? 4 / r1 : 9;", {4, 9}),
        ("r1 = READ_ONCE(*x); r0 = r1 && 4 / r1 == 4;", {0, 1}),
        ("r1 = READ_ONCE(*x); r0 = !r1 || 4 / r1 == 4;", {1}),
        ("r1 = READ_ONCE(*x); if (r1) r0 = 4 / r1;", {0, 4}),
        ("r1 = READ_ONCE(*x); if (r1 && 4 % r1 == 0) r0 = 6;", {0, 6}),
    ],
)
def test_values_are_computed_as_in_c(body: str, values: set[Value]) -> None:
    assert final_values(program(body, "WRITE_ONCE(*x, 1);")) == values


def test_values_travel_through_memory() -> None:
    triple, add = "r0 = READ_ONCE(*x); WRITE_ONCE(*y, r0 * 3);", "r0 = READ_ONCE(*y); WRITE_ONCE(*z, r0 + 2);"
    subject = program("r0 = READ_ONCE(*z);", triple, add, "WRITE_ONCE(*x, 5);")
    assert final_values(subject) == {0, 2, 17}


def test_a_counter_takes_as_many_values_as_there_are_increments() -> None:
    subject = program(*["r0 = READ_ONCE(*x); WRITE_ONCE(*x, r0 + 1);"] * 3)
    assert final_values(subject) == {0, 1, 2}


COPY = replace(
    program("r0 = READ_ONCE(*x); WRITE_ONCE(*y, r0);", "r0 = READ_ONCE(*y); WRITE_ONCE(*x, r0);"),
    observed=(ir.FinalReg(0, "r0"),),
)
"""Load buffering with data: where each copies what the other stored, nothing says what."""


def test_values_out_of_thin_air_are_noticed() -> None:
    assert final_values(COPY) == {0}
    with pytest.raises(ThinAir):
        Session(COPY, COHERENT, Question(), True, 0.0).run()


def test_a_branch_on_a_value_out_of_thin_air_is_open_until_that_is_asked_about() -> None:
    decided = program("r0 = READ_ONCE(*x); if (r0) WRITE_ONCE(*y, r0);", "r0 = READ_ONCE(*y); WRITE_ONCE(*x, r0);")
    for execution in executions(session(decided, COHERENT)):
        assert all(e.value == 0 for e in execution.events)
    decided = replace(decided, condition=ir.FinalReg(0, "r0"), observed=COPY.observed)
    answer = solve(decided, COHERENT, Question(witness=True))
    assert (answer.verdict, answer.thin_air) == ("Sometimes", True)
    assert answer.witness is not None
    (value,) = {e.value for e in answer.witness.events if e.kind == "R"}
    assert value == answer.witness.final[COPY.observed[0]] != 0


# --- faults ---


STOPS = Question(mode="stops", stops=True, flags=False)


@pytest.mark.parametrize(
    "body",
    [
        "WRITE_ONCE(*y, 4 / READ_ONCE(*x));",
        "r0 = 4 / READ_ONCE(*x);",
        "r0 = 1 << (READ_ONCE(*x) * 32);",
        "r0 = 4 % READ_ONCE(*x); r0 = 1;",
        "if (4 / READ_ONCE(*x)) r0 = 1;",
        "r1 = READ_ONCE(*x); if (r1 || 4 / r1) r0 = 1;",
        "r1 = READ_ONCE(*x); WRITE_ONCE(*y, r1 ? 1 : 4 / r1);",
    ],
)
def test_an_undefined_value_that_can_be_computed_is_a_fault_with_its_position(body: str) -> None:
    subject = program(body, "WRITE_ONCE(*x, 1);")
    answer = solve(subject, load_model("sc"), STOPS)
    assert set(answer.failed) == {"undefined-value"}
    ((name, pos),) = answer.failed["undefined-value"].faults
    assert name == "undefined-value"
    assert pos is not None
    assert pos.line == 3
    assert solve(subject, load_model("sc")).may_fault


def test_an_undefined_value_that_no_execution_computes_is_none() -> None:
    """Under sc the flag guards the divisor; under the kernel's model, without barriers, it does not."""
    subject = program("WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); r1 = READ_ONCE(*x); if (r0) r2 = 4 / r1;")
    assert solve(subject, load_model("sc")).status == "ok"
    assert not solve(subject, load_model("sc"), STOPS).failed
    assert set(solve(subject, load_model("lkmm"), STOPS).failed) == {"undefined-value"}


def test_a_division_in_the_condition_is_checked_too() -> None:
    subject = program("r0 = READ_ONCE(*x);", "WRITE_ONCE(*x, 1);")
    cond = ir.Binary("/", ir.Const(4), ir.FinalReg(0, "r0"))
    with pytest.raises(InputError, match="the condition can compute an undefined value"):
        solve(subject, load_model("sc"), Question(condition=cond))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("int *p = READ_ONCE(*q); WRITE_ONCE(*p, 1);", "null-dereference"),
        ("int *p = READ_ONCE(*q); r0 = READ_ONCE(*p);", "null-dereference"),
        ("int *p = READ_ONCE(*q); r0 = READ_ONCE(*p); smp_mb(); r0 = cmpxchg(p, 0, 1);", "null-dereference"),
        ("int *p = READ_ONCE(*q); r0 = cmpxchg(p, 0, 1);", "null-dereference"),
        ("int *p = READ_ONCE(*q); while (smp_load_acquire(p)) { }", "null-dereference"),
        ("int *p = &x[1]; if (READ_ONCE(*y)) WRITE_ONCE(*p, 1);", "bad-address"),
    ],
)
def test_a_bad_address_is_an_outcome(body: str, fault: str) -> None:
    """Whatever the thread would have done with what is read there."""
    subject = program(body, "WRITE_ONCE(*y, 1); WRITE_ONCE(*q, x);", params="int **q, int *x, int *y", init="int *q = 0;")
    answer = solve(subject, load_model("sc"), STOPS)
    assert set(answer.failed) == {fault}
    execution = answer.failed[fault]
    assert [name for name, _ in execution.faults] == [fault]
    assert [e for e in execution.events if e.thread == 0][-1].address not in subject.cells
    assert solve(subject, load_model("sc")).status == "ok"


def test_an_address_decides_what_is_accessed() -> None:
    text = """C t
{ int *p = &x; }
P0(int **p, int *y) { WRITE_ONCE(*p, y); }
P1(int **p) { int *r1 = READ_ONCE(*p); WRITE_ONCE(*r1, 1); }
exists (x=1 /\\ y=0)
"""
    answer = solve(read_litmus(text), load_model("sc"))
    assert answer.verdict == "Sometimes"
    assert {tuple(s.values()) for s, _ in answer.states} == {(1, 0), (0, 1)}
