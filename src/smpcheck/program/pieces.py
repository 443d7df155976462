"""Memory is bytes: where accesses of several sizes meet, each object is cut into the pieces that they need.

An access has an address and a size. :func:`cut` partitions the bytes of each object into the coarsest pieces such that every
access that may touch it covers whole pieces, and covers them alike wherever it may be to: a place that one target of an access
is cut at is cut at in all others. Pieces are the cells of the program that comes out. An access that covers several, or that
looks at one as another type, says so in its ``pieces``: it is one instruction with an event for each of them (``si`` in cat),
whose value is put together from theirs. What an access may be to is found by :mod:`smpcheck.program.targets`.

A program in which no sizes are mixed is returned as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

from msgspec.structs import replace

from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.execution import ExecutedEvent
from smpcheck.program.flow import mapped, statements, with_atoms
from smpcheck.program.targets import Atom, Span, Targets
from smpcheck.program.values import LONG, ULONG, CType, Ptr, Value

MAX_CUTS = 64
"""Places inside of cells at which one object may be cut."""

Access: TypeAlias = ir.Load | ir.Store | ir.Rmw
Pieces: TypeAlias = tuple[tuple[int, CType], ...]


def raw(size: int) -> CType:
    """The type of a piece of so many bytes: a number without a sign."""
    return CType(f"{size} byte{'s' if size > 1 else ''}", 8 * size, False)


class Layout:
    """The bytes of a program's objects."""

    def __init__(self, cells: Mapping[Ptr, ir.Cell]) -> None:
        self.cells = cells

    @cached_property
    def owner(self) -> Mapping[Ptr, Ptr]:
        """The first byte of the cell that each byte belongs to."""
        return {Ptr(start.base, start.offset + i): start for start, cell in self.cells.items() for i in range(cell.ctype.size)}

    def covers(self, start: Ptr, size: int) -> bool:
        """Does a cell lie at each of these bytes?"""
        return all(Ptr(start.base, start.offset + i) in self.owner for i in range(size))

    def whole(self, start: Ptr, ctype: CType) -> bool:
        """Is there one cell, of this size and with this sign? (Of 64 bits the sign is not looked at: addresses have none.)"""
        cell = self.cells.get(start)
        if cell is None or cell.ctype.size != ctype.size:
            return False
        return cell.ctype.signed == ctype.signed or ctype.size == 8 or 1 in (cell.ctype.bits, ctype.bits)


class Misaligned(KeyError):
    """An access at an address that is no multiple of its size."""


def touched(stmt: Access) -> tuple[Ptr, ...] | None:
    """The cells that an access at an address in the program's text covers, if that is one of cells; None: it is computed."""
    start = stmt.addr.value if isinstance(stmt.addr, ir.Const) else None
    if not isinstance(start, Ptr):
        return None
    return tuple(Ptr(start.base, start.offset + offset) for offset, _ in stmt.pieces or ((0, None),))


def covered(stmt: Access, start: Value, program: ir.Program) -> tuple[Ptr, ...]:
    """The cells that an access covers if it is to ``start``, lowest first.

    :raises Misaligned: there it does not lie right; KeyError: there is nothing that it could be to
    """
    cells = program.cells
    if not isinstance(start, Ptr):
        raise KeyError(start)
    if not program.mixed or stmt.ctype is None:
        if start not in cells:
            raise KeyError(start)
        return (start,)
    if start.offset % stmt.ctype.alignment:
        raise Misaligned(start)
    pieces = stmt.pieces or ((0, stmt.ctype),)
    found = [(Ptr(start.base, start.offset + offset), ctype.size) for offset, ctype in pieces]
    if any(place not in cells or cells[place].ctype.size != size for place, size in found):
        raise KeyError(start)
    return tuple(place for place, _ in found)


def accesses(program: ir.Program) -> Iterator[Access]:
    """All accesses of the program's text."""
    for thread in program.threads:
        for stmt in statements(thread.body):
            if isinstance(stmt, Access):
                yield stmt


