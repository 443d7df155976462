"""A program of the kernel's primitives as a program of a machine's instructions.

Each access, atomic operation and barrier is replaced by the instructions that its row of the mapping has; these are read by the
reader of that machine's assembly, so that they mean here what they mean in a litmus test. What is computed, what is branched on,
the locations and the question stay as they are, and so do the positions in the source. What an instruction computes in registers
is computed at a width at which no value is cut; it accesses memory at the size of its primitive.

A loop over a store-conditional or a compare-and-exchange is the round that succeeds. A plain access is one access, as it is
written: what a compiler may do to it, and to dependencies, is the affair of the kernel's model. A spinlock is one word, taken by
one operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import UnsupportedError
from smpcheck.kernel.table import rows as primitives
from smpcheck.machines.mapping import MachineMapping, Row
from smpcheck.program import ir, tags
from smpcheck.program.attempts import attempt
from smpcheck.program.flow import registers_read, statements, with_atoms
from smpcheck.program.ir import Assign, Assume, Choice, Const, Expr, Fence, If, Load, Position, Program, Reg, Rmw, Stmt, Store
from smpcheck.program.tags import GHOST
from smpcheck.program.values import LONG, CType, Value
from smpcheck.readers.asm import flags
from smpcheck.readers.asm.machine import Machine, Register, Thread, read_instruction
from smpcheck.readers.asm.test import machine_of
from smpcheck.readers.flow import Item, Jump, Label, in_items, structured

AGAIN, OUT = "again", "out"
"""The labels of rows: the operation is repeated; it does not take place."""

SCRATCH = "other"
"""The place of a row in which two values are compared."""

NEW, UNLESS = "{new}", "{unless}"
"""Lines of rows that are no instructions: see :mod:`smpcheck.machines.mapping`."""

PREFIX = "%m."
"""What the names of a machine's registers begin with here: no source's do."""

PLAIN_LOAD, PLAIN_STORE = "plain load", "plain store"

BARRIERS = {tag.name: tag.text.removesuffix("()") for tag in tags.ROWS.values() if tag.text}
"""The barrier that a tag stands for, where the primitive is not a barrier of its own."""

NOTHING = frozenset(("Rcu-lock", "Rcu-unlock"))
"""Markers that no instruction stands for."""

REFUSED = {
    "Sync-rcu": "a grace period is code, not an instruction",
    "Sync-srcu": "a grace period is code, not an instruction",
    GHOST: "what only the model sees has no instruction",
}

WIDE = 8
"""Instructions are read at this size in bytes: that of a register."""


def lower(program: Program, mapping: MachineMapping) -> Program:
    """``program`` on the machine of ``mapping``.

    :raises UnsupportedError: it has something for which there is no row
    """
    return lowered(program, mapping).program


class Lowered(Struct, frozen=True):
    """A program on a machine. ``instructions``: for each place in the source the instructions that its primitives have become,
    without registers; ``rows``: the rows of the mapping that were used."""

    program: Program
    instructions: Mapping[Position | None, tuple[str, ...]]
    rows: tuple[Row, ...]


def lowered(program: Program, mapping: MachineMapping) -> Lowered:
    """As :func:`lower`, with what was made of what."""
    if program.language not in ("C", "KernelC", "Python"):
        raise UnsupportedError(f"--machine is for the kernel's primitives, in C or in a Python model: this is {program.language}")
    if program.handlers:
        raise UnsupportedError(
            "--machine has no places for handlers between the instructions of a primitive, and "
            f"{program.handlers[0]}() interrupts a thread: ask without --machine, or without the handler"
        )
    lowerings = [_Thread(thread, mapping) for thread in program.threads]
    threads = tuple(one.lowered() for one in lowerings)
    made: dict[Position | None, tuple[str, ...]] = {}
    rows: dict[int, Row] = {}
    for one in lowerings:
        rows |= one.rows
        for pos, lines in one.made.items():
            made[pos] = made.get(pos, ()) + tuple(line for line in lines if line not in made.get(pos, ()))
    changed = replace(
        program,
        threads=threads,
        language=mapping.language,
        notes=(*program.notes, *notes(program, mapping)),
        translation=ir.Translation(program, threads, partial(lower, mapping=mapping)),
    )
    return Lowered(changed, made, tuple(rows.values()))


def notes(program: Program, mapping: MachineMapping) -> Iterator[str]:
    """What is to be said of ``program`` on the machine of ``mapping``."""
    found = [stmt for thread in program.threads for stmt in statements(thread.body)]
    if any(isinstance(stmt, Rmw) and "LKR" in stmt.read_tags for stmt in found):
        yield from mapping.notes
    if any(isinstance(stmt, Load | Store) and not stmt.tags for stmt in found):
        yield "on a machine a plain access is one instruction, as it is written: what a compiler may do to it is not looked at"


class _NoNames:
    """Rows name no locations."""

    def address(self, name: str, pos: Position) -> Value:
        raise AssertionError(name)

    def size(self, name: str) -> int:
        raise AssertionError(name)


@dataclass(slots=True)
class _Instructions(Thread):
    """What the instructions of a row come to, over registers under names that no source can have."""

    def own(self, name: str) -> str:
        prefixed = name if name.startswith(PREFIX) else PREFIX + name
        self.registers.add(prefixed)
        return prefixed

    def load(self, register: Register, address: Expr, size: int, *tags: str, signed: bool = False) -> None:
        """As wide as a register, whatever the machine's is: nothing is cut off."""
        Thread.load(self, register, address, WIDE, *tags)

    def store(self, address: Expr, value: Expr, size: int, *tags: str) -> None:
        Thread.store(self, address, value, WIDE, *tags)

    def store_conditional(
        self,
        status: Register,
        address: Expr,
        value: Expr,
        size: int,
        *tags: str,
        depends: bool = False,
        second: Expr | None = None,
    ) -> None:
        """The one that succeeds: of the two sides, the first."""
        at = len(self.items)
        Thread.store_conditional(self, status, address, value, WIDE, *tags, depends=depends, second=second)
        choice = self.items.pop()
        assert len(self.items) == at and isinstance(choice, Choice)
        self.items += choice.then


