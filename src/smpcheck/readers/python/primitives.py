"""What each kernel primitive means as events: one table.

Sources: the kernel's Documentation/atomic_t.txt, atomic_bitops.txt and memory-barriers.txt for orderings, and
tools/memory-model/linux-kernel.def for how the kernel's own model writes them as tagged events. In short: a read-modify-write
that returns no value has no ordering; one that returns a value is fully ordered unless its suffix says otherwise; a conditional
one that fails has no ordering; locks are acquire and release.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.kernel.layout import Constant, Flags, Scalar
from smpcheck.kernel.types import CellType, atomic_long_t, atomic_t, mutex, rw_semaphore, spinlock_t
from smpcheck.program import ir, values
from smpcheck.program.ir import Position
from smpcheck.program.values import CType
from smpcheck.readers.python.typed import (
    Place,
    RValue,
    arithmetic,
    convert,
    ctype_of,
    fold,
    fold_unary,
    to_ctype,
)

Tags = frozenset[str]
PLAIN: Tags = frozenset()
ONCE: Tags = frozenset({"Once"})
ACQUIRE: Tags = frozenset({"Acquire"})
RELEASE: Tags = frozenset({"Release"})
NORETURN: Tags = frozenset({"Noreturn"})
RMW: Tags = frozenset({"RMW"})
ACQ_RMW: Tags = ACQUIRE | RMW

SPIN, SLEEP = "spin", "sleep"
"""What waiting for a lock does; nothing that sleeps may happen while a spinning one is held."""

RCU_SECTION = "rcu_read_lock"


@dataclass(frozen=True)
class Site:
    """A primitive in the source: its name, where it stands, and its text. ``mask``: which bits of a flag word are wanted."""

    name: str
    pos: Position
    text: str
    mask: int | None = None


class Emitter(Protocol):
    """What the table needs of the compiler."""

    def temp(self) -> str: ...
    def unique(self, name: str) -> str: ...
    def emit(self, stmt: ir.Stmt) -> None: ...
    def choice(self, then: Callable[[], None], other: Callable[[], None], pos: Position) -> None: ...
    def load(self, place: Place, tags: Tags, site: Site, mask: int | None = None) -> RValue: ...
    def store(self, place: Place, value: RValue, tags: Tags, site: Site) -> None: ...
    def touch(self, addr: ir.Expr, offset: int | None) -> None: ...
    def may_sleep(self, what: str, pos: Position) -> None: ...
    def waits_for(self, lock: str, kind: str, pos: Position) -> None: ...
    def acquired(self, lock: str, kind: str) -> None: ...
    def released(self, lock: str) -> None: ...


Args = tuple[Place | RValue, ...]


@dataclass(frozen=True)
class Primitive:
    """``params``: ``place`` or ``value`` for each argument. ``pure``: allowed in final checks, where it means the final value."""

    params: tuple[str, ...]
    meaning: Callable[[Emitter, Site, Args], RValue | None]
    pure: bool = False


# --- cells ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """The cell that an operation works on. ``class_of`` is its lock class if it is a lock."""

    addr: ir.Expr
    ctype: CType
    lock: str
    offset: int | None


def _cell(place: Place | RValue, cells: tuple[type[CellType], ...], site: Site) -> Target:
    """The cell of an atomic or a lock."""
    assert isinstance(place, Place)
    kind = place.type
    if not isinstance(kind, Scalar) or kind.cell not in cells:
        wanted = " or ".join(c.__name__ for c in cells)
        raise InputError(f"{site.name} works on {wanted}, but {place.label} is {kind}", site.pos)
    return Target(place.addr, kind.ctype, place.lock, place.offset)


def _word(place: Place | RValue, site: Site) -> Place:
    """A location that is read or written as a whole."""
    assert isinstance(place, Place)
    if isinstance(place.type, Constant):
        raise InputError(f"{site.name} of {place.label}, which is constant: read it by its name", site.pos)
    if isinstance(place.type, Scalar) and place.type.cell is not None:
        hint = "atomic_read and atomic_set" if place.type.cell in (atomic_t, atomic_long_t) else "its own operations"
        raise InputError(f"{site.name} of {place.label}, which is {place.type}: use {hint}", site.pos)
    return place


def _single(place: Place | RValue, site: Site) -> Target:
    """A location that is one cell."""
    word = _word(place, site)
    if isinstance(word.type, Flags) and word.type.separate:
        raise UnsupportedError(f"{site.name} of {word.label}, whose bits lie in separate cells: use bit operations", site.pos)
    return Target(word.addr, ctype_of(word.type), word.lock, word.offset)


def _bit(nr: Place | RValue, place: Place | RValue, site: Site) -> tuple[Target, ir.Expr]:
    """The cell that holds bit ``nr`` of a flag word or integer, and the mask of the bit in it."""
    assert isinstance(nr, RValue) and isinstance(place, Place)
    kind = place.type
    if not isinstance(kind, Flags) and not (isinstance(kind, Scalar) and kind.cell is None):
        raise InputError(f"{site.name} works on a flag word or an integer, but {place.label} is {kind}", site.pos)
    number = nr.const
    if isinstance(kind, Flags) and isinstance(number, int):
        names = {bit: name for name, bit in kind.word.bits.items()}
        if number not in names:
            raise InputError(f"{place.label} has no bit {number}; its bits: {kind.word.bits}", site.pos)
        lock = f"{place.lock}:{names[number]}"
    else:
        lock = f"{place.lock}:{number if number is not None else '?'}"
    if isinstance(kind, Flags) and kind.separate:
        low = arithmetic("&", nr, RValue(ir.Const(7), nr.type), site.pos)
        byte = arithmetic(">>", nr, RValue(ir.Const(3), nr.type), site.pos)
        wide = to_ctype(byte.expr, ctype_of(byte.type), values.LONG)
        addr = fold("+", place.addr, wide, values.POINTER)
        offset = place.offset + number // 8 if isinstance(number, int) and place.offset is not None else None
        mask = fold("<<", ir.Const(1), low.expr, values.INT)
        return Target(addr, values.UCHAR, lock, offset), mask
    ctype = ctype_of(kind)
    if isinstance(number, int) and not 0 <= number < ctype.bits:
        raise InputError(f"{place.label} has no bit {number}", site.pos)
    return Target(place.addr, ctype, lock, place.offset), fold("<<", ir.Const(1), nr.expr, ctype)


# --- building blocks --------------------------------------------------------------------------------------------------


def _fence(e: Emitter, tag: str, site: Site) -> None:
    e.emit(ir.Fence(frozenset({tag}), pos=site.pos, text=site.text))


_ORDERS: dict[str, tuple[Tags, Tags, bool]] = {
    "": (ONCE, ONCE, True),
    "_relaxed": (ONCE, ONCE, False),
    "_acquire": (ACQUIRE, ONCE, False),
    "_release": (ONCE, RELEASE, False),
    "none": (NORETURN, ONCE, False),
    "plain": (PLAIN, PLAIN, False),
}
"""Tags of the read, tags of the write, and whether full barriers stand around the operation."""

Update = Callable[[ir.Expr], ir.Expr]


def _rmw(e: Emitter, target: Target, new: Update, order: str, site: Site, when: Update | None = None, old: str = "") -> ir.Expr:
    """An atomic read-modify-write; returns the old value."""
    read, write, full = _ORDERS[order]
    old = old or e.temp()
    e.touch(target.addr, target.offset)
    if full:
        _fence(e, "Mb", site)
    reg = ir.Reg(old)
    condition = when(reg) if when else None
    e.emit(ir.Rmw(old, target.addr, new(reg), read | RMW, write | RMW, condition, False, site.pos, site.text))
    if full:
        _fence(e, "Mb", site)
    return reg


def _conditional(e: Emitter, target: Target, new: Update, succeeds: Update, order: str, site: Site) -> ir.Expr:
    """A read-modify-write that only takes place where ``succeeds(old)``, else one unordered read. Returns the old value."""
    old = e.temp()
    reg = ir.Reg(old)

    def success() -> None:
        _rmw(e, target, new, order, site, succeeds, old)

    def failure() -> None:
        e.touch(target.addr, target.offset)
        e.emit(ir.Load(old, target.addr, ONCE | RMW, site.pos, site.text))
        e.emit(ir.Assume(fold_unary("!", succeeds(reg), values.INT), site.pos))

    e.choice(success, failure, site.pos)
    return reg


# --- accesses and barriers --------------------------------------------------------------------------------------------


def _load(tags: Tags) -> Primitive:
    return Primitive(("place",), lambda e, s, a: e.load(_word(a[0], s), tags, s, s.mask), pure=True)


def _store(tags: Tags, fence: str = "") -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> None:
        place, value = _word(a[0], s), a[1]
        assert isinstance(value, RValue)
        e.store(place, convert(value, place.type, s.pos, place.label), tags, s)
        if fence:
            _fence(e, fence, s)

    return Primitive(("place", "value"), meaning)


def _barrier(tag: str) -> Primitive:
    return Primitive((), lambda e, s, a: _fence(e, tag, s))


def _synchronize_rcu(e: Emitter, s: Site, a: Args) -> None:
    e.may_sleep("synchronize_rcu", s.pos)
    _fence(e, "Sync-rcu", s)


def _rcu_side(tag: str, entering: bool) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> None:
        _fence(e, tag, s)
        if entering:
            e.acquired(RCU_SECTION, SPIN)
        else:
            e.released(RCU_SECTION)

    return Primitive((), meaning)


# --- bits -------------------------------------------------------------------------------------------------------------


def _with_mask(op: str, mask: ir.Expr, ctype: CType) -> Update:
    """``old | mask``, ``old & ~mask`` or ``old ^ mask``."""
    if op == "&~":
        inverse = fold_unary("~", mask, ctype)
        inverse = ir.Const(ctype.wrap(inverse.value)) if isinstance(inverse, ir.Const) else inverse
        return lambda old: fold("&", old, inverse, ctype)
    return lambda old: fold(op, old, mask, ctype)


def _is_set(old: ir.Expr, mask: ir.Expr, ctype: CType) -> ir.Expr:
    return fold("!=", fold("&", old, mask, ctype), ir.Const(0), ctype)


def _test_bit(e: Emitter, s: Site, a: Args) -> RValue:
    target, mask = _bit(a[0], a[1], s)
    cell = Place(target.addr, Scalar(target.ctype), s.text, offset=target.offset)
    word = e.load(cell, ONCE, s)
    return RValue(_is_set(word.expr, mask, target.ctype), Scalar(values.INT))


def _bit_op(op: str, order: str, returns: bool) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> RValue | None:
        target, mask = _bit(a[0], a[1], s)
        old = _rmw(e, target, _with_mask(op, mask, target.ctype), order, s)
        return RValue(_is_set(old, mask, target.ctype), Scalar(values.INT)) if returns else None

    return Primitive(("value", "place"), meaning)


def _plain_bit_op(op: str, returns: bool) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> RValue | None:
        target, mask = _bit(a[0], a[1], s)
        cell = Place(target.addr, Scalar(target.ctype), s.text, offset=target.offset)
        old = e.load(cell, PLAIN, s)
        new = RValue(_with_mask(op, mask, target.ctype)(old.expr), cell.type)
        e.store(cell, new, PLAIN, s)
        return RValue(_is_set(old.expr, mask, target.ctype), Scalar(values.INT)) if returns else None

    return Primitive(("value", "place"), meaning)


def _bit_lock(waits: bool, kind: str) -> Primitive:
    """``wait_on_bit_lock`` and ``bit_spin_lock`` (waiting), ``test_and_set_bit_lock`` (not: returns the old bit)."""

    def meaning(e: Emitter, s: Site, a: Args) -> RValue | None:
        target, mask = _bit(a[0], a[1], s)
        ctype = target.ctype
        taken = _with_mask("|", mask, ctype)

        def busy(old: ir.Expr) -> ir.Expr:
            return _is_set(old, mask, ctype)

        if waits:
            _wait(e, target, taken, lambda old: fold_unary("!", busy(old), values.INT), ACQ_RMW, ONCE | RMW, kind, s)
            return None
        return _try(e, target, taken, busy, ACQ_RMW, ONCE | RMW, ONCE | RMW, kind, s, 0, 1)

    return Primitive(("value", "place"), meaning)


def _bit_unlock(e: Emitter, s: Site, a: Args) -> None:
    target, mask = _bit(a[0], a[1], s)
    _rmw(e, target, _with_mask("&~", mask, target.ctype), "_release", s)
    e.released(target.lock)


# --- locks ------------------------------------------------------------------------------------------------------------


def _wait(e: Emitter, target: Target, new: Update, when: Update, read: Tags, write: Tags, kind: str, site: Site) -> None:
    old = e.temp()
    reg = ir.Reg(old)
    e.waits_for(target.lock, kind, site.pos)
    e.touch(target.addr, target.offset)
    e.emit(ir.Rmw(old, target.addr, new(reg), read, write, when(reg), True, site.pos, site.text))
    e.acquired(target.lock, kind)


def _try(
    e: Emitter,
    target: Target,
    new: Update,
    busy: Update,
    read: Tags,
    write: Tags,
    failed: Tags,
    kind: str,
    s: Site,
    taken: int = 1,
    not_taken: int = 0,
) -> RValue:
    """A lock attempt: a read-modify-write where not ``busy(old)``, else a read. The value is ``taken`` or ``not_taken``."""
    got, old = e.unique("taken"), e.temp()
    reg = ir.Reg(old)

    def success() -> None:
        e.touch(target.addr, target.offset)
        free = fold_unary("!", busy(reg), values.INT)
        e.emit(ir.Rmw(old, target.addr, new(reg), read, write, free, False, s.pos, s.text))
        e.acquired(target.lock, kind)
        e.emit(ir.Assign(got, ir.Const(taken), s.pos))

    def failure() -> None:
        e.touch(target.addr, target.offset)
        e.emit(ir.Load(old, target.addr, failed, s.pos, s.text))
        e.emit(ir.Assume(busy(reg), s.pos))
        e.emit(ir.Assign(got, ir.Const(not_taken), s.pos))

    e.choice(success, failure, s.pos)
    return RValue(ir.Reg(got), Scalar(values.BOOL))


def _equals(number: int) -> Update:
    return lambda old: fold("==", old, ir.Const(number), values.INT)


def _to(number: int) -> Update:
    return lambda old: ir.Const(number)


def _plus(number: int) -> Update:
    return lambda old: fold("+", old, ir.Const(number), values.INT)


@dataclass(frozen=True)
class _LockKind:
    """How a kind of lock is taken: the cell's new value, when it is free, the tags of the events, and whether waiting sleeps."""

    cell: type[CellType]
    new: Update
    free: Update
    read: Tags
    write: Tags
    failed: Tags
    kind: str