def only_touched(program: ir.Program, targets: Targets) -> ir.Program:
    """``program`` without the cells that no access can be to: most of a large struct, of which a few members are used."""
    where: dict[str, set[tuple[Atom, int]]] = {}
    for marker in _markers(program):
        if not isinstance(marker, Ptr):
            return program
        where.setdefault(marker.base, set()).add((marker, 1))
    for stmt in accesses(program):
        for atom in targets.found(stmt):
            if not isinstance(atom, int) and atom.base is not None:
                where.setdefault(atom.base, set()).add((atom, stmt.ctype.size if stmt.ctype is not None else 1))
    bytes_of = {base: _bytes(found) for base, found in where.items()}

    def is_touched(start: Ptr, size: int) -> bool:
        exact, spans = bytes_of.get(start.base, (set(), []))
        inside = range(start.offset, start.offset + size)
        return not exact.isdisjoint(inside) or any((at - first) % step < wide for first, step, wide in spans for at in inside)

    cells = {start: cell for start, cell in program.cells.items() if is_touched(start, cell.ctype.size)}
    return replace(program, cells=cells)


def _markers(program: ir.Program) -> Iterator[Value | None]:
    """Where markers that have an address (of SRCU) are; None: it is computed."""
    for thread in program.threads:
        for stmt in statements(thread.body):
            if isinstance(stmt, ir.Fence) and stmt.addr is not None:
                yield stmt.addr.value if isinstance(stmt.addr, ir.Const) else None


def _bytes(found: Iterable[tuple[Atom, int]]) -> tuple[set[int], list[tuple[int, int, int]]]:
    """The bytes of an object that accesses cover: those of known addresses, and of each other the start, step and size."""
    exact: set[int] = set()
    spans: list[tuple[int, int, int]] = []
    for atom, size in found:
        if isinstance(atom, Ptr):
            exact.update(range(atom.offset, atom.offset + size))
        elif isinstance(atom, Span):
            spans.append((atom.start, atom.step, size))
    return exact, spans


def cut(program: ir.Program, targets: Targets | None = None) -> ir.Program:
    """``program`` with its cells cut into the pieces that its accesses need; ``program`` itself where no sizes are mixed.
    ``targets``: what its accesses may be to, where that is known.

    :raises UnsupportedError: an address is taken apart; LimitError: too many pieces; both with the access
    """
    if not _may_be_mixed(program):
        return program
    return _Cutter(program, targets or Targets(program)).result()


def _may_be_mixed(program: ir.Program) -> bool:
    """Can some access be to anything but a whole cell?"""
    layout = Layout(program.cells)
    computed: set[CType] = set()
    for stmt in accesses(program):
        if stmt.ctype is None:
            continue
        if not isinstance(stmt.addr, ir.Const):
            computed.add(stmt.ctype)
        elif isinstance(stmt.addr.value, Ptr) and not layout.whole(stmt.addr.value, stmt.ctype):
            return True
    return any(not layout.whole(start, ctype) for ctype in computed for start in program.cells)


