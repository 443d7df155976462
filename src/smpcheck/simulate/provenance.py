"""Which expressions may be addresses, so that C's rules for pointer arithmetic apply to them.

In step-by-step runs a number stands for each address (:class:`smpcheck.simulate.generate.Addresses`). These numbers are made
up, and no answer may depend on them: to compare the order of two objects, to multiply an address or to shift it is undefined,
as in :mod:`smpcheck.program.values`. This has to be checked only if an operand may be an address. The analysis finds, for each
register and each cell, whether it may ever hold an address; it ignores the order of statements.
"""

from __future__ import annotations

from collections.abc import Mapping

from smpcheck.program import ir
from smpcheck.program.flow import statements
from smpcheck.program.values import Ptr

TRUTHS = frozenset(("==", "!=", "<", "<=", ">", ">=", "&&", "||"))
"""Operators whose value is 0 or 1."""


class Provenance:
    """The registers and cells of ``program`` that may hold an address."""

    def __init__(self, program: ir.Program) -> None:
        self.cells = {address for address, cell in program.cells.items() if isinstance(cell.init, Ptr)}
        self.anywhere = False
        self.registers: Mapping[int, set[str]] = {thread.index: set() for thread in program.threads}
        some = (ir.Assign, ir.Load, ir.Store, ir.Rmw)
        todo = [(thread.index, stmt) for thread in program.threads for stmt in statements(thread.body) if isinstance(stmt, some)]
        known = None
        while known != (known := self._known()):
            todo = [(thread, stmt) for thread, stmt in todo if not self._learn(thread, stmt)]

    def _known(self) -> tuple[int, int, bool]:
        """How much is known: it only grows."""
        return sum(map(len, self.registers.values())), len(self.cells), self.anywhere

    def may_point(self, expr: ir.Expr, thread: int) -> bool:
        """May the expression, in this thread, be an address?"""
        match expr:
            case ir.Const(value):
                return isinstance(value, Ptr)
            case ir.Reg(name):
                return name in self.registers[thread]
            case ir.FinalMem(cell):
                return self._cell_may_point(cell)
            case ir.FinalReg(other, name):
                return name in self.registers[other]
            case ir.Unary(op, arg):
                return op != "!" and self.may_point(arg, thread)
            case ir.Cast(ctype, arg):
                return ctype.bits == 64 and self.may_point(arg, thread)
            case ir.Binary(op, left, right):
                return op not in TRUTHS and (self.may_point(left, thread) or self.may_point(right, thread))
            case ir.Conditional(_, then, other):
                return self.may_point(then, thread) or self.may_point(other, thread)
        return False

    def _cell_may_point(self, cell: object) -> bool:
        return self.anywhere or cell in self.cells

    def _loaded(self, addr: ir.Expr) -> bool:
        return self._cell_may_point(addr.value) if isinstance(addr, ir.Const) else self.anywhere or bool(self.cells)

    def _learn(self, thread: int, stmt: ir.Stmt) -> bool:
        """Take in one statement; is all learnt from it now: may all that it writes be addresses?"""
        whole = True
        if isinstance(stmt, ir.Store | ir.Rmw):
            whole = self._store(stmt.addr, stmt.value if isinstance(stmt, ir.Store) else stmt.new, thread)
        match stmt:
            case ir.Assign(register, expr):
                points = self.may_point(expr, thread)
            case ir.Load(register, addr) | ir.Rmw(register, addr):
                points = self._loaded(addr)
            case _:
                return whole
        if points:
            self.registers[thread].add(register)
        return points and whole

    def _store(self, addr: ir.Expr, value: ir.Expr, thread: int) -> bool:
        if not self.may_point(value, thread):
            return False
        if isinstance(addr, ir.Const) and isinstance(addr.value, Ptr):
            self.cells.add(addr.value)
        else:
            self.anywhere = True
        return True
