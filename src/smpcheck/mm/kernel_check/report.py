"""A session told: as a table that shows what moved, or as JSON with everything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO, TypeAlias

from msgspec import to_builtins

from smpcheck.mm.kernel_check.compare import Row, ScenarioReport, Verdict
from smpcheck.mm.kernel_check.machine import MODELLED
from smpcheck.mm.kernel_check.race import RaceReport
from smpcheck.mm.kernel_check.session import Report

Piece: TypeAlias = tuple[str, str]
"""Text and rich's name for its style."""

Line: TypeAlias = list[Piece]

MARKS: dict[Verdict, Piece] = {
    Verdict.OK: ("✓", "green"),
    Verdict.DIFFERS: ("✗", "bold red"),
    Verdict.DISTURBED: ("~", "yellow"),
    Verdict.UNPREDICTED: (" ", ""),
}

STEP, WHAT, VALUE = 27, 26, 10
"""Widths of columns."""

NOTHING = ("+0", "ok", "0")


def write_table(report: Report, out: TextIO, everything: bool = False) -> None:
    """For people; in colour on a terminal.

    :param everything: also what was predicted to stay as it is, and stayed
    """
    write_lines(table_lines(report, everything), out)


def write_lines(lines: Iterable[Line], out: TextIO) -> None:
    """Lines for people; in colour on a terminal."""
    if out.isatty() or os.environ.get("FORCE_COLOR"):
        from rich.console import Console
        from rich.text import Text

        console = Console(file=out, highlight=False, soft_wrap=True)
        for line in lines:
            console.print(Text.assemble(*line))
    else:
        out.writelines("".join(text for text, _ in line).rstrip() + "\n" for line in lines)
    out.flush()


def table_lines(report: Report, everything: bool = False) -> Iterator[Line]:
    """All lines of the table."""
    yield from _head(report)
    for scenario in report.scenarios:
        yield []
        yield from _scenario(scenario, everything)
    if report.race:
        yield []
        yield from _race(report.race)
    yield []
    yield [(sentence(report), "bold")]


def _head(report: Report) -> Iterator[Line]:
    machine, wish = report.machine, report.wish
    where = f"in {wish.directory}" if wish.directory else "in memory (tmpfs)"
    against = f"predicted by {report.predicted_by} ({MODELLED})" if report.predicted_by else "no predictions"
    yield [(f"Linux {machine.release}", "bold"), (f", {machine.pages} pages, files {where}, {against}", "")]
    for missing in machine.missing:
        yield [("missing ", "yellow"), (str(missing), "")]
    if report.noise:
        moved = ", ".join(f"{name} {by:+d}" for name, by in report.noise.items())
        yield [("noise   ", "yellow"), (f"while nothing was done here, in half a second: {moved}", "")]


def _scenario(report: ScenarioReport, everything: bool) -> Iterator[Line]:
    scenario = report.scenario
    yield [(scenario.name, "bold"), (f": {scenario.text}", ""), (f" ({report.runs} runs)", "dim")]
    if report.note:
        yield [(f"  {report.note}", "yellow")]
    state: dict[str, str] = {}
    for step in report.steps:
        label = str(step.step)
        rows = list(step.rows) if everything else [row for row in step.rows if _speaks(row, state)]
        state |= {row.what: row.seen for row in step.rows}
        if everything or {Verdict.DIFFERS, Verdict.DISTURBED} & {row.verdict for row in rows}:
            for row in rows:
                yield from _row(label, row)
                label = ""
        else:
            said = all(row.verdict is Verdict.OK for row in step.rows)
            yield from _short(label, rows, MARKS[Verdict.OK if said else Verdict.UNPREDICTED])


def _short(label: str, rows: Sequence[Row], mark: Piece) -> Iterator[Line]:
    """A step that went as predicted, in a line or two."""
    values = [f"{row.what.removeprefix(PREFIX)} {row.seen}" for row in rows if not row.what.startswith("flags")]
    pages = [f"{row.what.removeprefix('flags ')}: {row.seen}" for row in rows if row.what.startswith("flags")]
    first, *rest = [", ".join(values), *pages] if values else pages or ["nothing moves"]
    yield [mark, (f" {label:{STEP}} ", ""), (first, "" if values else "dim")]
    yield from ([(f"{'':{STEP + 2}} {more}", "dim")] for more in rest)


PREFIX = "unevictable_pgs_"


def _speaks(row: Row, state: dict[str, str]) -> bool:
    """The row says more than that nothing happened."""
    if row.verdict in (Verdict.DIFFERS, Verdict.DISTURBED):
        return True
    if row.what in state and not row.what.startswith(("nr_", "unevictable_", "result")):
        return row.seen != state[row.what]
    return row.seen not in NOTHING and not row.seen.endswith("absent")


def _row(label: str, row: Row) -> Iterator[Line]:
    votes = f"  ({row.runs} of {row.of} runs)" if row.runs < row.of else ""
    head: Line = [MARKS[row.verdict], (f" {label:{STEP}} {row.what:{WHAT}}", "")]
    verdict: Piece = (f"{row.verdict}{votes}", MARKS[row.verdict][1])
    said = row.predicted or ("" if row.verdict is Verdict.UNPREDICTED else "-")
    if max(len(said), len(row.seen)) < VALUE:
        yield [*head, (f"{said:>{VALUE}}{row.seen:>{VALUE}}  ", ""), verdict]
    elif said == row.seen or not said:
        yield [*head, (f"  {row.seen}  ", ""), verdict]
    else:
        yield [*head, verdict]
        margin = " " * (STEP + 5)
        yield [(f"{margin}predicted {said}", "")]
        yield [(f"{margin}seen      {row.seen}", "")]


