"""Random tests in C, written again as models in Python: both readers come to the same final states.

The translation is by line and by word, over the forms that the generator of random tests writes; a test with a form that is not
among them is left out. A thread's registers are seen through what its function returns: their values as digits.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smpcheck.cat import load_model
from smpcheck.program.ir import FinalReg, Program
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.python import read_python_file
from tests.naive.generate import random_litmus, waiting_litmus

LKMM = load_model("lkmm")
BASE = 8
"""Registers hold less."""

SKIPPED = re.compile(r"atomic|refcount|\?|&c0|int \*|rcu|= !|\bis_|\blast\(|\bput\(|smp_cond| & 0\)")
"""Forms that are not translated: pointers and casts, which Python writes with types of their own; helpers; computed addresses."""


class _NotTranslatedError(Exception):
    pass


def _expression(text: str) -> str:
    text = text.replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(?!=)\s*", " not ", text)
    return re.sub(r"\*(?=[xyz]\b)", "", text).strip()


def _python(lines: list[str], indent: int) -> list[str]:
    """C's lines as Python's, from the generator's forms."""
    out: list[str] = []
    pending = [line.strip() for line in lines]
    while pending:
        line = pending.pop(0)
        pad = "    " * indent
        if not line or line == "{":
            continue
        if line == "}":
            indent -= 1
            continue
        if line in ("} else {", "else {"):
            out.append("    " * (indent - (line[0] == "}")) + "else:")
            indent += line[0] != "}"
            continue
        if match := re.fullmatch(r"if \((.*)\) \{", line):
            out.append(f"{pad}if {_expression(match[1])}:")
            indent += 1
        elif (match := re.fullmatch(r"if \((.*)\)", line)) and pending:
            out.append(f"{pad}if {_expression(match[1])}:")
            if pending[0] == "{":
                indent += 1
            else:
                out += _python([pending.pop(0)], indent + 1)
        elif match := re.fullmatch(r"while \((.*)\) (?:cpu_relax\(\);|\{ *\}|(smp_\w+\(\);))", line):
            out += [f"{pad}while {_expression(match[1])}:", f"{pad}    {(match[2] or 'cpu_relax();')[:-1]}"]
        elif match := re.fullmatch(r"while \((.*)\) (r\d+ = .*);", line):
            out += [f"{pad}while {_expression(match[1])}:", f"{pad}    {_expression(match[2])}"]
        elif line == "return;":
            out.append(f"{pad}return RESULT")
        elif re.fullmatch(r"[^{}]*;", line):
            if "do " in line or line.startswith("while"):
                raise _NotTranslatedError
            out += [f"{pad}{_expression(part)}" for part in line.split(";") if part.strip()]
        else:
            raise _NotTranslatedError
    return out


def translated(text: str) -> str:
    """The Python model of a random test."""
    threads = re.sub(r"^P\d\(.*\)$", "", text.split("locations")[0], flags=re.MULTILINE)
    if SKIPPED.search(threads[threads.index("}\n") :]):
        raise _NotTranslatedError
    out = ["from __future__ import annotations", "from smpcheck.kernel import *", ""]
    out += [f"{name} = shared(0)" for name in "xyz"] + ["l = spinlock_t()", ""]
    names = []
    for match in re.finditer(r"^P(\d)\(.*?\)\n\{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        body = match[2].splitlines()
        locals_ = re.findall(r"^\tint (\w+)(?: = 0)?;$", match[2], re.MULTILINE)
        code = [line for line in body if not re.fullmatch(r"\tint \w+(?: = 0)?;", line)]
        registers = [name for name in locals_ if name.startswith("r")]
        result = " + ".join(f"{name} * {BASE**i}" for i, name in enumerate(registers)) or "0"
        lines = [f"    {name} = 0" for name in locals_] + _python(code, 1) + ["    return RESULT"]
        written = sorted(set(re.findall(r"^\s*([xyz]) =", "\n".join(lines), re.MULTILINE)))
        declared = [f"    global {', '.join(written)}"] if written else []
        out += [f"def thread{match[1]}() -> int:", *declared, *[line.replace("RESULT", result) for line in lines], ""]
        names.append(f"thread{match[1]}")
    out += ["@scenario", "def random_test(s: Setup) -> None:", *[f"    s.thread({name})" for name in names], ""]
    return "\n".join(out)


def states_of_c(program: Program) -> set[tuple[int, ...]] | None:
    """What each thread would return, in every final state; None if a register is too large for a digit."""
    result = check_program(program, LKMM, CheckOptions(termination=False))
    if result.status != "ok":
        return None
    found = set()
    for state in result.states:
        row = [0] * len(program.threads)
        for variable in program.observed:
            if isinstance(variable, FinalReg):
                value = state[f"{variable.thread}:{variable.name}"]
                if not isinstance(value, int) or not 0 <= value < BASE:
                    return None
                row[variable.thread] += value * BASE ** int(variable.name[1:])
        found.add(tuple(row))
    return found


def states_of_python(path: Path, threads: int) -> set[tuple[int, ...]]:
    """What each thread returns, in every final state."""
    (program,) = read_python_file(str(path))
    result = check_program(program, LKMM, CheckOptions(termination=False))
    assert result.observation is not None, result.message
    return {tuple(int(state.get(f"{thread}:return", 0)) for thread in range(threads)) for state in result.states}


def compared(text: str, folder: Path) -> bool:
    """Compare the two readers on a test; False if it is left out."""
    program = read_litmus(text, "random.litmus")
    try:
        source = translated(text)
    except _NotTranslatedError:
        return False
    expected = states_of_c(program)
    if expected is None:
        return False
    path = folder / "model.py"
    path.write_text(source)
    assert states_of_python(path, len(program.threads)) == expected, f"{text}\n{source}"
    return True


@pytest.mark.parametrize("first", range(0, 280, 70))
def test_random_tests_mean_the_same_in_c_and_in_python(first: int, tmp_path: Path) -> None:
    texts = [random_litmus(seed, budget=4) for seed in range(first, first + 70)]
    assert sum(compared(text, tmp_path) for text in texts) > 10


def test_random_waits_mean_the_same_in_c_and_in_python(tmp_path: Path) -> None:
    texts = [waiting_litmus(seed, budget=3) for seed in range(100)]
    assert sum(compared(text, tmp_path) for text in texts) > 10
