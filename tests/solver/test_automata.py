"""Path expressions as automata: the same pairs, and the same executions, as relations computed outright on each execution.

The other side is :mod:`smpcheck.cat.concrete`, which closes and composes relations pair by pair.
SMPCHECK_EXAMPLES=N tries N examples of each instead of a few dozen.
"""

from __future__ import annotations

import os
from itertools import product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bench.dense import dense
from smpcheck.cat.concrete import Evaluation, relation
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Axiom, Model, Node
from smpcheck.program import ir
from smpcheck.program.bit_rows import closure
from smpcheck.program.execution import Execution
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver import automata
from smpcheck.solver.automata import Automata, _antichain, canonical, factors, sequence
from tests.naive.generate import random_litmus
from tests.solver.common import (
    COHERENCE,
    COHERENT,
    NO_MODEL,
    PATHS,
    TooMany,
    base,
    events,
    executions,
    key,
    op,
    program,
    session,
)

SHAPES: dict[str, ir.Program] = {
    "SB": program("WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y);", "WRITE_ONCE(*y, 1); r0 = READ_ONCE(*x);"),
    "MP with fences": program(
        "WRITE_ONCE(*x, 1); smp_mb(); smp_store_release(y, 1);", "r0 = smp_load_acquire(y); smp_mb(); r1 = READ_ONCE(*x);"
    ),
    "two writes, two reads": program("WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2);", "r0 = READ_ONCE(*x); r1 = READ_ONCE(*x);"),
    "LB with dependencies": program(
        "r0 = READ_ONCE(*x); WRITE_ONCE(*y, r0 + 1);", "r0 = READ_ONCE(*y); if (r0) WRITE_ONCE(*x, 1);"
    ),
    "atomics": program("r0 = xchg_relaxed(x, 1); r1 = READ_ONCE(*x);", "r0 = xchg_relaxed(x, 2); WRITE_ONCE(*x, 3);"),
    "branches": program(
        "r0 = READ_ONCE(*x); if (r0) { WRITE_ONCE(*y, 1); } else { WRITE_ONCE(*y, 2); smp_mb(); } r1 = READ_ONCE(*y);",
        "WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y);",
    ),
    "three threads": program("WRITE_ONCE(*x, 1);", "r0 = READ_ONCE(*x); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y);"),
}
PROGRAMS = st.one_of(
    st.sampled_from(sorted(SHAPES)).map(SHAPES.__getitem__),
    st.integers(0, 400).map(lambda seed: read_litmus(random_litmus(seed, budget=4))),
)
EXAMPLES = int(os.environ.get("SMPCHECK_EXAMPLES", "40"))
QUICK = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

_known: dict[str, list[Execution]] = {}


def candidates(subject: ir.Program, model: Model) -> list[Execution]:
    """All executions of a program under a model without path expressions, found once."""
    name = f"{model.name} {subject.source or subject.threads!r}"
    if name not in _known:
        try:
            _known[name] = list(executions(session(subject, model)))
        except TooMany:
            _known[name] = []
    return _known[name]


def allowed(model: Model, execution: Execution) -> bool:
    """By the definition of each axiom."""
    evaluation = Evaluation(execution)
    return not any(evaluation.offends(axiom) for axiom in model.axioms)


@pytest.mark.parametrize("few", [0, 200])
@pytest.mark.parametrize("use_automata", [True, False])
@QUICK
@given(subject=PROGRAMS, path=PATHS)
def test_the_pairs_of_an_expression_are_those_of_its_relation(
    few: int, use_automata: bool, subject: ir.Program, path: Node
) -> None:
    """``may`` has them all, ``must`` no other, and the literal of each pair says in which executions it is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automata, "FEW_PAIRS", few)
        current = session(subject, NO_MODEL, use_automata)
        relations, n = current.relations, current.relations.n
        assume(n <= 16)
        value = relations.evaluate(path)
        must = relations.must(value)
        pairs = list(product(range(n), repeat=2))
        literals = {(x, y): relations.literal(value, x, y) for x, y in pairs}
        here = {x: current.encoding.happens(x) for x in range(n)}
        current.run()
        holds = current._holds
        for number, model in enumerate(current.models(current.base, 0)):
            if number == 40:
                break
            execution = current._execution(model)
            happening = [x for x in range(n) if holds(model, here[x])]
            untouched = {x for x in happening if x < current.graph.init_count}
            threads = [e.id for e in execution.events if e.thread >= 0]
            initial = {e.address: e.id for e in execution.events if e.thread < 0}
            number_of = dict(zip([x for x in happening if x not in untouched], threads, strict=True))
            for x in untouched:
                addr = current.graph.events[x].addr
                assert addr is not None
                if addr.data in initial:
                    number_of[x] = initial[addr.data]
            truth = relation(path, execution)
            for x, y in pairs:
                if x not in number_of or y not in number_of:
                    assert (x in happening and y in happening) or not holds(model, literals[x, y])
                    continue
                expected = (number_of[x], number_of[y]) in truth
                assert holds(model, literals[x, y]) == expected, (path, x, y)
                assert not expected or value.may[x] >> y & 1
                assert expected or not must[x] >> y & 1


def agree(subject: ir.Program, model: Model, start: Model) -> None:
    """The solver's executions under ``model`` are those of ``start`` that ``model`` allows by definition."""
    everything = candidates(subject, start)
    if not everything:
        return
    expected = {key(e) for e in everything if allowed(model, e)}
    for use_automata in (True, False):
        found = {key(e) for e in executions(session(subject, model, use_automata))}
        assert found == expected, f"automata={use_automata}: {len(found)} executions instead of {len(expected)}"