class Site(Struct, frozen=True):
    """A primitive in a program, and its row: at ``addr``, if it is an access, into the register ``reg`` or of ``value``.

    ``operation``: of a read-modify-write, what it does; ``expected``: the only value for which it takes place, if it is of that
    kind; ``must``: an execution in which it does not take place is none. ``access``: the access that it is.
    """

    row: Row
    pos: Position | None
    text: str
    operation_name: str
    addr: Expr | None = None
    reg: str | None = None
    value: Expr | None = None
    operation: Rmw | None = None
    expected: Expr | None = None
    must: bool = False
    access: Load | Store | Rmw | None = None

    @property
    def ctype(self) -> CType | None:
        """As what the memory is accessed."""
        return None if self.access is None else self.access.ctype

    @property
    def pieces(self) -> tuple[tuple[int, CType], ...]:
        """The pieces of memory that it covers, as :attr:`smpcheck.program.ir.Load.pieces` has them."""
        return () if self.access is None else self.access.pieces


def sites(body: Sequence[Stmt], mapping: MachineMapping) -> Iterator[Site | Stmt]:
    """The statements of ``body``, with primitives as sites; what is inside of branches and loops is left as it is.

    :raises UnsupportedError: there is no row for a primitive
    """
    finder = _Sites(mapping)
    at = 0
    while at < len(body):
        if _is_fully_ordered(body[at : at + 3]):
            stmt = body[at + 1]
            assert isinstance(stmt, Rmw)
            yield finder.atomic(stmt, "")
            at += 3
            continue
        stmt = body[at]
        one = attempt(stmt) if isinstance(stmt, Choice) else None
        if one is not None:
            yield finder.conditional(one.operation, "" if one.is_fully_ordered else _suffix(one.operation))
            if one.done or one.failed:
                yield If(one.when, one.done, one.failed, stmt.pos)
        elif (found := finder.statement(stmt)) is not None:
            yield found
        at += 1


