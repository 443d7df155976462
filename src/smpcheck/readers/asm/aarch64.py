"""AArch64: what each instruction does. Source: Arm ARM DDI 0487, part C6 (A64 base instructions)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import InputError
from smpcheck.program.events import FIRST, ORDERED, PAIR
from smpcheck.program.ir import Assign, Assume, Binary, Cast, Conditional, Const, Expr, Reg, Unary
from smpcheck.program.values import INT, LONG, UINT, ULONG, CType
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
    a_register,
    add,
    by_mnemonic,
    converted,
    extreme,
    integer,
    label,
    symbolic,
    unsigned,
    words,
)

_REGISTER = re.compile(r"([XW])(\d+|ZR)\Z", re.IGNORECASE)
_STACK = {"SP": 8, "WSP": 4}


def register(text: str) -> Register | None:
    """``X0`` to ``X30``, ``XZR``, ``SP``, and their lower halves ``W0`` to ``WZR``, ``WSP``."""
    match = _REGISTER.match(text)
    if match is None:
        if text.upper() in _STACK:
            return Register("SP", _STACK[text.upper()], text)
        return symbolic(text, {"": 8, "X": 8, "W": 4})
    if match[2].isdigit() and int(match[2]) > 30:
        return None
    size = 8 if match[1].upper() == "X" else 4
    return Register(None if match[2].upper() == "ZR" else f"X{int(match[2])}", size, text)


REGISTERS = "X0 to X30, XZR, SP, W0 to W30, WZR, WSP"


def sized(size: int) -> Operand:
    """A register of ``size`` bytes."""
    letter = "X" if size == 8 else "W"

    def parse(text: str) -> Register:
        found = register(text)
        if found is None or found.size != size:
            raise OperandError(f"a register {letter}0 to {letter}30 or {letter}ZR")
        return found

    return parse


X, W, R = sized(8), sized(4), a_register(register, REGISTERS)


class Address(Struct, frozen=True):
    """``[base, offset]``; ``before``, ``after``: what is added to the base for good, before or after the access."""

    base: Register
    index: Register | None = None
    signed: bool = False
    shift: int = 0
    offset: int = 0
    before: bool = False

    def of(self, thread: Thread) -> Expr:
        """The address. Pre-indexed: the base is written first."""
        base = thread.read(self.base)
        if self.index is not None:
            distance = thread.read(self.index)
            if self.index.size == 4 and self.signed:
                distance = Cast(INT, distance)
            if self.shift:
                distance = Binary("<<", distance, Const(self.shift), LONG)
            return add(base, distance)
        address = add(base, Const(self.offset))
        if self.before:
            thread.write(self.base, address)
            return thread.read(self.base)
        return address


_INDEXED = re.compile(
    r"\[\s*(?P<base>[\w%]+)\s*(?:,\s*(?:(?P<imm>#?\s*-?[\w%]+)|(?P<index>[XWxw%][\w%]*)(?:\s*,\s*(?P<ext>[A-Za-z]+)\s*(?:#?\s*(?P<by>\d+))?)?)\s*)?\]\s*(?P<pre>!)?\Z"
)


def memory(text: str) -> Address:
    """``[X1]``, ``[X1,#8]``, ``[X1,#8]!``, ``[X1,X2]``, ``[X1,X2,LSL #3]``, ``[X1,W2,SXTW]``, ``[X1,W2,UXTW #2]``."""
    match = _INDEXED.match(text)
    accepted = "an address such as [X1], [X1,#8], [X1,X2] or [X1,W2,SXTW]"
    if match is None:
        raise OperandError(accepted)
    base = X(match["base"])
    word = match["imm"]
    if word is not None and (index := register(word)) is not None:
        if index.size == 4:
            raise OperandError("an index of 32 bits is extended: [X1,W2,SXTW] or [X1,W2,UXTW]")
        return Address(base, index)
    if word is not None:
        return Address(base, offset=integer(word), before=bool(match["pre"]))
    if match["pre"]:
        raise OperandError(accepted)
    if match["index"] is None:
        return Address(base)
    index = R(match["index"])
    extend = (match["ext"] or "LSL").upper()
    if extend in ("SXTW", "UXTW"):  # of an X register, as herd7 has it, the lower half
        index = replace(index, size=4)
    elif index.size == 4 or extend not in ("LSL", "SXTX"):
        raise OperandError("SXTW or UXTW after a W register, LSL after an X register")
    return Address(base, index, extend == "SXTW", int(match["by"] or 0))


def base_only(text: str) -> Address:
    """``[X1]``: all that exclusives, acquires and atomic instructions take."""
    address = memory(text)
    if address.index is not None or address.offset or address.before:
        raise OperandError("an address of the form [X1]")
    return address


class Modified(Struct, frozen=True):
    """A second operand that is shifted or extended: ``W1,SXTW`` or ``X2,LSL #3``."""

    how: str
    by: int

    def of(self, value: Expr, ctype: CType) -> Expr:
        """``value`` modified."""
        match self.how:
            case "LSL":
                return Binary("<<", value, Const(self.by), ctype)
            case "ROR":
                return _rotated(value, self.by, ctype)
            case "LSR":
                return Binary(">>", unsigned(value, ctype.bits // 8), Const(self.by), ctype if ctype.bits < 64 else ULONG)
            case "ASR":
                signed = SIGNED[ctype.bits // 8]
                return Binary(">>", converted(value, signed), Const(self.by), signed)
        extended = converted(value, _EXTENDED[self.how])
        return Binary("<<", extended, Const(self.by), LONG) if self.by else extended


def _rotated(value: Expr, by: int, ctype: CType) -> Expr:
    """``value`` with its lowest bits moved to the top."""
    by %= ctype.bits
    if by == 0:
        return value
    plain = ULONG if ctype.bits == 64 else ctype
    low = Binary(">>", converted(value, plain), Const(by), plain)
    return converted(Binary("|", low, Binary("<<", value, Const(ctype.bits - by), ctype), ctype), ctype)


_EXTENDED = {
    "UXTB": VIEW[1],
    "UXTH": VIEW[2],
    "SXTB": SIGNED[1],
    "SXTH": SIGNED[2],
    "UXTW": UINT,
    "SXTW": INT,
    "UXTX": LONG,
    "SXTX": LONG,
}
_MODIFIER = re.compile(r"(LSL|LSR|ASR|ROR|[US]XT[BHWX])(?:\s*#?\s*(\d+))?\Z", re.IGNORECASE)


def modifier(text: str) -> Modified:
    """``LSL #3``, ``SXTW``, ``UXTB #1``."""
    match = _MODIFIER.match(text)
    if match is None or (match[1].upper() in ("LSL", "LSR", "ASR", "ROR") and match[2] is None):
        raise OperandError("a shift (LSL #3, LSR #1, ASR #1, ROR #1) or an extension (SXTW, UXTB, ...)")
    return Modified(match[1].upper(), int(match[2] or 0))


CONDITIONS = {
    "EQ": "eq", "NE": "ne", "HS": "above or same", "CS": "above or same", "LO": "below", "CC": "below", "HI": "above",
    "LS": "below or same", "GE": "ge", "LT": "lt", "GT": "gt", "LE": "le", "MI": "negative", "PL": "not negative",
    "VS": "overflow", "VC": "no overflow",
}  # fmt: skip


# --- emitters ---


def _type(reg: Register) -> CType:
    return VIEW[reg.size]


def _move(thread: Thread, target: Register, value: int | Register) -> None:
    if isinstance(value, int):
        thread.write(target, Const(_type(target).wrap(value)))
    else:
        thread.write(target, thread.read(value))


def _move_part(keep: bool, negated: bool = False) -> Callable[..., None]:
    """MOVZ, MOVK, MOVN: sixteen bits of a register."""

    def emit(thread: Thread, target: Register, value: int, shift: Modified | None = None) -> None:
        by = shift.by if shift else 0
        ctype = _type(target)
        if keep:
            rest = Binary("&", thread.read(target), Const(ctype.wrap(~(0xFFFF << by))), ctype)
            thread.write(target, Binary("|", rest, Const(ctype.wrap(value << by)), ctype))
        else:
            number = value << by
            thread.write(target, Const(ctype.wrap(~number if negated else number)))

    return emit


def _second(thread: Thread, value: int | Register, ctype: CType, how: Modified | None) -> Expr:
    operand: Expr = Const(ctype.wrap(value)) if isinstance(value, int) else thread.read(value)
    return operand if how is None else how.of(operand, ctype)


def _arithmetic(op: str, sets: bool = False, invert: bool = False) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, left: Register, right: int | Register, how: Modified | None = None) -> None:
        ctype = _type(target)
        first, second = thread.read(left), _second(thread, right, ctype, how)
        if invert:
            second = Unary("~", second, ctype)
        result = Binary(op, first, second, ctype)
        if sets:
            _set_flags(thread, op, first, second, target.size)
        thread.write(target, result)

    return emit


def _set_flags(thread: Thread, op: str, left: Expr, right: Expr, size: int) -> None:
    """The flags of ``left op right``. A bit operation clears carry, which reads as below."""
    if op == "-":
        flags.compare(thread, left, right, size)
    elif op == "+":
        flags.added(thread, left, right, size)
    else:
        flags.bitwise(thread, Binary(op, left, right, VIEW[size]), size, below=True)


def _compare(op: str) -> Callable[..., None]:
    def emit(thread: Thread, left: Register, right: int | Register, how: Modified | None = None) -> None:
        ctype = _type(left)
        first, second = thread.read(left), _second(thread, right, ctype, how)
        _set_flags(thread, op, first, second, left.size)

    return emit


def _shift(op: str, signed: bool = False) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, left: Register, right: int | Register) -> None:
        ctype = _type(target)
        count = (
            Const(right % (8 * target.size))
            if isinstance(right, int)
            else Binary("&", thread.read(right), Const(8 * target.size - 1), ctype)
        )
        value = thread.read(left)
        if op == ">>":
            ctype = SIGNED[target.size] if signed else ULONG if target.size == 8 else ctype
            value = converted(value, ctype)
        thread.write(target, converted(Binary(op, value, count, ctype), VIEW[target.size]))

    return emit


def _unary(op: str) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, value: Register, how: Modified | None = None) -> None:
        ctype = _type(target)
        thread.write(target, Unary(op, _second(thread, value, ctype, how), ctype))

    return emit


def _multiply_add(op: str) -> Callable[..., None]:
    """MADD, MSUB: a number and, or less, a product."""

    def emit(thread: Thread, target: Register, left: Register, right: Register, start: Register | None = None) -> None:
        ctype = _type(target)
        product = Binary("*", thread.read(left), thread.read(right), ctype)
        before = Const(0) if start is None else thread.read(start)
        thread.write(target, Binary(op, before, product, ctype))

    return emit


def _multiply_long(ctype: CType, op: str = "+") -> Callable[..., None]:
    """SMULL, UMULL and their kin: a number (0) and, or less, the product of two words as 64 bits."""

    def emit(thread: Thread, target: Register, left: Register, right: Register, start: Register | None = None) -> None:
        first, second = (converted(thread.read(one), ctype) for one in (left, right))
        product = Binary("*", converted(first, LONG), converted(second, LONG), LONG)
        if start is None and op == "+":
            thread.write(target, product)
        else:
            thread.write(target, Binary(op, Const(0) if start is None else thread.read(start), product, LONG))

    return emit


def _reversed_bits(thread: Thread, target: Register, value: Register) -> None:
    """RBIT: halves of halves of ... are exchanged, single bits last."""
    ctype, width = ULONG if target.size == 8 else VIEW[4], 8 * target.size
    found, step = converted(thread.read(value), ctype), width // 2
    while step:
        low = sum(1 << i for i in range(width) if not i // step % 2)
        above = Binary("<<", Binary("&", found, Const(low), ctype), Const(step), ctype)
        found = Binary("|", above, Binary("&", Binary(">>", found, Const(step), ctype), Const(low), ctype), ctype)
        step //= 2
    thread.write(target, converted(found, VIEW[target.size]))


def _bit_field(signed: bool, by_width: bool) -> Callable[..., None]:
    """SBFM, UBFM (of bits N to M), and SBFX, UBFX (``by_width``: from bit N on, so many)."""

    def emit(thread: Thread, target: Register, value: Register, first: int, second: int) -> None:
        bits, ctype = 8 * target.size, _type(target)
        last = first + second - 1 if by_width else second
        if not (0 <= first < bits and 0 <= last < bits and (not by_width or second > 0)):
            raise InputError(f"bits 0 to {bits - 1} of {value.text} expected, {first} and {second} found", thread.pos)
        low, width = (first, last - first + 1) if last >= first else (0, last + 1)
        to = 0 if last >= first else bits - first
        # to the top, and down again to where the field goes
        above = Binary("<<", thread.read(value), Const(bits - width - low), ctype)
        down = SIGNED[target.size] if signed else ULONG if bits == 64 else ctype
        field = converted(Binary(">>", converted(above, down), Const(bits - width), down), ctype)
        thread.write(target, Binary("<<", field, Const(to), ctype) if to else field)

    return emit


def _reversed(size: int, unit: int) -> Callable[..., None]:
    """REV and its kin: the bytes of each ``unit`` bytes in the other order (``size``: that of the register)."""

    def emit(thread: Thread, target: Register, value: Register) -> None:
        ctype, result = ULONG if size == 8 else VIEW[size], None
        whole = converted(thread.read(value), ctype)
        for i in range(size):
            to = i // unit * unit + unit - 1 - i % unit
            byte = Binary("&", Binary(">>", whole, Const(8 * i), ctype), Const(255), ctype)
            moved = Binary("<<", byte, Const(8 * to), ctype)
            result = moved if result is None else Binary("|", result, moved, ctype)
        assert result is not None
        thread.write(target, converted(result, VIEW[size]))

    return emit


def _absolute(thread: Thread, target: Register, value: Register) -> None:
    ctype = SIGNED[target.size]
    number = converted(thread.read(value), ctype)
    thread.write(target, Conditional(Binary("<", number, Const(0), ctype), Unary("-", number, ctype), number))


def _extend(name: str) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, value: Register) -> None:
        thread.write(target, Modified(name, 0).of(thread.read(value), _type(target)))

    return emit


def _load(size: int | None, *tags: str, signed: bool = False) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, address: Address, after: int = 0) -> None:
        thread.load(target, address.of(thread), size or target.size, *tags, signed=signed)
        _post_index(thread, address, after)

    return emit


