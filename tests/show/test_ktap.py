"""The ktap form: a plan, then a line for each test, as Documentation/dev-tools/ktap.rst in the kernel has them."""

from __future__ import annotations

import io
import re

import pytest

from smpcheck.questions.result import Result
from smpcheck.show.formats import Summary, make_form
from tests.results import MODEL, UNSUPPORTED, result


def lines(*results: Result) -> list[str]:
    out = io.StringIO()
    form = make_form("ktap", out)
    summary = Summary(model="lkmm", seconds=1.5)
    form.begin([])
    for one in results:
        form.result(one)
        summary.add(one)
    form.end(summary)
    return out.getvalue().splitlines()


def test_version_and_plan_come_first_and_numbers_count() -> None:
    first, plan, *rest, last = lines(result(), result(expected="Never"), result(**UNSUPPORTED))
    assert (first, plan) == ("KTAP version 1", "1..3")
    assert [re.match(r"(?:not )?ok (\d+) SB # ", line)[1] for line in rest] == ["1", "2", "3"]  # type: ignore[index]
    assert last.startswith("# 3 tests under lkmm in 1.5 s: ")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "ok 1 SB # Sometimes"),
        ({"expected": "Sometimes"}, "ok 1 SB # Sometimes"),
        ({"expected": "Never"}, "not ok 1 SB # Sometimes, where the test says Never"),
        (UNSUPPORTED, "ok 1 SB # SKIP tests/SB.litmus:5:3: goto is not supported"),
        (UNSUPPORTED | {"status": "timeout", "message": "no answer within 5 s"}, "not ok 1 SB # TIMEOUT no answer within 5 s"),
        (UNSUPPORTED | {"status": "bound", "message": "loops were cut"}, "not ok 1 SB # ERROR loops were cut"),
        (MODEL | {"failed": ("A",)}, "not ok 1 m # FAILS: A"),
        (MODEL, "ok 1 m # holds"),
        ({"name": "a#b\nc"}, "ok 1 a b c # Sometimes"),
    ],
)
def test_a_line_says_what_became_of_a_test(changes: dict[str, object], line: str) -> None:
    assert lines(result(**changes))[2] == line


def test_notes_are_diagnostic_lines_before_their_test() -> None:
    assert lines(result(notes=("P0 has no variable 'r1':\nit is 0",)))[2:4] == [
        "# P0 has no variable 'r1': it is 0",
        "ok 1 SB # Sometimes",
    ]
