#!/usr/bin/env python3
"""Families of tests that grow with n, and what each costs.

A family is a function from n to the text of a litmus test; :data:`FAMILIES` says what each asks. Beside the figures stand those
of herd7 7.58 from ``../shared/bench/herd7-scaling.tsv``, where that file is there (all states, kernel 6.1's model, 60 CPU
seconds at most, two noisy cores), and the figures to reach.

    python bench/families.py                  the table of issue 3
    python bench/families.py --grow           each family for n = 2, 3, ... as long as a test takes less than --timeout
    python bench/families.py --write FOLDER   the tests as files
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import measure, print_table, show_seconds
from bench.reference import ROOT
from smpcheck.questions.check import CheckOptions

HERD = ROOT.parent / "shared" / "bench" / "herd7-scaling.tsv"


def litmus(name: str, threads: list[tuple[str, list[str]]], condition: str) -> str:
    """A test's text: parameters and lines of each thread, and the final condition."""
    bodies = [
        f"P{i}({parameters})\n{{\n" + "".join(f"\t{line}\n" for line in lines) + "}\n"
        for i, (parameters, lines) in enumerate(threads)
    ]
    return "\n".join([f"C {name}\n\n{{}}\n", *bodies, condition + "\n"])


def every(n: int, term: Callable[[int], str]) -> str:
    """The conjunction of ``term(i)``."""
    return "exists (" + " /\\ ".join(term(i) for i in range(n)) + ")"


def ring(n: int, lines: Callable[[str, str], list[str]]) -> list[tuple[str, list[str]]]:
    """n threads, each over its own variable and its neighbour's."""
    return [(f"int *x{i}, int *x{(i + 1) % n}", lines(f"x{i}", f"x{(i + 1) % n}")) for i in range(n)]


def sb(n: int, fence: tuple[str, ...] = ()) -> str:
    """Store buffering in a ring: store to my variable, load my neighbour's."""
    threads = ring(n, lambda mine, next_: ["int r0;", f"WRITE_ONCE(*{mine}, 1);", *fence, f"r0 = READ_ONCE(*{next_});"])
    return litmus(f"SB{'mb' if fence else ''}-{n:02}", threads, every(n, lambda i: f"{i}:r0=0"))


def sbmb(n: int) -> str:
    """The same with a full barrier between the two."""
    return sb(n, ("smp_mb();",))


def lb(n: int) -> str:
    """Load buffering in a ring: load my variable, store to my neighbour's."""
    threads = ring(n, lambda mine, next_: ["int r0;", f"r0 = READ_ONCE(*{mine});", f"WRITE_ONCE(*{next_}, 1);"])
    return litmus(f"LB-{n:02}", threads, every(n, lambda i: f"{i}:r0=1"))


def nw(n: int) -> str:
    """n threads store different values to one variable, and each loads it."""
    threads = [("int *x", ["int r0;", f"WRITE_ONCE(*x, {i + 1});", "r0 = READ_ONCE(*x);"]) for i in range(n)]
    return litmus(f"NW-{n:02}", threads, every(n, lambda i: f"{i}:r0={(i + 1) % n + 1}"))


def lock(n: int) -> str:
    """n threads increment a plain counter under one spinlock; is an increment lost?"""
    lines = ["int r0;", "spin_lock(l);", "r0 = *x;", "*x = r0 + 1;", "spin_unlock(l);"]
    return litmus(f"LOCK-{n:02}", [("spinlock_t *l, int *x", lines)] * n, f"exists (~x={n})")


def atom(n: int) -> str:
    """n threads increment an atomic; is an increment lost?"""
    return litmus(f"ATOM-{n:02}", [("atomic_t *x", ["atomic_inc(x);"])] * n, f"exists (~x={n})")


def atomret(n: int) -> str:
    """The same with the operation that returns its value."""
    return litmus(f"ATOMret-{n:02}", [("atomic_t *x", ["int r0;", "r0 = atomic_inc_return(x);"])] * n, f"exists (~x={n})")


def cmpx(n: int) -> str:
    """n threads claim one variable with cmpxchg; does nobody succeed?"""
    return litmus(
        f"CMPX-{n:02}",
        [("int *x", ["int r0;", f"r0 = cmpxchg(x, 0, {i + 1});"]) for i in range(n)],
        every(n, lambda i: f"~{i}:r0=0"),
    )


def rcu(n: int) -> str:
    """n - 1 RCU readers and one updater; does the first reader see the update in halves?"""
    reader = ["int r0;", "int r1;", "rcu_read_lock();", "r0 = READ_ONCE(*x);", "r1 = READ_ONCE(*y);", "rcu_read_unlock();"]
    updater = ["WRITE_ONCE(*y, 1);", "synchronize_rcu();", "WRITE_ONCE(*x, 1);"]
    return litmus(
        f"RCU-{n:02}", [("int *x, int *y", reader)] * (n - 1) + [("int *x, int *y", updater)], r"exists (0:r0=1 /\ 0:r1=0)"
    )


