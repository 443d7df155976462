"""How strongly a model keeps a pair of program order: tried, not looked up.

That a model keeps two accesses of a thread in order does not say that this order counts in every cycle. Under the kernel's model
``smp_wmb()`` orders two stores for those who read them; which of two stores to one variable is the last it does not settle. So
the pair is put into a cycle of its own: a second thread, with a full barrier between its accesses, closes it in the way in which
it is closed in the execution. If the model allows that cycle, the pair is what gives way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

from smpcheck.cat.concrete import evaluate
from smpcheck.cat.nodes import Model
from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.questions.orders import Edge

INTO = {"R": ("rf",), "W": ("fr",)}
OUT_OF = {"R": ("fr",), "W": ("co",)}
"""How other threads lead to an access and on from it, where in the execution none does."""


def counts(pair: Edge, execution: Execution, model: Model) -> bool:
    """Does ``model`` forbid every cycle of ``pair`` with a second thread of full order that is closed as in ``execution``?"""
    a, b = (execution.events[e] for e in pair)
    if a.address == b.address:
        return True
    before = tuple(_kinds(execution, (e for e in _communication(execution) if e[2] == a.id))) or INTO[a.kind]
    after = tuple(_kinds(execution, (e for e in _communication(execution) if e[1] == b.id))) or OUT_OF[b.kind]
    return all(_forbidden(a, b, into, out, execution, model) for into, out in product(before, after))


def _communication(execution: Execution) -> Iterator[tuple[str, int, int]]:
    for kind in ("rf", "co"):
        for first, second in execution.relations[kind]:
            yield kind, first, second
    source = {r: w for w, r in execution.relations["rf"]}
    later: dict[int, list[int]] = {}
    for first, second in execution.relations["co"]:
        later.setdefault(first, []).append(second)
    for read, write in source.items():
        for second in later.get(write, ()):
            yield "fr", read, second


def _kinds(execution: Execution, edges: Iterable[tuple[str, int, int]]) -> dict[str, None]:
    """The kinds of those edges that join different threads."""
    events = execution.events
    return {
        kind: None
        for kind, x, y in edges
        if events[x].thread != events[y].thread and min(events[x].thread, events[y].thread) >= 0
    }


def _forbidden(a: ExecutedEvent, b: ExecutedEvent, into: str, out: str, execution: Execution, model: Model) -> bool:
    """Is the cycle forbidden that goes from ``b`` by ``out`` to a thread with a full barrier, and by ``into`` to ``a``?"""
    number = len(execution.events)
    thread = 1 + max(e.thread for e in execution.events)
    accesses = frozenset({"Once"})
    first = ExecutedEvent(number, thread, "R" if out == "rf" else "W", accesses, b.cell, b.address, b.value)
    barrier = ExecutedEvent(number + 1, thread, "F", frozenset({"Mb"}), text="smp_mb()")
    second = ExecutedEvent(number + 2, thread, "R" if into == "fr" else "W", accesses, a.cell, a.address, a.value)
    relations = {
        name: frozenset((x, y) for x, y in pairs if execution.events[x].thread == execution.events[y].thread == a.thread)
        for name, pairs in execution.relations.items()
    }
    rf, co = set(relations["rf"]), set(relations["co"])
    source = {r: w for w, r in execution.relations["rf"]}
    if out == "fr":
        rf.add((source[b.id], b.id))
        co.add((source[b.id], first.id))
    else:
        (rf if out == "rf" else co).add((b.id, first.id))
    if into == "fr":
        initial = next((w for w, x in execution.relations["co"] if x == a.id and execution.events[w].thread < 0), None)
        if initial is None:
            return True
        rf.add((initial, second.id))
        co.add((initial, a.id))
    else:
        (rf if into == "rf" else co).add((second.id, a.id))
    po = relations["po"] | {(number, number + 1), (number, number + 2), (number + 1, number + 2)}
    changed = {**relations, "po": po, "rf": frozenset(rf), "co": frozenset(co)}
    tried = replace(execution, events=(*execution.events, first, barrier, second), relations=changed)
    return any(not violation.flag for violation in evaluate(model, tried))
