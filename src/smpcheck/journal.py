"""Listeners for results: a test runner collects them, to show the answers when a test fails."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpcheck.questions.result import Result

journal: ContextVar[list[Result] | None] = ContextVar("smpcheck-journal", default=None)
"""Where results of :func:`smpcheck.check` are written down, if anywhere."""


def note(result: Result) -> None:
    """Write ``result`` down for whoever listens."""
    listening = journal.get()
    if listening is not None:
        listening.append(result)
