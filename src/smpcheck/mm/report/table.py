"""The answers of ``smpcheck mm check``: a table of scenarios and variants, and failing runs as lanes."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO, TypeAlias

from smpcheck.engines.views import ASSUMPTION
from smpcheck.mm.check import ASSUMPTIONS, Answer, Case
from smpcheck.mm.invariants import ABOUT
from smpcheck.mm.machines import on_machine
from smpcheck.mm.weak import WeakRun
from smpcheck.program import ir
from smpcheck.show.execution_json import execution_object

if TYPE_CHECKING:
    from smpcheck.simulate import RunResult

WIDTH = 100
STYLES = {"FAILS": "bold red", "undecided": "yellow", "holds": "green"}

Json = dict[str, object]


def cell(answer: Answer | None) -> str:
    """``holds``; ``FAILS`` or ``undecided``, and which invariants."""
    if answer is None:
        return "-"
    lines = [answer.verdict]
    if answer.failed:
        lines.append(" ".join(_ordered(answer.failed)))
    if answer.undecided:
        lines.append(" ".join(f"{name}?" for name in _ordered(answer.undecided)))
    if answer.undecided and len(answer.undecided) == len(answer.asked):
        lines = ["undecided"]
    return "\n".join(lines)


def _ordered(names: Mapping[str, object]) -> list[str]:
    order = list(ABOUT)
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


Column: TypeAlias = tuple[list[str], dict[str, Answer]]
"""The names of what has equal answers, variants or what judges, and the answers by scenario."""


def tables(answers: Sequence[Answer]) -> Iterator[tuple[str, list[Column]]]:
    """Titles, and columns. One table for each memory model and flag layout, with a column for each variant; where machines were
    asked, one for each variant and layout, with a column for each model and machine."""
    machines = any(answer.case.machine for answer in answers)

    def name(case: Case) -> str:
        return case.judge if machines else case.variant.name

    def title(case: Case) -> str:
        return f"{case.variant.name if machines else case.where}, page flags {case.flags}"

    for one in dict.fromkeys(title(answer.case) for answer in answers):
        yield one, columns([answer for answer in answers if title(answer.case) == one], name)


def columns(answers: Sequence[Answer], name: Callable[[Case], str]) -> list[Column]:
    """Answers by scenario; neighbours or not, names with equal answers share a column."""
    by_name: dict[str, dict[str, Answer]] = {}
    for answer in answers:
        by_name.setdefault(name(answer.case), {})[answer.case.scenario] = answer
    found: dict[tuple[tuple[str, str], ...], Column] = {}
    for one, rows in by_name.items():
        key = tuple(sorted((scenario, cell(answer)) for scenario, answer in rows.items()))
        found.setdefault(key, ([], rows))[0].append(one)
    return list(found.values())


def write_table(answers: Sequence[Answer], order: Sequence[str], out: TextIO) -> None:
    """The tables of :func:`tables`."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = out.isatty() or bool(os.environ.get("FORCE_COLOR"))
    width = shutil.get_terminal_size((WIDTH, 24)).columns if terminal else 200
    console = Console(file=out, highlight=False, width=width, color_system="auto" if terminal else None)
    for title, found in tables(answers):
        console.print(title, style="bold")
        table = Table(box=None, pad_edge=False)
        table.add_column("scenario", no_wrap=True)
        for names, _ in found:
            table.add_column(_stacked(names), no_wrap=True, vertical="top")
        for scenario in order:
            if not any(scenario in rows for _, rows in found):
                continue
            texts = []
            for _, rows in found:
                shown = cell(rows.get(scenario))
                texts.append(Text(shown, style=STYLES.get(shown.split("\n")[0], "")))
            table.add_row(scenario, *texts)
        console.print(table)
        console.print()


def _stacked(names: Sequence[str], most: int = 3) -> str:
    """Names in lines of a few."""
    lines = [" ".join(names[i : i + most]) for i in range(0, len(names), most)]
    return "\n".join(lines)


def legend(answers: Sequence[Answer]) -> list[str]:
    """What the names in the table mean, and what bounds the answer."""
    lines = []
    seen = dict.fromkeys(name for a in answers for name in (*a.failed, *a.undecided))
    for name in _ordered(seen):
        checks = sorted({check for a in answers for check in a.failed.get(name, ())} - {name})
        why = f" ({', '.join(checks)})" if checks else ""
        lines.append(f"  {name:<4} {ABOUT.get(name, 'a check of the model itself')}{why}")
    reasons = dict.fromkeys(reason for a in answers for reason in a.undecided.values())
    lines += [f"  undecided: {reason}" for reason in reasons]
    head = ["Fails:" if any(a.failed for a in answers) else "Undecided:"] if lines else []
    variants = dict.fromkeys(a.case.variant for a in answers)
    lines = [*head, *lines, "Variants:", *(f"  {v.name:<4} {v.title}" for v in variants)]
    models = {a.case.model for a in answers}
    lines.append(f"Within these bounds, all {'interleavings' if models == {'sc'} else 'executions'} and nothing else:")
    freeing = {a.case.freeing for a in answers}
    where = "at the end, when all is quiet" if freeing == {"at-the-end"} else "at once, by whoever drops the last reference"
    bounds = [*ASSUMPTIONS, f"a page without references is freed {where}"]
    if "lkmm" in models:
        bounds.append(f"under lkmm: {ASSUMPTION}")
    for machine in dict.fromkeys(a.case.machine for a in answers if a.case.machine):
        bounds += [f"on {machine}: {text}" for text in on_machine(machine)]
    return [*lines, *(f"  - {text}" for text in bounds)]


