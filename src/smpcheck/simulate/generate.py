"""Instructions as generated Python functions: what makes a step cheap.

A thread is at a *point*: a place where its next step is taken. Each alternative of a point is an action ``f(r, m)`` on the
thread's registers ``r`` and the memory ``m`` (both lists), which takes the step, goes on to the next point and returns its
number, and perhaps a guard ``g(r, m)`` that says whether the step is possible.

Addresses are numbers here: object k lies at ``BASE + k * STRIDE``, so that offsets and equality of pointers are Python's on
integers. All else that is done to what may be an address is done to the symbolic pointer (:mod:`smpcheck.simulate.provenance`).
``m[0]`` collects the failed checks as a bit mask, ``m[1]`` is set when an assumption fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from smpcheck.errors import InputError
from smpcheck.program import ir, values
from smpcheck.program.flow import defined, used
from smpcheck.program.held import held_lock
from smpcheck.program.pieces import Access, Misaligned, covered, final_contents, put_together, taken_apart
from smpcheck.program.values import CType, Ptr, UndefinedValue, Value
from smpcheck.simulate.code import Branch, Code, End, Jump, Local, Pick, Rcu, Step, Turn, predecessors
from smpcheck.simulate.provenance import Provenance

BASE = 0x5A00_0000_0000_0000
STRIDE = 1 << 32

FAILED, ABANDONED, FIRST_CELL = 0, 1, 2

NOTHING: Mapping[str, str] = {}

Memory: TypeAlias = list[int]
Registers: TypeAlias = list[int]
Action: TypeAlias = Callable[[Registers, Memory], int]
Guard: TypeAlias = Callable[[Registers, Memory], Any]


class Addresses:
    """Symbolic pointers as numbers, and back."""

    def __init__(self, program: ir.Program) -> None:
        names = list(dict.fromkeys(p.base for p in program.cells))
        self.base = {name: BASE + k * STRIDE for k, name in enumerate(names)}
        self.names = names

    def number(self, value: Value) -> int:
        """A value as a number."""
        if isinstance(value, Ptr):
            if value.base not in self.base:
                self.base[value.base] = BASE + len(self.names) * STRIDE
                self.names.append(value.base)
            return self.base[value.base] + value.offset
        return int(value)

    def value(self, number: int) -> Value:
        """A number as a value: an address if it lies in an object."""
        k, offset = divmod(number - BASE + STRIDE // 2, STRIDE)
        if 0 <= k < len(self.names):
            return Ptr(self.names[k], offset - STRIDE // 2)
        return int(number)

    def binary(self, op: str, left: int, right: int, ctype: CType) -> int:
        """An operation that may be on addresses, as :func:`smpcheck.program.values.binary` has it."""
        return self.number(values.binary(op, self.value(left), self.value(right), ctype))

    def unary(self, op: str, arg: int, ctype: CType) -> int:
        """The same for :func:`smpcheck.program.values.unary`."""
        return self.number(values.unary(op, self.value(arg), ctype))

    def narrow(self, number: int, ctype: CType) -> int:
        """A conversion of what may be an address."""
        return self.number(ctype.wrap(self.value(number)))


class Computed(dict[tuple[int, int], int]):
    """The results of an operation that may be on addresses, by its operands."""

    def __init__(self, addresses: Addresses, op: str, ctype: CType) -> None:
        super().__init__()
        self.addresses = addresses
        self.op = op
        self.ctype = ctype

    def __missing__(self, operands: tuple[int, int]) -> int:
        found = self[operands] = self.addresses.binary(self.op, *operands, self.ctype)
        return found


class Places(dict[int, tuple[int, ...]]):
    """Where an access is, in a program with accesses of several sizes: by address, the indices in memory of the cells that it
    covers. A look-up elsewhere is the fault that the access is."""

    def __init__(self, generator: Generator, stmt: Access) -> None:
        super().__init__()
        self.generator = generator
        self.stmt = stmt

    def __missing__(self, number: int) -> tuple[int, ...]:
        generator = self.generator
        try:
            cells = covered(self.stmt, generator.addresses.value(number), generator.program)
        except Misaligned:
            raise Misaligned(number) from None
        except KeyError:
            raise KeyError(number) from None
        found = self[number] = tuple([generator.cells[cell] for cell in cells])
        return found


@dataclass(slots=True)
class Point:
    """A thread's place: its alternatives. ``pc`` is the instruction; ``blocking``: waiting here is waiting for a lock;
    ``waiting``: for a value, or for the end of a grace period."""

    pc: int
    alternatives: tuple[tuple[Guard | None, Action], ...]
    blocking: bool = False
    done: bool = False
    waiting: bool = False


class Points(dict[int, Point]):
    """The points of a thread by instruction, each made when it is first asked for: most are never reached."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def __missing__(self, pc: int) -> Point:
        found = self[pc] = self.generator.point(pc)
        return found

    def all(self) -> dict[int, Point]:
        """All points."""
        for pc, instr in enumerate(self.generator.code.instrs):
            if isinstance(instr, Step | Rcu | Turn | Pick | End):
                self[pc]
        return self


