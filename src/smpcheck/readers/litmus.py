"""Litmus files: name, init, threads, question. The dialects are C (the kernel's) and LISA; others are refused by name.

Object types come from the init section or, where that is silent, from the threads' parameters (``int *x`` says that ``x`` is an
int), else ``int``. Libraries of tests keep pointers in ints, as herd7 does not mind; where a program does that, its ints are taken
to be as wide as pointers (``Program.notes`` says so).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.ir import Cell, Const, Expr, FinalMem, FinalReg, Program, Quantifier, Thread
from smpcheck.program.values import INT, POINTER, CType, Ptr, Value, ValueError_
from smpcheck.readers.conditions import ConditionReader, Printed, Tokens, final_terms
from smpcheck.readers.csyntax import CReader, Unit, constant, number
from smpcheck.readers.layout import VOID, Array, Pointer, Struct, Type, TypeTable, Void, scalars, show, size_of
from smpcheck.readers.lower import Lowering, NeedWide
from smpcheck.readers.primitives import builtin_definitions
from smpcheck.readers.source import Source

if TYPE_CHECKING:
    from smpcheck.readers.deffile import Definitions

_NAME_LINE = re.compile(r"\s*(\w+)[ \t]+(\S[^\n]*?)[ \t]*(?:\n|$)")
_MARK = re.compile(r"[{}]|~?[ \t]*\b(?:exists|forall)\b|\b(?:locations|filter)\b")
_THREAD = re.compile(r"(?:^|(?<=[\n;}]))([ \t]*)(P\d+)\s*\(")
_RESULT = re.compile(r"\bresult:\s*(\w+)", re.I)
_EXPECTED = {"never": "Never", "forbidden": "Never", "sometimes": "Sometimes", "allowed": "Sometimes", "always": "Always"}
_POINTER_WORDS = re.compile(r"\bstruct(?=\s+\w+\s*,\s*\w+\s*\))")


@dataclass(slots=True)
class Sections:
    """Where the parts of a litmus file lie, as offsets."""

    arch: str
    name: str
    init: tuple[int, int]
    code: tuple[int, int]
    locations: tuple[int, int] | None = None
    filter: tuple[int, int] | None = None
    condition: tuple[int, int] | None = None
    quantifier: Quantifier = "exists"


@dataclass(slots=True)
class Entry:
    """One declaration of the init section: ``type name = value`` or ``type proc:reg = value``."""

    words: tuple[str, ...]
    stars: int
    proc: int | None
    name: str
    path: tuple[int | str, ...]
    length: int | None
    value: InitValue | None
    at: int


InitValue = int | tuple[str, tuple[int | str, ...]] | list["InitValue"]
"""A number, the address of (a part of) an object, or a list in braces."""


@dataclass(slots=True)
class Memory:
    """The objects of a program."""

    types: TypeTable
    known: dict[str, Type] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    cells: dict[Ptr, Cell] = field(default_factory=dict)


def read_litmus_file(path: str | Path, definitions: Definitions | None = None) -> Program:
    """Read the litmus test in the file ``path``. Errors as :func:`read_litmus`; an unreadable file is an InputError."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    return read_litmus(text, str(path), definitions)


def read_litmus(text: str, file: str = "<string>", definitions: Definitions | None = None) -> Program:
    """Read a litmus test.

    ``definitions`` are a kernel tree's own macros, which take precedence over ours. Raises InputError where the text is not a
    litmus test, UnsupportedError where it uses what smpcheck does not support; both have a position.
    """
    source = Source(text, file)
    sections = split(source)
    try:
        if sections.arch == "LISA":
            from smpcheck.readers.lisa import read_lisa

            program = read_lisa(source, sections)
        elif sections.arch == "C":
            builtin = builtin_definitions()
            used = definitions.with_fallback(builtin) if definitions else builtin
            try:
                program = CTest(source, sections, used, False).read()
            except NeedWide:
                program = CTest(source, sections, used, True).read()
        else:
            raise UnsupportedError(
                f"litmus tests of the architecture '{sections.arch}' are not supported (C and LISA are)", source.pos(0)
            )
    except RecursionError:
        raise UnsupportedError("the test is nested too deeply", source.pos(0)) from None
    from smpcheck.program.wellformed import check

    check(program)
    return program