def _store(size: int | None, *tags: str) -> Callable[..., None]:
    def emit(thread: Thread, value: Register, address: Address, after: int = 0) -> None:
        thread.store(address.of(thread), thread.read(value), size or value.size, *tags)
        _post_index(thread, address, after)

    return emit


def _store_exclusive(size: int | None, *tags: str) -> Callable[..., None]:
    def emit(thread: Thread, status: Register, value: Register, address: Address) -> None:
        thread.store_conditional(status, address.of(thread), thread.read(value), size or value.size, *tags)

    return emit


def _post_index(thread: Thread, address: Address, after: int) -> None:
    if after:
        thread.write(address.base, add(thread.read(address.base), Const(after)))


def _load_pair(*tags: str, signed: bool = False, ordered: bool = False) -> Callable[..., None]:
    """Two loads of one instruction. ``signed``: words for registers of 64 bits. ``ordered``: the first one first (LDIAPP)."""

    def emit(thread: Thread, first: Register, second: Register, address: Address, after: int = 0) -> None:
        size = 4 if signed else first.size
        place = address.of(thread)
        saved = thread.temporary()
        if first.name == address.base.name:
            thread.emit(Assign(saved, place, thread.pos))
            place = Reg(saved)
        thread.load(first, place, size, *tags, signed=signed)
        thread.load(second, add(place, Const(size)), size, *tags, PAIR, *([ORDERED] if ordered else []), signed=signed)
        _post_index(thread, address, after)

    return emit


