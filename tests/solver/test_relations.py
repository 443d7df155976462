"""Relations over a program's events: bit rows, guards of single pairs, recursion, and the base relations."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.nodes import Axiom, Model, Node, define_rec, make, rec_variable
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.bit_rows import closure
from smpcheck.program.guards import ALWAYS, NEVER
from smpcheck.solver.relations import Relations
from tests.program.test_bit_rows import pairs
from tests.solver.common import COHERENCE, COHERENT, NO_MODEL, PATHS, base, events, executions, key, op, program, session


def relations(subject: ir.Program) -> Relations:
    return session(subject, NO_MODEL).relations


BRANCH = program("r0 = READ_ONCE(*x); if (r0) { WRITE_ONCE(*y, 1); smp_mb(); } else WRITE_ONCE(*z, 1); r1 = READ_ONCE(*y);")
# events: 0..2 initial, 3 R x, 4 W y, 5 F, 6 W z, 7 R y


def test_program_order_leaves_out_what_cannot_happen_together() -> None:
    assert pairs(relations(BRANCH).base("po").may) == {(3, 4), (3, 5), (3, 6), (3, 7), (4, 5), (4, 7), (5, 7), (6, 7)}


def test_int_and_ext_partition_what_is_not_between_initial_writes() -> None:
    r = relations(program("WRITE_ONCE(*x, 1);", "r0 = READ_ONCE(*x);"))
    internal, external = pairs(r.base("int").may), pairs(r.base("ext").may)
    initial = {x for x in range(r.n) if r.graph.events[x].thread < 0}
    assert internal & external == set()
    everything = {(x, y) for x in range(r.n) for y in range(r.n)}
    assert everything - internal - external == {(x, y) for x in initial for y in initial}


def test_a_fence_in_one_branch_orders_under_its_guard() -> None:
    r = relations(BRANCH)
    fenced = r.evaluate(op("seq", base("po"), op("seq", events("Mb"), base("po"))))
    taken = r.graph.events[4].guard
    assert pairs(fenced.may) == {(3, 7), (4, 7)}
    assert r.condition(fenced, 3, 7) == taken
    assert pairs(r.must(fenced)) == {(4, 7)}


def test_a_static_difference_keeps_guards_exact() -> None:
    r = relations(BRANCH)
    fenced = op("seq", base("po"), op("seq", events("Mb"), base("po")))
    unfenced = r.evaluate(op("diff", base("po"), fenced))
    assert r.condition(unfenced, 3, 7) == r.graph.guards.negate(r.graph.events[4].guard)
    assert r.condition(unfenced, 4, 7) == NEVER
    assert r.condition(unfenced, 6, 7) == r.compatible(6, 7)


def test_projections_of_static_relations_are_exact() -> None:
    r = relations(BRANCH)
    before_fence = make("set", "domain", (op("seq", base("po"), events("Mb")),))
    domain = r.evaluate(before_fence)
    assert r.condition(domain, 3, 3) == r.graph.events[5].guard
    assert r.condition(domain, 4, 4) == r.graph.events[4].guard


def test_what_is_static_needs_no_literal_but_its_guard() -> None:
    r = relations(program("WRITE_ONCE(*x, 1); smp_mb(); r0 = READ_ONCE(*y);"))
    po = r.base("po")
    assert r.straight
    assert {r.literal(po, x, y) for x, y in pairs(po.may)} == {1}
    assert r.literal(po, 5, 3) == -1
    assert all(g == ALWAYS for g in r.guard)


def test_a_recursion_that_subtracts_itself_is_refused_not_run_for_ever() -> None:
    s, t = rec_variable("set", "s"), rec_variable("set", "t")
    reads, writes = make("set", "base", (), "R"), make("set", "base", (), "W")
    define_rec(s, make("set", "diff", (reads, t)))
    define_rec(t, make("set", "union", (writes, s)))
    with pytest.raises(UnsupportedError, match="s, t does not settle"):
        relations(BRANCH).evaluate(s)


def test_a_certain_closure_does_not_lead_through_what_may_not_happen() -> None:
    r = relations(BRANCH)
    adjacent = op("union", *[op("seq", events(a), op("seq", base("po"), events(b))) for a, b in (("R", "Mb"), ("Mb", "R"))])
    found = r.evaluate(adjacent)
    assert pairs(r.must(found)) == {(3, 5), (5, 7)}
    assert pairs(closure(found.may)) == {(3, 5), (5, 7), (3, 7)}
    assert pairs(r.certain_closure(found)) == {(3, 5), (5, 7)}


def test_a_certain_closure_leads_through_what_happens_with_one_end() -> None:
    r = relations(BRANCH)
    steps = op("union", *[op("seq", events(a), op("seq", base("po"), events(b))) for a, b in (("W", "Mb"), ("Mb", "R"))])
    assert pairs(r.certain_closure(r.evaluate(steps))) == {(4, 5), (5, 7), (4, 7)}


def test_unknown_base_relations_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="the base relation amo is not provided"):
        relations(BRANCH).evaluate(base("amo"))


# --- recursion ---


def recursive(step: Node, start: Node) -> Node:
    """``let rec r = start | (r ; step)``"""
    r = rec_variable("rel", "r")
    define_rec(r, op("union", start, op("seq", r, step)))
    return r


def test_a_static_recursion_is_its_least_fixpoint() -> None:
    r = relations(BRANCH)
    rec, plain = r.evaluate(recursive(base("po"), base("po"))), r.evaluate(op("plus", base("po")))
    assert rec.static
    assert rec.may == plain.may
    assert {p: r.condition(rec, *p) for p in pairs(rec.may)} == {p: r.condition(plain, *p) for p in pairs(plain.may)}


def test_a_dynamic_recursion_may_hold_whatever_its_closure_may() -> None:
    r = relations(program("r0 = READ_ONCE(*x); WRITE_ONCE(*y, r0);", "r0 = READ_ONCE(*y); WRITE_ONCE(*x, 1);"))
    step = op("union", base("rf"), base("po"))
    rec = r.evaluate(recursive(step, step))
    assert not rec.static
    assert rec.may == r.evaluate(op("plus", step)).may


def test_subtraction_inside_a_dynamic_recursion_is_refused_by_name() -> None:
    r = relations(program("WRITE_ONCE(*x, 1);", "r0 = READ_ONCE(*x);"))
    var = rec_variable("rel", "odd")
    define_rec(var, op("union", base("rf"), op("diff", base("rf"), var)))
    with pytest.raises(UnsupportedError, match="the recursive definition of odd subtracts itself"):
        r.evaluate(var)


SHUFFLE = program("r0 = READ_ONCE(*x); WRITE_ONCE(*y, 1); r1 = READ_ONCE(*y);", "r0 = READ_ONCE(*y); WRITE_ONCE(*x, 1);")


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(PATHS, PATHS, PATHS)
def test_a_definition_that_adds_what_it_subtracts_from_is_what_its_rounds_make_it(start: Node, step: Node, use: Node) -> None:
    """``let rec r = r | (start \\ (r ; step))``, as 6.1 pairs SRCU markers: by all executions, judged one by one."""
    var = rec_variable("rel", "r")
    define_rec(var, op("union", var, op("diff", start, op("seq", var, step))))
    axiom = Axiom("empty", op("inter", var, use), "rounds")
    try:
        found = {key(e) for e in executions(session(SHUFFLE, Model("m", (COHERENCE, axiom))))}
    except LimitError:
        return
    judged = {key(e) for e in executions(session(SHUFFLE, COHERENT)) if not Evaluation(e).offends(axiom)}
    assert found == judged


def test_rcu_sections_pair_like_brackets() -> None:
    """The kernel's own static recursion through a difference, on nested critical sections."""
    body = "rcu_read_lock(); rcu_read_lock(); r0 = READ_ONCE(*x); rcu_read_unlock(); rcu_read_unlock();"
    r = relations(program(body))
    lock, unlock = (make("set", "base", (), name) for name in ("Rcu-lock", "Rcu-unlock"))
    var = rec_variable("rel", "rscs")
    left = make("set", "union", (make("set", "diff", (lock, make("set", "domain", (var,)))),
                                 make("set", "diff", (unlock, make("set", "range", (var,))))))  # fmt: skip
    inside = make("rel", "setid", (left,))
    later = op("seq", inside, op("seq", base("po"), inside))
    nearest = op("diff", later, op("seq", later, later))
    brackets = op("seq", make("rel", "setid", (lock,)), op("seq", nearest, make("rel", "setid", (unlock,))))
    define_rec(var, op("union", var, brackets))
    first = r.graph.init_count
    assert pairs(r.evaluate(var).may) == {(first, first + 4), (first + 1, first + 3)}
