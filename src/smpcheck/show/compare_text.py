"""Tests by models as plain text: differences are marked, and each comes with its execution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from smpcheck.questions.wording import Words
from smpcheck.show.explain_text import WIDTH, columns, reason_lines, room, steps, wrap

if TYPE_CHECKING:
    from smpcheck.questions.compare import Cell, Row

NAME, SHORT = 60, 12
"""Columns of a test's name, at most and at least."""


def text(rows: Sequence[Row], models: Sequence[str], witnesses: bool, width: int = WIDTH) -> str:
    """A table, then the differences, in lines of at most ``width`` columns."""
    with columns(width):
        return "\n".join(_lines(rows, models, witnesses)) + "\n"


def _lines(rows: Sequence[Row], models: Sequence[str], witnesses: bool) -> Iterator[str]:
    several = {row.program.file for row in rows if sum(r.program is row.program for r in rows) > 1}
    names = [
        f"{row.program.name}: {row.outcome.claim or row.outcome.text}"
        if row.program.file in several or row.outcome.is_fault
        else row.program.name
        for row in rows
    ]
    sizes = [max([len(model), *(len(_shown(row, row.cells[i])) for row in rows)]) for i, model in enumerate(models)]
    most = max(SHORT, min(NAME, room() - 2 - sum(2 + size for size in sizes)))
    names = [name if len(name) <= most else name[: most - 3] + "..." for name in names]
    width = max([len("test"), *map(len, names)])
    yield f"  {'test':<{width}}  " + "  ".join(f"{m:<{s}}" for m, s in zip(models, sizes, strict=True)).rstrip()
    for name, row in zip(names, rows, strict=True):
        cells = "  ".join(f"{_shown(row, c):<{s}}" for c, s in zip(row.cells, sizes, strict=True))
        yield f"{'*' if row.differs else ' '} {name:<{width}}  {cells}".rstrip()
    differing = sum(row.differs for row in rows)
    undecided = sum(row.undecided for row in rows)
    also = f", {undecided} not decided under every model" if undecided else ""
    yield f"{len(rows)} outcome{'s' if len(rows) != 1 else ''}, {differing} with a difference (*){also}."
    said = (
        f"{row.program.name} under {model}: {cell.message}"
        for row in rows
        for model, cell in zip(models, row.cells, strict=True)
        if cell.message and cell.asked
    )
    noted = (f"{row.program.name}: {note}" for row in rows for note in row.notes)
    yield from (wrap(line, "") for line in dict.fromkeys((*said, *noted)))
    for row in rows if witnesses else ():
        if row.difference is not None:
            yield ""
            yield from _difference(row)


def _shown(row: Row, cell: Cell) -> str:
    if cell.verdict is None:
        return "-"
    verdict = ("FAILS" if cell.happens else "holds") if row.outcome.claim else cell.verdict
    return verdict + (" (race)" if cell.race else "")


def _difference(row: Row) -> Iterator[str]:
    found, words = row.difference, Words(row.program)
    assert found is not None
    yield wrap(f"{row.program.name}: {row.outcome.text}: {found.allows} allows this, {found.forbids} does not:", "")
    yield from steps(found.execution, found.story, words)
    for reordering in (*found.story.reorderings, *found.story.also):
        yield wrap(reordering.sentence + ".", "  - ", "")
    if found.reason is not None:
        yield wrap(f"Under {found.forbids}:", "")
        yield from reason_lines(found.reason, words)