def divide(a: int, b: int) -> int:
    if b == 0:
        raise UndefinedValue("division by zero")
    q = abs(a) // abs(b)
    return -q if (a < 0) != (b < 0) else q


def shift_count(count: int, bits: int) -> int:
    if not 0 <= count < max(bits, 32):
        raise UndefinedValue(f"shift by {count}")
    return count


@dataclass
class Generator:
    """Generates one thread's functions. ``cells`` maps addresses to indices of ``m``; ``checks`` numbers the names of checks."""

    code: Code
    thread: int
    threads: int
    cells: dict[Ptr, int]
    addresses: Addresses
    checks: dict[str, int]
    provenance: Provenance
    program: ir.Program
    on_lock: Callable[[int, str, Registers, bool], None] | None = None
    types: list[CType] = field(default_factory=list)
    tables: dict[str, tuple[str, CType]] = field(default_factory=dict)
    places: dict[str, Places] = field(default_factory=dict)
    registers: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    made: set[int] = field(default_factory=set)
    functions: dict[str, Any] = field(default_factory=dict)

    # expressions

    def reg(self, name: str) -> str:
        """A register in generated code."""
        return f"r[{self.registers.setdefault(name, len(self.registers))}]"

    def expr(self, expr: ir.Expr, subst: Mapping[str, str] = NOTHING) -> str:
        """An expression in generated code; ``subst``: what stands for some registers."""
        match expr:
            case ir.Const(value):
                return repr(self.addresses.number(value))
            case ir.Reg(name):
                return subst[name] if name in subst else self.reg(name)
            case ir.Unary(op, arg, ctype):
                if op != "!" and self.may_point(arg):
                    return f"_unary({op!r}, {self.expr(arg, subst)}, {self.type(ctype)})"
                return self._unary(op, self.expr(arg, subst), ctype)
            case ir.Cast(ctype, arg):
                if 1 < ctype.bits < 64 and self.may_point(arg):
                    return f"_narrow({self.expr(arg, subst)}, {self.type(ctype)})"
                return self.wrapped(self.expr(arg, subst), ctype)
            case ir.Binary(op, left, right, ctype):
                a, b = self.expr(left, subst), self.expr(right, subst)
                if self._is_pointer_arithmetic(op, left, right):
                    return f"{self.computed(op, ctype)}[{a}, {b}]"
                return self._binary(op, a, b, ctype, right)
            case ir.Conditional(cond, then, other):
                return f"({self.expr(then, subst)} if {self.expr(cond, subst)} else {self.expr(other, subst)})"
            case ir.FinalMem(cell):
                whole = final_contents(expr, self.program)
                return f"m[{self.cells[cell]}]" if whole is None else self.expr(whole)
        raise InputError(f"{type(expr).__name__} is not an expression of a thread")

    def may_point(self, expr: ir.Expr) -> bool:
        """May this be an address?"""
        return self.provenance.may_point(expr, self.code.thread.index)

    def _is_pointer_arithmetic(self, op: str, left: ir.Expr, right: ir.Expr) -> bool:
        """May it be an operation on an address that the numbers that stand for them do not show? Equality and offsets they do."""
        if op in ("==", "!=", "&&", "||"):
            return False
        if op == "+":
            return self.may_point(left) and self.may_point(right)
        return self.may_point(left) or self.may_point(right)

    def computed(self, op: str, ctype: CType) -> str:
        """What knows the results of an operation that may be on addresses."""
        names = [name for name, known in self.tables.items() if known == (op, ctype)]
        if not names:
            names = [f"_table{len(self.tables)}"]
            self.tables[names[0]] = (op, ctype)
        return names[0]

    def type(self, ctype: CType) -> str:
        """A type in generated code."""
        if ctype not in self.types:
            self.types.append(ctype)
        return f"_types[{self.types.index(ctype)}]"

    def wrapped(self, text: str, ctype: CType) -> str:
        """The value of ``text`` in the range of ``ctype``."""
        if ctype.bits == 1:
            return f"(1 if {text} else 0)"
        mask = (1 << ctype.bits) - 1
        if not ctype.signed:
            return f"({text} & {mask})"
        half = 1 << (ctype.bits - 1)
        return f"((({text} + {half}) & {mask}) - {half})"

    def _unary(self, op: str, arg: str, ctype: CType) -> str:
        if op == "!":
            return f"(0 if {arg} else 1)"
        if op == "~" and ctype.signed:
            return f"(~{arg})"
        return self.wrapped(f"({op}{arg})", ctype)

    def _binary(self, op: str, a: str, b: str, ctype: CType, right: ir.Expr) -> str:
        if op in ("==", "!=", "<", "<=", ">", ">="):
            return f"({a} {op} {b})"
        if op == "&&":
            return f"(1 if {a} and {b} else 0)"
        if op == "||":
            return f"(1 if {a} or {b} else 0)"
        if op in ("&", "|", "^"):
            text = f"({a} {op} {b})"
            return text if ctype.signed or not (a.startswith("-") or b.startswith("-")) else self.wrapped(text, ctype)
        if op in ("<<", ">>"):
            if not (isinstance(right, ir.Const) and 0 <= self.addresses.number(right.value) < ctype.bits):
                b = f"_shift({b}, {ctype.bits})"
            return f"({a} >> {b})" if op == ">>" else self.wrapped(f"({a} << {b})", ctype)
        if op == "/":
            return self.wrapped(f"_divide({a}, {b})", ctype)
        if op == "%":
            return self.wrapped(f"({a} - {b} * _divide({a}, {b}))", ctype)
        return self.wrapped(f"({a} {op} {b})", ctype)

    def place(self, addr: ir.Expr) -> str:
        """The memory cell at an address."""
        if isinstance(addr, ir.Const):
            index = self.cells.get(addr.value) if isinstance(addr.value, Ptr) else None
            return f"m[{index}]" if index is not None else f"m[ix[{self.expr(addr)}]]"
        return f"m[ix[{self.expr(addr)}]]"

    # accesses of several sizes

    def located(self, stmt: Access, at: str = "") -> list[str]:
        """The memory cells that an access covers, lowest first. ``at``: what holds their indices, if they were looked up."""
        if not self.in_sizes(stmt):
            return [self.place(stmt.addr)]
        known = self.known_places(stmt)
        if known is not None:
            return [f"m[{index}]" for index in known]
        found = at or self.looked_up(stmt)
        return [f"m[{found}[{j}]]" for j in range(len(stmt.pieces) or 1)]

    def in_sizes(self, stmt: Access) -> bool:
        """May the access be to anything but one whole cell?"""
        return self.program.mixed and stmt.ctype is not None

    def known_places(self, stmt: Access) -> tuple[int, ...] | None:
        """The indices of its cells, if they are known."""
        if isinstance(stmt.addr, ir.Const):
            try:
                return tuple([self.cells[cell] for cell in covered(stmt, stmt.addr.value, self.program)])
            except KeyError:
                return None
        return None

    def looked_up(self, stmt: Access) -> str:
        """What looks the indices of its cells up, as a tuple, when it is executed."""
        name = f"_places{len(self.places)}"
        self.places[name] = Places(self, stmt)
        return f"{name}[{self.expr(stmt.addr)}]"

    def whole(self, stmt: ir.Load | ir.Rmw, parts: Sequence[str]) -> str:
        """The value of an access whose cells hold ``parts``."""
        if not stmt.pieces:
            return parts[0]
        assert stmt.ctype is not None
        names = [f"@part {j}" for j in range(len(parts))]
        whole = put_together([ir.Reg(n) for n in names], stmt.ctype, stmt.pieces, self.program.big_endian)
        return self.expr(whole, dict(zip(names, parts, strict=True)))

    def parts_of(self, stmt: ir.Store | ir.Rmw) -> list[str]:
        """What an access writes to each of its cells."""
        value = stmt.value if isinstance(stmt, ir.Store) else stmt.new
        if not stmt.pieces:
            return [self.expr(value)]
        assert stmt.ctype is not None
        return [self.expr(part) for part in taken_apart(value, stmt.ctype, stmt.pieces, self.program.big_endian)]

    def access(self, stmt: Access) -> list[str]:
        """An access of a program with accesses of several sizes."""
        lines = []
        if self.known_places(stmt) is None:
            lines.append(f"i = {self.looked_up(stmt)}")
        cells = self.located(stmt, "i")
        if not isinstance(stmt, ir.Store):
            lines.append(f"{self.reg(stmt.reg if isinstance(stmt, ir.Load) else stmt.old)} = {self.whole(stmt, cells)}")
        if not isinstance(stmt, ir.Load):
            lines += [f"{cell} = {part}" for cell, part in zip(cells, self.parts_of(stmt), strict=True)]
        return lines

    # statements

    def effect(self, stmt: ir.Stmt) -> list[str]:
        """A statement without control flow."""
        match stmt:
            case ir.Assign(reg, expr):
                line = f"{self.reg(reg)} = {self.expr(expr)}"
                if (lock := held_lock(reg)) is not None and self.on_lock is not None:
                    return [line, f"on_lock({self.thread}, {lock!r}, r, {self.waited})"]
                return [line]
            case ir.Load() | ir.Store() | ir.Rmw() if self.in_sizes(stmt):
                return self.access(stmt)
            case ir.Load():
                return [f"{self.reg(stmt.reg)} = {self.place(stmt.addr)}"]
            case ir.Store():
                return [f"{self.place(stmt.addr)} = {self.expr(stmt.value)}"]
            case ir.Rmw():
                old = self.reg(stmt.old)
                if isinstance(stmt.addr, ir.Const):
                    place = self.place(stmt.addr)
                    return [f"{old} = {place}", f"{place} = {self.expr(stmt.new)}"]
                return [f"i = ix[{self.expr(stmt.addr)}]", f"{old} = m[i]", f"m[i] = {self.expr(stmt.new)}"]
            case ir.Assert(cond, name):
                bit = 1 << self.checks.setdefault(name, len(self.checks))
                return [f"if not {self.expr(cond)}: m[{FAILED}] |= {bit}"]
        return []

    waited: bool = False

    def step(self, pc: int) -> list[str]:
        """The step at ``pc`` itself."""
        instr = self.code.instrs[pc]
        if isinstance(instr, Step):
            return self.effect(instr.stmt)
        if isinstance(instr, Rcu):
            nest, wait = FIRST_CELL + len(self.cells), FIRST_CELL + len(self.cells) + self.threads
            me = f"m[{nest + self.thread}]"
            match instr.what:
                case "lock":
                    return [f"{me} += 1"]
                case "unlock":
                    others = [f"m[{wait + u}] &= {~(1 << self.thread)}" for u in range(self.threads)]
                    return [f"{me} -= 1", f"if {me} == 0:", *("  " + line for line in others)]
                case "start":
                    inside = " | ".join(f"({1 << u} if m[{nest + u}] else 0)" for u in range(self.threads))
                    return [f"m[{wait + self.thread}] = {inside}"]
        return []

    def guard(self, pc: int) -> str | None:
        """The condition under which the step at ``pc`` is possible."""
        instr = self.code.instrs[pc]
        if isinstance(instr, Rcu) and instr.what == "wait":
            return f"not m[{FIRST_CELL + len(self.cells) + self.threads + self.thread}]"
        if isinstance(instr, Step) and instr.guard is not None:
            value = self.place(instr.stmt.addr)
            if not isinstance(instr.stmt, ir.Store) and self.in_sizes(instr.stmt):
                value = self.whole(instr.stmt, self.located(instr.stmt))
            return self.expr(instr.guard, {instr.reg: value})
        return None

    # control flow

    def go_on(self, pc: int, indent: str, out: list[str], depth: int = 0) -> None:
        """Code from ``pc`` to the next point."""
        while True:
            instr = self.code.instrs[pc]
            match instr:
                case Step() | Rcu() | Turn() | Pick() | End():
                    out.append(f"{indent}return {pc}")
                    return None
                case Jump(to):
                    pc = to
                    if self.shared(pc) and depth:
                        return self._call(pc, indent, out)
                    continue
                case Branch(stmt, other):
                    if depth > 8:
                        return self._call(pc, indent, out)
                    out.append(f"{indent}if {self.expr(stmt.cond)}:")
                    self._side(pc + 1, indent + " ", out, depth + 1)
                    pc = other
                    if self.shared(pc):
                        return self._call(pc, indent, out)
                case Local(stmt):
                    if isinstance(stmt, ir.Assume):
                        out.append(f"{indent}if not {self.expr(stmt.cond)}: m[{ABANDONED}] = 1; return -1")
                    else:
                        out.extend(indent + line for line in self.effect(stmt))
                    self._note_wait(instr)
                    pc += 1
                    if self.shared(pc) and depth:
                        return self._call(pc, indent, out)

    def _side(self, pc: int, indent: str, out: list[str], depth: int) -> None:
        if self.shared(pc):
            self._call(pc, indent, out)
        else:
            self.go_on(pc, indent, out, depth)

    def _call(self, pc: int, indent: str, out: list[str]) -> None:
        """Go on at a place that is reached from several others: in a function of its own, unless it is a point."""
        if isinstance(self.code.instrs[pc], Step | Rcu | Turn | Pick | End):
            out.append(f"{indent}return {pc}")
            return
        self.wanted.append(pc)
        out.append(f"{indent}return q{pc}(r, m)")

    def shared(self, pc: int) -> bool:
        """Is ``pc`` reached from several places?"""
        return self.predecessors[pc] > 1

    def _note_wait(self, instr: Local) -> None:
        """Remember whether the lock that a bookkeeping assignment is about was waited for."""
        if not isinstance(instr.stmt, ir.Assign) or held_lock(instr.stmt.reg) is None:
            self.waited = False

    def function(self, name: str, body: list[str]) -> None:
        """Add a function."""
        self.lines.append(f"def {name}(r, m):")
        self.lines.extend(body or [" pass"])

    def generate(self) -> tuple[Points, Action, dict[str, int]]:
        """The points, made when they are first reached, the action that starts the thread, and the registers' indices."""
        self.predecessors = predecessors(self.code)
        for instr in self.code.instrs:
            if isinstance(instr, Step | Local | Branch):
                for name in (*used(instr.stmt), defined(instr.stmt)):
                    if name is not None:
                        self.registers.setdefault(name, len(self.registers))
        self.wanted.append(0)
        start = self.space("q0")
        return Points(self), start, self.registers

    def point(self, pc: int) -> Point:
        """Make a point."""
        instr = self.code.instrs[pc]
        match instr:
            case Step() | Rcu() | Turn():
                plan = [self._alternative(pc, pc, ())]
            case Pick():
                plan = [self._picked(pc + 1), self._picked(instr.other)]
            case End():
                return Point(pc, (), done=True)
            case _:
                raise KeyError(pc)
        alternatives = tuple((self.space(g) if g else None, self.space(a)) for g, a in plan)
        waiting = (isinstance(instr, Step) and instr.waiting) or (isinstance(instr, Rcu) and instr.what == "wait")
        return Point(pc, alternatives, isinstance(instr, Step) and instr.blocking, waiting=waiting)

    def space(self, name: str) -> Any:
        """A function, once all that is wanted has been made."""
        while self.wanted:
            pc = self.wanted.pop()
            if pc not in self.made:
                self.made.add(pc)
                body: list[str] = []
                self.waited = False
                self.go_on(pc, " ", body)
                self.function(f"q{pc}", body)
        if not self.functions:
            self.functions = self.compiled()
        elif self.lines:
            self._compile_into(self.functions)
        return self.functions[name]

    def compiled(self) -> dict[str, Any]:
        """The functions so far, by name."""
        space: dict[str, Any] = {
            "ix": {self.addresses.number(p): i for p, i in self.cells.items()},
            "_divide": divide,
            "_shift": shift_count,
            "_types": self.types,
            "_unary": self.addresses.unary,
            "_narrow": self.addresses.narrow,
            "on_lock": self.on_lock,
        }
        self._compile_into(space)
        return space

    def _compile_into(self, space: dict[str, Any]) -> None:
        """Make the functions whose lines are there."""
        for name, (op, ctype) in self.tables.items():
            if name not in space:
                space[name] = Computed(self.addresses, op, ctype)
        space.update(self.places)
        exec(compile("\n".join(self.lines), f"<thread {self.thread}>", "exec"), space)
        self.lines.clear()

    def _alternative(self, pc: int, at: int, before: Sequence[str]) -> tuple[str | None, str]:
        """A guard and an action that take the step at ``at``, as one alternative of the point ``pc``."""
        guard = self.guard(at)
        guard_name = None
        if guard is not None:
            guard_name = f"g{at}"
            if guard_name not in self.made_guards:
                self.made_guards.add(guard_name)
                self.function(guard_name, [f" return {guard}"])
        body = [f" {line}" for line in (*before, *self.step(at))]
        instr = self.code.instrs[at]
        self.waited = isinstance(instr, Step) and instr.blocking
        self.go_on(at + 1, " ", body)
        name = f"p{pc}_{at}"
        self.function(name, body)
        return guard_name, name

    made_guards: set[str] = field(default_factory=set)

    def _picked(self, pc: int) -> tuple[str | None, str]:
        """One side of a choice: it begins with what decides it, or with nothing that does."""
        at = pc
        while isinstance(self.code.instrs[at], Local | Jump) and not self.shared(at):
            instr = self.code.instrs[at]
            if isinstance(instr, Local) and not isinstance(instr.stmt, ir.Fence):
                break
            at = instr.to if isinstance(instr, Jump) else at + 1
        instr = self.code.instrs[at]
        if isinstance(instr, Step) and instr.guard is not None:
            return self._alternative(pc, at, ())
        body: list[str] = []
        self.waited = False
        self.go_on(pc, " ", body)
        self.function(f"c{pc}", body)
        return None, f"c{pc}"
