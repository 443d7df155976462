"""What one thread of assembly leaves in its registers: for tests of single instructions."""

from __future__ import annotations

from collections.abc import Mapping

from smpcheck.cat import load_model
from smpcheck.program.ir import Program
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.litmus import read_litmus

SC = load_model("sc")


def program(arch: str, code: str, init: str = "", question: str = "exists (true)") -> Program:
    """A test of one thread: instructions separated by ``;``."""
    rows = "".join(f" {instruction.strip()} ;\n" for instruction in code.split(";"))
    return read_litmus(f"{arch} T\n{{ {init} }}\n P0 ;\n{rows}{question}", "t.litmus")


def final(arch: str, code: str, init: str = "", *watch: str) -> Mapping[str, int | str]:
    """The final state of that thread: what ``watch`` names, as in a ``locations`` section."""
    question = f"locations [{' '.join(f'{name};' for name in watch)}]\nexists (true)"
    result = check_program(program(arch, code, init, question), SC, CheckOptions())
    assert result.status == "ok", result.message
    (state,) = result.states
    return state
