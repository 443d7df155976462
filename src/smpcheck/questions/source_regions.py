"""Places in source text with their ends: from where a primitive begins to where its text ends."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from smpcheck.errors import SmpcheckError
from smpcheck.program.ir import MODELS, Position, Program

_QUESTION = re.compile(r"^[ \t]*(~[ \t]*exists|exists|forall)\b", re.MULTILINE)


class Region(Struct, frozen=True):
    """A stretch of a file: from line and column to line and column, 1-based, the end exclusive. ``end_column`` 0: the rest of
    the line, because it is not known how far it goes.
    """

    file: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0


class Places:
    """Finds regions in the sources of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def source(self, file: str) -> str:
        """The text of a file of the program; empty if it cannot be read."""
        if file == self.program.file and self.program.source:
            return self.program.source
        return _read(self.program.files.get(file, file))

    def region(self, pos: Position, text: str = "") -> Region:
        """The region that begins at ``pos`` and holds ``text``, however its white space is in the source."""
        source = self.source(pos.file)
        start = _offset(source, pos)
        if text and start is not None:
            words = r"\s*".join(re.escape(word) for word in re.findall(r"\w+|[^\w\s]", text))
            found = re.compile(words).match(source, start)
            if found:
                end = found.end()
                line = source.count("\n", 0, end) + 1
                return Region(pos.file, pos.line, pos.column, line, end - (source.rfind("\n", 0, end) + 1) + 1)
        return Region(pos.file, pos.line, pos.column)

    def question(self) -> Region | None:
        """Where the program asks its question: the quantifier to the end of the line; the first line of a Python model's
        first thread where there is none.
        """
        program = self.program
        if program.language in MODELS:
            statements = (s for thread in program.threads for s in thread.body)
            return next((self.region(pos) for s in statements if (pos := getattr(s, "pos", None)) is not None), None)
        from smpcheck.readers.source import Source

        try:
            text = Source(self.source(program.file), program.file).text
        except SmpcheckError:
            return None
        found = list(_QUESTION.finditer(text))
        if not found:
            return None
        start, end = found[-1].start(1), len(text.rstrip())
        line, column = text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1
        last = text.count("\n", 0, end) + 1
        return Region(program.file, line, column, last, end - (text.rfind("\n", 0, end) + 1) + 1)


def _offset(source: str, pos: Position) -> int | None:
    """The offset of a position in ``source``; None if it is not in it."""
    start = 0
    for _ in range(pos.line - 1):
        start = source.find("\n", start) + 1
        if start == 0:
            return None
    end = source.find("\n", start)
    return start + pos.column - 1 if pos.column - 1 <= (len(source) if end < 0 else end) - start else None


@lru_cache(maxsize=32)
def _read(file: str) -> str:
    from smpcheck.readers.registry import read_text

    try:
        return read_text(file)
    except SmpcheckError:
        return ""