@pytest.mark.parametrize(("few", "many"), [(200, 20_000), (0, 20_000), (0, 0)])
@QUICK
@given(subject=PROGRAMS, path=PATHS)
def test_acyclic(few: int, many: int, subject: ir.Program, path: Node) -> None:
    """Every encoding of an axiom removes the same executions as its definition."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automata, "FEW_PAIRS", few)
        patch.setattr(automata, "MANY_EDGES", many)
        agree(subject, Model("m", (Axiom("acyclic", path, "a"),)), NO_MODEL)


BACK = op("inverse", base("po"))


@pytest.mark.parametrize(
    "path",
    [
        op("union", base("po"), op("seq", events("W"), op("seq", BACK, events("W")))),
        op("seq", base("po"), op("seq", op("star", base("rf")), BACK)),
        op("union", op("seq", base("po"), events("W")), op("seq", op("union", base("rf"), base("fr")), base("po"))),
        op("union", *[op("seq", base(r), op("seq", base("po"), events(s))) for r, s in (("rf", "R"), ("fr", "W"))]),
    ],
)
def test_a_product_that_is_written_whole_forbids_what_its_axiom_does(monkeypatch: pytest.MonkeyPatch, path: Node) -> None:
    monkeypatch.setattr(automata, "MANY_EDGES", 0)
    branch = "r0 = READ_ONCE(*x); if (r0) { WRITE_ONCE(*y, 1); r1 = READ_ONCE(*y); WRITE_ONCE(*y, 2); WRITE_ONCE(*x, 3); }"
    for other in ("WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y); r1 = READ_ONCE(*x); WRITE_ONCE(*x, 2);", "WRITE_ONCE(*x, 1);"):
        agree(program(branch, other), Model("m", (Axiom("acyclic", path, "a"),)), NO_MODEL)


@QUICK
@given(subject=PROGRAMS, path=PATHS)
def test_irreflexive_and_empty(subject: ir.Program, path: Node) -> None:
    agree(subject, Model("m", (Axiom("irreflexive", path, "i"),)), NO_MODEL)
    agree(subject, Model("m", (Axiom("empty", op("inter", path, base("ext")), "e"),)), NO_MODEL)


LOOPS = st.sampled_from(
    [
        op("union", base("rf"), base("po")),
        op("union", op("inter", base("rf"), base("ext")), base("data")),
        op("union", base("fr"), base("po")),
        op("seq", op("opt", base("fr")), base("rf")),
        op("union", base("co"), op("union", base("fr"), base("rf"))),
        op("inter", op("union", base("fr"), op("union", base("rf"), base("po"))), base("ext")),
    ]
)
"""Relations that do have cycles in some executions of the programs above."""


@pytest.mark.parametrize("few", [0, 200])
@settings(QUICK, max_examples=2 * EXAMPLES)
@given(subject=PROGRAMS, start=st.one_of(LOOPS, PATHS), loop=LOOPS, weaker=st.integers(0, 3), plus=st.booleans())
def test_loops_that_nothing_proves_harmless(
    few: int, subject: ir.Program, start: Node, loop: Node, weaker: int, plus: bool
) -> None:
    """A cycle inside a starred part is not a cycle of the whole: an encoding that forgets this loses executions."""
    other = [(), (op("seq", events("Mb"), loop),), (op("inter", loop, base("ext")),), (op("seq", loop, op("seq", loop, loop)),)]
    axioms = (*other[weaker], op("seq", start, op("plus" if plus else "star", loop)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automata, "FEW_PAIRS", few)
        agree(subject, Model("m", tuple(Axiom("acyclic", node, f"a{i}") for i, node in enumerate(axioms))), NO_MODEL)


@pytest.mark.parametrize("few", [0, 200])
@settings(QUICK, max_examples=2 * EXAMPLES)
@given(subject=PROGRAMS, first=st.one_of(PATHS, LOOPS), second=st.one_of(PATHS, LOOPS), shape=st.integers(0, 4))
def test_loops_proved_harmless_are_harmless(few: int, subject: ir.Program, first: Node, second: Node, shape: int) -> None:
    """Axioms that contain starred parts of each other, as the kernel's pb contains hb*: nothing is lost, nothing gained."""
    bodies = [
        op("seq", second, op("star", first)),
        op("seq", op("star", first), second),
        op("seq", second, op("star", op("union", first, base("po")))),
        op("seq", op("plus", op("inter", first, base("int"))), second),
        op("seq", second, op("star", op("seq", first, op("opt", second)))),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automata, "FEW_PAIRS", few)
        model = Model("m", (COHERENCE, Axiom("acyclic", first, "first"), Axiom("acyclic", bodies[shape], "second")))
        agree(subject, model, COHERENT)


