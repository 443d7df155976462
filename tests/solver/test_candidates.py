"""Executions one at a time: those that meet what is asked, none twice, none that was excluded."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.program.values import Ptr
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.candidates import Candidates
from tests.naive.generate import random_litmus
from tests.solver.common import NO_MODEL, TRUE, TooMany, executions, key, program, session

BOTH_STALE = "exists (0:r0=0 /\\ 1:r0=0)"
SB = program("WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y);", "WRITE_ONCE(*y, 1); r0 = READ_ONCE(*x);", cond=BOTH_STALE)
STALE = ir.Binary("==", ir.FinalReg(0, "r0"), ir.Const(0))


def walk(candidates: Candidates) -> list[tuple[object, ...]]:
    """All executions, each excluded when it was seen."""
    seen = []
    for execution in candidates:
        seen.append(key(execution))
        candidates.exclude_this(execution)
    return seen


@pytest.mark.parametrize("seed", range(40))
def test_they_are_all_executions_each_once(seed: int) -> None:
    subject = read_litmus(random_litmus(seed, budget=3))
    try:
        expected = {key(e) for e in executions(session(subject, NO_MODEL), 120)}
    except TooMany:
        return
    candidates = Candidates(subject, NO_MODEL, TRUE)
    found = walk(candidates)
    assert len(found) == len(set(found))
    if not candidates.thin_air:
        assert set(found) == expected
    assert set(found) >= expected


def test_the_programs_own_condition_by_default() -> None:
    for execution in (found := list(Candidates(SB, load_model("lkmm")))):
        assert {e.value for e in execution.events if e.kind == "R"} == {0}
    assert len(found) == 1
    assert list(Candidates(SB, load_model("sc"))) == []


def test_another_condition() -> None:
    assert len(list(Candidates(SB, load_model("sc"), STALE))) == 1
    assert len(list(Candidates(SB, load_model("lkmm"), STALE))) == 2


def test_excluding_an_edge_excludes_all_executions_that_have_it() -> None:
    candidates = Candidates(SB, load_model("lkmm"), TRUE)
    for number, execution in enumerate(candidates):
        if number == 0:
            from_initial = [("rf", w, r) for w, r in execution.relations["rf"] if execution.events[w].thread < 0] or [
                ("rf", *next(iter(execution.relations["rf"])))
            ]
            edge = from_initial[0]
            label = execution.events[edge[1]].address, execution.events[edge[1]].thread, execution.events[edge[2]].thread
            candidates.exclude([edge])
            continue
        for w, r in execution.relations["rf"]:
            source, read = execution.events[w], execution.events[r]
            assert (source.address, source.thread, read.thread) != label


def test_excluding_nothing_ends_the_walk() -> None:
    """Every execution has all edges of the empty set."""
    candidates = Candidates(SB, load_model("lkmm"), TRUE)
    count = 0
    for _ in candidates:
        count += 1
        candidates.exclude([])
    assert count == 1


def test_only_those_that_raise_a_flag() -> None:
    racy = program("*x = 1;", "r0 = READ_ONCE(*y); if (r0) r1 = *x;", "WRITE_ONCE(*y, 1);")
    found = list(Candidates(racy, load_model("lkmm"), flag="data-race"))
    assert found
    for execution in found:
        assert sum(e.kind == "R" for e in execution.events) == 2


def test_only_those_that_fail_an_assertion() -> None:
    body = (ir.Load("r", ir.Const(Ptr("x")), frozenset({"Once"})), ir.Assert(ir.Reg("r"), "is set"))
    store = (ir.Store(ir.Const(Ptr("x")), ir.Const(1), frozenset({"Once"})),)
    subject = ir.Program("t", {Ptr("x"): ir.Cell("x")}, (ir.Thread(0, body), ir.Thread(1, store)))
    found = list(Candidates(subject, load_model("sc"), failing=["is set"]))
    assert [e.failed for e in found] == [("is set",)]
    assert list(Candidates(subject, load_model("sc"), failing=["another"])) == []


def test_cut_executions_are_not_among_them_and_that_is_said() -> None:
    spin = program("while (READ_ONCE(*x) == 0) WRITE_ONCE(*y, 1);", "WRITE_ONCE(*x, 1);")
    candidates = Candidates(spin, load_model("sc"), TRUE)
    assert len(walk(candidates)) == 3  # none, one or two rounds
    assert candidates.cut
    assert not Candidates(SB, load_model("sc"), TRUE).cut