_LKR, _LKW, _LF, _UL = frozenset({"LKR", "Acquire"}), frozenset({"LKW"}), frozenset({"LF"}), frozenset({"UL", "Release"})
_SPINLOCK = _LockKind(spinlock_t, _to(1), _equals(0), _LKR, _LKW, _LF, SPIN)
_MUTEX = _LockKind(mutex, _to(1), _equals(0), ACQ_RMW, ONCE | RMW, ONCE | RMW, SLEEP)
_READER = _LockKind(
    rw_semaphore, _plus(1), lambda old: fold(">=", old, ir.Const(0), values.INT), ACQ_RMW, ONCE | RMW, ONCE | RMW, SLEEP
)
_WRITER = _LockKind(rw_semaphore, _to(-1), _equals(0), ACQ_RMW, ONCE | RMW, ONCE | RMW, SLEEP)


def _lock(how: _LockKind) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> None:
        _wait(e, _cell(a[0], (how.cell,), s), how.new, how.free, how.read, how.write, how.kind, s)

    return Primitive(("place",), meaning)


def _trylock(how: _LockKind) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> RValue:
        def busy(old: ir.Expr) -> ir.Expr:
            return fold_unary("!", how.free(old), values.INT)

        return _try(e, _cell(a[0], (how.cell,), s), how.new, busy, how.read, how.write, how.failed, how.kind, s)

    return Primitive(("place",), meaning)


