"""Who reads from whom on a path, so that the values that follow meet what is demanded.

A backtracking search: reads with few sources first, and after each choice all demands that it settles; where addresses are fixed,
also whether the writes to a cell whose reads have all chosen can be put in order. A demand on one read alone takes sources away
before the search begins, and one on the final contents of one cell those orders of its writes that do not end with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod

from smpcheck.program.events import Term
from smpcheck.program.values import Value, truth
from smpcheck.solver.coherence_orders import CellAccesses
from smpcheck.solver.paths import Demand, Path, Values


def has_memory(term: Term) -> bool:
    """Does a term depend on the final contents of cells?"""
    return term.op == "mem" or any(map(has_memory, term.args))


def only_cell(term: Term) -> Value | None:
    """The cell on whose final contents a term depends, and on nothing else; None if there is no such."""
    if term.reads or term.op == "ite":
        return None
    if term.op == "mem":
        cell: Value = term.data
        return cell
    found = {only_cell(arg) for arg in term.args if arg.op != "const"}
    return found.pop() if len(found) == 1 else None


class SourceChoice:
    """The ways to choose a source for each read of ``path`` that may meet the ``demands``: what they leave open, final contents
    for example, is to be looked at in the end.

    ``tried`` is called for each source that is tried. ``count``: at most so many ways.
    """

    def __init__(self, path: Path, demands: Sequence[Demand], atomic: bool, tried: Callable[[], None]) -> None:
        self.path = path
        self.atomic = atomic
        self.tried = tried
        self.written = {e.id: path.value(e.value, {}) for e in path.events if e.kind == "W" and e.value is not None}
        self.some_are_computed = None in self.written.values()
        self.finals: dict[Value, list[Demand]] = {}
        """Demands on the final contents of one cell."""
        for term, wanted in demands:
            cell = only_cell(term)
            if cell is not None:
                self.finals.setdefault(cell, []).append((term, wanted))
        demands = [(term, wanted) for term, wanted in demands if not has_memory(term)]
        self.is_possible = all(self.is_met(demand, {}) for demand in demands)
        self.demands = [demand for demand in demands if demand[0].reads]
        options = {read.id: self._options(read.id) for read in path.reads}
        self.options = sorted(options.items(), key=lambda item: len(item[1]))
        self.complete = self._completed_cells() if path.fixed else {}
        self.count = prod(map(len, options.values())) if self.is_possible else 0

    def _options(self, read: int) -> list[int]:
        """The sources that a read may have as far as it alone is concerned."""
        path, written = self.path, self.written
        found = [w.id for w in path.sources[read] if w.id in path.position]
        for demand in self.demands:
            if demand[0].reads == {read}:
                found = [w for w in found if written[w] is None or self.is_met(demand, {read: written[w]})]  # type: ignore[dict-item]
        return found

    def _completed_cells(self) -> dict[int, CellAccesses]:
        """By the read that chooses last of those of a cell: the cell."""
        turn = {read: i for i, (read, _) in enumerate(self.options)}
        return {max(cell.reads, key=turn.__getitem__): cell for cell in self.path.cells({}) if cell.reads}

    def orders(self, cell: CellAccesses, sources: Mapping[int, int], values: Values) -> list[list[int]]:
        """The orders of the writes to a cell, all of whose reads have sources, after which its final contents may be what is
        demanded."""
        found = cell.orders(sources, self.atomic)
        address = self.path.graph.events[cell.writes[0]].addr
        finals = self.finals.get(address.data) if self.finals and address is not None else None
        if not finals or not found:
            return found
        may_be_last = {last: self._may_be_last(last, finals, values) for last in {order[-1] for order in found}}
        return [order for order in found if may_be_last[order[-1]]]

    def _may_be_last(self, write: int, finals: Sequence[Demand], values: Values) -> bool:
        """May a write leave what is demanded?"""
        term = self.path.graph.events[write].value
        value = None if term is None else self.path.value(term, values)
        if value is None:
            return True
        found = [(self.path.value(demand, {}, lambda _: value), wanted) for demand, wanted in finals]
        return all(known is None or truth(known) == wanted for known, wanted in found)

    def is_met(self, demand: Demand, values: Values) -> bool:
        """May the demand still be met with these values?"""
        value = self.path.value(demand[0], values)
        return value is None or truth(value) == demand[1]

    def ways(self) -> Iterator[tuple[Mapping[int, int], Values]]:
        """Each way: the source of each read, and its value, which those lack that justify each other."""
        if self.is_possible:
            yield from self._from(0, {}, {})

    def _from(self, depth: int, sources: dict[int, int], values: dict[int, Value]) -> Iterator[tuple[Mapping[int, int], Values]]:
        if depth == len(self.options):
            if self.path.fixed or len(values) < len(sources) or self._is_at_one_place(sources, values):
                yield dict(sources), values
            return
        read, options = self.options[depth]
        for write in options:
            self.tried()
            sources[read] = write
            new = self._with(read, write, sources, values)
            cell = self.complete.get(read)
            if cell is not None and not self.orders(cell, sources, new):
                continue
            if all(self.is_met(demand, new) for demand in self.demands if self.some_are_computed or read in demand[0].reads):
                yield from self._from(depth + 1, sources, new)
        sources.pop(read, None)

    def _with(self, read: int, write: int, sources: Mapping[int, int], values: dict[int, Value]) -> dict[int, Value]:
        """``values``, and what follows when the read is from this write."""
        known = self.written[write]
        if not self.some_are_computed:
            return values if known is None else {**values, read: known}
        new = dict(values)
        changed = True
        while changed:
            changed = False
            for reader, source in sources.items():
                if reader not in new:
                    value = self.written[source]
                    if value is None:
                        term = self.path.graph.events[source].value
                        value = None if term is None else self.path.value(term, new)
                    if value is not None:
                        new[reader] = value
                        changed = True
        return new

    def _is_at_one_place(self, sources: Mapping[int, int], values: Values) -> bool:
        """Is each read at the address of its source?"""
        events, address = self.path.graph.events, self.path.address
        return all(address(events[read], values) == address(events[write], values) for read, write in sources.items())
