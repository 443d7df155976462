"""Values bit by bit, for reads of which nothing is known but the type (``Domains.wide``).

Such a read has a bit vector that the solver chooses, and whatever it reads from must have written just that. So a value that is
justified by nothing but itself, out of thin air, is any solution of the equations of its cycle, as far as the conditions of the
path allow it; while ``det``, a literal that is derived along the chain of writes and never from itself, says that a value is
determined. Operators are circuits: they mean what :mod:`smpcheck.program.values` says, at the same types.

A vector is an integer in two's complement, the lowest bit first and the sign last, as wide as it needs to be; or a pointer: then
one of ``bases`` holds, which tells the object, and the integer is the offset. Addresses out of thin air are those of the
program's cells, and null.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from smpcheck.program.events import Term
from smpcheck.program.values import INT, LONG, OBJECT_ALIGNMENT, PAGE, POINTER, CType, Ptr, Value
from smpcheck.solver.aspif import FALSE, TRUE

if TYPE_CHECKING:
    from smpcheck.solver.encode import Encoding

Bits = list[int]
"""The literals of a two's complement number, the lowest bit first, the sign last; at least one."""

LOW = OBJECT_ALIGNMENT.bit_length() - 1
"""How many of an address's bits are those of a place within its object's alignment: tags live there."""
PAGE_BITS = PAGE.bit_length() - 1
"""And how many those of a place within a page."""


class Vector(Struct, frozen=True):
    """A value: an integer, or an offset from the base that holds."""

    bits: Bits
    bases: dict[str, int] = field(default_factory=dict)


