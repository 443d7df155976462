"""All schedules: depth-first search over states, each visited once.

Two reductions keep the number of states down without losing a final state, a failed check or a deadlock. Accesses that no other
thread can notice are no steps (:func:`smpcheck.simulate.machine.private_cells`). And if the next step of some thread cannot
conflict with any step that another thread may take before it, only that step is explored (:mod:`smpcheck.simulate.persistent`).
A large program is explored without the code that nobody reaches (:mod:`smpcheck.simulate.pruning`).
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any, TypeAlias

from smpcheck.errors import LimitError
from smpcheck.program import ir
from smpcheck.program.bit_rows import bits
from smpcheck.program.cut import Coverage
from smpcheck.program.faults import DEADLOCK, NON_TERMINATION
from smpcheck.program.ir import FinalMem, FinalReg
from smpcheck.program.values import UndefinedValue, Value
from smpcheck.simulate.code import Code, End
from smpcheck.simulate.coverage import Noting, Reached, reached
from smpcheck.simulate.generate import Memory, Point, Points, Registers
from smpcheck.simulate.lookahead import NOTHING, Future, pickers
from smpcheck.simulate.machine import LockCycle, Machine
from smpcheck.simulate.persistent import Persistent
from smpcheck.simulate.pruning import END, ROUNDS, Sampler, State, may_be_left_out, worth_pruning
from smpcheck.simulate.run import Moves, RunResult, describe_fault

FinalState = tuple[tuple[FinalReg | FinalMem, Value], ...]

Trail: TypeAlias = tuple[tuple[int, int], ...]
"""Moves, each a thread and its alternative."""

ONE_WAY: list[Any] = [None]
"""The guards of a step that can always be taken."""

STATES_BESIDE = 1000
"""A program is explored at least so far, and twice as far as until then, when a thread has come to a place that was left out."""

STATES_KEPT = 3
"""So many states are kept in which a thread comes to a place that was left out."""

LONGEST_TRAIL = 1000
"""Steps without a choice after which the state is remembered all the same, or a loop would go unnoticed."""


@dataclass
class Outcomes:
    """All outcomes of a program under sequential consistency.

    ``states``: the final values of the variables that the program observes. ``failed``: the names of checks that some execution
    fails, including invariants of final states (a run that ends in a deadlock has no final state), and of the faults that some
    run ends in (:mod:`smpcheck.program.faults`). ``deadlock``: can a state be reached in which all threads that have not ended
    wait for locks? ``condition``: the truth values that the program's condition has in final states. ``explored``: the number
    of visited states in which there was a choice. ``lock_cycles``: cycles in the order in which lock classes are waited for.
    """

    states: frozenset[FinalState] = frozenset()
    failed: frozenset[str] = frozenset()
    deadlock: bool = False
    condition: frozenset[bool] = frozenset()
    explored: int = 0
    lock_cycles: tuple[LockCycle, ...] = ()
    witnesses: Mapping[str, RunResult] = field(default_factory=dict)
    """A run for each failed check; for ``deadlock`` if there is one; ``condition`` for one in which the condition holds."""
    coverage: Coverage = field(default_factory=Coverage)
    """Which accesses some schedule takes, if that was asked for."""
    entered: frozenset[str] = frozenset()
    """The labels of what was left out of the program (:mod:`smpcheck.program.cut`) and some schedule comes to. If there are any,
    the rest is about schedules that come to none."""
    reached: Reached = field(default_factory=Reached)
    """Accesses at which some schedule comes; perhaps all, if coverage was asked for."""


def guards_of(point: Point) -> list[Any]:
    """The guards of its alternatives; none where the thread has ended."""
    guards = [] if point.done else [guard for guard, _ in point.alternatives]
    return ONE_WAY if guards == ONE_WAY else guards


def _may_hold(guard: Any, registers: Registers, m: Memory) -> Any:
    """Does a guard hold, or is its evaluation a fault?"""
    try:
        return guard(registers, m)
    except (KeyError, UndefinedValue):
        return True


def _possible(thread: int, guards: Sequence[Any], registers: Registers, m: Memory) -> list[tuple[int, int]]:
    """The moves of a thread whose guards hold."""
    try:
        return [(thread, k) for k, guard in enumerate(guards) if guard is None or guard(registers, m)]
    except (KeyError, UndefinedValue):
        return [(thread, k) for k, guard in enumerate(guards) if guard is None or _may_hold(guard, registers, m)]


class Guards(dict[int, list[Any]]):
    """The guards at each instruction of a thread."""

    def __init__(self, points: Points) -> None:
        super().__init__()
        self.points = points

    def __missing__(self, pc: int) -> list[Any]:
        found = self[pc] = guards_of(self.points[pc])
        return found


class _Explorer:
    """``pruned``: the machine's code with places at which threads are taken to end (:mod:`smpcheck.simulate.pruning`)."""

    def __init__(
        self, machine: Machine, max_states: int, witnesses: bool, reduce: bool, pruned: Sequence[Code] | None = None
    ) -> None:
        self.machine = machine
        codes = machine.codes if pruned is None else pruned
        self.left_out = [
            frozenset(pc for pc, instr in enumerate(code.instrs) if instr is END and may_be_left_out(whole, pc))
            for code, whole in zip(codes, machine.codes, strict=True)
        ]
        self.labels = [code.left_out() for code in codes]
        self.entered: set[str] = set()
        self.missing: dict[tuple[int, int], list[State]] = {}
        """Places that were left out and that threads have come to, by thread and instruction, with some states there."""
        self.max_states = self.enough = max_states
        self.want_witnesses = witnesses
        self.reduce = reduce
        self.parents: dict[Any, tuple[Any, Trail]] = {}
        self.found: dict[str, tuple[Any, Trail]] = {}
        self.states: set[FinalState] = set()
        self.failed: set[str] = set()
        self.condition: set[bool] = set()
        self.deadlock = False
        self.guards = [Guards(points) for points in machine.points]
        self.keys = [pickers(code.live, names) for code, names in zip(codes, machine.registers, strict=True)]
        self.loops = [code.loops for code in machine.codes]
        self.after = [thread.after for thread in machine.program.threads]
        self.first = [n for n, late in enumerate(self.after) if not late]
        self.late = [n for n, late in enumerate(self.after) if late]
        self.persistent = Persistent(machine, pruned) if reduce else None
        self.changing = tuple if self.persistent is None else itemgetter(*self.persistent.changing())
        """Of a memory, what may be different in two states."""
        self.only = [[(t, 0)] for t in range(len(codes))]
        """For each thread its one way to go on, as a list of moves that nobody changes."""

    def key(self, pcs: tuple[int, ...], rs: list[Registers], m: Memory) -> Any:
        return (pcs, tuple([keys[pc](r) for keys, pc, r in zip(self.keys, pcs, rs, strict=True)]), self.changing(m))

    def moves(self, pcs: Sequence[int], rs: list[Registers], m: Memory, futures: Sequence[Future]) -> list[tuple[int, int]]:
        """The moves to explore from a state: thread and alternative."""
        result: list[tuple[int, int]] = []
        alone = self.persistent.alone if self.persistent is not None else None
        for thread in self.running(pcs):
            guards = self.guards[thread][pcs[thread]]
            if guards is ONE_WAY:
                if alone is not None and alone(thread, pcs, futures):
                    return self.only[thread]
                result.append((thread, 0))
            elif guards:
                possible = _possible(thread, guards, rs[thread], m)
                if possible and alone is not None and alone(thread, pcs, futures):
                    return possible
                result += possible
        return result

    def running(self, pcs: Sequence[int]) -> list[int]:
        """The threads that may take steps: those that start after the others do so when these have ended."""
        guards = self.guards
        for thread in self.first:
            if guards[thread][pcs[thread]]:
                return self.first
        return self.late

    def end(self, key: Any, pcs: tuple[int, ...], rs: list[Registers], m: Memory) -> None:
        """No thread can go on."""
        machine = self.machine
        rest = [t for t, pc in enumerate(pcs) if not machine.points[t][pc].done]
        if rest:
            waiting = [machine.points[t][pcs[t]] for t in ([t for t in rest if not self.after[t]] or rest)]
            if all(point.blocking for point in waiting):
                self.deadlock = True
                self.note(DEADLOCK, key)
                self.fails(machine.failed(m), key)
            elif all(point.blocking or point.waiting for point in waiting):
                self.fails((NON_TERMINATION, *machine.failed(m)), key)
            return
        program = machine.program
        if program.filter is not None and not machine.holds(program.filter, rs, m):
            return
        self.fails(machine.final_failures(rs, m), key)
        self.states.add(machine.final_state(rs, m))
        truth = machine.holds(program.condition, rs, m)
        self.condition.add(truth)
        if truth:
            self.note("condition", key)

    def fails(self, names: Iterable[str], key: Any, trail: Trail = ()) -> None:
        """Some run fails these checks, or ends in these faults: it is the one that leads to ``key``, and on by ``trail``."""
        for name in names:
            self.failed.add(name)
            self.note(name, key, trail)

    def goes_round(self, pcs: tuple[int, ...], rs: list[Registers], m: Memory) -> bool:
        """From here on, can all threads only loop or wait, so that none ends, and one can loop?"""
        if not self.may_go_round(pcs):
            return False
        some = False
        seen = {self.key(pcs, rs, m)}
        todo = [(pcs, rs)]
        while todo:
            pcs, rs = todo.pop()
            for thread in self.running(pcs):
                for k, guard in enumerate(self.guards[thread][pcs[thread]]):
                    if guard is not None and not _may_hold(guard, rs[thread], m):
                        continue
                    some = True
                    own, memory = list(rs[thread]), list(m)
                    try:
                        pc = self.machine.points[thread][pcs[thread]].alternatives[k][1](own, memory)
                    except (KeyError, UndefinedValue):
                        return False
                    after = (*pcs[:thread], pc, *pcs[thread + 1 :])
                    if pc < 0 or memory != list(m) or not self.may_go_round(after):
                        return False
                    registers = [*rs[:thread], own, *rs[thread + 1 :]]
                    new = self.key(after, registers, m)
                    if new not in seen:
                        seen.add(new)
                        todo.append((after, registers))
            if len(seen) > LONGEST_TRAIL:
                return False
        return some

    def may_go_round(self, pcs: tuple[int, ...]) -> bool:
        """Has each thread that may run ended, or is it in a loop or at a step that may wait?"""
        some = False
        for t in self.running(pcs):
            pc = pcs[t]
            point = self.machine.points[t][pc]
            if pc in self.loops[t]:
                some = True
            elif not (point.done or point.blocking or point.waiting):
                return False
        return some

    def note(self, name: str, key: Any, trail: Trail = ()) -> None:
        if name not in self.found:
            self.found[name] = (key, trail)

    def explore(self) -> None:
        machine = self.machine
        rs, m = machine.fresh()
        pcs = tuple(start(rs[t], m) for t, start in enumerate(machine.starts))
        self.entered.update(labels[pc] for labels, pc in zip(self.labels, pcs, strict=True) if pc in labels)
        if any(pc < 0 for pc in pcs) or self.entered:
            return
        first = self.key(pcs, rs, m)
        looping = any(self.loops)
        if looping and self.goes_round(pcs, rs, m):
            self.fails((NON_TERMINATION,), first)
        ahead = self.persistent
        futures = [NOTHING if ahead is None or self.after[t] else ahead.at(t, pc, rs[t]) for t, pc in enumerate(pcs)]
        asleep_at = {first: 0}
        known = 1
        stack = [(first, pcs, rs, m, futures, self.moves(pcs, rs, m, futures), 0)]
        points, left_out, labels = machine.points, self.left_out, self.labels
        while stack:
            key, pcs, rs, m, futures, moves, asleep = stack.pop()
            if not moves and not asleep:
                self.end(key, pcs, rs, m)
            mover = -1
            explored = 0
            for move in moves:
                if asleep >> move[0] & 1:
                    continue
                if move[0] != mover:  # all that the one before could do will have been explored
                    explored |= 1 << mover if mover >= 0 else 0
                    mover = move[0]
                sleeping = asleep | explored if ahead is not None else 0
                after, rs_after, memory, next_futures = list(pcs), list(rs), list(m), list(futures)
                copied = 0
                trail: list[tuple[int, int]] = []
                ways = [move]
                alive = True
                # where there is only one way to go on, nothing needs to be remembered
                while len(ways) == 1 and len(trail) < LONGEST_TRAIL:
                    thread, k = ways[0]
                    if sleeping:
                        if sleeping >> thread & 1:
                            alive = False
                            break
                        sleeping = self.still_asleep(sleeping, thread, next_futures)
                    trail.append(ways[0])
                    if not copied >> thread & 1:
                        copied |= 1 << thread
                        rs_after[thread] = list(rs_after[thread])
                    try:
                        guard, action = points[thread][after[thread]].alternatives[k]
                        if guard is not None:
                            guard(rs_after[thread], memory)  # it may be what fails
                        pc = action(rs_after[thread], memory)
                    except (KeyError, UndefinedValue) as error:
                        name, _ = describe_fault(machine, error)
                        self.fails((name, *machine.failed(memory)), key, tuple(trail))
                        alive = False
                        break
                    if pc < 0:
                        alive = False
                        break
                    after[thread] = pc
                    if pc in labels[thread]:
                        self.entered.add(labels[thread][pc])
                        alive = False
                        break
                    if pc in left_out[thread]:
                        self.come_to(thread, after, rs_after, memory, known)
                        alive = False
                        break
                    if ahead is not None and not self.after[thread]:
                        next_futures[thread] = ahead.at(thread, pc, rs_after[thread])
                    ways = self.moves(after, rs_after, memory, next_futures)
                if not alive:
                    continue
                new = self.key(tuple(after), rs_after, memory)
                slept = asleep_at.setdefault(new, sleeping)
                if len(asleep_at) == known:
                    woken = slept & ~sleeping
                    if woken:
                        asleep_at[new] = sleeping = slept & sleeping
                        ways = self.moves_of(woken, after, rs_after, memory)
                        stack.append((new, tuple(after), rs_after, memory, next_futures, ways, sleeping))
                    continue
                known += 1
                if known > self.enough:
                    if self.missing:
                        return
                    raise LimitError(f"more than {self.max_states} states: not explored to the end")
                if looping and NON_TERMINATION not in self.failed and self.goes_round(tuple(after), rs_after, memory):
                    self.fails((NON_TERMINATION,), new)
                if self.want_witnesses:
                    self.parents[new] = (key, tuple(trail))
                stack.append((new, tuple(after), rs_after, memory, next_futures, ways, sleeping))
        self.explored = known

    def come_to(self, thread: int, pcs: Sequence[int], rs: list[Registers], m: Memory, explored: int) -> None:
        """A thread has come to a place that was left out, after so many states: look for others like it, but not for long."""
        if not self.missing:
            self.enough = min(self.max_states, max(STATES_BESIDE, 2 * explored))
        states = self.missing.setdefault((thread, pcs[thread]), [])
        if len(states) < STATES_KEPT:
            states.append((pcs, rs, m))

    def moves_of(self, threads: int, pcs: Sequence[int], rs: list[Registers], m: Memory) -> list[tuple[int, int]]:
        """All moves of some threads (bits)."""
        return [
            (t, k)
            for t in self.running(pcs)
            if threads >> t & 1
            for k, guard in enumerate(self.guards[t][pcs[t]])
            if guard is None or _may_hold(guard, rs[t], m)
        ]

    @staticmethod
    def still_asleep(sleeping: int, thread: int, futures: Sequence[Future]) -> int:
        """The threads that still sleep when a thread takes its step: those whose next step does not conflict with it."""
        moving = futures[thread]
        here, writes = moving.here, moving.here_writes
        if not here:
            return 0
        found = 0
        for t in bits(sleeping):
            other = futures[t]
            if other.here and not other.here_writes & here and not other.here & writes:
                found |= 1 << t
        return found

    explored = 0

    def witness(self, name: str) -> RunResult:
        """The run that led to what was noted."""
        key, last = self.found[name]
        moves: list[tuple[int, int]] = list(reversed(last or ()))
        while key in self.parents:
            key, trail = self.parents[key]
            moves.extend(reversed(trail))
        moves.reverse()
        return follow(*self.unmerged(moves))

    @cached_property
    def step_by_step(self) -> Machine:
        """A machine where every access is a step."""
        return Machine(self.machine.program)

    def unmerged(self, moves: list[tuple[int, int]]) -> tuple[Machine, list[tuple[int, int]]]:
        """A machine where every access is a step, and the moves that make the same run there."""
        merged, single = _Walk(self.machine), _Walk(self.step_by_step)
        try:
            for thread in range(len(merged.pcs)):
                single.catch_up(thread, merged)
            for thread, k in moves:
                single.take(thread, k)
                merged.take(thread, k)
                single.catch_up(thread, merged)
        except (KeyError, UndefinedValue):
            single.catch_up(moves[-1][0], None)
        return single.machine, single.moves


