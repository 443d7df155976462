"""C litmus tests: init section, objects, threads and question come together."""

from __future__ import annotations

import re

from msgspec.structs import replace

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.ir import (
    Assign,
    Block,
    Cell,
    Choice,
    Const,
    Expr,
    FinalMem,
    FinalReg,
    If,
    Loop,
    Program,
    Rmw,
    Stmt,
    Store,
    Thread,
)
from smpcheck.program.values import INT, LONG, POINTER, ULONG, CType, Ptr, Value
from smpcheck.readers import ctree as c
from smpcheck.readers.cparse import CReader
from smpcheck.readers.cvalues import NeedWide
from smpcheck.readers.deffile import Definitions
from smpcheck.readers.initial import Entry, read_init
from smpcheck.readers.known_threads import MAX_KNOWN, KnownThread, headers, texts_of_threads
from smpcheck.readers.layout import Array, BitField, Pointer, Struct, Type, TypeTable, cells, scalar_type, size_of
from smpcheck.readers.lower import Initial, Lowering
from smpcheck.readers.memory import Memory
from smpcheck.readers.primitives import builtin_definitions
from smpcheck.readers.question import read_question, with_question
from smpcheck.readers.sections import Sections
from smpcheck.readers.source import Source

_VOID = "void "
_STRUCT_ARGUMENT = re.compile(r"(?<!offsetof\()(?<!offsetof\( )\bstruct(?=\s+\w+\s*,\s*\w+\s*\))")
"""``container_of(p, struct foo, f)``: the C grammar takes no types as arguments, so the keyword is blanked."""


def read_c(source: Source, sections: Sections, definitions: Definitions | None = None) -> Program:
    """Read a C test. Errors as :func:`smpcheck.readers.litmus.read_litmus`."""
    used = definitions.with_fallback(builtin_definitions()) if definitions else builtin_definitions()
    try:
        return CTest(source, sections, used).read()
    except NeedWide as need:
        note = f"a pointer is kept in an int (line {need.pos.line}): int is taken to be as wide as a pointer"
    try:
        return CTest(source, sections, used, note).read()
    except NeedWide as need:
        raise UnsupportedError("a pointer is kept in an integer that is too narrow for it", need.pos) from None


