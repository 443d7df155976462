"""A thread's function as IR statements: effects become events, branches on values become ``If``, known ones disappear.

How often this thread holds a lock of each class is counted in registers (:mod:`smpcheck.program.held`): the declared lock order
is checked by them, and step-by-step runs tell by them who holds what.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from smpcheck.errors import InputError
from smpcheck.kernel.layout import Bits, Constant, Flags, Ghost, Scalar, Type
from smpcheck.kernel.scenario import LockOrder
from smpcheck.program import ir, values
from smpcheck.program.events import has_round
from smpcheck.program.held import held_register
from smpcheck.program.ir import Position
from smpcheck.program.tags import GHOST
from smpcheck.program.values import CType, Ptr, truth
from smpcheck.readers.layout import cells
from smpcheck.readers.operand_order import touches_memory
from smpcheck.readers.python import specials, tidy
from smpcheck.readers.python.memory import Memory
from smpcheck.readers.python.primitives import ONCE, PLAIN, SLEEP, SPIN, Condition, Primitives, Site, Tags, argument_kinds
from smpcheck.readers.python.source import function_source
from smpcheck.readers.python.statements import Statements
from smpcheck.readers.python.typed import (
    Known,
    Place,
    RValue,
    arithmetic,
    boolean,
    by_reference,
    ctype_of,
    extracted,
    fold,
    inserted,
    literal,
    negation,
    offset_by,
    to_ctype,
)
from smpcheck.readers.python.walker import EXPAND, Env, Frame
from smpcheck.readers.rounds import mark_round

GHOST_CELL = "ghost:"
RETURN = "return"

_ZERO = RValue(ir.Const(0), Scalar(values.INT))


@dataclass
class Touched:
    """What the threads access: known addresses, and the offsets within a struct or array of accesses through pointers."""

    addresses: set[Ptr]
    offsets: set[int | None]


class ThreadCompiler(Statements):
    """Compiles one thread. ``ghost_cells``: ghost counters are cells (for the step-by-step runner) and not registers. ``alone``:
    the thread runs after all others, so that it may read such a cell.
    """

    def __init__(
        self, memory: Memory, cpu: int, touched: Touched, locks: LockOrder | None = None,
        expand: int = EXPAND, ghost_cells: bool = False, alone: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(memory, cpu, expand)
        self.touched = touched
        self.locks = locks
        self.ghost_cells = ghost_cells
        self.alone = alone
        self.out: list[ir.Stmt] = []
        self.primitives = Primitives(self)
        self.exits: dict[str, list[Env]] = {}
        self.ghosts: set[Ptr] = set()
        self.lock_kinds: dict[str, str] = {}
        self.lock_counts: dict[str, str] = {}
        """The registers that count how often a lock is held, and their locks, in the order in which they were first taken."""
        self.reg_types: dict[str, CType] = {}
        """The types of named registers; those of intermediate values are as wide as any."""
        self._choice: tuple[ir.Choice, Env, Env] | None = None

    # effects

    def emit(self, stmt: ir.Stmt) -> None:
        """Add a statement. What an accessor does happens where it is called."""
        call = self.frames[-1].call if self.frames else None
        if call is not None and isinstance(stmt, ir.Load | ir.Store | ir.Rmw | ir.Fence):
            stmt = replace(stmt, pos=call[0], text=call[1])
        self.out.append(stmt)

    def touch(self, addr: ir.Expr, offset: int | None) -> None:
        """Note that ``addr`` is accessed."""
        if isinstance(addr, ir.Const) and isinstance(addr.value, Ptr):
            self.touched.addresses.add(addr.value)
        elif not isinstance(addr, ir.Const):
            self.touched.offsets.add(offset)

    def site(self, where: Site | ast.AST) -> Site:
        """A plain access's place in the source."""
        return where if isinstance(where, Site) else Site("a plain access", self.pos(where), self.source.text(where))

    def _checked(self, place: Place, site: Site) -> bool:
        """Is this a location that can be accessed? A known null pointer makes it a failed check."""
        if isinstance(place.type, Ghost) and not (self.ghost_cells and self.alone):
            raise InputError(f"{place.label} is a ghost counter: it is read in final checks only", site.pos)
        if by_reference(place.type) or isinstance(place.type, Constant):
            raise InputError(f"{place.label} is {place.type}: it is not read or written as a whole", site.pos)
        if isinstance(place.addr, ir.Const):
            address = place.addr.value
            if not isinstance(address, Ptr):
                self.access_nothing(place.addr, site)
                return False
            size = ctype_of(place.type).alignment
            if address.offset % size and not isinstance(place.type, Bits):
                raise InputError(f"{place.label}: a misaligned access of {size} bytes at {address}", site.pos)
            if not self.memory.has(address) and not isinstance(place.type, Flags) and not self._in_cells(place, address):
                raise InputError(f"{place.label}: there is no object at {address}", site.pos)
        return True

    def _in_cells(self, place: Place, address: Ptr) -> bool:
        """Is this a place in cells of other sizes?"""
        return self.memory.in_sizes and self.memory.covers(address, ctype_of(place.type).size)

    def access_nothing(self, addr: ir.Const, site: Site) -> None:
        """An access through a pointer that is known to be null: the thread stops there."""
        self.emit(ir.Load(self.temp(), addr, ONCE, site.pos, site.text))

    def load(self, place: Place, tags: Tags, site: Any, mask: int | None = None) -> RValue:
        """Read a place."""
        site = self.site(site)
        if not self._checked(place, site):
            return RValue(ir.Const(0), place.type)
        if isinstance(place.type, Bits):
            return extracted(place.type, self.load(self._run(place, place.type, tags, site), tags, site).expr)
        if isinstance(place.type, Flags) and place.type.separate:
            return self._load_bytes(place, place.type, tags, site, mask)
        reg = self.temp()
        self.touch(place.addr, place.offset)
        if isinstance(place.type, Ghost):
            self.emit(ir.Load(reg, place.addr, frozenset({GHOST}), site.pos, site.text))
            return RValue(ir.Reg(reg), Scalar(values.LONG))
        self.emit(ir.Load(reg, place.addr, tags, site.pos, site.text, ctype=ctype_of(place.type)))
        return RValue(ir.Reg(reg), Scalar(values.ULONG) if isinstance(place.type, Flags) else place.type)

    def _load_bytes(self, place: Place, kind: Flags, tags: Tags, site: Site, mask: int | None) -> RValue:
        word: ir.Expr = ir.Const(0)
        for byte, shift, ctype in kind.cells:
            if mask is not None and not (mask >> shift) & 0xFF:
                continue
            reg, addr = self.temp(), offset_by(place.addr, byte)
            self.touch(addr, place.offset + byte if place.offset is not None else None)
            self.emit(ir.Load(reg, addr, tags, site.pos, site.text, ctype=ctype))
            word = fold("|", fold("<<", ir.Reg(reg), ir.Const(shift), values.ULONG), word, values.ULONG)
        return RValue(word, Scalar(values.ULONG))

    def change_bits(self, place: Place, kind: Bits, change: Callable[[RValue], RValue], node: ast.AST) -> None:
        """``p.field += 1`` of a bit field: its memory location is read once and written once."""
        site = self.site(node)
        if self._checked(place, site):
            run = self._run(place, kind, PLAIN, site)
            location = self.load(run, PLAIN, site).expr
            self.store(run, inserted(kind, location, change(extracted(kind, location))), PLAIN, site)

    def copy(self, target: Place, source: Place, node: ast.AST) -> None:
        """A struct assignment: member by member, plainly."""
        site = self.site(node)
        parts = cells(self.primitives.c_type(target.type), "")
        for offset, _, ctype in parts:
            here = [replace(p, addr=offset_by(p.addr, offset), type=Scalar(ctype)) for p in (target, source)]
            to, of = (replace(p, offset=None if p.offset is None else p.offset + offset) for p in here)
            self.store(to, self.load(of, PLAIN, site), PLAIN, site)

    def _run(self, place: Place, kind: Bits, tags: Tags, site: Site) -> Place:
        """The memory location that a bit field is in."""
        if tags:
            raise InputError(f"{site.name} of {place.label}: a bit field has no address, and is only accessed plainly", site.pos)
        return replace(place, type=Scalar(kind.place))

    def store(self, place: Place, value: RValue, tags: Tags, site: Site, mask: int | None = None) -> None:
        """Write a place; ``value`` has its type already."""
        if not self._checked(place, site):
            return
        if isinstance(place.type, Bits):
            run = self._run(place, place.type, tags, site)
            self.store(run, inserted(place.type, self.load(run, tags, site).expr, value), tags, site)
            return
        if isinstance(place.type, Flags) and place.type.separate:
            for byte, shift, ctype in place.type.cells:
                if mask is not None and not (mask >> shift) & 0xFF:
                    continue
                part = to_ctype(fold(">>", value.expr, ir.Const(shift), values.ULONG), values.ULONG, ctype)
                addr = offset_by(place.addr, byte)
                self.touch(addr, place.offset + byte if place.offset is not None else None)
                self.emit(ir.Store(addr, part, tags, site.pos, site.text, ctype=ctype))
            return
        self.touch(place.addr, place.offset)
        self.emit(ir.Store(place.addr, value.expr, tags, site.pos, site.text, ctype=ctype_of(place.type)))

    def assign_plain(self, place: Place, value: RValue, node: ast.AST, mask: int | None = None) -> None:
        """A plain C assignment."""
        self.store(place, value, PLAIN, self.site(node), mask)

    def set_register(self, key: str, value: RValue, pos: Position) -> RValue:
        """Give a register a value. A value just read goes there directly."""
        expr = value.expr
        self.reg_types[key] = ctype_of(value.type)
        if isinstance(expr, ir.Const):
            self.emit(ir.Assign(key, expr, pos))
            return value
        last = self.out[-1] if self.out else None
        read = isinstance(last, ir.Load) and expr == ir.Reg(last.reg) and last.reg.startswith("$")
        if read and not any(isinstance(v, RValue) and v.expr == expr for v in self.env.values()):
            assert isinstance(last, ir.Load)
            self.out[-1] = replace(last, reg=key)
        else:
            self.emit(ir.Assign(key, expr, pos))
        return RValue(ir.Reg(key), value.type, value.lock)

    # control

    def captured(self, body: Callable[[], None], env: Env) -> tuple[list[ir.Stmt], Env, bool]:
        """Walk ``body`` from ``env``; its statements, the environment after it, and whether its end is reached."""
        outer, self.out, self.env = self.out, [], dict(env)
        try:
            body()
        finally:
            inner, self.out = self.out, outer
        end, alive = self.env, self.alive
        self.alive = True
        return inner, end, alive

    def choice(self, then: Callable[[], None], other: Callable[[], None], pos: Position) -> None:
        """Both ways are possible."""
        start = self.env
        a, env_a, _ = self.captured(then, start)
        b, env_b, _ = self.captured(other, start)
        stmt = ir.Choice(tuple(a), tuple(b), pos)
        self.env = self.merge([env_a, env_b])
        held = [key for key in self.lock_counts if key in env_a or key in env_b]
        self._choice = (stmt, {k: env_a.get(k, _ZERO) for k in held}, {k: env_b.get(k, _ZERO) for k in held})
        self.emit(stmt)

    def branch(self, cond: RValue, then: Callable[[], None], other: Callable[[], None], node: ast.AST) -> None:
        """A branch on a value."""
        if self._thread_jump(cond, then, other, node):
            return
        start, pos, text = self.env, self.pos(node), self.source.text(node)
        a, env_a, alive_a = self.captured(then, start)
        b, env_b, alive_b = self.captured(other, start)
        self.emit(ir.If(cond.expr, tuple(a), tuple(b), pos, text))
        self._join([(env_a, alive_a), (env_b, alive_b)])

    def _join(self, ends: list[tuple[Env, bool]]) -> None:
        reached = [env for env, alive in ends if alive]
        self.alive = bool(reached)
        if reached:
            self.env = self.merge(reached)

    def _thread_jump(self, cond: RValue, then: Callable[[], None], other: Callable[[], None], node: ast.AST) -> bool:
        """A branch on the outcome of the lock attempt just made: each side follows the outcome it belongs to.

        What follows a failed attempt depends on its read; what follows a successful one comes after its acquire in any case.
        """
        if self._choice is None:
            return False
        stmt, held_a, held_b = self._choice
        if held_a == held_b:  # another conditional operation: what depends on it is a branch
            return False
        at = len(self.out) - 1
        while at >= 0 and isinstance(self.out[at], ir.Assign):
            at -= 1
        if at < 0 or self.out[at] is not stmt:
            return False
        between = tuple(self.out[at + 1 :])
        outcomes = [tidy.evaluate(cond.expr, (*side, *between)) for side in (stmt.then, stmt.other)]
        if any(o is None for o in outcomes):
            return False
        self._choice = None
        del self.out[at:]
        ends = []
        sides = []
        start = self.env
        for outcome, held, before in zip(outcomes, (held_a, held_b), (stmt.then, stmt.other), strict=True):
            assert outcome is not None
            body, env, alive = self.captured(then if truth(outcome) else other, {**start, **held})
            if before is stmt.other and touches_memory(body):
                arms = (tuple(body), ()) if truth(outcome) else ((), tuple(body))
                body = [ir.If(cond.expr, arms[0], arms[1], self.pos(node), self.source.text(node))]
            sides.append((*before, *between, *body))
            ends.append((env, alive))
        self.emit(ir.Choice(sides[0], sides[1], stmt.pos))
        self._join(ends)
        return True

    def merge(self, envs: list[Env]) -> Env:
        """What is known where ways meet."""
        if len(envs) == 1:
            return envs[0]
        first, *rest = envs
        result = first
        for env in rest:
            other = env.get
            result = {key: known for key, known in result.items() if other(key) is known}
        for key in [] if len(result) == len(first) else first:
            if key not in result and all(key in env for env in rest):
                result[key] = self.merge_known(key, [env[key] for env in envs])
        for key in self.lock_counts:
            if any(key in env for env in envs):
                result[key] = self.merge_known(key, [env.get(key, _ZERO) for env in envs])
        return result

    def leave(self, label: str, node: ast.AST) -> None:
        """Leave an enclosing block or loop."""
        self.exits[label].append(dict(self.env))
        self.emit(ir.Exit(label, self.pos(node)))
        self.alive = False

    def block(self, body: Callable[[str], None], node: ast.AST) -> None:
        """Statements that may be left early."""
        label, pos = self.label("block"), self.pos(node)
        self.exits[label] = []
        inner, env, alive = self.captured(lambda: body(label), self.env)
        exits = self.exits.pop(label)
        inner = tidy.without_last_exit(inner, label)
        if exits and tidy.leaves(inner, label):
            self.emit(ir.Block(label, tuple(inner), pos))
        else:
            self.out.extend(inner)
        self._join([*((e, True) for e in exits), (env, alive)])

    def loop(self, body: Callable[[str], None], assigned: Iterable[str], node: ast.AST, bound: int | None) -> None:
        """A loop that is not unrolled here: what its rounds change is not known at its top."""
        label, pos = self.label("loop"), self.pos(node)
        entry = dict(self.env)
        for key in assigned:
            found = entry.get(key)
            if isinstance(found, RValue):
                entry[key] = replace(found, expr=ir.Reg(key))
        while True:
            self.exits[label] = []
            marks = {name: len(found) for name, found in self.exits.items()}
            inner, env, alive = self.captured(lambda: body(label), entry)
            joined = self.merge([entry, env]) if alive else entry
            joined = {k: v for k, v in joined.items() if k in entry or k in self.lock_counts}
            if joined == entry:
                break
            entry = joined
            for name, count in marks.items():
                del self.exits[name][count:]
        if not has_round(inner, label):
            inner = mark_round(inner, label, pos)
        self.emit(ir.Loop(label, tuple(inner), bound, pos))
        self._join([(e, True) for e in self.exits.pop(label)])

    def round_begins(self, label: str, stmt: ast.While) -> None:
        """Say so in the IR."""
        self.emit(ir.Round(label, self.pos(stmt)))

    def spin(self, stmt: ast.While) -> bool:
        """``while (condition over one read) cpu_relax();``"""
        for inner in stmt.body:
            relax = isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call)
            if relax:
                assert isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call)
                relax = getattr(self.callee(inner.value), "__name__", "") == "cpu_relax"
            if not relax and not isinstance(inner, ast.Pass | ast.Continue):
                return False
        if self._needs_branches(stmt.test):
            return False
        found: list[Known] = []
        before = dict(self.env)
        read, _, _ = self.captured(lambda: found.append(self.value(stmt.test)), before)
        self.env = before
        cond = found[0]
        if len(read) != 1 or not isinstance(read[0], ir.Load) or not isinstance(cond, RValue) or cond.const is not None:
            return False
        if tidy.registers(cond.expr) != {read[0].reg}:
            return False
        self.wait(read, negation(cond), stmt)
        return True

    def wait(self, read: Sequence[ir.Stmt], cond: RValue, node: ast.AST) -> None:
        """Read again and again, until a condition over what was read holds."""
        label, pos = self.label("wait"), self.pos(node)
        self.emit(ir.Loop(label, (*read, ir.If(cond.expr, (ir.Exit(label, pos),), (), pos, self.source.text(node))), None, pos))

    # functions

    def give(self, frame: Frame, result: Known | None, stmt: ast.Return) -> None:
        """A function's value goes to its own register, unless it turns out to be the only one."""
        if isinstance(result, RValue):
            self.set_result(frame.return_reg, result, self.pos(stmt))
        frame.returned.append(result)

    def set_result(self, reg: str, value: RValue, pos: Position) -> None:
        """Assign without renaming what was read."""
        self.emit(ir.Assign(reg, value.expr, pos))

    def join_results(self, frame: Frame, returned: list[Known], node: ast.AST) -> Known:
        """The value of a call."""
        first = returned[0]
        if all(r == first for r in returned) and (
            not isinstance(first, RValue) or all(r.startswith("$") for r in tidy.registers(first.expr))
        ):
            return first
        found = self.merge_known(frame.return_reg, list(returned)) if len(returned) > 1 else None
        if len(returned) == 1 and isinstance(first, RValue):
            found = self.from_register(frame.return_reg, first.type, [first])
        if not isinstance(found, RValue):
            raise InputError(f"{frame.source.node.name} returns different things on different ways", self.pos(node))
        if all(r == first for r in returned):
            return RValue(ir.Reg(frame.return_reg), found.type, found.lock)
        return found

    def start(self, function: Any, args: list[Known]) -> RValue | None:
        """Compile the thread: a call of its function. Returns the type and register of its value."""
        source = function_source(function)
        self.frames.append(Frame(source, ""))
        for name, obj in self.memory.namespaces.thread_locals(
            source.function
        ).items():  # from the start: ways that meet know it then
            initial = self.thread_local(obj, name, source.node)
            assert isinstance(initial, RValue)
            self.set_thread_local(obj, name, initial, source.node)
        self.frames.pop()
        result = self.call(function, args, {}, source.node)
        last = source.pos(source.node.body[-1])
        if self.alive:
            for lock in self._locks():
                self.check(arithmetic("==", self._held(lock), _ZERO, last), "lock-held-at-exit", f"{lock} is still held", last)
        if isinstance(result, RValue):
            self.emit(ir.Assign(RETURN, result.expr, last))
            return RValue(ir.Reg(RETURN), result.type)
        return None

    # checks and locks

    def check(self, cond: RValue, name: str, message: str, pos: Position) -> None:
        """A property here; nothing if it is known to hold."""
        if cond.const is None or not truth(cond.const):
            self.emit(ir.Assert(cond.expr, name, message, pos))

    def assertion(self, test: ast.expr, name: str, stmt: ast.AST) -> None:
        """``assert`` and ``check``."""
        self.check(self.truth(self.value(test)), name, self.source.text(test), self.pos(stmt))

    def _locks(self) -> list[str]:
        """The locks that this thread may hold."""
        return [lock for register, lock in self.lock_counts.items() if register in self.env]

    def _held(self, lock: str) -> RValue:
        found = self.env.get(held_register(lock), _ZERO)
        assert isinstance(found, RValue)
        return found

    def may_sleep(self, what: str, pos: Position) -> None:
        """Nothing sleeps under a spinlock or in an RCU read-side section."""
        for lock in self._locks():
            if self.lock_kinds.get(lock) == SPIN:
                free = arithmetic("==", self._held(lock), _ZERO, pos)
                self.check(free, "sleep-under-spinlock", f"{what} may sleep, and {lock} is held", pos)

    def waits_for(self, lock: str, kind: str, pos: Position) -> None:
        """The declared order of locks, before waiting for one."""
        if kind == SLEEP:
            self.may_sleep(f"waiting for {lock}", pos)
        rank = self.locks.rank if self.locks else {}
        if lock in rank:
            for other in self._locks():
                if rank.get(other, -1) >= rank[lock]:
                    free = arithmetic("==", self._held(other), _ZERO, pos)
                    self.check(free, "lock-order", f"{lock} is waited for while {other} is held", pos)

    def acquired(self, lock: str, kind: str) -> None:
        """The lock is held now."""
        self.lock_kinds[lock] = kind
        self._count(lock, 1)

    def released(self, lock: str) -> None:
        """The lock is not held any more."""
        self._count(lock, -1)

    def _count(self, lock: str, change: int) -> None:
        old = self._held(lock)
        new = fold("+", old.expr, ir.Const(change), values.INT)
        register = held_register(lock)
        self.lock_counts[register] = lock
        self.emit(ir.Assign(register, new))
        self.env[register] = RValue(new if isinstance(new, ir.Const) else ir.Reg(register), old.type)

    # primitives

    def primitive(self, name: str, node: ast.Call, mask: int | None = None) -> Known | None:
        """A primitive of the table."""
        until = next((arg for param, arg in zip(argument_kinds(name), node.args, strict=False) if param.kind == "until"), None)
        if until is not None:
            return self._wait_event(name, until, node)
        args = self.arguments(name, node)
        site = Site(name, self.pos(node), self.source.text(node), mask)
        for place in args:
            if isinstance(place, Place) and isinstance(place.addr, ir.Const) and not isinstance(place.addr.value, Ptr):
                self.access_nothing(place.addr, site)
                return RValue(ir.Const(0), Scalar(values.INT))
        result = self.primitives.expand(name, args, site)
        for param, arg, written in zip(argument_kinds(name), node.args, args, strict=True):
            if param.kind == "local":
                assert isinstance(arg, ast.Name) and isinstance(written, RValue)
                self.set_variable(arg.id, written, node)
        return result

    def _wait_event(self, name: str, cond: ast.expr, node: ast.Call) -> Known:
        """Sleep until a condition is true, which is evaluated again and again."""
        self.may_sleep(name, self.pos(node))
        waits = ast.While(ast.UnaryOp(ast.Not(), cond), [ast.Pass()], [])
        self.statement(ast.fix_missing_locations(ast.copy_location(waits, node)))
        return literal(0)

    def local_argument(self, node: ast.expr) -> RValue:
        """A variable of the function that a primitive reads and writes: its value, in a register of its own."""
        if not isinstance(node, ast.Name) or node.id not in self.source.assigned or node.id in self.source.shared:
            raise InputError(f"{self.source.text(node)} must be a local variable: it is read and written", self.pos(node))
        value = self.rvalue(node)
        reg = self.unique("expected")
        self.emit(ir.Assign(reg, value.expr, self.pos(node)))
        return RValue(ir.Reg(reg), value.type)

    def wait_condition(self, node: ast.expr) -> Condition:
        """The condition of a wait over the value just read."""
        if not isinstance(node, ast.Lambda) or len(node.args.args) != 1:
            raise InputError("the condition is a lambda of one argument: lambda v: v != 0", self.pos(node))
        name = node.args.args[0].arg
        if name in self.source.assigned or name in self.source.parameters:
            raise InputError(f"{name} is a variable of the function: give the lambda's argument another name", self.pos(node))

        def over(value: RValue) -> RValue:
            self.lambdas[name] = value
            cond = self.value(node.body)
            del self.lambdas[name]
            if not isinstance(cond, RValue):
                raise InputError("the condition of a wait must depend on the value", self.pos(node))
            return boolean(cond)

        return Condition(over)

    def shown_at(self, site: Site) -> tuple[Position, str]:
        """Where an event is said to happen: what an accessor does happens where it is called."""
        return (self.frames[-1].call if self.frames else None) or (site.pos, site.text)

    def special(self, name: str, node: ast.Call) -> tuple[Known | None] | None:
        """Primitives that are no events, or need more than values."""
        handler = specials.SPECIAL.get(name)
        return (handler(self, node),) if handler else None

    def constant_field(self, place: Place, kind: Type, place_pos: Position) -> RValue:
        """As in :class:`Walker`; where ghosts are cells, constants that are not known are read like ghosts, without a step."""
        if not self.ghost_cells or isinstance(place.addr, ir.Const):
            return super().constant_field(place, kind, place_pos)
        self.touch(place.addr, place.offset)
        reg = self.temp()
        self.emit(ir.Load(reg, place.addr, frozenset({GHOST}), place_pos, place.label))
        return RValue(ir.Reg(reg), kind)

    def ghost_add(self, place: Place, amount: RValue, pos: Position) -> None:
        """Add to a ghost counter: to this thread's share of it."""
        wide = to_ctype(amount.expr, ctype_of(amount.type), values.LONG)
        if self.ghost_cells:
            self.touch(place.addr, place.offset)
            old = self.temp()
            new = fold("+", ir.Reg(old), wide, values.LONG)
            self.emit(ir.Rmw(old, place.addr, new, frozenset({GHOST}), frozenset({GHOST}), pos=pos, text=place.label))
            return
        if isinstance(place.addr, ir.Const):
            if isinstance(place.addr.value, Ptr) and self.memory.has(place.addr.value):
                self._add_share(place.addr.value, wide, pos)
            else:
                raise InputError(f"{place.label} is not a ghost counter", pos)
            return
        for address in self.memory.ghosts_like(place.offset):
            here = ir.Binary("==", place.addr, ir.Const(address), values.POINTER)
            self._add_share(address, ir.Conditional(here, wide, ir.Const(0)), pos)

    def _add_share(self, address: Ptr, amount: ir.Expr, pos: Position) -> None:
        self.ghosts.add(address)
        reg = ghost_register(address)
        self.emit(ir.Assign(reg, fold("+", ir.Reg(reg), amount, values.LONG), pos))


def ghost_register(address: Ptr) -> str:
    """The register that holds a thread's share of a ghost counter."""
    return f"{GHOST_CELL}{address.base}+{address.offset}"
