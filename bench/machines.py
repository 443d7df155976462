"""The public suites of machine code, beside herd7; and the kernel's tests on machines.

    python bench/machines.py [--share N] [--herd7 PATH] [--kernel]

For each suite: how many tests agree with the reference in verdict and states, the CPU time of a test from its text to all final
states (median, 95 %, slowest), and all of them. ``--share N``: one test of N. ``--herd7 PATH``: the CPU time of that
program on the same tests, each in a process of its own, with its start. ``--kernel``: kernel tests of ``lkmm/`` that have no RCU,
lowered to five machines, verdict only: the CPU time of all five together.

The suites lie beside the project (``../shared/litmus``; another place: ``SMPCHECK_LITMUS``, the folder of ``lkmm``).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import machine
from bench.reference import LIBRARY
from smpcheck.cat.load import load_model
from smpcheck.errors import SmpcheckError
from smpcheck.machines.lower import lower
from smpcheck.machines.mapping import mappings
from smpcheck.models import own_model
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.litmus import read_litmus_file
from smpcheck.show.herd import state_line

HERD7_LIMIT = 10.0
"""Seconds for each test."""

SUITES = LIBRARY.parent / "machines"
NAMES = ("X86", "PPC", "RISCV", "AARCH64", "AARCH64/mixed")

EXPLAINED = (
    ("misaligned", "a misaligned access: refused, as no published model says what it does"),
    ("addrXW+", "a misaligned access: refused, as no published model says what it does"),
    ("dart/pointer-01", "an address of 8 bytes is stored in a location of 4: refused"),
    ("X86/", "herd7 7.58 let the write of an XCHG come before the write that it had read; mended there in July 2026"),
)
"""Why a test differs from the reference, by a part of its name."""


def suite_of(row: dict[str, Any]) -> str:
    folder = str(row["file"]).rpartition("/")[0]
    return folder if folder in NAMES else folder.split("/")[0]


def difference(row: dict[str, Any]) -> str | None:
    """What is not as the reference has it."""
    try:
        program = read_litmus_file(str(SUITES / row["file"]))
        result = check_program(program, load_model(own_model(program)), CheckOptions())
    except SmpcheckError as error:
        return str(error)
    if result.status != "ok":
        return result.message
    if row.get("herd7") not in (None, result.observation):
        return f"{result.observation}, not {row['herd7']}"
    if row.get("states") is not None and row["states"] != [state_line(state) for state in result.states]:
        return "other states"
    if row["holds"] is not None and row["holds"] != ((result.observation != "Never") == (program.quantifier == "exists")):
        return f"{result.observation}, not as the reference says"
    return None


def why(file: str) -> str:
    """The explanation of a difference, or nothing."""
    return next((text for part, text in EXPLAINED if part in file), "")


def quantiles(seconds: Sequence[float]) -> str:
    """Median, 95 % and slowest, in milliseconds."""
    ordered = sorted(seconds) or [0.0]
    shown = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)], ordered[-1])
    return ", ".join(f"{1000 * one:.1f}" for one in shown)


def herd7_seconds(herd7: str, row: dict[str, Any]) -> float:
    """The CPU seconds of one run of herd7, which gets ten."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    mixed = ["-variant", "mixed"] if "mixed" in row["file"] else []
    with suppress(subprocess.TimeoutExpired):
        subprocess.run([herd7, *mixed, str(SUITES / row["file"])], capture_output=True, timeout=HERD7_LIMIT, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def suites(share: int, herd7: str | None, out: Console) -> None:
    """The table of suites, and each difference."""
    rows = [json.loads(line) for line in (SUITES / "reference.jsonl").read_text().splitlines()]
    rows = [row for row in rows if zlib.crc32(row["file"].encode()) % share == 0]
    table = Table("suite", "tests", "agree", "ms: median, 95 %, slowest", "all, s", *(["herd7, ms"] if herd7 else []))
    differences: list[tuple[str, str]] = []
    for name in NAMES:
        chosen = [row for row in rows if suite_of(row) == name]
        times, theirs, agree = [], [], 0
        for row in chosen:
            began = time.process_time()
            found = difference(row)
            times.append(time.process_time() - began)
            agree += found is None
            if found is not None:
                differences.append((row["file"], found))
            if herd7 is not None:
                theirs.append(herd7_seconds(herd7, row))
        shown = [quantiles(theirs)] if herd7 else []
        table.add_row(name, str(len(chosen)), str(agree), quantiles(times), f"{sum(times):.1f}", *shown)
    out.print(table)
    for file, found in differences:
        out.print(f"{file}: {why(file) or found}", highlight=False)
    out.print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def kernel_times(share: int) -> Iterator[float]:
    """The CPU seconds of kernel tests on all five machines."""
    rows = [json.loads(line) for line in (LIBRARY / "reference.jsonl").read_text().splitlines()]
    machines = mappings("x86,arm64,arm64:llsc,ppc64,riscv")
    for row in rows:
        if zlib.crc32(row["file"].encode()) % share == 0 and row["status"] == "ok":
            began = time.process_time()
            try:
                program = read_litmus_file(str(LIBRARY / row["file"]))
                for one in machines:
                    check_program(lower(program, one), load_model(one.model), CheckOptions(verdict_only=True))
            except SmpcheckError:
                continue
            yield time.process_time() - began


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--herd7")
    parser.add_argument("--kernel", action="store_true")
    arguments = parser.parse_args()
    out = Console(width=int(os.environ.get("COLUMNS", "120")))
    if arguments.kernel:
        times = list(kernel_times(arguments.share))
        out.print(f"{len(times)} kernel tests on five machines, ms (median, 95 %, slowest): {quantiles(times)}")
    else:
        suites(arguments.share, arguments.herd7, out)
    out.print(machine())


if __name__ == "__main__":
    main()
