"""Fixtures for the tests of the readers."""

from __future__ import annotations

import pytest

from tests.readers.common import hide_libclang


@pytest.fixture
def without_clang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libclang."""
    hide_libclang(monkeypatch)
