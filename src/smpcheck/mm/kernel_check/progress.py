"""A bar for a session, on a terminal. Drawn between runs, never by a thread of its own, so that it disturbs no counter."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Bar:
    """A `smpcheck.mm.kernel_check.session.Progress` that draws."""

    def __init__(self, out: TextIO) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeElapsedColumn())
        self._bar = Progress(
            *columns,
            console=Console(file=out),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("live", total=1.0, said="")

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def scenario(self, name: str, done: int, of: int) -> None:
        """About to begin another run of a scenario."""
        self._show("workloads", done, of, name)

    def race(self, gone: float, of: float, moved: Mapping[str, int]) -> None:
        """Seconds gone of those to come; differences of the counters so far."""
        cleared = moved.get("unevictable_pgs_cleared")
        self._show("race", min(gone, of), of, "" if cleared is None else f"freed while mlocked: {cleared}")

    def _show(self, what: str, done: float, of: float, said: str) -> None:
        self._bar.update(self._task, description=what, completed=done, total=of, said=said, refresh=True)
