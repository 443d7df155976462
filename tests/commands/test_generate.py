"""``smpcheck generate``: one cycle, all of a size, and such that two models differ."""

from __future__ import annotations

from pathlib import Path

import typer
from typer.testing import CliRunner

from smpcheck.commands import generate


def call(*arguments: str) -> tuple[int, str]:
    """The exit status and all that was printed."""
    app = typer.Typer()
    generate.register(app)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_one_cycle_is_printed() -> None:
    status, output = call("PodWW", "Rfe", "PodRR", "Fre")
    assert status == 0
    assert output.startswith("C MP\n\n(* PodWW Rfe PodRR Fre *)\n")
    assert "exists (1:r0=1 /\\ 1:r1=0)" in output


def test_tests_of_a_size_become_files(tmp_path: Path) -> None:
    status, output = call("-l", "X86", "--size", "4", "-o", str(tmp_path / "tests"))
    assert (status, output) == (0, "")
    names = {path.stem for path in (tmp_path / "tests").iterdir()}
    assert {"SB", "SB+mfences", "MP+mfence+po", "2+2W"} <= names


def test_the_smallest_difference_between_two_models() -> None:
    status, output = call("--distinguish", "sc,tso", "--edges", "PodWR,PodRR,PodWW,FenceMbdWR")
    assert status == 1
    assert [line for line in output.splitlines() if "sc: " in line] == [
        "SB  sc: Never, tso: Sometimes",
        "R  sc: Never, tso: Sometimes",
        "SB+fencemb+po  sc: Never, tso: Sometimes",
    ]


def test_models_that_do_not_differ() -> None:
    status, output = call("--distinguish", "sc,tso", "--edges", "PodRR,PodWW,FenceMbdWR", "--max-size", "4")
    assert (status, output) == (0, "no critical cycle of up to 4 edges tells sc from tso\n")


def test_time_that_runs_out_is_no_answer() -> None:
    status, output = call("--distinguish", "sc,sc", "--timeout", "0")
    assert status == 2
    assert "the time is up: no tests were found, and not all were tried" in output


def test_what_is_asked_for_is_one_thing() -> None:
    for arguments in ((), ("PodWR", "--size", "4"), ("--list", "--distinguish", "sc,tso")):
        status, output = call(*arguments)
        assert status == 2
        assert "one of these is asked for" in output


def test_bad_words_are_refused() -> None:
    assert call("--size", "3") == (2, "smpcheck: --size 3: a critical cycle has 4 edges or more\n")
    assert call("--distinguish", "sc") == (2, "smpcheck: --distinguish takes two models, with a comma between them\n")
    status, output = call("--size", "4", "--edges", "PosWR")
    assert status == 2
    assert "an edge of program order between different locations is expected" in output
    assert call("-l", "AArch64", "--distinguish", "sc,lkmm")[0] == 2


def test_the_edges_of_a_language_are_listed() -> None:
    status, output = call("--list", "-l", "PPC")
    assert status == 0
    assert {"Rfe", "LwSyncdWW", "DpAddrdR", "PosRR"} <= set(output.split())
