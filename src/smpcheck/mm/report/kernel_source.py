"""The kernel's own functions beside the model, as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence

from smpcheck.mm.check import INVARIANTS
from smpcheck.mm.invariants import ABOUT
from smpcheck.mm.kernel_source.cells import Cell

SCHEMA = "smpcheck-mm-kernel/1"


def table(cells: Sequence[Cell]) -> str:
    """A line for each cell: what fails in the kernel's functions, and in the model."""
    rows = [("scenario", "kernel", "fails with its own functions", "fails in the model", "", "states", "seconds")]
    for cell in cells:
        model = "undecided" if cell.model is None or cell.model.undecided else _names(cell.model.failed)
        kernel = "undecided" if cell.undecided else _names(cell.failed)
        rows.append((cell.scenario, cell.kernel, kernel, model, cell.verdict, f"{cell.explored:,}", f"{cell.seconds:.1f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + "\n"


def _names(failed: object) -> str:
    assert isinstance(failed, dict)
    order = {name: n for n, name in enumerate(INVARIANTS)}
    return " ".join(sorted(failed, key=lambda name: (order.get(name, len(order)), name))) or "nothing"


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
        lines.append(
            f"Asked of both: {', '.join(asked)}; under sequential consistency, all interleavings. What fails there fails under"
            " weaker models too."
        )
    for cell in cells:
        lines += [f"{cell.scenario}, Linux {cell.kernel}: {cell.undecided}"] if cell.undecided else []
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
            "verdict": cell.verdict,
            "asked": list(cell.asked),
            "failed": {name: list(checks) for name, checks in cell.failed.items()},
            "undecided": cell.undecided,
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
