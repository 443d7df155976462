"""``smpcheck mm check``: the table, what bounds it, failing runs, and how it ends."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner, Result

from smpcheck.commands import mm_check
from smpcheck.mm.invariants import ABOUT

APP = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
mm_check.register(APP)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(APP, [*arguments, "-j", "0"])


def test_the_table_says_what_fails_and_within_which_bounds() -> None:
    result = invoke("-s", "truncate_mlock", "-V", "V2", "-V", "V8", "--no-witness")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == "under sc, page flags one-word"
    assert lines[1].split() == ["scenario", "V2", "V8"]
    assert lines[2].split() == ["truncate_mlock", "FAILS", "holds"]
    assert f"  I1   {ABOUT['I1']}" in result.output
    assert "Within these bounds, all interleavings and nothing else:" in result.output
    assert "  - a pagevec holds one page" in result.output
    assert "load buffering" not in result.output
    assert "Show how: smpcheck mm check --scenario truncate_mlock --variant V2" in result.output


def test_a_failing_run_is_lanes_of_source_lines() -> None:
    result = invoke("-s", "truncate_mlock", "-V", "V2")
    assert f"truncate_mlock, V2: I1 fails: {ABOUT['I1']}" in result.output
    assert "TestSetPageMlocked(page)" in result.output
    assert "mlock.py:" in result.output


def test_a_failure_that_no_interleaving_has_is_shown_with_what_is_out_of_order() -> None:
    result = invoke("-s", "munlock_page_putback", "-V", "V0", "-i", "I3", "-m", "lkmm", "--flags", "separate")
    assert result.exit_code == 1
    assert "no interleaving does this; under lkmm the steps may take effect in this order:" in result.output
    assert all(f" {call}(page)\n" in result.output for call in ("TestClearPageMlocked", "SetPageLRU", "PageMlocked", "PageLRU"))
    assert "\n  1 putback's " in result.output
    assert "spin_unlock(zone.lru_lock)" in result.output
    assert "Within these bounds, all executions and nothing else:" in result.output
    assert "  - under lkmm: load buffering is left out" in result.output


def test_all_that_holds_is_status_0() -> None:
    assert invoke("-s", "truncate_mlock", "-V", "V8", "-i", "I1").exit_code == 0


def test_time_that_runs_out_is_status_3_and_says_so() -> None:
    result = invoke("-s", "munlock_page_putback", "-V", "V4", "-m", "lkmm", "--timeout", "0.1")
    assert result.exit_code == 3
    assert "undecided" in result.output


def test_json_is_one_object_a_cell() -> None:
    result = invoke("-s", "truncate_mlock", "-V", "V2", "-V", "V8", "--format", "json")
    found = {line["variant"]: line for line in map(json.loads, result.output.splitlines())}
    assert found["V2"]["verdict"] == "FAILS" and found["V2"]["failed"] == {"I1": ["I1"]}
    assert found["V8"]["verdict"] == "holds" and found["V8"]["failed"] == {}
    assert found["V8"]["command"] == "smpcheck mm check --scenario truncate_mlock --variant V8"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-s", "nosuch"), "no scenario 'nosuch'"),
        (("-V", "V99"), "no variant 'V99'"),
        (("-i", "I11"), "there is no invariant 'I11'"),
        (("-m", "c11"), "no model 'c11'"),
    ],
)
def test_bad_usage_is_status_2_with_the_choices(arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert words in result.output and "Traceback" not in result.output