class _Walk:
    """A machine that follows given moves instead of a scheduler's."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.rs, self.m = machine.fresh()
        self.pcs = [start(self.rs[t], self.m) for t, start in enumerate(machine.starts)]
        self.moves: list[tuple[int, int]] = []

    def take(self, thread: int, k: int) -> None:
        self.moves.append((thread, k))
        point = self.machine.points[thread][self.pcs[thread]]
        self.pcs[thread] = point.alternatives[k][1](self.rs[thread], self.m)

    def catch_up(self, thread: int, other: _Walk | None) -> None:
        """Go on to where ``other`` is, or until an access faults."""
        try:
            while other is None or self.pcs[thread] != other.pcs[thread]:
                self.take(thread, 0)
        except (KeyError, UndefinedValue):
            if other is not None:
                raise


def follow(machine: Machine, moves: list[tuple[int, int]]) -> RunResult:
    """The run that these moves make."""
    rs, m = machine.fresh()
    pcs = [start(rs[t], m) for t, start in enumerate(machine.starts)]
    failed: set[str] = set()
    taken = Moves()
    message = ""
    status: Any = "finished"
    try:
        for thread, k in moves:
            alternatives = machine.points[thread][pcs[thread]].alternatives
            possible = [i for i, (guard, _) in enumerate(alternatives) if guard is None or guard(rs[thread], m)]
            taken.add(thread, k)
            if len(possible) > 1:
                taken.free.append(possible.index(k))
            pcs[thread] = alternatives[k][1](rs[thread], m)
    except (KeyError, UndefinedValue) as error:
        name, message = describe_fault(machine, error)
        failed, status = {name}, "failed"
    waiting = {t: machine.position(t, pc) for t, pc in enumerate(pcs) if not isinstance(machine.codes[t].instrs[pc], End)}
    final: dict[FinalReg | FinalMem, Value] = {}
    holds = None
    failed |= machine.failed(m)
    if not waiting and status == "finished":
        failed |= machine.final_failures(rs, m)
        final = dict(machine.final_state(rs, m))
        holds = machine.holds(machine.program.condition, rs, m)
        status = "failed" if failed else "finished"
    elif status == "finished":
        status = "deadlock" if all(machine.points[t][pcs[t]].blocking for t in waiting) else "stuck"
    return RunResult(
        machine.program,
        status,
        len(moves),
        tuple(sorted(failed)),
        message,
        waiting if status in ("deadlock", "stuck") else {},
        final,
        holds,
        tuple(machine.locks.cycles),
        taken,
        machine,
    )


def _explored(machine: Machine, max_states: int, witnesses: bool, reduce: bool) -> _Explorer:
    """All schedules of a machine; of a large one first without the code that random runs do not come to."""
    if reduce and worth_pruning(machine):
        sampler = Sampler(machine)
        for _ in range(ROUNDS):
            explorer = _Explorer(machine, max_states, witnesses, reduce, sampler.codes())
            explorer.explore()
            if not explorer.missing:
                return explorer
            sampler.put_back(explorer.missing)
    explorer = _Explorer(machine, max_states, witnesses, reduce)
    explorer.explore()
    return explorer


@contextmanager
def without_collection() -> Iterator[None]:
    """Within it no cycles are collected: states are many, and there are no cycles in them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def outcomes(
    program: ir.Program,
    *,
    max_states: int = 5_000_000,
    witnesses: bool = False,
    reduce: bool = True,
    coverage: bool = False,
) -> Outcomes:
    """All outcomes of ``program`` under sequential consistency, by exploring all schedules.

    ``reduce``: leave out schedules that cannot change an outcome. ``witnesses``: keep a run for each thing that can go wrong.
    ``coverage``: note which accesses are taken.
    Loops are not cut: a program with infinitely many states reaches ``max_states``.

    :raises LimitError: there are more states than ``max_states``
    :raises UnsupportedError: the program uses what step-by-step runs do not support
    """
    machine = Machine(program, merge_private=reduce)
    noting = Noting(machine) if coverage else None
    with without_collection():
        explorer = _explored(machine, max_states, witnesses, reduce)
    taken = noting.coverage() if noting is not None else Coverage()
    found = {name: explorer.witness(name) for name in explorer.found} if witnesses else {}
    return Outcomes(
        frozenset(explorer.states),
        frozenset(explorer.failed),
        explorer.deadlock,
        frozenset(explorer.condition),
        explorer.explored,
        tuple(explorer.machine.locks.cycles),
        found,
        taken,
        frozenset(explorer.entered),
        reached(machine),
    )
