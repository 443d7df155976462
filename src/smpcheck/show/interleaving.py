"""A step-by-step run as lanes: time runs downwards, each thread has a column of source lines.

Of a long run, only those steps are shown that meet another thread's step: the access before or after it to the same bits of the
location is another thread's, and one of the two changes them. All other steps are only counted.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import TypeAlias

from msgspec import Struct

from smpcheck.errors import UnsupportedError
from smpcheck.program import ir
from smpcheck.program.ir import Position, is_end, last_thread
from smpcheck.program.pieces import whole_of
from smpcheck.program.values import Value
from smpcheck.questions.wording import value_text
from smpcheck.simulate.bit_parts import WORD, atoms, bits_met
from smpcheck.simulate.run import RunResult
from smpcheck.simulate.trace import TraceEvent

GAP = 2
NARROWEST = 24
"""Columns of a lane, at least."""
STEPS_IN_FULL = 14
"""A run of so few steps is shown whole."""


InFunction: TypeAlias = Callable[[Position], str]
"""What is said above the first of the steps that stand in one function: its name, or "" for nothing."""


def unnamed(pos: Position) -> str:
    """Functions are not named."""
    return ""


class Row(Struct, frozen=True):
    """A step of one thread: its source text, where it stands, and what it did; or, without text, ``hidden`` steps. ``function``:
    what is said of the function that it stands in."""

    thread: int
    text: str = ""
    place: str = ""
    effect: str = ""
    hidden: int = 0
    function: str = ""


def place(pos: Position | None) -> str:
    """``mlock.py:61``."""
    return f"{pos.file.rsplit('/', 1)[-1]}:{pos.line}" if pos else ""


def change_text(program: ir.Program, address: Value | None, old: Value | None, new: Value | None) -> str:
    """What an atomic operation changed: the bits that it set and cleared, or the value before and after."""
    cell = program.cell_of(address, old, new)
    if old == new:
        return f"stays {value_text(program, address, old)}"
    if cell and cell.bits and isinstance(old, int) and isinstance(new, int):
        signs = [("+" if new >> bit & 1 else "-") + name for bit, name in cell.bits if (old ^ new) >> bit & 1]
        return " ".join(signs)
    return f"{value_text(program, address, old)} -> {value_text(program, address, new)}"


def as_accesses(program: ir.Program, events: Sequence[TraceEvent]) -> list[TraceEvent]:
    """The events, with the reads, or the writes, of an access to several cells as one."""
    found: list[TraceEvent] = []
    for _, group in groupby(events, key=lambda e: (e.number if e.instance is None else e.instance, e.kind)):
        parts = list(group)
        whole = whole_of([(e.address, e.value) for e in parts], program) if len(parts) > 1 else None
        found += parts if whole is None else [replace(parts[0], cell=whole[0], value=whole[1])]
    return found


def effect(program: ir.Program, events: Sequence[TraceEvent]) -> str:
    """What one primitive did."""
    said = []
    events = as_accesses(program, events)
    for e in events:
        if e.kind == "F" or (e.kind == "R" and e.partner is not None):
            continue
        if e.kind == "W" and e.partner is not None:
            old = next((r.value for r in events if r.number == e.partner), None)
            said.append(f"{e.cell}: {change_text(program, e.address, old, e.value)}")
        else:
            said.append(f"{e.cell} {'is' if e.kind == 'R' else '='} {value_text(program, e.address, e.value)}")
    return "; ".join(dict.fromkeys(said))


def meeting(program: ir.Program, events: Sequence[TraceEvent]) -> set[int]:
    """The numbers of the events that meet another thread's, in a bit that one of them changes; in machine code with exclusives,
    in a word."""
    try:
        spots = bits_met(program)
    except UnsupportedError:
        spots = {}
    by_cell: dict[Value, list[tuple[TraceEvent, int]]] = defaultdict(list)
    for e in events:
        if e.address is not None and e.kind in "RW":
            touched = spots.get((e.thread, e.pos, e.text), (WORD, WORD))[e.kind == "W"]
            by_cell[e.address].append((e, touched))
    found: set[int] = set()
    for accesses in by_cell.values():
        for bits in atoms(touched for _, touched in accesses):
            found |= _meeting([e for e, touched in accesses if touched & bits])
    return found


def _meeting(accesses: Sequence[TraceEvent]) -> set[int]:
    """The same of accesses to bits that are always read and changed together."""
    found: set[int] = set()
    for a, b in pairwise(accesses):
        if a.thread != b.thread and "W" in (a.kind, b.kind):
            found |= {a.number, b.number}
    last_write: TraceEvent | None = None
    readers: list[TraceEvent] = []
    for e in accesses:
        if e.kind == "R":
            readers.append(e)
            found |= {last_write.number, e.number} if last_write and last_write.thread != e.thread else set()
        else:
            found |= {number for r in readers if r.thread != e.thread for number in (r.number, e.number)}
            # what a thread has read before it wrote still meets the next one's write
            readers, last_write = [r for r in readers if r.thread == e.thread], e
    return found


def rows(
    program: ir.Program, steps: Sequence[TraceEvent], everything: bool = False, in_function: InFunction = unnamed
) -> list[Row]:
    """The steps of a run in their order."""
    last = last_thread(program)
    events = [e for e in steps if not is_end(e.address)]
    seen = meeting(program, [e for e in events if e.thread != last])
    seen |= {e.number for e in events if e.thread == last and e.kind == "W"}
    seen |= {e.partner for e in events if e.number in seen and e.partner is not None}
    groups = [list(g) for _, g in groupby(events, key=lambda e: (e.thread, e.pos, e.text))]
    whole = everything or len(groups) <= STEPS_IN_FULL
    out: list[Row] = []
    for number, group in enumerate(groups):
        e = group[0]
        if whole or number == len(groups) - 1 or any(e.number in seen for e in group):
            function = in_function(e.pos) if e.pos else ""
            out.append(Row(e.thread, e.text, place(e.pos), effect(program, group), function=function))
        elif out and out[-1].hidden and out[-1].thread == e.thread:
            out[-1] = Row(e.thread, hidden=out[-1].hidden + 1)
        else:
            out.append(Row(e.thread, hidden=1))
    return out


def interleaving(result: RunResult, width: int = 100, everything: bool = False, in_function: InFunction = unnamed) -> list[str]:
    """The run as text, at most ``width`` columns wide where the number of threads allows it."""
    return in_lanes(result.program, result.trace.events, width, everything, in_function)


def in_lanes(
    program: ir.Program,
    steps: Sequence[TraceEvent],
    width: int = 100,
    everything: bool = False,
    in_function: InFunction = unnamed,
) -> list[str]:
    """Steps as text, in their order, a lane for each thread."""
    found = rows(program, steps, everything, in_function)
    last = last_thread(program)
    lanes = sorted({row.thread for row in found} - {last})
    each = max(NARROWEST, (width - GAP * max(0, len(lanes) - 1)) // max(1, len(lanes)))
    names = {t.index: t.name or f"P{t.index}" for t in program.threads}
    out = [_line([(i, names[t]) for i, t in enumerate(lanes)], each), _line([(i, "─" * each) for i in range(len(lanes))], each)]
    entered: dict[int, str] = {}
    for thread, group in groupby(found, key=lambda row: row.thread):
        if thread == last:
            out += ["", f"then, alone: {names[thread]}"]
        for row in group:
            what = f"{row.place}  {row.effect}".rstrip()
            if row.hidden:
                cells = [f"  ⋮ {row.hidden} step{'s' * (row.hidden > 1)}"]
            elif thread == last:
                cells = _wrapped(f"  {row.text}  {what}", width)
            else:
                cells = _wrapped(row.text, each) + _wrapped(what, each, "  ")
            if row.function and row.function != entered.get(thread):
                cells = [*_wrapped(f"in {row.function}:", width if thread == last else each), *cells]
            entered[thread] = row.function or entered.get(thread, "")
            out += [_line([(0 if thread == last else lanes.index(thread), cell)], each) for cell in cells]
    return out


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False
    )  # fmt: skip


def _line(cells: Sequence[tuple[int, str]], width: int) -> str:
    line = ""
    for lane, text in cells:
        line = line.ljust(lane * (width + GAP)) + text
    return line.rstrip()
