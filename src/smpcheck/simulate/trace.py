"""The events of a run, in order, and the run as an execution graph.

A run is repeated by interpreting the instructions on C values (not on the machine's numbers), following the moves that were made;
registers carry the reads that they depend on, so that address, data and control dependencies come out as in the IR's definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.program import ir, values
from smpcheck.program.events import compute
from smpcheck.program.execution import INIT_THREAD, ExecutedEvent, Execution
from smpcheck.program.flow import Operation, fold
from smpcheck.program.ir import FinalMem, FinalReg, Position
from smpcheck.program.pieces import covered, put_together, taken_apart
from smpcheck.program.tags import GHOST
from smpcheck.program.values import Ptr, Value, truth
from smpcheck.simulate.code import Branch, End, Instr, Jump, Local, Pick, Rcu, Step, Turn, joins

if TYPE_CHECKING:
    from smpcheck.simulate.machine import Machine

Deps = frozenset[int]
NONE: Deps = frozenset()


@dataclass(slots=True)
class TraceEvent:
    """An event in the order of the run. ``addr``, ``data``, ``ctrl``: the events of the trace on which it depends. ``partner``:
    the other half of an atomic operation. ``instance``: the first event of the same access, if that covers several cells."""

    number: int
    thread: int
    kind: str
    tags: frozenset[str]
    address: Value | None
    cell: str | None
    value: Value | None
    pos: Position | None
    text: str
    addr: Deps = NONE
    data: Deps = NONE
    ctrl: Deps = NONE
    partner: int | None = None
    instance: int | None = None


@dataclass
class Trace:
    """The events of a run, and the program they came from."""

    program: ir.Program
    events: list[TraceEvent] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One line for each event: thread, what happened, source text, position."""
        out = []
        for e in self.events:
            value = "" if e.value is None else self.program.show_value(e.value)
            what = {"R": f"{e.cell} is {value}", "W": f"{e.cell} = {value}"}.get(e.kind, "")
            name = self.program.threads[e.thread].name
            out.append(f"P{e.thread} {name:<24} {e.kind} {what:<32} {e.text}  [{e.pos}]")
        return out

    @staticmethod
    def accesses(events: Iterable[TraceEvent]) -> list[list[TraceEvent]]:
        """The accesses among ``events`` that cover several cells, with their events."""
        found: dict[int, list[TraceEvent]] = {}
        for event in events:
            if event.instance is not None:
                found.setdefault(event.instance, []).append(event)
        return list(found.values())

    def execution(
        self,
        final: Mapping[FinalReg | FinalMem, Value],
        failed: tuple[str, ...] = (),
        stuck: Mapping[int, Position | None] | None = None,
    ) -> Execution:
        """The execution graph: events by thread in program order, after the initial writes."""
        program = self.program
        events: list[ExecutedEvent] = []
        number: dict[int, int] = {}
        initial: dict[Value, int] = {}
        for address, cell in program.cells.items():
            initial[address] = len(events)
            tags = frozenset({"IW"})
            events.append(ExecutedEvent(len(events), INIT_THREAD, "W", tags, cell.name, address, cell.init))
        threads: list[list[TraceEvent]] = [[] for _ in program.threads]
        for event in self.events:
            threads[event.thread].append(event)
        last: dict[Value, int] = {e.address: e.number for e in self.events if e.kind == "W" and e.address is not None}
        for own in threads:
            for e in own:
                number[e.number] = len(events)
                is_last = e.kind == "W" and e.address is not None and last[e.address] == e.number
                tags = e.tags | {"FW"} if is_last else e.tags
                index = program.threads[e.thread].index
                events.append(ExecutedEvent(len(events), index, e.kind, tags, e.cell, e.address, e.value, e.pos, e.text))
        relations: dict[str, set[tuple[int, int]]] = {k: set() for k in ("po", "addr", "data", "ctrl", "rmw", "rf", "co")}
        for own in threads:
            ids = [number[e.number] for e in own]
            relations["po"].update((a, b) for i, a in enumerate(ids) for b in ids[i + 1 :])
            for several in self.accesses(own):
                pairs = {(number[a.number], number[b.number]): a.kind == b.kind for a in several for b in several if a is not b}
                together = {pair for pair, alike in pairs.items() if alike}
                relations["po"] -= together
                relations.setdefault("sca-class", set()).update(together)
                relations.setdefault("same-instance", set()).update(pairs)
        written: dict[Value, list[int]] = {address: [n] for address, n in initial.items()}
        for e in self.events:
            me = number[e.number]
            for name, deps in (("addr", e.addr), ("data", e.data), ("ctrl", e.ctrl)):
                relations[name].update((number[d], me) for d in deps)
            if e.partner is not None and e.kind == "W":
                relations["rmw"].add((number[e.partner], me))
            if e.kind == "R" and e.address is not None:
                relations["rf"].add((written[e.address][-1], me))
            elif e.kind == "W" and e.address is not None:
                before = written.setdefault(e.address, [])
                relations["co"].update((w, me) for w in before)
                before.append(me)
        frozen = {name: frozenset(pairs) for name, pairs in relations.items()}
        return Execution(tuple(events), frozen, dict(final), failed, dict(stuck or {}))


