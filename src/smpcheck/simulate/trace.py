"""The events of a run, in order, and the run as an execution graph.

A run is repeated by interpreting the instructions on C values (not on the machine's numbers), following the moves that were made;
registers carry the reads that they depend on, so that address, data and control dependencies come out as in the IR's definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smpcheck.program import ir, values
from smpcheck.program.execution import INIT_THREAD, ExecutedEvent, Execution
from smpcheck.program.ir import FinalMem, FinalReg, Position
from smpcheck.program.values import Ptr, Value, truth
from smpcheck.simulate.code import Branch, End, Instr, Jump, Local, Pick, Rcu, Step, Turn

if TYPE_CHECKING:
    from smpcheck.simulate.machine import Machine

Deps = frozenset[int]
NONE: Deps = frozenset()


@dataclass(slots=True)
class TraceEvent:
    """An event in the order of the run. ``addr``, ``data``, ``ctrl``: the events of the trace on which it depends."""

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


class _Thread:
    """A thread being interpreted: registers with the reads that they depend on."""

    def __init__(self, machine: Machine, number: int, trace: Trace, memory: dict[Value, Value]) -> None:
        self.code = machine.codes[number]
        self.points = machine.points[number]
        self.number = number
        self.trace = trace
        self.memory = memory
        self.pc = 0
        self.regs: dict[str, tuple[Value, Deps]] = {}
        self.ctrl: Deps = NONE

    def eval(self, expr: ir.Expr) -> tuple[Value, Deps]:
        match expr:
            case ir.Const(value):
                return value, NONE
            case ir.Reg(name):
                return self.regs.get(name, (0, NONE))
            case ir.Unary(op, arg, ctype):
                value, deps = self.eval(arg)
                return values.unary(op, value, ctype), deps
            case ir.Cast(ctype, arg):
                value, deps = self.eval(arg)
                return ctype.wrap(value), deps
            case ir.Binary(op, left, right, ctype):
                a, da = self.eval(left)
                b, db = self.eval(right)
                return values.binary(op, a, b, ctype), da | db
            case ir.Conditional(cond, then, other):
                c, dc = self.eval(cond)
                a, da = self.eval(then)
                b, db = self.eval(other)
                return (a if truth(c) else b), dc | da | db
        raise AssertionError(type(expr).__name__)

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

    def effect(self, stmt: ir.Stmt) -> None:
        match stmt:
            case ir.Assign(reg, expr):
                self.regs[reg] = self.eval(expr)
            case ir.Load():
                address, deps = self.eval(stmt.addr)
                value = self.memory[address]
                if "Ghost" in stmt.tags:
                    self.regs[stmt.reg] = (value, deps)
                    return
                event = self.event("R", stmt, stmt.tags, address, value, deps)
                self.regs[stmt.reg] = (value, frozenset((event.number,)))
            case ir.Store():
                address, deps = self.eval(stmt.addr)
                value, data = self.eval(stmt.value)
                self.event("W", stmt, stmt.tags, address, value, deps, data)
                self.memory[address] = value
            case ir.Rmw():
                address, deps = self.eval(stmt.addr)
                old = self.memory[address]
                if "Ghost" in stmt.read_tags:
                    self.regs[stmt.old] = (old, NONE)
                    self.memory[address] = self.eval(stmt.new)[0]
                    return
                read = self.event("R", stmt, stmt.read_tags, address, old, deps)
                self.regs[stmt.old] = (old, frozenset((read.number,)))
                value, data = self.eval(stmt.new)
                write = self.event("W", stmt, stmt.write_tags, address, value, deps, data)
                read.partner, write.partner = write.number, read.number
                self.memory[address] = value
            case ir.Fence():
                self.event("F", stmt, stmt.tags, None, None)

    def instr(self) -> Instr:
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
            value, deps = self.eval(instr.stmt.cond)
            self.ctrl |= deps
            self.pc = self.pc + 1 if truth(value) else instr.other
        else:
            assert isinstance(instr, Local)
            if isinstance(instr.stmt, ir.Assume) and not truth(self.eval(instr.stmt.cond)[0]):
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
    except (KeyError, values.ValueError_):
        pass
    return trace
