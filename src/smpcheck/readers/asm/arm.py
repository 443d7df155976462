"""ARMv7: what each instruction does. Source: Arm ARM DDI 0406C, part A8 (instruction details) and A3.8 (memory order).

Any instruction but barriers and branches, which have rows of their own, may have a condition (A8.3). What it then does depends on
the flags by a choice: a register keeps or gets a value, an access takes place or does not, and no control dependency arises (as
in herd7). A register holds 32 bits; an address is as large as a register.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.program.events import PAIR
from smpcheck.program.ir import Binary, Const, Expr, Unary
from smpcheck.program.values import INT, LONG
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


class Address(Struct, frozen=True):
    """``[base]``, ``[base,#offset]`` or ``[base,index]``, the index shifted to the left. ``before``: the base becomes that."""

    base: Register
    index: Register | None = None
    shift: int = 0
    offset: int = 0
    before: bool = False

    def of(self, thread: Thread) -> Expr:
        """The address. Pre-indexed: the base is written first."""
        distance: Expr = Const(self.offset)
        if self.index is not None:
            distance = thread.read(self.index)
            if self.shift:
                distance = Binary("<<", distance, Const(self.shift), LONG)
        address = add(thread.read(self.base), distance)
        if self.before:
            thread.write(self.base, address)
            return thread.read(self.base)
        return address


_ADDRESS = re.compile(r"\[\s*([\w%]+)\s*(?:,\s*(#?\s*-?[\w%]+)\s*(?:,\s*LSL\s*#?\s*(\d+)\s*)?)?\](!?)\Z", re.IGNORECASE)


def memory(text: str) -> Address:
    """``[R1]``, ``[R1,#4]``, ``[R1,R2]``, ``[R1,R2,LSL #2]``, ``[R1,#4]!``. :raises OperandError:"""
    match = _ADDRESS.match(text)
    if match is None:
        raise OperandError("an address such as [R1], [R1,#4], [R1,R2], [R1,R2,LSL #2] or [R1,#4]!")
    base = R(match[1])
    before = bool(match[4])
    if match[2] is None:
        return Address(base, before=before)
    index = register(match[2])
    if index is not None:
        return Address(base, index, int(match[3] or 0), before=before)
    if match[3] is not None:
        raise OperandError("a register before LSL")
    return Address(base, offset=integer(match[2]), before=before)


def base_only(text: str) -> Address:
    """``[R1]``: all that exclusives take. :raises OperandError:"""
    address = memory(text)
    if address.index is not None or address.offset or address.before:
        raise OperandError("an address of the form [R1]")
    return address


def written_base(text: str) -> tuple[Register, bool]:
    """``R1`` or ``R1!``: the base of LDM and STM, and is it moved? :raises OperandError:"""
    return R(text.removesuffix("!").rstrip()), text.endswith("!")


_RANGE = re.compile(r"([\w%]+)\s*-\s*([\w%]+)\Z")


def register_list(text: str) -> list[Register]:
    """``{R1,R2}``, ``{R4-R7,LR}``: in the order of their numbers, as they lie in memory. :raises OperandError:"""
    accepted = "a list of registers in the order of their numbers, such as {R1,R2} or {R4-R7}"
    if not (text.startswith("{") and text.endswith("}")):
        raise OperandError(accepted)
    numbers: list[int] = []
    for part in text[1:-1].split(","):
        match = _RANGE.match(part.strip())
        ends = [register(end) for end in (match.groups() if match else (part.strip(), part.strip()))]
        found = [int(end.name[1:]) for end in ends if end is not None and end.name is not None and end.name[1:].isdigit()]
        if len(found) < 2 or found[0] > found[1] or (numbers and found[0] <= numbers[-1]):
            raise OperandError(accepted)
        numbers += range(found[0], found[1] + 1)
    return [Register(f"R{number}", WIDTH, f"R{number}") for number in numbers]


def _load(size: int, signed: bool = False, *tags: str) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, place: Address, after: int | Register = 0) -> None:
        thread.load(target, place.of(thread), size, *tags, signed=signed)
        _post_index(thread, place, after)

    return emit


def _store(size: int) -> Callable[..., None]:
    def emit(thread: Thread, value: Register, place: Address, after: int | Register = 0) -> None:
        thread.store(place.of(thread), thread.read(value), size)
        _post_index(thread, place, after)

    return emit


def _post_index(thread: Thread, place: Address, after: int | Register) -> None:
    if after:
        thread.write(place.base, add(thread.read(place.base), _value(thread, after)))


def _several(thread: Thread, loads: bool, registers: Sequence[Register], start: Expr) -> None:
    """Words one after the other from ``start``, in no order among themselves."""
    first = Register(thread.temporary())
    thread.write(first, start)
    for i, one in enumerate(registers):
        place = add(thread.read(first), Const(4 * i))
        also = (PAIR,) if i else ()
        if loads:
            thread.load(one, place, 4, *also)
        else:
            thread.store(place, thread.read(one), 4, *also)


