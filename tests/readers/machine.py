"""Runs one thread of a program alone, on memory of its own: what C would compute where nobody interferes."""

from __future__ import annotations

from smpcheck.program import ir
from smpcheck.program.values import Ptr, Value, binary, truth, unary


class Stopped(Exception):
    """An assumption does not hold on this path."""


class Left(Exception):
    """A jump to the end of a block."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label


class Machine:
    """``run`` executes a thread; ``regs`` and ``memory`` are its state, ``events`` what happened: (text, tags)."""

    def __init__(self, program: ir.Program, steps: int = 10_000) -> None:
        self.program = program
        self.memory: dict[Ptr, Value] = {address: cell.init for address, cell in program.cells.items()}
        self.regs: dict[str, Value] = {}
        self.events: list[tuple[str, frozenset[str]]] = []
        self.steps = steps

    def run(self, thread: int = 0) -> Machine:
        self._body(self.program.threads[thread].body)
        return self

    def reg(self, name: str) -> Value:
        return self.regs.get(name, 0)

    def cell(self, name: str) -> Value:
        (address,) = (a for a, cell in self.program.cells.items() if cell.name == name)
        return self.memory[address]

    def eval(self, expr: ir.Expr) -> Value:
        match expr:
            case ir.Const(value):
                return value
            case ir.Reg(name):
                return self.reg(name)
            case ir.Unary(op, arg, ctype):
                return unary(op, self.eval(arg), ctype)
            case ir.Binary(op, left, right, ctype):
                return binary(op, self.eval(left), self.eval(right), ctype)
            case ir.Cast(ctype, arg):
                return ctype.wrap(self.eval(arg))
            case ir.Conditional(cond, then, other):
                return self.eval(then if truth(self.eval(cond)) else other)
        raise AssertionError(expr)

    def _address(self, expr: ir.Expr) -> Ptr:
        address = self.eval(expr)
        assert isinstance(address, Ptr) and address in self.memory, f"{address} is no location"
        return address

    def _body(self, body: tuple[ir.Stmt, ...]) -> None:
        for stmt in body:
            self.steps -= 1
            assert self.steps > 0, "does not end"
            self._stmt(stmt)

    def _stmt(self, stmt: ir.Stmt) -> None:
        match stmt:
            case ir.Assign():
                self.regs[stmt.reg] = self.eval(stmt.expr)
            case ir.Load():
                self.events.append((stmt.text, stmt.tags))
                self.regs[stmt.reg] = self.memory[self._address(stmt.addr)]
            case ir.Store():
                self.events.append((stmt.text, stmt.tags))
                self.memory[self._address(stmt.addr)] = self.eval(stmt.value)
            case ir.Rmw():
                address = self._address(stmt.addr)
                self.regs[stmt.old] = self.memory[address]
                if stmt.when is not None and not truth(self.eval(stmt.when)):
                    raise Stopped
                self.events += [(stmt.text, stmt.read_tags), (stmt.text, stmt.write_tags)]
                self.memory[address] = self.eval(stmt.new)
            case ir.Fence():
                self.events.append((stmt.text, stmt.tags))
            case ir.If():
                self._body(stmt.then if truth(self.eval(stmt.cond)) else stmt.other)
            case ir.Choice():
                saved = dict(self.memory), dict(self.regs), list(self.events)
                try:
                    self._body(stmt.then)
                except Stopped:
                    self.memory, self.regs, self.events = saved
                    self._body(stmt.other)
            case ir.Block():
                self._leaving(stmt.label, stmt.body)
            case ir.Loop():
                while not self._leaving(stmt.label, stmt.body):
                    pass
            case ir.Round() | ir.Assert():
                pass
            case ir.Exit():
                raise Left(stmt.label)
            case ir.Assume():
                if not truth(self.eval(stmt.cond)):
                    raise Stopped
            case _:
                raise AssertionError(stmt)

    def _leaving(self, label: str, body: tuple[ir.Stmt, ...]) -> bool:
        try:
            self._body(body)
        except Left as left:
            if left.label != label:
                raise
            return True
        return False
