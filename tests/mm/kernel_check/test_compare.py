"""Majorities, controls, and what counts as a difference."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smpcheck.mm.kernel_check.compare import Verdict, compare_step, observed, show_flags
from smpcheck.mm.kernel_check.steps import COUNTERS, FLAGS, Observation, Prediction, Step

STEP = Step("mlock", range(2), area="p")
FULL = frozenset({"lru", "mlocked"})


def seen(value: int, idle: int = 0, flags: frozenset[str] | None = FULL, outcome: str = "ok") -> Observation:
    return Observation({"nr_mlock": value}, {"p": [flags, flags]}, {"p": 2}, {"p": 2}, outcome, {"nr_mlock": idle})


def said(value: int = 2, flags: frozenset[str] | None = FULL, **other: object) -> Prediction:
    return Prediction({"nr_mlock": value}, {"p": [flags, flags]}, {"p": 2}, {"p": 2}, **other)  # type: ignore[arg-type]


def verdicts(prediction: Prediction | None, *runs: Observation) -> dict[str, Verdict]:
    return {row.what: row.verdict for row in compare_step(STEP, prediction, runs).rows}


def test_what_is_as_predicted_is_ok() -> None:
    assert set(verdicts(said(), seen(2)).values()) == {Verdict.OK}


def test_a_counter_that_is_otherwise_differs() -> None:
    assert verdicts(said(3), seen(2), seen(2), seen(2))["nr_mlock"] is Verdict.DIFFERS


def test_a_counter_that_is_left_out_of_a_prediction_is_predicted_not_to_move() -> None:
    assert verdicts(Prediction({}), seen(2))["nr_mlock"] is Verdict.DIFFERS
    assert verdicts(Prediction({}), seen(0))["nr_mlock"] is Verdict.OK


def test_most_runs_decide() -> None:
    assert verdicts(said(2), seen(2), seen(2), seen(7))["nr_mlock"] is Verdict.OK


def test_without_a_majority_a_counter_is_disturbed() -> None:
    assert verdicts(said(2), seen(2), seen(2), seen(7), seen(8))["nr_mlock"] is Verdict.DISTURBED


def test_a_difference_proves_nothing_where_the_control_moves_most_times() -> None:
    runs = seen(3, idle=1), seen(3, idle=1), seen(3)
    assert verdicts(said(2), *runs)["nr_mlock"] is Verdict.DISTURBED


def test_a_difference_stands_where_the_control_is_still_most_times() -> None:
    runs = seen(3, idle=1), seen(3), seen(3)
    assert verdicts(said(2), *runs)["nr_mlock"] is Verdict.DIFFERS


def test_a_moving_control_does_not_unsettle_agreement() -> None:
    assert verdicts(said(2), seen(2, idle=1), seen(2, idle=1))["nr_mlock"] is Verdict.OK


def test_without_a_prediction_nothing_is_judged() -> None:
    assert set(verdicts(None, seen(2)).values()) == {Verdict.UNPREDICTED}


def test_flags_are_compared_page_by_page() -> None:
    prediction = Prediction({"nr_mlock": 2}, {"p": [FULL, None]}, {"p": 2}, {"p": 2})
    assert verdicts(prediction, seen(2))["flags p"] is Verdict.DIFFERS


def test_flags_that_a_predictor_does_not_model_are_not_compared() -> None:
    more = FULL | {"active"}
    assert verdicts(said(), seen(2, flags=more))["flags p"] is Verdict.DIFFERS
    assert verdicts(said(flags_about=FLAGS - {"active"}), seen(2, flags=more))["flags p"] is Verdict.OK


def test_counters_that_a_predictor_does_not_model_are_not_judged() -> None:
    assert verdicts(said(9, counters_about=frozenset()), seen(2))["nr_mlock"] is Verdict.UNPREDICTED


def test_areas_that_a_prediction_leaves_out_are_not_judged() -> None:
    assert verdicts(Prediction({"nr_mlock": 2}), seen(2))["flags p"] is Verdict.UNPREDICTED


def test_errors_are_compared_by_name() -> None:
    assert verdicts(said(outcome="ENOMEM"), seen(2))["result"] is Verdict.DIFFERS
    assert verdicts(said(outcome="ENOMEM"), seen(2, outcome="ENOMEM"))["result"] is Verdict.OK


def test_what_a_machine_does_not_show_has_no_row() -> None:
    blind = Observation({}, None, None, None, "ok")
    assert verdicts(said(), blind) == {"result": Verdict.OK}


def test_rows_say_how_many_runs_saw_it() -> None:
    row = next(row for row in compare_step(STEP, said(2), [seen(2), seen(2), seen(9)]).rows if row.what == "nr_mlock")
    assert (row.predicted, row.seen, row.runs, row.of) == ("+2", "+2", 2, 3)


def test_counters_come_in_one_order() -> None:
    moved = dict.fromkeys(reversed(COUNTERS), 1)
    things = list(observed(Observation(moved, None, None, None, "ok")))
    assert things == ["result", *COUNTERS]


def test_pages_with_the_same_flags_are_shown_together() -> None:
    assert show_flags([FULL, FULL, None, frozenset()]) == "0-1 lru mlocked, 2 absent, 3 none"


@given(st.lists(st.one_of(st.none(), st.frozensets(st.sampled_from(sorted(FLAGS)), max_size=2)), max_size=6).map(tuple))
def test_pages_are_shown_alike_only_if_they_are(pages: tuple[frozenset[str] | None, ...]) -> None:
    covered = []
    for run in show_flags(pages).split(", ") if pages else []:
        place, *names = run.split()
        first, _, last = place.partition("-")
        for index in range(int(first), int(last or first) + 1):
            covered.append(index)
            assert names == (["absent"] if pages[index] is None else sorted(pages[index] or ()) or ["none"])
    assert covered == list(range(len(pages)))