class _Known(Struct, frozen=True):
    """A value, the reads that it is computed from, and those that decided that it is this one (as in program/events.py)."""

    value: Value
    deps: Deps = NONE
    decided: Deps = NONE

    def becomes(self, value: Value, *others: _Known) -> _Known:
        """A value that is computed from this one and others."""
        return _Known(value, self.deps.union(*[o.deps for o in others]), self.decided.union(*[o.decided for o in others]))


def computed(operation: Operation, data: Any, args: tuple[_Known, ...]) -> _Known:
    """What an operation makes of values."""
    first, *others = args
    return first.becomes(compute(operation, data, tuple(a.value for a in args)), *others)


class _Thread:
    """A thread being interpreted. ``branches``: the branches whose ends it has not come to, each with the instruction at which
    it ends, whichever way it goes, and the reads that decided it."""

    def __init__(self, machine: Machine, number: int, trace: Trace, memory: dict[Value, Value]) -> None:
        self.code = machine.codes[number]
        self.points = machine.points[number]
        self.joins = [] if trace.program.branches_bind_the_rest else joins(self.code)
        self.number = number
        self.trace = trace
        self.memory = memory
        self.pc = 0
        self.regs: dict[str, _Known] = {}
        self.branches: list[tuple[int, Deps]] = []
        self.ctrl: Deps = NONE

    def eval(self, expr: ir.Expr) -> _Known:
        return fold(expr, self.atom, computed)

    def atom(self, expr: ir.Expr) -> _Known:
        match expr:
            case ir.Const(value):
                return _Known(value)
            case ir.Reg(name):
                return self.regs.get(name) or _Known(0)
        raise AssertionError(type(expr).__name__)

    def assign(self, reg: str, known: _Known) -> None:
        self.regs[reg] = replace(known, decided=known.decided | self.ctrl)

    def event(
        self, kind: str, stmt: ir.Load | ir.Store | ir.Rmw | ir.Fence, tags: frozenset[str], address: Value | None,
        value: Value | None, addr: Deps = NONE, data: Deps = NONE,
    ) -> TraceEvent:  # fmt: skip
        cell = self.trace.program.cells.get(address) if isinstance(address, Ptr) else None
        name = cell.name if cell else None if address is None else str(address)
        number = len(self.trace.events)
        event = TraceEvent(number, self.number, kind, tags, address, name, value, stmt.pos, stmt.text, addr, data, self.ctrl)
        self.trace.events.append(event)
        return event

    def read(self, stmt: ir.Load | ir.Rmw, tags: frozenset[str], address: _Known) -> list[TraceEvent]:
        """The events of a read, one for each cell that it covers."""
        cells = covered(stmt, address.value, self.trace.program)
        return self.together([self.event("R", stmt, tags, cell, self.memory[cell], address.deps) for cell in cells])

    def write(self, stmt: ir.Store | ir.Rmw, tags: frozenset[str], address: _Known, value: ir.Expr) -> list[TraceEvent]:
        """The events of a write, one for each cell that it covers."""
        program = self.trace.program
        parts = [value]
        if stmt.pieces:
            assert stmt.ctype is not None
            parts = taken_apart(value, stmt.ctype, stmt.pieces, program.big_endian)
        events = []
        for cell, new in zip(covered(stmt, address.value, program), map(self.eval, parts), strict=True):
            events.append(self.event("W", stmt, tags, cell, new.value, address.deps, new.deps))
            self.memory[cell] = new.value
        return self.together(events)

    @staticmethod
    def together(events: list[TraceEvent]) -> list[TraceEvent]:
        """Note that these are of one access."""
        if len(events) > 1:
            for event in events:
                event.instance = events[0].number
        return events

    def whole(self, stmt: ir.Load | ir.Rmw, reads: list[TraceEvent]) -> _Known:
        """What an access has read."""
        found = [_Known(read.value, frozenset((read.number,))) for read in reads if read.value is not None]
        if not stmt.pieces:
            return found[0]
        assert stmt.ctype is not None
        names = [f"@part {j}" for j in range(len(found))]
        regs, self.regs = self.regs, dict(zip(names, found, strict=True))
        parts = [ir.Reg(name) for name in names]
        value = self.eval(put_together(parts, stmt.ctype, stmt.pieces, self.trace.program.big_endian))
        self.regs = regs
        return value

    def effect(self, stmt: ir.Stmt) -> None:
        match stmt:
            case ir.Assign(reg, expr):
                self.assign(reg, self.eval(expr))
            case ir.Load():
                address = self.eval(stmt.addr)
                if GHOST in stmt.tags:
                    self.assign(stmt.reg, address.becomes(self.memory[address.value]))
                else:
                    reads = self.read(stmt, stmt.tags, address)
                    self.assign(stmt.reg, self.whole(stmt, reads))
            case ir.Store():
                self.write(stmt, stmt.tags, self.eval(stmt.addr), stmt.value)
            case ir.Rmw():
                address = self.eval(stmt.addr)
                if GHOST in stmt.read_tags:
                    self.assign(stmt.old, _Known(self.memory[address.value]))
                    self.memory[address.value] = self.eval(stmt.new).value
                    return
                reads = self.read(stmt, stmt.read_tags, address)
                self.assign(stmt.old, self.whole(stmt, reads))
                writes = self.write(stmt, stmt.write_tags, address, stmt.new)
                for read, write in zip(reads, writes, strict=True):
                    read.partner, write.partner = write.number, read.number
                    write.instance = read.instance if read.instance is None else reads[0].number
            case ir.Fence():
                self.event("F", stmt, stmt.tags, None, None)

    def instr(self) -> Instr:
        """The instruction that the thread has come to; branches that end here are over."""
        if self.branches and any(end == self.pc for end, _ in self.branches):
            self.branches = [branch for branch in self.branches if branch[0] != self.pc]
            self.ctrl = NONE.union(*[deps for _, deps in self.branches])
        return self.code.instrs[self.pc]

    def step(self, alternative: int) -> None:
        """Take the step at the current point."""
        instr = self.instr()
        if isinstance(instr, Pick):
            guard = self.points[self.pc].alternatives[alternative][0]
            self.pc = instr.other if alternative else self.pc + 1
            if guard is None:
                return self.go_on()
            while not isinstance(self.instr(), Step):
                self.local()
            instr = self.instr()
        if isinstance(instr, Step) or (isinstance(instr, Rcu) and instr.what != "wait"):
            self.effect(instr.stmt)
        self.pc += 1
        return self.go_on()

    def go_on(self) -> None:
        """Up to the next point."""
        while not isinstance(self.instr(), Step | Rcu | Turn | Pick | End):
            if not self.local():
                return

    def local(self) -> bool:
        """One instruction that others cannot notice; false if an assumption fails."""
        instr = self.instr()
        if isinstance(instr, Jump):
            self.pc = instr.to
        elif isinstance(instr, Branch):
            cond = self.eval(instr.stmt.cond)
            self.branches.append((self.joins[self.pc] if self.joins else -1, cond.deps | cond.decided))
            self.ctrl |= cond.deps | cond.decided
            self.pc = self.pc + 1 if truth(cond.value) else instr.other
        else:
            assert isinstance(instr, Local)
            if isinstance(instr.stmt, ir.Assume) and not truth(self.eval(instr.stmt.cond).value):
                return False
            self.effect(instr.stmt)
            self.pc += 1
        return True


def replay_trace(machine: Machine, moves: Iterable[tuple[int, int]]) -> Trace:
    """The events of the run that these moves (thread, alternative) make. Ends where an access faults."""
    trace = Trace(machine.program)
    memory: dict[Value, Value] = {address: cell.init for address, cell in machine.program.cells.items()}
    threads = [_Thread(machine, number, trace, memory) for number in range(len(machine.codes))]
    try:
        for thread in threads:
            thread.go_on()
        for number, alternative in moves:
            threads[number].step(alternative)
    except (KeyError, values.UndefinedValue):
        pass
    return trace
