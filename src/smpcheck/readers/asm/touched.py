"""Which objects each access may be to, before anything is known of sizes: those whose addresses may be in its registers then.

What a register may hold is followed along the instructions of its thread, with joins at labels; an object holds all addresses
that any store may ever put into it (Andersen 1994), and an address into an object leads to all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from smpcheck.program import ir
from smpcheck.program.values import Ptr
from smpcheck.readers.asm.machine import Thread
from smpcheck.readers.flow import Item, Jump, Label

Names: TypeAlias = frozenset[str]
"""Objects, by their names."""
Registers: TypeAlias = dict[str, Names]
"""To what registers may lead. One that is not there leads to nothing."""

_NOTHING: Names = frozenset()
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))


class Touched:
    """The objects that accesses of ``threads`` may be to. ``objects``: to what each leads at first; ``start``: the same of the
    registers of each thread."""

    def __init__(self, objects: Mapping[str, Names], start: Mapping[int, Registers], threads: Sequence[Thread]) -> None:
        self.objects = dict(objects)
        self._by_access: dict[int, Names] = {}
        self._at_label: dict[tuple[int, str], Registers] = {}
        self._at_end: dict[int, Registers] = {}
        self._grew = True
        while self._grew:
            self._grew = False
            for thread in threads:
                end = self._run(thread.index, thread.items, dict(start.get(thread.index, {})))
                self._at_end[thread.index] = end or {}

    def by(self, stmt: ir.Load | ir.Store | ir.Rmw) -> Names:
        """The objects that an access may be to; none, if it is never reached."""
        return self._by_access.get(id(stmt), _NOTHING)

    def at_end(self, thread: int, register: str) -> Names:
        """The objects to which a register of a thread may lead in the end."""
        return self._at_end.get(thread, {}).get(register, _NOTHING)

    def _run(self, thread: int, items: Iterable[Item], registers: Registers | None) -> Registers | None:
        """The registers after ``items``; None: what follows is not reached from there."""
        for item in items:
            match item:
                case Label(name):
                    registers = self._joined((thread, name), registers)
                case Jump(target, cond):
                    self._joined((thread, target), registers)
                    registers = registers if cond is not None else None
                case ir.Choice(then, other) if registers is not None:
                    first, second = self._run(thread, then, dict(registers)), self._run(thread, other, dict(registers))
                    registers = _join(first or {}, second or {})
                case _ if registers is not None:
                    self._step(item, registers)
        return registers

    def _joined(self, label: tuple[int, str], registers: Registers | None) -> Registers | None:
        """What is known at a label, which may be reached with ``registers``, too."""
        known = self._at_label.get(label)
        if registers is None:
            return None if known is None else dict(known)
        joined = dict(registers) if known is None else _join(known, registers)
        self._grew |= joined != known
        self._at_label[label] = joined
        return dict(joined)

    def _step(self, stmt: Item, registers: Registers) -> None:
        match stmt:
            case ir.Assign(reg, expr):
                registers[reg] = _leads(expr, registers)
            case ir.Load(reg, addr):
                registers[reg] = self._read(self._access(stmt, addr, registers))
            case ir.Store(addr, value):
                self._write(self._access(stmt, addr, registers), _leads(value, registers))
            case ir.Rmw(old, addr, new):
                names = self._access(stmt, addr, registers)
                registers[old] = self._read(names)
                self._write(names, _leads(new, registers))

    def _access(self, stmt: ir.Load | ir.Store | ir.Rmw, addr: ir.Expr, registers: Registers) -> Names:
        found = self._by_access[id(stmt)] = self.by(stmt) | _leads(addr, registers)
        return found

    def _read(self, names: Names) -> Names:
        return _NOTHING.union(*(self.objects.get(name, _NOTHING) for name in names))

    def _write(self, names: Names, found: Names) -> None:
        for name in names:
            known = self.objects.get(name, _NOTHING)
            if not found <= known:
                self.objects[name] = known | found
                self._grew = True


def _join(first: Registers, second: Registers) -> Registers:
    return {name: first.get(name, _NOTHING) | second.get(name, _NOTHING) for name in first.keys() | second.keys()}


def _leads(expr: ir.Expr, registers: Registers) -> Names:
    """The objects to which a value may lead."""
    match expr:
        case ir.Const(Ptr(base)):
            return frozenset((base,))
        case ir.Reg(name):
            return registers.get(name, _NOTHING)
        case ir.Binary(op, left, right) if op not in _COMPARISONS:
            return _leads(left, registers) | _leads(right, registers)
        case ir.Unary(_, arg) | ir.Cast(_, arg):
            return _leads(arg, registers)
        case ir.Conditional(_, then, other):
            return _leads(then, registers) | _leads(other, registers)
    return _NOTHING
