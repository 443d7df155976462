#!/usr/bin/env python3
"""Random dense programs: few variables, many accesses to each, half of them atomic read-modify-writes.

A program of n events has n / 12 threads, at least 2, over 4 variables. Until n events are placed, the next thread in turn gets
an access to a random variable: with probability one half an xchg() of random ordering (two events; four with the fences of a
fully ordered one), else READ_ONCE() or WRITE_ONCE(); before one access in five a fence. All stored values differ. The condition
says that registers have values, drawn at random, that other threads store: the last two of every thread for programs of even
number (mostly Never), the last one of the first two threads for those of odd number (mostly Sometimes). Only the verdict is
decided.

    python bench/dense.py [--sizes 24,57,100,200] [--seeds N] [--timeout S]
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import measure, print_table, show_seconds
from bench.families import litmus
from smpcheck.questions.check import CheckOptions

VARIABLES = "abcd"
ORDERS = {"xchg": 4, "xchg_acquire": 2, "xchg_release": 2, "xchg_relaxed": 2}
"""The operations, and how many events each makes."""

FENCES = ("smp_mb();", "smp_wmb();", "smp_rmb();")
REACH = {100: 0.3, 200: 1.5}
PROTOTYPE = {24: "0.5", 57: "4.6", 98: "35"}


def dense(events: int, seed: int) -> str:
    """The text of a program of about ``events`` events."""
    rng = random.Random(seed * 1000 + events)
    count = max(2, events // 12)
    lines: list[list[str]] = [[] for _ in range(count)]
    reads: list[list[str]] = [[] for _ in range(count)]
    stored: dict[str, list[tuple[int, int]]] = {name: [] for name in VARIABLES}
    read_from: dict[tuple[int, str], str] = {}
    placed = len(VARIABLES)
    turn = value = 0
    while placed < events:
        thread = turn % count
        turn += 1
        if lines[thread] and rng.random() < 0.2:
            lines[thread].append(rng.choice(FENCES))
            placed += 1
        variable = rng.choice(VARIABLES)
        register = f"r{len(reads[thread])}"
        value += 1
        if rng.random() < 0.5:
            operation = rng.choice(list(ORDERS))
            lines[thread].append(f"{register} = {operation}({variable}, {value});")
            placed += ORDERS[operation]
            stored[variable].append((thread, value))
        elif rng.random() < 0.5:
            lines[thread].append(f"{register} = READ_ONCE(*{variable});")
            placed += 1
        else:
            lines[thread].append(f"WRITE_ONCE(*{variable}, {value});")
            placed += 1
            stored[variable].append((thread, value))
            continue
        reads[thread].append(register)
        read_from[thread, register] = variable
    asked = [(thread, register) for thread in range(count) for register in reads[thread][-2:]]
    if seed % 2:
        asked = [(thread, reads[thread][-1]) for thread in range(count) if reads[thread]][:2]
    terms = []
    for thread, register in asked:
        values = [v for t, v in stored[read_from[thread, register]] if t != thread] or [0]
        terms.append(f"{thread}:{register}={rng.choice(values)}")
    parameters = ", ".join(f"int *{name}" for name in VARIABLES)
    threads = [(parameters, [*(f"int {register};" for register in reads[t]), *lines[t]]) for t in range(count)]
    return litmus(f"dense-{events}-{seed}", threads, "exists (" + (" /\\ ".join(terms) or "a=0") + ")")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Random dense programs.")
    parser.add_argument("--sizes", default="24,57,100,200", help="numbers of events")
    parser.add_argument("--seeds", type=int, default=6, help="programs of each size")
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--model", default="lkmm")
    parser.add_argument("--print", action="store_true", help="print the programs instead")
    arguments = parser.parse_args()
    rows = []
    for size in map(int, arguments.sizes.split(",")):
        texts = [dense(size, seed) for seed in range(arguments.seeds)]
        if arguments.print:
            print("\n".join(texts))
            continue
        options = CheckOptions(verdict_only=True, timeout=arguments.timeout)
        measured = [measure(f"dense-{size}-{seed}", text, options, arguments.model) for seed, text in enumerate(texts)]
        verdicts = Counter(one.result.verdict or one.result.status for one in measured)
        rows.append(
            [
                size,
                len(measured),
                show_seconds(REACH.get(size)),
                show_seconds(statistics.median(one.seconds for one in measured)),
                show_seconds(max(one.seconds for one in measured)),
                f"{max(one.mebibytes for one in measured):.0f}",
                ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items())),
            ]
        )
    if rows:
        columns = ["events>", "programs>", "to reach, s>", "median, s>", "slowest, s>", "peak MiB>", "verdicts"]
        print_table(f"random dense programs under {arguments.model}, verdict", columns, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
