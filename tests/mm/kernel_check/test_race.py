"""The race, short, and its arithmetic."""

from __future__ import annotations

import _thread
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from smpcheck.mm.kernel_check import race
from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.proctext import parse_status
from smpcheck.mm.kernel_check.race import Check, RaceReport, run_race

WORKERS = ["ftruncate", "mlock, munlock", "write", "pageout, cold"]


def test_the_invariants_hold_after_a_race(machine: Machine) -> None:
    ticks = []
    before = len(os.listdir("/proc/self/fd"))
    report = run_race(machine, 1.0, tick=lambda gone, moved: ticks.append(gone))
    assert list(report.calls) == WORKERS
    assert all(report.calls.values())
    assert report.holds
    assert {check.name for check in report.checks} == {"I2", "I3", "I10"}
    assert report.moved["unevictable_pgs_mlocked"] > 0
    assert ticks == sorted(ticks)
    assert ticks
    assert len(os.listdir("/proc/self/fd")) == before
    assert parse_status(Path("/proc/self/status").read_text())["VmLck"].split()[0] == "0"


def test_a_race_on_another_file_system(machine: Machine, tmp_path: Path) -> None:
    report = run_race(machine, 0.3, tmp_path)
    assert report.holds is not False
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_a_race_with_a_report(machine: Machine) -> None:
    def tick(gone: float, moved: Mapping[str, int]) -> None:
        _thread.interrupt_main()

    report = run_race(machine, 60.0, tick=tick)
    assert report.interrupted
    assert report.seconds < 60
    assert report.checks
    assert not [thread.name for thread in threading.enumerate() if thread.name in WORKERS]


def test_a_thread_that_fails_is_not_passed_over(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: race.Field) -> None:
        raise OSError(5, "broken")

    monkeypatch.setattr(race.Field, "_truncate", fail)
    with pytest.raises(OSError, match="broken"):
        run_race(machine, 60.0)
    assert not [thread.name for thread in threading.enumerate() if thread.name in WORKERS]


def counters(**values: int) -> dict[str, int]:
    names = "mlocked", "munlocked", "cleared", "stranded", "culled", "rescued"
    return {f"unevictable_pgs_{name}": values.get(name, 0) for name in names} | {
        name: values.get(name, 0) for name in ("nr_mlock", "nr_unevictable")
    }


def checked(moved: dict[str, int], before: dict[str, int] | None = None, disturbed: bool = False) -> dict[str, bool | None]:
    before = before or counters()
    report = RaceReport(4, moved=moved)
    race._check_counters(report, before, {name: before[name] + moved[name] for name in moved}, disturbed)
    return {check.text.rpartition(", ")[2]: check.holds for check in report.checks}


def test_the_sum_of_events_is_the_level() -> None:
    moved = counters(mlocked=10, munlocked=5, cleared=2, stranded=1, nr_mlock=2)
    assert checked(moved)["over the race"] is True
    assert checked(moved | {"nr_mlock": 3})["over the race"] is False


def test_a_difference_while_counters_move_proves_nothing() -> None:
    moved = counters(mlocked=10, nr_mlock=9)
    assert checked(moved, disturbed=True)["over the race"] is None


def test_a_sum_that_was_wrong_before_the_race_is_not_held_against_it() -> None:
    assert checked(counters(mlocked=1, nr_mlock=1), counters(nr_mlock=5))["since boot"] is None
    assert checked(counters(mlocked=1, nr_mlock=2))["since boot"] is False


def test_no_more_pages_leave_the_unevictable_list_than_came() -> None:
    freed = "over the race: freed while unevictable"
    assert checked(counters(culled=10, rescued=7, nr_unevictable=1)).get(freed, "") is True
    assert checked(counters(culled=1, rescued=7)).get(freed, "") is False


def test_without_levels_there_is_no_check() -> None:
    moved = {name: by for name, by in counters(mlocked=1).items() if not name.startswith("nr_")}
    assert checked(moved, dict.fromkeys(moved, 0)) == {}


@pytest.mark.parametrize(
    ("answers", "holds"),
    [([], None), ([None], None), ([True, None], True), ([True, False], False), ([False, None], False)],
)
def test_a_race_holds_if_all_that_is_decided_does(answers: list[bool | None], holds: bool | None) -> None:
    checks = [Check("I2", "", 0, 0 if answer else 1, disturbed=answer is None) for answer in answers]
    assert RaceReport(4, checks=checks).holds is holds


@pytest.mark.parametrize("count", range(2, 9))
def test_truncation_and_mlock_run_on_different_cpus(count: int) -> None:
    truncation, mlock, *others = race.places(range(10, 10 + count))
    assert truncation != mlock
    assert {truncation, mlock, *others} <= set(range(10, 10 + count))
    assert len(others) == 2


def test_on_one_cpu_no_thread_is_placed() -> None:
    assert list(race.places([3])) == [None] * 4
