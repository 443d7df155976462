"""Questions and answers: verdicts, states, witnesses, and the ways of not knowing, none of which is Never."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import families
from bench.dense import dense
from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.errors import InputError
from smpcheck.program import ir
from smpcheck.program.values import Ptr
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver import domains
from smpcheck.solver.answer import Answer, Question, State
from smpcheck.solver.session import Session, wait_until
from smpcheck.solver.solve import solve
from smpcheck.solver.unrolled import final_term
from smpcheck.time_limit import TimeLimitError, time_limit
from tests.naive.generate import random_litmus
from tests.solver.common import program

SB = program(
    "WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y);", "WRITE_ONCE(*y, 1); r0 = READ_ONCE(*x);", cond="exists (0:r0=0 /\\ 1:r0=0)"
)
COUNTING = "int n = 0; while (READ_ONCE(*x) == 0) { n = n + 1; }"


def said(answer: Answer) -> tuple[object, ...]:
    return answer.status, answer.verdict, answer.states, answer.flags


# --- verdicts and states ---


@pytest.mark.parametrize(("model", "verdict", "count"), [("sc", "Never", 3), ("tso", "Sometimes", 4), ("lkmm", "Sometimes", 4)])
def test_store_buffering(model: str, verdict: str, count: int) -> None:
    answer = solve(SB, load_model(model))
    assert (answer.verdict, len(answer.states), answer.complete) == (verdict, count, True)
    assert solve(SB, load_model(model), Question(mode="verdict")).verdict == verdict


@pytest.mark.parametrize("seed", range(60))
def test_the_verdict_alone_is_that_of_the_states(seed: int) -> None:
    subject = read_litmus(random_litmus(seed))
    states, verdict = (solve(subject, load_model("lkmm"), Question(mode=mode)) for mode in ("states", "verdict"))
    assert (verdict.status, verdict.verdict, verdict.flags, verdict.states) == (states.status, states.verdict, states.flags, ())
    holds = {h for _, h in states.states}
    assert states.verdict == {frozenset({True}): "Always", frozenset({False}): "Never"}.get(frozenset(holds), "Sometimes")
    assert len({tuple(s.items()) for s, _ in states.states}) == len(states.states)


def test_another_condition_may_be_asked() -> None:
    both = ir.Binary("==", ir.FinalReg(0, "r0"), ir.FinalReg(1, "r0"))
    assert solve(SB, load_model("sc"), Question(condition=both)).verdict == "Sometimes"
    assert solve(SB, load_model("sc"), Question(condition=ir.Const(1))).verdict == "Always"


def test_a_filter_leaves_only_what_passes() -> None:
    filtered = program("WRITE_ONCE(*x, 1);", "r0 = READ_ONCE(*x);", cond="filter (1:r0=1)\nexists (1:r0=0)")
    assert solve(filtered, load_model("sc")).verdict == "Never"


def test_states_are_found_one_by_one_and_given_at_once() -> None:
    seen: list[State] = []
    answer = solve(SB, load_model("lkmm"), Question(on_state=seen.append))
    assert len(seen) == 4
    assert {tuple(s.items()) for s in seen} == {tuple(s.items()) for s, _ in answer.states}


def test_a_listing_can_be_left_after_the_first_state() -> None:
    """States come before the search has ended: what listens may stop it."""

    class EnoughError(Exception):
        pass

    def stop(state: State) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        solve(read_litmus(families.sb(16)), load_model("lkmm"), Question(on_state=stop))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_cap_cuts_the_listing_and_not_the_verdict(most: int) -> None:
    answer = solve(SB, load_model("lkmm"), Question(max_states=most))
    assert (answer.verdict, len(answer.states), answer.complete) == ("Sometimes", most, False)
    assert answer.message == f"more than {most} states; the listing stops there"
    assert solve(SB, load_model("sc"), Question(max_states=most)).verdict == "Never"


def test_a_cap_that_is_not_reached_says_nothing() -> None:
    answer = solve(SB, load_model("lkmm"), Question(max_states=4))
    assert (len(answer.states), answer.complete, answer.message) == (4, True, "")


def test_several_threads_of_the_solver_find_the_same() -> None:
    for text in (families.atom(3), families.lock(3), random_litmus(8)):
        one, two = (solve(read_litmus(text), load_model("lkmm"), Question(threads=n)) for n in (1, 2))
        assert said(one) == said(two)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("events", [24, 40])
def test_dense_programs_have_the_same_verdict_in_both_encodings(events: int, seed: int) -> None:
    subject = read_litmus(dense(events, seed))
    question = Question(mode="verdict")
    first, second = (solve(subject, load_model("lkmm"), question, automata=automata) for automata in (True, False))
    assert said(first) == said(second)


@pytest.mark.parametrize("seed", range(40))
def test_both_encodings_find_the_same_states(seed: int) -> None:
    subject = read_litmus(random_litmus(1000 + seed, budget=8))
    first, second = (solve(subject, load_model("lkmm"), automata=automata) for automata in (True, False))
    assert said(first) == said(second)


# --- witnesses ---


@pytest.mark.parametrize("seed", range(30))
def test_witnesses_are_executions_that_the_model_allows(seed: int) -> None:
    """Judged by the evaluator of single executions, which shares nothing with the solver."""
    subject = read_litmus(random_litmus(seed))
    model = load_model("lkmm")
    answer = solve(subject, model, Question(mode="verdict", witness=True))
    assert (answer.witness is not None) == (answer.verdict in ("Sometimes", "Always"))
    assert (answer.counter is not None) == (answer.verdict in ("Sometimes", "Never"))
    for execution in (answer.witness, answer.counter, *answer.flag_witnesses.values()):
        if execution is not None:
            assert [v.name for v in evaluate(model, execution) if not v.flag] == []
    for name, execution in answer.flag_witnesses.items():
        assert name in [v.name for v in evaluate(model, execution) if v.flag]


def test_a_witness_ends_as_asked() -> None:
    answer = solve(SB, load_model("lkmm"), Question(witness=True))
    assert answer.witness is not None
    assert answer.counter is not None
    assert set(answer.witness.final.values()) == {0}
    assert 1 in answer.counter.final.values()


# --- not knowing ---


def test_a_deadline_in_the_past_is_a_timeout() -> None:
    answer = solve(SB, load_model("lkmm"), Question(deadline=0.0))
    assert (answer.status, answer.verdict, answer.message) == ("timeout", None, "no answer within the time limit")


class Woken:
    """A solve handle whose waits are cut short, as clasp's may be. ``ready``: the wait that ends with a model."""

    def __init__(self, ready: int | None, clock: list[float]) -> None:
        self.ready, self.clock, self.waits = ready, clock, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self.clock[0] += 0.25
        return len(self.waits) == self.ready