def witness_text(answer: Answer, name: str, run: RunResult | WeakRun | None, width: int, everything: bool = False) -> str:
    """How an invariant fails: what it says, where it is checked, and the run in lanes."""
    from smpcheck.show.interleaving import in_lanes, interleaving, place

    case = answer.case
    check = answer.failed[name][0]
    what = ABOUT.get(name, "a check of the model itself")
    lines = [f"{case.scenario}, {case.variant.name}: {name} fails: {what}"]
    if check != name:
        lines[0] += f" ({check})"
    if run is None:
        return "\n".join([*lines, "  no run to show: it is a circle of lock classes, or the time was not enough"]) + "\n"
    found = list(dict.fromkeys(_places(run.program, check)))
    lines += [f"  checked at {place(pos)}: {text}" for pos, text in found[:4]]
    restated = in_kernel(case.variant.name)
    if isinstance(run, WeakRun):
        lines.append(f"  no interleaving does this; {case.where} the steps may take effect in this order:")
        lines += ["", *(f"  {line}".rstrip() for line in in_lanes(run.program, run.events, width - 2, everything, restated)), ""]
        for number, reordering in enumerate((*run.story.reorderings, *run.story.also), 1):
            text = textwrap.wrap(f"{number} {reordering.sentence}", width - 2, subsequent_indent="  ", break_on_hyphens=False)
            lines += [f"  {line}" for line in text]
        return "\n".join(lines) + "\n"
    if run.message:
        lines.append(f"  {run.message}")
    for thread, pos in run.waiting.items():
        lines.append(f"  {run.program.threads[thread].name} waits for ever at {place(pos)}")
    return "\n".join([*lines, "", *(f"  {line}".rstrip() for line in interleaving(run, width - 2, everything, restated))]) + "\n"


def in_kernel(variant: str) -> Callable[[ir.Position], str]:
    """For a step of the model: its function, and the kernel's that it restates: ``mlock_page, mm/mlock.c mlock_folio``."""
    from smpcheck.mm.kernel_map.entries import kernel_map
    from smpcheck.mm.kernel_map.model_order import function_at

    known = kernel_map()
    of = known.version_of(variant)

    def label(pos: ir.Position) -> str:
        name = function_at(pos)
        entry = known.find(pos.file.rsplit("/", 1)[-1], name)
        at = entry.place(of) if entry is not None else None
        if at is None:
            return name
        return f"{name}, {at.file}" if at.name == name else f"{name}, {at.file} {at.name}"

    return label


def _places(program: ir.Program, check: str) -> list[tuple[ir.Position | None, str]]:
    found: list[tuple[ir.Position | None, str]] = []

    def look(body: Sequence[ir.Stmt]) -> None:
        for stmt in body:
            match stmt:
                case ir.Assert() if stmt.name == check:
                    found.append((stmt.pos, stmt.message))
                case ir.If() | ir.Choice():
                    look(stmt.then)
                    look(stmt.other)
                case ir.Block() | ir.Loop():
                    look(stmt.body)

    for thread in program.threads:
        look(thread.body)
    for final in program.invariants:
        if final.name == check:
            found.append((final.pos, final.message))
    return found


def _execution(run: RunResult | WeakRun | None) -> Json | None:
    if run is None:
        return None
    execution = run.execution if isinstance(run, WeakRun) else run.execution()
    return execution_object(execution, run.program)


def json_line(
    answer: Answer,
    runs: Mapping[str, RunResult | WeakRun | None] | None = None,
    reproducers: Mapping[str, object] | None = None,
) -> str:
    """One object, by the schema ``mm-check-1.json``. ``runs``: the failing runs to be shown, by invariant; ``reproducers``: the
    same as system calls, or why there are none."""
    case = answer.case
    document: Json = {
        "schema": "smpcheck-mm-check/1",
        "scenario": case.scenario, "variant": case.variant.name, "model": case.model, "flags": case.flags,
        "freeing": case.freeing, "verdict": answer.verdict, "asked": list(answer.asked),
        "failed": {name: list(answer.failed[name]) for name in _ordered(answer.failed)},
        "undecided": {name: answer.undecided[name] for name in _ordered(answer.undecided)},
        "explored": answer.explored, "seconds": round(answer.seconds, 3), "command": case.command,
    }  # fmt: skip
    if case.machine:
        document["machine"] = case.machine
    if runs is not None:
        document["executions"] = {name: _execution(run) for name, run in runs.items()}
    if reproducers is not None:
        document["reproducers"] = dict(reproducers)
    return json.dumps(document)
