"""Ask herd7 about every test of the table, and write the table.

    python -m tests.reference.write --herd7 HERD7 --kernel TREE/tools/memory-model

takes a minute. A test that herd7 refuses (a primitive that its model of the kernel lacks) is left out and named.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.reference import kernel_tests, machine_tests
from tests.reference.table import FILES, LANGUAGES, Row, written

REFUSED = {"SB+LOCK-CMPXCHG", "SB+LOCK-CMPXCHG-fails"}
"""Tests that herd7 cannot read."""

_BLOCK = re.compile(r"^Test (\S+) .*?(?=^Test |\Z)", re.MULTILINE | re.DOTALL)


def unique(tests: Iterator[tuple[str, str]]) -> dict[str, str]:
    """The tests by name. :raises ValueError: two with one name"""
    texts: dict[str, str] = {}
    for name, text in tests:
        if name in texts:
            raise ValueError(f"two tests are called {name}")
        texts[name] = text
    return texts


def sources(language: str) -> dict[str, str]:
    """The texts of a language's tests, by name, each headed by its own name."""
    if language != "C":
        texts = dict(machine_tests.tests(language))
        return {name: re.sub(r"^(\S+) t$", rf"\1 {name}", text, count=1, flags=re.MULTILINE) for name, text in texts.items()}
    return dict(machine_tests.generated("C")) | unique(kernel_tests.tests())


def answers(log: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What herd7 printed of each test."""
    for block in _BLOCK.finditer(log):
        observation = re.search(r"^Observation \S+ (\w+)", block[0], re.MULTILINE)
        states = re.search(r"^States \d+\n((?:.*;\n)*)", block[0], re.MULTILINE)
        if observation is None or states is None:
            continue
        yield (
            block[1],
            {
                "verdict": observation[1],
                "states": states[1].splitlines(),
                "flags": re.findall(r"^Flag (\S+)", block[0], re.MULTILINE),
            },
        )


def asked(herd7: str, kernel: Path, language: str, texts: dict[str, str]) -> list[Row]:
    """The rows of a language."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, text in enumerate(texts.values()):
            files.append(Path(folder, f"{number}.litmus"))
            files[-1].write_text(text)
        # One run for all: herd7 reads its model once.
        options = ["-conf", "linux-kernel.cfg"] if language == "C" else []
        ran = subprocess.run([herd7, *options, *map(str, files)], cwd=kernel, capture_output=True, text=True)
    found = dict(answers(ran.stdout))
    for name in texts:
        if name not in found:
            number = list(texts).index(name)
            print(f"{language}: {name}: no answer: {''.join(re.findall(rf'(?<=/){number}.litmus.*', ran.stderr)[:1])}")
    return [Row(name, text, **found[name]) for name, text in texts.items() if name in found]


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--herd7", required=True)
    parser.add_argument("--kernel", required=True, type=Path)
    arguments = parser.parse_args()
    for language in LANGUAGES:
        rows = asked(arguments.herd7, arguments.kernel, language, sources(language))
        FILES[language].write_text(written(rows))
        print(f"{language}: {len(rows)} tests, {sum(row.verdict == 'Never' for row in rows)} of them Never")


if __name__ == "__main__":
    main()
