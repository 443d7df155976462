"""The forms of primitives' definitions, and what they mean in events.

Each function lowers one form (see :mod:`smpcheck.kernel.table` for the list). Full order is a fence on either side; an
operation that does not take place is an unordered read (Documentation/atomic_t.txt), but see :data:`ORDERS`. Results are
computed from the value read, so that dependencies through them exist.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from smpcheck.errors import BeyondReaderError
from smpcheck.program.ir import Assert, Assume, Binary, Const, Fence, If, Load, Reg, Rmw, Store
from smpcheck.program.values import POINTER
from smpcheck.readers import ctree as c
from smpcheck.readers.cexpr import NO_TAGS
from smpcheck.readers.cvalues import Local, Place, Scope, Val
from smpcheck.readers.deffile import OPERATORS, form_name
from smpcheck.readers.layout import VOID, Pointer, scalar_type
from smpcheck.readers.source import shorten

if TYPE_CHECKING:
    from smpcheck.program.ir import Expr
    from smpcheck.readers.lower import Lowering

Form: TypeAlias = "Callable[[Lowering, c.Call], Val]"
Tags2: TypeAlias = "tuple[frozenset[str], frozenset[str]]"
"""The tags of an operation's read, and of its write."""

MB = frozenset({"Mb"})
FAILED = frozenset({"Once", "RMW"})
"""The read of an operation that does not take place: unordered, but ``smp_mb__before_atomic()`` and ``smp_mb__after_atomic()``
order it as they do one that does (Documentation/atomic_t.txt; the kernel's litmus tests cmpxchg-fail-ordered-1 and -2)."""
Order: TypeAlias = "tuple[frozenset[str], frozenset[str], bool]"

ORDERS: dict[str, Order] = {
    "mb": (frozenset({"Once", "RMW"}), frozenset({"Once", "RMW"}), True),
    "once": (frozenset({"Once", "RMW"}), frozenset({"Once", "RMW"}), False),
    "acquire": (frozenset({"Acquire", "RMW"}), frozenset({"Once", "RMW"}), False),
    "release": (frozenset({"Once", "RMW"}), frozenset({"Release", "RMW"}), False),
    "noreturn": (frozenset({"Noreturn", "RMW"}), frozenset({"Once", "RMW"}), False),
}
"""Ordering of an atomic operation: tags of its read, tags of its write, and whether full fences surround it."""

ORDERS |= {
    order.upper(): (read | {order.upper()}, write | {order.upper()}, False) for order, (read, write, _) in tuple(ORDERS.items())
}
"""In the models of Linux 6.15 and later (herd7's variant ``lkmmv2``) tags are in capitals: every event of an operation has the
one that was written, also where it fails, and the model says which of them order something. Fences are not added."""

_TAGS: dict[str, frozenset[str]] = {}


def tags(name: str) -> frozenset[str]:
    """The tag set of a form's annotation: ``acquire`` is {Acquire}, none is plain. ``ACQUIRE`` is {Acquire, ACQUIRE}."""
    found = _TAGS.get(name)
    if found is None:
        found = _TAGS[name] = frozenset({name[:1].upper() + name[1:]}) if name else NO_TAGS
        if name.isupper():
            found = _TAGS[name] = found | {name.capitalize()}
    return found


def find(name: str) -> Form | None:
    """The form that ``name`` (encoded by :mod:`smpcheck.readers.deffile`) calls, or None if it is not a form."""
    if name in _FOUND:
        return _FOUND[name]
    split = form_name(name)
    form: Form | None = None
    if split is not None and split[0] in FORMS:
        form = FORMS[split[0]](split[1])
    _FOUND[name] = form
    return form


_FOUND: dict[str, Form | None] = {}


def unknown_function(low: Lowering, node: c.Call) -> NoReturn:
    """Refuse a call to a function that nothing defines."""
    from smpcheck.kernel.table import REFUSED
    from smpcheck.readers.primitives import builtin_definitions

    if node.name in REFUSED:
        low.refuse(f"{node.name}() is not supported: {REFUSED[node.name]}", low.at(node))
    if node.name in builtin_definitions().names():
        low.refuse(f"{node.name}() is not supported by {low.definitions.file}: the model has no such event", low.at(node))
    close = difflib.get_close_matches(node.name, builtin_definitions().names() | low.unit.functions.keys(), 1, 0.85)
    hint = f"; did you mean {close[0]}()?" if close else ""
    raise BeyondReaderError(f"unknown function {node.name}(){hint}", low.source.pos(low.at(node)))


