"""Random functions mean what a compiler makes of them (one thread), and what the reader of litmus tests does (several)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from smpcheck.program.ir import FinalMem, Program
from smpcheck.program.values import LONG, Ptr
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.litmus import read_litmus
from tests.naive.generate import random_litmus, waiting_litmus
from tests.readers.clang.common import LKMM, left, read
from tests.readers.clang.random_c import SHOWN, Writer, for_compiler, for_smpcheck

GCC = shutil.which("gcc")
OPTIONS = ("-w", "-O0", "-std=gnu11", "-fwrapv", "-fno-strict-aliasing", "-funsigned-char")
DEFINED = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all")


def compiled(text: str, folder: Path) -> list[str] | None:
    """What the compiled program prints; None if it does not end, or does what C leaves undefined."""
    (folder / "f.c").write_text(for_compiler(text))
    subprocess.run([str(GCC), *OPTIONS, *DEFINED, "-o", str(folder / "f"), str(folder / "f.c")], check=True)
    try:
        done = subprocess.run([str(folder / "f")], capture_output=True, text=True, timeout=10, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.split() if not done.returncode else None


def agree(seed: int, folder: Path, size: int) -> bool:
    """Compare; False where the program means nothing."""
    text = Writer(seed, size).program()
    expected = compiled(text, folder)
    if expected is not None:
        shown = left(for_smpcheck(text), [("shown", 8 * n, LONG) for n in range(len(SHOWN))])
        different = [row for row in zip(SHOWN, map(str, shown), expected, strict=True) if row[1] != row[2]]
        assert not different, f"{different}\n{text}"
    return expected is not None


@pytest.mark.skipif(GCC is None, reason="no gcc to compare with")
def test_random_functions_leave_what_gcc_leaves(tmp_path: Path) -> None:
    assert all(agree(seed, tmp_path, 9) for seed in (1, 3, 11, 35))


@pytest.mark.slow
@pytest.mark.skipif(GCC is None, reason="no gcc to compare with")
def test_many_random_functions_leave_what_gcc_leaves(tmp_path: Path) -> None:
    assert sum(agree(seed, tmp_path, 12) for seed in range(100, 220)) > 110


# --- several threads ---


def harness(text: str) -> tuple[str, list[str]]:
    """A random litmus test as a harness, and its registers, which go to ``out`` in this order."""
    registers: list[str] = []
    out = ["#include <linux/srcu.h>", "static int x, y, z;", "static int *p = &x;"]
    out += ["static spinlock_t l;", "static struct srcu_struct s;", "static refcount_t c0;", "static long out[99];"]
    calls = []
    for number, parameters, body in re.findall(r"^P(\d)\((.*?)\)\n\{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        ends = []
        for name in re.findall(r"^\tint (r\d+)(?: = 0)?;$", body, re.MULTILINE):
            ends.append(f"\tout[{len(registers)}] = {name};")
            registers.append(f"{number}:{name}")
        body = re.sub(r"\breturn;", "goto end;", body)
        body = re.sub(r"^\tint (\w+);$", r"\tint \1 = 0;", body, flags=re.MULTILINE)
        out += [f"static void P{number}({parameters})\n{{\n{body}end: ;", *ends, "}"]
        names = [re.split(r"[ *]+", parameter)[-1] for parameter in parameters.split(",")]
        calls.append(f"SMPCHECK_THREAD(P{number}) {{ P{number}({', '.join(f'&{name}' for name in names)}); }}")
    return "\n".join([*out, *calls, ""]), registers


def states(program: Program, names: list[str]) -> set[tuple[object, ...]] | str:
    result = check_program(program, LKMM, CheckOptions(termination=False))
    if result.status != "ok":
        return result.status
    return {tuple(state[name] for name in names) for state in result.states}


def same_states(text: str) -> bool:
    """Compare the two readers; False where the test has forms that the translation leaves alone."""
    if re.search(r"^\tint \*r|\bis_|\blast\(|\bput\(", text, re.MULTILINE):  # pointers as results, helper functions
        return False
    expected_program = read_litmus(text, "random.litmus")
    source, registers = harness(text)
    named = {f"{v.thread}:{v.name}" for v in expected_program.observed if not isinstance(v, FinalMem)}
    wanted = [name for name in registers if name in named]
    program = read(source)
    observed = tuple(FinalMem(Ptr("out", 8 * registers.index(name))) for name in wanted)
    found = states(replace(program, observed=observed), [f"out[{registers.index(name)}]" for name in wanted])
    assert found == states(expected_program, wanted), f"{text}\n{source}"
    return True


def test_random_threads_have_the_final_states_of_the_litmus_test() -> None:
    assert sum(same_states(random_litmus(seed, budget=5)) for seed in range(24)) > 10


def test_random_waits_have_the_final_states_of_the_litmus_test() -> None:
    assert sum(same_states(waiting_litmus(seed, budget=3)) for seed in range(14)) > 5


@pytest.mark.slow
def test_many_random_threads_have_the_final_states_of_the_litmus_test() -> None:
    assert sum(same_states(random_litmus(seed, budget=6)) for seed in range(100, 500)) > 150
