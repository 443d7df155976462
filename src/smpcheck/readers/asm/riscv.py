"""RISC-V: what each instruction does. Source: RISC-V Unprivileged ISA (RV64I, Zalrsc, Zaamo, Zacas, Zabha)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from smpcheck.program.ir import Assume, Binary, Const, Expr, Unary
from smpcheck.program.values import INT, LONG, ULONG, CType
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
    extreme,
    integer,
    label,
    symbolic,
    words,
)

_ABI = {
    "zero": 0, "ra": 1, "sp": 2, "gp": 3, "tp": 4, "t0": 5, "t1": 6, "t2": 7, "s0": 8, "fp": 8, "s1": 9,
    **{f"a{i}": 10 + i for i in range(8)}, **{f"s{i}": 16 + i for i in range(2, 12)}, **{f"t{i}": 25 + i for i in range(3, 7)},
}  # fmt: skip
REGISTERS = "x0 to x31, or zero, ra, a0 to a7, s0 to s11, t0 to t6"


def register(text: str) -> Register | None:
    """``x0`` to ``x31``, by number or by the calling convention's name."""
    name = text.lower()
    number = _ABI.get(name)
    if number is None and (match := re.match(r"x(\d+)\Z", name)):
        number = int(match[1])
    if number is None:
        return symbolic(text, {"": WIDTH})
    return Register(f"x{number}" if number else None, WIDTH, text) if number < 32 else None


R = a_register(register, REGISTERS)


class Address(Struct, frozen=True):
    """``offset(base)``."""

    offset: int
    base: Register

    def of(self, thread: Thread) -> Expr:
        """The address."""
        return add(thread.read(self.base), Const(self.offset))


def memory(text: str) -> Address:
    """``0(x5)`` or ``(x5)``. :raises OperandError:"""
    match = re.match(r"(-?\w*)\s*\(\s*([\w%]+)\s*\)\Z", text)
    if match is None:
        raise OperandError("an address of the form 0(x5)")
    return Address(integer(match[1] or "0"), R(match[2]))


def plain(text: str) -> Address:
    """``(x5)`` or ``0(x5)``: all that atomic instructions take. :raises OperandError:"""
    found = memory(text)
    if found.offset:
        raise OperandError("an address of the form (x5)")
    return found


_SIZES = {"b": 1, "h": 2, "w": 4, "d": 8}
_ORDERS = {"": (), ".aq": ("Acq",), ".rl": ("Rel",), ".aq.rl": ("AcqRel",), ".aqrl": ("AcqRel",)}


def _load(size: int, signed: bool, tags: tuple[str, ...]) -> Callable[..., None]:
    return lambda thread, target, place: thread.load(target, place.of(thread), size, *tags, signed=signed and size < 8)


def _store(size: int, tags: tuple[str, ...]) -> Callable[..., None]:
    return lambda thread, value, place: thread.store(place.of(thread), thread.read(value), size, *tags)


def _reserved(size: int, tags: tuple[str, ...]) -> Callable[..., None]:
    """LR; with ``.rl`` alone it orders nothing (manual, "Zalrsc" extension)."""
    tags = tuple(tag for tag in tags if tag != "Rel")
    return lambda thread, target, place: thread.load(target, place.of(thread), size, "EX", *tags, signed=size < 8)


def _conditional(size: int, tags: tuple[str, ...]) -> Callable[..., None]:
    """SC; with ``.aq`` alone it orders nothing."""
    tags = tuple(tag for tag in tags if tag != "Acq")

    def emit(thread: Thread, status: Register, value: Register, place: Address) -> None:
        thread.store_conditional(status, place.of(thread), thread.read(value), size, *tags, depends=True)

    return emit


def _atomic(name: str, size: int, tags: tuple[str, ...]) -> Callable[..., None]:
    ctype = VIEW[size]

    def emit(thread: Thread, target: Register, value: Register, place: Address) -> None:
        operand = thread.read(value)

        def new(old: Expr) -> Expr:
            match name:
                case "swap":
                    return operand
                case "min" | "max" | "minu" | "maxu":
                    return extreme(name.startswith("max"), not name.endswith("u"), old, operand, size)
            return Binary(_AMO[name], old, operand, ctype)

        found = Register(thread.temporary())
        thread.rmw(found, place.of(thread), new, size, tags, tags)
        value_found = thread.read(found)
        thread.write(target, converted(value_found, SIGNED[size]))

    return emit


