"""Where a round begins in a loop whose test is no part of its head: ``while (1) { if (...) break; ... }``."""

from __future__ import annotations

from collections.abc import Sequence

from smpcheck.program import ir


def mark_round(body: Sequence[ir.Stmt], label: str, pos: ir.Position | None) -> list[ir.Stmt]:
    """The body of the loop ``label`` with a round that begins after the first statement that can leave the loop.

    Unchanged if something is written before (then the round has begun), or if nothing follows (then each round ends in a test).
    """
    for index, stmt in enumerate(body[:-1]):
        match stmt:
            case ir.Load() | ir.Assign() | ir.Fence():
                continue
            case ir.If(then=then, other=other) if any(arm and isinstance(arm[-1], ir.Exit) for arm in (then, other)):
                return [*body[: index + 1], ir.Round(label, pos), *body[index + 1 :]]
        break
    return list(body)
