"""A litmus test in assembly: init section, columns of instructions, condition.

Every location is as large as it is declared, else as the largest access to it; a location of several elements is an
array. Registers that the init section does not set are 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TypeAlias

from msgspec.structs import replace

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.ir import Assign, Cast, Const, FinalMem, FinalReg, Position, Program, Stmt
from smpcheck.program.values import INT, LONG, UCHAR, UINT, ULONG, USHORT, CType, Ptr, Value
from smpcheck.readers.asm import flags
from smpcheck.readers.asm.machine import END, SIGNED, WIDTH, Machine, Thread, converted, read_instruction
from smpcheck.readers.asm.touched import Touched
from smpcheck.readers.columns import columns
from smpcheck.readers.conditions import final_terms
from smpcheck.readers.flow import Item, Label, in_items, structured
from smpcheck.readers.initial import Entry, read_init
from smpcheck.readers.question import read_question, with_question
from smpcheck.readers.sections import Sections
from smpcheck.readers.source import Source

MACHINES = {
    "AArch64": ("aarch64", "AARCH64"),
    "X86": ("x86", "X86"),
    "X86_64": ("x86", "X86_64"),
    "PPC": ("ppc", "PPC"),
    "RISCV": ("riscv", "RISCV"),
    "ARM": ("arm", "ARM"),
}
"""The architectures that a test may name: the module and the name of its machine."""

_SIZES = {
    "char": 1, "int8_t": 1, "uint8_t": 1, "short": 2, "int16_t": 2, "uint16_t": 2, "int": 4, "int32_t": 4, "uint32_t": 4,
    "long": 8, "int64_t": 8, "uint64_t": 8, "intptr_t": 8, "uintptr_t": 8,
}  # fmt: skip
_SIGN_WORDS = frozenset(("unsigned", "signed", "volatile", "const", "_Atomic"))


@dataclass(slots=True)
class Object:
    """A shared object: the size of an element (None: not said), has it a sign, how many (None: one), initial values."""

    size: int | None = None
    signed: bool = True
    length: int | None = None
    init: list[Value] = field(default_factory=list)


@dataclass(slots=True)
class Objects:
    """The shared objects of a test (:class:`~smpcheck.readers.asm.machine.Memory`)."""

    table: dict[str, Object] = field(default_factory=dict)

    def address(self, name: str, pos: Position) -> Value:
        self.table.setdefault(name, Object())
        return Ptr(name)

    def addresses(self) -> dict[str, frozenset[str]]:
        """The objects whose addresses each object holds at first."""
        return {name: frozenset(v.base for v in found.init if isinstance(v, Ptr)) for name, found in self.table.items()}

    def size(self, name: str) -> int:
        found = self.table.get(name)
        return 4 if found is None or found.size is None else found.size


def machine_of(architecture: str) -> Machine:
    """The machine of an architecture in :data:`MACHINES`."""
    module, name = MACHINES[architecture]
    found: Machine = getattr(import_module(f"smpcheck.readers.asm.{module}"), name)
    return found


def read_asm(source: Source, sections: Sections) -> Program:
    """Read an assembly test. Errors as :func:`smpcheck.readers.litmus.read_litmus`."""
    machine = machine_of(sections.arch)
    objects = Objects()
    start = _Start(source, machine, objects)
    for entry in read_init(source, sections.init, symbolic=True):
        start.take(entry)
    threads: list[Thread] = []
    for index, cells in enumerate(columns(source, sections.code)):
        thread = Thread(index, objects)
        for cell in cells:
            read_instruction(machine, thread, cell.text, lambda offset, at=cell.at: source.pos(at + offset))  # type: ignore[misc]
        if thread.ends:
            thread.emit(Label(END, thread.pos))
        thread.items = flags.without_unasked(thread)
        threads.append(thread)
    for index, at in start.threads.items():
        if index >= len(threads):
            raise InputError(f"the init section sets a register of P{index}, which does not exist", source.pos(at))
    touched = Touched(objects.addresses(), {thread.index: start.addresses(thread) for thread in threads}, threads)
    memory = _cells(source, objects, threads, touched)
    for thread in threads:
        thread.items = _without_sign(thread, objects, touched)
    program = Program(
        name=sections.name,
        cells={},
        threads=tuple(
            ir.Thread(
                thread.index,
                (*start.at_start(thread), *structured(thread.items)),
                f"P{thread.index}",
                dict.fromkeys(sorted(thread.registers | start.names(thread.index)), LONG),
            )
            for thread in threads
        ),
        source=source.original,
        file=source.file,
        language=machine.language,
        big_endian=machine.big_endian,
    )
    names = _Names(source, machine, objects, memory, start.types, program.threads)
    asked = read_question(source, sections, names)
    seen = {term for term in asked.observed if isinstance(term, FinalReg)}
    seen |= {term for term in final_terms(asked.filter or Const(1)) if isinstance(term, FinalReg)}
    program = replace(
        program,
        cells=memory,
        threads=tuple(
            replace(thread, body=(*thread.body, *_seen_as_typed(thread.index, seen, names, touched))) for thread in names.threads
        ),
    )
    return with_question(program, asked, source, names.notes)


@dataclass(slots=True)
class _Start:
    """What the init section says."""

    source: Source
    machine: Machine
    objects: Objects
    registers: dict[int, list[Stmt]] = field(default_factory=dict)
    threads: dict[int, int] = field(default_factory=dict)
    symbolic: dict[str, Assign] = field(default_factory=dict)
    types: dict[tuple[int, str], CType] = field(default_factory=dict)
    """Types of registers, where they are declared: a final state shows a register as its type, which is int else."""

    def names(self, thread: int) -> set[str]:
        """The registers of a thread that are set."""
        return {stmt.reg for stmt in self.registers.get(thread, ()) if isinstance(stmt, Assign)}

    def take(self, entry: Entry) -> None:
        """One declaration."""
        pos = self.source.pos(entry.at)
        size = self._size(entry)
        if entry.proc is not None:
            self._register(entry, pos)
            return
        if entry.name.startswith("%"):
            self._symbolic(entry, pos)
            return
        found = self.objects.table.setdefault(entry.name, Object())
        if entry.path:
            raise UnsupportedError("the initial value of a part of an object: write int x[2] = {1,2}", pos)
        if size is not None:
            found.size = size
            found.signed = entry.stars > 0 or not _unsigned(entry)
        if entry.length is not None:
            found.length = entry.length
        if entry.value is not None:
            values = entry.value if isinstance(entry.value, list) else [entry.value]
            found.init = [self._value(value, pos) for value in values]
            if len(found.init) > (found.length or 1):
                if found.length is not None or not isinstance(entry.value, list):
                    raise InputError(f"{len(found.init)} initial values for {found.length or 1} elements", pos)
                found.length = len(found.init)

    def _size(self, entry: Entry) -> int | None:
        words = [word for word in entry.words if word not in _SIGN_WORDS]
        if entry.stars:
            return 8
        if not words:
            return 4 if entry.words else None
        if words[0] not in _SIZES:
            known = ", ".join(_SIZES)
            raise UnsupportedError(f"the type '{' '.join(entry.words)}' is not known (known: {known})", self.source.pos(entry.at))
        return _SIZES[words[0]]

    def _register(self, entry: Entry, pos: Position) -> None:
        assert entry.proc is not None
        register = self.machine.register(entry.name)
        if register is None:
            message = f"{self.machine.name} has no register '{entry.name}': it has {self.machine.registers}"
            raise InputError(message, pos)
        self.threads.setdefault(entry.proc, entry.at)
        if register.name is not None and (size := self._size(entry)) is not None:
            self.types[entry.proc, register.name] = (_UNSIGNED if _unsigned(entry) else SIGNED)[size]
        if entry.value is None or register.name is None:
            return
        if isinstance(entry.value, list):
            raise InputError("a register holds one value", pos)
        value = Const(LONG.wrap(self._value(entry.value, pos)))
        self.registers.setdefault(entry.proc, []).append(Assign(register.name, value, pos))

    def _symbolic(self, entry: Entry, pos: Position) -> None:
        """A register without a number, ``%name``: it has its value in every thread that has it."""
        if isinstance(entry.value, list):
            raise InputError("a register holds one value", pos)
        if entry.value is not None:
            self.symbolic[entry.name] = Assign(entry.name, Const(LONG.wrap(self._value(entry.value, pos))), pos)

    def at_start(self, thread: Thread) -> list[Stmt]:
        """What sets the registers of a thread."""
        own = [stmt for name, stmt in self.symbolic.items() if name in thread.registers]
        return [*own, *self.registers.get(thread.index, ())]

    def addresses(self, thread: Thread) -> dict[str, frozenset[str]]:
        """The objects whose addresses the registers of a thread hold at first."""
        return {
            stmt.reg: frozenset((stmt.expr.value.base,))
            for stmt in self.at_start(thread)
            if isinstance(stmt, Assign) and isinstance(stmt.expr, Const) and isinstance(stmt.expr.value, Ptr)
        }

    def _value(self, value: object, pos: Position) -> Value:
        match value:
            case int():
                return value
            case (str() as name, tuple() as steps):
                pointer = self.objects.address(name, pos)
                assert isinstance(pointer, Ptr)
                for step in steps:
                    if not isinstance(step, int):
                        raise UnsupportedError("structs do not exist in assembly tests", pos)
                    return Ptr(name, step * self.objects.size(name))
                return pointer
        raise InputError("a list inside of a list is no initial value", pos)


def _unsigned(entry: Entry) -> bool:
    """Is a type declared that has no sign?"""
    return any(word.startswith("u") for word in entry.words)


_UNSIGNED = {1: UCHAR, 2: USHORT, 4: UINT, 8: ULONG}


def _seen_as_typed(thread: int, seen: set[FinalReg], names: _Names, touched: Touched) -> Iterator[Stmt]:
    """What makes the registers that the final state shows values of their types, as herd7 shows them (not addresses)."""
    for term in sorted(seen, key=lambda term: term.name):
        ctype = names.type_of(term)
        if term.thread == thread and ctype != LONG and not touched.at_end(thread, term.name):
            yield Assign(term.name, Cast(ctype, ir.Reg(term.name)))


Sizes: TypeAlias = dict[str, dict[int, ir.Load | ir.Store | ir.Rmw]]
"""For each object the sizes of accesses that may be to it, each with one of them."""


def _sizes(threads: Sequence[Thread], touched: Touched) -> Sizes:
    """The sizes at which each object may be accessed."""
    found: Sizes = {}
    for thread in threads:
        for access in thread.accesses:
            for name in touched.by(access.stmt):
                found.setdefault(name, {}).setdefault(access.size, access.stmt)
    return found


def _cells(source: Source, objects: Objects, threads: Sequence[Thread], touched: Touched) -> Mapping[Ptr, ir.Cell]:
    """The scalar locations, each as large as it is declared, else as the largest access to its object."""
    cells: dict[Ptr, ir.Cell] = {}
    sizes_of = _sizes(threads, touched)
    for name, found in objects.table.items():
        sizes = sizes_of.get(name, {})
        declared = found.size
        size = declared or max(sizes, default=8 if any(isinstance(v, Ptr) for v in found.init) else 4)
        length = found.length
        if declared is None and size < INT.size:  # an int, of which nothing but these bytes is looked at or changes
            if all(isinstance(value, int) and 0 <= value < 1 << 8 * size for value in found.init):
                found.signed = False
            else:
                size = INT.size
        for accessed, stmt in sizes.items():
            if accessed > size * (length or 1) and len(touched.by(stmt)) == 1:
                raise UnsupportedError(f"{accessed} bytes are accessed at {name}, which has {size * (length or 1)}", stmt.pos)
        for index in range(length or 1):
            value = found.init[index] if index < len(found.init) else 0
            if isinstance(value, Ptr) and size < 8:
                what = f"the location {name}, which is accessed as {size} bytes, cannot hold the address of {value.base}"
                raise UnsupportedError(what, source.pos(0))
            shown = name if length is None else f"{name}[{index}]"
            ctype = SIGNED[size] if found.signed or size == WIDTH else _UNSIGNED[size]
            cells[Ptr(name, index * size)] = ir.Cell(shown, ctype, ctype.wrap(value))
    return cells


def _without_sign(thread: Thread, objects: Objects, touched: Touched) -> list[Item]:
    """The items of a thread, in which an access to what is declared without a sign has none either."""
    changed: dict[int, Stmt] = {}
    for access in thread.accesses:
        found = [objects.table[name] for name in touched.by(access.stmt)]
        if access.size < WIDTH and found and not any(one.signed for one in found):
            ctype = _UNSIGNED[access.size]
            match access.stmt:
                case ir.Store(value=value):
                    changed[id(access.stmt)] = replace(access.stmt, value=converted(value, ctype), ctype=ctype)
                case ir.Rmw(new=new):
                    changed[id(access.stmt)] = replace(access.stmt, new=converted(new, ctype), ctype=ctype)
                case ir.Load():
                    changed[id(access.stmt)] = replace(access.stmt, ctype=ctype)

    return in_items(thread.items, lambda stmt: changed.get(id(stmt), stmt)) if changed else thread.items


@dataclass(slots=True)
class _Names:
    """Names in the question (:class:`smpcheck.readers.conditions.Names`)."""

    source: Source
    machine: Machine
    objects: Objects
    cells: Mapping[Ptr, ir.Cell]
    types: Mapping[tuple[int, str], CType]
    threads: tuple[ir.Thread, ...]
    notes: list[str] = field(default_factory=list)

    def place(self, name: str, steps: tuple[int | str, ...], at: int) -> tuple[Ptr, list[Ptr] | None]:
        found = self.objects.table.get(name)
        if found is None:
            raise InputError(f"no location called '{name}': this test has {', '.join(self.objects.table)}", self.source.pos(at))
        all_cells = [address for address in self.cells if address.base == name]
        if not steps:
            return Ptr(name), None if found.length is None else all_cells
        if len(steps) != 1 or not isinstance(steps[0], int) or not 0 <= steps[0] < len(all_cells):
            raise InputError(f"{name} has elements [0] to [{len(all_cells) - 1}]", self.source.pos(at))
        return all_cells[steps[0]], None

    def variable(self, address: Ptr, name: str, steps: tuple[int | str, ...], at: int) -> FinalMem:
        """The final contents of a location."""
        return self.element(address)

    def element(self, address: Ptr) -> FinalMem:
        """The final contents of a location. Of 64 bits the sign is the reader's: as they are declared, so they are shown."""
        found, cell = self.objects.table[address.base], self.cells[address]
        return FinalMem(address) if found.signed or cell.ctype.size < WIDTH else FinalMem(address, ULONG, cell.name)

    @property
    def word(self) -> CType:
        """A number is of the machine's width, in herd7's tests of 64 bits but for ARM."""
        return INT if self.machine.language == "ARM" else LONG

    def register(self, thread: int, name: str, at: int) -> FinalReg:
        if thread >= len(self.threads):
            raise InputError(f"no thread P{thread}: this test has P0 to P{len(self.threads) - 1}", self.source.pos(at))
        register = self.machine.register(name)
        if register is None:
            message = f"{self.machine.name} has no register '{name}': it has {self.machine.registers}"
            raise InputError(message, self.source.pos(at))
        known = register.name or self.machine.zero
        if known not in self.threads[thread].reg_types:
            if register.name is not None:
                self.notes.append(f"{self.source.pos(at)}: P{thread} does not use the register '{name}': it is 0")
            types = {**self.threads[thread].reg_types, known: LONG}
            changed = ir.Thread(thread, self.threads[thread].body, self.threads[thread].name, types)
            self.threads = (*self.threads[:thread], changed, *self.threads[thread + 1 :])
        return FinalReg(thread, known)

    def show(self, address: Ptr) -> str:
        cell = self.cells.get(address)
        return address.base if cell is None else cell.name

    def type_of(self, term: FinalReg | FinalMem) -> CType:
        if isinstance(term, FinalReg):
            return self.types.get((term.thread, term.name), INT)
        return term.ctype or self.cells[term.cell].ctype