# --- sections --------------------------------------------------------------------------------------------------------


def split(source: Source) -> Sections:
    """Find the sections."""
    text = source.text
    head = _NAME_LINE.match(text)
    if head is None:
        raise InputError("a litmus test begins with its architecture and its name, e.g. 'C MP+mbs'", source.pos(0))
    init = _braces(source, head.end())
    found: list[tuple[str, int, int]] = []
    depth = 0
    for match in _MARK.finditer(text, init[1] + 1):
        word = match.group()
        if word == "{":
            depth += 1
        elif word == "}":
            depth -= 1
            if depth < 0:
                raise InputError("this '}' closes nothing", source.pos(match.start()))
        elif depth == 0:
            found.append((word.replace(" ", "").replace("\t", ""), match.start(), match.end()))
    if depth > 0:
        raise InputError("a '{' is never closed: '}' expected before the end", source.pos(len(text.rstrip())))
    code_end = found[0][1] if found else len(text)
    sections = Sections(head[1], head[2].strip(), (init[0] + 1, init[1]), (init[1] + 1, code_end))
    for i, (word, start, body) in enumerate(found):
        span = (body, found[i + 1][1] if i + 1 < len(found) else len(text))
        if word == "locations" and sections.locations is None:
            sections.locations = span
        elif word == "filter" and sections.filter is None:
            sections.filter = span
        elif word in ("exists", "~exists", "forall") and sections.condition is None:
            sections.condition = span
            sections.quantifier = _QUANTIFIERS[word]
        else:
            raise InputError(f"a second '{word}': a test asks one question", source.pos(start))
    return sections


_QUANTIFIERS: dict[str, Literal["exists", "~exists", "forall"]] = {"exists": "exists", "~exists": "~exists", "forall": "forall"}


def _braces(source: Source, start: int) -> tuple[int, int]:
    """The first '{' after ``start`` and its '}'. Quoted strings before it are metadata."""
    depth, opened = 0, -1
    for match in re.compile(r'"[^"\n]*"|[{}]').finditer(source.text, start):
        if match.group() == "{":
            if depth == 0:
                opened = match.start()
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth < 0:
                break
            if depth == 0:
                return opened, match.start()
    if opened < 0:
        raise InputError("no init section: '{ ... }' expected after the name", source.pos(start))
    raise InputError("the init section is never closed: '}' expected", source.pos(opened))


def expected_verdict(source: Source) -> tuple[str | None, tuple[str, ...]]:
    """What a ``Result:`` comment says, as a verdict, and remarks."""
    for comment in source.comments:
        match = _RESULT.search(comment)
        if match:
            word = match[1].lower()
            if word in _EXPECTED:
                return _EXPECTED[word], ()
            if word == "deadlock":
                return None, ("the author expects a deadlock: no execution at all",)
            return None, (f"the author's result is '{match[1]}', which is not a verdict",)
    return None, ()


# --- init ------------------------------------------------------------------------------------------------------------

_SIMPLE = re.compile(r"\s*(?:(\d+)\s*:\s*)?([A-Za-z_]\w*)\s*=\s*(-?\d+|&?\s*[A-Za-z_]\w*)\s*$")
_TYPE_WORDS = frozenset("struct unsigned signed const volatile long short int char".split())


