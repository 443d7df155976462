"""What a well-formed program is: one table of rules, each with the node that it is about, and what to say where it does not hold.

Readers check what they made, so that everything downstream may rely on these rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgspec
from msgspec import Struct, field

from smpcheck.errors import InputError
from smpcheck.program import ir
from smpcheck.program.values import CType, Ptr, is_null

QUANTIFIERS = frozenset(("exists", "~exists", "forall"))
UNARY_OPERATORS = frozenset("-~!+")
BINARY_OPERATORS = frozenset(("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=", "&&", "||"))
TAG = re.compile(r"[A-Z][A-Za-z0-9_.-]*\Z")


class Context(msgspec.Struct):
    """Where the walk is: the program, the thread, the labels around, the last position seen."""

    program: ir.Program
    cells: Mapping[Ptr, ir.Cell]
    thread: ir.Thread | None = None
    labels: list[str] = field(default_factory=list)
    pos: ir.Position | None = None


class Rule(Struct, frozen=True):
    """``holds(node, context)`` for every node of the types ``about``; else ``message``, formatted with the node as ``n``."""

    name: str
    about: tuple[type, ...]
    holds: Callable[[Any, Context], bool]
    message: str


def _known_address(expr: ir.Expr | None, context: Context) -> bool:
    return not isinstance(expr, ir.Const) or expr.value in context.cells or is_null(expr.value)


def _typed(reg: str, context: Context) -> bool:
    return context.thread is not None and reg in context.thread.reg_types


_good_tags: set[frozenset[str]] = {frozenset()}


def _tags(tags: frozenset[str]) -> bool:
    if tags not in _good_tags:
        if not all(TAG.match(tag) for tag in tags):
            return False
        _good_tags.add(tags)
    return True


def _in_range(cell: ir.Cell) -> bool:
    if isinstance(cell.init, Ptr):
        return cell.ctype.bits >= 64
    return cell.ctype.bits >= 64 or cell.ctype.wrap(cell.init) == cell.init


def _in_order(program: ir.Program) -> bool:
    return all(thread.index == i for i, thread in enumerate(program.threads))


def _distinct(program: ir.Program) -> bool:
    return len({cell.name for cell in program.cells.values()}) == len(program.cells)


def _final_location(node: ir.FinalMem, context: Context) -> bool:
    if context.thread is not None or node.ctype is None:
        return context.thread is None and node.cell in context.cells
    start, end = node.cell.offset, node.cell.offset + node.ctype.size
    inside = ((p.offset, p.offset + c.ctype.size) for p, c in context.cells.items() if p.base == node.cell.base)
    return sum(max(0, min(last, end) - max(first, start)) for first, last in inside) == end - start


def _final_register(node: ir.FinalReg, context: Context) -> bool:
    threads = context.program.threads
    return context.thread is None and 0 <= node.thread < len(threads) and node.name in threads[node.thread].reg_types


_EVENTS = (ir.Load, ir.Store, ir.Rmw, ir.Fence)

_ACCESSES_NOTHING = "{n.text!r} accesses {n.addr.value}, where no object lies"
_BAD_TAG = "a tag of {n.text!r} is not a capitalised word"
_OPERATOR = "unknown operator {n.op}"

RULES: tuple[Rule, ...] = (
    Rule("some-thread", (ir.Program,), lambda n, c: bool(n.threads), "the program has no threads"),
    Rule("threads-in-order", (ir.Program,), lambda n, c: _in_order(n), "threads are not numbered 0, 1, 2, ..."),
    Rule("quantifier", (ir.Program,), lambda n, c: n.quantifier in QUANTIFIERS, "unknown quantifier {n.quantifier}"),
    Rule("one-name-one-cell", (ir.Program,), lambda n, c: _distinct(n), "two locations have the same name"),
    Rule("initial-value-fits", (ir.Cell,), lambda n, c: _in_range(n), "the initial value {n.init} does not fit {n.name}"),
    Rule("tags", (ir.Load, ir.Store, ir.Fence), lambda n, c: _tags(n.tags), _BAD_TAG),
    Rule("rmw-tags", (ir.Rmw,), lambda n, c: _tags(n.read_tags) and _tags(n.write_tags), _BAD_TAG),
    Rule("address-known", _EVENTS, lambda n, c: _known_address(n.addr, c), _ACCESSES_NOTHING),
    Rule("register-typed", (ir.Load, ir.Assign), lambda n, c: _typed(n.reg, c), "the register {n.reg} has no type"),
    Rule("rmw-register-typed", (ir.Rmw,), lambda n, c: _typed(n.old, c), "the register {n.old} has no type"),
    Rule("exit-enclosed", (ir.Exit,), lambda n, c: n.label in c.labels, "an exit to {n.label}, which does not enclose it"),
    Rule("round-of-a-loop", (ir.Round,), lambda n, c: n.label in c.labels, "a round of {n.label}, which does not enclose it"),
    Rule("labels-nest", (ir.Block, ir.Loop), lambda n, c: n.label not in c.labels, "a block {n.label} inside another one"),
    Rule("loop-bound", (ir.Loop,), lambda n, c: n.bound is None or n.bound >= 1, "a loop of {n.bound} iterations"),
    Rule("unary-operator", (ir.Unary,), lambda n, c: n.op in UNARY_OPERATORS, _OPERATOR),
    Rule("binary-operator", (ir.Binary,), lambda n, c: n.op in BINARY_OPERATORS, _OPERATOR),
    Rule("cast-type", (ir.Cast,), lambda n, c: isinstance(n.ctype, CType), "a cast to {n.ctype}"),
    Rule("register-in-thread", (ir.Reg,), lambda n, c: c.thread is not None, "the register {n.name} outside of a thread"),
    Rule("final-register", (ir.FinalReg,), lambda n, c: _final_register(n, c), "P{n.thread} has no register {n.name} to ask for"),
    Rule("final-location", (ir.FinalMem,), lambda n, c: _final_location(n, c), "no location {n.cell} to ask for"),
)
"""The rules."""

_BY_TYPE: dict[type, tuple[Rule, ...]] = {}
for _rule in RULES:
    for _type in _rule.about:
        _BY_TYPE[_type] = (*_BY_TYPE.get(_type, ()), _rule)


def check(program: ir.Program) -> None:
    """Raise InputError, with the position if there is one, for the first rule that ``program`` breaks."""
    context = Context(program, program.cells)
    _rules(program, context)
    for cell in program.cells.values():
        _rules(cell, context)
    for thread in program.threads:
        context.thread, context.pos = thread, None
        _body(thread.body, context)
    context.thread, context.pos = None, None
    _expr(program.condition, context)
    if program.filter is not None:
        _expr(program.filter, context)
    for term in program.observed:
        _expr(term, context)
    for invariant in program.invariants:
        _expr(invariant.cond, context)


def _rules(node: object, context: Context) -> None:
    for rule in _BY_TYPE.get(type(node), ()):
        if not rule.holds(node, context):
            _broken(rule, node, context)


def _broken(rule: Rule, node: object, context: Context) -> NoReturn:
    place = f"P{context.thread.index}: " if context.thread is not None else ""
    raise InputError(place + rule.message.format(n=node), context.pos)


def _body(body: tuple[ir.Stmt, ...], context: Context) -> None:
    for stmt in body:
        context.pos = stmt.pos or context.pos
        _rules(stmt, context)
        match stmt:
            case ir.Load():
                _expr(stmt.addr, context)
            case ir.Store():
                _expr(stmt.addr, context)
                _expr(stmt.value, context)
            case ir.Assign():
                _expr(stmt.expr, context)
            case ir.Rmw():
                _expr(stmt.addr, context)
                _expr(stmt.new, context)
                if stmt.when is not None:
                    _expr(stmt.when, context)
            case ir.Fence():
                for part in (stmt.addr, stmt.value):
                    if part is not None:
                        _expr(part, context)
            case ir.If():
                _expr(stmt.cond, context)
                _body(stmt.then, context)
                _body(stmt.other, context)
            case ir.Choice():
                _body(stmt.then, context)
                _body(stmt.other, context)
            case ir.Block() | ir.Loop():
                context.labels.append(stmt.label)
                _body(stmt.body, context)
                context.labels.pop()
            case ir.Assume() | ir.Assert():
                _expr(stmt.cond, context)


def _expr(expr: ir.Expr, context: Context) -> None:
    if type(expr) is ir.Const:
        return
    _rules(expr, context)
    match expr:
        case ir.Unary() | ir.Cast():
            _expr(expr.arg, context)
        case ir.Binary():
            _expr(expr.left, context)
            _expr(expr.right, context)
        case ir.Conditional():
            _expr(expr.cond, context)
            _expr(expr.then, context)
            _expr(expr.other, context)
