"""What a PATH on the command line means: a file, a folder, ``@list``, or ``-``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.program.ir import Position
from smpcheck.readers.registry import STDIN, STDIN_NAME, read_stdin, read_text

LITMUS_SUFFIX = ".litmus"


class Item(Struct, frozen=True):
    """One file to check.

    ``index`` is its place in the order of answers; ``text`` its text where there is no file to read (standard input); ``start``
    the first of its programs that is still to be answered (a Python file may have several). ``given_up``: the reason, as
    (status, message, seconds), why that first program is not to be solved but only described: it took a worker's time or life.
    ``search``: seconds to look for what a quicker engine knows of it.
    """

    index: int
    path: str
    text: str | None = None
    start: int = 0
    given_up: tuple[str, str, float] | None = None
    search: float = 0.0


def expand(paths: Iterable[str]) -> Iterator[str | InputError]:
    """The files that ``paths`` stand for, in order; a path that stands for no file becomes an error.

    A folder stands for all ``*.litmus`` below it, sorted by name. ``@list`` names a file with one PATH a line; empty lines and
    lines that begin with ``#`` are left out; relative names are looked up beside the list first, then from the current
    directory.
    """
    yield from _expand(paths, None, ())


def items(paths: Iterable[str]) -> Iterator[Item | InputError]:
    """:func:`expand`, numbered; standard input is read here."""
    for index, entry in enumerate(expand(paths)):
        if isinstance(entry, InputError):
            yield entry
        elif entry == STDIN:
            try:
                yield Item(index, STDIN_NAME, read_stdin())
            except InputError as error:
                yield error
        else:
            yield Item(index, entry)


def _expand(paths: Iterable[str], base: str | None, lists: tuple[str, ...]) -> Iterator[str | InputError]:
    for path in paths:
        if path == STDIN and base is None:
            yield path
        elif path.startswith("@") and len(path) > 1:
            yield from _expand_list(_beside(path[1:], base), lists)
        else:
            path = _beside(path, base)
            if os.path.isdir(path):
                yield from _expand_folder(path)
            elif os.path.exists(path):
                yield path
            else:
                yield InputError(f"there is no file {path}")


def _beside(path: str, base: str | None) -> str:
    if base and not os.path.isabs(path):
        candidate = os.path.normpath(os.path.join(base, path))
        if os.path.exists(candidate) or not os.path.exists(path):
            return candidate
    return path


def _expand_list(path: str, lists: tuple[str, ...]) -> Iterator[str | InputError]:
    real = os.path.realpath(path)
    if real in lists:
        yield InputError(f"the list {path} names itself")
        return
    try:
        lines = read_text(path).splitlines()
    except InputError as error:
        yield error
        return
    names = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    for number, name in names:
        if name and not name.startswith("#"):
            for entry in _expand([name], os.path.dirname(path) or ".", (*lists, real)):
                yield InputError(entry.message, entry.pos or Position(path, number)) if isinstance(entry, InputError) else entry


def _expand_folder(folder: str) -> Iterator[str | InputError]:
    found = False
    for where, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.endswith(LITMUS_SUFFIX):
                found = True
                yield os.path.join(where, name)
    if not found:
        yield InputError(f"the folder {folder} has no litmus test ({LITMUS_SUFFIX})")
