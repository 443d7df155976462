"""A table for people: one row a test as it is answered, a line of what it adds up to.

On a terminal rows have colours and the width of the window; into a pipe the same rows go as plain text.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO, TypeAlias

from smpcheck.show.formats import Summary
from smpcheck.show.verdict import remarks

if TYPE_CHECKING:
    from rich.console import Console

    from smpcheck.questions.result import Result

NAME_LEAST, NAME_MOST = 16, 60
ROW_REST = 46
"""Columns of a row beside the name."""

FLUSH_SECONDS = 0.05
"""On a terminal with a progress bar each output redraws the bar: rows that come faster than this go out together."""

MARKS = {True: "✓", False: "✗", None: " "}
STYLES = {
    "Never": "cyan",
    "Sometimes": "yellow",
    "Always": "magenta",
    "holds": "cyan",
    "FAILS": "bold red",
    "undecided": "bold yellow",
}


Piece: TypeAlias = tuple[str, str]
"""Text and rich's name for its style."""


class Table:
    """Rows of mark, name, verdict, states, seconds, and what needs to be said."""

    speaks = True
    in_order = False

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.console: Console | None = None
        if out.isatty() or os.environ.get("FORCE_COLOR"):
            from rich.console import Console

            self.console = Console(file=out, highlight=False, soft_wrap=True)
        self._width = NAME_LEAST
        self._begun = False
        self._lines: list[list[Piece]] = []
        self._flushed = 0.0

    def begin(self, names: Sequence[str]) -> None:
        """The names say how wide the first column is."""
        longest = max((len(name) for name in names), default=0)
        most = max(NAME_LEAST, self.console.width - ROW_REST) if self.console else NAME_MOST
        self._width = max(NAME_LEAST, min(longest, most))

    def result(self, result: Result) -> None:
        """One row; a second line where something needs saying."""
        if not self._begun:
            self._begun = True
            self._lines.append([(f"  {'test':{self._width}}  verdict    {'states':>8}  {'seconds':>8}", "bold")])
        row: list[Piece] = [
            (MARKS[result.agrees], "red" if result.agrees is False else "green"),
            (f" {result.name:{self._width}}  ", ""),
        ]
        if result.verdict:
            states = f"{len(result.states)}" if result.states or not result.complete else ""
            row.append((f"{result.verdict:10} ", STYLES[result.verdict]))
            row.append((f"{states + ('' if result.complete else '+'):>8}", ""))
        else:
            row.append((f"{result.status:19}", "bold red" if result.status in ("error", "unsupported") else "bold yellow"))
        row.append((f"  {result.seconds:8.3f}", "dim"))
        said = remarks(result)
        if said:
            row.append(("  " + ", ".join(said), "red"))
        self._lines.append(row)
        self._lines += [[(f"    {_located(result, remark)}", "dim")] for remark in result.remarks]
        if not self.console or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        if not self._lines:
            return
        if self.console:
            from rich.text import Text

            self.console.print(Text("\n").join(Text.assemble(*line) for line in self._lines))
        else:
            self._out.writelines("".join(text for text, _ in line).rstrip() + "\n" for line in self._lines)
        self._lines.clear()
        self._flushed = time.monotonic()

    def end(self, summary: Summary) -> None:
        """What it adds up to."""
        if summary.total:
            self._lines.append([(summary.sentence(), "")])
        self.flush()


def _located(result: Result, remark: str) -> str:
    return remark if os.path.basename(result.file) in remark else f"{result.file}: {remark}"
