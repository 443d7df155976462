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
A control dependency reaches everything later, as in a machine's code. Branches forward leave a block, a branch backward closes a
loop. An offset in an address counts bytes; all values have 64 bits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.ir import (
    Assign,
    Binary,
    Block,
    Cell,
    Const,
    Exit,
    Expr,
    Fence,
    FinalMem,
    FinalReg,
    If,
    Load,
    Loop,
    Program,
    Reg,
    Rmw,
    Stmt,
    Store,
    Thread,
)
from smpcheck.program.values import POINTER, CType, Ptr, Value
from smpcheck.readers.ctest import with_register
from smpcheck.readers.forms import MB, ORDERS, tags
from smpcheck.readers.initial import Entry, read_init
from smpcheck.readers.layout import WIDE_INT
from smpcheck.readers.question import expected_verdict, read_question
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


@dataclass(slots=True)
class Instruction:
    """One instruction (``match``, of the pattern called ``name``), or a label."""

    name: str
    match: re.Match[str] | None
    text: str
    at: int
    label: str = ""


@dataclass(slots=True)
class LisaThread:
    """One column: its instructions, and the registers and labels they use."""

    source: Source
    index: int
    memory: dict[str, Value]
    annotations: Mapping[str, frozenset[str]]
    registers: set[str] = field(default_factory=set)
    items: list[Instruction] = field(default_factory=list)
    targets: dict[str, int] = field(default_factory=dict)
    temporaries: int = 0

    def add(self, text: str, at: int) -> None:
        """Parse the instruction ``text``, which may have labels before it."""
        label = _LABEL.match(text)
        while label:
            if label[1] in self.targets:
                raise InputError(f"the label {label[1]} is defined twice", self.source.pos(at))
            self.targets[label[1]] = len(self.items)
            self.items.append(Instruction("label", None, label[0], at, label[1]))
            rest = text[label.end() :].lstrip()
            at += len(text) - len(rest)
            text = rest
            label = _LABEL.match(text)
        if not text:
            return
        word = _MNEMONIC.match(text)
        if word is None or word[1] == "call":
            raise UnsupportedError(f"the LISA instruction '{shorten(text)}' is not supported", self.source.pos(at))
        match = _INSTRUCTIONS[word[1]].match(text)
        if match is None:
            raise InputError(f"'{shorten(text)}' is not a LISA instruction of the form {_FORMS[word[1]]}", self.source.pos(at))
        self.items.append(Instruction(word[1], match, " ".join(text.split()), at))

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
        assert item.match is not None
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
        body = tuple(self.region(0, len(self.items)))
        return Thread(self.index, body, f"P{self.index}", dict.fromkeys(self.registers, WIDE_INT))

    def region(self, low: int, high: int) -> list[Stmt]:
        """Statements for the items from ``low`` to ``high``; each label that is branched to from before ends a block."""
        out: list[Stmt] = []
        i = low
        while i < high:
            item = self.items[i]
            if item.name == "label":
                branches = self.branches(item.label)
                back = [j for j in branches if j > i]
                if back:
                    if len(back) > 1 or back[0] >= high:
                        raise UnsupportedError(f"this use of the label {item.label} is not a loop", self.source.pos(item.at))
                    if any(j < i for j in branches):
                        out = [Block(item.label, tuple(out), self.source.pos(item.at))]
                    out.append(self.loop(i, back[0]))
                    i = back[0] + 1
                    continue
                if branches:
                    out = [Block(item.label, tuple(out), self.source.pos(item.at))]
            else:
                out += self.statement(item)
            i += 1
        return out

    def branches(self, label: str) -> list[int]:
        """Where ``label`` is branched to."""
        return [j for j, item in enumerate(self.items) if item.name == "b" and item.match is not None and item.match[3] == label]

    def loop(self, start: int, end: int) -> Stmt:
        """The items from the label at ``start`` to the branch at ``end`` that goes back to it."""
        inside = self.region(start + 1, end)
        last = self.items[end]
        assert last.match is not None
        leave = f"after {self.items[start].label}"
        pos = self.source.pos(last.at)
        if last.match[2]:
            inside.append(If(self.operand(self.register(last.match[2], last.at)), (), (Exit(leave, pos),), pos, last.text))
        for j in range(start + 1, end):
            inner = self.items[j]
            if inner.name == "label" and any(not start < b < end for b in self.branches(inner.label)):
                raise UnsupportedError(f"a branch into the loop at {inner.label}", self.source.pos(inner.at))
        return Loop(leave, tuple(inside), None, pos)

    def statement(self, item: Instruction) -> list[Stmt]:
        """One instruction."""
        m = item.match
        assert m is not None
        pos, text = self.source.pos(item.at), item.text
        if item.name == "r":
            return [Load(self.register(m[2], item.at), self.address(m[3], m[4]), tags(self.tag("R", item)), pos, text)]
        if item.name == "w":
            return [Store(self.address(m[2], m[3]), self.operand(m[4]), tags(self.tag("W", item)), pos, text)]
        if item.name == "f":
            tag = self.tag("F", item)
            if not m[1]:
                raise InputError("a fence has an annotation that says which: f[mb]", pos)
            return [Fence(tags(tag), pos=pos, text=text)] if tag else []
        if item.name == "mov":
            value = self.operation(m[2], m[3], m[4], m[5])
            return [Assign(self.register(m[1], item.at), value, pos)]
        if item.name == "b":
            if m[3] not in self.targets:
                raise InputError(f"no label {m[3]} in P{self.index}", pos)
            leave = (Exit(m[3], pos),)
            return [If(self.operand(self.register(m[2], item.at)), leave, (), pos, text)] if m[2] else list(leave)
        return self.read_modify_write(item)

    def read_modify_write(self, item: Instruction) -> list[Stmt]:
        """``rmw[t] r1 op x``: r1 gets the old value; where ``op`` names r1 it means that value."""
        m = item.match
        assert m is not None
        tag = "mb" if m[1] == "mb" else self.tag("RMW", item)  # herd7 has [mb] whatever the bell says
        read, write, fenced = ORDERS.get(tag or "once") or (tags(tag) | {"RMW"}, tags(tag) | {"RMW"}, False)
        target = self.register(m[2], item.at)
        old = f"%{self.temporaries}"
        self.temporaries += 1
        address = self.address(m[7], m[8])
        new = _replace(self.operation(m[3], m[4], m[5], m[6]), target, old)
        pos, text = self.source.pos(item.at), item.text
        fence: list[Stmt] = [Fence(MB, pos=pos, text=text)] if fenced else []
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
    for column in _columns(source, sections.code, memory, annotations):
        column.registers |= names.get(column.index, set())
        made = column.build()
        body = (*starts.get(column.index, ()), *made.body)
        threads.append(Thread(made.index, body, made.name, made.reg_types))
    for index in starts:
        if index >= len(threads):
            raise InputError(f"the init section sets registers of P{index}, which does not exist", source.pos(sections.init[0]))

    question_names = _Names(source, memory, tuple(threads))
    asked = read_question(source, sections, question_names)
    verdict, announced, remarks = expected_verdict(source)
    return Program(
        name=sections.name,
        cells={Ptr(name): Cell(name, WIDE_INT, value) for name, value in memory.items()},
        threads=question_names.threads,
        quantifier=asked.quantifier,
        condition=asked.condition,
        condition_text=asked.text,
        filter=asked.filter,
        observed=asked.observed,
        arrays=asked.arrays,
        elements=asked.elements,
        expected=verdict,
        announced=announced,
        language="LISA",
        source=source.original,
        file=source.file,
        notes=(*remarks, *question_names.notes),
    )


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


