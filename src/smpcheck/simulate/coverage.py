"""Coverage: which accesses are executed in some interleaving, noted while all interleavings are explored, or in random runs."""

from __future__ import annotations

from msgspec import Struct

from smpcheck.program import ir
from smpcheck.program.cut import Coverage
from smpcheck.program.flow import statements
from smpcheck.simulate.code import Rcu, Step
from smpcheck.simulate.generate import Action
from smpcheck.simulate.machine import Machine
from smpcheck.simulate.pruning import Sampler


class Reached(Struct, frozen=True):
    """The accesses that are ``steps`` of a program's interleavings, and those at which some interleaving comes (``here``), both
    by their numbers in the program's text, so that they are known in each program that does the same."""

    steps: frozenset[int] = frozenset()
    here: frozenset[int] = frozenset()

    def coverage_of(self, program: ir.Program) -> Coverage:
        """The same in a program that does the same, but for barriers."""
        found = _accesses(program)
        return Coverage(frozenset(id(found[n]) for n in self.steps), frozenset(id(found[n]) for n in self.here))


def reached(machine: Machine) -> Reached:
    """Where threads have come to, in a machine that was run: points are made when a thread comes there."""
    here = {id(step) for thread, points in enumerate(machine.points) for pc in points for step in _steps_at(machine, thread, pc)}
    steps = _all_steps(machine)
    numbers = list(enumerate(map(id, _accesses(machine.program))))
    return Reached(frozenset(n for n, at in numbers if at in steps), frozenset(n for n, at in numbers if at in here))


def _accesses(program: ir.Program) -> list[ir.Stmt]:
    """All accesses in the order of the program's text."""
    accesses = (ir.Load, ir.Store, ir.Rmw)
    return [stmt for thread in program.threads for stmt in statements(thread.body) if isinstance(stmt, accesses)]


class Noting:
    """Notes the instructions of all steps that are taken while this machine explores."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.visited: set[tuple[int, int]] = set()
        for thread, points in enumerate(machine.points):
            for pc, point in points.all().items():
                point.alternatives = tuple((guard, self.noting(action, (thread, pc))) for guard, action in point.alternatives)

    def noting(self, action: Action, place: tuple[int, int]) -> Action:
        """The same action, which notes that it is taken."""
        note = self.visited.add

        def noted(registers: list[int], memory: list[int]) -> int:
            note(place)
            return action(registers, memory)

        return noted

    def coverage(self) -> Coverage:
        """What was noted."""
        taken = {id(step) for thread, pc in self.visited for step in _steps_at(self.machine, thread, pc)}
        return Coverage(_all_steps(self.machine), frozenset(taken))


def sampled(program: ir.Program) -> Coverage:
    """The accesses that some random runs take. :raises UnsupportedError: the program has what step-by-step runs do not support"""
    machine = Machine(program, merge_private=True)
    kept = Sampler(machine).kept
    instrs = (code.instrs[pc] for code, own in zip(machine.codes, kept, strict=True) for pc in own)
    return Coverage(_all_steps(machine), frozenset(id(instr.stmt) for instr in instrs if isinstance(instr, Step)))


def _all_steps(machine: Machine) -> frozenset[int]:
    return frozenset(id(i.stmt) for code in machine.codes for i in code.instrs if isinstance(i, Step))


def _steps_at(machine: Machine, thread: int, pc: int) -> list[ir.Stmt]:
    """The statement of an instruction; if it is a choice, the first statement of every alternative."""
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
