"""``smpcheck check`` with the real solver, on tests that are too much for it: limits hold in each phase, nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import smpcheck
from bench import families

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "smpcheck", "check"]
ENVIRONMENT = {**os.environ, "COLUMNS": "120", "TERM": "dumb"}
SMALL = (ROOT / "examples/01-SB.litmus").read_text()

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and limits as on Linux")

PHASES = {
    "reading": "C t\n{}\nP0(int *x) {\n" + "\tWRITE_ONCE(*x, 1);\n" * 300_000 + "}\nexists (x=1)\n",
    "writing the problem down": families.nw(400),
    "searching": families.sb(40),
}
"""Tests that take minutes in one phase each."""


def run(*arguments: str | Path, **changes: object) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(words, cwd=ROOT, env=ENVIRONMENT, text=True, capture_output=True, timeout=100, **changes)  # type: ignore[call-overload,no-any-return]


def write(folder: Path, *texts: str) -> Path:
    for number, text in enumerate(texts):
        (folder / f"{number:03}.litmus").write_text(text)
    return folder


def objects(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("phase", PHASES)
def test_a_time_limit_holds_in_every_phase(phase: str, tmp_path: Path) -> None:
    done = run("-f", "json", "--timeout", "1", "--max-states", "0", write(tmp_path, PHASES[phase], SMALL))
    assert [line["status"] for line in objects(done.stdout)] == ["timeout", "ok"]
    assert done.returncode == 3
    assert done.stderr == ""


def test_a_memory_limit_holds_while_the_problem_is_written_down(tmp_path: Path) -> None:
    done = run("-f", "json", "--memory", "150", "--timeout", "60", write(tmp_path, families.nw(400), SMALL))
    assert [(line["status"], line["verdict"]) for line in objects(done.stdout)] == [("bound", None), ("ok", "Sometimes")]
    assert objects(done.stdout)[0]["message"] == "no more memory (see --memory)"
    assert done.returncode == 3


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_prints_what_is_done(phase: str, tmp_path: Path) -> None:
    words = [*COMMAND, "-f", "json", "-j", "1", "--timeout", "0", "--max-states", "0"]
    process = subprocess.Popen(
        [*words, str(write(tmp_path, SMALL, PHASES[phase]))], cwd=ROOT, env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["name"] == "SB"
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, out, err) == (130, "", "smpcheck: interrupted: 1 of 2 done\n")


def worker_of(pid: int) -> int:
    """The only child of a process."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise AssertionError("no worker")


def test_a_killed_worker_is_retried_once_then_reported(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "-f", "json", "-j", "1", "--timeout", "0", "--max-states", "0", str(write(tmp_path, families.sb(40), SMALL))],
        cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    first = worker_of(process.pid)
    time.sleep(1.0)
    os.kill(first, signal.SIGKILL)
    second = first
    while second == first:
        second = worker_of(process.pid)
        time.sleep(0.01)
    time.sleep(0.5)
    os.kill(second, signal.SIGKILL)
    out, _ = process.communicate(timeout=20)
    died, small = objects(out)
    assert (died["name"], died["status"]) == ("SB-40", "error")
    assert died["message"] == "the worker died twice at this test: its process was ended by SIGKILL"
    assert small["status"] == "ok"
    assert process.returncode == 2


@pytest.mark.parametrize("jobs", ["0", "1"])
def test_states_stream_as_they_are_found(tmp_path: Path, jobs: str) -> None:
    done = run("--stream", "-f", "json", "-j", jobs, "examples/01-SB.litmus")
    assert sorted(done.stderr.splitlines()) == [f"0:r0={a}; 1:r0={b};" for a in (0, 1) for b in (0, 1)]
    assert len(objects(done.stdout)) == 1
    done = run("--stream", "-j", jobs, "examples/01-SB.litmus", "examples/02-SB+mbs.litmus")
    assert {line.partition(": ")[0] for line in done.stderr.splitlines()} == {"01-SB", "02-SB+mbs"}


def test_states_stream_before_the_listing_ends(tmp_path: Path) -> None:
    """A million million states: the first ones come all the same."""
    process = subprocess.Popen(
        [*COMMAND, "--stream", "--max-states", "0", str(write(tmp_path, families.sb(40)))],
        cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert "39:r0=" in process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130


def test_a_cap_on_the_listing_says_so(tmp_path: Path) -> None:
    done = run("--max-states", "3", "examples/01-SB.litmus")
    assert done.returncode == 0
    assert "more than 3 states; the listing stops there" in done.stdout
    assert " 3+ " in done.stdout


def test_threads_of_the_solver_change_no_answer(tmp_path: Path) -> None:
    path = write(tmp_path, families.lock(5))
    answers = [objects(run("-f", "json", "--threads", n, path).stdout)[0] for n in ("1", "2")]
    for answer in answers:
        answer.pop("seconds")
    assert answers[0] == answers[1]
    assert answers[0]["verdict"] == "Never"


def test_what_the_reader_remarks_is_said(tmp_path: Path) -> None:
    """A name that is nobody's is 0, as with herd7; but it is hardly what was meant."""
    text = SMALL.replace("1:r0=0", "1:r9=0")
    (answer,) = objects(run("-f", "json", write(tmp_path, text)).stdout)
    assert any(str(note).endswith("P1 has no variable 'r9': it is 0") for note in answer["notes"])


def test_the_api_gives_states_as_they_are_found() -> None:
    rows: list[object] = []
    result = smpcheck.check(SMALL, on_state=rows.append, threads=2)
    assert len(rows) == 4
    assert all(row in rows for row in result.states)


def test_ctrl_c_while_a_result_is_being_written_loses_none_of_it(tmp_path: Path) -> None:
    """Nobody reads the pipe until it is full and Ctrl-C has come: then every line is whole, and all that is done is there."""
    names = [f"t{i}" for i in range(400)]
    for name in names:
        (tmp_path / f"{name}.litmus").write_text(SMALL.replace("C SB", "C " + "x" * 400))
    process = subprocess.Popen(
        [*COMMAND, "--format", "json", "-j", "1", str(tmp_path)], cwd=ROOT, env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.3)
    out, err = process.communicate(timeout=30)
    done = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 130 and 0 < len(done) < len(names)
    assert err == f"smpcheck: interrupted: {len(done)} of {len(names)} done\n"
