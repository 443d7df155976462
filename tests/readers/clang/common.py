"""Reading the kernel's C in this process, and running a thread alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("clang.cindex", reason="libclang-ng is not installed: pip install 'smpcheck[c]'")

from smpcheck.cat import load_model
from smpcheck.program.ir import Program
from smpcheck.program.values import CType, Ptr, Value
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.questions.result import Result
from smpcheck.readers.clang import worker
from smpcheck.readers.clang.program import read_kernel_c
from smpcheck.readers.clang.startup import Bytes, Startup

LKMM = load_model("lkmm")


def read(text: str, path: str = "test.c", settings: Sequence[str] = (), monkeypatch: pytest.MonkeyPatch | None = None) -> Program:
    """The program of a text, parsed in this process: a worker for each would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "_ask", in_process)
        patch.setenv("SMPCHECK_CACHE", "")
        return read_kernel_c(path, text, settings)


def in_process(request: worker.Request) -> object:
    return worker.answer({name: getattr(request, name) for name in ("file", "arguments", "unsaved", "roots", "stops", "own")})


def checked(text: str, unroll: int = 2) -> Result:
    """What the kernel's model says of a harness."""
    return check_program(read(text), LKMM, CheckOptions(unroll=unroll))


def left(text: str, names: Sequence[tuple[str, int, CType]]) -> list[Value]:
    """What the first thread, alone, leaves in memory: for each name with its offset and type."""
    program = read(text)
    memory = Bytes()
    for address, cell in program.cells.items():
        memory.write(address, cell.init, cell.ctype.size)
    Startup(memory).run(program.threads[0])
    return [memory.read(Ptr(name, offset), ctype) for name, offset, ctype in names]


def tree(folder: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
