"""The progress bar: not before it is needed, not without a terminal, and never in the way of the rows."""

from __future__ import annotations

import io

import pytest

import smpcheck.show.progress as progress_module
from smpcheck.show.formats import make_form
from smpcheck.show.progress import PATIENCE, REDRAW, ProgressBar
from tests.results import result


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress_module, "time", made)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    return made


def test_quick_work_has_no_bar(clock: Clock) -> None:
    out = io.StringIO()
    with ProgressBar(make_form("table", out), 2) as bar:
        bar.advance()
        clock.now += PATIENCE / 2
        bar.advance()
    assert out.getvalue() == ""


def test_long_work_has_a_bar_that_counts(clock: Clock) -> None:
    out = io.StringIO()
    form = make_form("table", out)
    with ProgressBar(form, 20) as bar:
        for _ in range(7):
            bar.advance()
        clock.now += PATIENCE
        bar.tick()
        assert "7/20" in out.getvalue()
        bar.advance()
        assert bar._bar is not None
        assert bar._bar.tasks[0].completed == 7
        clock.now += 2 * REDRAW  # more than REDRAW, whatever floating point makes of the sum
        bar.tick()
        assert bar._bar.tasks[0].completed == 8
        form.result(result())
        form.flush()
    rows = [line for line in out.getvalue().splitlines() if "Sometimes" in line]
    assert len(rows) == 1
    assert "checking" not in rows[0].split("SB")[1]


def test_without_a_terminal_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for name in ("table", "herd", "json", "junit"):
        assert ProgressBar.on_terminal(make_form(name, io.StringIO()), 100) is None


def test_what_is_said_goes_above_the_bar(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(make_form("herd", io.StringIO()), 2) as bar:
        bar.say("first")
        clock.now += PATIENCE
        bar.tick()
        bar.say("second [x]")
    said = capsys.readouterr().err
    assert said.startswith("first\n")
    assert "second [x]" in said
