"""Domains are supersets of what can occur: of values, of sources, of addresses; and finite, or refused."""

from __future__ import annotations

import pytest

from smpcheck.program import ir
from smpcheck.program.events import EventGraph, unroll
from smpcheck.program.values import Ptr, Value
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver import domains as module
from smpcheck.solver.domains import Domains, evaluate_at, has_guards
from tests.naive.enumerate import executions
from tests.naive.generate import random_litmus
from tests.solver.common import program


def domains(subject: ir.Program, coherent: bool = True, unrolled: int = 2) -> Domains:
    return Domains(unroll(subject, unrolled), [], coherent)


def reads(d: Domains, thread: int) -> list[set[Value]]:
    """For each read of a thread, its values."""
    return [set(d.of(d.graph.terms.read(r.id))) for r in d.reads if r.thread == thread]


def sources(d: Domains, thread: int) -> list[set[int]]:
    """For each read of a thread, the threads of the writes that it may see (-1: the initial one)."""
    return [{w.thread for w in d.sources[r.id]} for r in d.reads if r.thread == thread]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_brute_force_sees_is_in_them(seed: int) -> None:
    """Each read of each candidate execution: its value, its address, its source."""
    subject = read_litmus(random_litmus(seed, budget=3))
    d = domains(subject, coherent=False)
    seen: dict[int, list[set[Value]]] = {t.index: reads(d, t.index) for t in subject.threads}
    everything = {t: set().union(*sets) if sets else set() for t, sets in seen.items()}
    try:
        for number, candidate in enumerate(executions(subject)):
            if number == 300:
                break
            for e in candidate.events:
                if e.kind == "R":
                    assert e.value in everything[e.thread]
                    if "if (" not in subject.source and len(seen[e.thread]) == 1:
                        assert e.value in seen[e.thread][0]
    except NotImplementedError:
        return


def test_a_chain_of_increments_is_bounded_by_its_length() -> None:
    """Each write happens once: four increments take the counter no further than 4, however the dataflow cycles (that a
    thread cannot read its own later increment is not seen here, but by the solver)."""
    d = domains(program(*["r0 = READ_ONCE(*x); WRITE_ONCE(*x, r0 + 1);"] * 4))
    assert reads(d, 0) == [{0, 1, 2, 3, 4}]
    assert d.cyclic == {r.id for r in d.reads}


def test_values_that_only_go_forward_are_not_cyclic() -> None:
    d = domains(program("r0 = READ_ONCE(*x); WRITE_ONCE(*y, r0 + 1);", "r0 = READ_ONCE(*y);", "WRITE_ONCE(*x, 1);"))
    assert d.cyclic == set()
    assert reads(d, 1) == [{0, 1, 2}]


def test_reads_whose_domain_grows_too_large_are_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DOMAIN", 8)
    d = domains(program(*["r0 = READ_ONCE(*x); WRITE_ONCE(*x, r0 * 3 + 1);"] * 12, "r0 = READ_ONCE(*y);"))
    assert d.wide == {r.id for r in d.reads if r.thread < 12}


def test_what_may_read_from_such_a_read_is_wide_and_what_it_addresses_may_be_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PRODUCT", 3)
    adds = "r0 = READ_ONCE(*x); r1 = READ_ONCE(*y); WRITE_ONCE(*z, r0 + r1);"
    follows = "r1 = READ_ONCE(*z); r2 = READ_ONCE(*(x + (r1 & 1)));"
    d = domains(program(adds + follows, "WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1);"))
    of_z, last = d.reads[2:]
    assert d.wide == {of_z.id, last.id}
    assert d.anywhere == {last.id}
    assert set(d.addresses(last)) == {Ptr("x"), Ptr("y"), Ptr("z")}


def test_values_that_justify_each_other_are_open_and_wide_where_they_may_come_out_of_thin_air() -> None:
    copy = "r0 = READ_ONCE(*x); WRITE_ONCE(*y, r0);", "r0 = READ_ONCE(*y); WRITE_ONCE(*x, r0);"
    graph = unroll(program(*copy, "r0 = READ_ONCE(*y);"))
    found, thin = (Domains(graph, [], True, thin_air=thin_air) for thin_air in (False, True))
    reads = {r.id for r in found.reads}
    assert (len(found.cyclic), found.open, found.wide) == (2, reads, set())
    assert (thin.cyclic, thin.open, thin.wide) == (set(), set(), reads)


