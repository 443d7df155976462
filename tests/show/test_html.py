"""The HTML report: well-formed, closed to the network, nothing unescaped, and what belongs together has the same names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings

from smpcheck.cat.load import load_model
from smpcheck.questions.explain import explain
from smpcheck.readers.registry import read_programs
from smpcheck.show.highlight import highlighted
from smpcheck.show.html import IN_EFFECT, NO_REPLAY, TURNS, View, page, report
from smpcheck.show.picture import pictures
from tests.optional import the
from tests.show.shapes import NASTY, drawn

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = [*sorted((ROOT / "examples").glob("*.litmus")), *sorted((ROOT / "examples" / "models").glob("*.py"))]
LKMM = load_model("lkmm")
VOID = {"br", "meta", "path", "rect"}
CHROMIUM = shutil.which("chromium")


class Page(HTMLParser):
    """Elements that are closed in order, with their attributes; the text outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        for name, value in attributes:
            assert not name.startswith("on")
            assert name not in ("src", "href", "xlink:href")
            assert "://" not in (value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data

    def values(self, name: str, tag: str | None = None) -> list[str]:
        return [a[name] for t, a in self.elements if name in a and tag in (None, t)]


def explained(path: Path):
    return [answer for program in read_programs(str(path)) for answer in explain(program, LKMM)]


def of(stem: str):
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    return explained(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_example_makes_a_page(path):
    answers = explained(path)
    text = report(answers)
    shown = Page(text)
    assert "http" not in re.sub(r'http-equiv="', "", text)
    assert "url(" not in text
    assert "@import" not in text
    ids = shown.values("id")
    assert len(ids) == len(set(ids))
    lines = set(shown.values("data-line"))
    for used in shown.values("data-lines"):
        assert set(used.split()) <= lines
    assert all(answer.outcome.text in shown.text for answer in answers)
    for program in {id(answer.program): answer.program for answer in answers}.values():
        assert program.source.strip().split("\n")[0] in shown.text


@settings(max_examples=60, deadline=None)
@given(drawn())
def test_whatever_the_source_says_is_text(shown):
    page_ = Page(page([View(shown.program, "a <b>headline</b>", "tab", shown, ("a <note>",))]))
    assert {tag for tag, _ in page_.elements} <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "main", "div", "section", "svg",
        "desc", "rect", "path", "g", "text", "ol", "ul", "li", "span", "b", "br", "button", "output", "code", "footer", "script",
    }  # fmt: skip
    assert "a <b>headline</b>" in page_.text
    assert "a <note>" in page_.text
    edges = page_.values("data-edge", "g")
    assert sorted(map(int, edges)) == [edge.id for edge in shown.edges]
    said = {number for number in page_.values("data-edge", "li") if number}
    numbered = {edge.number for edge in shown.edges if edge.number}
    assert said >= {str(edge.id) for edge in shown.edges if not edge.number}
    assert len(said) >= len(numbered)
    assert set(page_.values("data-node", "li")) <= set(page_.values("data-node", "g"))


class TestReplay:
    def test_an_interleaving_is_replayed_with_what_memory_holds(self):
        (shown, _) = pictures(of("RACE")[0])
        assert [moment.state for moment in the(shown.replay).moments] == [
            "data = 1, flag = 0", "data = 1, flag = 0", "data = 1, flag = 0", "data = 1, flag = 1",
        ]  # fmt: skip
        page_ = Page(report(of("RACE")))
        assert page_.values("data-go") == ["0", "-1", "1"] * 2
        assert page_.values("data-state")[:4] == [moment.state for moment in the(shown.replay).moments]
        assert TURNS in page_.text

    def test_a_weak_execution_has_a_replay_in_the_order_of_taking_effect(self):
        page_ = Page(report(of("SB")))
        assert IN_EFFECT in page_.text
        assert len(page_.values("data-state")) == 4

    def test_where_there_is_none_the_page_says_so(self):
        text = report(of("SB+mbs"))
        assert NO_REPLAY in text
        assert "data-go=" not in text.split("<script>")[0]


def test_several_outcomes_and_reasons_can_be_switched_between():
    answers = [*of("SB"), *of("SB+mbs"), *of("RACE")]
    page_ = Page(report(answers))
    assert page_.values("data-view") == ["0", "1", "2", "3"]
    assert [a["data-program"] for t, a in page_.elements if t == "section"] == ["0", "1", "2", "2"]
    assert [a["data-program"] for t, a in page_.elements if a.get("class") == "source"] == ["0", "1", "2"]


def test_an_outcome_without_execution_is_a_sentence():
    text = "C t\n\n{}\n\nP0(int *x)\n{\nWRITE_ONCE(*x, 1);\n}\n\nexists (x=7)\n"
    (program,) = read_programs("t.litmus", text)
    page_ = Page(report(list(explain(program, LKMM))))
    assert "cannot happen under any memory model" in page_.text
    assert "svg" not in [tag for tag, _ in page_.elements]


@pytest.mark.parametrize("name", ["a.litmus", "a.py"])
def test_highlighting_loses_nothing(name):
    sources = ["/* a\nb */ if (x) /* open", '"""a\nb""" # c', "P0(int *x) { r = READ_ONCE(*x); /* ( * */ }", "(* a *)\n1"]
    for source in (*NASTY, *sources):
        lines = highlighted(source, name)
        assert len(lines) == source.count("\n") + 1
        assert [Page(line).text for line in lines] == source.split("\n")


def test_comments_strings_and_primitives_are_set_apart():
    (line,) = highlighted("\tr0 = READ_ONCE(*x); // why", "a.litmus")
    assert '<span class="primitive">READ_ONCE</span>(*x)' in line
    assert line.endswith('<span class="comment">// why</span>')
    first, second = highlighted('x = """a\nb"""', "a.py")
    assert first.count('<span class="string">') == second.count('<span class="string">') == 1


SCRIPT = """
<script>
const show = (what) => { document.title = JSON.stringify(what); };
const one = (s) => document.querySelector(s);
const count = (s) => document.querySelectorAll(s).length;
const out = {};
one(".view.active g.edge").dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
out.edge = [count("g.edge.hot"), count("g.node.hot"), count(".source li.hot"), count(".arrows li.hot,.remarks li.hot")];
one(".view.active .scroll").dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
out.nothing = count(".hot");
one(".source.active [data-line][tabindex]").dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
out.line = [count("g.edge.hot"), count("g.node.hot"), count(".source li.hot")];
for (let i = 0; i < 2; i++) document.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
out.steps = [count(".view.active g.node.done"), count(".view.active g.node.now"), one(".view.active output").textContent];
one("[data-view='1']").click();
out.views = [count(".view.active"), count("nav [aria-pressed=true]"), one(".view.active p").textContent];
show(out);
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_it_works_in_a_browser(tmp_path):
    """Pointing, replay and switching, in headless Chromium (the page's policy lets its own inline scripts run)."""
    file = tmp_path / "report.html"
    file.write_text(report(of("RACE")).replace("</body>", SCRIPT), "utf-8")
    command = [the(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile", "--dump-dom"]
    dom = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, timeout=120, check=True).stdout
    out = json.loads(the(re.search(r"<title>(.*?)</title>", dom))[1].replace("&quot;", '"'))
    assert out == {
        "edge": [1, 2, 2, 1],
        "nothing": 0,
        "line": [1, 1, 1],
        "steps": [2, 1, "Step 2 of 4. Memory: data = 1, flag = 0"],
        "views": [1, 1, "Data race on data"],
    }
