"""The code section of LISA and assembly tests: rows that end with ``;``, one column for each thread, separated by ``|``."""

from __future__ import annotations

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.readers.source import Source, shorten


class Cell(Struct, frozen=True):
    """What stands in one row of one column, with its offset in the source."""

    text: str
    at: int


def columns(source: Source, span: tuple[int, int]) -> list[list[Cell]]:
    """The cells of each thread, empty ones left out. The first row is ``P0 | P1 ... ;``.

    :raises InputError: a row without its ``;``, a header that is something else, a cell in a column without a thread
    """
    threads: list[list[Cell]] = []
    at = span[0]
    while at < span[1]:
        end = source.text.find(";", at, span[1])
        if end == -1:
            rest = source.text[at : span[1]]
            if rest.strip():
                raise InputError("';' expected at the end of this row", source.pos(at + len(rest.rstrip())))
            break
        header = not threads
        if header and not source.text[at:end].strip():  # a ';' after the init section
            at = end + 1
            continue
        for i, cell in enumerate(source.text[at:end].split("|")):
            start, text = at + len(cell) - len(cell.lstrip()), cell.strip()
            at += len(cell) + 1
            if header:
                if text != f"P{i}":
                    raise InputError(f"'P{i}' expected, '{shorten(text)}' found", source.pos(start))
                threads.append([])
            elif text and i >= len(threads):
                message = f"'{shorten(text)}' stands in column {i + 1} of a test of {len(threads)} threads"
                raise InputError(message, source.pos(start))
            elif text:
                threads[i].append(Cell(text, start))
    if not threads:
        raise InputError("no threads: a row ' P0 | P1 ;' expected after the init section", source.pos(span[0]))
    return threads
