"""Answers in a notebook, without Jupyter: bundles that a front end shows, with nothing from the network and nothing unescaped."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import smpcheck
from smpcheck.notebook import Drawn
from smpcheck.readers.python.load import load_scenarios

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SB, MBS = EXAMPLES / "01-SB.litmus", EXAMPLES / "02-SB+mbs.litmus"
VOID = {"br", "hr", "img", "meta", "link", "input"}


class Balanced(HTMLParser):
    """Elements that are closed in order; their text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        for name, value in attributes:
            assert not name.startswith("on")
            assert name not in ("src", "href", "xlink:href") or (value or "").startswith(("#", "data:"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_result_draws_itself():
    bundle = smpcheck.check(SB)._repr_mimebundle_()
    page = Balanced(bundle["text/html"])
    assert "SB: Sometimes under lkmm" in page.text
    assert page.seen.count("tr") == 5
    assert "script" not in page.seen
    assert "READ_ONCE(*y)" in page.text
    assert "SB: Sometimes under lkmm" in bundle["text/plain"]
    assert "0:r0=1; 1:r0=1;" in bundle["text/plain"]


def test_an_explanation_draws_itself():
    (answer,) = smpcheck.check(MBS).explain()
    assert isinstance(answer, Drawn)
    bundle = answer._repr_mimebundle_()
    assert "smp_mb()" in Balanced(bundle["text/html"]).text
    assert "ordered by smp_mb() in line 18" in bundle["text/plain"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.litmus")), ids=lambda p: p.stem)
def test_every_example(path):
    bundle = smpcheck.check(path)._repr_mimebundle_()
    Balanced(bundle["text/html"])
    assert ("image/svg+xml" in bundle) == ("<svg" in bundle["text/html"])


def test_a_scenario():
    (scenario,) = load_scenarios(EXAMPLES / "models" / "seqlock_without_rmb.py")
    page = Balanced(smpcheck.check(scenario)._repr_mimebundle_()["text/html"])
    assert "FAILS: not torn" in page.text


def test_what_has_no_answer_says_why():
    result = smpcheck.check("C <b>odd</b>\n\n{}\n\nP0(int *x)\n{\n\tgoto out;\n}\n\nexists (x=1)\n")
    page = Balanced(result._repr_mimebundle_()["text/html"])
    assert page.seen.count("b") == 1
    assert "7:" in page.text


def test_many_states_are_counted():
    result = smpcheck.check(EXAMPLES / "12-IRIW.litmus")
    assert len(result.states) <= 32
    load = "P%d(int *x%d)\n{\n\tint r0;\n\n\tr0 = READ_ONCE(*x%d);\n}"
    store = "P%d(int *x%d)\n{\n\tWRITE_ONCE(*x%d, 1);\n}"
    ordered = "\n\n".join([load % (i, i, i) for i in range(6)] + [store % (i + 6, i, i) for i in range(6)])
    observed = "; ".join(f"{i}:r0" for i in range(6))
    text = f"C many\n\n{{}}\n\n{ordered}\n\nlocations [{observed};]\nexists (0:r0=1)\n"
    many = smpcheck.check(text)
    assert len(many.states) == 64
    assert "64 final states" in Balanced(many._repr_mimebundle_()["text/html"]).text
    assert "64 final states" in many._repr_mimebundle_()["text/plain"]


def test_results_of_a_batch_draw_without_pictures():
    (result,) = smpcheck.check_all(SB, jobs=0)
    bundle = result._repr_mimebundle_()
    assert "Sometimes" in Balanced(bundle["text/html"]).text


def test_nothing_of_jupyter_is_imported():
    script = (
        "import sys, smpcheck; smpcheck.check(sys.argv[1])._repr_mimebundle_();"
        "print(*sorted({m.partition('.')[0] for m in sys.modules} & {'IPython', 'ipykernel', 'notebook', 'traitlets'}))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(SB)], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
