"""What is in a picture: the nodes, the arrows that say something, the rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from smpcheck.cat.load import load_model
from smpcheck.questions.explain import explain
from smpcheck.readers.litmus import read_litmus, read_litmus_file
from smpcheck.readers.registry import read_programs
from smpcheck.show.picture import STYLES, Picture, picture, pictures
from tests.optional import the
from tests.show.shapes import drawn, executions

ROOT = Path(__file__).parent.parent.parent
LKMM = load_model("lkmm")


def of(stem: str) -> tuple[Picture, ...]:
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    (answer,) = explain(read_litmus_file(path), LKMM)
    return pictures(answer)


def arrows(shown: Picture) -> set[tuple[str, str, str]]:
    """Style and the lines of the ends."""
    place = {node.id: node.place.removeprefix("line ") for node in shown.nodes}
    return {(edge.style, place[edge.source], place[edge.target]) for edge in shown.edges}


def row(shown: Picture, line: int) -> int:
    return next(node.row for node in shown.nodes if node.place == f"line {line}")


class TestAllowed:
    def test_the_reordering_is_an_arrow_and_all_others_but_one_run_downwards(self):
        (shown,) = of("SB")
        assert arrows(shown) == {("fr", "19", "26"), ("fr", "27", "18"), ("swap", "18", "19")}
        assert row(shown, 19) < row(shown, 26) < row(shown, 27)
        assert shown.replay is not None and not the(shown.replay).turns

    def test_a_store_seen_early_is_marked_on_its_reads_from_arrow(self):
        (shown,) = of("IRIW")
        (early,) = [edge for edge in shown.edges if edge.out_of_order]
        assert (early.style, early.number) == ("rf", 1)
        assert shown.remarks[0].edge == early.id

    def test_reads_from_runs_downwards_although_the_load_is_early(self):
        (program,) = read_programs(str(ROOT / "examples" / "models" / "seqlock_without_rmb.py"))
        (answer,) = explain(program, LKMM)
        shown = pictures(answer)[0]
        rows = {node.id: node.row for node in shown.nodes}
        assert all(rows[e.source] < rows[e.target] for e in shown.edges if e.style == "rf")

    def test_an_interleaving_can_be_replayed(self):
        shown, race = of("RACE")
        nodes = {node.id: node.place for node in shown.nodes}
        assert the(shown.replay).turns
        assert [nodes[moment.node] for moment in the(shown.replay).moments] == ["line 15", "line 24", "line 25", "line 16"]
        assert {edge.style for edge in race.edges} == {"rf", "fr", "race"}


class TestForbidden:
    def test_the_cycle_is_there_edge_by_edge(self):
        (shown,) = of("SB+mbs")
        cycle = [edge for edge in shown.edges if edge.in_cycle]
        assert sorted(edge.label for edge in cycle) == ["1 fr", "2 mb", "3 fr", "4 mb"]
        ends = {edge.number: (edge.source, edge.target) for edge in cycle}
        assert all(ends[n][1] == ends[n % 4 + 1][0] for n in ends)
        mb = next(edge for edge in cycle if edge.label == "4 mb")
        assert [pos.line for pos in mb.causes] == [17, 19, 18]
        assert [remark.edge for remark in shown.remarks] == [ends_of.id for ends_of in sorted(cycle, key=lambda e: e.number)]

    def test_threads_stand_side_by_side(self):
        (shown,) = of("SB+mbs")
        assert row(shown, 17) == row(shown, 26) == 0

    def test_an_atomic_operation_with_its_barriers_is_one_node(self):
        (shown,) = of("PUTBACK+two-words+mb")
        (node,) = [node for node in shown.nodes if "xchg" in node.code]
        assert node.effect == "mlocked: 1 -> 0"
        assert len(node.events) == 4


def test_dependencies_are_notes():
    (shown,) = of("LB+ctrl+data")
    assert {note.split()[0] for node in shown.nodes for note in node.notes} | {e.label.split()[-1] for e in shown.edges} >= {
        "ctrl",
        "data",
    }


def test_an_initial_value_is_shown_only_where_an_arrow_needs_it():
    for path in sorted((ROOT / "examples").glob("*.litmus")):
        (answer,) = explain(read_litmus_file(path), LKMM)
        for shown in pictures(answer):
            ends = {end for edge in shown.edges for end in (edge.source, edge.target)}
            assert {node.id for node in shown.nodes if node.kind == "init"} <= ends


@pytest.mark.parametrize("count", [10, 40])
def test_long_lanes_are_folded(count):
    body = "\n".join(f"WRITE_ONCE(*z, {i});" for i in range(count))
    text = f"C long\n\n{{}}\n\nP0(int *x, int *z)\n{{\n{body}\nWRITE_ONCE(*x, 1);\n{body}\n}}\n\n"
    text += "P1(int *x)\n{\nint r0;\nr0 = READ_ONCE(*x);\n}\n\nexists (1:r0=1)\n"
    (answer,) = explain(read_litmus(text, "long.litmus"), LKMM)
    (shown,) = pictures(answer)
    hidden = [node.hidden for node in shown.nodes if node.hidden]
    assert hidden == ([count, count] if 2 * count > 25 and count > 12 else [])
    assert sum(node.hidden or 1 for node in shown.nodes) == 2 * count + 2
    assert {moment.node for moment in the(shown.replay).moments} == {node.id for node in shown.nodes}
    assert sum(moment.steps for moment in the(shown.replay).moments) == 2 * count + 2


@settings(max_examples=150, deadline=None)
@given(drawn())
def test_every_picture_is_sound(shown):
    rows: dict[int, list[int]] = {}
    for node in shown.nodes:
        if node.kind != "init":
            rows.setdefault(node.lane, []).append(node.row)
    assert all(own == sorted(set(own)) for own in rows.values())
    ids = {node.id for node in shown.nodes}
    assert len({(e.source, e.target, e.label) for e in shown.edges}) == len(shown.edges)
    for edge in shown.edges:
        assert {edge.source, edge.target} <= ids
        assert edge.source != edge.target
        assert edge.style in STYLES
    assert [edge.id for edge in shown.edges] == list(range(len(shown.edges)))


@settings(max_examples=100, deadline=None)
@given(executions())
def test_communication_between_threads_follows_from_the_arrows(given_execution):
    """What is left out follows: coherence through a chain of stores, from-read through the first of them."""
    program, execution = given_execution
    shown = picture(program, execution, "")
    node = {e: n.id for n in shown.nodes for e in n.events}
    reach = {n.id: {n.id} for n in shown.nodes}
    thread = {e.id: e.thread for e in execution.events}
    edges = {(e.source, e.target) for e in shown.edges}
    inside = {(node[a], node[b]) for name in ("rf", "co") for a, b in execution.relations[name] if thread[a] == thread[b] >= 0}
    fr = {(r, b) for w, r in execution.relations["rf"] for a, b in execution.relations["co"] if a == w}
    inside |= {(node[a], node[b]) for a, b in fr if thread[a] == thread[b]}
    for _ in reach:
        for a, b in edges | inside:
            for seen in reach.values():
                if a in seen:
                    seen.add(b)
    for a, b in execution.relations["co"] | execution.relations["rf"] | fr:
        if thread[a] >= 0 and thread[b] >= 0:
            assert node[b] in reach[node[a]]


WAITER = """
from __future__ import annotations