# --- places and orders -----------------------------------------------------------------------------------------------


def _place(low: Lowering, node: c.CExpr) -> Place:
    place = low.lvalue(node)
    if isinstance(place, Local):
        low.wrong(f"'{shorten(low.where(node)[1])}' accesses a local variable, which no other thread can see", low.at(node))
    return place


def _target(low: Lowering, node: c.CExpr) -> Place:
    """The location that the pointer ``node`` points to."""
    return _place(low, c.Un("*", node, node.at, node.end))


def _order(low: Lowering, order: str, node: c.Call) -> Order:
    found = ORDERS.get(order)
    if found is None:
        low.refuse(f"the ordering {{{order}}} of an atomic operation is not supported", low.at(node))
    return found


def _read_modify_write(
    low: Lowering,
    node: c.Call,
    order: str,
    place: Place,
    new: Callable[[Val], Expr],
    when: Callable[[Val], Expr] | None = None,
) -> Val:
    """The operation: ``new`` and ``when`` are given the value read; the result is that value."""
    read, write, fenced = _order(low, order, node)
    unordered = FAILED | {order} if order.isupper() else FAILED
    ctype = scalar_type(place.type)
    reg = low.temp(ctype)
    old = Val(Reg(reg), place.type)
    pos, text = low.where(node)
    condition = when(old) if when else None

    def success() -> None:
        low.access(place.addr, ctype, low.at(node))
        if fenced:
            low.out.append(Fence(MB, pos=pos, text=text, primitive=low.primitive))
        low.out.append(Rmw(reg, place.addr, new(old), read, write, condition, False, pos, text, low.primitive, ctype=ctype))
        if fenced:
            low.out.append(Fence(MB, pos=pos, text=text, primitive=low.primitive))

    if condition is None:
        success()
    else:
        low.choice(success, _failure(low, node, place, reg, unordered, low.fold_unary("!", condition, low.int)), pos)
    return old


def _failure(low: Lowering, node: c.Call, place: Place, reg: str, tags: frozenset[str], cond: Expr) -> Callable[[], None]:
    """The side of a conditional operation that does not take place: it reads, and finds that ``cond`` holds."""
    pos, text = low.where(node)

    def failure() -> None:
        ctype = scalar_type(place.type)
        low.access(place.addr, ctype, low.at(node))
        low.out.append(Load(reg, place.addr, tags, pos, text, ctype=ctype))
        low.out.append(Assume(cond, pos))

    return failure


# --- forms -----------------------------------------------------------------------------------------------------------


