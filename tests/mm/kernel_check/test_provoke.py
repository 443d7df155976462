"""What an attempt says: seen, not seen, not tried, or a difference. On made-up counts, and one recorded session."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from smpcheck.mm.kernel_check import lanes
from smpcheck.mm.kernel_check.lanes import CLEARED, LaneError
from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.provoke import PROVOKE, Attempt, Outcome, attempt, exit_status, from_model, from_witness, why_not
from smpcheck.mm.kernel_check.provoke_report import report, write_table
from smpcheck.mm.kernel_check.sweep import Plan, Round, Tally
from tests.mm.kernel_check.test_sweep import RECORDED
from tests.mm.kernel_check.witnesses import DRAIN, OVERTAKE, TRUNCATE
from tests.schemas import strict


def machine(**other: Any) -> Machine:
    fields: dict[str, Any] = {"counters": frozenset({CLEARED}), "flags": True, "pages": 4, "modelled": True}
    return Machine(Path("/proc"), "6.18.0", **{**fields, **other})


def tried(predicted: bool = True, apart: bool | None = False, **counts: Any) -> Attempt:
    return Attempt("strand", "I3", "", predicted, apart, DRAIN, tally=Tally(**counts))


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (tried(seen=3, together=9), Outcome.SEEN),
        (tried(seen=0, together=10**6), Outcome.UNSEEN),
        (tried(predicted=False, seen=0, together=9), Outcome.UNSEEN),
        (tried(predicted=False, seen=1, together=9), Outcome.CONTRADICTED),
        (tried(seen=3, seen_apart=1), Outcome.NO_RACE),
        (tried(seen=3, seen_apart=1, apart=True), Outcome.SEEN),
        (tried(in_turns=9, seen_in_turns=2), Outcome.SEEN),
        (tried(in_turns=9, seen_in_turns=2, seen_apart=1), Outcome.SEEN),
        (tried(predicted=False, in_turns=9, seen_in_turns=1), Outcome.CONTRADICTED),
        (Attempt("strand", "I3", "", why_not="no root"), Outcome.NOT_TRIED),
    ],
)
def test_outcomes(one: Attempt, outcome: Outcome) -> None:
    assert one.outcome is outcome


def test_what_was_not_seen_is_never_said_to_hold() -> None:
    out = io.StringIO()
    write_table([tried(together=10**6)], machine(), out)
    assert "not seen: that excludes nothing" in out.getvalue()
    assert "hold" not in out.getvalue()


@pytest.mark.parametrize(
    ("attempts", "status"),
    [
        ([tried(seen=1)], 0),
        ([tried(seen=1), tried()], 3),
        ([tried(), tried(predicted=False, seen=1)], 1),
        ([tried(seen=1, seen_apart=1)], 1),
        ([Attempt("strand", "I3", "", why_not="no root")], 3),
    ],
)
def test_the_exit_status_is_zero_only_if_all_was_seen(attempts: list[Attempt], status: int) -> None:
    assert exit_status(attempts) == status


@pytest.mark.parametrize(
    ("lacking", "cpus", "why"),
    [
        ({}, [0], "2 CPUs are needed, one for each lane, and 1 may be used"),
        ({"flags": False}, [0, 1], "the flags of pages cannot be seen"),
        ({"pages": 0}, [0, 1], "nothing can be locked"),
        ({"modelled": False}, [0, 1], "is not of the design that is predicted"),
        ({"counters": frozenset()}, [0, 1], f"{CLEARED} is not in"),
        ({}, [0, 1], ""),
    ],
)
def test_what_a_machine_lacks_is_the_reason_why_nothing_is_tried(lacking: dict[str, Any], cpus: list[int], why: str) -> None:
    found = why_not(TRUNCATE, machine(**lacking), cpus)
    assert why in found
    assert bool(found) == bool(why)


def test_an_attempt_that_breaks_off_was_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> Tally:
        raise LaneError("lane drain: no such thing")

    monkeypatch.setattr(lanes, "run", run)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    one = from_witness(DRAIN)
    attempt(one, machine(), 1.0)
    assert one.outcome is Outcome.NOT_TRIED
    assert one.why_not == "lane drain: no such thing"


@pytest.mark.parametrize("name", PROVOKE)
def test_the_model_predicts_each_race_and_nothing_without_one(name: str) -> None:
    one = from_model(name)
    assert one.predicted
    assert one.predicted_apart is False
    assert one.witness is not None
    assert not one.why_not


def recorded() -> Attempt:
    one = tried()
    for done in RECORDED:
        one.tally.add(done)
    one.tally.looked = one.tally.still = one.tally.undone = 7
    return one


def test_a_recorded_session_told() -> None:
    out = io.StringIO()
    write_table([recorded()], machine(), out)
    text = out.getvalue()
    assert "strand: munlock(p) by munlock against drain() by drain" in text
    assert "predicted  pages left lru, unevictable and not mlocked (I3 fails); none where one lane follows the other" in text
    assert "seen       43 pages left lru, unevictable and not mlocked, in 30 of 88 rounds with calls that overlap" in text
    assert "control    0 pages, in 31 rounds with one lane after the other" in text
    assert "later      7 of 7 still so after 0.2 s; 7 of these 7 no more, once the flag was set and cleared again" in text
    assert "✓ seen, as predicted" in text


def test_a_round_in_turns_is_told_call_by_call() -> None:
    one = from_witness(OVERTAKE)
    one.tally.add(Round(Plan(1, (0, 0), (0, 1, 1, 1, 0, 1)), (0, 10), (90, 99), 2))
    one.tally.add(Round(Plan(1, (0, 0), (0, 0, 1, 1, 1, 1)), (0, 10), (5, 99), 1))
    out = io.StringIO()
    write_table([one], machine(), out)
    assert "in turns   2 pages, in 1 of 1 rounds in which the lanes take turns, call by call" in out.getvalue()
    assert "such as    load: read(a); munlocks: munlock(a); munlocks: read(b); munlocks: drain(); load: drain()" in out.getvalue()
    assert "may have drained its batch in between" in out.getvalue()


def test_what_is_not_tried_is_told_with_its_reason() -> None:
    one = from_witness(DRAIN)
    one.why_not = "no root"
    out = io.StringIO()
    write_table([one], machine(), out)
    assert "not tried: no root" in out.getvalue()
    assert "seen " not in out.getvalue()


def test_documents_follow_the_schema() -> None:
    one = from_witness(TRUNCATE)
    one.why_not = "no root"
    found = report([recorded(), one, tried(predicted=False, seen=1)], machine())
    strict("mm-provoke-1").validate(json.loads(json.dumps(found)))
    assert [each["outcome"] for each in found["attempts"]] == ["seen", "not-tried", "contradicted"]
