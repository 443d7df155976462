"""What a machine is to the reader: registers, and a table with one row for each form of an instruction.

A :class:`Row` names the kinds of its operands and the function that emits what the instruction does, through a :class:`Thread`.
An operand kind is a parser: text in, value out, or an :class:`OperandError` that says what would be accepted. Where several rows
share a mnemonic, the first whose operands all parse is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.events import FIRST, PAIR, RESERVATION
from smpcheck.program.ir import (
    Assign,
    Assume,
    Binary,
    Cast,
    Choice,
    Conditional,
    Const,
    Expr,
    Fence,
    Language,
    Load,
    Position,
    Reg,
    Rmw,
    Stmt,
    Store,
    Unary,
)
from smpcheck.program.values import INT, LONG, POINTER, UCHAR, UINT, ULONG, USHORT, CType, Value
from smpcheck.readers.flow import Item, Jump, Label
from smpcheck.readers.source import shorten

VIEW: Mapping[int, CType] = {1: UCHAR, 2: USHORT, 4: UINT, 8: LONG}
"""The type at which a register, or its low end of so many bytes, is computed with. A whole register holds a signed number."""

SIGNED: Mapping[int, CType] = {1: CType("signed char", 8), 2: CType("short", 16), 4: INT, 8: LONG}
"""The type of what stands in memory, by its size in bytes."""

END = "%end"
"""The label at the end of a thread, where one is needed."""

WIDTH = 8
"""The size of a machine register in bytes; a smaller view of it reads its low end."""


class OperandError(Exception):
    """The text is no operand of this kind; the message names what is, as a noun."""


class Register(Struct, frozen=True):
    """A register, or its lower half: ``name`` as the machine calls the whole of it (None: it reads as zero and forgets what is
    written), ``size`` in bytes."""

    name: str | None
    size: int = WIDTH
    text: str = ""


_SYMBOLIC = re.compile(r"([A-Za-z]?)%([A-Za-z_]\w*)\Z")


def symbolic(text: str, sizes: Mapping[str, int]) -> Register | None:
    """A register that the test does not number, ``%name``. ``sizes`` has the letters that may stand before it: ``W%name``."""
    match = _SYMBOLIC.match(text)
    if match is None or match[1].upper() not in sizes:
        return None
    return Register(f"%{match[2]}", sizes[match[1].upper()], text)


Operand = Callable[[str], Any]
"""Parses the text of an operand. :raises OperandError:"""


def a_register(find: Callable[[str], Register | None], names: str) -> Callable[[str], Register]:
    """The operand that is any of a machine's registers, which ``find`` knows and ``names`` lists for messages."""

    def parse(text: str) -> Register:
        found = find(text)
        if found is None:
            raise OperandError(f"a register ({names})")
        return found

    return parse


class Row(Struct, frozen=True):
    """``mnemonic`` with operands of these kinds: what ``emit(thread, *operands)`` does. ``form`` is an example, for messages."""

    mnemonic: str
    operands: tuple[Operand, ...]
    emit: Callable[..., None]
    form: str


class Machine(Struct, frozen=True):
    """``name`` is for messages, ``language`` what a litmus test begins with. ``register`` finds the register that a name in the
    init section or the condition means, or None."""

    name: str
    language: Language
    rows: Mapping[str, Sequence[Row]]
    register: Callable[[str], Register | None]
    registers: str
    """In a message: which registers there are."""
    mnemonic: Callable[[str], tuple[str, str]]
    """Cuts an instruction into its mnemonic, as it stands in ``rows``, and the rest."""
    target_last: Callable[[str], bool] = lambda operands: False
    """Are these operands written in the reverse of the order that ``rows`` have?"""
    big_endian: bool = False
    """Does the lowest byte of a number stand at its highest address?"""
    zero: str = ""
    """What the register that is always 0 is called in a final state."""
    predicate: Callable[[str], tuple[str, Callable[[Thread], Expr]] | None] = lambda mnemonic: None
    """Of a mnemonic with a condition: the one without, and whether the condition holds."""


