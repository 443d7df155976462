"""One candidate execution, as data: what the solver found, what explanations and pictures are made from.

Events are numbered from 0 in the order: initial writes, then thread 0 in program order, thread 1, ... Only events that happen in
this execution are listed. Relations are sets of pairs of event ids. The base relations are those that a memory model starts from
(see :class:`smpcheck.cat.nodes.Model`).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from smpcheck.program.ir import FinalMem, FinalReg, Position
from smpcheck.program.values import Value

INIT_THREAD = -1


class ExecutedEvent(Struct, frozen=True):
    """An event of an execution.

    ``kind`` is ``R``, ``W`` or ``F``; ``tags`` are the model's tags (``Once``, ``Mb``, ...; ``IW`` and ``FW`` for initial and
    final writes, ``RMW`` for both halves of an atomic operation); ``cell`` is the printed name of the location, if it has one;
    ``address`` its address; ``value`` what was read or written; ``text`` the source text of the primitive.
    """

    id: int
    thread: int
    kind: str
    tags: frozenset[str]
    cell: str | None = None
    address: Value | None = None
    value: Value | None = None
    pos: Position | None = None
    text: str = ""


class Execution(Struct, frozen=True):
    """Events, base relations and the final state of one execution.

    ``relations`` has ``po addr data ctrl rmw rf co`` (``po`` and ``co`` transitive). ``final`` is the final state restricted to
    what the question observes; ``failed`` names the assertions that fail in it; ``stuck`` maps a thread that waits forever to
    the position where it waits; ``faults`` are the names (:mod:`smpcheck.program.faults`) and positions of what is done to
    nothing or undefined in it.
    """

    events: tuple[ExecutedEvent, ...]
    relations: Mapping[str, frozenset[tuple[int, int]]]
    final: Mapping[FinalReg | FinalMem, Value] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    stuck: Mapping[int, Position | None] = field(default_factory=dict)
    faults: tuple[tuple[str, Position | None], ...] = ()

    @property
    def together(self) -> Mapping[int, frozenset[int]]:
        """For each event of an access that covers several cells: all events of its instruction."""
        found: dict[int, set[int]] = {}
        for a, b in self.relations.get("same-instance", ()):
            found.setdefault(a, {a}).add(b)
        return {a: frozenset(members) for a, members in found.items()}
