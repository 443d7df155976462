"""``smpcheck mm live``: the model's predictions against the kernel that runs here."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from smpcheck.commands.common import failing, write
from smpcheck.errors import InputError

FORMATS = ("table", "json")

LEAST_PAGES, MOST_PAGES = 4, 4096
"""Fewer make no workload; more take long to look at, one by one."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("live")(live)


def live(
    workloads: Annotated[
        list[str] | None, typer.Argument(metavar="[WORKLOAD]...", help="Which workloads to do; all unless given.")
    ] = None,
    pages: Annotated[
        int, typer.Option("--pages", metavar="N", min=LEAST_PAGES, max=MOST_PAGES, help="Pages of each area and file.")
    ] = 64,
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", min=0.1, help="How long the threads race.")] = 5.0,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="PATH", help="A folder for the files, on the file system to try; in memory unless given."),
    ] = None,
    race: Annotated[bool, typer.Option("--race/--no-race", help="Let four threads race, and check the invariants.")] = True,
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", min=1, help="Runs of each workload: most of them decide what it did.")
    ] = 5,
    everything: Annotated[bool, typer.Option("--all", help="Also show what was predicted not to move, and did not.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for everything; then report what is done.")
    ] = None,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "table",
) -> None:
    """Do mlock, munlock and truncation on this kernel, and compare with what the model predicts, counter by counter.

    Needs root for page flags and exact counters; without it, says what is missing and compares the rest. Nothing outlasts the
    command: no file, no locked memory.

    Exit status: 0 all that could be compared agrees; 1 something differs; 2 bad usage; 3 nothing could be compared, time ran
    out, or the kernel is older than the design that is predicted (Linux 5.18); 130 interrupted.
    """
    with failing(form, FORMATS):
        from smpcheck.mm.live.machine import look
        from smpcheck.mm.live.report import write_json, write_table
        from smpcheck.mm.live.session import Wish, choose, find_predictor, run

        if directory is not None and not directory.is_dir():
            raise InputError(f"{directory} is not a folder")
        choose(pages, workloads or [])
        wish = Wish(pages, seconds if race else None, directory, repeat, timeout, workloads or [])
        machine = look(pages)
        bar = None
        if form == "table" and sys.stderr.isatty() and machine.sees_anything:
            from smpcheck.mm.live.progress import Bar

            bar = Bar(sys.stderr)
        with bar or nullcontext():
            report = run(machine, wish, find_predictor(), bar)
        if form == "json":
            write_json(report, sys.stdout)
        else:
            write_table(report, sys.stdout, everything)
        write("")
    raise typer.Exit(report.exit_status)
