"""A sample of 200 mutants, as the tool judged them: kept beside this file, with the reason for each that is a hole.

    python -m tests.mm.mutants --variants V10 V8 V4 V2 --sample 200 --seed 1 --most 12

In the file each mutant has its outcome and how that came about. What was a hole was asked again when the specification had been
mended, and under V10c, where C16 does not hide a stranded page.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("sample.jsonl")

VARIANTS = ("V10", "V8", "V4", "V2", "V10c")
MOST = 12
"""Cells that a survivor has got past."""


class Judged(NamedTuple):
    """A mutant, and what became of it."""

    name: str
    outcome: str
    how: str


def sample() -> list[Judged]:
    """All of the sample."""
    return [Judged(**json.loads(line)) for line in FILE.read_text("utf-8").splitlines()]


def counts() -> Counter[str]:
    """How many there are of each outcome."""
    return Counter(judged.outcome for judged in sample())


REASONS: dict[str, str] = {
    "filemap.py filemap_fault: drop page_cache_read(mapping, index)":
        "a fault fails that could have brought the page in: no invariant asks that a fault succeeds",
    "memory.py free_page_and_swap_cache: condition "
    "PageSwapCache(page) and (not page_mapped(page)) and trylock_page(page) -> False":
        "harmless: the page stays in the swap cache until reclaim frees it",
    "memory.py handle_mm_fault: return return True -> False #3":
        "mlock() leaves the page alone and returns an error: no invariant asks what a call returns",
    "mlock.py sys_mlock: unlocked down_write(mm.mmap_sem)":
        "the scenarios of the sample have no second call of one process that waits for this lock",
    "mlock.py try_to_munlock_one: return return False -> True":
        "an event is not counted; I10 takes the model's own mark for pages that were mlocked again, which is set wrongly, too",
    "mlock_pagevec.py __munlock_page: condition isolated or not PageUnevictable(page) -> True":
        "a stranded page is counted as munlocked: I10 adds both up",
    "page_alloc.py alloc_page: condition page == NULL -> True":
        "no page can be allocated: what happens then happens in the model, too",
    "vmscan.py putback_lru_page: drop count(PGRESCUED, 1)":
        "before V9 these events and NR_UNEVICTABLE are bound by no equation",
    "vmscan.py putback_lru_page: event count(PGCULLED, 1) -> PGRESCUED":
        "before V9 these events and NR_UNEVICTABLE are bound by no equation",
}  # fmt: skip
"""Why nothing notices a hole."""


def table() -> str:
    """The holes, as the page has them."""
    rows = [f"| `{judged.name}` | {REASONS[judged.name]} |" for judged in sample() if judged.outcome == "hole"]
    return "\n".join(["| the mutant | why nothing notices |", "|---|---|", *rows]) + "\n"