def _unlock(cell: type[CellType], tags: Tags, value: int = 0, releases: bool = True) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> None:
        target = _cell(a[0], (cell,), s)
        e.touch(target.addr, target.offset)
        e.emit(ir.Store(target.addr, ir.Const(value), tags, s.pos, s.text))
        if releases:
            e.released(target.lock)

    return Primitive(("place",), meaning)


def _up_read(e: Emitter, s: Site, a: Args) -> None:
    target = _cell(a[0], (rw_semaphore,), s)
    _rmw(e, target, _plus(-1), "_release", s)
    e.released(target.lock)


def _is_locked(e: Emitter, s: Site, a: Args) -> RValue:
    target = _cell(a[0], (spinlock_t,), s)
    got, old = e.unique("taken"), e.temp()

    def side(tag: str, value: int) -> Callable[[], None]:
        def emit() -> None:
            e.touch(target.addr, target.offset)
            e.emit(ir.Load(old, target.addr, frozenset({tag}), s.pos, s.text))
            e.emit(ir.Assume(_equals(value)(ir.Reg(old)), s.pos))
            e.emit(ir.Assign(got, ir.Const(value), s.pos))

        return emit

    e.choice(side("RL", 1), side("RU", 0), s.pos)
    return RValue(ir.Reg(got), Scalar(values.BOOL))


