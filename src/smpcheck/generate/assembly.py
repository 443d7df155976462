"""A cycle as a litmus test in assembly.

Each location's address is in a register of its own from the start; values and results take the next ones. A dependency is made as
compilers would not break it: the exclusive or of the read's register with itself is added to the address or the value; a control
dependency branches to the instruction that follows anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.generate.cycle import Access, Cycle
from smpcheck.generate.edges import Edge, R
from smpcheck.program.ir import Language


@dataclass(slots=True)
class Column:
    """One thread as it is written: ``rows`` of instructions, ``base`` the register of each location's address, ``seen`` that
    of each read in order."""

    number: int
    base: Mapping[str, str]
    spare: list[str]
    rows: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    labels: int = 0

    def register(self) -> str:
        """A register that nothing is in yet."""
        return self.spare.pop(0)

    def label(self) -> str:
        """A label that does not stand anywhere yet."""
        self.labels += 1
        return f"LC{self.number}{self.labels - 1}"


class Assembler(Struct, frozen=True):
    """How a machine writes things. ``addresses``, ``spare``: registers for locations and for values; ``shown``: a register's
    name in the condition. The functions emit into a column: ``load(column, register, location, order, distance)`` with an
    index register or None, ``store(column, register, ...)``, ``zero(column, register) -> register``: one that is 0 and
    depends on it; ``constant(column, register, value)``, ``plus(column, register, zero, value)``, ``branch(column,
    register)``; ``swap(column, value, target, location, orders, distance)``."""

    addresses: tuple[str, ...]
    spare: tuple[str, ...]
    shown: Callable[[str], str]
    load: Callable[[Column, str, str, str, str | None], None]
    store: Callable[[Column, str, str, str, str | None], None]
    zero: Callable[[Column, str], str]
    constant: Callable[[Column, str, int], None]
    plus: Callable[[Column, str, str, int], None]
    branch: Callable[[Column, str], None]
    swap: Callable[[Column, str, str, str, tuple[str, str], str | None], None]
    fence: Callable[[Column, str], None]


# --- AArch64 ---

_LOADS = {"": "LDR", "A": "LDAR", "Q": "LDAPR"}
_STORES = {"": "STR", "L": "STLR"}


def _a64_place(column: Column, location: str, order: str, index: str | None) -> str:
    base = column.base[location]
    if index is None:
        return f"[{base}]"
    if not order:
        return f"[{base},W{index[1:]},SXTW]"
    moved = column.register()
    column.rows.append(f"ADD {moved},{base},W{index[1:]},SXTW")
    return f"[{moved}]"


def _a64_load(column: Column, target: str, location: str, order: str, index: str | None) -> None:
    place = _a64_place(column, location, order, index)
    column.rows.append(f"{_LOADS[order]} W{target[1:]},{place}")


def _a64_store(column: Column, value: str, location: str, order: str, index: str | None) -> None:
    place = _a64_place(column, location, order, index)
    column.rows.append(f"{_STORES[order]} W{value[1:]},{place}")


def _a64_zero(column: Column, source: str) -> str:
    target = column.register()
    column.rows.append(f"EOR W{target[1:]},W{source[1:]},W{source[1:]}")
    return target


def _a64_swap(column: Column, value: str, target: str, location: str, orders: tuple[str, str], index: str | None) -> None:
    place = _a64_place(column, location, "A", index)  # as for all that is ordered, without an offset
    column.rows.append(f"SWP{orders[0]}{orders[1]} W{value[1:]},W{target[1:]},{place}")


def _a64_branch(column: Column, source: str) -> None:
    label = column.label()
    column.rows += [f"CBNZ W{source[1:]},{label}", f"{label}:"]


AARCH64 = Assembler(
    tuple(f"X{i}" for i in range(20, 29)),
    tuple(f"X{i}" for i in range(20)),
    lambda register: register,
    _a64_load,
    _a64_store,
    _a64_zero,
    lambda column, target, value: column.rows.append(f"MOV W{target[1:]},#{value}"),
    lambda column, target, zero, value: column.rows.append(f"ADD W{target[1:]},W{zero[1:]},#{value}"),
    _a64_branch,
    _a64_swap,
    lambda column, name: column.rows.append("ISB" if name == "ISB" else name.replace(".", " ")),
)

# --- POWER ---


def _ppc_place(column: Column, mnemonic: str, register: str, location: str, index: str | None) -> str:
    base = column.base[location]
    return f"{mnemonic} {register},0({base})" if index is None else f"{mnemonic}x {register},{index},{base}"


def _xor_zero(column: Column, source: str) -> str:
    target = column.register()
    column.rows.append(f"xor {target},{source},{source}")
    return target


def _no_swap(column: Column, *_: object) -> None:
    raise AssertionError("there is no atomic operation in this vocabulary")


def _ppc_branch(column: Column, source: str) -> None:
    label = column.label()
    column.rows += [f"cmpw {source},{source}", f"beq {label}", f"{label}:"]


PPC = Assembler(
    tuple(f"r{i}" for i in range(20, 31)),
    tuple(f"r{i}" for i in range(1, 20)),
    lambda register: register,
    lambda column, target, location, order, index: column.rows.append(_ppc_place(column, "lwz", target, location, index)),
    lambda column, value, location, order, index: column.rows.append(_ppc_place(column, "stw", value, location, index)),
    _xor_zero,
    lambda column, target, value: column.rows.append(f"li {target},{value}"),
    lambda column, target, zero, value: column.rows.append(f"addi {target},{zero},{value}"),
    _ppc_branch,
    _no_swap,
    lambda column, name: column.rows.append(name.lower()),
)

# --- RISC-V ---

_SUFFIXES = {"": "", "Aq": ".aq", "Rl": ".rl", "AR": ".aq.rl"}


def _rv_place(column: Column, location: str, index: str | None) -> str:
    base = column.base[location]
    if index is None:
        return f"0({base})"
    moved = column.register()
    column.rows.append(f"add {moved},{base},{index}")
    return f"0({moved})"


def _rv_load(column: Column, target: str, location: str, order: str, index: str | None) -> None:
    place = _rv_place(column, location, index)
    column.rows.append(f"lw{_SUFFIXES[order]} {target},{place}")


def _rv_store(column: Column, value: str, location: str, order: str, index: str | None) -> None:
    place = _rv_place(column, location, index)
    column.rows.append(f"sw{_SUFFIXES[order]} {value},{place}")


def _rv_swap(column: Column, value: str, target: str, location: str, orders: tuple[str, str], index: str | None) -> None:
    place = _rv_place(column, location, index).removeprefix("0")
    both = "AR" if all(orders) else orders[0] or orders[1]
    column.rows.append(f"amoswap.w{_SUFFIXES[both]} {target},{value},{place}")


def _rv_branch(column: Column, source: str) -> None:
    label = column.label()
    column.rows += [f"bne {source},x0,{label}", f"{label}:"]


def _rv_fence(column: Column, name: str) -> None:
    parts = name.lower().split(".")
    column.rows.append(f"fence {parts[1]},{parts[2]}" if len(parts) == 3 else name.lower())


RISCV = Assembler(
    tuple(f"x{i}" for i in range(20, 32)),
    tuple(f"x{i}" for i in range(5, 20)),
    lambda register: register,
    _rv_load,
    _rv_store,
    _xor_zero,
    lambda column, target, value: column.rows.append(f"ori {target},x0,{value}"),
    lambda column, target, zero, value: column.rows.append(f"ori {target},{zero},{value}"),
    _rv_branch,
    _rv_swap,
    _rv_fence,
)

# --- x86 ---


def _x86_nothing(column: Column, *_: object) -> Any:
    raise AssertionError("x86 has no dependencies in its vocabulary")


X86 = Assembler(
    (),
    ("EAX", "EBX", "ECX", "EDX", "ESI", "EDI"),
    lambda register: register,
    lambda column, target, location, order, index: column.rows.append(f"MOV {target},[{location}]"),
    lambda column, value, location, order, index: column.rows.append(f"MOV [{location}],${value}"),
    _x86_nothing,
    lambda column, target, value: None,
    _x86_nothing,
    _x86_nothing,
    lambda column, value, target, location, orders, index: column.rows.extend(
        [f"MOV {target},${value}", f"XCHG [{location}],{target}"]
    ),
    lambda column, name: column.rows.append(name.upper()),
)

# As AT&T's assembler has it: herd7 reads x86-64 in no other way.
X86_64 = replace(
    X86,
    spare=("eax", "ebx", "ecx", "edx", "esi", "edi"),
    shown=lambda register: f"r{register[1:]}",
    load=lambda column, target, location, order, index: column.rows.append(f"movl ({location}),%{target}"),
    store=lambda column, value, location, order, index: column.rows.append(f"movl ${value},({location})"),
    swap=lambda column, value, target, location, orders, index: column.rows.extend(
        [f"movl ${value},%{target}", f"xchgl %{target},({location})"]
    ),
    fence=lambda column, name: column.rows.append(name.lower()),
)

ASSEMBLERS: Mapping[Language, Assembler] = {"AArch64": AARCH64, "PPC": PPC, "RISCV": RISCV, "X86": X86, "X86_64": X86_64}


def column(assembler: Assembler, number: int, accesses: tuple[Access, ...]) -> Column:
    """One thread."""
    locations = list(dict.fromkeys(access.location for access in accesses))
    out = Column(number, dict(zip(locations, assembler.addresses, strict=False)), list(assembler.spare))
    before: Edge | None = None
    source, begun = "", None
    for access in accesses:
        if access.leads is not None and access.leads.kind == "Rmw":
            begun = (access, before)
            before = access.leads
            continue
        if begun is not None:
            source = _swap(assembler, out, *begun, access, source)
            begun, before = None, access.leads
            if before is not None:
                _between(assembler, out, before, source)
            continue
        index = None
        if before is not None and before.kind == "Dp" and before.detail in ("Addr", "Data"):
            index = assembler.zero(out, source)
        addressed = index if before is not None and before.detail == "Addr" else None
        if access.direction == R:
            source = out.register()
            assembler.load(out, source, access.location, access.order, addressed)
            out.seen.append(source)
        elif not assembler.addresses:
            assembler.store(out, str(access.value), access.location, access.order, None)
        else:
            value = out.register()
            if index is not None and addressed is None:
                assembler.plus(out, value, index, access.value)
            else:
                assembler.constant(out, value, access.value)
            assembler.store(out, value, access.location, access.order, addressed)
        before = access.leads
        if before is not None:
            _between(assembler, out, before, source)
    return out


def _swap(assembler: Assembler, out: Column, read: Access, before: Edge | None, write: Access, source: str) -> str:
    """One instruction that reads and writes; the register with what it read."""
    index = assembler.zero(out, source) if before is not None and before.detail == "Addr" else None
    target = out.register()
    value = str(write.value)
    if assembler.addresses:
        value = out.register()
        assembler.constant(out, value, write.value)
    assembler.swap(out, value, target, read.location, (read.order, write.order), index)
    out.seen.append(target)
    return target


def _between(assembler: Assembler, out: Column, edge: Edge, source: str) -> None:
    """What stands between two accesses."""
    if edge.kind == "Fence":
        assembler.fence(out, edge.detail)
    elif edge.detail.startswith("Ctrl"):
        assembler.branch(out, source)
        barrier = _AFTER_BRANCH.get(edge.detail)
        if barrier is not None:
            out.rows.append(barrier)


_AFTER_BRANCH = {"CtrlIsb": "ISB", "CtrlIsync": "isync", "CtrlFenceI": "fence.i"}


def text(cycle: Cycle, name: str, comment: str, language: Language) -> str:
    """The whole test."""
    assembler = ASSEMBLERS[language]
    columns = [column(assembler, number, thread) for number, thread in enumerate(cycle.threads)]
    init = [
        "".join(f" {out.number}:{register}={location};" for location, register in out.base.items()) for out in columns if out.base
    ]
    wanted = [
        f"{out.number}:{assembler.shown(register)}={access.value}"
        for out, thread in zip(columns, cycle.threads, strict=True)
        for register, access in zip(out.seen, [a for a in thread if a.direction == R], strict=True)
    ]
    wanted += [f"{location}={value}" for location, value in cycle.last]
    widths = [max(len(row) for row in (f"P{out.number}", *out.rows)) for out in columns]
    rows = [[f"P{out.number}" for out in columns]]
    rows += [[out.rows[i] if i < len(out.rows) else "" for out in columns] for i in range(max(len(out.rows) for out in columns))]
    body = "\n".join(" " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " ;" for row in rows)
    start = "\n".join(init) + "\n" if init else ""
    condition = " /\\ ".join(wanted)
    return f'{language} {name}\n"{comment}"\n{{\n{start}}}\n{body}\nexists ({condition})\n'
