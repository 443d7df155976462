"""Ordering elements by machines, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from smpcheck.questions.machines import ByMachine
from smpcheck.show.explain_text import columns, wrap


def text(answer: ByMachine, width: int) -> str:
    """One table: elements by the contract and machines."""
    with columns(width):
        return "\n".join(_lines(answer)) + "\n"


def _lines(answer: ByMachine) -> Iterator[str]:
    if answer.protected is None:
        yield wrap(f"{answer.program.name}: {answer.model} excludes nothing that a machine could do.", "")
    else:
        holds = zip(answer.machines, answer.holds, strict=True)
        yield wrap(f"{answer.program.name}: {answer.protected}: excluded by {answer.model}" + _on(holds), "")
        yield ""
        head = ["element", "line", answer.model, *answer.machines]
        body = [
            [row.element.text, str(row.element.pos.line), row.contract, *(str(cell) for cell in row.cells)] for row in answer.rows
        ]
        sizes = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
        for line in (head, *body):
            yield "  ".join(f"{cell:<{size}}" for cell, size in zip(line, sizes, strict=True)).rstrip()
    yield from (wrap(f"Note: {note}.", "", "  ") for note in answer.notes)


def _on(holds: Iterator[tuple[str, bool | None]]) -> str:
    known = list(holds)
    excluded = [name for name, one in known if one]
    possible = [name for name, one in known if one is False]
    said = f", and on {', '.join(excluded)}" if excluded else ""
    return said + (f"; it CAN HAPPEN on {', '.join(possible)}." if possible else ".")


def document(answers: Sequence[ByMachine]) -> str:
    """The same for programs."""
    shown = [
        {
            "name": answer.program.name,
            "file": answer.program.file,
            "model": answer.model,
            "machines": list(answer.machines),
            "protected": answer.protected,
            "holds": list(answer.holds),
            "elements": [
                {
                    "element": row.element.text,
                    "line": row.element.pos.line,
                    "contract": row.contract,
                    "machines": [{"need": cell.need, "instructions": list(cell.instructions)} for cell in row.cells],
                }
                for row in answer.rows
            ],
            "notes": list(answer.notes),
        }
        for answer in answers
    ]
    return json.dumps({"version": 1, "results": shown}, indent=2, ensure_ascii=False) + "\n"