# --- atomics ----------------------------------------------------------------------------------------------------------

_ATOMICS = (atomic_t, atomic_long_t)


def _operand(value: Place | RValue, target: Target) -> ir.Expr:
    assert isinstance(value, RValue)
    return to_ctype(value.expr, ctype_of(value.type), target.ctype)


def _apply(op: str, old: ir.Expr, operand: ir.Expr, ctype: CType) -> ir.Expr:
    if op == "andnot":
        return fold("&", old, fold_unary("~", operand, ctype), ctype)
    return fold(op, old, operand, ctype)


_ONE = RValue(ir.Const(1), Scalar(values.INT))


def _atomic(op: str, operand_given: bool, gives: str, order: str) -> Primitive:
    """``gives``: "" for nothing, ``old``, ``new``, ``zero`` (new == 0) or ``negative`` (new < 0)."""

    def meaning(e: Emitter, s: Site, a: Args) -> RValue | None:
        target = _cell(a[-1], _ATOMICS, s)
        amount = _operand(a[0] if operand_given else _ONE, target)
        old = _rmw(e, target, lambda reg: _apply(op, reg, amount, target.ctype), order, s)
        new = _apply(op, old, amount, target.ctype)
        if gives == "":
            return None
        if gives == "zero":
            return RValue(fold("==", new, ir.Const(0), target.ctype), Scalar(values.INT))
        if gives == "negative":
            return RValue(fold("<", new, ir.Const(0), target.ctype), Scalar(values.INT))
        return RValue(old if gives == "old" else new, Scalar(target.ctype))

    return Primitive(("value", "place") if operand_given else ("place",), meaning)


