"""AArch64: what each instruction does. Source: Arm ARM DDI 0487, part C6 (A64 base instructions)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from smpcheck.program.ir import Assign, Assume, Binary, Cast, Const, Expr, Reg, Unary
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
    unsigned,
    words,
)

_REGISTER = re.compile(r"([XW])(\d+|ZR)\Z", re.IGNORECASE)


def register(text: str) -> Register | None:
    """``X0`` to ``X30``, ``XZR``, and their lower halves ``W0`` to ``WZR``."""
    match = _REGISTER.match(text)
    if match is None or (match[2].isdigit() and int(match[2]) > 30):
        return None
    size = 8 if match[1].upper() == "X" else 4
    return Register(None if match[2].upper() == "ZR" else f"X{int(match[2])}", size, text)


REGISTERS = "X0 to X30, XZR, W0 to W30, WZR"


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


@dataclass(frozen=True, slots=True)
class Address:
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
    r"\[\s*(?P<base>\w+)\s*(?:,\s*(?:(?P<imm>#?\s*-?\w+)|(?P<index>[XWxw]\w+)(?:\s*,\s*(?P<ext>[A-Za-z]+)\s*(?:#?\s*(?P<by>\d+))?)?)\s*)?\]\s*(?P<pre>!)?\Z"
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
    if extend not in (("SXTW", "UXTW") if index.size == 4 else ("LSL", "SXTX")):
        raise OperandError("SXTW or UXTW after a W register, LSL after an X register")
    return Address(base, index, extend == "SXTW", int(match["by"] or 0))


def base_only(text: str) -> Address:
    """``[X1]``: all that exclusives, acquires and atomic instructions take."""
    address = memory(text)
    if address.index is not None or address.offset or address.before:
        raise OperandError("an address of the form [X1]")
    return address


@dataclass(frozen=True, slots=True)
class Modified:
    """A second operand that is shifted or extended: ``W1,SXTW`` or ``X2,LSL #3``."""

    how: str
    by: int

    def of(self, value: Expr, ctype: CType) -> Expr:
        """``value`` modified."""
        match self.how:
            case "LSL":
                return Binary("<<", value, Const(self.by), ctype)
            case "LSR":
                return Binary(">>", unsigned(value, ctype.bits // 8), Const(self.by), ctype if ctype.bits < 64 else ULONG)
            case "ASR":
                signed = SIGNED[ctype.bits // 8]
                return Binary(">>", converted(value, signed), Const(self.by), signed)
        extended = converted(value, _EXTENDED[self.how])
        return Binary("<<", extended, Const(self.by), LONG) if self.by else extended


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
_MODIFIER = re.compile(r"(LSL|LSR|ASR|[US]XT[BHWX])(?:\s*#?\s*(\d+))?\Z", re.IGNORECASE)


def modifier(text: str) -> Modified:
    """``LSL #3``, ``SXTW``, ``UXTB #1``."""
    match = _MODIFIER.match(text)
    if match is None or (match[1].upper() in ("LSL", "LSR", "ASR") and match[2] is None):
        raise OperandError("a shift (LSL #3, LSR #1, ASR #1) or an extension (SXTW, UXTB, ...)")
    return Modified(match[1].upper(), int(match[2] or 0))


CONDITIONS = {
    "EQ": "eq", "NE": "ne", "HS": "above or same", "CS": "above or same", "LO": "below", "CC": "below", "HI": "above",
    "LS": "below or same", "GE": "ge", "LT": "lt", "GT": "gt", "LE": "le", "MI": "negative", "PL": "not negative",
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
        if sets and op == "-":
            flags.compare(thread, first, second, target.size)
        elif sets:
            flags.by_result(thread, result, target.size)
        thread.write(target, result)

    return emit


def _compare(op: str) -> Callable[..., None]:
    def emit(thread: Thread, left: Register, right: int | Register, how: Modified | None = None) -> None:
        ctype = _type(left)
        first, second = thread.read(left), _second(thread, right, ctype, how)
        if op == "-":
            flags.compare(thread, first, second, left.size)
        else:
            flags.by_result(thread, Binary(op, first, second, ctype), left.size)

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
    def emit(thread: Thread, target: Register, value: Register) -> None:
        thread.write(target, Unary(op, thread.read(value), _type(target)))

    return emit


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


def _load_pair(thread: Thread, first: Register, second: Register, address: Address, after: int = 0) -> None:
    place = address.of(thread)
    saved = thread.temporary()
    if first.name == address.base.name:
        thread.emit(Assign(saved, place, thread.pos))
        place = Reg(saved)
    thread.load(first, place, first.size)
    thread.load(second, add(place, Const(first.size)), first.size)
    _post_index(thread, address, after)


def _store_pair(thread: Thread, first: Register, second: Register, address: Address, after: int = 0) -> None:
    place = address.of(thread)
    thread.store(place, thread.read(first), first.size)
    thread.store(add(place, Const(first.size)), thread.read(second), first.size)
    _post_index(thread, address, after)


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

        quiet = target.name is None and op is not None and "A" not in suffix
        read = ("A",) if "A" in suffix and target.name is not None else ("NoRet",) if quiet else ()
        thread.rmw(target, address.of(thread), new, size or value.size, read, ("L",) if "L" in suffix else ())

    if returns:
        return emit
    return lambda thread, value, address: emit(thread, value, Register(None, value.size), address)


def _compare_and_swap(suffix: str, size: int | None) -> Callable[..., None]:
    def emit(thread: Thread, expected: Register, value: Register, address: Address) -> None:
        bytes_ = size or expected.size
        place, new = address.of(thread), thread.read(value)
        wanted = thread.read(expected)
        if bytes_ < expected.size:
            wanted = converted(wanted, VIEW[bytes_])
        read = ("A",) if "A" in suffix else ()

        def same(old: Expr) -> Expr:
            return Binary("==", old, wanted, LONG)

        def success() -> None:
            thread.rmw(expected, place, lambda old: new, bytes_, read, ("L",) if "L" in suffix else (), same)

        def failure() -> None:
            found = Register(thread.temporary(), 8)
            thread.load(found, place, bytes_, *read)
            thread.emit(Assume(Binary("!=", thread.read(found), wanted, LONG), thread.pos))
            thread.write(expected, thread.read(found))

        thread.either(success, failure)

    return emit


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
    for name, op in (("CMP", "-"), ("TST", "&")):
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
        yield row(f"LDUR{name} Xt,[Xn]", _load(size, signed=True), target, mem)
        yield row(f"LDAPUR{name} Xt,[Xn]", _load(size, "Q", signed=True), target, mem)
    for reg, wide in ((X, "X"), (W, "W")):
        for name, pair in (("LDP", _load_pair), ("LDNP", _load_pair), ("STP", _store_pair), ("STNP", _store_pair)):
            yield row(f"{name} {wide}t1,{wide}t2,[Xn]", pair, reg, reg, mem)
            yield row(f"{name} {wide}t1,{wide}t2,[Xn],#16", pair, reg, reg, base, imm)

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


AARCH64 = Machine("AArch64", "AArch64", by_mnemonic(tuple(_rows())), register, REGISTERS, _mnemonic)
