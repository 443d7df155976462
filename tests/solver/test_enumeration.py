"""Candidates judged one by one: the same answers as the solver's, or none."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.cat.requirements import beyond_coherence
from smpcheck.errors import SmpcheckError
from smpcheck.program import ir
from smpcheck.program.events import Event, Terms
from smpcheck.program.pieces import cut
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Answer, Question
from smpcheck.solver.coherence_orders import CellAccesses
from smpcheck.solver.enumeration import VARIABLE, can_hold, enumerated
from smpcheck.solver.solve import solve
from smpcheck.solver.unrolled import Unrolled
from tests.naive.generate import circular_litmus, null_litmus, random_litmus, twins, waiting_litmus
from tests.naive.mixed import random_mixed
from tests.reference.table import LANGUAGES, load
from tests.solver.common import program

MODELS = ("lkmm", "sc", "tso")


def small(subject: ir.Program, model: Model, question: Question) -> Answer | None:
    """The answer found by enumeration, however long that takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "enumerate")
        return enumerated(Unrolled(subject, model, question), model, question)


def said(answer: Answer) -> tuple[object, ...]:
    """All that an answer says."""
    facts = (answer.status, answer.verdict, answer.states, answer.complete, answer.flags, answer.message, answer.rounds)
    return (*facts, answer.may_fault, answer.may_wait, answer.thin_air)


def compare(subject: ir.Program, model: Model, mode: str) -> bool:
    """Was the question answered by enumeration? Then as the solver does."""
    question = Question(mode=mode)  # type: ignore[arg-type]
    try:
        found = small(subject, model, question)
        by_solver = solve(subject, model, question)
    except SmpcheckError:
        return False
    if found is not None:
        assert said(found) == said(by_solver), f"{mode} under {model.name}:\n{subject.source}"
    return found is not None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(MODELS), st.sampled_from(["verdict", "states"]))
def test_random_programs(seed: int, model: str, mode: str) -> None:
    for make in (random_litmus, twins):
        compare(read_litmus(make(seed)), load_model(model), mode)


@pytest.mark.slow
def test_many_random_programs() -> None:
    for seed in range(1000, 1400):
        for make in (random_litmus, twins, null_litmus, waiting_litmus, circular_litmus):
            compare(read_litmus(make(seed)), load_model(MODELS[seed % 3]), ("verdict", "states")[seed % 2])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["verdict", "states"]))
def test_null_pointers_and_waits_are_answered_as_the_solver_does_or_not_at_all(seed: int, mode: str) -> None:
    for make in (null_litmus, waiting_litmus):
        compare(read_litmus(make(seed)), load_model("lkmm"), mode)


def test_values_that_may_justify_each_other_are_looked_at_where_the_model_forbids_them() -> None:
    """Else the solver is asked, which knows what they may be."""
    answered = [False, False]
    for seed in range(40):
        subject, model = read_litmus(circular_litmus(seed)), load_model(MODELS[seed % 3])
        if Unrolled(subject, model, Question()).domains.open:
            answered[compare(subject, model, ("verdict", "states")[seed % 2])] = True
    assert all(answered)


def test_where_values_may_justify_each_other_the_solver_is_asked_whatever_the_question() -> None:
    """The condition is met whatever they are."""
    subject = program("r0 = *x; *y = r0;", "r0 = *y; *x = r0;")
    model, question = load_model("lkmm"), Question(mode="verdict")
    assert enumerated(Unrolled(subject, model, question), model, question) is None


def test_where_values_may_justify_each_other_and_say_where_a_write_goes_the_solver_is_asked() -> None:
    """Each of two operations may read what the other writes, and pointers that change say where more is written."""
    threads = (
        "int *q; int a = xchg_relaxed(w, *x); q = READ_ONCE(*p); WRITE_ONCE(*q, a); WRITE_ONCE(*p, x);",
        "int *q; int a = xchg_relaxed(w, *y); q = READ_ONCE(*p); WRITE_ONCE(*q, a); WRITE_ONCE(*p, y); a = READ_ONCE(*x);",
    )
    code = "\n".join(f"P{n}(int *x, int *y, int **p, int *w) {{ {body} }}" for n, body in enumerate(threads))
    subject = read_litmus(f"C t\n{{ int *p = &x; w = 1; }}\n{code}\nlocations [x; y; 1:a] exists (x=5)\n")
    for model in ("sc", "lkmm"):
        compare(subject, load_model(model), "states")


