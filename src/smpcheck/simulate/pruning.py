"""Exploring a large program without the code that no interleaving reaches.

Of the steps of a large model most are never taken: for a page in a given state, few of the ways through reclaim are open. What
is computed about the code before it is explored costs more than exploring it. So some random runs are made first, and the program
is explored as if every thread ended where none of these runs has come. If a thread comes to such a place after all, what follows
there is put back, and the program is explored again. When no thread comes to one, nothing was left out.

*Why nothing is missed.* The program that ends there is a program of its own, and its exploration visits every state in which
nobody can go on (:mod:`smpcheck.simulate.explore`). If some run of the whole program leaves the code that was kept, its steps up
to there, and then steps of the other threads until nobody can go on, are a run that ends in such a state: on the way to it a
thread is seen to come to a place that was left out. With loops there may be no such end: programs with loops are not pruned.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from smpcheck.program.values import UndefinedValue
from smpcheck.simulate.code import Code, End, Instr, Pick, Step
from smpcheck.simulate.generate import Action, Memory, Point, Registers
from smpcheck.simulate.machine import Machine

LARGE = 200
"""A program of fewer steps is explored as it is."""

RUNS = 24
"""So many random runs are made at first."""

LONGEST_RUN = 20_000
"""Steps after which a random run is given up."""

ROUNDS = 3
"""After so many explorations that came to places which had been left out the whole program is explored."""

STAY = 0.9
"""How likely the thread that has taken a step takes the next one."""

END: Final = End()

MORE_RUNS = 3
"""So many from each state in which a thread has come to a place that was left out."""

Kept: TypeAlias = list[set[int]]
"""By thread: the instructions that are kept, of those that may be left out."""

State: TypeAlias = tuple[Sequence[int], Sequence[Registers], Memory]
"""Where threads stand, their registers, and memory."""


def worth_pruning(machine: Machine) -> bool:
    """Is the program large, without loops, and does what is computed about its code cost more than exploring it? Of three threads
    that does not: their interleavings are too many."""
    if any(code.loops for code in machine.codes) or sum(not thread.after for thread in machine.program.threads) > 2:
        return False
    return sum(isinstance(instr, Step) for code in machine.codes for instr in code.instrs) >= LARGE


def may_be_left_out(code: Code, pc: int) -> bool:
    """Threads stop at steps and at choices only."""
    return isinstance(code.instrs[pc], Step | Pick)


class Sampler:
    """Random runs of a machine, and where they come to."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.kept: Kept = [set() for _ in machine.codes]
        self.random = random.Random(0)
        self.first = [t for t, thread in enumerate(machine.program.threads) if not thread.after]
        self.late = [t for t, thread in enumerate(machine.program.threads) if thread.after]
        rs, m = machine.fresh()
        pcs = [start(rs[t], m) for t, start in enumerate(machine.starts)]
        for thread, pc in enumerate(pcs):
            self.keep(thread, pc)
        for _ in range(RUNS):
            self.go_on(pcs, rs, m)

    def go_on(self, pcs: Sequence[int], registers: Sequence[list[int]], memory: list[int]) -> None:
        """A run from a state, in which a thread goes on for some steps before another one does."""
        points, chance = self.machine.points, self.random.random
        pcs, rs, m = list(pcs), [list(own) for own in registers], list(memory)
        last = -1
        for _ in range(LONGEST_RUN):
            try:
                ways = _ways(points[last][pcs[last]], rs[last], m) if last >= 0 and chance() < STAY else []
                if not ways:
                    running = [t for t in self.first if not points[t][pcs[t]].done] or self.late
                    order = self.random.sample(running, len(running))
                    last, ways = next(((t, w) for t in order if (w := _ways(points[t][pcs[t]], rs[t], m))), (-1, []))
                    if not ways:
                        return
                self.keep(last, pcs[last])
                pcs[last] = (ways[0] if len(ways) == 1 else self.random.choice(ways))(rs[last], m)
            except (KeyError, UndefinedValue):
                return
            if pcs[last] < 0:
                return

    def keep(self, thread: int, pc: int) -> None:
        """Keep an instruction."""
        if pc not in self.kept[thread]:
            self.kept[thread] |= _first_steps(self.machine.codes[thread], pc)

    def put_back(self, missing: Mapping[tuple[int, int], Iterable[State]]) -> None:
        """Threads have come to places that were left out, in these states: keep what follows there in some runs."""
        assert not any(pc in self.kept[thread] for thread, pc in missing), "what is kept was left out"
        for (thread, pc), states in missing.items():
            self.keep(thread, pc)
            for pcs, registers, memory in states:
                for _ in range(MORE_RUNS):
                    self.go_on(pcs, registers, memory)

    def codes(self) -> list[Code]:
        """The threads' code as far as it is kept."""
        return [pruned(code, own) for code, own in zip(self.machine.codes, self.kept, strict=True)]


def _ways(point: Point, registers: list[int], memory: list[int]) -> list[Action]:
    """What a thread may do there."""
    return [action for guard, action in point.alternatives if guard is None or guard(registers, memory)]


def _first_steps(code: Code, pc: int) -> set[int]:
    """An instruction; if it is a choice, the steps that its alternatives begin with, which are taken with it."""
    found: set[int] = set()
    todo = [pc]
    while todo:
        at = todo.pop()
        if at in found:
            continue
        found.add(at)
        if at == pc and isinstance(code.instrs[at], Step):
            continue
        if at == pc or not isinstance(code.instrs[at], Step | End):
            todo.extend(code.successors(at))
    return found


def pruned(code: Code, kept: Iterable[int]) -> Code:
    """The same code, numbered alike, in which a thread ends where it comes to a step or a choice that is not kept."""
    own = set(kept)
    instrs: list[Instr] = [END] * len(code.instrs)
    todo = [0]
    seen: set[int] = set()
    while todo:
        pc = todo.pop()
        if pc in seen:
            continue
        seen.add(pc)
        if pc in own or not may_be_left_out(code, pc):
            instrs[pc] = code.instrs[pc]
            todo.extend(code.successors(pc))
    return Code(code.thread, instrs, code.observed)
