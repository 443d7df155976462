"""docs/machines.md lists the instructions that are read."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from smpcheck.readers.asm.test import MACHINES, machine_of
from smpcheck.readers.litmus import ARCHITECTURES, read_litmus

PAGE = Path(__file__).parents[3] / "docs" / "machines.md"


def listing() -> str:
    """What belongs between the page's marks."""
    parts = []
    for architecture in MACHINES:
        machine = machine_of(architecture)
        names = textwrap.fill(" ".join(sorted(machine.rows)), 118, break_on_hyphens=False)
        parts.append(f"### {machine.name} (`{architecture}`)\n\nRegisters: {machine.registers}.\n\n```\n{names}\n```\n")
    return "\n".join(parts)


def test_the_page_has_every_instruction() -> None:
    text = PAGE.read_text(encoding="utf-8")
    between = text.split("<!-- instructions -->\n")[1].split("<!-- end -->")[0]
    assert between == listing(), "put what listing() returns between the marks"


def test_the_pages_test_is_read() -> None:
    (test,) = re.findall(r"```\n(AArch64 .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(read_litmus(test, "page.litmus").threads) == 2


def test_a_language_is_the_name_of_its_architecture() -> None:
    assert tuple(MACHINES) == ARCHITECTURES
    assert all(machine_of(name).language == name for name in ARCHITECTURES)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_row_reads_its_own_form(architecture: str) -> None:
    """The example in each row's ``form`` is an instruction that this row, or an earlier one of the mnemonic, accepts."""
    for rows in machine_of(architecture).rows.values():
        for row in rows:
            code = re.sub(r"\bL0$", "L0", row.form)
            code = re.sub(r"\b([XW])([dnmst][12]?)\b", lambda m: f"{m[1]}{1 + 'dnmst'.index(m[2][0])}", code)
            read_litmus(f"{architecture} T\n{{}}\n P0 ;\n {code} ;\n L0: ;\nexists (true)", "t.litmus")