def _compare_and_swap(size: int, tags: tuple[str, ...]) -> Callable[..., None]:
    """Zacas: where the comparison fails nothing is written, and the suffix orders as for a load."""

    def emit(thread: Thread, target: Register, value: Register, place: Address) -> None:
        address, new = place.of(thread), thread.read(value)
        wanted = converted(thread.read(target), VIEW[size])
        found = Register(thread.temporary())

        def failure() -> None:
            thread.load(found, address, size, *tags)
            thread.emit(Assume(Binary("!=", thread.read(found), wanted, LONG), thread.pos))

        thread.either(
            lambda: thread.rmw(found, address, lambda old: new, size, tags, tags, lambda old: Binary("==", old, wanted, LONG)),
            failure,
        )
        old = thread.read(found)
        thread.write(target, converted(old, SIGNED[size]))

    return emit


_AMO = {"swap": "", "add": "+", "and": "&", "or": "|", "xor": "^", "min": "", "max": "", "minu": "", "maxu": ""}


def _binary(op: str, signed: bool = True, half: bool = False) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, left: Register, right: Register | int) -> None:
        second: Expr = Const(right) if isinstance(right, int) else thread.read(right)
        first = thread.read(left)
        if op in ("<<", ">>"):
            second = Binary("&", second, Const(31 if half else 63), LONG)
            if half:
                first = converted(first, SIGNED[4] if signed else VIEW[4])
        elif not signed:
            second = converted(second, ULONG)
        ctype = LONG if signed else ULONG
        if not half:
            first = converted(first, ctype)
        thread.write(target, converted(Binary(op, first, second, ctype), INT if half else LONG))

    return emit


def _branch(op: str, signed: bool = True, swapped: bool = False) -> Callable[..., None]:
    ctype = LONG if signed else ULONG

    def emit(thread: Thread, left: Register, right: Register, target: str) -> None:
        a, b = converted(thread.read(left), ctype), converted(thread.read(right), ctype)
        thread.jump(target, Binary(op, b, a, ctype) if swapped else Binary(op, a, b, ctype))

    return emit


def _branch_zero(op: str, swapped: bool = False) -> Callable[..., None]:
    def emit(thread: Thread, value: Register, target: str) -> None:
        tested, zero = thread.read(value), Const(0)
        thread.jump(target, Binary(op, zero, tested, LONG) if swapped else Binary(op, tested, zero, LONG))

    return emit


def _unary(op: str) -> Callable[..., None]:
    return lambda thread, target, value: thread.write(target, Unary(op, thread.read(value), LONG))


def _extend(ctype: CType) -> Callable[..., None]:
    return lambda thread, target, value: thread.write(target, converted(converted(thread.read(value), ctype), LONG))


def _set_zero(op: str) -> Callable[..., None]:
    return lambda thread, target, value: thread.write(target, Binary(op, thread.read(value), Const(0), LONG))


_SETS = {"r": "r", "w": "w", "rw": "rw", "i": "r", "o": "w", "io": "rw", "ir": "r", "ow": "w", "iorw": "rw"}
"""The sets of a fence's predecessors and successors; device input and output count as reads and writes of memory."""


def _fence(thread: Thread, before: str, after: str) -> None:
    thread.fence(f"Fence.{_SETS[before.lower()]}.{_SETS[after.lower()]}")


