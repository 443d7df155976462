"""``smpcheck barriers``: which of the things that give order are needed, and which are missing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from smpcheck.commands.common import (
    EXIT_FOUND,
    EXIT_OK,
    Asserts,
    Calls,
    Init,
    Kernel,
    KernelHeaders,
    Objects,
    OneModel,
    OneProgram,
    Settings,
    Threads,
    Timeout,
    all_settings,
    as_they_come,
    chosen_model,
    columns,
    complain,
    ends_of,
    failing,
    find_programs,
    having,
    model_for,
    open_status,
    within,
)
from smpcheck.errors import InputError

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.program.ir import Program
    from smpcheck.questions.barriers import Barriers
    from smpcheck.questions.explain import Limits
    from smpcheck.questions.fix import Fix

FORMATS = ("text", "json", "sarif")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("barriers")(barriers)


def barriers(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A litmus test, a Python model, or a harness in C.")],
    model: OneModel = None,
    models: Annotated[
        str | None, typer.Option("--models", metavar="M,M", help="Several models, with commas between them: one table.")
    ] = None,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "text",
    fix: Annotated[
        bool, typer.Option("--fix", help="Find the cheapest additions that forbid an outcome that can happen, as a diff.")
    ] = False,
    race: Annotated[bool, typer.Option("--race", help="With --fix: remove data races, and ignore all outcomes.")] = False,
    comment: Annotated[
        bool, typer.Option("--comment", help="Print a comment for each needed barrier: what it orders, what it pairs with.")
    ] = False,
    locks: Annotated[bool, typer.Option("--locks", help="Ask about critical sections too.")] = False,
    no_dependencies: Annotated[
        bool, typer.Option("--no-dependencies", help="Do not ask about dependencies: keep all of them.")
    ] = False,
    cost: Annotated[
        str | None,
        typer.Option("--cost", metavar="KIND=N,...", help="Change the cost table: mb, rmb, wmb, acquire, release, ..."),
    ] = None,
    scenario: OneProgram = None,
    settings: Settings = None,
    kernel: Kernel = None,
    kernel_headers: KernelHeaders = None,
    objects: Objects = None,
    init: Init = None,
    thread: Threads = None,
    asserts: Asserts = None,
    machines: Annotated[
        str | None,
        typer.Option(
            "--machine", metavar="M,M,...", help="Also ask on machines: arm64, x86, ppc64, riscv, armv7, arm64:llsc, or all."
        ),
    ] = None,
    check: Annotated[
        str | None, typer.Option("--check", metavar="NAME", help="Choose one assertion of a model that has several.")
    ] = None,
    unroll: Annotated[int, typer.Option("--unroll", metavar="N", min=0, help="Iterations of each loop.")] = 2,
    calls: Calls = False,
    timeout: Timeout = None,
) -> None:
    """Which barriers, acquires, releases, ordered atomics and dependencies are needed, and for what?

    Needed, not needed, or replaceable by something weaker; for each one that is needed, what happens without it and what it
    pairs with. With --fix: what is missing.

    Exit status: 0 answered; 1 with --fix, an outcome can happen and no placement of barriers forbids it; 2 bad usage,
    unreadable or unsupported input; 3 something is undecided (a limit). If several apply, 2 comes before 1, and 1 before 3.
    """
    status = EXIT_OK
    with failing(form, FORMATS), within(timeout):
        from smpcheck.cat.load import load_model
        from smpcheck.questions.caveats import knows_races
        from smpcheck.questions.explain import Limits
        from smpcheck.questions.ordering_elements import COSTS

        names = [name.strip() for name in models.split(",") if name.strip()] if models is not None else [model_for(model, None)]
        if not names:
            raise InputError("--models takes the names of models, with commas between them")
        asked = [load_model(name) for name in names]
        if race and not fix:
            raise InputError("--race is for --fix: it says what to remove")
        for one in asked if race else ():
            if not knows_races(one):
                raise InputError(f"--race: the model {one.name} does not define data races")
        costs = {**COSTS, **_costs(cost, COSTS)}
        limits = Limits(unroll=unroll, ends=ends_of(timeout))
        programs = having(
            find_programs(
                path, asked[0], scenario, all_settings(settings, kernel, kernel_headers, objects, init, thread, asserts)
            ),
            check,
        )
        if models is None and programs:
            asked = [chosen_model(model, asked[0], programs[0])]
        if machines is not None:
            if fix or comment or locks or len(asked) > 1 or form == "sarif":
                raise InputError("--machine is for one table of elements: without --fix, --comment, --locks, --models and sarif")
            _by_machine(programs, asked[0], machines, limits, form, not no_dependencies, check)
        elif fix:
            status = _fix(programs, asked, limits, costs, form, check, race)
        else:
            from smpcheck.questions.barriers import barriers as ask

            found = (
                [ask(p, m, limits, locks=locks, dependencies=not no_dependencies, costs=costs, only=check) for m in asked]
                for p in programs
            )
            shown = partial(_shown, form=form, comment=comment, calls=calls, models=asked, unroll=unroll)
            answers = as_they_come(found, shown, f"asking for each barrier of {path}", form != "text", None)
            judged = [one for row in answers for one in row]
            for note in dict.fromkeys(f"{one.program.name}: {note}" for one in judged if comment for note in one.notes):
                complain(note)
            status = open_status(any(one.undecided for one in judged))
    raise typer.Exit(status)


def _shown(answers: Sequence[list[Barriers]], form: str, comment: bool, calls: bool, models: list[Model], unroll: int) -> str:
    """Answers of programs by models, in a form."""
    if form == "json":
        from smpcheck.show.why_json import barriers_document

        return barriers_document([one for row in answers for one in row])
    if form == "sarif":
        from smpcheck.show.sarif import barriers_log

        return barriers_log([pair for row in answers for pair in zip(row, models, strict=True)], unroll)
    from smpcheck.show.barriers_text import comments, text

    if comment:
        return "\n".join(comments(one) for row in answers for one in row)
    return "\n".join(text(row, columns(), calls) for row in answers)


def _by_machine(
    programs: Sequence[Program], model: Model, machines: str, limits: Limits, form: str, dependencies: bool, check: str | None
) -> None:
    from smpcheck.machines.mapping import mappings
    from smpcheck.questions.machines import by_machine
    from smpcheck.show.machines_text import document, text

    asked = mappings(machines)
    answers = (by_machine(p, model, asked, limits, dependencies=dependencies, only=check) for p in programs)
    as_they_come(
        answers,
        lambda some: document(some) if form == "json" else "\n".join(text(one, columns()) for one in some),
        "asking for each barrier on each machine",
        form != "text",
        None,
    )


def _fix(
    programs: Sequence[Program],
    models: list[Model],
    limits: Limits,
    costs: dict[str, float],
    form: str,
    check: str | None,
    race: bool,
) -> int:
    from smpcheck.questions.fix import fix as ask

    answers = (one for p in programs for m in models for one in ask(p, m, limits, costs, only=check, race=race))
    found = as_they_come(answers, partial(_fixes_shown, form=form), "looking for what is missing", form != "text", None)
    if any(one.status in ("interleaving", "no placement") for one in found):
        return EXIT_FOUND
    return open_status(any(one.status in ("undecided", "unfinished") for one in found))


def _fixes_shown(answers: Sequence[Fix], form: str) -> str:
    """Placements, in a form."""
    if form == "json":
        from smpcheck.show.why_json import fix_document

        return fix_document(answers)
    if form == "sarif":
        from smpcheck.show.sarif import fix_log

        return fix_log(answers)
    from smpcheck.show.barriers_text import fix_text

    return "\n".join(fix_text(one, columns()) for one in answers)


def _costs(text: str | None, known: object) -> dict[str, float]:
    """``mb=5,rmb=2`` as a table."""
    result: dict[str, float] = {}
    for part in text.split(",") if text else ():
        name, _, number = part.partition("=")
        name = name.strip()
        if name not in known:  # type: ignore[operator]
            raise InputError(f"--cost knows no {name!r}; it knows {', '.join(known)}")  # type: ignore[arg-type]
        try:
            result[name] = float(number)
        except ValueError:
            raise InputError(f"--cost {part}: {number!r} is not a number") from None
        if not result[name] >= 0:
            raise InputError(f"--cost {part}: a cost is not negative")
    return result
