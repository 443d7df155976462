"""The kernel's own functions beside the model, as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from smpcheck.mm.check import INVARIANTS
from smpcheck.mm.invariants import ABOUT
from smpcheck.mm.kernel_source.cells import Cell

SCHEMA = "smpcheck-mm-kernel/2"


def table(cells: Sequence[Cell]) -> str:
    """A line for each cell: what fails in the kernel's functions, and in the model."""
    rows = [("scenario", "kernel", "under", "fails with its own functions", "fails in the model", "", "states", "seconds")]
    for cell in cells:
        model = "undecided" if cell.model is None else _names(cell.model.failed, cell.model.undecided)
        kernel = _names(cell.failed, cell.undecided)
        figures = f"{cell.explored:,}", f"{cell.seconds:.1f}"
        rows.append((cell.scenario, cell.kernel, cell.memory, kernel, model, cell.verdict, *figures))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + "\n"


def _names(failed: Mapping[str, object], undecided: Mapping[str, str]) -> str:
    order = {name: n for n, name in enumerate(INVARIANTS)}
    found = " ".join(sorted(failed, key=lambda name: (order.get(name, len(order)), name)))
    if undecided:
        return f"{found}, some undecided" if found else "undecided"
    return found or "nothing"


def witnesses(cells: Sequence[Cell], width: int, everything: bool) -> Iterator[str]:
    """A run for each invariant that fails with the kernel's functions: lanes of the tree's own lines."""
    from smpcheck.show.interleaving import interleaving

    for cell in cells:
        for name, run in cell.runs.items():
            about = ABOUT.get(name, "a check of smpcheck itself")
            lines = [f"{cell.scenario}, Linux {cell.kernel}: {name} fails: {about} ({', '.join(cell.failed[name])})"]
            lines += [f"  {run.message}"] if run.message else []
            lines += ["", *(f"  {line}".rstrip() for line in interleaving(run, width - 2, everything))]
            yield "\n".join(lines) + "\n"


def legend(cells: Sequence[Cell], width: int) -> str:
    """What the names mean, and what bounds the answer: each once."""
    shown = {name for cell in cells for name in (*cell.failed, *(cell.model.failed if cell.model else ()))}
    asked = [name for name in INVARIANTS if any(name in cell.asked for cell in cells)]
    lines = [f"{name}: {ABOUT[name]}" for name in INVARIANTS if name in shown]
    if asked:
        lines.append(f"Asked of the kernel's functions: {', '.join(asked)}.")
    if any(cell.memory == "sc" for cell in cells):
        lines.append("Under sequential consistency all interleavings; what fails there fails under weaker models too.")
    lines += dict.fromkeys(f"Under {cell.memory}: {assumed}" for cell in cells for assumed in cell.assumed)
    for cell in cells:
        whys: dict[str, list[str]] = {}
        for name, why in cell.undecided.items():
            whys.setdefault(why, []).append(name)
        lines += [f"{cell.scenario}, Linux {cell.kernel}, {', '.join(names)} undecided: {why}" for why, names in whys.items()]
        lines += [f"{name} in {cell.scenario}, Linux {cell.kernel}: kernel and model differ" for name in cell.differs]
    lines += dict.fromkeys(note for cell in cells for note in cell.notes)
    return "".join(textwrap.fill(line, width, subsequent_indent="  ", break_on_hyphens=False) + "\n" for line in lines)


def json_line(cell: Cell) -> str:
    """A cell as a line of JSON."""
    model = cell.model
    return json.dumps(
        {
            "schema": SCHEMA,
            "scenario": cell.scenario,
            "kernel": cell.kernel,
            "memory_model": cell.memory,
            "verdict": cell.verdict,
            "asked": list(cell.asked),
            "failed": {name: list(checks) for name, checks in cell.failed.items()},
            "undecided": dict(cell.undecided),
            "assumed": list(cell.assumed),
            "model": model and {
                "variant": model.case.variant.name,
                "failed": sorted(model.failed),
                "undecided": model.undecided,
            },
            "differs": list(cell.differs),
            "explored": cell.explored,
            "seconds": round(cell.seconds, 3),
            "notes": list(cell.notes),
        }
    )  # fmt: skip
