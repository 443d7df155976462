"""The gallery answers as its files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.questions.check import CheckOptions, check_program
from tests.readers.clang.common import LKMM, read

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "kernel"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.c")), ids=lambda path: path.stem)
def test_the_example_fails_in_what_it_names_and_in_nothing_else(path: Path) -> None:
    program = read(path.read_text(), str(path))
    result = check_program(program, LKMM, CheckOptions(unroll=4))
    assert (result.status, result.failures) == ("ok", tuple(sorted(program.expected_failures or (), key=result.failures.index)))
