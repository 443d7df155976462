"""The memory of a program in the kernel's C: file-scope variables, copies of per-CPU variables, and locals with an address.

An object is the run of bytes that its variable has in C; its cells are its scalars. Copies of a per-CPU variable are one object:
that of CPU ``n`` lies ``n * PER_CPU`` bytes further on, as the kernel's ``__per_cpu_offset`` has it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from smpcheck.program.ir import Cell, Const
from smpcheck.program.values import Ptr
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.types import Leaf, Types, clusters
from smpcheck.readers.cvalues import Place

if TYPE_CHECKING:
    from smpcheck.readers.clang.expressions import TreeExpressions

PER_CPU = 1 << 20
"""Bytes between the copies of a per-CPU variable."""


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
        self._names = {v.name for v in unit.variables}

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

    def cells(self, kinds: Types) -> dict[Ptr, Cell]:
        """The cells of all objects."""
        found: dict[Ptr, Cell] = {}
        for name, (index, per_cpu) in self.used.items():
            for cpu in range(self.cpus if per_cpu else 1):
                for leaf in self._leaves(kinds, index):
                    shown = f"{name}[cpu {cpu}]{leaf.name}" if per_cpu else f"{name}{leaf.name}"
                    found[Ptr(name, cpu * PER_CPU + leaf.offset)] = Cell(shown, leaf.ctype)
        return found

    def _leaves(self, kinds: Types, index: int) -> Iterator[Leaf]:
        """Scalars that do not overlap and cover the object: of those of a union the largest, then what is left of it."""
        for _, _, inside in clusters(kinds.leaves(index)):
            taken: list[Leaf] = []
            for leaf in sorted(inside, key=lambda one: (-one.size, one.offset)):
                if all(leaf.end <= other.offset or other.end <= leaf.offset for other in taken):
                    taken.append(leaf)
            yield from sorted(taken, key=lambda one: one.offset)