def _is_fully_ordered(body: Sequence[Stmt]) -> bool:
    """Is this an operation with the barriers that are part of it?"""
    match body:
        case [Fence() as first, Rmw() as stmt, Fence() as last] if first == last and first.primitive:
            return first.primitive == stmt.primitive and first.pos == stmt.pos and "Mb" in first.tags
    return False


class _Sites:
    """Finds the rows of primitives."""

    def __init__(self, mapping: MachineMapping) -> None:
        self.mapping = mapping

    def statement(self, stmt: Stmt) -> Site | Stmt | None:
        """What a statement is; None: no instruction."""
        match stmt:
            case Load():
                return self.load(stmt)
            case Store():
                return self.store(stmt)
            case Rmw():
                return self.atomic(stmt, _suffix(stmt))
            case Fence():
                return self.barrier(stmt)
        return stmt

    def load(self, stmt: Load) -> Site:
        self._refuse(stmt.tags, stmt.text, stmt.pos)
        if "Srcu-lock" in stmt.tags:
            name = "srcu_read_lock"
        else:
            name = "smp_load_acquire" if "Acquire" in stmt.tags else "READ_ONCE" if stmt.tags else PLAIN_LOAD
        return Site(*self._row([name], stmt), stmt.addr, stmt.reg, access=stmt)

    def store(self, stmt: Store) -> Site:
        self._refuse(stmt.tags, stmt.text, stmt.pos)
        if "UL" in stmt.tags:
            name = "spin_unlock"
        elif "Srcu-unlock" in stmt.tags:
            name = "srcu_read_unlock"
        else:
            name = "smp_store_release" if "Release" in stmt.tags else "WRITE_ONCE" if stmt.tags else PLAIN_STORE
        return Site(*self._row([name], stmt), stmt.addr, value=stmt.value, access=stmt)

    def barrier(self, stmt: Fence) -> Site | None:
        self._refuse(stmt.tags, stmt.text, stmt.pos)
        if not NOTHING.isdisjoint(stmt.tags):
            return None
        tag = next((tag for tag in BARRIERS if tag in stmt.tags), None)
        if tag is None:
            raise UnsupportedError(f"{stmt.text}: the mapping to {self.mapping.name} has no row for it", stmt.pos)
        # what only orders the compiler is barrier(), whatever else it is called
        has_own = tag != "Barrier" and _is_barrier(stmt.primitive, tag)
        own = stmt.primitive if has_own else BARRIERS[tag]
        name = own.replace("virt_", "smp_")
        return Site(*self._row([name], stmt))

    def atomic(self, stmt: Rmw, suffix: str) -> Site:
        """An operation that takes place whatever it reads, or that waits until it can."""
        self._refuse(stmt.read_tags, stmt.text, stmt.pos)
        if stmt.when is not None:
            return self.conditional(stmt, suffix, must=True)
        uses_old = _mentions(stmt.new, stmt.old)
        if "Noreturn" in stmt.read_tags:
            names = [_bare(stmt.primitive), "atomic_op"]
        else:
            names = [_bare(stmt.primitive) + suffix, ("atomic_fetch_op" if uses_old else "xchg") + suffix]
        return self._operation(names, stmt)

    def conditional(self, stmt: Rmw, suffix: str, must: bool = False) -> Site:
        """An operation that takes place for some values only."""
        self._refuse(stmt.read_tags, stmt.text, stmt.pos)
        expected = _expected(stmt)
        if "LKR" in stmt.read_tags:
            names = ["spin_lock" if must else "spin_trylock"]
        elif expected is not None and not _mentions(stmt.new, stmt.old):
            names = [_bare(stmt.primitive) + suffix, "cmpxchg" + suffix]
        else:
            names = [_bare(stmt.primitive) + suffix, "conditional" + suffix]
        return self._operation(names, stmt, expected, must)

    def _operation(self, names: Sequence[str], stmt: Rmw, expected: Expr | None = None, must: bool = False) -> Site:
        value = None if _mentions(stmt.new, stmt.old) else stmt.new
        found = self._row(names, stmt, _operator(stmt))
        return Site(*found, stmt.addr, stmt.old, value, stmt, expected, must, stmt)

    def _row(
        self, names: Sequence[str], stmt: Load | Store | Rmw | Fence, operator: str | None = None
    ) -> tuple[Row, Position | None, str, str]:
        row = self.mapping.row(names, operator)
        if row is None:
            what = f"the mapping to {self.mapping.name} has no row for {names[-1]}"
            raise UnsupportedError(f"{stmt.text}: {what}" if stmt.text else what, stmt.pos)
        operators = self.mapping.operators
        return row, stmt.pos, stmt.text, operators.get(operator or "", next(iter(operators.values()), ""))

    def _refuse(self, tags: frozenset[str], text: str, pos: Position | None) -> None:
        for tag, reason in REFUSED.items():
            if tag in tags:
                raise UnsupportedError(f"{text or tag}: the mapping to {self.mapping.name} has no row for it: {reason}", pos)


