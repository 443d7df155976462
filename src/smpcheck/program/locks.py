"""Can a thread wait for ever for a lock, or for a grace period? A quick look at the text, before anybody asks the solver.

It cannot if all locks are taken one at a time and given back: no thread takes a lock, or waits in a loop, while it may hold one;
none ends with a lock held; and nothing but lock operations writes to a lock, which is free at first. Then a thread that waits for
a lock waits for one that goes on and gives it back. Nor is a grace period waited for with a lock held, or inside a critical
section of RCU's; where these are nested, the answer is yes. Where this does not hold, or cannot be seen, the answer is yes.
"""

from __future__ import annotations

from collections.abc import Sequence

from smpcheck.program import ir
from smpcheck.program.flow import statements
from smpcheck.program.values import Ptr

_Held = frozenset[frozenset[Ptr]]
"""The sets of locks that a thread may hold at some point."""

_FREE: _Held = frozenset((frozenset(),))


_RCU = Ptr("RCU")
"""Stands for a read-side critical section of RCU's among what is held."""


class _MayBlockError(Exception):
    """There is something that the text does not exclude."""


def may_block(program: ir.Program) -> bool:
    """Can some thread wait for ever for a lock, as far as the text says?"""
    every = [stmt for thread in program.threads for stmt in statements(thread.body)]
    locks = [stmt for stmt in every if isinstance(stmt, ir.Rmw) and stmt.blocking]
    if not locks and not any(isinstance(stmt, ir.Fence) and "Sync-rcu" in stmt.tags for stmt in every):
        return False
    try:
        known = {_address(stmt.addr) for stmt in locks}
        others = [s for s in every if isinstance(s, ir.Store | ir.Rmw) and not _is_lock_operation(s)]
        if known and any(not isinstance(s.addr, ir.Const) or s.addr.value in known for s in others):
            return True
        if any(address in known and cell.init != 0 for address, cell in program.cells.items()):
            return True
        if any(_holds_lock(_after(thread.body, _FREE, {})) for thread in program.threads):
            return True
    except _MayBlockError:
        return True
    return False


def _holds_lock(held: _Held) -> bool:
    """May a lock be held?"""
    return any(locks - {_RCU} for locks in held)


def _address(addr: ir.Expr) -> Ptr:
    if isinstance(addr, ir.Const) and isinstance(addr.value, Ptr):
        return addr.value
    raise _MayBlockError


def _is_lock_operation(stmt: ir.Store | ir.Rmw) -> bool:
    return "UL" in stmt.tags if isinstance(stmt, ir.Store) else "LKR" in stmt.read_tags


def _after(body: Sequence[ir.Stmt], held: _Held, exits: dict[str, _Held]) -> _Held:
    """What may be held after ``body``; what may be where it is left early is added to ``exits``."""
    for stmt in body:
        if not held:
            break
        match stmt:
            case ir.Rmw() if "LKR" in stmt.read_tags:
                if stmt.blocking and _holds_lock(held):
                    raise _MayBlockError
                held = frozenset(locks | {_address(stmt.addr)} for locks in held)
            case ir.Store(addr) if "UL" in stmt.tags:
                held = frozenset(locks - {_address(addr)} for locks in held)
            case ir.Fence(tags) if "Sync-rcu" in tags and any(held):
                raise _MayBlockError
            case ir.Fence(tags) if "Rcu-lock" in tags:
                if any(_RCU in locks for locks in held):  # nested: its end does not end the section around it
                    raise _MayBlockError
                held = frozenset(locks | {_RCU} for locks in held)
            case ir.Fence(tags) if "Rcu-unlock" in tags:
                held = frozenset(locks - {_RCU} for locks in held)
            case ir.If() | ir.Choice():
                held = _after(stmt.then, held, exits) | _after(stmt.other, held, exits)
            case ir.Block(label, inner):
                end = _after(inner, held, exits)
                held = end | exits.pop(label, frozenset())
            case ir.Loop():
                held = _after_loop(stmt, held, exits)
            case ir.Exit(label):
                exits[label] = exits.get(label, frozenset()) | held
                held = frozenset()
    return held


def _after_loop(loop: ir.Loop, held: _Held, exits: dict[str, _Held]) -> _Held:
    head = held
    while True:
        if loop.bound is None and _holds_lock(head):
            raise _MayBlockError
        end = _after(loop.body, head, exits)
        if end <= head:
            break
        head |= end
    return exits.pop(loop.label, frozenset())
