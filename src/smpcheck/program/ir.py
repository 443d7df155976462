"""The one intermediate representation: every reader writes it, every back end reads it.

A :class:`Program` is a set of cells in shared memory, some threads, and a question about final states. A thread's body is a
tree of statements over thread-local registers; only ``Load``, ``Store``, ``Rmw`` and ``Fence`` produce events. Expressions are
pure. Names of event tags are those that the models use, capitalised as in cat (``Once``, ``Acquire``, ``Release``, ``Noreturn``,
``Mb``, ``Wmb``, ``Rcu-lock``, ``LKR``, ``LKW``, ``UL``, ...); an access without any ordering tag is a plain one.

Nothing here knows whether the program came from C, assembly or Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct, field

from smpcheck.program.values import INT, UNDETERMINED, CType, Ptr, Value
from smpcheck.records import PartlyCompared


class Position(Struct, frozen=True):
    """Where something stands in its source: 1-based line and column.

    ``inlined_at``: the call through which it was reached, where it stands in a function that was inlined. It is no part of the
    place: one line of a function that is called twice is one place.
    """

    file: str
    line: int
    column: int = 1
    inlined_at: Call | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Position):
            return NotImplemented
        return self.line == other.line and self.file == other.file and self.column == other.column

    def __hash__(self) -> int:
        return hash((self.file, self.line, self.column))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls through which it was reached, that in the thread itself first."""
        found: list[Call] = []
        call = self.inlined_at
        while call is not None:
            found.append(call)
            call = call.pos.inlined_at
        return tuple(reversed(found))


class Call(Struct, frozen=True):
    """A call of ``function`` at ``pos``, by whichever function the call at ``pos.inlined_at`` is of."""

    function: str
    pos: Position


# --- expressions -----------------------------------------------------------------------------------------------------


class Const(Struct, frozen=True):
    """A known value."""

    value: Value


class Reg(Struct, frozen=True):
    """The current value of a register (a local variable) of the thread. Never-written registers are 0."""

    name: str


class Unary(Struct, frozen=True):
    """``op arg`` computed at ``ctype``; ``op`` is one of ``- ~ ! +``."""

    op: str
    arg: Expr
    ctype: CType = INT


class Binary(Struct, frozen=True):
    """``left op right``, both converted to ``ctype`` before; ``op`` is C's. ``&&`` and ``||`` evaluate both sides."""

    op: str
    left: Expr
    right: Expr
    ctype: CType = INT


class Cast(Struct, frozen=True):
    """Conversion to ``ctype``."""

    ctype: CType
    arg: Expr


class Conditional(Struct, frozen=True):
    """``cond ? then : other`` (pure: both sides have no side effects)."""

    cond: Expr
    then: Expr
    other: Expr


class FinalReg(Struct, frozen=True):
    """In conditions only: the final value of a thread's register."""

    thread: int
    name: str


class FinalMem(Struct, frozen=True):
    """In conditions only: the final value of a memory cell (the coherence-last write).

    ``ctype``: as what the memory there is read; None: as the whole of the cell that begins there. ``name``: how it is printed, if
    not as the cell is (a member of a union). ``bits``: the lowest bit and the width of the bit field of that, with (True) or
    without a sign, which is meant.
    """

    cell: Ptr
    ctype: CType | None = None
    name: str = ""
    bits: tuple[int, int, bool] | None = None

    def __eq__(self, other: object) -> bool:
        """Is the same meant? However it is printed."""
        if not isinstance(other, FinalMem):
            return NotImplemented
        return self.cell == other.cell and self.ctype == other.ctype and self.bits == other.bits

    def __hash__(self) -> int:
        return hash((self.cell, self.ctype, self.bits))


Expr: TypeAlias = Const | Reg | Unary | Binary | Cast | Conditional | FinalReg | FinalMem


# --- statements ------------------------------------------------------------------------------------------------------


class Assign(Struct, frozen=True):
    """``reg = expr``: no event. Carries data dependencies from the registers that ``expr`` reads.

    ``chosen_by``, in machine code: what decided that this instruction takes ``expr`` and no other value (``CSEL``).
    """

    reg: str
    expr: Expr
    pos: Position | None = None
    chosen_by: Expr | None = None


