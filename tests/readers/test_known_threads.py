"""A thread that is known from another test is what it would be if it were read anew."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smpcheck.errors import SmpcheckError
from smpcheck.program.ir import Program
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.primitives import builtin_definitions
from tests.naive.generate import random_litmus, twins

READER, WRITER = "P1(int *x, int *y) {\n  int r0 = READ_ONCE(*y);\n}", "P0(int *x, int *y) { WRITE_ONCE(*x, 1);\n  *y = 1; }"


def litmus(*threads: str, init: str = "", before: str = "", condition: str = "exists (x=1)") -> str:
    return f"C t\n{{{init}}}\n{before}" + "\n\n".join(threads) + f"\n{condition}\n"


def anew(text: str) -> Program | str:
    """The program, no thread being known; or what is wrong."""
    builtin_definitions().threads.clear()
    return again(text)


def again(text: str) -> Program | str:
    try:
        return read_litmus(text, "t.litmus")
    except SmpcheckError as error:
        return str(error)


def known() -> int:
    return len(builtin_definitions().threads)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3), st.integers(0, 2))
def test_random_programs_in_another_place(seed: int, lines: int, blanks: int) -> None:
    for make in (random_litmus, twins):
        text = make(seed)
        moved = text.replace("\nP0", "\n" * lines + "\n" + " " * blanks + "P0").replace("\nP1", "\n" * lines + "\nP1")
        expected = anew(moved)
        anew(text)
        assert again(moved) == expected


def test_what_is_known_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    anew(litmus(WRITER, READER))
    assert known() == 2
    monkeypatch.setattr("smpcheck.readers.ctest.CReader.read", None)
    found = again(litmus(WRITER, READER, init=" x=1; y=2; "))
    assert isinstance(found, Program)
    assert found.threads[1].body[0].pos == again_position(litmus(WRITER, READER, init=" x=1; y=2; "), "READ_ONCE")


def again_position(text: str, word: str) -> object:
    from smpcheck.readers.source import Source

    return Source(text, "t.litmus").pos(text.index(word))


DIFFERENT = [
    litmus(WRITER, READER.replace("int *y", "long *y")),
    litmus(WRITER, READER, init="1:r0=1;"),
    litmus(WRITER, READER, init="0:x=y; int y=3;"),
    litmus(WRITER, READER, init="int64_t y=1;"),
    litmus(WRITER, READER, init="y=x;"),
    litmus(WRITER, READER, init="int *y=&x;"),
    litmus(WRITER, READER, before="struct s { int x; };\n"),
    litmus(WRITER, READER, before="int z = 1;\n"),
    litmus(WRITER, READER, before="#define X\n"),
    litmus(WRITER, READER + "\nvoid f(int *x) { }"),
    litmus(WRITER, READER + "\nenum { x };"),
    litmus(WRITER, READER + "\nint x;"),
    litmus(WRITER, READER + "\n;"),
    litmus(WRITER, READER + " }"),
    litmus(WRITER, READER, READER),
    litmus(READER),
    litmus(WRITER, READER.replace("P1", "P2")),
    litmus(WRITER, READER.replace("}", "  P0(x, y);\n}")),
    litmus(READER.replace("P1", "P0"), WRITER.replace("P0", "P1").replace("{", "{ P0(x, y);", 1)),
    litmus(WRITER, READER, condition="exists (1:r0=1 /\\ 1:y=x /\\ 0:r9=1)"),
    litmus(WRITER, "P1(spinlock_t *l) { spin_lock(l); srcu_read_lock(l); }", condition="locations [l;] exists (l=1)"),
    litmus(WRITER, "P1(int *x) { struct { int a; } s; s.a = *x; }"),
    litmus(WRITER, "P1(int *x, int *y) { int r = *x + *y + READ_ONCE(*x) + *y + *x; }"),
]


@pytest.mark.parametrize("text", DIFFERENT)
def test_what_else_a_thread_depends_on_is_seen(text: str) -> None:
    expected = anew(text)
    for first in (litmus(WRITER, READER), text):
        builtin_definitions().threads.clear()
        again(first)
        assert again(text) == expected
        assert again(text) == expected


def test_only_threads_that_leave_no_trace_are_kept() -> None:
    anew(litmus("P0(int *x) { struct { int a; } s; s.a = *x; }"))
    assert known() == 0
    anew(litmus("P0(int *x) { f(x); }\nvoid f(int *x) { *x = 1; }"))
    assert known() == 0
    anew(litmus(WRITER, READER, init="1:r0=1;"))
    assert known() == 0
