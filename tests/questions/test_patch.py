"""The diff of ``barriers --fix`` is one that patch and git apply: names, ends of lines, ends of files."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from smpcheck.cat.load import load_model
from smpcheck.commands import barriers
from smpcheck.questions.fix import fix
from smpcheck.readers.litmus import read_litmus_file
from smpcheck.readers.registry import read_programs
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

LKMM = load_model("lkmm")
MP = (
    "C mp\n\n{}\n\nP0(int *x, int *y)\n{\n\tWRITE_ONCE(*x, 1);\n\tWRITE_ONCE(*y, 1);\n}\n\nP1(int *x, int *y)\n{\n"
    "\tint r0; int r1;\n\tr0 = READ_ONCE(*y);\n\tr1 = READ_ONCE(*x);\n}\n\nexists (1:r0=1 /\\ 1:r1=0)"
)
SB = MP.replace("WRITE_ONCE(*y, 1);", "int r0;\n\tr0 = READ_ONCE(*y);").replace(
    "r0 = READ_ONCE(*y);\n\tr1", "WRITE_ONCE(*y, 1);\n\tr1"
)
SB = SB.replace("exists (1:r0=1 /\\ 1:r1=0)", "exists (0:r0=0 /\\ 1:r1=0)")
APP = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
barriers.register(APP)
PATCH = [["patch", "-p1", "-s", "--fuzz=0"], ["git", "apply", "-p1"]]


@pytest.fixture(params=PATCH, ids=lambda command: command[0])
def tool(request):
    if shutil.which(request.param[0]) is None:
        pytest.skip(f"there is no {request.param[0]} here")
    return request.param


def fixed(folder: Path, name: str, data: bytes, tool: list[str]) -> bytes:
    """The file after ``smpcheck barriers --fix`` was piped into ``tool``."""
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(data)
    with contextlib.chdir(folder):
        done = CliRunner().invoke(APP, ["--fix", name])
    assert done.exit_code == 0, done.stderr
    applied = subprocess.run(tool, cwd=folder, input=done.stdout_bytes, capture_output=True, timeout=60)
    assert applied.returncode == 0, applied.stderr + applied.stdout
    assert solve(read_litmus_file(path), LKMM, Question(mode="verdict")).verdict == "Never"
    return path.read_bytes()


@pytest.mark.parametrize("text", [MP, SB], ids=["MP", "SB"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"], ids=["no end of line", "end of line", "empty line"])
def test_ends_of_files(tmp_path, tool, text, end):
    data = (text + end).encode()
    changed = fixed(tmp_path, "t.litmus", data, tool)
    assert changed.endswith(data[-20:])
    assert changed != data


@pytest.mark.parametrize("text", [MP, SB], ids=["MP", "SB"])
def test_lines_that_end_as_on_windows_still_do(tmp_path, text):
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    changed = fixed(tmp_path, "t.litmus", (text + "\n").replace("\n", "\r\n").encode(), ["git", "apply", "-p1"])
    assert changed.count(b"\n") == changed.count(b"\r\n")


@pytest.mark.parametrize("name", ["with blank.litmus", "SB+mb+po.litmus", "below/deeper/t.litmus"])
def test_names(tmp_path, tool, name):
    fixed(tmp_path, name, (SB + "\n").encode(), tool)


def test_a_form_feed_is_no_end_of_line(tmp_path, tool):
    fixed(tmp_path, "t.litmus", SB.replace("\tWRITE_ONCE(*x", "\f\tWRITE_ONCE(*x").encode() + b"\n", tool)


def test_a_whole_address_is_named_from_here_or_from_the_root(tmp_path, monkeypatch):
    path = tmp_path / "t.litmus"
    path.write_text(MP)

    def first_line() -> str:
        (answer,) = fix(read_litmus_file(path), LKMM)
        return answer.placements[0].diff.split("\n")[0]

    monkeypatch.chdir(tmp_path)
    assert first_line() == "--- a/t.litmus"
    monkeypatch.chdir("/")
    assert first_line() == f"--- a{path}"
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert first_line() == f"--- a{path}"


def test_a_python_model(tmp_path, tool, monkeypatch):
    source = """from smpcheck.kernel import *

class pair(Struct):
    x: int = 0
    y: int = 0

def left(p: pair) -> int:
    WRITE_ONCE(p.x, 1)
    return READ_ONCE(p.y)

def right(p: pair) -> int:
    WRITE_ONCE(p.y, 1)
    seen = READ_ONCE(p.x)
    return seen

@scenario
def buffers(s: Setup) -> None:
    s.p = p = pair()
    a, b = s.thread(left, p), s.thread(right, p)
    s.final("one is seen", seen_by_one, a, b)

def seen_by_one(a: ThreadSpec, b: ThreadSpec) -> bool:
    return result(a) != 0 or result(b) != 0
"""
    path = tmp_path / "buffers_model.py"
    path.write_text(source)
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "smpcheck", "barriers", "--fix", path.name], cwd=tmp_path, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr + done.stdout
    applied = subprocess.run(tool, cwd=tmp_path, input=done.stdout, capture_output=True, timeout=60)
    assert applied.returncode == 0, applied.stderr + applied.stdout
    (program,) = read_programs(str(path))
    assert solve(program, LKMM, Question(mode="assertions")).failed == {}
