"""A small question costs a small start: what is imported for it, and what is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from smpcheck.cat.load import load_model

EXAMPLE = str(Path(__file__).resolve().parent.parent / "examples" / "02-SB+mbs.litmus")
SCRIPT = """
import sys
from smpcheck.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code
print("imported:", *sys.modules)
"""

FOR_NO_SMALL_QUESTION = {"asyncio", "concurrent", "hashlib", "json", "lark", "logging", "pydantic", "pygments", "rich", "tomllib"}
"""What takes long to import."""
OURS = {
    f"smpcheck.{room}" for room in ("generate", "machines", "mm", "readers.clang", "readers.lisa", "readers.python", "simulate")
}


def imported(*arguments: str) -> set[str]:
    """All modules of a process that ran a command. In this process: ``--jobs 0``."""
    command = [sys.executable, "-c", SCRIPT, *arguments]
    load_model("lkmm")  # read, and kept on disk
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.rpartition("imported: ")[2].split())


@pytest.mark.parametrize(
    ("arguments", "besides"),
    [
        (("check", "--jobs", "0", EXAMPLE), {"clingo", "smpcheck.engines", "smpcheck.show.picture", "smpcheck.show.svg"}),
        (("explain", EXAMPLE), {"smpcheck.show.svg", "smpcheck.show.html"}),
    ],
    ids=["check", "explain"],
)
def test_a_small_question_needs_little(arguments: tuple[str, ...], besides: set[str]) -> None:
    assert imported(*arguments) & (FOR_NO_SMALL_QUESTION | OURS | besides) == set()


def test_the_version_needs_less() -> None:
    assert imported("--version") & {"typer", "rich", "msgspec", "smpcheck.program"} == set()
