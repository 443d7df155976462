"""The pages about machines have what is read, and what the kernel is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smpcheck.machines.mapping import MACHINES as MAPPED
from smpcheck.readers.asm.test import MACHINES, machine_of
from smpcheck.readers.litmus import ARCHITECTURES, read_litmus
from tests.readers.asm.pages import PAGES, Page, text

PAGE = Path(__file__).parents[3] / "docs" / "machines.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.machine)
def test_each_machines_page_is_what_the_tables_say(page: Page) -> None:
    assert page.path.read_text(encoding="utf-8") == text(page), "python -m tests.readers.asm.pages writes it anew"


def test_each_machine_and_architecture_has_a_page() -> None:
    assert tuple(page.machine for page in PAGES) == MAPPED
    assert {name for page in PAGES for name in page.architectures} == set(MACHINES)


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
