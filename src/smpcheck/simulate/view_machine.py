"""The view machine: a program's runs on a memory that keeps old values, with a view for each thread of the values that it knows.

A location has a list of the values that were written to it, in coherence order. A load reads any value that is not older than
the newest one that its thread knows; a store inserts its value anywhere after that one. Knowledge spreads as in the view machines
of the literature (Kang, Hur, Lahav, Vafeiadis, Dreyer, "A Promising Semantics for Relaxed-Memory Concurrency", POPL 2017, section
3; without promises). A release store carries its thread's whole view, any other store the view that its thread had at its last
full barrier. An acquire load joins the view that its value carries to its thread's view, any other load keeps it for the next
full barrier. A full barrier also joins the views of all earlier full barriers.

*What it is good for.* Threads take their steps in program order, so no store is early
(:mod:`smpcheck.simulate.load_buffering`). Every execution without early stores that the Linux-kernel memory model allows is a run
of the view machine: an outcome that no run has can happen by load buffering only. The converse does not hold, because the view
machine ignores dependencies, ``smp_rmb()``, ``smp_wmb()`` and the order of an unlock before the next lock; so an outcome that
some run has must still be confirmed.

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

*Few states.* Values that no thread can read any more are dropped, and values that no thread can tell apart are merged
(:mod:`smpcheck.simulate.state_reduction`). A state is not explored if from another one all can be done that can be done from it
(:mod:`smpcheck.simulate.subsumption`); states are explored in the order of how far their threads have come, so that all states
of one position are known before the first of them is explored. A step that conflicts with no step that others may take before it
is taken alone (persistent sets). A load that could have been taken before another thread's step is not taken after it with the
same result (:meth:`_Runs.put_to_sleep`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import product
from typing import Any, TypeAlias

from msgspec import Struct

from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.faults import DEADLOCK, NON_TERMINATION
from smpcheck.program.values import Ptr, UndefinedValue
from smpcheck.simulate.code import Code, Jump, Local, Pick, Rcu, Step, Turn
from smpcheck.simulate.explore import LONGEST_TRAIL
from smpcheck.simulate.generate import ABANDONED, Memory, Registers, divide, shift_count
from smpcheck.simulate.history import FIELD, WIDTH, Message, State
from smpcheck.simulate.load_buffering import EarlyStores
from smpcheck.simulate.lookahead import LOCK, NOTHING, Future, Futures, kinds_of, pickers
from smpcheck.simulate.machine import Machine
from smpcheck.simulate.micro_ops import FULL, Access, Parts, with_barriers
from smpcheck.simulate.observed import VALUE, Observed
from smpcheck.simulate.pointers import points_to
from smpcheck.simulate.run import describe_fault
from smpcheck.simulate.state_reduction import Forgetting
from smpcheck.simulate.subsumption import Visited

Move: TypeAlias = tuple[int, int, Any]
"""A thread, the instruction that is executed, and the choice among values read or places written (see :meth:`_Runs.choices`)."""


Plan: TypeAlias = "tuple[tuple[int, Access | None], ...]"
"""What a thread may do at an instruction: steps, with where they are; nothing if it has ended."""


ONE = (None,)
"""Stands for the history of a location that has only its last value."""


class MayRaceError(UnsupportedError):
    """A plain access to ``cell`` may race with another one."""

    def __init__(self, message: str, pos: ir.Position | None, cell: Ptr) -> None:
        super().__init__(message, pos)
        self.cell = cell


class Found(Struct, frozen=True):
    """What happens in the runs: the names of checks that fail in some run (``deadlock`` is one), the final states over what the
    program observes, how many states there were, and whether a store may be early, so that there may be executions that are not
    among the runs. ``entered``: labels of what was left out of the program (:mod:`smpcheck.program.cut`) and some run comes to.
    """

    failed: frozenset[str]
    states: frozenset[tuple[tuple[ir.FinalReg | ir.FinalMem, Any], ...]]
    explored: int
    early: bool
    entered: frozenset[str] = frozenset()


class _Parted(Machine):
    """A machine with the steps of its threads in parts."""

    def __init__(self, program: ir.Program, x86: bool) -> None:
        self.x86 = x86
        self.steps: list[dict[int, Access]] = []
        self.others: list[dict[int, Callable[[Registers, Memory], int]]] = []
        super().__init__(program, merge_private=True)

    def _generate(self, number: int, code: Code) -> dict[str, int]:
        with_barriers(code, self.x86)
        self.parts = Parts(
            code, number, len(self.program.threads), self.index, self.addresses, self.checks, self.provenance, self.program
        )
        steps, others, start = self.parts.parts(self.x86)
        self.steps.append(steps)
        self.others.append(others)
        self.starts.append(start)
        return self.parts.registers

    def observed(self) -> Observed:
        """What loads observe, noted at the steps."""
        found = Observed()
        for code, steps in zip(self.codes, self.steps, strict=True):
            for pc, access in steps.items():
                if isinstance(access.stmt, ir.Load):
                    access.observes = found.of_load(code, pc)
        found.compile(lambda expr, value: self.parts.expr(expr, {VALUE.name: value}), {"_divide": divide, "_shift": shift_count})
        return found

    def find_addresses(self) -> None:
        """Note at the steps which cells they may be to, of those that are not private."""
        numbers = {self.addresses.number(c): 1 << place for c, place in self.index.items() if c not in self.private}
        pointers = points_to(self.program, self.codes, self.addresses)
        for t, steps in enumerate(self.steps):
            for pc, access in steps.items():
                access.mask = sum(numbers.get(x, 0) for x in pointers.of_access(t, pc))


def sees_whole(contents: Sequence[tuple[Message, ...]], numbers: Sequence[int | None], chosen: Sequence[int]) -> bool:
    """Do values, one of each location, have nothing older than what was written together with another of them?"""
    for own, at in zip(contents, chosen, strict=True):
        beside = own[at][4]
        if beside:
            for number, other in zip(numbers, chosen, strict=True):
                if number is not None and (beside >> WIDTH * number & FIELD).bit_length() > other:
                    return False
    return True


def in_one_order(contents: Sequence[tuple[Message, ...]], numbers: Sequence[int | None], chosen: Sequence[int]) -> bool:
    """Would values at these places come before, everywhere, or after, all of what was written together?"""
    for own, at in zip(contents, chosen, strict=True):
        for index, message in enumerate(own):
            beside = message[4]
            if beside:
                for number, other in zip(numbers, chosen, strict=True):
                    its = 0 if number is None else (beside >> WIDTH * number & FIELD).bit_length()
                    if its and (index < at) != (its < other):
                        return False
    return True


class _Runs:
    """The exploration."""

    def __init__(self, program: ir.Program, x86: bool, max_states: int, ends: float | None, reduce: bool = True) -> None:
        self.program = program
        self.x86 = x86
        self.reduce = reduce
        self.ends = ends
        self.max_states = max_states
        self.machine = machine = _Parted(program, x86)
        machine.find_addresses()
        self.codes = codes = machine.codes
        self.steps, self.others, self.starts = machine.steps, machine.others, machine.starts
        self.keys = [pickers(code.live, names) for code, names in zip(machine.codes, machine.registers, strict=True)]
        self.ends_at = [len(code.instrs) - 1 for code in codes]
        self.left_out = [code.left_out() for code in codes]
        self.entered: set[str] = set()
        self.after = [t.after for t in program.threads]
        self.first = [n for n, late in enumerate(self.after) if not late]
        self.late = [n for n, late in enumerate(self.after) if late]
        self.cells = [c for c in program.cells if c not in machine.private]
        """Locations with a history, in the order of their fields in views."""
        self.place_of = [machine.index[c] for c in self.cells]
        self.number = {place: n for n, place in enumerate(self.place_of)}
        """By index of a cell in memory, the number of the location."""
        self.kinds = kinds_of([self.steps[t] for t in self.first], self.number)
        self.observed = observed = machine.observed()
        width = len(observed.expressions)
        self.futures = [
            Futures(code, steps, self.kinds, machine.covered, machine.addresses, self.number, width, FULL)
            for code, steps in zip(codes, self.steps, strict=True)
        ]
        self.early_of = [
            EarlyStores(code, {pc: access.mask for pc, access in steps.items()}, FULL)
            for code, steps in zip(codes, self.steps, strict=True)
        ]
        self.plans = [[self.plan(t, pc) for pc in range(len(code.instrs))] for t, code in enumerate(codes)]
        self.forgetting = Forgetting(self.first, self.futures, self.place_of, self.number, self.kinds, observed, width)
        self.visited = Visited(self.keys, [self.kinds[place] for place in self.place_of], observed, width, exact=not reduce)
        self.open: list[tuple[int, int, State, list[Move]]] = []
        """States to be gone on from, by how far their threads have come."""
        self.explored = 1
        self.early = False
        self.failed: set[str] = set()
        self.states: set[tuple[tuple[ir.FinalReg | ir.FinalMem, Any], ...]] = set()

    # --- moves ---

    def alone(self, state: State, t: int, access: Access) -> bool:
        """Is it impossible that another thread conflicts with this access before t has released the spinlocks that it holds?"""
        places = self.places(access, state.registers[t])
        if not places:
            return False  # a fault
        mask = 0
        for place in places:
            mask |= 1 << place
        reads_only = access.reads_only
        for u in self.first:
            if u != t:
                future = state.futures[u]
                conflict = (future.writes if reads_only else future.touches) & mask
                if conflict:
                    for lock, holder in state.holders.items():
                        if holder == t and lock in future.before:
                            reads, writes = future.before[lock]
                            conflict &= writes | (0 if reads_only else reads)
                    if conflict:
                        return False
        return True

    @staticmethod
    def places(access: Access, registers: Registers) -> tuple[int, ...]:
        """The indices of the cells that an access is to; none where there is nothing, which is a fault once it is taken."""
        if access.places:
            return access.places
        try:
            return access.where(registers)
        except (KeyError, UndefinedValue):
            return ()

    def moves(self, state: State) -> list[Move]:
        """The moves from here. A step that no other thread can notice is the only one."""
        pcs = state.pcs
        threads = self.first
        for t in threads:
            if pcs[t] != self.ends_at[t]:
                break
        else:
            threads = self.late
            if state.history:
                self.forgetting.forget(state)
        open_ones: list[tuple[int, Plan]] = []
        for t in threads:
            plan = self.plans[t][pcs[t]]
            if plan:
                if self.reduce and (move := self.going_alone(state, t, plan)):
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
            self._look_for_early(loads, state.futures)
        return result

    def going_alone(self, state: State, t: int, plan: Plan) -> list[Move]:
        """The moves of a thread, if no others need to be looked at before them."""
        if len(plan) > 1:
            return []
        pc, access = plan[0]
        if access is not None:
            return [(t, pc, k) for k in self.choices(state, t, access)] if self.alone(state, t, access) else []
        if isinstance(self.codes[t].instrs[pc], Rcu):
            cur, later, _ = state.views[t]
            if (cur | later) & ~state.barrier and any(state.futures[u].barriers for u in self.first if u != t):
                return []  # others' barriers do not know all this yet
        return [(t, pc, 0)]

    def plan(self, t: int, pc: int) -> Plan:
        """See :data:`Plan`."""
        instr = self.codes[t].instrs[pc]
        if isinstance(instr, Step):
            return ((pc, self.steps[t][pc]),)
        if isinstance(instr, Pick):
            sides = [(side, self.decided_by(t, side)) for side in (pc + 1, instr.other)]
            return tuple((-side, None) if at is None else (at, self.steps[t][at]) for side, at in sides)
        return ((pc, None),) if isinstance(instr, Rcu | Turn) else ()

    def _look_for_early(self, loads: list[tuple[int, int, int]], futures: list[Future]) -> None:
        """Could one of these loads read a store that comes after another of them, and so on in a cycle?"""
        for t, pc, own in loads:
            early = self.early_of[t].after(pc)
            if early:
                waited_for = 0
                for u in self.first:
                    waited_for |= futures[u].writes if u != t else 0
                if own & waited_for and any(u != t and early & there for u, _, there in loads):
                    self.early = True

    def loading(self, state: State, moves: list[Move]) -> dict[int, tuple[int, ...]]:
        """The threads whose next step is a load, among those that can move, with the locations."""
        return {
            t: self.places(access, state.registers[t])
            for t, pc, _ in moves
            if (access := self.steps[t].get(pc)) is not None and isinstance(access.stmt, ir.Load) and pc == state.pcs[t]
        }

    def put_to_sleep(self, state: State, moving: int, loading: dict[int, tuple[int, ...]]) -> None:
        """When one thread takes a step that is no load, the others need not read, after it, values that they could read before
        it: they could have read them first, with the same result. (This is used for loads of one location.)"""
        if self.reduce and moving not in loading:
            for t, places in loading.items():
                number = self.number.get(places[0]) if len(places) == 1 else None
                if number is not None:
                    history = state.history.get(number)
                    state.asleep[t] = (number, 0 if history is None else len(history) - 1)

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

    def choices(self, state: State, t: int, access: Access) -> list[Any]:
        """The values that an access may read, or the places where it may write, by index in the location's history; for an
        access to several locations a tuple of these."""
        registers = state.registers[t]
        places = self.places(access, registers)
        if not places:
            return [0]
        asleep = state.asleep[t]
        if len(places) > 1:
            return self.choices_together(state, t, access, places)
        possible = list(self.choices_at(state, t, access, places[0]))
        if access.guard is not None:
            contents = self.contents(state, places[0])
            possible = [i for i in possible if access.guard(registers, (contents[i][0],))]
        if not isinstance(access.stmt, ir.Load):
            return possible
        if len(possible) > 1 and self.reduce:
            possible = self.different(self.contents(state, places[0]), possible, access.observes)
        return possible if asleep is None else [i for i in possible if i > asleep[1]]

    def contents(self, state: State, place: int) -> tuple[Message, ...]:
        """The values of a cell that are in sight."""
        history = state.history.get(self.number[place]) if place in self.number else None
        return ((state.memory[place], 0, False, False, 0),) if history is None else history

    def choices_at(self, state: State, t: int, access: Access, place: int) -> Sequence[int]:
        """The same for one of its cells, whatever values a guard admits."""
        stmt = access.stmt
        history = state.history.get(self.number[place]) if place in self.number else None
        if history is None:
            return (1,) if isinstance(stmt, ir.Store) else (0,)
        cur = state.views[t][0]
        if access.full:
            cur |= state.views[t][1] | state.barrier
        last = len(history) - 1
        known = (cur >> WIDTH * self.number[place] & FIELD).bit_length()
        if known != last and (access.plain or any(m[3] for m in history[known + 1 :])):
            cell = self.cells[self.number[place]]
            raise MayRaceError(f"{stmt.text or 'a plain access'} may race", stmt.pos, cell)
        if isinstance(stmt, ir.Load):
            return range(known, last + 1)
        if isinstance(stmt, ir.Store):
            return [i for i in range(known + 1, last + 2) if i > last or not history[i][2]]
        return [i for i in range(known, last + 1) if i == last or not history[i + 1][2]]

    def choices_together(self, state: State, t: int, access: Access, places: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The same for an access to several locations: a marked one sees all of another, or nothing, and two are in one order
        everywhere."""
        guard, registers = access.guard, state.registers[t]
        contents = [self.contents(state, place) for place in places]
        numbers = [self.number.get(place) for place in places]
        found = []
        for chosen in product(*(self.choices_at(state, t, access, place) for place in places)):
            if not access.plain:
                if access.reads and not sees_whole(contents, numbers, chosen):
                    continue
                after = chosen if isinstance(access.stmt, ir.Store) else [i + 1 for i in chosen]
                if not access.reads_only and not in_one_order(contents, numbers, after):
                    continue
            if guard is None or guard(registers, [own[i][0] for own, i in zip(contents, chosen, strict=True)]):
                found.append(chosen)
        return found

    def different(self, history: tuple[Message, ...], possible: list[int], observes: int) -> list[int]:
        """Among values that a load cannot tell apart, the oldest: a later one gives the thread a larger view, and no more
        choices."""
        result: list[int] = []
        for i in possible:
            value, carried, *_ = history[i]
            for k in result:
                if not (self.observed.differ(history[k][0], value) & observes or history[k][1] & ~carried):
                    break
            else:
                result.append(i)
        return result

    # --- steps ---

    def take(self, state: State, move: Move) -> bool:
        """Make a move in this state; False if the result is no execution. Raises the errors that describe_fault knows."""
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
        if after < 0 or state.memory[ABANDONED] or self.is_left_out(t, after):
            return False
        state.pcs[t] = after
        self.look_ahead(state, t)
        return True

    def is_left_out(self, t: int, pc: int) -> bool:
        """Was what follows there left out? That a thread has come to it is noted."""
        label = self.left_out[t].get(pc)
        if label is not None:
            self.entered.add(label)
        return label is not None

    def look_ahead(self, state: State, t: int) -> None:
        """Note what a thread may do from where it is now."""
        if not self.after[t]:
            pc, registers = state.pcs[t], state.registers[t]
            state.futures[t] = self.futures[t].at(pc, self.keys[t][pc](registers), registers, self.machine.registers[t])

    def access(self, state: State, t: int, access: Access, choice: Any, registers: Registers) -> int:
        stmt, memory = access.stmt, state.memory
        places = access.places or access.where(registers)
        choices = choice if len(places) > 1 else (choice,)
        numbers = []
        for place in places:
            number = self.number.get(place)
            numbers.append(number)
            if number is not None and not access.mask >> place & 1:
                raise UnsupportedError("an address that goes from one object to another", stmt.pos)
        cur, later, fence = state.views[t]
        full = access.full and numbers != [None] * len(numbers)
        if full:
            cur |= later | state.barrier
            later = fence = cur
        carried = gained = 0
        if not isinstance(stmt, ir.Store):
            old = []
            for place, number, at in zip(places, numbers, choices, strict=True):
                value, seen, _, _, beside = self.contents(state, place)[at]
                old.append(value)
                if number is not None:  # it is private else
                    known = ((1 << at) - 1) << WIDTH * number
                    cur |= known
                    later |= known
                    if not access.plain:
                        carried |= seen
                        gained |= seen | beside
            registers[access.target] = access.whole(old)
            later |= gained
            if access.acquire:
                cur |= gained
            choices = [at + 1 for at in choices]
        if not isinstance(stmt, ir.Load):
            written = 0
            for number, at in zip(numbers, choices, strict=True):
                if number is not None:
                    written |= ((1 << at) - 1) << WIDTH * number
                    if at < len(state.history.get(number, ONE)):
                        change = state.make_room(number, at)
                        cur, later, fence, carried = change(cur), change(later), change(fence), change(carried)
                    elif at > WIDTH:
                        raise LimitError(f"more than {WIDTH} values of {self.program.cell_name(self.cells[number])} are in sight")
            before = cur
            cur |= written
            later |= written
            for place, number, at, new in zip(places, numbers, choices, access.value(registers), strict=True):
                if number is None:
                    memory[place] = new
                else:
                    own = FIELD << WIDTH * number
                    view = beside = 0
                    if not access.plain:
                        known = before | written & own
                        view = (known & ~(1 << WIDTH * number + at - 1) if access.release else fence) | carried
                        beside = written & ~own
                    self.write(state, t, access, place, at, (new, view, access.reads, access.plain, beside))
        if full:
            cur |= later
            later = fence = cur
            state.barrier |= cur
        state.views[t] = (cur, later, fence)
        return access.go_on(registers, memory)

    def write(self, state: State, t: int, access: Access, place: int, at: int, message: Message) -> None:
        """Put a value into a location's history, at an index for which there is room."""
        number = self.number[place]
        if self.kinds[place] == LOCK and not self.after[t]:
            if access.reads:
                state.holders[place] = t
            elif state.holders.pop(place, -1) != t:
                raise UnsupportedError("a spinlock is left by a thread that does not hold it", access.stmt.pos)
        history = self.contents(state, place)
        if at == len(history):
            state.memory[place] = message[0]
        state.history[number] = (*history[:at], message, *history[at:])

    # --- search ---

    def explore(self) -> None:
        machine = self.machine
        state = State(
            [0] * len(self.codes),
            *machine.fresh(),
            {},
            [(0, 0, 0)] * len(self.codes),
            0,
            {},
            [None] * len(self.codes),
            [NOTHING] * len(self.codes),
        )
        for t, start in enumerate(self.starts):
            state.pcs[t] = start(state.registers[t], state.memory)
            if state.pcs[t] < 0 or self.is_left_out(t, state.pcs[t]):
                return
            self.look_ahead(state, t)
        self.visited.covers(state)
        heappush(self.open, (0, 0, state, self.moves(state)))
        while self.open:
            _, _, state, moves = heappop(self.open)
            if not state.covered:
                self.go_on(state, moves)

    def go_on(self, state: State, moves: list[Move]) -> None:
        """Make each of the moves, and then the moves that follow without a choice."""
        if self.ends is not None and time.monotonic() > self.ends:
            raise LimitError("no time was left")
        if not moves:
            self.end(state)
        loading = self.loading(state, moves)
        for move in moves:
            new = state.copy()
            self.put_to_sleep(new, move[0], loading)
            ways = self.followed(new, move)
            if ways is None:
                continue
            if not ways:
                self.end(new)
            elif not self.visited.covers(new):
                self.explored += 1
                if self.explored > self.max_states:
                    raise LimitError(f"more than {self.max_states} states: not explored to the end")
                heappush(self.open, (sum(new.pcs), self.explored, new, ways))

    def followed(self, state: State, move: Move) -> list[Move] | None:
        """Make a move in this state, and go on while there is only one; the moves that are then possible, None if it is no
        execution."""
        for _ in range(LONGEST_TRAIL):
            if not self.try_move(state, move):
                return None
            ways = self.moves(state)
            if len(ways) > 1 and self.reduce:
                self.forgetting.forget(state)
                ways = self.moves(state)
            if len(ways) != 1:
                break
            move = ways[0]
        return ways

    def try_move(self, state: State, move: Move) -> bool:
        try:
            return self.take(state, move)
        except (KeyError, UndefinedValue) as error:
            self.failed |= {describe_fault(self.machine, error)[0], *self.machine.failed(state.memory)}
            return False

    def end(self, state: State) -> None:
        """No thread can go on."""
        open_ones = [t for t, pc in enumerate(state.pcs) if pc != self.ends_at[t]]
        started = [t for t in open_ones if not self.after[t]] or open_ones
        if open_ones:
            points = [self.steps[t].get(state.pcs[t]) for t in started]
            if all(p is not None and p.blocking for p in points):
                self.failed.add(DEADLOCK)
            elif all(p is not None and (p.blocking or p.waiting) for p in points):
                self.failed.add(NON_TERMINATION)
            else:  # it waits for what an execution cannot be without
                return
            self.failed |= self.machine.failed(state.memory)
            return
        machine, program = self.machine, self.program
        if program.filter is not None and not machine.holds(program.filter, state.registers, state.memory):
            return
        self.states.add(machine.final_state(state.registers, state.memory))
        self.failed |= machine.final_failures(state.registers, state.memory)


def runs(
    program: ir.Program, *, x86: bool = False, max_states: int = 1_000_000, ends: float | None = None, reduce: bool = True
) -> Found:
    """What the runs of ``program`` do. ``x86``: with the kernel's primitives as they are on x86. ``ends``: the moment of
    :func:`time.monotonic` at which to give up. ``reduce``: leave out what cannot make a difference.

    :raises LimitError: there are more states than ``max_states``, or the time is over
    :raises UnsupportedError: the program has what views do not support, or a plain access that may race
    """
    explorer = _Runs(program, x86, max_states, ends, reduce)
    explorer.explore()
    return Found(
        frozenset(explorer.failed), frozenset(explorer.states), explorer.explored, explorer.early, frozenset(explorer.entered)
    )
