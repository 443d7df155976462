"""Files of a kernel tree, from the command to its answer: parse, program, solver.

    python bench/kernel_c.py --kernel TREE [--kernel-headers DIR] [NAME]...

Each row is a command in a process of its own, with a cache folder of its own, which is empty the first time. ``asked`` is what
the project wants of the row. CPU time is that of the command and of the processes that it starts, memory that of the largest of
them. ``NAME``: only these rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import print_table

ROOT = Path(__file__).resolve().parent.parent
GALLERY = ROOT / "examples" / "kernel" / "linux"
MEMORY = 2048
"""MiB that no command may take."""


@dataclass(frozen=True, slots=True)
class Row:
    """A command. ``asked``: seconds of wall time; ``ends``: the exit status of the right answer."""

    name: str
    command: tuple[str, ...]
    asked: float
    ends: int = 0


def gallery(name: str, unroll: int, asked: float) -> Row:
    return Row(name, ("check", str(GALLERY / f"{name}.c"), "--unroll", str(unroll)), asked)


ROWS = (
    gallery("llist", 3, 3),
    gallery("osq_lock", 2, 10),
    gallery("qspinlock", 2, 10),
    gallery("qspinlock-three-cpus", 2, 120),
    Row("mm kernel munlock_drain", ("mm", "kernel", "munlock_drain"), 10),
    Row("mm kernel munlock_drain -m lkmm", ("mm", "kernel", "munlock_drain", "-m", "lkmm"), 10),
    Row("mm kernel munlock_munlock", ("mm", "kernel", "munlock_munlock"), 10),
    Row("mm kernel truncate_munlock", ("mm", "kernel", "truncate_munlock"), 10),
    Row("mm kernel munlock_reclaim", ("mm", "kernel", "munlock_reclaim"), 10),
    Row("mm kernel munlock_late_count", ("mm", "kernel", "munlock_late_count"), 10),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command took: seconds, seconds of CPU, MiB; and its exit status."""

    seconds: float
    cpu: float
    mebibytes: float
    ended: int


def measure(command: Sequence[str], cache: str) -> Measured:
    """Run a command of smpcheck with this folder as its cache."""
    before = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "smpcheck", *command],
        env={**os.environ, "SMPCHECK_CACHE": cache},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Measured(time.perf_counter() - before, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, child.returncode)


def row_of(row: Row, tree: Sequence[str]) -> list[str]:
    """A row, measured."""
    with tempfile.TemporaryDirectory() as cache:
        first, second = (measure((*row.command, *tree), cache) for _ in range(2))
    most = max(first.mebibytes, second.mebibytes)
    wrong = [f"ended with {run.ended}" for run in (first, second) if run.ended != row.ends]
    late = [f"{first.seconds - row.asked:.1f} s too long"] if first.seconds > row.asked else []
    large = [f"{most - MEMORY:.0f} MiB too large"] if most > MEMORY else []
    numbers = (row.asked, first.seconds, first.cpu, second.seconds, second.cpu)
    return [row.name, *(f"{n:.1f}" for n in numbers), f"{most:.0f}", ", ".join([*wrong, *late, *large])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", required=True, metavar="TREE")
    parser.add_argument("--kernel-headers", metavar="DIR")
    parser.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args()
    tree = ["--kernel", given.kernel, *(["--kernel-headers", given.kernel_headers] if given.kernel_headers else [])]
    unknown = set(given.names) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in ROWS)}")
    rows = [row_of(row, tree) for row in ROWS if not given.names or row.name in given.names]
    columns = ("command", "asked, s>", "first run, s>", "CPU, s>", "second run, s>", "CPU, s>", "MiB>", "")
    print_table("Files of a kernel tree", columns, rows)


if __name__ == "__main__":
    main()
