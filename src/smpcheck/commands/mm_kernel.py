"""``smpcheck mm kernel``: the scenarios with a kernel tree's own functions, each beside the model's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smpcheck.commands.common import EXIT_FOUND, EXIT_OK, busy, failing, put
from smpcheck.commands.mm_check import EXIT_UNDECIDED, lanes_width

FORMATS = ("table", "json")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("kernel")(kernel_source)


def kernel_source(
    kernel: Annotated[Path, typer.Option("--kernel", metavar="TREE", help="An unpacked kernel: Linux 6.1 or 6.12.")],
    scenario: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Only these scenarios; all that there are unless given.")
    ] = None,
    headers: Annotated[
        str,
        typer.Option("--kernel-headers", metavar="DIR", help="A configured tree, or a distribution's headers of the version."),
    ] = "",
    variant: Annotated[
        str, typer.Option("--variant", "-V", metavar="V", help="The variant of the model to stand beside a changed tree.")
    ] = "V10",
    memory: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="sc|tso|lkmm", help="The memory model (repeatable); sc unless given."),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for each cell.")] = 120.0,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "table",
    witness: Annotated[bool, typer.Option("--witness/--no-witness", help="Show a run for each invariant that fails.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Show every step of a failing run.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
) -> None:
    """Check the scenarios with the functions of a kernel tree's own mm/mlock.c, mm/swap.c and mm/vmscan.c, as clang reads them.

    The bodies of mlock, munlock, their drains, lru_add_drain, folio_add_lru, isolate, putback and of the last put are the tree's;
    what is stubbed is listed with the answer. Each cell stands beside the model's.

    Exit status: 0 kernel and model say the same in every cell, 1 they differ, 2 bad usage, 3 something is undecided.
    """
    with failing(form, FORMATS):
        from smpcheck.mm.kernel_source.cells import answer, known_models, scenarios
        from smpcheck.mm.report import kernel_source as shown

        models = known_models(tuple(memory or ()))
        cells = []
        for name in scenarios(tuple(scenario or ())):
            for model in models:
                with busy(f"{name} under {model}"):
                    cells.append(answer(name, str(kernel), headers, timeout, variant, model))
        if form == "json":
            put("".join(shown.json_line(cell) + "\n" for cell in cells), output)
        else:
            width = lanes_width(output)
            runs = [*shown.witnesses(cells, width, full)] if witness else []
            put("\n".join([shown.table(cells), *runs, shown.legend(cells, width)]), output)
        verdicts = {cell.verdict for cell in cells}
        if "DIFFERS" in verdicts:
            raise typer.Exit(EXIT_FOUND)
        raise typer.Exit(EXIT_UNDECIDED if "undecided" in verdicts else EXIT_OK)
