"""``smpcheck explain``: why an outcome can be, or cannot."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from smpcheck.commands.common import (
    LEAST_WIDTH,
    MAX_WIDTH,
    Asserts,
    Calls,
    Init,
    Kernel,
    KernelHeaders,
    Objects,
    OneModel,
    OneProgram,
    OnMachine,
    Settings,
    Threads,
    Timeout,
    all_settings,
    as_they_come,
    chosen_model,
    columns,
    ends_of,
    failing,
    find_programs,
    having,
    model_for,
    on_machines,
    open_status,
    within,
)

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation

PIPE_WIDTH = 80

Form: TypeAlias = Callable[[Sequence["Explanation"], int, bool], str]


def _text(answers: Sequence[Explanation], width: int, calls: bool) -> str:
    from smpcheck.show.explain_text import text
    from smpcheck.show.lanes import lanes_text
    from smpcheck.show.picture import pictures

    shown = []
    for answer in answers:
        drawn = "\n".join(lanes_text(picture, width, say=False) for picture in pictures(answer))
        shown.append(text(answer, width, drawn, calls))
    return "\n".join(shown)


def _lanes(answers: Sequence[Explanation], width: int, calls: bool) -> str:
    from smpcheck.show.lanes import explanation_lanes

    return "\n".join(explanation_lanes(answer, width, calls) for answer in answers)


def _json(answers: Sequence[Explanation], width: int, calls: bool) -> str:
    from smpcheck.show.why_json import document

    return document(answers)


def _svg(answers: Sequence[Explanation], width: int, calls: bool) -> str:
    from smpcheck.show.svg import explanations_svg

    return explanations_svg(answers, calls)


def _html(answers: Sequence[Explanation], width: int, calls: bool) -> str:
    from smpcheck.show.html import report

    return report(answers)


def _dot(answers: Sequence[Explanation], width: int, calls: bool) -> str:
    from smpcheck.show.dot import explanations_dot

    return explanations_dot(answers, calls)


FORMS: dict[str, Form] = {"text": _text, "lanes": _lanes, "svg": _svg, "html": _html, "dot": _dot, "json": _json}
FORMATS = tuple(FORMS)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("explain")(explain)


def explain(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A litmus test, a Python model, or a harness in C.")],
    model: OneModel = None,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "text",
    scenario: OneProgram = None,
    settings: Settings = None,
    kernel: Kernel = None,
    kernel_headers: KernelHeaders = None,
    objects: Objects = None,
    init: Init = None,
    thread: Threads = None,
    asserts: Asserts = None,
    machine: OnMachine = None,
    check: Annotated[
        str | None, typer.Option("--check", metavar="NAME", help="Choose one assertion of a model that has several.")
    ] = None,
    unroll: Annotated[int, typer.Option("--unroll", metavar="N", min=0, help="Iterations of each loop.")] = 2,
    timeout: Timeout = None,
    seconds: Annotated[
        float, typer.Option("--search", metavar="S", min=0.0, help="How long to look for simpler executions and more reasons.")
    ] = 2.0,
    calls: Calls = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            metavar="N",
            min=LEAST_WIDTH,
            help=f"Columns of text; by default those of the terminal, at most {MAX_WIDTH}, or {PIPE_WIDTH} in a pipe.",
        ),
    ] = None,
) -> None:
    """Why can this outcome happen, or why not?

    If it can: an execution with as few reorderings as possible, step by step, and a sentence for each step that is not in program
    order. If it cannot: each reason once, as the cycle that the memory model forbids, every edge with the lines and primitives
    that give it. Data races: both accesses and what is missing between them.

    As text with the threads side by side (text; lanes is shorter), as a picture (svg, or dot for Graphviz), as one HTML
    file with the source, the picture and a replay (html), or for programs (json).

    Exit status: 0 everything is explained, 2 bad usage, unreadable or unsupported input, 3 undecided (a limit).
    """
    with failing(form, FORMATS), within(timeout):
        from smpcheck.cat.load import load_model
        from smpcheck.questions.explain import Limits
        from smpcheck.questions.explain import explain as ask

        found = load_model(model_for(model, machine))
        limits = Limits(unroll=unroll, seconds=seconds, ends=ends_of(timeout))
        programs = having(
            on_machines(
                find_programs(
                    path, found, scenario, all_settings(settings, kernel, kernel_headers, objects, init, thread, asserts)
                ),
                machine,
            ),
            check,
        )
        explained = (
            answer for program in programs for answer in ask(program, chosen_model(model, found, program), limits, check)
        )
        wide = columns(width, PIPE_WIDTH)
        answers = as_they_come(
            explained, lambda some: FORMS[form](some, wide, calls), f"explaining {path}", form not in ("text", "lanes"), output
        )
    sys.stdout.flush()
    raise typer.Exit(open_status(any(answer.kind == "undecided" for answer in answers)))
