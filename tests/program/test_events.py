"""Unrolling: which events there are, when they happen, what they depend on."""

from __future__ import annotations

import pytest

from smpcheck.errors import InputError
from smpcheck.program import ir
from smpcheck.program.events import EventGraph, unroll
from smpcheck.program.guards import ALWAYS, NEVER
from smpcheck.program.values import INT, POINTER, Ptr
from smpcheck.readers.litmus import read_litmus

ONCE = frozenset({"Once"})
MB = frozenset({"Mb"})
X, Y = ir.Const(Ptr("x")), ir.Const(Ptr("y"))
CELLS = {Ptr("x"): ir.Cell("x"), Ptr("y"): ir.Cell("y")}


def load(reg: str, addr: ir.Expr = X) -> ir.Load:
    return ir.Load(reg, addr, ONCE)


def store(value: ir.Expr | int = 1, addr: ir.Expr = X) -> ir.Store:
    return ir.Store(addr, ir.Const(value) if isinstance(value, int) else value, ONCE)


def graph(*threads: tuple[ir.Stmt, ...], bound: int = 2, stops: bool = False) -> EventGraph:
    """The events of a program over x and y: 0 and 1 are the initial writes."""
    program = ir.Program("t", CELLS, tuple(ir.Thread(i, body) for i, body in enumerate(threads)))
    return unroll(program, bound, stops)


def kinds(g: EventGraph) -> str:
    return "".join(e.kind for e in g.events[g.init_count :])


def test_initial_writes_come_first_then_each_thread_in_program_order() -> None:
    g = graph((load("r"), store()), (ir.Fence(MB),))
    assert [(e.id, e.thread, e.kind) for e in g.events] == [(0, -1, "W"), (1, -1, "W"), (2, 0, "R"), (3, 0, "W"), (4, 1, "F")]
    assert all("IW" in e.tags for e in g.events[:2])
    assert all(e.guard == ALWAYS for e in g.events)


def test_an_atomic_operation_is_two_events_that_know_each_other() -> None:
    g = graph((ir.Rmw("r", X, ir.Binary("+", ir.Reg("r"), ir.Const(1)), ONCE, ONCE),))
    read, write = g.events[2:]
    assert (read.kind, write.kind, read.partner, write.partner) == ("R", "W", write.id, read.id)
    assert g.data == {(read.id, write.id): ALWAYS}


# --- dependencies ---


def test_a_store_depends_on_what_its_value_and_its_address_read() -> None:
    g = graph((load("p"), load("v", Y), store(ir.Reg("v"), ir.Reg("p"))))
    assert g.addr == {(2, 4): ALWAYS}
    assert g.data == {(3, 4): ALWAYS}
    assert g.ctrl == {}


def test_a_value_that_cancels_out_still_depends() -> None:
    g = graph((load("r"), store(ir.Binary("^", ir.Reg("r"), ir.Reg("r")), Y)))
    assert g.data == {(2, 3): ALWAYS}


def test_what_cancels_out_is_0_but_for_what_may_be_undefined() -> None:
    r, narrow = ir.Reg("r"), ir.Cast(INT, ir.Reg("r"))
    quotient = ir.Binary("/", ir.Const(1), r, INT)
    for value, known in ((r, True), (narrow, True), (quotient, False)):
        for op in ("^", "-"):
            g = graph((load("r"), store(ir.Binary(op, value, value, INT))))
            assert (g.events[3].value is g.terms.zero) == known


def test_an_overwritten_register_is_forgotten() -> None:
    g = graph((load("r"), ir.Assign("r", ir.Const(1)), store(ir.Reg("r"))))
    assert g.data == {}


def test_dependencies_pass_through_assignments() -> None:
    g = graph((load("r"), ir.Assign("s", ir.Reg("r")), ir.Assign("t", ir.Unary("-", ir.Reg("s"))), store(ir.Reg("t"))))
    assert g.data == {(2, 3): ALWAYS}