def _store_pair(*tags: str) -> Callable[..., None]:
    """Two stores of one instruction, in order if they release (STILP): the first one first, with pre-index the second one."""

    def emit(thread: Thread, first: Register, second: Register, address: Address, after: int = 0) -> None:
        place = address.of(thread)
        halves = [(place, first), (add(place, Const(first.size)), second)]
        if tags and address.before:
            halves.reverse()
        also: tuple[str, ...] = ()
        for where, value in halves:
            thread.store(where, thread.read(value), first.size, *tags, *also)
            also = (PAIR, ORDERED) if tags else (PAIR,)
        _post_index(thread, address, after)

    return emit


def _store_exclusive_pair(*tags: str) -> Callable[..., None]:
    def emit(thread: Thread, status: Register, first: Register, second: Register, address: Address) -> None:
        place, low, high = address.of(thread), thread.read(first), thread.read(second)
        thread.store_conditional(status, place, low, first.size, *tags, second=high)

    return emit


def _atomic(op: str | None, suffix: str, size: int | None, returns: bool = True) -> Callable[..., None]:
    """SWP (no ``op``), LDADD and kin: the old value goes to ``target``."""

    def emit(thread: Thread, value: Register, target: Register, address: Address) -> None:
        ctype = VIEW[size or value.size]
        operand = thread.read(value)

        def new(old: Expr) -> Expr:
            match op:
                case None:
                    return operand
                case "clear":
                    return Binary("&", old, Unary("~", operand, ctype), ctype)
                case "SMAX" | "SMIN" | "UMAX" | "UMIN":
                    return extreme(op.endswith("MAX"), op[0] == "S", old, operand, size or value.size)
            return Binary(op, old, operand, ctype)

        read = _read_tags(suffix, target)
        thread.rmw(target, address.of(thread), new, size or value.size, read, ("L",) if "L" in suffix else ())

    if returns:
        return emit
    return lambda thread, value, address: emit(thread, value, Register(None, value.size), address)


