"""A model's requirements and flags as constraints: each kind, its negation, and what is recognised in a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Axiom, Model, Node
from smpcheck.cat.requirements import is_coherent
from smpcheck.program import ir
from smpcheck.program.bit_rows import Rows, closure
from smpcheck.solver.axioms import strongly_connected
from smpcheck.solver.solve import solve
from tests.solver.common import COHERENCE, NO_MODEL, base, events, executions, key, op, program, session

SIZE = 7
GRAPHS = st.lists(st.integers(0, 2**SIZE - 1), min_size=SIZE, max_size=SIZE)

STALE = "exists (0:r0=0 /\\ 1:r0=0)"
SB = program("WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y);", "WRITE_ONCE(*y, 1); r0 = READ_ONCE(*x);", cond=STALE)
MP = program("WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); r1 = READ_ONCE(*x);", cond="exists (1:r0=1)")
PO, RF, CO, FR = (base(name) for name in ("po", "rf", "co", "fr"))
COM = op("union", RF, op("union", CO, FR))
SC = Axiom("acyclic", op("union", PO, COM), "sc")


@given(GRAPHS)
def test_a_component_is_what_lies_on_common_cycles(rows: Rows) -> None:
    reach = closure(rows)
    component = strongly_connected(rows)
    for x in range(SIZE):
        expected = sum(1 << y for y in range(SIZE) if reach[x] >> y & 1 and reach[y] >> x & 1)
        assert component[x] == expected


def solved(subject: ir.Program, *axioms: Axiom) -> tuple[str | None, tuple[str, ...]]:
    answer = solve(subject, Model("m", (COHERENCE, *axioms)))
    return answer.verdict, answer.flags


def test_acyclic_forbids_its_cycles() -> None:
    assert solved(SB) == ("Sometimes", ())
    assert solved(SB, SC) == ("Never", ())


def test_irreflexive_forbids_loops_only() -> None:
    """fr;po once round is no loop of SB; twice is."""
    once = op("seq", FR, PO)
    assert solved(SB, Axiom("irreflexive", once, "i")) == ("Sometimes", ())
    assert solved(SB, Axiom("irreflexive", op("seq", once, once), "i")) == ("Never", ())


def test_irreflexive_may_be_turned_round() -> None:
    """What stands first in the sequence does not matter."""
    parts = [FR, PO, FR, PO]
    for k in range(4):
        a, b, c, d = parts[k:] + parts[:k]
        assert solved(SB, Axiom("irreflexive", op("seq", a, op("seq", b, op("seq", c, d))), "i")) == ("Never", ())


def test_empty_forbids_every_pair() -> None:
    first_read_is_stale = op("seq", events("IW"), op("seq", RF, PO))
    assert solved(MP)[0] == "Sometimes"
    assert solved(MP, Axiom("empty", first_read_is_stale, "e"))[0] == "Always"
    no_stale_reads = op("seq", events("IW"), RF)
    assert solved(SB, Axiom("empty", no_stale_reads, "e")) == ("Never", ())


def test_a_negated_requirement_asks_for_the_pair() -> None:
    stale = op("seq", events("IW"), RF)
    assert solved(SB, Axiom("empty", stale, "e", negated=True))[0] == "Sometimes"
    both = op("seq", op("seq", FR, PO), op("seq", FR, PO))
    assert solved(SB, Axiom("irreflexive", both, "i", negated=True))[0] == "Always"


@pytest.mark.parametrize(
    ("node", "negated", "flags"),
    [
        (op("seq", events("IW"), RF), True, ("f",)),
        (op("seq", events("IW"), RF), False, ("f",)),
        (op("inter", PO, op("inverse", PO)), True, ()),
        (op("inter", PO, op("inverse", PO)), False, ("f",)),
        (PO, False, ()),
        (PO, True, ("f",)),
    ],
    ids=["sometimes there", "sometimes not there", "never there", "always absent", "asked if empty", "always there"],
)
def test_a_flag_is_raised_where_its_test_can_hold(node: Node, negated: bool, flags: tuple[str, ...]) -> None:
    assert solved(SB, Axiom("empty", node, "f", negated=negated, flag=True)) == ("Sometimes", flags)


def test_a_flag_forbids_nothing_and_is_about_allowed_executions_only() -> None:
    stale_both = op("seq", op("seq", FR, PO), op("seq", FR, PO))
    assert solved(SB, Axiom("irreflexive", stale_both, "f", flag=True, negated=True)) == ("Sometimes", ("f",))
    assert solved(SB, SC, Axiom("irreflexive", stale_both, "f", flag=True, negated=True)) == ("Never", ())


CYCLE = op("union", PO, COM)


@pytest.mark.parametrize(("negated", "flags"), [(False, ("loop",)), (True, ("loop",))], ids=["no cycle", "a cycle"])
def test_acyclicity_as_a_flag_is_raised_where_it_holds(negated: bool, flags: tuple[str, ...]) -> None:
    assert solved(SB, Axiom("acyclic", CYCLE, "loop", negated=negated, flag=True)) == ("Sometimes", flags)
    with_sc = solved(SB, SC, Axiom("acyclic", CYCLE, "loop", negated=negated, flag=True))
    assert with_sc == ("Never", () if negated else ("loop",))


def test_a_negated_acyclicity_asks_for_a_cycle() -> None:
    assert solved(SB, Axiom("acyclic", CYCLE, "loop", negated=True))[0] == "Always"
    assert solve(SB, Model("m", (SC, Axiom("acyclic", CYCLE, "loop", negated=True)))).verdict is None


def test_a_model_that_requires_nothing_has_all_candidates() -> None:
    assert len({key(e) for e in executions(session(SB, NO_MODEL))}) == 4
    assert len({key(e) for e in executions(session(MP, NO_MODEL))}) == 4


@pytest.mark.parametrize("name", ["sc", "tso", "lkmm"])
def test_our_models_are_coherent(name: str) -> None:
    assert is_coherent(load_model(name))


LOC = op("inter", PO, base("loc"))


@pytest.mark.parametrize(
    ("axiom", "coherent"),
    [
        (Axiom("acyclic", op("union", LOC, COM), "c"), True),
        (Axiom("acyclic", op("plus", op("union", COM, LOC)), "c"), True),
        (Axiom("acyclic", op("union", PO, COM), "c"), True),
        (Axiom("acyclic", op("union", LOC, op("union", RF, CO)), "without fr"), False),
        (Axiom("acyclic", COM, "without po"), False),
        (Axiom("acyclic", op("union", op("inter", PO, base("ext")), COM), "another part of po"), False),
        (Axiom("irreflexive", op("union", LOC, COM), "irreflexive"), False),
        (Axiom("acyclic", op("union", LOC, COM), "flag", flag=True), False),
        (Axiom("acyclic", op("inter", op("union", LOC, COM), base("ext")), "restricted"), False),
    ],
    ids=lambda value: value.name if isinstance(value, Axiom) else "",
)
def test_coherence_is_recognised_by_its_shape_and_nothing_else_is_taken_for_it(axiom: Axiom, coherent: bool) -> None:
    assert is_coherent(Model("m", (axiom,))) == coherent


def test_without_coherence_coherence_orders_are_still_total_orders() -> None:
    three = program("WRITE_ONCE(*x, 1);", "WRITE_ONCE(*x, 2);", "WRITE_ONCE(*x, 3);")
    assert len({key(e) for e in executions(session(three, NO_MODEL))}) == 6
