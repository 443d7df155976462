"""The accesses that a thread may still make (its *future*), given its position and the values of its registers.

The analysis goes forward from an instruction with the known values of registers: a branch on a known value goes one way, a load
makes its register unknown, and an access to a known address is to one cell. Results are joined backward. All results are kept,
since threads are at few positions with few different register values, and the futures of these positions have most in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Final, Protocol, TypeAlias

from smpcheck.program import ir, values
from smpcheck.program.bit_rows import bits
from smpcheck.program.flow import defined, registers_read
from smpcheck.program.values import UndefinedValue
from smpcheck.simulate.code import Branch, Code, Instr, Jump, Local, Pick, Rcu, Step, named
from smpcheck.simulate.generate import Addresses, Registers

ATOMIC, LOCK, MIXED = 0, 1, 2

FULL_SYNC = -1

MAX_SETS = 6
"""For a cell, at most so many sets of synchronizing steps (steps that extend a thread's view) are kept apart."""

MAX_ENVS = 12
"""An instruction is analysed with at most so many different sets of known values, then as if no register were known."""

MAX_ASKED = 20_000
"""The same for the positions that threads are really at."""

Families: TypeAlias = dict[int, tuple[int, ...]]
"""For each cell, sets of synchronizing steps."""


class NonZero:
    """A number that is known not to be 0."""


NONZERO: Final = NonZero()

Known: TypeAlias = "int | NonZero | None"
Env: TypeAlias = Mapping[str, Known]
"""What is known of registers."""


class Access(Protocol):
    """A step as the analysis sees it: ``mask`` has the cells that it may access, ``observes`` the expressions that use a loaded
    value (:mod:`smpcheck.simulate.observed`), ``full`` is a full barrier on both sides."""

    @property
    def stmt(self) -> ir.Load | ir.Store | ir.Rmw: ...
    @property
    def mask(self) -> int: ...
    @property
    def acquire(self) -> bool: ...
    @property
    def release(self) -> bool: ...
    @property
    def full(self) -> bool: ...
    @property
    def observes(self) -> int: ...


@dataclass(slots=True)
class Future:
    """What a thread may still do; cells are bits, by index in memory.

    ``here``: the cells that its next step may access; a step that accesses no cell would be a fault. ``here_writes``: those that
    the step may change. ``reads``, ``writes``, ``touches`` (both): cells that it may access later, or parts of cells (see
    :class:`Futures`). ``before``: for a spinlock, by the index of its cell, what the thread may read and write before it takes
    the lock; if the lock is not in the mapping, everything. ``barriers``: may a full barrier follow? ``synced``: the cells
    whose current, non-final value the thread may still read, each with sets of synchronizing steps (bits, see
    :attr:`Futures.syncs`): every path to such a read contains all steps of at least one of the sets. ``observes``: for each
    cell, the expressions that the thread computes from such values, as bits, those of a cell shifted by its number times
    :attr:`Futures.width`.
    """

    here: int = 0
    here_writes: int = 0
    reads: int = 0
    writes: int = 0
    touches: int = 0
    barriers: bool = False
    observes: int = 0
    synced: Families = field(default_factory=dict)
    before: dict[int, tuple[int, int]] = field(default_factory=dict)


NOTHING: Final = Future()


@dataclass(slots=True)
class _Node:
    pc: int
    env: Env
    mask: int = 0
    after: list[_Node] = field(default_factory=list)
    future: Future | None = None


def pickers(live: Sequence[Iterable[str]], index: Mapping[str, int]) -> list[Callable[[Registers], Any]]:
    """For each instruction a function that picks some registers from all registers; ``index``: where each register is."""
    known: dict[tuple[int, ...], Callable[[Registers], Any]] = {(): _nothing}
    found = []
    for names in live:
        places = tuple(sorted(index[name] for name in names if name in index))
        if places not in known:
            known[places] = itemgetter(*places)
        found.append(known[places])
    return found


def _nothing(registers: Registers) -> tuple[()]:
    return ()


def directing(code: Code) -> list[frozenset[str]]:
    """For each instruction the registers on which the cells that will be accessed depend: by addresses and conditions."""
    bit: dict[str, int] = {}

    def mask(names: Iterable[str]) -> int:
        found = 0
        for name in names:
            found |= bit.setdefault(name, 1 << len(bit))
        return found

    count = len(code.instrs)
    uses, kept, copied = [0] * count, [-1] * count, [(0, 0)] * count
    for pc, instr in enumerate(code.instrs):
        if isinstance(instr, Step | Local | Branch):
            stmt = instr.stmt
            own = defined(stmt)
            if own is not None:
                kept[pc] = ~mask((own,))
            match stmt:
                case ir.Assign(reg, expr):
                    copied[pc] = (mask((reg,)), mask(registers_read(expr)))
                case ir.Load() | ir.Store() | ir.Rmw():
                    uses[pc] = mask(registers_read(stmt.addr))
                case ir.If():
                    uses[pc] = mask(registers_read(stmt.cond))
            if isinstance(instr, Step) and instr.guard is not None:
                uses[pc] |= mask(name for name in registers_read(instr.guard) if name != instr.reg)
    found = [0] * count
    after = [code.successors(pc) for pc in range(count)]
    changed = True
    while changed:
        changed = False
        for pc in range(count - 1, -1, -1):
            now = 0
            for to in after[pc]:
                now |= found[to]
            target, sources = copied[pc]
            now = uses[pc] | now & kept[pc] | (sources if now & target else 0)
            if now != found[pc]:
                found[pc] = now
                changed = True
    return named(found, list(bit))


class Futures:
    """The futures of one thread.

    ``number_of``: for the index of a cell in memory, its number among the cells that are analysed. ``syncs``: the synchronizing
    steps, which extend the thread's view, each as a bit and an atomic operation's location (``FULL_SYNC``: a full barrier).
    """

    def __init__(
        self,
        code: Code,
        steps: Mapping[int, Access],
        kinds: Mapping[int, int],
        covered: Callable[[ir.Load | ir.Store | ir.Rmw, int], int],
        addresses: Addresses,
        number_of: Mapping[int, int],
        width: int,
        full: str = "",
        marker: int = 0,
        parts: Callable[[int, int], tuple[int, int]] | None = None,
    ) -> None:
        """``covered``: for an access and an address, as a number, the cells that it covers there. ``full``: what full barriers
        are as instructions. ``marker``: a cell that stands for what RCU's markers do. ``parts``: for an instruction and the cells
        that it may be to, the parts of cells that it reads, and those that it writes; unless given, a cell is one part, and what
        threads come to know is followed too (``synced``, ``observes``)."""
        self.code = code
        self.steps = steps
        self.kinds = kinds
        self.covered = covered
        self.addresses = addresses
        self.number_of = number_of
        self.width = width
        self.full = full
        self.marker = marker
        self.parts = parts
        self.live = [sorted(names) for names in (code.live if parts is None else directing(code))]
        """The registers that make a difference, by instruction."""
        self.sync_bit = {FULL_SYNC: 1}
        self.syncs: list[tuple[int, int]] = [(1, FULL_SYNC)]
        self._nodes: dict[Any, _Node] = {}
        self._envs = [0] * len(code.instrs)
        self._asked: dict[Any, Future] = {}
        self._joined: dict[tuple[int, int], tuple[Future, Future, Future]] = {}

    def at(self, pc: int, key: Any, registers: Registers, index: Mapping[str, int]) -> Future:
        """The future at an instruction. ``key``: the values of :attr:`live` there; ``index``: where each register is."""
        found = self._asked.get((pc, key))
        if found is None:
            env = {name: registers[index[name]] for name in self.live[pc] if name in index}
            found = self._asked[pc, key] = self._followed(pc, env if len(self._asked) < MAX_ASKED else {})
        return found

    # --- forward ---

    def _followed(self, pc: int, env: Env) -> Future:
        top = self._node(pc, env, asked=True)
        if top.future is not None:
            return top.future
        order: list[_Node] = []
        circular = False
        # post-order, without recursion
        stack: list[tuple[_Node, Iterator[_Node]]] = [(top, iter(self._after(top)))]
        open_ones = {id(top)}
        done: set[int] = set()
        while stack:
            node, rest = stack[-1]
            for to in rest:
                if to.future is not None or id(to) in done:
                    continue
                if id(to) in open_ones:
                    circular = True
                    continue
                open_ones.add(id(to))
                stack.append((to, iter(self._after(to))))
                break
            else:
                stack.pop()
                open_ones.discard(id(node))
                done.add(id(node))
                order.append(node)
        results = dict.fromkeys(map(id, order), NOTHING)
        changed = True
        while changed:
            changed = False
            for node in order:
                found = self._future(node, [to.future or results[id(to)] for to in node.after])
                if circular:
                    found = _both(results[id(node)], found)
                    changed = changed or found != results[id(node)]
                results[id(node)] = found
        for node in order:
            node.future = results[id(node)]
        assert top.future is not None
        return top.future

    def _node(self, pc: int, env: Env, asked: bool = False) -> _Node:
        """What is known of the live registers at an instruction, after all that needs no look into memory."""
        while True:
            instr = self.code.instrs[pc]
            if isinstance(instr, Jump):
                pc = instr.to
            elif isinstance(instr, Local):
                env = self._assigned(instr.stmt, env)
                pc += 1
            elif isinstance(instr, Branch) and (truth := _truth(self._value(instr.stmt.cond, env))) is not None:
                pc = pc + 1 if truth else instr.other
            else:
                break
        key = (pc, *[env.get(name) for name in self.live[pc]])
        found = self._nodes.get(key)
        if found is None:
            self._envs[pc] += 1
            if self._envs[pc] > (MAX_ENVS if self.parts is None else 1) and not asked:
                env = {}
                key = (pc, *[None for _ in self.live[pc]])
                found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = _Node(pc, {name: env[name] for name in self.live[pc] if env.get(name) is not None})
        return found

    def _after(self, node: _Node) -> list[_Node]:
        if node.future is not None or node.after:
            return node.after
        pc, env = node.pc, node.env
        instr = self.code.instrs[pc]
        ways: list[tuple[int, Env]] = []
        match instr:
            case Step(stmt, guard, reg):
                node.mask = self._mask(pc, env)
                after = self._assigned(stmt, env)
                if guard is not None:
                    after = self._given(guard, True, {**env, reg: None}, {**after, reg: None}, reg)
                ways = [(pc + 1, after)]
            case Branch(stmt, other):
                ways = [(pc + 1, self._given(stmt.cond, True, env, env)), (other, self._given(stmt.cond, False, env, env))]
            case Pick(_, other):
                ways = [(pc + 1, env), (other, env)]
            case _:
                ways = [(to, env) for to in self.code.successors(pc)]
        node.after = [self._node(to, known) for to, known in ways]
        return node.after

    def _mask(self, pc: int, env: Env) -> int:
        where = self._value(self.steps[pc].stmt.addr, env)
        mask = self.steps[pc].mask
        if isinstance(where, int):
            return mask & self.covered(self.steps[pc].stmt, where)
        return mask

    def _assigned(self, stmt: ir.Stmt, env: Env) -> Env:
        if isinstance(stmt, ir.Assign):
            return {**env, stmt.reg: self._value(stmt.expr, env)}
        reg = defined(stmt)
        return env if reg is None else {**env, reg: None}

    def _given(self, cond: ir.Expr, holds: bool, env: Env, after: Env, only: str = "") -> Env:
        """``after``, with what a condition that holds (or does not) implies for a register."""
        match cond:
            case ir.Reg(name) if not only or name == only:
                return {**after, name: after.get(name) or NONZERO if holds else 0}
            case ir.Unary("!", arg, _):
                return self._given(arg, not holds, env, after, only)
            case ir.Binary("==" | "!=", ir.Reg(name), right, _) if not only or name == only:
                value = self._value(right, env)
                if isinstance(value, int):
                    if (cond.op == "==") == holds:
                        return {**after, name: value}
                    if value == 0 and after.get(name) is None:
                        return {**after, name: NONZERO}
        return after

    def _value(self, expr: ir.Expr, env: Env) -> Known:
        try:
            return self._evaluated(expr, env)
        except UndefinedValue:
            return None  # a fault, when it comes to it

    def _evaluated(self, expr: ir.Expr, env: Env) -> Known:
        match expr:
            case ir.Const(value):
                return self.addresses.number(value)
            case ir.Reg(name):
                return env.get(name)
            case ir.Cast(ctype, arg):
                a = self._evaluated(arg, env)
                return self.addresses.number(ctype.wrap(a)) if isinstance(a, int) else None
            case ir.Unary(op, arg, ctype):
                a = self._evaluated(arg, env)
                if a is NONZERO and op == "!":
                    return 0
                return self.addresses.number(values.unary(op, a, ctype)) if isinstance(a, int) else None
            case ir.Binary(op, left, right, ctype):
                a, b = self._evaluated(left, env), self._evaluated(right, env)
                if isinstance(a, int) and isinstance(b, int):
                    return self.addresses.number(values.binary(op, a, b, ctype))
                return _half_known(op, a, b)
            case ir.Conditional(cond, then, other):
                truth = _truth(self._evaluated(cond, env))
                return None if truth is None else self._evaluated(then if truth else other, env)
        return None

    # --- backward ---

    def _future(self, node: _Node, after: Sequence[Future]) -> Future:
        found = self._either(after)
        instr = self.code.instrs[node.pc]
        if isinstance(instr, Rcu) and instr.what == self.full:
            return replace(found, here=0, barriers=True, synced=_with(found.synced, 1))
        if isinstance(instr, Rcu) and self.marker:
            before = {lock: (r, w | self.marker) for lock, (r, w) in found.before.items()}
            writes, touches = found.writes | self.marker, found.touches | self.marker
            return replace(found, here=self.marker, here_writes=self.marker, writes=writes, touches=touches, before=before)
        if isinstance(instr, Pick) and self.parts is not None:
            return self._either_step(after, found)
        if not isinstance(instr, Step):
            return found if not found.here else replace(found, here=0, here_writes=0)
        access = self.steps[node.pc]
        mask = node.mask
        if not mask:
            return replace(found, here=0, here_writes=0)
        if self.parts is not None:
            return self._in_parts(node, access, found, *self.parts(node.pc, mask))
        reads = mask if not isinstance(access.stmt, ir.Store) else 0
        writes = mask if not isinstance(access.stmt, ir.Load) else 0
        before = {lock: (r | reads, w | writes) for lock, (r, w) in found.before.items()}
        synced, observes = found.synced, found.observes
        looks = mask
        if isinstance(access.stmt, ir.Rmw):
            looks = sum(1 << place for place in bits(mask) if self.kinds[place] == MIXED)
            if mask.bit_count() == 1 and not looks:
                synced, observes = self._taken(node, access, synced, observes)
                place = mask.bit_length() - 1
                if self.kinds[place] == LOCK:
                    before[place] = (reads, writes)
        if looks:
            synced = {**synced, **dict.fromkeys(bits(looks), (0,))}
        if isinstance(access.stmt, ir.Load) and access.observes:
            for place in bits(mask):
                if place in self.number_of:
                    observes |= access.observes << self.number_of[place] * self.width
        if access.full:
            synced = _with(synced, 1)
        barriers = found.barriers or access.full
        return Future(
            mask, writes, found.reads | reads, found.writes | writes, found.touches | mask, barriers, observes, synced, before
        )

    @staticmethod
    def _either_step(after: Sequence[Future], found: Future) -> Future:
        """A choice and the step that it begins with are one step."""
        here, writes = 0, 0
        for way in after:
            here |= way.here
            writes |= way.here_writes
        return replace(found, here=here if all(way.here for way in after) else 0, here_writes=writes)

    def _in_parts(self, node: _Node, access: Access, found: Future, reads: int, writes: int) -> Future:
        """What may come once an access has been made, and the access."""
        before = {lock: (r | reads, w | writes) for lock, (r, w) in found.before.items()}
        if isinstance(access.stmt, ir.Rmw) and node.mask.bit_count() == 1:
            place = node.mask.bit_length() - 1
            if self.kinds[place] == LOCK:
                before[place] = (0, 0) if _waits_until_free(self.code.instrs[node.pc], access.stmt) else (reads, writes)
        all_reads, all_writes = found.reads | reads, found.writes | writes
        return Future(reads | writes, writes, all_reads, all_writes, all_reads | all_writes, before=before)

    def _taken(self, node: _Node, access: Access, synced: Families, observes: int) -> tuple[Families, int]:
        """An atomic operation reads the last value of its location, and joins that value's view if it is an acquire."""
        place = node.mask.bit_length() - 1
        if place in synced:
            synced = {other: family for other, family in synced.items() if other != place}
        if place in self.number_of:
            observes &= ~(((1 << self.width) - 1) << self.number_of[place] * self.width)
        follower = self.code.instrs[node.pc + 1]
        if access.acquire or (isinstance(follower, Rcu) and follower.what == self.full):
            bit = self.sync_bit.get(place)
            if bit is None:
                bit = self.sync_bit[place] = 1 << len(self.syncs)
                self.syncs.append((bit, place))
            synced = _with(synced, bit)
        return synced, observes

    def _either(self, after: Sequence[Future]) -> Future:
        if not after:
            return NOTHING
        found = after[0]
        for more in after[1:]:
            if more is not found:
                key = (id(found), id(more))
                if key not in self._joined:
                    self._joined[key] = (found, more, _both(found, more))  # all three, so that no other comes by their numbers
                found = self._joined[key][2]
        return found


def _waits_until_free(instr: Instr, stmt: ir.Rmw) -> bool:
    """Does it take a spinlock, and so wait while another thread holds it?"""
    match instr:
        case Step(_, ir.Binary("==", ir.Reg(name), ir.Const(0))):
            return name == stmt.old
    return False


def _both(a: Future, b: Future) -> Future:
    """What may happen on either of two paths."""
    before = {}
    for lock in a.before.keys() | b.before.keys():
        r, w = a.before.get(lock, (a.reads, a.writes))
        s, x = b.before.get(lock, (b.reads, b.writes))
        before[lock] = (r | s, w | x)
    return Future(
        0,
        0,
        a.reads | b.reads,
        a.writes | b.writes,
        a.touches | b.touches,
        a.barriers or b.barriers,
        a.observes | b.observes,
        _joined(a.synced, b.synced),
        before,
    )


def _joined(a: Families, b: Families) -> Families:
    if a is b or not b:
        return a
    if not a:
        return b
    result = dict(a)
    for place, family in b.items():
        mine = result.get(place)
        if mine is None:
            result[place] = family
        elif mine != family:
            result[place] = _least((*mine, *family))
    return result


def _with(families: Families, gained: int) -> Families:
    return {place: _least([one | gained for one in family]) for place, family in families.items()}


def _least(sets: Iterable[int]) -> tuple[int, ...]:
    """The minimal ones of these sets; if there are too many, the intersection of two replaces both."""
    least: list[int] = []
    for one in sorted(set(sets), key=lambda x: (x.bit_count(), x)):
        if not any(known & one == known for known in least):
            least.append(one)
    while len(least) > MAX_SETS:
        least = list(_least([*least[:-2], least[-1] & least[-2]]))
    return tuple(sorted(least))


def _truth(value: Known) -> bool | None:
    return None if value is None else True if isinstance(value, NonZero) else value != 0


def _half_known(op: str, a: Known, b: Known) -> Known:
    """The value of an operation of which at most one side is a known number."""
    if op in ("&&", "||"):
        sides = (_truth(a), _truth(b))
        decisive = op == "||"
        if decisive in sides:
            return int(decisive)
        return None if None in sides else int(not decisive)
    if op in ("==", "!=") and 0 in (a, b) and NONZERO in (a, b):
        return int(op == "!=")
    return None


def kinds_of(steps: Iterable[Mapping[int, Access]], cells: Iterable[int]) -> dict[int, int]:
    """For each cell, do all its writes come of atomic operations (ATOMIC), or else of taking and leaving a spinlock (LOCK)? Then
    an atomic operation on it reads the last value. MIXED: neither is so."""
    kinds = dict.fromkeys(cells, ATOMIC)
    accesses = [access for own in steps for access in own.values()]
    for access in accesses:
        if isinstance(access.stmt, ir.Store):
            for place in bits(access.mask):
                kinds[place] = max(kinds[place], LOCK if "UL" in access.stmt.tags and access.release else MIXED)
    for access in accesses:
        if isinstance(access.stmt, ir.Rmw) and not ("LKR" in access.stmt.read_tags and access.acquire):
            for place in bits(access.mask):
                kinds[place] = ATOMIC if kinds[place] == ATOMIC else MIXED
    return kinds
