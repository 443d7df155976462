"""Models that tests write stay out of the user's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.cat import cache


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv(cache.VARIABLE, str(folder))
    return folder