def _rows() -> Iterator[Row]:
    def row(form: str, emit: Callable[..., None], *operands: Operand) -> Row:
        return Row(form.split(" ", 1)[0], operands, emit, form)

    number = integer
    for suffix, tags in _ORDERS.items():
        for letter, size in _SIZES.items():
            if suffix != ".rl":
                yield row(f"l{letter}{suffix} x1,0(x5)", _load(size, True, tags), R, memory)
            if suffix != ".rl" and size < 8:
                yield row(f"l{letter}u{suffix} x1,0(x5)", _load(size, False, tags), R, memory)
            if suffix != ".aq":
                yield row(f"s{letter}{suffix} x1,0(x5)", _store(size, tags), R, memory)
            yield row(f"amocas.{letter}{suffix} x1,x2,(x5)", _compare_and_swap(size, tags), R, R, plain)
            for name in _AMO:
                yield row(f"amo{name}.{letter}{suffix} x1,x2,(x5)", _atomic(name, size, tags), R, R, plain)
            if size >= 4:
                yield row(f"lr.{letter}{suffix} x1,0(x5)", _reserved(size, tags), R, plain)
                yield row(f"sc.{letter}{suffix} x1,x2,0(x5)", _conditional(size, tags), R, R, plain)
    yield row("li x1,1", lambda thread, target, value: thread.write(target, Const(LONG.wrap(value))), R, number)
    yield row("lui x1,1", lambda thread, target, value: thread.write(target, Const(INT.wrap(value << 12))), R, number)
    yield row("mv x1,x2", lambda thread, target, value: thread.write(target, thread.read(value)), R, R)
    for name, op, signed in (
        ("add", "+", True), ("and", "&", True), ("or", "|", True), ("xor", "^", True), ("sll", "<<", True),
        ("srl", ">>", False), ("sra", ">>", True), ("slt", "<", True),
    ):  # fmt: skip
        yield row(f"{name} x1,x2,x3", _binary(op, signed), R, R, R)
        yield row(f"{name}i x1,x2,1", _binary(op, signed), R, R, number)
    for name, op, signed in (("addw", "+", True), ("sllw", "<<", True), ("srlw", ">>", False), ("sraw", ">>", True)):
        yield row(f"{name} x1,x2,x3", _binary(op, signed, True), R, R, R)
        yield row(f"{name[:-1]}iw x1,x2,1", _binary(op, signed, True), R, R, number)
    yield row("sub x1,x2,x3", _binary("-"), R, R, R)
    yield row("subw x1,x2,x3", _binary("-", half=True), R, R, R)
    yield row("mul x1,x2,x3", _binary("*"), R, R, R)
    yield row("sltu x1,x2,x3", _binary("<", False), R, R, R)
    yield row("sltiu x1,x2,1", _binary("<", False), R, R, number)
    yield row("not x1,x2", _unary("~"), R, R)
    yield row("neg x1,x2", _unary("-"), R, R)
    for name, ctype in (("sext.w", INT), ("sext.h", SIGNED[2]), ("sext.b", SIGNED[1]), ("zext.w", VIEW[4]), ("zext.h", VIEW[2])):
        yield row(f"{name} x1,x2", _extend(ctype), R, R)
    yield row("ret", Thread.end)
    yield row("seqz x1,x2", _set_zero("=="), R, R)
    yield row("snez x1,x2", _set_zero("!="), R, R)
    for name, op, signed, swapped in (
        ("beq", "==", True, False), ("bne", "!=", True, False), ("blt", "<", True, False), ("bge", ">=", True, False),
        ("bltu", "<", False, False), ("bgeu", ">=", False, False), ("bgt", "<", True, True), ("ble", ">=", True, True),
        ("bgtu", "<", False, True), ("bleu", ">=", False, True),
    ):  # fmt: skip
        yield row(f"{name} x1,x2,L0", _branch(op, signed, swapped), R, R, label)
    for name, op, swapped in (
        ("beqz", "==", False), ("bnez", "!=", False), ("bltz", "<", False), ("bgez", ">=", False), ("bgtz", "<", True),
        ("blez", ">=", True),
    ):  # fmt: skip
        yield row(f"{name} x1,L0", _branch_zero(op, swapped), R, label)
    yield row("j L0", lambda thread, target: thread.jump(target), label)
    some = words(*(name.upper() for name in _SETS))
    yield row("fence rw,rw", _fence, some, some)
    yield row("fence", lambda thread: thread.fence("Fence.rw.rw"))
    yield row("fence.tso", lambda thread: thread.fence("Fence.tso"))
    yield row("fence.i", lambda thread: thread.fence("Fence.i"))
    yield row("nop", lambda thread: None)


def _mnemonic(text: str) -> tuple[str, str]:
    name, _, rest = text.partition(" ")
    return name.lower(), rest.strip()


RISCV = Machine("RISC-V", "RISCV", by_mnemonic(tuple(_rows())), register, REGISTERS, _mnemonic, zero="x0")
