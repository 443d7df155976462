#!/usr/bin/env python3
"""The page machinery: cells of ``mm check`` one by one, the default table, ``claims``, and the speed of ``mm run``.

Cells of two and three operations are asked in a process each, all their invariants, under each model; what fails under sc is
not asked under weaker models again. A time has ``>`` where a cell stays undecided. Times are CPU time, of all processes together,
so that they say something on a busy machine too.

    python bench/mm.py [--cells] [--commands] [--timeout S]
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import in_a_fork, print_table, show_seconds
from smpcheck.cli import COLLECT
from smpcheck.mm.check import MODELS, Case, Checker
from smpcheck.mm.simulator.run import Options, run
from smpcheck.mm.simulator.workloads import find_workload
from smpcheck.mm.variants import find_variant

TWO = ("truncate_mlock", "truncate_reclaim", "truncate_fault", "munlock_page_putback", "mlock_munlock", "mlock_reclaim")
THREE = ("truncate_mlock_reclaim", "mlock_munlock_putback")
VARIANTS = ("V4", "V8")
REACH = {"two": {"sc": 0.4, "tso": None, "lkmm": 0.6}, "three": {"sc": 5.0, "tso": None, "lkmm": 5.0}}
COMMANDS = (
    (("mm", "check", "--no-witness"), 90.0),
    (("claims",), 40.0),
)
STEPS = 400_000
STEPS_TO_REACH = 1_000_000
"""A second, by the random scheduler."""


def verdict_of(case: Case, timeout: float) -> tuple[str, float]:
    """The answer of one cell, and the CPU time that it took."""
    gc.set_threshold(*COLLECT)
    began = time.process_time()
    verdict = Checker(deadline=timeout).answer(case).verdict
    return verdict, time.process_time() - began


def cells(timeout: float) -> None:
    """The table of single cells."""
    rows = []
    for size, scenarios in (("two", TWO), ("three", THREE)):
        for model in MODELS:
            times, verdicts = [], []
            for scenario in scenarios:
                for variant in VARIANTS:
                    case = Case(scenario, find_variant(variant), model)
                    found, _, _ = in_a_fork(partial(verdict_of, case, timeout))
                    verdict, seconds = found or ("died", 0.0)
                    times.append(seconds)
                    verdicts.append(verdict)
            said = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
            median, slowest = statistics.median(times), max(times)
            open_ = "undecided" in verdicts
            rows.append([size, model, len(times), show_seconds(REACH[size][model]), show_seconds(median),
                         f"{'>' if open_ else ''}{show_seconds(slowest)}", said])  # fmt: skip
    columns = ["operations", "model", "cells>", "to reach, CPU s>", "median, CPU s>", "slowest, CPU s>", "verdicts"]
    print_table(f"cells of mm check, {timeout:g} s each at most", columns, rows)


def cpu_time() -> float:
    """Of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def commands() -> None:
    """Whole commands, from the shell."""
    program = str(Path(sys.executable).with_name("smpcheck"))
    rows = []
    for command, reach in COMMANDS:
        began = cpu_time()
        subprocess.run([program, *command], check=False, capture_output=True)
        seconds = cpu_time() - began
        rows.append([" ".join(("smpcheck", *command)), show_seconds(reach), show_seconds(seconds)])
    print_table("commands", ["command", "to reach, CPU s>", "CPU s>"], rows)


def steps() -> None:
    """Steps of ``mm run`` a second of CPU time, once the model has been read; the making of the system is included."""
    load = find_workload("race", None, None)
    run(load, Options(ignore=("I1",), steps=1))
    rows = []
    for chooser, reach in (("random", f"{STEPS_TO_REACH:,}"), ("pct", ""), ("round-robin", "")):
        options = Options(scheduler=chooser, ignore=("I1",), steps=STEPS)
        began = time.process_time()
        done = run(load, options).steps
        rows.append([chooser, reach, f"{done / (time.process_time() - began):,.0f}"])
    columns = ["scheduler", "to reach, steps a CPU s>", "steps a CPU s>"]
    print_table(f"smpcheck mm run --workload race --ignore I1, {STEPS:,} steps", columns, rows)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="The page machinery.")
    parser.add_argument("--cells", action="store_true", help="only single cells")
    parser.add_argument("--commands", action="store_true", help="only whole commands")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for each cell")
    arguments = parser.parse_args()
    if not arguments.commands:
        cells(arguments.timeout)
    if not arguments.cells:
        commands()
        gc.set_threshold(*COLLECT)
        steps()
    return 0


if __name__ == "__main__":
    sys.exit(main())
