#!/usr/bin/env python3
"""What a start costs: the version, and one small test, from the shell.

python bench/startup.py [--runs N]
"""

from __future__ import annotations

import argparse
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
    (["check", str(ROOT / "examples" / "02-SB+mbs.litmus")], 0.4),
]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Start-up time.")
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    program = str(Path(sys.executable).with_name("smpcheck"))
    rows = []
    for command, reach in COMMANDS:
        times = []
        for _ in range(arguments.runs):
            began = time.perf_counter()
            subprocess.run([program, *command], check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - began)
        shown = " ".join(["smpcheck", *(Path(word).name for word in command)])
        rows.append([shown, show_seconds(reach), show_seconds(statistics.median(times)), show_seconds(min(times))])
    print_table("start-up, from the shell", ["command", "to reach, s>", "median, s>", "best, s>"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
