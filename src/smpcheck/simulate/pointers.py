"""Which cells an access with a computed address may access.

An analysis of values: for registers along the program, for cells at any time. Addresses are numbers, as in
:mod:`smpcheck.simulate.generate`. Each register and each cell has the set of numbers that it may hold, up to :data:`MOST`; more
are :class:`Many`: of these only the objects are known whose addresses may be among them. An address that is computed from others
is in one of their objects: where it leaves it, an access is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from heapq import heappop, heappush
from itertools import product
from typing import TypeAlias

from msgspec import Struct

from smpcheck.program import ir, values
from smpcheck.program.pieces import Access
from smpcheck.program.values import CType, UndefinedValue, Value
from smpcheck.simulate.code import Code, Local, Step, predecessors
from smpcheck.simulate.generate import BASE, STRIDE, Addresses

MOST = 32
"""A set of more numbers is taken for all."""

PATIENCE = 1
"""So often a cell without addresses may gain values before all integers are taken for possible."""


class Many(Struct, frozen=True):
    """All numbers that are no address, and all addresses in some objects, by their numbers."""

    objects: frozenset[int]


Found: TypeAlias = "frozenset[int] | Many"

INTEGERS = Many(frozenset())
NONE: frozenset[int] = frozenset()
TRUTHS = frozenset((0, 1))

_COMPARE = frozenset(("==", "!=", "<", "<=", ">", ">=", "&&", "||"))


Known: TypeAlias = dict[str, Found]
"""What registers may hold."""


def points_to(program: ir.Program, codes: Sequence[Code], addresses: Addresses) -> PointsTo:
    """The addresses that may be held in ``program``; what was asked last is kept. ``codes``: whichever way it was flattened."""
    last = _last.get()
    if last is None or last[0] is not program:
        last = program, PointsTo(program, codes, addresses)
        _last.set(last)
    return last[1]


_last: ContextVar[tuple[ir.Program, PointsTo] | None] = ContextVar("points_to", default=None)
"""What this thread of Python's asked last."""


