"""``smpcheck mm check``: the table, what bounds it, failing runs, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from smpcheck.commands import mm_check
from smpcheck.mm.check import FLAGS, MODELS
from smpcheck.mm.invariants import ABOUT
from tests.schemas import strict

ROOT = Path(__file__).parent.parent.parent
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
    assert "  - a CPU drains its pagevecs" in result.output
    assert "load buffering" not in result.output
    assert "Show how: smpcheck mm check --scenario truncate_mlock --variant V2" in result.output


def test_a_failing_run_is_lanes_of_source_lines() -> None:
    result = invoke("-s", "truncate_mlock", "-V", "V2")
    assert f"truncate_mlock, V2: I1 fails: {ABOUT['I1']}" in result.output
    assert "TestClearPageMlocked(page)" in result.output and "TestSetPageMlocked(page)" in result.output
    assert "mlock.py:" in result.output


def test_a_failure_that_no_interleaving_has_is_shown_with_what_is_out_of_order() -> None:
    result = invoke("-s", "putback_munlock", "-V", "V0", "-i", "I3", "-m", "lkmm", "--flags", "separate")
    assert result.exit_code == 1
    assert "no interleaving does this; under lkmm the steps may take effect in this order:" in result.output
    assert all(f" {call}(page)\n" in result.output for call in ("TestClearPageMlocked", "SetPageLRU", "PageMlocked", "PageLRU"))
    assert "\n  1 putback's " in result.output
    assert "spin_unlock(zone.lru_lock)" in result.output
    assert "Within these bounds, all executions and nothing else:" in result.output
    assert "  - under lkmm: load buffering is not considered" in result.output


def test_every_model_and_layout_on_request() -> None:
    lines = invoke("-s", "putback_munlock", "-V", "V8", "--all").output.splitlines()
    tables = [line for line in lines if line.startswith("under ") and "page flags" in line]
    assert tables == [f"under {m}, page flags {f}" for m in MODELS for f in FLAGS]
    one = invoke("-s", "putback_munlock", "-V", "V8", "--all", "-m", "tso", "--flags", "separate").output
    assert "separate bytes: --all" in invoke("-s", "putback_munlock", "-V", "V8").output and "--all" not in one
    assert one.splitlines()[0] == "under tso, page flags separate" and one.count("page flags") == 1


def test_all_that_holds_is_status_0() -> None:
    assert invoke("-s", "truncate_mlock", "-V", "V8", "-i", "I1").exit_code == 0


def test_time_that_runs_out_is_status_3_and_says_so() -> None:
    result = invoke("-s", "munlock_page_putback", "-V", "V4", "-m", "lkmm", "--timeout", "0.1")
    assert result.exit_code == 3
    assert "undecided" in result.output


def test_json_has_the_failing_executions_on_request() -> None:
    weak = ("-s", "putback_munlock", "-V", "V0", "-m", "lkmm", "--flags", "separate")
    for asked, name, order in ((("-s", "truncate_mlock", "-V", "V2"), "I1", True), (weak, "I3", False)):
        found = json.loads(invoke(*asked, "--format", "json", "--witness").output)
        strict("mm-check-1").validate(found)
        assert found["executions"][name]["failed"] == [name]
        assert (found["executions"][name]["order"] is not None) == order


def test_json_is_one_object_a_cell() -> None:
    result = invoke("-s", "truncate_mlock", "-V", "V2", "-V", "V8", "--format", "json")
    found = {line["variant"]: line for line in map(json.loads, result.output.splitlines())}
    assert found["V2"]["verdict"] == "FAILS" and found["V2"]["failed"] == {"I1": ["I1"]}
    assert found["V8"]["verdict"] == "holds" and found["V8"]["failed"] == {}
    assert found["V8"]["command"] == "smpcheck mm check --scenario truncate_mlock --variant V8"


def test_json_goes_to_the_file_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    result = invoke("-s", "truncate_lazy_munlock", "-V", "V8", "-f", "json", "-o", str(path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads(path.read_text("utf-8"))["scenario"] == "truncate_lazy_munlock"
    refused = invoke("-s", "truncate_lazy_munlock", "-V", "V8", "-f", "json", "-o", str(tmp_path))
    assert refused.exit_code == 2 and "cannot write" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-s", "nosuch"), "no scenario 'nosuch'"),
        (("-V", "V99"), "no variant 'V99'"),
        (("-i", "I99"), "there is no invariant 'I99'"),
        (("-m", "c11"), "no model 'c11'"),
    ],
)
def test_bad_usage_is_status_2_with_the_choices(arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert words in result.output and "Traceback" not in result.output


class TestPictures:
    def test_the_first_failure_is_drawn_and_named(self, tmp_path: Path) -> None:
        path = tmp_path / "run.svg"
        result = invoke("-s", "truncate_mlock", "-V", "V8", "-V", "V2", "-f", "svg", "-o", str(path))
        assert result.exit_code == 1
        assert "drawn: truncate_mlock, V2: I1" in result.stderr
        assert path.read_text("utf-8").startswith("<svg") and not result.stdout

    def test_all_failures_are_drawn_on_request(self) -> None:
        result = invoke("-s", "truncate_mlock", "-V", "V2", "-V", "V7:rmap_clears=no", "-f", "dot", "--witness")
        assert result.stdout.count("digraph") == 2

    def test_a_picture_of_nothing_is_refused(self) -> None:
        result = invoke("-s", "truncate_mlock", "-V", "V8", "-f", "svg")
        assert result.exit_code == 2
        assert "nothing fails with a run to draw" in result.stderr

    def test_a_page_is_made_even_if_nothing_fails(self) -> None:
        result = invoke("-s", "truncate_mlock", "-V", "V8", "-f", "html")
        assert result.exit_code == 0
        assert 'class="holds"' in result.stdout

    def test_a_place_that_cannot_be_written_is_refused(self, tmp_path: Path) -> None:
        result = invoke("-s", "truncate_mlock", "-V", "V2", "-f", "html", "-o", str(tmp_path))
        assert result.exit_code == 2
        assert "cannot write" in result.stderr

    @pytest.mark.slow
    def test_the_readmes_picture_is_what_is_drawn(self) -> None:
        asked = ("-s", "munlock_page_putback", "-V", "V0", "--flags", "separate", "-m", "lkmm", "-f", "svg")
        assert invoke(*asked).stdout == (ROOT / "docs" / "img" / "munlock-putback.svg").read_text("utf-8")


class TestAScenarioOfOnesOwn:
    @staticmethod
    def written(folder: Path) -> str:
        """The example of docs/mm.md."""
        text = (ROOT / "docs" / "mm.md").read_text("utf-8")
        path = folder / "my_exit.py"
        path.write_text(text.split("```python\n")[1].split("```")[0])
        return str(path)

    def test_it_is_checked_as_the_others_are(self, tmp_path: Path) -> None:
        file = self.written(tmp_path)
        result = invoke("--scenario-file", file, "-V", "V4", "-V", "V10", "--no-witness")
        assert result.exit_code == 1
        assert [line.split() for line in result.output.splitlines()[1:4]] == [
            ["scenario", "V4", "V10"], ["exit_munlock", "holds", "FAILS"], ["I3", "I13"],
        ]  # fmt: skip
        assert f"smpcheck mm check --scenario exit_munlock --variant V10 --scenario-file {file}" in result.output

    def test_what_is_wrong_with_it_is_said(self, tmp_path: Path) -> None:
        assert "cannot read" in invoke("--scenario-file", str(tmp_path / "none.py")).output
        wrong = invoke("--scenario-file", self.written(tmp_path), "-s", "truncate_mlock")
        assert wrong.exit_code == 2 and "no scenario 'truncate_mlock': choose from exit_munlock" in wrong.output

    def test_an_error_in_its_set_up_is_no_undecided_cell(self, tmp_path: Path) -> None:
        path = Path(self.written(tmp_path))
        path.write_text(path.read_text("utf-8").replace("s.child)", "s.none)"), "utf-8")
        wrong = invoke("--scenario-file", str(path), "-V", "V4")
        assert wrong.exit_code == 2 and "the scenario has no object called none" in wrong.output


class TestMachines:
    """``--machine``: the same code as each machine has it, beside the kernel's model."""

    def test_a_table_for_each_variant_has_a_column_for_each_machine(self) -> None:
        where = ("-s", "putback_munlock", "-V", "V0", "-V", "V4", "-i", "I3", "--flags", "separate")
        result = invoke(*where, "--machine", "all", "--no-witness")
        assert result.exit_code == 1, result.output
        lines = [" ".join(line.split()) for line in result.output.splitlines()]
        first, second = lines.index("V0, page flags separate"), lines.index("V4, page flags separate")
        assert lines[first + 1 : first + 5] == [
            "lkmm arm64 ppc64", "scenario riscv x86 armv7", "putback_munlock FAILS holds", "I3",
        ]  # fmt: skip
        assert lines[second + 1 : second + 4] == ["lkmm arm64 x86", "scenario ppc64 riscv armv7", "putback_munlock holds"]
        assert "- on ppc64: Linux 6.12's instructions, judged by the model power; a plain access is one instruction" in lines
        assert any("on arm64: load buffering is not looked for" in line for line in lines)
        assert not any("on x86: load buffering" in line for line in lines)

    def test_a_failing_run_names_instructions(self) -> None:
        result = invoke("-s", "putback_munlock", "-V", "V0", "--flags", "separate", "--machine", "ppc64", "-m", "sc", "-i", "I3")
        assert result.exit_code == 1
        assert "no interleaving does this; on ppc64 the steps may take effect in this order:" in result.output
        assert "spin_unlock(zone.lru_lock) [lwsync]" in " ".join(result.output.split())

    def test_json_has_the_machine_and_its_model(self) -> None:
        result = invoke("-s", "putback_munlock", "-V", "V4", "--flags", "separate", "--machine", "arm64:llsc", "-f", "json")
        lkmm, found = map(json.loads, result.output.splitlines())
        for line in (lkmm, found):
            strict("mm-check-1").validate(line)
        assert "machine" not in lkmm
        assert (found["machine"], found["model"], found["verdict"]) == ("arm64:llsc", "aarch64", "holds")
        assert found["command"].endswith("--scenario putback_munlock --variant V4 --machine arm64:llsc --flags separate")

    def test_what_a_machine_has_no_instruction_for_is_undecided(self) -> None:
        result = invoke("-s", "munmap_reclaim", "-V", "V8", "-i", "I1", "-m", "sc", "--machine", "arm64", "--no-witness")
        assert result.exit_code == 3
        assert "a grace period is code, not an instruction" in " ".join(result.output.split())

    def test_machines_that_are_not_known(self) -> None:
        result = invoke("--machine", "arm65")
        assert result.exit_code == 2 and "there is no machine 'arm65': choose from arm64, x86" in " ".join(result.output.split())
