"""POWER: what each instruction does. Source: Power ISA 3.1, Book I, chapters 2 and 3, and Book II, chapter 4 (storage control).

``0(r2)`` is an address; ``lwzx r1,r2,r3`` adds two registers. A comparison sets ``cr0`` unless it names another field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.program.ir import Binary, Const, Expr, Unary
from smpcheck.program.values import LONG, ULONG, CType
from smpcheck.readers.asm import flags
from smpcheck.readers.asm.machine import (
    SIGNED,
    VIEW,
    WIDTH,
    Machine,
    Operand,
    OperandError,
    Register,
    Row,
    Thread,
    a_register,
    add,
    by_mnemonic,
    converted,
    integer,
    label,
    symbolic,
)

REGISTERS = "r0 to r31"
_REGISTER = re.compile(r"%?r(\d+)\Z", re.IGNORECASE)


def register(text: str) -> Register | None:
    """``r0`` to ``r31``."""
    match = _REGISTER.match(text)
    if match is None:
        return symbolic(text, {"": WIDTH})
    return Register(f"r{int(match[1])}", WIDTH, text) if int(match[1]) < 32 else None


R = a_register(register, REGISTERS)


def base(text: str) -> Register | None:
    """The first register of an indexed address, where ``0`` and ``r0`` are the number 0. :raises OperandError:"""
    if text == "0":
        return None
    found = R(text)
    return None if found.name == "r0" else found


def field(text: str) -> str:
    """``cr0`` to ``cr7``. :raises OperandError:"""
    if not re.match(r"cr[0-7]\Z", text, re.IGNORECASE):
        raise OperandError("a condition field (cr0 to cr7)")
    return text.lower()


class Address(Struct, frozen=True):
    """``offset(base)``."""

    offset: int
    base: Register | None

    def of(self, thread: Thread) -> Expr:
        """The address."""
        return indexed(thread, self.base, Const(self.offset))


def memory(text: str) -> Address:
    """``0(r2)``. :raises OperandError:"""
    match = re.match(r"(-?\w*)\s*\(\s*([\w%]+)\s*\)\Z", text)
    if match is None:
        raise OperandError("an address of the form 0(r2)")
    return Address(integer(match[1] or "0"), base(match[2]))


def indexed(thread: Thread, first: Register | None, second: Expr) -> Expr:
    """The sum of a register (or 0) and a distance."""
    return second if first is None else add(thread.read(first), second)


CR0 = "cr0"


def _load(size: int, signed: bool = False) -> Callable[..., None]:
    return lambda thread, target, place: thread.load(target, place.of(thread), size, signed=signed)


def _load_indexed(size: int, signed: bool = False) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, first: Register | None, second: Register) -> None:
        thread.load(target, indexed(thread, first, thread.read(second)), size, signed=signed)

    return emit


def _store(size: int) -> Callable[..., None]:
    return lambda thread, value, place: thread.store(place.of(thread), thread.read(value), size)


def _store_indexed(size: int) -> Callable[..., None]:
    def emit(thread: Thread, value: Register, first: Register | None, second: Register) -> None:
        thread.store(indexed(thread, first, thread.read(second)), thread.read(value), size)

    return emit


def _reserve(size: int) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, first: Register | None, second: Register) -> None:
        thread.load(target, indexed(thread, first, thread.read(second)), size, "EX")

    return emit


def _conditional(size: int) -> Callable[..., None]:
    """The store's success sets cr0 to equal."""

    def emit(thread: Thread, value: Register, first: Register | None, second: Register) -> None:
        status = Register(thread.temporary())
        place = indexed(thread, first, thread.read(second))
        thread.store_conditional(status, place, thread.read(value), size)
        flags.compare(thread, thread.read(status), Const(0), 8, CR0)

    return emit


def _binary(op: str, invert: bool = False, record: bool = False) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, left: Register, right: Register | int) -> None:
        second: Expr = Const(right) if isinstance(right, int) else thread.read(right)
        value = Binary(op, thread.read(left), second, LONG)
        thread.write(target, Unary("~", value, LONG) if invert else value)
        if record:
            flags.compare(thread, thread.read(target), Const(0), 8, CR0)

    return emit


