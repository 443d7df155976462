"""Where Linux's own memory model and litmus tests are, for the tests that compare with them.

They are not shipped. A tree is looked for in the folder that ``SMPCHECK_KERNEL`` names, and in /usr/src, where Debian's packages
linux-source-6.1 and linux-source-6.12 are unpacked. Without one these tests are skipped, and the summary says so; where the
folder is named, as ``.ci/run`` does, a tree that is missing is a failure.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VERSIONS = ("6.1", "6.12")
VARIABLE = "SMPCHECK_KERNEL"
FOLDERS = [Path(os.environ[VARIABLE])] if os.environ.get(VARIABLE) else [Path("/usr/src")]


def tree(version: str) -> Path | None:
    """The sources of that kernel, at least ``tools/memory-model``."""
    places = [folder / f"{kind}-{version}" for folder in FOLDERS for kind in ("linux-source", "lkmm")]
    return next((place for place in places if (place / "tools" / "memory-model").is_dir()), None)


def needed(version: str) -> Path:
    """The sources of that kernel, or this test is skipped."""
    found = tree(version)
    if found is None:
        missing = f"no sources of Linux {version} in {' or '.join(map(str, FOLDERS))}"
        (pytest.fail if os.environ.get(VARIABLE) else pytest.skip)(missing)
    return found


def model(version: str) -> str:
    """The folder of that kernel's memory model, or this test is skipped."""
    return str(needed(version) / "tools" / "memory-model")


def litmus_tests(version: str) -> list[Path]:
    """The kernel's own litmus tests, in order; none where there are no sources."""
    root = tree(version)
    folders = [root / "Documentation" / "litmus-tests", root / "tools" / "memory-model" / "litmus-tests"] if root else []
    return sorted(path for folder in folders for path in folder.rglob("*.litmus"))
