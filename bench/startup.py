#!/usr/bin/env python3
"""What a start costs: the bare interpreter, the version, help, and one small program of each language, from the shell.

With compiled modules, as an installation has them (``PYTHONDONTWRITEBYTECODE`` is taken out of the environment).

python bench/startup.py [--runs N]
python bench/startup.py --profile    CPU time of what one ``check`` imports, by package, and of the rest
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import print_table, show_seconds
from bench.reference import ROOT

LARGEST = 12

COMMANDS: list[tuple[list[str], float | None]] = [
    ([], None),
    (["--version"], 0.12),
    (["check", "--help"], None),
    (["check", str(ROOT / "examples" / "02-SB+mbs.litmus")], 0.15),
    (["explain", str(ROOT / "examples" / "02-SB+mbs.litmus")], 0.2),
    (["check", str(ROOT / "examples" / "kernel" / "publish.c")], None),
    (["check", str(ROOT / "examples" / "models" / "seqlock.py")], None),
]

PROFILE = """
import importlib._bootstrap as bootstrap, json, sys, time
seconds, inner, load = {}, [0.0], bootstrap._find_and_load

def timed(name, *rest):
    inner.append(0.0)
    began = time.process_time()
    try:
        return load(name, *rest)
    finally:
        spent = time.process_time() - began
        own = spent - inner.pop()
        inner[-1] += spent
        seconds[name] = seconds.get(name, 0.0) + own

bootstrap._find_and_load = timed
from smpcheck.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps([seconds, time.process_time()]))
"""
"""Runs a command; the last line that it prints has the CPU seconds of each import, without those within it, and of all."""


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Start-up time.")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    if arguments.profile:
        profile(arguments.runs)
        return 0
    program = str(Path(sys.executable).with_name("smpcheck"))
    environment = compiled()
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


def profile(runs: int) -> None:
    """The least of ``runs`` for each module, added up by package."""
    command = [sys.executable, "-c", PROFILE, *COMMANDS[3][0]]
    least: dict[str, float] = {}
    wholes = []
    for _ in range(runs):
        out = subprocess.run(command, capture_output=True, text=True, check=True, env=compiled()).stdout
        seconds, whole = json.loads(out.splitlines()[-1])
        wholes.append(whole)
        least = {name: min(spent, least.get(name, spent)) for name, spent in seconds.items()}
    packages: Counter[str] = Counter()
    for name, spent in least.items():
        packages[name.partition(".")[0]] += spent  # type: ignore[assignment]
    rest = min(wholes) - sum(least.values())
    rows = [[name, f"{1000 * spent:.1f}"] for name, spent in packages.most_common(LARGEST)]
    others = sum(least.values()) - sum(spent for _, spent in packages.most_common(LARGEST))
    rows += [["other packages", f"{1000 * others:.1f}"], ["everything but imports", f"{1000 * rest:.1f}"]]
    print_table("check of a small test: CPU time of imports", ["package", "ms>"], rows)


def compiled() -> dict[str, str]:
    """The environment, with compiled modules kept."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


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
