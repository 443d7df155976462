"""Which values can occur where: finite domains for every term, before anything reaches the solver.

A value is derived along a chain of writes, and in one execution each write happens at most once; so inside a cycle of the
dataflow (a counter that feeds its own increments) a chain visits every write at most once. Iterating that many rounds, cycle
by cycle, gives a superset of all values that occur in any execution: a proven bound, not a cut.

Reads that may see more than ``MAX_DOMAIN`` values are *wide*: nothing is known about what they see but its type, and they are
encoded bit by bit (:mod:`smpcheck.solver.bitvectors`). So are, if ``thin_air`` asks for it, reads whose value may come out of
thin air, being justified by nothing but itself; and all reads that may see what is computed from one of either kind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import product

from smpcheck.errors import UnsupportedError
from smpcheck.program.bit_rows import components
from smpcheck.program.events import Event, EventGraph, Requirement, Term, compute
from smpcheck.program.guards import NEVER
from smpcheck.program.values import Ptr, UndefinedValue, Value, truth

MAX_DOMAIN = 4096
MAX_PRODUCT = 1 << 16

Domain = dict[Value, None]
"""An ordered set of values."""


class _Unlisted(Exception):
    """The values are not listed: there are too many, or they may come out of thin air."""


class Domains:
    """Domains of terms, addresses of accesses, and the writes that each read may see.

    ``sources[r]`` are the writes that read ``r`` may read from; ``coherent`` says that the model requires per-location coherence,
    so that reads from program-order later or overwritten writes need not be considered. ``after``: the threads that the model
    orders after all others, from whose writes no other thread reads. ``founded``: the model forbids that values of marked
    accesses justify each other, so that they may be assumed. ``thin_air``: values that justify each other are values.
    """

    def __init__(
        self,
        graph: EventGraph,
        extra: Iterable[Term],
        coherent: bool,
        after: Collection[int] = (),
        founded: bool = False,
        thin_air: bool = False,
    ) -> None:
        self.graph = graph
        self.coherent = coherent
        self.after = after
        self.reads = [e for e in graph.events if e.kind == "R"]
        self.writes = [e for e in graph.events if e.kind == "W"]
        self.domain: dict[int, Domain] = {}
        self.address: dict[int, Domain] = {}
        self.cyclic: set[int] = set()
        """Reads whose value may depend on itself through other threads: their values must be derived, not assumed."""
        self.plain_cycle = False
        """Is a plain access among those of ``cyclic`` and the writes between them?"""
        self.assumed: set[int] = set()
        """Such reads where the model sees to it that none does."""
        self.founded = founded
        self.thin_air = thin_air
        self.wide: set[int] = set()
        """Reads whose values are not listed."""
        self.anywhere: set[int] = set()
        """Accesses whose address depends on a wide read: they may be to any cell."""
        self.faults: list[Event] = []
        self._allowed = self._single_read_requirements()
        self._allows: dict[tuple[int, Value], bool] = {}
        self._read_domain: dict[int, Domain] = {r.id: {} for r in self.reads}
        self._extra = list(extra)
        self._is_wide: dict[int, bool] = {}
        self._accesses = accesses = self.reads + self.writes
        fixed = all(e.addr is not None and e.addr.op == "const" for e in accesses)
        while True:
            if fixed:
                for e in accesses:
                    assert e.addr is not None
                    self.address[e.id] = {e.addr.data: None}
                self._candidates()
            else:
                self._resolve_addresses(accesses)
            self._solve()
            self._is_wide = {}
            lost = {e.id for e in accesses if e.addr is not None and self.is_wide(e.addr)} - self.anywhere
            if not lost:
                break
            self.anywhere |= lost
            self.domain, self._read_domain = {}, {r.id: {} for r in self.reads}
        self._find_faults()
        self.open = self._open()
        for r in self.reads:
            self.sources[r.id] = [w for w in self.sources[r.id] if self._useful(r, w)]

    # requirements on a single read: lock and cmpxchg

    def _single_read_requirements(self) -> dict[int, list[Term]]:
        found: dict[int, list[Term]] = {}
        events = self.graph.events
        for req in self.graph.requirements:
            if len(req.cond.reads) == 1 and not has_guards(req.cond):
                (r,) = req.cond.reads
                if req.guard == events[r].guard:
                    found.setdefault(r, []).append(req.cond)
        return found

    def allowed(self, read: int, value: Value) -> bool:
        """Can the read see ``value`` at all, given what its own operation requires (a lock that must be free)?"""
        found = self._allows.get((read, value))
        if found is None:
            found = self._allows[read, value] = self._meets(self._allowed.get(read, ()), read, value)
        return found

    @staticmethod
    def _meets(conditions: Iterable[Term], read: int, value: Value) -> bool:
        for cond in conditions:
            try:
                if not truth(evaluate_at(cond, read, value)):
                    return False
            except UndefinedValue:
                pass
        return True

    def settled(self, req: Requirement) -> bool:
        """Is the requirement already enforced by the domains of reads?"""
        if len(req.cond.reads) != 1:
            return False
        (r,) = req.cond.reads
        if r in self.wide:
            return False
        return any(c is req.cond for c in self._allowed.get(r, ())) and req.guard == self.graph.events[r].guard

    def _useful(self, r: Event, w: Event) -> bool:
        assert w.value is not None
        if r.id in self.wide:
            return True
        domain = self._read_domain[r.id]
        return any(v in domain for v in self.of(w.value))

    # candidates

    def _candidates(self) -> None:
        graph, conj = self.graph, self.graph.guards.conj
        implies = graph.guards.implies
        by_cell: dict[Value, list[Event]] = {}
        for w in self.writes:
            for a in self.address[w.id]:
                by_cell.setdefault(a, []).append(w)
        self.sources: dict[int, list[Event]] = {}
        for r in self.reads:
            cells = self.address[r.id]
            if len(cells) == 1:
                found = by_cell.get(next(iter(cells)), [])
            else:
                seen = {w.id: w for a in cells for w in by_cell.get(a, [])}
                found = [seen[i] for i in sorted(seen)]
            result = []
            # the last write of the same thread that certainly precedes r at the same address hides what came before it
            hides: list[Event] = []
            if self.coherent and len(cells) == 1:
                hides = [
                    w for w in found if w.thread == r.thread and w.id < r.id and len(self.address[w.id]) == 1 and w.thread >= 0
                ]
            for w in found:
                if conj(w.guard, r.guard) == NEVER or w.id == r.partner or (w.thread in self.after and w.thread != r.thread):
                    continue
                if self.coherent:
                    if w.thread == r.thread and w.id > r.id:
                        continue
                    if (w.thread == r.thread or w.thread < 0) and any(
                        h.id > w.id and implies(conj(w.guard, r.guard), h.guard) and (w.thread < 0 or w.id < h.id) for h in hides
                    ):
                        continue
                result.append(w)
            self.sources[r.id] = result

    def _resolve_addresses(self, accesses: list[Event]) -> None:
        """Addresses that depend on values: iterate values and addresses together, one round for each write (see above).

        Only reads whose values can get into an address take part: counters and flags never do, and they are what grows.
        """
        cells = self.graph.program.cells
        needed: set[int] = set()
        for e in accesses:
            if e.addr is None:
                raise UnsupportedError(f"an access without an address: {e.text}", e.pos)
            if e.id not in self.anywhere:
                needed |= e.addr.reads
        events = self.graph.events
        for _ in range(len(self.writes) + 2):
            self.domain = {}
            before = {i: len(d) for i, d in self.address.items()}
            for e in accesses:
                assert e.addr is not None
                if e.addr.op == "const":
                    self.address[e.id] = {e.addr.data: None} if self.is_place(e, e.addr.data) else {}
                elif e.id in self.anywhere:
                    self.address[e.id] = {a: None for a in cells if self.is_place(e, a)}
                else:
                    self.address[e.id] = {a: None for a in self.of(e.addr) if self.is_place(e, a)}
            if before != {i: len(d) for i, d in self.address.items()}:
                self._candidates()
            todo = list(needed)
            while todo:
                for w in self.sources[todo.pop()]:
                    if w.value is not None:
                        new = w.value.reads - needed
                        needed |= new
                        todo += new
            try:
                fresh = {r: self._gather(events[r]) for r in needed}
            except _Unlisted:
                self.anywhere |= {e.id for e in accesses if e.addr is not None and e.addr.op != "const"}
                return self._resolve_addresses(accesses)
            changed = False
            for r, dom in fresh.items():
                if not dom.keys() <= self._read_domain[r].keys():
                    self._read_domain[r].update(dom)
                    changed = True
            if not changed and before == {i: len(d) for i, d in self.address.items()}:
                break
        self._read_domain = {r.id: {} for r in self.reads}
        self.domain = {}
        return None

    def _gather(self, r: Event) -> Domain:
        result: Domain = {}
        check = r.id in self._allowed
        for w in self.sources[r.id]:
            for v in self.of(w.value):
                if v not in result and (not check or self.allowed(r.id, v)):
                    result[v] = None
        if len(result) > MAX_DOMAIN:
            raise _Unlisted
        return result

    # the fixpoint, one strongly connected component of the dataflow after the other

    def _solve(self) -> None:
        edges: dict[int, list[int]] = {}
        for r in self.reads:
            deps: set[int] = set()
            for w in self.sources[r.id]:
                if w.value is not None and w.value.reads:
                    deps |= w.value.reads
                if w.addr is not None and w.addr.reads:
                    deps |= w.addr.reads
            if r.addr is not None:
                deps |= r.addr.reads
            edges[r.id] = list(deps)
        self.wide, self.cyclic, self.assumed, self.plain_cycle = set(), set(), set(), False
        for component in components(edges):
            members = set(component)
            sources = {w.id: w for r in component for w in self.sources[r]}.values()
            if any(w.value is not None and not self.wide.isdisjoint(w.value.reads) for w in sources):
                self.wide |= members
                continue
            try:
                self._solve_component(component, members, edges)
            except _Unlisted:
                self.wide |= members
                self.cyclic -= members
                self.assumed -= members
            self.domain = {}
        if self.founded:
            listed = [r.id for r in self.reads if r.id not in self.cyclic and r.id not in self.wide]
            self.assumed |= {r for r in listed if len(self._read_domain[r]) > 1}

    def _solve_component(self, component: list[int], members: set[int], edges: dict[int, list[int]]) -> None:
        events = self.graph.events
        if len(component) == 1 and component[0] not in edges[component[0]]:
            self._read_domain[component[0]] = self._gather(events[component[0]])
            return
        writes = {
            w.id for r in component for w in self.sources[r] if w.value is not None and not members.isdisjoint(w.value.reads)
        }
        marked = all(events[e].tags for e in members | writes)
        if self.founded and marked:
            self.assumed |= members
        elif self.thin_air:
            raise _Unlisted
        else:
            self.cyclic |= members
            self.plain_cycle |= not marked
        for _ in range(len(writes) + 1):
            self.domain = {}
            fresh = {r: self._gather(events[r]) for r in component}
            changed = any(len(fresh[r]) != len(self._read_domain[r]) for r in component)
            self._read_domain.update(fresh)
            if not changed:
                break

    def _find_faults(self) -> None:
        """Note the accesses whose address may be none of the program's cells."""
        for e in self._accesses:
            assert e.addr is not None
            if e.id in self.anywhere or not all(self.is_place(e, a) for a in self.of(e.addr)):
                self.faults.append(e)

    def _open(self) -> set[int]:
        """Reads that may see no value: those in cycles, and what may read what is computed from them."""
        found = set(self.cyclic)
        changed = bool(found)
        while changed:
            changed = False
            for r in self.reads:
                if r.id not in found and any(
                    not found.isdisjoint(w.value.reads) for w in self.sources[r.id] if w.value is not None
                ):
                    found.add(r.id)
                    changed = True
        return found

    def is_wide(self, term: Term) -> bool:
        """Is the value of ``term`` that of a wide read or computed from one, or may it be one of too many?"""
        found = self._is_wide.get(term.id)
        if found is None:
            found = self._depends(term, self.wide)
            if not found:
                try:
                    self.of(term)
                except _Unlisted:
                    found = True
            self._is_wide[term.id] = found
        return found

    def is_open(self, term: Term) -> bool:
        """May ``term`` have no value?"""
        return bool(self.open) and self._depends(term, self.open)

    def _depends(self, term: Term, reads: set[int]) -> bool:
        if term.op == "mem":
            cell = term.data
            return any(cell in self.address[w.id] and not reads.isdisjoint(w.value.reads) for w in self.writes if w.value)
        return not reads.isdisjoint(term.reads) or (has_guards(term) and any(self._depends(a, reads) for a in term.args))

    def is_place(self, event: Event, address: Value) -> bool:
        """Can an access be to ``address``?"""
        cells = self.graph.program.cells
        if event.spot is not None:
            return event.spot.admits(address, cells)
        return isinstance(address, Ptr) and address in cells

    def addresses(self, event: Event) -> Iterable[Value]:
        """The addresses that an access may be to, of cells or not."""
        assert event.addr is not None
        return self.address[event.id] if event.id in self.anywhere else self.of(event.addr)

    def of(self, term: Term | None) -> Domain:
        """The domain of ``term``."""
        assert term is not None
        if term.op == "const":
            return {term.data: None}
        if term.op == "read":
            return self._read_domain[term.data]
        found = self.domain.get(term.id)
        if found is not None:
            return found
        result: Domain = {}
        if term.op == "ite":
            result.update(self.of(term.args[0]))
            result.update(self.of(term.args[1]))
        elif term.op == "mem":
            for w in self.writes:
                if term.data in self.address[w.id]:
                    result.update(self.of(w.value))
        elif term.op == "cond":
            conditions = self.of(term.args[0])
            if any(truth(c) for c in conditions):
                result.update(self.of(term.args[1]))
            if any(not truth(c) for c in conditions):
                result.update(self.of(term.args[2]))
        elif term.op == "bin" and term.data[0] in ("&&", "||"):
            decisive = term.data[0] == "||"
            left = [truth(v) for v in self.of(term.args[0])]
            if decisive in left:
                result[int(decisive)] = None
            if (not decisive) in left:
                result.update({int(truth(v)): None for v in self.of(term.args[1])})
        else:
            domains = [self.of(a) for a in term.args]
            size = 1
            for d in domains:
                size *= len(d)
            if size > MAX_PRODUCT:
                raise _Unlisted
            for values in product(*domains):
                try:
                    result[compute(term.op, term.data, values)] = None
                except UndefinedValue:
                    continue
        if len(result) > MAX_DOMAIN:
            raise _Unlisted
        self.domain[term.id] = result
        return result


def has_guards(term: Term) -> bool:
    """Does the term depend on more than the values of reads: on decisions, or on the final memory?"""
    return term.op in ("ite", "mem") or any(has_guards(a) for a in term.args)


def evaluate_at(term: Term, read: int, value: Value) -> Value:
    """The value of a term over one read, if that read sees ``value``."""
    if term.op == "const":
        result: Value = term.data
        return result
    if term.op == "read":
        return value
    return compute(term.op, term.data, tuple(evaluate_at(a, read, value) for a in term.args))