def _read_tags(suffix: str, target: Register) -> tuple[str, ...]:
    """Those of the read of an atomic operation: nothing is acquired by a read whose value goes nowhere."""
    return ("NoRet",) if target.name is None else ("A",) if "A" in suffix else ()


def _compare_and_swap(suffix: str, size: int | None) -> Callable[..., None]:
    """CAS. Where it succeeds, the register may get what was read or keep what was expected, which is the same value with other
    dependencies; where it fails, the value that was read may be written back (DDI 0487, CAS, CASA, CASAL, CASL)."""

    def emit(thread: Thread, expected: Register, value: Register, address: Address) -> None:
        bytes_ = size or expected.size
        place, new = address.of(thread), thread.read(value)
        saved = Register(thread.temporary())
        thread.write(saved, converted(thread.read(expected), VIEW[bytes_]))
        wanted = thread.read(saved)
        reads, writes = _read_tags(suffix, expected), ("L",) if "L" in suffix else ()

        def same(old: Expr) -> Expr:
            return Binary("==", old, wanted, LONG)

        def other(old: Expr) -> Expr:
            return Binary("!=", old, wanted, LONG)

        def success() -> None:
            found = Register(thread.temporary())
            thread.rmw(found, place, lambda old: new, bytes_, reads, writes, same)
            kept = thread.read(found)
            if expected.name is not None:
                thread.either(lambda: thread.write(expected, kept), lambda: thread.write(expected, wanted, same(kept)))

        def failure() -> None:
            thread.either(lambda: thread.rmw(expected, place, lambda old: old, bytes_, reads, writes, other), without_write)

        def without_write() -> None:
            found = Register(thread.temporary())
            thread.load(found, place, bytes_, *reads)
            thread.emit(Assume(other(thread.read(found)), thread.pos))
            thread.write(expected, thread.read(found))

        thread.either(success, failure)

    return emit


