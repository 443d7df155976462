"""The reference library of litmus tests with herd7's answers, and what it means to agree with it.

The library lies beside the project (``../shared/litmus/lkmm``; another place: ``SMPCHECK_LITMUS``). One object a line of its
``reference.jsonl``: ``file``, ``status`` (``ok``, ``err``, ``timeout``) and, where herd7 answered, ``verdict``,
``states_count``, ``states`` (up to 64 of them), ``flags``. Where it timed out, ``reachable`` may hold another solver's word.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from smpcheck.questions.result import Result
from smpcheck.show.herd import state_line

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = Path(os.environ.get("SMPCHECK_LITMUS", ROOT.parent / "shared" / "litmus" / "lkmm"))

_SYMBOL = re.compile(r"=S\d+")
"""herd7's name for a value out of thin air, which may be any: one that only depends on itself."""

_EDITION = "the reference is kernel 6.1's model, ours is 6.12's"
_COMPILER = "the author's word is about what a compiler may do first; the model, taken at its word, says Never"

EXPLAINED: dict[str, tuple[str, dict[str, Any]]] = {
    "manual/extra/rel-seq/C-rel-seq3.litmus": (
        f"{_EDITION}: a release is seen through a chain of read-modify-writes since 6.3",
        {"states_count": 53, "states": None},
    ),
    "manual/kernel/C-srcu-nest-5.litmus": (
        f"{_EDITION}: SRCU critical sections may overlap, each known by its cookie; the author agrees with us",
        {"verdict": "Sometimes", "states_count": 4, "states": None, "flags": []},
    ),
    "manual/kernel/C-srcu-nest-8.litmus": (
        f"{_EDITION}: SRCU critical sections may overlap, each known by its cookie; the author agrees with us",
        {"verdict": "Sometimes", "states_count": 4, "states": None, "flags": []},
    ),
    "manual/srcu/C-SRCU-misnest.litmus": (
        f"{_EDITION}: SRCU critical sections may overlap, each known by its cookie",
        {"flags": []},
    ),
    "manual/oota/TC1.litmus": (_COMPILER, {"status": "ok", "verdict": "Never"}),
    "manual/oota/TC8.litmus": (_COMPILER, {"status": "ok", "verdict": "Never"}),
    "manual/oota/TC9.litmus": (_COMPILER, {"status": "ok", "verdict": "Never"}),
}
"""Where we differ from the reference: why, and what is right instead. Under kernel 6.1's own model those of edition vanish."""


@dataclass(frozen=True)
class Reference:
    """One test of the library; ``explained`` says why we differ, where we do and know it."""

    row: dict[str, Any] = field(repr=False)
    explained: str | None = None

    @property
    def file(self) -> str:
        """Its path below the library."""
        return str(self.row["file"])

    @property
    def path(self) -> Path:
        """Its path."""
        return LIBRARY / self.file

    @property
    def status(self) -> str:
        """What herd7 did: ``ok``, ``err`` or ``timeout``."""
        return str(self.row["status"])

    @property
    def wants_states(self) -> bool:
        """Does the reference say how many final states there are?"""
        return self.row["states_count"] is not None

    @cached_property
    def threads(self) -> int:
        """How many threads the test has."""
        text = self.path.read_text(errors="replace")
        return sum(1 for line in text.splitlines() if line[:1] == "P" and line[1:2].isdigit())

    def disagreement(self, result: Result) -> str | None:
        """What in ``result`` is not as the reference has it, in a few words; None if nothing is."""
        if result.status not in ("ok", "no-execution"):
            return None if self.status == "err" else f"{result.status}: {result.message}"
        if self.status == "timeout":
            reachable = self.row.get("reachable")
            if reachable is not None and reachable != (result.verdict != "Never"):
                return f"{result.verdict}, but another solver says that the condition is {'' if reachable else 'not '}reachable"
            return self._expectation(result)
        if self.status == "err":
            return self._expectation(result)
        if result.status == "no-execution":
            return None if self.row["states_count"] == 0 else "no execution"
        if result.verdict != self.row["verdict"]:
            return f"{result.verdict} instead of {self.row['verdict']}"
        if tuple(sorted(result.flags)) != tuple(sorted(self.row["flags"])):
            return f"flags {list(result.flags)} instead of {self.row['flags']}"
        return self._states(result)

    def _states(self, result: Result) -> str | None:
        if not self.wants_states or not result.states:
            return None
        if len(result.states) != self.row["states_count"]:
            return f"{len(result.states)} states instead of {self.row['states_count']}"
        if self.row["states"] is None:
            return None
        ours = [state_line(row) for row in result.states]
        theirs = [_SYMBOL.sub("=?", line) for line in self.row["states"]]
        for line in ours:
            if line not in theirs:
                return f"a state too many: {line}"
        in_order = ours == theirs or any("=?" in line for line in ours)
        return None if in_order else "the states are in another order"

    @staticmethod
    def _expectation(result: Result) -> str | None:
        return f"{result.verdict}, but the author says {result.expected}" if result.agrees is False else None


def load(explained: bool = True) -> list[Reference]:
    """All tests of the library; empty where it is not there. ``explained``: with what is right instead where we know better."""
    path = LIBRARY / "reference.jsonl"
    if not path.exists():
        return []
    with path.open() as lines:
        rows = [json.loads(line) for line in lines]
    table = EXPLAINED if explained else {}
    return [
        Reference(row | table[row["file"]][1], table[row["file"]][0]) if row["file"] in table else Reference(row) for row in rows
    ]
