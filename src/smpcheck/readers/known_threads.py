"""Threads that were read before: of the tests of a library most threads are alike to the letter.

What becomes of a thread depends on its text and on what primitives mean, as long as its test has no other C than threads that do
not call each other, and the init section says nothing of its registers. Then its statements are those of the same text in another
test, with their places moved, and its accesses are looked at again, in the memory of this test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.program.ir import (
    Assert,
    Assign,
    Assume,
    Block,
    Choice,
    Exit,
    Expr,
    Fence,
    If,
    Load,
    Loop,
    Position,
    Rmw,
    Round,
    Stmt,
    Store,
    Thread,
)
from smpcheck.program.values import CType
from smpcheck.readers import ctree as c
from smpcheck.readers.source import Source

Access: TypeAlias = Callable[[Expr, CType, int], None]
"""What is to be told of an access: its address, its type, and its offset in the source."""

_HEADER = re.compile(r"P\d+(?=\s*\()")
"""What begins with a letter is found fast."""
_REGISTER = re.compile(r"\d\s*:")

MAX_KNOWN = 4096
"""Threads that are kept, for one table of primitives."""


class KnownThread(Struct, frozen=True):
    """A thread as it was read first, from ``start`` on. ``accesses``: the first one of each kind, with its offset in the text."""

    function: c.Function
    thread: Thread
    start: Position
    accesses: tuple[tuple[Expr, CType, int], ...]

    def again(self, source: Source, at: int, access: Access) -> Thread:
        """The same thread where it begins at offset ``at`` of another source."""
        for address, ctype, offset in self.accesses:
            access(address, ctype, at + offset)
        thread = self.thread
        return Thread(thread.index, _Moved(self.start, source.pos(at)).body(thread.body), thread.name, thread.reg_types)


def headers(text: str) -> tuple[list[tuple[str, int]], bool]:
    """The names of threads, with their offsets, where ``P0(`` begins a line, or comes after a semicolon or brace. Is a thread
    named so anywhere else, as if it were called?"""
    found: list[tuple[str, int]] = []
    called = False
    for match in _HEADER.finditer(text):
        at = before = match.start()
        while before and text[before - 1] in " \t":
            before -= 1
        if not before or text[before - 1] in "\n;}":
            found.append((match[0], at))
        else:
            called |= before < at or not (text[at - 1].isalnum() or text[at - 1] == "_")
    return found, called


def texts_of_threads(source: Source, code: tuple[int, int], init: tuple[int, int]) -> dict[str, tuple[int, str]]:
    """The offset and the text of each thread, up to where the next one begins; nothing where they depend on anything else, as far
    as that is seen before they are read."""
    start, end = code
    text = source.text[start:end]
    found, called = headers(text)
    if called or not found or len(dict(found)) < len(found) or _REGISTER.search(source.text, *init):
        return {}
    if text[: found[0][1]].strip():
        return {}
    ends = [at for _, at in found[1:]]
    return {name: (start + at, text[at:last].rstrip()) for (name, at), last in zip(found, [*ends, len(text)], strict=True)}


class _Moved:
    """Statements with other places: those in the text that began at ``old`` and begins at ``new``."""

    def __init__(self, old: Position, new: Position) -> None:
        self.file, self.first = new.file, old.line
        self.lines, self.columns = new.line - old.line, new.column - old.column

    def pos(self, pos: Position | None) -> Position | None:
        if pos is None:
            return None
        column = pos.column + self.columns if pos.line == self.first else pos.column
        return Position(self.file, pos.line + self.lines, column)

    def body(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        return tuple([_MOVED[type(stmt)](self, stmt) for stmt in body])


_MOVED: dict[type, Callable[..., Stmt]] = {
    Load: lambda m, s: Load(s.reg, s.addr, s.tags, m.pos(s.pos), s.text, ctype=s.ctype, pieces=s.pieces),
    Store: lambda m, s: Store(s.addr, s.value, s.tags, m.pos(s.pos), s.text, s.status, ctype=s.ctype, pieces=s.pieces),
    Fence: lambda m, s: Fence(s.tags, s.addr, s.value, m.pos(s.pos), s.text, s.primitive),
    Assign: lambda m, s: Assign(s.reg, s.expr, m.pos(s.pos), s.chosen_by),
    If: lambda m, s: If(s.cond, m.body(s.then), m.body(s.other), m.pos(s.pos), s.text),
    Choice: lambda m, s: Choice(m.body(s.then), m.body(s.other), m.pos(s.pos)),
    **{kind: lambda m, s: replace(s, body=m.body(s.body), pos=m.pos(s.pos)) for kind in (Block, Loop)},
    **{kind: lambda m, s: replace(s, pos=m.pos(s.pos)) for kind in (Rmw, Round, Exit, Assume, Assert)},
}