def test_under_coherence_what_comes_later_or_is_overwritten_is_no_source() -> None:
    subject = program("WRITE_ONCE(*x, 1); r0 = READ_ONCE(*x); WRITE_ONCE(*x, 2);", "WRITE_ONCE(*x, 3);")
    assert reads(domains(subject), 0) == [{1, 3}]
    assert reads(domains(subject, coherent=False), 0) == [{0, 1, 2, 3}]


def test_a_write_of_one_branch_hides_nothing_in_the_other() -> None:
    subject = program("if (READ_ONCE(*y)) WRITE_ONCE(*x, 1); r0 = READ_ONCE(*x);", "WRITE_ONCE(*y, 1);")
    assert sources(domains(subject), 0)[-1] == {-1, 0}


def test_writes_of_the_other_branch_are_no_source() -> None:
    subject = program("r0 = READ_ONCE(*y); if (r0) WRITE_ONCE(*x, 1); else r1 = READ_ONCE(*x);", "WRITE_ONCE(*y, 1);")
    assert sources(domains(subject), 0)[-1] == {-1}


LOCK = "spinlock_t *l, int *x"


def test_an_acquisition_only_reads_a_free_lock() -> None:
    d = domains(program("spin_lock(l); spin_unlock(l);", "spin_lock(l); spin_unlock(l);", params=LOCK))
    assert reads(d, 0) == [{0}]
    assert sources(d, 0) == [{-1, 1}]


def test_a_successful_comparison_reads_what_was_expected() -> None:
    d = domains(program("r0 = cmpxchg(x, 2, 5);", "WRITE_ONCE(*x, 2);", "WRITE_ONCE(*x, 3);"))
    success, failure = reads(d, 0)
    assert success == {2}
    assert failure == {0, 3} or failure == {0, 2, 3}


def test_an_address_read_from_memory_is_one_of_those_stored() -> None:
    subject = program("int *p = READ_ONCE(*q); r0 = READ_ONCE(*p);", "WRITE_ONCE(*q, y);",
                      params="int **q, int *x, int *y", init="int *q = &x; y = 7;")  # fmt: skip
    d = domains(subject)
    assert set(d.address[d.reads[-1].id]) == {Ptr("x"), Ptr("y")}
    assert reads(d, 0)[-1] == {0, 7}
    assert d.faults == []


def test_an_address_that_may_be_null_is_a_fault() -> None:
    load = "int *p = READ_ONCE(*q); r0 = READ_ONCE(*p);"
    subject = program(load, "WRITE_ONCE(*q, x);", params="int **q, int *x", init="int *q = 0;")
    (fault,) = domains(subject).faults
    assert (fault.kind, fault.thread) == ("R", 0)


def test_lazy_operators_do_not_multiply() -> None:
    """The right side of && counts only where the left lets it be evaluated."""
    d = domains(program("r0 = READ_ONCE(*x); r1 = 0 && 1 / r0; r2 = r0 && 8 / r0; WRITE_ONCE(*y, r2);", "WRITE_ONCE(*x, 2);"))
    value = next(w.value for w in d.writes if w.thread == 0)
    assert set(d.of(value)) == {0, 1}


def graph_of(body: str) -> EventGraph:
    return unroll(program(body))


def test_a_term_over_one_read_can_be_evaluated_at_a_value() -> None:
    graph = graph_of("r0 = READ_ONCE(*x); WRITE_ONCE(*y, (r0 + 3) * r0);")
    read, write = graph.events[graph.init_count :]
    assert write.value is not None
    assert evaluate_at(write.value, read.id, 4) == 28
    assert not has_guards(write.value)


def test_a_term_that_depends_on_a_branch_has_guards() -> None:
    graph = graph_of("r0 = READ_ONCE(*x); if (r0) r1 = 5; else r1 = 6; WRITE_ONCE(*y, r1);")
    value = graph.events[-1].value
    assert value is not None
    assert has_guards(value)
    assert value.reads == frozenset()
