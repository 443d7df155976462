"""What this machine offers decides which facts can be checked here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smpcheck.mm.kernel_check.machine import Machine, look

PAGES = 8


@pytest.fixture(scope="session")
def machine() -> Machine:
    """This machine, if it shows everything that can be compared."""
    found = look(PAGES)
    if not (found.refresh and found.flags and found.smaps and found.pages == PAGES and found.modelled):
        pytest.skip("; ".join(str(missing) for missing in found.missing))
    return found


@pytest.fixture
def proc(tmp_path: Path) -> Callable[..., Path]:
    """A /proc of one's own: files by name."""

    def make(**files: str) -> Path:
        root = tmp_path / "proc"
        for name, text in files.items():
            path = root / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return make
