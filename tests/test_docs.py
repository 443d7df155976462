"""What README.md and docs/ show is what the commands do: each command line is accepted, cheap ones print what is shown, and links
lead somewhere.
"""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "README.md"]
COMMANDS = (
    "check", "explain", "barriers", "compare", "generate", "mapping", "run", "claims",
    "mm_check", "mm_run", "mm_live", "mm_map", "mm_kernel", "mm_barrier",
)  # fmt: skip
RUN_ELSEWHERE = {"tutorial-models.md"}
"""Its own test runs it, in examples/models."""
PLACEHOLDER = re.compile(r"\.\.\.|[\[\]|…]|\b(?:COMMAND|FILE|PATH|DIR|NAME|IDs?|ADDRESS|[A-Z])\b(?![:+-])")
ELSEWHERE = re.compile(r"~|/path|my_|mine|\$|@")
"""Command lines about files that are not here are only parsed."""
DEAR = re.compile(r"mm live|claims( --brief| --json)?$|mm check( --variant \S+)?( --model \S+)?$|-j 8|--executor dask")
"""These take longer than a quick test may; those who print what they take are shown by their own tests."""
SLOW = re.compile(r"explain .*munlock_page_putback|mm check .*(-m lkmm|--scenario truncate_reclaim|-s truncate_fault)"
                  r"|claims C8 C13 C14|mapping --machine riscv:queued")  # fmt: skip
"""These take seconds: their own tests ask smaller questions."""

LINKS = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def app() -> typer.Typer:
    """All commands, each with its own options."""
    whole, mm = typer.Typer(), typer.Typer()

    @mm.callback()
    def options() -> None:
        pass

    for name in COMMANDS:
        import_module(f"smpcheck.commands.{name}").register(mm if name.startswith("mm_") else whole)
    whole.add_typer(mm, name="mm")
    return whole


APP = app()


def fenced(page: Path) -> list[tuple[str, str]]:
    """Command lines of a page's blocks, each with what is shown below it. Only ``console`` blocks begin where the output does."""
    found: list[tuple[str, str]] = []
    for kind, text in FENCE.findall(page.read_text()):
        if kind == "sh":
            found += [(line[line.index("smpcheck ") :].split(" #")[0].split(" >")[0], "") for line in text.splitlines()
                      if re.search(r"(^|/| )smpcheck [a-z]", line)]  # fmt: skip
        elif kind in ("", "console"):
            for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
                line, _, output = part.partition("\n")
                if line.removeprefix("sudo ").startswith("smpcheck "):
                    found.append((line.removeprefix("sudo ").split(" >")[0], output if kind else f"...\n{output}...\n"))
    return found


def inline(page: Path) -> list[str]:
    """Whole command lines in running text."""
    text = FENCE.sub("", page.read_text())
    return [" ".join(code.split()) for code in re.findall(r"`(smpcheck [^`]+)`", text) if not PLACEHOLDER.search(code)]


SHOWN = [(page, line, output) for page in PAGES for line, output in fenced(page)]
LINES = sorted({(page.name, line) for page, line, _ in SHOWN} | {(page.name, line) for page in PAGES for line in inline(page)})
PRINTED = [
    (page, line, output)
    for page, line, output in SHOWN
    if output.strip(" .\n") and page.name not in RUN_ELSEWHERE and not DEAR.search(line) and not ELSEWHERE.search(line)
]


def accepted(line: str) -> str | None:
    """Parse a command line without running it; what is wrong with it."""
    words = shlex.split(line)[1:]
    command: Any = typer.main.get_command(APP)
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if words in ([], ["--help"]):
        return None
    if hasattr(command, "commands"):
        return f"there is no command {words[0]}"
    try:
        command.make_context(line, words)
    except Exception as error:
        return getattr(error, "message", "") or str(error) or type(error).__name__
    return None


@pytest.mark.parametrize(("page", "line"), LINES)
def test_every_command_line_is_accepted(page: str, line: str) -> None:
    if line.removeprefix("smpcheck ") not in ("--version", "--help"):
        assert accepted(line) is None


def test_a_wrong_command_line_would_be_noticed() -> None:
    assert accepted("smpcheck mm check --nosuch")
    assert accepted("smpcheck nosuch x")
    assert accepted("smpcheck check") is None
    assert len(LINES) > 20 and len(PRINTED) > 10


def without_numbers(text: str, all_of_them: bool = False) -> list[str]:
    """Lines without what differs from run to run, or with each line that is added to a model: seconds, lines of models, the width
    of columns; all numbers of a run of many steps.
    """
    text = re.sub(r"\d[\d,:]*", "N", text) if all_of_them else re.sub(r"\b\d+\.\d+\b", "T", re.sub(r"\.py:\d+", ".py:N", text))
    return [" ".join(line.split()) for line in text.splitlines()]


def missing(shown: list[str], printed: list[str]) -> str | None:
    """The first line that is shown and not printed there. ``...`` stands for any number of lines."""
    at, loose = 0, False
    for line in shown:
        if line == "...":
            loose = True
            continue
        if loose and line in printed[at:]:
            at = printed.index(line, at)
        if at >= len(printed) or printed[at] != line:
            return f"{line!r}, where it prints {printed[at : at + 3]}"
        at, loose = at + 1, False
    rest = [line for line in printed[at:] if line]
    return None if loose or not rest else f"nothing, where it prints {rest[:3]}"


@pytest.mark.parametrize(
    ("page", "line", "output"),
    [
        pytest.param(page, line, output, id=f"{page.stem}: {line[:70]}", marks=[pytest.mark.slow] if SLOW.search(line) else [])
        for page, line, output in PRINTED
    ],
)
def test_commands_print_what_is_shown(page: Path, line: str, output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    printed = CliRunner().invoke(APP, [*shlex.split(line)[1:], *(["-j", "0"] if " check " in line else [])]).output
    long = " mm run " in line
    assert missing(without_numbers(output, long), without_numbers(printed, long)) is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    targets = {link for link, _ in LINKS.findall(FENCE.sub("", page.read_text())) if "://" not in link}
    assert [target for target in sorted(targets) if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_anchors_are_headings(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text()):
        target = page.parent / link if link else page
        if "://" in link or not target.exists():
            continue
        headings = re.findall(r"^#+ (.+)$", FENCE.sub("", target.read_text()), re.M)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, (link, anchor)
