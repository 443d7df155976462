"""Tests of the solver ask the solver, however small a program is."""

from __future__ import annotations

import pytest

from smpcheck.solver.enumeration import VARIABLE


@pytest.fixture(autouse=True)
def always_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "solve")
