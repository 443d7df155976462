"""What is left for later: works, timers and tasklets. Each that is initialised has a thread of its own that runs it.

The thread waits until its work is queued, runs the function, and waits again; when all threads of the harness have ended and
nothing is queued, it ends. So a work is run at any time after it was queued, on a CPU of its own, by one CPU at a time; it is run
again if it was queued again meanwhile. Whether it is queued and whether it is running are no members of the work: it may be freed
by its own function. What queueing, flushing and cancelling do is C, in headers/environment.h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smpcheck.program import values as v
from smpcheck.program.cut import followed_no_further
from smpcheck.program.ir import Assert, Assume, Binary, Cell, Const, Expr, If, Load, Position, Reg, Stmt, Store
from smpcheck.program.values import Ptr
from smpcheck.readers.clang import tree as t
from smpcheck.readers.cvalues import Val
from smpcheck.readers.layout import VOID

if TYPE_CHECKING:
    from smpcheck.readers.clang.calls import TreeLowering

MAX_DEFERRED = 6
"""So many works, timers and tasklets there are at most."""
NONE = -1
"""The number of no work: what a callback of RCU's runs."""
NOTE = "works, timers and tasklets run on CPUs of their own, each at any time after it was queued"
RUNNERS = ("__smpcheck_run", "__smpcheck_run_in_softirq")
"""What runs works, and what runs timers and tasklets (headers/environment.h)."""
ID, OBJECT, FUNCTION, RUNNER = 0, 64, 128, 192
"""Where in ``struct __smpcheck_process``, in bits, are the number, the address of the work, its function, and what runs it."""
FIRST_STATIC = 32
"""The number of the first that is initialised where it is defined; those that code initialises begin at 1."""
THREAD_OVER, DEFERRED_OVER = "@thread is over", "@deferred is over"
"""Arrays of flags."""
ACQUIRE, RELEASE = frozenset({"Acquire"}), frozenset({"Release"})


@dataclass(slots=True)
class Deferred:
    """Number ``id``: the function ``name``, run by ``runner`` for the work at ``object`` (None: its state says where).
    ``node``: where it is initialised."""

    id: int
    name: str
    runner: str
    object: Val | None
    node: Any

    @property
    def shown(self) -> str:
        """The name of its thread."""
        return f"{self.name}() {self.id if self.id < FIRST_STATIC else self.id - FIRST_STATIC + 1}"


def functions() -> Iterator[tuple[str, Callable[[TreeLowering, t.Call, Sequence[t.Expr]], Val]]]:
    """By name, as headers/environment.h declares them."""
    yield "__smpcheck_new_deferred", _new
    yield "__smpcheck_moves", _moves
    yield "__smpcheck_threads_over", _threads_over
    yield "__smpcheck_may_queue", _may_queue
    yield "__smpcheck_run_deferred", _run


def _add(low: TreeLowering, one: Deferred, node: Any) -> None:
    if len(low.deferred) >= MAX_DEFERRED or any(other.id == one.id for other in low.deferred):
        low.refuse(f"more than {MAX_DEFERRED} works, timers and tasklets are not supported", low.at(node))
    low.deferred.append(one)
    low.findings.assumed[NOTE] = None


def add_static(low: TreeLowering) -> None:
    """Those that are initialised where they are defined, as ``DECLARE_WORK()`` does."""
    for variable in low.unit_tree.variables:
        items = variable.init.items if isinstance(variable.init, t.Init) else ()
        parts = {item.offset: item.value for item in items}
        for item in items:
            runner = _named(item.value)
            if runner in RUNNERS:
                begin = item.offset - RUNNER
                number = low.value(parts[begin + ID]).expr
                assert isinstance(number, Const) and isinstance(number.value, int)
                function = _named(parts[begin + FUNCTION])
                known = low.value(parts[begin + OBJECT])
                _add(low, Deferred(number.value, function, runner, known, variable), variable)


def _named(node: t.Expr) -> str:
    """The function that is named; empty if it is none."""
    while isinstance(node, t.Cast | t.Un):
        node = node.arg
    return node.name if isinstance(node, t.Fun) else ""