def test_a_branch_controls_both_sides_and_nothing_after_it() -> None:
    g = graph((load("r"), ir.If(ir.Reg("r"), (store(1),), (store(2),)), store(3)))
    assert g.ctrl == {(2, 3): ALWAYS, (2, 4): ALWAYS}


def test_a_branch_that_leaves_controls_what_it_skips() -> None:
    inside = (load("r"), ir.If(ir.Reg("r"), (ir.Exit("b"),)), store(1))
    g = graph((ir.Block("b", inside), store(2)))
    assert set(g.ctrl) == {(2, 3)}
    assert g.events[4].guard == ALWAYS


def test_an_inner_branch_is_controlled_by_the_outer_too() -> None:
    g = graph((load("r"), load("s", Y), ir.If(ir.Reg("r"), (ir.If(ir.Reg("s"), (store(),)),))))
    assert set(g.ctrl) == {(2, 4), (3, 4)}


def test_a_free_choice_and_an_assumption_control_nothing() -> None:
    g = graph((load("r"), ir.Choice((store(1),), (store(2),)), ir.Assume(ir.Reg("r")), store(3)))
    assert g.ctrl == {}
    assert len(g.requirements) == 1


def test_a_dependency_of_one_branch_only_holds_under_its_guard() -> None:
    body = (load("c"), load("r", Y), ir.If(ir.Reg("c"), (ir.Assign("s", ir.Reg("r")),), (ir.Assign("s", ir.Const(1)),)))
    g = graph((*body, store(ir.Reg("s"))))
    taken = g.guards.variable(0)
    assert g.data == {(3, 4): taken}


# --- guards and values ---


def test_branches_exclude_each_other_and_the_end_is_always_reached() -> None:
    g = graph((load("r"), ir.If(ir.Reg("r"), (store(1),), (store(2),)), store(3)))
    then, other, after = g.events[3:]
    assert g.guards.conj(then.guard, other.guard) == NEVER
    assert g.guards.disj(then.guard, other.guard) == ALWAYS
    assert after.guard == ALWAYS


def test_a_known_condition_is_no_decision() -> None:
    g = graph((ir.If(ir.Const(1), (store(1),), (store(2), store(3))),))
    assert kinds(g) == "W"
    assert g.decisions == []


def test_a_condition_over_earlier_decisions_is_no_new_one() -> None:
    """A status variable: set in one branch, asked later."""
    body = (load("r"), ir.If(ir.Reg("r"), (ir.Assign("got", ir.Const(1)),)), ir.If(ir.Reg("got"), (store(1),), (store(2),)))
    g = graph(body)
    assert len(g.decisions) == 1
    assert g.events[3].guard == g.guards.variable(0)


def test_a_register_that_branches_set_differently_is_a_choice_of_terms() -> None:
    g = graph((load("r"), ir.If(ir.Reg("r"), (ir.Assign("s", ir.Const(5)),), (ir.Assign("s", ir.Const(7)),))))
    term = g.final_regs[0]["s"]
    assert term.op == "ite"
    assert sorted(a.data for a in term.args) == [5, 7]


def test_a_register_that_was_never_written_is_0() -> None:
    g = graph((store(ir.Reg("nobody")),))
    assert g.events[2].value is g.terms.zero


def set_in_a_branch(*body: ir.Stmt) -> EventGraph:
    """``r = x; if (r) c = 1;`` (event 2 reads), and then ``body``."""
    return graph((load("r"), ir.If(ir.Reg("r"), (ir.Assign("c", ir.Const(1)),)), *body))


BRANCH = (store(addr=Y),)


