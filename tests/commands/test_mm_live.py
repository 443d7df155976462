"""``smpcheck mm live``: what it prints and how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from smpcheck.commands import mm_check, mm_live
from smpcheck.mm.kernel_check import session
from smpcheck.mm.kernel_check.compare import Row, ScenarioReport, StepReport, Verdict
from smpcheck.mm.kernel_check.machine import Machine, Missing, look
from smpcheck.mm.kernel_check.proctext import parse_status
from smpcheck.mm.kernel_check.race import Check, RaceReport
from smpcheck.mm.kernel_check.report import document, sentence, write_table
from smpcheck.mm.kernel_check.scenarios import scenarios
from smpcheck.mm.kernel_check.session import Report, Wish
from tests.schemas import validator

APP = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
mm_live.register(APP)

SCHEMA = json.loads(files("smpcheck.schemas").joinpath("mm-live-1.json").read_text("utf-8"))

RUN = "import typer; from smpcheck.commands.mm_live import register; app = typer.Typer(); register(app); app()"


def call(*arguments: str) -> Any:
    return CliRunner().invoke(APP, list(arguments))


@pytest.fixture
def able() -> None:
    """Skip where nothing can be compared; predictions are the model's."""
    machine = look(8)
    if not machine.sees_anything or not machine.modelled:
        pytest.skip("; ".join(str(missing) for missing in machine.missing))


def machine(modelled: bool = True, pages: int = 8) -> Machine:
    return Machine(Path("/proc"), "6.18.0", frozenset({"nr_mlock"}), True, True, True, pages, modelled)


def report(*verdicts: Verdict, race: RaceReport | None = None, predicted: str | None = "model", **other: Any) -> Report:
    scenario = scenarios(8)[0]
    rows = [Row("nr_mlock", "+1", "+1" if verdict is Verdict.OK else "+2", 3, 5, verdict) for verdict in verdicts]
    found = [ScenarioReport(scenario, 5, [StepReport(scenario.steps[3], rows)])]
    return Report(other.pop("machine", machine()), Wish(), predicted, {}, found, race=race, **other)


GOOD = RaceReport(8, checks=[Check("I10", "sum", 1, 1)], moved={"unevictable_pgs_cleared": 3})
BAD = RaceReport(8, checks=[Check("I10", "sum", 1, 2)])
IDLE = RaceReport(8)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (report(Verdict.OK, race=GOOD), 0),
        (report(Verdict.OK), 0),
        (report(Verdict.OK, Verdict.DISTURBED, race=IDLE), 0),
        (report(Verdict.OK, Verdict.DIFFERS, race=GOOD), 1),
        (report(Verdict.OK, race=BAD), 1),
        (report(Verdict.DISTURBED, race=IDLE), 3),
        (report(Verdict.UNPREDICTED, race=GOOD, predicted=None), 3),
        (report(Verdict.UNPREDICTED, race=BAD, predicted=None), 1),
        (report(Verdict.OK, timed_out=True), 3),
        (report(Verdict.DIFFERS, timed_out=True), 1),
        (report(Verdict.DIFFERS, machine=machine(modelled=False)), 3),
        (report(Verdict.OK, interrupted=True), 130),
    ],
)
def test_the_exit_status_says_what_was_found(found: Report, status: int) -> None:
    assert found.exit_status == status


def shown(found: Report, everything: bool = False) -> str:
    out = io.StringIO()
    write_table(found, out, everything)
    return out.getvalue()


def test_a_difference_is_shown_with_both_values() -> None:
    line = next(line for line in shown(report(Verdict.DIFFERS)).splitlines() if "nr_mlock" in line)
    assert line.split() == ["✗", "mlock(p[0:8])", "nr_mlock", "+1", "+2", "differs", "(3", "of", "5", "runs)"]


def test_long_values_that_differ_stand_below_each_other() -> None:
    rows = [Row("flags p", "0-7 lru mlocked", "0-7 absent, and so on", 5, 5, Verdict.DIFFERS)]
    found = report()
    found.scenarios[0].steps = [StepReport(found.scenarios[0].scenario.steps[3], rows)]
    text = shown(found)
    assert "predicted 0-7 lru mlocked\n" in text
    assert "seen      0-7 absent, and so on\n" in text


def test_what_went_as_predicted_takes_one_line() -> None:
    assert "✓ mlock(p[0:8])               nr_mlock +1\n" in shown(report(Verdict.OK))


def test_what_is_missing_is_shown_first() -> None:
    bare = replace(machine(), missing=[Missing("no swap", "so what")])
    assert "missing no swap: so what" in shown(report(Verdict.OK, machine=bare)).splitlines()[1]


def test_pages_freed_while_mlocked_are_pointed_out() -> None:
    assert "unevictable_pgs_cleared +3" in shown(report(Verdict.OK, race=GOOD))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (report(Verdict.OK, Verdict.DIFFERS), "1 workload: 1 as predicted, 1 DIFFER"),
        (report(Verdict.OK, race=BAD), "1 FAIL"),
        (report(Verdict.OK, race=IDLE), "race: nothing could be checked"),
        (report(Verdict.OK, left_out=["parts"], timed_out=True), "no time for parts"),
        (report(Verdict.UNPREDICTED, predicted=None), "nothing predicts"),
        (report(machine=machine(pages=0)), "nothing can be compared"),
    ],
)
def test_the_last_line_adds_it_up(found: Report, words: str) -> None:
    assert words in sentence(found)


