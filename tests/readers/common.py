"""What the tests of the readers share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smpcheck.errors import SmpcheckError, UnsupportedError
from smpcheck.program.ir import Program
from smpcheck.readers.clang.worker import HOW_TO_INSTALL
from smpcheck.readers.litmus import read_litmus
from tests import kernel
from tests.readers.machine import Machine

LIBRARY = Path(__file__).resolve().parents[2].parent / "shared" / "litmus" / "lkmm"
KERNEL = {v: (kernel.tree(v) or kernel.FOLDERS[0] / f"linux-source-{v}") / "tools" / "memory-model" for v in kernel.VERSIONS}

needs_library = pytest.mark.skipif(not LIBRARY.is_dir(), reason=f"no library of litmus tests at {LIBRARY}")
needs_kernel = pytest.mark.skipif(
    kernel.VARIABLE not in os.environ and not all(p.is_dir() for p in KERNEL.values()),
    reason="no kernel sources (tests/kernel.py)",
)


def litmus(
    body: str, *, params: str = "int *x, int *y", init: str = "", before: str = "", question: str = "exists (x=0)"
) -> Program:
    """A test of one thread."""
    return read_litmus(f"C test\n{{ {init} }}\n{before}\nP0({params})\n{{\n{body}\n}}\n{question}\n", "test.litmus")


def run(body: str, **parts: str) -> Machine:
    """Read a test of one thread and run it."""
    return Machine(litmus(body, **parts)).run()


def error(text: str) -> SmpcheckError:
    """The error that reading ``text`` raises."""
    with pytest.raises(SmpcheckError) as caught:
        read_litmus(text, "test.litmus")
    return caught.value


def body_error(body: str, **parts: str) -> SmpcheckError:
    """The error that reading a test of one thread raises."""
    with pytest.raises(SmpcheckError) as caught:
        litmus(body, **parts)
    return caught.value


def hide_libclang(patch: pytest.MonkeyPatch) -> None:
    """As if libclang were not installed: C litmus tests are read by their own reader alone."""

    def missing() -> None:
        raise UnsupportedError(HOW_TO_INSTALL)

    patch.setattr("smpcheck.readers.clang.worker._version", missing)
