"""Which bits of a cell an access reads and changes, so that accesses to different bits of one word are known to commute.

``test_bit(PG_lru, page.flags)`` reads one bit: its register is used for nothing but that bit. ``set_bit(PG_mlocked, page.flags)``
changes one bit and reads none. The bits of each cell are cut into *parts*, such that each access reads all of a part or nothing
of it, and changes all or nothing; parts are numbered over all cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from smpcheck.program import ir
from smpcheck.program.bit_rows import bits
from smpcheck.program.flow import registers_in_questions
from smpcheck.simulate.code import Code, Step, flatten
from smpcheck.simulate.lookahead import Access
from smpcheck.simulate.observed import VALUE, observations

WORD = (1 << 64) - 1


class Parts(Struct, frozen=True):
    """``by_thread``: for an instruction and the cells that it may access (bits, by index in memory), the parts that it reads and
    those that it writes, as bits; a read whose value is not used counts as a read of a part that no thread writes. ``cell_of``:
    the number of the cell of each part. ``end``: one more than the highest number of a part."""

    by_thread: list[Callable[[int, int], tuple[int, int]]]
    cell_of: dict[int, int]
    end: int

    def cells(self, parts: int) -> set[int]:
        """The cells that some parts are of."""
        return {self.cell_of[part] for part in bits(parts) if part in self.cell_of}


def cut_into_parts(codes: Sequence[Code], steps: Sequence[Mapping[int, Access]], first: int) -> Parts:
    """``steps``: by thread and instruction. ``first``: the first number that is free for parts."""
    masks = [{pc: read_and_written(code, pc) for pc in own} for code, own in zip(codes, steps, strict=True)]
    asked: dict[int, set[int]] = {}
    for own, found in zip(steps, masks, strict=True):
        for pc, access in own.items():
            for place in bits(access.mask):
                asked.setdefault(place, set()).update(found[pc])
    end = first + 1
    parts: dict[int, list[tuple[int, int]]] = {}
    cell_of: dict[int, int] = {}
    for place, sets in asked.items():
        parts[place] = []
        for bit_set in atoms(sets):
            parts[place].append((bit_set, 1 << end))
            cell_of[end] = place
            end += 1
    return Parts([_Lookup(found, parts, 1 << first) for found in masks], cell_of, end)


class _Lookup:
    """The parts of one thread's accesses."""

    def __init__(self, masks: Mapping[int, tuple[int, int]], parts: Mapping[int, list[tuple[int, int]]], nobodys: int) -> None:
        self.masks = masks
        self.parts = parts
        self.nobodys = nobodys
        self._known: dict[tuple[int, int, int], tuple[int, int]] = {}

    def __call__(self, pc: int, cells: int) -> tuple[int, int]:
        read, written = self.masks[pc]
        found = self._known.get((read, written, cells))
        if found is None:
            reads, writes = self.nobodys, 0
            for place in bits(cells):
                for bit_set, part in self.parts[place]:
                    reads |= part if bit_set & read else 0
                    writes |= part if bit_set & written else 0
            found = self._known[read, written, cells] = reads, writes
        return found


def read_and_written(code: Code, pc: int) -> tuple[int, int]:
    """The bits of its cell that an access reads and that it may change."""
    instr = code.instrs[pc]
    assert isinstance(instr, Step)
    stmt = instr.stmt
    if isinstance(stmt, ir.Store):
        return 0, WORD
    if stmt.pieces:  # bits of its value are not those of a cell
        return WORD, 0 if isinstance(stmt, ir.Load) else WORD
    reg = stmt.reg if isinstance(stmt, ir.Load) else stmt.old
    read = 0
    for expr in observations(code, pc, reg):
        read |= needed(expr, VALUE.name, WORD)
    if isinstance(stmt, ir.Load):
        return read, 0
    written = WORD & ~_kept(stmt.new, reg)
    return read | needed(stmt.new, reg, written), written


Spot: TypeAlias = tuple[int, ir.Position | None, str]
"""The number of a thread in its program, and where and how a statement stands in the source."""


def bits_met(program: ir.Program) -> dict[Spot, tuple[int, int]]:
    """The bits that the accesses of each spot may read and may change. A load whose value nobody uses reads the word.

    What is compiled several times for one spot (a function that is called at several places) is taken together.
    """
    wanted = registers_in_questions(program)
    found: dict[Spot, tuple[int, int]] = {}
    for number, thread in enumerate(program.threads):
        code = flatten(thread, frozenset(wanted.get(thread.index, ())))
        for pc, instr in enumerate(code.instrs):
            if isinstance(instr, Step):
                stmt = instr.stmt
                read, written = read_and_written(code, pc)
                if isinstance(stmt, ir.Load) and not read:
                    read = WORD
                spot = (number, stmt.pos, stmt.text)
                before = found.get(spot, (0, 0))
                found[spot] = before[0] | read, before[1] | written
    return found


def atoms(sets: Iterable[int]) -> list[int]:
    """The coarsest sets of bits of which each given set is a union."""
    pieces = [WORD]
    for one in dict.fromkeys(sets):
        pieces = [piece for atom in pieces for piece in (atom & one, atom & ~one) if piece]
    return pieces


def needed(expr: ir.Expr, reg: str, wanted: int) -> int:
    """The bits of a register on which the wanted bits of an expression depend."""
    match expr:
        case ir.Reg(name):
            return wanted if name == reg else 0
        case ir.Binary("&", left, ir.Const(int(mask))):
            return needed(left, reg, wanted & mask)
        case ir.Binary("|", left, ir.Const(int(mask))):
            return needed(left, reg, wanted & ~mask)
        case ir.Binary("&" | "|" | "^", left, right):
            return needed(left, reg, wanted) | needed(right, reg, wanted)
        case ir.Binary(">>", left, ir.Const(int(count)), ctype) if not ctype.signed and 0 <= count < ctype.bits:
            return needed(left, reg, wanted << count & WORD)
        case ir.Unary(_, arg, _) | ir.Cast(_, arg):
            return needed(arg, reg, WORD)
        case ir.Binary(_, left, right, _):
            return needed(left, reg, WORD) | needed(right, reg, WORD)
        case ir.Conditional(cond, then, other):
            return needed(cond, reg, WORD) | needed(then, reg, wanted) | needed(other, reg, wanted)
    return 0


def _kept(expr: ir.Expr, reg: str) -> int:
    """The bits of an expression that are those of a register."""
    match expr:
        case ir.Reg(name):
            return WORD if name == reg else 0
        case ir.Binary("&", left, ir.Const(int(mask))):
            return _kept(left, reg) & mask
        case ir.Binary("|", left, ir.Const(int(mask))):
            return _kept(left, reg) & ~mask
    return 0
