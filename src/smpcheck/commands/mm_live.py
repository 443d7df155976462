"""``smpcheck mm live``: the model's predictions against the kernel that runs here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from smpcheck.commands.common import failing, write
from smpcheck.errors import InputError

FORMATS = ("table", "json")

LEAST_PAGES, MAX_PAGES = 4, 4096
"""Fewer make no workload; more take long to look at, one by one."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("live")(live)


def live(
    workloads: Annotated[
        list[str] | None, typer.Argument(metavar="[WORKLOAD]...", help="Which workloads to run; all unless given.")
    ] = None,
    pages: Annotated[
        int, typer.Option("--pages", metavar="N", min=LEAST_PAGES, max=MAX_PAGES, help="Pages of each area and file.")
    ] = 64,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="S", min=0.1, help="How long the threads race, or how long each race is tried.")
    ] = 5.0,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="PATH", help="A folder for the files, to try its file system; in memory unless given."),
    ] = None,
    race: Annotated[bool, typer.Option("--race/--no-race", help="Let four threads race, and check the invariants.")] = True,
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", min=1, help="Runs of each workload; the result of most runs counts.")
    ] = 5,
    provoke: Annotated[
        list[str] | None,
        typer.Option("--provoke", metavar="NAME", help="Instead: try a race that the model predicts (repeatable; all: all)."),
    ] = None,
    witnesses: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="Instead: try the runs that mm check or mm run wrote with -f json (repeatable)."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The seed of the delays that are tried.")] = 0,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show counters that were predicted not to change, and did not.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for everything; then what is done is reported."),
    ] = None,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "table",
) -> None:
    """Do mlock, munlock and truncation on this kernel, and compare with what the model predicts, counter by counter.

    Needs root for page flags and exact counters; without root, it says what is missing and compares the rest. The command leaves
    no file and no locked memory behind.

    With --provoke or --from, it tries a race instead: the same calls over and over, each in a process on a CPU of its own, with
    many different delays between them. It prints what the model predicts and what is seen. Needs root, two CPUs and
    /proc/kpageflags.

    Exit status: 0 all that could be compared agrees, all that was predicted was seen; 1 something differs; 2 bad usage; 3 nothing
    could be compared, time ran out, something predicted was not seen or not tried, or the kernel is older than the design that
    is predicted (Linux 5.18); 130 interrupted.
    """
    if provoke or witnesses:
        raise typer.Exit(provoked(provoke or [], witnesses or [], workloads or [], seconds, seed, timeout, form))
    with failing(form, FORMATS):
        from smpcheck.mm.kernel_check.machine import look
        from smpcheck.mm.kernel_check.report import write_json, write_table
        from smpcheck.mm.kernel_check.session import Wish, choose, find_predictor, run

        if directory is not None and not directory.is_dir():
            raise InputError(f"{directory} is not a folder")
        choose(pages, workloads or [])
        wish = Wish(pages, seconds if race else None, directory, repeat, timeout, workloads or [])
        machine = look(pages)
        bar = None
        if form == "table" and sys.stderr.isatty() and machine.sees_anything:
            from smpcheck.mm.kernel_check.progress import Bar

            bar = Bar(sys.stderr)
        with bar or nullcontext():
            report = run(machine, wish, find_predictor(), bar)
        if form == "json":
            write_json(report, sys.stdout)
        else:
            write_table(report, sys.stdout, everything)
        write("")
    raise typer.Exit(report.exit_status)


def provoked(
    names: Sequence[str],
    paths: Sequence[Path],
    workloads: Sequence[str],
    seconds: float,
    seed: int,
    timeout: float | None,
    form: str,
) -> int:
    """Try races instead of workloads; the exit status."""
    with failing(form, FORMATS):
        from smpcheck.mm.kernel_check import provoke, provoke_report
        from smpcheck.mm.kernel_check.machine import look
        from smpcheck.mm.kernel_check.witness import load
        from smpcheck.show.progress import Counter

        if workloads:
            raise InputError(f"{workloads[0]}: with --provoke or --from no workload is done")
        chosen = list(provoke.PROVOKE) if "all" in names else list(dict.fromkeys(names))
        for name in chosen:
            if name not in provoke.PROVOKE:
                raise InputError(f"there is no race {name!r} to provoke: choose from {', '.join(provoke.PROVOKE)}, all")
        found = [witness for path in paths for witness in load(path)]
        machine = look(LEAST_PAGES)
        attempts = [*map(provoke.from_model, chosen), *map(provoke.from_witness, found)]
        each = seconds if timeout is None else min(seconds, timeout / len(attempts))
        with Counter(len(attempts), "races") as counter:
            for one in attempts:
                provoke.attempt(one, machine, each, seed, lambda rounds, seen: counter.tick())
                counter.advance()
        if form == "json":
            provoke_report.write_json(attempts, machine, sys.stdout)
        else:
            provoke_report.write_table(attempts, machine, sys.stdout)
        write("")
    return provoke.exit_status(attempts)
