"""``smpcheck explain``: why an outcome can be, or cannot."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from smpcheck.commands.common import EXIT_OK, failing, find_programs, named_model, write

FORMATS = ("text", "json")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("explain")(explain)


def explain(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A litmus test or a Python model.")],
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="M", help="sc, tso, lkmm, a .cat file, or a kernel tree's tools/memory-model.")
    ] = "lkmm",
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "text",
    scenario: Annotated[
        str | None, typer.Option("--scenario", "-s", metavar="NAME", help="Of a file with several programs, this one.")
    ] = None,
    check: Annotated[
        str | None, typer.Option("--check", metavar="NAME", help="Of a model with several assertions, this one.")
    ] = None,
    unroll: Annotated[int, typer.Option("--unroll", metavar="N", min=0, help="Iterations of each loop.")] = 2,
    seconds: Annotated[
        float, typer.Option("--search", metavar="S", min=0.0, help="Look for simpler executions and more reasons for so long.")
    ] = 2.0,
) -> None:
    """Why can this outcome happen, or why not?

    If it can: an execution with as few surprises as possible, step by step, and a sentence for each step that is not in program
    order. If it cannot: each reason once, as the cycle that the memory model forbids, every edge with the lines and primitives
    that give it. Data races: both accesses and what is missing between them.

    Exit status: 0 explained, 2 bad usage, unreadable or unsupported input, a limit.
    """
    with failing(form, FORMATS):
        from smpcheck.questions.explain import Limits
        from smpcheck.questions.explain import explain as ask

        found = named_model(model)
        limits = Limits(unroll=unroll, seconds=seconds)
        answers = [a for program in find_programs(path, found, scenario) for a in ask(program, found, limits, check)]
        if form == "json":
            from smpcheck.show.why_json import document

            write(document(answers))
        else:
            from smpcheck.show.why import text

            write("\n".join(text(answer) for answer in answers))
    sys.stdout.flush()
    raise typer.Exit(EXIT_OK)
