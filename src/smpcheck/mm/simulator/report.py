"""What a run prints: counters as /proc/vmstat has them, what they have to agree on, and for a failure how it came about."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from smpcheck.mm.simulator.history import Entry
from smpcheck.mm.simulator.run import Options, Result
from smpcheck.mm.variants import find_variant

EXIT = {"ok": 0, "failed": 1, "out of time": 3}

ASSUMPTION = "Sequential consistency: one step of one task at a time, each an access to shared memory."

ALLOWED = "V10 allows I1: it clears the flag and counts unevictable_pgs_cleared. Go on after it with --ignore I1."


def command(result: Result) -> str:
    """The command that makes this run again."""
    load, options = result.workload, result.options
    words = ["smpcheck", "mm", "run", "--workload", load.name, "--variant", options.variant, "--seed", str(options.seed)]
    usual = Options()
    for option in ("flags", "freeing", "scheduler", "steps"):
        if getattr(options, option) != getattr(usual, option):
            words += [f"--{option}", str(getattr(options, option))]
    words += ["--pages", str(load.pages)] + (["--cpus", str(load.cpus)] if load.cpus is not None else [])
    for name in options.ignore:
        words += ["--ignore", name]
    return shlex.join(words)


def balances(result: Result) -> list[tuple[str, int, int, bool, str]]:
    """I10 and its like: what counters have to agree on: text, both sides, is it asked of this variant, and of which it is."""
    c = result.counters
    variant = find_variant(result.options.variant)
    get = {name.removeprefix("unevictable_pgs_"): value for name, value in c.items()}
    return [
        (
            "nr_mlock == mlocked - munlocked - cleared - stranded",
            c["nr_mlock"],
            get["mlocked"] - get["munlocked"] - get["cleared"] - get["stranded"],
            variant.mlock_count,
            "of V10 only",
        ),
        (
            "nr_unevictable == culled - rescued - freed while unevictable",
            c["nr_unevictable"],
            get["culled"] - get["rescued"] - result.events["freed_while_unevictable"],
            variant.pagevec_putback,
            "since V9",
        ),
    ]


def write_table(results: Sequence[Result], out: TextIO) -> None:
    """The last run in full, after one line about those before."""
    result = results[-1]
    load, options = result.workload, result.options
    variant = find_variant(options.variant)
    out.write(f"{load.name}: {load.pages} page frames, {len(result.tasks)} CPUs ({', '.join(result.tasks)})\n")
    out.write(f"{variant.name}: {variant.title}; flags {options.flags}, freeing {options.freeing}\n")
    out.write(f"{ASSUMPTION}\n\n")
    for other in results:
        rate = f"{other.steps / other.seconds:,.0f} steps/s" if other.seconds else ""
        asked = f"invariants checked {other.checks} times in quiet states"
        out.write(f"{options.scheduler}, seed {other.options.seed}: {other.status}, {other.steps:,} steps, {rate}, {asked}\n")
    out.write("\n")
    if result.failure is not None:
        _failure(result, out)
    _counters(result, out)


def _counters(result: Result, out: TextIO) -> None:
    for name, value in result.counters.items():
        out.write(f"{name:<28} {value}\n")
    out.write("\n")
    for name, value in result.events.items():
        out.write(f"{name:<28} {value}\n")
    for name, times in result.ignored.items():
        out.write(f"{f'{name} failed, ignored':<28} {times}\n")
    if result.status != "ok":
        return
    out.write("\n")
    for text, left, right, asked, of_which in balances(result):
        verdict = "agree" if left == right else "DIFFER" if asked else f"differ (asked {of_which})"
        out.write(f"{text}: {left} and {right} {verdict}\n")


def _failure(result: Result, out: TextIO) -> None:
    failure = result.failure
    assert failure is not None
    names = result.invariant if result.invariant == failure.name else f"{result.invariant} ({failure.name})"
    out.write(f"FAILED {names}{': ' + result.about if result.about else ''}\n")
    out.write(f"  {failure.message}\n")
    if failure.site is not None:
        out.write(f"  at {failure.site.pos} in {failure.site.function}\n")
    who = f"{failure.task}, {failure.doing}" if failure.task else "in a quiet state"
    out.write(f"  {who}, step {failure.step:,}\n")
    if failure.objects:
        out.write(f"  about {', '.join(each._name for each in failure.objects)}\n")
    if failure.name == "I1" and find_variant(result.options.variant).mlock_count:
        out.write(f"  {ALLOWED}\n")
    out.write("\n")
    if result.history:
        out.write("The last steps of the tasks concerned:\n")
        write_history(result.history, out)
        out.write("\n")
    out.write(f"Again: {command(result)}\n\n")


def write_history(entries: Sequence[Entry], out: TextIO) -> None:
    """A line for each step; a heading where the task or its operation changes."""
    last = ("", "")
    for entry in entries:
        if (entry.task, entry.doing) != last:
            last = (entry.task, entry.doing)
            out.write(f"  {entry.task}: {entry.doing}\n")
        out.write(f"    {entry.step:>9,}  {entry.what or entry.site.text:<64}  {entry.site.pos} {entry.site.function}\n")


def as_dict(result: Result) -> dict[str, Any]:
    """One run for JSON."""
    failure: dict[str, Any] | None = None
    if result.failure is not None:
        found = result.failure
        failure = {
            "check": found.name, "invariant": result.invariant, "about": result.about, "message": found.message,
            "position": str(found.site.pos) if found.site else None, "task": found.task, "operation": found.doing,
            "step": found.step, "objects": [each._name for each in found.objects], "replay": command(result),
            "history": [
                {"step": e.step, "task": e.task, "operation": e.doing, "position": str(e.site.pos), "function": e.site.function,
                 "text": e.site.text, "what": e.what}
                for e in result.history
            ],
        }  # fmt: skip
    return {
        "seed": result.options.seed, "status": result.status, "steps": result.steps, "seconds": round(result.seconds, 3),
        "quiet_states": result.checks, "counters": result.counters, "events": result.events, "ignored": result.ignored,
        "balances": [{"text": t, "left": a, "right": b, "asked": q} for t, a, b, q, _ in balances(result)], "failure": failure,
    }  # fmt: skip


def write_json(results: Sequence[Result], out: TextIO, reproducer: Mapping[str, Any] | None = None) -> None:
    """All runs. ``reproducer``: of the last one's failure, as system calls, or why there is none."""
    last = results[-1]
    load, options = last.workload, last.options
    data = {
        "workload": load.name, "pages": load.pages, "tasks": list(last.tasks), "variant": options.variant, "flags": options.flags,
        "freeing": options.freeing, "scheduler": options.scheduler, "model": "sc",
        "runs": [as_dict(result) for result in results], "reproducer": reproducer,
    }  # fmt: skip
    json.dump(data, out, indent=2)
    out.write("\n")
