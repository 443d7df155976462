"""JUnit XML, for continuous integration: an answer that its author does not expect is a failure, a test without answer an error.

The layout is the common part of what Jenkins, GitLab and GitHub actions read: one ``testsuite`` with its counts, one
``testcase`` a result with ``classname`` (the folder) and ``name``.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from smpcheck.show.formats import AtTheEnd, Summary
from smpcheck.show.herd import block

if TYPE_CHECKING:
    from smpcheck.questions.result import Result

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
STATES_SHOWN = 64


class JUnit(AtTheEnd):
    """Written as a whole at the end, since its first line counts."""

    def end(self, summary: Summary) -> None:
        """The whole document."""
        failures = sum(1 for result in self._results if result.agrees is False)
        errors = sum(1 for result in self._results if result.status != "ok" and result.agrees is not False)
        write = self._out.write
        write('<?xml version="1.0" encoding="UTF-8"?>\n')
        counts = f'tests="{len(self._results)}" failures="{failures}" errors="{errors}" time="{summary.seconds:.3f}"'
        write(f"<testsuites {counts}>\n")
        write(f"<testsuite name={_attribute(f'smpcheck check, model {summary.model}')} {counts}>\n")
        for result in self._results:
            write(_case(result))
        write("</testsuite>\n</testsuites>\n")


def _case(result: Result) -> str:
    folder = os.path.dirname(result.file).strip("/").replace("/", ".")
    head = (
        f"<testcase classname={_attribute(folder or '.')} name={_attribute(result.name)} "
        f'file={_attribute(result.file)} time="{result.seconds:.3f}"'
    )
    inside = ""
    if result.disagreement:
        inside = f'<failure type="disagrees" message={_attribute(result.disagreement)}>{_text(_log(result))}</failure>'
    elif result.status != "ok":
        inside = f"<error type={_attribute(result.status)} message={_attribute(result.message)}/>"
    said = result.notes if inside and not result.disagreement else result.remarks
    if said:
        inside += f"<system-out>{_text(chr(10).join(said))}</system-out>"
    return f"{head}>{inside}</testcase>\n" if inside else f"{head}/>\n"


def _log(result: Result) -> str:
    if len(result.states) > STATES_SHOWN:
        return f"{len(result.states)} final states"
    return block(result)


def _text(text: str) -> str:
    return _ascii(escape(_NOT_XML.sub("\ufffd", text)))


def _attribute(text: str) -> str:
    return _ascii(quoteattr(_NOT_XML.sub("\ufffd", text)))


def _ascii(text: str) -> str:
    """The same XML, whatever the encoding of the output is."""
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")
