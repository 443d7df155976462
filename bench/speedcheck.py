#!/usr/bin/env python3
"""300 kernel tests, drawn from the reference library, against herd7: CPU seconds and peak memory, one process each way.

Both are asked for the verdict alone (herd7 with ``-speedcheck true``, which pushes the condition into the choice of reads-from
before it enumerates), or with ``--states`` for all final states. herd7 runs if ``HERD7`` names it and ``SMPCHECK_KERNEL`` a
folder with ``linux-source-6.12`` (``tools/memory-model`` is the model); otherwise recorded figures are shown.

    python bench/speedcheck.py [--states] [--profile] [--runs N]

``--profile`` prints where our time goes. The names are in ``speedcheck.txt``, drawn once from the tests that herd7 reads.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import in_a_fork, print_table, show_seconds
from bench.reference import LIBRARY
from smpcheck.batch.worker import load_engine, load_solver
from smpcheck.cat.load import load_model
from smpcheck.cat.slicing import shared_slice, sliced
from smpcheck.cli import COLLECT
from smpcheck.program.events import unroll
from smpcheck.questions.check import CheckOptions, check_file
from smpcheck.readers.primitives import builtin_definitions
from smpcheck.readers.registry import read_programs, vocabulary_of
from smpcheck.solver.answer import Question
from smpcheck.solver.enumeration import enumerated
from smpcheck.solver.unrolled import Unrolled

NAMES = Path(__file__).with_name("speedcheck.txt").read_text().split()
TIMEOUT = 10.0
"""Seconds for a test with all its states."""

_OBSERVATION = re.compile(r"^Observation .* (Never|Sometimes|Always) ", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One pass over all tests: CPU seconds, peak memory in MiB, and for each test whether the condition can hold (None: not
    answered in time)."""

    seconds: float
    mebibytes: float
    verdicts: list[bool | None] = field(default_factory=list)
    late: int = 0


RECORDED = {
    False: Run(0.63, 24),
    True: Run(135.0, 0, late=11),
}
"""herd7 7.58+1 with the model of Linux 6.12, by whether all states are listed. Verdict alone: the least of six runs on an
Intel Xeon (two cores shared with other work, Linux 6.1); all states: 10 s for each test, memory was not noted."""


def ours(states: bool) -> Run:
    """All tests in this process."""
    model = load_model("lkmm")
    options = CheckOptions(verdict_only=not states, timeout=TIMEOUT if states else None)
    began = time.process_time()
    results = [result for name in NAMES for result, _ in check_file(str(LIBRARY / name), model, options)]
    seconds = time.process_time() - began
    verdicts = [None if result.status == "timeout" else result.observation != "Never" for result in results]
    return Run(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, verdicts, verdicts.count(None))


def herd7(states: bool) -> Run | None:
    """All tests by herd7: in one process, or where one may take too long, in one for each. None where it is not installed."""
    program, kernels = os.environ.get("HERD7"), os.environ.get("SMPCHECK_KERNEL")
    if not program or not kernels:
        return None
    folder = Path(kernels) / "linux-source-6.12" / "tools" / "memory-model"
    command = [program, "-conf", "linux-kernel.cfg", *([] if states else ["-speedcheck", "true"])]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    verdicts: list[bool | None] = []
    for names in [[name] for name in NAMES] if states else [NAMES]:
        paths = [str(LIBRARY / name) for name in names]
        try:
            said = subprocess.run(
                [*command, *paths], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT if states else None
            ).stdout
            verdicts += [verdict != "Never" for verdict in _OBSERVATION.findall(said)]
        except subprocess.TimeoutExpired:
            verdicts.append(None)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, after.ru_maxrss / 1024, verdicts, verdicts.count(None))


def least(runs: list[Run]) -> Run:
    """The run that took the least time: the others were disturbed."""
    return min(runs, key=lambda run: run.seconds)


def phases() -> list[list[object]]:
    """Milliseconds of a test in each step of the way to a verdict, on average, if all tests come for the first time."""
    model = load_model("lkmm")
    vocabulary, question = vocabulary_of(model), Question(mode="verdict")
    texts = [(str(LIBRARY / name), (LIBRARY / name).read_text(errors="replace")) for name in NAMES]
    programs = [read_programs(path, text, vocabulary)[0] for path, text in texts]
    asked = [Unrolled(program, model, question) for program in programs]
    steps: list[tuple[str, Callable[[], object]]] = [
        ("reading the text", lambda: [read_programs(path, text, vocabulary) for path, text in texts]),
        ("possible events (program.events)", lambda: [unroll(program) for program in programs]),
        ("events and values (solver.unrolled)", lambda: [Unrolled(program, model, question) for program in programs]),
        ("candidates, judged (solver.enumeration)", lambda: [enumerated(one, model, question) for one in asked]),
    ]
    rows: list[list[object]] = []
    for name, step in steps:
        times = []
        for _ in range(5):
            builtin_definitions().threads.clear()
            sliced.cache_clear()
            shared_slice.cache_clear()
            began = time.process_time()
            step()
            times.append(time.process_time() - began)
        rows.append([name, f"{1000 * min(times) / len(NAMES):.2f}"])
    return rows


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="CPU time against herd7's.")
    parser.add_argument("--states", action="store_true", help="all final states, not the verdict alone")
    parser.add_argument("--profile", action="store_true", help="where our time goes")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if not (LIBRARY / NAMES[0]).exists():
        print(f"no tests at {LIBRARY}")
        return 2
    gc.set_threshold(*COLLECT)
    load_engine("lkmm")
    load_solver()
    if arguments.profile:
        print_table("milliseconds a test", ["step", "ms>"], phases())
        return 0
    runs = 1 if arguments.states else arguments.runs
    pairs_of_runs = [[in_a_fork(partial(who, arguments.states))[0] for who in (ours, herd7)] for _ in range(runs)]
    mine = least([one for one, _ in pairs_of_runs if one is not None])
    measured = [(one, other) for one, other in pairs_of_runs if one is not None and other is not None]
    theirs = least([other for _, other in measured]) if measured else RECORDED[arguments.states]
    ratio = median(one.seconds / other.seconds for one, other in measured) if measured else None
    pairs = zip(NAMES, mine.verdicts, theirs.verdicts, strict=True) if measured else ()
    different = [name for name, a, b in pairs if None not in (a, b) and a != b]
    print_table(
        f"{len(NAMES)} tests, {'all final states' if arguments.states else 'verdict alone'}, least of {runs} runs",
        ["", f"herd7{'' if measured else ' (recorded)'}>", "smpcheck>"],
        [
            ["CPU seconds", show_seconds(theirs.seconds), show_seconds(mine.seconds)],
            ["ms a test", f"{1000 * theirs.seconds / len(NAMES):.2f}", f"{1000 * mine.seconds / len(NAMES):.2f}"],
            ["ratio of the least times", "1", f"{mine.seconds / theirs.seconds:.2f}"],
            ["ratio in pairs of runs, median", "1", "-" if ratio is None else f"{ratio:.2f}"],
            ["peak memory, MiB", f"{theirs.mebibytes:.0f}" if theirs.mebibytes else "-", f"{mine.mebibytes:.0f}"],
            ["not answered in time", theirs.late, mine.late],
            ["verdicts that differ", len(different) if measured else "-", ""],
        ],
    )
    for name in different:
        print(f"{name}: herd7 disagrees")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
