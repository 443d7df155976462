"""A source text with its positions, and comments taken out without moving anything.

Every reader works on :attr:`Source.text`: the input with comments blanked, so that an offset into it is an offset into the file.
Litmus files mix three kinds of comment: ``(* ... *)`` (which nests), ``/* ... */`` and ``// ...``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from smpcheck.errors import InputError
from smpcheck.program.ir import Call, Position

_ASSEMBLY = re.compile(r"\s*(?:AArch64|X86|X86_64|PPC|RISCV|ARM|LISA)\b")
"""What a test begins with in which ``(*`` is no expression of C's."""

_MARK = re.compile(r'\(\*|/\*|//|"')
_NESTED = re.compile(r"\(\*|\*\)")
_TWO_WORDS = re.compile(r"(?!(?:const|volatile)\b)\w[\w'-]*\s+\w")


def shorten(text: str, length: int = 40) -> str:
    """``text`` on one line, cut to ``length`` characters: for messages."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 3] + "..."


class Source:
    """``original`` as given and ``text`` of the same length without comments."""

    __slots__ = ("__dict__", "comments", "file", "inlined_at", "original", "text")

    def __init__(self, original: str, file: str) -> None:
        self.original = original
        self.file = file
        self.inlined_at: Call | None = None
        """The call whose function is being inlined: it is noted in each position."""
        self.comments: list[str] = []
        self.text = self._blank_comments(original)

    @cached_property
    def _starts(self) -> list[int]:
        return [0] + [m.end() for m in re.finditer(r"\n", self.original)]

    def pos(self, offset: int) -> Position:
        """The position of the character at ``offset``."""
        line = bisect_right(self._starts, offset)
        return Position(self.file, line, offset - self._starts[line - 1] + 1, self.inlined_at)

    def snippet(self, start: int, end: int) -> str:
        """The source text from ``start`` to ``end`` on one line."""
        return " ".join(self.text[start:end].split())

    def _blank_comments(self, text: str) -> str:
        pieces: list[str] = []
        done = 0
        in_assembly = _ASSEMBLY.match(text) is not None
        match = _MARK.search(text)
        while match:
            start, end = match.start(), match.end()
            kind = match.group()
            comment = True
            if kind == "//":
                end = text.find("\n", start)
                end = len(text) if end == -1 else end
            elif kind == "/*":
                end = text.find("*/", end) + 2
                if end == 1:
                    raise InputError("this comment is never closed: '*/' expected", self.pos(start))
            elif kind == "(*" and (in_assembly or _is_comment(text, start)):
                end = self._nested_end(text, start)
            else:
                comment = False
                if kind == '"':  # what looks like a comment inside of a string is none
                    close, line_end = text.find('"', end), text.find("\n", end)
                    if close != -1 and (line_end == -1 or close < line_end):
                        end = close + 1
            if comment:
                self.comments.append(text[start:end])
                pieces += (text[done:start], "\n".join([" " * len(line) for line in text[start:end].split("\n")]))
                done = end
            match = _MARK.search(text, end)
        if not done:
            return text
        pieces.append(text[done:])
        return "".join(pieces)

    def _nested_end(self, text: str, start: int) -> int:
        depth, at = 0, start
        while True:
            match = _NESTED.search(text, at)
            if match is None:
                raise InputError("this comment is never closed: '*)' expected", self.pos(start))
            depth += 1 if match.group() == "(*" else -1
            at = match.end()
            if depth == 0:
                return at


def _is_comment(text: str, start: int) -> bool:
    """Is ``(*`` at ``start`` a comment and not C's ``(*p)``?

    A comment has a blank or another star after its star, begins with two words (not ``(*const p``), or reaches
    its ``*)`` before any parenthesis.
    """
    after = text[start + 2 : start + 3]
    if after in ("", " ", "\t", "\n", "\r"):
        return True
    if after == "*":
        rest = text[start + 2 :].lstrip("*")
        return not (rest[:1].isalpha() or rest[:1] in "_(")
    if _TWO_WORDS.match(text, start + 2):  # one that is never closed is rather C with a comma forgotten
        return text.find("*)", start) != -1
    close = text.find(")", start)
    return close > start + 2 and text[close - 1] == "*" and "(" not in text[start + 1 : close]
