"""What is constant is computed, branches that are never taken are left out, and memory that only one thread names is no memory.

The kernel's macros and configuration leave much of this behind. An object that belongs to one thread (its ``current`` task, a
local variable in memory) and whose address is no value anywhere is to that thread what a local variable is: a
register for each scalar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from smpcheck.program import ir, values
from smpcheck.program.flow import defined, mapped, statements
from smpcheck.program.values import CType, Ptr, truth

MAX_PASSES = 8


def simplified(
    thread: ir.Thread, private: frozenset[str], cells: Mapping[Ptr, ir.Cell], kept: frozenset[str] = frozenset()
) -> ir.Thread:
    """``thread`` in simpler words. ``private``: objects that only this thread can access; ``cells`` have their initial values;
    ``kept``: registers that are asked for in the end."""
    body, types = _without_private(thread, private, cells)
    for _ in range(MAX_PASSES):
        known = {reg: value for reg, value in _constants(body).items() if reg not in kept}
        changed = _body(body, known)
        if changed == body:
            break
        body = changed
    return replace(thread, body=body, reg_types=types)


def _constants(body: Sequence[ir.Stmt]) -> dict[str, ir.Const]:
    """Registers that are assigned once, a constant. What C lets one read before is undefined."""
    times: Counter[str] = Counter()
    found: dict[str, ir.Const] = {}
    for stmt in statements(body):
        reg = defined(stmt)
        if reg is not None:
            times[reg] += 1
            if isinstance(stmt, ir.Assign) and isinstance(stmt.expr, ir.Const):
                found[reg] = stmt.expr
    return {reg: value for reg, value in found.items() if times[reg] == 1 and not reg.startswith("@")}


def _body(body: Sequence[ir.Stmt], known: Mapping[str, ir.Const]) -> tuple[ir.Stmt, ...]:
    out: list[ir.Stmt] = []
    for stmt in body:
        match stmt:
            case ir.Assign(reg, expr):
                if reg not in known:
                    out.append(_untagged(replace(stmt, expr=folded(expr, known)), out[-1] if out else None))
            case ir.Load():
                out.append(replace(stmt, addr=folded(stmt.addr, known)))
            case ir.Store():
                out.append(replace(stmt, addr=folded(stmt.addr, known), value=folded(stmt.value, known)))
            case ir.Rmw():
                when = None if stmt.when is None else folded(stmt.when, known)
                out.append(replace(stmt, addr=folded(stmt.addr, known), new=folded(stmt.new, known), when=when))
            case ir.Fence():
                parts = (None if one is None else folded(one, known) for one in (stmt.addr, stmt.value))
                addr, value = parts
                out.append(replace(stmt, addr=addr, value=value))
            case ir.If():
                cond = folded(stmt.cond, known)
                if isinstance(cond, ir.Const):
                    out += _body(stmt.then if truth(cond.value) else stmt.other, known)
                else:
                    out.append(_chosen(replace(stmt, cond=cond, then=_body(stmt.then, known), other=_body(stmt.other, known))))
            case ir.Choice():
                out.append(replace(stmt, then=_body(stmt.then, known), other=_body(stmt.other, known)))
            case ir.Block() | ir.Loop():
                out.append(replace(stmt, body=_body(stmt.body, known)))
            case ir.Assume() | ir.Assert():
                cond = folded(stmt.cond, known)
                if not (isinstance(cond, ir.Const) and truth(cond.value)):
                    out.append(replace(stmt, cond=cond))
            case _:
                out.append(stmt)
        if isinstance(out[-1] if out else None, ir.Exit):
            break
    return tuple(out)


def _untagged(stmt: ir.Assign, before: ir.Stmt | None) -> ir.Assign:
    """``tag = p & 3; q = p - tag;``, which takes bits in an address away, with ``p - (p & 3)`` in the second: of that can be said
    what it points to."""
    match before, stmt.expr:
        case (
            ir.Assign(tag, ir.Binary("&", ir.Reg(tagged), ir.Const()) as bits),
            ir.Binary("-", ir.Reg(pointer), ir.Reg(taken)) as rest,
        ) if tag == taken and tagged == pointer and tag != tagged:
            return replace(stmt, expr=replace(rest, right=bits))
    return stmt


def _chosen(stmt: ir.If) -> ir.Stmt:
    """``if (c) r = 1; else r = 0;`` as ``r = c != 0``: what a later branch on ``r`` depends on is the same."""
    match stmt.then, stmt.other:
        case (ir.Assign(reg, ir.Const(one), pos),), (ir.Assign(same, ir.Const(other)),) if reg == same and {one, other} == {0, 1}:
            cond = stmt.cond if one == 1 else ir.Unary("!", stmt.cond)
            return ir.Assign(reg, _truth(cond), pos)
    return stmt


def folded(expr: ir.Expr, known: Mapping[str, ir.Const]) -> ir.Expr:
    """``expr`` with constants for the registers ``known``, computed where it is constant."""
    match expr:
        case ir.Reg(name):
            return known.get(name, expr)
        case ir.Unary(op, arg, ctype):
            inner = folded(arg, known)
            return _computed(replace(expr, arg=inner), lambda a: values.unary(op, a, ctype), inner)
        case ir.Cast(ctype, arg):
            inner = folded(arg, known)
            return _computed(replace(expr, arg=inner), ctype.wrap, inner)
        case ir.Binary(op, left, right, ctype):
            a, b = folded(left, known), folded(right, known)
            if op in ("&&", "||"):
                for one, other in ((a, b), (b, a)):
                    if isinstance(one, ir.Const) and truth(one.value) == (op == "||"):
                        return ir.Const(int(op == "||"))
                    if isinstance(one, ir.Const):
                        return _truth(other)
            return _computed(replace(expr, left=a, right=b), lambda x, y: values.binary(op, x, y, ctype), a, b)
        case ir.Conditional(cond, then, other):
            test = folded(cond, known)
            if isinstance(test, ir.Const):
                return folded(then if truth(test.value) else other, known)
            return ir.Conditional(test, folded(then, known), folded(other, known))
    return expr


def _truth(expr: ir.Expr) -> ir.Expr:
    if isinstance(expr, ir.Const):
        return ir.Const(int(truth(expr.value)))
    return ir.Binary("!=", expr, ir.Const(0), values.POINTER)


def _computed(expr: ir.Expr, compute: object, *parts: ir.Expr) -> ir.Expr:
    if not all(isinstance(part, ir.Const) for part in parts):
        return expr
    try:
        return ir.Const(compute(*(part.value for part in parts)))  # type: ignore[operator, union-attr]
    except values.UndefinedValue:
        return expr


# --- memory of one thread ---


def _without_private(
    thread: ir.Thread, private: frozenset[str], cells: Mapping[Ptr, ir.Cell]
) -> tuple[tuple[ir.Stmt, ...], dict[str, CType]]:
    """The thread's accesses to objects of its own as assignments. A scalar that is never written is its initial value."""
    types = dict(thread.reg_types)
    written: set[Ptr] = set()
    for stmt in statements(thread.body):
        address = _own(stmt, private)
        if address is None:
            continue
        ctype = getattr(stmt, "ctype", None)
        cell = cells.get(address)
        if isinstance(stmt, ir.Rmw | ir.Fence) or ctype is None or cell is None or cell.ctype.size != ctype.size:
            private = private - {address.base}
        if not isinstance(stmt, ir.Load):
            written.add(address)

    def register(address: Ptr) -> str:
        reg = f"@{address.base}+{address.offset}"
        types[reg] = cells[address].ctype
        return reg

    def in_registers(stmt: ir.Stmt) -> ir.Stmt:
        address = _own(stmt, private)
        match stmt:
            case ir.Load(reg) if address is not None:
                init = ir.Const(cells[address].init)
                return ir.Assign(reg, ir.Reg(register(address)) if address in written else init, stmt.pos)
            case ir.Store() if address is not None:
                return ir.Assign(register(address), stmt.value, stmt.pos)
        return stmt

    body = mapped(thread.body, in_registers)
    first = [
        ir.Assign(register(address), ir.Const(cells[address].init)) for address in sorted(written) if address.base in private
    ]
    return (*first, *body), types


def _own(stmt: ir.Stmt, private: frozenset[str]) -> Ptr | None:
    """The address of an access to a private object."""
    address = getattr(stmt, "addr", None)
    found = address.value if isinstance(address, ir.Const) and isinstance(address.value, Ptr) else None
    return found if found is not None and found.base in private else None
