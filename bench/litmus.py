#!/usr/bin/env python3
"""The whole reference library: wall time, and whether every answer is herd7's.

All final states are listed where the reference counts them, the verdict alone is decided elsewhere. Prints a table, then every
disagreement. Exit status 1 if there is one.

    python bench/litmus.py [-j N] [--timeout S] [--model M] [--only WORD] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import print_table, show_seconds
from bench.reference import LIBRARY, Reference, load
from smpcheck.batch.paths import Item
from smpcheck.batch.pool import Pool, available_cores
from smpcheck.batch.worker import Job, load_engine, load_solver
from smpcheck.questions.check import CheckOptions
from smpcheck.questions.result import Result
from smpcheck.show.json_lines import as_object


def run(references: list[Reference], model: str, jobs: int, timeout: float) -> list[tuple[Reference, Result]]:
    """Every reference with its result."""
    pairs: list[tuple[Reference, Result]] = []
    for states in (True, False):
        part = [reference for reference in references if reference.wants_states is states]
        job = Job(model, CheckOptions(verdict_only=not states, timeout=timeout))
        with Pool(job, jobs) as pool:
            items = [Item(index, str(reference.path)) for index, reference in enumerate(part)]
            pairs += zip(part, pool.run(items), strict=True)
    return pairs


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Time and agreement over the reference library.")
    parser.add_argument("-j", "--jobs", type=int, default=available_cores())
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for each test (10, as for the reference)")
    parser.add_argument("--model", default="lkmm")
    parser.add_argument("--only", default="", help="tests whose path contains this")
    parser.add_argument("--json", help="also write every result there, one object a line")
    arguments = parser.parse_args()
    references = [reference for reference in load() if arguments.only in reference.file]
    if not references:
        print(f"no tests at {LIBRARY}")
        return 2
    load_engine(arguments.model)
    load_solver()
    began = time.perf_counter()
    pairs = run(references, arguments.model, arguments.jobs, arguments.timeout)
    wall = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    differences = [(reference, result, said) for reference, result in pairs if (said := reference.disagreement(result))]
    times = sorted(result.seconds for _, result in pairs)
    herd = sum(reference.row["herd7_cpu_s"] or 0.0 for reference in references)
    timeouts = sum(reference.status == "timeout" for reference in references)
    print_table(
        f"{len(references)} tests of {LIBRARY.name} under {arguments.model}, {arguments.jobs} workers",
        ["", "herd7 (reference)>", "smpcheck>"],
        [
            ["wall time, s", "", show_seconds(wall)],
            ["CPU time, s", show_seconds(herd), show_seconds(usage.ru_utime + usage.ru_stime)],
            ["not answered within the time limit", timeouts, sum(result.status == "timeout" for _, result in pairs)],
            ["undecided for another reason", "", sum(result.status == "bound" for _, result in pairs)],
            [
                "refused",
                sum(reference.status == "err" for reference in references),
                sum(r.status in ("unsupported", "error") for _, r in pairs),
            ],
            ["median of a test, ms", "", f"{1000 * times[len(times) // 2]:.1f}"],
            ["slowest test, s", "", show_seconds(times[-1])],
            ["peak memory of a worker, MiB", "", f"{usage.ru_maxrss / 1024:.0f}"],
            ["differences that are explained", "", sum(reference.explained is not None for reference, _ in pairs)],
            ["disagreements", "", len(differences)],
        ],
    )
    for reference, _ in pairs:
        if reference.explained:
            print(f"explained: {reference.file}: {reference.explained}")
    for reference, result, said in differences:
        print(f"{reference.file}: {said}  ({result.seconds:.2f} s)")
    for reference, result in sorted(pairs, key=lambda pair: -pair[1].seconds)[:5]:
        print(f"slow: {reference.file}: {result.seconds:.2f} s, {reference.threads} threads, {len(result.states)} states")
    if arguments.json:
        with open(arguments.json, "w") as out:
            out.writelines(json.dumps(as_object(result)) + "\n" for _, result in pairs)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