def _add_unless(e: Emitter, s: Site, place: Place | RValue, a: RValue, u: RValue) -> RValue:
    target = _cell(place, _ATOMICS, s)
    amount, unless = _operand(a, target), _operand(u, target)
    old = _conditional(
        e,
        target,
        lambda reg: fold("+", reg, amount, target.ctype),
        lambda reg: fold("!=", reg, unless, target.ctype),
        "",
        s,
    )
    return RValue(fold("!=", old, unless, target.ctype), Scalar(values.INT))


def _atomic_add_unless(e: Emitter, s: Site, a: Args) -> RValue:
    assert isinstance(a[1], RValue) and isinstance(a[2], RValue)
    return _add_unless(e, s, a[0], a[1], a[2])


def _atomic_dec_if_positive(e: Emitter, s: Site, a: Args) -> RValue:
    target = _cell(a[0], _ATOMICS, s)
    old = _conditional(
        e,
        target,
        lambda reg: fold("-", reg, ir.Const(1), target.ctype),
        lambda reg: fold(">", reg, ir.Const(0), target.ctype),
        "",
        s,
    )
    return RValue(fold("-", old, ir.Const(1), target.ctype), Scalar(target.ctype))


def _exchange(order: str, atomic: bool) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> RValue:
        target, place, new = _exchange_target(a[0], a[1], atomic, s)
        return RValue(_rmw(e, target, lambda reg: new.expr, order, s), place.type)

    return Primitive(("place", "value"), meaning)


