"""Questions about IR statements, and small clean-ups: needless exits, registers that nobody reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import is_

from msgspec.structs import replace

from smpcheck.program import ir, values
from smpcheck.program.flow import expressions, registers_read
from smpcheck.program.values import Value, truth

THREAD_LOCAL = "@local"
"""Begins the registers of ``thread_local`` variables."""


def registers(expr: ir.Expr | None) -> set[str]:
    """The registers that an expression reads."""
    return set(registers_read(expr))


NESTED = (ir.If, ir.Choice, ir.Block, ir.Loop)
"""Statements that have statements inside."""


def bodies(stmt: ir.Stmt) -> tuple[tuple[ir.Stmt, ...], ...]:
    """The statement lists inside a statement."""
    match stmt:
        case ir.If() | ir.Choice():
            return (stmt.then, stmt.other)
        case ir.Block() | ir.Loop():
            return (stmt.body,)
    return ()


def leaves(body: Iterable[ir.Stmt], label: str) -> bool:
    """Is there an exit to ``label``?"""
    todo = [body]
    while todo:
        for stmt in todo.pop():
            if isinstance(stmt, ir.Exit):
                if stmt.label == label:
                    return True
            elif isinstance(stmt, NESTED):
                todo.extend(bodies(stmt))
    return False


def without_last_exit(body: Sequence[ir.Stmt], label: str) -> list[ir.Stmt]:
    """``body`` without exits to ``label`` that stand at its very end."""
    result = list(body)
    while result and isinstance(result[-1], ir.Exit) and result[-1].label == label:
        result.pop()
    if result and isinstance(result[-1], ir.If | ir.Choice):
        last = result[-1]
        result[-1] = replace(
            last, then=tuple(without_last_exit(last.then, label)), other=tuple(without_last_exit(last.other, label))
        )
    return result


def assigned(body: Iterable[ir.Stmt]) -> Iterator[str]:
    """The registers that statements write."""
    for stmt in body:
        match stmt:
            case ir.Assign(reg, _) | ir.Load(reg, _, _):
                yield reg
            case ir.Rmw():
                yield stmt.old
        for inner in bodies(stmt):
            yield from assigned(inner)


def evaluate(expr: ir.Expr, before: Sequence[ir.Stmt]) -> Value | None:
    """The value of ``expr`` after ``before``: after assignments of constants, and where something was assumed; None if it is not
    known from them."""
    known = _Known({}, {})
    for stmt in before:
        if isinstance(stmt, ir.Assign):
            known.assign(stmt.reg, known.value(stmt.expr))
        elif isinstance(stmt, ir.Load):
            known.assign(stmt.reg, None)
        elif isinstance(stmt, ir.Rmw):
            known.assign(stmt.old, None)
            if stmt.when is not None:
                known.holds(stmt.when)
        elif isinstance(stmt, ir.Assume):
            known.holds(stmt.cond)
        elif bodies(stmt):
            known = _Known({}, {})
    return known.value(expr)


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass
class _Known:
    """What is known at a point: values of registers, and whether comparisons hold."""

    registers: dict[str, Value]
    facts: dict[ir.Expr, int]

    def assign(self, reg: str, value: Value | None) -> None:
        """A register gets a value, or one that is not known."""
        self.facts = {fact: holds for fact, holds in self.facts.items() if reg not in registers(fact)}
        self.registers.pop(reg, None)
        if value is not None:
            self.registers[reg] = value

    def holds(self, cond: ir.Expr) -> None:
        """A condition is true."""
        if isinstance(cond, ir.Binary) and cond.op in _OPPOSITE:
            self.facts[cond] = 1
            self.facts[ir.Binary(_OPPOSITE[cond.op], cond.left, cond.right, cond.ctype)] = 0

    def value(self, expr: ir.Expr) -> Value | None:
        """What an expression is."""
        if expr in self.facts:
            return self.facts[expr]
        try:
            match expr:
                case ir.Const(value):
                    return value
                case ir.Reg(name):
                    return self.registers.get(name)
                case ir.Unary(op, arg, ctype):
                    a = self.value(arg)
                    return None if a is None else values.unary(op, a, ctype)
                case ir.Cast(ctype, arg):
                    a = self.value(arg)
                    return None if a is None else ctype.wrap(a)
                case ir.Binary(op, left, right, ctype):
                    a, b = self.value(left), self.value(right)
                    return None if a is None or b is None else values.binary(op, a, b, ctype)
                case ir.Conditional(cond, then, other):
                    c = self.value(cond)
                    return None if c is None else self.value(then if truth(c) else other)
        except values.UndefinedValue:
            return None
        return None


def _may_be_dead(reg: str) -> bool:
    """May assignments to this register be left out? Bookkeeping stays; a model's thread_local variables are none."""
    return not reg.startswith("@") or reg.startswith(THREAD_LOCAL)


def _reads(body: Iterable[ir.Stmt], needed: set[str], sources: dict[str, set[str]]) -> None:
    """Add the registers that are read for more than an assignment to ``needed``; those that an assignment reads to the
    ``sources`` of its own."""
    for stmt in body:
        if isinstance(stmt, ir.Assign):
            into = sources.setdefault(stmt.reg, set()) if _may_be_dead(stmt.reg) else needed
            into.update(registers_read(stmt.expr))
        elif isinstance(stmt, NESTED):
            if isinstance(stmt, ir.If):
                needed.update(registers_read(stmt.cond))
            for inner in bodies(stmt):
                _reads(inner, needed, sources)
        else:
            for expr in expressions(stmt):
                if expr is not None:
                    needed.update(registers_read(expr))


def _without_assignments(body: tuple[ir.Stmt, ...], keep: set[str]) -> tuple[ir.Stmt, ...]:
    result: list[ir.Stmt] = []
    for stmt in body:
        match stmt:
            case ir.Assign(reg, _) if reg not in keep and _may_be_dead(reg):
                continue
            case ir.If() | ir.Choice():
                then, other = _without_assignments(stmt.then, keep), _without_assignments(stmt.other, keep)
                same = then is stmt.then and other is stmt.other
                result.append(stmt if same else replace(stmt, then=then, other=other))
            case ir.Block() | ir.Loop():
                inner = _without_assignments(stmt.body, keep)
                result.append(stmt if inner is stmt.body else replace(stmt, body=inner))
            case _:
                result.append(stmt)
    same = len(result) == len(body) and all(map(is_, result, body))
    return body if same else tuple(result)


def without_dead_assignments(body: tuple[ir.Stmt, ...], keep: Iterable[str]) -> tuple[ir.Stmt, ...]:
    """``body`` without assignments to registers that nothing reads, or only such assignments, but for those in ``keep`` and
    bookkeeping (``@...``).

    A model's ``thread_local`` variables are not bookkeeping: each thread starts with all that any imported model has.
    """
    needed, sources = set(keep), dict[str, set[str]]()
    _reads(body, needed, sources)
    todo = [reg for reg in sources if reg in needed]
    while todo:
        for reg in sources[todo.pop()] - needed:
            needed.add(reg)
            if reg in sources:
                todo.append(reg)
    return _without_assignments(body, needed)
