"""A progress bar below the rows, on a terminal only. Drawn when it is told to: no thread of its own, since workers are forked."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from smpcheck.show.formats import Form

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE = 0.5
"""Seconds until there is a bar: what is done sooner needs none."""

REDRAW = 0.1


class ProgressBar:
    """``advance`` for each result, ``tick`` as time goes by."""

    def __init__(self, form: Form, total: int) -> None:
        self._form = form
        self._total = total
        self._done = 0
        self._bar: Bar | None = None
        self._began = self._drawn = time.monotonic()

    @classmethod
    def on_terminal(cls, form: Form, total: int) -> ProgressBar | None:
        """A bar, if there is a terminal to show it that does not already take unadorned output."""
        from smpcheck.show.table import Table

        if isinstance(form, Table) and form.console:
            return cls(form, total)
        return cls(form, total) if sys.stderr.isatty() and not sys.stdout.isatty() else None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self) -> None:
        """One more result."""
        self._done += 1
        self.tick()

    def say(self, message: str) -> None:
        """A line on standard error, above the bar if that is there."""
        if self._bar:
            self._bar.console.print(message, markup=False, highlight=False, soft_wrap=True)
        else:
            print(message, file=sys.stderr, flush=True)

    def tick(self) -> None:
        """Redraw, if it is time to."""
        now = time.monotonic()
        if self._bar is None and now - self._began >= PATIENCE:
            self._bar = self._make()
            self._bar.start()
        if self._bar and now - self._drawn >= REDRAW:
            self._bar.update(self._bar.task_ids[0], completed=self._done, refresh=True)
            self._drawn = now

    def _make(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        bar = Progress(
            *(TextColumn("checking"), BarColumn(), MofNCompleteColumn()),
            *(TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()),
            console=getattr(self._form, "console", None) or Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        bar.add_task("", total=self._total, completed=self._done)
        return bar


class Counter:
    """A bar on standard error for work that has no rows of its own: only on a terminal, and only if it takes a while."""

    def __init__(self, total: int, unit: str) -> None:
        self._total = total
        self._unit = unit
        self._done = 0
        self._bar: Bar | None = None
        self._began = self._drawn = time.monotonic()
        self._able = sys.stderr.isatty()

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self) -> None:
        """One more is done."""
        self._done += 1
        self.tick()

    def tick(self) -> None:
        """Redraw, if it is time to."""
        now = time.monotonic()
        if not self._able or now - self._began < PATIENCE:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn(self._unit), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(file=sys.stderr), transient=True, auto_refresh=False)
            self._bar.start()
            self._bar.add_task("", total=self._total)
        if now - self._drawn >= REDRAW:
            self._drawn = now
            self._bar.update(self._bar.task_ids[0], completed=self._done)
            self._bar.refresh()