def read_init(source: Source, span: tuple[int, int]) -> list[Entry]:
    """The entries of the init section, which ``;`` separates."""
    entries: list[Entry] = []
    at = span[0]
    text = source.text
    while at < span[1]:
        end = text.find(";", at, span[1])
        end = span[1] if end == -1 else end
        simple = _SIMPLE.match(text, at, end)
        if simple and simple[3] != "ATOMIC_INIT":
            value: InitValue
            word = simple[3].lstrip("& \t\n")
            found = number(word.lstrip("-"))
            if found is not None and (word[0].isdigit() or word[0] == "-"):
                value = -found[0] if word[0] == "-" else found[0]
            elif word[0].isdigit() or word[0] == "-":
                raise InputError(f"'{word}' is not a number", source.pos(simple.start(3)))
            else:
                value = (word, ())
            proc = int(simple[1]) if simple[1] else None
            entries.append(Entry((), 0, proc, simple[2], (), None, value, simple.start(2)))
        elif text[at:end].strip():
            entries.append(_entry(Tokens(source, at, end)))
        at = end + 1
    return entries


def _entry(t: Tokens) -> Entry:
    words: list[str] = []
    stars = 0
    while t.kind == "name" and (t.value in _TYPE_WORDS or not words or t.items[t.i + 1][0] in ("name", "reg") or t.items[t.i + 1][1] == "*"):
        after = t.items[t.i + 1]
        if not (t.value in _TYPE_WORDS or after[0] in ("name", "reg") or after[1] == "*"):
            break
        words.append(t.next())
    while t.value in ("*", "const", "volatile"):
        stars += t.next() == "*"
    proc: int | None = None
    path: tuple[int | str, ...] = ()
    length: int | None = None
    at = t.at
    if t.kind == "reg":
        thread, _, name = t.next().partition(":")
        proc, name = int(thread), name.strip()
        t.accept("*")
    else:
        bracket = t.accept("[")
        if t.kind != "name":
            t.fail("a declaration such as 'x=1', 'int *p=&x' or '0:r1=x'")
        name = t.next()
        if bracket:
            t.expect("]")
        path = _path(t)
        if words and path and isinstance(path[-1], int) and len(path) == 1:
            length, path = int(path[0]), ()
    value: InitValue | None = None
    if t.accept("=", "=="):
        value = _init_value(t)
    if t.kind != "end":
        t.fail("';' or '='")
    return Entry(tuple(words), stars, proc, name, path, length, value, at)


def _path(t: Tokens) -> tuple[int | str, ...]:
    """``[1]`` and ``.f`` after a name."""
    path: list[int | str] = []
    while True:
        if t.accept("["):
            found = number(t.value) if t.kind == "num" else None
            if found is None:
                t.fail("a constant index")
            t.next()
            path.append(found[0])
            t.expect("]")
        elif t.accept(".", "->"):
            if t.kind != "name":
                t.fail("the name of a member")
            path.append(t.next())
        else:
            return tuple(path)


_INIT_MACROS = frozenset(("ATOMIC_INIT", "ATOMIC64_INIT", "ATOMIC_LONG_INIT", "REFCOUNT_INIT"))
_UNLOCKED = frozenset(("SPIN_LOCK_UNLOCKED", "__SPIN_LOCK_UNLOCKED", "__RAW_SPIN_LOCK_UNLOCKED", "NULL", "false"))


def _init_value(t: Tokens) -> InitValue:
    if t.accept("{"):
        items: list[InitValue] = []
        while not t.accept("}"):
            items.append(_init_value(t))
            if not t.accept(",") and t.value != "}":
                t.fail("',' or '}'")
        return items
    if t.accept("("):
        if t.kind == "name" and t.items[t.i + 1][1] != ")":  # a cast
            while t.kind == "name" or t.value == "*":
                t.next()
            t.expect(")")
            return _init_value(t)
        if t.kind == "name" and t.value in _TYPE_WORDS:
            t.next()
            t.expect(")")
            return _init_value(t)
        value = _init_value(t)
        t.expect(")")
        return value
    sign = -1 if t.accept("-") else 1
    if t.kind == "num":
        found = number(t.value)
        if found is None:
            t.fail("a number")
        t.next()
        return sign * found[0]
    if sign == -1:
        t.fail("a number")
    t.accept("&")
    if t.kind != "name":
        t.fail("a number, an address or a list in braces")
    name = t.next()
    if name in _INIT_MACROS or (name in _UNLOCKED and t.value == "("):
        t.expect("(")
        if name in _UNLOCKED:
            t.next()
            t.expect(")")
            return 0
        value = _init_value(t)
        t.expect(")")
        return value
    if name in _UNLOCKED:
        return 0
    if name == "true":
        return 1
    return (name, _path(t))


