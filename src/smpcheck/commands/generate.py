"""``smpcheck generate``: litmus tests from cycles of edges, by name, by size, or such that two models differ."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smpcheck.commands.common import EXIT_FOUND, EXIT_INPUT, EXIT_OK, busy, complain, failing, write
from smpcheck.errors import InputError

if TYPE_CHECKING:
    from smpcheck.generate.edges import Vocabulary
    from smpcheck.generate.make import Chain, Test

MAX_SIZE = 6


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("generate")(generate)


def generate(
    edges: Annotated[list[str] | None, typer.Argument(metavar="EDGE...", help="One cycle, as in PodWW Rfe PodRR Fre.")] = None,
    language: Annotated[str, typer.Option("--language", "-l", metavar="L", help="C, AArch64, X86, X86_64, PPC or RISCV.")] = "C",
    size: Annotated[int | None, typer.Option("--size", metavar="N", help="All critical cycles of N edges.")] = None,
    between: Annotated[
        str | None,
        typer.Option("--edges", metavar="E,E,...", help="With --size or --distinguish: only these edges inside of threads."),
    ] = None,
    distinguish: Annotated[
        str | None,
        typer.Option("--distinguish", metavar="M,M", help="Find the smallest tests on which two memory models differ."),
    ] = None,
    max_size: Annotated[
        int, typer.Option("--max-size", metavar="N", help="With --distinguish: the largest size to try.")
    ] = MAX_SIZE,
    inside: Annotated[
        int, typer.Option("--inside", metavar="N", min=1, max=4, help="Chains of up to N edges inside of each thread.")
    ] = 1,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Stop after N tests.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write a file for each test into this folder.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="S", help="With --distinguish: give up after S seconds.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the edges of the language.")] = False,
) -> None:
    """Make litmus tests from cycles. Edges and tests have diy7's names.

    An edge is a communication (Rfe, Fre, Coe), or program order from one access to the next (PodWR), over a barrier
    (FenceMbdWR, DMB.SYdWR) or by a dependency (DpAddrdR).

    Exit status: 0 done; with --distinguish 1 if the models differ, 2 if time ran out first; 2 bad usage.
    """
    status = EXIT_OK
    with failing("text", ("text",)):
        from smpcheck.generate.edges import all_edges
        from smpcheck.generate.make import make, vocabulary_of

        vocabulary = vocabulary_of(language)
        if sum((bool(edges), size is not None, distinguish is not None, listed)) != 1:
            raise InputError("one of these is asked for: the edges of a cycle, --size N, --distinguish M,M or --list")
        if listed:
            write("\n".join(edge.bare for edge in all_edges(vocabulary)) + "\n")
        elif distinguish is not None:
            status = _distinguish(
                vocabulary, distinguish, _between(between, vocabulary, inside), max_size, limit, output, timeout
            )
        elif size is not None:
            _put(itertools.islice(_of_size(vocabulary, size, _between(between, vocabulary, inside)), limit), output)
        else:
            _put(iter([make(language, edges or ())]), output)
    raise typer.Exit(status)


def _between(names: str | None, vocabulary: Vocabulary, inside: int) -> Sequence[Chain]:
    """What stands inside of threads."""
    from smpcheck.generate.edges import read_edge
    from smpcheck.generate.make import chains, relaxations

    if names is None:
        return chains(relaxations(vocabulary), inside)
    chosen = [read_edge(name.strip(), vocabulary) for name in names.split(",") if name.strip()]
    for edge in chosen:
        if edge.starts_thread or (inside == 1 and (edge.communicates or edge.same)):
            other = " (others: --inside)" if not edge.starts_thread else ""
            raise InputError(
                f"--edges {edge.bare}: an edge of program order between different locations is expected, as PodWR{other}"
            )
    return chains(chosen, inside)


def _of_size(vocabulary: Vocabulary, size: int, between: Sequence[Chain]) -> Iterator[Test]:
    from smpcheck.generate.make import cycles, from_edges
    from smpcheck.questions.distinguish import SMALLEST

    if size < SMALLEST:
        raise InputError(f"--size {size}: a critical cycle has {SMALLEST} edges or more")
    for found in cycles(vocabulary, size, between):
        yield from_edges(vocabulary, found)


def _put(tests: Iterator[Test], folder: Path | None) -> None:
    """Print tests, or write a file for each. Two cycles never have one name."""
    if folder is None:
        for test in tests:
            write(test.text + "\n")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for test in tests:
            (folder / f"{test.name}.litmus").write_text(test.text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror or error}") from None


def _distinguish(
    vocabulary: Vocabulary,
    names: str,
    between: Sequence[Chain],
    largest: int,
    limit: int | None,
    folder: Path | None,
    timeout: float | None,
) -> int:
    from smpcheck.cat.load import load_model
    from smpcheck.questions.distinguish import SMALLEST, OutOfTimeError, differences

    pair = [load_model(name.strip()) for name in names.split(",") if name.strip()]
    if len(pair) != 2:
        raise InputError("--distinguish takes two models, with a comma between them")
    ends = None if timeout is None else time.monotonic() + timeout
    found: list[int] = []
    with busy("trying tests"):
        try:
            for difference in differences(vocabulary, (pair[0], pair[1]), range(SMALLEST, largest + 1), between, ends):
                size = len(difference.test.cycle.edges)
                if len(found) == limit or (limit is None and found and size > found[0]):
                    break
                found.append(size)
                said = ", ".join(f"{model.name}: {verdict}" for model, verdict in zip(pair, difference.verdicts, strict=True))
                write(f"{difference.test.name}  {said}\n")
                _put(iter([difference.test]), folder)
        except OutOfTimeError:
            complain(f"the time is up: {len(found) or 'no'} tests were found, and not all were tried")
            return EXIT_INPUT
    if not found:
        write(f"no critical cycle of up to {largest} edges tells {pair[0].name} from {pair[1].name}\n")
    return EXIT_FOUND if found else EXIT_OK
