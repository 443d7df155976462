"""Nothing in a picture lies on anything else, every arrow is drawn once, and the file is what browsers and renderers read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings

from smpcheck.cat.load import load_model
from smpcheck.questions.explain import explain
from smpcheck.readers.registry import read_programs
from smpcheck.show.draw import svg
from smpcheck.show.geometry import Box, geometry
from smpcheck.show.html import run_report
from smpcheck.show.lanes import drawing
from smpcheck.show.picture import STYLES, Picture, picture_of_run, pictures
from smpcheck.show.svg import DARK, DASHES, LIGHT, document, rounded
from tests.optional import the
from tests.show.shapes import drawn

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = [*sorted((ROOT / "examples").glob("*.litmus")), *sorted((ROOT / "examples" / "models").glob("*.py"))]
LKMM = load_model("lkmm")
NAME = "{http://www.w3.org/2000/svg}"
HAIR = 0.5


def segments(points) -> list[Box]:
    """The parts of a line as boxes as thin as a hair."""
    return [
        Box(min(a, c) - HAIR, min(b, d) - HAIR, abs(a - c) + 2 * HAIR, abs(b - d) + 2 * HAIR)
        for (a, b), (c, d) in pairwise(points)
    ]


def check_places(shown: Picture) -> None:
    place = geometry(shown)
    boxes, labels = list(place.boxes.values()), list(place.labels.values())
    assert len(labels) == len(place.lines) == len(shown.edges)
    for a, b in combinations([*boxes, *labels], 2):
        assert not a.meets(b)
    for box in (*boxes, *labels):
        assert box.x >= 0
        assert box.x + box.width <= place.width
        assert box.y >= 0
        assert box.y + box.height <= place.height
    for number, points in place.lines.items():
        ends = {shown.edges[number].source, shown.edges[number].target}
        inner = segments(points[1:-1])
        for part in inner:
            assert not any(part.meets(box) for box in boxes)
            assert part.x >= 0
            assert part.x + part.width <= place.width
        for part in segments(points):
            assert not any(part.meets(box) for node, box in place.boxes.items() if node not in ends)
            assert not any(part.meets(label) for label in labels)
        for other, its_points in place.lines.items():
            if other > number:
                for a in segments(points):
                    for b in segments(its_points):
                        upright = [part.height > part.width for part in (a, b)]
                        assert upright[0] != upright[1] or not a.meets(b), "two arrows on one line"


@settings(max_examples=200, deadline=None)
@given(drawn())
def test_nothing_overlaps(shown):
    check_places(shown)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_nothing_overlaps_in_examples(path):
    for program in read_programs(str(path)):
        for answer in explain(program, LKMM):
            for shown in pictures(answer):
                check_places(shown)
            drawing = svg(answer)
            assert (drawing is None) == (not pictures(answer))
            if drawing is not None:
                ET.fromstring(drawing)


@pytest.mark.parametrize("name", ["munlock_putback", "truncate_munlock_reclaim"])
def test_long_runs_of_the_mm_scenarios(name):
    """Many events, many arrows: folded, and drawn without overlaps as a picture and within the columns as text."""
    from smpcheck.mm.scenarios import SCENARIOS
    from smpcheck.readers.python import compile_scenario
    from smpcheck.simulate import simulate

    result = simulate(compile_scenario(SCENARIOS[name]), "random", seed=3)
    shown = picture_of_run(result)
    assert any(node.hidden for node in shown.nodes)
    assert shown.replay is not None
    check_places(shown)
    for width in (80, 100):
        assert all(len(line) <= width for line in drawing(shown, width))
    assert "Replay, one thread at a time" in run_report(result, name)


@settings(max_examples=60, deadline=None)
@given(drawn())
def test_every_node_and_arrow_is_drawn_once(shown):
    root = ET.fromstring(document([("A <headline>", shown)]))
    edges = sorted(int(g.attrib["data-edge"]) for g in root.iter(f"{NAME}g") if "data-edge" in g.attrib)
    nodes = sorted(int(g.attrib["data-node"]) for g in root.iter(f"{NAME}g") if "data-node" in g.attrib)
    assert edges == [edge.id for edge in shown.edges]
    assert nodes == sorted(node.id for node in shown.nodes)
    labels = sorted(the(t.text) for t in root.iter(f"{NAME}text") if t.get("class") == "label ink")
    assert labels == sorted(edge.label for edge in shown.edges)
    assert root.findtext(f"{NAME}title") == "A <headline>"
    for edge in shown.edges:
        assert edge.text.rstrip(".") in the(root.findtext(f"{NAME}desc"))


def test_colours_are_there_for_light_and_dark_and_are_not_the_only_cue():
    assert set(LIGHT) == set(DARK) >= set(STYLES) == set(DASHES)
    assert len({DASHES[name] for name in ("rf", "co", "fr", "swap", "race")}) == 5
    for colours in (LIGHT, DARK):
        assert len({colours[name] for name in STYLES}) == len(STYLES)
        for ink in ("ink", "dim"):
            for paper in ("paper", "node"):
                assert contrast(colours[ink], colours[paper]) >= 4.5
        for name in STYLES:
            assert contrast(colours[name], colours["paper"]) >= 2.2


def contrast(a: str, b: str) -> float:
    """Of two colours, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_a_file_needs_nothing_else():
    (program,) = read_programs(str(ROOT / "examples" / "02-SB+mbs.litmus"))
    (answer,) = explain(program, LKMM)
    drawing = the(svg(answer))
    assert re.findall(r"https?://[^\"]*", drawing) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in drawing
    assert "prefers-color-scheme:dark" in drawing


def test_corners_are_round_and_ends_are_where_they_should_be():
    assert rounded([(0, 0), (20, 0), (20, 40), (60, 40)]) == "M0 0L15 0Q20 0 20 5L20 35Q20 40 25 40L60 40"
    assert rounded([(0, 0), (4, 0), (4, 0), (9, 0)]).endswith("L9 0")