class CTest:
    """One C litmus test being read; with ``wide`` (which says why), ``int`` is as wide as a pointer."""

    def __init__(self, source: Source, sections: Sections, definitions: Definitions, wide: str = "") -> None:
        self.source = source
        self.sections = sections
        self.definitions = definitions
        self.wide = wide
        self.types = TypeTable(bool(wide))
        self.memory = Memory(source, self.types)
        self.threads: tuple[Thread, ...] = ()
        self.parameters: list[set[str]] = []
        self.texts = texts_of_threads(source, sections.code, sections.init)
        self.known: dict[str, KnownThread] = {}

    def read(self) -> Program:
        """The program."""
        memory, sections = self.memory, self.sections
        unit = self._unit()
        entries = read_init(self.source, sections.init)
        self._objects(entries, unit)
        given = [(e, memory.resolve(e.value, e.at)) for e in entries if e.proc is None and e.value is not None]
        registers = self._registers(entries)
        pointers = {d.name: self._global_value(d, unit) for d in unit.globals if d.init is not None}
        memory.lay_out()
        for entry, value in given:
            memory.initialise(*memory.follow(entry.name, entry.path, entry.at), value, entry.at)
        for declared in unit.globals:
            if declared.name in pointers:
                memory.initialise(Ptr(declared.name), declared.type, pointers[declared.name], declared.at)
        self.threads = self._threads(unit, registers)
        memory.check_computed()
        asked = read_question(self.source, sections, self)
        self._remark_locks(asked.observed)
        program = Program(
            name=sections.name,
            cells=memory.cells,
            members=memory.members,
            threads=self.threads,
            source=self.source.original,
            file=self.source.file,
            notes=(self.wide,) if self.wide else (),
        )
        return with_question(program, asked, self.source, memory.notes)

    def _unit(self) -> c.Unit:
        """Parse the C part, but for threads that are known (:mod:`smpcheck.readers.known_threads`)."""
        threads, wide = self.definitions.threads, bool(self.wide)
        found = {name: threads.get((text, wide)) for name, (_, text) in self.texts.items()}
        self.known = {name: known for name, known in found.items() if known is not None}
        unit = self._parsed()
        is_plain = not (unit.globals or unit.constants or self.types.names) and unit.functions.keys() <= self.texts.keys()
        if not is_plain:
            self.texts = {}
            if self.known:
                self.known = {}
                self.types.names.clear()
                unit = self._parsed()
        for name, known in self.known.items():
            f = known.function
            unit.functions[name] = c.Function(name, f.result, f.params, f.body, f.assigned, self.texts[name][0])
        return unit

    def _parsed(self) -> c.Unit:
        """Parse what is not known. ``P0(...)`` gets the ``void`` that C wants; offsets are mapped back."""
        start, end = self.sections.code
        text = self.source.text[start:end]
        if "struct" in text:
            text = _STRUCT_ARGUMENT.sub("      ", text)
        pieces: list[str] = []
        offsets: list[int] = []
        done = 0
        for name, here in headers(text)[0]:
            if done >= 0:
                pieces.append(text[done:here])
                offsets += range(start + done, start + here)
            done = here
            if name in self.known:
                done = -1
                continue
            pieces.append(_VOID)
            offsets += [start + here] * len(_VOID)
        if done >= 0:
            pieces.append(text[done:])
            offsets += range(start + done, end)
        code = "".join(pieces)
        return CReader(self.source, self.types, [*offsets, end].__getitem__).read(code) if code.strip() else c.Unit()

    # --- objects and registers ---

    def _objects(self, entries: list[Entry], unit: c.Unit) -> None:
        """Give every object its type."""
        for entry in entries:
            if entry.proc is None and (entry.words or entry.stars or entry.length is not None):
                self.memory.declare(entry.name, self.memory.entry_type(entry), entry.at)
        for declared in unit.globals:
            self.memory.declare(declared.name, declared.type, declared.at)
        registers = {(entry.proc, entry.name) for entry in entries}
        for function in unit.functions.values():
            if not _is_thread(function.name):
                continue
            for param in function.params:
                if not isinstance(param.type, Pointer):
                    raise UnsupportedError(
                        f"the parameter '{param.name}' of {function.name} is not a pointer: threads share objects by address",
                        self.source.pos(param.at),
                    )
                if (int(function.name[1:]), param.name) not in registers:
                    self.memory.mention(param.name, param.type.target)
        self.memory.complete(entries)

    def _registers(self, entries: list[Entry]) -> dict[int, dict[str, tuple[Type | None, Value]]]:
        """The init section's registers: thread -> name -> (type, value)."""
        result: dict[int, dict[str, tuple[Type | None, Value]]] = {}
        for entry in entries:
            if entry.proc is None:
                continue
            type_ = self.memory.entry_type(entry) if entry.words or entry.stars else None
            value = self.memory.resolve(entry.value, entry.at) if entry.value is not None else 0
            if isinstance(value, list) or isinstance(type_, (Array, Struct)):
                raise InputError("a register holds one number or address", self.source.pos(entry.at))
            result.setdefault(entry.proc, {})[entry.name] = (type_, value)
        return result

    def _global_value(self, declared: c.Declare, unit: c.Unit) -> Value:
        init = declared.init
        assert init is not None
        number = c.constant(init, unit.constants)
        if number is not None:
            return number
        if isinstance(init, c.Un) and init.op == "&" and isinstance(init.arg, c.Name):
            return self.memory.follow(init.arg.name, (), declared.at)[0]
        message = f"the initial value of '{declared.name}' is neither a number nor '&name'"
        raise UnsupportedError(message, self.source.pos(declared.at))

    def _threads(self, unit: c.Unit, registers: dict[int, dict[str, tuple[Type | None, Value]]]) -> tuple[Thread, ...]:
        functions = sorted((int(f.name[1:]), f.at, f) for f in unit.functions.values() if _is_thread(f.name))
        if not functions:
            where = self.source.pos(self.sections.code[0])
            raise InputError("no threads: 'P0(...) { ... }' expected after the init section", where)
        for i, (index, at, function) in enumerate(functions):
            if index != i:
                raise InputError(f"thread P{i} is missing: {function.name} follows P{i - 1}", self.source.pos(at))
        for index in registers:
            if index >= len(functions):
                where = self.source.pos(self.sections.init[0])
                raise InputError(f"the init section sets registers of P{index}, which does not exist", where)
        self.parameters = [{param.name for param in function.params} for _, _, function in functions]
        lowering = Lowering(self.source, self.types, unit, self.definitions, self.memory)
        return tuple(self._thread(lowering, function, index, registers.get(index, {})) for index, _, function in functions)

    def _thread(self, lowering: Lowering, function: c.Function, index: int, registers: Initial) -> Thread:
        """A thread: as it was read before, or lowered, and then remembered, if it has left no other trace in the memory than its
        accesses."""
        memory, name = self.memory, function.name
        if name in self.known:
            return self.known[name].again(self.source, self.texts[name][0], memory.access)
        if name not in self.texts:
            return lowering.thread(function, index, registers)
        accesses: dict[tuple[Expr, CType], int] = {}
        start, text = self.texts[name]

        def access(address: Expr, ctype: CType, at: int) -> None:
            accesses.setdefault((address, ctype), at - start)
            memory.access(address, ctype, at)

        traces = len(memory.known), len(memory.notes)
        lowering.access = access
        thread = lowering.thread(function, index, registers)
        lowering.access = memory.access
        if traces == (len(memory.known), len(memory.notes)):
            threads = self.definitions.threads
            if len(threads) >= MAX_KNOWN:
                threads.clear()
            kinds = tuple((*kind, offset) for kind, offset in accesses.items())
            threads[text, bool(self.wide)] = KnownThread(function, thread, self.source.pos(start), kinds)
        return thread

    def _remark_locks(self, observed: tuple[FinalReg | FinalMem, ...]) -> None:
        """A lock's final value is not data: the kernel's lock.cat flags the question as ``lock-final``."""
        locks = lock_cells(self.threads)
        section = self.sections.locations or self.sections.condition
        for term in observed:
            if isinstance(term, FinalMem) and term.cell in locks and section is not None:
                name = self.memory.show(term.cell)
                self.memory.remark(f"asks for the final value of the lock '{name}': 1 if it is held, else 0", section[0])

    # --- the question's names (conditions.Names) ---

    def show(self, address: Ptr) -> str:
        """How an address is printed."""
        return self.memory.show(address)

    def place(self, name: str, steps: tuple[int | str, ...], at: int) -> tuple[Ptr, list[Ptr] | None]:
        """The address of (a part of) an object, and those of its elements if it is not one location."""
        if name not in self.memory.known:
            self.memory.remark(f"no thread uses an object called '{name}': it is 0", at)
            self.memory.cells[Ptr(name)] = Cell(name, self.types.scalar(INT))
        address, type_ = self.memory.follow(name, steps, at)
        if not isinstance(type_, (Array, Struct)):
            return address, None
        return address, [Ptr(name, offset) for offset, _, _ in cells(type_, name, address.offset)]

    @property
    def word(self) -> None:
        """Numbers are compared as in C."""

    def element(self, address: Ptr) -> FinalMem:
        """The final contents of an element of an array."""
        return FinalMem(address)

    def variable(self, address: Ptr, name: str, steps: tuple[int | str, ...], at: int) -> FinalMem:
        """The final contents of a location: of the cell there, or of as much of memory as the named member has."""
        _, type_ = self.memory.follow(name, steps, at)
        if isinstance(type_, BitField):
            shown = name + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
            return FinalMem(address, type_.place, shown, (type_.shift, type_.width, type_.ctype.signed))
        cell = self.memory.cells.get(address)
        if isinstance(type_, (Array, Struct)) or (cell is not None and cell.ctype.size == size_of(type_)):
            return FinalMem(address)
        return FinalMem(address, scalar_type(type_), self.memory.members.get((address, size_of(type_)), ""))

    def register(self, thread: int, name: str, at: int) -> FinalReg:
        """A variable of a thread."""
        if thread >= len(self.threads):
            raise InputError(f"no thread P{thread}: this test has P0 to P{len(self.threads) - 1}", self.source.pos(at))
        if name in self.parameters[thread] and name not in self.threads[thread].reg_types:
            self._keep_parameter(thread, name)
        if name not in self.threads[thread].reg_types:
            self.memory.remark(f"P{thread} has no variable '{name}': it is 0", at)
            self.threads = with_register(self.threads, thread, name, self.types.scalar(INT))
        return FinalReg(thread, name)

    def type_of(self, term: FinalReg | FinalMem) -> CType:
        """The type of a register or location."""
        if isinstance(term, FinalReg):
            return self.threads[term.thread].reg_types[term.name]
        if term.bits is not None:
            return LONG if term.bits[2] else ULONG
        return term.ctype or self.memory.cells[term.cell].ctype

    def _keep_parameter(self, index: int, name: str) -> None:
        """Give the parameter ``name``, which its thread never changes, a register: it is asked for."""
        threads = with_register(self.threads, index, name, POINTER)
        body = (Assign(name, Const(Ptr(name))), *threads[index].body)
        self.threads = (*threads[:index], replace(threads[index], body=body), *threads[index + 1 :])


def with_register(threads: tuple[Thread, ...], index: int, name: str, ctype: CType) -> tuple[Thread, ...]:
    """The same threads; thread ``index`` also has the register ``name``, which nothing in it writes."""
    more = replace(threads[index], reg_types={**threads[index].reg_types, name: ctype})
    return (*threads[:index], more, *threads[index + 1 :])


def lock_cells(threads: tuple[Thread, ...]) -> set[Ptr]:
    """The locations that some thread takes or releases as a lock, where they are known."""
    found: set[Ptr] = set()
    pending: list[Stmt] = [stmt for thread in threads for stmt in thread.body]
    while pending:
        match pending.pop():
            case Rmw(addr=Const(Ptr() as cell), write_tags=tags) | Store(addr=Const(Ptr() as cell), tags=tags):
                if tags & {"LKW", "UL"}:
                    found.add(cell)
            case If(then=then, other=other) | Choice(then=then, other=other):
                pending += (*then, *other)
            case Block(body=body) | Loop(body=body):
                pending += body
    return found


def _is_thread(name: str) -> bool:
    return name[0] == "P" and name[1:].isdigit()
