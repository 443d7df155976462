"""``smpcheck compare``: tests by models, and why they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smpcheck.batch.paths import items
from smpcheck.commands.common import (
    EXIT_FOUND,
    EXIT_INPUT,
    EXIT_OK,
    Settings,
    Timeout,
    columns,
    complain,
    failing,
    find_programs,
    within,
    write,
)
from smpcheck.errors import InputError, SmpcheckError
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
    models: Annotated[str, typer.Option("--models", metavar="M,M,...", help="The models, in the order of the columns.")],
    settings: Settings = None,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "text",
    witnesses: Annotated[bool, typer.Option("--witness/--no-witness", help="Show an execution for each difference.")] = True,
    only_differences: Annotated[bool, typer.Option("--differences", help="Show only tests about which models differ.")] = False,
    unroll: Annotated[int, typer.Option("--unroll", metavar="N", min=0, help="Iterations of each loop.")] = 2,
    timeout: Timeout = None,
) -> None:
    """What do models say about tests, and where do they differ?

    Exit status: 0 no difference, 1 models differ, 2 bad usage, unreadable or unsupported input, a limit, 130 interrupted (what is
    done is shown).
    """
    status = EXIT_OK
    with failing(form, FORMATS), within(timeout):
        from smpcheck.cat.load import load_model
        from smpcheck.questions.compare import compare as ask
        from smpcheck.questions.explain import Limits

        names = [name.strip() for name in models.split(",") if name.strip()]
        if len(names) < 2:
            raise InputError("--models takes two or more models, with commas between them")
        asked = [load_model(name) for name in names]
        rows: list[Row] = []
        try:
            for item in items(paths):
                try:
                    if isinstance(item, InputError):
                        raise item
                    for program in find_programs(item.path, asked[0], None, settings or ()):
                        rows += ask(program, asked, Limits(unroll=unroll))
                except TimeLimitError:
                    raise
                except SmpcheckError as error:
                    complain(str(error))
                    status = EXIT_INPUT
        finally:  # what is done is shown, whatever ended it
            shown = [row for row in rows if row.differs] if only_differences else rows
            if form == "json":
                from smpcheck.show.why_json import compare_document

                write(compare_document(shown, [model.name for model in asked]))
            else:
                from smpcheck.show.compare_text import text

                write(text(shown, [model.name for model in asked], witnesses, columns()))
        if status == EXIT_OK and any(row.differs for row in rows):
            status = EXIT_FOUND
    raise typer.Exit(status)
