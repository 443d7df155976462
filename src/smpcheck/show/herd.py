"""herd7's log: one block a test, as scripts and mcompare read it.

The layout is that of herd7 7.58 (top_herd.ml and constrGen.ml in the herdtools7 sources): states ordered variable by variable,
``Ok`` where the condition holds with its quantifier, witnesses counted for the condition (so the two counts change places for
``~exists``), and the Observation counted for the proposition. One difference: herd7 counts executions, smpcheck counts final
states, because it never enumerates the executions behind a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from smpcheck.show.formats import Summary

if TYPE_CHECKING:
    from smpcheck.questions.result import Result, StateRow

KINDS = {"exists": "Allowed", "~exists": "Forbidden", "forall": "Required"}


class HerdLog:
    """Blocks for tests that were answered. What was not goes to standard error, as with herd7."""

    speaks = False
    in_order = True

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self, names: Sequence[str]) -> None:
        """A log has no heading."""

    def result(self, result: Result) -> None:
        """One block."""
        if result.status in ("ok", "no-execution"):
            self._out.write(block(result))

    def flush(self) -> None:
        """Nothing waits."""

    def end(self, summary: Summary) -> None:
        """A log has no ending."""


def state_line(row: StateRow) -> str:
    """``0:r1=0; [x]=1;``"""
    return " ".join(f"{name}={value};" for name, value in row.items())


def block(result: Result) -> str:
    """herd7's lines for one answered test, with the empty line that ends them."""
    held, failed = result.positive, result.negative
    witnesses = (failed, held) if result.quantifier == "~exists" else (held, failed)
    observation = "Never" if held == 0 else "Always" if failed == 0 else "Sometimes"
    lines = [
        f"Test {result.name} {KINDS[result.quantifier]}",
        f"States {len(result.states)}",
        *map(state_line, result.states),
        "Ok" if result.ok and not result.failures else "No",
        "Witnesses",
        f"Positive: {witnesses[0]} Negative: {witnesses[1]}",
        *(f"Flag {flag}" for flag in result.flags),
        *(f"Flag fails: {name}" for name in result.failed),
        f"Condition {result.condition}",
        f"Observation {result.name} {observation} {held} {failed}",
        f"Time {result.name} {result.seconds:.2f}",
    ]
    return "\n".join(lines) + "\n\n"
