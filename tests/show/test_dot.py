"""DOT text: what Graphviz reads, with every node and arrow once."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings

from smpcheck.cat.load import load_model
from smpcheck.questions.explain import explain
from smpcheck.readers.registry import read_programs
from smpcheck.show.dot import explanations_dot, picture_dot, quoted
from tests.optional import the
from tests.show.shapes import drawn

ROOT = Path(__file__).parent.parent.parent
LKMM = load_model("lkmm")
DOT = shutil.which("dot")
STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)


@settings(max_examples=80, deadline=None)
@given(drawn())
def test_strings_and_braces_are_balanced_and_all_is_there(shown):
    text = picture_dot(shown)
    bare = STRING.sub("S", text)
    assert '"' not in bare
    assert bare.count("{") == bare.count("}")
    assert bare.count("[") == bare.count("]")
    assert bare.count("subgraph cluster_") == len(shown.lanes)
    assert sorted(map(int, re.findall(r"^ +n(\d+) \[label", bare, re.M))) == sorted(node.id for node in shown.nodes)
    arrows = re.findall(r"^  n(\d+) -> n(\d+) \[xlabel", bare, re.M)
    assert [(int(a), int(b)) for a, b in arrows] == [(edge.source, edge.target) for edge in shown.edges]


def test_quoting():
    assert quoted('a "b" \\n\n') == '"a \\"b\\" \\\\n\\n"'


def test_labels_of_arrows_take_no_part_in_the_layout():
    """Graphviz 2.43 dies of those that do (seen with 7 in 130 tests of the reference library)."""
    (path,) = (ROOT / "examples").glob("*-IRIW+mbs.litmus")
    text = explanations_dot([answer for program in read_programs(str(path)) for answer in explain(program, LKMM)])
    arrows = [line for line in text.splitlines() if "constraint=false" in line]
    assert len(arrows) == 6
    assert all("[xlabel=" in line and " label=" not in line for line in arrows)


TWO_PAIRS = """C two-pairs

{}

P0(int *h, int *new) { int r1 = READ_ONCE(*h); int r8 = cmpxchg(new, 0, 1); int r9 = cmpxchg(h, r1, 1); }

P1(int *h, int *new) { int r1 = READ_ONCE(*h); int r8 = cmpxchg(new, 0, 1); int r9 = cmpxchg(h, r1, 1); }

exists (0:r8=0 /\\ 1:r8=0 /\\ 0:r1=0 /\\ 1:r1=0 /\\ 0:r9=0 /\\ 1:r9=0)
"""


@pytest.mark.skipif(DOT is None, reason="Graphviz is not installed")
def test_graphviz_survives_arrows_both_ways_between_the_same_nodes():
    text = explanations_dot([a for p in read_programs("two.litmus", TWO_PAIRS) for a in explain(p, LKMM)])
    drawn_ = subprocess.run([the(DOT), "-Tsvg"], input=text, capture_output=True, text=True, timeout=60)
    assert (drawn_.returncode, drawn_.stderr) == (0, "")


@pytest.mark.skipif(DOT is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("stem", ["IRIW+mbs", "RACE", "RCU"])
def test_graphviz_draws_it(stem):
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    answers = [answer for program in read_programs(str(path)) for answer in explain(program, LKMM)]
    text = explanations_dot(answers)
    drawn_ = subprocess.run([the(DOT), "-Tsvg"], input=text, capture_output=True, text=True, check=True, timeout=60)
    assert drawn_.stderr == ""
    assert drawn_.stdout.count("<svg") == text.count("digraph ")