# --- C tests ---------------------------------------------------------------------------------------------------------


class CTest:
    """One C litmus test being read."""

    def __init__(self, source: Source, sections: Sections, definitions: Definitions, wide: bool) -> None:
        self.source = source
        self.sections = sections
        self.definitions = definitions
        self.types = TypeTable(wide)
        self.memory = Memory(self.types)
        self.dynamic: dict[int, int] = {}
        self.addressed: dict[str, int] = {}
        self.notes: list[str] = []
        if wide:
            self.notes.append("pointers are kept in ints: int is taken to be as wide as a pointer")

    def read(self) -> Program:
        """The program."""
        source, sections = self.source, self.sections
        unit = self._unit()
        entries = read_init(source, sections.init)
        registers = self._objects(entries, unit)
        values = [(e, self._value(e.value, e.at)) for e in entries if e.proc is None and e.value is not None]
        initial = self._registers(registers)
        self._lay_out(values, unit)
        threads = self._threads(unit, initial)
        by_index = {t.index: t for t in threads}

        def register(thread: int, name: str, at: int) -> FinalReg:
            return self._final_register(by_index, thread, name, at)

        condition, observed, filter_ = read_question(source, sections, self._place, register, self._show)
        self._check_widths()
        expected, remarks = expected_verdict(source)
        return Program(
            name=sections.name,
            cells=self.memory.cells,
            threads=threads,
            quantifier=sections.quantifier,
            condition=condition.expr,
            condition_text=f"{sections.quantifier} ({condition.text})",
            filter=filter_,
            observed=observed,
            expected=expected,
            dialect="LKMM",
            source=source.original,
            file=source.file,
            notes=(*self.notes, *remarks),
        )

    # --- C text ---

    def _unit(self) -> Unit:
        """Parse the C part. ``P0(...)`` gets the ``void`` that C wants; offsets are mapped back."""
        start, end = self.sections.code
        text = self.source.text[start:end]
        text = _POINTER_WORDS.sub("      ", text)
        pieces: list[str] = []
        inserted: list[int] = []
        done = 0
        for match in _THREAD.finditer(text):
            at = match.start(2)
            pieces += (text[done:at], "void ")
            inserted.append(at + 5 * len(inserted))
            done = at
        pieces.append(text[done:])

        def offset(at: int) -> int:
            shift = 0
            for place in inserted:
                if at <= place:
                    break
                shift += 5
            return start + at - shift

        return CReader(self.source, self.types, offset).read("".join(pieces))

    # --- objects ---

    def _objects(self, entries: list[Entry], unit: Unit) -> list[Entry]:
        """Give every object its type; return the entries about registers."""
        known, declared = self.memory.known, self.memory.declared
        registers: list[Entry] = []
        for entry in entries:
            if entry.proc is not None:
                registers.append(entry)
            elif entry.words or entry.stars:
                if entry.name in declared:
                    raise InputError(f"'{entry.name}' is declared twice", self.source.pos(entry.at))
                type_ = self._type(entry)
                if isinstance(type_, Void):
                    raise InputError(f"'{entry.name}' cannot be void", self.source.pos(entry.at))
                known[entry.name] = type_
                declared.add(entry.name)
        for declare in unit.globals:
            if declare.name in declared:
                raise InputError(f"'{declare.name}' is declared twice", self.source.pos(declare.at))
            known[declare.name] = declare.type
            declared.add(declare.name)
        own = {(e.proc, e.name) for e in registers}
        for function in unit.functions.values():
            if not _is_thread(function.name):
                continue
            for param in function.params:
                if not isinstance(param.type, Pointer):
                    raise UnsupportedError(
                        f"the parameter '{param.name}' of {function.name} is not a pointer: threads share objects by address",
                        self.source.pos(param.at),
                    )
                if param.name not in declared and (int(function.name[1:]), param.name) not in own:
                    known[param.name] = _merge(known.get(param.name), param.type.target, self.types)
        for entry in entries:
            if entry.proc is None and entry.name not in known:
                type_ = self.types.scalar(INT)
                if isinstance(entry.value, list):
                    known[entry.name] = Array(type_, max(len(entry.value), 1))
                else:
                    known[entry.name] = type_
            elif entry.proc is None and isinstance(entry.value, list) and entry.name not in declared:
                known[entry.name] = Array(known[entry.name], max(len(entry.value), 1))
        for name, type_ in known.items():
            if isinstance(type_, Void):
                known[name] = self.types.scalar(INT)
            elif isinstance(type_, Struct) and type_.fields is None:
                raise UnsupportedError(f"'{name}' is a {type_.name}, which this file does not define", self.source.pos(0))
        return registers

    def _type(self, entry: Entry) -> Type:
        type_ = self.types.lookup(entry.words)
        if type_ is None:
            words = " ".join(entry.words)
            raise InputError(f"unknown type '{words}' of '{entry.name}'", self.source.pos(entry.at))
        for _ in range(entry.stars):
            type_ = Pointer(type_)
        if isinstance(entry.value, list) and entry.length is None and not isinstance(type_, Struct):
            return Array(type_, max(len(entry.value), 1))
        return Array(type_, entry.length) if entry.length else type_

    def _value(self, value: InitValue | None, at: int) -> object:
        """Resolve addresses in an initial value."""
        if isinstance(value, list):
            return [self._value(v, at) for v in value]
        if isinstance(value, tuple):
            return self._follow(value[0], value[1], at)
        return value

    def _follow(self, name: str, path: tuple[int | str, ...], at: int) -> Ptr:
        """The address of ``name`` followed by indices and members; an unknown name is a new int."""
        type_: Type = self.memory.known.setdefault(name, self.types.scalar(INT))
        offset = 0
        for step in path:
            if isinstance(step, int) and isinstance(type_, Array):
                if step >= type_.length:
                    raise InputError(f"'{name}' has {type_.length} elements: no [{step}]", self.source.pos(at))
                type_ = type_.element
                offset += step * size_of(type_)
            elif isinstance(step, str) and isinstance(type_, Struct) and type_.fields and step in type_.fields:
                field_offset, type_ = type_.fields[step]
                offset += field_offset
            elif isinstance(step, int) and step * size_of(type_) == 0:
                pass
            else:
                shown = f"[{step}]" if isinstance(step, int) else f".{step}"
                raise InputError(f"'{name}' is of type {show(type_)}, which has no {shown}", self.source.pos(at))
        return Ptr(name, offset)

    def _registers(self, entries: list[Entry]) -> dict[int, dict[str, tuple[Type | None, Value]]]:
        result: dict[int, dict[str, tuple[Type | None, Value]]] = {}
        for entry in entries:
            assert entry.proc is not None
            type_ = self._type(entry) if entry.words or entry.stars else None
            value = self._value(entry.value, entry.at) if entry.value is not None else 0
            if not isinstance(value, (int, Ptr)) or isinstance(type_, (Array, Struct)):
                raise UnsupportedError("a register holds one number or address", self.source.pos(entry.at))
            result.setdefault(entry.proc, {})[entry.name] = (type_, value)
        return result

    def _lay_out(self, given: list[tuple[Entry, object]], unit: Unit) -> None:
        """Make the cells, with their initial values."""
        cells, known = self.memory.cells, self.memory.known
        for name, type_ in known.items():
            if isinstance(type_, CType):
                cells[Ptr(name)] = Cell(name, type_)
                continue
            for offset, cell_name, ctype in scalars(type_, name):
                cells[Ptr(name, offset)] = Cell(cell_name, ctype)
        for entry, value in given:
            address = self._follow(entry.name, entry.path, entry.at)
            type_ = known[entry.name]
            for step in entry.path:
                type_ = type_.element if isinstance(type_, Array) else type_
                if isinstance(step, str) and isinstance(type_, Struct) and type_.fields:
                    type_ = type_.fields[step][1]
            self._set(address, type_, value, entry.at)
        for declare in unit.globals:
            if declare.init is not None:
                number_ = constant(declare.init, unit.constants)
                if number_ is None:
                    raise UnsupportedError(f"the initial value of '{declare.name}' is not a number", self.source.pos(declare.at))
                self._set(Ptr(declare.name), declare.type, number_, declare.at)

    def _set(self, address: Ptr, type_: Type, value: object, at: int) -> None:
        if isinstance(value, list):
            if isinstance(type_, Array):
                parts = [(i * size_of(type_.element), type_.element) for i in range(type_.length)]
            elif isinstance(type_, Struct) and type_.fields is not None:
                parts = list(type_.fields.values())
            else:
                raise InputError(f"a list in braces for an object of type {show(type_)}", self.source.pos(at))
            if len(value) > len(parts):
                raise InputError(f"{len(value)} initial values for {len(parts)} places", self.source.pos(at))
            for (offset, part), item in zip(parts, value, strict=False):
                self._set(Ptr(address.base, address.offset + offset), part, item, at)
            return
        assert isinstance(value, (int, Ptr))
        cell = self.memory.cells.get(address)
        if cell is None:
            raise InputError(f"'{address}' is not one location", self.source.pos(at))
        if cell.ctype is POINTER:
            wrapped: Value = value
        else:
            try:
                wrapped = cell.ctype.wrap(value)
            except ValueError_ as error:
                if cell.ctype.bits == 32:
                    raise NeedWide from None
                raise InputError(str(error), self.source.pos(at)) from None
        self.memory.cells[address] = Cell(cell.name, cell.ctype, wrapped)

    # --- threads ---

    def _access(self, address: Expr, ctype: CType, at: int) -> None:
        """Note an access, for the check that sizes agree."""
        size = size_of(ctype)
        if isinstance(address, Const) and isinstance(address.value, Ptr):
            cell = self.memory.cells.get(address.value)
            if cell is None:
                shown = self._show(address.value)
                raise InputError(f"no object lies at {shown}", self.source.pos(at))
            self._same_size(cell, size, at)
        else:
            self.dynamic.setdefault(size, at)

    def _same_size(self, cell: Cell, size: int, at: int) -> None:
        if size_of(cell.ctype) != size:
            if {size_of(cell.ctype), size} == {4, 8} and not self.types.wide:
                raise NeedWide
            raise UnsupportedError(
                f"an access of {size} bytes to '{cell.name}', which has {size_of(cell.ctype)} (mixed sizes)", self.source.pos(at)
            )

    def _check_widths(self) -> None:
        """Accesses through computed pointers must fit cells that such pointers can reach."""
        sizes = {size_of(c.ctype) for c in self.memory.cells.values()}
        for size, at in self.dynamic.items():
            if sizes and size not in sizes:
                if size in (4, 8) and sizes & {4, 8} and not self.types.wide:
                    raise NeedWide
                raise UnsupportedError(f"an access of {size} bytes: no object has parts of that size", self.source.pos(at))

    def _threads(self, unit: Unit, initial: dict[int, dict[str, tuple[Type | None, Value]]]) -> tuple[Thread, ...]:
        functions = sorted((int(f.name[1:]), f) for f in unit.functions.values() if _is_thread(f.name))
        if not functions:
            raise InputError("no threads: 'P0(...) { ... }' expected after the init section", self.source.pos(self.sections.code[0]))
        global_types = {d.name: d.type for d in unit.globals}
        lowering = Lowering(self.source, self.types, unit, self.definitions, global_types, self._access)
        for i, (index, function) in enumerate(functions):
            if index != i:
                raise InputError(f"thread P{i} is missing before {function.name}", self.source.pos(function.at))
        for index in initial:
            if index >= len(functions):
                raise InputError(f"the init section sets registers of P{index}, which does not exist", self.source.pos(self.sections.init[0]))
        return tuple(lowering.thread(function, index, initial.get(index, {})) for index, function in functions)

    # --- the question ---

    def _show(self, address: Ptr) -> str:
        cell = self.memory.cells.get(address)
        return cell.name if cell else f"{address.base}+{address.offset}"

    def _place(self, tokens: Tokens, name: str, at: int) -> Ptr:
        if name not in self.memory.known:
            raise InputError(f"no object is called '{name}'", self.source.pos(at))
        return self._follow(name, _path(tokens), at)

    def _final_register(self, threads: Mapping[int, Thread], thread: int, name: str, at: int) -> FinalReg:
        found = threads.get(thread)
        if found is None:
            raise InputError(f"no thread P{thread}: this test has P0 to P{len(threads) - 1}", self.source.pos(at))
        if name not in found.reg_types:
            near = ", ".join(sorted(r for r in found.reg_types if r.isidentifier())) or "none"
            raise InputError(f"P{thread} has no variable '{name}' (it has: {near})", self.source.pos(at))
        return FinalReg(thread, name)


