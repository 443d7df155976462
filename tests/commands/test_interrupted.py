"""Ctrl-C and the end of the time lose nothing that is done, whatever the command and its form of output."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MODEL = """
from __future__ import annotations

from smpcheck.kernel import *


class shared(Struct):
    x: int


def writer(p: shared) -> None:
    WRITE_ONCE(p.x, 1)


def reader(p: shared) -> None:
    check("late", READ_ONCE(p.x) == 1)


@scenario
def quick(s: Setup) -> None:
    s.p = p = shared()
    s.thread(writer, p)
    s.thread(reader, p)
"""

STUBBORN = "import pathlib, time\npathlib.Path(__file__).with_suffix('.begun').touch()\nwhile True:\n    time.sleep(0.01)\n"

COMPARE = ("compare", "--models", "sc,lkmm")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "quick.py").write_text(MODEL)
    (tmp_path / "never.py").write_text(STUBBORN)
    return [str(tmp_path / "quick.py"), str(tmp_path / "never.py")]


@pytest.mark.parametrize("form", ["text", "json"])
def test_compare_shows_what_it_has_when_time_is_over(files: list[str], form: str) -> None:
    command = [sys.executable, "-m", "smpcheck", *COMPARE, "-f", form, "--timeout", "4", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (3, "smpcheck: no answer within 4 s (--timeout)\n")
    if form == "json":
        assert [row["name"] for row in json.loads(done.stdout)["rows"]] == ["quick"]
    else:
        assert "quick  FAILS  FAILS" in done.stdout


@pytest.mark.parametrize("command", [("check", "-j", "0"), ("check",), COMPARE])
def test_ctrl_c_shows_what_is_done(files: list[str], command: tuple[str, ...]) -> None:
    words = [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
             "from smpcheck.cli import main; main()", *command, *files]  # fmt: skip
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not Path(files[1]).with_suffix(".begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "quick" in out
    assert "Traceback" not in err
