"""A cycle as a litmus test in the kernel's C.

Dependencies are written so that the value does not change: ``*(y + (r0 ^ r0))`` is an address that depends on r0,
``(r0 ^ r0) + 1`` data, and what stands in ``if (r0 == v)`` a control dependency (v being what the read sees in the execution
that the cycle is about).
"""

from __future__ import annotations

from smpcheck.generate.cycle import Access, Cycle
from smpcheck.generate.edges import Edge, R

READS = {"Once": "READ_ONCE({})", "Acquire": "smp_load_acquire({})"}
WRITES = {"Once": "WRITE_ONCE({}, {})", "Release": "smp_store_release({}, {})"}
FENCES = {"FenceMb": "smp_mb();", "FenceRmb": "smp_rmb();", "FenceWmb": "smp_wmb();"}


def thread_text(number: int, accesses: tuple[Access, ...]) -> str:
    """One thread."""
    parameters = ", ".join(f"int *{name}" for name in sorted({access.location for access in accesses}))
    reads = sum(access.direction == R for access in accesses)
    lines = [f"\tint r{i};" for i in range(reads)] + ([""] if reads else [])
    indent, register, before = 1, 0, None
    latest: dict[int, str] = {}
    for i, access in enumerate(accesses):
        lines += ["\t" * indent + line for line in _line(access, before, register, latest.get(i - 1))]
        if access.direction == R:
            latest[i] = f"r{register}"
            register += 1
        before = access.leads
        if before is not None and before.kind == "Fence":
            lines.append("\t" * indent + FENCES[before.detail])
        if before is not None and before.detail == "Ctrl":
            lines.append("\t" * indent + f"if ({latest[i]} == {access.value}) {{")
            indent += 1
    for depth in range(indent - 1, 0, -1):
        lines.append("\t" * depth + "}")
    return f"P{number}({parameters})\n{{\n" + "\n".join(lines) + "\n}\n"


def _line(access: Access, before: Edge | None, register: int, source: str | None) -> list[str]:
    depends = f"{source} ^ {source}"
    pointer, place = access.location, f"*{access.location}"
    if before is not None and before.detail == "Addr":
        pointer = f"{access.location} + ({depends})"
        place = f"*({pointer})"
    value = f"({depends}) + {access.value}" if before is not None and before.detail == "Data" else str(access.value)
    if access.direction == R:
        return [f"r{register} = {READS[access.order].format(pointer if access.order == 'Acquire' else place)};"]
    return [f"{WRITES[access.order].format(pointer if access.order == 'Release' else place, value)};"]


def condition(cycle: Cycle) -> str:
    """That the cycle happened, as a proposition."""
    parts = []
    for number, thread in enumerate(cycle.threads):
        reads = [access for access in thread if access.direction == R]
        parts += [f"{number}:r{i}={access.value}" for i, access in enumerate(reads)]
    return " /\\ ".join((*parts, *(f"{name}={value}" for name, value in cycle.last)))


def text(cycle: Cycle, name: str, comment: str) -> str:
    """The whole test."""
    threads = "\n".join(thread_text(number, thread) for number, thread in enumerate(cycle.threads))
    return f"C {name}\n\n(* {comment} *)\n\n{{}}\n\n{threads}\nexists ({condition(cycle)})\n"
