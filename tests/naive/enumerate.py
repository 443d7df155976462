"""All candidate executions of a small program, by brute force: guess every value read, then every source, then every order.

Written to be checked by eye, not to be fast, and independently of the solver: a thread is run once for each way of guessing what
its loads return; the guesses are justified afterwards by choosing a write of that value to that address. Guessing starts from the
initial values and the constants that are stored, and goes on with whatever some run writes, until nothing new is written.

Loops go round ROUNDS times at most, and every round is there, whether or not it did anything: nothing here knows of waits. A
thread may also *stop*: at an access through a pointer to nothing (``fault``), at a lock that it sees taken, or in a loop after a
round that changed no register and no memory (``stuck``). A stuck thread waits for ever if what it read last never changes.

Where accesses of several sizes meet (``mixed``), memory is cut at every place where an access begins or ends, and an access makes
an event for each of the parts that it covers, lowest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise, permutations, product, repeat

from smpcheck.program import ir
from smpcheck.program.values import CType, Ptr, UndefinedValue, Value, binary, truth, unary

ROUNDS = 3

Pairs = set[tuple[int, int]]


class Cells(dict[Ptr, set[Value]]):
    """The values that each part of memory may have. ``cuts``: where the parts of each object begin and end, if it has any."""

    cuts: dict[str, list[int]]
    types: dict[Ptr, CType]
    mixed: bool = False

    def parts(self, address: Ptr, ctype: CType | None) -> list[tuple[Ptr, int]] | None:
        """The parts that an access covers, and their sizes; None where there is nothing, or it does not lie right."""
        if not self.mixed:
            return [(address, 0)]
        ctype = ctype or self.types[address]
        start, end = address.offset, address.offset + max(ctype.bits // 8, 1)
        cuts = [c for c in self.cuts.get(address.base, ()) if start <= c <= end]
        if start % (end - start) or cuts[:1] != [start] or cuts[-1:] != [end]:
            return None
        found = [(Ptr(address.base, a), b - a) for a, b in pairwise(cuts)]
        return found if all(part in self for part, _ in found) else None

    def fault(self, address: Value, ctype: CType | None) -> str:
        """What an access is that has no parts."""
        if self.mixed and isinstance(address, Ptr) and ctype is not None and address.offset % max(ctype.bits // 8, 1):
            return "misaligned"
        return "null-dereference" if address == 0 else "bad-address"


@dataclass(frozen=True)
class Ev:
    thread: int
    kind: str
    tags: frozenset[str]
    address: Value | None = None
    value: Value | None = None
    addr: frozenset[int] = frozenset()
    data: frozenset[int] = frozenset()
    ctrl: frozenset[int] = frozenset()
    rmw: int | None = None
    """For the write half of an atomic operation, the index of its read in the thread."""
    access: int | None = None
    """The index of the first event of the same access, if that has several."""


@dataclass(frozen=True)
class Known:
    """A value in a register: the reads that it is computed from, and the reads that decided that it is this one."""

    value: Value
    deps: frozenset[int] = frozenset()
    decided: frozenset[int] = frozenset()

    def with_others(self, *others: Known) -> Known:
        deps, decided = self.deps, self.decided
        for other in others:
            deps, decided = deps | other.deps, decided | other.decided
        return Known(self.value, deps, decided)


@dataclass(frozen=True)
class State:
    """A thread part-way: its events, registers, what decided to come here (indices of reads), and the block being left."""

    events: tuple[Ev, ...] = ()
    regs: tuple[tuple[str, Known], ...] = ()
    ctrl: frozenset[int] = frozenset()
    leaving: str | None = None
    """The label of the block or loop that is being left."""
    stuck: tuple[int, ...] | None = None
    """The events of the round that the thread may do for ever."""
    fault: str | None = None
    cut: bool = False
    """The thread has more rounds before it than are followed here."""

    @property
    def stopped(self) -> bool:
        return self.stuck is not None or self.fault is not None or self.cut

    def reg(self, name: str) -> Known:
        for n, known in self.regs:
            if n == name:
                return known
        return Known(0)

    def assign(self, name: str, known: Known) -> State:
        """Whatever is assigned in an arm of a branch is there because of what decided on the branch."""
        known = replace(known, decided=known.decided | self.ctrl)
        return replace(self, regs=(*[r for r in self.regs if r[0] != name], (name, known)))

    def emit(self, event: Ev) -> State:
        return replace(self, events=(*self.events, event))


@dataclass
class Candidate:
    """One candidate execution: events (initial writes first) and base relations."""

    events: list[Ev]
    po: Pairs
    rf: Pairs
    co: Pairs
    rmw: Pairs
    addr: Pairs
    data: Pairs
    ctrl: Pairs
    regs: dict[int, State] = field(default_factory=dict)
    same: Pairs = field(default_factory=set)
    """Different events of one access."""
    cells: Cells = field(default_factory=Cells)
    stuck: dict[int, list[int]] = field(default_factory=dict)
    """For each thread that waits, the events of its last round."""

    @property
    def faults(self) -> set[str]:
        return {state.fault for state in self.regs.values() if state.fault is not None}

    def waits_for_ever(self) -> bool:
        """Does what the waiting threads read never change, but for writes of theirs, which write what is there?"""
        idle = {e for ids in self.stuck.values() for e in ids}
        return all(b in idle for ids in self.stuck.values() for w, r in self.rf if r in ids for a, b in self.co if a == w)

    def final(self, what: ir.Expr) -> Value:
        if isinstance(what, ir.FinalReg):
            return self.regs[what.thread].reg(what.name).value
        assert isinstance(what, ir.FinalMem)
        if not self.cells.mixed:
            return self.last(what.cell)
        ctype = what.ctype or self.cells.types[what.cell]
        bytes_of: dict[int, Value] = {}
        for start, end in pairwise(self.cells.cuts[what.cell.base]):
            value = self.last(Ptr(what.cell.base, start))
            bytes_of |= zip(range(start, end), taken_apart(value, [1] * (end - start)), strict=True)
        start = what.cell.offset
        return assembled([bytes_of[start + i] for i in range(ctype.bits // 8)], [1] * (ctype.bits // 8), ctype)

    def last(self, address: Ptr) -> Value:
        writes = [i for i, e in enumerate(self.events) if e.kind == "W" and e.address == address]
        (last,) = [w for w in writes if not any((w, x) in self.co for x in writes)]
        value = self.events[last].value
        assert value is not None
        return value


def assembled(values: Sequence[Value], sizes: Sequence[int], ctype: CType | None) -> Value:
    """The number with these parts, lowest first."""
    if len(values) == 1 and isinstance(values[0], Ptr):
        return values[0]
    number = b"".join(int.to_bytes(v, size, "little") for v, size in zip(values, sizes, strict=True) if isinstance(v, int))
    assert ctype is not None
    return ctype.wrap(int.from_bytes(number, "little"))


def taken_apart(value: Value, sizes: Sequence[int]) -> list[Value]:
    """The parts of a number, lowest first."""
    if isinstance(value, Ptr):
        assert sizes == [8]
        return [value]
    whole = (value % (1 << 8 * sum(sizes))).to_bytes(sum(sizes), "little")
    ends = list(accumulate(sizes))
    return [int.from_bytes(whole[end - size : end], "little") for end, size in zip(ends, sizes, strict=True)]


def evaluate(expr: ir.Expr, state: State) -> Known:
    match expr:
        case ir.Const(value):
            return Known(value)
        case ir.Reg(name):
            return state.reg(name)
        case ir.Unary(op, arg, ctype):
            a = evaluate(arg, state)
            return replace(a, value=unary(op, a.value, ctype))
        case ir.Binary(op, left, right, ctype):
            a, b = evaluate(left, state), evaluate(right, state)
            return Known(binary(op, a.value, b.value, ctype)).with_others(a, b)
        case ir.Cast(ctype, arg):
            a = evaluate(arg, state)
            return replace(a, value=ctype.wrap(a.value))
        case ir.Conditional(cond, then, other):
            c, a, b = evaluate(cond, state), evaluate(then, state), evaluate(other, state)
            return Known(a.value if truth(c.value) else b.value).with_others(a, b, c)
    raise NotImplementedError(expr)


def run(body: tuple[ir.Stmt, ...], state: State, values: Cells) -> Iterator[State]:
    """Every way to run ``body`` from ``state`` when loads return any of ``values``."""
    if not body or state.leaving is not None or state.stopped:
        yield state
        return
    try:
        for after in step(body[0], state, values):
            yield from run(body[1:], after, values)
    except UndefinedValue:
        return  # arithmetic that only a wrong guess leads to


def step(stmt: ir.Stmt, state: State, values: Cells) -> Iterator[State]:
    thread = -2
    match stmt:
        case ir.Assign(reg, expr):
            yield state.assign(reg, evaluate(expr, state))
        case ir.Load(reg, addr, tags):
            a = evaluate(addr, state)
            parts = values.parts(a.value, stmt.ctype) if isinstance(a.value, Ptr) else None
            if parts is not None:
                for after, known in reads(state, parts, Ev(thread, "R", tags, addr=a.deps, ctrl=state.ctrl), stmt.ctype, values):
                    yield after.assign(reg, known)
            else:
                yield replace(state, fault=values.fault(a.value, stmt.ctype))
        case ir.Store(addr, value, tags):
            a, new = evaluate(addr, state), evaluate(value, state)
            parts = values.parts(a.value, stmt.ctype) if isinstance(a.value, Ptr) else None
            if parts is not None:
                yield writes(state, parts, Ev(thread, "W", tags, addr=a.deps, data=new.deps, ctrl=state.ctrl), new.value, values)
            else:
                yield replace(state, fault=values.fault(a.value, stmt.ctype))
        case ir.Rmw():
            a = evaluate(stmt.addr, state)
            parts = values.parts(a.value, stmt.ctype) if isinstance(a.value, Ptr) else None
            if parts is not None:
                me = len(state.events)
                read = Ev(thread, "R", stmt.read_tags, addr=a.deps, ctrl=state.ctrl)
                for after, known in reads(state, parts, read, stmt.ctype, values):
                    after = after.assign(stmt.old, known)
                    if stmt.when is not None and not truth(evaluate(stmt.when, after).value):
                        if stmt.blocking:
                            yield replace(after, stuck=tuple(range(me, me + len(parts))))
                        continue
                    new = evaluate(stmt.new, after)
                    write = Ev(thread, "W", stmt.write_tags, addr=a.deps, data=new.deps, ctrl=state.ctrl, rmw=me)
                    yield writes(after, parts, write, new.value, values)
            else:
                yield replace(state, fault=values.fault(a.value, stmt.ctype))
        case ir.Fence(tags, addr, value):
            fence = Ev(thread, "F", tags, ctrl=state.ctrl)
            if addr is not None:
                a = evaluate(addr, state)
                fence = replace(fence, address=a.value, addr=a.deps)
            if value is not None:
                new = evaluate(value, state)
                fence = replace(fence, value=new.value, data=new.deps)
            yield state.emit(fence)
        case ir.If(cond, then, other):
            c = evaluate(cond, state)
            joins = not exits(stmt)
            inside = replace(state, ctrl=state.ctrl | c.deps | c.decided)
            for after in run(then if truth(c.value) else other, inside, values):
                yield replace(after, ctrl=state.ctrl) if joins else after
        case ir.Choice(then, other):
            yield from run(then, state, values)
            yield from run(other, state, values)
        case ir.Assume(cond):
            if truth(evaluate(cond, state).value):
                yield state
        case ir.Block(label, body):
            joins = not exits(stmt)
            for after in run(body, state, values):
                yield left(after, label, state.ctrl if joins else after.ctrl)
        case ir.Loop():
            joins = not exits(stmt)
            for after in rounds(stmt, state, values, ROUNDS if stmt.bound is None else stmt.bound):
                yield left(after, stmt.label, state.ctrl if joins else after.ctrl)
        case ir.Exit(label):
            yield replace(state, leaving=label)
        case ir.Round():
            yield state
        case _:
            raise NotImplementedError(stmt)


def reads(
    state: State, parts: list[tuple[Ptr, int]], like: Ev, ctype: CType | None, values: Cells
) -> Iterator[tuple[State, Known]]:
    """Every way to read these parts of memory, and the value that comes out."""
    me = len(state.events)
    access = me if len(parts) > 1 else None
    for found in product(*(values.get(address, ()) for address, _ in parts)):
        after = state
        for (address, _), value in zip(parts, found, strict=True):
            after = after.emit(replace(like, address=address, value=value, access=access))
        whole = assembled(found, [size for _, size in parts], ctype) if values.mixed else found[0]
        yield after, Known(whole, frozenset(range(me, me + len(parts))))


def writes(state: State, parts: list[tuple[Ptr, int]], like: Ev, value: Value, values: Cells) -> State:
    """After the write of ``value`` to these parts of memory."""
    access = len(state.events) if len(parts) > 1 else None
    found = taken_apart(value, [size for _, size in parts]) if values.mixed else [value]
    for i, ((address, _), part) in enumerate(zip(parts, found, strict=True)):
        rmw = like.rmw + i if like.rmw is not None else None
        state = state.emit(replace(like, address=address, value=part, access=access, rmw=rmw))
    return state


def left(state: State, label: str, ctrl: frozenset[int]) -> State:
    """At the end of the block or loop ``label``, where what was decided inside no longer matters, unless it is left further."""
    if state.leaving not in (None, label):
        return state
    return replace(state, leaving=None, ctrl=ctrl)


def exits(stmt: ir.Stmt) -> set[str]:
    """The labels that a statement may leave, of blocks around it."""
    match stmt:
        case ir.Exit(label):
            return {label}
        case ir.If() | ir.Choice():
            return {label for s in (*stmt.then, *stmt.other) for label in exits(s)}
        case ir.Block() | ir.Loop():
            return {label for s in stmt.body for label in exits(s)} - {stmt.label}
    return set()


def rounds(stmt: ir.Loop, state: State, values: Cells, most: int) -> Iterator[State]:
    """At most so many rounds of a loop, or as many and then for ever the last of them."""
    if not most:
        yield replace(state, cut=True)
        return
    for after in run(stmt.body, state, values):
        if after.leaving is not None or after.stopped:
            yield after
            continue
        new = after.events[len(state.events) :]
        if values_of(after) == values_of(state) and all(map(changes_nothing, new, repeat(after))):
            yield replace(after, stuck=tuple(range(len(state.events), len(after.events))))
        yield from rounds(stmt, after, values, most - 1)


def values_of(state: State) -> dict[str, Value]:
    return {name: known.value for name, known in state.regs if known.value != 0}


def changes_nothing(event: Ev, state: State) -> bool:
    return event.kind != "W" or (event.rmw is not None and state.events[event.rmw].value == event.value)


def constants(body: tuple[ir.Stmt, ...]) -> set[Value]:
    """The constants that are stored: a value may be read before the branch that stores it is known to be taken."""
    found: set[Value] = set()
    for stmt in body:
        match stmt:
            case ir.Store(_, ir.Const(value)):
                found.add(value)
            case ir.If(then=then, other=other) | ir.Choice(then=then, other=other):
                found |= constants(then) | constants(other)
            case ir.Block(body=inner) | ir.Loop(body=inner):
                found |= constants(inner)
    return found


def accesses(body: tuple[ir.Stmt, ...]) -> Iterator[ir.Load | ir.Store | ir.Rmw]:
    """All accesses of a piece of program."""
    for stmt in body:
        match stmt:
            case ir.Load() | ir.Store() | ir.Rmw():
                yield stmt
            case ir.If(then=then, other=other) | ir.Choice(then=then, other=other):
                yield from accesses((*then, *other))
            case ir.Block(body=inner) | ir.Loop(body=inner):
                yield from accesses(inner)


def starts(addr: ir.Expr, size: int, ends: dict[str, int]) -> list[tuple[str, int]]:
    """Where an access of this size may begin, by object and offset."""
    match addr:
        case ir.Const(Ptr(base, offset)):
            return [(base, offset)]
        case ir.Binary("+", ir.Const(Ptr(base)), _):
            return [(base, offset) for offset in range(0, ends[base] - size + 1, size)]
    raise NotImplementedError(addr)


def memory(program: ir.Program, mixed: bool) -> Cells:
    """The parts of memory with their initial values. With ``mixed``, each address must be in an object that the program's text
    names: where it is computed, the access may begin at every multiple of its size there."""
    if not mixed:
        return Cells({a: {cell.init} for a, cell in program.cells.items()})
    ends: dict[str, int] = {}
    for address, cell in program.cells.items():
        ends[address.base] = max(ends.get(address.base, 0), address.offset + max(cell.ctype.bits // 8, 1))
    cuts: dict[str, set[int]] = {}
    for address, cell in program.cells.items():
        cuts.setdefault(address.base, set()).update((address.offset, address.offset + max(cell.ctype.bits // 8, 1)))
    for stmt in (s for t in program.threads for s in accesses(t.body)):
        if stmt.ctype is None:
            raise NotImplementedError(stmt)
        size = max(stmt.ctype.bits // 8, 1)
        for base, offset in starts(stmt.addr, size, ends):
            cuts.setdefault(base, set()).update((offset, offset + size))
    found = Cells()
    found.types = {address: cell.ctype for address, cell in program.cells.items()}
    found.mixed, found.cuts = True, {base: sorted(places) for base, places in cuts.items()}
    for address, cell in program.cells.items():
        end = address.offset + max(cell.ctype.bits // 8, 1)
        inside = [c for c in found.cuts[address.base] if address.offset <= c <= end]
        sizes = [b - a for a, b in pairwise(inside)]
        for offset, part in zip(inside, taken_apart(cell.init, sizes), strict=False):
            found[Ptr(address.base, offset)] = {part}
    return found


def thread_runs(program: ir.Program, mixed: bool = False) -> list[list[State]]:
    """For each thread, its runs, over a set of values that is closed under what the runs write."""
    values = memory(program, mixed)
    if not mixed:
        stored = {v for t in program.threads for v in constants(t.body)}
        for found in values.values():
            found |= stored
    for stmt in (s for t in program.threads for s in accesses(t.body) if mixed):
        if isinstance(stmt, ir.Store) and isinstance(stmt.value, ir.Const) and isinstance(stmt.addr, ir.Const):
            assert isinstance(stmt.addr.value, Ptr)
            parts = values.parts(stmt.addr.value, stmt.ctype) or []
            for (address, _), part in zip(parts, taken_apart(stmt.value.value, [size for _, size in parts]), strict=True):
                values[address].add(part)
    while True:
        runs = [list(run(t.body, State(), values)) for t in program.threads]
        before = sum(map(len, values.values()))
        for e in (e for states in runs for s in states for e in s.events):
            if e.kind == "W" and e.value is not None and isinstance(e.address, Ptr):
                values.setdefault(e.address, set()).add(e.value)
        after = sum(map(len, values.values()))
        if after == before:
            return [[s for s in states if not s.cut] for states in runs]
        if after > (24 if not mixed else 60) or max(map(len, runs)) > 3000:
            raise NotImplementedError("too many values for brute force")


def executions(program: ir.Program, stopped: bool = False, mixed: bool = False) -> Iterator[Candidate]:
    """All candidate executions. Value cycles (each value only justified by the next) are left out.

    ``stopped``: those in which some thread stops instead of those in which all come to their end.
    """
    cells = memory(program, mixed)
    init = [Ev(-1, "W", frozenset(("IW",)), a, value) for a, (value,) in cells.items()]
    for chosen in product(*thread_runs(program, mixed)):
        if any(state.stopped for state in chosen) == stopped:
            yield from _combine(program, cells, init, chosen)


def _combine(program: ir.Program, memory_: Cells, init: list[Ev], chosen: tuple[State, ...]) -> Iterator[Candidate]:
    events = list(init)
    po, rmw, addr, data, ctrl, same = (set() for _ in range(6))
    stuck: dict[int, list[int]] = {}
    for t, state in zip(program.threads, chosen, strict=True):
        base = len(events)
        if state.stuck is not None:
            stuck[t.index] = [base + i for i in state.stuck]
        for i, e in enumerate(state.events):
            events.append(replace(e, thread=t.index))
            before = [j for j in range(i) if e.access is None or e.access != state.events[j].access]
            po |= {(base + j, base + i) for j in before}
            parts = [j for j in range(i) if j not in before]
            same |= {pair for j in parts for pair in ((base + i, base + j), (base + j, base + i))}
            addr |= {(base + j, base + i) for j in e.addr}
            data |= {(base + j, base + i) for j in e.data}
            ctrl |= {(base + j, base + i) for j in e.ctrl}
            if e.rmw is not None:
                rmw.add((base + e.rmw, base + i))
    reads = [i for i, e in enumerate(events) if e.kind == "R"]
    writes = [i for i, e in enumerate(events) if e.kind == "W"]
    sources = [
        [w for w in writes if events[w].address == events[r].address and events[w].value == events[r].value and (r, w) not in rmw]
        for r in reads
    ]
    cells: dict[Value, list[int]] = {}
    for w in writes:
        address = events[w].address
        assert address is not None
        cells.setdefault(address, []).append(w)
    if any(not isinstance(a, Ptr) or a not in memory_ for a in cells):
        return
    orders = [[(ws[0], *rest) for rest in permutations(ws[1:])] for ws in cells.values()]
    regs = {t.index: s for t, s in zip(program.threads, chosen, strict=True)}
    for picked in product(*sources):
        rf = set(zip(picked, reads, strict=True))
        if has_cycle(rf | {(a, b) for a, b in data if events[b].kind == "W"}):
            continue
        for order in product(*orders):
            co = {(o[i], o[j]) for o in order for j in range(len(o)) for i in range(j)}
            yield Candidate(events, po, rf, co, rmw, addr, data, ctrl, regs, same, memory_, stuck)


def has_cycle(pairs: Pairs) -> bool:
    """Is there a cycle?"""
    rest = set(pairs)
    while rest:
        targets = {b for _, b in rest}
        kept = {(a, b) for a, b in rest if a in targets}
        if len(kept) == len(rest):
            return True
        rest = kept
    return False


def holds(expr: ir.Expr, candidate: Candidate) -> bool:
    """Is the condition on the final state true?"""
    return truth(_final(expr, candidate))


def _final(expr: ir.Expr, candidate: Candidate) -> Value:
    match expr:
        case ir.Conditional(cond, then, other):
            return _final(then if truth(_final(cond, candidate)) else other, candidate)
        case ir.Const(value):
            return value
        case ir.FinalReg() | ir.FinalMem():
            return candidate.final(expr)
        case ir.Unary(op, arg, ctype):
            return unary(op, _final(arg, candidate), ctype)
        case ir.Binary(op, left, right, ctype):
            return binary(op, _final(left, candidate), _final(right, candidate), ctype)
        case ir.Cast(ctype, arg):
            return ctype.wrap(_final(arg, candidate))
    raise NotImplementedError(expr)
