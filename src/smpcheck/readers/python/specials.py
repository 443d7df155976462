"""What a model says about itself, and what needs more than values: checks, ghosts, per-CPU data, waiting for a condition."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from smpcheck.errors import InputError
from smpcheck.kernel.layout import Ghost, Scalar
from smpcheck.kernel.types import PerCpu
from smpcheck.program import ir, values
from smpcheck.readers.python.typed import Known, RValue, Static, literal, negation
from smpcheck.readers.python.walker import Walker

if TYPE_CHECKING:
    from smpcheck.readers.python.threads import ThreadCompiler


def arguments(walker: Walker, node: ast.Call, least: int, most: int | None = None) -> list[ast.expr]:
    """The arguments of a call, if their number is right."""
    if not least <= len(node.args) <= (least if most is None else most):
        raise InputError(f"{walker.source.text(node)}: wrong number of arguments", walker.pos(node))
    return node.args


def _check(t: ThreadCompiler, node: ast.Call) -> None:
    keywords = {k.arg: k.value for k in node.keywords}
    args = [*node.args, *(keywords[k] for k in ("name", "cond", "message")[len(node.args) :] if k in keywords)]
    if not 2 <= len(args) <= 3:
        raise InputError("check(name, condition)", t.pos(node))
    name = t.static(args[0])
    if not isinstance(name, str):
        raise InputError("the name of a check is a string", t.pos(args[0]))
    t.assertion(args[1], name, node)


def _condition(t: ThreadCompiler, node: ast.expr) -> RValue:
    return t.truth(t.value(node))


def _bug_on(t: ThreadCompiler, node: ast.Call) -> RValue:
    (arg,) = arguments(t, node, 1)
    cond = _condition(t, arg)
    text = t.source.text(node)
    t.check(negation(cond), text, text, t.pos(node))
    return cond


def _assume(t: ThreadCompiler, node: ast.Call) -> None:
    (arg,) = arguments(t, node, 1)
    t.emit(ir.Assume(_condition(t, arg).expr, t.pos(node)))


def _nondet(t: ThreadCompiler, node: ast.Call) -> RValue:
    arguments(t, node, 0)
    reg, pos = t.temp(), t.pos(node)
    t.choice(lambda: t.emit(ir.Assign(reg, ir.Const(1), pos)), lambda: t.emit(ir.Assign(reg, ir.Const(0), pos)), pos)
    return RValue(ir.Reg(reg), Scalar(values.BOOL))


def _ghost(change: int | None) -> Callable[[ThreadCompiler, ast.Call], None]:
    def handler(t: ThreadCompiler, node: ast.Call) -> None:
        args = arguments(t, node, 2 if change is None else 1)
        place = t.target_place(args[0])
        if not isinstance(place.type, Ghost):
            raise InputError(f"{place.label} is {place.type}, not a ghost counter (ghost_t)", t.pos(node))
        amount = t.rvalue(args[1]) if change is None else literal(change)
        t.ghost_add(place, amount, t.pos(node))

    return handler


def smp_processor_id(walker: Walker, node: ast.Call) -> Known:
    """The thread's CPU."""
    arguments(walker, node, 0)
    return literal(walker.cpu)


def this_cpu_ptr(walker: Walker, node: ast.Call) -> Known:
    """This CPU's object, or that of another."""
    name = getattr(walker.callee(node), "__name__", "")
    args = arguments(walker, node, 2 if name == "per_cpu_ptr" else 1)
    found = walker.value(args[0])
    data = found.obj if isinstance(found, Static) else None
    if not isinstance(data, PerCpu):
        raise InputError(f"{walker.source.text(args[0])} is not per-CPU data", walker.pos(node))
    cpu = walker.static(args[1]) if len(args) == 2 else walker.cpu
    return walker.known(walker.memory.per_cpu(data, cpu), node)


SPECIAL: dict[str, Callable[[ThreadCompiler, ast.Call], Known | None]] = {
    "check": _check,
    "BUG_ON": _bug_on,
    "WARN_ON": _bug_on,
    "assume": _assume,
    "nondet": _nondet,
    "ghost_add": _ghost(None),
    "ghost_inc": _ghost(1),
    "ghost_dec": _ghost(-1),
    "smp_processor_id": smp_processor_id,
    "this_cpu_ptr": this_cpu_ptr,
    "per_cpu_ptr": this_cpu_ptr,
}
