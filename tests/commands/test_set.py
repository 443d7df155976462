"""``--set`` of the commands that take models."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from smpcheck.errors import InputError
from smpcheck.readers.python import load

ROOT = Path(__file__).resolve().parents[2]
SEQLOCK, REFCOUNT = ("examples/models/seqlock.py", "examples/models/refcount.py")
SCENARIOS = "src/smpcheck/mm/scenarios.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "smpcheck", *arguments]
    return subprocess.run(words, text=True, capture_output=True, timeout=60, cwd=ROOT, encoding="utf-8")


def test_every_command_that_takes_models_asks_about_what_was_chosen():
    chosen = ("--set", "read_barriers=False")
    assert "not torn" in run("check", SEQLOCK, *chosen).stdout
    assert "not torn: FAILS" in run("explain", SEQLOCK, *chosen).stdout
    assert "seqlock[read_barriers=False]: not torn: FAILS" in run("barriers", SEQLOCK, *chosen).stdout
    compared = run("compare", "--models", "sc,lkmm", "--no-witness", SEQLOCK, *chosen).stdout
    assert re.search(r"\* seqlock\[read_barriers=False\] +holds +FAILS", compared)


def test_the_command_that_repeats_a_run_has_the_choice():
    done = run("run", REFCOUNT, "--set", "grace_period=False")
    assert done.returncode == 1
    (again,) = re.findall(r"^Again: smpcheck (.*)$", done.stdout, re.M)
    assert run(*shlex.split(again)).returncode == 1


def test_one_program_of_a_file_is_chosen_by_its_name():
    chosen = ("examples/models/refcount_mistakes.py", "--scenario", "refcount[unless_zero=False]")
    done = run("check", *chosen)
    assert "1 test under lkmm" in done.stdout
    assert "refcount[unless_zero=False]" in done.stdout


@pytest.mark.parametrize("command", ["check", "explain", "barriers", "compare --models sc,lkmm", "run"])
def test_what_is_not_there_is_one_line(command):
    done = run(*command.split(), SEQLOCK, "--set", "barriers=no")
    said = "--set barriers=no: the model has no parameter 'barriers': it has read_barriers"
    assert done.returncode == 2
    assert said in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) <= 1


def test_a_litmus_test_is_refused():
    done = run("explain", "examples/01-SB.litmus", "--set", "a=b")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "smpcheck: --set a=b: examples/01-SB.litmus is a litmus test, and only Python models have parameters\n"
    )


def test_a_wrong_scenario_is_refused_before_anything_is_compiled(monkeypatch):
    monkeypatch.setattr(load, "compile_scenario", lambda scenario: pytest.fail(f"{scenario.name} is compiled"))
    with pytest.raises(InputError, match="has no program 'munlock': it has truncate_mlock, "):
        load.read_python_file(str(ROOT / SCENARIOS), "munlock")