def _is_thread(name: str) -> bool:
    return name[0] == "P" and name[1:].isdigit()


def _merge(first: Type | None, second: Type, types: TypeTable) -> Type:
    """The type of an object to which threads refer by different types: the one that says most."""
    if first is None or isinstance(first, Void) or first == second:
        return second
    if isinstance(second, Void):
        return first
    if isinstance(first, CType) and isinstance(second, (Pointer, Struct, Array)):
        return second
    if isinstance(first, CType) and isinstance(second, CType):
        return second if second.bits > first.bits else first
    if isinstance(first, Pointer) and isinstance(second, Pointer) and first.target == VOID:
        return second
    return first


def read_question(
    source: Source,
    sections: Sections,
    place: object,
    register: object,
    show_address: object,
) -> tuple[Printed, tuple[FinalReg | FinalMem, ...], Expr | None]:
    """Condition, observed variables in herd7's order, and filter."""
    condition = Printed(Const(1), "true")
    if sections.condition is not None:
        condition = _proposition(source, sections.condition, place, register, show_address)
    filter_: Expr | None = None
    if sections.filter is not None:
        filter_ = _proposition(source, sections.filter, place, register, show_address).expr
    observed = final_terms(condition.expr)
    if sections.locations is not None:
        tokens = Tokens(source, *sections.locations)
        reader = ConditionReader(tokens, place, register, show_address)  # type: ignore[arg-type]
        tokens.expect("[")
        while not tokens.accept("]"):
            if tokens.accept(";", ","):
                continue
            term = reader.term(True).expr
            if not isinstance(term, (FinalReg, FinalMem)):
                tokens.fail("a register or location")
            observed.add(term)
            tokens.accept("*")
        tokens.accept(";")
        if tokens.kind != "end":
            tokens.fail("the end of the locations")

    def order(term: FinalReg | FinalMem) -> tuple[int, int, str]:
        if isinstance(term, FinalReg):
            return 0, term.thread, term.name
        return 1, 0, show_address(term.cell)  # type: ignore[operator]

    return condition, tuple(sorted(observed, key=order)), filter_


def _proposition(source: Source, span: tuple[int, int], place: object, register: object, show_address: object) -> Printed:
    tokens = Tokens(source, *span)
    reader = ConditionReader(tokens, place, register, show_address)  # type: ignore[arg-type]
    result = reader.proposition()
    tokens.accept(";")
    if tokens.kind != "end":
        tokens.fail("'/\\', '\\/', '=>' or the end of the condition")
    return result