def length(n: int) -> str:
    """Two threads, n steps each of a store to my variable and a load of the other's."""

    def thread(mine: str, other: str) -> tuple[str, list[str]]:
        steps = [line for k in range(n) for line in (f"WRITE_ONCE(*{mine}, {k + 1});", f"r{k} = READ_ONCE(*{other});")]
        return "int *x, int *y", [*(f"int r{k};" for k in range(n)), *steps]

    return litmus(f"LEN-{n:02}", [thread("x", "y"), thread("y", "x")], f"exists (0:r{n - 1}=0 /\\ 1:r{n - 1}=0)")


FAMILIES: dict[str, Callable[[int], str]] = {
    "SB": sb, "SBmb": sbmb, "LB": lb, "NW": nw, "LOCK": lock,
    "ATOM": atom, "ATOMret": atomret, "CMPX": cmpx, "RCU": rcu, "LEN": length,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A test of the table: family, n, all states or the verdict only, the seconds to reach, and the verdict and states it must
    have.
    """

    family: str
    n: int
    states: bool
    reach: float
    verdict: str
    count: int | None = None


TABLE = [
    Row("SB", 13, True, 1.0, "Sometimes", 8192),
    Row("LOCK", 6, True, 0.3, "Never", 1),
    Row("ATOM", 8, True, 0.3, "Never", 1),
    Row("RCU", 8, True, 0.3, "Never", 3),
    Row("CMPX", 8, True, 0.3, "Never", 8),
    Row("NW", 5, True, 0.3, "Never", 1296),
    Row("SBmb", 64, False, 1.0, "Never"),
    Row("LEN", 12, False, 0.5, "Sometimes"),
    Row("LOCK", 10, False, 1.0, "Never"),
]


def herd_times() -> dict[tuple[str, int], str]:
    """herd7's CPU seconds by family and n, as text: ``timeout`` where there was no answer."""
    if not HERD.exists():
        return {}
    with HERD.open() as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return {
            (row["family"], int(row["n"])): "> 60" if row["verdict"] == "timeout" else show_seconds(float(row["cpu_s"]))
            for row in rows
        }


def table(timeout: float) -> int:
    """Issue 3's table."""
    herd = herd_times()
    largest = {family: max(n for name, n in herd if name == family) for family, _ in herd}
    rows, bad = [], 0
    for row in TABLE:
        text = FAMILIES[row.family](row.n)
        one = measure(f"{row.family}-{row.n:02}", text, CheckOptions(verdict_only=not row.states, timeout=timeout))
        right = one.result.verdict == row.verdict and (row.count is None or len(one.result.states) == row.count)
        bad += not right
        beyond = row.family in largest and row.n > largest[row.family]
        rows.append(
            [
                f"{row.family}-{row.n:02}",
                "all states" if row.states else "verdict",
                herd.get((row.family, row.n), "> 60" if beyond else "-"),
                show_seconds(row.reach),
                show_seconds(one.seconds),
                "yes" if right and one.seconds <= row.reach else "no",
                f"{one.mebibytes:.0f}",
                one.result.verdict or one.result.status,
                len(one.result.states) if row.states else None,
                "" if right else f"WRONG: {row.verdict}, {row.count} states expected; {one.result.message}",
            ]
        )
    columns = ["test", "asks", "herd7, CPU s>", "to reach, s>", "smpcheck, s>", "reached", "peak MiB>", "verdict", "states>"]
    if bad:
        columns.append("wrong")
    rows = [row[: len(columns)] for row in rows]
    print_table("families, one fresh process each", columns, rows)
    return 1 if bad else 0


def grow(timeout: float, states: bool, only: str | None) -> int:
    """Each family from n = 2 upwards."""
    herd = herd_times()
    rows = []
    for family, make in FAMILIES.items():
        if only and family != only:
            continue
        n = 2
        while n <= 64:
            one = measure(f"{family}-{n:02}", make(n), CheckOptions(verdict_only=not states, timeout=timeout, max_states=None))
            count = len(one.result.states) if states else None
            verdict = one.result.verdict or one.result.status
            rows.append(
                [
                    f"{family}-{n:02}",
                    herd.get((family, n), "-"),
                    show_seconds(one.seconds),
                    f"{one.mebibytes:.0f}",
                    verdict,
                    count,
                ]
            )
            if one.seconds >= timeout or one.result.status != "ok":
                break
            n += 1 if n < 16 else 8
    print_table("growth", ["test", "herd7, CPU s>", "smpcheck, s>", "peak MiB>", "verdict", "states>"], rows)
    return 0


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Families of tests that grow with n.")
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--grow", action="store_true", help="each family as far as the time-out allows")
    parser.add_argument("--verdict-only", action="store_true", help="with --grow")
    parser.add_argument("--family", choices=FAMILIES, help="with --grow: this one only")
    parser.add_argument("--write", metavar="FOLDER", help="write the tests of the table there")
    arguments = parser.parse_args()
    if arguments.write:
        folder = Path(arguments.write)
        folder.mkdir(parents=True, exist_ok=True)
        for row in TABLE:
            (folder / f"{row.family}-{row.n:02}.litmus").write_text(FAMILIES[row.family](row.n))
        return 0
    if arguments.grow:
        return grow(arguments.timeout, not arguments.verdict_only, arguments.family)
    return table(arguments.timeout)


if __name__ == "__main__":
    sys.exit(main())
