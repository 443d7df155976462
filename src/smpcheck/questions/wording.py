"""Events and edges in words: how a person on a mailing list would name them, with thread and source line.

An event is called by its source text (``READ_ONCE(*x)``), its thread by its name and its place by its line; an edge by what it
says about its two events. Everything that speaks to people uses these, so that one event is called the same everywhere.
"""

from __future__ import annotations

from smpcheck.program.execution import ExecutedEvent
from smpcheck.program.ir import Position, Program
from smpcheck.program.values import Value

ACTION = {"R": "load", "W": "store", "F": "barrier"}
"""What a person calls an event of this kind."""


def is_plain(event: ExecutedEvent) -> bool:
    """Is it an access of plain C, with nothing that the compiler respects?"""
    return event.kind != "F" and ("Plain" in event.tags or not event.tags - {"FW"})


def line_of(pos: Position | None, home: str = "") -> str:
    """``line 12``, or ``mlock.py line 12`` where the place is not in the file ``home``; empty where it is not known."""
    if pos is None:
        return ""
    if pos.file == home or not home:
        return f"line {pos.line}"
    return f"{pos.file.rsplit('/', 1)[-1]} line {pos.line}"


class Words:
    """The names of one program's events."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.threads = {thread.index: thread.name or f"P{thread.index}" for thread in program.threads}

    def thread(self, index: int) -> str:
        """``P0``, or the name that its author gave the thread."""
        return self.threads.get(index, f"P{index}") if index >= 0 else "the initial state"

    def line(self, pos: Position | None) -> str:
        """``line 12``, with the file where it is not the program's own."""
        return line_of(pos, self.program.file)

    def value(self, value: Value | None) -> str:
        """A value as herd7 prints it; ``&x`` for the address of x."""
        if value is None:
            return "?"
        text = self.program.show_value(value)
        return text if isinstance(value, int) or text == "?" else f"&{text}"

    def event(self, event: ExecutedEvent) -> str:
        """``P0's WRITE_ONCE(*x, 1) (line 12)``; ``the initial x = 0``."""
        if event.thread < 0:
            return f"the initial {event.cell} = {self.value(event.value)}"
        line = self.line(event.pos)
        return f"{self.thread(event.thread)}'s {self.text(event)}" + (f" ({line})" if line else "")

    def text(self, event: ExecutedEvent) -> str:
        """The source text, or ``load of x`` where there is none."""
        return event.text or f"{ACTION[event.kind]} of {event.cell}"

    def action(self, event: ExecutedEvent) -> str:
        """``load of x (line 12)``, ``store to x (line 12)``."""
        place = {"R": "load of", "W": "store to"}.get(event.kind)
        said = f"{place} {event.cell}" if place else self.text(event)
        line = self.line(event.pos)
        return said + (f" ({line})" if line else "")

    def effect(self, event: ExecutedEvent) -> str:
        """``x = 1`` for a write, ``x is 1`` for a read, the text for a barrier."""
        if event.kind == "F":
            return self.text(event)
        return f"{event.cell} {'=' if event.kind == 'W' else 'is'} {self.value(event.value)}"
