"""The junit form: what disagrees is a failure, what was not answered an error, whatever the names contain."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

from smpcheck.questions.result import Result
from smpcheck.show.formats import Summary, make_form
from tests.results import MODEL, UNSUPPORTED, result


def document(*results: Result) -> ET.Element:
    out = io.StringIO()
    form = make_form("junit", out)
    summary = Summary(model="lkmm", seconds=1.5)
    form.begin([])
    for one in results:
        form.result(one)
        summary.add(one)
    form.end(summary)
    return ET.fromstring(out.getvalue())


def test_counts_stand_at_the_top() -> None:
    top = document(result(), result(expected="Never"), result(**UNSUPPORTED))
    assert top.tag == "testsuites"
    assert {key: top[0].get(key) for key in ("tests", "failures", "errors", "time")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "time": "1.500",
    }


def test_a_case_has_folder_name_and_file() -> None:
    case = document(result(file="a/b/SB.litmus"))[0][0]
    assert (case.get("classname"), case.get("name"), case.get("file")) == ("a.b", "SB", "a/b/SB.litmus")
    assert len(case) == 0


def test_a_failure_shows_both_verdicts_and_the_states() -> None:
    (failure,) = document(result(expected="Never"))[0][0]
    assert failure.get("message") == "Sometimes, where the test says Never"
    assert "0:r0=1; 1:r0=1;" in (failure.text or "")


def test_an_error_has_its_status_and_message() -> None:
    (error,) = document(result(**UNSUPPORTED))[0][0]
    assert (error.get("type"), error.get("message")) == ("unsupported", "tests/SB.litmus:5:3: goto is not supported")


def test_undecided_is_an_error_too() -> None:
    (error,) = document(result(**(UNSUPPORTED | {"status": "timeout"})))[0][0]
    assert error.get("type") == "timeout"


def test_any_character_gives_well_formed_xml() -> None:
    name = 'S<B>&"\x00\x1b\ud800'
    case = document(result(name=name, expected="Never", condition=name))[0][0]
    assert case.get("name") == 'S<B>&"\ufffd\ufffd\ufffd'


def test_a_model_that_fails_is_a_failure_whatever_else_is_undecided() -> None:
    top = document(result(**MODEL, status="bound", failed=("A",), undecided=("B",), notes=("a note",)), result(**MODEL))
    assert (top[0].get("failures"), top[0].get("errors")) == ("1", "0")
    failure, said = top[0][0]
    assert (failure.get("message"), said.text) == ("FAILS: A", "a note")
    assert len(top[0][1]) == 0
