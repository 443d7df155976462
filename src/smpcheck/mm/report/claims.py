"""The answers to the claims, for people and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import to_builtins

if TYPE_CHECKING:
    from smpcheck.mm.claims import Finding

MARKS = {"right": "✓", "wrong": "✗", "incomplete": "±", "undecided": "?"}
STYLES = {"right": "32", "wrong": "31", "incomplete": "33", "undecided": "35"}
SAID = {"right": "right", "wrong": "wrong", "incomplete": "right, but not the whole truth", "undecided": "undecided"}


def finding_text(finding: Finding, width: int = 100, colour: bool = False, evidence: bool = True) -> str:
    """The statement, the verdict on it, the answer, and what it rests on."""
    verdict = f"{MARKS[finding.verdict]} {SAID[finding.verdict]}"
    if colour:
        verdict = f"\x1b[{STYLES[finding.verdict]}m{verdict}\x1b[0m"
    lines = textwrap.wrap(f"{finding.id:<4} {finding.statement}", width, subsequent_indent=" " * 5)
    lines.append(f"     {verdict}")
    lines += textwrap.wrap(finding.answer, width, initial_indent=" " * 5, subsequent_indent=" " * 5, break_on_hyphens=False)
    if evidence:
        for check in finding.checks:
            answer = f"{check.question}: {check.answer}"
            lines += textwrap.wrap(answer, width, initial_indent=" " * 7, subsequent_indent=" " * 9, break_on_hyphens=False)
            lines.append(f"         $ {check.command}")
    return "\n".join(lines) + "\n"


def summary(findings: Sequence[Finding]) -> str:
    """How many of which kind."""
    counts = {kind: sum(f.verdict == kind for f in findings) for kind in SAID}
    said = ", ".join(f"{count} {SAID[kind]}" for kind, count in counts.items() if count)
    return f"{len(findings)} claim{'s' * (len(findings) != 1)}: {said}\n"


def json_line(finding: Finding) -> str:
    """One object."""
    return json.dumps(to_builtins(finding) | {"seconds": round(finding.seconds, 3)})
