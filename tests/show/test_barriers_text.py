"""Answers about barriers as text: within the columns there are, tables in columns, comments that stay true where they are put."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.questions.barriers import Barriers, barriers
from smpcheck.questions.fix import fix
from smpcheck.readers.registry import read_programs
from smpcheck.show.barriers_text import comments, fix_text, text
from tests.optional import the
from tests.rows import few

ROOT = Path(__file__).resolve().parents[2]
LKMM, TSO, SC = (load_model(name) for name in ("lkmm", "tso", "sc"))


@cache
def asked(name: str, model=LKMM, locks: bool = False) -> Barriers:
    (path,) = (ROOT / "examples").glob(name)
    (program,) = read_programs(str(path))
    return barriers(program, model, locks=locks)


def of_text(body: str, name: str = "test") -> Barriers:
    (program,) = read_programs("test.litmus", f"C {name}\n\n{{}}\n\n{body}\n")
    return barriers(program, LKMM)


REDUNDANT = """
P0(int *x, int *y)
{
\tint a_register_with_a_long_name;

\ta_register_with_a_long_name = READ_ONCE(*y);
\tsmp_mb();
\tatomic_add_return_release(a_register_with_a_long_name + a_register_with_a_long_name, x);
}

P1(int *x, int *y)
{
\tint r0;

\tr0 = smp_load_acquire(x);
\tsmp_mb();
\tWRITE_ONCE(*y, 1);
}

exists (0:a_register_with_a_long_name=1 /\\ 1:r0=2)
"""


TWICE = """
P0(int *data, int *flag) { WRITE_ONCE(*data, 1); smp_wmb(); smp_store_release(flag, 1); }

P1(int *data, int *flag)
{
\tint r0; int r1;
\tr0 = smp_load_acquire(flag);
\tsmp_mb();
\tr1 = READ_ONCE(*data);
}

exists (1:r0=1 /\\ 1:r1=0)
"""


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", few(["models/seqlock.py", "42-*", "27-*", "32-*", "models/refcount.py"], 4))
def test_no_line_is_wider_than_asked(name, width):
    for shown in (text([asked(name)], width), text([asked(name, model) for model in (SC, TSO, LKMM)], width)):
        assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 100])
def test_long_names_and_long_verdicts_are_cut(width):
    answer = of_text(REDUNDANT)
    assert {f.status for f in answer.findings} >= {"one of several"}
    assert max(map(len, text([answer], width).splitlines())) <= width


@pytest.mark.parametrize("models", [(LKMM,), (SC, TSO, LKMM)])
def test_columns_stand_below_each_other_whatever_the_threads_are_called(models):
    shown = text([asked("models/seqlock.py", model) for model in models])
    rows = [line for line in shown.splitlines() if re.match(r"  (set|read)_clock", line)]
    assert len(rows) == 6
    assert len({row.index("line ") for row in rows}) == 1
    assert len({the(re.search(r"(not )?needed", row)).start() for row in rows}) == 1


def test_a_weaker_form_of_an_atomic_is_called_by_its_order():
    shown = text([asked("models/refcount.py", model) for model in (SC, LKMM)])
    assert re.search(r"atomic_dec_and_test\(i.references\) +not needed +release enough$", shown, re.M)


def test_what_is_taken_as_given_is_said():
    said = " ".join(text([asked("32-*")]).split())
    assert "It has none of what is asked about: no barrier" in said
    assert "Taken as given: grace periods." in said
    said = " ".join(text([asked("15-*")]).split())
    assert "without them, as long as its critical sections of locks (see --locks) stay." in said
    assert "as long as" not in text([asked("35-*")])


def test_a_critical_section_names_its_thread_once():
    assert "Pairs with the critical sections of P1 on l (line 27)." in text([asked("15-*", locks=True)])


class TestComments:
    def test_no_line_number_that_the_comment_itself_makes_wrong(self):
        shown = comments(asked("38-*"))
        assert [line for line in shown.splitlines() if re.search(r"line \d", line)] == ["line 24:", "line 33:"]
        assert " * Order the store to lru before the load of mlocked.\n * Pairs with atomic_xchg(mlocked, 0) in P1.\n" in shown

    def test_a_line_where_nothing_else_tells_two_of_one_name_apart(self):
        shown = comments(asked("models/seqlock.py"))
        assert ' * Pairs with smp_rmb() in read_clock (line 35).\n * Without it, "not torn" can fail.\n' in shown

    def test_a_dependency_is_named_and_stands_above_its_statement(self):
        shown = comments(asked("07-*"))
        assert " * The address dependency orders the load of p before the load of" in shown
        assert shown.rstrip().endswith("READ_ONCE(*r0)")
        assert comments(asked("11-*")).count(" dependency orders the load of") == 2

    def test_a_critical_section_stands_above_its_lock(self):
        assert comments(asked("15-*", locks=True)).count(" */\nspin_lock(l)\n") == 2


def test_a_fix_is_told_in_the_columns_there_are():
    (path,) = (ROOT / "examples").glob("04-*")
    (program,) = read_programs(str(path))
    (answer,) = fix(program, LKMM)
    for width in (60, 80):
        lines = fix_text(answer, width).splitlines()
        assert max(len(line) for line in lines[: lines.index(next(x for x in lines if x.startswith("---")))]) <= width


def test_what_is_weaker_stands_in_the_line_of_its_set():
    answer = of_text(TWICE)
    (_, listed) = text([answer], 200).split("There are 4 minimal sets that suffice:\n")
    assert [line.rpartition("; ")[2] for line in listed.splitlines() if line.endswith("is enough)")] == [
        "smp_mb() in P1 (line 12) (smp_rmb() is enough)"
    ] * 2
    assert "What can be weaker at the same time" not in listed


def test_what_is_undecided_is_neither_told_nor_commented():
    answer = asked("38-*")
    undecided = replace(answer, findings=tuple(replace(f, status="undecided", story=None) for f in answer.findings), sets=())
    shown = text([undecided], 100)
    assert shown.count("undecided") == len(answer.findings)
    assert "no element is needed" in comments(undecided)


def test_where_it_is_not_known_what_can_happen_that_is_said():
    answer = Barriers(asked("38-*").program, "lkmm", None, notes=("not known whether x fails can happen: no time was left",))
    assert text([answer], 100) == ("PUTBACK+two-words+mb: not known whether x fails can happen: no time was left.\n")
