"""``smpcheck mapping``, and ``--machine`` of the other commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.test_docs import APP

EXAMPLES = Path(__file__).parents[2] / "examples"
SB = str(EXAMPLES / "24-SB+after_atomic.litmus")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(APP, arguments)
    return result.exit_code, result.output


def test_a_wrong_mapping_is_an_exit_status_with_the_row_to_blame():
    status, output = run("mapping", "--machine", "arm64", "--model", "aarch64-2020", "--max-size", "3", SB, "-f", "json")
    (wrong,) = json.loads(output)["wrong"]
    assert status == 1 and wrong["rows"] == [["atomic_fetch_op"]]
    status, output = run("mapping", "--machine", "arm64", "--max-size", "3", SB)
    assert status == 0 and "allows nothing that the contract forbids: 1 questions asked." in output


def test_the_mapping_and_a_test_in_assembly():
    status, output = run("mapping", "--machine", "arm64", "--rows")
    assert status == 0 and "smp_mb\n    DMB ISH\n    arch/arm64/include/asm/barrier.h\n" in output
    status, output = run("mapping", "--machine", "riscv", "--assembly", SB)
    assert status == 0 and output.startswith("RISCV SB+after_atomic") and "amoadd.w.aqrl" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "--machine", "alpha", SB), "there is no machine 'alpha': choose from arm64, x86, ppc64, riscv, armv7"),
        (("check", "--machine", "arm64:ticket", SB), "arm64 has no option 'ticket': it has lse, llsc, queued"),
        (("explain", "--machine", "all", SB), "one machine is asked about here"),
        (("barriers", "--machine", "all", "--fix", SB), "--machine is for one table of elements"),
        (("mapping", "--primitive", "smp_nb", "--weaken"), "has no row for 'smp_nb'"),
        (("mapping", "--assembly"), "--assembly takes kernel tests"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, said):
    status, output = run(*arguments)
    assert status == 2 and said in output and len(output.strip().splitlines()) == 1


def test_each_command_asks_about_a_machine():
    assert run("check", "--machine", "x86", "-j", "0", SB)[0] == 0
    status, output = run("check", "--machine", "all", "-j", "0", "-f", "json", str(EXAMPLES / "16-LOCK+leak.litmus"))
    found = {row["name"].removeprefix("LOCK+leak on "): row["verdict"] for row in map(json.loads, output.splitlines())}
    assert status == 0, "an author's Sometimes is about the contract, and a machine may do less"
    assert found == {"arm64": "Sometimes", "x86": "Never", "ppc64": "Sometimes", "riscv": "Never", "armv7": "Never"}
    assert "cannot happen under power" in run("explain", "--machine", "ppc64", SB)[1]
    rows = json.loads(run("barriers", "--machine", "arm64,x86", "-f", "json", SB)[1])["results"][0]["elements"]
    assert rows[0]["machines"] == [{"need": "needed", "instructions": ["dmb ish"]}, {"need": "free", "instructions": []}]
    status, output = run("compare", "--machine", "arm64:llsc", "--models", "sc,lkmm", "--no-witness", SB)
    assert status == 0 and "arm64 (llsc)" in output


def test_assembly_is_asked_about_under_its_machines_model(tmp_path):
    _, text = run("mapping", "--machine", "ppc64", "--assembly", SB)
    path = tmp_path / "sb.litmus"
    path.write_text(text)
    status, output = run("check", "-j", "0", str(path), SB)
    assert status == 0 and "2 tests under lkmm, power (Herding Cats, 2014)" in output
    for command in ("explain", "barriers"):
        assert "cannot happen under power" in " ".join(run(command, str(path))[1].split())
    assert run("check", "-j", "0", "-m", "lkmm", str(path))[0] == 2