class _Cutter:
    """Finds the cuts, and rewrites the program."""

    def __init__(self, program: ir.Program, targets: Targets) -> None:
        self.program = program
        self.layout = Layout(program.cells)
        self.targets = targets
        self.cuts: dict[str, set[int]] = {}
        self.bounds: dict[str, set[int]] = {}
        for start, cell in program.cells.items():
            ends = {start.offset, start.offset + cell.ctype.size}
            self.cuts.setdefault(start.base, set()).update(ends)
            self.bounds.setdefault(start.base, set()).update(ends)
        self.candidates: dict[tuple[int, int], frozenset[Ptr]] = {}
        self.places: list[tuple[Access, CType, list[Ptr]]] = []
        """Each access with its type and what it may be to."""
        for stmt in accesses(program):
            if stmt.ctype is not None:
                found = self.targets.of(stmt, self._candidates(stmt.ctype))
                self.places.append((stmt, stmt.ctype, found))
        self._cut()
        self.raw: set[Ptr] = set()
        self._find_raw()

    def _candidates(self, ctype: CType) -> frozenset[Ptr]:
        """Everywhere that an access of this type can lie."""
        kind = size, step = ctype.size, ctype.alignment
        if kind not in self.candidates:
            owner = self.layout.owner
            self.candidates[kind] = frozenset(p for p in owner if p.offset % step == 0 and self.layout.covers(p, size))
        return self.candidates[kind]

    # --- where to cut ---

    def _cut(self) -> None:
        changed = True
        while changed:
            changed = False
            for stmt, ctype, found in self.places:
                inside = {0, ctype.size}
                for place in found:
                    cuts, start = self.cuts[place.base], place.offset
                    inside.update(n for n in range(1, ctype.size) if start + n in cuts)
                for place in found:
                    cuts = self.cuts[place.base]
                    new = {place.offset + c for c in inside} - cuts
                    if new:
                        changed = True
                        cuts |= new
                        if len(cuts - self.bounds[place.base]) > MAX_CUTS:
                            raise LimitError(
                                f"{_shown(stmt)} cuts '{place.base}' into too many pieces ({MAX_CUTS} cuts at most)", stmt.pos
                            )

    def _between(self, place: Ptr, size: int) -> list[tuple[int, int]]:
        """The pieces of so many bytes at ``place``: their offsets from it, and their sizes."""
        ends = sorted(c for c in self.cuts[place.base] if place.offset <= c <= place.offset + size)
        return [(a - place.offset, b - a) for a, b in pairwise(ends)]

    def _find_raw(self) -> None:
        """The pieces that are held as numbers without a sign: parts of cells, and what is accessed as several types."""
        for start, cell in self.program.cells.items():
            parts = self._between(start, cell.ctype.size)
            if len(parts) > 1:
                self.raw |= {Ptr(start.base, start.offset + offset) for offset, _ in parts}
        changed = True
        while changed:
            changed = False
            for _, ctype, found in self.places:
                if not found:
                    continue
                for offset, _ in self._between(found[0], ctype.size):
                    pieces = [Ptr(p.base, p.offset + offset) for p in found]
                    types = {self._kind(p) for p in pieces}
                    if (len(types) > 1 or not self.raw.isdisjoint(pieces)) and not self.raw.issuperset(pieces):
                        self.raw.update(pieces)
                        changed = True

    def _kind(self, place: Ptr) -> tuple[int, bool]:
        ctype = self.program.cells[self.layout.owner[place]].ctype
        return ctype.size, ctype.signed and ctype.size < 8

    # --- the program that comes out ---

    def result(self) -> ir.Program:
        """The program on pieces."""
        program = self.program
        cells: dict[Ptr, ir.Cell] = {}
        wholes: dict[Ptr, ir.Cell] = {}
        for start, cell in program.cells.items():
            parts = self._between(start, cell.ctype.size)
            if len(parts) == 1 and start not in self.raw:
                cells[start] = cell
                continue
            wholes[start] = cell
            for offset, size in parts:
                place = Ptr(start.base, start.offset + offset)
                name = self._name(place, size, cell, offset)
                init = cell.init if len(parts) == 1 else self._part(start, cell, offset, size)
                cells[place] = ir.Cell(name, raw(size), raw(size).wrap(init), self._bits(cell, offset, size))
        by_access = {id(stmt): self._pieces(ctype, found) for stmt, ctype, found in self.places}
        for stmt, _, _ in self.places:
            if len(by_access[id(stmt)]) > 1 and self.targets.stores_address(stmt):
                raise UnsupportedError(
                    f"{_shown(stmt)} may store an address, of which other accesses take a part: not supported", stmt.pos
                )
        if not wholes and not any(by_access.values()) and all(self._is_whole(*place) for place in self.places):
            return program

        def in_pieces(stmt: ir.Stmt) -> ir.Stmt:
            pieces = by_access.get(id(stmt), ())
            return replace(stmt, pieces=pieces) if pieces and isinstance(stmt, Access) else stmt

        threads = tuple(replace(t, body=mapped(t.body, in_pieces)) for t in program.threads)
        rewritten = _Finals(wholes)
        return replace(
            program,
            cells=cells,
            mixed=True,
            in_pieces=bool(wholes) or any(by_access.values()),
            wholes=wholes,
            threads=threads,
            condition=rewritten.expr(program.condition),
            filter=rewritten.expr(program.filter) if program.filter is not None else None,
            observed=tuple(rewritten.variable(v) for v in program.observed),
            arrays=tuple(tuple(rewritten.memory(v) for v in array) for array in program.arrays),
            elements=frozenset(rewritten.memory(v) for v in program.elements),
            invariants=tuple(replace(i, cond=rewritten.expr(i.cond)) for i in program.invariants),
        )

    def _is_whole(self, stmt: Access, ctype: CType, found: Sequence[Ptr]) -> bool:
        """Is the access certainly to one of the cells in ``found``, or to none of an object at all?"""
        return all(self.layout.whole(p, ctype) for p in found) and self.targets.only(stmt, found)

    def _part(self, start: Ptr, cell: ir.Cell, offset: int, size: int) -> int:
        """Some bytes of a cell's initial value."""
        if isinstance(cell.init, Ptr):
            inside = {Ptr(start.base, start.offset + i) for i in range(cell.ctype.size)}
            for stmt, ctype, found in self.places:
                if not inside.isdisjoint(found) and not any(self.layout.whole(place, ctype) for place in found):
                    what = f"{_shown(stmt)} takes a part of '{cell.name}', which holds an address: not supported"
                    raise UnsupportedError(what, stmt.pos)
            raise UnsupportedError(f"'{cell.name}' holds an address, of which accesses take a part: not supported")
        at = cell.ctype.size - offset - size if self.program.big_endian else offset
        return (cell.init >> 8 * at) & ((1 << 8 * size) - 1)

    def _bits(self, cell: ir.Cell, offset: int, size: int) -> tuple[tuple[int, str], ...]:
        """The names of a word's bits in some of its bytes."""
        low = 8 * (cell.ctype.size - offset - size if self.program.big_endian else offset)
        return tuple((bit - low, name) for bit, name in cell.bits if 0 <= bit - low < 8 * size)

    def _name(self, place: Ptr, size: int, cell: ir.Cell, offset: int) -> str:
        if size == cell.ctype.size:
            return cell.name
        named = self.program.members.get((place, size))
        return named or f"{cell.name}[bytes {offset}..{offset + size - 1}]"

    def _pieces(self, ctype: CType, found: Sequence[Ptr]) -> Pieces:
        """What :attr:`ir.Load.pieces` says of an access; nothing for one to whole cells of its own type."""
        if not found:
            return ()
        place = found[0]
        parts = self._between(place, ctype.size)
        types = [
            raw(size) if Ptr(place.base, place.offset + offset) in self.raw else self._type_at(place, offset)
            for offset, size in parts
        ]
        if len(parts) == 1 and (types[0].bits, types[0].signed) == (ctype.bits, ctype.signed):
            return ()
        if len(parts) == 1 and place not in self.raw and self.layout.whole(place, ctype):
            return ()
        return tuple((offset, t) for (offset, _), t in zip(parts, types, strict=True))

    def _type_at(self, place: Ptr, offset: int) -> CType:
        return self.program.cells[Ptr(place.base, place.offset + offset)].ctype


