"""Accesses of several sizes, step by step: interleavings and the view machine, against the solver, which tests/solver compares
with brute force.

SMPCHECK_RANDOM=N compares N programs instead of a few; SMPCHECK_RANDOM_FIRST is the first one's number.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.program import ir
from smpcheck.program.flow import statements
from smpcheck.program.pieces import cut
from smpcheck.program.values import UINT, UNDETERMINED, USHORT, Ptr, Value
from smpcheck.readers.litmus import read_litmus
from smpcheck.simulate import outcomes, simulate
from smpcheck.simulate.view_machine import MayRaceError, runs
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.naive.mixed import random_mixed

COUNT = int(os.environ.get("SMPCHECK_RANDOM", "24"))
FIRST = int(os.environ.get("SMPCHECK_RANDOM_FIRST", "0"))
PROGRAMS = [cut(random_mixed(seed, computed=seed % 2 == 1)) for seed in range(FIRST, FIRST + COUNT)]
IN_ORDER = '"in order"\ninclude "lkmm.cat"\nacyclic po | rf | hb | pb as in-order\n'

States = set[tuple[Value, ...]]


def of_model(program: ir.Program, model: str) -> States:
    answer = solve(program, load_model(model), Question(mode="states", flags=False))
    states = {tuple(state[v] for v in program.observed) for state, _ in answer.states}
    return {state for state in states if UNDETERMINED not in state}


def of_runs(program: ir.Program, **options: bool) -> States:
    return {tuple(value for _, value in state) for state in runs(program, **options).states}


def test_interleavings_end_as_the_solver_says_of_sc() -> None:
    for number, program in enumerate(PROGRAMS, FIRST):
        wanted = of_model(program, "sc")
        for reduce in (True, False):
            found = outcomes(program, reduce=reduce)
            assert {tuple(value for _, value in state) for state in found.states} == wanted, f"program {number}"


def test_interleavings_end_in_the_faults_that_the_solver_finds() -> None:
    faults: set[str] = set()
    for number, program in enumerate(PROGRAMS, FIRST):
        found = outcomes(program).failed
        answer = solve(program, load_model("sc"), Question(mode="assertions", stops=True))
        if any(isinstance(stmt, ir.Rmw) and stmt.when is not None for t in program.threads for stmt in statements(t.body)):
            continue  # a run that ends in a fault may be none that an execution begins with
        assert found == set(answer.failed), f"program {number}"
        faults |= found
    assert "misaligned" in faults


def test_a_run_is_an_execution_of_the_models() -> None:
    for number, program in enumerate(PROGRAMS, FIRST):
        execution = simulate(program, "random", number, stop=False).execution()
        for model in ("sc", "tso", "lkmm"):
            assert all(v.flag for v in evaluate(load_model(model), execution)), f"program {number} under {model}"


def test_runs_with_views_contain_the_executions_of_the_kernels_model_in_which_no_store_is_early(tmp_path: Path) -> None:
    in_order = tmp_path / "in-order.cat"
    in_order.write_text(IN_ORDER)
    compared = 0
    for number, program in enumerate(PROGRAMS, FIRST):
        try:
            found = of_runs(program)
        except MayRaceError:
            continue
        every = of_runs(program, reduce=False)
        assert of_model(program, str(in_order)) <= every <= found, f"program {number}"
        compared += 1
    assert compared


def test_runs_with_views_contain_the_executions_of_total_store_order() -> None:
    for number, program in enumerate(PROGRAMS, FIRST):
        every = of_runs(program, x86=True, reduce=False)
        assert of_model(program, "tso") <= every <= of_runs(program, x86=True), f"program {number}"


ONCE = frozenset({"Once"})
WORD, LOW, HIGH = ir.Const(Ptr("x")), ir.Const(Ptr("x")), ir.Const(Ptr("x", 2))


def torn(tags: frozenset[str]) -> ir.Program:
    """A store of a word of two halves, and a load of it."""
    store = ir.Store(WORD, ir.Const(0x10001), tags, ctype=UINT)
    load = ir.Load("r", WORD, tags, ctype=UINT)
    half = ir.Load("h", HIGH, tags, ctype=USHORT)
    cells = {Ptr("x"): ir.Cell("x", UINT)}
    threads = (ir.Thread(0, (store,)), ir.Thread(1, (load, half)))
    return cut(ir.Program("torn", cells, threads, observed=(ir.FinalReg(1, "r"), ir.FinalReg(1, "h"))))


def test_a_marked_access_is_one_in_runs_with_views() -> None:
    assert of_runs(torn(ONCE)) == {(0, 0), (0, 1), (0x10001, 1)}


def test_a_plain_access_of_several_pieces_that_may_race_is_refused_in_runs_with_views() -> None:
    with pytest.raises(MayRaceError):
        runs(torn(frozenset()))


def test_two_loads_of_one_instruction_come_in_either_order() -> None:
    pair = read_litmus(
        "AArch64 pair\n{ int32_t x[2]; 0:X1=x; 1:X1=x; }\n P0 | P1 ;\n MOV W0,#1 | LDP W2,W3,[X1] ;\n STR W0,[X1,#4] | ;\n"
        " STR W0,[X1] | ;\nlocations [1:X2; 1:X3;] exists (true)\n"
    )
    found = {tuple(value for _, value in state) for state in outcomes(pair).states}
    assert found == of_model(pair, "sc") and (1, 0) in found, "of small tests the model sc is asked in another way"
