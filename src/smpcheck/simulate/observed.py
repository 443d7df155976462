"""Which parts of a loaded value a thread uses: two values that agree in these are equivalent.

A loaded word is seldom used as it is. ``PageMlocked(page)`` asks for one bit, ``page_count(page)`` is compared with zero. What
a load's register is used for, up to its next definition, is a set of expressions over that register alone (the whole register,
where it is used in any other way): the load *observes* them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from smpcheck.program import ir
from smpcheck.program.flow import defined, registers_read, with_atoms
from smpcheck.program.values import UndefinedValue
from smpcheck.simulate.code import Branch as BranchInstr
from smpcheck.simulate.code import Code, End, Local, Step

VALUE = ir.Reg("value")
"""Stands for the loaded value in what is observed."""


class Observed:
    """The expressions that loads observe, numbered; a set of them is a mask."""

    def __init__(self) -> None:
        self.expressions: dict[ir.Expr, int] = {}
        self._functions: list[Callable[[int], int]] = []
        self._differ: dict[tuple[int, int], int] = {}

    def of_load(self, code: Code, pc: int) -> int:
        """What the load at an instruction observes."""
        instr = code.instrs[pc]
        assert isinstance(instr, Step) and isinstance(instr.stmt, ir.Load)
        found = 0
        exprs = observations(code, pc, instr.stmt.reg)
        if exprs and instr.stmt.pieces:  # its value is not that of a cell
            exprs = {VALUE}
        for expr in exprs:
            found |= 1 << self.expressions.setdefault(expr, len(self.expressions))
        return found

    def compile(self, source: Callable[[ir.Expr, str], str], space: dict[str, object]) -> None:
        """Make functions of the expressions. ``source``: an expression as Python, given what stands for the value."""
        self._functions = [eval(f"lambda v: {source(expr, 'v')}", space) for expr in self.expressions]

    def differ(self, a: int, b: int) -> int:
        """The expressions that have other values for ``a`` than for ``b``."""
        if a == b:
            return 0
        key = (a, b)
        found = self._differ.get(key)
        if found is None:
            found = sum(1 << k for k, f in enumerate(self._functions) if _result(f, a) != _result(f, b))
            self._differ[key] = found
        return found


def _result(function: Callable[[int], int], value: int) -> int | None:
    try:
        return function(value)
    except UndefinedValue:
        return None


def observations(code: Code, pc: int, reg: str) -> set[ir.Expr]:
    """The expressions over the register of the load at ``pc`` that the thread uses, with :data:`VALUE` for the register."""
    instr = code.instrs[pc]
    assert isinstance(instr, Step)
    found: set[ir.Expr] = set()
    if instr.guard is not None:
        found.update(_parts(instr.guard, reg))
    todo, seen = [pc + 1], set()
    while todo:
        at = todo.pop()
        if at in seen or reg not in code.live[at]:
            continue
        seen.add(at)
        instr = code.instrs[at]
        if isinstance(instr, End):
            found.add(VALUE)
            continue
        if isinstance(instr, Step | Local | BranchInstr):
            for expr in _used(instr):
                found.update(_parts(expr, reg))
            if defined(instr.stmt) == reg:
                continue
        todo += code.successors(at)
    return found


def _used(instr: Step | Local | BranchInstr) -> Iterator[ir.Expr]:
    stmt = instr.stmt
    own = defined(stmt) if isinstance(stmt, ir.Load | ir.Rmw) else None
    within: Sequence[ir.Expr | None] = ()
    match stmt:
        case ir.Assign(_, expr):
            yield expr
        case ir.Load():
            yield stmt.addr
        case ir.Store():
            yield stmt.addr
            yield stmt.value
        case ir.Rmw():
            yield stmt.addr
            within = (stmt.new, stmt.when)
        case ir.If() | ir.Assume() | ir.Assert():
            yield stmt.cond
    if isinstance(instr, Step):
        within = (*within, instr.guard)
    for part in within:
        names = set(registers_read(part))
        if own not in names and part is not None:
            yield part
        else:  # the register of the access itself stands for the value that it reads
            yield from (ir.Reg(name) for name in names if name != own)


def _parts(expr: ir.Expr, reg: str) -> Iterator[ir.Expr]:
    """The largest parts of an expression that have no other register than ``reg``, and have it."""
    names = set(registers_read(expr))
    if reg not in names:
        return
    if names == {reg}:
        yield _renamed(expr, reg)
        return
    match expr:
        case ir.Unary(_, arg, _) | ir.Cast(_, arg):
            yield from _parts(arg, reg)
        case ir.Binary(_, left, right, _):
            yield from _parts(left, reg)
            yield from _parts(right, reg)
        case ir.Conditional(cond, then, other):
            for part in (cond, then, other):
                yield from _parts(part, reg)


def _renamed(expr: ir.Expr, reg: str) -> ir.Expr:
    return with_atoms(expr, lambda atom: VALUE if isinstance(atom, ir.Reg) and atom.name == reg else atom)