class _Finals:
    """Expressions over final states, in which cells that were cut are read as the types that they had."""

    def __init__(self, wholes: Mapping[Ptr, ir.Cell]) -> None:
        self.wholes = wholes

    def memory(self, variable: ir.FinalMem) -> ir.FinalMem:
        cell = self.wholes.get(variable.cell)
        if variable.ctype is None and cell is not None:
            return ir.FinalMem(variable.cell, cell.ctype, variable.name or cell.name)
        return variable

    def variable(self, variable: ir.FinalReg | ir.FinalMem) -> ir.FinalReg | ir.FinalMem:
        return self.memory(variable) if isinstance(variable, ir.FinalMem) else variable

    def expr(self, expr: ir.Expr) -> ir.Expr:
        return with_atoms(expr, lambda atom: self.memory(atom) if isinstance(atom, ir.FinalMem) else atom)


def _shown(stmt: Access) -> str:
    size = stmt.ctype.size if stmt.ctype is not None else 0
    return f"'{stmt.text}', an access of {size} byte{'' if size == 1 else 's'}," if stmt.text else f"an access of {size} bytes"


# --- taking values apart, and putting them together ---


def taken_apart(value: ir.Expr, ctype: CType, pieces: Pieces, big_endian: bool) -> list[ir.Expr]:
    """The parts of ``value`` that are written to each of ``pieces``."""
    if len(pieces) == 1:
        return [ir.Cast(pieces[0][1], value)]
    number = ir.Cast(ULONG, value)
    found: list[ir.Expr] = []
    for offset, part in pieces:
        shift = _shift(offset, part, ctype, big_endian)
        shifted = ir.Binary(">>", number, ir.Const(shift), ULONG) if shift else number
        found.append(ir.Cast(part, shifted))
    return found