class PointsTo:
    """The addresses that cells, and registers at each instruction, may hold in any execution of ``program``."""

    def __init__(self, program: ir.Program, codes: Sequence[Code], addresses: Addresses) -> None:
        self.addresses = addresses
        self.cells: dict[int, Found] = {}
        self._where: list[dict[int, Found]] = [{} for _ in codes]
        for address, cell in program.cells.items():
            number = addresses.number(cell.init)
            self.cells[addresses.number(address)] = frozenset((number,))
        self._cells_of: dict[int, list[int]] = {}
        for place in self.cells:
            self._cells_of.setdefault(_object(place), []).append(place)
        self._objects_of: dict[frozenset[int], frozenset[int]] = {}
        self._growth = dict.fromkeys(self.cells, 0)
        self._constants: dict[Value, frozenset[int]] = {}
        self._results: dict[tuple[tuple[str, CType], tuple[Found, ...]], Found] = {}
        self._predecessors = {id(code): predecessors(code) for code in codes}
        self._loads: set[int] = set()
        """The cells that the thread loads that is followed now."""
        loads: list[set[int] | None] = [None] * len(codes)
        self._changed: set[int] = set()
        todo = list(range(len(codes)))
        while todo:
            thread = todo.pop(0)
            self._loads, self._changed = set(), set()
            self._walk(codes[thread], self._where[thread])
            loads[thread] = self._loads
            for other, loaded in enumerate(loads):
                if loaded is not None and loaded & self._changed and other not in todo:
                    todo.append(other)

    def of_access(self, thread: int, pc: int) -> frozenset[int]:
        """The addresses of the cells that the access at an instruction of a thread, by its number in the program, may cover."""
        return frozenset(self._cells(self._where[thread].get(pc, NONE)))

    def _walk(self, code: Code, where: dict[int, Found]) -> None:
        """Follow the thread, with the cells as they are known so far. What is known is kept where several ways meet or part."""
        predecessors = self._predecessors[id(code)]
        before: dict[int, Known] = {0: {}}
        todo = [0]
        while todo:
            pc = heappop(todo)
            known = dict(before[pc])
            while True:
                instr = code.instrs[pc]
                if isinstance(instr, Step | Local):
                    self._take(instr.stmt, known, pc, where)
                after = code.successors(pc)
                if len(after) != 1 or not after[0] or predecessors[after[0]] != 1:
                    break
                pc = after[0]
            for to in after:
                old = before.get(to)
                new = {name: found for name in code.live[to] if (found := known.get(name)) is not None}
                if old is not None:
                    for name in old.keys() | new.keys():
                        new[name] = self._union(new.get(name, _ZERO), old.get(name, _ZERO))
                if new != old:
                    before[to] = new
                    if to not in todo:
                        heappush(todo, to)

    def _objects(self, found: Found) -> frozenset[int]:
        """The objects that addresses in ``found`` are in."""
        if isinstance(found, Many):
            return found.objects
        known = self._objects_of.get(found)
        if known is None:
            known = frozenset(k for k in map(_object, found) if -1 <= k <= len(self.addresses.names))
            self._objects_of[found] = known
        return known

    def _union(self, a: Found, b: Found) -> Found:
        if a == b or b == NONE:
            return a
        if a == NONE:
            return b
        if isinstance(a, frozenset) and isinstance(b, frozenset) and len(a | b) <= MOST:
            return a | b
        return Many(self._objects(a) | self._objects(b))

    def of(self, expr: ir.Expr, known: Known) -> Found:
        """The numbers that ``expr`` may be."""
        match expr:
            case ir.Reg(name):
                return known.get(name, _ZERO)
            case ir.Const(value):
                constant = self._constants.get(value)
                if constant is None:
                    constant = self._constants[value] = frozenset((self.addresses.number(value),))
                return constant
            case ir.Binary(op, left, right, ctype):
                if op in _COMPARE:
                    return TRUTHS
                both = (self.of(left, known), self.of(right, known))
                return self._computed((op, ctype), both, lambda x, y: values.binary(op, x, y, ctype))
            case ir.Cast(ctype, arg):
                return self._cast(ctype, self.of(arg, known))
            case ir.Conditional(_, then, other):
                return self._union(self.of(then, known), self.of(other, known))
            case ir.Unary(op, arg, ctype):
                return self._computed((op, ctype), (self.of(arg, known),), lambda x: values.unary(op, x, ctype))
        return Many(frozenset(self._cells_of))

    def _computed(self, what: tuple[str, CType], args: tuple[Found, ...], function: Callable[..., Value]) -> Found:
        """The results of an operation, ``what``, on all that its operands may be."""
        asked = (what, args)
        found = self._results.get(asked)
        if found is None:
            found = self._results[asked] = self._compute(args, function)
        return found

    def _compute(self, args: tuple[Found, ...], function: Callable[..., Value]) -> Found:
        sets = [a for a in args if isinstance(a, frozenset)]
        if len(sets) < len(args):
            return Many(frozenset().union(*map(self._objects, args)))
        found: set[int] = set()
        for numbers in product(*sets):
            try:
                found.add(self.addresses.number(function(*numbers)))
            except UndefinedValue:
                continue  # a fault when it is executed
        return frozenset(found) if len(found) <= MOST else Many(self._objects(frozenset(found)))

    def _take(self, stmt: ir.Stmt, known: Known, pc: int, where: dict[int, Found]) -> None:
        match stmt:
            case ir.Assign(reg, expr):
                known[reg] = self.of(expr, known)
            case ir.Load(reg, addr, _):
                where[pc] = self._covered(stmt, self.of(addr, known))
                known[reg] = self._as_type(stmt, self._loaded(where[pc]))
            case ir.Store(addr, value, _):
                where[pc] = self._covered(stmt, self.of(addr, known))
                self._store(where[pc], self._as_pieces(stmt, self.of(value, known)))
            case ir.Rmw():
                where[pc] = self._covered(stmt, self.of(stmt.addr, known))
                known[stmt.old] = self._as_type(stmt, self._loaded(where[pc]))
                self._store(where[pc], self._as_pieces(stmt, self.of(stmt.new, known)))

    @staticmethod
    def _covered(stmt: Access, where: Found) -> Found:
        """Where the cells are that an access covers, which is at one of these addresses."""
        if isinstance(where, Many) or not stmt.pieces:
            return where
        return frozenset(x + offset for x in where for offset, _ in stmt.pieces)

    def _as_type(self, stmt: Access, found: Found) -> Found:
        """What an access may read whose cells may hold ``found``."""
        if not stmt.pieces:
            return found
        assert stmt.ctype is not None
        return self._cast(stmt.ctype, found) if len(stmt.pieces) == 1 else self._some_number(found)

    def _as_pieces(self, stmt: Access, found: Found) -> Found:
        """What an access may write to its cells."""
        if not stmt.pieces:
            return found
        return self._cast(stmt.pieces[0][1], found) if len(stmt.pieces) == 1 else self._some_number(found)

    def _some_number(self, found: Found) -> Found:
        return Many(self._objects(found))

    def _cast(self, ctype: CType, found: Found) -> Found:
        return self._computed(("cast", ctype), (found,), lambda x: ctype.wrap(x))

    def _cells(self, where: Found) -> Iterator[int]:
        if isinstance(where, Many):
            for k in where.objects:
                yield from self._cells_of.get(k, ())
        else:
            yield from (x for x in where if x in self.cells)

    def _loaded(self, where: Found) -> Found:
        result: Found = NONE
        for x in self._cells(where):
            self._loads.add(x)
            result = self._union(result, self.cells[x])
        return result

    def _store(self, where: Found, found: Found) -> None:
        for x in self._cells(where):
            old = self.cells[x]
            new = self._union(old, found)
            if new != old:
                self._growth[x] += 1
                if self._growth[x] > PATIENCE and not self._objects(new):
                    new = INTEGERS
                self.cells[x] = new
                self._changed.add(x)


def _object(number: int) -> int:
    """The object in which an address lies, by its number."""
    return (number - BASE + STRIDE // 2) // STRIDE


_ZERO = frozenset((0,))
"""What registers hold at first."""
