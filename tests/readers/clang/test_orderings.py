"""Which orderings of the kernel's own C are needed: several engines say what the solver alone does, where it has no time."""

from __future__ import annotations

from typing import NoReturn

import pytest

from smpcheck.machines.mapping import load_mapping
from smpcheck.program.ir import Program
from smpcheck.questions import barriers as module
from smpcheck.questions import large_check
from smpcheck.questions.barriers import barriers
from smpcheck.questions.explain import Limits, explain
from smpcheck.questions.machines import by_machine
from smpcheck.show.barriers_text import text
from smpcheck.time_limit import TimeLimitError
from tests.readers.clang.common import LKMM, read

TEXT = """#include <linux/atomic.h>
static int x, y, z;
SMPCHECK_THREAD(a) { WRITE_ONCE(x, 1); smp_wmb(); WRITE_ONCE(y, 1); smp_mb(); WRITE_ONCE(z, 1); }
SMPCHECK_THREAD(b) { if (READ_ONCE(y)) { smp_rmb(); SMPCHECK_ASSERT(READ_ONCE(x) == 1); } smp_mb(); }
"""


def statuses(program: Program) -> dict[tuple[int, str], str]:
    """Of each element, but for dependencies."""
    found = barriers(program, LKMM, Limits(unroll=2), dependencies=False)
    assert not found.undecided
    return {(one.element.pos.line, one.element.text): one.status for one in found.findings}


def cells(program: Program) -> dict[tuple[int, str], tuple[str, ...]]:
    """The same by the kernel's model, on ARMv8 and x86."""
    found = by_machine(program, LKMM, [load_mapping("arm64"), load_mapping("x86")], Limits(unroll=2), dependencies=False)
    assert found.holds == (True, True)
    return {(row.element.pos.line, row.element.text): (row.contract, *(cell.need for cell in row.cells)) for row in found.rows}


def test_several_engines_say_what_the_solver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    program = read(TEXT)
    alone = statuses(program), cells(program)
    assert set(alone[0].values()) == {"needed", "not needed"}
    monkeypatch.setattr(large_check, "SECONDS", 0.0)
    assert (statuses(program), cells(program)) == alone


FAULTY = """#include <linux/atomic.h>
#include <linux/spinlock.h>
static int x, y;
static DEFINE_SPINLOCK(l);
SMPCHECK_THREAD(a) { WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); spin_lock(&l); }
SMPCHECK_THREAD(b) { if (READ_ONCE(y)) SMPCHECK_ASSERT(READ_ONCE(x) == 1); spin_lock(&l); SMPCHECK_ASSERT(x < 2); }
"""


def test_explain_says_the_same_with_several_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which outcomes can be: the check that fails before the deadlock, one that cannot fail, and the deadlock. The solver has all
    of the time, none, or none for the last part."""
    program = read(FAULTY)

    def said() -> list[str]:
        return [answer.kind for answer in explain(program, LKMM, Limits(unroll=2))]

    assert said() == ["allowed", "impossible", "allowed"]
    monkeypatch.setattr(large_check, "SECONDS", 0.0)
    assert said() == ["allowed", "forbidden", "allowed"]  # engines do not say why
    monkeypatch.setattr(large_check, "SECONDS", 60.0)
    monkeypatch.setattr("smpcheck.questions.explain.stops", _without_an_end)
    assert said() == ["allowed", "impossible", "allowed"]


def _without_an_end(*args: object) -> NoReturn:
    raise TimeLimitError(60.0)


def test_what_was_not_asked_about_is_not_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    program = read("static int x; SMPCHECK_THREAD(a) { if (READ_ONCE(x)) SMPCHECK_ASSERT(READ_ONCE(x) == 1); WRITE_ONCE(x, 1); }")
    assert "no dependency" not in text([barriers(program, LKMM, dependencies=False)])

    def late(*_: object) -> None:
        raise TimeLimitError(8)

    monkeypatch.setattr(module, "protect", late)
    assert "no dependency" not in text([barriers(program, LKMM)])
