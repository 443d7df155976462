"""``smpcheck mm run``: what it prints and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from smpcheck.commands import mm_run

APP = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
mm_run.register(APP)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(APP, list(arguments))


def test_a_clean_run_prints_counters_and_what_it_assumed() -> None:
    result = invoke("--variant", "V9", "--steps", "20000")
    assert result.exit_code == 0
    assert "race: 256 page frames, 4 CPUs (truncater, locker, writer, reclaimer)" in result.output
    assert "Sequential consistency" in result.output
    assert "V9: every putback through a pagevec" in result.output
    for name in ("nr_mlock", "nr_unevictable", "unevictable_pgs_culled", "unevictable_pgs_mlockfreed"):
        assert f"\n{name} " in result.output
    assert "FAILED" not in result.output


def again(output: str) -> list[str]:
    """The arguments of the command that an output proposes."""
    (line,) = [line for line in output.splitlines() if line.startswith("Again: smpcheck mm run ")]
    return line.removeprefix("Again: smpcheck mm run ").split()


def without_rate(output: str) -> list[str]:
    return [line for line in output.splitlines() if "steps/s" not in line]


def test_a_failure_prints_how_it_came_about_and_the_command_that_repeats_it() -> None:
    result = invoke("--variant", "V0", "--seed", "2")
    assert result.exit_code == 1
    assert "FAILED I1: no page reaches the allocator with PG_mlocked" in result.output
    assert "mm/page_alloc.py:" in result.output
    assert "The last steps of the tasks concerned:" in result.output
    repeated = invoke(*again(result.output))
    assert repeated.exit_code == 1
    assert without_rate(repeated.output) == without_rate(result.output)


def test_seeds_stop_at_the_first_failure() -> None:
    result = invoke("--workload", "lazy", "--variant", "V7", "--seeds", "30", "--steps", "100000")
    assert result.exit_code == 1
    runs = [line for line in result.output.splitlines() if line.startswith("random, seed ")]
    assert ["failed" in line for line in runs] == [False] * (len(runs) - 1) + [True]
    assert f"--seed {len(runs) - 1} " in result.output


def test_json() -> None:
    result = invoke("--variant", "V10", "--ignore", "I1", "--steps", "40000", "--seeds", "2", "--format", "json")
    assert result.exit_code == 0
    data = json.loads(result.output)
    assert (data["workload"], data["variant"], data["model"], len(data["runs"])) == ("race", "V10", "sc", 2)
    for number, run in enumerate(data["runs"]):
        assert (run["seed"], run["status"], run["failure"]) == (number, "ok", None)
        assert all(balance["left"] == balance["right"] for balance in run["balances"])
    failed = json.loads(invoke("--variant", "V0", "--format", "json").output)["runs"][-1]
    assert failed["failure"]["invariant"] == "I1"
    assert failed["failure"]["history"][-1]["position"].count(":") == 2


def test_i1_of_v10_says_that_v10_allows_it() -> None:
    result = invoke("--variant", "V10")
    assert result.exit_code == 1
    assert "V10 allows I1" in result.output
    assert "--ignore I1" in result.output


def test_a_run_is_written_and_replayed(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    first = invoke("--variant", "V0", "--cpus", "5", "-o", str(path))
    second = invoke("--replay", str(path))
    assert (first.exit_code, second.exit_code) == (1, 1)
    assert "reclaimer.1" in first.output
    assert without_rate(first.output) == without_rate(second.output)


def test_a_workload_in_a_file_or_in_python(tmp_path: Path) -> None:
    script = tmp_path / "mine.txt"
    script.write_text("pages 8\nmmap heap anon 4\ntask t { mlock heap }\n")
    result = invoke("-w", str(script), "--variant", "V9")
    assert result.exit_code == 0
    assert "\nnr_mlock                     4\n" in result.output
    python = tmp_path / "mine.py"
    python.write_text(
        "from smpcheck.mm.simulator import Workload, op\n\n\ndef workload():\n    load = Workload('mine', pages=8)\n"
        "    load.anonymous('heap', 3)\n    load.task('t', op('mlock', 'heap'))\n    return load\n"
    )
    result = invoke("-w", str(python), "--variant", "V9")
    assert result.exit_code == 0
    assert "\nnr_mlock                     3\n" in result.output


def test_time_is_up() -> None:
    result = invoke("--variant", "V9", "--steps", "500000000", "--timeout", "0.3")
    assert result.exit_code == 3
    assert "out of time" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variant", "V11"], "there is no variant 'V11'"),
        (["--workload", "nothing"], "there is no workload 'nothing': race, churn, lazy, swap, or a file"),
        (["--format", "xml"], "there is no format 'xml'"),
        (["--scheduler", "fair"], "unknown scheduler fair"),
        (["--cpus", "3"], "each task has a CPU of its own: 4 tasks, 3 CPUs"),
        (["--pages", "10"], "the files have 64 pages, but there are 10 page frames"),
        (["--replay", "/nonexistent"], "cannot read /nonexistent"),
        (["--ignore", "I77"], "there is no check 'I77'"),
        (["-o", "/nonexistent/run.json", "--steps", "100"], "cannot write /nonexistent/run.json"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("w.txt", "pages 4\n  wrong\n", "w.txt:2:3: found 'wrong'; what is accepted here: pages, cpus"),
        ("w.py", "x = 1\n", "w.py has no function workload()"),
        ("w.py", "def workload():\n    return 3\n", "gives int, not a Workload"),
        ("w.py", "1 / 0\n", "ZeroDivisionError"),
        ("w.json", "{}", "w.json:1:1: found '{'"),
    ],
)
def test_a_bad_workload_is_one_line_with_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    result = invoke("-w", str(path))
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.splitlines()) == 1


def test_runs_do_not_depend_on_hash_seeds() -> None:
    """The same seed gives the same run in another process."""
    program = (
        "from smpcheck.mm.simulator import *; r = run(find_workload('churn'), Options('V9', steps=5000), record=True); "
        "import hashlib; print(r.steps, hashlib.sha256(r.schedule).hexdigest(), r.counters)"
    )
    outputs = {
        subprocess.run([sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
