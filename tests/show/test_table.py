"""The table form, into a pipe: plain rows, a row at a time, and what they add up to."""

from __future__ import annotations

import io
import re

import pytest

from smpcheck.questions.result import Result
from smpcheck.show.formats import Summary, make_form
from tests.results import MODEL, UNSUPPORTED, result


def lines(*results: Result, names: tuple[str, ...] = ("SB",)) -> list[str]:
    out = io.StringIO()
    form = make_form("table", out)
    summary = Summary(model="lkmm")
    form.begin(names)
    for one in results:
        form.result(one)
        summary.add(one)
    form.end(summary)
    return out.getvalue().splitlines()


def test_a_row_has_name_verdict_states_and_time() -> None:
    head, row, summary = lines(result())
    assert head.split() == ["test", "verdict", "states", "seconds"]
    assert row.split() == ["SB", "Sometimes", "4", "0.015"]
    assert summary == "1 test under lkmm in 0.0 s: 1 Sometimes"


def test_no_escape_sequences_in_a_pipe() -> None:
    assert "\x1b" not in "".join(lines(result(expected="Never", flags=("data-race",))))


def test_colours_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = "\n".join(lines(result(), result(expected="Never"), result(**UNSUPPORTED)))
    assert "\x1b[" in coloured
    monkeypatch.delenv("FORCE_COLOR")
    plain = "\n".join(lines(result(), result(expected="Never"), result(**UNSUPPORTED)))
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == plain.splitlines()


def test_agreement_is_marked() -> None:
    _, good, bad, *_ = lines(result(expected="Sometimes"), result(expected="Never"))
    assert good.startswith("✓ SB")
    assert bad.startswith("✗ SB")
    assert bad.endswith("Sometimes, where the test says Never")


def test_a_message_has_its_own_line_with_the_file() -> None:
    _, row, message, _ = lines(result(**UNSUPPORTED))
    assert row.split()[:2] == ["SB", "unsupported"]
    assert message.strip() == "tests/SB.litmus:5:3: goto is not supported"
    _, _, message, _ = lines(result(**(UNSUPPORTED | {"message": "no answer"})))
    assert message.strip() == "tests/SB.litmus: no answer"


def test_a_cut_listing_is_marked() -> None:
    assert "4+" in lines(result(complete=False))[1]


def test_flags_are_shown() -> None:
    assert lines(result(flags=("data-race",)))[1].endswith("flag: data-race")


def test_names_that_look_like_markup_stay_as_they_are() -> None:
    assert lines(result(name="[bold]x"))[1].split()[0] == "[bold]x"


def test_columns_stay_aligned_for_long_names() -> None:
    head, *rows, _ = lines(result(name="a"), result(name="b" * 40), names=("a", "b" * 40))
    assert {row.index("Sometimes") for row in rows} == {head.index("verdict")}


def test_a_model_has_the_verdict_of_what_it_asserts() -> None:
    failing = result(**MODEL, failed=("A",), flags=("data-race",))
    open_one = result(**MODEL, status="bound", undecided=("B",), observation=None, message="more rounds")
    shown = lines(result(**MODEL), failing, open_one, result(**MODEL, failed=("A",), expected_failures=frozenset({"A"})))
    assert [line.split()[:3] for line in shown[1:4]] == [["✓", "m", "holds"], ["✗", "m", "FAILS"], ["m", "undecided", "4"]]
    assert shown[2].endswith("  A, data-race")
    assert shown[5].startswith("✓") and shown[5].endswith("  A, as expected")


def test_each_note_has_a_line_of_its_own() -> None:
    assert lines(result(notes=("one", "two"), file="a.litmus"))[2:4] == ["    a.litmus: one", "    a.litmus: two"]
