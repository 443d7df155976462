"""All executions of a program in which threads see memory late: each thread has a view of what it must have seen.

A location has a list of the values that were written to it, in coherence order. A load takes any of them that is not older than
what its thread knows of; a store goes anywhere after that. What a thread knows spreads as in the view machines of the
literature (Kang, Hur, Lahav, Vafeiadis, Dreyer, "A Promising Semantics for Relaxed-Memory Concurrency", POPL 2017, section 3;
without promises): a release store carries all that its thread knows, other stores what it knew at its last full barrier, an
acquire load takes what it finds, others keep it for the next full barrier; full barriers also know of all earlier ones.

*What it is good for.* Threads take their steps in program order, so no store is early (:mod:`smpcheck.simulate.early`). Every
other execution that the Linux-kernel memory model allows is a run here: what no run does cannot happen. Some runs are none of
the model's executions, because dependencies, ``smp_rmb()``, ``smp_wmb()`` and the order of an unlock before the next lock count
for nothing here; so what a run does is still to be checked.

*Why.* Take an execution, and an order of its events that extends po, rf, and for full barriers f and g: f before g if something
after f reaches, by hb, an access that is overwritten (fr, co) by something that prop takes to before g. In every cycle of
these three some store is early, or it is one of hb or pb. In this order the run can do as the execution did. Say thread t is
to read a value that w overwrote, or to write one that w is to overwrite, and knows of w. Then w came to t along: w or a read of
it, po to a release or over a full barrier to a store (a member of cumul-fence, as is each further link, with the atomic
operations on the way: rmw-sequence), rf, po from an acquire or over a full barrier. So prop goes from t's access over w to t's
earlier read, and hb from there back: the happens-before axiom forbids it. Or it came by way of two full barriers, f before g
in our order, w known before f, the access after g: then g is before f by definition.

Plain accesses travel along none of these, but where they do not race the model has a path of hb and pb instead. A run in which
one may race ends the exploration: :class:`MayRaceError`.

*x86.* With all loads acquires, all stores releases, and all atomic operations full barriers on both sides, the runs contain
those of total store order, by the same argument with ghb for hb and prop, and no store is early there.

*Few states.* What no thread can come upon any more is dropped: values older than what every thread will know when it next looks
(:meth:`_Runs.surely`). A step that conflicts with nothing that others may do before it goes alone (persistent sets). A load that
could have been taken before another thread's step is not taken after it with the same result (:meth:`_Runs.put_to_sleep`).
"""

from __future__ import annotations

import time
from heapq import heappush, heappop
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.values import ValueError_
from smpcheck.simulate.ahead import ATOMIC, FULL_SYNC, LOCK, MIXED, Ahead, bits, reachable
from smpcheck.simulate.observed import Observed
from smpcheck.simulate.code import Code, Jump, Local, Pick, Rcu, Step, Turn
from smpcheck.simulate.early import EarlyStores
from smpcheck.simulate.explore import LONGEST_TRAIL, live_registers
from smpcheck.simulate.generate import ABANDONED, Memory, Registers, divide, shift_count
from smpcheck.simulate.machine import Machine
from smpcheck.simulate.parts import FULL, Access, Parts, with_barriers
from smpcheck.simulate.pointers import PointsTo
from smpcheck.simulate.run import describe_fault

WIDTH = 32
"""Bits of a view for each location: so many overwritten values of one location are kept at most."""

FIELD = (1 << WIDTH) - 1

Message: TypeAlias = tuple[int, int, bool, bool]
"""A value in memory: the value, the view that it carries, whether an atomic operation made it from the one before it, whether it
is a plain store's."""

Views: TypeAlias = tuple[int, int, int]
"""What a thread knows: now, after its next full barrier, and at its last."""

Move: TypeAlias = tuple[int, int, int]
"""A thread, the instruction that is executed, and the choice among values read or places written."""


Plan: TypeAlias = "tuple[tuple[int, Access | None], ...] | None"
"""What a thread may do at an instruction."""


