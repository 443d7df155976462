"""``smpcheck mm map``: which kernel function each function of the model restates, and do both keep the same order?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smpcheck.commands.common import EXIT_FOUND, EXIT_OK, failing, put
from smpcheck.errors import InputError

if TYPE_CHECKING:
    from smpcheck.mm.kernel_map.entries import Entry, Map

FORMATS = ("table", "json")
EXIT_UNDECIDED = 3


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("map")(kernel_map)


def kernel_map(
    functions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FUNCTION]...", help="Functions of the model or of the kernel; all unless given."),
    ] = None,
    kernel: Annotated[
        Path | None,
        typer.Option("--kernel", metavar="TREE", help="An unpacked kernel, with which the order of primitives is compared."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show both orders side by side, with lines.")] = False,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answer.")] = "table",
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
) -> None:
    """Show which kernel function each function of the model restates; with --kernel, compare the order of their primitives.

    Primitives are locks, bit operations, atomic operations, barriers, references, lists, ptes, and calls of other functions of
    the map, in the order of the text. The model's are taken from its Python, under the variant that stands for the tree's
    version; the kernel's from its C. A difference is known to the map, with the reason, or it is reported.

    Exit status: 0 no difference that the map does not know; 1 there is one; 2 bad usage; 3 nothing was compared.
    """
    with failing(form, FORMATS):
        from smpcheck.mm.kernel_map import entries
        from smpcheck.mm.report import kernel_map as shown

        known = entries.kernel_map()
        chosen = choose(known, functions or [])
        if kernel is None:
            put(shown.map_json(chosen) if form == "json" else shown.map_table(chosen), output)
            raise typer.Exit(EXIT_OK)
        from smpcheck.mm.kernel_map.compare import compare
        from smpcheck.mm.kernel_map.kernel_order import Tree

        tree = Tree(kernel)
        found = [compare(entry, tree, known) for entry in chosen]
        put(
            shown.json_lines(found, tree) if form == "json" else shown.report(found, tree, known.variant(tree.version), full),
            output,
        )
        verdicts = {each.verdict for each in found}
        if "DIFFERS" in verdicts:
            raise typer.Exit(EXIT_FOUND)
        raise typer.Exit(EXIT_OK if verdicts & {"same", "differs as said"} else EXIT_UNDECIDED)


def choose(known: Map, names: Sequence[str]) -> list[Entry]:
    """The entries with these names, on either side. :raises InputError: there is none of a name"""
    chosen = []
    for name in names:
        found = [e for e in known.entries if name == e.name or name in e.also or any(name == place.name for place in e.places)]
        if not found:
            raise InputError(f"the map has no function {name!r}: smpcheck mm map lists them")
        chosen += [each for each in found if each not in chosen]
    return chosen if names else list(known.entries)