@pytest.mark.parametrize(
    ("ready", "found", "waits"), [(1, True, [0.5]), (3, True, [0.5, 0.5, 0.5]), (None, False, [0.5, 0.5, 0.5, 0.25])]
)
def test_the_wait_for_a_model_goes_on_while_time_is_left(
    ready: int | None, found: bool, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [10.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    monkeypatch.setattr("smpcheck.solver.session.SLICE", 0.5)
    handle = Woken(ready, clock)
    assert wait_until(handle, 11.0) is found
    assert handle.waits == waits


def test_a_deadline_holds_while_the_solver_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what is stated about chains, counting to twelve is a pigeonhole problem: it would not end today."""
    monkeypatch.setattr("smpcheck.solver.session.add_chains", lambda encoding: None)
    monkeypatch.setattr("smpcheck.solver.session.interchangeable", lambda program, used: [])
    answer = solve(read_litmus(families.atom(12)), load_model("lkmm"), Question(mode="verdict", deadline=0.5))
    assert answer.status == "timeout"


def test_a_limit_on_the_time_of_a_call_ends_a_search_that_has_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """And this process goes on: what the alarm raises does not reach clingo's own calls of Python."""
    monkeypatch.setattr("smpcheck.solver.session.add_chains", lambda encoding: None)
    monkeypatch.setattr("smpcheck.solver.session.interchangeable", lambda program, used: [])
    with pytest.raises(TimeLimitError), time_limit(0.5):
        solve(read_litmus(families.atom(12)), load_model("lkmm"), Question(mode="verdict"))


def test_a_cut_loop_is_never_never() -> None:
    """The condition is false in all executions that were looked at; in one that goes on it might not be."""
    subject = program(COUNTING, "WRITE_ONCE(*x, 1);", cond="exists (x=2)")
    answer = solve(subject, load_model("sc"))
    assert (answer.status, answer.verdict, answer.complete) == ("bound", None, False)
    assert "needs more than 2 rounds in some execution (see --unroll)" in answer.message


def test_a_cut_loop_is_never_always() -> None:
    subject = program(COUNTING, "WRITE_ONCE(*x, 1);", cond="exists (x=1)")
    assert solve(subject, load_model("sc")).status == "bound"


def test_what_was_found_both_ways_stays_found() -> None:
    subject = program(f"{COUNTING} r0 = READ_ONCE(*y);", "WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1);", cond="exists (0:r0=1)")
    answer = solve(subject, load_model("lkmm"))
    assert (answer.status, answer.verdict, answer.complete) == ("ok", "Sometimes", False)
    assert "--unroll" in answer.message


@pytest.mark.parametrize("mode", ["states", "verdict"])
def test_a_loop_that_ends_in_time_is_no_bound(mode: str) -> None:
    subject = program("for (int i = 0; i < 2; i++) { WRITE_ONCE(*x, i + 1); }", cond="exists (x=2)")
    answer = solve(subject, load_model("sc"), Question(mode=mode))  # type: ignore[arg-type]
    assert (answer.status, answer.verdict, answer.complete) == ("ok", "Always", True)


def test_an_unreachable_bound_is_no_bound() -> None:
    """The loop could go on, were there a second store: no execution cuts it."""
    subject = program("r0 = READ_ONCE(*x); while (r0 == 2) { r0 = READ_ONCE(*x); }", "WRITE_ONCE(*x, 1);", cond="exists (x=2)")
    assert solve(subject, load_model("sc")).verdict == "Never"


def test_values_that_are_too_many_to_be_listed_are_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = program(*["r0 = READ_ONCE(*x); WRITE_ONCE(*x, r0 * 3 + 1);"] * 4, cond="exists (x=40)")
    listed = solve(subject, load_model("sc"))
    monkeypatch.setattr(domains, "MAX_DOMAIN", 4)
    bits = solve(subject, load_model("sc"))
    assert (bits.status, bits.verdict, bits.states) == ("ok", "Sometimes", listed.states)


def test_no_execution_is_not_never() -> None:
    stuck = program("spin_lock(l);", "spin_lock(l);", params="spinlock_t *l", cond="exists (false)")
    answer = solve(stuck, load_model("lkmm"))
    assert (answer.status, answer.verdict) == ("no-execution", None)
    empty = program("WRITE_ONCE(*x, 1);", cond="filter (x=2)\nexists (x=3)")
    assert solve(empty, load_model("sc")).status == "no-execution"


def test_a_deadlock_is_found_when_asked_for() -> None:
    crossed = program(
        "spin_lock(a); spin_lock(b); spin_unlock(b); spin_unlock(a);",
        "spin_lock(b); spin_lock(a); spin_unlock(a); spin_unlock(b);",
        params="spinlock_t *a, spinlock_t *b",
    )
    answer = solve(crossed, load_model("sc"), Question(mode="assertions", stops=True))
    assert set(answer.failed) == {"deadlock"}
    assert set(answer.failed["deadlock"].stuck) == {0, 1}


# --- assertions ---


def asserting(model: str, cond: ir.Expr) -> Answer:
    body = (ir.Load("r", ir.Const(Ptr("x")), frozenset({"Once"})), ir.Assert(cond, "a"))
    store = (ir.Store(ir.Const(Ptr("x")), ir.Const(1), frozenset({"Once"})),)
    subject = ir.Program("t", {Ptr("x"): ir.Cell("x")}, (ir.Thread(0, body), ir.Thread(1, store)))
    return solve(subject, load_model(model), Question(mode="assertions"))


def test_an_assertion_that_can_fail_has_a_witness() -> None:
    answer = asserting("sc", ir.Reg("r"))
    assert answer.verdict == "Sometimes"
    assert answer.failed["a"].failed == ("a",)


def test_an_assertion_that_cannot_fail_is_not_mentioned() -> None:
    answer = asserting("sc", ir.Binary("<=", ir.Reg("r"), ir.Const(1)))
    assert (answer.verdict, dict(answer.failed)) == ("Never", {})


# --- what is refused, what is left behind ---


def test_a_register_of_a_thread_is_no_final_value() -> None:
    session = Session(SB, load_model("sc"), Question(), True, 0.0)
    with pytest.raises(InputError, match="Reg cannot stand in a condition on final states"):
        final_term(session.graph, ir.Reg("r0"))


def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert solve(SB, load_model("sc")).status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_the_answer_names_its_program_and_its_time() -> None:
    answer = solve(SB, load_model("sc"))
    assert answer.program is SB
    assert 0 < answer.statistics["encode"] <= answer.statistics["load"] <= answer.statistics["solve"]
