"""Lanes in text: never wider than asked, every arrow once, readable in every width."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smpcheck.cat.load import load_model
from smpcheck.questions.explain import explain
from smpcheck.readers.registry import read_programs
from smpcheck.show.canvas import ASCII, Canvas
from smpcheck.show.draw import lanes
from smpcheck.show.lanes import broken, drawing, explanation_lanes, letters
from smpcheck.show.picture import pictures
from tests.optional import the
from tests.rows import few
from tests.show.shapes import drawn

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = [*sorted((ROOT / "examples").glob("*.litmus")), *sorted((ROOT / "examples" / "models").glob("*.py"))]
LKMM = load_model("lkmm")


def answer_for(stem: str):
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    (program,) = read_programs(str(path))
    (answer,) = explain(program, LKMM)
    return answer


def test_a_picture_to_look_at():
    (shown,) = pictures(answer_for("SB"))
    assert drawing(shown, 80) == [
        "         P0                           P1",
        "         ───────────────────          ───────────────────",
        "┌╌1 swap╌│ WRITE_ONCE(*x, 1)◀────┐",
        "╎        │ x = 1  line 18        │",
        "╎                                │",
        "└╌╌╌╌╌╌╌▶│ READ_ONCE(*y) ────fr─┐│",
        "         │ y is 0  line 19      ││",
        "                                ││",
        "                                └┼───▶│ WRITE_ONCE(*y, 1)",
        "                                 │    │ y = 1  line 26",
        "                                 │",
        "                                 └─fr─│ READ_ONCE(*x)",
        "                                      │ x is 0  line 27",
    ]


@settings(max_examples=150, deadline=None)
@given(drawn(most_threads=6), st.sampled_from((40, 60, 80, 100)))
def test_never_wider_than_asked_and_every_arrow_once(shown, width):
    lines = drawing(shown, width)
    assert all(len(line) <= width for line in lines)
    listed = [line for line in lines if re.match(r"\w+ ─.*─▶ \w+", line)]
    if listed:
        assert len(listed) == len(shown.edges)
    else:
        heads = sum(line.count("▶") + line.count("◀") for line in lines)
        assert heads == len(shown.edges) + sum(edge.style == "race" for edge in shown.edges)
        text = "\n".join(lines)
        for edge in shown.edges:
            assert edge.label in text or (edge.number and str(edge.number) in text)


@settings(max_examples=100, deadline=None)
@given(drawn(most_threads=3, most_events=4))
def test_lines_can_be_followed_from_end_to_end(shown):
    """Every sign of a line meets a line, an arrow's head, a label or a node in each direction that it points to."""
    lines = drawing(shown, 400)
    width = max((len(line) for line in lines), default=0)
    grid = [line.ljust(width + 1) for line in (*lines, "")]
    down, across = "│┃╎┌┐┏┓┼╋", "─━╌┌└┏┗┼╋"
    for y, line in enumerate(grid[2:-1], 2):
        for x, sign in enumerate(line):
            if sign in "┌┐┏┓┼╋":
                assert grid[y + 1][x] in "│┃╎└┘┗┛┼╋"
            if sign in "└┘┗┛┼╋":
                assert grid[y - 1][x] in down
            if sign in "┌└┏┗":
                assert grid[y][x + 1] != " "
            if sign in "┐┘┓┛":
                assert grid[y][x - 1] in across or grid[y][x - 1] not in " "


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
@pytest.mark.parametrize("width", few([80, 60, 100, 120], 2))
def test_examples_fit(path, width):
    for program in read_programs(str(path)):
        for answer in explain(program, LKMM):
            assert all(len(line) <= width for line in explanation_lanes(answer, width).split("\n"))


def test_four_threads_are_drawn_with_arrows_in_80_columns():
    (shown,) = pictures(answer_for("IRIW+mbs"))
    text = "\n".join(drawing(shown, 80))
    assert text.count("▶") + text.count("◀") == len(shown.edges)
    assert "a ─" not in text


def test_what_draw_gives_says_it_all():
    text = the(lanes(answer_for("SB+mbs")))
    assert text.startswith("SB+mbs: 0:r0=0 /\\ 1:r0=0: cannot happen")
    assert "ordered by smp_mb() in line 18" in text


def test_an_outcome_without_a_picture_has_no_lanes():
    text = "C t\n\n{}\n\nP0(int *x)\n{\nWRITE_ONCE(*x, 1);\n}\n\nexists (x=7)\n"
    (program,) = read_programs("t.litmus", text)
    (answer,) = explain(program, LKMM)
    assert lanes(answer) is None
    assert "cannot happen under any memory model" in explanation_lanes(answer)


@given(st.text("ab_(),>- *", max_size=60), st.integers(6, 40))
def test_source_text_is_broken_without_loss(code, width):
    lines = broken(code, width)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(code.split())


def test_source_text_is_broken_where_a_person_would():
    assert broken("smp_store_release(&page->flags, value)", 22) == ["smp_store_release(", "  &page->flags, value)"]


def test_letters_go_on_after_z():
    assert [letters(i) for i in (0, 25, 26, 27, 702)] == ["a", "z", "aa", "ab", "aaa"]


def test_lines_join_and_cross():
    canvas = Canvas()
    canvas.across(0, 4, 1, "light")
    canvas.down(2, 0, 2, "light")
    canvas.down(4, 1, 2, "heavy")
    assert canvas.rows() == ["  │", "──┼─┓", "  │ ┃"]
    assert [row.translate(ASCII) for row in canvas.rows()] == ["  |", "--+-+", "  | |"]


@settings(max_examples=30, deadline=None)
@given(drawn(most_threads=3))
def test_ascii_has_every_sign(shown):
    own = set("".join(node.code for node in shown.nodes))
    assert all(ord(sign) < 128 or sign in own for line in drawing(shown, 90) for sign in line.translate(ASCII))


@pytest.mark.parametrize(
    ("code", "width", "lines"),
    [
        ("atomic_set(a, 1)", 9, ["atomic_", "  set(a,", "  1)"]),
        ("smp_mb()", 9, ["smp_mb()"]),
        ("aaaaaaaaaaaaaaa", 11, ["aaaaaaaaaaa", "  aaaa"]),
        ("rcu_dereference(x)", 10, ["rcu_", "  derefere", "  nce(x)"]),
    ],
)
def test_a_word_that_is_too_long_is_broken_where_it_has_parts(code, width, lines):
    assert broken(code, width) == lines
