"""What happens in a program if its branches decide in a given way: the events, what must be true of them, and their evaluation.

On a path no guard is left: an event happens or not, a value depends on what is read alone. Executions on it differ in who reads
from whom and in the order of the writes to each cell; all else that a model looks at is computed once for the path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from smpcheck.cat.concrete import Evaluation, Varied
from smpcheck.cat.nodes import Axiom, Model
from smpcheck.cat.slicing import ADDRESS, ALWAYS_THERE, CHOICE, VALUE, Slice, sliced, tags_of
from smpcheck.program.bit_square import Relation, square
from smpcheck.program.events import DEPENDENCIES, Event, Term, compute
from smpcheck.program.execution import INIT_THREAD, ExecutedEvent, Execution
from smpcheck.program.guards import ALWAYS
from smpcheck.program.values import Value, truth
from smpcheck.solver.coherence_orders import CellAccesses
from smpcheck.solver.unrolled import Unrolled

Values: TypeAlias = Mapping[int, Value]
"""The values of the reads that are known, by number of event."""
Contents: TypeAlias = Callable[[Value], Value | None]
"""The final contents of a cell."""
Demand: TypeAlias = tuple[Term, bool]
"""A term, and whether it has to be true or false."""


def value_of(term: Term, values: Values, holds: Callable[[int], bool], final: Contents | None = None) -> Value | None:
    """The value of ``term``; None where that is not settled by ``values`` and the ``final`` contents of cells. ``holds``: does a
    guard? Raises UndefinedValue where C leaves it undefined."""
    op, args = term.op, term.args
    if op == "const":
        known: Value = term.data
        return known
    if op == "read":
        return values.get(term.data)
    if op == "mem":
        return None if final is None else final(term.data)
    if op == "ite":
        return value_of(args[0] if holds(term.data) else args[1], values, holds, final)
    first = value_of(args[0], values, holds, final)
    if op == "bin" and term.data[0] in ("&&", "||"):
        decisive = term.data[0] == "||"
        if first is not None and truth(first) == decisive:
            return int(decisive)
        second = value_of(args[1], values, holds, final)
        if second is not None and (first is not None or truth(second) == decisive):
            return int(truth(second))
        return None
    if first is None:
        return None
    if op == "cond":
        return value_of(args[1 if truth(first) else 2], values, holds, final)
    if len(args) == 1:
        return compute(op, term.data, (first,))
    second = value_of(args[1], values, holds, final)
    return None if second is None else compute(op, term.data, (first, second))


def demands(term: Term, wanted: bool) -> list[Demand]:
    """What makes ``term`` true or false, taken apart: each of these has to be so."""
    if term.op == "bin" and term.data[0] == ("&&" if wanted else "||"):
        return [demand for arg in term.args for demand in demands(arg, wanted)]
    if term.op == "un" and term.data[0] == "!":
        return demands(term.args[0], not wanted)
    return [(term, wanted)]


class Path:
    """The events that happen if decision number i of the program is taken where ``decisions[i]``.

    ``demands``: what an execution on this path has to meet, whatever is asked. ``fixed``: are all addresses known beforehand?
    """

    def __init__(self, unrolled: Unrolled, model: Model, decisions: Sequence[bool]) -> None:
        self.graph = graph = unrolled.graph
        self.decisions = decisions
        address = unrolled.domains.address
        touched = {a for e, cells in address.items() if e >= graph.init_count for a in cells}
        init = graph.events[: graph.init_count]
        self.events = [e for e in init if e.addr is not None and e.addr.data in touched]
        own = [e for e in graph.events[graph.init_count :] if e.guard == ALWAYS or self.holds(e.guard)]
        self.events += own
        self.position = {e.id: x for x, e in enumerate(self.events)}
        self.sources = unrolled.domains.sources
        self.reads = [e for e in self.events if e.kind == "R"]
        self.fixed = all(e.addr is None or e.addr.op == "const" for e in self.events)
        self.demands: list[Demand] = []
        for decision, taken in zip(graph.decisions, decisions, strict=True):
            if decision.cond is not None and self.holds(decision.parent):
                self.demands += demands(decision.cond, taken)
        for requirement in graph.requirements:
            if self.holds(requirement.guard):
                self.demands += demands(requirement.cond, True)
        if unrolled.filter_term is not None:
            self.demands += demands(unrolled.filter_term, True)
        self.square = square(len(self.events))
        bases = self._bases()
        tags = tags_of(model)
        kinds = frozenset([(e.kind, e.tags & tags, e.partner in self.position) for e in self.events])
        there = frozenset([name for name, relation in bases.items() if relation])
        self.is_whole = len(own) == len(graph.events) - graph.init_count and all(
            name in there for name, pairs in graph.dependencies().items() if pairs
        )
        """Does all happen that may, with every kind of dependency? Then what its slice leaves out matters on no path."""
        self.slice: Slice = sliced(model, kinds, there | ALWAYS_THERE, CHOICE | VALUE | (0 if self.fixed else ADDRESS))
        if self.fixed:
            bases["loc"] = self._same_address({})
        self.common = Evaluation(_NO_EXECUTION, self.events)
        """What all executions of the path have in common."""
        self.common.bases.update(dict.fromkeys(DEPENDENCIES, 0))
        self.common.bases.update(bases)
        self.common.run(self.slice.common)
        self._cells = self._accesses({}) if self.fixed else None

    def holds(self, guard: int) -> bool:
        """Does a guard hold on this path?"""
        return self.graph.guards.holds(guard, self.decisions)

    def value(self, term: Term, values: Values, final: Contents | None = None) -> Value | None:
        """:func:`value_of` on this path."""
        return value_of(term, values, self.holds, final)

    def address(self, event: Event, values: Values) -> Value | None:
        """Where an access is to, as far as ``values`` settle that."""
        assert event.addr is not None
        known: Value | None = event.addr.data if event.addr.op == "const" else self.value(event.addr, values)
        return known

    def cells(self, values: Values) -> list[CellAccesses]:
        """The accesses to each cell that some thread accesses."""
        return self._accesses(values) if self._cells is None else self._cells

    def _accesses(self, values: Values) -> list[CellAccesses]:
        cells: dict[Value | None, CellAccesses] = {}
        for event in self.events:
            if event.kind != "F":
                cells.setdefault(self.address(event, values), CellAccesses()).add(event)
        return [cell for cell in cells.values() if cell.threads]

    # --- evaluation ---

    def _event(self, x: int, e: Event, values: Values) -> ExecutedEvent:
        """An event as one of an execution."""
        address = None if e.addr is None else self.address(e, values)
        value = None if e.value is None else self.value(e.value, values)
        return ExecutedEvent(x, e.thread, e.kind, e.tags, None, address, value)

    def _same_address(self, values: Values) -> Relation:
        """``loc``"""
        return self.square.classes([None if e.addr is None else self.address(e, values) for e in self.events])

    def _bases(self) -> dict[str, Relation]:
        """The base relations that all executions of the path have in common, those made of threads and addresses excepted."""
        position, width = self.position, self.square.width
        po = rmw = later = 0
        thread = INIT_THREAD
        for x in range(len(self.events) - 1, -1, -1):
            e = self.events[x]
            if e.thread == INIT_THREAD:
                break
            if e.thread != thread:
                later, thread = 0, e.thread
            po |= later << x * width
            later |= 1 << x
            if e.kind == "R" and e.partner in position:
                rmw |= 1 << x * width + position[e.partner]
        for a, b in self.graph.apart:
            if a in position and b in position:
                po &= ~(1 << position[a] * width + position[b])
        bases = {"po": po, "rmw": rmw}
        for name, pairs in self.graph.dependencies().items():
            relation = 0
            for (a, b), guard in pairs.items():
                if a in position and b in position and (guard == ALWAYS or self.holds(guard)):
                    relation |= 1 << position[a] * width + position[b]
            bases[name] = relation
        return bases

    def evaluation(self, sources: Iterable[tuple[int, int]], orders: Sequence[Sequence[int]], values: Values) -> Evaluation:
        """The execution with these reads and their sources, and these writes to each cell in coherence order."""
        position, width = self.position, self.square.width
        rf = co = fr = 0
        after: dict[int, int] = {}
        for order in orders:
            later = 0
            for write in reversed(order):
                after[write] = later
                x = position[write]
                co |= later << x * width
                later |= 1 << x
        for read, write in sources:
            x = position[read]
            rf |= 1 << position[write] * width + x
            fr |= after.get(write, 0) << x * width
        bases = {"rf": rf, "co": co, "fr": fr}
        if not self.fixed and self.slice.by_address:
            bases["loc"] = self._same_address(values)
        events = None
        if self.slice.by_value:
            events = tuple(self._event(x, e, values) for x, e in enumerate(self.events))
        return Varied(self.common, bases, events)

    @property
    def needs_last_writes(self) -> bool:
        """Does the model speak of final writes? No tag of a possible event says which these are."""
        return "FW" in self.slice.base_sets

    def is_settled(self, axiom: Axiom) -> bool:
        """Is a requirement or flag the same in all executions of this path?"""
        return axiom in self.slice.settled


_NO_EXECUTION = Execution((), {})
