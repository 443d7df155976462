"""Candidate executions as a logic program: who reads from whom, in which order writes hit memory, and the values that follow.

For each read one source (rf), for each pair of writes to one cell an order (co); everything else follows. A read's value is
derived from its source's; where values only justify each other in a cycle nothing is derived. In such an execution, which has
``thin_air``, conditions on these values are left open: whoever finds one has to ask again with ``Domains.thin_air``, where
such values are chosen bit by bit (:mod:`smpcheck.solver.bitvectors`). Branch decisions are guessed and checked against their
conditions, never derived, so that no stable model is lost where a value depends on a branch and the branch on the value.
"""

from __future__ import annotations

from smpcheck.cat.nodes import make
from smpcheck.program import ir
from smpcheck.program.bit_rows import Rows, bits
from smpcheck.program.events import Event, EventGraph, Term, compute
from smpcheck.program.faults import BAD_ADDRESS, MISALIGNED, NULL_DEREFERENCE, UNDEFINED_VALUE
from smpcheck.program.guards import ALWAYS, NEVER
from smpcheck.program.values import UndefinedValue, Value, is_null, truth
from smpcheck.solver.aspif import FALSE, TRUE, GroundProgram
from smpcheck.solver.bitvectors import Bitvectors
from smpcheck.solver.domains import Domains
from smpcheck.solver.relations import Relation, Relations
from smpcheck.solver.words import Words

Values = dict[Value, int]
"""For each possible value of a term, the literal that says it has that value."""


