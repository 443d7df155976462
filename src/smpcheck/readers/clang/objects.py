"""The memory of a program in the kernel's C: file-scope variables, copies of per-CPU variables, and locals with an address.

An object is the run of bytes that its variable has in C; its cells are its scalars. Copies of a per-CPU variable are one object:
that of CPU ``n`` lies ``n * PER_CPU`` bytes further on, as the kernel's ``__per_cpu_offset`` has it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from smpcheck.program.flow import expressions, statements
from smpcheck.program.ir import Binary, Cast, Cell, Conditional, Const, Expr, Thread, Unary
from smpcheck.program.values import INT, Ptr
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.startup import Bytes
from smpcheck.readers.clang.types import Leaf, Types, clusters
from smpcheck.readers.cvalues import Place

if TYPE_CHECKING:
    from smpcheck.readers.clang.expressions import TreeExpressions

PER_CPU = 1 << 20
"""Bytes between the copies of a per-CPU variable."""


IN_USE_AT = 1 << 16
"""Where the flag of an allocated object lies: so many bytes behind its beginning."""


class Objects:
    """The objects that the threads of one program can reach. ``folder``: file names are shown relative to it (the kernel tree);
    ``names``: how some files are shown."""

    def __init__(self, unit: t.Unit, cpus: int, folder: str = "", names: Mapping[str, str] | None = None) -> None:
        self.names = names or {}
        self.variables = {variable.decl: variable for variable in unit.variables}
        self.cpus = cpus
        self.folder = folder
        self.used: dict[str, tuple[int, bool]] = {}
        self.globals: dict[int, str] = {}
        self.allocated: dict[str, int] = {}
        """The objects that kmalloc() gave out, and their types."""
        self.texts: dict[str, str] = {}
        """Strings, by the names of their objects."""

    def shown(self, file: str) -> str:
        """A file's name as answers print it."""
        if file in self.names:
            return self.names[file]
        if self.folder and file.startswith(self.folder + os.sep):
            return file[len(self.folder) + 1 :]
        return file

    def place(self, decl: int, low: TreeExpressions) -> Place:
        """A file-scope variable."""
        variable = self.variables[decl]
        return Place(Const(Ptr(self.named(variable))), low.kinds.layout(variable.type))

    def named(self, variable: t.Global) -> str:
        """The object of a variable; two static ones of one name are told apart."""
        name = self.globals.get(variable.decl)
        if name is None:
            name, number = variable.name, 1
            while name in self.used:
                number += 1
                name = f"{variable.name}#{number}"
            self.globals[variable.decl] = name
            self.used[name] = (variable.type, variable.per_cpu)
        return name

    def local(self, decl: int, index: int, name: str, low: TreeExpressions) -> Place:
        """A local variable in memory."""
        self.used[name] = (index, False)
        return Place(Const(Ptr(name)), low.kinds.layout(index))

    def text(self, node: t.Text) -> Ptr:
        """The object of a string; one for all that have the same characters."""
        name = '"' + node.text.encode("unicode_escape").decode() + '"'
        self.used[name] = (node.type, False)
        self.texts[name] = node.text
        return Ptr(name)

    def pointed(self, threads: Sequence[Thread], initial: Bytes) -> set[str]:
        """The objects whose address is a value somewhere: in a thread, or in memory from the beginning."""
        return _addresses(threads)[1] | {byte[0].base for byte in initial.bytes.values() if isinstance(byte, tuple)}

    def allocate(self, index: int, low: TreeExpressions) -> Ptr:
        """A new object of a type."""
        element = low.kinds.given[index].target if low.kinds.kind(index) == "array" else index
        name = f"{low.kinds.record_name(element).removeprefix('struct ')}@{len(self.allocated) + 1}"
        self.used[name] = (index, False)
        self.allocated[name] = index
        if element != index:
            low.findings.arrays[name] = (element, index)
        return Ptr(name)

    def allocate_per_cpu(self, index: int) -> Ptr:
        """A new object of a type, of which each CPU has a copy."""
        name = f"per-CPU object {sum(per_cpu for _, per_cpu in self.used.values()) + 1}"
        self.used[name] = (index, True)
        return Ptr(name)

    def cells(self, kinds: Types, threads: Sequence[Thread], pointed: set[str], initial: Bytes) -> dict[Ptr, Cell]:
        """The cells that threads may touch: all of objects whose address is a value somewhere, of others those that are named."""
        named = _addresses(threads)[0]
        accessed = set(_accessed(threads))
        found: dict[Ptr, Cell] = {}
        for name, (index, per_cpu) in self.used.items():
            for cpu in range(self.cpus if per_cpu else 1):
                first = Ptr(name, cpu * PER_CPU)
                for leaf in (*self._leaves(kinds, index, first, accessed), *self._flag(name)):
                    start = first.offset + leaf.offset
                    if name in pointed or any(Ptr(name, start + byte) in named for byte in range(leaf.size)):
                        address = Ptr(name, start)
                        shown = f"{self._copy(name, cpu, per_cpu)}{leaf.name}"
                        found[address] = Cell(shown, leaf.ctype, initial.read(address, leaf.ctype))
        return found

    def parts(self, kinds: Types, index: int, first: Ptr) -> list[Leaf]:
        """The scalars of an object that lies at ``first`` and is accessed by none of them."""
        return list(self._leaves(kinds, index, first, set()))

    def members(self, kinds: Types) -> dict[tuple[Ptr, int], str]:
        """How parts of objects are called, by their address and size: all members of unions too."""
        return {
            (Ptr(name, cpu * PER_CPU + leaf.offset), leaf.size): f"{self._copy(name, cpu, per_cpu)}{leaf.name}"
            for name, (index, per_cpu) in self.used.items()
            for cpu in range(self.cpus if per_cpu else 1)
            for leaf in reversed(kinds.leaves(index))
        }

    def _flag(self, name: str) -> tuple[Leaf, ...]:
        return (Leaf(IN_USE_AT, INT, " in use"),) if name in self.allocated else ()

    @staticmethod
    def _copy(name: str, cpu: int, per_cpu: bool) -> str:
        return f"{name}[cpu {cpu}]" if per_cpu else name

    def _leaves(self, kinds: Types, index: int, first: Ptr, accessed: set[tuple[Ptr, int]]) -> Iterator[Leaf]:
        """Scalars that do not overlap and cover the object: of those of a union what is accessed as such, the largest, then what
        is left of it. ``first``: where the object lies."""

        def at(leaf: Leaf) -> Ptr:
            return Ptr(first.base, first.offset + leaf.offset)

        for _, _, inside in clusters(kinds.leaves(index)):
            taken: list[Leaf] = []
            for leaf in sorted(inside, key=lambda one: ((at(one), one.size) not in accessed, -one.size, one.offset)):
                if all(leaf.end <= other.offset or other.end <= leaf.offset for other in taken):
                    taken.append(leaf)
            yield from sorted(taken, key=lambda one: one.offset)