class _Thread:
    """Lowers one thread."""

    def __init__(self, thread: ir.Thread, mapping: MachineMapping) -> None:
        self.thread = thread
        self.mapping = mapping
        self.machine: Machine = machine_of(mapping.language)
        self.places = mapping.sizes[WIDE]
        self.registers: set[str] = set()
        self.rows: dict[int, Row] = {}
        self.made: dict[Position | None, tuple[str, ...]] = {}

    def lowered(self) -> ir.Thread:
        body = self.body(self.thread.body)
        types = {**self.thread.reg_types, **dict.fromkeys(sorted(self.registers), LONG)}
        return replace(self.thread, body=body, reg_types=types)

    def body(self, body: Sequence[Stmt]) -> tuple[Stmt, ...]:
        out: list[Stmt] = []
        for part in sites(body, self.mapping):
            match part:
                case Site():
                    out += self.site(part)
                case If() | Choice():
                    out.append(replace(part, then=self.body(part.then), other=self.body(part.other)))
                case ir.Block() | ir.Loop():
                    out.append(replace(part, body=self.body(part.body)))
                case _:
                    out.append(part)
        return tuple(out)

    def site(self, site: Site) -> Iterable[Stmt]:
        """The instructions of a primitive."""
        self.rows[id(site.row)] = site.row
        task = _Task(self, site, site.pos or Position("", 1))
        ways = [task.instructions(way) for way in site.row.ways]
        shown = (site.row.kernel,) if site.row.kernel else task.shown(site.row.asm)
        self.made[site.pos] = self.made.get(site.pos, ()) + shown
        out: list[Stmt] = [*ways[0]] if len(ways) == 1 else [Choice(ways[0], ways[1], site.pos)]
        if site.reg is not None:
            out.append(Assign(site.reg, Reg(self.register("old")), site.pos))
        return out

    def register(self, place: str) -> str:
        """The register of the thread that fills a place of a row."""
        found = self.machine.register(self.places[place])
        assert found is not None and found.name is not None, place
        name = PREFIX + found.name
        self.registers.add(name)
        return name