class Encoding:
    """The literals of one program's candidate executions. ``faults``: the literal of each fault, its name and position."""

    def __init__(self, graph: EventGraph, domains: Domains, out: GroundProgram) -> None:
        self.graph = graph
        self.domains = domains
        self.out = out
        self.guards = graph.guards
        self.n = len(graph.events)
        self._guard_literal: dict[int, int] = {NEVER: FALSE, ALWAYS: TRUE}
        self._values: dict[int, Values] = {}
        self._undefined: dict[int, int] = {}
        self.words = Words(self)
        self.vectors = Bitvectors(self)
        self._co: dict[tuple[int, int], int] = {}
        self._open_truths: dict[int, int] = {}
        self._last: dict[tuple[int, int | None], int] = {}
        self.pairs = self._co_pairs()
        self._later: dict[int, list[int]] = {}
        for a, b in self.pairs:
            self._later.setdefault(a, []).append(b)
        self.faults: list[tuple[int, str, ir.Position | None]] = []
        self.static_addresses = all(e.addr is None or e.addr.op == "const" for e in graph.events)
        self._faulty = {e.id for e in domains.faults}
        self.decisions: list[int] = [self._decision_atom(i) for i in range(len(graph.decisions))]
        self.rf: dict[tuple[int, int], int] = {}
        self.sources: dict[int, list[int]] = {}
        for r in domains.reads:
            self._choose_source(r.id)
        self.words.assume()
        self.vectors.choose()
        self.thin_air = out.disj([out.conj2(self.happens(r), -self.valued(graph.terms.read(r))) for r in sorted(domains.cyclic)])
        for i in range(len(graph.decisions)):
            self._constrain_decision(i)
        for r in domains.reads:
            self._check_read(r.id)
        for req in graph.requirements:
            if not domains.settled(req):
                out.forbid((self.guard_literal(req.guard), -self.truth(req.cond)))
        for event in domains.faults:
            self._encode_fault(event)
        for e in graph.events:
            if e.addr is not None and domains.is_open(e.addr):
                self.out.forbid((self.happens(e.id), -self.valued(e.addr)))
            for term in (e.addr, e.value):
                if term is not None:
                    self._check_defined(term, e.guard, e.pos)
        for c in graph.computations:
            self._check_defined(c.value, c.guard, c.pos)

    # --- guards and decisions ---

    def _decision_atom(self, index: int) -> int:
        cond = self.graph.decisions[index].cond
        if cond is not None and not self.domains.is_wide(cond):
            outcomes = {truth(v) for v in self.domains.of(cond)}
            if len(outcomes) == 1 and not self.domains.is_open(cond):
                return TRUE if outcomes.pop() else FALSE
        return self.out.choice()

    def _constrain_decision(self, index: int) -> None:
        atom, decision = self.decisions[index], self.graph.decisions[index]
        parent = self.guard_literal(decision.parent)
        if atom not in (TRUE, FALSE):
            self.out.forbid((atom, -parent))
            if decision.cond is not None:
                holds = self.truth(decision.cond)
                self.out.forbid((atom, -holds))
                self.out.forbid((parent, holds, -atom))
        if decision.cond is not None:
            self._check_defined(decision.cond, decision.parent, decision.pos)

    def guard_literal(self, guard: int) -> int:
        """The literal for a guard."""
        found = self._guard_literal.get(guard)
        if found is None:
            var, low, high = self.guards.nodes[guard]
            atom, out = self.decisions[var], self.out
            if atom == TRUE:
                found = self.guard_literal(high)
            elif atom == FALSE:
                found = self.guard_literal(low)
            elif low == NEVER:
                found = out.conj2(atom, self.guard_literal(high))
            elif high == NEVER:
                found = out.conj2(-atom, self.guard_literal(low))
            elif high == ALWAYS and low == NEVER:
                found = atom
            elif low == ALWAYS and high == NEVER:
                found = -atom
            else:
                found = out.select(atom, self.guard_literal(high), self.guard_literal(low))
            self._guard_literal[guard] = found
        return found

    def happens(self, event: int) -> int:
        """The literal "this event happens"."""
        return self.guard_literal(self.graph.events[event].guard)

    def both(self, a: int, b: int) -> int:
        """The literal "both events happen"."""
        events = self.graph.events
        return self.guard_literal(self.guards.conj(events[a].guard, events[b].guard))

    # --- reads-from ---

    def _bad_addresses(self, event: int) -> list[int]:
        """The literals "the access is to an address that is none of the program's cells"."""
        if event in self.domains.anywhere:
            here = [x for a, x in self.address_values(event).items() if self.domains.is_place(self.graph.events[event], a)]
            return [-self.out.disj(here)]
        return [x for a, x in self.address_values(event).items() if not self.domains.is_place(self.graph.events[event], a)]

    def _sure(self, r: int) -> bool:
        """Is there one write that ``r`` reads from, whenever it happens?"""
        return len(self.sources[r]) == 1 and r not in self.domains.open and r not in self._faulty

    def _choose_source(self, r: int) -> None:
        sources = [w.id for w in self.domains.sources[r]]
        self.sources[r] = sources
        if self._sure(r):
            self.rf[sources[0], r] = FALSE  # set below, once guards have literals
            return
        for w in sources:
            self.rf[w, r] = self.out.choice()

    def reads_from(self, w: int, r: int) -> int:
        """The literal "r reads from w", for w one of its sources; before :attr:`rf` has it for those with a single one."""
        return self.happens(r) if self._sure(r) else self.rf[w, r]

    def _check_read(self, r: int) -> None:
        """One source for a read that happens, none otherwise; the source happens, at the same address, with a possible value.
        A read of no cell at all has none: that is a fault, not an execution that there is not."""
        out = self.out
        happens = self.happens(r)
        sources = self.sources[r]
        if self._sure(r):
            self.rf[sources[0], r] = happens
        else:
            atoms = [self.rf[w, r] for w in sources]
            for atom in atoms:
                out.forbid((atom, -happens))
            bad = self._bad_addresses(r) if r in self._faulty else []
            if TRUE not in bad:
                out.forbid((happens, *[-a for a in atoms], *[-x for x in bad]))
            out.at_most_one(atoms)
        domain = self.domains.of(self.graph.terms.read(r))
        wide = r in self.domains.wide
        for w in sources:
            atom = self.rf[w, r]
            out.forbid((atom, -self.happens(w)))
            if not self.static_addresses:
                out.forbid((atom, -self.same_address(w, r)))
            value = self.graph.events[w].value
            assert value is not None
            if not wide and any(v not in domain for v in self.domains.of(value)):
                for v, literal in self.values(value).items():
                    if v not in domain:
                        out.forbid((atom, literal))
        if self.graph.events[r].thread in self.domains.after:
            self._read_afterwards(r)

    def _read_afterwards(self, r: int) -> None:
        """A read of a thread that runs after all others: its own last write to the cell, or the last one of all others."""
        events, out = self.graph.events, self.out
        thread = events[r].thread
        for w in self.sources[r]:
            if events[w].thread != thread:
                out.forbid((self.rf[w, r], -self.last(w, but=thread)))
        between = [w.id for w in self.domains.writes if w.thread == thread and w.id < r and w.id != events[r].partner]
        for later in between:
            same = self.same_address(later, r)
            if same != FALSE:
                for w in self.sources[r]:
                    if events[w].thread != thread or w < later:
                        out.forbid((self.rf[w, r], self.happens(later), same))

    # --- values ---

    def values(self, term: Term) -> Values:
        """For each value that ``term`` can have, the literal that says so."""
        if term.op == "const":
            return {term.data: TRUE}
        found = self._values.get(term.id)
        if found is not None:
            return found
        if (known := self.words.values(term)) is not None:
            self._values[term.id] = known
            return known
        if term.op == "read":
            return self._read_values(term)
        result: dict[Value, list[int]] = {}
        out = self.out
        undefined: list[int] = []
        if term.op == "ite":
            guard = self.guard_literal(term.data)
            for literal, arg in ((guard, term.args[0]), (-guard, term.args[1])):
                for v, x in self.values(arg).items():
                    result.setdefault(v, []).append(out.conj2(literal, x))
                undefined.append(out.conj2(literal, self.undefined(arg)))
        elif term.op == "mem":
            self._memory_values(term, result)
        elif term.op == "cond" or (term.op == "bin" and term.data[0] in ("&&", "||")):
            self._lazy_values(term, result, undefined)
        else:
            self._operator_values(term, result, undefined)
        nowhere = out.disj(undefined)
        if nowhere != FALSE:
            self._undefined[term.id] = nowhere
        done = {v: out.disj(xs) for v, xs in result.items()}
        if len(done) == 1 and not self.domains.is_open(term) and term.id not in self._undefined:
            done = dict.fromkeys(done, TRUE)
        self._values[term.id] = done
        return done

    def valued(self, term: Term) -> int:
        """The literal "``term`` has a value"."""
        return self.out.disj(self.values(term).values())

    def _read_values(self, term: Term) -> Values:
        r, out = term.data, self.out
        domain = self.domains.of(term)
        cyclic = r in self.domains.cyclic
        if len(domain) == 1 and r not in self.domains.open:
            result = dict.fromkeys(domain, TRUE)
            self._values[term.id] = result
            return result
        if cyclic:
            result = {v: out.atom() for v in domain}
            self._values[term.id] = result
        parts: dict[Value, list[int]] = {v: [] for v in domain}
        single = self._sure(r)
        for w in self.sources[r]:
            value = self.graph.events[w].value
            assert value is not None
            atom = self.happens(r) if single else self.rf[w, r]
            for v, x in self.values(value).items():
                if v in parts:
                    parts[v].append(out.conj2(atom, x))
        if cyclic:
            for v, literals in parts.items():
                for x in literals:
                    out.rule(result[v], [x])
        else:
            result = {v: out.disj(literals) for v, literals in parts.items()}
            self._values[term.id] = result
        return result

    def undefined(self, term: Term) -> int:
        """The literal "C leaves the value of ``term`` undefined"."""
        if self.domains.is_wide(term):
            return self.vectors.undefined(term)
        self.values(term)
        return self._undefined.get(term.id, FALSE)

    def _lazy_values(self, term: Term, result: dict[Value, list[int]], undefined: list[int]) -> None:
        """``?:``, ``&&`` and ``||``: what the first operand decides against is not evaluated (C11 6.5.13 to 6.5.15)."""
        out = self.out
        undefined.append(self.undefined(term.args[0]))
        for c, x in self.values(term.args[0]).items():
            if term.op == "cond":
                chosen = term.args[1] if truth(c) else term.args[2]
                values = list(self.values(chosen).items())
            elif truth(c) == (term.data[0] == "||"):
                result.setdefault(int(truth(c)), []).append(x)
                continue
            else:
                chosen = term.args[1]
                values = [(int(truth(v)), y) for v, y in self.values(chosen).items()]
            for v, y in values:
                result.setdefault(v, []).append(out.conj2(x, y))
            undefined.append(out.conj2(x, self.undefined(chosen)))

    def _operator_values(self, term: Term, result: dict[Value, list[int]], undefined: list[int]) -> None:
        out = self.out
        combos: list[tuple[tuple[Value, ...], int]] = [((), TRUE)]
        for arg in term.args:
            combos = [((*vs, v), out.conj2(x, y)) for vs, x in combos for v, y in self.values(arg).items()]
        undefined.extend(self.undefined(a) for a in term.args)
        for values, literal in combos:
            if literal == FALSE:
                continue
            try:
                result.setdefault(compute(term.op, term.data, values), []).append(literal)
            except UndefinedValue:
                undefined.append(literal)

    def _memory_values(self, term: Term, result: dict[Value, list[int]]) -> None:
        cell, out = term.data, self.out
        for w in self.domains.writes:
            if cell in self.domains.address[w.id]:
                last = out.conj2(self.last(w.id), self.is_at(w.id, cell))
                assert w.value is not None
                if last != FALSE:
                    for v, x in self.values(w.value).items():
                        result.setdefault(v, []).append(out.conj2(last, x))

    def _check_defined(self, term: Term, guard: int, pos: ir.Position | None) -> None:
        """Make it a fault of the program if ``term`` is undefined where ``guard`` holds."""
        if term.op not in ("const", "read"):
            self._fault(UNDEFINED_VALUE, self.out.conj2(self.guard_literal(guard), self.undefined(term)), pos)

    def _encode_fault(self, access: Event) -> None:
        """An access that may be to nothing: the thread stops there, if it may; if not, that is not looked at."""
        out = self.out
        happens = self.happens(access.id)
        null, wild = self._null_and_wild(access)
        if access.id in self.graph.faulting:
            guard = self.graph.faulting[access.id]
            stopped = self.guard_literal(guard)
            events = [self.graph.events[e] for e, g in self.graph.faulting.items() if g == guard]  # of one access
            out.forbid((stopped, *[-x for event in events for part in self._null_and_wild(event) for x in part]))
            for bad in (*null, *wild):
                out.forbid((happens, bad, -stopped))
        self._fault(NULL_DEREFERENCE, out.conj2(happens, out.disj(null)), access.pos)
        misaligned = self._misaligned(access)
        self._fault(MISALIGNED, out.conj2(happens, out.disj(misaligned)), access.pos)
        if access.id in self.domains.anywhere:
            wild = [out.conj2(x, -out.disj(misaligned)) for x in wild]
        self._fault(BAD_ADDRESS, out.conj2(happens, out.disj([x for x in wild if x not in misaligned])), access.pos)

    def _misaligned(self, access: Event) -> list[int]:
        """The literals "it is at this place in an object, where it does not lie right"."""
        spot = access.spot
        if spot is None:
            return []
        if access.id not in self.domains.anywhere:
            return [x for a, x in self.address_values(access.id).items() if spot.misaligned(a)]
        assert access.addr is not None
        vector = self.vectors.vector(access.addr)
        low = vector.bits[: spot.align.bit_length() - 1]
        wrong = [-x if spot.offset >> i & 1 else x for i, x in enumerate(low)]
        (bad,) = self._bad_addresses(access.id)
        return [self.out.conj([bad, self.out.disj(list(vector.bases.values())), self.out.disj(wrong)])]

    def _null_and_wild(self, access: Event) -> tuple[list[int], list[int]]:
        """The literals "it is at null", and those "it is at this place that is none"."""
        if access.id in self.domains.anywhere:
            return self._nowhere(access)
        null = [x for a, x in self.address_values(access.id).items() if is_null(a)]
        return null, [x for x in self._bad_addresses(access.id) if x not in null]

    def _nowhere(self, access: Event) -> tuple[list[int], list[int]]:
        """The literals "it is at null" and "it is at no cell but not at null"; an address out of thin air is neither."""
        assert access.addr is not None
        out, vector = self.out, self.vectors.vector(access.addr)
        (bad,) = self._bad_addresses(access.id)
        out.forbid((self.happens(access.id), bad, -self.vectors.determined(access.addr)))
        null = out.conj2(bad, self.vectors.is_null(vector))
        return [null], [out.conj2(bad, -null)]

    def _fault(self, name: str, literal: int, pos: ir.Position | None) -> None:
        if literal != FALSE:
            self.faults.append((literal, name, pos))

    def truth(self, term: Term) -> int:
        """The literal "``term`` is non-zero"; open where it has no value."""
        if self.domains.is_wide(term):
            return self.vectors.truth(term)
        values = self.values(term)
        true = [x for v, x in values.items() if truth(v)]
        if self.domains.is_open(term):
            return self._open_truth(term, true, [x for v, x in values.items() if not truth(v)])
        if len(true) == len(values) and term.id not in self._undefined:
            return TRUE
        return self.out.disj(true)

    def _open_truth(self, term: Term, true: list[int], false: list[int]) -> int:
        found = self._open_truths.get(term.id)
        if found is None:
            found = self._open_truths[term.id] = self.out.choice()
            for x in true:
                self.out.forbid((x, -found))
            for x in false:
                self.out.forbid((x, found))
            # where nothing comes out of thin air, what has no value is no more true than it was evaluated
            self.out.forbid((found, -self.thin_air, *[-x for x in true]))
        return found

    # --- addresses ---

    def address_values(self, event: int) -> Values:
        """The addresses that an event may access; those of cells only, where it may be anywhere."""
        addr = self.graph.events[event].addr
        if addr is None:
            return {}
        if event in self.domains.anywhere:
            vector = self.vectors.vector(addr)
            return {cell: self.vectors.is_value(vector, cell) for cell in self.domains.address[event]}
        return self.values(addr)

    def is_at(self, event: int, cell: Value) -> int:
        """The literal "the access is to ``cell``"."""
        return self.address_values(event).get(cell, FALSE)

    def same_address(self, a: int, b: int) -> int:
        """The literal "both events access the same address"."""
        first, second = self.graph.events[a].addr, self.graph.events[b].addr
        if first is None or second is None:
            return FALSE
        if first is second:
            return TRUE
        x, y = self.address_values(a), self.address_values(b)
        return self.out.disj([self.out.conj2(x[v], y[v]) for v in x if v in y])

    def same_value(self, a: int, b: int) -> int:
        """The literal "both events read or write the same value"."""
        first, second = self.graph.events[a].value, self.graph.events[b].value
        if first is None or second is None:
            return FALSE
        if self.domains.is_wide(first) or self.domains.is_wide(second):
            return self.vectors.equal(self.vectors.vector(first), self.vectors.vector(second))
        x, y = self.values(first), self.values(second)
        return self.out.disj([self.out.conj2(x[v], y[v]) for v in x if v in y])

    # --- base relations for Relations ---

    def base(self, name: str, relations: Relations) -> Relation:
        """``may`` rows of rf, co, fr or loc; loc is static where all addresses are known."""
        may = [0] * self.n
        if name == "rf":
            for w, r in self.rf:
                may[w] |= 1 << r
        elif name == "co":
            for a, b in self.pairs:
                may[a] |= 1 << b
        elif name == "fr":
            co = relations.base("co").may
            for w, r in self.rf:
                may[r] |= co[w]
        else:
            by_cell: dict[Value, int] = {}
            for e in self.graph.events:
                if e.addr is not None:
                    for address in self.domains.addresses(e):
                        by_cell[address] = by_cell.get(address, 0) | 1 << e.id
            for e in self.graph.events:
                if e.addr is not None:
                    for address in self.domains.addresses(e):
                        may[e.id] |= by_cell[address]
        if not relations.straight:
            for x in range(self.n):
                for y in bits(may[x]):
                    if relations.compatible(x, y) == NEVER:
                        may[x] &= ~(1 << y)
        return Relation(may, name == "loc" and self.static_addresses, None, _BASE[name])

    def literal(self, name: str, x: int, y: int, relations: Relations) -> int:
        """The literal for a pair of a base relation."""
        if name == "rf":
            return self.rf.get((x, y), FALSE)
        if name == "co":
            return self.co(x, y)
        if name == "loc":
            return self.out.conj2(relations.both(x, y), self.same_address(x, y))
        if name == "FW":
            return self.last(x)
        first, second = self.graph.events[x], self.graph.events[y]
        if self.domains.coherent and first.thread == second.thread and x < y and first.addr is second.addr:
            return relations.both(x, y)  # whatever x reads from comes before y
        return self.out.disj([self.out.conj2(self.rf[w, x], self.co(w, y)) for w in self.sources[x] if w != y])

    def must(self, name: str, relations: Relations) -> Rows:
        """Pairs of a base relation that hold whenever both events happen."""
        rows = [0] * self.n
        if name == "co":
            for a, b in self.pairs:
                if self._ordered(a, b):
                    rows[a] |= 1 << b
        elif name == "fr" and self.domains.coherent:
            # a read is from-read before the later writes of its own thread to its cell
            for read in self.domains.reads:
                for write in self.domains.writes:
                    if write.thread == read.thread and write.id > read.id and write.addr is read.addr:
                        rows[read.id] |= 1 << write.id
        elif name == "rf":
            for (w, r), literal in self.rf.items():
                if literal == relations.both(w, r):
                    rows[w] |= 1 << r
        elif name == "loc":
            rows = [1 << x if e.addr is not None else 0 for x, e in enumerate(self.graph.events)]
            known: dict[Value, int] = {}
            for e in self.graph.events:
                if e.addr is not None and e.addr.op == "const":
                    known[e.addr.data] = known.get(e.addr.data, 0) | 1 << e.id
            for mask in known.values():
                for x in bits(mask):
                    rows[x] |= mask
        return rows

    def final_writes(self, relations: Relations) -> Relation:
        """The set of coherence-last writes."""
        may = [1 << e.id if e.kind == "W" else 0 for e in self.graph.events]
        return Relation(may, False, None, _BASE["FW"])

    # --- coherence ---

    def _co_pairs(self) -> list[tuple[int, int]]:
        result = []
        by_cell: dict[Value, list[int]] = {}
        for w in self.domains.writes:
            for a in self.domains.address[w.id]:
                by_cell.setdefault(a, []).append(w.id)
        init, events = self.graph.init_count, self.graph.events
        seen: set[tuple[int, int]] = set()
        for group in by_cell.values():
            for i, a in enumerate(group):
                for b in group[i + 1 :]:
                    if (a, b) in seen or b < init:
                        continue
                    seen.add((a, b))
                    if self.guards.conj(events[a].guard, events[b].guard) == NEVER:
                        continue
                    result.append((a, b))
                    if a >= init and not self._comes_first(a, b):
                        result.append((b, a))
        return result

    def _comes_first(self, a: int, b: int) -> bool:
        """Is write a certainly before b, where both access one cell, for the order of their threads? a < b."""
        first, second = self.graph.events[a].thread, self.graph.events[b].thread
        return (self.domains.coherent and first == second) or (second in self.domains.after and first != second)

    def _ordered(self, a: int, b: int) -> bool:
        """Do a and b certainly access one address, and is a's place before b certain?"""
        events, init = self.graph.events, self.graph.init_count
        first, second = events[a].addr, events[b].addr
        if first is not second:
            return False
        if a < init <= b:
            return True
        return init <= a < b and self._comes_first(a, b)

    def co(self, a: int, b: int) -> int:
        """The literal "a comes before b in the coherence order of their cell"."""
        found = self._co.get((a, b))
        if found is not None:
            return found
        events, init, out = self.graph.events, self.graph.init_count, self.out
        if a == b or b < init or not any(v in self.domains.address[b] for v in self.domains.address[a]):
            return FALSE
        both = self.both(a, b)
        if events[a].addr is not events[b].addr:
            both = out.conj2(both, self.same_address(a, b))
        if a < init:
            literal = both
        elif self._comes_first(min(a, b), max(a, b)):
            literal = both if a < b else FALSE
        elif both == FALSE:
            literal = FALSE
        elif a < b:
            literal = out.choice()
            out.forbid((literal, -both))
        else:
            literal = out.conj2(both, -self.co(b, a))
        self._co[a, b] = literal
        return literal

    def later(self, w: int) -> list[int]:
        """The writes that may come after ``w`` in the coherence order."""
        return self._later.get(w, [])

    def last(self, w: int, but: int | None = None) -> int:
        """The literal "w happens, and no write to its cell comes after it"; none but those of thread ``but``."""
        found = self._last.get((w, but))
        if found is None:
            events = self.graph.events
            later = [x for x in self._later.get(w, ()) if but is None or events[x].thread != but]
            found = self._last[w, but] = self.out.conj([self.happens(w), *[-self.co(w, x) for x in later]])
        return found


_BASE = {name: make("set" if name == "FW" else "rel", "base", (), name) for name in ("rf", "co", "fr", "loc", "FW")}
