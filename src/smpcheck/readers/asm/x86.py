"""x86 and x86-64: what each instruction does. Source: Intel SDM, volume 2 (instructions) and 3, chapter 9.2 (memory ordering).

On x86-64 both ways of writing are read, Intel's (``MOV EAX,[x]``) and AT&T's (``movl (x),%eax``, the only one of herd7 there):
what has ``%`` or a parenthesis is AT&T's, and its target comes last.

On x86-64 ``EAX`` is the lower half of ``RAX``. The size of an access is that of the register, of the suffix
(``MOVL``) or of the location; a write to a 32-bit register clears the upper half, one to 16 or 8 bits keeps the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.program.ir import Assume, Binary, Const, Expr, Unary
from smpcheck.program.values import LONG, ULONG
from smpcheck.readers.asm import flags
from smpcheck.readers.asm.machine import (
    SIGNED,
    VIEW,
    Machine,
    Operand,
    OperandError,
    Register,
    Row,
    Thread,
    add,
    by_mnemonic,
    converted,
    integer,
    label,
)

_LEGACY = ("AX", "BX", "CX", "DX")
_POINTERS = ("SI", "DI", "BP", "SP")


def _names(wide: bool) -> Iterator[tuple[str, Register]]:
    """The registers and their parts by name; the whole is called as herd7 has it: ``rax``, on a machine of 32 bits ``EAX``."""

    def register(whole: str, size: int, name: str) -> tuple[str, Register]:
        return name, Register(whole.lower() if wide else whole, size, name.lower() if wide else name)

    for name in (*_LEGACY, *_POINTERS):
        whole = f"R{name}" if wide else f"E{name}"
        if wide:
            yield register(whole, 8, whole)
        yield register(whole, 4, f"E{name}")
        yield register(whole, 2, name)
        yield register(whole, 1, (name[0] if name in _LEGACY else name) + "L")
    for number in range(8, 16) if wide else ():
        whole = f"R{number}"
        for suffix, size in (("", 8), ("D", 4), ("W", 2), ("B", 1)):
            yield register(whole, size, whole + suffix)


NAMES_64 = dict(_names(True))
NAMES_32 = dict(_names(False))
REGISTERS_64 = "RAX to RDX, RSI, RDI, RBP, RSP, R8 to R15, and their parts EAX, AX, AL, R8D, ..."
REGISTERS_32 = "EAX, EBX, ECX, EDX, ESI, EDI, EBP, ESP, and their parts AX, AL, ..."


def _register(wide: bool) -> Callable[[str], Register | None]:
    names = NAMES_64 if wide else NAMES_32
    return lambda text: names.get(text.lstrip("%").upper())


def _register_operand(wide: bool) -> Operand:
    def parse(text: str) -> Register:
        found = _register(wide)(text)
        if found is None:
            raise OperandError(f"a register ({REGISTERS_64 if wide else REGISTERS_32})")
        return found

    return parse


class Memory(Struct, frozen=True):
    """``[x]``, ``[x+4]``, ``[RAX+8]``, ``(%rax)``, ``(x)``: a location or a register, and a distance."""

    base: Register | str
    offset: int = 0
    index: Register | None = None
    scale: int = 1

    def of(self, thread: Thread) -> Expr:
        """The address."""
        base = thread.read(self.base) if isinstance(self.base, Register) else thread.location(self.base)
        if self.index is not None:
            base = add(base, Binary("*", thread.read(self.index), Const(self.scale), LONG))
        return add(base, Const(self.offset))


_MEMORY = re.compile(
    r"\[\s*([\w%]+)\s*(?:([+-])\s*(\w+))?\s*\]\Z"
    r"|(-?\w*)\s*\(\s*(%?\w+)\s*(?:,\s*(%\w+)\s*(?:,\s*([1248])\s*)?)?\)\Z"
)


def _memory_operand(wide: bool) -> Operand:
    register = _register_operand(wide)

    def parse(text: str) -> Memory:
        match = _MEMORY.match(text)
        if match is None:
            raise OperandError("a location such as [x], [x+4] or [RAX]" + (", (x) or (%rax)" if wide else ""))
        if (match[5] or match[1])[0].isdigit():
            raise OperandError("an address that is a number is no location: [x] or [RAX]")
        if match[5] is not None:
            base = register(match[5]) if match[5][0] == "%" else match[5]
            index = register(match[6]) if match[6] else None
            return Memory(base, integer(match[4]) if match[4] else 0, index, int(match[7] or 1))
        offset = integer(match[3]) if match[3] else 0
        if match[2] == "-":
            offset = -offset
        return Memory(_register(wide)(match[1]) or match[1], offset)

    return parse


Place = Register | Memory
Source = Register | Memory | int


def _size(thread: Thread, suffix: int | None, *operands: Source) -> int:
    """The size of an operation: the suffix's, that of its registers, or that of the location.

    :raises InputError: a register of another size
    """
    registers = [operand for operand in operands if isinstance(operand, Register)]
    size = suffix or (registers[0].size if registers else None)
    if size is not None:
        wrong = next((one for one in registers if one.size != size), None)
        if wrong is not None:
            raise InputError(
                f"a register of {_bits(size)} expected, '{wrong.text}' found, which has {_bits(wrong.size)}", thread.pos
            )
        return size
    for operand in operands:
        if isinstance(operand, Memory) and isinstance(operand.base, str):
            return thread.size_of(operand.base)
    return 4


def _bits(size: int) -> str:
    return f"{8 * size} bits"


def _value(thread: Thread, source: Source, size: int) -> Expr:
    """The value of an operand; a read of memory, if it is there."""
    if isinstance(source, int):
        return Const(VIEW[size].wrap(source))
    if isinstance(source, Register):
        return thread.read(source)
    target = Register(thread.temporary())
    thread.load(target, source.of(thread), size)
    return thread.read(target)


def _write(thread: Thread, target: Register, value: Expr) -> None:
    """Set a register: 8 and 16 bits keep the rest of it."""
    if target.size >= 4:
        thread.write(target, value)
        return
    whole = Register(target.name)
    kept = Binary("&", thread.read(whole), Const(-1 << 8 * target.size), LONG)
    thread.write(whole, Binary("|", kept, converted(value, VIEW[target.size]), LONG))


def _move(suffix: int | None) -> Callable[..., None]:
    def emit(thread: Thread, target: Place, source: Source) -> None:
        size = _size(thread, suffix, target, source)
        value = _value(thread, source, size)
        if isinstance(target, Register):
            _write(thread, target, value)
        else:
            thread.store(target.of(thread), value, size)

    return emit


def _extend(size: int, signed: bool) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, source: Register | Memory) -> None:
        value = _value(thread, source, size)
        _write(thread, target, converted(value, SIGNED[size] if signed else VIEW[size]))

    return emit


_NEW: dict[str, Callable[[Expr, Expr, int], Expr]] = {
    "ADD": lambda old, by, size: Binary("+", old, by, VIEW[size]),
    "SUB": lambda old, by, size: Binary("-", old, by, VIEW[size]),
    "AND": lambda old, by, size: Binary("&", old, by, VIEW[size]),
    "OR": lambda old, by, size: Binary("|", old, by, VIEW[size]),
    "XOR": lambda old, by, size: Binary("^", old, by, VIEW[size]),
    "INC": lambda old, by, size: Binary("+", old, Const(1), VIEW[size]),
    "DEC": lambda old, by, size: Binary("-", old, Const(1), VIEW[size]),
    "NOT": lambda old, by, size: Unary("~", old, VIEW[size]),
    "NEG": lambda old, by, size: Unary("-", old, VIEW[size]),
}


def _arithmetic(name: str, suffix: int | None, locked: bool) -> Callable[..., None]:
    """An operation on its target; ``locked`` ones, and only these, are atomic."""

    def emit(thread: Thread, target: Place, source: Source = 0) -> None:
        size = _size(thread, suffix, target, source)
        by = _value(thread, source, size)
        if isinstance(target, Register):
            _set_flags(thread, name, thread.read(target), by, size)
            _write(thread, target, _NEW[name](thread.read(target), by, size))
            return
        place = target.of(thread)
        old = Register(thread.temporary())
        if locked:
            thread.rmw(old, place, lambda before: _NEW[name](before, by, size), size)
        else:
            thread.load(old, place, size)
            thread.store(place, _NEW[name](thread.read(old), by, size), size)
        _set_flags(thread, name, thread.read(old), by, size)

    return emit


def _set_flags(thread: Thread, name: str, old: Expr, by: Expr, size: int) -> None:
    """Those of an operation. INC and DEC leave carry alone, NOT all."""
    match name:
        case "ADD":
            flags.added(thread, old, by, size, carry_is_borrow=True)
        case "INC" | "DEC":
            step = Const(1 if name == "INC" else -1)
            flags.added(thread, old, step, size, carry_is_borrow=True, keeps_carry=True)
        case "SUB":
            flags.compare(thread, old, by, size)
        case "NEG":
            flags.compare(thread, Const(0), old, size)
        case "AND" | "OR" | "XOR":
            flags.bitwise(thread, _NEW[name](old, by, size), size, below=False)


def _shift(name: str, suffix: int | None) -> Callable[..., None]:
    """SHL, SHR, SAR: the last bit that goes out is the carry; overflow is undefined for more than one bit, so either."""

    def emit(thread: Thread, target: Register, count: int) -> None:
        size = _size(thread, suffix, target)
        by = count & (63 if size == 8 else 31)
        if by == 0:
            return
        ctype = SIGNED[size] if name == "SAR" else ULONG if size == 8 else VIEW[size]
        value = converted(thread.read(target), ctype)
        if name == "SHL":
            out = 8 * size - by
            result: Expr = Binary("<<", value, Const(by), ctype) if by < 8 * size else Const(0)
        else:
            out = by - 1
            result = Binary(">>", value, Const(min(by, 8 * size - 1)), ctype) if name == "SAR" or by < 8 * size else Const(0)
        last = Binary("&", Binary(">>", value, Const(min(max(out, 0), 8 * size - 1)), ctype), Const(1), ctype)
        flags.bitwise(thread, result, size, below=False)
        flags.put(thread, flags.BELOW, last)
        thread.either(
            lambda: _overflow(thread, result, size, False),
            lambda: _overflow(thread, result, size, True),
        )
        _write(thread, target, result)

    return emit


def _overflow(thread: Thread, result: Expr, size: int, is_set: bool) -> None:
    negative = Binary("<", converted(result, SIGNED[size]), Const(0), LONG)
    flags.put(thread, flags.OVERFLOW, Const(int(is_set)))
    flags.put(thread, flags.LESS, Binary("==", negative, Const(0), LONG) if is_set else negative)


def _compare(suffix: int | None) -> Callable[..., None]:
    def emit(thread: Thread, left: Source, right: Source) -> None:
        size = _size(thread, suffix, left, right)
        flags.compare(thread, _value(thread, left, size), _value(thread, right, size), size)

    return emit


def _test(suffix: int | None) -> Callable[..., None]:
    def emit(thread: Thread, left: Source, right: Source) -> None:
        size = _size(thread, suffix, left, right)
        both = Binary("&", _value(thread, left, size), _value(thread, right, size), VIEW[size])
        flags.bitwise(thread, both, size, below=False)

    return emit


def _exchange(suffix: int | None) -> Callable[..., None]:
    """XCHG: locked with or without its prefix."""

    def emit(thread: Thread, first: Place, second: Place) -> None:
        size = _size(thread, suffix, first, second)
        if isinstance(first, Register) and isinstance(second, Register):
            saved = Register(thread.temporary())
            thread.write(saved, thread.read(first))
            _write(thread, first, thread.read(second))
            _write(thread, second, thread.read(saved))
            return
        if isinstance(first, Register):
            first, second = second, first
        assert isinstance(first, Memory) and isinstance(second, Register)
        value = thread.read(second)
        old = Register(thread.temporary())
        thread.rmw(old, first.of(thread), lambda before: value, size)
        _write(thread, second, thread.read(old))

    return emit


def _exchange_add(suffix: int | None, locked: bool) -> Callable[..., None]:
    def emit(thread: Thread, target: Memory, source: Register) -> None:
        size = _size(thread, suffix, source)
        place, by = target.of(thread), thread.read(source)
        old = Register(thread.temporary())
        if locked:
            thread.rmw(old, place, lambda before: Binary("+", before, by, VIEW[size]), size)
        else:
            thread.load(old, place, size)
            thread.store(place, Binary("+", thread.read(old), by, VIEW[size]), size)
        flags.added(thread, thread.read(old), by, size, carry_is_borrow=True)
        _write(thread, source, thread.read(old))

    return emit


def _compare_exchange(suffix: int | None, locked: bool, wide: bool) -> Callable[..., None]:
    """CMPXCHG: where the comparison fails the processor writes the old value back, and a locked one orders all the same."""

    def emit(thread: Thread, target: Memory, source: Register) -> None:
        size = _size(thread, suffix, source)
        place, new = target.of(thread), thread.read(source)
        accumulator = Register("rax" if wide else "EAX", size)
        wanted = thread.read(accumulator)
        old = Register(thread.temporary())

        def same(before: Expr) -> Expr:
            return Binary("==", before, wanted, LONG)

        def other(before: Expr) -> Expr:
            return Binary("!=", before, wanted, LONG)

        def success() -> None:
            if locked:
                thread.rmw(old, place, lambda before: new, size, when=same)
            else:
                thread.load(old, place, size)
                thread.emit(Assume(same(thread.read(old)), thread.pos))
                thread.store(place, new, size)

        def failure() -> None:
            if locked:
                thread.rmw(old, place, lambda before: before, size, when=other)
            else:
                thread.load(old, place, size)
                thread.emit(Assume(other(thread.read(old)), thread.pos))
                thread.store(place, thread.read(old), size)

        saved = Register(thread.temporary())
        thread.write(saved, wanted)
        thread.either(success, failure)
        _write(thread, accumulator, thread.read(old))
        flags.compare(thread, thread.read(saved), thread.read(old), size)

    return emit


def _bit(name: str, locked: bool) -> Callable[..., None]:
    """BTS, BTR, BTC: the old bit goes to the carry flag."""

    def emit(thread: Thread, target: Memory, bit: int | Register) -> None:
        size = bit.size if isinstance(bit, Register) else _size(thread, None, target)
        ctype = VIEW[size]
        count: Expr = (
            Const(bit % (8 * size)) if isinstance(bit, int) else Binary("&", thread.read(bit), Const(8 * size - 1), ctype)
        )
        mask = Binary("<<", Const(1), count, ctype)
        old = Register(thread.temporary())
        place = target.of(thread)

        def new(before: Expr) -> Expr:
            if name == "BTR":
                return Binary("&", before, Unary("~", mask, ctype), ctype)
            return Binary("|" if name == "BTS" else "^", before, mask, ctype)

        if locked:
            thread.rmw(old, place, new, size)
        else:
            thread.load(old, place, size)
            if name != "BT":
                thread.store(place, new(thread.read(old)), size)
        bit_value = Binary("!=", Binary("&", thread.read(old), mask, ctype), Const(0), ctype)
        flags.put(thread, flags.BELOW, bit_value)

    return emit


_JUMPS = {
    "E": "eq", "Z": "eq", "NE": "ne", "NZ": "ne", "L": "lt", "NGE": "lt", "LE": "le", "NG": "le", "G": "gt", "NLE": "gt",
    "GE": "ge", "NL": "ge", "B": "below", "NAE": "below", "BE": "below or same", "NA": "below or same", "A": "above",
    "NBE": "above", "AE": "above or same", "NB": "above or same", "S": "negative", "NS": "not negative", "C": "below",
    "NC": "above or same", "O": "overflow", "NO": "no overflow",
}  # fmt: skip


def _set(test: str) -> Callable[..., None]:
    return lambda thread, target: _write(thread, target, flags.holds(thread, test))


_SUFFIXES: tuple[tuple[str, int | None], ...] = (("", None), ("B", 1), ("W", 2), ("L", 4), ("Q", 8))


_FIRST_TWO = {1: ("AL", "BL"), 2: ("AX", "BX"), 4: ("EAX", "EBX"), 8: ("RAX", "RBX")}


def _rows(wide: bool) -> Iterator[Row]:
    def row(form: str, emit: Callable[..., None], *operands: Operand) -> Row:
        mnemonic, _, rest = form.partition(" ")
        if mnemonic == "LOCK":
            mnemonic = f"LOCK {rest.partition(' ')[0]}"
        return Row(mnemonic, operands, emit, form)

    R, M, I = _register_operand(wide), _memory_operand(wide), integer  # noqa: E741
    for suffix, size in _SUFFIXES if wide else _SUFFIXES[:-1]:
        a, b = _FIRST_TWO[size or 4]
        pairs: Sequence[tuple[Operand, Operand, str]] = ((R, R, f"{a},{b}"), (R, M, f"{a},[x]"), (M, R, f"[x],{a}"))
        numbers: Sequence[tuple[Operand, Operand, str]] = ((R, I, f"{a},$1"), (M, I, "[x],$1"))
        for first, second, form in (*pairs, *numbers):
            yield row(f"MOV{suffix} {form}", _move(size), first, second)
            yield row(f"CMP{suffix} {form}", _compare(size), first, second)
            for name in ("ADD", "SUB", "AND", "OR", "XOR"):
                yield row(f"{name}{suffix} {form}", _arithmetic(name, size, False), first, second)
        for first, second, form in (pairs[0], pairs[2], *numbers):
            yield row(f"TEST{suffix} {form}", _test(size), first, second)
        for name in ("ADD", "SUB", "AND", "OR", "XOR"):
            for second, form in ((R, f"[x],{a}"), (I, "[x],$1")):
                yield row(f"LOCK {name}{suffix} {form}", _arithmetic(name, size, True), M, second)
        for name in ("SHL", "SHR", "SAR"):
            yield row(f"{name}{suffix} {a},$1", _shift(name, size), R, I)
        for name in ("INC", "DEC", "NOT", "NEG"):
            yield row(f"{name}{suffix} {a}", _arithmetic(name, size, False), R)
            yield row(f"{name}{suffix} [x]", _arithmetic(name, size, False), M)
            yield row(f"LOCK {name}{suffix} [x]", _arithmetic(name, size, True), M)
        for lock in ("", "LOCK "):
            for first, second, form in pairs:
                yield row(f"{lock}XCHG{suffix} {form}", _exchange(size), first, second)
            yield row(f"{lock}XADD{suffix} [x],{a}", _exchange_add(size, bool(lock)), M, R)
            yield row(f"{lock}CMPXCHG{suffix} [x],{a}", _compare_exchange(size, bool(lock), wide), M, R)
            for name in ("BTS", "BTR", "BTC"):
                for second, form in ((R, f"[x],{a}"), (I, "[x],$1")):
                    yield row(f"{lock}{name}{suffix} {form}", _bit(name, bool(lock)), M, second)
        for second, form in ((R, f"[x],{a}"), (I, "[x],$1")):
            yield row(f"BT{suffix} {form}", _bit("BT", False), M, second)
    for name, size, signed in (("MOVZB", 1, False), ("MOVZW", 2, False), ("MOVSB", 1, True), ("MOVSW", 2, True)):
        for suffix in "WLQ" if wide else "WL":
            for second, form in ((R, "EAX,BL"), (M, "EAX,[x]")):
                yield row(f"{name}{suffix} {form}", _extend(size, signed), R, second)
    yield row(
        f"LEA {'RAX' if wide else 'EAX'},[x]", lambda thread, target, memory: _write(thread, target, memory.of(thread)), R, M
    )
    for name in ("MFENCE", "LFENCE", "SFENCE"):
        yield row(name, lambda thread, tag=name: thread.fence(tag))
    for name in ("NOP", "PAUSE", "ENDBR64"):
        yield row(name, lambda thread: None)
    yield row("RET", Thread.end)
    yield row("JMP L0", lambda thread, target: thread.jump(target), label)
    for name, test in _JUMPS.items():
        yield row(f"J{name} L0", lambda thread, target, t=test: thread.jump(target, flags.holds(thread, t)), label)
        yield row(f"SET{name} AL", _set(test), R)


def _mnemonic(text: str) -> tuple[str, str]:
    name, _, rest = text.partition(" ")
    rest = rest.strip()
    if name.upper() == "LOCK":
        second, _, rest = rest.partition(" ")
        return f"LOCK {second.upper()}", rest.strip()
    return name.upper(), rest


def _att(operands: str) -> bool:
    """Are these operands written as AT&T's assembler has them?"""
    return "%" in operands or "(" in operands


X86 = Machine("x86", "X86", by_mnemonic(tuple(_rows(False))), _register(False), REGISTERS_32, _mnemonic)
X86_64 = Machine("x86-64", "X86_64", by_mnemonic(tuple(_rows(True))), _register(True), REGISTERS_64, _mnemonic, _att)
