"""For each classic test, the explanation names the cycle and the lines that its header (a textbook) names."""

import re
from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.questions.explain import Explanation, explain
from smpcheck.questions.reasons import Reason
from smpcheck.readers.litmus import read_litmus_file
from tests.optional import the

LIBRARY = Path(__file__).parent.parent / "library"
TESTS = sorted(LIBRARY.glob("*.litmus"))
LKMM = load_model("lkmm")

EDGE = re.compile(r"(\w) -(\w+)(?:\[([\w,]+)\])?-> (?=(\w))")


class Facts:
    """The header of a file of the library, letters turned into lines."""

    def __init__(self, path: Path) -> None:
        text = path.read_text()
        self.stated = dict(re.findall(r"^ \* (\w+): (.*)$", text, re.MULTILINE))
        self.lines = {
            letter: number for number, line in enumerate(text.split("\n"), 1) for letter in re.findall(r"/\* (\w) \*/", line)
        }

    def cycle(self) -> set[tuple[int, str, int, frozenset[int]]]:
        edges = EDGE.findall(self.stated["Cycle"])
        assert edges
        line = self.lines
        return {(line[a], kind, line[b], frozenset(line[c] for c in by.split(",") if c)) for a, kind, by, b in edges}

    def pair(self, fact: str) -> tuple[int, ...]:
        return tuple(self.lines[word] for word in self.stated[fact].split() if len(word) == 1)


def explained(path: Path) -> Explanation:
    (answer,) = explain(read_litmus_file(path), LKMM)
    return answer


def cycles(answer: Explanation) -> list[set[tuple[int, str, int, frozenset[int]]]]:
    """The reasons, as lines."""

    def line(reason: Reason, event: int) -> int:
        return the(reason.execution.events[event].pos).line

    return [
        {(line(r, k.source), k.kind, line(r, k.target), frozenset(pos.line for pos in k.causes)) for k in r.links}
        for r in answer.reasons
    ]


def test_there_are_twenty_of_them():
    assert len(TESTS) >= 20


@pytest.mark.parametrize("path", [p for p in TESTS if "Cycle" in Facts(p).stated], ids=lambda p: p.stem)
def test_the_cycle_of_a_forbidden_test_is_the_textbooks(path):
    facts, answer = Facts(path), explained(path)
    assert facts.stated["Result"] == "Never"
    assert answer.kind == "forbidden"
    assert answer.complete
    assert facts.cycle() in cycles(answer)
    reason = answer.reasons[cycles(answer).index(facts.cycle())]
    assert reason.axiom in facts.stated["Axiom"].split()


@pytest.mark.parametrize("path", [p for p in TESTS if "Cycle" in Facts(p).stated], ids=lambda p: p.stem)
def test_links_are_a_cycle(path):
    for reason in explained(path).reasons:
        for link, following in zip(reason.links, [*reason.links[1:], reason.links[0]], strict=True):
            assert link.target == following.source


@pytest.mark.parametrize("path", [p for p in TESTS if "Under" in Facts(p).stated], ids=lambda p: p.stem)
def test_an_allowed_test_moves_what_the_textbook_moves(path):
    facts, answer = Facts(path), explained(path)
    assert facts.stated["Result"] == "Sometimes"
    assert answer.kind == "allowed"
    assert answer.under == facts.stated["Under"]
    (reordering,) = the(answer.story).reorderings
    events = the(answer.execution).events
    place = {number: the(events[number].pos).line for number in the(answer.story).steps}
    if "Reordered" in facts.stated:
        assert reordering.kind == "po"
        assert (place[reordering.second], place[reordering.first]) == facts.pair("Reordered")
    else:
        store, seen, late = facts.pair("Early")
        assert reordering.kind == "rf"
        assert (place[reordering.first], place[reordering.second]) == (store, seen)
        assert f"P{next(e.thread for e in events if e.pos and e.pos.line == late)}" in reordering.sentence


@pytest.mark.parametrize("path", [p for p in TESTS if "Under" in Facts(p).stated], ids=lambda p: p.stem)
def test_the_steps_are_every_access_once_and_moved_pairs_the_other_way_round(path):
    answer = explained(path)
    steps = list(the(answer.story).steps)
    assert sorted(steps) == [e.id for e in the(answer.execution).events if e.thread >= 0 and e.kind != "F"]
    for reordering in the(answer.story).reorderings:
        if reordering.kind == "po":
            assert steps.index(reordering.second) < steps.index(reordering.first)