class MayRaceError(UnsupportedError):
    """A plain access may race with another one."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the runs do: the names of checks that fail in some run (``deadlock`` is one), the final states over what the program
    observes, how many states there were, and whether a store may be early, so that there may be executions that are not among
    the runs."""

    failed: frozenset[str]
    states: frozenset[tuple[tuple[ir.FinalReg | ir.FinalMem, Any], ...]]
    explored: int
    early: bool


class _Parted(Machine):
    """A machine with the steps of its threads in parts."""

    def __init__(self, program: ir.Program, x86: bool) -> None:
        self.x86 = x86
        self.observed = Observed()
        self.steps: list[dict[int, Access]] = []
        self.others: list[dict[int, Callable[[Registers, Memory], int]]] = []
        super().__init__(program, merge_private=True)

    def _generate(self, number: int, code: Code) -> dict[str, int]:
        with_barriers(code, self.x86)
        parts = Parts(code, number, len(self.program.threads), self.index, self.addresses, self.checks)
        steps, others, start = parts.parts(self.x86)
        self.steps.append(steps)
        self.others.append(others)
        self.express = lambda e, v: parts.expr(e, ("value", v))
        self.starts.append(start)
        return parts.registers


class _Runs:
    """The exploration."""

    def __init__(self, program: ir.Program, x86: bool, max_states: int, ends: float | None) -> None:
        self.program = program
        self.ends = ends
        self.max_states = max_states
        self.machine = machine = _Parted(program, x86)
        self.x86 = x86
        self.cells = [c for c in program.cells if c not in machine.private]
        """Locations with a history, in the order of their fields in views."""
        self.codes = machine.codes
        self.steps, self.others, self.starts = machine.steps, machine.others, machine.starts
        self.keys = live_registers(machine)
        self.after = [t.after for t in program.threads]
        self.first = [n for n, late in enumerate(self.after) if not late]
        self.late = [n for n, late in enumerate(self.after) if late]
        # by index of a cell in memory: its number among those with a history, its field in views
        self.number = {machine.index[c]: i for i, c in enumerate(self.cells)}
        self.place_of = [machine.index[c] for c in self.cells]
        self.ends_at = [len(code.instrs) - 1 for code in self.codes]
        self.offset = {i: WIDTH * n for i, n in self.number.items()}
        anything = sum(1 << place for place in self.place_of)
        pointers = PointsTo(program, self.codes, machine.addresses)
        numbers = {machine.addresses.number(c): 1 << machine.index[c] for c in self.cells}
        for t, steps in enumerate(self.steps):
            for pc, access in steps.items():
                where = pointers.of_access(t, pc)
                access.mask = anything if isinstance(where, str) else sum(numbers.get(x, 0) for x in where)
        self.ahead = ahead = Ahead(self.codes, self.steps, list(self.number))
        self.kinds, self.barriers, self.looks = ahead.kinds, ahead.barriers, ahead.looks
        self.reads, self.writes = ahead.reads, ahead.writes
        self.observed = observed = machine.observed
        for t, steps in enumerate(self.steps):
            for pc, access in steps.items():
                if isinstance(access.stmt, ir.Load):
                    access.observes = observed.of_load(self.codes[t], pc)
        observed.compile(machine.express, {"_divide": divide, "_shift": shift_count})
        width = len(observed.expressions)
        atoms = (1 << width) - 1
        self.shift_of = {n: n * width for n in range(len(self.cells))}
        self.observes = []
        for t, code in enumerate(self.codes):
            own, kills = [0] * len(code.instrs), [0] * len(code.instrs)
            for pc, access in self.steps[t].items():
                for place in bits(access.mask):
                    if isinstance(access.stmt, ir.Load):
                        own[pc] |= access.observes << self.shift_of[self.number[place]]
                if isinstance(access.stmt, ir.Rmw) and access.mask.bit_count() == 1 and self.kinds[access.mask.bit_length() - 1] != MIXED:
                    kills[pc] |= atoms << self.shift_of[self.number[access.mask.bit_length() - 1]]
            self.observes.append(reachable(code, own, kills=kills))
        self.early_of = [
            EarlyStores(code, {pc: s.mask for pc, s in steps.items()}, FULL)
            for code, steps in zip(self.codes, self.steps, strict=True)
        ]
        self.early = False
        self.visited: dict[Any, list[Any]] = {}
        self.explored = 1
        self.expanded = 0
        self.levels={}
        self.order=[]
        self.touches = [[r | w for r, w in zip(*both, strict=True)] for both in zip(self.reads, self.writes, strict=True)]
        self.plans = [[self.plan(t, pc) for pc in range(len(code.instrs))] for t, code in enumerate(self.codes)]
        self.failed: set[str] = set()
        self.states: set[tuple[tuple[ir.FinalReg | ir.FinalMem, Any], ...]] = set()

    # --- moves ---

    def alone(self, state: _State, t: int, access: Access) -> bool:
        """Can no other thread do anything that conflicts with this access, before t has left the spinlocks that it holds?"""
        mask, pcs = access.mask, state.pcs
        hindering = self.writes if access.reads_only else self.touches
        for u in self.first:
            if u != t:
                conflict = hindering[u][pcs[u]] & mask
                if conflict:
                    for place, holder in state.holders.items():
                        if holder == t:
                            reads, writes = self.ahead.before_lock(place)[u]
                            conflict &= writes[pcs[u]] | (0 if access.reads_only else reads[pcs[u]])
                    if conflict:
                        return False
        return self.place(access, state.registers[t]) >= 0  # or else it is a fault

    @staticmethod
    def place(access: Access, registers: Registers) -> int:
        """The index of the cell that an access is to; -1: it is to none, which is a fault once it is taken."""
        if access.place >= 0:
            return access.place
        try:
            return access.where(registers)
        except (KeyError, ValueError_):
            return -1

    def surely(self, state: _State, t: int, place: int) -> int:
        """The oldest value of a location that a thread may still come upon, by index."""
        family = self.ahead.synced[t][state.pcs[t]][place]
        offset = self.offset[place]
        own = state.views[t][0] >> offset & FIELD
        least = FIELD
        for syncs in family:
            known = own
            for bit, at in self.ahead.syncs[t]:
                if syncs & bit:
                    known |= self.gained(state, t, at) >> offset & FIELD
            least &= known
        return least.bit_length()

    def gained(self, state: _State, t: int, at: int) -> int:
        """What a thread will learn from a full barrier, or from an atomic operation on the location ``at``."""
        if at == FULL_SYNC:
            return state.views[t][1] | state.barrier
        history = state.history.get(self.number[at])
        known = 0 if history is None else history[-1][1]
        holder = state.holders.get(at, -1)
        if holder >= 0 and holder != t:
            known |= state.views[holder][0]  # it will leave the lock before t takes it
        return known

    def moves(self, state: _State, last: int = -1) -> list[Move]:
        """What can be done next. Steps that nobody notices go alone, those of the thread ``last`` first."""
        pcs = state.pcs
        threads = self.first
        for t in threads:
            if pcs[t] != self.ends_at[t]:
                break
        else:
            threads = self.late
        open_ones: list[tuple[int, Plan]] = []
        if last >= 0 and (move := self.going_alone(state, last, self.plans[last][pcs[last]])):
            return move
        for t in threads:
            plan = self.plans[t][pcs[t]]
            if plan is not None:
                if t != last and (move := self.going_alone(state, t, plan)):
                    return move
                open_ones.append((t, plan))
        result: list[Move] = []
        loads: list[tuple[int, int, int]] = []
        for t, plan in open_ones:
            for pc, access in plan:
                if access is None:
                    result.append((t, pc, 0))
                else:
                    result += [(t, pc, k) for k in self.choices(state, t, access)]
                    if access.reads:
                        loads.append((t, pc, access.mask))
        if len(loads) > 1 and not self.early and not self.x86:
            self._look_for_early(loads, pcs)
        return result

    def going_alone(self, state: _State, t: int, plan: Plan) -> list[Move]:
        """The moves of a thread, if no others need to be looked at before them."""
        if plan is None or len(plan) > 1:
            return []
        pc, access = plan[0]
        if access is not None:
            return [(t, pc, k) for k in self.choices(state, t, access)] if self.alone(state, t, access) else []
        if isinstance(self.codes[t].instrs[pc], Rcu):
            cur, later, _ = state.views[t]
            if (cur | later) & ~state.barrier and any(self.barriers[u][state.pcs[u]] for u in self.first if u != t):
                return []  # others' barriers do not know all this yet
        return [(t, pc, 0)]

    def plan(self, t: int, pc: int) -> Plan:
        """What a thread may do at an instruction: steps, with where they are; None if it has ended."""
        instr = self.codes[t].instrs[pc]
        if isinstance(instr, Step):
            return ((pc, self.steps[t][pc]),)
        if isinstance(instr, Pick):
            sides = [(side, self.decided_by(t, side)) for side in (pc + 1, instr.other)]
            return tuple((-side, None) if at is None else (at, self.steps[t][at]) for side, at in sides)
        return ((pc, None),) if isinstance(instr, Rcu | Turn) else None

    def _look_for_early(self, loads: list[tuple[int, int, int]], pcs: list[int]) -> None:
        """Could a store after one of these loads be what another one reads, and that load wait in turn?"""
        for t, pc, own in loads:
            early = self.early_of[t].after(pc)
            if early:
                waited_for = 0
                for u, other in enumerate(pcs):
                    waited_for |= self.writes[u][other] if u != t and not self.after[u] else 0
                if own & waited_for and any(u != t and early & there for u, _, there in loads):
                    self.early = True

    def loading(self, state: _State, moves: list[Move]) -> dict[int, int]:
        """The threads that are about to read, of those that can move, and the locations."""
        return {
            t: self.place(access, state.registers[t])
            for t, pc, _ in moves
            if (access := self.steps[t].get(pc)) is not None and isinstance(access.stmt, ir.Load) and pc == state.pcs[t]
        }

    def put_to_sleep(self, state: _State, moving: int, loading: dict[int, int]) -> None:
        """When one thread does more than read, the others will not read later what they could read before: that makes no
        difference to anybody, so they may as well have read it before."""
        if moving not in loading:
            for t, place in loading.items():
                number = self.number.get(place)
                if number is not None:
                    history = state.history.get(number)
                    state.asleep[t] = (place, 0 if history is None else len(history) - 1)

    def decided_by(self, thread: int, side: int) -> int | None:
        """The conditional access that one side of a choice begins with."""
        instrs = self.codes[thread].instrs
        at = side
        while True:
            instr = instrs[at]
            if isinstance(instr, Jump):
                at = instr.to
            elif isinstance(instr, Local) and isinstance(instr.stmt, ir.Fence):
                at += 1
            else:
                return at if isinstance(instr, Step) and instr.guard is not None else None

    def choices(self, state: _State, t: int, access: Access) -> list[int]:
        """The values that an access may read, or the places where it may write, by index in the location's history."""
        registers = state.registers[t]
        place = self.place(access, registers)
        if place < 0:
            return [0]
        cur = state.views[t][0]
        if access.full:
            cur |= state.views[t][1] | state.barrier
        history = state.history.get(self.number[place]) if place in self.number else None
        stmt = access.stmt
        asleep = state.asleep[t]
        if history is None:
            if isinstance(stmt, ir.Store):
                return [1]
            if asleep is not None:
                return []
            return [0] if access.guard is None or access.guard(registers, state.memory[place]) else []
        last = len(history) - 1
        known = (cur >> self.offset[place] & FIELD).bit_length()
        if known != last and (access.plain or any(m[3] for m in history[known + 1 :])):
            raise MayRaceError(f"{stmt.text or 'a plain access'} may race", stmt.pos)
        guard = access.guard
        if isinstance(stmt, ir.Load):
            if asleep is not None:
                known = max(known, asleep[1] + 1)
            possible = [i for i in range(known, last + 1) if guard is None or guard(registers, history[i][0])]
            return self.different(history, possible, access) if len(possible) > 1 else possible
        if isinstance(stmt, ir.Store):
            return [i for i in range(known + 1, last + 2) if i > last or not history[i][2]]
        return [
            i
            for i in range(known, last + 1)
            if (i == last or not history[i + 1][2]) and (guard is None or guard(registers, history[i][0]))
        ]

    def different(self, history: tuple[Message, ...], possible: list[int], access: Access) -> list[int]:
        """Of values in which a load observes the same, the oldest: who takes a later one knows more, and can do no more."""
        result: list[int] = []
        for i in possible:
            value, carried = history[i][0], history[i][1]
            for k in result:
                if not (self.observed.differ(history[k][0], value) & access.observes or history[k][1] & ~carried):
                    break
            else:
                result.append(i)
        return result

    # --- steps ---

    def take(self, state: _State, move: Move) -> bool:
        """Take a move in place; False: what results is no execution. Raises what describe_fault knows."""
        t, pc, choice = move
        registers = state.registers[t] = list(state.registers[t])
        state.asleep[t] = None
        if pc < 0:
            after = self.others[t][-pc](registers, state.memory)
        elif pc in self.steps[t]:
            after = self.access(state, t, self.steps[t][pc], choice, registers)
        else:
            if isinstance(self.codes[t].instrs[pc], Rcu):
                cur, later, _ = state.views[t]
                known = cur | later | state.barrier
                state.views[t] = (known, known, known)
                state.barrier = known
            after = self.others[t][pc](registers, state.memory)
        if after < 0 or state.memory[ABANDONED]:
            return False
        state.pcs[t] = after
        return True

    def access(self, state: _State, t: int, access: Access, choice: int, registers: Registers) -> int:
        stmt, memory = access.stmt, state.memory
        place = access.place if access.place >= 0 else access.where(registers)
        number = self.number.get(place)
        if number is not None and not access.mask >> place & 1:
            raise UnsupportedError("an address that goes from one object to another", stmt.pos)
        if number is None:  # private, by an address that is computed
            old = memory[place]
            if access.target >= 0:
                registers[access.target] = old
            if not isinstance(stmt, ir.Load):
                memory[place] = access.value(registers)
            return access.go_on(registers, memory)
        cur, later, fence = state.views[t]
        if access.full:
            cur |= later | state.barrier
            later = fence = cur
        history = state.history.get(number)
        if history is None:
            history = ((memory[place], 0, False, False),)
        offset = self.offset[place]
        carried = 0
        if not isinstance(stmt, ir.Store):
            value, carried, _, _ = history[choice]
            registers[access.target] = value
            known = ((1 << choice) - 1) << offset
            cur |= known
            later |= known
            if not access.plain:
                later |= carried
                if access.acquire:
                    cur |= carried
            choice += 1
        if not isinstance(stmt, ir.Load):
            atomic = isinstance(stmt, ir.Rmw)
            new = access.value(registers)
            if choice < len(history):
                state.asleep = [None if a is not None and a[0] == place else a for a in state.asleep]
                self.shift(state, offset, choice)
                mask = FIELD << offset
                cur, later, fence = (_moved(x, offset, mask, choice) for x in (cur, later, fence))
                history = state.history.get(number, history)
                carried = _moved(carried, offset, mask, choice)
            elif choice > WIDTH:
                raise LimitError(f"more than {WIDTH} values of {self.program.cell_name(self.cells[number])} are in sight")
            known = ((1 << choice) - 1) << offset
            cur |= known
            later |= known
            view = 0 if access.plain else (cur & ~(1 << offset + choice - 1) if access.release else fence) | carried
            message = (new, view, atomic, access.plain)
            if self.kinds[place] == LOCK:
                if atomic:
                    state.holders[place] = t
                elif state.holders.pop(place, -1) != t:
                    raise UnsupportedError("a spinlock is left by a thread that does not hold it", stmt.pos)
            if choice == len(history):
                memory[place] = new
            history = (*history[:choice], message, *history[choice:])
            state.history[number] = history
        if access.full:
            cur |= later
            later = fence = cur
            state.barrier |= cur
        state.views[t] = (cur, later, fence)
        return access.go_on(registers, memory)

    def shift(self, state: _State, offset: int, at: int) -> None:
        """Make room for a value at index ``at`` of a location in all views: who knows of a later one knows of it."""
        mask = FIELD << offset
        self._in_all_views(state, mask, partial(_moved, offset=offset, mask=mask, at=at))

    def _in_all_views(self, state: _State, mask: int, change: Callable[[int], int]) -> None:
        for t, views in enumerate(state.views):
            if (views[0] | views[1] | views[2]) & mask:
                state.views[t] = (change(views[0]), change(views[1]), change(views[2]))
        if state.barrier & mask:
            state.barrier = change(state.barrier)
        for n, history in state.history.items():
            for m in history:
                if m[1] & mask:
                    state.history[n] = tuple([(m[0], change(m[1]), m[2], m[3]) for m in history])
                    break

    def forget(self, state: _State) -> None:
        """Drop what no thread can come upon any more, so that states differ only where it matters."""
        pcs, views = state.pcs, state.views
        barriers_ahead = False
        for t in self.first:
            pc = pcs[t]
            cur, later, fence = views[t]
            if self.barriers[t][pc]:
                barriers_ahead = True
            elif pc == self.ends_at[t]:
                if later or fence:
                    views[t] = (0, 0, 0)
            elif later != cur:
                views[t] = (cur, cur, fence)
        if not barriers_ahead:
            state.barrier = 0
        for number in list(state.history):
            history = state.history[number]
            last = len(history) - 1
            if last:
                floors = self.floors(state, number, last)
                floor = min([f for _, f in floors], default=last)
                if floor:
                    history = self.drop(state, number, floor)
                    last -= floor
                    floors = [(t, f - floor) for t, f in floors]
                i = 0
                while i < last:
                    if self.kinds[self.place_of[number]] == ATOMIC and self.alike(state, number, history, i, last, floors):
                        history = self.merge(state, number, i)
                        last -= 1
                        floors = [(t, f - (f > i)) for t, f in floors]
                    else:
                        i += 1
            if not last and not history[0][1]:
                del state.history[number]

    def drop(self, state: _State, number: int, count: int) -> tuple[Message, ...]:
        """Drop the oldest values of a location."""
        place = self.place_of[number]
        offset = self.offset[place]
        mask = FIELD << offset
        self._in_all_views(state, mask, partial(_lowered, offset=offset, mask=mask, count=count))
        history = state.history[number][count:]
        first = history[0]
        state.history[number] = history = ((first[0], first[1], False, False), *history[1:])
        state.asleep = [(place, a[1] - count) if a is not None and a[0] == place else a for a in state.asleep]
        return history

    def floors(self, state: _State, number: int, last: int) -> list[tuple[int, int]]:
        """The threads that may look at values of a location that are there, and the oldest that each may come upon, by index."""
        place = self.place_of[number]
        bit, offset = 1 << place, self.offset[place]
        found = []
        for t in self.first:
            asleep = state.asleep[t]
            if asleep is not None and asleep[0] == place:
                found.append((t, asleep[1]))
            elif self.looks[t][state.pcs[t]] & bit:
                found.append((t, self.surely(state, t, place)))
        return found

    def alike(self, state: _State, number: int, history: tuple[Message, ...], i: int, last: int, floors: list[tuple[int, int]]) -> bool:
        """Is the value after index i as good as the one at i, for all who may come upon it?"""
        one, two = history[i], history[i + 1]
        extra = two[1] & ~one[1]
        if extra and i + 1 == last:
            return False
        if one[1] & ~two[1]:
            return False
        differ = self.observed.differ(one[0], two[0])
        if differ:
            shift = self.shift_of[number]
            for t, f in floors:
                if f <= i + 1 and self.observes[t][state.pcs[t]] >> shift & differ:
                    return False
        if extra:
            knows = 1 << self.offset[self.place_of[number]] + i
            for cur, later, fence in state.views:
                if (cur & knows and extra & ~later) or (fence & knows and extra & ~fence):
                    return False
            if state.barrier & knows and extra & ~state.barrier:
                return False
            for other in state.history.values():
                for m in other:
                    if m[1] & knows and extra & ~m[1]:
                        return False
        return True

    def merge(self, state: _State, number: int, i: int) -> tuple[Message, ...]:
        """Make one of the values at i and after it."""
        place = self.place_of[number]
        offset = self.offset[place]
        mask = FIELD << offset
        history = state.history[number]
        one = history[i] if i + 2 < len(history) else (history[i + 1][0], *history[i][1:])
        state.history[number] = (*history[:i], one, *history[i + 2:])
        self._in_all_views(state, mask, partial(_without, offset=offset, mask=mask, at=i))
        state.asleep = [(place, a[1] - (a[1] > i)) if a is not None and a[0] == place else a for a in state.asleep]
        return state.history[number]

    # --- search ---

    def explore(self) -> None:
        machine = self.machine
        state = _State(
            [0] * len(self.codes),
            *machine.fresh(),
            {},
            [(0, 0, 0)] * len(self.codes),
            0,
            {},
            [None] * len(self.codes),
        )
        for t, start in enumerate(self.starts):
            state.pcs[t] = start(state.registers[t], state.memory)
            if state.pcs[t] < 0:
                return
        self.covered(state)
        self.push(state, self.moves(state))
        while self.levels:
            level = heappop(self.order)
            for state, moves in self.levels.pop(level):
                if state.dead:
                    continue
                self.expand(state, moves)

    def push(self, state, moves):
        level = sum(state.pcs)
        if level not in self.levels:
            self.levels[level] = []
            heappush(self.order, level)
        self.levels[level].append((state, moves))

    def expand(self, state, moves):
            self.expanded += 1
            if self.ends is not None and time.monotonic() > self.ends:
                raise LimitError("no time was left")
            if not moves:
                self.end(state)
            loading = self.loading(state, moves)
            for move in moves:
                new = state.copy()
                self.put_to_sleep(new, move[0], loading)
                length = 1
                alive = self.try_move(new, move)
                ways: list[Move] = []
                while alive:
                    ways = self.moves(new, move[0] if length == 1 else ways[0][0])
                    if len(ways) > 1:
                        self.forget(new)
                        ways = self.moves(new)
                    if len(ways) != 1 or length >= LONGEST_TRAIL:
                        break
                    length += 1
                    alive = self.try_move(new, ways[0])
                if not alive:
                    continue
                if not ways:
                    self.end(new)
                    continue
                if self.covered(new):
                    continue
                self.explored += 1
                if self.explored > self.max_states:
                    raise LimitError(f"more than {self.max_states} states: not explored to the end")
                self.push(new, ways)

    def try_move(self, state: _State, move: Move) -> bool:
        try:
            return self.take(state, move)
        except (KeyError, ValueError_) as error:
            self.failed.add(describe_fault(self.machine, error)[0])
            return False

    def covered(self, state: _State) -> bool:
        regs = tuple([keys[pc](r) for keys, pc, r in zip(self.keys, state.pcs, state.registers, strict=True)])
        place = (tuple(state.pcs), regs, tuple(state.memory))
        known = self.visited.get(place)
        new = (dict(state.history), tuple(state.views), state.barrier, tuple(state.asleep), state)
        if known is None:
            self.visited[place] = [new]
            return False
        for old in known:
            if self.dominates(old, new):
                return True
        keep = []
        for old in known:
            if self.dominates(new, old):
                old[4].dead = True
            else:
                keep.append(old)
        keep.append(new)
        self.visited[place] = keep
        return False

    def dominates(self, a: Any, b: Any) -> bool:
        """Can all that can be done in b be done in a? It has the same values, and threads know no more of them."""
        history, others = a[0], b[0]
        shifts = []
        for n, mine in history.items():
            theirs = others.get(n)
            if theirs is None:
                if len(mine) > 1:
                    shifts.append((n, len(mine) - 1))
            elif len(mine) != len(theirs):
                if len(mine) < len(theirs):
                    return False
                shifts.append((n, len(mine) - len(theirs)))
        for n, theirs in others.items():
            if n not in history and len(theirs) > 1:
                return False
        if not shifts:
            for x, y in zip(a[1], b[1], strict=True):
                if x[0] & ~y[0] or x[1] & ~y[1] or x[2] & ~y[2]:
                    return False
            if a[2] & ~b[2]:
                return False
        else:
            def low(x: int) -> int:
                for n, d in shifts:
                    off = WIDTH * n
                    mask = FIELD << off
                    if x & mask:
                        x = x & ~mask | ((x & mask) >> off + d) << off
                return x
            for x, y in zip(a[1], b[1], strict=True):
                if low(x[0]) & ~y[0] or low(x[1]) & ~y[1] or low(x[2]) & ~y[2]:
                    return False
            if low(a[2]) & ~b[2]:
                return False
        moved = dict(shifts)
        for n, mine in history.items():
            d = moved.get(n, 0)
            theirs = others.get(n)
            if theirs is None:
                m = mine[-1]
                if m[1] and (low(m[1]) if shifts else m[1]):
                    return False
                continue
            for k, (m, t) in enumerate(zip(mine[d:], theirs, strict=True)):
                if m[0] != t[0] or (k and m[2] != t[2]) or m[3] != t[3] or (low(m[1]) if shifts else m[1]) & ~t[1]:
                    return False
        for x, y in zip(a[3], b[3], strict=True):
            if x is not None:
                if y is None or x[0] != y[0] or x[1] - moved.get(self.number[x[0]], 0) > y[1]:
                    return False
        return True

    def key(self, state: _State) -> Any:
        regs = tuple([keys[pc](r) for keys, pc, r in zip(self.keys, state.pcs, state.registers, strict=True)])
        return (
            tuple(state.pcs),
            regs,
            tuple(state.memory),
            tuple(sorted(state.history.items())),
            tuple(state.views),
            state.barrier,
            tuple(state.asleep),
        )

    def end(self, state: _State) -> None:
        """No thread can go on."""
        open_ones = [t for t, pc in enumerate(state.pcs) if pc != self.ends_at[t]]
        started = [t for t in open_ones if not self.after[t]] or open_ones
        if open_ones:
            points = [self.steps[t].get(state.pcs[t]) for t in started]
            if all(p is not None and p.blocking for p in points):
                self.failed.add("deadlock")
            return
        machine, program = self.machine, self.program
        if program.filter is not None and not machine.holds(program.filter, state.registers, state.memory):
            return
        self.states.add(machine.final_state(state.registers, state.memory))
        self.failed |= machine.final_failures(state.registers, state.memory)