def _pair(loads: bool) -> Callable[..., None]:
    """LDRD, STRD: two words, into or from a register with an even number and the next one."""

    def emit(thread: Thread, first: Register, second: Register, place: Address, after: int = 0) -> None:
        numbers = [int(one.name[1:]) for one in (first, second) if one.name is not None and one.name[1:].isdigit()]
        if len(numbers) < 2 or numbers[0] % 2 or numbers[1] != numbers[0] + 1:
            found = f"{first.text},{second.text}"
            raise InputError(f"a register with an even number and the next one expected, '{found}' found", thread.pos)
        _several(thread, loads, (first, second), place.of(thread))
        _post_index(thread, place, after)

    return emit


def _pair_by_first(loads: bool) -> Callable[..., None]:
    """The same, with the second register left out."""

    def emit(thread: Thread, first: Register, place: Address) -> None:
        number = int(first.name[1:]) + 1 if first.name is not None and first.name[1:].isdigit() else 0
        _pair(loads)(thread, first, Register(f"R{number}", WIDTH, f"R{number}"), place)

    return emit


def _multiple(loads: bool, up: bool, before: bool) -> Callable[..., None]:
    """LDM and STM and their kin: words at ascending addresses, from the base or the word after it, or up to the base or the word
    before it."""

    def emit(thread: Thread, base: tuple[Register, bool], registers: Sequence[Register]) -> None:
        register, moves = base
        size = 4 * len(registers)
        if moves and loads and register.name in {one.name for one in registers}:
            raise InputError(f"{register.text} is loaded, and cannot be moved too", thread.pos)
        offset = (4 if before else 0) if up else (0 if before else 4) - size
        start = thread.read(register)
        if not moves:
            _several(thread, loads, registers, add(start, Const(offset)))
            return
        saved = Register(thread.temporary())
        thread.write(saved, start)
        _several(thread, loads, registers, add(thread.read(saved), Const(offset)))
        thread.write(register, add(thread.read(saved), Const(size if up else -size)))

    return emit


def _exclusive(size: int) -> Callable[..., None]:
    def emit(thread: Thread, status: Register, value: Register, place: Address) -> None:
        thread.store_conditional(status, place.of(thread), thread.read(value), size)

    return emit


def _value(thread: Thread, source: Register | int) -> Expr:
    return Const(thread.word.wrap(source)) if isinstance(source, int) else thread.read(source)


def _move(invert: bool) -> Callable[..., None]:
    def emit(thread: Thread, target: Register, source: Register | int) -> None:
        value = _value(thread, source)
        thread.write(target, Unary("~", value, thread.word) if invert else value)

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
            second = Unary("~", second, thread.word)
        if sets:
            _set_flags(thread, op, first, second)
        thread.write(target, Binary(op, first, second, thread.word))

    return emit


def _set_flags(thread: Thread, op: str, left: Expr, right: Expr) -> None:
    """The flags of ``left op right``. A bit operation leaves carry and overflow alone, without a shift."""
    if op == "-":
        flags.compare(thread, left, right, thread.word.size)
    elif op == "+":
        flags.added(thread, left, right, thread.word.size)
    else:
        flags.bitwise(thread, Binary(op, left, right, thread.word), thread.word.size, below=None)


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


_DIRECTIONS = (("", True, False), ("IA", True, False), ("IB", True, True), ("DA", False, False), ("DB", False, True))
"""Of LDM and STM: to higher addresses, and not from the base itself?"""


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
    for name, size, signed in (("", 4, False), ("B", 1, False), ("H", 2, False), ("SB", 1, True), ("SH", 2, True)):
        for second, form in (*seconds[1:], *seconds[:1]):
            yield row(f"LDR{name} R0,[R1],{form}", _load(size, signed), R, base_only, second)
            if not signed:
                yield row(f"STR{name} R0,[R1],{form}", _store(size), R, base_only, second)
    for name, loads in (("LDRD", True), ("STRD", False)):
        yield row(f"{name} R2,R3,[R1]", _pair(loads), R, R, memory)
        yield row(f"{name} R2,[R1]", _pair_by_first(loads), R, memory)
        yield row(f"{name} R2,R3,[R1],#8", _pair(loads), R, R, base_only, integer)
    for name, up, before in (
        ("", True, False),
        ("IA", True, False),
        ("IB", True, True),
        ("DA", False, False),
        ("DB", False, True),
    ):
        yield row(f"LDM{name} R0,{{R1,R2}}", _multiple(True, up, before), written_base, register_list)
        yield row(f"STM{name} R0,{{R1,R2}}", _multiple(False, up, before), written_base, register_list)
    stack = Register("R13", WIDTH, "SP"), True
    yield row("PUSH {R1,R2}", lambda thread, registers: _multiple(False, False, True)(thread, stack, registers), register_list)
    yield row("POP {R1,R2}", lambda thread, registers: _multiple(True, True, False)(thread, stack, registers), register_list)
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


_UNCONDITIONAL = frozenset(("DMB", "DSB", "ISB", "B", "BX"))


def _predicate(mnemonic: str) -> tuple[str, Callable[[Thread], Expr]] | None:
    """``ADDEQ`` is ``ADD`` under a condition."""
    test = _CONDITIONS.get(mnemonic[-2:])
    name = mnemonic[:-2]
    return None if test is None or name in _UNCONDITIONAL else (name, lambda thread: flags.holds(thread, test))


ARM = Machine("ARMv7", "ARM", by_mnemonic(tuple(_rows())), register, REGISTERS, _mnemonic, predicate=_predicate)
