"""An execution that the solver shows, checked against the program by running each thread with the values that it read."""

from __future__ import annotations

from smpcheck.program import ir
from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.values import Ptr
from tests.naive.enumerate import Cells, Ev, State, run

DEPENDENCIES = ("addr", "data", "ctrl")


def mismatch(program: ir.Program, execution: Execution) -> str | None:
    """What of an execution the program does not do; None if its threads run like that, with just these dependencies."""
    found = {name: set[tuple[int, int]]() for name in (*DEPENDENCIES, "rmw")}
    for thread in program.threads:
        events = [e for e in execution.events if e.thread == thread.index]
        values = Cells()
        for e in events:
            if e.kind == "R" and isinstance(e.address, Ptr) and e.value is not None:
                values.setdefault(e.address, set()).add(e.value)
        states = [s for s in run(thread.body, State(), values) if _alike(s.events, events)]
        if not states:
            return f"P{thread.index} cannot do {events}"
        for target, event in enumerate(states[0].events):
            for name in DEPENDENCIES:
                found[name] |= {(events[source].id, events[target].id) for source in getattr(event, name)}
            if event.rmw is not None:
                found["rmw"].add((events[event.rmw].id, events[target].id))
    return next(
        (
            f"{name}: solver only {execution.relations[name] - pairs}, the run only {pairs - execution.relations[name]}"
            for name, pairs in found.items()
            if execution.relations[name] != pairs
        ),
        None,
    )


def _alike(own: tuple[Ev, ...], shown: list[ExecutedEvent]) -> bool:
    return [(e.kind, e.tags, e.address, e.value) for e in own] == [(e.kind, e.tags - {"FW"}, e.address, e.value) for e in shown]
