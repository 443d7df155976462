"""What a reader has to say about a test is said by every question, whatever its answer is."""

from __future__ import annotations

import pytest

import smpcheck
from smpcheck.cat.load import load_model
from smpcheck.properties import PropertyError, require
from smpcheck.questions.barriers import barriers
from smpcheck.questions.compare import compare
from smpcheck.questions.explain import explain
from smpcheck.questions.fix import fix
from smpcheck.readers.litmus import read_litmus
from smpcheck.show.barriers_text import fix_text
from smpcheck.show.barriers_text import text as judged
from smpcheck.show.compare_text import text as compared
from smpcheck.show.explain_text import text as explained
from smpcheck.show.failing import failure_text

LKMM, SC = load_model("lkmm"), load_model("sc")

NOTED = """C noted
(* Result: Maybe *)
{{}}
P0(int *x, int *y) {{ WRITE_ONCE(*x, 1); {fence} WRITE_ONCE(*y, 1); }}
P1(int *x, int *y) {{ int r0; int r1; r0 = READ_ONCE(*y); smp_rmb(); r1 = READ_ONCE(*x); }}
exists (1:r0=1 /\\ 1:r1={seen})
"""

NOTE = "the author's result is 'Maybe', which is not a verdict"


@pytest.mark.parametrize(("fence", "seen"), [("", 0), ("smp_wmb();", 0), ("", 1), ("", 5)])
def test_a_note_is_passed_on(fence: str, seen: int) -> None:
    text = NOTED.format(fence=fence, seen=seen)
    program = read_litmus(text, "noted.litmus")
    result = smpcheck.check(text)
    rows = compare(program, [SC, LKMM])
    said = [
        *result.notes,
        failure_text(result, "Always"),
        *map(explained, explain(program, LKMM)),
        judged([barriers(program, LKMM)]),
        judged([barriers(program, SC), barriers(program, LKMM)]),
        *map(fix_text, fix(program, LKMM)),
        compared(rows, ["sc", "lkmm"], False),
    ]
    assert [" ".join(one.split()).count(NOTE) for one in said] == [1] * 7


def test_the_message_of_a_failed_property_has_it() -> None:
    with pytest.raises(PropertyError, match="which is not a verdict"):
        require(smpcheck.check(NOTED.format(fence="", seen=0)), "never")
