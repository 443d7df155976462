#!/usr/bin/env python3
"""Tests with many threads (15 or more) of the reference library, nearly all of them about RCU: the verdict, each in a fresh
process.

python bench/rcu.py [--threads N] [--timeout S] [--all]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import measure, print_table, show_seconds
from bench.reference import LIBRARY, load
from smpcheck.questions.check import CheckOptions


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Verdicts of tests with many threads.")
    parser.add_argument("--threads", type=int, default=15, help="at least so many")
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--all", action="store_true", help="a row for each test")
    arguments = parser.parse_args()
    references = [reference for reference in load() if reference.threads >= arguments.threads]
    if not references:
        print(f"no such tests at {LIBRARY}")
        return 2
    options = CheckOptions(verdict_only=True, timeout=arguments.timeout)
    measured = []
    for reference in references:
        one = measure(str(reference.path), reference.path.read_text(), options)
        measured.append((reference, one))
    rows = []
    for threads in sorted({reference.threads for reference, _ in measured}):
        part = [(reference, one) for reference, one in measured if reference.threads == threads]
        rows.append(
            [
                threads,
                len(part),
                sum(reference.status == "timeout" for reference, _ in part),
                show_seconds(statistics.median(one.seconds for _, one in part)),
                show_seconds(max(one.seconds for _, one in part)),
                f"{max(one.mebibytes for _, one in part):.0f}",
                sum(one.result.status != "ok" for _, one in part),
                sum(reference.disagreement(one.result) is not None for reference, one in part),
            ]
        )
    columns = ["threads>", "tests>", "herd7 > 10 s>", "median, s>", "slowest, s>", "peak MiB>", "not answered>", "disagree>"]
    overall = statistics.median(one.seconds for _, one in measured)
    print_table(
        f"verdicts of tests with {arguments.threads} threads and more: {overall:.3f} s each, median (to reach: 0.5 s)",
        columns,
        rows,
    )
    if arguments.all:
        for reference, one in measured:
            print(f"{one.seconds:8.3f} s {one.mebibytes:6.0f} MiB {one.result.verdict or one.result.status:10} {reference.file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