def _subtract_from(thread: Thread, target: Register, right: Register, left: Register) -> None:
    thread.write(target, Binary("-", thread.read(left), thread.read(right), LONG))


def _add_immediate(by: int) -> Callable[..., None]:
    """addi and addis, where r0 as the first operand is the number 0."""

    def emit(thread: Thread, target: Register, left: Register | None, value: int) -> None:
        number = Const(value << by)
        thread.write(target, number if left is None else Binary("+", thread.read(left), number, LONG))

    return emit


def _extend(ctype: CType, record: bool = False) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, value: Register) -> None:
        thread.write(target, converted(converted(thread.read(value), ctype), LONG))
        if record:
            flags.compare(thread, thread.read(target), Const(0), 8, CR0)

    return emit


def _clear_left(thread: Thread, target: Register, value: Register, count: int) -> None:
    """clrldi: the first ``count`` bits become 0."""
    mask = LONG.wrap((1 << (64 - _bit(thread, count, 64))) - 1)
    thread.write(target, Binary("&", thread.read(value), Const(mask), LONG))


def _shift_right(ctype: CType) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, value: Register, count: int) -> None:
        by = Const(_bit(thread, count, ctype.bits))
        thread.write(target, converted(Binary(">>", converted(thread.read(value), ctype), by, ctype), LONG))

    return emit


def _rotate_and_mask(keeps: bool) -> Callable[..., None]:
    """rlwinm: a word, rotated to the left; of it the bits from ``first`` to ``last``, counted from the left. rlwimi (``keeps``):
    the target keeps its others."""

    def emit(thread: Thread, target: Register, value: Register, count: int, first: int, last: int) -> None:
        by, first, last = (_bit(thread, number, 32) for number in (count, first, last))
        word = converted(thread.read(value), VIEW[4])
        if by:
            low = Binary(">>", word, Const(32 - by), VIEW[4])
            word = Binary("|", Binary("<<", word, Const(by), VIEW[4]), low, VIEW[4])
        ones = [i for i in range(32) if (first <= i <= last if first <= last else i >= first or i <= last)]
        mask = sum(1 << 31 - i for i in ones)
        field: Expr = converted(Binary("&", word, Const(mask), VIEW[4]), LONG)
        if keeps:
            field = Binary("|", Binary("&", thread.read(target), Const(~mask), LONG), field, LONG)
        thread.write(target, field)

    return emit


def _bit(thread: Thread, number: int, bits: int) -> int:
    """A shift, or the number of a bit. :raises InputError: it is too large"""
    if not 0 <= number < bits:
        raise InputError(f"a number from 0 to {bits - 1} expected, {number} found", thread.pos)
    return number


def _compare(size: int, signed: bool) -> Callable[..., None]:
    def emit(thread: Thread, *operands: object) -> None:
        where = operands[0] if isinstance(operands[0], str) else CR0
        left, right = operands[-2:]
        assert isinstance(left, Register)
        assert isinstance(right, Register | int)
        second = thread.read(right) if isinstance(right, Register) else Const(right)
        flags.compare(thread, thread.read(left), second, size, where, signed)

    return emit


_TESTS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "ng": "le", "nl": "ge"}


def _branch(test: str) -> Callable[..., None]:
    def emit(thread: Thread, *operands: str) -> None:
        where = operands[0] if len(operands) == 2 else CR0
        thread.jump(operands[-1], flags.holds(thread, test, where))

    return emit


def _move(thread: Thread, target: Register, value: Register) -> None:
    thread.write(target, thread.read(value))


