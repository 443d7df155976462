"""A verdict in words, the same wherever it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpcheck.questions.result import Result


def verdict_text(result: Result) -> str:
    """``Never``, ``holds``, ``FAILS: woken, data-race``, or the status where there is no verdict."""
    if result.failures:
        return f"FAILS: {', '.join(result.failures)}"
    return result.verdict or result.status


def remarks(result: Result) -> list[str]:
    """What there is to say beside verdict and status, most important first, without the message."""
    otherwise = result.disagreement is not None and result.expected_failures is not None
    said = [] if otherwise else list(result.failures)
    said += [f"flag: {flag}" for flag in result.flags if flag not in result.failures]
    if result.disagreement and (otherwise or not result.failures):
        said.append(result.disagreement)
    elif result.agrees and result.expected_failures is not None:
        said.append("as expected")
    return said
