"""The command line as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import smpcheck
from smpcheck.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
SB = "examples/01-SB.litmus"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "smpcheck", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_version() -> None:
    assert run("--version").stdout == f"smpcheck {smpcheck.__version__}\n"


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert smpcheck.__version__ == version("smpcheck")


def test_without_a_command_there_is_help() -> None:
    done = run()
    assert "Usage: smpcheck" in done.stdout + done.stderr
    assert all(name in done.stdout + done.stderr for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0
    assert f"Usage: smpcheck {name}" in done.stdout


def test_an_unknown_command_is_refused() -> None:
    done = run("frobnicate")
    assert done.returncode == 2
    assert "frobnicate" in done.stderr


def test_a_table() -> None:
    done = run("check", SB, "examples/02-SB+mbs.litmus")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:4] for line in done.stdout.splitlines()[1:3]] == [
        ["✓", "SB", "Sometimes", "4"],
        ["✓", "SB+mbs", "Never", "3"],
    ]
    assert done.stdout.splitlines()[-1].endswith("1 Never, 1 Sometimes; each as its author says")


def test_a_log_of_herd7() -> None:
    lines = run("check", "-f", "herd", "-j", "0", SB).stdout.splitlines()
    assert lines[:10] == [
        "Test SB Allowed",
        "States 4",
        "0:r0=0; 1:r0=0;",
        "0:r0=0; 1:r0=1;",
        "0:r0=1; 1:r0=0;",
        "0:r0=1; 1:r0=1;",
        "Ok",
        "Witnesses",
        "Positive: 1 Negative: 3",
        "Condition exists (0:r0=0 /\\ 1:r0=0)",
    ]
    assert lines[10] == "Observation SB Sometimes 1 3"


def test_a_flag_in_the_log() -> None:
    assert "Flag data-race" in run("check", "-f", "herd", "examples/20-RACE.litmus").stdout.splitlines()


def test_the_whole_tour() -> None:
    done = run("check", "-f", "json", "examples")
    assert done.returncode == 0, done.stdout
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line["agrees"] for line in lines)


def test_models_by_name_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.cat").write_text('"mine"\nacyclic po | rf | co | fr as sc\n')
    verdicts = {}
    for model in ("sc", "tso", "lkmm", str(tmp_path / "mine.cat")):
        (line,) = run("check", "-f", "json", "-m", model, SB).stdout.splitlines()
        verdicts[model] = json.loads(line)["verdict"]
    assert list(verdicts.values()) == ["Never", "Sometimes", "Sometimes", "Never"]


PYTHON_MODEL = """
from smpcheck.kernel import *

print("read")


class message(Struct):
    flags: flags_t = flag_word({"ready": 0})
    payload: int = 0


def send(m: message) -> None:
    WRITE_ONCE(m.payload, 42)
    FENCE()
    set_bit(0, m.flags)


def receive(m: message) -> None:
    if test_bit(0, m.flags):
        smp_rmb()
        check("payload", READ_ONCE(m.payload) == 42)


@scenario
def message_passing(s: Setup) -> None:
    m = s.M = message()
    s.thread(send, m)
    s.thread(receive, m)
"""


@pytest.mark.parametrize(("fence", "status"), [("smp_wmb", 0), ("barrier", 1)])
def test_a_model_in_python(tmp_path: Path, fence: str, status: int) -> None:
    (tmp_path / "mp.py").write_text(PYTHON_MODEL.replace("FENCE", fence))
    done = run("check", "-f", "json", str(tmp_path / "mp.py"))
    assert done.returncode == status, done.stdout + done.stderr
    line = json.loads(done.stdout)
    assert (line["name"], line["status"], line["agrees"]) == ("message_passing", "ok", status == 0)
    assert (line["verdict"], line["failures"]) == (("FAILS", ["payload"]) if status else ("holds", []))


def test_a_model_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.cat").write_text("let x = (po\n")
    done = run("check", "-m", str(tmp_path / "bad.cat"), SB)
    assert done.returncode == 2
    assert done.stderr.startswith("smpcheck: ")
    assert "bad.cat" in done.stderr
    assert done.stderr.count("\n") == 1


def test_every_command_runs_what_the_readme_says() -> None:
    text = (ROOT / "README.md").read_text()
    assert ".venv/bin/smpcheck check examples" in text


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@FULL
def test_help_is_as_wide_as_the_terminal(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert "a run: lanes of source lines, time downwards. As a picture" in run("mm", "check", "--help").stdout


@pytest.mark.parametrize("command", [f"check {SB}", f"explain {SB}", f"barriers {SB}", "--help", "--version"])
@pytest.mark.parametrize("to", ["> /dev/full", ">&-"])
def test_output_that_cannot_be_written_is_said_once(command: str, to: str) -> None:
    line = f"{sys.executable} -m smpcheck {command} {to}"
    done = subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (2, "smpcheck: cannot write the output: No space left on device\n")


def test_closed_standard_input_and_error() -> None:
    line = f"{sys.executable} -m smpcheck check {SB} <&- 2>&-"
    done = subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "1 Sometimes" in done.stdout


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
@pytest.mark.parametrize("command", ["check", "explain", "barriers"])
@pytest.mark.parametrize("path", ["/dev/zero", "- < /dev/zero"])
def test_a_file_without_end_is_refused(command: str, path: str) -> None:
    line = f"{sys.executable} -m smpcheck {command} {path}"
    done = subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "is larger than 16 MiB" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("check", "examples/20-RACE.litmus"),
        ("check", "-f", "junit", "examples/20-RACE.litmus"),
        ("check", "-f", "sarif", "examples/20-RACE.litmus"),
        ("explain", "examples/37-PUTBACK+two-words.litmus"),
        ("explain", "-f", "html", "examples/37-PUTBACK+two-words.litmus"),
        ("run", "examples/models/seqlock.py"),
        ("claims", "C3"),
    ],
)
def test_an_output_that_cannot_encode_a_character_falls_back(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "smpcheck", *words]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment, timeout=120, check=False)
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout
    if words[:3] != ("explain", "-f", "html"):
        done.stdout.decode("ascii")