def test_what_orders_of_writes_give_is_not_required_again() -> None:
    def names(model: str) -> set[str]:
        return {axiom.name for axiom in load_model(model).axioms} - {a.name for a in beyond_coherence(load_model(model)).axioms}

    assert names("lkmm") == {"coherence", "atomic"}
    assert names("sc") == {"atomic"}  # its other axiom is about more than the writes to one location


def test_a_quick_look_at_a_condition_says_what_the_solver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    model, said_something = load_model("lkmm"), 0
    for seed in range(12):
        subject = read_litmus(random_litmus(seed, 4))
        monkeypatch.setenv(VARIABLE, "")
        quick = can_hold(subject, model, subject.condition)
        monkeypatch.setenv(VARIABLE, "solve")
        assert can_hold(subject, model, subject.condition) is None
        if quick is not None:
            assert quick == (solve(subject, model, Question(mode="verdict")).verdict in ("Sometimes", "Always"))
            said_something += 1
    assert said_something >= 6


def test_most_random_programs_are_small() -> None:
    model = load_model("lkmm")
    assert sum(compare(read_litmus(random_litmus(seed, 4)), model, "verdict") for seed in range(16)) >= 10


def test_programs_with_accesses_of_several_sizes() -> None:
    answered = [
        compare(cut(random_mixed(seed)), load_model(MODELS[seed % 3]), ("verdict", "states")[seed % 2]) for seed in range(9)
    ]
    assert sum(answered) >= 6


_ADDRESS = """AArch64 address
{ 0:X1=x; 0:X3=y; 1:X1=x; 1:X3=y; }
 P0          | P1                   ;
 MOV W0,#3   | LDR W0,[X3]          ;
 STR W0,[X1] | EOR W2,W0,W0         ;
 DMB SY      | LDR W4,[X1,W2,SXTW]  ;
 STR W0,[X3] |                      ;
exists (1:X0=3 /\\ 1:X4=0)"""


def test_an_address_that_depends_on_a_value_in_name_only_is_known() -> None:
    model, question = load_model("aarch64"), Question()
    unrolled = Unrolled(read_litmus(_ADDRESS), model, question)
    assert not unrolled.domains.faults
    found = enumerated(unrolled, model, question)
    assert found is not None and found.verdict == "Never"


@pytest.mark.parametrize(("language", "model"), LANGUAGES.items())
def test_programs_in_each_language(language: str, model: str) -> None:
    rows = load(language)[::20]
    answered = [compare(read_litmus(row.text), load_model(model), "verdict") for row in rows]
    assert sum(answered) >= len(rows) // 2


@pytest.mark.slow
@pytest.mark.parametrize(("language", "model"), LANGUAGES.items())
def test_all_programs_in_each_language(language: str, model: str) -> None:
    for row in load(language):
        for mode in ("verdict", "states"):
            compare(read_litmus(row.text), load_model(model), mode)


def test_a_filter_counts() -> None:
    text = program("WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y);", "WRITE_ONCE(*y, 1); r0 = READ_ONCE(*x);").source
    subject = read_litmus(text.replace("exists (true)", "filter (0:r0=1)\nexists (1:r0=1)"))
    assert compare(subject, load_model("lkmm"), "states")


def test_a_condition_on_what_does_not_happen_is_looked_at() -> None:
    """P0 always returns before it reads x, and so r1 is 0."""
    subject = program(
        "r0 = READ_ONCE(*y); if (r0 == 0) return; r1 = READ_ONCE(*x);", "WRITE_ONCE(*x, 1);", cond="exists (0:r1=1)"
    )
    for model in MODELS:
        found = small(subject, load_model(model), Question(mode="verdict"))
        assert found is not None and found.verdict == "Never"


