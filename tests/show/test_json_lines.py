"""The json form: one object a line, always the same keys."""

from __future__ import annotations

import io
import json

from smpcheck.show.formats import make_form
from tests.results import UNSUPPORTED, result

KEYS = [
    *("file", "name", "status", "verdict", "failures", "undecided", "rounds", "states", "complete", "product"),
    *(
        "flags",
        "condition",
        "observation",
        "asserts",
        "expected",
        "announced",
        "expected_failures",
        "agrees",
        "seconds",
        "message",
        "notes",
    ),
    *("model", "edition"),
]


def written(*results: object) -> list[dict[str, object]]:
    out = io.StringIO()
    form = make_form("json", out)
    for one in results:
        form.result(one)  # type: ignore[arg-type]
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_keys_are_those_documented() -> None:
    for line in written(result(), result(**UNSUPPORTED)):
        assert list(line) == KEYS


def test_states_are_objects_of_numbers_and_names() -> None:
    (line,) = written(result(states=({"0:r0": 0, "1:r1": "x", "[y]": -1},)))
    assert line["states"] == [{"0:r0": 0, "1:r1": "x", "[y]": -1}]


def test_agrees_needs_a_verdict_and_an_expectation() -> None:
    lines = written(
        result(), result(expected="Sometimes"), result(expected="Never"), result(**(UNSUPPORTED | {"expected": "Never"}))
    )
    assert [line["agrees"] for line in lines] == [None, True, False, None]


def test_what_was_not_answered_says_why() -> None:
    (line,) = written(result(**UNSUPPORTED))
    assert (line["status"], line["verdict"], line["states"]) == ("unsupported", None, [])
    assert line["message"] == "tests/SB.litmus:5:3: goto is not supported"