def _load(tag: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _place(low, node.args[0])
        if tag == "srcu-lock":
            place = Place(place.addr, low.int)
        return low.load(place, tags(tag), node)

    return lower


def _store(tag: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place, value = low.unordered(node, lambda: _place(low, node.args[0]), lambda: low.value(node.args[1]), arguments=True)
        assert isinstance(place, Place) and isinstance(value, Val)
        low.store(place, value, tags(tag), node)
        return Val(Const(0), VOID)

    return lower


def _fence(tag: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        pos, text = low.where(node)
        low.out.append(Fence(tags(tag), pos=pos, text=text, primitive=low.primitive))
        return Val(Const(0), VOID)

    return lower


def _srcu(tag: str) -> Form:
    """The SRCU events of 6.1's definitions, which are not accesses. herd7 7.58 numbers the cookies as here (its CSem)."""

    def lower(low: Lowering, node: c.Call) -> Val:
        place = _target(low, node.args[0])
        value = low.value(node.args[1]).expr if len(node.args) > 1 else None
        low.access(place.addr, scalar_type(place.type), low.at(node))
        pos, text = low.where(node)
        result = Val(Const(0), VOID)
        if tag == "srcu-lock":
            cookie = Const((low.index + 1) * 307 + low.steps * 599)
            value, result = cookie, Val(cookie, low.int)
        low.out.append(Fence(tags(tag), place.addr, value, pos, text, low.primitive))
        return result

    return lower


def _xchg(order: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _target(low, node.args[0])
        value = low.value(node.args[1])
        return _read_modify_write(low, node, order, place, lambda _: low.convert(value, place.type, node))

    return lower


def _cmpxchg(order: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _target(low, node.args[0])
        expected = Val(low.convert(low.value(node.args[1]), place.type, node), place.type)
        value = low.convert(low.value(node.args[2]), place.type, node)
        return _read_modify_write(
            low, node, order, place, lambda _: value, lambda old: low.operate("==", old, expected, node).expr
        )

    return lower


def _try_cmpxchg(order: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _target(low, node.args[0])
        holder = low.lvalue(c.Un("*", node.args[1], node.args[1].at, node.args[1].end))
        given = low.load(holder, NO_TAGS, node)
        expected = low.stable(Val(low.convert(given, place.type, node), place.type), node)
        value = low.convert(low.value(node.args[2]), place.type, node)
        old = _read_modify_write(
            low, node, order, place, lambda _: value, lambda old: low.operate("==", old, expected, node).expr
        )
        succeeded = low.operate("==", old, expected, node)
        if isinstance(holder, Local):  # where it succeeded, old == expected
            low.assign(holder, old, node)
        else:
            with low.collect() as fail:
                low.store(holder, old, NO_TAGS, node)
            pos, text = low.where(node)
            low.out.append(If(succeeded.expr, (), tuple(fail), pos, text))
        return succeeded

    return lower


def _arithmetic(result: str) -> Callable[[str], Form]:
    def with_order(order: str) -> Form:
        def lower(low: Lowering, node: c.Call) -> Val:
            pointer, operator, operand = node.args
            op = OPERATORS.get(operator.name, "") if isinstance(operator, c.Name) else ""
            if not op:
                low.wrong("an operator expected as second argument of this form", low.at(node))
            place = _target(low, pointer)
            value = low.value(operand)

            def new(old: Val) -> Expr:
                other = value
                if op == "&~":
                    ctype = scalar_type(place.type)
                    other = Val(low.fold_unary("~", low.convert(value, place.type, node), ctype), place.type)
                return low.convert(low.operate(op[0], old, other, node), place.type, node)

            old = _read_modify_write(low, node, order or "noreturn", place, new)
            return Val(new(old), place.type) if result == "new" else old

        return lower

    return with_order


def _add_unless(order: str) -> Form:
    """herd7's ``__atomic_add_unless(X, A, U)``: true if the addition took place."""

    def lower(low: Lowering, node: c.Call) -> Val:
        place = _target(low, node.args[0])
        addend, unless = low.value(node.args[1]), low.value(node.args[2])
        old = _read_modify_write(
            low,
            node,
            order or "mb",
            place,
            lambda old: low.convert(low.operate("+", old, addend, node), place.type, node),
            lambda old: low.operate("!=", old, unless, node).expr,
        )
        return low.operate("!=", old, unless, node)

    return lower


def _seeing(low: Lowering, old: Val, expr: c.CExpr) -> Val:
    """``expr``, in which ``old`` is the value that an operation read."""
    outer = low.scope
    low.scope = Scope(outer)
    low.scope.names["old"] = old
    value = low.value(expr)
    low.scope = outer
    return value


def _rmw(order: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _place(low, node.args[0])

        def new(old: Val) -> Expr:
            return low.convert(_seeing(low, old, node.args[1]), place.type, node)

        def when(old: Val) -> Expr:
            return _seeing(low, old, node.args[2]).expr

        old = _read_modify_write(low, node, order, place, new, when if len(node.args) > 2 else None)
        return _seeing(low, old, node.args[3]) if len(node.args) > 3 else old

    return lower


def _cond_load(tag: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _place(low, node.args[0])
        value: list[Val] = []

        def holds() -> Expr:
            value[:] = [low.stable(low.load(place, tags(tag), node), node)]
            return low.condition(node.args[1], value[0])

        low.wait_until(holds, node)
        return value[0]

    return lower


LOCK_READ, LOCK_WRITE, LOCK_FAILED = frozenset({"LKR", "Acquire"}), frozenset({"LKW"}), frozenset({"LF"})
UNLOCK = frozenset({"UL", "Release"})
ACQUIRE_RMW, ONCE_RMW, RELEASE_RMW = ORDERS["acquire"][0], ORDERS["acquire"][1], ORDERS["release"][1]
RELEASE = frozenset({"Release"})
SPIN, SLEEP = "spin", "sleep"
"""What waiting for a lock does; nothing that sleeps may happen while a spinning one is held."""
EVENT = "event"
"""What is waited for, asleep, is no lock: who has waited for it holds nothing."""


def _waiting(low: Lowering, node: c.Call, place: Place, new: Expr, when: Expr, reg: str, how: Tags2, kind: str) -> None:
    """Take a lock when it is free."""
    pos, text = low.where(node)
    low.waits_for(place, SLEEP if kind == EVENT else kind, node)
    ctype = scalar_type(place.type)
    low.access(place.addr, ctype, low.at(node))
    low.out.append(Rmw(reg, place.addr, new, *how, when, True, pos, text, low.primitive, ctype=ctype))
    if kind != EVENT:
        low.acquired(place, kind)


def _trying(
    low: Lowering, node: c.Call, place: Place, new: Expr, when: Expr, reg: str, how: Tags2, failed: frozenset[str], kind: str
) -> Val:
    """Take a lock if it is free, or find that it is not; the value is whether it was."""
    pos, text = low.where(node)

    def success() -> None:
        ctype = scalar_type(place.type)
        low.access(place.addr, ctype, low.at(node))
        low.out.append(Rmw(reg, place.addr, new, *how, when, False, pos, text, low.primitive, ctype=ctype))
        if kind != EVENT:
            low.acquired(place, kind)

    low.choice(success, _failure(low, node, place, reg, failed, low.fold_unary("!", when, low.int)), pos)
    return Val(low.as_bool(when), low.int)


def _lock(_: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _target(low, node.args[0])
        reg = low.temp(low.int)
        free = Binary("==", Reg(reg), Const(0), low.int)
        _waiting(low, node, place, Const(1), free, reg, (LOCK_READ, LOCK_WRITE), SPIN)
        return Val(Const(0), VOID)

    return lower


def _trylock(_: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _target(low, node.args[0])
        reg = low.temp(low.int)
        free = Binary("==", Reg(reg), Const(0), low.int)
        return _trying(low, node, place, Const(1), free, reg, (LOCK_READ, LOCK_WRITE), LOCK_FAILED, SPIN)

    return lower


def _unlock(_: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        return _released(low, node, _target(low, node.args[0]), Const(0), UNLOCK, True)

    return lower


def _released(low: Lowering, node: c.Call, place: Place, value: Expr, how: frozenset[str], wholly: bool) -> Val:
    """Give a lock back by a store; ``wholly``: it is not held any more."""
    pos, text = low.where(node)
    ctype = scalar_type(place.type)
    low.access(place.addr, ctype, low.at(node))
    low.out.append(Store(place.addr, value, how, pos, text, ctype=ctype))
    if wholly:
        low.released(place)
    return Val(Const(0), VOID)


def _take(tries: bool) -> Callable[[str], Form]:
    def with_kind(kind: str) -> Form:
        def lower(low: Lowering, node: c.Call) -> Val:
            place = _place(low, node.args[0])
            reg = low.temp(place.type)
            old = Val(Reg(reg), place.type)
            new = low.convert(_seeing(low, old, node.args[1]), place.type, node)
            when = _seeing(low, old, node.args[2]).expr
            how = ACQUIRE_RMW, ONCE_RMW
            if tries:
                return _trying(low, node, place, new, when, reg, how, FAILED, kind)
            _waiting(low, node, place, new, when, reg, how, kind)
            return Val(Const(0), VOID)

        return lower

    return with_kind


def _give(wholly: bool) -> Callable[[str], Form]:
    def with_tag(_: str) -> Form:
        def lower(low: Lowering, node: c.Call) -> Val:
            place = _place(low, node.args[0])
            value = low.convert(low.value(node.args[1]), place.type, node)
            return _released(low, node, place, value, RELEASE, wholly)

        return lower

    return with_tag


def _give_back(kind: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _place(low, node.args[0])
        _read_modify_write(
            low, node, "release", place, lambda old: low.convert(_seeing(low, old, node.args[1]), place.type, node)
        )
        if kind != EVENT:
            low.released(place)
        return Val(Const(0), VOID)

    return lower


def _islocked(_: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        place = _target(low, node.args[0])
        reg = low.temp(low.int)
        pos, text = low.where(node)

        def seen(tag: str, value: int) -> Callable[[], None]:
            def side() -> None:
                low.access(place.addr, low.int, low.at(node))
                low.out.append(Load(reg, place.addr, frozenset({tag}), pos, text, ctype=low.int))
                low.out.append(Assume(Binary("==", Reg(reg), Const(value), low.int), pos))

            return side

        low.choice(seen("RL", 1), seen("RU", 0), pos)
        return Val(Reg(reg), low.int)

    return lower


def _section(entering: bool) -> Callable[[str], Form]:
    def with_name(name: str) -> Form:
        def lower(low: Lowering, node: c.Call) -> Val:
            low.section(name, entering)
            return Val(Const(0), VOID)

        return lower

    return with_name


def _sleeps(_: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        low.may_sleep(node)
        return Val(Const(0), VOID)

    return lower


def _assert(_: str) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        pos, text = low.where(node)
        low.out.append(Assert(low.truth(low.value(node.args[0]), node.args[0]), text, text, pos))
        return Val(Const(0), VOID)

    return lower


def _cpu(_: str) -> Form:
    return lambda low, node: Val(Const(low.index), low.int)


FORMS: dict[str, Callable[[str], Form]] = {
    "__load": _load,
    "__store": _store,
    "__fence": _fence,
    "__srcu": _srcu,
    "__xchg": _xchg,
    "__cmpxchg": _cmpxchg,
    "__try_cmpxchg": _try_cmpxchg,
    "__atomic_op": _arithmetic("none"),
    "__atomic_op_return": _arithmetic("new"),
    "__atomic_fetch_op": _arithmetic("old"),
    "__atomic_add_unless": _add_unless,
    "__rmw": _rmw,
    "__cond_load": _cond_load,
    "__take": _take(False),
    "__try_take": _take(True),
    "__give": _give(True),
    "__pass_on": _give(False),
    "__give_back": _give_back,
    "__enter": _section(True),
    "__leave": _section(False),
    "__sleeps": _sleeps,
    "__assert": _assert,
    "__cpu": _cpu,
    "__lock": _lock,
    "__unlock": _unlock,
    "__trylock": _trylock,
    "__islocked": _islocked,
}


# --- what only looks like a function --------------------------------------------------------------------------------


def _container_of(low: Lowering, node: c.Call) -> Val:
    if len(node.args) != 3 or not isinstance(node.args[1], c.Name) or not isinstance(node.args[2], c.Name):
        low.wrong(f"{node.name}(pointer, struct type, member) expected", low.at(node))
    type_name, member = node.args[1].name, node.args[2].name
    type_ = low.types.lookup(("struct", type_name)) or low.types.lookup((type_name,))
    fields = getattr(type_, "fields", None)
    if type_ is None or fields is None or member not in fields:
        low.wrong(f"{node.name}: no struct '{type_name}' with a member '{member}'", low.at(node))
    pointer = low.value(node.args[0])
    moved = low.fold("-", pointer.expr, Const(fields[member][0]), POINTER) if fields[member][0] else pointer.expr
    return Val(moved, Pointer(type_))


def _bytes(count: int, form: Form) -> Form:
    def lower(low: Lowering, node: c.Call) -> Val:
        if len(node.args) != count:
            low.wrong(f"{node.name}() takes {count} arguments, not {len(node.args)}", low.at(node))
        return form(low, node)

    return lower


SPECIAL: dict[str, Form] = {
    "container_of": _container_of,
    "list_entry": _container_of,
    "memcpy": _bytes(3, lambda low, node: low.copy_bytes(node, False)),
    "memmove": _bytes(3, lambda low, node: low.copy_bytes(node, True)),
    "memset": _bytes(3, lambda low, node: low.fill_bytes(node)),
}
