"""``smpcheck barriers`` and ``compare``: what is wrong is one line and status 2, text fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from smpcheck.commands import barriers, compare, explain

ROOT = Path(__file__).resolve().parents[2]
SB, MBS = ROOT / "examples" / "01-SB.litmus", ROOT / "examples" / "02-SB+mbs.litmus"
SEQLOCK = ROOT / "examples" / "models" / "seqlock.py"

APP = typer.Typer()
for command in (barriers, compare, explain):
    command.register(APP)


def run(*words: object):
    return CliRunner().invoke(APP, [str(word) for word in words])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("barriers", MBS, "--models", ","), "--models takes the names of models"),
        (("barriers", MBS, "--models", ""), "--models takes the names of models"),
        (("barriers", MBS, "--models", "sc,nosuch"), "there is no model nosuch"),
        (("barriers", MBS, "--cost", "mb=x"), "--cost mb=x: 'x' is not a number"),
        (("barriers", SEQLOCK, "--check", "nosuch"), "there is no assertion 'nosuch': there are not torn"),
        (("explain", SEQLOCK, "--check", "nosuch"), "there is no assertion 'nosuch': there are not torn"),
        (("barriers", SB, "--fix", "--check", "nosuch"), "there is no assertion 'nosuch': the program has none"),
        (("compare", SB, "--models", "sc"), "--models takes two or more models"),
    ],
)
def test_what_is_wrong_is_one_line(words, said):
    done = run(*words)
    assert done.exit_code == 2, done.exception
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_check_that_is_there_is_asked_about():
    assert "not torn: holds" in run("barriers", SEQLOCK, "--check", "not torn").stdout


def test_names_of_tests_leave_room_for_the_models(tmp_path):
    names = ["sc", "tso", "lkmm", "sc", "tso", "lkmm", "sc"]
    long = tmp_path / "long.litmus"
    long.write_text(SB.read_text().replace("C SB", "C SB" + "+long" * 12))
    out = run("compare", long, "--models", ",".join(names), "--no-witness").stdout
    assert max(map(len, out.splitlines())) <= 100
    assert "SB+long" in out


BOUND = """C bound

{ y=1; }

P0(int *x, int *y)
{
	while (READ_ONCE(*x) < 7)
		WRITE_ONCE(*x, READ_ONCE(*x) + READ_ONCE(*y));
}

exists (x=7)
"""


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("compare", MBS, "--models", "sc,lkmm"), 0),
        (("compare", SB, "--models", "sc,lkmm"), 1),
        (("compare", SB, "no-such.litmus", "--models", "sc,lkmm"), 2),
        (("compare", "BOUND", "--models", "sc,lkmm"), 3),
        (("compare", "BOUND", SB, "--models", "sc,lkmm"), 1),
        (("explain", "BOUND"), 3),
        (("barriers", "--fix", "BOUND"), 3),
        (("barriers", "--fix", SB), 0),
    ],
)
def test_what_is_undecided_has_a_status_of_its_own(words, status, tmp_path):
    bound = tmp_path / "bound.litmus"
    bound.write_text(BOUND)
    assert run(*(bound if word == "BOUND" else word for word in words)).exit_code == status
