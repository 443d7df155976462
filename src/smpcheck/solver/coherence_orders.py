"""The orders in which the writes to one cell may hit memory, given who reads from whom.

Coherence per location says that along program order a thread never goes back in the order of a cell's writes: what it reads or
writes next is the same write or a later one, and what it writes is later than what it has seen. So the chain of each thread's
accesses gives pairs of writes in order, and the orders are the linear extensions of these pairs (Alglave, Maranget, Tautschnig,
"Herding cats" (2014), section 4.2: the five shapes that "sc per location" forbids are what breaks such a chain).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

from smpcheck.program.events import Event


class CellAccesses(Struct, frozen=True):
    """The accesses to one cell that happen: its writes and reads by number, the initial write first, and those of each thread."""

    writes: list[int] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    threads: dict[int, list[Event]] = field(default_factory=dict)
    _known: dict[tuple[int, ...], list[list[int]]] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """One more access, in the order of numbers."""
        (self.writes if event.kind == "W" else self.reads).append(event.id)
        if event.thread >= 0:
            self.threads.setdefault(event.thread, []).append(event)

    def orders(self, sources: Mapping[int, int], atomic: bool) -> list[list[int]]:
        """The coherence orders of the cell's writes. ``sources``: the write that each read reads from. ``atomic``: no write of
        another thread comes between what an atomic operation reads and what it writes. All accesses have been added, and
        ``atomic`` is the same each time."""
        key = tuple([sources[read] for read in self.reads])
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = list(_orders(self, sources, atomic))
        return found


def _orders(cell: CellAccesses, sources: Mapping[int, int], atomic: bool) -> Iterator[list[int]]:
    first, rest = cell.writes[0], cell.writes[1:]
    before: dict[int, set[int]] = {write: set() for write in cell.writes}
    following: dict[int, list[Event]] = {}
    for accesses in cell.threads.values():
        seen = first
        for access in accesses:
            if access.kind == "W":
                if seen == access.id:
                    return  # it was read before it was written
                before[access.id].add(seen)
                seen = access.id
            else:
                source = sources[access.id]
                if source != seen:
                    before[source].add(seen)
                    seen = source
                if atomic and access.partner in before:
                    following.setdefault(source, []).append(access)
    if before[first]:
        return
    if len(rest) < 2:
        yield cell.writes
        return
    thread = {access.id: number for number, accesses in cell.threads.items() for access in accesses}
    yield from _extensions([first], rest, before, following, thread)


def _extensions(
    order: list[int],
    rest: Sequence[int],
    before: Mapping[int, set[int]],
    following: Mapping[int, list[Event]],
    thread: Mapping[int, int],
) -> Iterator[list[int]]:
    """The ways to go on from ``order``. ``following``: the atomic operations that read a write, and so come next."""
    if not rest:
        yield order
        return
    awaited = {thread[read.id] for write in order for read in following.get(write, ()) if read.partner not in order}
    for write in rest:
        if before[write].issubset(order) and awaited <= {thread[write]}:
            left = [other for other in rest if other != write]
            yield from _extensions([*order, write], left, before, following, thread)
