"""``smpcheck compare``: tests by models, and why they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smpcheck.batch.paths import items
from smpcheck.commands.common import (
    EXIT_FOUND,
    EXIT_INPUT,
    EXIT_OK,
    EXIT_UNDECIDED,
    Asserts,
    Init,
    Kernel,
    KernelHeaders,
    Objects,
    OneProgram,
    Settings,
    Threads,
    Timeout,
    all_settings,
    columns,
    complain,
    failing,
    find_programs,
    model_for,
    open_status,
    within,
    write,
)
from smpcheck.errors import InputError, LimitError, SmpcheckError
from smpcheck.time_limit import TimeLimitError

if TYPE_CHECKING:
    from smpcheck.questions.compare import Row

FORMATS = ("text", "json")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("compare")(compare)


def compare(
    paths: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Litmus tests, folders of them, @LIST, or Python models.")
    ],
    models: Annotated[
        str | None, typer.Option("--models", metavar="M,M,...", help="The models, in the order of the columns.")
    ] = None,
    machines: Annotated[
        str | None,
        typer.Option(
            "--machine", metavar="M,M,...", help="Machines beside lkmm: arm64, x86, ppc64, riscv, armv7, arm64:llsc, or all."
        ),
    ] = None,
    scenario: OneProgram = None,
    settings: Settings = None,
    kernel: Kernel = None,
    kernel_headers: KernelHeaders = None,
    objects: Objects = None,
    init: Init = None,
    thread: Threads = None,
    asserts: Asserts = None,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "text",
    witnesses: Annotated[bool, typer.Option("--witness/--no-witness", help="Show an execution for each difference.")] = True,
    only_differences: Annotated[bool, typer.Option("--differences", help="Show only tests about which models differ.")] = False,
    unroll: Annotated[int, typer.Option("--unroll", metavar="N", min=0, help="Iterations of each loop.")] = 2,
    timeout: Timeout = None,
) -> None:
    """What do models say about tests, and where do they differ? With --machine: what of that can happen on each machine?

    Exit status: 0 everything is decided, and the models agree; 1 models differ; 2 bad usage, unreadable or unsupported input;
    3 something is undecided (a limit); 130 interrupted (what is done is shown). If several apply, 2 comes before 1, and 1
    before 3.
    """
    status = EXIT_OK
    with failing(form, FORMATS), within(timeout):
        from smpcheck.cat.load import load_model
        from smpcheck.questions.compare import Subject, compare_subjects
        from smpcheck.questions.explain import Limits

        asked = [load_model(name) for name in _names(models, machines)]
        chosen = all_settings(settings, kernel, kernel_headers, objects, init, thread, asserts)
        subjects = [Subject(model.name, model) for model in asked]
        if machines is not None:
            from smpcheck.machines.mapping import mappings

            subjects += [Subject(one.title, load_model(one.model), one) for one in mappings(machines)]
        rows: list[Row] = []
        try:
            for item in items(paths):
                try:
                    if isinstance(item, InputError):
                        raise item
                    for program in find_programs(item.path, asked[0], scenario, chosen):
                        rows += compare_subjects(program, subjects, Limits(unroll=unroll))
                except TimeLimitError:
                    raise
                except SmpcheckError as error:
                    complain(str(error))
                    if not isinstance(error, LimitError):
                        status = EXIT_INPUT
                    elif status == EXIT_OK:
                        status = EXIT_UNDECIDED
        finally:  # what is done is shown, whatever ended it
            shown = [row for row in rows if row.differs] if only_differences else rows
            if form == "json":
                from smpcheck.show.why_json import compare_document

                write(compare_document(shown, [subject.name for subject in subjects]))
            else:
                from smpcheck.show.compare_text import text

                write(text(shown, [subject.name for subject in subjects], witnesses, columns()))
        if status != EXIT_INPUT and any(row.differs for row in rows):
            status = EXIT_FOUND
        if status == EXIT_OK:
            status = open_status(any(row.undecided for row in rows))
    raise typer.Exit(status)


def _names(models: str | None, machines: str | None) -> list[str]:
    """The names of the models: two or more, or, beside machines, the kernel's unless others are given."""
    if models is None and machines is not None:
        return [model_for(None, None)]
    names = [name.strip() for name in models.split(",") if name.strip()] if models is not None else []
    if len(names) < (1 if machines is not None else 2):
        raise InputError("--models takes two or more models, with commas between them; --machine takes machines beside them")
    return names
