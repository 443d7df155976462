"""JSON, one object a line, for programs.

The form is described by ``schemas/result-2.json``; :func:`as_object` has the keys in their order. ``states`` is a list of objects
from ``0:r1`` or ``[x]`` to an integer, or to a string for an address; what is not known is null. With ``--executions`` there are
also ``executions``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TextIO

from smpcheck.models import EDITIONS
from smpcheck.questions.state_rows import StateRows
from smpcheck.show.formats import Summary

if TYPE_CHECKING:
    from smpcheck.questions.result import Result


MAX_LISTED = 1000
"""Of states that are combinations of values, which are said as such, so many are listed."""


class JsonLines:
    """One object for each result, whatever its status."""

    speaks = True
    in_order = True

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self, names: Sequence[str]) -> None:
        """No heading: each line stands alone."""

    def result(self, result: Result) -> None:
        """One line."""
        self._out.write(json.dumps(as_object(result)) + "\n")

    def flush(self) -> None:
        """Nothing waits."""

    def end(self, summary: Summary) -> None:
        """No ending: each line stands alone."""


def as_object(result: Result) -> dict[str, object]:
    """The result under the documented keys."""
    is_product = isinstance(result.states, StateRows)
    listed = result.states[:MAX_LISTED] if is_product else result.states
    shown: dict[str, object] = {
        "file": result.file,
        "name": result.name,
        "status": result.status,
        "verdict": result.verdict,
        "failures": list(result.failures),
        "undecided": list(result.undecided),
        "rounds": result.rounds,
        "states": [dict(row) for row in listed],
        "complete": result.complete and len(listed) == len(result.states),
        "product": result.states.product() if isinstance(result.states, StateRows) else None,
        "flags": list(result.flags),
        "condition": result.condition,
        "observation": result.observation,
        "asserts": list(result.asserts),
        "expected": result.expected,
        "announced": _sorted(result.announced),
        "expected_failures": _sorted(result.expected_failures),
        "agrees": result.agrees,
        "seconds": round(result.seconds, 6),
        "message": result.message,
        "notes": list(result.notes),
        "model": result.model,
        "edition": EDITIONS.get(result.model),
    }
    if result.executions and result.program is not None:
        from smpcheck.show.execution_json import execution_object

        shown["executions"] = [
            {"shows": one.shows, "name": one.name, "execution": execution_object(one.execution, result.program)}
            for one in result.executions
        ]
    return shown


def _sorted(names: Collection[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)