def _compare_and_swap_pair(suffix: str) -> Callable[..., None]:
    """CASP: as CAS, for two registers that follow each other and the two locations."""
    reads, writes = ("A",) if "A" in suffix else (), ("L",) if "L" in suffix else ()

    def emit(thread: Thread, *operands: Any) -> None:
        targets, values, address = operands[0:2], operands[2:4], operands[4]
        _require_pair(thread, targets)
        _require_pair(thread, values)
        size = targets[0].size
        place = address.of(thread)
        saved = [Register(thread.temporary()) for _ in targets]
        found = [Register(thread.temporary()) for _ in targets]
        for copy, target in zip(saved, targets, strict=True):
            thread.write(copy, thread.read(target))
        halves = list(
            zip((place, add(place, Const(size))), found, map(thread.read, saved), values, ((FIRST,), (PAIR,)), strict=True)
        )

        def equal() -> Expr:
            first, second = (Binary("==", thread.read(was), want, LONG) for _, was, want, _, _ in halves)
            return Binary("&", first, second, LONG)

        def exchange(half: tuple[Expr, Register, Expr, Register, tuple[str, ...]]) -> None:
            to, was, want, value, also = half
            new = thread.read(value)
            thread.rmw(
                was, to, lambda old: new, size, (*reads, *also), (*writes, *also), lambda old: Binary("==", old, want, LONG)
            )

        def write_back() -> None:
            for to, was, _, _, also in halves:
                thread.rmw(was, to, lambda old: old, size, (*reads, *also), (*writes, *also))

        def only_read() -> None:
            for to, was, _, _, also in halves:
                thread.load(was, to, size, *reads, *also)

        def take(kept: bool = False) -> None:
            same = equal() if kept else None
            for target, (_, was, want, _, _) in zip(targets, halves, strict=True):
                thread.write(target, want if kept else thread.read(was), same)

        def success() -> None:
            for half in halves:
                exchange(half)
            thread.either(take, lambda: take(kept=True))

        def failure() -> None:
            thread.either(write_back, only_read)
            thread.emit(Assume(Unary("!", equal()), thread.pos))
            take()

        thread.either(success, failure)

    return emit


def _require_pair(thread: Thread, registers: Sequence[Register]) -> None:
    """:raises InputError: these are not X0 and X1, X2 and X3, ..."""
    first, second = (int(one.name[1:]) if one.name is not None else 31 for one in registers)
    if first % 2 or second != first + 1:
        found = ",".join(one.text for one in registers)
        raise InputError(f"a register with an even number and the next one expected, '{found}' found", thread.pos)


