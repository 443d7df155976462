"""``smpcheck explain``: every format, where it goes, how wide it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from smpcheck.commands import explain

ROOT = Path(__file__).resolve().parents[2]
SB, MBS = ROOT / "examples" / "01-SB.litmus", ROOT / "examples" / "02-SB+mbs.litmus"


APP = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
explain.register(APP)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(APP, list(map(str, arguments)))


def process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "smpcheck", "explain", *map(str, arguments)]
    return subprocess.run(words, text=True, capture_output=True, timeout=200, env={**os.environ, **environment}, encoding="utf-8")


def test_text_has_the_lanes_between_the_answer_and_the_sentences():
    out = run(SB).stdout
    parts = ("can happen under", "┌╌1 swap╌│ WRITE_ONCE(*x, 1)", "Not in program order:")
    answer, lanes, sentence = (out.index(part) for part in parts)
    assert answer < lanes < sentence
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("width", [60, 100])
def test_width_holds_for_lanes_and_sentences(width):
    for form in ("text", "lanes"):
        out = run(MBS, "--format", form, "--width", str(width)).stdout
        assert max(map(len, out.splitlines())) <= width
        assert max(map(len, out.splitlines())) > width - 20


def test_every_format_goes_to_a_file(tmp_path):
    for form in ("text", "lanes", "svg", "html", "dot", "json"):
        file = tmp_path / f"out.{form}"
        done = run(MBS, "--format", form, "-o", file)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        assert file.read_text("utf-8") == run(MBS, "--format", form).stdout
    assert process(MBS).stdout == (tmp_path / "out.text").read_text("utf-8")
    ET.parse(tmp_path / "out.svg")
    assert json.loads((tmp_path / "out.json").read_text())["kind"] == "explanations"
    assert (tmp_path / "out.dot").read_text().startswith('digraph "SB+mbs" {')
    assert (tmp_path / "out.html").read_text().startswith("<!DOCTYPE html>")


def test_ascii_where_nothing_else_can_be_shown():
    out = process(SB, PYTHONIOENCODING="ascii").stdout
    assert out.isascii()
    assert "1 swap-| WRITE_ONCE(*x, 1)" in out


def test_what_is_wrong_is_one_line(tmp_path):
    for words, said in (
        (("--format", "gif"), "there is no format 'gif': choose from text, lanes, svg, html, dot, json"),
        (("-o", tmp_path / "no" / "file"), "cannot write"),
    ):
        done = process(SB, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


MACHINERY = ROOT / "src" / "smpcheck" / "mm" / "scenarios.py"


def test_a_scenario_of_the_page_machinery_under_a_variant():
    chosen = ("--scenario", "shm_unlock_putback", "--set", "flags=separate", "--check", "I3")
    done = run(MACHINERY, *chosen, "--set", "variant=V10")
    assert " ".join(done.stdout.split()).startswith("shm_unlock_putback[flags=separate, variant=V10]: I3: FAILS, by taking turns")
    (answer,) = json.loads(run(MACHINERY, *chosen, "--set", "variant=V4", "--format", "json").stdout)["explanations"]
    assert (answer["answer"], answer["complete"]) == ("forbidden", False)
    assert answer["reasons"]


@pytest.mark.slow
def test_a_scenario_that_fails_out_of_order_only():
    chosen = ("--scenario", "munlock_page_putback", "--set", "flags=separate", "--check", "I3")
    done = process(MACHINERY, *chosen, "--set", "variant=V0", "--timeout", "100")
    assert "munlock_page_putback[flags=separate, variant=V0]: I3: FAILS under" in done.stdout
    assert "Not in program order:" in done.stdout
    (answer,) = json.loads(process(MACHINERY, *chosen, "--set", "variant=V4", "--format", "json").stdout)["explanations"]
    assert (answer["answer"], answer["complete"]) == ("forbidden", False)
    assert answer["reasons"]
