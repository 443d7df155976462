"""``smpcheck mm map``: the map, the comparison with a tree, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from smpcheck.commands import mm_map

SMALL = str(Path(__file__).parent.parent / "mm" / "kernel_map" / "tree")
APP = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
mm_map.register(APP)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(APP, [*arguments])


def test_the_map_is_a_table_of_functions_with_versions() -> None:
    result = invoke("isolate_lru_page")
    assert result.exit_code == 0
    first, second = [line.split() for line in result.output.splitlines()][1:]
    assert first[0].startswith("vmscan.py:")
    assert first[1:] == ["isolate_lru_page", "mm/vmscan.c", "isolate_lru_page", "since", "2.6.28"]
    assert second == ["mm/vmscan.c", "folio_isolate_lru", "since", "5.18"]


def test_a_function_is_found_by_its_kernel_name_too() -> None:
    assert json.loads(invoke("folio_isolate_lru", "-f", "json").output)["function"] == "isolate_lru_page"


def test_both_orders_side_by_side() -> None:
    result = invoke("page_evictable", "isolate_lru_page", "--kernel", SMALL, "--full")
    assert result.exit_code == 0
    assert result.output.startswith(f"Linux 6.1 in {SMALL}, and the model's V10\n")
    assert "isolate_lru_page  =  mm/vmscan.c:8 folio_isolate_lru: same: 5 primitives" in result.output
    (both,) = [line for line in result.output.splitlines() if "unlock lru_lock" in line]
    assert both.split()[:2] == ["unlock", "lru_lock"] and both.endswith("vmscan.c:17")
    assert "kernel rcu_read_lock: a mapping cannot be freed in the model" in result.output
    assert result.output.endswith("2 functions: 1 differs as said, 1 same\n")


def test_an_unknown_difference_is_reported_and_the_status_says_so() -> None:
    result = invoke("__munlock_page", "--kernel", SMALL)
    assert result.exit_code == 1
    assert "  ! count pgmunlocked  mlock_pagevec.py:" in result.output
    (line,) = invoke("__munlock_page", "--kernel", SMALL, "-f", "json").output.splitlines()
    assert json.loads(line)["verdict"] == "DIFFERS"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["zap_pte", "--kernel", SMALL], 3, "1 functions: 1 not compared"),
        (["frobnicate"], 2, "the map has no function 'frobnicate'"),
        (["--kernel", "/nowhere"], 2, "/nowhere is no kernel tree: /nowhere/Makefile cannot be read: No such file"),
        (["-f", "svg"], 2, "there is no format 'svg'"),
    ],
)
def test_how_it_ends(arguments: list[str], status: int, says: str) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, says in result.output) == (status, True)
