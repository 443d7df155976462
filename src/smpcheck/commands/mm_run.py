"""``smpcheck mm run``: the system itself, step by step, under a workload on hundreds of pages and several CPUs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smpcheck.commands.common import failing, write
from smpcheck.errors import UnsupportedError

if TYPE_CHECKING:
    from smpcheck.mm.simulator.run import Result

FORMATS = ("table", "json")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("run")(run)


def run(
    workload: Annotated[
        str, typer.Option("--workload", "-w", metavar="NAME|FILE", help="race, churn, lazy, swap, or a file (docs/mm-run.md).")
    ] = "race",
    variant: Annotated[
        str, typer.Option("--variant", "-v", metavar="V", help="How the system is built: V0 to V10, or V8:rmap_clears=no.")
    ] = "V10",
    flags: Annotated[
        str, typer.Option("--flags", metavar="one-word|separate", help="How page flags lie in memory.")
    ] = "one-word",
    freeing: Annotated[
        str, typer.Option("--freeing", metavar="at-once|at-the-end", help="When a page without references is freed.")
    ] = "at-once",
    chooser: Annotated[
        str, typer.Option("--scheduler", metavar="S", help="random, pct[:DEPTH] or round-robin[:QUANTUM].")
    ] = "random",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="The seed of the schedule and of the workload's random choices.")
    ] = 0,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=1, help="Make N runs, each with the next seed, until one fails.")
    ] = 1,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=1, help="After N steps each task finishes its current operation and ends.")
    ] = 200_000,
    pages: Annotated[
        int | None, typer.Option("--pages", metavar="N", min=1, help="Number of page frames, instead of the workload's.")
    ] = None,
    cpus: Annotated[
        int | None, typer.Option("--cpus", metavar="N", min=1, help="Number of CPUs, instead of the workload's.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="CHECK", help="Count failures of this check, and go on.")
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="FILE", help="Repeat a run that -o has written, with the options in that file."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the last run's workload, options and schedule.")
    ] = None,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "table",
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for all runs; then what is done is reported.")
    ] = None,
) -> None:
    """Run mlock, truncation, faults and reclaim step by step, from the models' source, and check invariants as it goes.

    The same seed and workload make the same run. Stops at the first check that fails, shows how it came about, and
    prints the command that repeats it.

    Exit status: 0 nothing failed; 1 something did; 2 bad usage or workload; 3 out of time and nothing failed; 130 interrupted.
    """
    with failing(form, FORMATS):
        from smpcheck.mm.simulator.recorded import load_run, save
        from smpcheck.mm.simulator.report import EXIT, write_json, write_table
        from smpcheck.mm.simulator.run import Options, campaign
        from smpcheck.mm.simulator.run import run as run_once
        from smpcheck.mm.simulator.workloads import find_workload

        deadline = time.monotonic() + timeout if timeout is not None else None
        if replay is not None:
            load, options, schedule = load_run(replay)
            results = [run_once(load, options, schedule=schedule, deadline=deadline, record=output is not None)]
        else:
            options = Options(variant, flags, freeing, chooser, seed, steps, tuple(ignore or ()))
            results = campaign(find_workload(workload, pages, cpus), options, seeds, deadline=deadline, record=output is not None)
        if output is not None:
            save(results[-1], output)
        if form == "json":
            write_json(results, sys.stdout, reproducer_of(results[-1]))
        else:
            write_table(results, sys.stdout)
        write("")
        status = EXIT[results[-1].status]
    raise typer.Exit(status)


def reproducer_of(result: Result) -> dict[str, object] | None:
    """A failing run as system calls (for ``mm live --from``), or why there are none; None where nothing failed."""
    from smpcheck.mm.kernel_check.from_run import reproducer
    from smpcheck.mm.kernel_check.witness import document

    if result.failure is None:
        return None
    try:
        return document(reproducer(result))
    except UnsupportedError as error:
        return {"refused": error.message}
