"""An execution as data: numbered as documented, closed under its relations, and fit to be sent to another process."""

from __future__ import annotations

import pickle
from itertools import product

from smpcheck.cat.load import load_model
from smpcheck.program.execution import INIT_THREAD, ExecutedEvent, Execution
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

TEXT = """C t
{}
P0(int *x, int *y) { int r0; r0 = READ_ONCE(*x); if (r0) WRITE_ONCE(*y, 1); else smp_mb(); }
P1(int *x, atomic_t *y) { WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2); atomic_inc(y); }
exists (0:r0=1)
"""


def witness() -> Execution:
    found = solve(read_litmus(TEXT), load_model("lkmm"), Question(witness=True)).witness
    assert found is not None
    return found


def test_events_are_numbered_initial_writes_first_then_thread_by_thread() -> None:
    events = witness().events
    assert [e.id for e in events] == list(range(len(events)))
    assert [e.thread for e in events] == sorted(e.thread for e in events)
    assert [e.thread for e in events if "IW" in e.tags] == [INIT_THREAD] * 2


def test_only_what_happens_is_there() -> None:
    events = witness().events
    assert [(e.kind, e.cell, e.value) for e in events if e.thread == 0] == [("R", "x", 1), ("W", "y", 1)]


def test_every_read_has_one_source_of_its_location_and_value() -> None:
    execution = witness()
    events = execution.events
    for e in events:
        if e.kind == "R":
            (source,) = [events[w] for w, r in execution.relations["rf"] if r == e.id]
            assert (source.kind, source.address, source.value) == ("W", e.address, e.value)


def test_coherence_is_a_total_order_for_each_location_that_ends_at_its_final_write() -> None:
    execution = witness()
    co = execution.relations["co"]
    writes = [e for e in execution.events if e.kind == "W"]
    for a, b in product(writes, writes):
        if a.id != b.id:
            assert ((a.id, b.id) in co) + ((b.id, a.id) in co) == (a.address == b.address)
    for a in writes:
        assert ("FW" in a.tags) == (not any(first == a.id for first, _ in co))


def test_program_order_and_coherence_are_transitive() -> None:
    relations = witness().relations
    for name in ("po", "co"):
        pairs = relations[name]
        assert {(a, d) for a, b in pairs for c, d in pairs if b == c} <= pairs


def test_it_survives_a_pipe() -> None:
    execution = witness()
    assert pickle.loads(pickle.dumps(execution)) == execution


def test_what_is_not_said_is_empty() -> None:
    bare = Execution((ExecutedEvent(0, 0, "F", frozenset({"Mb"})),), {})
    assert (bare.final, bare.failed, bare.stuck) == ({}, (), {})
    assert (bare.events[0].cell, bare.events[0].value, bare.events[0].text) == (None, None, "")
