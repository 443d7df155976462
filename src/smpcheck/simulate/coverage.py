"""Which statements some interleaving reaches."""

from __future__ import annotations

from smpcheck.program import ir
from smpcheck.simulate.code import Rcu, Step
from smpcheck.simulate.explore import _Explorer
from smpcheck.simulate.generate import Action
from smpcheck.simulate.machine import Machine


def reached(program: ir.Program, *, max_states: int = 5_000_000) -> tuple[set[int], set[int]]:
    """The accesses that are steps of schedules of ``program``, by ``id`` of the statement, and those that some schedule takes.

    :raises LimitError: there are more states than ``max_states``
    :raises UnsupportedError: the program uses what step-by-step runs do not support
    """
    explorer = _Explorer(program, max_states, witnesses=False, reduce=True)
    machine = explorer.machine
    visited: set[tuple[int, int]] = set()

    def noting(action: Action, place: tuple[int, int]) -> Action:
        def noted(registers: list[int], memory: list[int]) -> int:
            visited.add(place)
            return action(registers, memory)

        return noted

    for thread, points in enumerate(machine.points):
        for pc, point in points.all().items():
            point.alternatives = tuple((guard, noting(action, (thread, pc))) for guard, action in point.alternatives)
    explorer.explore()
    steps = {id(i.stmt) for code in machine.codes for i in code.instrs if isinstance(i, Step)}
    return steps, {id(step) for thread, pc in visited for step in _steps_at(machine, thread, pc)}


def _steps_at(machine: Machine, thread: int, pc: int) -> list[ir.Stmt]:
    """The statement of an instruction; where it is a choice, the first ones on every side."""
    code = machine.codes[thread]
    found: list[ir.Stmt] = []
    seen: set[int] = set()
    todo = [pc]
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        instr = code.instrs[at]
        if isinstance(instr, Step):
            found.append(instr.stmt)
        elif not isinstance(instr, Rcu):
            todo.extend(code.successors(at))
    return found
