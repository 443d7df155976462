"""Attempts told: one block of rows for each, or JSON with everything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from msgspec import to_builtins

from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.provoke import Attempt, Outcome, exit_status, symptom
from smpcheck.mm.kernel_check.report import Line, Piece, write_lines
from smpcheck.mm.kernel_check.sweep import LATER, offsets_of_hits
from smpcheck.mm.kernel_check.witness import Witness, document

MARKS: dict[Outcome, Piece] = {
    Outcome.SEEN: ("✓", "green"),
    Outcome.UNSEEN: ("~", "yellow"),
    Outcome.NOT_TRIED: (" ", "yellow"),
    Outcome.CONTRADICTED: ("✗", "bold red"),
    Outcome.NO_RACE: ("✗", "bold red"),
}

LABEL = 11


def write_table(attempts: Sequence[Attempt], machine: Machine, out: TextIO) -> None:
    """For people; in colour on a terminal."""
    write_lines(table_lines(attempts, machine), out)


def table_lines(attempts: Sequence[Attempt], machine: Machine) -> Iterator[Line]:
    """All lines."""
    yield [(f"Linux {machine.release}", "bold")]
    for one in attempts:
        yield []
        yield from _attempt(one)


def _attempt(one: Attempt) -> Iterator[Line]:
    yield [(one.name, "bold"), (f": {words(one.witness)}" if one.witness else "", "")]
    if one.command:
        yield _row("run", f"{one.command}")
    if one.witness:
        yield _row("before", "; ".join(f"{each.lane}: {each.call}" for each in one.witness.setup) or "nothing")
        for note in one.witness.notes:
            yield _row("note", note)
    if one.outcome is Outcome.NOT_TRIED:
        yield _row("predicted", prediction(one))
        yield [MARKS[one.outcome], (f" {one.outcome}: {one.why_not}", "yellow")]
        return
    tally = one.tally
    yield _row("predicted", prediction(one))
    yield _row(
        "seen", f"{_pages(tally.seen)} {symptom(one)}, in {tally.hits:,} of {tally.together:,} rounds with calls that overlap"
    )
    if tally.in_turns:
        rounds = f"in {tally.hits_in_turns:,} of {tally.in_turns:,} rounds in which the lanes take turns, call by call"
        yield _row("in turns", f"{_pages(tally.seen_in_turns)}, {rounds}")
        turns = next((done.plan.order for done in tally.samples if done.plan.in_turns), ())
        if one.witness and turns:
            yield _row("such as", in_turns(one.witness, turns))
    yield _row("control", f"{_pages(tally.seen_apart)}, in {tally.apart:,} rounds with one lane after the other")
    if tally.seen_apart and tally.seen_in_turns:
        yield _row("", "another process on the CPU of a lane may have drained its batch in between: that is a turn, too")
    if one.witness and offsets_of_hits(tally.samples):
        first, *others = [lane.name for lane in one.witness.lanes]
        for lane, (least, most) in zip(others, offsets_of_hits(tally.samples), strict=True):
            yield _row(
                "when", f"{lane} began {least:+,} to {most:+,} ns after {first}, in the first {len(tally.samples)} of them"
            )
    if tally.looked:
        again = f"{tally.undone} of these {tally.still} no more, once the flag was set and cleared again"
        yield _row("later", f"{tally.still} of {tally.looked} still so after {LATER:g} s; {again}")
    yield [MARKS[one.outcome], (f" {one.outcome}", MARKS[one.outcome][1]), (f" ({one.seconds:.1f} s)", "dim")]


def _row(label: str, text: str) -> Line:
    return [(f"  {label:{LABEL}}", "dim"), (text, "")]


def _pages(count: int) -> str:
    return f"{count:,} page{'' if count == 1 else 's'}"


def words(witness: Witness) -> str:
    """The lanes' calls in a line."""
    return " against ".join(f"{'; '.join(map(str, lane.calls))} by {lane.name}" for lane in witness.lanes)


def in_turns(witness: Witness, order: Sequence[int]) -> str:
    """The lanes' calls in this order, in a line."""
    left = [iter(lane.calls) for lane in witness.lanes]
    return "; ".join(f"{witness.lanes[lane].name}: {next(left[lane])}" for lane in order)


def prediction(one: Attempt) -> str:
    """What the model says."""
    if not one.predicted:
        return f"no page {symptom(one)}"
    apart = {True: "; also one after the other", False: "; none where one lane follows the other", None: ""}[one.predicted_apart]
    return f"pages {symptom(one)} ({one.invariant} fails){apart}"


def report(attempts: Sequence[Attempt], machine: Machine) -> dict[str, Any]:
    """The attempts as JSON, form ``smpcheck-mm-provoke/1`` (``schemas/mm-provoke-1.json``)."""
    return {
        "version": 1,
        "kind": "mm-provoke",
        "kernel": machine.release,
        "missing": [to_builtins(missing) for missing in machine.missing],
        "attempts": [
            {
                "name": one.name,
                "invariant": one.invariant,
                "command": one.command,
                "predicted": one.predicted,
                "predicted_apart": one.predicted_apart,
                "outcome": one.outcome.name.lower().replace("_", "-"),
                "why_not": one.why_not,
                "witness": document(one.witness) if one.witness else None,
                "tally": to_builtins(one.tally),
                "seconds": round(one.seconds, 3),
            }
            for one in attempts
        ],
        "exit_status": exit_status(attempts),
    }


def write_json(attempts: Sequence[Attempt], machine: Machine, out: TextIO) -> None:
    """One document."""
    out.write(json.dumps(report(attempts, machine), indent=1) + "\n")
    out.flush()
