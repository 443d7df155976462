"""A program that is explored without the code that random runs did not come to has the same outcomes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from smpcheck.program.ir import Assert, Binary, Const, If, Load, Loop, Program, Reg, Store
from smpcheck.program.values import Ptr
from smpcheck.simulate import Outcomes, outcomes, pruning
from smpcheck.simulate.explore import _Explorer
from smpcheck.simulate.machine import Machine
from tests.simulate.programs import programs, straight

ONCE = frozenset({"Once"})
X, Y = Const(Ptr("x")), Const(Ptr("y"))


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """All programs without loops are pruned, after very few runs."""
    with monkeypatch.context() as patch:
        patch.setattr(pruning, "LARGE", 0)
        patch.setattr(pruning, "RUNS", 1)
        patch.setattr(pruning, "MORE_RUNS", 1)
        yield patch


def said(found: Outcomes) -> tuple[object, ...]:
    return found.states, found.failed, found.deadlock, found.condition, set(map(str, found.lock_cycles))


@settings(deadline=None, max_examples=100, suppress_health_check=[*HealthCheck])
@given(programs())
def test_random_programs_have_the_same_outcomes(always: pytest.MonkeyPatch, program: Program) -> None:
    pruned = outcomes(program, witnesses=True)
    assert said(pruned) == said(outcomes(program, reduce=False))
    for name, witness in pruned.witnesses.items():
        assert name in ("deadlock", "condition") or name in witness.failed


def rare() -> Program:
    """Only if the first thread's two stores come between the second one's loads is there anything to fail."""
    first = (Store(X, Const(1), ONCE), Store(Y, Const(1), ONCE))
    fails = Assert(Const(0), "rare", "", None)
    inner = If(Binary("==", Reg("b"), Const(1)), (Load("c", X, ONCE), Store(Y, Const(2), ONCE), fails))
    return straight(first, (Load("a", X, ONCE), Load("b", Y, ONCE), If(Binary("==", Reg("a"), Const(0)), (inner,))))


def test_what_follows_a_place_that_was_left_out_is_put_back(always: pytest.MonkeyPatch) -> None:
    machine = Machine(rare(), merge_private=True)
    sampler = pruning.Sampler(machine)
    left_out = [code for code in sampler.codes() if sum(i is pruning.END for i in code.instrs)]
    always.setattr(pruning, "RUNS", 0)
    explorer = _Explorer(machine, 1000, False, True, pruning.Sampler(machine).codes())
    explorer.explore()
    assert left_out or explorer.missing
    assert outcomes(rare()).failed == {"rare"}


def test_a_program_with_a_loop_is_not_pruned(always: pytest.MonkeyPatch) -> None:
    assert not pruning.worth_pruning(Machine(straight((Loop("l", (Load("a", X, ONCE), Store(X, Reg("a"), ONCE)), None, None),))))