def put_together(parts: Sequence[ir.Expr], ctype: CType, pieces: Pieces, big_endian: bool) -> ir.Expr:
    """The value of ``ctype`` that consists of these parts."""
    if len(pieces) == 1:
        return ir.Cast(ctype, parts[0])
    result: ir.Expr | None = None
    for value, (offset, part) in zip(parts, pieces, strict=True):
        number: ir.Expr = ir.Cast(raw(part.size), value) if part.signed else value
        shift = _shift(offset, part, ctype, big_endian)
        shifted = ir.Binary("<<", number, ir.Const(shift), ULONG) if shift else number
        result = shifted if result is None else ir.Binary("|", result, shifted, ULONG)
    assert result is not None
    return ir.Cast(ctype, result)


def _shift(offset: int, part: CType, ctype: CType, big_endian: bool) -> int:
    return 8 * (ctype.size - offset - part.size if big_endian else offset)


def whole_of(parts: Sequence[tuple[Value | None, Value | None]], program: ir.Program) -> tuple[str, int] | None:
    """The name and the contents of several cells, given as addresses with values; None where some value is not a number."""
    start = min((address.offset for address, _ in parts if isinstance(address, Ptr)), default=0)
    number = 0
    base = ""
    types = {address: program.cells[address].ctype for address, _ in parts if isinstance(address, Ptr)}
    size = sum(ctype.size for ctype in types.values())
    for address, value in parts:
        if not isinstance(address, Ptr) or not isinstance(value, int):
            return None
        base, ctype = address.base, types[address]
        at = address.offset - start
        part = value & ((1 << 8 * ctype.size) - 1)
        number |= part << 8 * (size - at - ctype.size if program.big_endian else at)
    place = Ptr(base, start)
    whole = program.wholes.get(place)
    shown = whole.ctype.wrap(number) if whole is not None and whole.ctype.size == size else number
    assert isinstance(shown, int)
    return program.place_name(place, size), shown


def seen_whole(events: Sequence[ExecutedEvent], program: ir.Program) -> ExecutedEvent:
    """The reads, or the writes, of one access to several cells as one event: what it is called, the value as a whole."""
    first = min(events, key=lambda e: e.address.offset if isinstance(e.address, Ptr) else 0)
    whole = whole_of([(e.address, e.value) for e in events], program) if len(events) > 1 else None
    return first if whole is None else replace(first, cell=whole[0], value=whole[1])


def final_contents(variable: ir.FinalMem, program: ir.Program) -> ir.Expr | None:
    """What a variable of final states is in terms of whole cells; None if it is one itself."""
    if variable.ctype is None:
        return None
    found = _as_type(variable, variable.ctype, program)
    if variable.bits is None:
        return found
    shift, width, signed = variable.bits
    ctype = LONG if signed else ULONG
    up = ir.Binary("<<", ir.Cast(ctype, found), ir.Const(64 - shift - width), ctype)
    return ir.Binary(">>", up, ir.Const(64 - width), ctype)


def _as_type(variable: ir.FinalMem, ctype: CType, program: ir.Program) -> ir.Expr:
    """As much of memory as ``ctype`` has."""
    start, end = variable.cell.offset, variable.cell.offset + ctype.size
    result: ir.Expr | None = None
    for place, cell in program.cells.items():
        first, last = place.offset, place.offset + cell.ctype.size
        if place.base != variable.cell.base or last <= start or end <= first:
            continue
        if (first, last) == (start, end):
            return ir.Cast(ctype, ir.FinalMem(place))
        number: ir.Expr = ir.Cast(raw(cell.ctype.size), ir.FinalMem(place))
        shift = 8 * (end - last if program.big_endian else first - start)
        shifted = ir.Binary("<<" if shift > 0 else ">>", number, ir.Const(abs(shift)), ULONG) if shift else number
        result = shifted if result is None else ir.Binary("|", result, shifted, ULONG)
    assert result is not None
    return ir.Cast(ctype, result)
