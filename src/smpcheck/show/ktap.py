"""KTAP, the kernel's form of test reports, for kselftest and KUnit's tools: one line for each test, with its number.

The form is that of Documentation/dev-tools/ktap.rst, version 1. What is not as its author says, or fails, is ``not ok``; so is
a test without an answer, with ``TIMEOUT`` or ``ERROR``. One that uses what is not supported is ``SKIP``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smpcheck.show.formats import AtTheEnd, Summary
from smpcheck.show.verdict import verdict_text

if TYPE_CHECKING:
    from smpcheck.questions.result import Result

_DIRECTIVES = {"timeout": "TIMEOUT ", "unsupported": "SKIP "}
"""The directive of a status without an answer; ``ERROR`` for any other."""


class Ktap(AtTheEnd):
    """Written as a whole at the end, since the plan, how many tests there are, comes first."""

    def end(self, summary: Summary) -> None:
        """The whole report."""
        lines = ["KTAP version 1", f"1..{len(self._results)}"]
        for number, result in enumerate(self._results, 1):
            lines += [f"# {_plain(note)}" for note in result.notes]
            lines.append(_line(number, result))
        self._out.write("\n".join([*lines, f"# {_plain(summary.sentence())}", ""]))


def _line(number: int, result: Result) -> str:
    if result.status == "ok" or result.agrees is False:
        passed, said = result.agrees is not False, result.disagreement or verdict_text(result)
    else:
        passed = result.status == "unsupported"
        said = f"{_DIRECTIVES.get(result.status, 'ERROR ')}{result.message or result.status}"
    return f"{'ok' if passed else 'not ok'} {number} {_plain(result.name).replace('#', ' ')} # {_plain(said)}"


def _plain(text: str) -> str:
    """On one line."""
    return " ".join(text.split())
