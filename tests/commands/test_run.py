"""``smpcheck run``: a failure is shown, named, and repeated by the command that is printed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from smpcheck.commands import run

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
Called = Callable[..., tuple[int, str]]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Called:
    """Call the command; its exit status and what it printed."""
    monkeypatch.chdir(EXAMPLES / "models")

    def call(*arguments: str) -> tuple[int, str]:
        app = typer.Typer()
        run.register(app)
        result = CliRunner().invoke(app, list(arguments))
        return result.exit_code, result.output

    return call


def test_nothing_fails_and_the_states_are_counted(called: Called) -> None:
    status, text = called("seqlock.py", "--runs", "200", "--seed", "3")
    assert status == 0
    assert "nothing failed in 200 runs (random)" in text and "read_clock()=-1;" in text


@pytest.mark.parametrize("scheduler", ["random", "pct", "pct:2"])
def test_a_failure_is_repeated_by_the_command_that_is_printed(called: Called, scheduler: str) -> None:
    status, text = called("refcount_mistakes.py", "--scheduler", scheduler, "--scenario", "refcount[unless_zero=False]")
    assert status == 1
    assert "FAILED: the item that was looked up" in text
    again = shlex.split(text.splitlines()[-1].removeprefix("Again: smpcheck run "))
    status, repeated = called(*again)
    assert status == 1
    assert repeated.splitlines()[1:] == text.splitlines()[1:-1]


def test_a_failure_is_repeated_by_its_seed(called: Called) -> None:
    _, text = called("refcount_mistakes.py", "--scheduler", "pct", "--scenario", "refcount[unless_zero=False]")
    number = int(text.split("in run ")[1].split()[0])
    status, again = called(
        "refcount_mistakes.py", "--scheduler", "pct", "--scenario", "refcount[unless_zero=False]", "--runs", "1",
        "--seed", str(number - 1),
    )  # fmt: skip
    assert status == 1 and again.splitlines()[1:] == text.splitlines()[1:]


def test_all_schedules(called: Called) -> None:
    assert called("seqlock.py", "--all") == (0, "seqlock: nothing can fail, in all schedules (18 states)\n" + "".join(
        f"  read_clock()={n};\n" for n in (-1, 1, 2)))  # fmt: skip
    status, text = called("refcount_mistakes.py", "--all")
    assert status == 1 and text.count("can fail: the item that was looked up") == 2


def test_a_litmus_test_runs_too(called: Called) -> None:
    status, text = called(str(EXAMPLES / "01-SB.litmus"), "--all")
    assert status == 0 and text.count(";") == 6


def test_what_is_wrong_is_said_in_one_line(called: Called) -> None:
    for arguments in (("none.py",), ("--scheduler", "lottery"), ("--replay", "9*3"), ("-s", "x")):
        status, text = called(*(arguments if len(arguments) == 1 else ("seqlock.py", *arguments)))
        assert status == 2 and text.startswith("smpcheck: ") and text.count("\n") == 1
