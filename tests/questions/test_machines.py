"""Ordering elements on machines: what a machine says nothing about is unknown there."""

from __future__ import annotations

from smpcheck.cat.load import load_model
from smpcheck.machines.mapping import mappings
from smpcheck.questions.machines import ByMachine, by_machine
from smpcheck.readers.litmus import read_litmus

MIXED = r"""C mixed
{ u32 x = 0; int y = 0; }
P0(u32 *x, int *y) { WRITE_ONCE(*y, 1); smp_wmb(); WRITE_ONCE(*(u8 *)x, 1); }
P1(u32 *x, int *y) { u32 r0 = READ_ONCE(*x); smp_rmb(); int r1 = READ_ONCE(*y); }
exists (1:r0=1 /\ 1:r1=0)
"""


def asked(machines: str) -> ByMachine:
    return by_machine(read_litmus(MIXED, "mixed.litmus"), load_model("lkmm"), mappings(machines))


def test_a_machine_that_says_nothing_of_mixed_sizes_is_not_asked() -> None:
    found = asked("riscv,arm64")
    assert found.holds == (None, True)
    assert [[cell.need for cell in row.cells] for row in found.rows] == [["unknown", "needed"]] * 2
    assert any(note.startswith("riscv: riscv says nothing of accesses of several sizes") for note in found.notes)
