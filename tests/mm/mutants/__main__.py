"""``python -m tests.mm.mutants``: plant bugs and say which are noticed.

Without options all of them, under the variants of `hunt.VARIANTS`; that takes hours. ``--sample N`` takes some at random.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from smpcheck.cli import COLLECT
from tests.mm.mutants.generator import Mutant
from tests.mm.mutants.hunt import MAX_CELLS, VARIANTS, Cell, Verdict, all_mutants, explain, hunt, kept_table, table


def verdict_of(mutant: Mutant, cells: Sequence[Cell], most: int) -> Verdict:
    """One mutant, to its end: a survivor is told to be equivalent, or a hole."""
    verdict = hunt(mutant, cells, most)
    return explain(verdict) if verdict.outcome == "survives" else verdict


def verdicts(chosen: list[Mutant], cells: Sequence[Cell], most: int, jobs: int, seconds: float) -> Iterator[Verdict]:
    """Those that there is time for, in any order."""
    ends = time.monotonic() + seconds
    if jobs < 2:
        for mutant in chosen:
            if time.monotonic() > ends:
                return
            yield verdict_of(mutant, cells, most)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for verdict in pool.imap_unordered(_Job(cells, most, ends), chosen):
            if verdict is None:
                return
            yield verdict


class _Job:
    """What a worker does with a mutant."""

    def __init__(self, cells: Sequence[Cell], most: int, ends: float) -> None:
        self.cells, self.most, self.ends = cells, most, ends

    def __call__(self, mutant: Mutant) -> Verdict | None:
        return verdict_of(mutant, self.cells, self.most) if time.monotonic() < self.ends else None


def summary(counts: Counter[str]) -> str:
    """How many of those that can be noticed are."""
    noticeable = counts["killed"] + counts["hole"]
    share = f"{counts['killed'] / noticeable:.1%}" if noticeable else "nothing"
    parts = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    return f"{counts.total()} mutants: {parts}; of those that change anything, {share} are killed"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mm.mutants", description=__doc__)
    parser.add_argument("--variants", nargs="+", default=VARIANTS, help="of the model, as mm check has them")
    parser.add_argument("--scenarios", nargs="+", default=(), help="of mm check; all unless given")
    parser.add_argument("--sample", type=int, help="so many, at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--only", default="", help="those with this text in their name")
    parser.add_argument("--most", type=int, default=MAX_CELLS, help="cells that a survivor has got past")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="then it ends with what there is")
    parser.add_argument("-j", type=int, default=1, dest="jobs", help="processes")
    parser.add_argument("--json", type=Path, help="all verdicts, a line each; those that are there already are not asked again")
    parser.add_argument("--table", type=Path, help="keep the cells of the model as it is in this file")
    options = parser.parse_args()
    gc.set_threshold(*COLLECT)
    asked = tuple(options.variants), tuple(options.scenarios)
    cells = kept_table(options.table, *asked) if options.table else table(*asked)
    found = [mutant for mutant in all_mutants(cells) if options.only in mutant.name]
    if options.sample is not None and options.sample < len(found):
        found = random.Random(options.seed).sample(found, options.sample)
    found.sort(key=lambda mutant: (mutant.file, mutant.function))  # which cells have what they change differs least then
    print(f"{len(cells)} cells of {', '.join(options.variants)}; {len(found)} mutants", flush=True)
    before = (
        [json.loads(line) for line in options.json.read_text("utf-8").splitlines()]
        if options.json and options.json.exists()
        else []
    )
    counts = Counter(str(line["outcome"]) for line in before)
    found = [mutant for mutant in found if mutant.name not in {line["name"] for line in before}]
    out = options.json.open("a", encoding="utf-8") if options.json else None
    for verdict in verdicts(found, cells, options.most, options.jobs, options.seconds):
        counts[verdict.outcome] += 1
        print(f"{verdict.outcome:10} {verdict.seconds:5.1f} s  {verdict.mutant.name}  [{verdict.how}]", flush=True)
        if out:
            line = {"name": verdict.mutant.name, "outcome": verdict.outcome, "how": verdict.how, "seconds": verdict.seconds}
            out.write(json.dumps(line) + "\n")
            out.flush()
    print(summary(counts))


if __name__ == "__main__":
    main()
