"""Kernel tests written in a machine's assembly: read again they have the verdicts of the lowered ones, which are herd7's."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.errors import UnsupportedError
from smpcheck.machines.assembly import assembly
from smpcheck.machines.lower import lower
from smpcheck.machines.mapping import load_mapping, mapping_of
from smpcheck.readers.litmus import read_litmus, read_litmus_file
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

EXAMPLES = Path(__file__).parents[2] / "examples"

HERD7 = """
01-SB                            S S S S S S S
04-MP                            S S S S S N S
05-MP+wmb+rmb                    N N N N N N N
06-MP+rel+acq                    N N N N N N N
07-MP+wmb+addr                   N N N N N - -
08-MP+wmb+ctrl                   S S S S S N S
10-LB                            S S S S S N S
11-LB+ctrl+data                  N N N N N N N
12-IRIW                          N N S N N N N
14-WRC+rel+acq                   N N N N N N N
16-LOCK+leak                     S S S - S - N
17-LOCK+after_spinlock           N N N - N - N
23-SB+atomic_inc                 S S S S S N S
24-SB+after_atomic               N N N N N - -
25-CMPXCHG                       N N N N N - N
26-CMPXCHG+failed                S S N S S - -
29-SEQLOCK+no-rmb                S S S S S N -
38-PUTBACK+two-words+mb          N N N N N N -
40-PUTBACK+two-words+mb+noreturn S S S S S - S
"""
"""What herd7 7.58 says of the text that assembly() makes, under its own aarch64.cat (LSE, LL/SC), ppc.cat, riscv.cat (ticket and
queued locks), x86tso.cat and arm.cat (to which ISHST was given as ST): Sometimes, Never, or that the text has what
herd7 or assembly() does not take.
"""

COLUMNS = ("arm64", "arm64:llsc", "ppc64", "riscv", "riscv:queued", "x86", "armv7")


def test_texts_have_herd7s_verdicts():
    for line in HERD7.strip().split("\n"):
        name, *wanted = line.split()
        program = read_litmus_file(EXAMPLES / f"{name}.litmus")
        for machine, letter in zip(COLUMNS, wanted, strict=True):
            if letter == "-":
                continue
            mapping = mapping_of(machine)
            model = load_model(mapping.model)
            written = read_litmus(assembly(program, mapping), name)
            verdicts = [solve(one, model, Question(mode="verdict")).verdict for one in (written, lower(program, mapping))]
            assert verdicts == [{"S": "Sometimes", "N": "Never"}[letter]] * 2, (name, machine)


@pytest.mark.parametrize("body", ["for (;;) { if (READ_ONCE(*x)) break; }", "int r0 = READ_ONCE(*x) / 2;"])
def test_what_is_not_written_is_refused(body):
    program = read_litmus(f"C t\n{{}}\nP0(int *x)\n{{\n{body}\n}}\nexists (x=0)\n")
    with pytest.raises(UnsupportedError, match="is not written as assembly"):
        assembly(program, load_mapping("arm64"))