@dataclass(slots=True)
class _State:
    pcs: list[int]
    registers: list[Registers]
    memory: Memory
    """The last values of all cells, and the failed checks."""
    history: dict[int, tuple[Message, ...]]
    """By number of the location, all values that some thread may still come upon; left out where that is the last alone, which
    carries nothing."""
    views: list[Views]
    barrier: int
    """What full barriers know of."""
    holders: dict[int, int]
    """The threads that hold spinlocks, by location."""
    asleep: list[tuple[int, int] | None]
    """For a thread that is at a load and is to read none of the values that were there: the location, the last one's index."""

    dead: bool = False

    def copy(self) -> _State:
        return _State(
            list(self.pcs),
            list(self.registers),
            list(self.memory),
            dict(self.history),
            list(self.views),
            self.barrier,
            dict(self.holders),
            list(self.asleep),
        )


def _moved(view: int, offset: int, mask: int, at: int) -> int:
    """A view after a value was put in at index ``at``."""
    field = (view & mask) >> offset
    if not field >> (at - 1):
        return view
    low = field & ((1 << (at - 1)) - 1)
    return view & ~mask | (low | (field >> (at - 1) << at) | 1 << (at - 1)) << offset


def _lowered(view: int, offset: int, mask: int, count: int) -> int:
    """A view after the first ``count`` values were dropped."""
    return view & ~mask | ((view & mask) >> offset + count) << offset


def _without(view: int, offset: int, mask: int, at: int) -> int:
    """A view after the values at ``at`` and after it became one."""
    field = (view & mask) >> offset
    return view & ~mask | (field & ((1 << at) - 1) | field >> at + 1 << at) << offset


def runs(program: ir.Program, *, x86: bool = False, max_states: int = 1_000_000, ends: float | None = None) -> Found:
    """What the runs of ``program`` do. ``x86``: with the kernel's primitives as they are on x86. ``ends``: the moment of
    :func:`time.monotonic` at which to give up.

    :raises LimitError: there are more states than ``max_states``, or the time is over
    :raises UnsupportedError: the program has what views do not support, or a plain access that may race
    """
    explorer = _Runs(program, x86, max_states, ends)
    explorer.explore()
    return Found(frozenset(explorer.failed), frozenset(explorer.states), explorer.explored, explorer.early)