def _race(race: RaceReport) -> Iterator[Line]:
    yield [
        ("race", "bold"),
        (f": four threads on a private and a shared area of {race.pages} pages for {race.seconds:.1f} s", ""),
        (", interrupted" if race.interrupted else "", "yellow"),
    ]
    yield [(f"  rounds   {', '.join(f'{name}: {count:,}' for name, count in race.calls.items())}", "")]
    if race.refusals:
        yield [(f"  refused  {', '.join(f'{name} {count:,}' for name, count in sorted(race.refusals.items()))}", "")]
    if moved := {name: by for name, by in race.moved.items() if by}:
        short = ", ".join(f"{name.removeprefix(PREFIX)} {by:+,}" for name, by in sorted(moved.items()))
        yield [(f"  moved    {short}", "")]
    for check in race.checks:
        verdict = {True: Verdict.OK, False: Verdict.DIFFERS, None: Verdict.DISTURBED}[check.holds]
        relation = f"{check.expected:,} = {check.seen:,}" if check.exact else f"{check.seen:,} >= {check.expected:,}"
        said = {True: "holds", False: "FAILS", None: "undecided"}[check.holds]
        yield [MARKS[verdict], (f" {check.name:4} {check.text}: {relation}  ", ""), (said, MARKS[verdict][1])]
    if race.cleared is not None:
        happened = (
            "pages reached the allocator mlocked: truncation raced with munlock" if race.cleared > 0 else "not seen this time"
        )
        yield [(f"  {CLEARED} {race.cleared:+,}: {happened}", "bold" if race.cleared > 0 else "")]
    if race.note:
        yield [(f"  {race.note}", "yellow")]


CLEARED = "unevictable_pgs_cleared"
CLEARED_TEXT = "pages reached the allocator mlocked, as this design allows: truncation raced with munlock"


def sentence(report: Report) -> str:
    """What it adds up to."""
    machine = report.machine
    if not machine.sees_anything:
        return "undecided: nothing can be compared on this machine"
    parts: list[str] = []
    if report.scenarios:
        counts = ((report.count(verdict), words) for verdict, words in WORDS.items())
        parts.append(f"{_many(len(report.scenarios), 'workload')}: {', '.join(f'{n:,} {words}' for n, words in counts if n)}")
    if report.race:
        decided = [check.holds for check in report.race.checks if check.holds is not None]
        said = "all hold" if all(decided) else f"{decided.count(False)} FAIL"
        parts.append(f"race: {_many(len(decided), 'check')}, {said}" if decided else "race: nothing could be checked")
    if report.left_out:
        parts.append(f"no time for {', '.join(report.left_out)}")
    elif report.timed_out:
        parts.append("no time for the whole race")
    if report.interrupted:
        parts.append("interrupted")
    if not machine.modelled:
        parts.append(f"undecided: this kernel is not of the design that is predicted ({MODELLED})")
    elif report.scenarios and not report.predicted_by:
        parts.append("undecided: nothing predicts the workloads")
    return "; ".join(parts) + f" ({report.seconds:.1f} s)"


WORDS = {
    Verdict.OK: "as predicted",
    Verdict.DIFFERS: "DIFFER",
    Verdict.DISTURBED: "disturbed by other processes",
    Verdict.UNPREDICTED: "seen, not predicted",
}


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def document(report: Report) -> dict[str, Any]:
    """The session as JSON, form ``smpcheck-mm-live/1`` (``schemas/mm-live-1.json``)."""
    machine, wish = report.machine, report.wish
    return {
        "version": 1,
        "kind": "mm-live",
        "kernel": machine.release,
        "predicted_by": report.predicted_by,
        "modelled": machine.modelled,
        "pages": machine.pages,
        "directory": str(wish.directory) if wish.directory else None,
        "missing": [to_builtins(missing) for missing in machine.missing],
        "noise": report.noise,
        "workloads": [
            {
                "name": scenario.scenario.name,
                "text": scenario.scenario.text,
                "runs": scenario.runs,
                "note": scenario.note,
                "steps": [
                    {
                        "step": str(step.step),
                        "rows": [{**to_builtins(row), "verdict": str(row.verdict)} for row in step.rows],
                    }
                    for step in scenario.steps
                ],
            }
            for scenario in report.scenarios
        ],
        "left_out": report.left_out,
        "race": _race_document(report.race) if report.race else None,
        "counts": {str(verdict): report.count(verdict) for verdict in Verdict},
        "interrupted": report.interrupted,
        "timed_out": report.timed_out,
        "seconds": round(report.seconds, 3),
        "exit_status": report.exit_status,
        "summary": sentence(report),
    }


def _race_document(race: RaceReport) -> dict[str, Any]:
    return {
        "pages": race.pages,
        "seconds": round(race.seconds, 3),
        "interrupted": race.interrupted,
        "rounds": race.calls,
        "refused": race.refusals,
        "moved": race.moved,
        "checks": [{**to_builtins(check), "holds": check.holds} for check in race.checks],
        "cleared": race.cleared,
        "freed_unevictable": race.freed_unevictable,
        "census": dict(zip(("before", "after"), map(to_builtins, race.census), strict=True)) if race.census else None,
        "note": race.note,
    }


def write_json(report: Report, out: TextIO) -> None:
    """One document."""
    out.write(json.dumps(document(report), indent=1) + "\n")
    out.flush()
