"""Which registers does a piece of program read and write, and whose values may still be read later?

The second is the backward data-flow analysis of live variables (Aho, Lam, Sethi, Ullman, "Compilers", 2006, section 9.2.5), on
trees of statements: :func:`live_at_heads`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, TypeAlias, TypeVar

from msgspec.structs import replace

from smpcheck.program import ir

T = TypeVar("T")

Operation: TypeAlias = Literal["un", "bin", "cast", "cond"]
"""What an inner node of an expression does; its parameters are operator and type, the type of a cast, or None."""


def fold(expr: ir.Expr, atom: Callable[[ir.Expr], T], apply: Callable[[Operation, Any, tuple[T, ...]], T]) -> T:
    """What becomes of an expression if each constant, register and cell is what ``atom`` makes of it, and each operation what
    ``apply`` makes of its parameters and arguments.
    """
    match expr:
        case ir.Unary(op, arg, ctype):
            return apply("un", (op, ctype), (fold(arg, atom, apply),))
        case ir.Cast(ctype, arg):
            return apply("cast", ctype, (fold(arg, atom, apply),))
        case ir.Binary(op, left, right, ctype):
            return apply("bin", (op, ctype), (fold(left, atom, apply), fold(right, atom, apply)))
        case ir.Conditional(cond, then, other):
            return apply("cond", None, (fold(cond, atom, apply), fold(then, atom, apply), fold(other, atom, apply)))
    return atom(expr)


def registers_read(expr: ir.Expr | None) -> list[str]:
    """The registers that an expression reads, from left to right. (Much asked: no recursion.)"""
    found: list[str] = []
    todo: list[ir.Expr | None] = [expr]
    while todo:
        match todo.pop():
            case ir.Reg(name):
                found.append(name)
            case ir.Binary(_, left, right, _):
                todo += (right, left)
            case ir.Unary(_, arg, _) | ir.Cast(_, arg):
                todo.append(arg)
            case ir.Conditional(cond, then, other):
                todo += (other, then, cond)
    return found


def expressions(stmt: ir.Stmt) -> tuple[ir.Expr | None, ...]:
    """The expressions of a statement itself."""
    match stmt:
        case ir.Assign(_, expr):
            return (expr,)
        case ir.Load():
            return (stmt.addr,)
        case ir.Store() | ir.Fence():
            return (stmt.addr, stmt.value)
        case ir.Rmw():
            return (stmt.addr, stmt.new, stmt.when)
        case ir.If() | ir.Assume() | ir.Assert():
            return (stmt.cond,)
    return ()


def used(stmt: ir.Stmt) -> set[str]:
    """The registers that a statement itself reads."""
    if isinstance(stmt, ir.Rmw):
        own = {name for expr in (stmt.new, stmt.when) for name in registers_read(expr)} - {stmt.old}
        return own | set(registers_read(stmt.addr))
    return {name for expr in expressions(stmt) for name in registers_read(expr)}


def defined(stmt: ir.Stmt) -> str | None:
    """The register that a statement writes."""
    match stmt:
        case ir.Assign(reg, _) | ir.Load(reg, _, _):
            return reg
        case ir.Rmw():
            return stmt.old
    return None


def atoms(expr: ir.Expr | None) -> Iterator[ir.FinalReg | ir.FinalMem]:
    """The registers and cells whose final values a condition speaks of."""
    pending = [expr]
    while pending:
        match pending.pop():
            case ir.FinalReg() | ir.FinalMem() as found:
                yield found
            case ir.Binary(_, left, right, _):
                pending += (right, left)
            case ir.Unary(_, arg, _) | ir.Cast(_, arg):
                pending.append(arg)
            case ir.Conditional(cond, then, other):
                pending += (other, then, cond)


def registers_in_questions(program: ir.Program, also: ir.Expr | None = None) -> dict[int, set[str]]:
    """For each thread the registers that final states are asked for. ``also``: a condition that is asked about besides."""
    found: dict[int, set[str]] = {}
    asked = [program.condition, program.filter, *(i.cond for i in program.invariants), *program.observed, also]
    for expr in asked:
        for atom in atoms(expr):
            if isinstance(atom, ir.FinalReg):
                found.setdefault(atom.thread, set()).add(atom.name)
    return found


def with_atoms(expr: ir.Expr, change: Callable[[ir.Expr], ir.Expr]) -> ir.Expr:
    """``expr`` in which each constant, register and cell is what ``change`` makes of it."""
    return fold(expr, change, rebuilt)


def rebuilt(operation: Operation, data: Any, args: tuple[ir.Expr, ...]) -> ir.Expr:
    """The expression that does this operation on these arguments."""
    match operation:
        case "un":
            return ir.Unary(data[0], args[0], data[1])
        case "cast":
            return ir.Cast(data, args[0])
        case "bin":
            return ir.Binary(data[0], args[0], args[1], data[1])
    return ir.Conditional(*args)


_WITH_OTHERS = (ir.If, ir.Choice, ir.Block, ir.Loop)
"""Statements that have others inside."""


def statements(body: Sequence[ir.Stmt]) -> Iterator[ir.Stmt]:
    """All statements of a piece of program, those inside others after these."""
    for stmt in body:
        yield stmt
        if isinstance(stmt, _WITH_OTHERS):
            if isinstance(stmt, ir.If | ir.Choice):
                yield from statements(stmt.then)
                yield from statements(stmt.other)
            else:
                yield from statements(stmt.body)


Reached: TypeAlias = Mapping[ir.Position, Sequence[tuple[int, tuple[ir.Call, ...]]]]
"""For places in inlined functions: through which calls each is reached, with the number of the thread that makes these."""


def reached_through(program: ir.Program) -> Reached:
    """Of all places of a program that stand in an inlined function."""
    found: dict[ir.Position, dict[tuple[int, tuple[ir.Call, ...]], None]] = {}
    for thread in program.threads:
        for stmt in statements(thread.body):
            if stmt.pos is not None and stmt.pos.inlined_at is not None:
                found.setdefault(stmt.pos, {})[thread.index, stmt.pos.calls] = None
    return {pos: list(ways) for pos, ways in found.items()}


def mapped(body: Sequence[ir.Stmt], change: Callable[[ir.Stmt], ir.Stmt | None]) -> tuple[ir.Stmt, ...]:
    """A piece of program in which each statement that has no others inside is what ``change`` makes of it; None: it is gone."""
    result: list[ir.Stmt] = []
    for stmt in body:
        match stmt:
            case ir.If() | ir.Choice():
                result.append(replace(stmt, then=mapped(stmt.then, change), other=mapped(stmt.other, change)))
            case ir.Block() | ir.Loop():
                result.append(replace(stmt, body=mapped(stmt.body, change)))
            case _ if (changed := change(stmt)) is not None:
                result.append(changed)
    return tuple(result)


def with_expressions(stmt: ir.Stmt, change: Callable[[ir.Expr], ir.Expr]) -> ir.Stmt:
    """``stmt`` with its own expressions changed, not those of statements inside of it."""

    def maybe(expr: ir.Expr | None) -> ir.Expr | None:
        return None if expr is None else change(expr)

    match stmt:
        case ir.Assign():
            return replace(stmt, expr=change(stmt.expr), chosen_by=maybe(stmt.chosen_by))
        case ir.Load():
            return replace(stmt, addr=change(stmt.addr))
        case ir.Store():
            return replace(stmt, addr=change(stmt.addr), value=change(stmt.value))
        case ir.Fence():
            return replace(stmt, addr=maybe(stmt.addr), value=maybe(stmt.value))
        case ir.Rmw():
            return replace(stmt, addr=change(stmt.addr), new=change(stmt.new), when=maybe(stmt.when))
        case ir.If() | ir.Assume() | ir.Assert():
            return replace(stmt, cond=change(stmt.cond))
    return stmt


MANY = 100
"""A program with so many accesses in its text is large."""


def is_large(program: ir.Program) -> bool:
    """Has the program :data:`MANY` accesses or more, so that several engines are asked?"""
    return has_accesses(program, MANY)


def has_accesses(program: ir.Program, many: int) -> bool:
    """Has the program so many accesses in its text, or more?"""
    accesses = (s for t in program.threads for s in statements(t.body) if isinstance(s, ir.Load | ir.Store | ir.Rmw))
    return next(islice(accesses, max(many - 1, 0), None), None) is not None


def has_loops(program: ir.Program) -> bool:
    """Is there a loop in some thread?"""
    return any(isinstance(stmt, ir.Loop) for thread in program.threads for stmt in statements(thread.body))


Live = frozenset[str]


def live_before(body: Sequence[ir.Stmt], after: Live, exits: Mapping[str, Live]) -> Live:
    """The registers whose values may be read from the start of ``body`` on.

    ``after``: those live at its end. ``exits``: those live where an ``Exit`` to a label goes on.
    """
    live = after
    for stmt in reversed(body):
        live = _before(stmt, live, exits)
    return live


def _before(stmt: ir.Stmt, after: Live, exits: Mapping[str, Live]) -> Live:
    match stmt:
        case ir.If() | ir.Choice():
            return live_before(stmt.then, after, exits) | live_before(stmt.other, after, exits) | used(stmt)
        case ir.Block(label, body):
            return live_before(body, after, {**exits, label: after})
        case ir.Loop(label, body):
            return live_at_head(body, label, after, exits)
        case ir.Exit(label):
            return exits.get(label, frozenset())
    return (after - {defined(stmt)}) | used(stmt)


def live_at_head(body: Sequence[ir.Stmt], label: str, after: Live, exits: Mapping[str, Live]) -> Live:
    """The registers live where a round of the loop ``label`` with this body begins."""
    head: Live = frozenset()
    inside = {**exits, label: after}
    while True:
        new = live_before(body, head, inside)
        if new == head:
            return head
        head = new
