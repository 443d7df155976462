"""Threads with the same code are interchangeable: of all executions that differ only in their names, one is enough.

If some threads run equal code, and neither the condition nor what is observed speaks of their registers, then swapping them
turns an execution into an execution with the same final memory, verdict and flags. So we may ask for those only in which a
chosen write of each thread comes in coherence order of the threads' numbers.
(Symmetry breaking: Crawford, Ginsberg, Luks, Roy 1996.)
"""

from __future__ import annotations

from itertools import pairwise

from msgspec import Struct

from smpcheck.program import ir
from smpcheck.program.guards import ALWAYS
from smpcheck.solver.encode import Encoding


def interchangeable(program: ir.Program, used: set[int]) -> list[list[int]]:
    """Groups of two or more threads with equal code, none of them in ``used`` (threads whose registers matter)."""
    free = [t for t in program.threads if t.index not in used]
    if len(free) < 2:
        return []
    groups: dict[object, list[int]] = {}
    for thread in free:
        groups.setdefault(_shape(thread.body), []).append(thread.index)
    return [g for g in groups.values() if len(g) > 1]


def threads_in(exprs: list[ir.Expr]) -> set[int]:
    """The threads whose registers the expressions mention."""
    found: set[int] = set()
    stack: list[object] = list(exprs)
    while stack:
        item = stack.pop()
        if isinstance(item, ir.FinalReg):
            found.add(item.thread)
        elif isinstance(item, Struct):
            stack.extend(getattr(item, name) for name in item.__struct_fields__)
    return found


def _shape(item: object) -> object:
    """A statement or expression without its position and source text."""
    if isinstance(item, tuple):
        return tuple(_shape(x) for x in item)
    if isinstance(item, Struct):
        kept = [_shape(getattr(item, name)) for name in item.__struct_fields__ if name not in ("pos", "text")]
        return (type(item).__name__, *kept)
    return item


def break_symmetry(encoding: Encoding, groups: list[list[int]]) -> None:
    """Order the first unconditional write of interchangeable threads, where they all have one at the same known address."""
    out = encoding.out
    for group in groups:
        firsts = []
        for thread in group:
            writes = [e for e in encoding.domains.writes if e.thread == thread and e.guard == ALWAYS]
            firsts.append(writes[0] if writes else None)
        first = firsts[0]
        if first is None or first.addr is None or first.addr.op != "const":
            continue
        if all(w is not None and w.addr is first.addr for w in firsts):
            ids = [w.id for w in firsts if w is not None]
            for a, b in pairwise(ids):
                out.require([encoding.co(a, b)])
