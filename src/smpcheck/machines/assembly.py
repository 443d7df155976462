"""A kernel test as a litmus test in a machine's assembly, as :mod:`smpcheck.machines.lower` would judge it.

For other tools, and for people: the instructions of the mapping's rows, with a small compiler for what stands between them. It
knows what litmus tests are made of: integers and addresses in registers, sums, bit operations, comparisons, branches. The address
of a location is in a register from the start; a variable of the source has a register of its own. A thread that would have to try
an operation again, or to wait for a lock, goes to its end, and the condition asks for threads that did not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from smpcheck.errors import UnsupportedError
from smpcheck.machines.lower import AGAIN, NEW, OUT, UNLESS, Site, sites
from smpcheck.machines.mapping import MachineMapping
from smpcheck.program import ir
from smpcheck.program.flow import registers_read, statements
from smpcheck.program.ir import Assign, Choice, Const, Expr, If, Program, Reg, Stmt
from smpcheck.program.values import INT, Ptr, Value

OK = "%finished"
"""The variable that says that a thread has not given up."""


class Syntax(Struct, frozen=True):
    """How a machine writes what is no primitive. Registers are numbers, and ``name`` has what they are called by their size in
    bytes. ``bases``, ``locals``: those for addresses and variables (no bases: instructions name locations); ``scratch``: two.
    ``binary`` has templates by C's operator, over ``{d}``, ``{a}`` and ``{b}``; ``zero``, ``nonzero``: branches on ``{a}`` to
    ``{l}``. ``wide``: how a location of 8 bytes is declared."""

    architecture: str
    name: Mapping[int, str]
    bases: Sequence[str]
    locals: Sequence[str]
    scratch: tuple[str, str]
    constant: str
    move: str
    binary: Mapping[str, str]
    zero: str
    nonzero: str
    jump: str
    wide: str


_A64 = Syntax(
    "AArch64", {4: "W{}", 8: "X{}"}, [str(i) for i in range(20, 29)], [str(i) for i in range(8, 18)], ("6", "7"),
    "MOV {d},#{v}", "MOV {d},{a}",
    {"+": "ADD {d},{a},{b}", "-": "SUB {d},{a},{b}", "&": "AND {d},{a},{b}", "|": "ORR {d},{a},{b}", "^": "EOR {d},{a},{b}"},
    "CBZ {a},{l}", "CBNZ {a},{l}", "B {l}", "int64_t",
)  # fmt: skip
_PPC = Syntax(
    "PPC", {4: "r{}", 8: "r{}"}, [str(i) for i in range(20, 30)], [str(i) for i in range(9, 19)], ("7", "8"),
    "li {d},{v}", "mr {d},{a}",
    {"+": "add {d},{a},{b}", "-": "sub {d},{a},{b}", "&": "and {d},{a},{b}", "|": "or {d},{a},{b}", "^": "xor {d},{a},{b}"},
    "cmpwi {a},0; beq {l}", "cmpwi {a},0; bne {l}", "b {l}", "",
)  # fmt: skip
_RISCV = Syntax(
    "RISCV", {4: "x{}", 8: "x{}"}, [str(i) for i in range(20, 30)], [str(i) for i in range(5, 10)] + ["18", "19"], ("16", "17"),
    "li {d},{v}", "mv {d},{a}",
    {"+": "add {d},{a},{b}", "-": "sub {d},{a},{b}", "&": "and {d},{a},{b}", "|": "or {d},{a},{b}", "^": "xor {d},{a},{b}"},
    "beq {a},x0,{l}", "bne {a},x0,{l}", "j {l}", "",
)  # fmt: skip
_TWO_OPERANDS = {"+": "ADD", "-": "SUB", "&": "AND", "|": "OR", "^": "XOR"}
_X86 = Syntax(
    "X86", {4: "{}", 8: "{}"}, [], ["EBX", "EDI", "EBP", "ESP"], ("ESI", "ECX"),
    "MOV {d},${v}", "MOV {d},{a}", {op: f"MOV {{d}},{{a}}; {name} {{d}},{{b}}" for op, name in _TWO_OPERANDS.items()},
    "CMP {a},$0; JE {l}", "CMP {a},$0; JNE {l}", "JMP {l}", "",
)  # fmt: skip

_ARM = Syntax(
    "ARM", {4: "R{}", 8: "R{}"}, ["10", "11", "12"], ["7", "8", "9"], ("5", "6"),
    "MOV {d},#{v}", "MOV {d},{a}",
    {"+": "ADD {d},{a},{b}", "-": "SUB {d},{a},{b}", "&": "AND {d},{a},{b}", "|": "ORR {d},{a},{b}", "^": "EOR {d},{a},{b}"},
    "CMP {a},#0; BEQ {l}", "CMP {a},#0; BNE {l}", "B {l}", "",
)  # fmt: skip

SYNTAXES: Mapping[str, Syntax] = {"ARM": _ARM, "AArch64": _A64, "PPC": _PPC, "RISCV": _RISCV, "X86_64": _X86}


def assembly(program: Program, mapping: MachineMapping) -> str:
    """``program`` on the machine of ``mapping``, as the text of a litmus test.

    :raises UnsupportedError: it has something that is not written here
    """
    writer = _Test(program, mapping)
    return writer.text()


class _Test:
    def __init__(self, program: Program, mapping: MachineMapping) -> None:
        self.program = program
        self.mapping = mapping
        self.syntax = SYNTAXES[mapping.language]
        self.names: dict[Ptr, str] = {}
        if program.in_pieces:
            raise self.refuse("a program with accesses of several sizes to one place")
        for address, cell in program.cells.items():
            if not cell.name.isidentifier() or cell.ctype.bits not in ((32, 64) if self.syntax.bases else (32,)):
                raise UnsupportedError(f"the location {cell.name} ({cell.ctype.name}) is not written as assembly")
            self.names[address] = cell.name
        accesses = (
            stmt
            for thread in program.threads
            for stmt in statements(thread.body)
            if isinstance(stmt, ir.Load | ir.Store | ir.Rmw)
        )
        types = [*(cell.ctype for cell in program.cells.values()), *(stmt.ctype for stmt in accesses if stmt.ctype)]
        self.size = max(ctype.bits for ctype in types) // 8
        """That of every location: where one holds an address, all are as large, for pointers lead to any."""

    def refuse(self, what: str, pos: ir.Position | None = None) -> UnsupportedError:
        return UnsupportedError(f"{what} is not written as assembly", pos)

    def text(self) -> str:
        threads = [_Column(self, thread) for thread in self.program.threads]
        for thread in threads:
            thread.body(thread.thread.body)
            thread.finish()
        init = list(self.init())
        for thread in threads:
            pairs = (f"{thread.number}:{self.syntax.name[8].format(b)}={n};" for n, b in thread.bases.items())
            init.append(" ".join(pairs))
        columns = [[f"P{thread.number}", *thread.lines] for thread in threads]
        widths = [max(map(len, column)) for column in columns]
        rows = [
            " "
            + " | ".join((column[i] if i < len(column) else "").ljust(w) for column, w in zip(columns, widths, strict=True))
            + " ;"
            for i in range(max(map(len, columns)))
        ]
        if self.program.quantifier == "forall":
            raise self.refuse("a question about all executions")
        condition = self.condition(self.program.condition, threads)
        finished = (f"{t.number}:{self.syntax.name[8].format(t.local(OK))}=1" for t in threads if t.gives_up)
        filtered = [self.condition(self.program.filter, threads)] if self.program.filter is not None else []
        condition = " /\\ ".join([f"({condition})", *filtered, *finished])
        lines = "\n".join(line for line in init if line)
        name = self.program.name
        return (
            f"{self.syntax.architecture} {name}\n{{\n{lines}\n}}\n"
            + "\n".join(rows)
            + f"\n{self.program.quantifier} ({condition})\n"
        )

    def init(self) -> Iterator[str]:
        for address, cell in self.program.cells.items():
            name = self.names[address]
            value = self.names[cell.init] if isinstance(cell.init, Ptr) else str(cell.init)
            if self.size == 8:
                yield f"{self.syntax.wide} {name}={value};".strip()
            elif cell.init != 0:
                yield f"{name}={value};"

    def condition(self, expr: Expr, threads: Sequence[_Column]) -> str:
        match expr:
            case ir.Binary("&&" | "||" as op, left, right):
                sign = "/\\" if op == "&&" else "\\/"
                return f"({self.condition(left, threads)} {sign} {self.condition(right, threads)})"
            case ir.Unary("!", arg):
                return f"not ({self.condition(arg, threads)})"
            case ir.Binary("==" | "!=" as op, left, right):
                same = f"{self.final(left, threads)}={self.final(right, threads)}"
                return same if op == "==" else f"not ({same})"
            case Const(1):
                return "true"
        raise self.refuse("this condition")

    def final(self, expr: Expr, threads: Sequence[_Column]) -> str:
        match expr:
            case ir.FinalReg(thread, name):
                return f"{thread}:{self.syntax.name[8].format(threads[thread].local(name))}"
            case ir.FinalMem(cell):
                return f"[{self.names[cell]}]"
            case Const(Ptr() as pointer) if pointer in self.names:
                return self.names[pointer]
            case Const(int() as value):
                return str(value)
            case ir.Cast(_, arg):
                return self.final(arg, threads)
        raise self.refuse("this condition")


@dataclass(slots=True)
class _Column:
    """One thread as it is written."""

    test: _Test
    thread: ir.Thread
    lines: list[str] = field(default_factory=list)
    bases: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    labels: int = 0
    after: dict[str, str] = field(default_factory=dict)
    """The label behind each block that is open."""
    gives_up: bool = False
    """Is there something that may have to be tried again?"""

    @property
    def end(self) -> str:
        """The label at the thread's end."""
        self.gives_up = True
        return f"E{self.number}"

    def finish(self) -> None:
        """The last lines."""
        if self.gives_up:
            self.emit(self.syntax.constant, d=self.name(self.local(OK), 4), v=1)
            self.lines.append(f"{self.end}:")

    @property
    def number(self) -> int:
        return self.thread.index

    @property
    def syntax(self) -> Syntax:
        return self.test.syntax

    def emit(self, template: str, **fields: object) -> None:
        self.lines += [line.strip() for line in template.format(**fields).split(";")]

    def label(self) -> str:
        self.labels += 1
        return f"L{self.number}{self.labels}"

    def local(self, name: str) -> str:
        """The number of a variable's register."""
        if name not in self.variables:
            if len(self.variables) >= len(self.syntax.locals):
                raise self.test.refuse(f"a thread with more than {len(self.syntax.locals)} variables")
            self.variables[name] = self.syntax.locals[len(self.variables)]
        return self.variables[name]

    def base(self, pointer: Value) -> str:
        """The number of the register with the address of a location."""
        if not isinstance(pointer, Ptr) or pointer not in self.test.names:
            raise self.test.refuse("this address")
        name = self.test.names[pointer]
        if name not in self.bases:
            if len(self.bases) >= len(self.syntax.bases):
                raise self.test.refuse(f"a thread with more than {len(self.syntax.bases)} locations")
            self.bases[name] = self.syntax.bases[len(self.bases)]
        return self.bases[name]

    # --- expressions ---

    def name(self, number: str, size: int) -> str:
        return self.syntax.name[size].format(number)

    def value(self, expr: Expr, target: str, size: int, depth: int = 0) -> str:
        """The name of a register of ``size`` bytes that holds ``expr``; ``target`` is one to compute it in."""
        match expr:
            case Reg(name):
                return self.name(self.local(name), size)
            case Const(Ptr() as pointer):
                return self.name(self.base(pointer), 8)
            case ir.Cast(_, arg):
                return self.value(arg, target, size, depth)
            case Const(int() as value):
                self.emit(self.syntax.constant, d=target, v=value)
                return target
            case ir.Binary(op, left, right) if op in self.syntax.binary and depth < 1:
                other = self.name(self.syntax.scratch[1], size)
                a = self.value(left, target, size, depth)
                b = self.value(right, other, size, depth + 1)
                self.emit(self.syntax.binary[op], d=target, a=a, b=b)
                return target
        raise self.test.refuse("this expression")

    def assign(self, expr: Expr, target: str, size: int) -> None:
        found = self.value(expr, target, size)
        if found != target:
            self.emit(self.syntax.move, d=target, a=found)

    def branch(self, cond: Expr, to: str, wanted: bool) -> None:
        """Go to ``to`` if ``cond`` is as ``wanted``."""
        size = self.test.size
        scratch = self.name(self.syntax.scratch[0], size)
        match cond:
            case ir.Unary("!", arg):
                return self.branch(arg, to, not wanted)
            case ir.Cast(_, arg):
                return self.branch(arg, to, wanted)
            case ir.Binary("==" | "!=" as op, left, right):
                cond = ir.Binary("^", left, right, INT) if right != Const(0) else left
                found = self.value(cond, scratch, size)
                self.emit(self.syntax.zero if (op == "==") == wanted else self.syntax.nonzero, a=found, l=to)
                return None
        found = self.value(cond, scratch, size)
        self.emit(self.syntax.nonzero if wanted else self.syntax.zero, a=found, l=to)
        return None

    # --- statements ---

    def body(self, body: Sequence[Stmt]) -> None:
        for part in sites(body, self.test.mapping):
            if isinstance(part, Site):
                self.site(part)
            else:
                self.statement(part)

    def statement(self, stmt: Stmt) -> None:
        match stmt:
            case Assign(reg, expr):
                size = self.size(expr)
                self.assign(expr, self.name(self.local(reg), size), size)
            case If(cond, then, other):
                otherwise, end = self.label(), self.label()
                self.branch(cond, otherwise, False)
                self.body(then)
                if other:
                    self.emit(self.syntax.jump, l=end)
                self.lines.append(f"{otherwise}:")
                if other:
                    self.body(other)
                    self.lines.append(f"{end}:")
            case ir.Block(label, inner):
                self.after[label] = self.label()
                self.body(inner)
                self.lines.append(f"{self.after.pop(label)}:")
            case ir.Exit(label) if label in self.after:
                self.emit(self.syntax.jump, l=self.after[label])
            case Choice() | ir.Loop() | ir.Assert() | ir.Assume() | _:
                raise self.test.refuse(type(stmt).__name__.lower(), getattr(stmt, "pos", None))

    def size(self, expr: Expr) -> int:
        """That of locations, or 8 for what may be an address."""
        types = self.thread.reg_types
        wide = any(types[name].bits == 64 for name in registers_read(expr) if name in types)
        return 8 if wide or (isinstance(expr, Const) and isinstance(expr.value, Ptr)) else self.test.size

    def site(self, site: Site) -> None:
        """A primitive: its row's instructions, with labels and registers of this test."""
        if site.row.other_way is not None:
            raise self.test.refuse(f"a primitive that may be done in two ways ({site.text})", site.pos)
        size = self.test.size
        places = dict(self.test.mapping.sizes.get(size, {}))
        if site.addr is not None:
            places["addr"] = self.place(site.addr, places["addr"])
        operation = site.operation
        if site.value is not None:
            places["value"] = self.operand(site.value, places["value"], size)
        elif operation is not None and NEW not in site.row.asm:
            places["value"] = self.operand(self.addend(site), places["value"], size)
        if site.expected is not None:
            places["expected"] = self.operand(site.expected, places["expected"], size)
        out = self.end if site.must else self.label()
        for line in site.row.asm:
            if line == NEW:
                assert operation is not None
                self.variables[operation.old] = _number(places["old"])
                self.assign(operation.new, places["value"], size)
            elif line.startswith(UNLESS):
                assert operation is not None and operation.when is not None
                self.variables[operation.old] = _number(places["old"])
                self.branch(operation.when, self.end if line.endswith(AGAIN) else out, False)
            elif line == f"{OUT}:":
                self.lines += [] if site.must else [f"{out}:"]
            elif line != f"{AGAIN}:":
                text = line.format(**places, op=site.operation_name)
                if text.endswith((f",{AGAIN}", f" {AGAIN}")):
                    text = text.removesuffix(AGAIN) + self.end
                elif text.endswith((f",{OUT}", f" {OUT}")):
                    text = text.removesuffix(OUT) + out
                self.lines.append(text)
        if operation is not None:
            self.variables.pop(operation.old, None)
        if site.must and site.expected is not None:
            same = self.syntax.binary["^"]
            scratch = self.name(self.syntax.scratch[1], size)
            self.emit(same, d=scratch, a=places["old"], b=places["expected"])
            self.emit(self.syntax.nonzero, a=scratch, l=self.end)
        if site.reg is not None:
            self.emit(self.syntax.move, d=self.name(self.local(site.reg), size), a=places["old"])

    def place(self, addr: Expr, target: str) -> str:
        """What stands for an address in an instruction."""
        if self.syntax.bases:
            return self.value(addr, target, 8)
        if isinstance(addr, Const) and addr.value in self.test.names:
            return self.test.names[addr.value]
        raise self.test.refuse("this address")

    def operand(self, expr: Expr, target: str, size: int) -> str:
        """A value that an instruction takes, in a register that is none of a variable's where it may be written."""
        if isinstance(expr, Const | ir.Binary | ir.Cast) and not (isinstance(expr, Const) and isinstance(expr.value, Ptr)):
            self.assign(expr, target, size)
            return target
        return self.value(expr, target, size)

    def addend(self, site: Site) -> Expr:
        """The second operand of an atomic operation."""
        assert site.operation is not None
        new = site.operation.new
        while isinstance(new, ir.Cast):
            new = new.arg
        match new:
            case ir.Binary("+" | "|" | "^", Reg(name), operand) if name == site.operation.old:
                return operand
            case ir.Binary("-", Reg(name), Const(int() as value)) if name == site.operation.old:
                return Const(value if site.operation_name in ("SUB",) else -value)
            case ir.Binary("&", Reg(name), operand) if name == site.operation.old and site.operation_name in ("and", "AND"):
                return operand
        raise self.test.refuse(f"the operation of {site.text}", site.pos)


def _number(register: str) -> str:
    """The number of a register, as :class:`Syntax` has it."""
    return register if register.startswith("E") else register.lstrip("WXRrxa")