def test_documents_follow_the_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for found in (report(Verdict.OK, Verdict.DIFFERS, race=GOOD), report(Verdict.UNPREDICTED, predicted=None)):
        Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(document(found))))


@pytest.mark.slow
@pytest.mark.usefixtures("able")
def test_a_real_session_agrees() -> None:
    result = call("--pages", "8", "--seconds", "0.5")
    assert result.exit_code == 0, result.output
    assert "DIFFER" not in result.output
    assert "race: four threads" in result.output


@pytest.mark.usefixtures("able")
def test_a_real_document_follows_the_schema() -> None:
    result = call("cow-truncate", "--pages", "8", "--seconds", "0.3", "--format", "json")
    found = json.loads(result.output)
    Draft202012Validator(SCHEMA).validate(found)
    assert found["exit_status"] == result.exit_code == 0
    assert [workload["name"] for workload in found["workloads"]] == ["cow-truncate"]


@pytest.mark.usefixtures("able")
def test_without_a_race_there_is_none() -> None:
    assert "four threads" not in call("anonymous", "--pages", "8", "--no-race").output


@pytest.mark.usefixtures("able")
def test_everything_is_shown_when_asked_for() -> None:
    few, all_of_it = (call("anonymous", "--pages", "8", "--no-race", *more).output for more in ((), ("--all",)))
    assert "unevictable_pgs_stranded" not in few
    assert "unevictable_pgs_stranded" in all_of_it


@pytest.mark.usefixtures("able")
def test_time_that_runs_out_leaves_a_report() -> None:
    result = call("--pages", "8", "--timeout", "0.1")
    assert result.exit_code == 3
    assert "no time for" in result.output


@pytest.mark.usefixtures("able")
def test_without_predictions_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_predictor", lambda: None)
    result = call("anonymous", "--pages", "8", "--no-race")
    assert result.exit_code == 3
    assert "nothing predicts" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "there is no workload 'nonsense'"),
        (["--dir", "/nowhere"], "/nowhere is not a folder"),
        (["--dir", "/proc", "anonymous", "shared-munlock"], "no file can be made in /proc"),
        (["--format", "xml"], "there is no format 'xml'"),
        (["--pages", "3"], "--pages"),
    ],
)
def test_bad_usage_is_refused_in_one_line(arguments: list[str], words: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def threads(pid: int) -> int:
    return int(parse_status(Path(f"/proc/{pid}/status").read_text())["Threads"])


@pytest.mark.usefixtures("able")
def test_ctrl_c_reports_and_leaves_with_130() -> None:
    process = subprocess.Popen([sys.executable, "-c", RUN, "anonymous", "--seconds", "60"], stdout=subprocess.PIPE, text=True)
    try:
        while process.poll() is None and threads(process.pid) < 5:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted" in out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
@pytest.mark.usefixtures("able")
def test_without_rights_it_says_what_is_missing_and_compares_the_rest() -> None:
    setup, call_it = RUN.rsplit("; ", 1)
    once = "app(['nosuch'], standalone_mode=False)"  # imports what it needs while it may read the folder it is installed in
    drop = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)"
    modules = "smpcheck.mm.kernel_check.report, smpcheck.mm.kernel_check.race, smpcheck.mm.predict as p"
    eager = f"import {modules}, contextlib, io; p.predict([])"
    code = (
        f"{eager}\n{setup}\nwith contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(BaseException):\n"
        f"    {once}\n{drop}\n{call_it}"
    )
    arguments = ["anonymous", "--pages", "8", "--no-race"]
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert "stat_refresh (Permission denied)" in result.stdout
    assert "page flags are not compared" in result.stdout
    assert "Locked p 8" in result.stdout


# --- races ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--provoke", "nothing"],
            "there is no race 'nothing' to provoke: choose from strand, two-munlocks, shm-unlock, late-count, all",
        ),
        (["--provoke", "strand", "anonymous"], "anonymous: with --provoke or --from no workload is done"),
        (["--from", "no-such-file"], "cannot read no-such-file: No such file or directory"),
    ],
)
def test_a_race_that_cannot_be_tried_is_bad_usage(arguments: list[str], message: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_what_mm_check_writes_mm_live_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a second CPU, so that nothing is tried."""
    monkeypatch.setattr("smpcheck.mm.kernel_check.provoke.os.sched_getaffinity", lambda pid: {0})
    path = tmp_path / "failing.json"
    check = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    mm_check.register(check)
    cells = ["-s", "munlock_drain", "-s", "munlock_page_putback", "-V", "V10", "-i", "I3"]
    written = CliRunner().invoke(check, [*cells, "-f", "json", "--witness", "-j", "0"])
    assert written.exit_code == 1
    path.write_text(written.stdout, "utf-8")
    for line in written.stdout.splitlines():
        validator("mm-check-1").validate(json.loads(line))
    result = call("--from", str(path), "-f", "json", "--seconds", "0.1")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    validator("mm-provoke-1").validate(found)
    assert [(each["name"], each["outcome"]) for each in found["attempts"]] == [("munlock_drain, V10", "not-tried")]
    if look(8).modelled:
        assert "2 CPUs are needed, one for each lane, and 1 may be used" in found["attempts"][0]["why_not"]


def test_a_file_in_which_every_run_was_refused_says_why(tmp_path: Path) -> None:
    path = tmp_path / "refused.json"
    path.write_text('{"reproducers": {"I3": {"refused": "thread move is no system call"}}}', "utf-8")
    result = call("--from", str(path))
    assert result.exit_code == 2
    assert "has no witness that can be tried: thread move is no system call" in result.stderr