from smpcheck.kernel import *


class shared(Struct):
    x: int
    y: int


def put(p: shared) -> None:
    WRITE_ONCE(p.x, 1)
    WRITE_ONCE(p.y, 1)


def got(p: shared) -> None:
    WRITE_ONCE(p.x, READ_ONCE(p.y) + 1)



def collect(p: shared) -> None:
    check("seen", READ_ONCE(p.x) == 1)


@scenario
def waiter(s: Setup) -> None:
    s.p = p = shared()
    s.thread(put, p)
    s.thread(got, p)
    s.after(collect, p)
"""


def test_a_thread_that_waits_for_the_others_is_below_them_and_has_no_arrows_from_them(tmp_path: Path) -> None:
    (tmp_path / "waiter.py").write_text(WAITER)
    (program,) = read_programs(str(tmp_path / "waiter.py"))
    shown = pictures(next(iter(explain(program, LKMM))))[0]
    assert shown.lanes == ("put", "got", "collect")
    last = {node.id: node for node in shown.nodes if node.lane == 2}
    others = [node for node in shown.nodes if node.id not in last]
    assert last and min(node.row for node in last.values()) > max(node.row for node in others)
    assert not any(edge.source in last or edge.target in last for edge in shown.edges)
    assert not any("done[" in node.effect for node in shown.nodes)


def test_a_thread_without_a_step_has_no_lane_but_one_that_waits_for_ever_has() -> None:
    text = "C lanes\n\n{{}}\n\nP0(int *x)\n{{\n\tWRITE_ONCE(*x, 1);\n}}\n\nP1(int *x)\n{{\n\t{}\n}}\n\nexists (x=1)\n"
    for body, lanes in (("", ("P0",)), ("barrier();", ("P0", "P1"))):
        shown = pictures(next(iter(explain(read_litmus(text.format(body), "lanes.litmus"), LKMM))))[0]
        assert shown.lanes == lanes
    locks = text.replace("int *x", "int *x, spinlock_t *a").replace("WRITE_ONCE(*x, 1);", "spin_lock(a);").format("spin_lock(a);")
    (stuck,) = (a for a in explain(read_litmus(locks, "locks.litmus"), LKMM) if a.outcome.is_fault)
    assert pictures(stuck)[0].lanes == ("P0", "P1")
