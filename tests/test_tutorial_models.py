"""The tutorial on models shows the examples as they are and prints what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from smpcheck.commands import check, explain, run

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "examples" / "models"
TUTORIAL = (ROOT / "docs" / "tutorial-models.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TUTORIAL, re.M | re.S)
CONSOLE = [text.split("\n", 1) for kind, text in BLOCKS if kind == "console"]


def without_times(text: str) -> list[str]:
    """Lines without seconds, and without the width of columns."""
    return [" ".join(re.sub(r"\b\d+\.\d+\b", "T", line).split()) for line in text.splitlines()]


def printed(command: str) -> str:
    app = typer.Typer()
    for module in (check, explain, run):
        module.register(app)
    arguments = shlex.split(command)
    assert arguments[0] == "smpcheck"
    return CliRunner().invoke(app, arguments[1:]).output


@pytest.mark.parametrize("command,output", [(c.removeprefix("$ "), o) for c, o in CONSOLE if o], ids=lambda text: text[:60])
def test_commands_print_what_is_shown(command: str, output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MODELS)
    assert without_times(printed(command)) == without_times(output)


def test_the_explanation_ends_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MODELS)
    (command,) = [c.removeprefix("$ ") for c, o in CONSOLE if not o]
    (shown,) = [text for kind, text in BLOCKS if kind == ""]
    assert printed(command).rstrip().endswith(shown.rstrip())


def test_listings_are_the_files() -> None:
    files = [p.read_text() for p in sorted(MODELS.glob("*.py"))]
    listings = [text for kind, text in BLOCKS if kind == "python" and "from smpcheck.readers" not in text]
    assert len(listings) == 4
    for listing in listings:
        assert any(listing.strip() in text for text in files), listing


def test_the_python_of_the_last_section_does_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MODELS)
    (code,) = [text for kind, text in BLOCKS if kind == "python" and "from smpcheck.readers" in text]
    space: dict[str, object] = {}
    exec(code.replace("outcomes(program).failed ", "found = outcomes(program).failed "), space)
    assert space["found"] == frozenset()
