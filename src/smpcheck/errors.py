"""What can go wrong with input, each with the position and the words that a person needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpcheck.program.ir import Position


class SmpcheckError(Exception):
    """Base of all errors that are the input's, not the program's. ``str()`` is the one-line message."""

    def __init__(self, message: str, pos: Position | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.pos = pos

    def __str__(self) -> str:
        return f"{self.pos}: {self.message}" if self.pos else self.message


class InputError(SmpcheckError):
    """The input is not well formed: syntax, an unknown name, a type that does not fit."""


class UnboundNameError(InputError):
    """A memory model uses a name that is not defined where it is used: what cat's ``try`` is for."""


class UnsupportedError(SmpcheckError):
    """The input may be well formed, but uses something that smpcheck does not support. Never answered with a verdict."""


class BeyondReaderError(UnsupportedError):
    """A construct that a reader does not know; another reader, which knows more of the language, may."""


class NotParsedError(InputError):
    """What a reader takes for a mistake, and another, which knows more of the language, may read."""


class LimitError(SmpcheckError):
    """A stated limit was reached (unrolling, value domains, states, memory, time): undecided, not an answer."""
