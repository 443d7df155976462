"""Callbacks of RCU's: what call_rcu() and kfree_rcu() leave to be done after a grace period.

A call in the text posts one callback: it stores what the callback is given, and then with release that there is something to do
(call_rcu() orders what is before it before the callback). The callback is a thread on a CPU of its own. Either it does nothing,
because it has not run yet; or it reads with acquire that it was posted, waits for a grace period, and runs. What is done after
all threads is done after all callbacks that were posted: executions in which one is still to come are left out there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from smpcheck.program import values as v
from smpcheck.program.ir import Assume, Choice, Const, Expr, Fence, Load, Position, Reg, Stmt, Store
from smpcheck.program.values import POINTER, Ptr
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.allocation import free_object
from smpcheck.readers.clang.places import Ref
from smpcheck.readers.cvalues import Place, Val
from smpcheck.readers.layout import VOID

if TYPE_CHECKING:
    from smpcheck.readers.clang.calls import TreeLowering

MAX_CALLBACKS = 8
"""So many calls in the text of a program post callbacks, those in callbacks included."""
POSTED, GIVEN, DONE = 0, 8, 16
"""Where in a callback's object it is said that it was posted, what it is given, and that it has run."""
ACQUIRE, RELEASE, ONCE = frozenset({"Acquire"}), frozenset({"Release"}), frozenset({"Once"})


class Callback(Struct, frozen=True):
    """``name``: of the object. ``run`` lowers what it does with the pointer that it is given."""

    name: str
    pos: Position
    run: Callable[[TreeLowering, Val], None]
    type: Any

    def cells(self) -> dict[Ptr, tuple[str, v.CType]]:
        """The memory that posting needs: names and types."""
        said = {POSTED: ("is posted", v.INT), GIVEN: ("is given", POINTER), DONE: ("has run", v.INT)}
        return {Ptr(self.name, at): (f"{self.name} {what}", ctype) for at, (what, ctype) in said.items()}

    def body(self, low: TreeLowering) -> tuple[Stmt, ...]:
        """The callback's thread."""
        posted, given = low.temp(low.int), low.temp(low.int)
        low.regs[given] = POINTER
        with low.collect() as done:
            low.out += [
                Load(posted, Const(Ptr(self.name, POSTED)), ACQUIRE, self.pos, f"{self.name} was posted", ctype=v.INT),
                Assume(Reg(posted), self.pos),
                Fence(frozenset({"Sync-rcu"}), pos=self.pos, text="grace period"),
                Load(given, Const(Ptr(self.name, GIVEN)), ONCE, self.pos, f"what {self.name} is given", ctype=POINTER),
            ]
            low.out += low.section_at(True, self.pos, self.name)
            self.run(low, Val(Reg(given), self.type))
            low.out += low.section_at(False, self.pos, self.name)
            low.out.append(Store(Const(Ptr(self.name, DONE)), Const(1), RELEASE, self.pos, f"{self.name} has run", ctype=v.INT))
        return (Choice(tuple(done), (), self.pos),)

    def has_run(self, number: int) -> list[Stmt]:
        """What a thread that runs after all others takes for granted: it has run if it was posted."""
        posted, done = f"posted {number}", f"done {number}"
        return [
            Load(posted, Const(Ptr(self.name, POSTED)), ACQUIRE, self.pos, f"{self.name} was posted", ctype=v.INT),
            Load(done, Const(Ptr(self.name, DONE)), ACQUIRE, self.pos, f"{self.name} has run", ctype=v.INT),
            Assume(_same(Reg(posted), Reg(done)), self.pos),
        ]

    def register_types(self, number: int) -> dict[str, v.CType]:
        """Those of :meth:`has_run`."""
        return {f"posted {number}": v.INT, f"done {number}": v.INT}


def _same(one: Expr, other: Expr) -> Expr:
    from smpcheck.program.ir import Binary

    return Binary("==", one, other, v.INT)


def call_rcu(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``call_rcu(head, function)``"""
    head, function = low.value(args[0]), low.value(args[1])
    if not isinstance(function.expr, Const) or not isinstance(function.expr.value, Ptr):
        low.refuse("call_rcu() of a function that is not named in the call is not supported", low.at(node))
    name = function.expr.value.base.removesuffix("()")

    def run(low: TreeLowering, given: Val) -> None:
        found = low.functions.get(name)
        if found is None or found.body is None:
            low.refuse(f"{name}(), which call_rcu() is to call, has no body: define it in the harness", low.at(node))
        low.inline(found, node, [given])

    return _post(low, node, name, head, run)


def kfree_rcu(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``kfree_rcu(object, ...)``"""
    argument = args[0]
    while isinstance(argument, t.Cast):
        argument = argument.arg

    def run(low: TreeLowering, given: Val) -> None:
        free_object(low, node, argument.type, given)

    return _post(low, node, "kfree", low.value(argument), run)


def _post(low: TreeLowering, node: Any, name: str, given: Val, run: Callable[[TreeLowering, Val], None]) -> Val:
    if low.looping:
        low.refuse("call_rcu() in a loop is not supported: how many callbacks there are is to be known", low.at(node))
    if isinstance(given, Ref):
        given = Val(low.escape(given), given.type)
    if len(low.callbacks) >= MAX_CALLBACKS:
        low.cut(node, f"{MAX_CALLBACKS} callbacks of RCU's are followed")
        return Val(Const(0), VOID)
    pos, text = low.where(node)
    callback = Callback(f"{name}() after {text} {len(low.callbacks) + 1}", pos, run, given.type)
    low.callbacks.append(callback)
    low.findings.assumed[
        "a callback of RCU's runs after a grace period, on a CPU of its own, and before what is done after all threads"
    ] = None
    low.store(Place(Const(Ptr(callback.name, GIVEN)), given.type), given, ONCE, node)
    low.store(Place(Const(Ptr(callback.name, POSTED)), v.INT), Val(Const(1), v.INT), RELEASE, node)
    return Val(Const(0), VOID)