class _Access(Struct, frozen=True, kw_only=True):
    """What accesses have in common.

    ``ctype``: as what the memory at ``addr`` is accessed, so many bytes, with or without a sign. None: as the whole of
    whatever cell begins there. ``pieces``: the cells that it covers, each by its offset from ``addr`` and its type, where this is
    not one cell of the type ``ctype``; see :mod:`smpcheck.program.pieces`, which says so.
    """

    ctype: CType | None = None
    pieces: tuple[tuple[int, CType], ...] = ()


class Load(_Access, frozen=True):
    """A read event from the address ``addr`` into ``reg``."""

    reg: str
    addr: Expr
    tags: frozenset[str]
    pos: Position | None = None
    text: str = ""


class Store(_Access, frozen=True):
    """A write event of ``value`` to ``addr``.

    ``status``, if given, makes it the success of a store-conditional: it pairs with the thread's last load with the tag ``EX``,
    which has to be from the same address, as a read-modify-write does, and sets this register to 0.
    """

    addr: Expr
    value: Expr
    tags: frozenset[str]
    pos: Position | None = None
    text: str = ""
    status: str | None = None


class Rmw(_Access, frozen=True):
    """An atomic read-modify-write: a read event into register ``old``, then a write event of ``new`` (which may use ``old``).

    ``when``, if given, is a condition over ``old``: the operation can only take place where it holds (a lock waits, a
    successful cmpxchg has seen the expected value); an execution in which it does not hold is not one.
    ``blocking`` says that a thread waits here (a lock), so that the question of deadlock can be asked.
    """

    old: str
    addr: Expr
    new: Expr
    read_tags: frozenset[str]
    write_tags: frozenset[str]
    when: Expr | None = None
    blocking: bool = False
    pos: Position | None = None
    text: str = ""
    primitive: str = ""


class Fence(Struct, frozen=True):
    """An event that is neither read nor write: a barrier, an RCU or SRCU marker. SRCU markers have ``addr`` (and ``value``).

    ``primitive``, here and in :class:`Rmw`: the kernel's primitive whose definition this is from, where it is from one. It says
    which barriers belong to an atomic operation, and what the kernel compiles to.
    """

    tags: frozenset[str]
    addr: Expr | None = None
    value: Expr | None = None
    pos: Position | None = None
    text: str = ""
    primitive: str = ""


class If(Struct, frozen=True):
    """A branch. What is executed in it only because of ``cond`` is control-dependent on what ``cond`` reads (LKMM's ctrl):
    the events of both sides, and what follows up to the point that is reached anyway if a side leaves early by ``Exit``."""

    cond: Expr
    then: tuple[Stmt, ...]
    other: tuple[Stmt, ...] = ()
    pos: Position | None = None
    text: str = ""


class Choice(Struct, frozen=True):
    """Both are possible, no dependency arises: a successful or a failed cmpxchg (each side begins with what decides it)."""

    then: tuple[Stmt, ...]
    other: tuple[Stmt, ...]
    pos: Position | None = None


class Block(Struct, frozen=True):
    """Statements that ``Exit(label)`` may leave early (a helper function's body, a loop body for ``continue``)."""

    label: str
    body: tuple[Stmt, ...]
    pos: Position | None = None


class Loop(Struct, frozen=True):
    """Repeat ``body`` until an ``Exit`` to ``label`` or further out. ``bound``: iterations known to suffice, if known.

    ``body`` may have a :class:`Round`; without one, a round is the whole body.
    """

    label: str
    body: tuple[Stmt, ...]
    bound: int | None = None
    pos: Position | None = None


class Round(Struct, frozen=True):
    """Another round of the enclosing Loop called ``label`` begins here: what precedes it in the loop's body is the test that
    decides whether there is one. A loop that has made all its rounds tests once more, and is cut here if it goes on."""

    label: str
    pos: Position | None = None


class Exit(Struct, frozen=True):
    """Leave the enclosing Block or Loop called ``label``."""

    label: str
    pos: Position | None = None


class Assume(Struct, frozen=True):
    """Executions in which ``cond`` is false here are not executions. No dependency arises."""

    cond: Expr
    pos: Position | None = None


class Assert(Struct, frozen=True):
    """A property: an execution in which ``cond`` is false here violates it. ``name`` is its name in answers."""

    cond: Expr
    name: str
    message: str = ""
    pos: Position | None = None


Stmt: TypeAlias = Assign | Load | Store | Rmw | Fence | If | Choice | Block | Loop | Round | Exit | Assume | Assert


