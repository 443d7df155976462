"""What the benchmarks share: one test in a process of its own, measured, and a table that names the machine."""

from __future__ import annotations

import os
import pickle
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from smpcheck.batch.worker import load_engine, load_solver
from smpcheck.cat.load import load_model
from smpcheck.questions.check import CheckOptions, check_file
from smpcheck.questions.result import Result

Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Measured:
    """A result, its wall time from reading to answer, and the peak memory of the process that found it, in MiB."""

    result: Result
    seconds: float
    mebibytes: float


def in_a_fork(work: Callable[[], Out]) -> tuple[Out | None, float, float]:
    """What ``work`` gives in a forked process (None: it died), its wall time in seconds, and the peak memory in MiB."""
    reader, writer = os.pipe()
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            result = work()
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(result, pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    seconds = time.perf_counter() - began
    usage = os.wait4(pid, 0)[2]
    return pickle.loads(data) if data else None, seconds, usage.ru_maxrss / 1024


def measure(path: str, text: str, options: CheckOptions, model: str = "lkmm") -> Measured:
    """Check ``text`` in a forked process; the model is read and the engine loaded before, as in a batch."""
    loaded = load_model(model)
    load_engine(model)
    load_solver()

    def work() -> Result:
        results = [result for result, _ in check_file(path, loaded, options, text)]
        return results[0]

    result, seconds, mebibytes = in_a_fork(work)
    return Measured(result or Result(path, path, "error", message="the process died"), seconds, mebibytes)


def machine() -> str:
    """The processor, how many of them this process may use, and the Python."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as info:
            name = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), name)
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on standard output, the machine named below it. Columns whose name ends in ``>`` are set to the right."""
    table = Table(title=title, caption=machine(), title_justify="left", caption_justify="left")
    for column in columns:
        table.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)


def show_seconds(seconds: float | None) -> str:
    """Three significant digits, or a dash."""
    if seconds is None:
        return "-"
    return (
        f"{seconds:.0f}"
        if seconds >= 100
        else f"{seconds:.1f}"
        if seconds >= 10
        else f"{seconds:.2f}"
        if seconds >= 1
        else f"{seconds:.3f}"
    )
