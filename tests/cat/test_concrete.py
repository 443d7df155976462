"""Relations and axioms on one execution, against their definitions read outright on sets of pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smpcheck.cat import build
from smpcheck.cat.concrete import Evaluation, Varied, members, relation
from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Node, define_rec, rec_variable
from smpcheck.errors import UnsupportedError
from smpcheck.program.execution import Execution
from tests.cat import node, read
from tests.cat.executions import ACCESSES, FENCES, Pair, execution, executions, transitive
from tests.models.test_agreement import STRATEGIES

MP = execution("W x 1; wmb; W y 1", "R y 1; rmb; R x 0")
"""Events: 0 init x, 1 init y, 2 Wx, 3 wmb, 4 Wy, 5 Ry, 6 rmb, 7 Rx."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rf", {(4, 5), (0, 7)}),
        ("co", {(0, 2), (1, 4)}),
        ("fr", {(7, 2)}),
        ("rfe", {(4, 5), (0, 7)}),
        ("rfi", set()),
        ("po & loc", set()),
        ("loc \\ id", {(a, b) for cell in ({0, 2, 7}, {1, 4, 5}) for a in cell for b in cell if a != b}),
        ("int & (W * W)", {(a, b) for a in (2, 4) for b in (2, 4)}),
        ("ext & (IW * W)", {(0, 2), (0, 4), (1, 2), (1, 4)}),
        ("int & (IW * _)", set()),
        ("fencerel(Wmb)", {(2, 4)}),
        ("[W] ; po ; [W]", {(2, 4)}),
        ("co0", {(0, 2), (1, 4)}),
        ("[FW]", {(2, 2), (4, 4)}),
        ("[IW]", {(0, 0), (1, 1)}),
        ("[M]", {(i, i) for i in (0, 1, 2, 4, 5, 7)}),
        ("[F]", {(3, 3), (6, 6)}),
        ("[domain(rf)]", {(4, 4), (0, 0)}),
        ("[range(rf)]", {(5, 5), (7, 7)}),
        ("different-values(loc & (IW * W))", {(0, 2), (1, 4)}),
        ("different-values(po & (F * M))", {(3, 4), (6, 7)}),
        ("(rf ; [R])^-1", {(5, 4), (7, 0)}),
        ("(po & (W * W)) ; rf ; (po & (R * R))", {(2, 7)}),
        ("[~(M | F)]", set()),
        ("~(_ * _)", set()),
    ],
)
def test_relations_of_message_passing(text: str, expected: set[Pair], tmp_path: Path) -> None:
    assert relation(node(text, tmp_path), MP) == expected


def test_sets_are_sets_of_event_ids(tmp_path: Path) -> None:
    assert members(node("Once & R", tmp_path), MP) == {5, 7}


def test_events_need_not_be_numbered_from_zero(tmp_path: Path) -> None:
    from msgspec.structs import replace

    shifted = Execution(
        tuple(replace(e, id=e.id + 100) for e in MP.events),
        {name: frozenset((a + 100, b + 100) for a, b in pairs) for name, pairs in MP.relations.items()},
    )
    assert relation(build.FR, shifted) == {(107, 102)}
    assert [v.events for v in evaluate(load_model("lkmm"), shifted)] == [(105, 107)]


# --- every operator, on random executions, against its definition ---

LEAVES = ("po", "rf", "co", "fr", "loc", "int", "ext", "id", "rmw", "data", "ctrl", "addr")
SETS = ("R", "W", "M", "F", "IW", "FW", "Once", "Acquire", "Mb", "RMW")
Shape = tuple[str, ...]


