"""What may an access be to? The values that registers and memory may hold, over all executions and orders of threads.

An abstract interpretation (Cousot and Cousot, POPL 1977): registers along each thread, memory at any time. What may be held is a
set of values and of :class:`Span` (every so many-th byte of an object, or every so many-th number), which sets of more than
:data:`MOST` are widened to. An operation that C leaves undefined on a value gives none: it is a fault when it is executed.
A branch is entered with the values only for which its condition may be true: behind the end of a list, whose head is no entry,
nothing is accessed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import reduce
from math import gcd, prod
from typing import TypeAlias

from msgspec import Struct

from smpcheck.program import ir
from smpcheck.program.flow import defined, registers_read, statements, used, with_atoms
from smpcheck.program.values import CType, Ptr, UndefinedValue, Value, binary, truth, unary

MOST = 32
"""A set of more numbers, or more addresses in one object, is widened."""

PATIENCE = 8
"""So often a place in memory, or a register in a loop, may gain values before it is widened."""


class Span(Struct, frozen=True):
    """The numbers, or with ``base`` the bytes of that object, ``start + k * step`` for every k."""

    base: str | None
    step: int
    start: int

    def has(self, value: Value) -> bool:
        """Is ``value`` among them?"""
        base, number = (value.base, value.offset) if isinstance(value, Ptr) else (None, value)
        return base == self.base and (number - self.start) % self.step == 0


Atom: TypeAlias = Value | Span
Found: TypeAlias = frozenset[Atom]
Registers: TypeAlias = dict[str, Found]

ZERO: Found = frozenset((0,))
TRUTHS: Found = frozenset((0, 1))
ANY_NUMBER = Span(None, 1, 0)
_COMPARE = frozenset(("==", "!=", "<", "<=", ">", ">=", "&&", "||"))


class Fact(Struct, frozen=True):
    """In a branch ``cond``, over the registers ``names``, holds, or does not. ``results``: what that makes of what they hold."""

    cond: ir.Expr
    holds: bool
    names: tuple[str, ...]
    results: dict[tuple[Found, ...], tuple[Found, ...] | None]


class Targets:
    """The values that may be addresses in ``program``: see :meth:`of`."""

    def __init__(self, program: ir.Program) -> None:
        self.addresses: dict[int, Found] = {}
        self.stored: dict[int, Found] = {}
        self.contents: dict[Ptr, Found] = {}
        self.sizes: dict[Ptr, set[int]] = {}
        self.objects: dict[str, list[Ptr]] = {}
        """The keys of ``contents``, by object."""
        self.growth: dict[Ptr, int] = {}
        self.exits: dict[str, list[Registers]] = {}
        self.names: dict[int, frozenset[str]] = {}
        """The registers that a statement, or what is inside of it, writes or reads."""
        self.known: dict[int, tuple[list[Fact], list[Fact]]] = {}
        """What holds in both sides of a branch."""
        for address, cell in program.cells.items():
            self._place(address, frozenset((cell.init,)), {cell.ctype.size})
        for thread in program.threads:
            self._learn(thread.body)
        self.changed = True
        while self.changed:
            self.changed = False
            for thread in program.threads:
                self._run(thread.body, {})

    def of(self, stmt: ir.Load | ir.Store | ir.Rmw, places: Collection[Ptr]) -> list[Ptr]:
        """Those of ``places`` that an access may be to, in order."""
        found = self.found(stmt)
        spans = [a for a in found if isinstance(a, Span) and a.base is not None]
        if not spans:
            return sorted(a for a in found if isinstance(a, Ptr) and a in places)
        return sorted(p for p in places if p in found or any(span.has(p) for span in spans))

    def found(self, stmt: ir.Load | ir.Store | ir.Rmw) -> Found:
        """What the address of an access may be; a known one also where it is never executed."""
        named = frozenset((stmt.addr.value,)) if isinstance(stmt.addr, ir.Const) else frozenset()
        return self.addresses.get(id(stmt), frozenset()) | named

    def only(self, stmt: ir.Load | ir.Store | ir.Rmw, places: Iterable[Ptr]) -> bool:
        """Is the access, if it is to an object, to one of ``places``?"""
        known = set(places)
        return all(_parts(a)[0] is None or a in known for a in self.addresses.get(id(stmt), ()))

    def stores_address(self, stmt: ir.Load | ir.Store | ir.Rmw) -> bool:
        """May it write an address to memory?"""
        return any(isinstance(a, Ptr) or (isinstance(a, Span) and a.base is not None) for a in self.stored.get(id(stmt), ()))

    # --- along a thread ---

    def _run(self, body: Sequence[ir.Stmt], regs: Registers | None) -> Registers | None:
        """What registers hold after ``body``; None: its end is not reached. ``regs`` is changed."""
        for stmt in body:
            if regs is None:
                return None
            regs = self._step(stmt, regs)
        return regs

    def _names(self, stmt: ir.Stmt) -> frozenset[str]:
        """The registers that a statement, or one inside of it, writes or reads: of others it says nothing new."""
        found = self.names.get(id(stmt))
        if found is None:
            inside = [*statements((stmt,))]
            found = self.names[id(stmt)] = frozenset(name for one in inside for name in (*_written(one), *used(one)))
        return found

    def _step(self, stmt: ir.Stmt, regs: Registers) -> Registers | None:
        match stmt:
            case ir.Assign(reg, expr):
                regs[reg] = self._value(expr, regs)
            case ir.Load(reg, addr):
                regs[reg] = self._load(self._at(stmt, addr, regs), stmt.ctype)
            case ir.Store(addr, value):
                self._store(stmt, self._at(stmt, addr, regs), self._value(value, regs))
                if stmt.status is not None:
                    regs[stmt.status] = TRUTHS
            case ir.Rmw():
                where = self._at(stmt, stmt.addr, regs)
                regs[stmt.old] = self._load(where, stmt.ctype)
                self._store(stmt, where, self._value(stmt.new, regs))
            case ir.If():
                return self._branch(stmt, regs)
            case ir.Choice(then, other):
                return _joined([self._run(then, dict(regs)), self._run(other, regs)], self._names(stmt))
            case ir.Block(label, body):
                return self._leaving(label, lambda: self._run(body, regs), self._names(stmt))
            case ir.Loop():
                return self._leaving(stmt.label, lambda: self._loop(stmt, regs), self._names(stmt))
            case ir.Exit(label):
                self.exits[label].append(regs)
                return None
        return regs

    def _leaving(self, label: str, body: Callable[[], Registers | None], names: frozenset[str]) -> Registers | None:
        outer = self.exits.get(label)
        self.exits[label] = []
        end = body()
        found = _joined([end, *self.exits.pop(label)], names)
        if outer is not None:
            self.exits[label] = outer
        return found

    def _loop(self, stmt: ir.Loop, regs: Registers) -> None:
        names = self._names(stmt)
        for count in itertools.count():
            before = {name: regs.get(name, ZERO) for name in names}
            after = _joined([regs, self._run(stmt.body, dict(regs))], names)
            assert after is regs
            if count >= PATIENCE:
                regs.update({name: _widened(regs.get(name, ZERO)) for name in names})
            if all(regs.get(name, ZERO) == found for name, found in before.items()):
                return

    # --- what is known in a branch ---

    def _branch(self, stmt: ir.If, regs: Registers) -> Registers | None:
        known = self.known[id(stmt)]
        told = {name for facts in known for fact in facts for name in fact.names}
        then, other = self._where(known[0], dict(regs)), self._where(known[1], regs)
        return _joined([self._run(stmt.then, then), self._run(stmt.other, other)], self._names(stmt) | told)

    def _learn(self, body: Sequence[ir.Stmt]) -> None:
        """Note what holds in the branches of ``body``. What a register was computed from is known within one list of
        statements, as long as nothing writes either; and not of a branch that stands in several places."""
        equal: dict[str, ir.Expr] = {}
        for stmt in body:
            match stmt:
                case ir.If(cond, then, other):
                    here = {} if id(stmt) in self.known else equal
                    self.known[id(stmt)] = ([*_facts(cond, True, here)], [*_facts(cond, False, here)])
                    self._learn(then)
                    self._learn(other)
                case ir.Choice(then, other):
                    self._learn(then)
                    self._learn(other)
                case ir.Block() | ir.Loop():
                    self._learn(stmt.body)
            written = {name for one in statements((stmt,)) for name in _written(one)}
            if written:
                for name in [n for n, expr in equal.items() if n in written or not written.isdisjoint(registers_read(expr))]:
                    del equal[name]
            if isinstance(stmt, ir.Assign) and stmt.reg not in registers_read(stmt.expr):
                equal[stmt.reg] = stmt.expr

    def _where(self, facts: Iterable[Fact], regs: Registers) -> Registers | None:
        """``regs`` where all of these hold, changed; None: they never do."""
        for fact in facts:
            before = tuple(regs.get(name, ZERO) for name in fact.names)
            if before not in fact.results:
                fact.results[before] = self._able(fact, before)
            after = fact.results[before]
            if after is None:
                return None
            regs.update(zip(fact.names, after, strict=True))
        return regs

    def _able(self, fact: Fact, before: tuple[Found, ...]) -> tuple[Found, ...] | None:
        """What registers that hold ``before`` hold where the fact does; None: it does not. Spans, and many values, stay."""
        rows = prod(map(len, before))
        if not rows or rows > MOST or any(isinstance(atom, Span) for found in before for atom in found):
            return before
        able = [row for row in itertools.product(*before) if self._possible(fact, row)]
        return tuple(map(frozenset, zip(*able, strict=True))) if able else None

    def _possible(self, fact: Fact, row: Sequence[Atom]) -> bool:
        """May the fact hold if the registers that it is about have these values?"""
        found = self._value(fact.cond, {name: frozenset((value,)) for name, value in zip(fact.names, row, strict=True)})
        return not found or any(isinstance(value, Span) or truth(value) == fact.holds for value in found)

    # --- memory ---

    def _place(self, address: Ptr, held: Found, sizes: set[int]) -> None:
        """A place in memory that may be accessed."""
        self.contents[address], self.sizes[address] = held, sizes
        self.objects.setdefault(address.base, []).append(address)

    def _at(self, stmt: ir.Load | ir.Store | ir.Rmw, addr: ir.Expr, regs: Registers) -> Found:
        found = self._value(addr, regs)
        self.addresses[id(stmt)] = self.addresses.get(id(stmt), frozenset()) | found
        return found

    def _keys(self, where: Found) -> Iterator[Ptr]:
        spans: dict[str, list[Span]] = {}
        for atom in where:
            if isinstance(atom, Span) and atom.base is not None:
                spans.setdefault(atom.base, []).append(atom)
            elif isinstance(atom, Ptr) and atom in self.contents:
                yield atom
        for base, several in spans.items():
            for key in self.objects.get(base, ()):
                if key not in where and any(span.has(key) for span in several):
                    yield key

    def _load(self, where: Found, ctype: CType | None) -> Found:
        result: set[Atom] = set()
        for key in self._keys(where):
            result |= self.contents[key]
        if ctype is not None and any(self._mixed(atom, ctype.size) for atom in where):
            result.add(ANY_NUMBER)
        return _limited(result)

    def _mixed(self, atom: Atom, size: int) -> bool:
        """May a read of so many bytes there find what accesses of another size, or to bytes in between, left?"""
        if isinstance(atom, Ptr):
            start, end = atom.offset, atom.offset + size
            return any(
                self.sizes[key] != {size}
                if key == atom
                else key.offset < end and start < key.offset + max(self.sizes[key], default=1)
                for key in self.objects.get(atom.base, ())
            )
        return isinstance(atom, Span) and any(self.sizes[key] != {size} for key in self.objects.get(atom.base or "", ()))

    def _store(self, stmt: ir.Store | ir.Rmw, where: Found, found: Found) -> None:
        self.stored[id(stmt)] = self.stored.get(id(stmt), frozenset()) | found
        for place in where:
            if isinstance(place, Ptr) and place not in self.contents:
                self._place(place, frozenset(), set())
        for key in list(self._keys(where)):
            if stmt.ctype is not None and stmt.ctype.size not in self.sizes[key]:
                self.sizes[key].add(stmt.ctype.size)
                self.changed = True
            new = _limited(self.contents[key] | found)
            if self.growth.get(key, 0) > PATIENCE:
                new = _widened(new)
            if new != self.contents[key]:
                self.growth[key] = self.growth.get(key, 0) + 1
                self.contents[key] = new
                self.changed = True

    # --- values ---

    def _value(self, expr: ir.Expr, regs: Registers) -> Found:
        match expr:
            case ir.Const(value):
                return frozenset((value,))
            case ir.Reg(name):
                return regs.get(name, ZERO)
            case ir.Conditional(_, then, other):
                return _limited(self._value(then, regs) | self._value(other, regs))
            case ir.Cast(ctype, arg):
                return _limited(_each(lambda a: _cast(a, ctype), self._value(arg, regs)))
            case ir.Unary(op, arg, ctype):
                if op == "!":
                    return _compared(lambda value: unary(op, value, ctype), self._value(arg, regs))
                return _limited(_each(lambda a: _negated(op, a, ctype), self._value(arg, regs)))
            case ir.Binary(op, left, right, ctype):
                if op in _COMPARE:
                    sides = self._value(left, regs), self._value(right, regs)
                    return _compared(lambda x, y: binary(op, x, y, ctype), *sides)
                if left == right and op in ("^", "-"):
                    return ZERO
                if op == "-" and isinstance(left, ir.Reg) and _repeated(left, right) and len(regs.get(left.name, ZERO)) > 1:
                    each = (self._value(expr, {**regs, left.name: frozenset((a,))}) for a in regs[left.name])
                    return _limited(itertools.chain.from_iterable(each))
                a, b = self._value(left, regs), self._value(right, regs)
                return _limited(found for x in a for y in b for found in _computed(op, x, y, ctype))
        return frozenset((ANY_NUMBER,))


def _compared(compute: Callable[..., Value], *sides: Found) -> Found:
    """The truth of a comparison: known where each side is one value."""
    if all(len(side) == 1 for side in sides):
        values = [atom for side in sides for atom in side if not isinstance(atom, Span)]
        if len(values) == len(sides):
            with suppress(UndefinedValue):
                return frozenset((compute(*values),))
    return TRUTHS


def _repeated(reg: ir.Reg, expr: ir.Expr) -> bool:
    """Is ``expr`` computed from ``reg`` and constants?"""
    return isinstance(expr, ir.Binary) and expr.left == reg and isinstance(expr.right, ir.Const)


def _each(function: object, found: Found) -> Iterator[Atom]:
    assert callable(function)
    for atom in found:
        try:
            yield function(atom)
        except UndefinedValue:
            continue


def _cast(atom: Atom, ctype: CType) -> Atom:
    if not isinstance(atom, Span):
        return ctype.wrap(atom)
    if atom.base is not None or ctype.bits >= 64:
        return atom
    return _span(None, gcd(atom.step, 1 << ctype.bits), atom.start)


def _negated(op: str, atom: Atom, ctype: CType) -> Atom:
    if not isinstance(atom, Span):
        return unary(op, atom, ctype)
    if atom.base is not None:
        raise UndefinedValue("an operation on an address")
    return ANY_NUMBER if op == "~" else _span(None, atom.step, -atom.start)


def _span(base: str | None, step: int, start: int) -> Span:
    return Span(base, step, start % step)


def _computed(op: str, x: Atom, y: Atom, ctype: CType) -> Iterator[Atom]:
    if not isinstance(x, Span) and not isinstance(y, Span):
        with suppress(UndefinedValue):
            yield binary(op, x, y, ctype)
        return
    (a, step_a, start_a), (b, step_b, start_b) = _parts(x), _parts(y)
    if op in ("+", "-") and (a is None or b is None or (op == "-" and a == b)):
        base = a or b if a != b else None
        if op == "-" and a is None and b is not None:
            return
        step = gcd(step_a, step_b)
        yield _span(base, step, start_a + start_b if op == "+" else start_a - start_b)
    elif a is not None or b is not None:
        if op in ("&", "|", "^"):
            yield Span(a or b, 1, 0)
    elif op == "*" and (step_a == 0 or step_b == 0):
        factor = abs(start_a if step_a == 0 else start_b)
        yield _span(None, (step_a or step_b) * factor, start_a * start_b) if factor else 0
    elif op == "<<" and step_b == 0 and 0 <= start_b < 64:
        yield _span(None, step_a << start_b, start_a << start_b)
    elif op == "&" and (step_a == 0 or step_b == 0):
        mask = start_a if step_a == 0 else start_b
        if mask > 0 and 1 << mask.bit_count() <= MOST:
            yield from _submasks(mask)
        elif mask:
            yield Span(None, mask & -mask, 0)
        else:
            yield 0
    else:
        yield ANY_NUMBER


def _submasks(mask: int) -> Iterator[int]:
    """The numbers that have no bits but those of ``mask``."""
    part = mask
    while part:
        yield part
        part = (part - 1) & mask
    yield 0


def _parts(atom: Atom) -> tuple[str | None, int, int]:
    """The object, the step (0: a single one) and the start of an atom."""
    if isinstance(atom, Span):
        return atom.base, atom.step, atom.start
    return (atom.base, 0, atom.offset) if isinstance(atom, Ptr) else (None, 0, atom)


def _facts(cond: ir.Expr, holds: bool, equal: Mapping[str, ir.Expr]) -> Iterator[Fact]:
    """What is known where ``cond`` holds (or does not): of its registers, and of those that they are still computed from."""
    match cond:
        case ir.Unary("!", arg):
            yield from _facts(arg, not holds, equal)
        case ir.Binary("&&" | "||" as op, left, right) if holds == (op == "&&"):
            yield from _facts(left, holds, equal)
            yield from _facts(right, holds, equal)
        case _:
            names = tuple(dict.fromkeys(registers_read(cond)))
            yield Fact(cond, holds, names, {})
            if not equal.keys().isdisjoint(names):
                expanded = with_atoms(cond, lambda one: equal.get(one.name, one) if isinstance(one, ir.Reg) else one)
                yield from _facts(expanded, holds, equal)


def _written(stmt: ir.Stmt) -> Iterator[str]:
    """The registers that a statement itself writes."""
    reg = defined(stmt)
    if reg is not None:
        yield reg
    if isinstance(stmt, ir.Store) and stmt.status is not None:
        yield stmt.status


def _joined(ends: Iterable[Registers | None], names: Iterable[str]) -> Registers | None:
    """What registers may hold where several paths meet, which differ in ``names`` only: in the first one's place."""
    reached = [end for end in ends if end is not None]
    if not reached:
        return None
    result = reached[0]
    for other in reached[1:]:
        for name in names:
            one, two = result.get(name, ZERO), other.get(name, ZERO)
            if one is not two and one != two:
                result[name] = _limited(one | two)
    return result


def _limited(atoms: Iterable[Atom]) -> Found:
    """The set, widened where it is too large."""
    found = frozenset(atoms)
    spans = [a for a in found if isinstance(a, Span)]
    if spans:
        found = frozenset(a for a in found if isinstance(a, Span) or not any(span.has(a) for span in spans))
    return found if len(found) <= MOST else _widened(found)


def _widened(found: Found) -> Found:
    """One span for the numbers, and one for the addresses in each object, where there are several."""
    by_base: dict[str | None, list[Atom]] = {}
    for atom in found:
        by_base.setdefault(_parts(atom)[0], []).append(atom)
    return frozenset(atoms[0] if len(atoms) == 1 else _hull(base, atoms) for base, atoms in by_base.items())


def _hull(base: str | None, atoms: Sequence[Atom]) -> Span:
    parts = [_parts(atom)[1:] for atom in atoms]
    start = parts[0][1]
    step = reduce(gcd, [n for step, other in parts for n in (step, other - start)], 0)
    return _span(base, step or 1, start)