class Bitvectors:
    """The vectors of one program's terms."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.out = encoding.out
        self.domains = encoding.domains
        self.graph = encoding.graph
        self.cells = encoding.graph.program.cells
        self._vectors: dict[int, Vector] = {}
        self._undefined: dict[int, int] = {}
        self._determined: dict[int, int] = {}

    # --- reads ---

    def choose(self) -> None:
        """Choose the vectors of all wide reads, and make them those of the writes that they read from."""
        reads = [r.id for r in self.domains.reads if r.id in self.domains.wide]
        for r in reads:
            self._choose(r)
        for r in reads:
            self._link(r)

    def _choose(self, r: int) -> None:
        out, encoding = self.out, self.encoding
        term = self.graph.terms.read(r)
        types = {self.cells[a].ctype for a in self.domains.address[r] if isinstance(a, Ptr) and a in self.cells}
        bits = [out.choice() for _ in range(max((t.bits for t in types), default=1))]
        if not all(t.signed for t in types):
            bits.append(FALSE if not any(t.signed for t in types) else out.choice())
        pointers = any(t.bits == POINTER.bits for t in types)
        bases = {base: out.choice() for base in sorted({cell.base for cell in self.cells})} if pointers else {}
        determined = self._determined[term.id] = out.atom()
        happens = encoding.happens(r)
        for x in (*bits, *bases.values()):
            if x != FALSE:
                out.forbid((x, -happens))
        out.at_most_one(list(bases.values()))
        vector = self._vectors[term.id] = Vector(bits, bases)
        self._air(vector, determined, any(t == POINTER for t in types))

    def _air(self, vector: Vector, determined: int, pointer: bool) -> None:
        """What a value out of thin air may be: an integer, or for a pointer the address of a cell, or null."""
        if not vector.bases:
            return
        out = self.out
        for base, literal in vector.bases.items():
            places = [self.is_value(vector, cell) for cell in self.cells if cell.base == base] if pointer else []
            out.forbid((literal, -determined, *[-x for x in places]))
        if pointer:
            out.forbid((-determined, -out.disj(vector.bases.values()), self._any(vector.bits)))

    def _link(self, r: int) -> None:
        """The value of a read is that of the write it reads from; it is determined if that is."""
        out, encoding = self.out, self.encoding
        term = self.graph.terms.read(r)
        for w in encoding.sources[r]:
            value = self.graph.events[w].value
            assert value is not None
            atom = encoding.reads_from(w, r)
            self._equate(atom, self._vectors[term.id], self.vector(value))
            out.rule(self._determined[term.id], [atom, self.determined(value)])

    def _equate(self, guard: int, first: Vector, second: Vector) -> None:
        a, b = self._same_width(first.bits, second.bits)
        pairs = list(zip(a, b, strict=True))
        for base in {**first.bases, **second.bases}:
            pairs.append((first.bases.get(base, FALSE), second.bases.get(base, FALSE)))
        for x, y in pairs:
            if x != y:
                self.out.forbid((guard, x, -y))
                self.out.forbid((guard, -x, y))

    # --- what is asked of terms ---

    def determined(self, term: Term) -> int:
        """The literal "the value of ``term`` follows from something": it does not come out of thin air."""
        if not self.domains.is_wide(term):
            return TRUE
        found = self._determined.get(term.id)
        if found is None:
            out = self.out
            if term.op == "ite":
                guard = self.encoding.guard_literal(term.data)
                found = out.select(guard, self.determined(term.args[0]), self.determined(term.args[1]))
            elif term.op == "mem":
                found = out.disj([out.conj2(last, self.determined(value)) for last, value in self._last(term)])
            else:
                found = out.conj([self.determined(a) for a in term.args])
            self._determined[term.id] = found
        return found

    def undefined(self, term: Term) -> int:
        """The literal "C leaves the value of ``term`` undefined"."""
        self.vector(term)
        return self._undefined.get(term.id, FALSE)

    def truth(self, term: Term) -> int:
        """The literal "``term`` is not zero"."""
        return self._truth(self.vector(term))

    def is_value(self, vector: Vector, value: Value) -> int:
        """The literal "the vector is this value"."""
        base, number = (value.base, value.offset) if isinstance(value, Ptr) else (None, value)
        a, b = self._same_width(vector.bits, _constant(number))
        same = [x if y == TRUE else -x for x, y in zip(a, b, strict=True)]
        if base is not None:
            return self.out.conj([vector.bases.get(base, FALSE), *same])
        return self.out.conj([*same, *[-x for x in vector.bases.values()]])

    def equal(self, first: Vector, second: Vector) -> int:
        """The literal "both are the same value"."""
        a, b = self._same_width(first.bits, second.bits)
        same = [self._xnor(x, y) for x, y in zip(a, b, strict=True)]
        for base in {**first.bases, **second.bases}:
            same.append(self._xnor(first.bases.get(base, FALSE), second.bases.get(base, FALSE)))
        return self.out.conj(same)

    def is_null(self, vector: Vector) -> int:
        """The literal "it is a number that no object's address comes near": null, or null plus an offset."""
        return self.out.conj([*[-x for x in vector.bases.values()], *[-x for x in vector.bits[LOW:]]])

    def vector(self, term: Term) -> Vector:
        """The vector of a term."""
        found = self._vectors.get(term.id)
        if found is None:
            found = self._operation(term) if self.domains.is_wide(term) else self._listed(term)
            self._vectors[term.id] = found
        return found

    # --- operations ---

    def _listed(self, term: Term) -> Vector:
        """The vector of a term whose values are listed."""
        values, out = self.encoding.values(term), self.out
        numbers = {v: v.offset if isinstance(v, Ptr) else v for v in values}
        width = max((_width(n) for n in numbers.values()), default=1)
        bits = [out.disj([x for v, x in values.items() if numbers[v] >> i & 1]) for i in range(width)]
        bases: dict[str, list[int]] = {}
        for v, x in values.items():
            if isinstance(v, Ptr):
                bases.setdefault(v.base, []).append(x)
        self._undefined[term.id] = self.encoding.undefined(term)
        return Vector(bits, {base: out.disj(xs) for base, xs in bases.items()})

    def _operation(self, term: Term) -> Vector:
        out = self.out
        if term.op == "mem":
            return self._merged([(last, self.vector(value)) for last, value in self._last(term)])
        args = [self.vector(a) for a in term.args]
        undefined = [self.undefined(a) for a in term.args]
        match term.op:
            case "ite":
                guard = self.encoding.guard_literal(term.data)
                self._undefined[term.id] = out.select(guard, *undefined)
                return self._select(guard, *args)
            case "cond":
                chosen = self._truth(args[0])
                self._undefined[term.id] = out.disj([undefined[0], out.select(chosen, *undefined[1:])])
                return self._select(chosen, args[1], args[2])
            case "cast":
                result, wrong = self._cast(args[0], term.data)
            case "un":
                result, wrong = self._unary(term.data[0], args[0], term.data[1])
            case _:
                op, ctype = term.data
                if op in ("&&", "||"):
                    first = self._truth(args[0])
                    decided = first if op == "||" else -first
                    self._undefined[term.id] = out.disj([undefined[0], out.conj2(-decided, undefined[1])])
                    second = self._truth(args[1])
                    return _flag(out.disj([first, second]) if op == "||" else out.conj([first, second]))
                result, wrong = self._binary(op, args[0], args[1], ctype)
        self._undefined[term.id] = out.disj([*undefined, wrong])
        return result

    def _last(self, term: Term) -> list[tuple[int, Term]]:
        """The writes that may be a cell's last: the literal that one is, and its value."""
        found = []
        for w in self.domains.writes:
            if term.data in self.domains.address[w.id]:
                assert w.value is not None
                last = self.out.conj2(self.encoding.last(w.id), self.encoding.is_at(w.id, term.data))
                if last != FALSE:
                    found.append((last, w.value))
        return found

    def _merged(self, parts: Sequence[tuple[int, Vector]]) -> Vector:
        """The vector whose literal holds; zero if none does."""
        out = self.out
        width = max((len(v.bits) for _, v in parts), default=1)
        rows = [(x, _extended(v.bits, width), v.bases) for x, v in parts]
        bits = [out.disj([out.conj2(x, row[i]) for x, row, _ in rows]) for i in range(width)]
        names = {base: None for _, _, bases in rows for base in bases}
        return Vector(bits, {b: out.disj([out.conj2(x, bases.get(b, FALSE)) for x, _, bases in rows]) for b in names})

    def _select(self, guard: int, then: Vector, other: Vector) -> Vector:
        return self._merged([(guard, then), (-guard, other)])

    def _cast(self, a: Vector, ctype: CType) -> tuple[Vector, int]:
        pointer = self.out.disj(a.bases.values())
        if ctype.bits == 1:
            return _flag(self._truth(a)), FALSE
        if ctype.bits < POINTER.bits:
            return Vector(_wrapped(a.bits, ctype)), pointer
        number = Vector(_wrapped(a.bits, ctype))
        return self._select(pointer, a, number) if a.bases else number, FALSE

    def _unary(self, op: str, a: Vector, ctype: CType) -> tuple[Vector, int]:
        if op == "!":
            return _flag(-self._truth(a)), FALSE
        pointer = self.out.disj(a.bases.values())
        bits = a.bits
        if op == "-":
            bits = self._sum(_extended([-x for x in bits], ctype.bits), [FALSE], ctype.bits, TRUE)
        elif op == "~":
            bits = [-x for x in bits]
        return Vector(_wrapped(bits, ctype)), pointer

    def _binary(self, op: str, a: Vector, b: Vector, ctype: CType) -> tuple[Vector, int]:
        """The result, and the literal "it is undefined"."""
        if op in ("==", "!="):
            same = self.equal(a, b)
            return _flag(same if op == "==" else -same), FALSE
        out = self.out
        result, wrong = self._integers(op, a.bits, b.bits, ctype)
        if not a.bases and not b.bases:
            return result, wrong
        first, second = out.disj(a.bases.values()), out.disj(b.bases.values())
        cases = [(out.conj2(-first, -second), result, wrong)]
        cases.append((out.conj2(first, -second), *self._pointer_and_number(op, a, b.bits, ctype)))
        swapped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(op, op if op in "+|&^" else "")
        cases.append((out.conj2(-first, second), *self._pointer_and_number(swapped, b, a.bits, ctype)))
        cases.append((out.conj2(first, second), *self._pointers(op, a, b)))
        merged = self._merged([(case, vector) for case, vector, _ in cases])
        return merged, out.disj([out.conj2(case, bad) for case, _, bad in cases])

    def _pointers(self, op: str, a: Vector, b: Vector) -> tuple[Vector, int]:
        """Two pointers: their difference and order if they are to one object; false dependencies (``p ^ p``)."""
        out = self.out
        same_object = out.disj([out.conj2(x, b.bases[base]) for base, x in a.bases.items() if base in b.bases])
        if op == "-" or op in _COMPARISONS:
            return self._integers(op, a.bits, b.bits, LONG)[0], -same_object
        if op in ("^", "&", "|"):
            return (Vector([FALSE]) if op == "^" else a), -self.equal(a, b)
        return Vector([FALSE]), TRUE

    def _pointer_and_number(self, op: str, a: Vector, number: Bits, ctype: CType) -> tuple[Vector, int]:
        """A pointer and an integer: moved, with other low bits, its low bits, or compared with null or an error."""
        out = self.out
        if op in ("+", "-"):
            return Vector(self._integers(op, a.bits, number, LONG)[0].bits, a.bases), FALSE
        if op in _COMPARISONS:
            if ctype.signed:
                return _flag(TRUE if op in (">", ">=") else FALSE), self._any(number)
            high_bits = _extended(number, POINTER.bits + 1)[PAGE_BITS : POINTER.bits]
            first_page, last_page = -self._any(high_bits), out.conj(high_bits)
            return _flag(first_page if op in (">", ">=") else last_page), -out.disj([first_page, last_page])
        small = -self._any(number[LOW:])
        low, high = _extended(a.bits, LOW), _extended(a.bits, LOW + 1)[LOW:] if len(a.bits) <= LOW else a.bits[LOW:]
        given = _extended(number, LOW)
        if op in ("|", "^"):
            mixed = [self._bit(op, x, y) for x, y in zip(low, given, strict=True)]
            return Vector([*mixed, *high], a.bases), -small
        if op == "&":
            masked = [out.conj2(x, y) for x, y in zip(low, given, strict=True)]
            above = out.conj(_extended(number, max(len(number), POINTER.bits))[LOW : POINTER.bits])
            return self._select(small, Vector([*masked, FALSE]), Vector([*masked, *high], a.bases)), -out.disj([small, above])
        return Vector([FALSE]), TRUE

    def _integers(self, op: str, a: Bits, b: Bits, ctype: CType) -> tuple[Vector, int]:
        n = ctype.bits
        match op:
            case "+":
                return Vector(_wrapped(self._sum(a, b, n), ctype)), FALSE
            case "-":
                return Vector(_wrapped(self._sum(a, [-x for x in b], n, TRUE), ctype)), FALSE
            case "*":
                return Vector(_wrapped(self._product(a, b, n), ctype)), FALSE
            case "&" | "|" | "^":
                x, y = self._same_width(a, b)
                return Vector(_wrapped([self._bit(op, i, j) for i, j in zip(x, y, strict=True)], ctype)), FALSE
            case "<" | "<=" | ">" | ">=":
                first, second = (a, b) if op in ("<", ">=") else (b, a)
                less = self._less(first, second)
                return _flag(less if op in ("<", ">") else -less), FALSE
            case "<<" | ">>":
                return self._shift(op, a, b, ctype)
            case "/" | "%":
                return self._division(op, a, b, ctype)
        return Vector([FALSE]), TRUE

    def _shift(self, op: str, a: Bits, b: Bits, ctype: CType) -> tuple[Vector, int]:
        """By each amount that is defined."""
        parts = []
        for amount in range(max(ctype.bits, INT.bits)):
            this = self.is_value(Vector(b), amount)
            if this != FALSE:
                moved = [FALSE] * amount + a if op == "<<" else a[amount:] or a[-1:]
                parts.append((this, Vector(_wrapped(moved, ctype))))
        return self._merged(parts), -self.out.disj([x for x, _ in parts])

    def _division(self, op: str, a: Bits, b: Bits, ctype: CType) -> tuple[Vector, int]:
        """Long division of the absolute values; C rounds towards zero."""
        out = self.out
        n = max(len(a), len(b))
        dividend, divisor = (self._absolute(x, n) for x in (a, b))
        rest: Bits = [FALSE] * (n + 1)
        quotient: Bits = [FALSE] * n
        for i in range(n - 1, -1, -1):
            rest = [dividend[i], *rest[:-1]]
            fits = quotient[i] = -self._less([*rest, FALSE], [*divisor, FALSE])
            reduced = self._sum(rest, [-x for x in _extended([*divisor, FALSE], n + 1)], n + 1, TRUE)
            rest = [out.select(fits, x, y) for x, y in zip(reduced, rest, strict=True)]
        result, negative = ([*quotient, FALSE], -self._xnor(a[-1], b[-1])) if op == "/" else ([*rest, FALSE], a[-1])
        signed = [out.select(negative, x, y) for x, y in zip(self._negated(result), result, strict=True)]
        return Vector(_wrapped(signed, ctype)), -self._any(b)

    # --- circuits ---

    def _truth(self, vector: Vector) -> int:
        return self.out.disj([*vector.bits, *vector.bases.values()])

    def _any(self, bits: Iterable[int]) -> int:
        return self.out.disj(bits)

    def _xnor(self, x: int, y: int) -> int:
        return self.out.select(x, y, -y)

    def _bit(self, op: str, x: int, y: int) -> int:
        if op == "&":
            return self.out.conj2(x, y)
        return self.out.disj([x, y]) if op == "|" else -self._xnor(x, y)

    @staticmethod
    def _same_width(a: Bits, b: Bits) -> tuple[Bits, Bits]:
        width = max(len(a), len(b))
        return _extended(a, width), _extended(b, width)

    def _sum(self, a: Bits, b: Bits, width: int, carry: int = FALSE) -> Bits:
        """The lowest bits of ``a + b + carry``."""
        out, result = self.out, []
        for x, y in zip(_extended(a, width), _extended(b, width), strict=True):
            differ = -self._xnor(x, y)
            result.append(-self._xnor(differ, carry))
            carry = out.disj([out.conj2(x, y), out.conj2(differ, carry)])
        return result

    def _negated(self, a: Bits) -> Bits:
        return self._sum([-x for x in a], [FALSE], len(a), TRUE)

    def _absolute(self, a: Bits, width: int) -> Bits:
        wide = _extended(a, width)
        return [self.out.select(a[-1], x, y) for x, y in zip(self._negated(wide), wide, strict=True)]

    def _product(self, a: Bits, b: Bits, width: int) -> Bits:
        a, b = _extended(a, width), _extended(b, width)
        if sum(x not in (TRUE, FALSE) for x in a) < sum(x not in (TRUE, FALSE) for x in b):
            a, b = b, a
        result: Bits = [FALSE] * width
        for i, y in enumerate(b):
            if y != FALSE:
                row = [FALSE] * i + [self.out.conj2(x, y) for x in a[: width - i]]
                result = self._sum(result, row, width)
        return result

    def _less(self, a: Bits, b: Bits) -> int:
        """The literal "a < b", as signed numbers: the sign of their difference."""
        width = max(len(a), len(b)) + 1
        return self._sum(a, [-x for x in b], width, TRUE)[-1]


_COMPARISONS = ("<", "<=", ">", ">=")


def _flag(literal: int) -> Vector:
    return Vector([literal, FALSE])


def _width(number: int) -> int:
    return (number if number >= 0 else ~number).bit_length() + 1


def _constant(number: int) -> Bits:
    return [TRUE if number >> i & 1 else FALSE for i in range(_width(number))]


def _extended(bits: Bits, width: int) -> Bits:
    return bits[:width] if len(bits) >= width else bits + bits[-1:] * (width - len(bits))


def _wrapped(bits: Bits, ctype: CType) -> Bits:
    """Converted to an integer type."""
    low = _extended(bits, ctype.bits)
    return low if ctype.signed else [*low, FALSE]


def number_of(bits: Sequence[bool]) -> int:
    """The number that these bits are."""
    return sum(1 << i for i, x in enumerate(bits[:-1]) if x) - (1 << (len(bits) - 1) if bits[-1] else 0)