def test_what_is_found_one_by_one_has_limits() -> None:
    """Ten threads that increment a counter have ten factorial orders, and the solver is asked."""
    subject = program(*["atomic_inc((atomic_t *)x);"] * 10, cond="exists (x=9)")
    model, question = load_model("lkmm"), Question(mode="verdict")
    assert enumerated(Unrolled(subject, model, question), model, question) is None


@pytest.mark.parametrize(
    "body",
    ["while (READ_ONCE(*x) == 0) { }", "r0 = 4 / READ_ONCE(*x);", "for (r0 = 0; r0 < READ_ONCE(*x); r0++) { }"],
    ids=["a wait", "a division", "a loop"],
)
def test_what_is_left_to_the_solver(body: str) -> None:
    assert small(program(body, "WRITE_ONCE(*x, 1);"), load_model("lkmm"), Question(mode="verdict")) is None


# --- orders ---


@st.composite
def accesses(draw: st.DrawFn) -> tuple[CellAccesses, dict[int, int]]:
    """Accesses of a few threads to one cell, some of them atomic, and a source for each read."""
    zero = Terms().zero
    cell = CellAccesses()
    cell.add(Event(0, -1, "W", frozenset(), zero, zero, 1))
    number = 0
    reads: list[int] = []
    writes = [0]
    for thread in range(draw(st.integers(1, 3))):
        for kind in draw(st.lists(st.sampled_from(["R", "W", "RW"]), max_size=3)):
            for half in kind:
                number += 1
                partner = None if len(kind) == 1 else number + 1 if half == "R" else number - 1
                cell.add(Event(number, thread, half, frozenset(), zero, zero, 1, partner=partner))
                (reads if half == "R" else writes).append(number)
    return cell, {read: draw(st.sampled_from(writes)) for read in reads}


def is_coherent(cell: CellAccesses, sources: dict[int, int], order: list[int], atomic: bool) -> bool:
    """By the definition: no two accesses of a thread go back in the order, and what is atomic stays together."""
    place = {write: i for i, write in enumerate(order)}
    for own in cell.threads.values():
        for i, first in enumerate(own):
            for second in own[i + 1 :]:
                a, b = (place[e.id] if e.kind == "W" else place[sources[e.id]] for e in (first, second))
                if a > b or (a == b and second.kind == "W"):
                    return False
            if first.kind == "R" and atomic and first.partner is not None:
                between = order[place[sources[first.id]] + 1 : place[first.partner]]
                ours = {e.id for e in own}
                if not ours.issuperset(between):
                    return False
    return True


@settings(max_examples=150, deadline=None)
@given(accesses(), st.booleans())
def test_coherence_orders_are_those_of_the_definition(drawn: tuple[CellAccesses, dict[int, int]], atomic: bool) -> None:
    cell, sources = drawn
    if len(cell.writes) > 6:
        return
    first, *rest = cell.writes
    all_orders = [[first, *order] for order in permutations(rest)]
    wanted = [order for order in all_orders if is_coherent(cell, sources, order, atomic)]
    assert sorted(cell.orders(sources, atomic)) == sorted(wanted)


def test_all_final_states_are_there() -> None:
    subject = program("WRITE_ONCE(*x, 1);", "WRITE_ONCE(*x, 2);", "r0 = READ_ONCE(*x); r1 = READ_ONCE(*y);", "WRITE_ONCE(*y, 1);",
                      cond="exists (2:r0=1 /\\ 2:r1=1 /\\ x=2)")  # fmt: skip
    found = small(subject, load_model("sc"), Question())
    assert found is not None
    seen = {tuple(state.values()) for state, _ in found.states}
    assert seen == set(product((0, 1, 2), (0, 1), (1, 2)))
