"""``smpcheck mapping``: is what the kernel's primitives are on a machine enough for what the kernel's memory model promises?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from smpcheck.commands.common import (
    EXIT_FOUND,
    EXIT_OK,
    Timeout,
    complain,
    failing,
    find_programs,
    model_for,
    within,
    write,
)
from smpcheck.errors import InputError, SmpcheckError

if TYPE_CHECKING:
    from smpcheck.machines.judge import Judge, Library, Worth, Wrong
    from smpcheck.machines.mapping import MachineMapping, Row
    from smpcheck.program.ir import Program

FORMATS = ("text", "json")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("mapping")(mapping)


def mapping(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="Kernel tests to use besides the generated ones.")
    ] = None,
    machine: Annotated[
        str, typer.Option("--machine", metavar="M", help="arm64, x86, ppc64, riscv, armv7; with an option, as riscv:queued.")
    ] = "arm64",
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="M", help="Judge the machine by this model instead of its usual one.")
    ] = None,
    contract: Annotated[
        str | None, typer.Option("--contract", metavar="M", help="The model that says what must not happen; lkmm unless given.")
    ] = None,
    size: Annotated[
        int, typer.Option("--max-size", metavar="N", min=3, max=6, help="Generate cycles of up to N edges; 3: none.")
    ] = 4,
    weaken: Annotated[
        bool, typer.Option("--weaken", help="Make each row weaker by one step, and find a test that notices it.")
    ] = False,
    primitive: Annotated[
        str | None, typer.Option("--primitive", metavar="NAME", help="With --weaken: only the rows of this primitive.")
    ] = None,
    rows: Annotated[bool, typer.Option("--rows", help="Print the mapping.")] = False,
    assembly: Annotated[
        bool, typer.Option("--assembly", help="Print each FILE as a litmus test in the machine's assembly.")
    ] = False,
    all_of_them: Annotated[
        bool, typer.Option("--all", help="Show every test that goes wrong, not only the smallest for each row.")
    ] = False,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "text",
    timeout: Timeout = None,
) -> None:
    """Does a machine allow what the kernel's memory model forbids? Smallest tests first, with the rows to blame.

    Tests are the given ones and generated cycles, in which each barrier, ordered access, atomic operation, dependency and lock
    occurs. With --weaken the question is reversed: each row is made weaker by one step, and the answer is a test that notices it.

    Exit status: 0 nothing wrong (with --weaken: answered), 1 something is allowed, 2 bad usage, unsupported input, a limit.
    """
    status = EXIT_OK
    with failing(form, FORMATS), within(timeout):
        from smpcheck.cat.load import load_model
        from smpcheck.machines.judge import Judge, Library, worth
        from smpcheck.machines.mapping import mapping_of

        asked = mapping_of(machine)
        if primitive is not None and primitive not in asked.table:
            raise InputError(f"the mapping to {asked.name} has no row for '{primitive}': it has {', '.join(asked.table)}")
        programs = list(_programs(paths or ()))
        if rows:
            write(_rows(asked))
        elif assembly:
            from smpcheck.machines.assembly import assembly as text_of

            if not programs:
                raise InputError("--assembly takes kernel tests")
            write("\n".join(text_of(program, asked) for program in programs))
        else:
            judge = Judge(asked, load_model(model) if model is not None else None)
            library = Library(load_model(model_for(contract, None)), programs, size)
            if weaken:
                answers = worth(judge, library, primitive)
                write(_worth_document(answers) if form == "json" else "")
                for one in () if form == "json" else answers:
                    write(_worth_line(one) + "\n")
            else:
                status = _search(judge, library, form, all_of_them)
    raise typer.Exit(status)


def _programs(paths: Sequence[str]) -> Iterator[Program]:
    from smpcheck.batch.paths import items

    for item in items(paths):
        try:
            if isinstance(item, InputError):
                raise item
            yield from find_programs(item.path)
        except SmpcheckError as error:
            complain(str(error))


def _search(judge: Judge, library: Library, form: str, all_of_them: bool) -> int:
    """Print what is wrong: of each set of rows to blame the smallest test, or all."""
    found: list[Wrong] = []
    seen: set[tuple[str, ...]] = set()
    for one in judge.wrong(library.all()):
        blamed = tuple(row.primitives[0] for row in one.rows)
        if not all_of_them and blamed[:1] in seen:
            continue
        seen.add(blamed[:1])
        found.append(one)
        if form == "text":
            write(_wrong(one) + "\n")
    where = f"{judge.mapping.title} under {judge.model.name}"
    if form == "json":
        shown = [
            {
                "test": one.test.program.name,
                "edges": one.test.size,
                "rows": [list(row.primitives) for row in one.rows],
                "text": one.test.text,
            }
            for one in found
        ]
        document = {"version": 1, "machine": judge.mapping.title, "model": judge.model.name, "asked": judge.asked, "wrong": shown}
        write(json.dumps({**document, "unsupported": judge.unsupported}, indent=2, ensure_ascii=False) + "\n")
    else:
        left = f"; {judge.unsupported} have something for which there is no row" if judge.unsupported else ""
        said = "allows more than the contract" if found else "allows nothing that the contract forbids"
        cycles = f", cycles of up to {library.largest} edges among them" if library.largest > 3 else ""
        write(f"{where} {said}: {judge.asked} questions asked{cycles}{left}.\n")
    return EXIT_FOUND if found else EXIT_OK


def _wrong(one: Wrong) -> str:
    size = f" ({one.test.size} edges)" if one.test.size else ""
    blamed = [f"  to blame: {_row(row)}" for row in one.rows] or ["  no single row is to blame"]
    return "\n".join([f"{one.test.program.name}{size}: forbidden, and allowed here", *blamed, "", one.test.text])


def _row(row: Row) -> str:
    what = "; ".join(row.asm) or "no instruction"
    return f"{', '.join(row.primitives)}: {what} ({row.source})"


def _worth_line(one: Worth) -> str:
    changed = f"{one.weakened.row.primitives[0]}: {one.weakened.before} -> {one.weakened.after or 'nothing'}"
    if one.test is not None:
        return f"{changed}: noticed by {one.test.program.name}"
    if not one.tried:
        return f"{changed}: not tried, no test uses it"
    return f"{changed}: harmless in {one.tried} tests" + (f", cycles of up to {one.largest} edges" if one.largest else "")


def _worth_document(answers: Iterator[Worth]) -> str:
    shown = [
        {
            "primitives": list(one.weakened.row.primitives),
            "before": one.weakened.before,
            "after": one.weakened.after,
            "noticed": one.test.program.name if one.test is not None else None,
            "tried": one.tried,
            "largest": one.largest,
        }
        for one in answers
    ]
    return json.dumps({"version": 1, "rows": shown}, indent=2, ensure_ascii=False) + "\n"


def _rows(asked: MachineMapping) -> str:
    """The mapping as a table."""
    lines = [f"{asked.title}: Linux {asked.linux}, {', '.join(asked.chosen)}; judged by {asked.model}", ""]
    body = [(", ".join(row.primitives), row.kernel or "; ".join(row.asm) or "-", row.source) for row in asked.rows]
    for names, what, source in body:
        lines += [f"{names}", f"    {what}", f"    {source}"]
    return "\n".join(lines) + "\n"