def nullable(path: Node) -> bool:
    """May a pair of the expression be no step at all (a test, ``r?``, ``r*``)?"""
    if path.op in ("setid", "opt", "star"):
        return True
    if path.op in ("union", "plus", "inter", "diff"):
        return any(nullable(a) for a in path.args[: 2 if path.op == "union" else 1])
    return path.op == "seq" and all(nullable(a) for a in path.args)


@settings(QUICK, max_examples=2 * EXAMPLES)
@given(subject=PROGRAMS, required=PATHS, body=PATHS.filter(lambda path: not nullable(path)))
def test_a_harmless_body_has_no_cycle_in_any_execution_that_the_model_allows(
    subject: ir.Program, required: Node, body: Node
) -> None:
    model = Model("m", (COHERENCE, Axiom("acyclic", required, "required")))
    if not Automata(session(subject, COHERENT).relations, model).harmless(body):
        return
    for execution in candidates(subject, COHERENT):
        if allowed(model, execution):
            rows = closure(Evaluation(execution).rows(body))
            assert not any(row >> x & 1 for x, row in enumerate(rows))


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_restricted_step_to_the_same_event_is_a_step(name: str) -> None:
    """``(rf? \\ po)*`` stays where it is without a cycle of anything: to find it harmless lost all executions."""
    stay = op("star", op("diff", op("opt", base("rf")), base("po")))
    path = op("seq", stay, op("plus", op("union", base("rf"), base("po"))))
    agree(SHAPES[name], Model("m", (Axiom("acyclic", path, "a"),)), NO_MODEL)


def prover(subject: ir.Program, *required: Node) -> Automata:
    axioms = tuple(Axiom("acyclic", node, f"a{i}") for i, node in enumerate(required))
    return Automata(session(subject, NO_MODEL).relations, Model("m", axioms))


RFE = op("inter", base("rf"), base("ext"))
HB = op("union", RFE, base("po"))


def test_what_is_required_to_be_acyclic_is_harmless() -> None:
    assert prover(SHAPES["LB with dependencies"], HB).harmless(HB)
    assert prover(SHAPES["LB with dependencies"], HB).harmless(op("union", RFE, base("data")))
    assert prover(SHAPES["LB with dependencies"], HB).harmless(op("seq", RFE, base("po")))


def test_what_can_cycle_unhindered_is_not() -> None:
    """Load buffering: reads-from and program order make a cycle that nothing here forbids."""
    lb = SHAPES["LB with dependencies"]
    assert not prover(lb).harmless(HB)
    assert not prover(lb, RFE).harmless(HB)
    assert not prover(lb, op("seq", events("Mb"), HB)).harmless(HB)


def test_a_program_without_the_cycle_needs_no_axiom() -> None:
    assert prover(SHAPES["three threads"]).harmless(HB)


def test_the_kernels_model_is_encoded_without_closures() -> None:
    """hb* inside pb, and what rb and xb repeat, are all proved harmless: that is what makes large tests cheap."""
    for seed in range(3):
        current = session(read_litmus(dense(57, seed)), load_model("lkmm"))
        paths = current.relations.paths
        assert isinstance(paths, Automata)
        assert paths._harmless
        assert all(paths._harmless.values())


@given(st.integers(1, 200))
def test_codes_of_events_are_an_antichain(count: int) -> None:
    codes = _antichain(count)
    assert len(set(codes)) == count
    assert all(a & ~b for a in codes for b in codes if a != b)


@given(st.lists(PATHS, min_size=1, max_size=4))
def test_a_sequence_has_one_form(parts: list[Node]) -> None:
    flat = [f for p in parts for f in factors(p)]
    left = canonical(sequence(parts))
    right = parts[-1]
    for part in reversed(parts[:-1]):
        right = op("seq", part, right)
    assert canonical(right) is left
    assert [f for f in factors(left) if f.op != "setid"] == [f for f in flat if f.op != "setid"]
