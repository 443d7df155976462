"""Two independent ways to the same answer: exploring all schedules, and the solver under the model ``sc``."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from smpcheck.cat.load import load_model
from smpcheck.program.ir import Program
from smpcheck.simulate import outcomes, simulate
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.simulate.programs import programs

VERDICTS = {frozenset({True}): "Always", frozenset({False}): "Never", frozenset({True, False}): "Sometimes"}


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_final_states_agree(program: Program) -> None:
    found, answer = outcomes(program), solve(program, load_model("sc"))
    if not found.states:
        assert answer.status == "no-execution"
        return
    assert answer.verdict == VERDICTS[found.condition]
    assert {tuple(state.items()) for state, _ in answer.states} == found.states


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_failed_checks_and_deadlocks_agree(program: Program) -> None:
    found, answer = outcomes(program), solve(program, load_model("sc"), Question(mode="assertions", stops=True))
    assert set(answer.failed) == found.failed | ({"deadlock"} if found.deadlock else set())


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_what_a_run_ends_in_is_a_final_state(program: Program) -> None:
    states = outcomes(program).states
    for seed in range(5):
        result = simulate(program, "random", seed, stop=False)
        if result.final:
            assert tuple(result.final.items()) in states