def terms(kind: str) -> st.SearchStrategy[Node]:
    """Random nodes made without the simplifications."""
    from smpcheck.cat.nodes import make

    rel = st.sampled_from(LEAVES).map(build.base)
    sets = st.sampled_from(SETS).map(build.base_set)

    def extend(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        relations = inner.filter(lambda n: n.kind == "rel")
        some_sets = inner.filter(lambda n: n.kind == "set")
        return st.one_of(
            st.builds(
                lambda op, a, b: make("rel", op, (a, b)), st.sampled_from(("union", "inter", "diff", "seq")), relations, relations
            ),
            st.builds(
                lambda op, a: make("rel", op, (a,)), st.sampled_from(("plus", "star", "opt", "inverse", "diffvals")), relations
            ),
            st.builds(lambda a: make("rel", "setid", (a,)), some_sets),
            st.builds(lambda a, b: make("rel", "product", (a, b)), some_sets, some_sets),
            st.builds(lambda op, a: make("set", op, (a,)), st.sampled_from(("domain", "range")), relations),
            st.builds(
                lambda op, a, b: make("set", op, (a, b)), st.sampled_from(("union", "inter", "diff")), some_sets, some_sets
            ),
        )

    return st.recursive(st.one_of(rel, sets), extend, max_leaves=8).filter(lambda n: n.kind == kind)


def outright(n: Node, case: Execution) -> set[Pair]:
    """The definition of each operator, on sets of pairs (a set as pairs (x, x))."""
    events = {e.id: e for e in case.events}
    args = [outright(a, case) for a in n.args]
    everything = {(x, y) for x in events for y in events}
    same = {(x, x) for x in events}
    if n.op == "base" and n.kind == "set":
        kinds = {"R": "R", "W": "W", "F": "F", "M": "RW"}
        return {(e, e) for e, v in events.items() if (v.kind in kinds[n.name] if n.name in kinds else n.name in v.tags)}
    if n.op == "base":
        threads = {x: events[x].thread for x in events}
        derived = {
            "id": same,
            "loc": {(x, y) for x, y in everything if events[x].address is not None and events[x].address == events[y].address},
            "int": {(x, y) for x, y in everything if threads[x] == threads[y] >= 0},
            "ext": {(x, y) for x, y in everything if threads[x] != threads[y]},
            "fr": {(r, w2) for w, r in case.relations["rf"] for w1, w2 in case.relations["co"] if w == w1},
        }
        return derived[n.name] if n.name in derived else set(case.relations[n.name])
    match n.op:
        case "union":
            return args[0] | args[1]
        case "inter":
            return args[0] & args[1]
        case "diff":
            return args[0] - args[1]
        case "seq":
            return {(a, d) for a, b in args[0] for c, d in args[1] if b == c}
        case "plus":
            return set(transitive(args[0]))
        case "star":
            return set(transitive(args[0])) | same
        case "opt":
            return args[0] | same
        case "inverse":
            return {(b, a) for a, b in args[0]}
        case "setid":
            return args[0]
        case "product":
            return {(a, b) for a, _ in args[0] for b, _ in args[1]}
        case "domain":
            return {(a, a) for a, _ in args[0]}
        case "range":
            return {(b, b) for _, b in args[0]}
        case "diffvals":
            return {(a, b) for a, b in args[0] if events[a].value is None or events[a].value != events[b].value}
    raise AssertionError(n.op)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(terms("rel"), executions((*ACCESSES, *FENCES), threads=2, length=4))
def test_operators_are_what_their_definitions_say(term: Node, case: Execution) -> None:
    assert relation(term, case) == outright(term, case)


def simplified(n: Node) -> Node:
    """The same term through the functions that simplify."""
    args = [simplified(a) for a in n.args]
    makers: dict[str, Callable[..., Node]] = {
        "union": build.union, "inter": build.inter, "diff": build.diff, "seq": build.seq, "plus": build.plus, "star": build.star,
        "opt": build.opt, "inverse": build.inverse, "setid": build.setid, "product": build.product, "domain": build.domain,
        "range": build.range_, "diffvals": build.different_values,
    }  # fmt: skip
    return makers[n.op](*args) if n.op in makers else n


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(terms("rel"), executions((*ACCESSES, *FENCES), threads=2, length=4))
def test_simplifying_a_term_changes_no_execution(term: Node, case: Execution) -> None:
    assert relation(simplified(term), case) == relation(term, case)


# --- recursion ---


def test_a_recursive_definition_is_its_least_solution(tmp_path: Path) -> None:
    paths = node("r", tmp_path, "let rec r = (po | rf | fr) | (r ; r)")
    assert relation(paths, MP) == transitive(MP.relations["po"] | MP.relations["rf"] | {(7, 2)})


def test_mutual_recursion(tmp_path: Path) -> None:
    chain = execution("; ".join(f"W x {i}" for i in range(1, 7)))
    step = "let step = (po & (W * W)) \\ (po ; po)\n"
    odd = relation(node("odd", tmp_path, step + "let rec odd = step | (even ; step) and even = odd ; step"), chain)
    even = relation(node("even", tmp_path, step + "let rec odd = step | (even ; step) and even = odd ; step"), chain)
    assert odd == {(a, b) for a, b in chain.relations["po"] if (b - a) % 2}
    assert even == {(a, b) for a, b in chain.relations["po"] if not (b - a) % 2}


def test_executions_with_much_in_common_have_recursive_definitions_of_their_own(tmp_path: Path) -> None:
    paths, common = node("r", tmp_path, "let rec r = (po & (W * W)) | rf | (r ; r)"), Evaluation(MP)
    from_init = common.square.packed([1 << 5 if x == 1 else 0 for x in range(common.n)])  # y is read before it is written
    for rf in (common.base("rf"), from_init, common.base("rf")):
        varied = Varied(common, {"rf": rf})
        alone = Evaluation(MP)
        alone.bases["rf"] = rf
        assert varied.rows(paths) == alone.rows(paths)
        assert varied.rows(paths)[2] == (0b110000 if rf is not from_init else 0b10000)


def test_rcu_critical_sections_nest_like_brackets(tmp_path: Path) -> None:
    case = execution("rcu-lock; rcu-lock; rcu-unlock; rcu-lock; rcu-unlock; rcu-unlock; rcu-lock; rcu-unlock")
    lkmm = load_model("lkmm")
    from smpcheck.cat.graph import reachable, roots

    sections = next(n for n in reachable(roots(lkmm)) if n.label == "rcu-rscs")
    assert relation(sections, case) == {(0, 5), (1, 2), (3, 4), (6, 7)}


def test_a_definition_that_never_settles_is_refused() -> None:
    variable = rec_variable("set", "x")
    define_rec(variable, build.diff(build.base_set("W"), variable))
    with pytest.raises(UnsupportedError, match="does not settle"):
        members(variable, MP)


# --- violations ---


def test_a_violation_has_the_shortest_cycle(tmp_path: Path) -> None:
    model = read("acyclic po | rf | co | fr as sc", tmp_path)
    long = execution("W x 1; W x 2; W x 3; W y 1", "R y 1; R y 1; R x 0")
    (violation,) = evaluate(model, long)
    assert violation.name == "sc"
    assert len(violation.events) == 4


def test_an_axiom_that_asks_for_something_has_no_witness_when_there_is_nothing(tmp_path: Path) -> None:
    (violation,) = evaluate(read("~empty rmw as some", tmp_path), MP)
    assert (violation.name, violation.events, violation.steps) == ("some", (), ())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("flag ~empty rf as f", ["f"]),
        ("flag empty rf as f", []),
        ("flag empty rmw as f", ["f"]),
        ("flag ~acyclic po | po^-1 as f", ["f"]),
        ("flag acyclic po as f", ["f"]),
        ("empty rf as f", ["f"]),
        ("~empty rf as f", []),
        ("irreflexive po ; rf ; po ; fr as f", ["f"]),
        ("~irreflexive po as f", ["f"]),
        ("acyclic po as f", []),
        ("empty Once & F as f", []),
        ("empty Once & R as f", ["f"]),
    ],
)
def test_flags_are_raised_where_they_hold_and_requirements_fail_where_they_do_not(
    text: str, names: list[str], tmp_path: Path
) -> None:
    assert [v.name for v in evaluate(read(text, tmp_path), MP)] == names


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(("sc", "tso", "lkmm")), st.sampled_from(sorted(STRATEGIES)).flatmap(STRATEGIES.__getitem__))
def test_every_witness_is_one(name: str, case: Execution) -> None:
    for violation in evaluate(load_model(name), case):
        axiom, events = violation.axiom, violation.events
        if axiom.node.kind == "set":
            assert set(events) <= members(axiom.node, case)
            continue
        pairs = relation(axiom.node, case)
        if axiom.kind == "acyclic":
            assert set(zip(events, (*events[1:], events[0]), strict=True)) <= pairs
            assert len(set(events)) == len(events)
        elif axiom.kind == "irreflexive":
            assert (events[0], events[0]) in pairs
        else:
            assert (events[0], events[-1]) in pairs


def test_two_hundred_events(tmp_path: Path) -> None:
    """A dense execution in which nothing is wrong but SB without fences, under every model."""
    threads = [
        f"W x {i + 1}; " + "R x {0}; mb; rcu-lock; R y 0; rcu-unlock; W z {0}; ".format(i + 1) * 6 + "sync-rcu" for i in range(5)
    ]
    distinct = []
    for i, thread in enumerate(threads):
        for j in range(6):
            thread = thread.replace(f"W z {i + 1};", f"W z {100 * i + j + 10};", 1)
        distinct.append(thread)
    case = execution(*distinct)
    assert 180 <= len(case.events) <= 240
    assert Evaluation(case).rows(build.base("po"))
    assert {v.name for v in evaluate(load_model("lkmm"), case)} <= {"coherence", "happens-before", "propagation", "rcu"}
