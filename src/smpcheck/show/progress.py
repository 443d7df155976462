"""A progress bar below the rows, on a terminal only. Drawn when it is told to: no thread of its own, since workers are forked."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from smpcheck.show.formats import Form

WORTH_SHOWING = 2
REDRAW = 0.1


class Progress:
    """``advance`` for each result, ``tick`` as time goes by."""

    def __init__(self, form: Form, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = getattr(form, "console", None) or Console(stderr=True)
        columns = (
            TextColumn("checking"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._bar = Bar(
            *columns, console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._bar.add_task("", total=total)
        self._drawn = time.monotonic()

    @classmethod
    def on_terminal(cls, form: Form, total: int) -> Progress | None:
        """A bar, if there is a terminal to show it that does not already take unadorned output."""
        from smpcheck.show.table import Table

        if total < WORTH_SHOWING:
            return None
        if isinstance(form, Table) and form.console:
            return cls(form, total)
        return cls(form, total) if sys.stderr.isatty() and not sys.stdout.isatty() else None

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def advance(self) -> None:
        """One more result."""
        self._bar.advance(self._task)
        self.tick()

    def tick(self) -> None:
        """Redraw, if it is time to."""
        if time.monotonic() - self._drawn >= REDRAW:
            self._bar.refresh()
            self._drawn = time.monotonic()
