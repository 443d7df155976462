"""Scenarios as data, and done for real."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.mm.kernel_check.compare import Verdict, run_scenario
from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.proctext import parse_smaps, parse_status
from smpcheck.mm.kernel_check.scenarios import scenarios
from smpcheck.mm.kernel_check.steps import Prediction, Scenario, Step
from smpcheck.mm.kernel_check.workload import Workload, on_one_cpu, open_file
from tests.mm.kernel_check.by_rules import on_disk, on_tmpfs

NAMES = [scenario.name for scenario in scenarios(8)]


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """No fact leaves anything behind: descriptors, locked memory, a narrower choice of CPUs."""

    def state() -> tuple[int, str, set[int]]:
        status = parse_status(Path("/proc/self/status").read_text())
        return len(os.listdir("/proc/self/fd")), status["VmLck"], os.sched_getaffinity(0)

    before = state()
    yield
    assert state() == before


def of(name: str, pages: int = 8) -> Scenario:
    return next(scenario for scenario in scenarios(pages) if scenario.name == name)


def test_scenarios_have_different_names_and_a_text() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all(scenario.text for scenario in scenarios(8))


def test_scenarios_need_pages_enough_for_quarters() -> None:
    with pytest.raises(ValueError, match="4"):
        scenarios(3)


@pytest.mark.parametrize("pages", [4, 5, 64])
def test_steps_stay_inside_their_areas_and_areas_are_mapped_first(pages: int) -> None:
    for scenario in scenarios(pages):
        mapped: dict[str, range] = {}
        for step in scenario.steps:
            if step.op == "mmap":
                mapped[step.area] = step.pages
            elif step.op != "ftruncate":
                assert step.pages.start >= 0
                assert step.pages.stop <= mapped[step.area].stop


def test_files_exist_before_they_are_mapped() -> None:
    for scenario in scenarios(8):
        files: set[str] = set()
        for step in scenario.steps:
            if step.op == "ftruncate":
                files.add(step.file)
            elif step.file:
                assert step.file in files


def test_the_first_workload_is_the_one_of_the_patches() -> None:
    assert [str(step) for step in of("cow-truncate", 64).steps] == [
        "ftruncate(f, 64)",
        "mmap(p[0:64], private f)",
        "write(p[0:64])",
        "mlock(p[0:64])",
        "ftruncate(f, 0)",
        "munlock(p[0:64])",
        "munmap(p[0:64])",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_does_what_the_rules_say(machine: Machine, name: str) -> None:
    report = run_scenario(of(name), on_tmpfs, machine)
    assert [row for step in report.steps for row in step.rows if row.verdict is Verdict.DIFFERS] == []
    assert report.count(Verdict.OK) > 0
    assert report.count(Verdict.UNPREDICTED) == 0


@pytest.mark.parametrize("name", ["cow-truncate", "shared-munlock"])
def test_on_another_file_system_too(machine: Machine, name: str, tmp_path: Path) -> None:
    report = run_scenario(of(name), on_disk, machine, tmp_path)
    assert [row for step in report.steps for row in step.rows if row.verdict is Verdict.DIFFERS] == []


def test_a_wrong_prediction_is_found(machine: Machine) -> None:
    def wrong(steps: object) -> object:
        unlocked = [replace(step, op="munlock") if step.op == "mlock" else step for step in of("anonymous").steps]
        return on_tmpfs(unlocked)

    report = run_scenario(of("anonymous"), wrong, machine)  # type: ignore[arg-type]
    rows = {row.what: row for row in report.steps[2].rows}
    assert rows["flags p"].verdict is Verdict.DIFFERS
    assert rows["Locked p"].verdict is Verdict.DIFFERS
    assert rows["nr_mlock"].verdict in (Verdict.DIFFERS, Verdict.DISTURBED)


def test_a_prediction_for_each_step_is_needed(machine: Machine) -> None:
    with pytest.raises(ValueError, match="predictions for"):
        run_scenario(of("anonymous"), lambda steps: [], machine)


def test_writes_past_the_end_are_survived(machine: Machine) -> None:
    with Workload(machine) as work:
        steps = Step("ftruncate", range(2), file="f"), Step("mmap", range(4), area="p", file="f")
        outcomes = [work.do(step) for step in (*steps, Step("write", range(4), area="p"), Step("read", range(2, 4), area="p"))]
    assert outcomes == ["ok", "ok", "EFAULT", "EFAULT"]


def test_reads_map_file_pages_and_writes_copy_them(machine: Machine) -> None:
    pages = range(4)
    steps = [
        Step("ftruncate", pages, file="f"),
        Step("mmap", pages, area="p", file="f"),
        Step("read", pages, area="p"),
        Step("write", pages, area="p"),
    ]
    with Workload(machine) as work:
        *_, read, written = work.observe(steps)
    assert read.flags is not None
    assert written.flags is not None
    assert all(flags is not None and "anon" not in flags for flags in read.flags["p"])
    assert all(flags is not None and "anon" in flags for flags in written.flags["p"])


@pytest.mark.parametrize("op", ["cold", "pageout"])
def test_reclaim_refuses_locked_areas(machine: Machine, op: str) -> None:
    pages = range(4)
    with Workload(machine) as work:
        steps = Step("mmap", pages, area="p", kind="anonymous"), Step("mlock", pages, area="p")
        assert [work.do(step) for step in (*steps, Step(op, pages, area="p"))] == ["ok", "ok", "EINVAL"]  # type: ignore[arg-type]


def test_an_area_is_a_vma_of_its_own(machine: Machine) -> None:
    with Workload(machine) as work:
        for name in "pq":
            work.do(Step("mmap", range(4), area=name, kind="anonymous"))
        area = work._areas["p"]
        own = [vma for vma in parse_smaps(Path("/proc/self/smaps").read_text()) if vma.start == area.address]
        assert [vma.end for vma in own] == [area.at(4)]


def test_all_is_given_back_when_a_scenario_is_broken_off(machine: Machine) -> None:
    with pytest.raises(KeyboardInterrupt), on_one_cpu(), Workload(machine) as work:
        for step in of("cow-truncate").steps[:4]:
            work.do(step)
        raise KeyboardInterrupt


def test_files_have_no_name(tmp_path: Path) -> None:
    fd = open_file(tmp_path)
    assert list(tmp_path.iterdir()) == []
    os.close(fd)


def test_a_folder_that_takes_no_file_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="/proc"):
        open_file(Path("/proc"))


def test_a_predictor_may_refuse_a_scenario(machine: Machine) -> None:
    def refuse(steps: object) -> list[Prediction]:
        raise LimitError("too many pages")

    report = run_scenario(of("anonymous"), refuse, machine, repeat=1)
    assert report.note == "not predicted: too many pages"
    assert report.count(Verdict.UNPREDICTED) > 0
    assert report.count(Verdict.OK) == 0
