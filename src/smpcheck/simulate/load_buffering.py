"""Early stores: stores that may take effect before a load that precedes them in program order (load buffering).

The kernel's model orders a load before a later store of its thread if the store depends on the load, is to the same location, or
is a release; if the load is an acquire; or if there is a full barrier between the two. Every other store may be *early*. Plain
accesses are not ordered by any of these, since the compiler may move them.
"""

from __future__ import annotations

from collections.abc import Mapping

from smpcheck.program import ir
from smpcheck.program.flow import defined, registers_read
from smpcheck.simulate.code import Branch, Code, End, Local, Rcu, Step, joins

_State = tuple[int, int, frozenset[str]]


class EarlyStores:
    """Stores of a thread that may be early. ``masks``: the locations that its steps may access; ``full``: the step that is a full
    barrier."""

    def __init__(self, code: Code, masks: Mapping[int, int], full: str) -> None:
        self.code = code
        self.masks = masks
        self.full = full
        self._joins: list[int] = []
        self._found: dict[int, int] = {}

    def after(self, pc: int) -> int:
        """The locations of stores that may be early with respect to the load at an instruction, as bits."""
        found = self._found.get(pc)
        if found is None:
            self._joins = self._joins or joins(self.code)
            instr = self.code.instrs[pc]
            assert isinstance(instr, Step)
            assert isinstance(instr.stmt, ir.Load | ir.Rmw)
            tags, reg = (
                (instr.stmt.tags, instr.stmt.reg) if isinstance(instr.stmt, ir.Load) else (instr.stmt.read_tags, instr.stmt.old)
            )
            found = 0
            if "Acquire" not in tags:
                found = _from(self.code, pc, reg, self.masks, self.full, self._joins, plain=not tags)
            self._found[pc] = found
        return found


def _from(code: Code, load: int, reg: str, masks: Mapping[int, int], full: str, joins: list[int], plain: bool) -> int:
    """The locations of early stores from one load on. The state of a path has the registers that depend on the load, and where
    the branches that depend on it end (-1: the path is in none)."""
    own = masks[load]
    result = 0
    todo: list[_State] = [(to, -1, frozenset((reg,))) for to in code.successors(load)]
    seen: set[_State] = set()
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        pc, until, tainted = state
        instr = code.instrs[pc]
        if pc == until:
            until = -1
        if isinstance(instr, End) or (isinstance(instr, Rcu) and instr.what == full and not plain):
            continue
        if isinstance(instr, Step | Local):
            stmt = instr.stmt
            if isinstance(instr, Step) and isinstance(stmt, ir.Store | ir.Rmw):
                result |= masks[pc] if plain else _early(stmt, masks[pc], own, until, tainted)
            tainted = _tainted_after(stmt, tainted)
        elif isinstance(instr, Branch) and until < 0 and not tainted.isdisjoint(registers_read(instr.stmt.cond)):
            until = joins[pc]
        todo.extend((to, until, tainted) for to in code.successors(pc))
    return result


def _early(stmt: ir.Store | ir.Rmw, mask: int, own: int, until: int, tainted: frozenset[str]) -> int:
    tags = stmt.tags if isinstance(stmt, ir.Store) else stmt.write_tags
    value = stmt.value if isinstance(stmt, ir.Store) else stmt.new
    depends = [*registers_read(stmt.addr), *registers_read(value)]
    if isinstance(stmt, ir.Rmw) and stmt.old in depends:
        depends = [name for name in depends if name != stmt.old] + list(registers_read(stmt.addr))
    if not tags:
        return mask
    same = mask == own and mask.bit_count() == 1
    return 0 if until >= 0 or "Release" in tags or same or not tainted.isdisjoint(depends) else mask


def _tainted_after(stmt: ir.Stmt, tainted: frozenset[str]) -> frozenset[str]:
    target = defined(stmt)
    if target is None:
        return tainted
    depends = isinstance(stmt, ir.Assign) and not tainted.isdisjoint(registers_read(stmt.expr))
    return tainted | {target} if depends else tainted - {target}