@pytest.mark.parametrize(
    "body",
    [
        (ir.If(ir.Reg("c"), BRANCH),),
        (ir.If(ir.Unary("!", ir.Reg("c")), (), BRANCH),),
        (ir.Assign("d", ir.Reg("c")), ir.If(ir.Reg("d"), BRANCH)),
        (ir.Assign("d", ir.Binary("+", ir.Reg("c"), ir.Const(1))), ir.If(ir.Binary("==", ir.Reg("d"), ir.Const(2)), BRANCH)),
        (ir.If(ir.Reg("c"), (ir.Assign("d", ir.Const(1)),)), ir.If(ir.Reg("d"), BRANCH)),
        (ir.If(ir.Conditional(ir.Reg("c"), ir.Const(1), ir.Const(0)), BRANCH),),
        (ir.Block("b", (ir.If(ir.Unary("!", ir.Reg("c")), (ir.Exit("b"),)), *BRANCH)),),
    ],
)
def test_a_local_carries_the_control_dependency_of_the_branch_that_sets_it(body: tuple[ir.Stmt, ...]) -> None:
    g = set_in_a_branch(*body)
    ((pair, guard),) = g.ctrl.items()
    assert pair == (2, 3)
    assert guard not in (NEVER, ALWAYS)
    assert g.guards.implies(g.events[3].guard, guard)


def test_a_local_that_was_set_before_carries_nothing() -> None:
    g = set_in_a_branch(ir.If(ir.Unary("!", ir.Reg("c")), BRANCH))
    assert not any(g.guards.conj(guard, g.events[b].guard) for (_, b), guard in g.ctrl.items())


@pytest.mark.parametrize("stmt", [store(ir.Reg("c"), Y), ir.Store(ir.Binary("+", Y, ir.Reg("c"), POINTER), ir.Const(1), ONCE)])
def test_data_and_addresses_carry_no_control_dependency(stmt: ir.Stmt) -> None:
    g = set_in_a_branch(stmt)
    assert not g.data and not g.addr and not g.ctrl


def test_a_load_in_a_branch_carries_the_branch_too() -> None:
    g = graph((load("r"), ir.If(ir.Reg("r"), (load("c", Y),)), ir.If(ir.Reg("c"), BRANCH)))
    assert {(a, b) for a, b in g.ctrl if b == 4} == {(2, 4), (3, 4)}


def test_a_local_that_is_set_again_after_the_branch_carries_nothing() -> None:
    g = set_in_a_branch(ir.Assign("c", ir.Const(2)), load("d"), ir.If(ir.Binary("==", ir.Reg("c"), ir.Reg("d")), BRANCH))
    assert {a for a, b in g.ctrl if b == 4} == {3}


def test_constants_are_folded_at_their_type() -> None:
    big = ir.Binary("+", ir.Const(2**31 - 1), ir.Const(1), INT)
    g = graph((store(big),))
    assert g.events[2].value is g.terms.const(-(2**31))


# --- loops ---

SPIN = ir.Loop("l", (load("r"), ir.If(ir.Reg("r"), (ir.Exit("l"),))))
WRITING = ir.Loop("l", (load("r"), ir.If(ir.Reg("r"), (ir.Exit("l"),)), store()))


@pytest.mark.parametrize("bound", [1, 2, 5])
def test_a_loop_is_cut_after_its_bound_and_says_so(bound: int) -> None:
    g = graph((WRITING, ir.Fence(MB)), bound=bound)
    assert kinds(g) == "RW" * bound + "F"
    ((cut, _, _),) = g.bounds
    assert cut not in (NEVER, ALWAYS)
    assert g.guards.conj(cut, g.events[-1].guard) == NEVER


def test_a_loop_that_cannot_be_entered_is_a_bound_at_0() -> None:
    g = graph((WRITING, store()), bound=0)
    assert kinds(g) == ""
    assert [guard for guard, _, _ in g.bounds] == [ALWAYS]


COUNTED = ir.Loop("l", (load("r"), ir.If(ir.Reg("r"), (ir.Round("l"), store()), (ir.Exit("l"),))))


@pytest.mark.parametrize("bound", [0, 1, 2])
def test_a_loop_tests_once_more_after_its_last_round(bound: int) -> None:
    g = graph((COUNTED, ir.Fence(MB)), bound=bound)
    assert kinds(g) == "RW" * bound + "RF"
    ((cut, _, label),) = g.bounds
    assert label == "l"
    assert g.guards.disj(cut, g.events[-1].guard) == ALWAYS


