"""Of many rows with the same shape, a few in each run, and all of them in ``.ci/run``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def few(rows: Iterable[Any], by_default: int = 1) -> list[Any]:
    """Parameters for ``pytest.mark.parametrize``: the first rows, and the others as slow tests. For blocks of random seeds, which
    are as good as each other."""
    slow = pytest.mark.slow
    return [
        row if number < by_default else pytest.param(*(row if isinstance(row, tuple) else (row,)), marks=slow)
        for number, row in enumerate(rows)
    ]