def _barrier(name: str) -> Callable[..., None]:
    return lambda thread, option="SY": thread.fence(f"{name}.{option}")


def _branch_if(name: str) -> Callable[..., None]:
    return lambda thread, target: thread.jump(target, flags.holds(thread, CONDITIONS[name]))


def _compare_branch(op: str) -> Callable[..., None]:
    return lambda thread, reg, target: thread.jump(target, Binary(op, thread.read(reg), Const(0), LONG))


def _test_branch(op: str) -> Callable[..., None]:
    def emit(thread: Thread, reg: Register, bit: int, target: str) -> None:
        masked = Binary("&", thread.read(reg), Const(LONG.wrap(1 << bit)), LONG)
        thread.jump(target, Binary(op, masked, Const(0), LONG))

    return emit


def _select(change: str) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, yes: Register, no: Register, name: str) -> None:
        other = thread.read(no)
        ctype = _type(target)
        match change:
            case "INC":
                other = Binary("+", other, Const(1), ctype)
            case "INV":
                other = Unary("~", other, ctype)
            case "NEG":
                other = Unary("-", other, ctype)
        thread.select(target, flags.holds(thread, CONDITIONS[name]), thread.read(yes), other)

    return emit


def _set(value: int) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, name: str) -> None:
        chosen = Const(_type(target).wrap(value))
        thread.select(target, flags.holds(thread, CONDITIONS[name]), chosen, Const(0))

    return emit


# --- the table ---

_OPTIONS = ("SY", "LD", "ST", "ISH", "ISHLD", "ISHST", "OSH", "OSHLD", "OSHST", "NSH", "NSHLD", "NSHST")
_SIZES: tuple[tuple[str, int | None], ...] = (("", None), ("B", 1), ("H", 2))
_SIGNED_SIZES: tuple[tuple[str, int], ...] = (("SB", 1), ("SH", 2), ("SW", 4))
_ORDERS = ("", "A", "L", "AL")


