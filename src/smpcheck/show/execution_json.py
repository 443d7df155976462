"""One execution as JSON: the object that every answer uses which holds an execution (``check``, ``explain``, ``barriers``, ...).

Its form is ``smpcheck-execution/1``, described by ``schemas/execution-1.json`` (see :mod:`smpcheck.schemas`) and in
docs/explain.md. Keys may be added under the same number; a change of meaning gets a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.ir import Call, Position, Program
from smpcheck.program.values import Value
from smpcheck.questions.interleaving import interleaving

SCHEMA = "smpcheck-execution/1"

Json: TypeAlias = dict[str, Any]


def execution_object(execution: Execution, program: Program) -> Json:
    """``execution`` of ``program`` as an object that :func:`json.dumps` takes."""
    order = interleaving(execution)
    return {
        "schema": SCHEMA,
        "program": program.name,
        "threads": [{"id": thread.index, "name": thread.name or f"P{thread.index}"} for thread in program.threads],
        "events": [event_object(event, program) for event in execution.events],
        "relations": {name: sorted(map(list, pairs)) for name, pairs in sorted(relations_of(execution).items())},
        "final": {program.variable_name(variable): value_of(value, program) for variable, value in execution.final.items()},
        "failed": list(execution.failed),
        "stuck": [{"thread": thread, "position": position(pos)} for thread, pos in sorted(execution.stuck.items())],
        "order": None if order is None else list(order),
    }


def relations_of(execution: Execution) -> dict[str, frozenset[tuple[int, int]]]:
    """The base relations and ``fr``: from each read to the writes that overwrite what it read."""
    later: dict[int, set[int]] = {}
    for a, b in execution.relations["co"]:
        later.setdefault(a, set()).add(b)
    fr = frozenset((r, b) for w, r in execution.relations["rf"] for b in later.get(w, ()) if b != r)
    return {**execution.relations, "fr": fr}


def event_object(event: ExecutedEvent, program: Program) -> Json:
    """One event."""
    return {
        "id": event.id, "thread": event.thread, "kind": event.kind, "tags": sorted(event.tags), "cell": event.cell,
        "value": None if event.value is None else value_of(event.value, program),
        "position": position(event.pos), "text": event.text,
    }  # fmt: skip


def value_of(value: Value, program: Program) -> int | str:
    """An integer, or for an address the name of what it points to."""
    return value if isinstance(value, int) else program.show_value(value)


def position(pos: Position | None) -> Json | None:
    """``{"file": ..., "line": ..., "column": ...}``, or null; in an inlined function, with its ``calls``."""
    return None if pos is None else {**place(pos), **({"calls": calls_object(pos.calls)} if pos.inlined_at else {})}


def place(pos: Position) -> Json:
    """File, line and column."""
    return {"file": pos.file, "line": pos.line, "column": pos.column}


def calls_object(calls: Sequence[Call]) -> list[Json]:
    """Calls, that in the thread itself first: the ``function`` that is called, and where."""
    return [{"function": call.function, **place(call.pos)} for call in calls]
