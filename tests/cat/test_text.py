"""Models and nodes as text again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from smpcheck.cat import describe, show
from smpcheck.cat.graph import roots
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Node
from tests.cat import node, read, same
from tests.cat.test_concrete import simplified, terms
from tests.kernel import model as kernel_tree


@pytest.mark.parametrize("name", ["sc", "tso", "lkmm", "6.1", "6.12"])
def test_the_text_of_a_model_is_that_model(name: str, tmp_path: Path) -> None:
    model = load_model(kernel_tree(name) if name[0] == "6" else name)
    again = read(show(model), tmp_path)
    assert [(a.kind, a.name, a.negated, a.flag) for a in again.axioms] == [
        (a.kind, a.name, a.negated, a.flag) for a in model.axioms
    ]
    assert [n for n, _ in again.shows] == [n for n, _ in model.shows]
    assert all(same(a, b) for a, b in zip(roots(model), roots(again), strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "po ; rf | co",
        "po ; (rf | co)",
        "(po ; rf)+",
        "(po | rf)?",
        "~R",
        "[R & W]",
        "po \\ rf \\ co",
        "po \\ (rf \\ co)",
        "R * W",
        "(R * W) & po",
        "domain(po ; rf)",
        "different-values(po)",
        "fencerel(Mb | Wmb)",
        "rf^-1",
        "(po & ext)^-1 ; co",
    ],
)
def test_text_has_only_the_parentheses_it_needs(text: str, tmp_path: Path) -> None:
    assert describe(node(text, tmp_path)).replace(" ", "") == text.replace(" ", "").replace("(R*W)&po", "R*W&po")


def test_named_terms_stand_by_their_names(tmp_path: Path) -> None:
    term = node("hb", tmp_path, "let ppo = po ; [R] let hb = ppo | rfe")
    assert describe(term) == "ppo | rfe"


def test_a_name_given_twice_is_numbered(tmp_path: Path) -> None:
    text = show(read("let a = po ; rf\nlet a = a | co\nlet a = a ; fr\nempty a as x", tmp_path))
    assert text.splitlines()[2:] == ["let a = po ; rf", "let a-2 = a | co", "let a-3 = a-2 ; fr", "empty a-3 as x"]


def test_declared_tags_are_declared_again(tmp_path: Path) -> None:
    model = read("enum T = 'shiny\nempty [Shiny] ; po as x", tmp_path)
    assert "enum Tags = 'shiny" in show(model)
    assert same(read(show(model), tmp_path).axioms[0].node, model.axioms[0].node)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(term=terms("rel").map(simplified))
def test_the_text_of_any_term_is_that_term(term: Node, tmp_path_factory: pytest.TempPathFactory) -> None:
    again = node(describe(term), tmp_path_factory.mktemp("text"))
    assert same(again, simplified(term)) or describe(again) == describe(term)
