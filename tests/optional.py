"""Fields that may be None, where a test knows that they are not."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def the(value: T | None) -> T:
    """``value``, which must be there: else the test fails here, and not in an attribute of None."""
    assert value is not None
    return value
