"""Where ``check`` has no verdict, explain, barriers, fix and compare say what their answers leave out."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.engines.contract import NO_EXECUTION
from smpcheck.questions.barriers import barriers
from smpcheck.questions.caveats import caveats, longer
from smpcheck.questions.compare import compare
from smpcheck.questions.explain import explain
from smpcheck.questions.fix import fix
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.registry import read_programs
from smpcheck.show.barriers_text import fix_text, text
from smpcheck.show.explain_text import text as explanation_text

LKMM, SC = load_model("lkmm"), load_model("sc")

WAITS = """C waits

{}

P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_wmb(); WRITE_ONCE(*y, 1); }

P1(int *x, int *y)
{
	int r0;
	int r1;
	int rounds = 0;

	r0 = READ_ONCE(*y);
	while (r0 == 0) {
		rounds = rounds + 1;
		r0 = READ_ONCE(*y);
	}
	smp_rmb();
	r1 = READ_ONCE(*x);
}

exists (1:r0=1 /\\ 1:r1=0)
"""

NOTHING_PASSES = """C filtered

{}

P0(int *x) { WRITE_ONCE(*x, 1); }

filter (x=5)
exists (x=1)
"""

ONCE = """C once

{}

P0(int *x) { WRITE_ONCE(*x, 1); }

exists (x=2)
"""

MODEL = """
from smpcheck.kernel import *

class flag(Struct):
    up: int
    tries: int

def wait(f: flag) -> None:
    while READ_ONCE(f.up) == 0:
        WRITE_ONCE(f.tries, READ_ONCE(f.tries) + 1)
    check("up", READ_ONCE(f.up) == 1)

def put(f: flag) -> None:
    WRITE_ONCE(f.up, 1)

@scenario
def waiting(s: Setup) -> None:
    s.flag = f = flag()
    s.thread(wait, f)
    s.thread(put, f)
"""


def of(source: str):
    return read_litmus(source, "test.litmus")


@pytest.mark.parametrize(
    ("source", "said"), [(WAITS, "it does not happen within 2 iterations of each loop"), (NOTHING_PASSES, NO_EXECUTION)]
)
def test_everybody_says_so_once(source, said):
    program = of(source)
    (explained,), found, (fixed,) = explain(program, LKMM), barriers(program, LKMM), fix(program, LKMM)
    for notes in (explained.notes, found.notes, fixed.notes):
        assert len([note for note in notes if said in note]) == 1
    assert said[:30] in " ".join(text([found]).split())
    assert said[:30] in " ".join(fix_text(fixed).split())
    assert "nothing is missing" not in fix_text(fixed)


def test_a_fix_within_the_bound_says_that_there_is_one():
    (answer,) = fix(of(WAITS.replace("\tsmp_rmb();\n", "")), LKMM)
    assert answer.status == "fixed"
    assert any("iterations of each loop" in note for note in answer.notes)


def test_there_is_nothing_to_add_to_the_whole_truth():
    assert caveats(of(ONCE), LKMM, 2) == ()
    (answer,) = explain(of(ONCE), LKMM)
    assert not [note for note in answer.notes if "loops" in note or note == NO_EXECUTION]


COUNTS = """C counts

{}

P0(int *l)
{
	int n = 0;
	int r;

	while (xchg(l, n + 5) == 0)
		n = n + 1;
	r = n > 3;
}

exists (0:r=1)
"""


def test_what_only_this_model_settles_within_the_bound_is_not_said_of_all_models():
    """Without coherence the loop could go round four times: that no reason is found within two does not make it impossible."""
    (answer,) = explain(of(COUNTS), LKMM)
    assert (answer.kind, answer.complete, answer.reasons) == ("forbidden", False, ())
    assert longer(2) in answer.notes
    assert "any memory model" not in explanation_text(answer)


def test_reasons_that_are_found_where_longer_ones_are_cut_are_not_said_to_be_all():
    (answer,) = explain(of(COUNTS.replace("n > 3", "n > 1")), LKMM)
    assert answer.reasons
    assert not answer.complete
    assert longer(2) in answer.notes


def test_compare_has_no_verdict_about_a_loop_that_is_cut(tmp_path):
    path = tmp_path / "waiting.py"
    path.write_text(MODEL)
    (program,) = read_programs(str(path))
    (row,) = compare(program, [SC, LKMM])
    assert [cell.verdict for cell in row.cells] == [None, None]
    assert all("iterations of each loop" in cell.message for cell in row.cells)


def test_they_are_computed_once_and_only_where_something_cannot_happen(monkeypatch, tmp_path):
    from smpcheck.questions import explain as module

    path = tmp_path / "m.py"
    path.write_text(MODEL_OF_THREE)
    calls = []

    def counted(*asked):
        calls.append(asked)
        return caveats(*asked)

    monkeypatch.setattr(module, "caveats", counted)
    (program,) = read_programs(str(path))
    assert [a.kind for a in module.explain(program, LKMM)] == ["allowed", "impossible", "impossible"]
    assert len(calls) == 1
    assert [a.kind for a in module.explain(program, LKMM, only="one")] == ["allowed"]
    assert len(calls) == 1


MODEL_OF_THREE = """
from smpcheck.kernel import *

x = shared(0)


def put() -> None:
    seen = READ_ONCE(x)
    check("one", seen == 0)
    check("two", seen < 3)
    check("three", seen < 4)
    WRITE_ONCE(x, 1)


@scenario
def three(s: Setup) -> None:
    s.thread(put)
    s.thread(put)
"""
