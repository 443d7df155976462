"""What the lowering of C needs where a primitive is expanded outside of a C litmus test: no text, and no memory of its own."""

from __future__ import annotations

from collections.abc import Callable

from smpcheck.program.ir import Expr, Position
from smpcheck.program.values import CType
from smpcheck.readers.layout import Type
from smpcheck.readers.source import Source


class Here(Source):
    """Everything in a primitive's definition stands where it is called."""

    def __init__(self) -> None:
        super().__init__("", "")
        self.shown: tuple[Position, str] = (Position("", 1), "")

    def pos(self, at: int) -> Position:
        return self.shown[0]

    def snippet(self, start: int, end: int) -> str:
        return self.shown[1]


class NoMemory:
    """The objects are the affair of whoever expands the primitive: ``access`` is told of each access."""

    def __init__(self, access: Callable[[Expr, CType, int], None]) -> None:
        self.known: dict[str, Type] = {}
        self.notes: dict[str, None] = {}
        self.access = access

    def remark(self, text: str, at: int) -> None:
        """There is nothing to remark on."""