def _compare_exchange(order: str, atomic: bool) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> RValue:
        target, place, new = _exchange_target(a[0], a[2], atomic, s)
        _, _, expected = _exchange_target(a[0], a[1], atomic, s)
        old = _conditional(e, target, lambda reg: new.expr, lambda reg: fold("==", reg, expected.expr, target.ctype), order, s)
        return RValue(old, place.type)

    return Primitive(("place", "value", "value"), meaning)


def _exchange_target(place: Place | RValue, value: Place | RValue, atomic: bool, s: Site) -> tuple[Target, Place, RValue]:
    """The cell, the location as something that can be read, and ``value`` converted to its type."""
    target = _cell(place, _ATOMICS, s) if atomic else _single(place, s)
    assert isinstance(place, Place) and isinstance(value, RValue)
    kind = Scalar(target.ctype) if atomic or isinstance(place.type, Flags) else place.type
    return target, Place(place.addr, kind, place.label), convert(value, kind, s.pos, place.label)


def _atomic_read(tags: Tags) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> RValue:
        target = _cell(a[0], _ATOMICS, s)
        return e.load(Place(target.addr, Scalar(target.ctype), s.text, offset=target.offset), tags, s)

    return Primitive(("place",), meaning, pure=True)


def _atomic_set(tags: Tags) -> Primitive:
    def meaning(e: Emitter, s: Site, a: Args) -> None:
        target = _cell(a[0], _ATOMICS, s)
        cell = Place(target.addr, Scalar(target.ctype), s.text, offset=target.offset)
        e.store(cell, RValue(_operand(a[1], target), cell.type), tags, s)

    return Primitive(("place", "value"), meaning)


# --- the table --------------------------------------------------------------------------------------------------------