def by_mnemonic(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """``rows`` as :attr:`Machine.rows`."""
    table: dict[str, list[Row]] = {}
    for row in rows:
        table.setdefault(row.mnemonic, []).append(row)
    return table


class Memory(Protocol):
    """What instructions ask of the shared objects."""

    def address(self, name: str, pos: Position) -> Value:
        """The address of the object called ``name``."""

    def size(self, name: str) -> int:
        """Its size in bytes, or that of its elements."""


@dataclass(slots=True)
class Access:
    """A read or write of memory in a thread: the statement, its size in bytes."""

    stmt: Load | Store | Rmw
    size: int


@dataclass(slots=True)
class Thread:
    """What the instructions of one thread come to. ``pos`` and ``text`` are those of the instruction at hand."""

    index: int
    memory: Memory
    items: list[Item] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    registers: set[str] = field(default_factory=set)
    pos: Position = field(default_factory=lambda: Position("", 1))
    text: str = ""
    temporaries: int = 0
    flags: dict[str, bool] = field(default_factory=dict)
    """The condition flags that are set or asked for in this thread: is there an instruction that asks?"""
    ends: bool = False
    """Is there an instruction that ends the thread?"""
    word: CType = INT
    """What ARMv7 computes with."""
    _out: list[Stmt] | None = None

    def emit(self, item: Item) -> None:
        """Add a statement, label or jump; inside of :meth:`either`, a statement of that side."""
        if self._out is None:
            self.items.append(item)
        else:
            assert not isinstance(item, Label | Jump)
            self._out.append(item)

    # registers

    def temporary(self) -> str:
        """The name of a register that the test cannot name."""
        self.temporaries += 1
        return self.own(f"%{self.temporaries}")

    def own(self, name: str) -> str:
        """``name``, noted as a register of this thread."""
        self.registers.add(name)
        return name

    def read(self, register: Register) -> Expr:
        """The value of a register."""
        if register.name is None:
            return Const(0)
        whole = Reg(self.own(register.name))
        return whole if register.size == WIDTH else Cast(VIEW[register.size], whole)

    def write(self, register: Register, value: Expr, chosen_by: Expr | None = None) -> None:
        """Set a register; a smaller view of it is extended with zeros. ``chosen_by``: as in :class:`ir.Assign`."""
        if register.name is not None:
            if register.size != WIDTH:
                value = converted(value, VIEW[register.size])
            self.emit(Assign(self.own(register.name), value, self.pos, chosen_by))

    def select(self, register: Register, cond: Expr, yes: Expr, no: Expr) -> None:
        """Set a register to one of two values. What it depends on is the value that it gets; ``cond`` only chooses."""

        def side(value: Expr, test: Expr) -> None:
            self.emit(Assume(test, self.pos))
            self.write(register, value, cond)

        self.either(lambda: side(yes, cond), lambda: side(no, Unary("!", cond)))

    # memory

    def load(self, register: Register, address: Expr, size: int, *tags: str, signed: bool = False) -> None:
        """``register = *address``, extended with zeros, or with its sign. A view of 4 bytes loses what a sign put beyond it."""
        target = self.temporary() if register.name is None else self.own(register.name)
        self.emit(self.access(Load(target, address, frozenset(("Exp", *tags)), self.pos, self.text), size))
        value: Expr = converted(Reg(target), SIGNED[size] if signed else VIEW[size])
        if signed and size < register.size < WIDTH:
            value = converted(value, VIEW[register.size])
        if value != Reg(target):
            self.emit(Assign(target, value, self.pos))

    def store(self, address: Expr, value: Expr, size: int, *tags: str) -> None:
        """``*address = value``."""
        value = converted(value, SIGNED[size])
        self.emit(self.access(Store(address, value, frozenset(("Exp", *tags)), self.pos, self.text), size))

    def store_conditional(
        self,
        status: Register,
        address: Expr,
        value: Expr,
        size: int,
        *tags: str,
        depends: bool = False,
        second: Expr | None = None,
    ) -> None:
        """Store and set ``status`` to 0, if nobody has written there since the last load exclusive; else set it to 1.

        ``depends``: what uses the status depends on the store. ``second``: the value of the second half of a pair.
        """
        name = self.temporary() if status.name is None else self.own(status.name)
        halves = (
            [(address, value, ())]
            if second is None
            else [(address, value, (FIRST,)), (add(address, Const(size)), second, (PAIR,))]
        )
        stmts = [
            Store(
                place, converted(what, SIGNED[size]), frozenset(("Exp", "EX", *tags, *also)), self.pos, self.text,
                status=name if depends else self.temporary(),
            )
            for place, what, also in halves
        ]  # fmt: skip

        def success() -> None:
            for stmt in stmts:
                self.emit(self.access(stmt, size))
            if not depends:
                self.emit(Assign(name, Const(0), self.pos))

        def failure() -> None:
            self.emit(Assign(self.own(RESERVATION), Const(0), self.pos))  # it is gone then, too
            self.emit(Assign(name, Const(1), self.pos))

        self.either(success, failure)

    def rmw(
        self,
        register: Register,
        address: Expr,
        new: Callable[[Expr], Expr],
        size: int,
        read_tags: Sequence[str] = (),
        write_tags: Sequence[str] = (),
        when: Callable[[Expr], Expr] | None = None,
    ) -> None:
        """``register = *address; *address = new(old)`` as one operation, which takes place only where ``when(old)`` holds."""
        old = self.temporary()
        before: Expr = converted(Reg(old), VIEW[size])
        stmt = Rmw(
            old,
            address,
            converted(new(before), SIGNED[size]),
            frozenset(("Exp", "X", "RMW", *read_tags)),
            frozenset(("Exp", "X", "RMW", *write_tags)),
            when(before) if when is not None else None,
            False,
            self.pos,
            self.text,
        )
        self.emit(self.access(stmt, size))
        self.write(register, before)

    def location(self, name: str) -> Expr:
        """The address of a location that the instruction names."""
        return Const(self.memory.address(name, self.pos))

    def size_of(self, name: str) -> int:
        """The size of a location that the instruction names, in bytes."""
        return self.memory.size(name)

    def access(self, stmt: Load | Store | Rmw, size: int) -> Load | Store | Rmw:
        """``stmt``, with its size noted."""
        stmt = replace(stmt, ctype=SIGNED[size])
        self.accesses.append(Access(stmt, size))
        return stmt

    def fence(self, *tags: str) -> None:
        """A barrier."""
        self.emit(Fence(frozenset(tags), pos=self.pos, text=self.text))

    # control

    def jump(self, target: str, cond: Expr | None = None) -> None:
        """Go on at a label, if ``cond`` is true."""
        self.emit(Jump(target, cond, self.pos, self.text))

    def end(self) -> None:
        """Go to the end of the thread: a function returns to whoever called it, which is not there."""
        self.ends = True
        self.jump(END)

    def only_if(self, cond: Expr, body: Callable[[], None]) -> None:
        """What ``body`` emits takes place or does not. That it does depends on ``cond`` by a choice, not by a branch."""

        def taken() -> None:
            self.emit(Assume(cond, self.pos))
            body()

        self.either(taken, lambda: self.emit(Assume(Unary("!", cond), self.pos)))

    def either(self, first: Callable[[], None], second: Callable[[], None]) -> None:
        """Both are possible: what decides is in the statements that ``first`` and ``second`` emit (without labels and jumps)."""
        sides: list[tuple[Stmt, ...]] = []
        for side in (first, second):
            outer, self._out = self._out, []
            side()
            sides.append(tuple(self._out))
            self._out = outer
        self.emit(Choice(sides[0], sides[1], self.pos))


def converted(value: Expr, ctype: CType) -> Expr:
    """``value`` as ``ctype``, without a cast where it is one already."""
    match value:
        case Const(int() as number):
            return Const(ctype.wrap(number))
        case Const(_):
            return value
        case Reg(_) if ctype == LONG:
            return value
        case Cast(known, _) | Unary(_, _, known) if known == ctype:
            return value
        case Binary(op, _, _, known) if known == ctype or op in ("==", "!=", "<", "<=", ">", ">="):
            return value
    return Cast(ctype, value)


def unsigned(value: Expr, size: int) -> Expr:
    """A register's view of ``size`` bytes as a number without a sign, where order or a shift to the right matter."""
    return converted(value, ULONG) if size == WIDTH else value


def extreme(largest: bool, signed: bool, left: Expr, right: Expr, size: int) -> Expr:
    """The larger or smaller of two views of ``size`` bytes."""
    if signed:
        a, b, ctype = converted(left, SIGNED[size]), converted(right, SIGNED[size]), SIGNED[size]
    else:
        a, b, ctype = unsigned(left, size), unsigned(right, size), ULONG
    return Conditional(Binary(">" if largest else "<", a, b, ctype), left, right)


def add(left: Expr, right: Expr) -> Expr:
    """The sum of an address and a distance in bytes."""
    return left if right == Const(0) else Binary("+", left, right, POINTER)


# --- instructions ---

_LABEL = re.compile(r"([A-Za-z_.][\w.$]*)\s*:")


def read_instruction(machine: Machine, thread: Thread, text: str, pos: Callable[[int], Position]) -> None:
    """Emit what the instruction ``text``, which may have labels before it, does. ``pos`` gives the position of an offset in it.

    :raises UnsupportedError: an instruction that is not in the table
    :raises InputError: wrong operands
    """
    start = 0
    while label := _LABEL.match(text, start):
        thread.emit(Label(label[1], pos(start)))
        start = label.end()
        start += len(text[start:]) - len(text[start:].lstrip())
    body = text[start:].rstrip()
    if not body:
        return
    thread.pos, thread.text = pos(start), " ".join(body.split())
    mnemonic, rest = machine.mnemonic(body)
    rows, holds = machine.rows.get(mnemonic), None
    if rows is None and (found := machine.predicate(mnemonic)) is not None:
        rows, holds = machine.rows.get(found[0]), found[1]
    if rows is None:
        near = get_close_matches(mnemonic, machine.rows, 3)
        hint = f"; similar ones that are: {', '.join(near)}" if near else ""
        raise UnsupportedError(f"the {machine.name} instruction '{mnemonic}' is not supported{hint}", thread.pos)
    operands = split_operands(rest)
    if machine.target_last(rest):
        operands.reverse()
    at = start + (body.find(rest) if rest else len(body))
    problems: list[tuple[int, str, int, str]] = []
    for row in rows:
        if len(operands) != len(row.operands):
            continue
        values = []
        for i, (parse, (offset, operand)) in enumerate(zip(row.operands, operands, strict=True)):
            try:
                values.append(parse(operand))
            except OperandError as error:
                problems.append((i, str(error), at + offset, operand))
                break
        else:
            if holds is None:
                row.emit(thread, *values)
            else:
                thread.only_if(holds(thread), partial(row.emit, thread, *values))
            return
    if problems:
        last, _, where, operand = max(problems, key=lambda problem: problem[0])
        wanted = " or ".join(dict.fromkeys(problem[1] for problem in problems if problem[0] == last))
        raise InputError(f"{wanted} expected, '{shorten(operand)}' found", pos(where))
    forms = " or ".join(dict.fromkeys(row.form for row in rows))
    raise InputError(f"{mnemonic} is written {forms}; '{shorten(body)}' found", thread.pos)


def split_operands(text: str) -> list[tuple[int, str]]:
    """The operands, which commas outside of brackets separate, each with its offset."""
    out: list[tuple[int, str]] = []
    depth = start = 0
    if not text.strip():
        return out
    for i, char in enumerate((*text, ",")):
        if char in "[({":
            depth += 1
        elif char in "])}":
            depth -= 1
        elif char == "," and (depth <= 0 or i == len(text)):
            part = text[start:i]
            out.append((start + len(part) - len(part.lstrip()), part.strip()))
            start = i + 1
    return out


_NUMBER = re.compile(r"[#$]?\s*(-?)(0[xX][0-9a-fA-F]+|\d+)\Z")


def integer(text: str) -> int:
    """A number, decimal or hexadecimal, with or without the mark of an immediate. :raises OperandError:"""
    match = _NUMBER.match(text)
    if match is None:
        raise OperandError("a number")
    value = int(match[2], 16) if match[2][:2] in ("0x", "0X") else int(match[2])
    return -value if match[1] else value


def label(text: str) -> str:
    """The name of a label. :raises OperandError:"""
    if not re.match(r"[A-Za-z_.][\w.$]*\Z", text):
        raise OperandError("a label")
    return text


def words(*accepted: str) -> Operand:
    """One of ``accepted``, in any case."""

    def parse(text: str) -> str:
        if text.upper() not in accepted:
            raise OperandError(f"one of {', '.join(accepted)}")
        return text.upper()

    return parse