def _rows() -> Iterator[Row]:
    def row(form: str, emit: Callable[..., None], *operands: Operand) -> Row:
        return Row(form.split(" ", 1)[0], operands, emit, form)

    number = integer
    yield row("li r1,1", lambda thread, target, value: thread.write(target, Const(value)), R, number)
    yield row("lis r1,1", lambda thread, target, value: thread.write(target, Const(value << 16)), R, number)
    yield row("mr r1,r2", _move, R, R)
    for name, size, signed in (
        ("lbz", 1, False), ("lhz", 2, False), ("lha", 2, True), ("lwz", 4, False), ("lwa", 4, True), ("ld", 8, False),
    ):  # fmt: skip
        yield row(f"{name} r1,0(r2)", _load(size, signed), R, memory)
        yield row(f"{name}x r1,r2,r3", _load_indexed(size, signed), R, base, R)
    for name, size in (("stb", 1), ("sth", 2), ("stw", 4), ("std", 8)):
        yield row(f"{name} r1,0(r2)", _store(size), R, memory)
        yield row(f"{name}x r1,r2,r3", _store_indexed(size), R, base, R)
    for name, size in (("b", 1), ("h", 2), ("w", 4), ("d", 8)):
        yield row(f"l{name}arx r1,r2,r3", _reserve(size), R, base, R)
        yield row(f"st{name}cx. r1,r2,r3", _conditional(size), R, base, R)
    for name, op, invert in (
        ("add", "+", False), ("mullw", "*", False), ("mulld", "*", False), ("and", "&", False), ("or", "|", False),
        ("xor", "^", False), ("nand", "&", True), ("nor", "|", True), ("eqv", "^", True),
    ):  # fmt: skip
        yield row(f"{name} r1,r2,r3", _binary(op, invert), R, R, R)
        yield row(f"{name}. r1,r2,r3", _binary(op, invert, True), R, R, R)
    yield row("subf r1,r2,r3", _subtract_from, R, R, R)
    yield row("sub r1,r2,r3", _binary("-"), R, R, R)
    yield row("addi r1,r2,1", _add_immediate(0), R, base, number)
    yield row("addis r1,r2,1", _add_immediate(16), R, base, number)
    yield row("subi r1,r2,1", _binary("-"), R, R, number)
    for name, op, record in (
        ("mulli", "*", False), ("andi.", "&", True), ("ori", "|", False), ("xori", "^", False), ("slwi", "<<", False),
        ("sldi", "<<", False),
    ):  # fmt: skip
        yield row(f"{name} r1,r2,1", _binary(op, False, record), R, R, number)
    for name, size, signed in (("cmpw", 4, True), ("cmpd", 8, True), ("cmplw", 4, False), ("cmpld", 8, False)):
        compare = _compare(size, signed)
        yield row(f"{name} r1,r2", compare, R, R)
        yield row(f"{name} cr0,r1,r2", compare, field, R, R)
        yield row(f"{name}i r1,1", compare, R, number)
        yield row(f"{name}i cr0,r1,1", compare, field, R, number)
    for name, size in (("extsb", 1), ("extsh", 2), ("extsw", 4)):
        yield row(f"{name} r1,r2", _extend(SIGNED[size]), R, R)
        yield row(f"{name}. r1,r2", _extend(SIGNED[size], True), R, R)
    yield row("clrldi r1,r2,32", _clear_left, R, R, number)
    yield row("srwi r1,r2,1", _shift_right(VIEW[4]), R, R, number)
    yield row("srdi r1,r2,1", _shift_right(ULONG), R, R, number)
    yield row("rlwimi r1,r2,1,0,31", _rotate_and_mask(True), R, R, number, number, number)
    yield row("rlwinm r1,r2,1,0,31", _rotate_and_mask(False), R, R, number, number, number)
    yield row("neg r1,r2", lambda thread, target, value: thread.write(target, Unary("-", thread.read(value), LONG)), R, R)
    yield row("not r1,r2", lambda thread, target, value: thread.write(target, Unary("~", thread.read(value), LONG)), R, R)
    yield row("blr", Thread.end)
    for name, test in _TESTS.items():
        yield row(f"b{name} L0", _branch(test), label)
        yield row(f"b{name} cr0,L0", _branch(test), field, label)
    yield row("b L0", lambda thread, target: thread.jump(target), label)
    for name in ("sync", "lwsync", "isync", "eieio"):
        yield row(name, lambda thread, tag=name: thread.fence(tag.upper()))
    yield row("hwsync", lambda thread: thread.fence("SYNC"))
    yield row("nop", lambda thread: None)


def _mnemonic(text: str) -> tuple[str, str]:
    name, _, rest = text.partition(" ")
    return name.lower(), rest.strip()


PPC = Machine("POWER", "PPC", by_mnemonic(tuple(_rows())), register, REGISTERS, _mnemonic, big_endian=True)
