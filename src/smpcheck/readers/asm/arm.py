"""ARMv7: what each instruction does. Source: Arm ARM DDI 0406C, part A8 (instruction details) and A3.8 (memory order).

Of conditional execution, branches only. A register holds 32 bits; an address is as large as a register.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from smpcheck.program.ir import Binary, Const, Expr, Unary
from smpcheck.program.values import INT
from smpcheck.readers.asm import flags
from smpcheck.readers.asm.machine import (
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
    integer,
    label,
    symbolic,
    words,
)

REGISTERS = "R0 to R14, or FP, IP, SP, LR"
_NAMED = {"FP": 11, "IP": 12, "SP": 13, "LR": 14}
_REGISTER = re.compile(r"%?R(\d+)\Z", re.IGNORECASE)


def register(text: str) -> Register | None:
    """``R0`` to ``R14``, by number or by name."""
    match = _REGISTER.match(text)
    number = int(match[1]) if match else _NAMED.get(text.upper())
    if number is None:
        return symbolic(text, {"": WIDTH})
    return Register(f"R{number}", WIDTH, text) if number < 15 else None


R = a_register(register, REGISTERS)


@dataclass(frozen=True, slots=True)
class Address:
    """``[base]``, ``[base,#offset]`` or ``[base,index]``."""

    base: Register
    index: Register | None = None
    offset: int = 0

    def of(self, thread: Thread) -> Expr:
        """The address."""
        distance = Const(self.offset) if self.index is None else thread.read(self.index)
        return add(thread.read(self.base), distance)


def memory(text: str) -> Address:
    """``[R1]``, ``[R1,#4]``, ``[R1,R2]``. :raises OperandError:"""
    match = re.match(r"\[\s*([\w%]+)\s*(?:,\s*(#?\s*-?[\w%]+)\s*)?\]\Z", text)
    if match is None:
        raise OperandError("an address such as [R1], [R1,#4] or [R1,R2]")
    base = R(match[1])
    if match[2] is None:
        return Address(base)
    index = register(match[2])
    return Address(base, index) if index is not None else Address(base, offset=integer(match[2]))


def base_only(text: str) -> Address:
    """``[R1]``: all that exclusives take. :raises OperandError:"""
    address = memory(text)
    if address.index is not None or address.offset:
        raise OperandError("an address of the form [R1]")
    return address


def _load(size: int, signed: bool = False, *tags: str) -> Callable[..., None]:
    return lambda thread, target, place: thread.load(target, place.of(thread), size, *tags, signed=signed)


def _store(size: int) -> Callable[..., None]:
    return lambda thread, value, place: thread.store(place.of(thread), thread.read(value), size)


def _exclusive(size: int) -> Callable[..., None]:
    def emit(thread: Thread, status: Register, value: Register, place: Address) -> None:
        thread.store_conditional(status, place.of(thread), thread.read(value), size)

    return emit


def _value(thread: Thread, source: Register | int) -> Expr:
    return Const(INT.wrap(source)) if isinstance(source, int) else thread.read(source)


def _move(invert: bool) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, source: Register | int) -> None:
        value = _value(thread, source)
        thread.write(target, Unary("~", value, INT) if invert else value)

    return emit


def _move_top(thread: Thread, target: Register, value: int) -> None:
    """The upper half of a register."""
    kept = Binary("&", thread.read(target), Const(0xFFFF), INT)
    thread.write(target, Binary("|", kept, Const(INT.wrap(value << 16)), INT))


_OPERATIONS = {"ADD": "+", "SUB": "-", "AND": "&", "ORR": "|", "EOR": "^"}


def _arithmetic(op: str, sets: bool, invert: bool = False) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, left: Register, right: Register | int) -> None:
        first, second = thread.read(left), _value(thread, right)
        if invert:
            second = Unary("~", second, INT)
        if sets:
            _set_flags(thread, op, first, second)
        thread.write(target, Binary(op, first, second, INT))

    return emit