def _new(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__smpcheck_new_deferred(object, function, runner)``: the number of a new one."""
    work = low.value(args[0])
    if low.looping:
        low.refuse(
            "works, timers and tasklets that a loop initialises are not supported: how many there are is to be known",
            low.at(node),
        )
    name = _named(args[1])
    if not name:
        low.refuse("a work, timer or tasklet whose function is not named where it is initialised is not supported", low.at(node))
    made = [one for one in low.deferred if one.id < FIRST_STATIC]
    known = work if isinstance(work.expr, Const) else None
    _add(low, Deferred(len(made) + 1, name, _named(args[2]), known, node), node)
    return Val(Const(len(made) + 1), v.INT)


def _moves(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """Is the address of the one that was just initialised known at run time only?"""
    return Val(Const(int(low.deferred[-1].object is None)), v.INT)


def _threads_over(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """Have all threads of the harness ended?"""
    result: Expr = Const(1)
    for number in range(low.harness_threads):
        reg, pos = low.temp(v.INT), low.where(node)[0]
        low.out.append(Load(reg, Const(Ptr(THREAD_OVER, 4 * number)), ACQUIRE, pos, f"thread {number} has ended", ctype=v.INT))
        result = Binary("&&", result, Reg(reg), v.INT)
    return low.stable(Val(result, v.INT), node)


def _may_queue(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__smpcheck_may_queue(id)``: what a work's function queues other than itself is not followed."""
    if low.runs is not None:
        given = low.stable(low.value(args[0]), node)
        bound = "what is left for later by something that was left for later, other than itself, is not followed"
        pos = low.where(node)[0]
        low.findings.assumed[f"{pos}: {bound}"] = None
        low.out.append(If(low.fold("!=", given.expr, Const(low.runs), v.INT), (followed_no_further(bound, pos),), (), pos))
    return Val(Const(0), VOID)


def _run(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__smpcheck_run_deferred(id, object)``: call the function for the work, if that still is what was initialised.
    ``object`` is looked at where its address is not known."""
    number = low.value(args[0]).expr
    one = next(one for one in low.deferred if Const(one.id) == number)
    function = low.functions.get(one.name)
    if function is None or function.body is None:
        low.refuse(f"{one.name}(), which is left for later, has no body: define it in the harness", low.at(one.node))
    reg, (pos, text) = low.temp(v.INT), low.where(node)
    work = low.stable(low.value(args[1]) if one.object is None else one.object, node).expr
    low.out.append(Load(reg, work, frozenset(), pos, text, ctype=v.INT))
    said = f"{one.name}() is run for what was freed, or initialised again"
    low.out.append(Assert(low.fold("==", Reg(reg), number, v.INT), "bad-call", said, pos))
    low.inline(function, node, [Val(work, low.kinds.layout(function.params[0].type))] if function.params else [])
    return Val(Const(0), VOID)


def run(low: TreeLowering, one: Deferred) -> None:
    """What the thread does that runs it."""
    low.runs = one.id
    low.calls = [one.shown]  # as in a function that calls it: the thread does not end where it returns
    low.inline(low.functions[one.runner], one.node, [Val(Const(one.id), v.INT)])
    pos = low.where(one.node)[0]
    low.out.append(Store(Const(Ptr(DEFERRED_OVER, 4 * one.id)), Const(1), RELEASE, pos, f"{one.shown} is over", ctype=v.INT))


def end_of_thread(number: int, pos: Position) -> Store:
    """What a thread of the harness does last."""
    return Store(Const(Ptr(THREAD_OVER, 4 * number)), Const(1), RELEASE, pos, "the end of the thread", ctype=v.INT)


def all_over(deferred: Sequence[Deferred], pos: Position) -> tuple[list[Stmt], dict[str, v.CType]]:
    """What a thread that runs after all others waits for, and its registers."""
    found: list[Stmt] = []
    for one in deferred:
        reg = f"over {one.id}"
        found.append(Load(reg, Const(Ptr(DEFERRED_OVER, 4 * one.id)), ACQUIRE, pos, f"{one.shown} is over", ctype=v.INT))
        found.append(Assume(Reg(reg), pos))
    return found, {f"over {one.id}": v.INT for one in deferred}


def cells(deferred: Sequence[Deferred], threads: int) -> dict[Ptr, Cell]:
    """The memory that this needs."""
    found = {Ptr(THREAD_OVER, 4 * number): Cell(f"{THREAD_OVER}[{number}]") for number in range(threads if deferred else 0)}
    return found | {Ptr(DEFERRED_OVER, 4 * one.id): Cell(f"{one.shown} is over") for one in deferred}
