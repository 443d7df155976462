"""What is missing in a file that a harness includes is shown as a patch, which applies, and after which it is no more missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from smpcheck.program.ir import Program
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.questions.fix import fix
from smpcheck.readers.clang import worker
from smpcheck.readers.clang.program import read_kernel_c
from tests.readers.clang.common import LKMM, in_process, tree

PUBLISH = """#include <linux/compiler.h>

static int data = 9, flag;

static void publish(int value)
{
\tWRITE_ONCE(data, value);
\tWRITE_ONCE(flag, 1);
}

static int take(void)
{
\tif (smp_load_acquire(&flag))
\t\treturn READ_ONCE(data);
\treturn 0;
}
"""
HARNESS = """#include "{0}"
SMPCHECK_THREAD(a) {{ publish(3); }}
SMPCHECK_THREAD(b) {{ SMPCHECK_ASSERT(take() != 9); }}
"""
APPLIED = [["patch", "-p1"], ["git", "apply", "-p1"]]


def program(path: Path, settings: tuple[str, ...] = ()) -> Program:
    return read_kernel_c(str(path), path.read_text(), settings)


def failing(path: Path, settings: tuple[str, ...] = ()) -> tuple[str, ...]:
    return check_program(program(path, settings), LKMM, CheckOptions()).failures


def mended(path: Path, top: Path, command: list[str], settings: tuple[str, ...] = ()) -> None:
    """Apply the first placement at the top of the tree."""
    (answer,) = fix(program(path, settings), LKMM)
    diff = answer.placements[0].diff
    assert diff.startswith("--- a/lib/publish.c\n+++ b/lib/publish.c\n")
    subprocess.run(command, input=diff, text=True, check=True, cwd=top, capture_output=True)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_ask", in_process)
    monkeypatch.setenv("SMPCHECK_CACHE", "")


@pytest.mark.parametrize("command", [c for c in APPLIED if shutil.which(c[0])], ids=lambda c: c[0])
def test_the_patch_of_an_included_file_applies_and_mends_it(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, {"lib/publish.c": PUBLISH, "harness.c": HARNESS.format("lib/publish.c")})
    monkeypatch.chdir(tmp_path)
    assert failing(Path("harness.c")) == ("take() != 9",)
    mended(Path("harness.c"), tmp_path, command)
    assert failing(Path("harness.c")) == ()


def test_in_a_kernel_tree_files_are_named_from_its_top(tmp_path: Path) -> None:
    from tests.readers.clang.test_kernel_tree import settings

    (known,) = settings("6.12")
    source = Path(known.removeprefix("kernel="))
    top = tmp_path / source.name
    top.mkdir()
    for entry in source.iterdir():
        if entry.name != "lib":
            (top / entry.name).symlink_to(entry)
    for headers in source.parent.glob("linux-headers-*"):
        (tmp_path / headers.name).symlink_to(headers)
    tree(top, {"lib/publish.c": PUBLISH})
    harness = tree(tmp_path, {"elsewhere/harness.c": HARNESS.format("lib/publish.c")}) / "elsewhere" / "harness.c"
    asked = (f"kernel={top}",)
    assert failing(harness, asked) == ("take() != 9",)
    mended(harness, top, next(c for c in APPLIED if shutil.which(c[0])), asked)
    assert failing(harness, asked) == ()
