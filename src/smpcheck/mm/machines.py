"""The barrier of putback_lru_page on each machine: what the thread of 2009 asked, and nobody answered.

Putback sets PG_lru under lru_lock, lets go of it, and looks whether PG_mlocked is still set; munlock clears PG_mlocked and looks
whether PG_lru is set. If both look too early, the page is stranded. The two are written here with the kernel's own operations, as
litmus tests: what stands around them in the whole machinery (:mod:`smpcheck.mm.vmscan`) orders nothing more between these four
accesses. PG_lru is bit 5 and PG_mlocked bit 21 of a word of flags, or each is bit 0 of a word of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from msgspec import Struct

from smpcheck.cat.load import load_model
from smpcheck.engines.constraints import NARROW, has_no_load_buffering
from smpcheck.machines.lower import lowered
from smpcheck.machines.mapping import MachineMapping, mapping_of
from smpcheck.program.ir import Program
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

LAYOUTS = ("one word", "two words")
BARRIERS = ("none", "smp_mb", "smp_mb__after_atomic")
"""What stands between setting PG_lru and looking at PG_mlocked; the second kind before lru_lock is let go (V9b)."""


class Case(Struct, frozen=True):
    """One way to write the two: the layout of the flags, the barrier, and whether munlock's operation returns the old bit."""

    layout: str
    barrier: str = "none"
    returning: bool = True

    @property
    def title(self) -> str:
        """In words."""
        barrier = "no barrier" if self.barrier == "none" else f"{self.barrier}()"
        clear = "" if self.returning else ", clear_bit() in munlock"
        return f"flags in {self.layout}, {barrier}{clear}"

    def text(self) -> str:
        """The litmus test."""
        one = self.layout == "one word"
        lru, mlocked = ("5, flags", "21, flags") if one else ("0, lru", "0, mlocked")
        words = "unsigned long *flags" if one else "unsigned long *lru, unsigned long *mlocked"
        start = f"unsigned long flags={1 << 21};" if one else "unsigned long mlocked=1;"
        after_atomic = "\tsmp_mb__after_atomic();\n" if self.barrier == "smp_mb__after_atomic" else ""
        full = "\tsmp_mb();\n" if self.barrier == "smp_mb" else ""
        clear = f"test_and_clear_bit({mlocked})" if self.returning else f"clear_bit({mlocked})"
        return (
            f"C putback\n\n{{\n\t{start}\n}}\n\n"
            f"P0({words}, spinlock_t *lru_lock)\n{{\n\tint r0;\n\n\tspin_lock(lru_lock);\n\tset_bit({lru});\n{after_atomic}"
            f"\tspin_unlock(lru_lock);\n{full}\tr0 = test_bit({mlocked});\n}}\n\n"
            f"P1({words})\n{{\n\tint r1;\n\n\t{clear};\n\tr1 = test_bit({lru});\n}}\n\n"
            "exists (0:r0=1 /\\ 1:r1=0)\n"
        )

    def program(self) -> Program:
        """The same, read."""
        return read_litmus(self.text(), "putback.litmus")


CASES = (
    Case("one word"),
    Case("two words"),
    Case("two words", "smp_mb"),
    Case("two words", "smp_mb__after_atomic"),
    Case("two words", "smp_mb", returning=False),
)


@cache
def stranded(case: Case, model: str) -> bool:
    """Can a page be stranded under a model of the kernel's primitives?"""
    return _happens(case.program(), model)


def stranded_on(case: Case, mapping: MachineMapping) -> bool:
    """Can it be on a machine?"""
    return _happens(lowered(case.program(), mapping).program, mapping.model)


def _happens(program: Program, model: str) -> bool:
    answer = solve(program, load_model(model), Question(mode="verdict"))
    assert answer.status == "ok", answer.message
    return answer.verdict != "Never"


def instructions(case: Case, mapping: MachineMapping) -> tuple[str, ...]:
    """What the barrier of the case is on a machine."""
    program = case.program()
    places = {stmt.pos for thread in program.threads for stmt in thread.body if getattr(stmt, "primitive", "") == case.barrier}
    found = lowered(program, mapping).instructions
    return tuple(line for place in places for line in found.get(place, ()))


def table(mappings: Sequence[MachineMapping], model: str = "lkmm") -> list[list[str]]:
    """Each case by the contract and by machines: ``stranded`` or ``safe``, and what the barrier is there."""
    lines = [["", model, *(mapping.title for mapping in mappings)]]
    for case in CASES:
        cells = [_word(stranded(case, model))]
        for mapping in mappings:
            barrier = "" if case.barrier == "none" else f": {'; '.join(instructions(case, mapping)) or 'no instruction'}"
            cells.append(_word(stranded_on(case, mapping)) + barrier)
        lines.append([case.title, *cells])
    return lines


def drawing(mapping: MachineMapping) -> str:
    """How the page is stranded on a machine with flags in two words and no barrier, or why it is not, as an SVG document."""
    from smpcheck.questions.explain import explain
    from smpcheck.show.svg import explanations_svg

    program = lowered(CASES[1].program(), mapping).program
    return explanations_svg(explain(program, load_model(mapping.model)))


def on_machine(machine: str) -> list[str]:
    """What is taken for granted of a machine (``arm64``, ``riscv:queued``), for a legend."""
    mapping = mapping_of(machine)
    order = () if has_no_load_buffering(load_model(mapping.model)) else (NARROW,)
    judged = f"Linux {mapping.linux}'s instructions, judged by the model {mapping.model}; a plain access is one instruction"
    return [judged, *order, *mapping.notes]


def _word(can_be: bool) -> str:
    return "stranded" if can_be else "safe"
