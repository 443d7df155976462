"""Constraints that follow from the axioms, added because clause learning finds them only at exponential cost.

Atomic operations that form a chain (each reads from the one before) make a counting argument: n increments take n different
values. Resolution proves such pigeonhole facts only in exponential size (Haken 1985), so they are stated. Nothing here removes
an execution: each constraint holds in every execution of a model that requires coherence and atomicity of read-modify-writes
(``empty rmw & (fre ; coe)``), and is added only under such a model.

*One successor.* Of the atomic operations on a cell, at most one reads from any given write. Let two read from w, and let their
writes be a, then b, in coherence order: a comes between w and b, which atomicity of the second forbids.

*Places.* Let all writes to a cell but the initial one be halves of atomic operations that always happen (``atomic_inc``), or,
for a lock, let all acquisitions always happen and be followed by their release. Then the operations form one chain from the
initial write; the k-th has place k; each operation has one place and each place one operation. Where all compute the same
function, the place tells the value.
"""

from __future__ import annotations

from smpcheck.program.events import Event
from smpcheck.program.guards import ALWAYS
from smpcheck.program.values import UndefinedValue, Value
from smpcheck.solver.aspif import FALSE
from smpcheck.solver.domains import evaluate_at, has_guards
from smpcheck.solver.encode import Encoding


def add_chains(encoding: Encoding) -> None:
    """Add the constraints described above for every cell of the program. The model must be coherent and atomic."""
    graph, out, domains = encoding.graph, encoding.out, encoding.domains
    events = graph.events
    readers: dict[int, list[int]] = {}
    for (w, r), literal in encoding.rf.items():
        read, write = events[r], events[w]
        if read.partner is not None and read.addr is write.addr:
            if events[read.partner].guard != read.guard:  # a thread that waits forever here only reads
                literal = out.conj2(literal, encoding.happens(read.partner))
            readers.setdefault(w, []).append(literal)
    for literals in readers.values():
        if len(literals) > 1:
            out.at_most_one(literals)
    cells: dict[Value, list[Event]] = {}
    for write in domains.writes:
        for a in domains.address[write.id]:
            cells.setdefault(a, []).append(write)
    for writes in cells.values():
        init, rest = writes[0], writes[1:]
        if len(rest) > 1 and all(w.guard == ALWAYS and w.addr is init.addr for w in rest):
            operations = [w for w in rest if w.partner is not None]
            if len(operations) == len(rest):
                _places(encoding, init, operations, {w.id: w.id for w in operations})
            else:
                released = _released(rest)
                if released is not None:
                    _places(encoding, init, [w for w in rest if w.partner is not None], released)


def _released(writes: list[Event]) -> dict[int, int] | None:
    """For a lock: from each release to the acquisition before it, if the writes are pairs of these in every thread."""
    result: dict[int, int] = {}
    taken: dict[int, int] = {}
    for w in writes:
        if "LKW" in w.tags and w.thread not in taken:
            taken[w.thread] = w.id
        elif "UL" in w.tags and w.thread in taken:
            result[w.id] = taken.pop(w.thread)
        else:
            return None
    return result if not taken else None


def _places(encoding: Encoding, init: Event, operations: list[Event], owner: dict[int, int]) -> None:
    """Give each operation its place in the chain; ``owner`` maps writes to the operation that they end."""
    out, rf, events = encoding.out, encoding.rf, encoding.graph.events
    n = len(operations)
    place = {(w.id, k): out.atom() for w in operations for k in range(n)}
    for w in operations:
        assert w.partner is not None
        for source in encoding.sources[w.partner]:
            literal = rf[source, w.partner]
            if source == init.id:
                out.rule(place[w.id, 0], [literal])
            elif source in owner:
                before = owner[source]
                for k in range(n - 1):
                    out.rule(place[w.id, k + 1], [literal, place[before, k]])
        atoms = [place[w.id, k] for k in range(n)]
        out.require(atoms)
        out.at_most_one(atoms)
    for k in range(n):
        atoms = [place[w.id, k] for w in operations]
        out.require(atoms)
        out.at_most_one(atoms)
    _values_by_place(encoding, init, operations, place)
    if all(owner.get(w.id) == w.id for w in operations):
        for w in operations:
            out.forbid((encoding.last(w.id), -place[w.id, n - 1]))
            out.forbid((-encoding.last(w.id), place[w.id, n - 1]))
    # the order of places is the coherence order
    for a in operations:
        for b in operations:
            if a.id < b.id and events[a.id].thread != events[b.id].thread:
                for k in range(n):
                    for m in range(n):
                        if k != m:
                            first = encoding.co(a.id, b.id)
                            out.forbid((place[a.id, k], place[b.id, m], -first if k < m else first))


def _values_by_place(encoding: Encoding, init: Event, operations: list[Event], place: dict[tuple[int, int], int]) -> None:
    """Where all operations compute the same function of what they read (each adds 1), the place tells the value."""
    assert init.value is not None
    domains = encoding.domains
    current: Value = init.value.data
    for k in range(len(operations)):
        results = set()
        for w in operations:
            assert w.value is not None and w.partner is not None
            if not w.value.reads <= {w.partner} or has_guards(w.value):
                return
            try:
                results.add(evaluate_at(w.value, w.partner, current))
            except UndefinedValue:
                return
        if len(results) != 1:
            return
        (current,) = results
        for op in operations:
            assert op.value is not None
            if domains.is_wide(op.value):
                vector = encoding.vectors.vector(op.value)
                encoding.out.forbid((place[op.id, k], -encoding.vectors.is_value(vector, current)))
                continue
            values = encoding.values(op.value)
            encoding.out.forbid((place[op.id, k], -values.get(current, FALSE)))
            for value, literal in values.items():
                if value != current:
                    encoding.out.forbid((place[op.id, k], literal))
