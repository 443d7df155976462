"""C litmus tests whose C the reader of litmus tests does not have (``goto``, macros, statement expressions, designated
initialisers, function pointers, ...): clang parses their functions, and :class:`~smpcheck.readers.clang.program.Harness` lowers
them; init section and condition are those of any litmus test.

Functions are read against the small headers of smpcheck's own. What they are given by name are objects of memory, of the type
that the parameter says; the variables of a thread keep their names as registers, which the condition may ask for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from smpcheck.errors import BeyondReaderError, InputError, NotParsedError, SmpcheckError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.flow import mapped
from smpcheck.program.values import INT, LONG, POINTER, ULONG, CType, Ptr, Value
from smpcheck.readers import layout
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.calls import TreeLowering
from smpcheck.readers.clang.objects import Objects
from smpcheck.readers.clang.program import WITHOUT_TREE, Compile, Harness, parsed
from smpcheck.readers.clang.read_sections import without_edges
from smpcheck.readers.clang.startup import Bytes
from smpcheck.readers.clang.statements import walk
from smpcheck.readers.clang.types import UNSIGNED, bit_runs, run_pieces
from smpcheck.readers.clang.worker import HOW_TO_INSTALL
from smpcheck.readers.ctest import with_register
from smpcheck.readers.cvalues import Val
from smpcheck.readers.initial import Entry, InitValue, read_init
from smpcheck.readers.question import read_question, with_question
from smpcheck.readers.sections import Sections
from smpcheck.readers.source import Source

THREADS = r"P\d+$"


def read_by_clang(source: Source, sections: Sections, refused: SmpcheckError) -> ir.Program:
    """The program of a C litmus test that the reader of litmus tests has ``refused``.

    :raises SmpcheckError: that refusal, where clang says no more (there is none, or it does not understand the same place, or
        takes it for a mistake as well); else what clang says
    """
    start, end = sections.code
    blank = re.sub(r"[^\n]", " ", source.text[:start])
    text = blank + source.text[start:end] + "\n"
    try:
        unit, _ = parsed(source.file, text, Compile(), roots=THREADS)
        return LitmusTest(unit, source, sections, text).read()
    except UnsupportedError as error:
        if error.message == HOW_TO_INSTALL and isinstance(refused, BeyondReaderError):
            raise UnsupportedError(f"{refused.message} ({HOW_TO_INSTALL})", refused.pos) from None
        raise (refused if error.pos in (None, refused.pos) else error) from None
    except InputError as error:
        if isinstance(refused, NotParsedError):
            raise refused from None
        raise InputError(error.message.replace(f" ({WITHOUT_TREE})", ""), error.pos) from None


class LitmusTest(Harness):
    """One test. In its init section and condition a record of one scalar (``atomic_t``) is that scalar."""

    def __init__(self, unit: t.Unit, source: Source, sections: Sections, text: str) -> None:
        self.source = source
        self.sections = sections
        super().__init__(unit, source.file, text, "", source.file, source.original)
        self.entries = read_init(source, sections.init)
        self.remarks: dict[str, None] = {}
        self.cells: dict[Ptr, ir.Cell] = {}
        self.lowered: tuple[ir.Thread, ...] = ()

    def _roots(self, in_order: list[t.Function]) -> list[t.Function]:
        threads = [function for function in in_order if re.match(THREADS, function.name)]
        threads.sort(key=lambda function: int(function.name[1:]))
        for number, function in enumerate(threads):
            if function.name != f"P{number}":
                raise InputError(f"thread P{number} is missing", self.source.pos(self.sections.code[0]))
        return threads

    def read(self) -> ir.Program:
        """The program."""
        program = self.settled()
        asked = read_question(self.source, self.sections, self)
        program = replace(program, cells=self.cells, threads=self.lowered)
        return with_question(program, asked, self.source, (*self.remarks, *self.findings.assumed))

    def _complain_of_missing(self) -> None:
        for name, places in self.findings.missing.items():
            line, _, column = places[0].removeprefix(f"{self.source.file}:").partition(":")
            raise UnsupportedError(f"unknown function {name}()", ir.Position(self.source.file, int(line), int(column)))

    def lower(self) -> ir.Program | None:
        """The program without its question, if what is known so far of locals in memory is right; else None."""
        before = self.findings.to_begin_with
        objects = self.objects = Objects(self.unit, len(self.threads), "", {self.main: self.main})
        low = self.lowering = TreeLowering(self.unit, objects, self.findings, layers=self.layers)
        threads = [self._lowered(low, function, index) for index, function in enumerate(self.threads)]
        if self.findings.to_begin_with != before:
            return None
        for entry in self.entries:
            if entry.proc is None:
                self._known(entry.name, entry)
        cells, threads = self._cells(low, objects, threads, False)
        if self.findings.to_begin_with != before:
            return None
        self.cells = {address: replace(cell, name=_short(cell.name)) for address, cell in cells.items()}
        self.lowered = tuple(threads)
        return ir.Program(
            name=self.sections.name,
            cells=self.cells,
            threads=self.lowered,
            members={place: _short(name) for place, name in objects.members(low.kinds).items()},
            source=self.source.original,
            file=self.source.file,
        )

    def _lowered(self, low: TreeLowering, function: t.Function, index: int) -> ir.Thread:
        given = {entry.name: entry for entry in self.entries if entry.proc == index}
        values: list[Val] = []
        for param in function.params:
            type_ = low.kinds.layout(param.type)
            if param.name in given:
                value = self._resolved(given.pop(param.name).value or 0)
                values.append(Val(ir.Const(value), type_))
                continue
            if low.kinds.kind(param.type) != "pointer":
                raise UnsupportedError(
                    f"the parameter '{param.name}' of {function.name} is not a pointer: threads share objects by address",
                    low.source.pos(param.at),
                )
            target = low.kinds.given[param.type].target
            variable = next((one for one in self.unit.variables if one.name == param.name), None)
            name = param.name if variable is None else self.objects.named(variable)
            if low.kinds.size(target):
                self.objects.used.setdefault(name, (target, False))
            values.append(Val(ir.Const(Ptr(name)), type_))
        if given:
            entry = next(iter(given.values()))
            raise UnsupportedError(
                f"a first value of the register '{entry.name}', which is no parameter", self.source.pos(entry.at)
            )
        thread = low.thread(function, index, name=function.name, values=values, keep=True)
        return without_edges(replace(thread, body=mapped(thread.body, _as_in_a_test)))

    def kept(self, thread: ir.Thread) -> frozenset[str]:
        """The variables that a function declares: what they hold in the end may be asked for."""
        body = self.threads[thread.index].body
        return frozenset(one.name for one in walk(body) if isinstance(one, t.Decl))

    # --- types and first values ---

    @property
    def low(self) -> TreeLowering:
        """What lowers the threads."""
        assert self.lowering is not None
        return self.lowering

    def _known(self, name: str, entry: Entry | None = None) -> int:
        """The type of an object; one that no thread names is what the init section says, else an int."""
        if name not in self.objects.used:
            words = " ".join(entry.words) if entry is not None and entry.words and not entry.stars else "int"
            index = next((n for n, type_ in enumerate(self.low.kinds.given) if type_.name == words), None)
            if index is None and words == "int":
                self.low.kinds.given.append(t.CType("int", "int", 4, 4, True))
                index = len(self.low.kinds.given) - 1
            if index is None or (entry is not None and entry.length is not None):
                at = entry.at if entry is not None else 0
                raise UnsupportedError(f"the object '{name}', which no thread has as a parameter", self.source.pos(at))
            self.objects.used[name] = (index, False)
        return self.objects.used[name][0]

    def _follow(self, name: str, steps: tuple[int | str, ...], at: int) -> tuple[Ptr, int]:
        """Address and type of ``name`` followed by indices and members."""
        kinds, index, offset = self.low.kinds, self._known(name), 0
        for step in steps:
            given = kinds.given[index]
            if isinstance(step, int) and given.kind == "array" and step < given.length:
                index = given.target
                offset += step * kinds.size(index)
                continue
            found = next(((at, type_) for called, at, type_ in _members(given, kinds.given) if called == step), None)
            if found is None:
                raise InputError(f"'{name}' is of type {given.name}: there is no {step}", self.source.pos(at))
            offset, index = offset + found[0], found[1]
        return Ptr(name, offset), index

    def _bit_field(self, name: str, steps: tuple[int | str, ...], at: int) -> tuple[Ptr, CType, tuple[int, int, bool]] | None:
        """Where a bit field lies, if that is meant: in which bits (from, how many, with a sign?) of which number."""
        if not steps or isinstance(steps[-1], int):
            return None
        address, index = self._follow(name, steps[:-1], at)
        given = self.low.kinds.given
        found = next((one for one in given[index].fields if one.name == steps[-1] and one.width), None)
        if found is None or found.width is None:
            return None
        run = next(run for run in bit_runs(given[index]) if run[0] <= found.offset < run[1])
        (start, size), *more = run_pieces(run)
        if more:
            raise UnsupportedError(f"asks for the bit field '{steps[-1]}', which no single access covers", self.source.pos(at))
        place = (found.offset - 8 * start, found.width, given[found.type].signed)
        return Ptr(name, address.offset + start), UNSIGNED[size], place

    def _scalar(self, index: int) -> CType | None:
        """The type of an object that is one scalar, if it is."""
        leaves = self.low.kinds.leaves(index)
        return leaves[0].ctype if len(leaves) == 1 and self.low.kinds.kind(index) != "array" else None

    def _resolved(self, value: InitValue) -> Value:
        if isinstance(value, list):
            raise UnsupportedError("a list in braces for a register", self.source.pos(self.sections.init[0]))
        return self._follow(*value, self.sections.init[0])[0] if isinstance(value, tuple) else value

    def given(self, memory: Bytes) -> None:
        """Write the values of the init section."""
        for entry in self.entries:
            if entry.proc is None and entry.value is not None:
                self._write(memory, *self._follow(entry.name, entry.path, entry.at), entry.value, entry.at)

    def _write(self, memory: Bytes, address: Ptr, index: int, value: InitValue, at: int) -> None:
        kinds = self.low.kinds
        scalar, type_ = self._scalar(index), kinds.given[index]
        if isinstance(value, list) and type_.kind == "array":
            places = [(n * kinds.size(type_.target), type_.target) for n in range(type_.length)]
        elif isinstance(value, list):
            places = [(one.offset // 8, one.type) for one in type_.fields]
            if any(one.width is not None for one in type_.fields):
                raise UnsupportedError("initial values of a record with bit fields", self.source.pos(at))
        elif scalar is not None:
            found = self._resolved(value)
            if isinstance(found, Ptr) and scalar is not POINTER:
                raise UnsupportedError("a pointer is kept in an integer", self.source.pos(at))
            memory.write(address, found if isinstance(found, Ptr) else scalar.wrap(found), scalar.size)
            return
        else:
            raise InputError("one value for an object of several: a list in braces expected", self.source.pos(at))
        if len(value) > len(places):
            raise InputError(f"{len(value)} initial values for {len(places)} places", self.source.pos(at))
        for (offset, inner), item in zip(places, value, strict=False):
            self._write(memory, Ptr(address.base, address.offset + offset), inner, item, at)

    # --- the question's names (conditions.Names) ---

    def show(self, address: Ptr) -> str:
        """How an address is printed."""
        cell = self.cells.get(address)
        return cell.name if cell else f"{address.base}+{address.offset}" if address.offset else address.base

    def place(self, name: str, steps: tuple[int | str, ...], at: int) -> tuple[Ptr, list[Ptr] | None]:
        """The address of (a part of) an object, and those of its elements if it is not one location."""
        if name not in self.objects.used:
            self.remarks[f"{self.source.pos(at)}: no thread uses an object called '{name}': it is 0"] = None
        bits = self._bit_field(name, steps, at)
        address, index = (bits[0], -1) if bits is not None else self._follow(name, steps, at)
        covered = {byte for place, cell in self.cells.items() if place.base == name for byte in _span(place.offset, cell.ctype)}
        for leaf in self.objects.parts(self.low.kinds, self._known(name), Ptr(name)):
            if covered.isdisjoint(_span(leaf.offset, leaf.ctype)):
                where = Ptr(name, leaf.offset)
                self.cells[where] = ir.Cell(_short(f"{name}{leaf.name}"), leaf.ctype, self.memory.read(where, leaf.ctype))
        if bits is not None or self._scalar(index) is not None:
            return address, None
        return address, [Ptr(name, address.offset + leaf.offset) for leaf in self.low.kinds.leaves(index)]

    def variable(self, address: Ptr, name: str, steps: tuple[int | str, ...], at: int) -> ir.FinalMem:
        """The final contents of a location."""
        shown = name + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
        bits = self._bit_field(name, steps, at)
        if bits is not None:
            return ir.FinalMem(address, bits[1], shown, bits[2])
        scalar = self._scalar(self._follow(name, steps, at)[1])
        cell = self.cells.get(address)
        if scalar is None or (cell is not None and cell.ctype.size == scalar.size):
            return ir.FinalMem(address)
        return ir.FinalMem(address, scalar, shown)

    def element(self, address: Ptr) -> ir.FinalMem:
        """The final contents of an element of an array."""
        return ir.FinalMem(address)

    def register(self, thread: int, name: str, at: int) -> ir.FinalReg:
        """A variable of a thread."""
        if thread >= len(self.lowered):
            raise InputError(f"no thread P{thread}: this test has P0 to P{len(self.lowered) - 1}", self.source.pos(at))
        if name not in self.lowered[thread].reg_types:
            if name in self.kept(self.lowered[thread]) or any(p.name == name for p in self.threads[thread].params):
                raise UnsupportedError(f"asks for {thread}:{name}, which is no register", self.source.pos(at))
            self.remarks[f"{self.source.pos(at)}: P{thread} has no variable '{name}': it is 0"] = None
            self.lowered = with_register(self.lowered, thread, name, INT)
        return ir.FinalReg(thread, name)

    def type_of(self, term: ir.FinalReg | ir.FinalMem) -> CType:
        """The type of a register or location."""
        if isinstance(term, ir.FinalReg):
            return self.lowered[term.thread].reg_types[term.name]
        if term.bits is not None:
            return LONG if term.bits[2] else ULONG
        return term.ctype or self.cells[term.cell].ctype

    @property
    def word(self) -> None:
        """Numbers are compared as in C."""


def _members(type_: t.CType, given: list[t.CType], start: int = 0) -> Iterator[tuple[str, int, int]]:
    """The members of a record, those of anonymous ones inside of it too: name, offset, type."""
    for one in type_.fields:
        if one.width is not None:
            continue
        if one.name:
            yield one.name, start + one.offset // 8, one.type
        elif given[one.type].kind == "record":
            yield from _members(given[one.type], given, start + one.offset // 8)


def _span(offset: int, ctype: CType) -> range:
    return range(offset, offset + layout.size_of(ctype))


def _short(name: str) -> str:
    """The name of a location without the members of ``atomic_t`` and its like."""
    return re.sub(r"(\.refs)?\.(counter|word)$", "", name)


def _as_in_a_test(stmt: ir.Stmt) -> ir.Stmt | None:
    """A statement without what only harnesses are checked for."""
    return None if isinstance(stmt, ir.Assert) and stmt.name == "sleep-in-atomic" else stmt