def _accessed(threads: Sequence[Thread]) -> Iterator[tuple[Ptr, int]]:
    """The known addresses of accesses, with their sizes."""
    for thread in threads:
        for stmt in statements(thread.body):
            address, ctype = getattr(stmt, "addr", None), getattr(stmt, "ctype", None)
            if isinstance(address, Const) and isinstance(address.value, Ptr) and ctype is not None:
                yield address.value, ctype.size


def _addresses(threads: Sequence[Thread]) -> tuple[set[Ptr], set[str]]:
    """The bytes that are accessed at a known address, and the objects whose address is a value or part of a computed one."""
    named: set[Ptr] = set()
    pointed: set[str] = set()
    for thread in threads:
        for stmt in statements(thread.body):
            address = getattr(stmt, "addr", None)
            if isinstance(address, Const) and isinstance(address.value, Ptr):
                size = ctype.size if (ctype := getattr(stmt, "ctype", None)) is not None else 8
                named |= {Ptr(address.value.base, address.value.offset + i) for i in range(size)}
            for expr in expressions(stmt):
                if expr is not None and not (expr is address and isinstance(address, Const)):
                    pointed |= {ptr.base for ptr in pointers_in(expr)}
    return named, pointed


def pointers_in(expr: Expr) -> Iterator[Ptr]:
    """The addresses that stand in an expression."""
    match expr:
        case Const(Ptr() as value):
            yield value
        case Unary(_, arg, _) | Cast(_, arg):
            yield from pointers_in(arg)
        case Binary(_, left, right, _):
            yield from pointers_in(left)
            yield from pointers_in(right)
        case Conditional(cond, then, other):
            for part in (cond, then, other):
                yield from pointers_in(part)
