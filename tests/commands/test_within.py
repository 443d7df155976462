"""``--timeout`` of explain and barriers: a question that takes too long is one line and status 3, any other is as without it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = "src/smpcheck/mm/scenarios.py"
BUFFERING = "examples/01-SB.litmus"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smpcheck", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("command", [("explain",), ("barriers",), ("barriers", "--fix")])
def test_what_takes_too_long_is_stopped_and_said(command: tuple[str, ...]) -> None:
    began = time.monotonic()
    result = run(*command, SCENARIOS, "-s", "truncate_mlock_reclaim", "--timeout", "0.4")
    assert time.monotonic() - began < 60, "it is stopped inside the solver too"
    assert result.returncode == 3
    answered = "smpcheck: not everything is decided: the answer says what is not\n"  # where the machine comes so far in that time
    assert result.stderr in ("smpcheck: no answer within 0.4 s (--timeout)\n", answered)
    assert bool(result.stdout) == (result.stderr == answered)


@pytest.mark.parametrize("command", ["explain", "barriers"])
def test_what_there_was_no_time_for_is_said_beside_what_was_answered(command: str) -> None:
    result = run(command, SCENARIOS, "-s", "munlock_putback", "--set", "variant=V4", "--set", "flags=separate", "--timeout", "3")
    assert result.returncode in (0, 3)
    assert bool(result.returncode) == ("undecided" in result.stdout or "not known" in result.stdout or not result.stdout)
    assert len(result.stderr.splitlines()) == bool(result.returncode)


@pytest.mark.parametrize("command", [("explain",), ("explain", "--format", "json"), ("barriers", "--fix")])
def test_what_is_done_in_time_is_the_same(command: tuple[str, ...]) -> None:
    limited, free = run(*command, BUFFERING, "--timeout", "100"), run(*command, BUFFERING)
    assert (limited.returncode, limited.stderr) == (free.returncode, free.stderr) == (0, "")
    assert limited.stdout.splitlines()[0] == free.stdout.splitlines()[0]


def test_the_status_is_that_of_the_question() -> None:
    bad = run("explain", "no-such-file.litmus", "--timeout", "100")
    assert bad.returncode == 2
    assert "no-such-file.litmus" in bad.stderr and "timeout" not in bad.stderr