ENDED = "@ended"
"""The array of flags by which a thread that runs ``after`` the others learns that they have ended. No language can name it."""


# --- programs --------------------------------------------------------------------------------------------------------


class Cell(Struct, frozen=True):
    """One scalar location of shared memory: name as printed (``x``, ``a[1]``, ``s.f``), C type, initial value.

    ``bits``: the names of its bits, lowest first, where it is a word of flags. ``fields``: the bit fields that it consists of.
    """

    name: str
    ctype: CType = INT
    init: Value = 0
    bits: tuple[tuple[int, str], ...] = ()
    fields: tuple[str, ...] = ()

    def show(self, value: int) -> str:
        """An integer that the cell may hold: as ``locked|lru`` if it is a word of flags, else in decimal."""
        rest = value
        names = []
        for bit, name in self.bits:
            if value >> bit & 1:
                names.append(name)
                rest &= ~(1 << bit)
        return str(value) if rest or not names else "|".join(names)


class Thread(Struct, frozen=True):
    """One thread of execution, number ``index`` (P0, P1, ...).

    ``after``: it begins by waiting, with acquire loads, until every other thread has ended with a release store.
    """

    index: int
    body: tuple[Stmt, ...]
    name: str = ""
    reg_types: Mapping[str, CType] = field(default_factory=dict)
    after: bool = False


Quantifier: TypeAlias = Literal["exists", "~exists", "forall"]
Language: TypeAlias = Literal["C", "KernelC", "LISA", "Python", "AArch64", "X86", "X86_64", "PPC", "RISCV", "ARM"]
"""The C of litmus tests, the kernel's own C, LISA, Python, or a machine's assembly, by the name that litmus tests have for it."""
MODELS: tuple[Language, ...] = ("Python", "KernelC")
"""Languages of *models*: their verdict is that of what they assert; that of a litmus test is about its condition."""


class Translation(Struct, frozen=True):
    """``threads`` are what ``translate`` makes of the threads of ``program``, such as a machine's instructions."""

    program: Program
    threads: tuple[Thread, ...]
    translate: Callable[[Program], Program]


