"""The map between model and kernel as text and JSON, and both orders of primitives side by side."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from smpcheck.mm.kernel_map.entries import shown
from smpcheck.mm.kernel_map.model_order import function_of

if TYPE_CHECKING:
    from smpcheck.mm.kernel_map.compare import Comparison, Run
    from smpcheck.mm.kernel_map.entries import Entry
    from smpcheck.mm.kernel_map.kernel_order import Tree
    from smpcheck.mm.kernel_map.model_order import Step

WIDTH = 44
"""Columns of the model's side."""


def map_table(entries: Sequence[Entry]) -> str:
    """A line for each kernel function that a function of the model restates."""
    rows = [("model", "", "kernel", "", "")]
    for entry in entries:
        for index, place in enumerate(entry.places):
            last = index + 1 == len(entry.places)
            until = "" if not last else "" if entry.until is None else f" until {shown(entry.until)}"
            here = (f"{entry.file}:{_line(entry)}", entry.name) if index == 0 else ("", "")
            rows.append((*here, place.file, place.name, f"since {shown(place.since)}{until}"))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in rows) + "\n"


def map_json(entries: Sequence[Entry]) -> str:
    """An object a line: the model's function, and the kernel's, oldest first."""
    lines = []
    for entry in entries:
        places = [{"since": shown(place.since), "file": place.file, "function": place.name} for place in entry.places]
        lines.append(
            {
                "file": entry.file,
                "line": _line(entry),
                "function": entry.name,
                "kernel": places,
                "until": entry.until and shown(entry.until),
            }
        )
    return "".join(json.dumps(line) + "\n" for line in lines)


def _line(entry: Entry) -> int:
    return function_of(entry).__code__.co_firstlineno


def report(found: Sequence[Comparison], tree: Tree, variant: str, full: bool) -> str:
    """What came of the comparison: a line for each function, with what differs below it."""
    lines = [f"Linux {shown(tree.version)} in {tree.folder}, and the model's {variant}", ""]
    for each in found:
        lines += _function(each, full)
    counts = Counter(each.verdict for each in found)
    lines += ["", f"{len(found)} functions: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())]
    return "\n".join(lines) + "\n"


def _function(each: Comparison, full: bool) -> Iterator[str]:
    kernel = f"{each.place.file}:{each.line} {each.place.name}" if each.place else "-"
    steps = sum(len(run.model) for run in each.runs if run.same)
    verdict = f"{each.verdict}: {steps} primitives" if each.verdict == "same" else str(each.verdict)
    yield f"{each.entry.file}:{_line(each.entry)} {each.entry.name}  =  {kernel}: {verdict}"
    if each.why:
        yield from _indented(each.why)
    for run in each.runs:
        if run.same and not full:
            continue
        if run.same or full or not run.because:
            yield from _side_by_side(run)
        if not run.same and run.because:
            yield from _indented(f"{_said(run)}: {run.because}")
    for stale in each.stale:
        yield from _indented(
            f"the map knows a difference that is not there: model {list(stale.model)}, kernel {list(stale.kernel)}"
        )


def _said(run: Run) -> str:
    """A difference in a few words."""
    sides = []
    for side, steps in (("model", run.model), ("kernel", run.kernel)):
        if steps:
            shown_steps = ", ".join(step.token for step in steps[:4]) + (f" and {len(steps) - 4} more" if len(steps) > 4 else "")
            sides.append(f"{side} {shown_steps}")
    return "; ".join(sides)


def _indented(text: str) -> list[str]:
    return wrap(text, 110, initial_indent="    ", subsequent_indent="      ")


def _side_by_side(run: Run) -> Iterator[str]:
    mark = " " if run.same else "." if run.because else "!"
    for index in range(max(len(run.model), len(run.kernel))):
        left = _step(run.model[index]) if index < len(run.model) else ""
        right = _step(run.kernel[index]) if index < len(run.kernel) else ""
        yield f"  {mark} {left:{WIDTH}}  {right}".rstrip()


def _step(step: Step) -> str:
    return f"{step.token}  {step.file.rsplit('/', 1)[-1]}:{step.line}"


def json_lines(found: Sequence[Comparison], tree: Tree) -> str:
    """An object a line."""
    lines = []
    for each in found:
        runs = [
            {"model": _steps(run.model), "kernel": _steps(run.kernel), "same": run.same, "because": run.because}
            for run in each.runs
        ]
        lines.append(
            {
                "kernel": shown(tree.version),
                "model": {"file": each.entry.file, "line": _line(each.entry), "function": each.entry.name},
                "restates": each.place and {"file": each.place.file, "line": each.line, "function": each.place.name},
                "verdict": each.verdict, "why": each.why, "runs": runs,
                "stale": [{"model": d.model, "kernel": d.kernel, "because": d.because} for d in each.stale],
            }
        )  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in lines)


def _steps(steps: Sequence[Step]) -> list[dict[str, object]]:
    return [{"primitive": step.token, "file": step.file.rsplit("smpcheck/mm/", 1)[-1], "line": step.line} for step in steps]
