#!/usr/bin/env python3
"""What a start costs: the bare interpreter, the version, and one small test, from the shell.

With compiled modules, as an installation has them (``PYTHONDONTWRITEBYTECODE`` is taken out of the environment).

python bench/startup.py [--runs N]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import print_table, show_seconds
from bench.reference import ROOT

COMMANDS: list[tuple[list[str], float | None]] = [
    ([], None),
    (["--version"], 0.12),
    (["check", str(ROOT / "examples" / "02-SB+mbs.litmus")], 0.15),
    (["explain", str(ROOT / "examples" / "02-SB+mbs.litmus")], 0.2),
]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Start-up time.")
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    program = str(Path(sys.executable).with_name("smpcheck"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    rows = []
    for command, reach in COMMANDS:
        runs = [run([program, *command] if command else [sys.executable, "-c", ""], environment) for _ in range(arguments.runs)]
        times = [seconds for seconds, _, _ in runs]
        shown = " ".join(["smpcheck", *(Path(word).name for word in command)]) if command else "the interpreter, doing nothing"
        figures = [reach, statistics.median(times), min(times), min(used for _, used, _ in runs)]
        rows.append([shown, *map(show_seconds, figures), show_memory(max(peak for _, _, peak in runs))])
    columns = ["command", "to reach, s>", "median, s>", "best, s>", "best, CPU s>", "peak memory, MiB>"]
    print_table("start-up, from the shell", columns, rows)
    return 0


def show_memory(mebibytes: float) -> str:
    """A peak; that of a process which is smaller than this one, of which it begins as a copy, is not known."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{mebibytes:.0f}" if mebibytes > own + 1 else f"under {own + 1:.0f}"


def run(command: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Wall time and CPU time of a command in seconds, and the peak memory of its largest process in MiB.

    :raises CalledProcessError: it fails
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