class _Task(Struct, frozen=True):
    """A row to be filled in for a site."""

    thread: _Thread
    site: Site
    pos: Position

    def instructions(self, lines: Sequence[str]) -> tuple[Stmt, ...]:
        """The instructions of one way of the row."""
        emitter = _Instructions(self.thread.thread.index, _NoNames(), pos=self.pos, word=LONG)
        operation = self.site.operation
        shown: dict[str, str] = {}
        for line in lines:
            if line == NEW:
                assert operation is not None
                if self.site.must and operation.when is not None:
                    emitter.emit(Assume(self.of_old(operation.when), self.pos))
                emitter.emit(Assign(self.thread.register("value"), self.of_old(operation.new), self.pos))
            elif line.startswith(UNLESS):
                assert operation is not None and operation.when is not None
                emitter.jump(line.removeprefix(UNLESS).strip(), ir.Unary("!", self.of_old(operation.when)))
            else:
                text = line.format(**self.thread.places, op=self.site.operation_name)
                read_instruction(self.thread.machine, emitter, text, lambda _: self.pos)
                if not line.endswith(":"):
                    shown[emitter.text] = self.sized(line)
        emitter.items = in_items(flags.without_unasked(emitter), self.compared)
        self.thread.registers |= emitter.registers
        own = [item for item in emitter.items if not isinstance(item, Jump | Label)]
        written = {stmt.reg for stmt in statements(own) if isinstance(stmt, Assign | Load)}
        inputs = {"addr": self.site.addr, "value": self.site.value, "expected": self.site.expected}
        known = {self.thread.register(place): value for place, value in inputs.items() if value is not None}
        known = {register: value for register, value in known.items() if register not in written}
        named = any("{op}" in line for line in lines)
        override = operation
        if operation is not None and not named and (NEW in lines or not _mentions(operation.new, operation.old)):
            override = None
        items = [self.final(item, known, override, shown) for item in emitter.items]
        items = [item for item in items if not (isinstance(item, Label) and item.name == AGAIN)]
        return structured(items)

    def compared(self, stmt: Stmt) -> Stmt:
        """Of the exclusive or of two values, in the register that rows have for it, it is only asked whether it is 0: a
        comparison, which there is of pointers too."""
        scratch = self.thread.register(SCRATCH) if SCRATCH in self.thread.places else None
        match stmt:
            case Assign(reg, ir.Binary("^", left, right)) if reg == scratch:
                return replace(stmt, expr=ir.Binary("!=", left, right, LONG))
        return stmt

    def of_old(self, expr: Expr) -> Expr:
        """``expr``, which is over what the operation read, over the register that the row has it in."""
        assert self.site.operation is not None
        return substituted(expr, {self.site.operation.old: Reg(self.thread.register("old"))})

    def sized(self, line: str) -> str:
        """An instruction as it is for the size of the location."""
        sizes = self.thread.mapping.sizes
        places = sizes.get(self.site.ctype.bits // 8 if self.site.ctype is not None else WIDE, sizes[WIDE])
        return line.format(**places, op=self.site.operation_name)

    def shown(self, lines: Sequence[str]) -> tuple[str, ...]:
        """The instructions of a row without registers."""
        return tuple(mnemonic(self.sized(line)) for line in lines if not line.startswith("{") and not line.endswith(":"))

    def final(
        self, item: Item, known: Mapping[str, Expr], override: Rmw | None, shown: Mapping[str, str], inner: bool = False
    ) -> Item:
        """A statement, with the values of places filled in, and its place and text in the source. A jump that starts again is
        no execution, and in a lock neither is one that gives up. ``inner``: the statement is in an arm of a choice."""

        def filled(expr: Expr) -> Expr:
            return substituted(expr, known)

        def side(body: Sequence[Stmt]) -> tuple[Stmt, ...]:
            found = (self.final(x, known, override, shown, inner=True) for x in body)
            return tuple(s for s in found if not isinstance(s, Label | Jump))

        match item:
            case Jump(target, cond, _, what):
                said = self.said(what, shown)
                if target == AGAIN or (self.site.must and target == OUT):
                    never = Assume(Const(0), self.pos)
                    return never if cond is None else If(filled(cond), (never,), (), self.pos, said)
                return Jump(target, None if cond is None else filled(cond), self.pos, said)
            case Choice():
                then, other = side(item.then), side(item.other)
                return Choice(then, (Assume(Const(0), self.pos),) if self.site.must and not inner else other, self.pos)
            case Assign():
                chosen = None if item.chosen_by is None else filled(item.chosen_by)
                return Assign(item.reg, filled(item.expr), self.pos, chosen)
            case Assume():
                return Assume(filled(item.cond), self.pos)
            case Load():
                return replace(item, addr=filled(item.addr), **self.access(item, shown))
            case Store():
                return replace(item, addr=filled(item.addr), value=filled(item.value), **self.access(item, shown))
            case Fence():
                return replace(item, pos=self.pos, text=self.said(item.text, shown))
            case Rmw():
                item = replace(item, addr=filled(item.addr), **self.access(item, shown))
                if override is None:
                    when = None if item.when is None else filled(item.when)
                    return replace(item, new=filled(item.new), when=when)
                old = {override.old: Reg(item.old)}
                when = substituted(override.when, old) if self.site.must and override.when is not None else None
                return replace(item, new=substituted(override.new, old), when=when)
        return item

    def access(self, item: Load | Store | Rmw, shown: Mapping[str, str]) -> dict[str, Any]:
        """What an instruction that accesses memory has of the primitive: its size, its place, its text."""
        site = self.site
        return {"ctype": site.ctype, "pieces": site.pieces, "pos": self.pos, "text": self.said(item.text, shown)}

    def said(self, instruction: str, shown: Mapping[str, str]) -> str:
        """The source's text, with the instruction that it is here."""
        short = self.site.row.kernel or mnemonic(shown.get(instruction, instruction))
        return f"{self.site.text} [{short}]" if self.site.text else short


def mnemonic(instruction: str) -> str:
    """An instruction without operands that only name registers: ``dmb ish``, ``stlr``, ``fence rw,w``, ``lock xadd``."""
    words = instruction.lower().split()
    barrier = words[0] in ("dmb", "dsb", "fence", "lock")
    return " ".join(words[: 2 if barrier else 1])


def _suffix(stmt: Rmw) -> str:
    """The ordering of an operation without barriers around it, as the kernel's names have it."""
    return "_acquire" if "Acquire" in stmt.read_tags else "_release" if "Release" in stmt.write_tags else "_relaxed"


def _bare(primitive: str) -> str:
    """A primitive's name without its ordering."""
    return re.sub(r"_(relaxed|acquire|release)$", "", primitive)


def _is_barrier(primitive: str, tag: str) -> bool:
    """Is a primitive this barrier and nothing else?"""
    row = primitives().get(primitive)
    return row is not None and row.body.lower() == f"{{ __fence{{{tag.lower()}}}; }}"


def _expected(stmt: Rmw) -> Expr | None:
    """What an operation expects to read, if that is what it asks for."""
    match stmt.when:
        case ir.Binary("==", left, right):
            for seen, wanted in ((left, right), (right, left)):
                while isinstance(seen, ir.Cast):
                    seen = seen.arg
                if seen == Reg(stmt.old) and not _mentions(wanted, stmt.old):
                    return wanted
    return None


def _operator(stmt: Rmw) -> str | None:
    """C's operator, where an operation is one of the value read and another one (``&~``: and of a complement)."""
    new = stmt.new
    while isinstance(new, ir.Cast):
        new = new.arg
    match new:
        case ir.Binary("&", _, ir.Unary("~", _)):
            return "&~"
        case ir.Binary(op, _, _) if op in ("+", "-", "&", "|", "^"):
            return op
    return None


def _mentions(expr: Expr, register: str) -> bool:
    return register in registers_read(expr)


def substituted(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """``expr`` with registers replaced by what ``values`` has for them."""
    return with_atoms(expr, lambda atom: values.get(atom.name, atom) if isinstance(atom, Reg) else atom)
