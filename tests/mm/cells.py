"""The verdicts that docs/mm.md shows: computed by a command, kept as data beside this file, drawn as the page's tables.

    python -m tests.mm.cells compute --model lkmm --flags separate --seconds 500   # what is missing, scenario by scenario
    python -m tests.mm.cells compute --scenario truncate_mlock --again             # what is there, once more
    python -m tests.mm.cells draw                                                  # the tables of the page

A cell that took too long is not kept: it is missing, and the page's tables have a dash there.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from smpcheck.cli import COLLECT
from smpcheck.errors import InputError
from smpcheck.mm.check import BEYOND, FLAGS, INVARIANTS, MODELS, Answer, Case, Checker, cases, units
from smpcheck.mm.report.table import cell, write_table
from smpcheck.mm.scenarios import SCENARIOS, WIDER
from smpcheck.mm.variants import VARIANTS, find_variant

DATA = Path(__file__).with_name("cells.jsonl")
PAGE = Path(__file__).parent.parent.parent / "docs" / "mm.md"


THREE = ("truncate_mlock_reclaim", "truncate_munlock_reclaim", "truncate_cow_reclaim", "mlock_munlock_putback")
"""The scenarios of three operations, which take minutes each under a weak model."""


class Row(NamedTuple):
    """One line of a table."""

    model: str
    flags: str
    scenario: str


Cells = dict[Row, dict[str, str]]
"""By row and variant: what the cell says."""


def load() -> Cells:
    """All that is known."""
    lines = map(json.loads, DATA.read_text("utf-8").splitlines()) if DATA.exists() else []
    return {Row(line["model"], line["flags"], line["scenario"]): line["cells"] for line in lines}


def save(known: Mapping[Row, Mapping[str, str]]) -> None:
    """A line for each row, in the order of the tables."""
    order = [*SCENARIOS, *WIDER]
    rows = sorted(
        (row for row, cells in known.items() if cells),
        key=lambda row: (MODELS.index(row.model), FLAGS.index(row.flags), order.index(row.scenario)),
    )
    lines = (
        json.dumps(
            {"model": r.model, "flags": r.flags, "scenario": r.scenario, "cells": {v: known[r][v] for v in in_order(known[r])}}
        )
        for r in rows
    )
    DATA.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def in_order(names: Iterable[str]) -> list[str]:
    """Variants, oldest first."""
    return sorted(names, key=list(VARIANTS).index)


def said(answer: Answer) -> str | None:
    """What a cell says; None: there was no time for it."""
    if any(why != BEYOND for why in answer.undecided.values()):
        return None
    return " ".join(cell(answer).split())


def answer_of(case: Case, text: str) -> Answer:
    """An answer that says it."""
    names: list[str] = re.findall(r"\S+", text.removeprefix("FAILS").removeprefix("undecided").removeprefix("holds"))
    undecided = [n.removesuffix("?") for n in names if n.endswith("?")] if names or text != "undecided" else INVARIANTS
    failed: dict[str, tuple[str, ...]] = {n: (n,) for n in names if not n.endswith("?")}
    return Answer(case, INVARIANTS, failed, dict.fromkeys(undecided, BEYOND))


def compute(todo: Sequence[Case], known: Cells, seconds: float, each: float) -> Iterator[Case]:
    """Answer cases for so many seconds of CPU time, and note what comes of them. ``each``: seconds for one."""
    ends = time.process_time() + seconds
    checker = Checker(deadline=each)
    for unit in reversed(units(todo)):  # the smallest first
        for case in unit:
            if time.process_time() > ends:
                return
            text = said(checker.answer(case))
            if text is not None:
                known.setdefault(row_of(case), {})[case.variant.name] = text
            yield case


def row_of(case: Case) -> Row:
    """The row that a case is in."""
    return Row(case.model, case.flags, case.scenario)


# --- the page's tables --------------------------------------------------------------------------------------------------------

BLOCK = re.compile(r"<!-- cells: (.*?) -->\n```\n(.*?)```\n", re.S)
"""A table of the page: above it stands what is in it."""


def drawn(what: str, known: Cells) -> str:
    """A table. ``what``: a model and a layout of flags; then ``wider``, for the scenarios of ``--all``, or ``where it differs``,
    for the rows in which some cell is not that of sc and one-word."""
    model, flags, *more = what.split(" ", 2)
    rows = [row for row in known if (row.model, row.flags) == (model, flags) and (row.scenario in WIDER) == (more == ["wider"])]
    below = ""
    if more == ["where it differs"]:
        usual = {row: known.get(Row("sc", "one-word", row.scenario), {}) for row in rows}
        same = [row for row in rows if all(text == usual[row].get(v) for v, text in known[row].items())]
        below = _below(same, [*SCENARIOS], known, model, flags)
        rows = [row for row in rows if row not in same]
        if not rows:
            return f"under {model}, page flags {flags}: no cell is another than under sc with one word\n{below}"
    answers = [
        answer_of(Case(row.scenario, find_variant(variant), model, flags), known[row][variant])
        for variant in VARIANTS
        for row in rows
        if variant in known[row]
    ]
    out = StringIO()
    write_table(answers, [*SCENARIOS, *WIDER], out)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).rstrip() + "\n" + below


def _below(same: Sequence[Row], scenarios: Sequence[str], known: Cells, model: str, flags: str) -> str:
    """Which other rows were computed, and which were not, or not for each variant."""
    part = {name: len(known.get(Row(model, flags, name), {})) for name in scenarios}
    lists = {
        "as under sc": [row.scenario for row in same if part[row.scenario] == len(VARIANTS)],
        "computed in part, and as under sc": [row.scenario for row in same if part[row.scenario] < len(VARIANTS)],
        "not computed": [name for name in scenarios if not part[name]],
    }
    texts = (f"{what}: {', '.join(names)}" for what, names in lists.items() if names)
    return "".join(f"\n{textwrap.fill(text, 120, subsequent_indent='  ')}\n" for text in texts)


def with_tables(page: str, known: Cells) -> str:
    """The page with its tables drawn anew."""
    return BLOCK.sub(lambda found: f"<!-- cells: {found[1]} -->\n```\n{drawn(found[1], known)}```\n", page)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mm.cells", description="The verdicts that docs/mm.md shows.")
    parser.add_argument("what", choices=("compute", "draw"))
    parser.add_argument("--model", choices=MODELS, default="sc")
    parser.add_argument("--flags", choices=FLAGS, default="one-word")
    parser.add_argument("--scenario", action="append", help="only this one (repeatable)")
    parser.add_argument("--variant", action="append", help="only this one (repeatable)")
    parser.add_argument("--wider", action="store_true", help="the scenarios of --all only")
    parser.add_argument("--two", action="store_true", help="not those of three operations")
    parser.add_argument("--again", action="store_true", help="what is known, too")
    parser.add_argument("--seconds", type=float, default=300.0, help="of CPU time for all")
    parser.add_argument("--each", type=float, default=60.0, help="seconds for one cell")
    given = parser.parse_args()
    if given.what == "draw":
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), load()), "utf-8")
        return 0
    gc.set_threshold(*COLLECT)
    known = load()
    scenarios = given.scenario or list(WIDER if given.wider else SCENARIOS)
    if given.two:
        scenarios = [name for name in scenarios if name not in THREE]
    try:
        asked = cases(scenarios, given.variant or (), (given.model,), (given.flags,))
    except InputError as error:
        parser.error(error.message)
    todo = [case for case in asked if given.again or case.variant.name not in known.get(row_of(case), {})]
    done = 0
    for case in compute(todo, known, given.seconds, given.each):
        done += 1
        print(case.scenario, case.variant.name, known.get(row_of(case), {}).get(case.variant.name, "no time"), flush=True)
        latest = load()
        latest.setdefault(row_of(case), {}).update(known.get(row_of(case), {}))
        save(latest)
    print(f"{done} of {len(todo)} cells in {time.process_time():.0f} s of CPU time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