def _rows() -> Iterator[Row]:
    def row(form: str, emit: Callable[..., None], *operands: Operand) -> Row:
        return Row(form.split(" ", 1)[0], operands, emit, form)

    imm, mem, base = integer, memory, base_only
    condition = words(*CONDITIONS)

    yield row("MOV Xd,#1", _move, R, imm)
    yield row("MOV Xd,Xn", _move, X, X)
    yield row("MOV Wd,Wn", _move, W, W)
    for name, keep, negated in (("MOVZ", False, False), ("MOVK", True, False), ("MOVN", False, True)):
        yield row(f"{name} Xd,#1", _move_part(keep, negated), R, imm)
        yield row(f"{name} Xd,#1,LSL #16", _move_part(keep, negated), R, imm, modifier)
    for name, op, sets, invert in (
        ("ADD", "+", False, False), ("SUB", "-", False, False), ("AND", "&", False, False), ("ORR", "|", False, False),
        ("EOR", "^", False, False), ("BIC", "&", False, True), ("ORN", "|", False, True), ("EON", "^", False, True),
        ("ADDS", "+", True, False), ("SUBS", "-", True, False), ("ANDS", "&", True, False), ("BICS", "&", True, True),
        ("MUL", "*", False, False),
    ):  # fmt: skip
        emit = _arithmetic(op, sets, invert)
        for reg, wide in ((X, "X"), (W, "W")):
            form = f"{name} {wide}d,{wide}n"
            yield row(f"{form},{wide}m", emit, reg, reg, reg)
            if name != "MUL":
                yield row(f"{form},#1", emit, reg, reg, imm)
                yield row(f"{form},{wide}m,LSL #1", emit, reg, reg, reg, modifier)
                yield row(f"{form},#1,LSL #12", emit, reg, reg, imm, modifier)
        if name != "MUL":
            yield row(f"{name} Xd,Xn,Wm,SXTW", emit, X, X, W, modifier)
    for name, op in (("CMP", "-"), ("CMN", "+"), ("TST", "&")):
        for reg, wide in ((X, "X"), (W, "W")):
            yield row(f"{name} {wide}n,{wide}m", _compare(op), reg, reg)
            yield row(f"{name} {wide}n,#1", _compare(op), reg, imm)
            yield row(f"{name} {wide}n,{wide}m,LSL #1", _compare(op), reg, reg, modifier)
    for name, op, signed in (("LSL", "<<", False), ("LSR", ">>", False), ("ASR", ">>", True)):
        for reg, wide in ((X, "X"), (W, "W")):
            yield row(f"{name} {wide}d,{wide}n,{wide}m", _shift(op, signed), reg, reg, reg)
            yield row(f"{name} {wide}d,{wide}n,#1", _shift(op, signed), reg, reg, imm)
    for name, op in (("MVN", "~"), ("NEG", "-")):
        yield row(f"{name} Xd,Xn", _unary(op), X, X)
        yield row(f"{name} Wd,Wn", _unary(op), W, W)
        yield row(f"{name} Xd,Xn,LSL #1", _unary(op), X, X, modifier)
        yield row(f"{name} Wd,Wn,LSL #1", _unary(op), W, W, modifier)
    for reg, wide in ((X, "X"), (W, "W")):
        whole = 8 if wide == "X" else 4
        for name, op in (("MADD", "+"), ("MSUB", "-")):
            yield row(f"{name} {wide}d,{wide}n,{wide}m,{wide}s", _multiply_add(op), reg, reg, reg, reg)
        yield row(f"MNEG {wide}d,{wide}n,{wide}m", _multiply_add("-"), reg, reg, reg)
        for name, signed, by_width in (
            ("UBFM", False, False), ("SBFM", True, False), ("UBFX", False, True), ("SBFX", True, True),
        ):  # fmt: skip
            yield row(f"{name} {wide}d,{wide}n,#4,#7", _bit_field(signed, by_width), reg, reg, imm, imm)
        for name, unit in (("REV", whole), ("REV16", 2), *((("REV32", 4), ("REV64", 8)) if whole == 8 else ())):
            yield row(f"{name} {wide}d,{wide}n", _reversed(whole, unit), reg, reg)
        yield row(f"ABS {wide}d,{wide}n", _absolute, reg, reg)
        yield row(f"RBIT {wide}d,{wide}n", _reversed_bits, reg, reg)
    for letter, ctype in (("S", INT), ("U", UINT)):
        yield row(f"{letter}MULL Xd,Wn,Wm", _multiply_long(ctype), X, W, W)
        yield row(f"{letter}MNEGL Xd,Wn,Wm", _multiply_long(ctype, "-"), X, W, W)
        yield row(f"{letter}MADDL Xd,Wn,Wm,Xs", _multiply_long(ctype), X, W, W, X)
        yield row(f"{letter}MSUBL Xd,Wn,Wm,Xs", _multiply_long(ctype, "-"), X, W, W, X)
    for name in ("UXTB", "UXTH", "SXTB", "SXTH", "SXTW", "UXTW"):
        yield row(f"{name} Xd,Wn", _extend(name), R, R)

    for name, size in _SIZES:
        target = R if size is None else W
        for stem in ("", "U"):
            yield row(f"LD{stem}R{name} Wt,[Xn]", _load(size), target, mem)
            yield row(f"ST{stem}R{name} Wt,[Xn]", _store(size), target, mem)
        yield row(f"LDR{name} Wt,[Xn],#4", _load(size), target, base, imm)
        yield row(f"STR{name} Wt,[Xn],#4", _store(size), target, base, imm)
        yield row(f"LDAR{name} Wt,[Xn]", _load(size, "A"), target, base)
        yield row(f"STLR{name} Wt,[Xn]", _store(size, "L"), target, base)
        yield row(f"LDAPR{name} Wt,[Xn]", _load(size, "Q"), target, base)
        yield row(f"LDAPUR{name} Wt,[Xn,#4]", _load(size, "Q"), target, mem)
        yield row(f"STLUR{name} Wt,[Xn,#4]", _store(size, "L"), target, mem)
    for name, size in _SIGNED_SIZES:
        target = X if name == "SW" else R
        yield row(f"LDR{name} Xt,[Xn]", _load(size, signed=True), target, mem)
        yield row(f"LDR{name} Xt,[Xn],#4", _load(size, signed=True), target, base, imm)
        yield row(f"LDUR{name} Xt,[Xn]", _load(size, signed=True), target, mem)
        yield row(f"LDAPUR{name} Xt,[Xn]", _load(size, "Q", signed=True), target, mem)
    for reg, wide in ((X, "X"), (W, "W")):
        for name, pair in (("LDP", _load_pair()), ("LDNP", _load_pair()), ("STP", _store_pair()), ("STNP", _store_pair())):
            yield row(f"{name} {wide}t1,{wide}t2,[Xn]", pair, reg, reg, mem)
            yield row(f"{name} {wide}t1,{wide}t2,[Xn],#16", pair, reg, reg, base, imm)
        yield row(f"LDIAPP {wide}t1,{wide}t2,[Xn]", _load_pair("Q", ordered=True), reg, reg, base)
        yield row(f"LDIAPP {wide}t1,{wide}t2,[Xn],#16", _load_pair("Q", ordered=True), reg, reg, base, imm)
        yield row(f"STILP {wide}t1,{wide}t2,[Xn]", _store_pair("L"), reg, reg, mem)
        yield row(f"LDXP {wide}t1,{wide}t2,[Xn]", _load_pair("EX"), reg, reg, base)
        yield row(f"LDAXP {wide}t1,{wide}t2,[Xn]", _load_pair("EX", "A"), reg, reg, base)
        yield row(f"STXP Ws,{wide}t1,{wide}t2,[Xn]", _store_exclusive_pair(), W, reg, reg, base)
        yield row(f"STLXP Ws,{wide}t1,{wide}t2,[Xn]", _store_exclusive_pair("L"), W, reg, reg, base)
        for order in _ORDERS:
            swap = _compare_and_swap_pair(order)
            yield row(f"CASP{order} {wide}4,{wide}5,{wide}6,{wide}7,[Xn]", swap, reg, reg, reg, reg, base)
    yield row("LDPSW Xt1,Xt2,[Xn]", _load_pair(signed=True), X, X, mem)
    yield row("LDPSW Xt1,Xt2,[Xn],#8", _load_pair(signed=True), X, X, base, imm)

    for name, size in _SIZES:
        target = R if size is None else W
        for suffix, tags in (("", ()), ("A", ("A",))):
            yield row(f"LD{suffix}XR{name} Wt,[Xn]", _load(size, "EX", *tags), target, base)
        for suffix, tags in (("", ()), ("L", ("L",))):
            yield row(f"ST{suffix}XR{name} Ws,Wt,[Xn]", _store_exclusive(size, *tags), W, target, base)
    for order in _ORDERS:
        for name, size in _SIZES:
            for reg in (X, W) if size is None else (W,):
                wide = "X" if reg is X else "W"
                yield row(f"SWP{order}{name} {wide}s,{wide}t,[Xn]", _atomic(None, order, size), reg, reg, base)
                yield row(f"CAS{order}{name} {wide}s,{wide}t,[Xn]", _compare_and_swap(order, size), reg, reg, base)
                for op, sign in _ATOMICS.items():
                    emit = _atomic(sign, order, size)
                    yield row(f"LD{op}{order}{name} {wide}s,{wide}t,[Xn]", emit, reg, reg, base)
                    if "A" not in order:
                        emit = _atomic(sign, order, size, returns=False)
                        yield row(f"ST{op}{order}{name} {wide}s,[Xn]", emit, reg, base)

    for name in ("DMB", "DSB"):
        yield row(f"{name} SY", _barrier(name), words(*_OPTIONS))
    yield row("ISB", lambda thread: thread.fence("ISB"))
    yield row("ISB SY", lambda thread, option: thread.fence("ISB"), words("SY"))
    yield row("NOP", lambda thread: None)
    yield row("RET", Thread.end)

    yield row("B L0", lambda thread, target: thread.jump(target), label)
    for name in CONDITIONS:
        yield row(f"B.{name} L0", _branch_if(name), label)
    for name, op in (("CBZ", "=="), ("CBNZ", "!=")):
        yield row(f"{name} Xt,L0", _compare_branch(op), R, label)
    for name, op in (("TBZ", "=="), ("TBNZ", "!=")):
        yield row(f"{name} Xt,#1,L0", _test_branch(op), R, imm, label)
    for name, change in (("CSEL", ""), ("CSINC", "INC"), ("CSINV", "INV"), ("CSNEG", "NEG")):
        for reg, wide in ((X, "X"), (W, "W")):
            yield row(f"{name} {wide}d,{wide}n,{wide}m,EQ", _select(change), reg, reg, reg, condition)
    yield row("CSET Xd,EQ", _set(1), R, condition)
    yield row("CSETM Xd,EQ", _set(-1), R, condition)


_ATOMICS = {
    "ADD": "+", "CLR": "clear", "SET": "|", "EOR": "^", "SMAX": "SMAX", "SMIN": "SMIN", "UMAX": "UMAX", "UMIN": "UMIN",
}  # fmt: skip


def _mnemonic(text: str) -> tuple[str, str]:
    name, _, rest = text.partition(" ")
    return name.upper(), rest.strip()


AARCH64 = Machine("AArch64", "AArch64", by_mnemonic(tuple(_rows())), register, REGISTERS, _mnemonic, zero="XZR")
