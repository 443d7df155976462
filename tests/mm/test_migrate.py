"""Migration: what becomes of PG_mlocked when a page is moved to another page frame, in each kernel's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.mm.check import Case, Checker
from smpcheck.mm.variants import find_variant

CHECKER = Checker()


@pytest.mark.parametrize(
    ("scenario", "variant", "failed"),
    [
        # munlock() skips an address with a migration entry, and up to 3.6 the new page gets the old one's PG_mlocked
        ("munlock_migrate_pinned", "V6", {"I12"}),
        # since 3.7 the last mapping takes the flag with it
        ("munlock_migrate_pinned", "V7", set()),
        # since 5.18 it does not, and the page is mapped again where the migration fails (the rest is C16)
        ("munlock_migrate_pinned", "V10c", {"I12"}),
        ("munlock_migrate_pinned", "V10c:migration_clears=yes", set()),
        # the RFC munlocks ptes, and not migration entries
        ("truncate_migrate", "V2", {"I1"}),
        pytest.param("truncate_migrate", "V10", set(), marks=pytest.mark.slow),
        pytest.param("mlock_migrate", "V8", set(), marks=pytest.mark.slow),
        pytest.param("fork_migrate", "V10", set(), marks=pytest.mark.slow),
        # the count that waits in a pagevec, and the munlock() that overtakes it
        ("load_munlocks", "V10c", {"I12", "I13"}),
        pytest.param("load_munlocks", "V10:mlock_drains=yes", set(), marks=pytest.mark.slow),
    ],
)
def test_what_fails(scenario: str, variant: str, failed: set[str]) -> None:
    answer = CHECKER.answer(Case(scenario, find_variant(variant)))
    assert (set(answer.failed), answer.undecided) == (failed, {})


LEFT = """
from smpcheck.kernel import *
from smpcheck.mm.migrate import try_to_migrate
from smpcheck.mm.page_flags import *
from smpcheck.mm.scenarios import COPY, ask, moving


def unmap(page: page) -> None:
    lock_page(page)
    try_to_migrate(page)
    unlock_page(page)


@scenario
def left(s: Setup) -> None:
    pages = moving(s, COPY, locked=False)
    s.P._count = 2
    s.thread(unmap, s.P)
    ask(s, pages, gone="unmapped")
"""


def test_a_migration_entry_that_is_left_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "left.py"
    file.write_text(LEFT, "utf-8")
    answer = CHECKER.answer(Case("left", find_variant("V4"), file=str(file)))
    assert "I6" in answer.failed
