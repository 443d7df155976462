"""The table: a file for each language, a line of JSON for each test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LANGUAGES = {"C": "lkmm", "AArch64": "aarch64", "X86": "x86", "X86_64": "x86", "PPC": "power", "RISCV": "riscv"}
"""The languages of the table, and the model of ours that is asked about each."""

FILES = {language: Path(__file__).with_name(f"{language.lower()}.jsonl") for language in LANGUAGES}


@dataclass(frozen=True)
class Row:
    """A test, and what herd7 says of it; ``states`` are its lines of final states, ``flags`` what it flags, both in its order."""

    name: str
    text: str
    verdict: str
    states: list[str]
    flags: list[str]


def written(rows: Sequence[Row]) -> str:
    """The text of a file."""
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)


def load(language: str) -> list[Row]:
    """The rows of a language."""
    return [Row(**json.loads(line)) for line in FILES[language].read_text().splitlines()]
