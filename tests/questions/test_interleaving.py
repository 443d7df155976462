"""An execution has an order of taking turns iff sequential consistency allows it; the order is one."""

from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.program.execution import Execution
from smpcheck.program.ir import Const
from smpcheck.questions.interleaving import interleaving
from smpcheck.readers.litmus import read_litmus_file
from smpcheck.solver.candidates import Candidates

ROOT = Path(__file__).parent.parent.parent
TESTS = sorted([*(ROOT / "examples").glob("*.litmus"), *(ROOT / "tests" / "library").glob("*.litmus")])
SC, LKMM = load_model("sc"), load_model("lkmm")
EACH = 40


def executions(path: Path) -> list[Execution]:
    program = replace(read_litmus_file(path), filter=None)
    candidates = Candidates(program, LKMM, Const(1))
    found = []
    for execution in candidates:
        found.append(execution)
        if len(found) == EACH:
            break
        candidates.exclude_this(execution)
    return found


def is_order(execution: Execution, order: tuple[int, ...]) -> bool:
    """Do reads see the latest write, halves of atomics meet, threads keep their order, grace periods wait?"""
    events = execution.events
    if sorted(order) != [e.id for e in events if e.thread >= 0]:
        return False
    memory = {e.address: e.value for e in events if e.thread < 0}
    inside: Counter[tuple[int, object]] = Counter()
    for place, number in enumerate(order):
        event = events[number]
        if any((number, a) in execution.relations["po"] for a in order[:place]):
            return False
        if event.kind == "R" and memory[event.address] != event.value:
            return False
        if event.kind == "W":
            memory[event.address] = event.value
        together = {b for a, b in execution.relations.get("same-instance", ()) if a == number and b > number}
        half = min(together, default=next((w for r, w in execution.relations["rmw"] if r == number and not together), None))
        last_of_several = any(b == number for _, b in execution.relations.get("same-instance", ())) and not together
        if half is not None and not last_of_several and order[place + 1] != half:
            return False
        for flavour in ("Rcu", "Srcu"):
            inside[event.thread, event.address] += (f"{flavour}-lock" in event.tags) - (f"{flavour}-unlock" in event.tags)
        if event.tags & {"Sync-rcu", "Sync-srcu"} and any(n > 0 for (_, a), n in inside.items() if a == event.address):
            return False
    return True


@pytest.mark.parametrize("path", TESTS, ids=lambda p: p.stem)
def test_there_is_an_order_iff_sequential_consistency_allows_the_execution(path):
    found = executions(path)
    assert found
    for execution in found:
        order = interleaving(execution)
        assert (order is not None) == (not [v for v in evaluate(SC, execution) if not v.flag])
        assert order is None or is_order(execution, order)