PRIMITIVES: dict[str, Primitive] = {
    "READ_ONCE": _load(ONCE),
    "WRITE_ONCE": _store(ONCE),
    "smp_load_acquire": _load(ACQUIRE),
    "smp_store_release": _store(RELEASE),
    "smp_store_mb": _store(ONCE, "Mb"),
    "rcu_dereference": _load(ONCE),
    "rcu_assign_pointer": _store(RELEASE),
    "smp_mb": _barrier("Mb"),
    "smp_rmb": _barrier("Rmb"),
    "smp_wmb": _barrier("Wmb"),
    "barrier": _barrier("Barrier"),
    "smp_mb__before_atomic": _barrier("Before-atomic"),
    "smp_mb__after_atomic": _barrier("After-atomic"),
    "smp_mb__after_spinlock": _barrier("After-spinlock"),
    "smp_mb__after_unlock_lock": _barrier("After-unlock-lock"),
    "cpu_relax": Primitive((), lambda e, s, a: None),
    "rcu_read_lock": _rcu_side("Rcu-lock", True),
    "rcu_read_unlock": _rcu_side("Rcu-unlock", False),
    "synchronize_rcu": Primitive((), _synchronize_rcu),
    "test_bit": Primitive(("value", "place"), _test_bit, pure=True),
    "set_bit": _bit_op("|", "none", False),
    "clear_bit": _bit_op("&~", "none", False),
    "change_bit": _bit_op("^", "none", False),
    "test_and_set_bit": _bit_op("|", "", True),
    "test_and_clear_bit": _bit_op("&~", "", True),
    "test_and_change_bit": _bit_op("^", "", True),
    "__set_bit": _plain_bit_op("|", False),
    "__clear_bit": _plain_bit_op("&~", False),
    "__test_and_set_bit": _plain_bit_op("|", True),
    "__test_and_clear_bit": _plain_bit_op("&~", True),
    "wait_on_bit_lock": _bit_lock(True, SLEEP),
    "bit_spin_lock": _bit_lock(True, SPIN),
    "test_and_set_bit_lock": _bit_lock(False, SLEEP),
    "clear_bit_unlock": Primitive(("value", "place"), _bit_unlock),
    "bit_spin_unlock": Primitive(("value", "place"), _bit_unlock),
    "spin_lock": _lock(_SPINLOCK),
    "spin_trylock": _trylock(_SPINLOCK),
    "spin_unlock": _unlock(spinlock_t, _UL),
    "spin_is_locked": Primitive(("place",), _is_locked),
    "mutex_lock": _lock(_MUTEX),
    "mutex_trylock": _trylock(_MUTEX),
    "mutex_unlock": _unlock(mutex, RELEASE),
    "down_read": _lock(_READER),
    "down_read_trylock": _trylock(_READER),
    "up_read": Primitive(("place",), _up_read),
    "down_write": _lock(_WRITER),
    "down_write_trylock": _trylock(_WRITER),
    "up_write": _unlock(rw_semaphore, RELEASE),
    "downgrade_write": _unlock(rw_semaphore, RELEASE, value=1, releases=False),
    "atomic_read": _atomic_read(ONCE),
    "atomic_read_acquire": _atomic_read(ACQUIRE),
    "atomic_set": _atomic_set(ONCE),
    "atomic_set_release": _atomic_set(RELEASE),
    "atomic_dec_and_test": _atomic("-", False, "zero", ""),
    "atomic_inc_and_test": _atomic("+", False, "zero", ""),
    "atomic_sub_and_test": _atomic("-", True, "zero", ""),
    "atomic_add_negative": _atomic("+", True, "negative", ""),
    "atomic_inc_not_zero": Primitive(
        ("place",), lambda e, s, a: _add_unless(e, s, a[0], _ONE, RValue(ir.Const(0), Scalar(values.INT)))
    ),
    "atomic_add_unless": Primitive(("place", "value", "value"), _atomic_add_unless),
    "atomic_dec_if_positive": Primitive(("place",), _atomic_dec_if_positive),
}

for _suffix in ("", "_relaxed", "_acquire", "_release"):
    for _name, _op, _given in (("inc", "+", False), ("dec", "-", False), ("add", "+", True), ("sub", "-", True)):
        PRIMITIVES[f"atomic_{_name}_return{_suffix}"] = _atomic(_op, _given, "new", _suffix)
    for _name, _op in (("add", "+"), ("sub", "-"), ("and", "&"), ("or", "|"), ("xor", "^"), ("andnot", "andnot")):
        PRIMITIVES[f"atomic_fetch_{_name}{_suffix}"] = _atomic(_op, True, "old", _suffix)
    for _prefix, _is_atomic in (("", False), ("atomic_", True)):
        PRIMITIVES[f"{_prefix}xchg{_suffix}"] = _exchange(_suffix, _is_atomic)
        PRIMITIVES[f"{_prefix}cmpxchg{_suffix}"] = _compare_exchange(_suffix, _is_atomic)
for _name, _op in (("add", "+"), ("sub", "-"), ("and", "&"), ("or", "|"), ("xor", "^"), ("andnot", "andnot")):
    PRIMITIVES[f"atomic_{_name}"] = _atomic(_op, True, "", "none")
for _name, _op in (("inc", "+"), ("dec", "-")):
    PRIMITIVES[f"atomic_{_name}"] = _atomic(_op, False, "", "none")
