"""What a model says about itself, and what needs more than values: checks, ghosts, per-CPU data, waiting for a condition."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from smpcheck.errors import InputError
from smpcheck.kernel.layout import Ghost, Scalar
from smpcheck.kernel.types import PerCpu
from smpcheck.program import ir, values
from smpcheck.readers.python.primitives import ACQUIRE, ONCE, Site
from smpcheck.readers.python.typed import Known, RValue, Static, boolean, literal, negation
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


def _cond_load(acquire: bool) -> Callable[[ThreadCompiler, ast.Call], RValue]:
    def handler(t: ThreadCompiler, node: ast.Call) -> RValue:
        place_node, test = arguments(t, node, 2)
        if not isinstance(test, ast.Lambda) or len(test.args.args) != 1:
            raise InputError("the condition is a lambda of one argument: lambda v: v != 0", t.pos(test))
        place = t.target_place(place_node)
        site = Site("smp_cond_load", t.pos(node), t.source.text(node))
        found: list[RValue] = []
        read, _, _ = t.captured(lambda: found.append(t.load(place, ACQUIRE if acquire else ONCE, site)), dict(t.env))
        (value,) = found
        name = test.args.args[0].arg
        if name in t.source.assigned or name in t.source.parameters:
            raise InputError(f"{name} is a variable of the function: give the lambda's argument another name", t.pos(test))
        t.lambdas[name] = value
        cond = t.value(test.body)
        del t.lambdas[name]
        if not isinstance(cond, RValue):
            raise InputError("the condition of a wait must depend on the value", t.pos(test))
        t.wait(read, boolean(cond), node)
        return value

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
    "smp_cond_load_relaxed": _cond_load(False),
    "smp_cond_load_acquire": _cond_load(True),
    "smp_processor_id": smp_processor_id,
    "this_cpu_ptr": this_cpu_ptr,
    "per_cpu_ptr": this_cpu_ptr,
}
