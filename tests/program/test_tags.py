"""The table of event tags, against what uses it."""

from __future__ import annotations

import re

import pytest

from smpcheck.kernel import table
from smpcheck.program import tags
from smpcheck.program.tags import ROWS
from smpcheck.questions.ordering_elements import COSTS


def test_what_is_weaker_is_a_barrier_that_costs_no_more() -> None:
    for tag in ROWS.values():
        for name in tag.weaker:
            assert ROWS[name].kind == tag.kind == "barrier"
            assert COSTS[ROWS[name].cost] <= COSTS[tag.cost], (tag.name, name)
            assert COSTS[ROWS[name].cost] < COSTS[tag.cost] or "RISCV" in tag.languages, (tag.name, name)
            assert name != tag.name and tag.name not in ROWS[name].weaker


def test_every_barrier_of_the_kernel_has_a_cost_and_is_written_as_a_primitive_of_the_table() -> None:
    known = table.rows()
    for name in tags.names("C", lambda tag: tag.kind == "barrier"):
        assert ROWS[name].cost in COSTS
        assert ROWS[name].text.removesuffix("()") in known


@pytest.mark.parametrize("name", sorted(tag.name for tag in ROWS.values() if tag.views.startswith("full after")))
def test_what_a_barrier_stands_after_is_a_tag_of_accesses(name: str) -> None:
    after = ROWS[name].views.removeprefix("full after ")
    assert after == "RMW" or ROWS[after].kind == "access"


def test_every_language_has_a_full_barrier() -> None:
    assert all(ROWS[name].kind == "barrier" for name in tags.FULL_BARRIERS)
    for language in ("C", "AArch64", "X86", "X86_64", "PPC", "RISCV"):
        assert tags.FULL_BARRIERS & set(tags.names(language)), language


def test_machines_have_tags_of_their_own() -> None:
    kernel = set(tags.names("C"))
    for language in ("AArch64", "X86", "PPC", "RISCV"):
        assert kernel.isdisjoint(tags.names(language)), language
    assert tags.names("X86") == tags.names("X86_64")


def test_the_page_of_models_speaks_of_every_tag_of_machines() -> None:
    from importlib.resources import files

    page = (files("smpcheck.models") / "README.md").read_text()
    missing = [
        tag.name
        for tag in ROWS.values()
        if tag.languages != tags.KERNEL and tag.kind == "access" and not re.search(rf"`{re.escape(tag.name)}`", page)
    ]
    assert not missing
