"""LISA litmus tests: columns of instructions over tagged accesses, onto the same IR as C.

A tag is what stands in brackets: ``r[once] r1 x``, ``w[release] x 1``, ``f[mb]``. The tests in circulation were written for the
kernel model of 2016; its old tags are mapped to what the kernel says today (as in herd7's compatibility mode, its BellSem):

===================================  ==============================================================================
``r[deref]``, ``r[lderef]``           ``rcu_dereference()``: a read {Once}
``w[assign]``                         ``rcu_assign_pointer()``: a write {Release}
``f[rb_dep]``                         nothing: since Linux 4.15 every READ_ONCE() orders dependent accesses
``f[sync]``                           ``synchronize_rcu()``
``f[rcu_read_lock]``, ``..unlock]``   ``rcu_read_lock()``, ``rcu_read_unlock()``
===================================  ==============================================================================

A model's own bell file declares which tags there are, and whether an access may do without; a tag is also that of the event.
A control dependency reaches everything later, as in a machine's code. An offset in an address counts bytes; all values have 64
bits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.ir import (
    Assign,
    Binary,
    Cell,
    Const,
    Expr,
    Fence,
    FinalMem,
    FinalReg,
    Load,
    Program,
    Reg,
    Rmw,
    Stmt,
    Store,
    Thread,
)
from smpcheck.program.values import POINTER, CType, Ptr, Value
from smpcheck.readers.columns import columns
from smpcheck.readers.ctest import with_register
from smpcheck.readers.flow import Item, Jump, Label, structured
from smpcheck.readers.forms import MB, ORDERS, tags
from smpcheck.readers.initial import Entry, read_init
from smpcheck.readers.layout import WIDE_INT
from smpcheck.readers.question import read_question, with_question
from smpcheck.readers.sections import Sections
from smpcheck.readers.source import Source, shorten

OLD_NAMES = {
    "R": {"deref": "once", "lderef": "once"},
    "W": {"assign": "release"},
    "F": {"sync": "sync-rcu", "rcu_read_lock": "rcu-lock", "rcu_read_unlock": "rcu-unlock", "rb_dep": ""},
}
"""Tags of 2016, by kind of instruction, and what they are called today; ``""``: they have no effect any more."""
OPERATORS = {"add": "+", "xor": "^", "and": "&", "eq": "==", "neq": "!="}

_WORD = r"[A-Za-z_][\w.]*"
_OPERAND = rf"(?:{_WORD}|-?\d+)"
_ADDRESS = rf"({_OPERAND})(?:\s*\+\s*({_OPERAND}))?"
_OPERATION = rf"(?:\(\s*(add|xor|and|eq|neq)\s+({_OPERAND})\s+({_OPERAND})\s*\)|({_OPERAND}))"
_TAG = r"(?:\s*\[\s*([\w-]*)\s*\])?"
_INSTRUCTIONS = {
    "r": re.compile(rf"r{_TAG}\s+({_WORD})\s+{_ADDRESS}$"),
    "w": re.compile(rf"w{_TAG}\s+{_ADDRESS}\s+({_OPERAND})$"),
    "f": re.compile(rf"f{_TAG}$"),
    "mov": re.compile(rf"mov\s+({_WORD})\s+{_OPERATION}$"),
    "b": re.compile(rf"b{_TAG}\s+(?:({_WORD})\s+)?({_WORD})$"),
    "rmw": re.compile(rf"rmw{_TAG}\s+({_WORD})\s+{_OPERATION}\s+{_ADDRESS}$"),
}
_MNEMONIC = re.compile(r"(rmw|mov|r|w|f|b|call)\b")
_LABEL = re.compile(rf"({_WORD})\s*:")
_REGISTER = re.compile(r"r\d+$")


class Instruction(Struct, frozen=True):
    """One instruction: ``match`` of its pattern."""

    match: re.Match[str]
    text: str
    at: int


@dataclass(slots=True)
class LisaThread:
    """One column: its statements, labels and jumps, and the registers that they use."""

    source: Source
    index: int
    memory: dict[str, Value]
    annotations: Mapping[str, frozenset[str]]
    registers: set[str] = field(default_factory=set)
    items: list[Item] = field(default_factory=list)
    temporaries: int = 0

    def add(self, text: str, at: int) -> None:
        """Take the instruction ``text``, which may have labels before it."""
        while label := _LABEL.match(text):
            self.items.append(Label(label[1], self.source.pos(at)))
            rest = text[label.end() :].lstrip()
            at += len(text) - len(rest)
            text = rest
        if not text:
            return
        word = _MNEMONIC.match(text)
        if word is None or word[1] == "call":
            raise UnsupportedError(f"the LISA instruction '{shorten(text)}' is not supported", self.source.pos(at))
        match = _INSTRUCTIONS[word[1]].match(text)
        if match is None:
            raise InputError(f"'{shorten(text)}' is not a LISA instruction of the form {_FORMS[word[1]]}", self.source.pos(at))
        self.items += self.statement(word[1], Instruction(match, " ".join(text.split()), at))

    # --- operands ---

    def operand(self, text: str) -> Expr:
        """A register, a number or the address of a location."""
        if _REGISTER.match(text):
            self.registers.add(text)
            return Reg(text)
        if text.lstrip("-").isdigit():
            return Const(int(text))
        self.memory.setdefault(text, 0)
        return Const(Ptr(text))

    def address(self, base: str, offset: str | None) -> Expr:
        """``base`` or ``base+offset``."""
        expr = self.operand(base)
        return expr if offset is None else Binary("+", expr, self.operand(offset), POINTER)

    def operation(self, op: str | None, left: str | None, right: str | None, single: str | None) -> Expr:
        """The value of ``(add r1 1)`` or of one operand."""
        if op is None or left is None or right is None:
            assert single is not None
            return self.operand(single)
        return Binary(OPERATORS[op], self.operand(left), self.operand(right), POINTER)

    def register(self, text: str, at: int) -> str:
        """``text`` as the register that an instruction writes."""
        if not _REGISTER.match(text):
            raise InputError(f"a register (r0, r1, ...) expected, '{text}' found", self.source.pos(at))
        self.registers.add(text)
        return text

    def tag(self, kind: str, item: Instruction) -> str:
        """The tag of an instruction, by its name of today, if the model allows it."""
        written = item.match[1] or ""
        allowed = self.annotations.get(kind)
        if allowed is None or written in allowed:
            return written if allowed is not None else OLD_NAMES.get(kind, {}).get(written, written)
        name = OLD_NAMES.get(kind, {}).get(written)
        if name is None or name not in allowed | {""}:
            known = ", ".join(f"[{t}]" for t in sorted(allowed))
            what = f"the annotation [{written}] is not one that the model declares" if written else "an annotation is missing"
            raise InputError(f"{what}: {item.text} (declared for {kind}: {known})", self.source.pos(item.at))
        return name

    # --- statements ---

    def build(self) -> Thread:
        """The thread."""
        return Thread(self.index, structured(self.items), f"P{self.index}", dict.fromkeys(self.registers, WIDE_INT))

    def statement(self, name: str, item: Instruction) -> list[Item]:
        """One instruction, of the pattern called ``name``."""
        m, pos, text = item.match, self.source.pos(item.at), item.text
        if name == "r":
            return [Load(self.register(m[2], item.at), self.address(m[3], m[4]), tags(self.tag("R", item)), pos, text)]
        if name == "w":
            return [Store(self.address(m[2], m[3]), self.operand(m[4]), tags(self.tag("W", item)), pos, text)]
        if name == "f":
            tag = self.tag("F", item)
            if not m[1]:
                raise InputError("a fence has an annotation that says which: f[mb]", pos)
            return [Fence(tags(tag), pos=pos, text=text)] if tag else []
        if name == "mov":
            value = self.operation(m[2], m[3], m[4], m[5])
            return [Assign(self.register(m[1], item.at), value, pos)]
        if name == "b":
            return [Jump(m[3], self.operand(self.register(m[2], item.at)) if m[2] else None, pos, text)]
        return self.read_modify_write(item)

    def read_modify_write(self, item: Instruction) -> list[Item]:
        """``rmw[t] r1 op x``: r1 gets the old value; where ``op`` names r1 it means that value."""
        m = item.match
        tag = "mb" if m[1] == "mb" else self.tag("RMW", item)  # herd7 has [mb] whatever the bell says
        read, write, fenced = ORDERS.get(tag or "once") or (tags(tag) | {"RMW"}, tags(tag) | {"RMW"}, False)
        target = self.register(m[2], item.at)
        old = f"%{self.temporaries}"
        self.temporaries += 1
        address = self.address(m[7], m[8])
        new = _replace(self.operation(m[3], m[4], m[5], m[6]), target, old)
        pos, text = self.source.pos(item.at), item.text
        fence: list[Item] = [Fence(MB, pos=pos, text=text)] if fenced else []
        operation = Rmw(old, address, new, read, write, None, False, pos, text)
        self.registers.add(old)
        return [*fence, operation, *fence, Assign(target, Reg(old), pos)]


_FORMS = {
    "r": "'r[tag] r1 x'",
    "w": "'w[tag] x 1'",
    "f": "'f[tag]'",
    "mov": "'mov r1 (add r2 1)'",
    "b": "'b[] r1 LABEL'",
    "rmw": "'rmw[tag] r1 (add r1 1) x'",
}


def _replace(expr: Expr, name: str, new: str) -> Expr:
    if isinstance(expr, Reg) and expr.name == name:
        return Reg(new)
    if isinstance(expr, Binary):
        return Binary(expr.op, _replace(expr.left, name, new), _replace(expr.right, name, new), expr.ctype)
    return expr


def read_lisa(source: Source, sections: Sections, annotations: Mapping[str, frozenset[str]]) -> Program:
    """Read a LISA test. ``annotations`` and errors are those of :func:`smpcheck.readers.litmus.read_litmus`."""
    memory: dict[str, Value] = {}
    starts: dict[int, list[Stmt]] = {}
    names: dict[int, set[str]] = {}
    for entry in read_init(source, sections.init):
        value = _initial(source, entry, memory)
        if entry.proc is None:
            memory[entry.name] = value
        else:
            names.setdefault(entry.proc, set()).add(entry.name)
            starts.setdefault(entry.proc, []).append(Assign(entry.name, Const(value), source.pos(entry.at)))
    threads: list[Thread] = []
    for number, cells in enumerate(columns(source, sections.code)):
        column = LisaThread(source, number, memory, annotations)
        for cell in cells:
            column.add(cell.text, cell.at)
        column.registers |= names.get(column.index, set())
        made = column.build()
        body = (*starts.get(column.index, ()), *made.body)
        threads.append(Thread(made.index, body, made.name, made.reg_types))
    for index in starts:
        if index >= len(threads):
            raise InputError(f"the init section sets registers of P{index}, which does not exist", source.pos(sections.init[0]))

    question_names = _Names(source, memory, tuple(threads))
    asked = read_question(source, sections, question_names)
    program = Program(
        name=sections.name,
        cells={Ptr(name): Cell(name, WIDE_INT, value) for name, value in memory.items()},
        threads=question_names.threads,
        language="LISA",
        source=source.original,
        file=source.file,
    )
    return with_question(program, asked, source, question_names.notes)


@dataclass(slots=True)
class _Names:
    """Names in the question (conditions.Names)."""

    source: Source
    memory: dict[str, Value]
    threads: tuple[Thread, ...]
    notes: list[str] = field(default_factory=list)

    def place(self, name: str, steps: tuple[int | str, ...], at: int) -> tuple[Ptr, list[Ptr] | None]:
        if name not in self.memory:
            self.notes.append(f"{self.source.pos(at)}: no thread uses an object called '{name}': it is 0")
            self.memory[name] = 0
        if steps:
            raise UnsupportedError("arrays and structs do not exist in LISA", self.source.pos(at))
        return Ptr(name), None

    @property
    def word(self) -> None:
        """Numbers are compared as in C."""

    def element(self, address: Ptr) -> FinalMem:
        """The final contents of an element of an array."""
        return FinalMem(address)

    def variable(self, address: Ptr, name: str, steps: tuple[int | str, ...], at: int) -> FinalMem:
        """The final contents of a location."""
        return FinalMem(address)

    def register(self, thread: int, name: str, at: int) -> FinalReg:
        if thread >= len(self.threads):
            raise InputError(f"no thread P{thread}: this test has P0 to P{len(self.threads) - 1}", self.source.pos(at))
        if name not in self.threads[thread].reg_types:
            self.notes.append(f"{self.source.pos(at)}: P{thread} does not use the register '{name}': it is 0")
            self.threads = with_register(self.threads, thread, name, WIDE_INT)
        return FinalReg(thread, name)

    def show(self, address: Ptr) -> str:
        return address.base

    def type_of(self, term: FinalReg | FinalMem) -> CType:
        return WIDE_INT


def _initial(source: Source, entry: Entry, memory: dict[str, Value]) -> Value:
    if entry.path or entry.length or isinstance(entry.value, list) or (isinstance(entry.value, tuple) and entry.value[1]):
        raise UnsupportedError("arrays and structs do not exist in LISA", source.pos(entry.at))
    if isinstance(entry.value, tuple):
        memory.setdefault(entry.value[0], 0)
        return Ptr(entry.value[0])
    return entry.value or 0
