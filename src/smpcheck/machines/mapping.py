"""Mappings from the kernel's primitives to a machine's instructions, read from the data files beside this module.

A row says for one primitive, or several, which instructions it is and in which file of the kernel's tree that is written. The
instructions are those of litmus tests, with places to fill in:

==================================  ================================================================================
``{addr}``                          the register with the address of the location
``{value}``                         the register with what is to be written, or the operand of an atomic operation
``{old}``                           the register that gets what was read
``{expected}``                      the register with what a compare-and-exchange expects
``{status}``, ``{other}``           registers for the row's own use
``{s}``, ``{z}``, ``{c}``           the letters by which the machine's mnemonics tell sizes
``{op}``                            the operation in an atomic instruction's mnemonic
``{new}``                           an instruction of its own: ``{value}`` becomes the operation's result of ``{old}``
``{unless} LABEL``                  an instruction of its own: go to LABEL unless the operation takes place for ``{old}``
==================================  ================================================================================

A jump back to the label ``again`` repeats the operation; ``out`` is where one goes that does not take place.

Primitives are named by what they do, and an ordering other than the full one by the kernel's suffix: ``READ_ONCE``,
``smp_load_acquire``, ``smp_mb``, ``atomic_op`` (no value returned), ``atomic_fetch_op_acquire`` (the value returned may be the
new one too), ``xchg``, ``cmpxchg_release``, ``conditional`` (any other operation that takes place only for some values),
``spin_lock``. A row for a primitive by its own name, as ``test_and_set_bit``, goes before these.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from smpcheck.errors import InputError
from smpcheck.program.ir import Language
from smpcheck.records import PartlyCompared

MACHINES = ("arm64", "x86", "ppc64", "riscv", "armv7")
"""The machines whose mappings come with the program; each file is called as its machine."""


class Row(Struct, frozen=True):
    """``primitives`` are these instructions: the lines of ``asm`` (or, as another way that is as possible, of ``other_way``).

    ``source``: the file in the kernel's tree. ``option``: the choice of an option that the row belongs to, or empty.
    ``operators``: the operations that it can do (empty: all). ``kernel``: what the kernel has there, where a litmus test
    would write something else.
    """

    primitives: tuple[str, ...]
    asm: tuple[str, ...]
    source: str
    option: str = ""
    operators: tuple[str, ...] = ()
    kernel: str = ""
    other_way: tuple[str, ...] | None = None

    @property
    def ways(self) -> tuple[tuple[str, ...], ...]:
        """The sequences of instructions that it may be."""
        return (self.asm,) if self.other_way is None else (self.asm, self.other_way)

    @property
    def barriers(self) -> tuple[str, ...]:
        """What the row is, without places to fill in, for a table: ``dmb ish``, ``sync``."""
        return (self.kernel,) if self.kernel else tuple(line.lower() for line in self.asm)


class MachineMapping(PartlyCompared, frozen=True):
    """One machine's mapping with its options settled.

    ``name`` is the machine's, as options and columns have it; ``model`` the memory model that judges its programs; ``sizes`` what
    fills the places of a row, by the size of the location in bytes; ``operators`` how atomic instructions call C's operators.
    """

    ASIDE = frozenset({"table"})

    name: str
    language: Language
    model: str
    linux: str
    rows: tuple[Row, ...]
    sizes: Mapping[int, Mapping[str, str]]
    operators: Mapping[str, str]
    options: Mapping[str, Sequence[str]]
    chosen: tuple[str, ...]
    notes: tuple[str, ...] = ()
    table: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)

    def row(self, names: Sequence[str], operator: str | None = None) -> Row | None:
        """The row for the first of ``names`` that has one; ``operator``: of an atomic operation, where it is a simple one."""
        for name in names:
            for row in self.table.get(name, ()):
                if not row.operators or operator in row.operators:
                    return row
        return None

    def changed(self, before: Row, after: Row) -> MachineMapping:
        """The mapping with ``after`` in place of ``before``."""
        return _with_rows(self, tuple(after if row is before else row for row in self.rows))

    @property
    def title(self) -> str:
        """``arm64``, or ``arm64 (llsc)`` where options are not the usual ones."""
        return f"{self.name} ({', '.join(self._unusual)})" if self._unusual else self.name

    @property
    def option(self) -> str:
        """What ``--machine`` takes for it: ``arm64``, ``arm64:llsc``."""
        return f"{self.name}:{'+'.join(self._unusual)}" if self._unusual else self.name

    @property
    def _unusual(self) -> Sequence[str]:
        usual = {choices[0] for choices in self.options.values()}
        return [choice for choice in self.chosen if choice not in usual]


def _with_rows(mapping: MachineMapping, rows: tuple[Row, ...]) -> MachineMapping:
    table: dict[str, tuple[Row, ...]] = {}
    for row in rows:
        for name in row.primitives:
            table[name] = (*table.get(name, ()), row)
    return replace(mapping, rows=rows, table=table)


_LABEL = re.compile(r"\s*(\w+:)\s*")


def instructions(text: str) -> tuple[str, ...]:
    """The instructions of a row, one to an entry; a label stands alone."""
    found: list[str] = []
    for part in re.split(r"[;\n]", text):
        while label := _LABEL.match(part):
            found.append(label[1])
            part = part[label.end() :]
        if part.strip():
            found.append(part.strip())
    return tuple(found)


def _rows(data: Mapping[str, Any], chosen: Sequence[str]) -> Iterator[Row]:
    for entry in data["row"]:
        if entry.get("with", "") and entry["with"] not in chosen:
            continue
        names = entry["primitive"]
        yield Row(
            (names,) if isinstance(names, str) else tuple(names),
            instructions(entry["asm"]),
            entry["from"],
            entry.get("with", ""),
            tuple(entry.get("operators", ())),
            entry.get("kernel", ""),
            instructions(entry["or"]) if "or" in entry else None,
        )


@cache
def _data(name: str) -> Mapping[str, Any]:
    return tomllib.loads((files("smpcheck.machines") / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def load_mapping(name: str, choices: tuple[str, ...] = ()) -> MachineMapping:
    """The mapping of machine ``name``, with ``choices`` of its options (``llsc``); what is not chosen is as usual.

    :raises InputError: no such machine or option
    """
    if name not in MACHINES:
        raise InputError(f"there is no machine '{name}': choose from {', '.join(MACHINES)}, all")
    data = _data(name)
    options: Mapping[str, Sequence[str]] = data["options"]
    chosen = []
    for known in options.values():
        wanted = [choice for choice in choices if choice in known]
        chosen.append(wanted[-1] if wanted else known[0])
    for choice in choices:
        if not any(choice in known for known in options.values()):
            there = ", ".join(c for known in options.values() for c in known)
            raise InputError(f"{name} has no option '{choice}': it has {there}")
    notes = tuple(data["notes"][choice] for choice in chosen if choice in data.get("notes", {}))
    sizes = {int(size): fields for size, fields in data["sizes"].items()}
    mapping = MachineMapping(
        name, data["language"], data["model"], data["linux"], (), sizes, data["operators"], options, tuple(chosen), notes
    )
    return _with_rows(mapping, tuple(_rows(data, chosen)))


def mappings(text: str) -> list[MachineMapping]:
    """The mappings that ``--machine`` names: ``arm64``, ``arm64:llsc``, ``riscv:queued``, several with commas, or ``all``.

    :raises InputError: no such machine or option
    """
    found = []
    for part in text.split(","):
        name, _, choices = part.strip().partition(":")
        chosen = tuple(choice for choice in choices.split("+") if choice)
        names = MACHINES if name == "all" else (name,)
        for one in names:
            known = [c for choices in _data(one)["options"].values() for c in choices] if one in MACHINES else []
            found.append(load_mapping(one, tuple(c for c in chosen if c in known) if name == "all" else chosen))
    return found


def mapping_of(text: str) -> MachineMapping:
    """The one mapping that ``text`` names. :raises InputError: none, or several"""
    found = mappings(text)
    if len(found) != 1:
        raise InputError(f"one machine is asked about here, not '{text}': choose from {', '.join(MACHINES)}; compare takes all")
    return found[0]
