"""Programs are read and compiled in several threads of Python at a time: each is what it would be alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program.ir import Program
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.python import compile_scenario, load_scenarios, read_python_file
from smpcheck.simulate import outcomes
from tests.readers.python.common import HEADER

T = TypeVar("T")
WORKERS = 8

MODEL = (
    HEADER
    + """
N = parameter("n", 0)
LAYOUT = parameter("layout", "one-word")

class node(Struct):
    value: int = 0
    next: Ptr[node] = NULL
    flags: flags_t = flag_word({"a": 0, "b": 9}, layout=LAYOUT)

def work(p: node) -> int:
    if N == 1:
        smp_mb()
    for i in range(N):
        set_bit(i % 2 * 9, p.flags)
    WRITE_ONCE(p.next.value, N)
    return READ_ONCE(p.value)

@scenario
def one(s: Setup) -> None:
    s.A = node(value=N)
    s.B = node(next=s.A)
    s.A.next = s.B
    s.A.value = 100 + N.value
    s.thread(work, s.A)
    s.thread(work, s.B)
"""
)


def at_once(jobs: list[Callable[[], T]]) -> list[T]:
    """The results of jobs that begin together, each in a thread of its own."""
    together = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        together.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


def test_scenarios_are_compiled_with_their_own_parameters_and_initial_values(model: Path) -> None:
    (one,) = load_scenarios(model)
    bound = [one.bind(n=n, layout="separate" if n % 2 else "one-word") for n in range(WORKERS)]
    alone = [compile_scenario(each) for each in bound]
    assert len({repr(program) for program in alone}) == WORKERS
    for _ in range(5):
        assert at_once([partial(compile_scenario, each) for each in bound]) == alone


def test_one_file_is_read_several_times_at_once(model: Path) -> None:
    alone = read_python_file(model)
    assert at_once([lambda: read_python_file(model)] * WORKERS) == [alone] * WORKERS


def test_litmus_tests_are_read_at_once() -> None:
    tests = [
        f"C t{n}\n{{}}\nP0(int *x, int *y)\n{{ int r = READ_ONCE(*x) + (r) * {n} - 1; WRITE_ONCE(*y, r); }}\nexists (x={n})\n"
        for n in range(WORKERS)
    ]
    alone = [read_litmus(test) for test in tests]
    for _ in range(5):
        assert at_once([partial(read_litmus, test) for test in tests]) == alone


def test_programs_are_explored_at_once() -> None:
    def states(program: Program) -> object:
        return outcomes(program).states

    programs = [
        read_litmus(
            f"C t\n{{ int a[{n}]; p=a; }}\nP0(int **p, int *x)\n{{ int *r = READ_ONCE(*p); r = r + *x; WRITE_ONCE(*r, 1); }}\n"
            f"P1(int *x)\n{{ WRITE_ONCE(*x, {n - 1}); }}\nexists (x=1)\n"
        )
        for n in range(2, 2 + WORKERS)
    ]
    alone = [states(program) for program in programs]
    assert at_once([partial(states, program) for program in programs]) == alone


def test_a_model_of_memory_is_read_at_once(tmp_path: Path) -> None:
    files = []
    for n in range(WORKERS):
        files.append(tmp_path / f"m{n}.cat")
        files[-1].write_text(f'"m{n}"\nlet hb{n} = po | rf\nacyclic hb{n} | co | fr as order{n}\n')
    models = at_once([partial(load_model, file) for file in files])
    assert [model.axioms[0].name for model in models] == [f"order{n}" for n in range(WORKERS)]