def test_a_loop_with_a_bound_of_its_own_ignores_ours() -> None:
    counted = ir.Loop("l", (ir.If(ir.Binary("==", ir.Reg("i"), ir.Const(3)), (ir.Exit("l"),)), store(),
                            ir.Assign("i", ir.Binary("+", ir.Reg("i"), ir.Const(1)))), 4)  # fmt: skip
    g = graph((counted,), bound=1)
    assert kinds(g) == "WWW"
    assert g.bounds == []


def test_leaving_an_outer_loop_ends_the_inner() -> None:
    inner = ir.Loop("in", (load("r"), ir.If(ir.Reg("r"), (ir.Exit("out"),)), ir.Exit("in")))
    g = graph((ir.Loop("out", (inner, store())),), bound=2)
    assert kinds(g) == "RWRW"
    assert g.guards.implies(g.events[3].guard, g.guards.negate(g.guards.variable(0)))


# --- what cannot be unrolled ---


def test_an_exit_to_nowhere_is_refused_with_its_position() -> None:
    pos = ir.Position("f", 2, 3)
    with pytest.raises(InputError, match="f:2:3: exit to b"):
        graph((ir.Exit("b", pos),))


def test_arithmetic_without_meaning_is_computed_where_it_stands() -> None:
    """It is a fault there, and no error: see the encoding."""
    pos = ir.Position("f", 2, 3)
    for undefined in (ir.Binary("/", ir.Const(1), ir.Const(0)), ir.Binary("*", X, ir.Const(2), POINTER)):
        (computed,) = graph((ir.Assign("r", undefined, pos),)).computations
        assert (computed.guard, computed.value.op, computed.pos) == (ALWAYS, "bin", pos)


def test_a_final_value_is_no_expression_of_a_thread() -> None:
    with pytest.raises(InputError, match="FinalReg is not an expression"):
        graph((ir.Assign("r", ir.FinalReg(0, "r")),))


# --- waiting forever ---

LOCK = ir.Rmw("old", X, ir.Const(1), frozenset({"LKR", "Acquire"}), frozenset({"LKW"}),
              ir.Binary("==", ir.Reg("old"), ir.Const(0)), True)  # fmt: skip


def test_a_blocking_operation_goes_on_only_if_it_can() -> None:
    g = graph((LOCK, store(0)))
    assert [r.guard for r in g.requirements] == [ALWAYS]
    assert g.waiting == []


def test_asked_for_deadlock_a_thread_may_also_stop_at_the_read() -> None:
    g = graph((LOCK, store(0)), stops=True)
    (waiting,) = g.waiting
    read, write, after = g.events[2:]
    assert (waiting.reads, waiting.thread, read.guard) == ((read.id,), 0, ALWAYS)
    assert g.guards.conj(waiting.guard, write.guard) == NEVER
    assert after.guard == write.guard


def test_the_end_of_a_section_that_never_began_is_an_event_as_any_other() -> None:
    text = (
        "C t\n{ }\nP0(int *x) { rcu_read_unlock(); rcu_read_lock(); WRITE_ONCE(*x, 1); rcu_read_unlock(); rcu_read_unlock(); }\n"
    )
    tags = [sorted(event.tags)[0] for event in unroll(read_litmus(text), 1).events if event.kind == "F"]
    assert tags == ["Rcu-unlock", "Rcu-lock", "Rcu-unlock", "Rcu-unlock"]


def test_accesses_have_the_same_numbers_whether_or_not_threads_stop_at_them() -> None:
    section = ir.Fence(frozenset({"Rcu-lock"})), load("p"), load("q", ir.Reg("p")), store(1, ir.Reg("q"))
    program = ir.Program("t", CELLS, (ir.Thread(0, section), ir.Thread(1, (load("r"),))))
    before = unroll(program, stops=True)
    after = unroll(program, stops=True, faulty={e.id for e in before.events if e.kind != "F"})
    assert [e.kind for e in after.events[: len(before.events)]] == [e.kind for e in before.events]
    assert {e.kind for e in after.events[len(before.events) :]} == {"F"}
