"""``thread_local``: a variable of which each thread has its own, in registers."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.errors import InputError
from smpcheck.program import ir
from smpcheck.readers.python.tidy import assigned
from smpcheck.simulate import outcomes
from tests.readers.python.common import compile_one

BATCH = """
class cell(Struct):
    a: int = 0
    b: int = 0

waiting = thread_local(NULL, Ptr[cell])
count = thread_local(3)
unused = thread_local(5)

def put(c: cell) -> None:
    global waiting, count
    waiting = c
    count += 1

def drain() -> None:
    global waiting
    if waiting != NULL:
        WRITE_ONCE(waiting.a, 1)
        waiting = NULL

def one(c: cell, x: cell) -> None:
    drain()
    if READ_ONCE(x.b) == 1:
        put(c)
    drain()
    drain()
    WRITE_ONCE(x.a, count)

def other(x: cell) -> None:
    WRITE_ONCE(x.b, 1)

@scenario
def s(s: Setup) -> None:
    s.c = cell()
    s.x = cell()
    s.thread(one, s.c, s.x)
    s.thread(other, s.x)
"""


def stores(body: tuple[ir.Stmt, ...]) -> int:
    """How many stores, in all branches."""
    count = 0
    for stmt in body:
        if isinstance(stmt, ir.If):
            count += stores(stmt.then) + stores(stmt.other)
        count += isinstance(stmt, ir.Store)
    return count


def test_what_is_known_of_it_prunes_the_program(tmp_path: Path) -> None:
    program = compile_one(tmp_path, BATCH)
    assert stores(program.threads[0].body) == 2 + 1  # the first of three drain() has nothing to do; the last statement stores


def test_only_what_a_thread_uses_becomes_a_register(tmp_path: Path) -> None:
    program = compile_one(tmp_path, BATCH)
    own = {reg for reg in assigned(program.threads[0].body) if reg.startswith("@local")}
    assert len(own) == 2  # waiting and count; unused is unused
    assert not any(reg.startswith("@local") for reg in assigned(program.threads[1].body))


def test_its_value_is_the_threads_own(tmp_path: Path) -> None:
    program = compile_one(tmp_path, BATCH + '    s.observe("c.a")\n    s.observe("x.a")\n')
    states = {tuple(value for _, value in state) for state in outcomes(program).states}
    assert states == {(0, 3), (1, 4)}


def test_a_value_without_a_c_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="thread_local"):
        compile_one(tmp_path, BATCH.replace("thread_local(5)", "thread_local('five')").replace("count += 1", "count += unused"))


def test_another_models_variables_are_not_this_models_affair(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bad"):
        compile_one(tmp_path, BATCH.replace("unused = thread_local(5)", "bad = thread_local('five')"))
    assert compile_one(tmp_path, BATCH).threads
