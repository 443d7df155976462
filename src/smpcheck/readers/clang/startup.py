"""What happens before the threads: initial values and the harness's INIT, run once, one statement after the other."""

from __future__ import annotations

from collections.abc import Sequence

from smpcheck.errors import InputError, LimitError
from smpcheck.program import ir, values
from smpcheck.program.values import CType, Ptr, Value, truth

MAX_STEPS = 1_000_000


class _Leaves(Exception):
    """A block or loop is left."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label


class _NotThisWay(Exception):
    """An assumption does not hold: another choice has to be made."""


class Bytes:
    """Memory, byte by byte, the lowest first. A byte is a number, or one of the eight of a pointer."""

    def __init__(self) -> None:
        self.bytes: dict[Ptr, int | tuple[Ptr, int]] = {}

    def write(self, address: Ptr, value: Value, size: int) -> None:
        """Write ``size`` bytes."""
        for i in range(size):
            byte = (value, i) if isinstance(value, Ptr) else value >> 8 * i & 255
            self.bytes[Ptr(address.base, address.offset + i)] = byte

    def read(self, address: Ptr, ctype: CType) -> Value:
        """Read a value of this type; what was never written is 0. :raises ValueError_: a part of a pointer"""
        found = [self.bytes.get(Ptr(address.base, address.offset + i), 0) for i in range(ctype.size)]
        first = found[0]
        if isinstance(first, tuple) and found == [(first[0], i) for i in range(8)]:
            return first[0]
        number = 0
        for i, byte in enumerate(found):
            if isinstance(byte, tuple):
                raise values.UndefinedValue(f"a part of the pointer {byte[0]} is read as a number")
            number |= byte << 8 * i
        return ctype.wrap(number)


class Startup:
    """Runs statements over ``memory``."""

    def __init__(self, memory: Bytes) -> None:
        self.memory = memory
        self.registers: dict[str, Value] = {}
        self.types: dict[str, CType] = {}
        self.steps = 0

    def run(self, thread: ir.Thread) -> None:
        """Run a thread to its end. :raises InputError: it fails, waits, or does not end"""
        self.types = dict(thread.reg_types)
        try:
            self._body(thread.body)
        except _NotThisWay:
            raise InputError("the initialisation waits for something that nobody does", None) from None

    def _body(self, body: Sequence[ir.Stmt]) -> None:
        for stmt in body:
            self._step(stmt)

    def _step(self, stmt: ir.Stmt) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise LimitError(f"the initialisation takes more than {MAX_STEPS} steps", stmt.pos)
        try:
            self._do(stmt)
        except values.UndefinedValue as error:
            raise InputError(str(error), stmt.pos) from None

    def _do(self, stmt: ir.Stmt) -> None:
        match stmt:
            case ir.Assign(reg, expr):
                self._set(reg, self.value(expr))
            case ir.Load():
                self._set(stmt.reg, self._read(stmt.addr, stmt.ctype, stmt))
            case ir.Store():
                self._write(stmt.addr, self.value(stmt.value), stmt.ctype, stmt)
            case ir.Rmw():
                self._set(stmt.old, self._read(stmt.addr, stmt.ctype, stmt))
                if stmt.when is not None and not truth(self.value(stmt.when)):
                    raise _NotThisWay
                self._write(stmt.addr, self.value(stmt.new), stmt.ctype, stmt)
            case ir.If():
                self._body(stmt.then if truth(self.value(stmt.cond)) else stmt.other)
            case ir.Choice():
                saved = dict(self.memory.bytes), dict(self.registers)
                try:
                    self._body(stmt.then)
                except _NotThisWay:
                    self.memory.bytes, self.registers = saved
                    self._body(stmt.other)
            case ir.Block() | ir.Loop():
                self._labelled(stmt)
            case ir.Exit(label):
                raise _Leaves(label)
            case ir.Assume(cond):
                if not truth(self.value(cond)):
                    raise _NotThisWay
            case ir.Assert(cond, _, message):
                if not truth(self.value(cond)):
                    raise InputError(f"the initialisation fails: {message}", stmt.pos)

    def _labelled(self, stmt: ir.Block | ir.Loop) -> None:
        try:
            self._body(stmt.body)
            while isinstance(stmt, ir.Loop):
                self._body(stmt.body)
        except _Leaves as leaves:
            if leaves.label != stmt.label:
                raise

    def _set(self, reg: str, value: Value) -> None:
        ctype = self.types.get(reg)
        self.registers[reg] = value if ctype is None or isinstance(value, Ptr) else ctype.wrap(value)

    def _address(self, addr: ir.Expr, stmt: ir.Stmt) -> Ptr:
        address = self.value(addr)
        if not isinstance(address, Ptr):
            raise InputError(f"the initialisation accesses the address {address}", stmt.pos)
        return address

    def _read(self, addr: ir.Expr, ctype: CType | None, stmt: ir.Stmt) -> Value:
        assert ctype is not None
        return self.memory.read(self._address(addr, stmt), ctype)

    def _write(self, addr: ir.Expr, value: Value, ctype: CType | None, stmt: ir.Stmt) -> None:
        assert ctype is not None
        self.memory.write(self._address(addr, stmt), value if isinstance(value, Ptr) else ctype.wrap(value), ctype.size)

    def value(self, expr: ir.Expr) -> Value:
        """The value of an expression."""
        match expr:
            case ir.Const(value):
                return value
            case ir.Reg(name):
                return self.registers.get(name, 0)
            case ir.Unary(op, arg, ctype):
                return values.unary(op, self.value(arg), ctype)
            case ir.Binary("&&", left, right):
                return int(truth(self.value(left)) and truth(self.value(right)))
            case ir.Binary("||", left, right):
                return int(truth(self.value(left)) or truth(self.value(right)))
            case ir.Binary(op, left, right, ctype):
                one, other = self.value(left), self.value(right)
                one = one if isinstance(one, Ptr) else ctype.wrap(one)
                if op not in ("<<", ">>"):
                    other = other if isinstance(other, Ptr) else ctype.wrap(other)
                return values.binary(op, one, other, ctype)
            case ir.Cast(ctype, arg):
                return ctype.wrap(self.value(arg))
            case ir.Conditional(cond, then, other_):
                return self.value(then if truth(self.value(cond)) else other_)
        raise AssertionError(expr)
