#!/usr/bin/env python3
"""What a start costs: the version, and one small test, from the shell.

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

COMMANDS = [
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
        times, used = [], []
        for _ in range(arguments.runs):
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([program, *command], check=True, stdout=subprocess.DEVNULL, env=environment)
            times.append(time.perf_counter() - began)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        shown = " ".join(["smpcheck", *(Path(word).name for word in command)])
        figures = [reach, statistics.median(times), min(times), min(used)]
        rows.append([shown, *map(show_seconds, figures)])
    print_table("start-up, from the shell", ["command", "to reach, s>", "median, s>", "best, s>", "best, CPU s>"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
