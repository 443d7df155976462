"""Step-by-step runs as text: how many, what they ended in, and the failing one event by event."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from smpcheck.program import ir
from smpcheck.program.ir import FinalMem
from smpcheck.program.values import Ptr, Value
from smpcheck.simulate.campaign import Campaign, FinalState
from smpcheck.simulate.explore import Outcomes
from smpcheck.simulate.run import RunResult
from smpcheck.simulate.trace import TraceEvent

MAX_EVENTS = 60
"""Of a long run the end is shown."""


def campaign_text(found: Campaign) -> str:
    """What came of many runs: a table of final states, or the first failure."""
    name = found.program.name
    rate = found.steps / found.seconds if found.seconds else 0.0
    made = f"{found.runs} run{'s' * (found.runs != 1)} ({found.chooser}), {found.steps} steps"
    lines = []
    if found.failure is not None:
        lines.append(f"{name}: {summary(found.failure)}, in run {found.runs} of seed {found.seed} ({found.chooser})")
        lines += events_text(found.failure)
    else:
        lines.append(f"{name}: nothing failed in {made}, {rate:,.0f} steps/s")
        lines += states_text(found.program, {state: str(count) for state, count in found.states.items()})
    lines += [f"  locks are waited for in a circle: {cycle}" for cycle in found.lock_cycles]
    return "\n".join(lines) + "\n"


def outcomes_text(program: ir.Program, found: Outcomes) -> str:
    """What came of all schedules."""
    bad = sorted(found.failed) + ["deadlock"] * found.deadlock
    what = f"can fail: {', '.join(bad)}" if bad else "nothing can fail"
    lines = [f"{program.name}: {what}, in all schedules ({found.explored} states)"]
    for name in bad:
        witness = found.witnesses.get(name)
        if witness is not None:
            lines += [f"  {name}, with --replay '{witness.schedule}':", *events_text(witness)]
    if not bad:
        lines += states_text(program, dict.fromkeys(found.states, ""))
    lines += [f"  locks are waited for in a circle: {cycle}" for cycle in found.lock_cycles]
    return "\n".join(lines) + "\n"


def run_text(result: RunResult) -> str:
    """One run, event by event."""
    return "\n".join([f"{result.program.name}: {summary(result)}", *events_text(result)]) + "\n"


def summary(result: RunResult) -> str:
    """How a run ended, in a few words."""
    said = {
        "finished": "finished",
        "failed": f"FAILED: {', '.join(result.failed)}",
        "deadlock": "DEADLOCK",
        "stuck": "STUCK",
        "abandoned": "abandoned (an assumption does not hold)",
        "steps": "stopped at the limit of steps",
    }[result.status]
    return said + (f" ({result.message})" if result.message else "")


def events_text(result: RunResult) -> list[str]:
    """The events of a run in their order, the last ones if there are many."""
    program = result.program
    groups = [list(group) for _, group in groupby(result.trace.events, key=lambda e: (e.thread, e.pos, e.text))]
    rows = []
    for group in groups[-MAX_EVENTS:]:
        e = group[0]
        where = f"line {e.pos.line}" if e.pos else ""
        rows.append((program.threads[e.thread].name or f"P{e.thread}", e.text, where, effect_text(program, group)))
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    lines = [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]
    hidden = len(groups) - len(rows)
    return [f"  ... {hidden} before", *lines] if hidden else lines


def effect_text(program: ir.Program, events: Sequence[TraceEvent]) -> str:
    """What one primitive did: what it read, what it wrote."""

    def shown(value: Value | None) -> str:
        if isinstance(value, int) and isinstance(e.address, Ptr) and e.address in program.cells:
            return program.cells[e.address].show(value)
        return ("&" if isinstance(value, Ptr) else "") + program.show_value(value if value is not None else 0)

    said = []
    for e in events:
        if e.kind == "R" and e.partner is not None:
            continue
        if e.kind == "W" and e.partner is not None:
            old = next((r.value for r in events if r.number == e.partner), None)
            said.append(f"{e.cell}: {shown(old)}, then {shown(e.value)}")
        elif e.kind != "F":
            said.append(f"{e.cell} {'is' if e.kind == 'R' else '='} {shown(e.value)}")
    return "; ".join(said)


def states_text(program: ir.Program, states: dict[FinalState, str]) -> list[str]:
    """Final states, one a line, with a note before each."""
    if not program.observed:
        return []
    rows = sorted(
        (" ".join(f"{variable_name(program, v)}={program.show_value(value)};" for v, value in state), note)
        for state, note in states.items()
    )
    width = max((len(note) for _, note in rows), default=0)
    return [f"  {note:>{width}}  {text}" if width else f"  {text}" for text, note in rows]


def variable_name(program: ir.Program, variable: ir.FinalReg | FinalMem) -> str:
    """``[cell]``, or what a thread returned by the thread's name."""
    if isinstance(variable, FinalMem):
        return f"[{variable.name or program.cell_name(variable.cell)}]"
    thread = next((t for t in program.threads if t.index == variable.thread), None)
    if thread is not None and thread.name and variable.name == "return":
        twins = [t for t in program.threads if t.name == thread.name]
        return f"{thread.name}()" if len(twins) == 1 else f"{variable.thread}:{thread.name}()"
    return f"{variable.thread}:{variable.name}"
