"""``smpcheck mm barrier``: the barrier of putback_lru_page, by the contract and on each machine."""

from __future__ import annotations

from typing import Annotated

import typer

from smpcheck.commands.common import failing, write


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("barrier")(barrier)


def barrier(
    machines: Annotated[
        str,
        typer.Option("--machine", metavar="M,M,...", help="arm64, x86, ppc64, riscv, armv7, arm64:llsc, riscv:queued, or all."),
    ] = "all",
    picture: Annotated[
        bool, typer.Option("--picture", help="Draw, for one machine, flags in two words without a barrier (an SVG document).")
    ] = False,
    text: Annotated[bool, typer.Option("--text", help="Print the litmus tests that the table is about.")] = False,
) -> None:
    """Can a page be stranded between putback_lru_page and munlock, with and without the barrier of 2009, on each machine?

    Exit status: 0 answered, 2 bad usage.
    """
    with failing("text", ("text",)):
        from smpcheck.machines.mapping import mapping_of, mappings
        from smpcheck.mm.machines import CASES, drawing, table

        if picture:
            write(drawing(mapping_of(machines)))
            return
        asked = mappings(machines)
        if text:
            write("\n".join(case.text() for case in CASES))
            return
        lines = table(asked)
        sizes = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        for line in lines:
            write("  ".join(f"{cell:<{size}}" for cell, size in zip(line, sizes, strict=True)).rstrip() + "\n")
