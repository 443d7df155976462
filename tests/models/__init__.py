"""Tests of the memory models that smpcheck ships, and of how it reads the kernel's own."""

from __future__ import annotations

from pathlib import Path

import pytest


def kernel_tree(version: str) -> str:
    """The folder of that kernel's memory model, or skip the test."""
    path = Path(f"/usr/src/lkmm-{version}/tools/memory-model")
    if not path.is_dir():
        pytest.skip(f"the memory model of Linux {version} is not installed ({path})")
    return str(path)