def _set_flags(thread: Thread, op: str, left: Expr, right: Expr) -> None:
    """The flags of ``left op right``. A bit operation leaves carry and overflow alone, without a shift."""
    if op == "-":
        flags.compare(thread, left, right, 4)
    elif op == "+":
        flags.added(thread, left, right, 4)
    else:
        flags.bitwise(thread, Binary(op, left, right, INT), 4, below=None)


def _compare(op: str) -> Callable[..., None]:
    def emit(thread: Thread, left: Register, right: Register | int) -> None:
        _set_flags(thread, op, thread.read(left), _value(thread, right))

    return emit


_CONDITIONS = {
    "EQ": "eq", "NE": "ne", "HS": "above or same", "CS": "above or same", "LO": "below", "CC": "below", "HI": "above",
    "VS": "overflow", "VC": "no overflow",
    "LS": "below or same", "GE": "ge", "LT": "lt", "GT": "gt", "LE": "le", "MI": "negative", "PL": "not negative",
}  # fmt: skip

_OPTIONS = ("SY", "ST", "ISH", "ISHST", "NSH", "NSHST", "OSH", "OSHST")


def _barrier(thread: Thread, name: str, option: str) -> None:
    """``DMB`` is ``DMB SY``, and has both names in models."""
    thread.fence(f"{name}.{option}", *([name] if option == "SY" else []))


def _rows() -> Iterator[Row]:
    def row(form: str, emit: Callable[..., None], *operands: Operand) -> Row:
        return Row(form.split(" ", 1)[0], operands, emit, form)

    seconds: tuple[tuple[Operand, str], ...] = ((R, "R2"), (integer, "#1"))
    for second, form in seconds:
        yield row(f"MOV R1,{form}", _move(False), R, second)
        yield row(f"MVN R1,{form}", _move(True), R, second)
        yield row(f"CMP R1,{form}", _compare("-"), R, second)
        yield row(f"TEQ R1,{form}", _compare("^"), R, second)
        yield row(f"TST R1,{form}", _compare("&"), R, second)
        for name, op in _OPERATIONS.items():
            yield row(f"{name} R0,R1,{form}", _arithmetic(op, False), R, R, second)
            yield row(f"{name}S R0,R1,{form}", _arithmetic(op, True), R, R, second)
        yield row(f"BIC R0,R1,{form}", _arithmetic("&", False, True), R, R, second)
    for name, size in (("", 4), ("B", 1), ("H", 2)):
        yield row(f"LDR{name} R0,[R1]", _load(size), R, memory)
        yield row(f"STR{name} R0,[R1]", _store(size), R, memory)
        yield row(f"LDREX{name} R0,[R1]", _load(size, False, "EX"), R, base_only)
        yield row(f"STREX{name} R2,R0,[R1]", _exclusive(size), R, R, base_only)
    for name, size in (("SB", 1), ("SH", 2)):
        yield row(f"LDR{name} R0,[R1]", _load(size, True), R, memory)
    for name in ("DMB", "DSB"):
        yield row(f"{name} SY", lambda thread, option, name=name: _barrier(thread, name, option), words(*_OPTIONS))
        yield row(name, lambda thread, name=name: _barrier(thread, name, "SY"))
    yield row("ISB", lambda thread: thread.fence("ISB"))
    yield row("ISB SY", lambda thread, option: thread.fence("ISB"), words("SY"))
    yield row("NOP", lambda thread: None)
    yield row("BX LR", lambda thread, _: thread.end(), words("LR", "R14"))
    yield row("MOVW R0,#1", _move(False), R, integer)
    yield row("MOVT R0,#1", _move_top, R, integer)
    yield row("B L0", lambda thread, target: thread.jump(target), label)
    for name, test in _CONDITIONS.items():
        yield row(f"B{name} L0", lambda thread, target, t=test: thread.jump(target, flags.holds(thread, t)), label)


def _mnemonic(text: str) -> tuple[str, str]:
    name, _, rest = text.partition(" ")
    return name.upper(), rest.strip()


ARM = Machine("ARMv7", "ARM", by_mnemonic(tuple(_rows())), register, REGISTERS, _mnemonic)
