"""Operations that take place for some values only: ``cmpxchg``, a lock that is tried, ``atomic_add_unless``.

A program has a choice there: between the read-modify-write, with the condition under which it takes place, and the read of one
that does not. A machine has one operation for both.
"""

from __future__ import annotations

from msgspec import Struct

from smpcheck.program.ir import Assume, Choice, Expr, Fence, Load, Rmw, Stmt


class Attempt(Struct, frozen=True):
    """An operation, where it takes place (``success``: with the barriers that are part of it) and where it does not
    (``failure``), and what follows in either case (``done``, ``failed``)."""

    operation: Rmw
    success: tuple[Stmt, ...]
    done: tuple[Stmt, ...]
    failure: tuple[Stmt, ...]
    failed: tuple[Stmt, ...]

    @property
    def when(self) -> Expr:
        """Does it take place?"""
        assert self.operation.when is not None
        return self.operation.when

    @property
    def is_fully_ordered(self) -> bool:
        """Are there barriers around it?"""
        return len(self.success) > 1


def attempt(choice: Choice) -> Attempt | None:
    """What a choice is, if it is between an operation that takes place and one that does not; else None."""
    match choice.then:
        case [Rmw() as stmt, *_]:
            length = 1
        case [Fence() as first, Rmw() as stmt, Fence() as last, *_] if first == last:
            length = 3
        case _:
            return None
    match choice.other:
        case [Load() as read, Assume(), *_] if stmt.when is not None and (read.addr, read.reg) == (stmt.addr, stmt.old):
            return Attempt(stmt, choice.then[:length], choice.then[length:], choice.other[:2], choice.other[2:])
    return None