class Program(PartlyCompared, frozen=True):
    """A closed program with its question.

    ``cells`` maps each address to its cell. ``condition`` is an expression over ``FinalReg`` and ``FinalMem``;
    ``observed`` lists what a final state shows, in the order in which it is printed. ``expected`` is the author's
    own verdict (``Never``, ``Sometimes``, ``Always``) where the file states one.
    """

    ASIDE = frozenset({"translation"})

    name: str
    cells: Mapping[Ptr, Cell]
    threads: tuple[Thread, ...]
    quantifier: Quantifier = "exists"
    condition: Expr = Const(1)
    condition_text: str = "true"
    filter: Expr | None = None
    observed: tuple[FinalReg | FinalMem, ...] = ()
    arrays: tuple[tuple[FinalMem, ...], ...] = ()
    """Arrays among what is observed that the question names as a whole, element by element."""
    elements: frozenset[FinalMem] = frozenset()
    """Those of their elements that it also names by themselves."""
    expected: str | None = None
    language: Language = "C"
    """What it was written in. A program in Python is a *model*: its verdict is that of what it asserts; that of a litmus test is
    about its condition. The language also decides how far control dependencies reach, and how the source is changed."""
    source: str = ""
    file: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """Of the kernel's C: the other files that statements stand in, by their names in positions, and where each lies."""
    notes: tuple[str, ...] = ()
    invariants: tuple[Assert, ...] = ()
    """Named properties of every final state, over ``FinalReg`` and ``FinalMem``: violated where ``cond`` is false at the end."""
    announced: frozenset[str] | None = None
    """The faults (:mod:`smpcheck.program.faults`) that the author expects: ``Result: Never DATARACE``. None where no result is
    stated. A verdict that differs from ``expected`` means nothing where faults are expected and found (the kernel's
    scripts/judgelitmus.sh)."""
    expected_failures: frozenset[str] | None = None
    """Of a model that is marked as expected to fail: the names of what is to fail, or empty where anything may. None: nothing
    may fail."""
    settings: tuple[str, ...] = ()
    """What it was read with, as ``NAME=VALUE``: to read a changed text in the same way."""
    big_endian: bool = False
    """Does the lowest byte of a number stand at its highest address?"""
    handlers: tuple[str, ...] = ()
    """The interrupt handlers whose code stands in the threads, at each place where they may come in."""
    members: Mapping[tuple[Ptr, int], str] = field(default_factory=dict)
    """The names of what lies at an address with so many bytes, where that is not the cell there: members of unions."""
    wholes: Mapping[Ptr, Cell] = field(default_factory=dict)
    """The cells that were cut into pieces, or made numbers without a sign, as they were before."""

    mixed: bool = False
    """May an access be to anything but a whole cell: to part of one, to several, or, if its address is computed, beside them?"""
    in_pieces: bool = False
    """Are there accesses of several sizes, or types, to one place? Then the cells are the pieces that these need."""
    translation: Translation | None = None
    """Where the threads come from, if they were made from those of another program."""

    @property
    def translated_from(self) -> Translation | None:
        """Where the threads come from; None if they were changed since."""
        known = self.translation
        return known if known is not None and known.threads is self.threads else None

    @property
    def source_language(self) -> Language:
        """What its source is written in, even if its threads were translated to a machine's instructions."""
        return self.language if self.translation is None else self.translation.program.language

    @property
    def branches_bind_the_rest(self) -> bool:
        """Does a control dependency reach everything later in program order? In C and Python it ends where both sides of the
        branch meet again; a machine, and LISA, knows no such place (herd7's semantics of either)."""
        return self.language not in ("C", "KernelC", "Python")

    def cell_name(self, address: Ptr) -> str:
        """The printed name of the cell at ``address``."""
        cell = self.wholes.get(address) or self.cells.get(address)
        return cell.name if cell else str(address)

    def cell_of(self, address: Value | None, *values: Value | None) -> Cell | None:
        """The cell at ``address`` that these are values of: where one does not fit into the piece there, the whole."""
        if not isinstance(address, Ptr):
            return None
        cell, whole = self.cells.get(address), self.wholes.get(address)
        if cell is None or whole is None or all(not isinstance(v, int) or 0 <= v < 1 << cell.ctype.bits for v in values):
            return cell
        return whole

    def place_name(self, address: Ptr, size: int) -> str:
        """The printed name of so many bytes at ``address``."""
        whole = self.wholes.get(address) or self.cells.get(address)
        if whole is not None and whole.ctype.size == size:
            return whole.name
        if (address, size) in self.members:
            return self.members[address, size]
        cell = self.cells.get(address)
        if cell is not None and cell.ctype.size == size:
            return cell.name
        return f"{self.cell_name(address)}[{size} bytes]"

    def variable_name(self, variable: FinalReg | FinalMem) -> str:
        """How herd7 writes a variable of a final state: ``0:r1``, ``[x]``, ``a[1]``."""
        if isinstance(variable, FinalReg):
            return f"{variable.thread}:{variable.name}"
        name = variable.name or self.cell_name(variable.cell)
        return name if name.endswith("]") else f"[{name}]"

    def show_value(self, value: Value) -> str:
        """``value`` as herd7 prints it: integers in decimal, addresses as the name of what they point to."""
        if isinstance(value, int):
            return str(value)
        if value in self.wholes or value in self.cells:
            name = self.cell_name(value)
            if not (self.branches_bind_the_rest and name.endswith("]")):
                return name
        return "?" if value == UNDETERMINED else f"{value.base}+{value.offset}" if value.offset else value.base


def is_end(address: Value | None) -> bool:
    """Is a location only there to tell that a thread has ended?"""
    return isinstance(address, Ptr) and address.base == ENDED


def last_thread(program: Program) -> int | None:
    """The thread that begins when all others have ended, if there is one."""
    return program.threads[-1].index if any(address.base == ENDED for address in program.cells) else None


def assertion_names(program: Program) -> list[str]:
    """The names of all assertions and invariants, in order of appearance."""
    names: dict[str, None] = {}
    pending: list[Stmt] = [statement for thread in program.threads for statement in thread.body]
    pending.reverse()
    while pending:
        match pending.pop():
            case Assert(name=name):
                names[name] = None
            case If(then=then, other=other) | Choice(then=then, other=other):
                pending += [*reversed(other), *reversed(then)]
            case Block(body=body) | Loop(body=body):
                pending += reversed(body)
    return list(names | dict.fromkeys(invariant.name for invariant in program.invariants))
