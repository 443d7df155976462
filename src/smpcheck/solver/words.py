"""Values that are assumed: words of flags bit by bit, and reads from writes that depend on reads in turn.

A word with six flags that matter has 64 values; that one read has the value of one of sixty writes is 64 times sixty rules, or
six times sixty. So where the model forbids that values justify each other (``Domains.founded``), the value of a read is guessed,
as bits if it can be one of many small integers, and must be that of the write it reads from. Operators on bits work on bits; what
else looks at such a value gets a literal for each value that it asks about.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import TYPE_CHECKING

from smpcheck.program.events import Term
from smpcheck.program.values import Value
from smpcheck.solver.aspif import FALSE, TRUE

if TYPE_CHECKING:
    from smpcheck.solver.encode import Encoding, Values

Bits = list[int]
"""For each bit of a non-negative integer, the lowest first, the literal that says it is 1."""

MANY_VALUES = 6
"""A read that can have so many values, all of them small integers, is encoded bit by bit."""

WIDEST = 16
"""Integers of more bits are not."""


class Words:
    """The assumed values of one program."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.out = encoding.out
        self.domains = encoding.domains
        self.terms = encoding.graph.terms
        self._bits: dict[int, Bits | None] = {}
        self._guessed: dict[int, Values] = {}

    # --- reads ---

    def assume(self) -> None:
        """Guess the values of all reads that are open to it, and make them those of their writes."""
        reads = [r.id for r in self.domains.reads if r.id in self.domains.assumed]
        for r in reads:
            self._guess(r)
        for r in reads:
            self._link(r)

    def _guess(self, r: int) -> None:
        term, out = self.terms.read(r), self.out
        domain = self.domains.of(term)
        if len(domain) >= MANY_VALUES and _are_words(domain):
            self._bits[term.id] = [
                out.choice() if len(ones) == 2 else TRUE if ones == {1} else FALSE
                for ones in ({v >> i & 1 for v in domain if isinstance(v, int)} for i in range(_width(domain)))
            ]
        elif len(domain) == 1:
            self._guessed[term.id] = dict.fromkeys(domain, TRUE)
        else:
            self._guessed[term.id] = {v: out.choice() for v in domain}

    def _link(self, r: int) -> None:
        """The value of a read is that of the write it reads from; there is none if it does not happen."""
        term, out, encoding = self.terms.read(r), self.out, self.encoding
        happens = encoding.happens(r)
        own = self._guessed.get(term.id)
        word = self._bits.get(term.id) or []
        if own is not None and len(own) == 1:
            return
        for x in word if own is None else own.values():
            if x not in (TRUE, FALSE):
                out.forbid((x, -happens))
        if own is not None:
            out.at_most_one(list(own.values()))
            out.forbid((happens, *[-x for x in own.values()]))
        for w in encoding.sources[r]:
            value = encoding.graph.events[w].value
            assert value is not None
            atom = encoding.reads_from(w, r)
            if own is not None:
                for v, x in encoding.values(value).items():
                    if v in own:
                        out.forbid((atom, x, -own[v]))
            else:
                for x, y in zip(word, self._bits_of(value, len(word)), strict=True):
                    if x != y:
                        out.forbid((atom, x, -y))
                        out.forbid((atom, -x, y))

    # --- terms ---

    def values(self, term: Term) -> Values | None:
        """For each value that ``term`` can have, the literal that says so; None if it is neither guessed nor made of bits."""
        found = self._guessed.get(term.id)
        if found is not None or self.domains.is_wide(term):
            return found
        word = self.bits(term)
        if word is None:
            return None
        return {v: self._is(word, v) for v in self.domains.of(term) if isinstance(v, int)}

    def _is(self, word: Bits, value: int) -> int:
        if value >> len(word):
            return FALSE
        return self.out.conj([x if value >> i & 1 else -x for i, x in enumerate(word)])

    def bits(self, term: Term) -> Bits | None:
        """The bits of a term that has bits without going through its values; None for any other."""
        if not self.domains.founded or self.domains.is_wide(term):
            return None
        if term.id not in self._bits:
            self._bits[term.id] = self._make_bits(term)
        return self._bits[term.id]

    def _bits_of(self, term: Term, width: int) -> Bits:
        """The lowest ``width`` bits of any term, for what is at least 0 and less than 2**width."""
        found = self.bits(term)
        if found is None:
            values = self.encoding.values(term)
            return [self.out.disj([x for v, x in values.items() if isinstance(v, int) and v >> i & 1]) for i in range(width)]
        return (found + [FALSE] * width)[:width]

    def _make_bits(self, term: Term) -> Bits | None:
        if term.op == "const":
            value = term.data
            return [TRUE if value >> i & 1 else FALSE for i in range(value.bit_length())] if _are_words([value]) else None
        if term.op not in ("bin", "cast", "ite", "mem") or not _are_words(self.domains.of(term)):
            return None
        width = _width(self.domains.of(term))
        if term.op == "mem":
            return self._memory(term, width)
        if term.op == "cast":
            domain = self.domains.of(term.args[0])
            return self.bits(term.args[0]) if _are_words(domain) and _width(domain) <= width else None
        if term.op == "ite":
            then, other = (self.bits(a) for a in term.args)
            if then is None or other is None:
                return None
            guard = self.encoding.guard_literal(term.data)
            return [self.out.select(guard, x, y) for x, y in zip_longest(then, other, fillvalue=FALSE)]
        return self._operator(term)

    def _operator(self, term: Term) -> Bits | None:
        operator, out = term.data[0], self.out
        if operator == "&":
            for arg, other in (term.args, term.args[::-1]):
                if arg.op == "const" and isinstance(arg.data, int) and (masked := self.bits(other)) is not None:
                    return [x if arg.data >> i & 1 else FALSE for i, x in enumerate(masked)]
        if operator not in ("&", "|", "^"):
            return None
        a, b = (self.bits(arg) for arg in term.args)
        if a is None or b is None:
            return None
        pairs = list(zip_longest(a, b, fillvalue=FALSE))
        if operator == "&":
            return [out.conj2(x, y) for x, y in pairs]
        if operator == "|":
            return [-out.conj2(-x, -y) for x, y in pairs]
        return [out.select(x, -y, y) for x, y in pairs]

    def _memory(self, term: Term, width: int) -> Bits | None:
        """The bits of a cell's final contents; None where a write may or may not be to it."""
        writes = [w for w in self.domains.writes if term.data in self.domains.address[w.id]]
        if any(w.addr is None or w.addr.op != "const" or w.value is None for w in writes):
            return None
        found = [(self.encoding.last(w.id), self._bits_of(w.value, width)) for w in writes if w.value is not None]
        return [self.out.disj([self.out.conj2(last, row[i]) for last, row in found]) for i in range(width)]


def _are_words(domain: Iterable[Value]) -> bool:
    return all(isinstance(v, int) and 0 <= v < 1 << WIDEST for v in domain)


def _width(domain: Iterable[Value]) -> int:
    return max((v.bit_length() for v in domain if isinstance(v, int)), default=0)
