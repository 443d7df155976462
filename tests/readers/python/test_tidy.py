"""Clean-ups of a thread's statements."""

from __future__ import annotations

from smpcheck.program import ir
from smpcheck.program.values import INT, Ptr
from smpcheck.readers.python.tidy import without_dead_assignments

X = ir.Const(Ptr("x"))


def assign(target: str, *read: str) -> ir.Assign:
    expr: ir.Expr = ir.Const(1)
    for name in read:
        expr = ir.Binary("+", expr, ir.Reg(name), INT)
    return ir.Assign(target, expr)


def left(*body: ir.Stmt, keep: tuple[str, ...] = ()) -> list[str]:
    return [stmt.reg for stmt in without_dead_assignments(body, keep) if isinstance(stmt, ir.Assign)]


def test_what_leads_to_a_store_a_branch_or_a_result_is_kept() -> None:
    store = ir.Store(X, ir.Reg("b"), frozenset())
    branch = ir.If(ir.Reg("c"), (assign("d", "a"),), ())
    assert left(assign("a"), assign("b", "a"), store) == ["a", "b"]
    assert left(assign("a"), assign("c"), branch) == ["c"]
    assert left(assign("a"), assign("c"), branch, keep=("d",)) == ["a", "c"]


def test_assignments_that_only_feed_each_other_are_gone() -> None:
    assert left(assign("a", "b"), assign("b", "a"), assign("c", "c")) == []


def test_bookkeeping_is_kept_with_what_it_reads_but_not_thread_locals() -> None:
    assert left(assign("a"), assign("@held:lock", "a"), assign("@local1", "a")) == ["a", "@held:lock"]
