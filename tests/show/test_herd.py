"""The herd form writes what herd7 writes."""

from __future__ import annotations

import io

import pytest

import smpcheck
from smpcheck.show.formats import Summary, make_form
from smpcheck.show.herd import block, state_line
from tests.results import MODEL, UNSUPPORTED, result


def test_a_block_is_herd7s() -> None:
    assert block(result()) == (
        "Test SB Allowed\n"
        "States 4\n"
        "0:r0=0; 1:r0=0;\n"
        "0:r0=0; 1:r0=1;\n"
        "0:r0=1; 1:r0=0;\n"
        "0:r0=1; 1:r0=1;\n"
        "Ok\n"
        "Witnesses\n"
        "Positive: 1 Negative: 3\n"
        "Condition exists (0:r0=0 /\\ 1:r0=0)\n"
        "Observation SB Sometimes 1 3\n"
        "Time SB 0.01\n"
        "\n"
    )


def test_flags_stand_between_witnesses_and_condition() -> None:
    lines = block(result(flags=("data-race", "mixed-accesses"))).splitlines()
    assert lines[8:12] == [
        "Positive: 1 Negative: 3",
        "Flag data-race",
        "Flag mixed-accesses",
        "Condition exists (0:r0=0 /\\ 1:r0=0)",
    ]


@pytest.mark.parametrize(
    ("quantifier", "positive", "negative", "kind", "word", "witnesses", "observation"),
    [
        ("exists", 1, 3, "Allowed", "Ok", (1, 3), "Sometimes 1 3"),
        ("exists", 0, 3, "Allowed", "No", (0, 3), "Never 0 3"),
        ("exists", 2, 0, "Allowed", "Ok", (2, 0), "Always 2 0"),
        ("~exists", 1, 3, "Forbidden", "No", (3, 1), "Sometimes 1 3"),
        ("~exists", 0, 3, "Forbidden", "Ok", (3, 0), "Never 0 3"),
        ("~exists", 2, 0, "Forbidden", "No", (0, 2), "Always 2 0"),
        ("forall", 1, 3, "Required", "No", (1, 3), "Sometimes 1 3"),
        ("forall", 0, 3, "Required", "No", (0, 3), "Never 0 3"),
        ("forall", 2, 0, "Required", "Ok", (2, 0), "Always 2 0"),
    ],
)
def test_each_quantifier_has_its_own_words(
    quantifier: str, positive: int, negative: int, kind: str, word: str, witnesses: tuple[int, int], observation: str
) -> None:
    lines = block(result(quantifier=quantifier, positive=positive, negative=negative, states=())).splitlines()
    assert lines[0] == f"Test SB {kind}"
    assert lines[2] == word
    assert lines[4] == f"Positive: {witnesses[0]} Negative: {witnesses[1]}"
    assert lines[6] == f"Observation SB {observation}"


def test_no_execution_has_no_state_and_is_not_ok() -> None:
    lines = block(result(status="no-execution", observation=None, states=(), positive=0, negative=0)).splitlines()
    assert lines[1:5] == ["States 0", "No", "Witnesses", "Positive: 0 Negative: 0"]


def test_memory_and_addresses_in_a_state() -> None:
    assert state_line({"0:r0": "x", "1:r10": -1, "[y]": 2}) == "0:r0=x; 1:r10=-1; [y]=2;"


def test_what_was_not_answered_has_no_block() -> None:
    out = io.StringIO()
    form = make_form("herd", out)
    form.begin(["SB"])
    form.result(result(**UNSUPPORTED))
    form.end(Summary())
    assert out.getvalue() == ""
    assert not form.speaks


ARRAYS = """C arrays
{{ int a[2] = {{0,5}}; int b[2]; z=0; }}
P0(int *a, int *b, int *z) {{ int r; WRITE_ONCE(*a, 1); r = READ_ONCE(*z); WRITE_ONCE(*b, 7); }}
P1(int *a, int *b, int *z) {{ int r; WRITE_ONCE(*z, 1); r = READ_ONCE(*a); WRITE_ONCE(*b, 3); }}
{question}
"""


@pytest.mark.parametrize(
    ("question", "states", "condition"),
    [
        (
            "locations [b; a[1]; z; a;] exists (a[0]=1 /\\ 1:r=0 \\/ b={7,0})",
            [
                "1:r=0; a={1,5}; b={3,0}; [z]=1; a[0]=1; a[1]=5;",
                "1:r=0; a={1,5}; b={7,0}; [z]=1; a[0]=1; a[1]=5;",
                "1:r=1; a={1,5}; b={3,0}; [z]=1; a[0]=1; a[1]=5;",
                "1:r=1; a={1,5}; b={7,0}; [z]=1; a[0]=1; a[1]=5;",
            ],
            "exists (a[0]=1 /\\ 1:r=0 \\/ b={7,0})",
        ),
        ("locations [b[1]; z;] exists (a[0]=1)", ["[z]=1; a[0]=1; b[1]=0;"], "exists (a[0]=1)"),
        ("exists (a={1,5})", ["a={1,5};"], "exists (a={1,5})"),
    ],
)
def test_arrays_are_shown_as_herd7_shows_them(question: str, states: list[str], condition: str) -> None:
    """Whole where they are named as a whole, elements last: as herd7 7.58 answered these."""
    answer = smpcheck.check(ARRAYS.format(question=question))
    assert [state_line(row) for row in answer.states] == states
    assert answer.condition == condition


def test_a_model_that_fails_is_no_and_names_what_fails() -> None:
    lines = block(result(**MODEL, observation="Always", negative=0, failed=("A",), flags=("data-race",))).splitlines()
    assert lines[6] == "No"
    assert lines[9:11] == ["Flag data-race", "Flag fails: A"]
