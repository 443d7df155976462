"""``smpcheck mm check``: scenarios by variants, which invariants hold."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Annotated

import typer

from smpcheck.commands.common import EXIT_FOUND, EXIT_INTERRUPTED, EXIT_OK, busy, failing, line_by_line, put

if TYPE_CHECKING:
    from smpcheck.mm import weak
    from smpcheck.mm.check import Answer
    from smpcheck.mm.report.pictures import Failure
    from smpcheck.simulate import RunResult

PICTURES = ("svg", "dot")
FORMATS = ("table", "json", "html", *PICTURES)
EXIT_UNDECIDED = 3
MAX_SHOWN = 4
"""So many cells' failing runs are shown unasked."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("check")(check)


def check(
    scenario: Annotated[
        list[str] | None,
        typer.Option("--scenario", "-s", metavar="S", help="Only this scenario, as in truncate_mlock (repeatable)."),
    ] = None,
    scenario_file: Annotated[
        str | None,
        typer.Option("--scenario-file", metavar="FILE", help="The scenarios of this Python file."),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", "-V", metavar="V", help="Only this variant, as in V4 or V4:barrier=none (repeatable)."),
    ] = None,
    invariant: Annotated[
        list[str] | None, typer.Option("--invariant", "-i", metavar="I", help="Only this invariant, as in I1 (repeatable).")
    ] = None,
    flags: Annotated[
        list[str] | None, typer.Option("--flags", metavar="one-word|separate|x86", help="How flags lie in memory (repeatable).")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", metavar="sc|tso|lkmm", help="The memory model (repeatable).")
    ] = None,
    machine: Annotated[
        str | None,
        typer.Option(
            "--machine", metavar="M,M,...", help="Machines, beside lkmm or the --model: arm64, x86, ppc64, riscv, armv7, or all."
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Everything that no other option chooses: all models, layouts of the flags, and scenarios."),
    ] = False,
    freeing: Annotated[
        str, typer.Option("--freeing", metavar="at-once|at-the-end", help="When a page without references is freed.")
    ] = "at-once",
    jobs: Annotated[
        int | None, typer.Option("-j", metavar="N", min=0, help="Worker processes; as many as cores unless given.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for each cell.")] = 60.0,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "table",
    witness: Annotated[
        bool | None, typer.Option("--witness/--no-witness", help="Show failing runs; by default if there are at most four cells.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show every step of a failing run.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
) -> None:
    """Which invariants hold in which scenario, under which variant of the machinery.

    Every cell of the table is exhaustive within the bounds that are printed below it. What fails can be shown as a run: lanes of
    source lines, time downwards. As a picture (svg; dot for Graphviz) the first failure is drawn, or all with --witness; html is
    one page with the table, the runs, their source and a replay.

    Exit status: 0 everything holds, 1 something fails, 2 bad usage, 3 something is undecided and nothing fails, 130 interrupted
    (what is done is shown).
    """
    status = EXIT_OK
    with failing(form, FORMATS):
        from smpcheck.batch.streams import Lost, stream
        from smpcheck.errors import InputError
        from smpcheck.machines.mapping import mappings
        from smpcheck.mm.check import FLAGS, INVARIANTS, MODELS, Answer, Case, Checker, cases, program_of, scenarios_of, units
        from smpcheck.mm.report.table import json_line, legend, witness_text, write_table
        from smpcheck.show.progress import Counter

        for name in invariant or []:
            if name not in INVARIANTS:
                raise InputError(f"there is no invariant {name!r}: choose from {', '.join(INVARIANTS)}")
        machines = mappings(machine) if machine is not None else ()
        models = model or (MODELS if everything else MODELS[-1:] if machines else MODELS[:1])
        layouts = flags or (FLAGS if everything else FLAGS[:1])
        file = scenario_file or ""
        todo = cases(scenario or (), variant or (), models, layouts, freeing, everything, file, machines)
        names = list(scenarios_of(file))
        if file:  # what is wrong in it is said at once, and not by a process that fails
            for case in {each.scenario: each for each in todo}.values():
                program_of(case)
        workers = min(len(units(todo)), os.cpu_count() or 1) if jobs is None else jobs
        checker = Checker(invariant or (), timeout * 0.9)
        answers: list[Answer] = []
        try:
            with line_by_line(output if form == "json" else None) as tell, Counter(len(todo), "cells") as counter:
                for case, found in stream(units(todo), checker.answers, workers, timeout, counter.tick):
                    answer = found
                    if isinstance(found, Lost):
                        wanted = tuple(invariant or INVARIANTS)
                        answer = Answer(case, wanted, {}, dict.fromkeys(wanted, found.why))
                    assert isinstance(answer, Answer) and isinstance(case, Case)
                    answers.append(answer)
                    counter.advance()
                    if form == "json":
                        runs = {f.invariant: f.run for f in failures([answer], timeout)} if witness else None
                        tell(json_line(answer, runs, reproducers(answer, runs) if runs else None) + "\n")
        except KeyboardInterrupt:
            status = EXIT_INTERRUPTED
        order = {case: i for i, case in enumerate(todo)}
        answers.sort(key=lambda answer: order[answer.case])
        few = witness is None and sum(bool(a.failed) for a in answers) <= MAX_SHOWN and len(answers) <= MAX_SHOWN
        if form == "table":
            text = StringIO()
            write_table(answers, names, sys.stdout if output is None else text)
            for failure in failures(answers, timeout) if witness or few else ():
                text.write(witness_text(failure.answer, failure.invariant, failure.run, lanes_width(output), full) + "\n")
            if any(a.failed for a in answers) and not (witness or few):
                first = next(a for a in answers if a.failed)
                text.write(f"Show how: {first.case.command}\n\n")
            text.write("\n".join(legend(answers)) + "\n")
            if not (model or machines or flags or everything):
                text.write("Under x86's and the kernel's memory model too, and with flags in separate bytes: --all\n")
            if status == EXIT_INTERRUPTED:
                text.write(f"interrupted: {len(answers)} of {len(todo)} cells\n")
            put(text.getvalue(), output)
        elif form != "json":
            from smpcheck.mm.report import pictures

            with busy("drawing"):
                if form == "html":
                    shown = list(failures(answers, timeout)) if witness or few else []
                    text_of = pictures.html(answers, names, shown)
                else:
                    shown = list(failures(answers, timeout)) if witness else first_of(failures(answers, timeout))
                    text_of = (pictures.svg if form == "svg" else pictures.dot)(shown)
            put(text_of, output)
    if status == EXIT_OK:
        status = EXIT_UNDECIDED if any(a.undecided for a in answers) else EXIT_OK
        status = EXIT_FOUND if any(a.failed for a in answers) else status
    raise typer.Exit(status)


def failures(answers: Sequence[Answer], timeout: float) -> Iterator[Failure]:
    """The failing runs of all answers. ``timeout``: seconds for each one that is no interleaving."""
    from smpcheck.mm import weak
    from smpcheck.mm.check import witness
    from smpcheck.mm.report.pictures import Failure

    for answer in answers:
        for name, checks in answer.failed.items():
            run: RunResult | weak.WeakRun | None = witness(answer.case, checks[0])
            if run is None and answer.case.model != "sc":
                run = weak.witness(answer.case, checks[0], timeout)
            yield Failure(answer, name, run)


def reproducers(answer: Answer, runs: Mapping[str, RunResult | weak.WeakRun | None]) -> dict[str, object]:
    """By invariant, the system calls that do what the failing run does (for ``mm live --from``), or why there are none."""
    from smpcheck.errors import UnsupportedError
    from smpcheck.mm.kernel_check.translate import reproducer
    from smpcheck.mm.kernel_check.witness import document
    from smpcheck.simulate import RunResult

    found: dict[str, object] = {}
    for invariant, run in runs.items():
        try:
            found[invariant] = document(reproducer(answer.case, invariant, run if isinstance(run, RunResult) else None))
        except UnsupportedError as error:
            found[invariant] = {"refused": error.message}
    return found


def first_of(found: Iterator[Failure]) -> list[Failure]:
    """The first failure with a run, for a picture. :raises InputError: there is none"""
    from smpcheck.errors import InputError

    for failure in found:
        if failure.run is not None:
            print(f"drawn: {failure.name}", file=sys.stderr)
            return [failure]
    raise InputError("nothing fails with a run to draw: the formats for that are table and html")


def lanes_width(output: str | None) -> int:
    """Columns for failing runs."""
    return min(shutil.get_terminal_size((100, 24)).columns, 120) if output is None and sys.stdout.isatty() else 100