def _columns(
    source: Source, span: tuple[int, int], memory: dict[str, Value], annotations: Mapping[str, frozenset[str]]
) -> list[LisaThread]:
    """Cut the code into rows at ``;`` and cells at ``|``."""
    threads: list[LisaThread] = []
    at = span[0]
    while at < span[1]:
        end = source.text.find(";", at, span[1])
        if end == -1:
            rest = source.text[at : span[1]]
            if rest.strip():
                raise InputError("';' expected at the end of this row", source.pos(at + len(rest.rstrip())))
            break
        header = not threads
        for i, cell in enumerate(source.text[at:end].split("|")):
            start, text = at + len(cell) - len(cell.lstrip()), cell.strip()
            at += len(cell) + 1
            if header:
                if text != f"P{i}":
                    raise InputError(f"'P{i}' expected, '{shorten(text)}' found", source.pos(start))
                threads.append(LisaThread(source, i, memory, annotations))
            elif i < len(threads):
                threads[i].add(text, start)
            elif text:
                message = f"'{shorten(text)}' stands in column {i + 1} of a test of {len(threads)} threads"
                raise InputError(message, source.pos(start))
    if not threads:
        raise InputError("no threads: a row ' P0 | P1 ;' expected after the init section", source.pos(span[0]))
    return threads
